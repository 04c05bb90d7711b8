"""Tables of what stands beside the main models: standardised risks, other models, tests, pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
from vpstats.rows import FURTHER, LedgerLike, Record, complete, is_hidden, mark_of, ordered, records
from vpstats.tables.description import assemble, explained
from vpstats.tables.model import Align, TableModel

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
    blocks = [
        (words, _model_rows(found, group, exposure, mark)) for group, words in FURTHER.items()
    ]
    tests = [r for r in found if r["group"] == "tests" and "p_value" in r]
    blocks.append(("Tests", [_test_row(r, mark) for r in tests]))
    rows, groups = assemble([(words, part) for words, part in blocks if part])
    required(list(found) if rows else [], "further analysis", analysis)
    header = ("Analysis", interval_heading("ratio", level), "p", "Rows", "Events")
    return explained(TableModel(title, header, rows, row_groups=groups), mark, CI)


def _model_rows(found: list[Record], group: str, exposure: str, mark: str) -> list[tuple[str, ...]]:
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
        if "estimate" in r and _belongs(r["variable"], exposure)
    ]


def _belongs(term: str, exposure: str) -> bool:
    return term == exposure or term.startswith(f"{exposure}[")


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
    own = [r for r in found if "p_value" in r and _belongs(r["variable"], exposure)]
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
        for i, row in enumerate(_model_rows(own_rows(released, analysis), "within", exposure, mark))
    ]
    if not rows:
        raise UsageError("the ledger holds no comparison within patients.")
    header = (heading, "Exposure", interval_heading("odds ratio", level), "p", "Rows", "Events")
    note = (
        "Conditional logistic regression; whatever is the same in all rows of a patient drops out."
    )
    align: tuple[Align, ...] = ("left", "left", "right", "right", "right", "right")
    return explained(TableModel(title, header, tuple(rows), align=align), mark, note, CI)


def pairs_table(
    released: LedgerLike, analysis: str, *, title: str, level: float = 0.95
) -> TableModel:
    """Build the table of outcomes in pairs on the same units.

    Raises
    ------
    UsageError
        If the ledger holds no pair of that question.
    """
    found = required(own_rows(released, analysis, group="paired"), "pair", analysis)
    mark = mark_of(released)
    wholes = {r["variable"]: r for r in found if not r["level"]}
    counts = {(r["variable"], r["level"]): r for r in found if r["level"]}
    rows = tuple(
        (
            whole["label"],
            show(whole, "n", count, mark),
            *(show(counts[name, k], "n_events", count, mark) for k in _CELLS),
            show_interval(whole, decimal, mark, limits_of("difference")),
            show(whole, "p_value", p_value, mark),
        )
        for name, whole in wholes.items()
    )
    header = (
        "Pair", "Rows", "Both", "First only", "Second only", "Neither",
        interval_heading("difference, percentage points", level), "p",
    )  # fmt: skip
    note = "Difference of the two shares on the same rows; rows of one patient are clustered."
    return explained(TableModel(title, header, rows), mark, note, CI)


_CELLS = ("both", "first only", "second only", "neither")


def detection_table(
    released: LedgerLike, analysis: str, *, title: str, level: float = 0.95
) -> TableModel:
    """Build the table of what fluoroscopy and CT found on the same levels.

    Raises
    ------
    UsageError
        If the ledger holds nothing of that question.
    """
    found = required(own_rows(released, analysis, group=""), "comparison", analysis)
    mark = mark_of(released)
    wholes = {r["variable"]: r for r in found if not r["level"]}
    counts = {(r["variable"], r["level"]): r for r in found if r["level"]}
    rows = tuple(
        (
            whole["label"],
            *(show(counts[name, k], "n_events", count, mark) for k in _CELLS),
            show_interval(whole, rate, mark, limits_of("sensitivity")),
            show_interval(whole, decimal, mark, limits_of("difference")),
            show_interval(whole, ratio, mark, limits_of("kappa")),
        )
        for name, whole in wholes.items()
    )
    header = (
        "Leak", "Both", "Fluoroscopy only", "CT only", "Neither",
        interval_heading("sensitivity of fluoroscopy, %", level),
        interval_heading("CT less fluoroscopy, points", level),
        interval_heading("kappa", level),
    )  # fmt: skip
    return explained(TableModel(title, header, rows), mark, CI)


def accuracy_table(
    released: LedgerLike, analysis: str, *, title: str, level: float = 0.95
) -> TableModel:
    """Build the table of a sign's accuracy: among the examined, and corrected for verification.

    Raises
    ------
    UsageError
        If the ledger holds nothing of that question.
    """
    everything = required(own_rows(released, analysis), "accuracy", analysis)
    mark = mark_of(released)
    found = [r for r in everything if r["group"] in _EDITIONS]
    groups = [g for g in _EDITIONS if any(r["group"] == g for r in found)]
    cells = {(r["variable"], r["group"]): r for r in found}
    rows = [
        (
            next(r["label"] for r in found if r["variable"] == stat),
            *(_accuracy(cells.get((stat, g)), mark) for g in groups),
        )
        for stat in ordered(found, "variable")
    ]
    crossed = [r for r in everything if r["variable"] == "cross" and r["level"]]
    sizes = [
        (r["label"], show(r, "n_events", count, mark), *[""] * (len(groups) - 1)) for r in crossed
    ]
    body, row_groups = assemble([("", rows), ("Counts", sizes)])
    header = ("Measure", *(f"{_EDITIONS[g]} ({100 * level:g} % CI)" for g in groups))
    return explained(TableModel(title, header, body, row_groups=row_groups), mark, CI)


_EDITIONS = {"verified": "Among the examined", "corrected": "Corrected for who was examined"}


def _accuracy(record: Record | None, mark: str) -> str:
    if record is None:
        return ABSENT
    fmt = rate if record["unit"] == "%" else ratio
    unit = " %" if record["unit"] == "%" and complete(record, "estimate") else ""
    return show_interval(record, fmt, mark) + unit


def source_table(
    released: LedgerLike, analysis: str, *, title: str, heading: str = "Source"
) -> TableModel:
    """Build the table of codes by window.

    Raises
    ------
    UsageError
        If the ledger holds nothing of that question.
    """
    found = required(own_rows(released, analysis), "event", analysis)
    mark = mark_of(released)
    counts = [r for r in found if r["level"] and r["group"] and r["group"] != "tests"]
    windows = ordered(counts, "group")
    cells = {(r["level"], r["group"]): r for r in counts}
    rows = [
        (
            next(r["label"] for r in counts if r["level"] == code).rpartition(": ")[2],
            *(show(cells[code, w], "n_events", count, mark) for w in windows),
        )
        for code in ordered(counts, "level")
    ]
    tests = [r for r in found if r["group"] == "tests" and "p_value" in r]
    notes = [f"{r['label']}: p {show(r, 'p_value', p_value, mark)} ({r['unit']})." for r in tests]
    header = (heading, *map(sentence_case, windows))
    return explained(TableModel(title, header, tuple(rows)), mark, *notes)
