"""Tables of answers: estimates of the models of a question, incidence over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vpstats.errors import UsageError
from vpstats.formats import (
    REASONS,
    count,
    interval_heading,
    p_value,
    rate,
    ratio,
    reason,
    sentence_case,
    show,
    show_interval,
)
from vpstats.results import CAVEATS
from vpstats.rows import (
    MODELS,
    LedgerLike,
    Record,
    estimate_rows,
    is_coarse,
    is_hidden,
    mark_of,
    number,
    ordered,
    records,
    risk_at,
)
from vpstats.tables.description import assemble, explained
from vpstats.tables.model import TableModel

_ABSENT = "–"
_SIZES = {
    "n": "{unit} analysed",
    "n_events": "Events",
    "n_clusters": "Clusters",
    "n_missing": "Left out, a value missing",
}
_ABBREVIATIONS = {
    "odds ratio": "OR, odds ratio",
    "hazard ratio": "HR, hazard ratio",
    "subdistribution hazard ratio": "sHR, subdistribution hazard ratio",
}


def estimates_table(
    released: LedgerLike,
    analysis: str,
    *,
    title: str = "Estimates",
    references: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> TableModel:
    """Build the table of a question's models beside one another: crude, adjusted, with mediators.

    Parameters
    ----------
    released : LedgerLike
        What passed the gate, or a ledger.
    analysis : str
        The question's id.
    title : str
        The caption.
    references : mapping of str to str, optional
        Variable → words for its reference category, where the ledger does not tell.
    level : float
        Confidence level of the limits.

    Returns
    -------
    TableModel
        A row per term; estimate with limits and p per model; then what each model rests on. What
        could not be estimated or fitted is said in words, refusals as footnotes.

    Raises
    ------
    UsageError
        If the ledger holds nothing of that question.

    References
    ----------
    von Elm E, et al. The Strengthening the Reporting of Observational Studies in Epidemiology
    (STROBE) statement. Ann Intern Med 2007;147:573-577, item 16a.

    Examples
    --------
    >>> from vpstats.ledger import Ledger, cell
    >>> values = {"estimate": 1.42, "conf_low": 1.21, "conf_high": 1.67, "p_value": 0.00003}
    >>> rows = [cell("q", "cement", s, v, kind="estimate", group="crude", label="cement, per mL",
    ...              unit="odds ratio") for s, v in values.items()]
    >>> estimates_table(Ledger.from_rows(rows), "q").rows
    (('Cement, per mL', '1.42 (1.21–1.67)', '<0.001'),)
    """
    mark = mark_of(released)
    every = records(released.select(analysis=analysis))
    refused = _refusals(released, analysis)
    if not every and not refused:
        raise UsageError(f"the ledger holds nothing of question '{analysis}'.")
    found = estimate_rows(released, analysis, references=references)
    models = {r["group"]: r for r in every if r["variable"] == "model"}
    groups = ordered([r for r in found if not r.get("reference")], "group")
    if not groups:
        nothing = ("No model was fitted",)
        return explained(TableModel(title, ("Result",), (nothing,), refused), mark)
    measure = next((r["unit"] for r in found if r["unit"]), "ratio")
    heads = [h for _ in groups for h in (interval_heading(measure, level), "p")]
    rows, row_groups = assemble([("", _term_rows(found, groups, mark)),
                                 ("Models", _size_rows(models, groups, mark))])  # fmt: skip
    spanners = [("", 1), *((_model_name(models, g), 2) for g in groups)]
    absent = f"{_ABSENT}, not in this model." if any(_ABSENT in row for row in rows) else ""
    notes = (*_notes(found, measure), absent, *refused)
    table = TableModel(title, ("Term", *heads), rows, spanners=tuple(spanners),
                       row_groups=row_groups)  # fmt: skip
    return explained(table, mark, *notes)


def _refusals(released: object, analysis: str) -> tuple[str, ...]:
    notes = getattr(released, "notes", ())
    return tuple(n.text for n in notes if (n.analysis, n.role) == (analysis, "refusal"))


def _model_name(models: Mapping[str, Record], group: str) -> str:
    named = models.get(group, {}).get("label")
    return str(named or sentence_case(MODELS.get(group, group)))


def _term_rows(found: list[Record], groups: list[str], mark: str) -> list[tuple[str, ...]]:
    cells = {(r["variable"], r["group"]): r for r in found}
    rows = []
    for term in ordered(found, "variable"):
        own = [cells.get((term, g)) for g in groups]
        label = next(r["label"] for r in own if r is not None)
        texts = (text for r in own for text in _estimate(r, mark))
        rows.append((sentence_case(label), *texts))
    return rows


def _estimate(record: Record | None, mark: str) -> tuple[str, str]:
    """Estimate with limits, and p, of one term under one model."""
    if record is None:
        return _ABSENT, ""
    if record.get("reference"):
        return "1 (reference)", ""
    if _failed(record):
        return reason(record["caveat"]), ""
    no_p = np.isnan(number(record, "p_value")) and not is_hidden(record, "p_value")
    return show_interval(record, ratio, mark), "" if no_p else show(
        record, "p_value", p_value, mark
    )


def _failed(record: Record) -> bool:
    return bool(np.isnan(number(record, "estimate"))) and not is_hidden(record, "estimate")


def _size_rows(models: Mapping[str, Record], groups: list[str], mark: str) -> list[tuple[str, ...]]:
    own = [models.get(g, {}) for g in groups]
    unit = sentence_case(next((r["unit"] for r in own if r and r["unit"]), "rows"))
    return [
        (words.format(unit=unit), *(t for r in own for t in (show(r, stat, count, mark), "")))
        for stat, words in _SIZES.items()
        if any(stat in r for r in own)
    ]


def _notes(found: list[Record], measure: str) -> list[str]:
    short = _ABBREVIATIONS.get(measure)
    notes = ["; ".join(filter(None, (short, "CI, confidence interval"))) + "."]
    failed = [r for r in found if not r.get("reference") and _failed(r)]
    codes = dict.fromkeys(c for r in failed for c in r["caveat"].split(";") if c in REASONS)
    return [*notes, *(CAVEATS[c] for c in codes if c in CAVEATS)]


def incidence_table(
    released: LedgerLike,
    analysis: str,
    *,
    title: str = "Cumulative incidence",
    level: float = 0.95,
) -> TableModel:
    """Build the table of incidence at the horizons of a question, with the numbers at risk.

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
        A row per group; per horizon the incidence in percent with limits, and how many were at
        risk just before it.

    Raises
    ------
    UsageError
        If the ledger holds no incidence of that question.

    Examples
    --------
    >>> from vpstats.ledger import Ledger, cell
    >>> values = {"estimate": 2.14, "conf_low": 1.0, "conf_high": 4.0}
    >>> rows = [cell("q", "incidence_at", s, v, kind="estimate", group="All", level="365")
    ...         for s, v in values.items()]
    >>> incidence_table(Ledger.from_rows(rows), "q").rows
    (('All', '2.1 (1.0–4.0)'),)
    """
    mark = mark_of(released)
    at = records(released.select(analysis=analysis, variable="incidence_at"))
    if not at:
        raise UsageError(f"the ledger holds no incidence of question '{analysis}'.")
    steps = records(released.select(analysis=analysis, variable="incidence"))
    horizons = sorted({r["level"] for r in at}, key=float)
    groups = ordered(at, "group")
    with_risk = any("n_risk" in r for r in steps)
    cells = {(r["group"], r["level"]): r for r in at}
    rows = tuple(
        (g or "All", *(t for h in horizons for t in _at(cells, steps, (g, h), with_risk, mark)))
        for g in groups
    )
    heads = [interval_heading("%", level), *(["At risk"] if with_risk else [])]
    spanners = [("", 1), *((f"By day {float(h):g}", len(heads)) for h in horizons)]
    table = TableModel(title, ("Group", *heads * len(horizons)), rows, spanners=tuple(spanners))
    return explained(table, mark, "CI, confidence interval.")


def _at(
    cells: Mapping[tuple[str, str], Record],
    steps: list[Record],
    key: tuple[str, str],
    with_risk: bool,
    mark: str,
) -> list[str]:
    text = show_interval(cells[key], rate, mark) if key in cells else _ABSENT
    return [text, _at_risk(steps, key, mark)] if with_risk else [text]


def _at_risk(steps: list[Record], key: tuple[str, str], mark: str) -> str:
    own = [r for r in steps if r["group"] == key[0]]
    found = risk_at(own, float(key[1]))
    if found is None:
        return mark if is_coarse(own) else _ABSENT
    return show(found, "n_risk", count, mark)
