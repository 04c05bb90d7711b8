"""The ledger: every statistic of a run in one long table, before any table or figure exists.

Tables, figures and sentences are read from it, two runs are compared by it, and disclosure
control works on it. A cell's id is ``analysis/group/variable/level/stat``; a count names the
total that it is part of as its `parent`, an estimate names the count that it would reveal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from vpstats.errors import InternalError, UsageError
from vpstats.results import CurveResult, FitResult

CellKind = Literal["count", "total", "curve step", "estimate"]

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "analysis": "id of the question or table",
        "group": "model, arm or stratum; empty where there is one",
        "variable": "variable or term",
        "level": "category, or time of a curve step; empty where there is none",
        "stat": "which statistic",
        "label": "words for the row",
        "value": "the number",
        "unit": "unit of the number",
        "n": "denominator: how many units the number rests on",
        "caveat": "codes of the caveats that apply, separated by ';'",
        "cell_id": "analysis/group/variable/level/stat",
        "parent": "for a count: its total; for an estimate: the count that it would reveal",
        "kind": "count, total, curve step or estimate",
    }
)
"""The ledger's columns, in order, and their meaning."""

KINDS = ("count", "total", "curve step", "estimate")


def cell_id(analysis: str, group: str, variable: str, level: str, stat: str) -> str:
    """Name a cell.

    Examples
    --------
    >>> cell_id("leak_ct", "adjusted", "cement_ml", "", "estimate")
    'leak_ct/adjusted/cement_ml//estimate'
    """
    return "/".join((analysis, group, variable, level, stat))


def cell(
    analysis: str,
    variable: str,
    stat: str,
    value: float,
    *,
    kind: CellKind,
    group: str = "",
    level: str = "",
    label: str = "",
    unit: str = "",
    n: float = np.nan,
    caveat: str = "",
    parent: str = "",
) -> dict[str, Any]:
    """Make one row of the ledger.

    Parameters
    ----------
    analysis, group, variable, level, stat : str
        Parts of the cell's id.
    value : float
        The number; NaN where it could not be estimated.
    kind : {"count", "total", "curve step", "estimate"}
        What disclosure control has to know of it.
    label, unit, caveat, parent : str
        As in `COLUMNS`.
    n : float
        Denominator.

    Returns
    -------
    dict
        One value per column of `COLUMNS`.
    """
    return {
        "analysis": analysis,
        "group": group,
        "variable": variable,
        "level": level,
        "stat": stat,
        "label": label,
        "value": float(value),
        "unit": unit,
        "n": float(n),
        "caveat": caveat,
        "cell_id": cell_id(analysis, group, variable, level, stat),
        "parent": parent,
        "kind": kind,
    }


@dataclass(frozen=True)
class Note:
    """A sentence of the report; numbers in it are references to cells.

    Parameters
    ----------
    analysis : str
        Question that it belongs to.
    role : str
        "finding", "caveat", "refusal", "method" or "limit"; an audit has "verdict", "reason",
        "detection" and "change" besides.
    text : str
        A sentence with ``{cell_id:format}`` where a number stands, for example
        ``"{leak_ct//leak//n:,.0f} levels"``. It holds no digit that came from patients.
    group : str
        Group of the ledger that it is about; empty where it is about the whole analysis.
    rests_on : tuple of str
        Cells whose numbers the words alone would narrow down, as "above the limit" does a count:
        where one of them is hidden, so is the sentence.
    """

    analysis: str
    role: str
    text: str
    group: str = ""
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ledger:
    """Every statistic of a run, and the sentences that quote them.

    Parameters
    ----------
    cells : DataFrame
        The columns of `COLUMNS`.
    notes : tuple of Note
        Sentences in the order of the report.

    Raises
    ------
    InternalError
        If a column is missing, a cell appears twice, or a kind or parent is unknown.
    """

    cells: pd.DataFrame
    notes: tuple[Note, ...] = field(default=())

    def __post_init__(self) -> None:
        if tuple(self.cells.columns) != tuple(COLUMNS):
            raise InternalError("the ledger does not have its columns.")
        twice = self.cells["cell_id"][self.cells["cell_id"].duplicated()]
        if len(twice):
            raise InternalError(f"cells appear twice in the ledger: {sorted(set(twice))[:5]}.")
        if not set(self.cells["kind"]) <= set(KINDS):
            raise InternalError("the ledger holds a cell of unknown kind.")
        parents = set(self.cells["parent"]) - {""}
        orphans = parents - set(self.cells["cell_id"])
        if orphans:
            raise InternalError(f"parents are not in the ledger: {sorted(orphans)[:5]}.")

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], notes: Iterable[Note] = ()) -> Ledger:
        """Collect rows made by `cell`."""
        frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
        return cls(frame.astype({"value": float, "n": float}), tuple(notes))

    def select(self, **where: str) -> pd.DataFrame:
        """Cells that equal every given column, in ledger order.

        Raises
        ------
        UsageError
            If a column is not one of the ledger's.
        """
        unknown = set(where) - set(COLUMNS)
        if unknown:
            raise UsageError(f"the ledger has no column {', '.join(sorted(unknown))}.")
        mask = np.ones(len(self.cells), dtype=bool)
        for column, value in where.items():
            mask &= (self.cells[column] == value).to_numpy()
        return self.cells[mask]

    def wide(
        self, index: Iterable[str] = ("group", "variable", "level", "label"), **where: str
    ) -> pd.DataFrame:
        """Cells with one column per `stat`, rows in ledger order."""
        rows = self.select(**where)
        keys = list(index)
        table = rows.pivot_table(
            index=keys, columns="stat", values="value", sort=False, dropna=False, observed=True
        )
        present = rows.drop_duplicates(keys).set_index(keys).index
        return table.reindex(present).reset_index().rename_axis(columns=None)


def fit_cells(
    fit: FitResult,
    analysis: str,
    *,
    group: str,
    labels: Mapping[str, str] | None = None,
    parent: str = "",
) -> list[dict[str, Any]]:
    """Write a fit into ledger rows: each term's ratio with limits, p and standard error.

    Parameters
    ----------
    fit : FitResult
        A fitted model; a failed one gives NaN cells that carry the caveat.
    analysis, group : str
        Where the rows belong; `group` is the model ("crude", "adjusted", "mediators").
    labels : mapping of str to str, optional
        Words for the terms.
    parent : str
        Cell id of the number of events that the estimates rest on.
    """
    names = labels or {}
    caveat = ";".join(dict.fromkeys(c.code for c in fit.caveats if c.term is None))
    rows = fit.tidy(exponentiate=True)
    stats = ("estimate", "conf_low", "conf_high", "p_value", "std_error")
    units = {"p_value": "", "std_error": "log scale"}
    measure = fit.measure.replace("_", " ")
    return [
        cell(
            analysis,
            str(row["term"]),
            stat,
            row[stat],
            kind="estimate",
            group=group,
            label=names.get(str(row["term"]), str(row["term"])),
            unit=units.get(stat, measure),
            n=fit.n,
            caveat=caveat,
            parent=parent,
        )
        for _, row in rows.iterrows()
        if row["term"] != "Intercept"
        for stat in stats
    ]


def belongs(term: str, exposure: str) -> bool:
    """Whether a coefficient is one of the exposure's.

    Examples
    --------
    >>> belongs("region[T.lumbar]", "region"), belongs("regional", "region")
    (True, False)
    """
    return term == exposure or term.startswith(f"{exposure}[")


def plural(unit: str) -> str:
    """Write a unit in the plural.

    Examples
    --------
    >>> plural("vertebra"), plural("level")
    ('vertebrae', 'levels')
    """
    return {"vertebra": "vertebrae"}.get(unit, f"{unit}s")


def curve_cells(
    curve: CurveResult, analysis: str, *, variable: str, label: str = "", parent: str = ""
) -> list[dict[str, Any]]:
    """Write a curve into ledger rows: per group and time the estimate, limits and counts.

    The level of each row is the time written with up to 10 digits, so that it sorts by value
    after conversion back to a number.
    """
    caveat = ";".join(dict.fromkeys(c.code for c in curve.caveats))
    stats = ("estimate", "conf_low", "conf_high", "std_error", "n_risk", "n_event", "n_censor")
    return [
        cell(
            analysis,
            variable,
            stat,
            row[stat],
            kind="curve step",
            group="" if name is None else str(name),
            level=format(row["time"], ".10g"),
            label=label or ("" if name is None else str(name)),
            unit=plural(curve.unit) if stat.startswith("n_") else curve.estimand,
            n=row["n_risk"],
            caveat=caveat,
            parent=parent,
        )
        for name, rows in curve.groups()
        for row in rows.to_dict("records")
        for stat in stats
    ]


def compare_ledgers(old: Ledger, new: Ledger, *, digits: int = 8) -> pd.DataFrame:
    """List what differs between two runs.

    Parameters
    ----------
    old, new : Ledger
        Two runs of the same or a similar plan.
    digits : int
        Significant digits that must agree.

    Returns
    -------
    DataFrame
        ``cell_id, old, new, change`` with change "appeared", "vanished" or "changed"; empty
        where the runs agree.

    Examples
    --------
    >>> old, new = (
    ...     Ledger.from_rows([cell("leak", "levels", "n", n, kind="total")]) for n in (80, 81)
    ... )
    >>> compare_ledgers(old, new)["change"].tolist()
    ['changed']
    """
    pair = old.cells.set_index("cell_id")[["value"]].join(
        new.cells.set_index("cell_id")[["value"]],
        how="outer",
        lsuffix="_old",
        rsuffix="_new",
        sort=False,
    )
    in_old = pair.index.isin(old.cells["cell_id"])
    in_new = pair.index.isin(new.cells["cell_id"])
    left, right = pair["value_old"].to_numpy(float), pair["value_new"].to_numpy(float)
    tolerance = 10.0**-digits * np.maximum(np.abs(left), np.abs(right))
    same = (np.abs(left - right) <= tolerance) | (np.isnan(left) & np.isnan(right))
    change = np.select([~in_old, ~in_new, ~same], ["appeared", "vanished", "changed"], default="")
    table = pd.DataFrame({"cell_id": pair.index, "old": left, "new": right, "change": change})
    return table[table["change"] != ""].reset_index(drop=True)
