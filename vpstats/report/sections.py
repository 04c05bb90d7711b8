"""What the report says, section by section, in the order that a clinician reads.

Sections hold words, tables and figures made from released cells alone; how they look is the
business of `vpstats.report.page`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

import pandas as pd

from vpstats import tables
from vpstats.disclosure import Released
from vpstats.report.words import Facts, facts_of, glossary, labels_of, say
from vpstats.rows import Record, estimate_rows, factor_of
from vpstats.study import Question, RiskFactor, StudyPlan, TimeToEvent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


EVERYBODY = "All"
"""Group of the ledger that holds everybody."""


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Parameters
    ----------
    name : str
        File name without its ending, unique in the report.
    title, caption : str
        What stands below it.
    description : str
        What it shows, for those who cannot see it.
    draw : callable
        Makes the matplotlib figure.
    """

    name: str
    title: str
    caption: str
    description: str
    draw: Callable[[], Figure]

    @property
    def key(self) -> str:
        """Name within the page, where a table may be called like its figure."""
        return f"figure-{self.name}"


@dataclass(frozen=True)
class Listing:
    """A table of the report.

    Parameters
    ----------
    name : str
        File name without its ending, unique in the report.
    table : TableModel
        Its strings.
    """

    name: str
    table: tables.TableModel

    @property
    def key(self) -> str:
        """Name within the page."""
        return f"table-{self.name}"


@dataclass(frozen=True)
class Pointer:
    """A line of the summary that leads to a section."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Section:
    """One section of the report; what is empty is not printed.

    Parameters
    ----------
    id, title : str
        Anchor and heading.
    ask : str
        The question in words.
    lead : tuple of str
        Paragraphs that open the section.
    facts : tuple of (term, text)
        What was asked, in a list.
    findings, refusals, caveats : tuple of str
        Sentences with their released numbers.
    summary : tuple of Pointer
        Lines that lead to other sections.
    blocks : tuple of Picture or Listing
        Tables and figures.
    anchor : str
        Key of the block that the caveats stand below.
    paragraphs : tuple of (heading, texts)
        What closes the section.
    items : tuple of str
        Sentences in a plain list.
    terms : tuple of (term, text)
        A glossary.
    """

    id: str
    title: str
    ask: str = ""
    lead: tuple[str, ...] = ()
    facts: Facts = ()
    findings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    summary: tuple[Pointer, ...] = ()
    blocks: tuple[Picture | Listing, ...] = ()
    anchor: str = ""
    caveats: tuple[str, ...] = ()
    paragraphs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    items: tuple[str, ...] = ()
    terms: Facts = ()


@dataclass(frozen=True)
class Edition:
    """What one edition of the report, public or internal, is written from.

    Parameters
    ----------
    plan : StudyPlan
    released : Released
        The only source of numbers.
    """

    plan: StudyPlan
    released: Released
    labels: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", labels_of(self.released.cells))

    @property
    def internal(self) -> bool:
        """Whether this edition must stay in the institution."""
        return bool(self.released.policy.audience == "internal")

    @property
    def mark(self) -> str:
        """What stands for a withheld number."""
        return self.released.mark

    def has(self, analysis: str, **where: str) -> bool:
        """Whether the release holds any such cell."""
        return bool(len(self.cells(analysis, **where)))

    def cells(self, analysis: str, **where: str) -> pd.DataFrame:
        """Released cells of one analysis."""
        return self.released.select(analysis=analysis, **where)

    def said(self, analysis: str, role: str) -> tuple[str, ...]:
        """Sentences of one role about one question, each once."""
        notes = (n for n in self.released.notes if (n.analysis, n.role) == (analysis, role))
        return tuple(dict.fromkeys(tidied(n.text) for n in notes))


_WITHHELD_LIMITS = re.compile(r"\bwithheld( ?%)?( [^.;()]*)? \([^()]*withheld to withheld\)")


def tidied(sentence: str) -> str:
    """Say once that an estimate is withheld, not for each of its limits again.

    Parameters
    ----------
    sentence : str
        A rendered sentence of a release.

    Examples
    --------
    >>> tidied("Odds ratio withheld (95 % interval withheld to withheld).")
    'Odds ratio withheld.'
    >>> tidied("Incidence: withheld % (withheld to withheld).")
    'Incidence: withheld.'
    """
    return _WITHHELD_LIMITS.sub(r"withheld\2", sentence)


def study_sections(edition: Edition) -> tuple[Section, ...]:
    """Collect the sections whose content comes from the release.

    Parameters
    ----------
    edition : Edition
        Plan and release.

    Returns
    -------
    tuple of Section
        Summary, flow, data quality and Table 1 first, then the questions in the plan's order,
        then what the data cannot answer and the glossary.
    """
    questions = tuple(_question(edition, q) for q in _reading_order(edition.plan))
    return tuple(
        section
        for section in (
            _summary(edition, questions),
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
        if s.findings or s.refusals
    )
    return Section("summary", "What was found", summary=pointers)


def _main_sentences(section: Section) -> tuple[str, ...]:
    """The count, then the answer: the exposure's ratios, else the refusal, else the last finding.

    Sentences about ratios are told by the word, since a release hands over finished text.
    """
    ratios = tuple(s for s in section.findings if " ratio " in s)
    answer = ratios or section.refusals[-1:] or section.findings[-1:]
    return tuple(dict.fromkeys((*section.findings[:1], *answer)))


def _flow(edition: Edition) -> Section | None:
    analysis = "flow_registry"
    if not edition.has(analysis):
        return None
    picture = Picture(
        analysis,
        "From the exports to the registry",
        "Patients read, left out and kept. Each question below has its own flow.",
        "Boxes from top to bottom: patients read, patients left out with the reason, patients "
        "kept; the table below holds the same numbers.",
        lambda: _figures().flow_diagram(edition.cells(analysis), mark=edition.mark),
    )
    return Section(
        "flow",
        "Data and flow",
        blocks=(picture, *_flow_listing(edition, analysis, "Patients read and kept")),
    )


def _flow_listing(edition: Edition, analysis: str, title: str) -> Iterator[Listing]:
    if edition.has(analysis, level="1"):  # a flow of one step says nothing
        yield Listing(analysis, tables.flow_table(edition.released, analysis, title=title))


def _question(edition: Edition, question: Question) -> Section:
    said = edition.said
    limits = (*filter(None, [question.limits]), *said(question.id, "limit"))
    paragraphs = {
        "What this does not show": limits,
        "How it was analysed": said(question.id, "method"),
    }
    blocks = tuple(_blocks(edition, question))
    return Section(
        id=question.id,
        title=question.title,
        ask=question.ask,
        facts=facts_of(question, edition.labels),
        findings=said(question.id, "finding"),
        refusals=said(question.id, "refusal"),
        caveats=merged(said(question.id, "caveat")),
        blocks=blocks,
        anchor=_anchor(blocks),
        paragraphs=tuple((k, v) for k, v in paragraphs.items() if v),
    )


def _anchor(blocks: tuple[Picture | Listing, ...]) -> str:
    """Caveats of models stand below their estimates, others below the first numbers."""
    estimates = [b.key for b in blocks if isinstance(b, Listing) and b.name.endswith("_estimates")]
    return next(iter([*estimates, *(b.key for b in blocks)]), "")


def merged(caveats: tuple[str, ...]) -> tuple[str, ...]:
    """Say once what is said of several models.

    Parameters
    ----------
    caveats : tuple of str
        Sentences, some with the model in front and a colon.

    Examples
    --------
    >>> merged(("Crude: Few events.", "Adjusted: Few events.", "Numbers are small."))
    ('Crude; adjusted: Few events.', 'Numbers are small.')
    """
    heads: dict[str, list[str]] = {}
    for sentence in caveats:
        head, colon, tail = sentence.partition(": ")
        heads.setdefault(tail if colon else sentence, []).append(head if colon else "")
    return tuple(
        f"{'; '.join([found[0], *(h[:1].lower() + h[1:] for h in found[1:])])}: {tail}"
        if any(found)
        else tail
        for tail, found in heads.items()
    )


def _blocks(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    yield from _KINDS[question.kind](edition, question)
    yield from _flow_listing(edition, f"flow_{question.id}", "How these rows came about")


def _quality(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    if not edition.has(question.id):
        return
    yield Listing(
        question.id, tables.quality_table(edition.released, question.id, title=question.title)
    )
    yield Picture(
        question.id,
        "The same percentages as a map",
        "Darker is more complete, or more often done. The network's median stands apart.",
        "A grid with a row for each measure and a column for each center, shaded by percentage; "
        "the table above holds every value.",
        lambda: _figures().quality_heat(edition.cells(question.id), mark=edition.mark),
    )


def _description(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    if edition.has(question.id):
        yield Listing(
            question.id, tables.table_one(edition.released, question.id, title=question.title)
        )


def _risk_factor(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    assert isinstance(question, RiskFactor)  # noqa: S101 (the plan's kinds decide)
    if edition.has(question.id, stat="percent"):
        yield Listing(
            f"{question.id}_events",
            tables.rates_table(
                edition.released,
                question.id,
                title="Events",
                heading="Outcome and exposure",
                level=edition.plan.level,
            ),
        )
    yield from _estimates(edition, question)


def _estimates(edition: Edition, question: RiskFactor | TimeToEvent) -> Iterator[Picture | Listing]:
    if not edition.has(question.id, stat="p_value"):
        return
    level = edition.plan.level
    table = tables.estimates_table(
        edition.released, question.id, title="Crude and adjusted estimates", level=level
    )
    yield Listing(f"{question.id}_estimates", table)
    yield Picture(
        f"{question.id}_forest",
        f"{say(question.exposure, edition.labels)}: estimates",
        "Points with their intervals on a logarithmic axis; the exposure's coefficients alone.",
        "A forest plot of the exposure's estimates, with a row for each category and model; the "
        "table above holds every value.",
        lambda: _figures().forest(
            _exposure_rows(edition, question), level=level, mark=edition.mark
        ),
    )


def _exposure_rows(edition: Edition, question: RiskFactor | TimeToEvent) -> list[Record]:
    return [
        row
        for row in estimate_rows(edition.released, question.id)
        if factor_of(row["variable"])[0] == question.exposure
    ]


def _time_to_event(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    assert isinstance(question, TimeToEvent)  # noqa: S101 (the plan's kinds decide)
    if edition.has(question.id, variable="incidence_at"):
        yield Listing(
            f"{question.id}_incidence",
            tables.incidence_table(edition.released, question.id, level=edition.plan.level),
        )
    if edition.has(question.id, variable="incidence"):
        yield _curve_picture(edition, question)
    yield from _estimates(edition, question)


def _curve_picture(edition: Edition, question: TimeToEvent) -> Picture:
    rows = edition.cells(question.id, variable="incidence")
    groups = list(dict.fromkeys(rows["group"]))
    shown = rows if len(groups) == 1 else rows[rows["group"] != EVERYBODY]
    days = ", ".join(f"{h:g}" for h in question.horizons)
    return Picture(
        f"{question.id}_curves",
        f"{question.title}: incidence over time",
        "Cumulative incidence with death as a competing event; the numbers still at risk stand "
        "below the axis.",
        "Step curves that rise from zero, with shaded intervals, one for each group. The table "
        f"above gives their values at day {days}.",
        lambda: _figures().curves(shown, since="the procedure", mark=edition.mark),
    )


def _complications(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    if not edition.has(question.id):
        return
    level = edition.plan.level
    yield Listing(
        question.id,
        tables.rates_table(
            edition.released,
            question.id,
            title=question.title,
            heading="Complication",
            level=level,
        ),
    )
    yield Picture(
        question.id,
        "Rate of each complication",
        "Points with exact intervals, each with its own denominator.",
        "Rates with their intervals in sections by severity; the table above holds every value.",
        lambda: _figures().rates(
            _by_severity(edition.cells(question.id)), level=level, mark=edition.mark
        ),
    )


def _by_severity(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["group"] != ""]


def _spine_map(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    if not edition.has(question.id, variable="level"):
        return
    level = edition.plan.level
    yield Picture(
        question.id,
        "Rate at each vertebra",
        "The darker a vertebra, the higher the rate; its interval and number stand beside it.",
        "A spine from the upper thoracic to the lowest treated vertebra, coloured by rate; the "
        "table below holds every value.",
        lambda: _figures().spine_map(
            edition.cells(question.id, variable="level"), level=level, mark=edition.mark
        ),
    )
    table = tables.spine_table(edition.released, question.id, title=question.title)
    yield Listing(question.id, table)


_KINDS: Mapping[str, Callable[[Edition, Question], Iterator[Picture | Listing]]] = MappingProxyType(
    {
        "quality": _quality,
        "description": _description,
        "risk_factor": _risk_factor,
        "time_to_event": _time_to_event,
        "complications": _complications,
        "spine_map": _spine_map,
    }
)


def _figures() -> ModuleType:
    from vpstats import figures  # matplotlib is loaded when the first figure is drawn

    return figures


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
