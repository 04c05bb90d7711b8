"""Tables of what stands beside the main models: standardised risks, other models, tests, pairs."""

from __future__ import annotations

from vpstats.errors import UsageError
from vpstats.formats import (
    count,
    decimal,
    interval_heading,
    p_value,
    rate,
    ratio,
    sentence_case,
    show,
    show_interval,
)
from vpstats.ledger import belongs
from vpstats.rows import FURTHER, LedgerLike, Record, mark_of, ordered, records
from vpstats.tables.description import assemble, explained
from vpstats.tables.model import TableModel

ABSENT = "–"
CI = "CI, confidence interval."


def own_rows(released: LedgerLike, analysis: str, **where: str) -> list[Record]:
    """Records of one question."""
    return records(released.select(analysis=analysis, **where))


def required(found: list[Record], what: str, analysis: str) -> list[Record]:
    """Refuse to build a table of nothing."""
    if not found:
        raise UsageError(f"the ledger holds no {what} of question '{analysis}'.")
    return found


def standardised_table(
    released: LedgerLike,
    analysis: str,
    *,
    title: str = "Standardised risks",
    level: float = 0.95,
) -> TableModel:
    """Build the table of risks that everybody would have at each value of the exposure.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        The question's id.
    title : str
        The caption.
    level : float
        Confidence level of the limits.

    Returns
    -------
    TableModel
        A row for each value: the risk, and its difference from the first value's.

    Raises
    ------
    UsageError
        If the ledger holds no standardised risk of that question.

    Examples
    --------
    >>> from vpstats.ledger import Ledger, cell
    >>> values = {"risk": 12.0, "risk_low": 10.0, "risk_high": 14.0}
    >>> rows = [cell("q", "sex", s, v, kind="estimate", group="standardised", level="f",
    ...              label="Sex: female") for s, v in values.items()]
    >>> standardised_table(Ledger.from_rows(rows), "q").rows
    (('Sex: female', '12.0 (10.0–14.0)', 'reference'),)
    """
    found = required(
        own_rows(released, analysis, group="standardised"), "standardised risk", analysis
    )
    mark = mark_of(released)
    rows = tuple(
        (
            r["label"],
            show_interval(r, rate, mark, limits_of("risk")),
            show_interval(r, decimal, mark, limits_of("difference"))
            if "difference" in r
            else "reference",
        )
        for r in found
    )
    header = (
        "Exposure",
        interval_heading("risk, %", level),
        interval_heading("difference, percentage points", level),
    )
    note = (
        "The risk if everybody analysed had this value of the exposure and kept the rest, by the "
        "adjusted model (g-formula)."
    )
    return explained(TableModel(title, header, rows), mark, note, CI)


def limits_of(stat: str) -> tuple[str, str, str]:
    """Names of an estimate and its limits."""
    return stat, f"{stat}_low", f"{stat}_high"


def further_table(
    released: LedgerLike,
    analysis: str,
    exposure: str,
    *,
    title: str = "Further analyses",
    level: float = 0.95,
) -> TableModel:
    """Build the table of the exposure's estimates under other models, and of the named tests.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        The question's id.
    exposure : str
        Whose coefficients are shown.
    title : str
        The caption.
    level : float
        Confidence level of the limits.

    Returns
    -------
    TableModel
        Estimates in groups by model, with the rows and events that each rests on; then tests
        with the hypothesis that a small p speaks against.

    Raises
    ------
    UsageError
        If the ledger holds nothing of the kind.
    """
    found = own_rows(released, analysis)
    mark = mark_of(released)
    blocks = [(words, model_rows(found, group, exposure, mark)) for group, words in FURTHER.items()]
    tests = [r for r in found if r["group"] == "tests" and "p_value" in r]
    blocks.append(("Tests", [_test_row(r, mark) for r in tests]))
    rows, groups = assemble([(words, part) for words, part in blocks if part])
    required(list(found) if rows else [], "further analysis", analysis)
    header = ("Analysis", interval_heading("ratio", level), "p", "Rows", "Events")
    return explained(TableModel(title, header, rows, row_groups=groups), mark, CI)


def model_rows(found: list[Record], group: str, exposure: str, mark: str) -> list[tuple[str, ...]]:
    """The exposure's estimates in one model, with the rows and events that it rests on."""
    own = [r for r in found if r["group"] == group]
    size = next((r for r in own if r["variable"] == "model"), None)
    return [
        (
            _with_measure(r),
            show_interval(r, ratio, mark),
            show(r, "p_value", p_value, mark),
            show(size, "n", count, mark) if size else "",
            show(size, "n_events", count, mark) if size else "",
        )
        for r in own
        if "estimate" in r and belongs(r["variable"], exposure)
    ]


def _with_measure(record: Record) -> str:
    return f"{sentence_case(record['label'])}, {record['unit']}"


def _test_row(record: Record, mark: str) -> tuple[str, ...]:
    label = sentence_case(record["label"])
    method = f" ({record['unit']})" if record["unit"] else ""
    return f"{label}{method}", "", show(record, "p_value", p_value, mark), "", ""


def windows_table(
    released: LedgerLike,
    analysis: str,
    *,
    title: str = "Rate by time since the procedure",
    level: float = 0.95,
) -> TableModel:
    """Build the table of events and rates in each part of follow-up.

    Raises
    ------
    UsageError
        If the ledger holds no window of that question.
    """
    found = required(own_rows(released, analysis, variable="window"), "window", analysis)
    mark = mark_of(released)
    unit = next((r["unit"] for r in found if r["unit"].startswith("per")), "per 1,000 years")
    rows = tuple(
        (
            sentence_case(r["label"]),
            show(r, "n_events", count, mark),
            show_interval(r, ratio, mark, ("rate", "conf_low", "conf_high")),
        )
        for r in found
        if not r["group"]
    )
    header = ("Time", "Events", interval_heading(unit, level))
    return explained(TableModel(title, header, rows), mark, "Intervals are exact (Poisson).", CI)


def unseen_table(
    released: LedgerLike,
    analysis: str,
    *,
    title: str = "Incidence and the day of onset",
    level: float = 0.95,
) -> TableModel:
    """Build the table of incidence by what is supposed of the day of onset.

    Raises
    ------
    UsageError
        If the ledger holds no such incidence of that question.
    """
    found = required(own_rows(released, analysis, variable="unseen"), "onset", analysis)
    mark = mark_of(released)
    times = sorted({r["level"] for r in found}, key=float)
    cells = {(r["group"], r["level"]): r for r in found}
    rows = tuple(
        (
            sentence_case(next(r["label"] for r in found if r["group"] == method)),
            *(show_interval(cells[method, t], rate, mark) for t in times),
        )
        for method in ordered(found, "group")
    )
    heads = (interval_heading(f"by day {float(t):g}, %", level) for t in times)
    table = TableModel(title, ("Onset", *heads), rows)
    return explained(table, mark, "Death competes in all of them.", CI)


def tipping_table(
    released: LedgerLike, analysis: str, *, title: str = "Tipping point", level: float = 0.95
) -> TableModel:
    """Build the table of estimates after the imputed values were shifted.

    Raises
    ------
    UsageError
        If the ledger holds no shift of that question.
    """
    found = required(own_rows(released, analysis, group="tipping"), "shift", analysis)
    mark = mark_of(released)
    rows = tuple(
        (r["level"], show_interval(r, ratio, mark), show(r, "p_value", p_value, mark))
        for r in found
    )
    measure = next((r["unit"] for r in found if r["unit"]), "ratio")
    header = ("Shift of the imputed values", interval_heading(measure, level), "p")
    note = (
        "Imputation supposes that missing values resemble recorded ones with like covariates; the "
        "shift says how far they may depart before the answer changes."
    )
    return explained(TableModel(title, header, rows), mark, note, CI)
