"""Tables of several outcomes or exposures, each from a model of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vpstats.errors import UsageError
from vpstats.formats import (
    count,
    decimal,
    interval_heading,
    p_value,
    ratio,
    show,
    show_interval,
)
from vpstats.ledger import belongs
from vpstats.rows import LedgerLike, Record, is_hidden, mark_of
from vpstats.tables.beside import ABSENT, CI, limits_of, model_rows, own_rows
from vpstats.tables.description import explained
from vpstats.tables.model import Align, TableModel


def profile_table(
    released: LedgerLike,
    analysis: str,
    parts: Sequence[tuple[str, str, str]],
    *,
    title: str,
    heading: str,
    level: float = 0.95,
) -> TableModel:
    """Build one table of several outcomes or exposures, each from a model of its own.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        Id of the question that holds the p-values adjusted together.
    parts : sequence of (analysis, exposure, words)
        Id, exposure and words of each model.
    title, heading : str
        Caption, and head of the first column.
    level : float
        Confidence level of the limits.

    Returns
    -------
    TableModel
        Per part: events and rows, crude and adjusted estimate, difference of the standardised
        risks, p and p adjusted by Holm's method. Refused models have their reason below.

    Raises
    ------
    UsageError
        If the ledger holds nothing of any part.
    """
    mark = mark_of(released)
    adjusted = {r["variable"]: r for r in own_rows(released, analysis, group="holm")}
    rows = [row for part in parts for row in _profile_rows(released, part, adjusted, mark)]
    if not rows:
        raise UsageError(f"the ledger holds nothing of question '{analysis}'.")
    header = (
        heading,
        "Events / rows",
        interval_heading("crude odds ratio", level),
        interval_heading("adjusted odds ratio", level),
        interval_heading("risk difference, points", level),
        "p",
        "p (Holm)",
    )
    refused = (n for name, _, words in parts for n in _refusals(released, name, words))
    notes = (*refused, "p (Holm) allows for the number of models in the table.", CI)
    return explained(TableModel(title, header, tuple(rows)), mark, *notes)


def _refusals(released: object, analysis: str, words: str) -> Iterable[str]:
    notes = getattr(released, "notes", ())
    return (f"{words}: {n.text}" for n in notes if (n.analysis, n.role) == (analysis, "refusal"))


def _profile_rows(
    released: LedgerLike,
    part: tuple[str, str, str],
    holm: Mapping[str, Record],
    mark: str,
) -> list[tuple[str, ...]]:
    analysis, exposure, words = part
    found = own_rows(released, analysis)
    total = next((r for r in found if not r["group"] and not r["level"] and "n_events" in r), None)
    size = (
        f"{show(total, 'n_events', count, mark)} / {show(total, 'n', count, mark)}" if total else ""
    )
    own = [r for r in found if "p_value" in r and belongs(r["variable"], exposure)]
    models = {(r["group"], r["variable"]): r for r in own}
    main = "adjusted" if any(g == "adjusted" for g, _ in models) else "crude"
    terms = [v for g, v in models if g == main]
    if not terms:
        return [(words, size, *[ABSENT] * 5)]
    differences = {r["label"]: r for r in found if r["group"] == "standardised"}
    return [
        (
            words if len(terms) == 1 else models[main, t]["label"],
            size if i == 0 else "",
            _estimate(models.get(("crude", t)), mark),
            _estimate(models.get(("adjusted", t)), mark),
            _difference(differences, models[main, t], mark),
            show(models[main, t], "p_value", p_value, mark),
            _holm(holm.get(f"{analysis} {t}"), mark),
        )
        for i, t in enumerate(terms)
    ]


def _estimate(record: Record | None, mark: str) -> str:
    return ABSENT if record is None else show_interval(record, ratio, mark)


def _difference(found: Mapping[str, Record], term: Record, mark: str) -> str:
    label = term["label"]
    record = found.get(label) or found.get(f"{label}: yes")
    if record is None or not ("difference" in record or is_hidden(record, "difference")):
        return ABSENT
    return show_interval(record, decimal, mark, limits_of("difference"))


def _holm(record: Record | None, mark: str) -> str:
    return "" if record is None else show(record, "p_adjusted", p_value, mark)


def within_table(
    released: LedgerLike,
    parts: Sequence[tuple[str, str, str]],
    *,
    title: str = "Rows of one patient compared with one another",
    heading: str = "Outcome",
    level: float = 0.95,
) -> TableModel:
    """Build the table of comparisons within patients, one row for each model.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    parts : sequence of (analysis, exposure, words)
        Id, exposure and words of each model.
    title, heading : str
        Caption, and head of the first column.
    level : float
        Confidence level of the limits.

    Returns
    -------
    TableModel
        The estimate, and the rows and events of patients who differ in the outcome.

    Raises
    ------
    UsageError
        If the ledger holds no such comparison.
    """
    mark = mark_of(released)
    rows = [
        (words if i == 0 else "", *row)
        for analysis, exposure, words in parts
        for i, row in enumerate(model_rows(own_rows(released, analysis), "within", exposure, mark))
    ]
    if not rows:
        raise UsageError("the ledger holds no comparison within patients.")
    header = (heading, "Exposure", interval_heading("odds ratio", level), "p", "Rows", "Events")
    note = (
        "Conditional logistic regression; whatever is the same in all rows of a patient drops out."
    )
    align: tuple[Align, ...] = ("left", "left", "right", "right", "right", "right")
    return explained(TableModel(title, header, tuple(rows), align=align), mark, note, CI)
