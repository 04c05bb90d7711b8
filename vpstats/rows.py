"""Reading the ledger: long cells to one record per row, which tables and figures then print.

Nothing is computed here. A record holds the value of each statistic of one (group, variable,
level), what was withheld of it, and the words that go with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.formats import SUPPRESSED

Record = dict[str, Any]

WORDS = ("group", "variable", "level", "label", "unit", "caveat")
"""Text columns that every record holds; empty where the rows do not have them."""

_KEYS = ["group", "variable", "level"]

_READ = frozenset({*WORDS, "n", "stat", "value", "suppressed"})


VERTEBRAE = (
    *(f"C{i}" for i in range(1, 8)),
    *(f"T{i}" for i in range(1, 13)),
    *(f"L{i}" for i in range(1, 6)),
    "S1",
)
"""Vertebrae from head to foot, as the ledger names them."""

_PLAIN = ("", "yes", "True")
"""Categories that need no reference row: no category, and yes against no."""


class LedgerLike(Protocol):
    """What is read from: a ledger, or what a release has let pass."""

    @property
    def cells(self) -> pd.DataFrame:
        """One row per statistic, with the ledger's columns."""

    def select(self, **where: str) -> pd.DataFrame:
        """Cells that equal every given column."""


def mark_of(source: object) -> str:
    """What a release prints where it withheld a number.

    Examples
    --------
    >>> mark_of(object())
    '*'
    """
    return str(getattr(source, "mark", SUPPRESSED))


def records(rows: pd.DataFrame, **renamed: str) -> list[Record]:
    """Read ledger cells, a wide table of them, or a tidy result.

    Parameters
    ----------
    rows : DataFrame
        Long cells (columns `stat` and `value`), or one row per group, variable and level with a
        column per statistic, or the ``tidy()`` table of a result (`term` or `time`).
    **renamed : str
        Column of `rows` that plays the part of a key or statistic, for example ``group="arm"``.

    Returns
    -------
    list of dict
        In the order of `rows`: the columns of `WORDS`, `base` (the denominator of the first
        cell), `hidden` (names of the withheld statistics) and one entry per statistic.

    Raises
    ------
    UsageError
        If long cells come from more than one analysis.

    Examples
    --------
    >>> tidy = pd.DataFrame({"term": ["age"], "estimate": [1.2]})
    >>> record = records(tidy)[0]
    >>> record["variable"], record["label"], record["estimate"]
    ('age', 'age', 1.2)
    """
    frame = rows.rename(columns={old: new for new, old in renamed.items()})
    if {"stat", "value"} <= set(frame.columns):
        return _from_cells(frame)
    return [_from_row(row) for row in frame.to_dict("records")]


def _from_cells(cells: pd.DataFrame) -> list[Record]:
    if "analysis" in cells and cells["analysis"].nunique() > 1:
        names = ", ".join(sorted(cells["analysis"].unique()))
        raise UsageError(f"rows come from several analyses ({names}); select one of them.")
    found: dict[tuple[str, ...], Record] = {}
    for cell in _as_dicts(cells):
        key = tuple(str(cell.get(k, "")) for k in _KEYS)
        if key not in found:
            found[key] = _empty(cell)
        _add(found[key], cell)
    return list(found.values())


def _as_dicts(cells: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries of the columns that are read; a page reads its cells many times."""
    names = [c for c in cells.columns if c in _READ]
    columns = [cells[c].tolist() for c in names]
    return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _empty(cell: Mapping[Any, Any]) -> Record:
    words: Record = {name: text_of(cell.get(name)) for name in WORDS}
    return {**words, "base": float(cell.get("n", np.nan)), "hidden": set(), "rounded": set()}


def _add(record: Record, cell: Mapping[Any, Any]) -> None:
    stat, value = str(cell["stat"]), float(cell["value"])
    record[stat] = value
    suppressed = text_of(cell.get("suppressed"))
    if suppressed:
        record["hidden" if np.isnan(value) else "rounded"].add(stat)
    # several cells of a row may differ in their caveats: a reader wants all of them
    caveat = text_of(cell.get("caveat"))
    if caveat != record["caveat"]:
        codes = [*record["caveat"].split(";"), *caveat.split(";")]
        record["caveat"] = ";".join(dict.fromkeys(code for code in codes if code))


def _from_row(row: Mapping[Any, Any]) -> Record:
    record: Record = {str(k): v for k, v in row.items()}
    record.setdefault("variable", record.get("term"))
    for name in WORDS:
        record[name] = text_of(record.get(name))
    record["label"] = record["label"] or record["variable"]
    hidden = record.get("hidden")
    record["hidden"] = set(hidden) if isinstance(hidden, set | frozenset | list | tuple) else set()
    record["base"] = float(record.get("base", np.nan))
    return record


def text_of(value: object) -> str:
    """Text of a cell; empty where it is missing.

    Examples
    --------
    >>> text_of(None), text_of(float("nan")), text_of("T8")
    ('', '', 'T8')
    """
    return "" if value is None or value is pd.NA or value != value else str(value)


def ordered(found: list[Record], key: str) -> list[str]:
    """Values of a text column in the order of their first appearance.

    Examples
    --------
    >>> ordered([{"group": "b"}, {"group": "a"}, {"group": "b"}], "group")
    ['b', 'a']
    """
    return list(dict.fromkeys(str(record[key]) for record in found))


def number(record: Mapping[str, Any], stat: str) -> float:
    """A statistic of a record; NaN where it was withheld or does not exist.

    Examples
    --------
    >>> number({"estimate": 2.0}, "estimate"), number({}, "estimate")
    (2.0, nan)
    """
    value = record.get(stat)
    return np.nan if value is None or value is pd.NA else float(value)


def complete(record: Mapping[str, Any], *stats: str) -> bool:
    """Whether every statistic is there and finite.

    Examples
    --------
    >>> complete({"estimate": 2.0, "conf_low": float("inf")}, "estimate", "conf_low")
    False
    """
    return bool(np.isfinite([number(record, s) for s in stats]).all())


def is_hidden(record: Mapping[str, Any], *stats: str) -> bool:
    """Whether any of these statistics was withheld.

    Examples
    --------
    >>> is_hidden({"hidden": {"n"}}, "n", "percent")
    True
    """
    return bool(record["hidden"] & set(stats))


def factor_of(term: str) -> tuple[str, str]:
    """Split a term of a factor into variable and category; the category is empty elsewhere.

    Examples
    --------
    >>> factor_of("region[T.lumbar]"), factor_of("age")
    (('region', 'lumbar'), ('age', ''))
    """
    name, bracket, rest = term.partition("[")
    if not bracket or not rest.endswith("]"):
        return term, ""
    return name, rest[:-1].removeprefix("T.")


NEAR = 15.0
"""Days within which a reading of a coarse curve may stand for a time: half of a usual grid step."""


def time_of(record: Mapping[str, Any]) -> float:
    """Time of a curve's step, from a tidy table or from the ledger's level.

    Examples
    --------
    >>> time_of({"level": "365"}), time_of({"time": 30})
    (365.0, 30.0)
    """
    return float(record["time"] if "time" in record else record["level"])


def is_coarse(steps: list[Record]) -> bool:
    """Whether a release read this curve on a grid: its censorings are then withheld throughout.

    Examples
    --------
    >>> is_coarse([{"estimate": 0.1, "hidden": {"n_censor"}}])
    True
    >>> is_coarse([{"estimate": 0.1, "hidden": set()}])
    False
    """
    shown = [r for r in steps if complete(r, "estimate")]
    return any(is_hidden(r, "n_censor") for r in shown or steps)


def risk_at(steps: list[Record], time: float) -> Record | None:
    """Find the step that tells how many were at risk just before a time.

    Parameters
    ----------
    steps : list of dict
        Records of one curve.
    time : float
        When.

    Returns
    -------
    dict or None
        The first step at or after the time, since the risk set changes at steps alone; for a
        coarse curve the nearest reading within `NEAR`. None where there is none.

    Examples
    --------
    >>> steps = [{"level": t, "n_risk": 9.0, "hidden": set()} for t in ("90", "300")]
    >>> risk_at(steps, 180.0)["level"], risk_at(steps, 365.0)
    ('300', None)
    """
    known = [r for r in steps if "n_risk" in r]
    if is_coarse(steps):
        near = [r for r in known if abs(time_of(r) - time) <= NEAR]
        return min(near, key=lambda r: abs(time_of(r) - time), default=None)
    later = [r for r in known if time_of(r) >= time - 1e-9]
    return min(later, key=time_of, default=None)


MODELS: Mapping[str, str] = {
    "crude": "crude",
    "adjusted": "adjusted",
    "mediators": "with mediators",
}
"""Group of a model in the ledger → the words for it."""


FURTHER: Mapping[str, str] = {
    "within": "Within patients",
    "imputed": "Adjusted, missing values imputed",
    "subdistribution": "Subdistribution (Fine and Gray)",
    "frailty": "Adjusted, given the patient's frailty",
    "windows": "By time since the procedure",
}
"""Group of an analysis beside the main models → the words for it."""

BESIDE = frozenset({*FURTHER, "tests", "standardised", "tipping", "holm", "paired"})
"""Groups of the ledger that tables of the main models leave to tables of their own."""


def estimate_rows(
    source: LedgerLike, analysis: str, *, references: Mapping[str, str] | None = None
) -> list[Record]:
    """Collect what a forest plot or a table of estimates shows of a question.

    Parameters
    ----------
    source : LedgerLike
        A ledger or a release.
    analysis : str
        The question's id.
    references : mapping of str to str, optional
        Variable → words for its reference category. For a variable whose categories the ledger
        describes, the reference is the one category without a term, and need not be given.

    Returns
    -------
    list of dict
        Records of the terms of each model, in ledger order, with `n` and `n_events` of the
        category where the ledger has them and ``reference=True`` for reference rows.
        Empty where no model could be fitted.
    """
    found = records(source.select(analysis=analysis))
    models = [r for r in found if r["group"] and r["group"] not in BESIDE]
    terms = [r for r in models if "estimate" in r and not r["level"]]
    described = [r for r in found if not r["group"] and r["level"] and "n" in r]
    terms = [_with_counts(term, described) for term in terms]
    return _with_references(terms, described, dict(references or {}))


def _with_counts(term: Record, described: list[Record]) -> Record:
    return _counted(term, next((r for r in described if _describes(r, term)), None))


def _describes(described: Record, term: Record) -> bool:
    # the category stands as the code in the term's name, and as words in its label
    name, category = factor_of(term["variable"])
    words = str(term["label"]).endswith(f": {described['level']}")
    return bool(described["variable"] == name and (described["level"] == category or words))


def _counted(record: Record, described: Record | None) -> Record:
    if described is None:
        return record
    counts: Record = {s: described[s] for s in ("n", "n_events") if s in described}
    return {**record, **counts, "hidden": record["hidden"] | (described["hidden"] & set(counts))}


def _with_references(
    terms: list[Record], described: list[Record], references: dict[str, str]
) -> list[Record]:
    result: list[Record] = []
    seen: set[tuple[str, str]] = set()
    for term in terms:
        name, category = factor_of(term["variable"])
        if category not in _PLAIN and (term["group"], name) not in seen:
            seen.add((term["group"], name))
            result += _reference(term, name, terms, described, references)
        result.append(term)
    return result


def _reference(
    first: Record,
    name: str,
    terms: list[Record],
    described: list[Record],
    references: Mapping[str, str],
) -> list[Record]:
    own = [r for r in described if r["variable"] == name]
    left = [r for r in own if not any(_describes(r, t) for t in terms)]
    if name not in references and len(left) != 1:
        return []
    counted = left[0] if len(left) == 1 else None
    label = references.get(name) or (_reference_label(first, counted) if counted else "")
    words = {"group": first["group"], "variable": f"{name}[reference]", "label": label}
    blank: Record = dict.fromkeys(WORDS, "")
    return [_counted({**blank, **words, "hidden": set(), "reference": True}, counted)]


def _reference_label(first: Record, described: Record) -> str:
    if ": " in described["label"]:
        return str(described["label"])
    # a label written "Region: lumbar" gives its prefix to the reference of the same factor
    prefix, colon, _ = str(first["label"]).rpartition(": ")
    return f"{prefix}{colon}{described['level']}"
