"""Tables of the center audit: one center beside the network, one indicator over all centers.

Three marks are kept apart: the release's for what was withheld, "n.e." for what could not be
estimated, and a dash for what does not apply. Centers stand in the order of their names, never by
their results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from vpstats.formats import (
    SUPPRESSED,
    THIN,
    Number,
    count,
    decimal,
    p_value,
    rate,
    sentence_case,
    show,
    show_interval,
)
from vpstats.rows import Record, text_of
from vpstats.tables.description import explained
from vpstats.tables.model import Align, TableModel

ABSENT = "–"
"""Stands where a number does not apply."""

EXCEEDED = 1.2
"""Ratio that the probability of exceedance speaks of: 1.2, or 1 / 1.2 where higher is better."""

Columns = Mapping[str, Record | None]
"""Heading to the record that fills the column; None where there is none."""

Line = tuple[str, tuple[str, ...], Number]
"""Words, the statistic or the estimate and its limits, and how they are printed."""


def two(value: float) -> str:
    """Print a ratio with two decimals.

    Examples
    --------
    >>> two(1.234), two(0.0)
    ('1.23', '0.00')
    """
    return decimal(value, 2)


def judged_lines(
    unit: str,
    level: float = 0.95,
    limits: tuple[float, float] = (0.95, 0.998),
    *,
    stepped: bool = False,
) -> tuple[Line, ...]:
    """What is printed of one judged center.

    Parameters
    ----------
    unit : str
        What a row is, in the plural.
    level : float
        Level of the intervals, for the headings.
    limits : (float, float)
        Levels of the inner and the outer limits.
    stepped : bool
        Whether corrected p-values are raised to the next of a few steps, as a public edition has
        them.

    Returns
    -------
    tuple of Line
        In the order of the table.
    """
    ci = f"({100 * level:g}{THIN}% CI)"
    inner, outer = (f"{100 * one:g}{THIN}% limits of observed over expected" for one in limits)
    return (
        (f"{sentence_case(unit)} counted", ("n",), count),
        ("Patients", ("n_patients",), count),
        ("With the outcome", ("observed",), count),
        ("Expected from case mix", ("expected",), decimal),
        ("Crude rate, %", ("rate",), rate),
        (f"Observed over expected {ci}", ("o_e", "o_e_low", "o_e_high"), two),
        (inner, ("alert_low", "alert_high"), two),
        (outer, ("alarm_low", "alarm_high"), two),
        (f"Adjusted rate, % {ci}", ("indirect", "indirect_low", "indirect_high"), rate),
        (
            f"Shrunken estimate {ci.replace('CI', 'interval')}",
            ("shrunken", "shrunken_low", "shrunken_high"),
            two,
        ),
        (f"Probability of a true ratio beyond {EXCEEDED:g}", ("exceedance",), two),
        ("Standard deviations from expected", ("z",), decimal),
        ("p-value", ("p_value",), p_value),
        ("p-value, variation beyond chance allowed for by τ", ("p_tau",), p_value),
        ("p-value, variation beyond chance allowed for by φ", ("p_phi",), p_value),
        (
            f"p-value corrected for all comparisons (q){', at most' if stepped else ''}",
            ("q_value",),
            p_value,
        ),
    )


def beside_table(
    title: str,
    columns: Columns,
    lines: Sequence[Line],
    *,
    heading: str = "Measure",
    more: Iterable[tuple[str, ...]] = (),
    notes: Sequence[str] = (),
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build a table of measures down and groups across.

    Parameters
    ----------
    title : str
        The caption.
    columns : mapping of str to Record or None
        Groups, such as all procedures and those for one indication.
    lines : sequence of Line
        Measures; those that no group has are left out.
    heading : str
        Of the first column.
    more : iterable of tuple of str
        Rows of words below.
    notes : sequence of str
        Footnotes.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel

    Examples
    --------
    >>> columns = {"All": {"n": 60.0, "o_e": 1.2, "o_e_low": 0.8, "o_e_high": 1.7}}
    >>> beside_table("Leaks", columns, judged_lines("levels")).rows[0]
    ('Levels counted', '60')
    """
    rows = [
        (words, *(shown_numbers(record, stats, fmt, mark) for record in columns.values()))
        for words, stats, fmt in lines
        if any(record is not None and stats[0] in record for record in columns.values())
    ]
    table = TableModel(title, (heading, *columns), (*rows, *more))
    return with_dash(table, mark, *notes)


def shown_numbers(record: Record | None, stats: tuple[str, ...], fmt: Number, mark: str) -> str:
    """Print a statistic, an estimate with its limits, or a dash where there is none."""
    if record is None or stats[0] not in record:
        return ABSENT
    if len(stats) == 3:
        return show_interval(record, fmt, mark, (stats[0], stats[1], stats[2]))
    shown = [show(record, stat, fmt, mark) for stat in stats]
    return " to ".join(dict.fromkeys(shown)) or ABSENT


def with_dash(table: TableModel, mark: str, *notes: str) -> TableModel:
    """Add notes to a table, among them what its dashes and marks say."""
    dashed = any(cell == ABSENT for row in table.rows for cell in row[1:])
    dash = f"{ABSENT} does not apply, or was not recorded." if dashed else ""
    return explained(table, mark, *notes, dash)


def centers_table(
    title: str,
    rows: Mapping[str, Record | None],
    verdicts: Mapping[str, str],
    *,
    unit: str,
    level: float = 0.95,
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table behind a funnel plot: one row per center, in the order of their names.

    Parameters
    ----------
    title : str
        The caption.
    rows : mapping of str to Record or None
        Center to its judged numbers.
    verdicts : mapping of str to str
        Center to its verdict in words.
    unit : str
        What a row is, in the plural.
    level : float
        Level of the intervals.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel

    Examples
    --------
    >>> rows = {"C01": {"n": 60.0, "observed": 9.0, "expected": 7.5, "o_e": 1.2}}
    >>> centers_table("Leaks", rows, {"C01": "Within the limits"}, unit="levels").rows
    (('C01', '60', '9', '7.5', '1.20', 'Within the limits'),)
    """
    body = tuple(
        (
            name,
            shown_numbers(row, ("n",), count, mark),
            shown_numbers(row, ("observed",), count, mark),
            shown_numbers(row, ("expected",), decimal, mark),
            shown_numbers(row, ("o_e", "o_e_low", "o_e_high"), two, mark),
            verdicts.get(name, ABSENT),
        )
        for name, row in rows.items()
    )
    header = ("Center", sentence_case(unit), "Observed", "Expected",
              f"O/E ({100 * level:g}{THIN}% CI)", "Verdict")  # fmt: skip
    table = TableModel(title, header, body, align=_last_left(len(header)))
    return with_dash(table, mark, "O/E, observed over expected. Centers stand in the order of "
                      "their names; this is no ranking.")  # fmt: skip


def process_table(
    title: str,
    rows: Sequence[tuple[str, Record | None, Record | None, str]],
    *,
    level: float = 0.95,
    own: str = "This center",
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table of process indicators beside the network's quartiles.

    Parameters
    ----------
    title : str
        The caption.
    rows : sequence of (words, own, network, verdict)
        One per indicator; a center's own record holds `rate` with `rate_low` and `rate_high`.
    level : float
        Level of the intervals.
    own : str
        Heading of the center's own column; the network's if empty.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel
        Counts, percentages with limits, and the quartiles of the centers' percentages.
    """
    printed = ("rate", "rate_low", "rate_high")
    body = tuple(
        (
            words,
            _of(mine if own else network, mark),
            *((shown_numbers(mine, printed, rate, mark),) if own else ()),
            shown_numbers(network, ("rate",), rate, mark),
            _quartiles(network, mark),
            *((verdict,) if own else ()),
        )
        for words, mine, network, verdict in rows
    )  # fmt: skip
    ci = f"({100 * level:g}{THIN}% CI)"
    own_head = (f"{own}, % {ci}",) if own else ()
    last = ("Verdict",) if own else ()
    header = ("Indicator", "Done of all", *own_head, "Network, %", "Centers' quartiles, %", *last)
    align = _last_left(len(header)) if own else ()
    note = "Quartiles: a quarter of the centers lie below the first number, half below the second."
    return with_dash(TableModel(title, header, body, align=align), mark, note)


def _last_left(width: int) -> tuple[Align, ...]:
    """Numbers between words at either end."""
    middle: list[Align] = ["right"] * (width - 2)
    return ("left", *middle, "left")


def _of(record: Record | None, mark: str) -> str:
    if record is None:
        return ABSENT
    part, whole = (shown_numbers(record, (s,), count, mark) for s in ("observed", "n"))
    return f"{part} of {whole}" if {part, whole} != {mark} else mark


def _quartiles(record: Record | None, mark: str) -> str:
    if record is None:
        return ABSENT
    shown = [shown_numbers(record, (s,), rate, mark) for s in ("q1", "median", "q3")]
    return shown[0] if len(set(shown)) == 1 and not shown[0][:1].isdigit() else " / ".join(shown)


def follow_up_table(
    title: str,
    rows: Sequence[tuple[str, Record | None, Record | None]],
    *,
    level: float = 0.95,
    own: str = "This center",
    mark: str = SUPPRESSED,
) -> TableModel:
    """Build the table of incidences, a center beside the network.

    Parameters
    ----------
    title : str
        The caption.
    rows : sequence of (words, own, network)
        One per indicator.
    level : float
        Level of the intervals.
    own : str
        Heading of the center's column; empty for the network alone.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel
        Events of all followed, the center's adjusted incidence with its limits, the network's.
    """
    stats = ("indirect", "indirect_low", "indirect_high")
    body = tuple(
        (
            words,
            _of(mine if own else network, mark),
            *((shown_numbers(mine, stats, rate, mark),) if own else ()),
            shown_numbers(network, ("benchmark",), rate, mark),
        )
        for words, mine, network in rows
    )
    ci = f"({100 * level:g}{THIN}% CI)"
    header = ("Outcome", "Events", *((f"Adjusted, % {ci}",) if own else ()), "Network, %")
    return with_dash(TableModel(title, header, body), mark)


def risk_model_table(
    title: str, rows: Sequence[Record], *, level: float = 0.95, mark: str = SUPPRESSED
) -> TableModel:
    """Build the sheet of a risk model: every coefficient with its limits.

    Parameters
    ----------
    title : str
        The caption.
    rows : sequence of Record
        One per term: `estimate`, `conf_low`, `conf_high`, `p_value`; `unit` is the measure.
    level : float
        Level of the intervals.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    TableModel
    """
    stats = ("estimate", "conf_low", "conf_high")
    body = tuple(
        (
            sentence_case(r["label"] or r["level"]),
            shown_numbers(r, stats, two, mark),
            shown_numbers(r, ("p_value",), p_value, mark),
        )
        for r in rows
    )
    measure = sentence_case(next((r["unit"] for r in rows if r["unit"]), "estimate"))
    header = ("Term", f"{measure} ({100 * level:g}{THIN}% CI)", "p")
    note = (
        "These coefficients predict risk; they answer no question about causes and are not to be "
        "read as effects."
    )
    return with_dash(TableModel(title, header, body), mark, note)


def frame_table(title: str, frame: pd.DataFrame, *, most: int = 100) -> TableModel:
    """Print a frame as it is, for the internal edition.

    Parameters
    ----------
    title : str
        The caption.
    frame : DataFrame
        Any table.
    most : int
        Rows printed at most; a note says how many there are.

    Returns
    -------
    TableModel
    """
    head = tuple(sentence_case(str(c)).replace("_", " ") for c in frame.columns)
    body = tuple(
        tuple(_cell(value) for value in row) for row in frame.head(most).itertuples(index=False)
    )
    left = len(frame) - most
    notes = (f"{left:,} more rows stand in the file beside this page.",) if left > 0 else ()
    align = tuple(_align(frame[c], i) for i, c in enumerate(frame.columns))
    return TableModel(title, head, body, notes, align)


def _align(column: pd.Series, place: int) -> Align:
    return "right" if place and pd.api.types.is_numeric_dtype(column) else "left"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return ABSENT if value != value else f"{value:.4g}"
    if isinstance(value, pd.Timestamp):
        return str(value.date().isoformat())
    return text_of(value) or ABSENT
