"""Tables and figures of a question, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, ModuleType

import pandas as pd

from vpstats import tables
from vpstats.report.parts import Edition, Listing, Picture
from vpstats.report.words import say
from vpstats.rows import FURTHER, Record, estimate_rows, factor_of
from vpstats.study import Profile, Question, RiskFactor, Source, TimeToEvent

EQUIVALENCE_LEVEL = 0.90
"""Level of intervals that are held against a margin: two one-sided tests at 5 %."""

EVERYBODY = "All"
"""Group of the ledger that holds everybody."""


def question_blocks(edition: Edition, question: Question) -> tuple[Picture | Listing, ...]:
    """Tables and figures of a question, and the flow of its rows.

    Parameters
    ----------
    edition : Edition
        Plan and release.
    question : Question
        One of the plan's.

    Returns
    -------
    tuple of Picture or Listing
        What the release holds of it; nothing is drawn yet.
    """
    return tuple(_blocks(edition, question))


def _blocks(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    yield from _KINDS[question.kind](edition, question)
    yield from flow_listing(edition, f"flow_{question.id}", "How these rows came about")


def registry_blocks(edition: Edition) -> tuple[Picture | Listing, ...]:
    """The flow from the exports to the registry; empty where the release holds none."""
    analysis = "flow_registry"
    if not edition.has(analysis):
        return ()
    picture = Picture(
        analysis,
        "From the exports to the registry",
        "What was read, left out and kept. Each question below has its own flow.",
        "Boxes from top to bottom: what was read, what was left out with the reason, what was "
        "kept; the table below holds the same numbers.",
        lambda: _figures().flow_diagram(edition.cells(analysis), mark=edition.mark),
    )
    return (picture, *flow_listing(edition, analysis, "Read and kept"))


def flow_listing(edition: Edition, analysis: str, title: str) -> Iterator[Listing]:
    """The table of a flow, where it has more than its first step."""
    if edition.has(analysis, level="1"):  # a flow of one step says nothing
        yield Listing(analysis, tables.flow_table(edition.released, analysis, title=title))


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
    yield from _beside(edition, question)


def _beside(edition: Edition, question: RiskFactor | TimeToEvent) -> Iterator[Listing]:
    """Tables of what stands beside the main models, where the plan asked for it."""
    name, level = question.id, edition.plan.level
    released = edition.released
    if edition.has(name, group="standardised"):
        margin = getattr(question, "margin", None)
        shown = EQUIVALENCE_LEVEL if margin else level
        table = tables.standardised_table(released, name, level=shown)
        yield Listing(f"{name}_standardised", table)
    if edition.has(name, variable="window"):
        yield Listing(f"{name}_windows", tables.windows_table(released, name, level=level))
    if edition.has(name, variable="unseen"):
        yield Listing(f"{name}_onset", tables.unseen_table(released, name, level=level))
    if any(edition.has(name, group=group) for group in ("tests", *FURTHER)):
        table = tables.further_table(released, name, str(question.exposure), level=level)
        yield Listing(f"{name}_further", table)
    if edition.has(name, group="tipping"):
        yield Listing(f"{name}_tipping", tables.tipping_table(released, name, level=level))


def _profile(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    assert isinstance(question, Profile)  # noqa: S101 (the plan's kinds decide)
    parts = [(q.id, q.exposure, _part_words(edition, question, q)) for q in question.parts()]
    if not any(edition.has(name) for name, _, _ in parts):
        return
    heading = "Exposure" if len(question.exposures) > 1 else "Outcome"
    level = edition.plan.level
    table = tables.profile_table(
        edition.released, question.id, parts, title=question.title, heading=heading, level=level
    )
    yield Listing(question.id, table)
    rows = [row for part in parts for row in _part_rows(edition, *part)]
    if rows:
        yield Picture(
            f"{question.id}_forest",
            f"{question.title}: estimates",
            "Points with their intervals on a logarithmic axis, each from a model of its own.",
            "A forest plot with a row for each model; the table above holds every value.",
            lambda: _figures().forest(rows, level=level, mark=edition.mark),
        )
    if any(edition.has(name, group="within") for name, _, _ in parts):
        table = tables.within_table(edition.released, parts, heading=heading, level=level)
        yield Listing(f"{question.id}_within", table)


def _part_words(edition: Edition, question: Profile, part: RiskFactor) -> str:
    names = [part.exposure] if len(question.exposures) > 1 else []
    names += [part.outcome] if len(question.outcomes) > 1 else []
    return ", ".join(say(name, edition.labels) for name in names)


def _part_rows(edition: Edition, name: str, exposure: str, words: str) -> list[Record]:
    """The exposure's rows of one model, named by the model; references say nothing here."""
    rows = [
        row
        for row in estimate_rows(edition.released, name)
        if factor_of(row["variable"])[0] == exposure and not row.get("reference")
    ]
    terms = {row["variable"] for row in rows}
    return [
        {**row, "variable": f"{name} {row['variable']}"}
        | ({"label": words} if len(terms) == 1 else {})
        for row in rows
    ]


def _proportion(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    if edition.has(question.id, stat="percent"):
        yield Listing(
            question.id,
            tables.rates_table(
                edition.released,
                question.id,
                title=question.title,
                heading="Outcome",
                level=edition.plan.level,
            ),
        )


def _paired(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    yield from _proportion(edition, question)
    if edition.has(question.id, group="paired"):
        table = tables.pairs_table(
            edition.released, question.id, title="In pairs", level=edition.plan.level
        )
        yield Listing(f"{question.id}_pairs", table)


def _detection(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    if edition.has(question.id):
        table = tables.detection_table(
            edition.released, question.id, title=question.title, level=edition.plan.level
        )
        yield Listing(question.id, table)


def _diagnosis(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    if edition.has(question.id):
        table = tables.accuracy_table(
            edition.released, question.id, title=question.title, level=edition.plan.level
        )
        yield Listing(question.id, table)


def _source(edition: Edition, question: Question) -> Iterator[Picture | Listing]:
    assert isinstance(question, Source)  # noqa: S101 (the plan's kinds decide)
    if edition.has(question.id):
        heading = say(question.column, edition.labels)
        table = tables.source_table(
            edition.released, question.id, title=question.title, heading=heading
        )
        yield Listing(question.id, table)


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
        f"{say(str(question.exposure), edition.labels)}: estimates",
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
    yield from _beside(edition, question)


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
        "Points with exact intervals: a leak among the procedures with a CT, the rest among all.",
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
        "profile": _profile,
        "proportion": _proportion,
        "paired": _paired,
        "detection": _detection,
        "diagnosis": _diagnosis,
        "source": _source,
        "time_to_event": _time_to_event,
        "complications": _complications,
        "spine_map": _spine_map,
    }
)


def _figures() -> ModuleType:
    from vpstats import figures  # matplotlib is loaded when the first figure is drawn

    return figures
