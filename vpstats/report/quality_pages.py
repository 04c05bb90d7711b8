"""The parts of a data-quality page, for the network (no center) and for one center alike.

What a part cannot show it says: an empty chapter leaves a reader to guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from vpstats import figures, tables
from vpstats.disclosure import policy_text
from vpstats.formats import count, decimal, rate, sentence_case, show
from vpstats.labels import CODE_WORDS
from vpstats.report import quality_words as words
from vpstats.report.audit_pieces import (
    Chapter,
    Figure,
    FlagRow,
    Piece,
    centers,
    facts,
    flags,
    folded,
    heading,
    items,
    paragraphs,
    table,
    verdict,
)
from vpstats.report.audit_pieces import figures as drawn
from vpstats.report.manifest import Provenance
from vpstats.report.page import enlarge
from vpstats.report.quality_look import NETWORK, SECTIONS, SEVERITIES, Found, QualityLook
from vpstats.rows import Record, is_hidden, number
from vpstats.tables.model import TableModel
from vpstats.tables.quality import ABSENT, NUMBERS, Line, per_hundred

OWN = "This center"
MOST_CENTERS = 40
"""Centers that a figure, or a line of text, has room for."""

COMMON = 4
"""Centers from which on one finding of theirs is listed once."""

_CODES = {"error": "alarm-worse", "warning": "alert-worse", "info": "none"}
"""Severity to the look of its box."""

Tables = dict[str, TableModel]


def summary(look: QualityLook, center: str, pages: Mapping[str, str]) -> Chapter:
    """What is to be looked at, and what could not be said."""
    mine = look.about(center) if center else list(look.found)
    counted = Counter(one.severity for one in mine)
    volume = {
        v: look.row("quality_volume", center or NETWORK, v) for v in ("procedures", "patients")
    }
    known = [(v.capitalize(), show(r, "n", count, look.mark)) for v, r in volume.items() if r]
    found = [(w, f"{counted[s]:,}") for s, w in words.COUNTED.items() if counted[s]]
    reading = words.READING if len(look.centers) == 1 else f"{words.READING} {words.BESIDE}"
    pieces: list[Piece] = [paragraphs(reading), facts([*known, *found])]
    pieces += _boxes(mine) if center else _flagged(look, pages)
    if not mine:
        pieces.append(paragraphs(words.NOTHING_FOUND))
    if look.notes:
        pieces += [heading("Not known"), items(look.notes)]
    if not center:
        pieces += [table(overview(look)), heading("Pages of the centers"), _links(look, pages)]
    title = "Summary for this center" if center else "What was found"
    return Chapter("summary", title, tuple(pieces))


def _boxes(mine: Sequence[Found]) -> list[Piece]:
    return [
        verdict(_CODES[one.severity],
                f"{SECTIONS[one.section]}: {SEVERITIES[one.severity].lower()}.",
                (one.text, one.action))
        for one in mine
    ]  # fmt: skip


def _flagged(look: QualityLook, pages: Mapping[str, str]) -> list[Piece]:
    """What was found, and what is found at many centers once."""
    alike = Counter((one.severity, one.section, one.measure) for one in look.found)
    common = {key for key, n in alike.items() if n >= COMMON and look.common(key)}
    order = list(SEVERITIES)
    rows = [(order.index(key[0]), _common_row(look, key)) for key in alike if key in common]
    for one in look.found:
        if (one.severity, one.section, one.measure) not in common:
            name = "Network" if one.center == NETWORK else look.name(one.center)
            href = pages.get(one.center, f"#{one.section}")
            row = _flag_row(href, name, one.severity, one.section, one.text)
            rows.append((order.index(one.severity), row))
    if not rows:
        return []
    graver = sorted(rows, key=lambda pair: pair[0])
    title = "What to look at, the gravest first"
    return [flags(title, ("Center", "What", "Gravity"), [row for _, row in graver])]


def _flag_row(href: str, name: str, severity: str, section: str, text: str) -> FlagRow:
    said = f"{SECTIONS[section]}. {text}"
    return FlagRow(href, name, (said,), _CODES[severity], SEVERITIES[severity])


def _common_row(look: QualityLook, key: tuple[str, str, str]) -> FlagRow:
    severity, name, _ = key
    where = look.common(key)
    named = ", ".join(look.name(c) for c in where[:MOST_CENTERS])
    text = f"{words.COMMON.get(name, words.LOOK)} {named}"
    more = f" and {len(where) - MOST_CENTERS} more" if len(where) > MOST_CENTERS else ""
    label = look.label(name, key[2])
    return _flag_row(f"#{name}", f"{len(where)} centers", severity, name, f"{label}: {text}{more}.")


def _links(look: QualityLook, pages: Mapping[str, str]) -> Piece:
    asked = Counter(one.center for one in look.found if one.severity != "info")
    return centers(
        [(pages[c], look.name(c), f"{asked[c]} to look at" if asked[c] else "")
         for c in look.centers if c in pages]
    )  # fmt: skip


OVERVIEW = (
    ("Procedures", "volume", "procedures"),
    ("Errors per 100 records", "validity", "error"),
    ("Days to entry, median", "timeliness", "entry_median"),
    ("Longest gap, months", "timeliness", "gap"),
    ("Of the hospital's procedures", "ascertainment", "ascertained"),
    ("CT afterwards", "imaging", "ct"),
    ("Chest seen by CT", "imaging", "chest_ct"),
    ("Clark's C", "followup", "clark_c"),
    ("State known after a year", "followup", "known_1y"),
)
"""Heading, section and measure of the table of centers."""


def overview(look: QualityLook) -> TableModel:
    """The centers side by side, in the order of their names."""
    columns = [(head, look.by_center(section, measure)) for head, section, measure in OVERVIEW]
    used = [(head, found) for head, found in columns if any(_there(r) for r in found.values())]
    rows = [(c, look.name(c)) for c in look.centers]
    if len(rows) == 1:  # it is the network
        return tables.side_by_side("The center at a glance", used, rows, mark=look.mark)
    return tables.side_by_side("Centers side by side", used, [*rows, (NETWORK, "Network")],
                               notes=(words.NO_RANKING,), mark=look.mark)  # fmt: skip


def _there(record: Record | None) -> bool:
    if record is None:
        return False
    stats = [s for s in NUMBERS if s in record] or ["n"]
    return bool(np.isfinite(number(record, stats[0]))) or is_hidden(record, *stats)


def section(
    look: QualityLook, name: str, center: str, kept: Tables, *, leave: Sequence[str] = ()
) -> Chapter:
    """A section that is a table of measures.

    Parameters
    ----------
    look : QualityLook
        The edition.
    name : str
        Key of `SECTIONS`.
    center : str
        Center, or empty for the network.
    kept : dict of str to TableModel
        Gets the table, for the files beside the page.
    leave : sequence of str
        Measures that are not shown.
    """
    lines = [line for line in look.lines(name, center) if _any(line)]
    lines = [line for line in lines if _measure(line) not in leave]
    pieces: list[Piece] = [paragraphs(words.LEADS[name])]
    if lines:
        own = OWN if center else ""
        kept[name] = tables.measures_table(
            words.TITLES[name], lines, own=own, notes=words.NOTES.get(name, ()), mark=look.mark
        )
        pieces.append(table(kept[name]))
    else:
        pieces.append(paragraphs(words.NONE[name]))
    return Chapter(name, SECTIONS[name], tuple(pieces))


def _any(line: Line) -> bool:
    return any(_there(r) for r in (line.own, line.network, *line.centers))


def _measure(line: Line) -> str:
    found = next(r for r in (line.own, line.network, *line.centers) if r is not None)
    return str(found["variable"])


def completeness(look: QualityLook, center: str, kept: Tables) -> Chapter:
    """Shares known, and the cells that are not, by why."""
    made = section(look, "completeness", center, kept)
    # of one center there is nothing to compare: the table below says it all
    shown = [] if len(look.centers) == 1 else [_strips(look, center) if center else _heat(look)]
    kept["missing"] = _states(look, center or NETWORK)
    pieces = (made.pieces[0], *map(drawn, [shown] if shown else []), *made.pieces[1:],
              heading("Missing, and why"), paragraphs(words.WHY_MISSING),
              table(kept["missing"]))  # fmt: skip
    return Chapter(made.id, made.title, pieces)


def _strips(look: QualityLook, center: str) -> Figure:
    title, caption = "Key variables known", words.STRIPS
    rows = []
    for line in look.lines("completeness", center):
        values = [number(r, "percent") for r in line.centers]
        shown = [v for v in values if np.isfinite(v)]
        low, middle, high = (
            (min(shown), float(np.median(shown)), max(shown)) if shown else (np.nan,) * 3
        )
        own = np.nan if line.own is None else number(line.own, "percent")
        rows.append(figures.Strip(line.words, own, low, middle, high))
    if not any(np.isfinite([r.own, r.middle]).any() for r in rows):
        return Figure(title, "Nothing may be shown.")
    svg = figures.strips(rows, title=title, desc=caption, id_prefix="completeness-")
    return Figure(title, caption, enlarge(svg))


def _heat(look: QualityLook) -> Figure:
    title = "Key variables known, by center"
    if len(look.centers) > MOST_CENTERS:
        return Figure(title, "Not drawn: there are too many centers. measures.csv holds them all.")
    rows = look.released.select(analysis="quality_completeness", stat="percent")
    if not np.isfinite(rows["value"].to_numpy(float)).any():
        return Figure(title, "Nothing may be shown.")
    figure = figures.quality_heat(rows, network_label="All", mark=look.mark)
    svg = figures.figure_svg(figure, title=title, desc=words.HEAT, id_prefix="heat-")
    return Figure(title, words.HEAT, enlarge(svg))


def _states(look: QualityLook, group: str) -> TableModel:
    analysis = "quality_completeness"
    rows = []
    for measure, _ in look.measures("completeness"):
        found = {s: look.row(analysis, group, measure, s) for s in words.STATES}
        whole = look.row(analysis, group, measure)
        if whole is not None and number(whole, "n") == 0:
            continue
        label = whole["label"] if whole else measure
        rows.append((label, {**found, "": whole, "percent": whole}))
    return tables.states_table("Cells of key variables, by what they are", rows, words.STATES,
                               notes=words.STATE_NOTES, mark=look.mark)  # fmt: skip


def validity(look: QualityLook, center: str, kept: Tables) -> Chapter:
    """Findings of the cleaning per 100 records, and by group of rules."""
    made = section(look, "validity", center, kept)
    model = _by_rule(look, center)
    if model is None:
        why = words.RULES_INSIDE if center and not look.internal else words.NO_RULES
        return Chapter(made.id, made.title, (*made.pieces, paragraphs(why)))
    kept["rules"] = model
    return Chapter(made.id, made.title, (*made.pieces, table(model)))


def _by_rule(look: QualityLook, center: str) -> TableModel | None:
    """Findings by group of rules: of the network from the release, of a center internally."""
    if center:
        rows = look.tables.get("by_rule")
        if rows is None:
            return None
        mine = rows[(rows["center_id"] == center) & (rows["n"] > 0)]
        found = [(r["group"], r["severity"], count(r["n"]), per_hundred(r["per_100"]))
                 for r in mine.to_dict("records")]  # fmt: skip
    else:
        found = [(r["label"], r["level"], show(r, "n", count, look.mark),
                  show(r, "value", per_hundred, look.mark))
                 for r in look.rows("quality_rules", NETWORK)]  # fmt: skip
    if not found:
        return None
    body = tuple((words.GROUPS.get(g, g.capitalize()), SEVERITIES[s], n, p) for g, s, n, p in found)
    header = ("Rules", "Severity", "Findings", "Per 100 records")
    notes = tables.standing_notes(TableModel("", header, body), look.mark)
    return TableModel("Findings by group of rules", header, body, notes,
                      ("left", "left", "right", "right"))  # fmt: skip


def timeliness(look: QualityLook, center: str, kept: Tables) -> Chapter:
    """Entry, silence and gaps; the months of a center in the internal edition."""
    leave = words.CHANCES if look.internal else (*words.CHANCES, *words.ONE_PATIENT)
    made = section(look, "timeliness", center, kept, leave=leave)
    rows = look.tables.get("months")
    if rows is None:
        return Chapter(made.id, made.title, (*made.pieces, paragraphs(words.MONTHS_INSIDE)))
    mine = rows[rows["center_id"] == (center or NETWORK)]
    if mine.empty:
        return made
    title = "Procedures by month"
    found = [(date.fromisoformat(f"{m}-01"), int(n)) for m, n in zip(mine["month"], mine["n"],
                                                                    strict=True)]  # fmt: skip
    svg = figures.months(found, title=title, desc=words.MONTHS, id_prefix="months-")
    return Chapter(made.id, made.title, (*made.pieces, drawn([Figure(title, words.MONTHS,
                                                                     enlarge(svg))])))  # fmt: skip


def ascertainment(look: QualityLook, center: str, kept: Tables) -> Chapter:
    """The registry against the hospital's own counts, period by period."""
    made = section(look, "ascertainment", center, kept)
    group = center or NETWORK
    shown = [center] if center else list(look.centers)
    body = [
        ((() if center else (look.name(c),)), r["level"], r)
        for c in shown
        for r in look.rows("quality_ascertainment", c, "ascertained")
        if r["level"]
    ]
    if not body:
        own = look.row("quality_ascertainment", group, "ascertained")
        return made if own is not None else Chapter(
            made.id, made.title, (paragraphs(words.NONE["ascertainment"]),))  # fmt: skip
    rows = tuple(
        (*name, period, show(r, "n_events", count, look.mark), show(r, "n", count, look.mark),
         tables.shown(r, look.mark))
        for name, period, r in body
    )  # fmt: skip
    header = (*(() if center else ("Center",)), "Period", "In the registry", "By the hospital",
              "Share")  # fmt: skip
    notes = tables.standing_notes(TableModel("", header, rows), look.mark)
    kept["hospital"] = TableModel("The registry and the hospital's count", header, rows, notes)
    return Chapter(made.id, made.title, (*made.pieces, table(kept["hospital"])))


def together(look: QualityLook, center: str, kept: Tables) -> Chapter:
    """What is missing together."""
    title = "Missing together"
    rows = _patterns(look, center)
    if rows is None:
        return Chapter("together", title, (paragraphs(words.PATTERNS_INSIDE),))
    if not rows:
        return Chapter("together", title, (paragraphs("There is no procedure."),))
    header = ("Missing", "Procedures", "%")
    notes = tables.standing_notes(TableModel("", header, rows), look.mark)
    kept["patterns"] = TableModel("Key variables missing together", header, rows, notes)
    return Chapter("together", title, (paragraphs(words.PATTERNS), table(kept["patterns"])))


def _patterns(look: QualityLook, center: str) -> tuple[tuple[str, ...], ...] | None:
    if not center:
        found = [r for r in look.rows("quality_patterns", NETWORK, "pattern") if r["level"]]
        return tuple(
            (sentence_case(r["label"]), show(r, "n", count, look.mark),
             show(r, "percent", rate, look.mark)) for r in found
        )  # fmt: skip
    frame = look.tables.get("patterns")
    if frame is None:
        return None
    mine = frame[frame["center_id"] == center]
    whole = int(mine["n"].sum())
    return tuple(
        (sentence_case(r["label"]), count(r["n"]), rate(100 * r["n"] / whole))
        for r in mine.to_dict("records") if r["n"] > 0
    )  # fmt: skip


def absent(look: QualityLook, kept: Tables) -> Chapter:
    """Those with and without an outcome, side by side."""
    analysis, pieces = "quality_absent", list[Piece]()
    outcomes = [r for r in look.rows(analysis, "all") if "." not in r["variable"]]
    for outcome in outcomes:
        rows = _compared(look, outcome["variable"])
        kept[f"absent_{outcome['variable']}"] = made = tables.compared_table(
            outcome["label"],
            rows,
            words.HEADS.get(outcome["variable"], words.HEADS[""]),
            notes=words.ABSENT_NOTES,
            mark=look.mark,
        )
        pieces.append(table(made))
    lead = words.ABSENT_LEAD if pieces else "There is nobody to compare."
    return Chapter("absent", SECTIONS["absent"], (paragraphs(lead), *pieces))


def _compared(look: QualityLook, outcome: str) -> list[tuple[str, ...]]:
    analysis, mark = "quality_absent", look.mark

    def at(side: str, variable: str, level: str = "") -> Record:
        return look.row(analysis, side, variable, level) or {"hidden": set()}

    rows: list[tuple[str, ...]] = [
        (words.ROWS, *(show(at(s, outcome), "n", count, mark) for s in words.SIDES), "")
    ]
    for name in words.COMPARED:
        variable = f"{outcome}.{name}"
        both = at("all", variable)
        if not {"smd"} & set(both):
            continue
        smd = show(both, "smd", lambda v: decimal(v, 2), mark)
        means = [at(side, variable) for side in words.SIDES]
        if "mean" in means[0]:
            cells = (_mean(r, mark) for r in means)
            rows.append((f"{both['label']}, mean (SD)", *cells, smd))
            continue
        numbers = ", n (%)" if look.rows(analysis, "with", variable) else ""
        rows.append((f"{both['label']}{numbers}", "", "", smd))
        for r in look.rows(analysis, "with", variable):
            sides = (_part(look, s, outcome, variable, r["level"]) for s in words.SIDES)
            rows.append((f"– {CODE_WORDS.get(r['level'], r['level'])}", *sides, ""))
    return rows


def _mean(record: Record, mark: str) -> str:
    return f"{show(record, 'mean', decimal, mark)} ({show(record, 'sd', decimal, mark)})"


def _part(look: QualityLook, side: str, outcome: str, variable: str, level: str) -> str:
    """A category's count with its share of the side, where both may be shown."""
    record = look.row("quality_absent", side, variable, level)
    whole = look.row("quality_absent", side, outcome)
    if record is None:
        return ABSENT
    text = show(record, "n", count, look.mark)
    n = number(whole or {}, "n")
    if not np.isfinite(number(record, "n")) or not n > 0:
        return text
    return f"{text} ({rate(100 * number(record, 'n') / n, 0)})"


def methods(look: QualityLook, provenance: Provenance, rules: Sequence[tuple[str, str]]) -> Chapter:
    """Definitions, what is asked for, software and disclosure."""
    pieces: list[Piece] = [heading("What is asked for"), facts(rules)]
    for title, text in words.METHODS:
        pieces += [heading(title), paragraphs(text)]
    software = ", ".join(f"{k} {v}" for k, v in sorted(provenance.versions.items()))
    pieces += [heading("Software"), paragraphs(f"Python {provenance.python}; {software}."),
               heading("Disclosure"), paragraphs(policy_text(look.released.policy)),
               folded("Disclosure risks that remain", items(look.released.risks))]  # fmt: skip
    return Chapter("methods", "Methods, definitions and limits", tuple(pieces))
