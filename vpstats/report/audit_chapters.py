"""The parts of an audit page, for the network (no center) and for one center alike.

What a part cannot show it says: an empty chapter leaves a reader to guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from vpstats import tables
from vpstats.formats import THIN, count, decimal, show_interval
from vpstats.labels import CODE_WORDS
from vpstats.ledger import plural
from vpstats.report import audit_words as words
from vpstats.report.audit_cells import LEVEL, NETWORK, Look, Part
from vpstats.report.audit_figures import (
    Gallery,
    calibration_figure,
    estimates_figure,
    incidence_figure,
    learning_figure,
    reading,
    time_figures,
)
from vpstats.report.audit_pieces import (
    Chapter,
    Piece,
    facts,
    figures,
    folded,
    heading,
    items,
    paragraphs,
    table,
    verdict,
)
from vpstats.report.audit_process import OWN, merged
from vpstats.report.internal import MASK
from vpstats.rows import Record, complete, is_hidden, number
from vpstats.study.audit import Indicator
from vpstats.tables.audit import Line, two

FLOW = "flow_registry"


def participation(look: Look, center: str) -> Chapter:
    """How many procedures, how many of those that were done, and what was left out."""
    group = center or NETWORK
    rows = look.rows("audit_participation", group)
    pieces: list[Piece] = []
    if rows:
        body = [(r["label"], r if center else None, _network(look, r)) for r in rows]
        title = "Procedures and patients in the audit"
        pieces.append(table(tables.quality_beside(title, body, own=OWN if center else "",
                                                  mark=look.mark)))  # fmt: skip
    pieces += list(_ascertainment(look, center))
    if center:
        pieces.append(paragraphs(words.LEFT_OUT))
    elif look.has(FLOW):
        pieces.append(table(tables.flow_table(look.released, FLOW, title="What was left out")))
    return Chapter("participation", "Participation and exclusions", tuple(pieces))


def _ascertainment(look: Look, center: str) -> Iterator[Piece]:
    """How many of the hospitals' procedures are in the registry, as far as hospitals counted."""
    counted = {c: look.rows(ASCERTAINMENT, c) for c in (center,) * bool(center) or look.centers}
    known = {c: rows for c, rows in counted.items() if rows}
    body = [
        ((r["level"] or "All periods") if center else look.name(c), r)
        for c, rows in known.items()
        for r in rows
        if (r["level"] or len(rows) > SUMMED if center else not r["level"])
    ]
    network = look.row(ASCERTAINMENT, NETWORK, "procedures")
    if body and network is not None:
        body.append(("Network, all periods", network))
    if body:
        yield table(tables.ascertainment_table("Case ascertainment", body, level=LEVEL,
                                               mark=look.mark))  # fmt: skip
        yield paragraphs(words.ASCERTAINED)
    missing = [look.name(c) for c in counted if c not in known]
    if missing:
        yield paragraphs(words.NOT_ASCERTAINED.format(
            whom="" if center or not known else f" of {', '.join(missing)}"))  # fmt: skip


ASCERTAINMENT = "audit_ascertainment"
SUMMED = 2
"""Rows of one period and of all of them, which are then the same."""


def _network(look: Look, record: Record) -> Record | None:
    analysis = "audit_participation"
    return look.row(analysis, NETWORK, record["variable"], record["level"])


def quality(look: Look, center: str) -> Chapter:
    """Completeness by variable, beside the network's."""
    analysis = next((a for a in ("audit_quality", "quality") if look.has(a)), "")
    found = look.rows(analysis, NETWORK) or look.rows(analysis, center)
    body = [
        (r["label"], look.row(analysis, center, r["variable"], r["level"]) if center else None, r)
        for r in found
    ]
    if not body:
        return Chapter("quality", "Data quality", (paragraphs("The plan asks for none."),))
    title = "Data quality by variable"
    model = tables.quality_beside(title, body, own=OWN if center else "", mark=look.mark)
    lead = (
        "Read this first: a center whose record has gaps can look better or worse than it is, and "
        "has no verdict below the completeness that the plan demands."
    )
    return Chapter("quality", "Data quality", (paragraphs(lead), table(model)))


def case_mix(look: Look, center: str) -> Chapter:
    """Patients beside the network's: each characteristic once, of levels, procedures, patients."""
    pieces: list[Piece] = []
    for analysis in sorted(a for a in look.analyses if a.startswith(MIX)):
        network = [r for r in look.rows(analysis, NETWORK) if _is_mix(r)]
        body = [
            (_mix_words(r), look.row(analysis, center, r["variable"], r["level"]) or {}, r)
            for r in network
        ]
        unit = plural(analysis.removeprefix(MIX))
        model = tables.case_mix_table(f"Case mix of the {unit} compared", body, own=bool(center),
                                      mark=look.mark)  # fmt: skip
        pieces.append(table(model))
    said = MIXED if pieces else "No indicator of the plan is adjusted for case mix."
    return Chapter("casemix", "Case mix", (paragraphs(said), *pieces))


MIX = "audit_casemix_"
"""How analyses of case mix begin; their unit follows."""

MIXED = (
    "Of the rows that are compared in the first outcome of each unit (levels, vertebrae, "
    "procedures, patients). Percentages and means are of rows whose value is known."
)


def _is_mix(record: Record) -> bool:
    """Whether it is case mix; of yes and no, and where nobody is, one row says all."""
    if not {"percent", "mean"} & set(record) or record["level"] == "no":
        return False
    return not (number(record, "percent") == 0 and record["level"])


def _mix_words(record: Record) -> str:
    level = record["level"]
    said = CODE_WORDS.get(level, level.replace("_", " "))
    return f"{record['label']}: {said}" if level not in ("", "yes") else str(record["label"])


def _reading(look: Look) -> str:
    return reading(look.plan.audit.alert, look.plan.audit.alarm)


def outcomes(look: Look, gallery: Gallery, center: str) -> Chapter:
    """Each outcome: crude, adjusted, the funnel, and who was examined."""
    scanned = (
        "Beside the outcome stands who was examined for it, where it has to be looked for: a "
        "center that examines more finds more, and no center is flagged for that."
    )
    pieces: list[Piece] = [paragraphs(_reading(look), scanned)]
    if center:
        pieces.append(figures([estimates_figure(look, center)]))
    for indicator in look.of_kind("outcome"):
        made = _outcome_of(look, gallery, indicator, center) if center else (
            _outcome(look, gallery, indicator))  # fmt: skip
        pieces += list(made)
    return Chapter("outcomes", "Outcomes", tuple(pieces))


def _outcome(look: Look, gallery: Gallery, indicator: Indicator) -> Iterator[Piece]:
    """An outcome on the network's page: funnels, and the table behind them."""
    yield heading(indicator.title)
    parts = look.parts(indicator)
    yield facts(words.indicator_facts(indicator, _unit(look, parts[0])))
    yield _network_table(look, indicator, parts)
    yield paragraphs(*look.said(parts[0].analysis, "finding"), *_dispersion_words(look, parts[0]))
    flow = f"flow_{parts[0].analysis}"
    if look.has(flow):
        model = tables.flow_table(look.released, flow, title="From the registry to the comparison")
        yield folded("How these rows came about", table(model))
    for part in parts:
        drawn = gallery.pair(indicator, part)
        if drawn:
            yield figures(drawn)
        yield folded(f"Table by center: {_part_title(indicator, part)}",
                     table(_by_center(look, indicator, part)))  # fmt: skip
    yield from _said(look, parts[0])


def _part_title(indicator: Indicator, part: Part) -> str:
    return indicator.title if part.words == "All" else f"{indicator.title}, {part.words.lower()}"


def _by_center(look: Look, indicator: Indicator, part: Part) -> tables.TableModel:
    rows = {look.name(c): look.row(part.analysis, c, "outcome") for c in look.centers}
    verdicts = {look.name(c): look.verdict(part.analysis, c).words for c in look.centers}
    return tables.centers_table(_part_title(indicator, part), rows, verdicts,
                                unit=_unit(look, part), level=LEVEL,
                                mark=look.mark)  # fmt: skip


def _unit(look: Look, part: Part) -> str:
    for group in (NETWORK, *look.centers):
        for record in look.rows(part.analysis, group, "outcome"):
            if record["unit"] and record["unit"] != "%":
                return str(record["unit"])
    return "rows"


NETWORK_LINES: tuple[Line, ...] = (
    ("Centers' rates, first quartile, %", ("q1",), decimal),
    ("Centers' rates, median, %", ("median",), decimal),
    ("Centers' rates, third quartile, %", ("q3",), decimal),
    ("Centers compared", ("n_centers",), count),
    ("Variation beyond chance, τ (95 % CI)", ("tau", "tau_low", "tau_high"), two),
    ("Variation beyond chance, φ", ("phi",), two),
    ("Share of differences that is not chance", ("rankability",), two),
)


def _network_table(look: Look, indicator: Indicator, parts: tuple[Part, ...]) -> Piece:
    columns = {p.words: look.row(p.analysis, NETWORK, "outcome") for p in parts}
    unit = _unit(look, parts[0])
    counted = tuple(line for line in tables.judged_lines(unit) if line[1][0] in ("n", "observed"))
    timed = indicator.measure == "incidence"
    name = f"Incidence by day {indicator.horizon:g}, %" if timed else "Network's rate, %"
    lines = _estimable((*counted, (name, ("rate",), decimal), *NETWORK_LINES), columns)
    return table(tables.beside_table("The network", columns, lines, mark=look.mark))


def _estimable(lines: Iterable[Line], columns: Mapping[str, Record | None]) -> list[Line]:
    """Lines without φ where there are too few centers for it, as the text says."""
    own = [record for record in columns.values() if record is not None]

    def there(stat: str) -> bool:
        return any(complete(r, stat) or is_hidden(r, stat) for r in own)

    return [line for line in lines if line[1][0] not in ("phi", "p_phi") or there(line[1][0])]


def _dispersion_words(look: Look, part: Part) -> list[str]:
    network = look.row(part.analysis, NETWORK, "outcome") or {}
    if not complete(network, "tau") and not complete(network, "phi"):
        return []
    return [words.dispersion(look.plan.audit)]


def _said(look: Look, part: Part) -> Iterator[Piece]:
    """Sentences about the whole indicator: how, what it cannot say."""
    said = [t for role in ("method", "caveat", "limit", "change")
            for t in look.said(part.analysis, role) if t != "withheld"]  # fmt: skip
    if said:
        yield folded("How it was done, and its limits", items(said))


def _outcome_of(look: Look, gallery: Gallery, indicator: Indicator, center: str) -> Iterator[Piece]:
    """An outcome on a center's page."""
    yield heading(indicator.title)
    parts = look.parts(indicator)
    first = parts[0].analysis
    for part in parts:
        found = look.verdict(part.analysis, center)
        if part is parts[0] or found.flagged:
            where = "" if part.words == "All" else f"{part.words}: "
            texts = (*look.said(part.analysis, "finding", center), *found.reasons, *found.changes)
            yield verdict(found.code, f"{where}{found.words}",
                          [t for t in texts if t != "withheld"])  # fmt: skip
    yield _center_table(look, indicator, parts, center)
    yield items(_why_silent(look, parts[1:], center))
    drawn = gallery.pair(indicator, parts[0], center)
    if drawn:
        yield figures(drawn)
    yield paragraphs(*look.said(first, "caveat", center))
    yield from _said(look, parts[0])


def _why_silent(look: Look, parts: Iterable[Part], center: str) -> Iterator[str]:
    """Why a group of procedures has no verdict though numbers stand in its column."""
    for part in parts:
        found = look.verdict(part.analysis, center)
        if found.code == "no verdict" and found.reasons:
            yield f"{part.words}: no verdict. {' '.join(found.reasons)}"


def _without_q(record: Record | None, silent: bool) -> Record | None:
    """A record without the corrected p-value where there was no comparison to correct for."""
    if record is None or not silent:
        return record
    return {name: value for name, value in record.items() if name != "q_value"}


def _center_table(look: Look, indicator: Indicator, parts: tuple[Part, ...], center: str) -> Piece:
    columns = {
        p.words: _without_q(merged(look, p.analysis, center),
                            look.verdict(p.analysis, center).code == "no verdict")
        for p in parts
    }  # fmt: skip
    # a crude share says nothing where not everybody could be followed to the horizon
    left_out = "rate" if indicator.measure == "incidence" else ""
    limits = (indicator.alert or look.plan.audit.alert, indicator.alarm or look.plan.audit.alarm)
    judged = tables.judged_lines(_unit(look, parts[0]), LEVEL, limits, stepped=not look.internal)
    more = _estimable((*judged, *_more_lines(indicator)), columns)
    lines = [line for line in more if line[1][0] != left_out]
    verdicts = ("Verdict", *(look.verdict(p.analysis, center).words for p in parts))
    return table(tables.beside_table(indicator.title, columns, lines, more=[verdicts],
                                     mark=look.mark))  # fmt: skip


WHY: tuple[Line, ...] = (
    ("Examined as a routine, % of all", ("routine",), decimal),
    ("Examined on suspicion, % of all", ("suspicion",), decimal),
)


def _more_lines(indicator: Indicator) -> tuple[Line, ...]:
    ci = f"({100 * LEVEL:g}{THIN}% CI)"
    return (
        (f"Directly standardised rate, % {ci}", ("direct", "direct_low", "direct_high"), decimal),
        ("Examined for it, %", ("examined",), decimal),
        *(WHY if indicator.ascertainment and indicator.ascertainment.reason else ()),
        ("Rate weighted for who was examined, %", ("weighted",), decimal),
        (
            "Rate of all rows if those not examined had it never, or as often, %",
            ("bound_low", "bound_high"),
            decimal,
        ),
        ("Follow-up known, %", ("completeness",), decimal),
    )


def over_time(look: Look, center: str) -> Chapter:
    """Charts over time, in the internal edition."""
    title = "Over time"
    if not look.internal:
        return Chapter("time", title, (paragraphs(words.NO_CHARTS),))
    if not center:
        return Chapter("time", title, (paragraphs("Each center's page holds its charts."),
                                       *_signals(look)))  # fmt: skip
    drawn = [f for i in look.indicators for f in time_figures(look, i, center)]
    if not drawn:
        none = "No indicator of the plan is followed over time at this center."
        return Chapter("time", title, (paragraphs(none, *look.said("audit", "calendar")),))
    pairs = [figures(drawn[k : k + 2]) for k in range(0, len(drawn), 2)]
    said = [f"{i.title}: {text}" for i in look.indicators
            for text in look.said(look.parts(i)[0].analysis, "signal", center)]  # fmt: skip
    return Chapter("time", title, (items(said), *pairs))


def _signals(look: Look) -> Iterator[Piece]:
    found = look.tables.get("signals")
    if found is None or not len(found):
        return
    titles = {i.id: i.title for i in look.plan.audited}
    shown = found[[c for c in SIGNAL_WORDS if c in found]]
    if "indicator" in shown:
        shown = shown.assign(indicator=shown["indicator"].map(lambda i: titles.get(i, i)))
    shown = shown.rename(columns=SIGNAL_WORDS)
    yield table(tables.frame_table("Signals of the charts", shown))
    yield paragraphs("signals.csv beside this page says more of each.")


def survival(look: Look, center: str) -> Chapter:
    """Incidence of infection, of fracture next to a treated vertebra, and of death."""
    asked = [i for i in look.indicators if i.measure == "incidence"]
    drawn = [f for i in asked if (f := incidence_figure(look, i, center))]
    rows = []
    for indicator in asked:
        analysis = look.parts(indicator)[0].analysis
        own = merged(look, analysis, center) if center else None
        name = f"{indicator.title} (by day {indicator.horizon:g})"
        rows.append((name, own, look.row(analysis, NETWORK, "outcome")))
    title = "Incidence, death as a competing event"
    model = tables.follow_up_table(title, rows, level=LEVEL, own=OWN if center else "",
                                   mark=look.mark)  # fmt: skip
    pieces: list[Piece] = [table(model)] if rows else []
    if drawn:
        pieces.append(figures(drawn))
    said = (
        words.CURVES[look.internal]
        if pieces
        else "The plan has no indicator that comes in the course of time."
    )
    return Chapter("survival", "Incidence over follow-up", (paragraphs(said), *pieces))


def learning(look: Look, center: str) -> Chapter:
    """Learning curves by operator, in the internal edition."""
    title = "Operators' learning"
    if not look.internal:
        return Chapter("learning", title, (paragraphs(words.NO_OPERATORS),))
    drawn = [f for i in look.indicators if (f := learning_figure(look, i, center))]
    if not drawn:
        none = (
            "The network's page holds what there is: learning curves take all operators together."
            if center and "learning" in look.tables
            else "The plan asks for no learning curve."
        )
        return Chapter("learning", title, (paragraphs(none),))
    return Chapter("learning", title, (figures(drawn),))


def model_sheet(look: Look, center: str) -> Chapter:
    """The risk models: coefficients, and whether observed agrees with expected."""
    pieces: list[Piece] = []
    for indicator in look.indicators:
        analysis = look.parts(indicator)[0].analysis
        terms = [r for r in look.rows(analysis, NETWORK, "model") if r["level"]]
        inner: list[Piece] = []
        if not terms:
            continue  # nothing was adjusted for: there is nothing to calibrate
        if not center:
            inner.append(table(tables.risk_model_table(
                f"Risk model: {indicator.title}", terms, level=LEVEL,
                mark=look.mark)))  # fmt: skip
        drawn = calibration_figure(look, indicator, center)
        slopes = _slopes(look, analysis, center)
        if slopes:
            inner.append(paragraphs(slopes))
        if drawn is not None:
            inner.append(figures([drawn]))
        if inner:
            pieces.append(folded(indicator.title, *inner))
    said = (
        "Observed against expected in groups of risk; the coefficients are on the network's page."
        if center
        else "What each outcome is adjusted for, and how well it predicts."
    )
    none = "Nothing was adjusted for."
    return Chapter("model", "Risk models", (paragraphs(said if pieces else none), *pieces))


def _slopes(look: Look, analysis: str, center: str) -> str:
    """Overall calibration in words: a slope of 1 and an intercept of 0 are perfect."""
    if center:
        return ""
    said = []
    for name, perfect in (("slope", 1), ("intercept", 0)):
        row = look.row(analysis, NETWORK, f"calibration:{name}")
        if row is not None and complete(row, "estimate"):
            stats = ("estimate", "conf_low", "conf_high")
            shown = show_interval(row, two, look.mark, stats)
            said.append(f"Calibration {name} {shown}; {perfect} is perfect.")
    return " ".join(said)


def cases(look: Look, center: str) -> Chapter:
    """Cases for review, in the internal edition."""
    title = "Cases for review"
    if not look.internal:
        return Chapter("cases", title, (paragraphs(words.NO_CASES),))
    if not center:
        said = "Each center's page lists its cases; cases.csv beside this page holds all of them."
        return Chapter("cases", title, (paragraphs(said),))
    rows = look.of("cases", center_id=center)
    if rows.empty:
        return Chapter("cases", title, (paragraphs("No case is listed for review."),))
    titles = {i.id: i.title for i in look.plan.audited}
    shown = rows.drop(columns=[c for c in rows if c == "center_id" or _says_nothing(rows[c])])
    if "indicator" in shown:
        shown = shown.assign(indicator=shown["indicator"].map(lambda i: titles.get(i, i)))
    shown = shown.rename(columns=CASE_WORDS)
    lead = (
        "Cases with the outcome, to be looked up in the hospital's own records. Procedures are "
        "counted by their dates, from the center's first one on."
    )
    return Chapter("cases", title, (paragraphs(lead), table(tables.frame_table(title, shown))))


SIGNAL_WORDS: Mapping[str, str] = {
    "center_id": "Center",
    "indicator": "Indicator",
    "side": "Towards",
    "first_signal": "First signal",
    "n_signals": "Signals",
}
"""Column of the signals that the network's page shows, and its heading."""

CASE_WORDS: Mapping[str, str] = {
    "number": "Procedure, by date",
    "expected_percent": "Expected risk (%)",
}
"""Column of the case list to its heading."""


def _says_nothing(column: pd.Series) -> bool:
    return bool((column == MASK).all())
