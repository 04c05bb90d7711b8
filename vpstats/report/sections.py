"""What the report says, section by section, in the order that a clinician reads."""

from __future__ import annotations

from vpstats.report.blocks import question_blocks, registry_blocks
from vpstats.report.claims import claims_section, parts_of
from vpstats.report.parts import Edition, Listing, Picture, Pointer, Section, merged
from vpstats.report.words import facts_of, glossary
from vpstats.study import Question, StudyPlan


def study_sections(edition: Edition) -> tuple[Section, ...]:
    """Collect the sections whose content comes from the release.

    Parameters
    ----------
    edition : Edition
        Plan and release.

    Returns
    -------
    tuple of Section
        Summary, claims of the literature, flow, data quality and Table 1 first, then the
        questions in the plan's order,
        then what the data cannot answer and the glossary.
    """
    questions = tuple(_question(edition, q) for q in _reading_order(edition.plan))
    return tuple(
        section
        for section in (
            _summary(edition, questions),
            claims_section(edition),
            _flow(edition),
            *questions,
            _not_testable(edition.plan),
        )
        if section is not None
    )


def glossary_section(plan: StudyPlan) -> Section:
    """The glossary of the terms that a plan's questions bring up."""
    return Section("glossary", "Glossary", terms=glossary(plan))


def _reading_order(plan: StudyPlan) -> list[Question]:
    first = {"quality": 0, "description": 1}
    return sorted(plan.questions, key=lambda q: first.get(q.kind, 2))


def _summary(edition: Edition, questions: tuple[Section, ...]) -> Section:
    pointers = tuple(
        Pointer(s.id, s.title, " ".join(_main_sentences(s)))
        for s in questions
        if (s.findings or s.refusals) and not edition.plan[s.id].claim
    )
    return Section(
        "summary",
        "What was found",
        lead=(_ELSEWHERE,) if edition.plan.claims else (),
        summary=pointers,
    )


_ELSEWHERE = (
    "Questions that stand for no claim of the literature; the claims have their own table below."
)


def _main_sentences(section: Section) -> tuple[str, ...]:
    """The count, then the answer: the exposure's ratios, else the refusal, else the last finding.

    Sentences about ratios are told by the word, since a release hands over finished text.
    """
    ratios = tuple(s for s in section.findings if " ratio " in s)
    answer = ratios or section.refusals[-1:] or section.findings[-1:]
    return tuple(dict.fromkeys((*section.findings[:1], *answer)))


def _flow(edition: Edition) -> Section | None:
    blocks = registry_blocks(edition)
    return Section("flow", "Data and flow", blocks=blocks) if blocks else None


def _question(edition: Edition, question: Question) -> Section:
    said = edition.said
    voices = (question.id, *(q.id for q in parts_of(question)))
    limits = (*filter(None, [question.limits]), *said(question.id, "limit"))
    paragraphs = {
        "What this does not show": limits,
        "How it was analysed": said(question.id, "method"),
    }
    blocks = question_blocks(edition, question)
    return Section(
        id=question.id,
        title=question.title,
        ask=question.ask,
        facts=facts_of(question, edition.labels),
        findings=said(question.id, "finding"),
        refusals=said(question.id, "refusal"),
        caveats=merged(tuple(text for voice in voices for text in said(voice, "caveat"))),
        blocks=blocks,
        anchor=_anchor(blocks),
        paragraphs=tuple((k, v) for k, v in paragraphs.items() if v),
    )


def _anchor(blocks: tuple[Picture | Listing, ...]) -> str:
    """Caveats of models stand below their estimates, others below the first numbers."""
    estimates = [b.key for b in blocks if isinstance(b, Listing) and b.name.endswith("_estimates")]
    return next(iter([*estimates, *(b.key for b in blocks)]), "")


def _not_testable(plan: StudyPlan) -> Section | None:
    if not plan.not_testable:
        return None
    return Section(
        "not_testable",
        "What these data cannot answer",
        lead=(
            "Everybody in a procedure registry was treated. Some claims cannot be tested in it, "
            "however many patients it holds.",
        ),
        paragraphs=tuple((item.claim, (item.reason,)) for item in plan.not_testable),
    )
