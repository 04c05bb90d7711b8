"""How an audit's pages open and close: what is flagged, the answer of a center, the methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from vpstats.disclosure import policy_text
from vpstats.report import audit_words as words
from vpstats.report.audit_cells import FLAGS, GRAVITY, QUIET, Look, Part, Verdict
from vpstats.report.audit_figures import ratio_words
from vpstats.report.audit_pieces import (
    Chapter,
    FlagRow,
    Piece,
    centers,
    facts,
    flags,
    folded,
    heading,
    items,
    paragraphs,
    response,
    verdict,
)
from vpstats.report.manifest import Provenance
from vpstats.study.audit import Indicator

Found = tuple[str, Indicator, Part, Verdict]
"""Center, indicator, part and what is said of it."""


def verdicts(look: Look, of: Sequence[str]) -> list[Found]:
    """Every verdict on some centers, in the order of centers and indicators."""
    return [
        (center, indicator, part, found)
        for center in of
        for indicator in look.indicators
        for part in look.parts(indicator)
        if (found := look.verdict(part.analysis, center)).code
    ]


def network_summary(look: Look, pages: Mapping[str, str]) -> Chapter:
    """What the audit found in the network, with links to the centers.

    Parameters
    ----------
    look : Look
        The edition.
    pages : mapping of str to str
        Center to the link to its page; centers without a page are named only.
    """
    found = verdicts(look, look.centers)
    said = (
        f"{_n(len(look.centers), 'center')} and {_n(len(look.indicators), 'indicator')} were "
        f"audited, which makes {_n(len(found), 'comparison')} with those of groups of procedures."
    )
    chance = (
        "With so many comparisons some results lie outside a 95 % limit by chance alone, even "
        "where nothing is wrong anywhere; an alarm allows for their number."
    )
    alone = len(look.centers) == 1
    if alone:
        said = f"1 center and {_n(len(look.indicators), 'indicator')} were looked at."
    judged = [*_counted(found), paragraphs(words.READING, chance)]
    pieces: list[Piece] = [paragraphs(said, *_about(look)),
                           *([] if alone else judged), *_notes(look)]  # fmt: skip
    pieces += _flagged(look, found, pages)
    worse = Counter(c for c, _, _, v in found if v.to_review)
    links = [(pages[c], look.name(c), f"{worse[c]} to review" if worse[c] else "")
             for c in look.centers if c in pages]  # fmt: skip
    pieces += [heading("Pages of the centers"), centers(links)]
    return Chapter("summary", "What was found", tuple(pieces))


HEADS = ("Center", "Indicator", "Group", "O/E", "Verdict")
QUIETLY = (
    "Habits differ between hospitals by more than chance: these results are for the centers' own "
    "use and raise no alarm."
)


def _flagged(look: Look, found: Sequence[Found], pages: Mapping[str, str]) -> Iterator[Piece]:
    """Flagged results: first those that raise alarms, then the others."""
    for signals, title in ((True, "Flagged outcomes"), (False, "Outside the limits, no alarm")):
        rows = [_flag_row(look, one, pages) for one in found
                if one[3].flagged and one[3].signals == signals]  # fmt: skip
        if rows and not signals:
            yield paragraphs(QUIETLY)
        if rows:
            yield flags(f"{title}, in the order of centers' names", HEADS, rows)
        elif signals:
            yield paragraphs("No outcome is flagged.")


def _about(look: Look) -> tuple[str, ...]:
    """What is so of the whole audit: how much there is to compare, and whether days are true."""
    return (*look.said("audit", "scope"), *look.said("audit", "calendar"))


def _notes(look: Look) -> Iterator[Piece]:
    known = [t for t in look.said("audit", "finding") if t != "withheld"]
    if known:
        yield heading("What is true of these centers, as the plan states it, and what was found")
        yield items(known)
    said = [t for t in look.said("audit", "change") if t != "withheld"]
    for center, indicator, part, found in verdicts(look, look.centers):
        said += [f"{look.name(center)}, {_where(indicator, part)}. {t}" for t in found.changes]
    if said:
        yield items(said)


def _n(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _counted(found: Sequence[Found]) -> Iterator[Piece]:
    """How often each verdict was given, those that raise alarms apart from the others."""
    for signals, title in ((True, "Outcomes"), (False, "Process indicators")):
        counted = Counter(v.code for _, _, _, v in found if v.signals == signals)
        lines = [(FLAGS[code] if signals else QUIET.get(code, FLAGS[code]), f"{counted[code]:,}")
                 for code in FLAGS if counted[code]]  # fmt: skip
        if lines:
            yield facts([(f"{title}: comparisons", f"{sum(counted.values()):,}"), *lines])


def _flag_row(look: Look, one: Found, pages: Mapping[str, str]) -> FlagRow:
    center, indicator, part, found = one
    ratio = ratio_words(look.row(part.analysis, center, "outcome"))
    cells = (indicator.title, part.words, ratio or "withheld")
    return FlagRow(pages.get(center, "#summary"), look.name(center), cells,
                   found.code.replace(", ", "-"), found.words)  # fmt: skip


def center_summary(look: Look, center: str) -> Chapter:
    """What the audit found at one center.

    Parameters
    ----------
    look : Look
        The edition.
    center : str
        Its id.
    """
    found = verdicts(look, [center])
    flagged = [one for one in found if one[3].flagged]
    said = f"{_n(len(found), 'comparison')} of this center." if found else "Nothing was judged."
    title, about = "Summary for this center", _about(look)
    if len(look.centers) == 1:
        return Chapter("summary", title, (paragraphs(*about),))
    pieces: list[Piece] = [paragraphs(said, *about), *_counted(found), paragraphs(words.READING)]
    for code in GRAVITY:
        for _, indicator, part, one in flagged:
            if one.code == code:
                pieces.append(_flag_box(look, center, indicator, part, one))
    quiet = [f"{_where(i, p)}: {v.words.lower()}. {' '.join(v.reasons)}".strip()
             for _, i, p, v in found if not v.flagged and v.code != "none"]  # fmt: skip
    if quiet:
        pieces.append(folded(f"Without a verdict, and why ({len(quiet)})", items(quiet)))
    return Chapter("summary", title, tuple(pieces))


def _flag_box(look: Look, center: str, indicator: Indicator, part: Part, found: Verdict) -> Piece:
    texts = (*look.said(part.analysis, "finding", center), *found.reasons, *found.changes)
    return verdict(found.code, f"{_where(indicator, part)}. {found.words}",
                   [t for t in texts if t != "withheld"])  # fmt: skip


def _where(indicator: Indicator, part: Part) -> str:
    return indicator.title if part.words == "All" else f"{indicator.title} ({part.words.lower()})"


def response_page(look: Look, center: str) -> Chapter:
    """The form that a center prints, fills in and sends back."""
    title = "Response of the center"
    audit = look.plan.audit
    if not center:
        said = "Each center's page ends with a form for its answer."
        return Chapter("response", title, (paragraphs(said, audit.response),))
    asked = [f"{_where(i, p)}: {v.words}" for _, i, p, v in verdicts(look, [center])
             if v.to_review]  # fmt: skip
    form = response(look.name(center), asked, words.STEPS, audit.contact)
    return Chapter("response", title, (paragraphs(audit.response), form))


def methods(look: Look, provenance: Provenance) -> Chapter:
    """Methods, definitions, disclosure rule and limits."""
    policy = policy_text(look.released.policy)
    pieces: list[Piece] = []
    for title, text in words.methods(look, provenance, policy):
        pieces += [heading(title), paragraphs(text)]
    pieces += [heading("Disclosure risks that remain"), items(look.released.risks),
               heading("Words"), facts(words.TERMS)]  # fmt: skip
    return Chapter("methods", "Methods, definitions and limits", tuple(pieces))
