"""Curves on a coarse grid: no step, and no difference of two readings, is a few patients.

A curve is read at points of a grid. Between two released readings lie either no events or at
least as many as the threshold, and the same holds for the numbers that leave the risk set.
Together with a curve of everybody, the groups that are not shown count as one more curve.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from vpstats.disclosure.bands import FEW_DIGITS, coarse, digits_for, is_banded
from vpstats.disclosure.cells import Cells, collect, is_time
from vpstats.disclosure.derived import Decisions
from vpstats.disclosure.grid import Reading, Vector, choose_family
from vpstats.disclosure.numbers import Curve, Numbers, curves_of
from vpstats.disclosure.policy import DIGITS, ReleasePolicy, in_band
from vpstats.disclosure.relations import Builder
from vpstats.disclosure.system import Role
from vpstats.ledger import Ledger, cell

HORIZON_WEIGHT = 1000.0
"""Worth of a reading that the plan asks for, against 1 for any other point of the grid."""

READINGS = ("estimate", "conf_low", "conf_high", "n_risk", "n_event")
WITHHELD_STATS = ("std_error", "n_censor")


def significant(value: float) -> float:
    """Round to the digits that a release shows.

    Examples
    --------
    >>> significant(0.0123456), significant(1234567.0)
    (0.01235, 1235000.0)
    """
    return float(f"{value:.{DIGITS}g}") if isfinite(value) else value


@dataclass
class Steps:
    """The steps of one curve.

    Parameters
    ----------
    key : Curve
        Analysis, variable and group.
    times : ndarray, shape (k,)
        Times of the steps, ascending.
    columns : dict of str to ndarray, shape (k,)
        Values by statistic.
    positions : list of int
        Positions of its cells.
    first : dict
        A cell of the curve, for its words.
    units : dict of str to str
        Unit of each statistic.
    """

    key: Curve
    times: Vector
    columns: dict[str, Vector]
    positions: list[int]
    first: dict[str, Any]
    units: dict[str, str]

    @property
    def start(self) -> float:
        """Value before the first step."""
        return 1.0 if "survival" in str(self.units.get("estimate", "")).lower() else 0.0

    @property
    def at_start(self) -> float:
        """Number at risk at the start."""
        return float(np.nanmax(self.columns["n_risk"], initial=0.0))

    @property
    def events(self) -> float:
        """Events of the whole curve."""
        return float(np.nansum(self.columns["n_event"]))


@dataclass
class CurveRelease:
    """Rows that take the place of a ledger's curve steps.

    Attributes
    ----------
    rows : list of (int, dict)
        Position of the curve in the ledger, and a cell with its reason in "suppressed".
    numbers_at : dict of int to float
        Numbers at risk that stand beside estimates read from a released curve.
    """

    rows: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    numbers_at: dict[int, float] = field(default_factory=dict)


def release_curves(
    builder: Builder, numbers: Numbers, decisions: Decisions, previous: Ledger | None
) -> CurveRelease:
    """Coarsen, cut or withhold every curve of a ledger.

    Parameters
    ----------
    builder : Builder
        After protection.
    numbers : Numbers
        Variables of each curve.
    decisions : Decisions
        Changed in place: estimates read from a curve where it is not released are hidden.
    previous : Ledger or None
        An earlier release.

    Returns
    -------
    CurveRelease
    """
    cells = builder.cells
    released = CurveRelease()
    curves = [_steps(cells, key, at) for key, at in curves_of(cells).items()]
    before = {} if previous is None else _earlier(previous)
    for family in collect((c.key[:2], c) for c in curves).values():
        _release_family(builder, numbers, decisions, family, before, released)
    for i in cells.steps:
        if not is_time(cells.level[i]):
            empty = {"value": np.nan, "n": np.nan, "suppressed": "curve"}
            released.rows.append((i, {**cells.frame.iloc[i].to_dict(), **empty}))
    return released


def _steps(cells: Cells, key: Curve, positions: list[int]) -> Steps:
    times = np.array(sorted({float(cells.level[i]) for i in positions}))
    place = {t: k for k, t in enumerate(times.tolist())}
    stats = {cells.stat[i] for i in positions} | set(READINGS)
    columns = {s: np.full(len(times), np.nan) for s in sorted(stats)}
    for i in positions:
        columns[cells.stat[i]][place[float(cells.level[i])]] = cells.value[i]
    words = cells.frame["unit"].tolist()
    units = {cells.stat[i]: words[i] for i in positions}
    return Steps(key, times, columns, positions, cells.frame.iloc[positions[0]].to_dict(), units)


def _earlier(previous: Ledger) -> dict[Curve, dict[str, dict[float, float]]]:
    """Numbers at risk and events up to each time of the curves of an earlier release."""
    cells = Cells.of(previous)
    found = {}
    for key, positions in curves_of(cells).items():
        steps = _steps(cells, key, positions)
        so_far = np.nancumsum(steps.columns["n_event"])
        at_risk = steps.columns["n_risk"]
        found[key] = {
            "n_risk": dict(zip(steps.times.tolist(), at_risk.tolist(), strict=True)),
            "n_event": dict(zip(steps.times.tolist(), so_far.tolist(), strict=True)),
        }
    return found


def _release_family(
    builder: Builder,
    numbers: Numbers,
    decisions: Decisions,
    family: list[Steps],
    before: dict[Curve, dict[str, dict[float, float]]],
    released: CurveRelease,
) -> None:
    cells, policy = builder.cells, builder.system.policy
    horizons = _horizons(cells, family[0].key)
    wanted = collect(
        (cells.group[i], float(cells.level[i])) for i in horizons if isfinite(cells.value[i])
    )
    every = sorted({h for times in wanted.values() for h in times})
    grid = _grid(policy, family, every)
    readings = {
        c.key: read(c, grid, wanted.get(c.key[2], []), before.get(c.key, {}), policy)
        for c in family
    }
    for key, reading in readings.items():
        _bar(builder, numbers, key, reading)
    weights = np.where(np.isin(grid, every), HORIZON_WEIGHT, 1.0)
    open_keys = [c.key for c in family if _may_be_shown(builder, numbers, c)]
    chosen = choose_family(readings, open_keys, weights, policy)
    for curve in family:
        points = chosen.get(curve.key, [])
        at = grid[points]
        first = min(curve.positions)
        start = numbers.curves[curve.key][0]
        base = builder.system.bands.get(start)
        rows = _rows(curve, at, readings[curve.key], points, policy)
        released.rows += [(first, _in_bands(row, base)) for row in rows]
        risk = [policy.rounded(float(x)) for x in readings[curve.key].at_risk[points]]
        shown = dict(zip(at.tolist(), [_band(x, base) for x in risk], strict=True))
        if base is not None:
            _coarsen_horizons(decisions, cells, curve, horizons)
        for i in horizons:
            if cells.group[i] == curve.key[2]:
                _decide_horizon(decisions, released, cells, i, shown)


def _bar(builder: Builder, numbers: Numbers, key: Curve, reading: Reading) -> None:
    """Do not read a curve where its events so far are a number that has to be hidden."""
    told = numbers.so_far.get(key, {}).items()
    hidden = [
        value for variable, value in told if builder.system.role[variable] is not Role.PUBLISHED
    ]
    reading.barred |= np.isin(reading.events, hidden)


def _band(count: float, base: int | None) -> float:
    return count if base is None or not isfinite(count) else in_band(count, base)


def _in_bands(row: dict[str, Any], base: int | None) -> dict[str, Any]:
    """A reading of a curve whose number at the start is shown rounded to a base."""
    if base is None:
        return row
    if not isfinite(row["value"]):
        return {**row, "n": _band(row["n"], base)}
    value = _band(row["value"], base) if row["stat"] == "n_risk" else row["value"]
    if row["stat"] in ("estimate", "conf_low", "conf_high"):
        value = coarse(value, FEW_DIGITS)
    return {**row, "value": value, "n": _band(row["n"], base), "suppressed": "rounded"}


def _coarsen_horizons(
    decisions: Decisions, cells: Cells, curve: Steps, horizons: list[int]
) -> None:
    for i in horizons:
        if cells.group[i] == curve.key[2] and isfinite(cells.value[i]):
            decisions.changed[i] = coarse(cells.value[i], FEW_DIGITS)


def _decide_horizon(
    decisions: Decisions,
    released: CurveRelease,
    cells: Cells,
    i: int,
    shown: dict[float, float],
) -> None:
    """An estimate at a horizon is a reading of its curve, shown where the curve is."""
    time = float(cells.level[i])
    released.numbers_at[i] = shown.get(time, float("nan"))
    if time in shown:
        decisions.reason.pop(i, None)
        if i in decisions.changed:
            decisions.reason[i] = "rounded"
    elif isfinite(cells.value[i]):
        decisions.reason[i] = "curve"


def _horizons(cells: Cells, key: Curve) -> list[int]:
    name = f"{key[1]}_at"
    return [
        i
        for i in cells.by_analysis[key[0]]
        if cells.variable[i] == name and cells.kind[i] == "estimate" and is_time(cells.level[i])
    ]


def _grid(policy: ReleasePolicy, family: list[Steps], horizons: Sequence[float]) -> Vector:
    end = max(float(c.times[-1]) for c in family)
    regular = policy.curve_step * np.arange(1, int(end // policy.curve_step) + 1)
    points = np.union1d(regular, np.array([h for h in horizons if 0 < h <= end]))
    return np.asarray(points, dtype=float)


def read(
    curve: Steps,
    grid: Vector,
    wanted: Sequence[float],
    before: dict[str, dict[float, float]],
    policy: ReleasePolicy,
) -> Reading:
    """Read the counts of a curve at the points of a grid.

    Parameters
    ----------
    curve : Steps
        The curve.
    grid : ndarray, shape (m,)
        Times.
    wanted : sequence of float
        Points that the plan asks for.
    before : dict
        Numbers at risk and events by time in an earlier release; empty if there is none.
    policy : ReleasePolicy
        The rules.

    Returns
    -------
    Reading
    """
    so_far = np.append(0.0, np.nancumsum(curve.columns["n_event"]))
    events = so_far[np.searchsorted(curve.times, grid, side="right")]
    risk = np.append(np.nan_to_num(curve.columns["n_risk"]), 0.0)
    at_risk = risk[np.searchsorted(curve.times, grid, side="left")]
    barred = np.zeros(len(grid), dtype=bool)
    for name, now in (("n_risk", at_risk), ("n_event", events)):
        earlier = before.get(name, {})
        change = np.abs([x - earlier.get(t, x) for t, x in zip(grid.tolist(), now, strict=True)])
        barred |= (change >= 1) & (change < policy.threshold)
    steps = np.searchsorted(curve.times, grid, side="right")
    quiet = (np.diff(steps, prepend=int((curve.times <= 0).sum())) == 0) & ~np.isin(grid, wanted)
    return Reading(events, at_risk, curve.events, curve.at_start, barred, quiet)


def _may_be_shown(builder: Builder, numbers: Numbers, curve: Steps) -> bool:
    system, cells = builder.system, builder.cells
    parent = builder.variable.get(cells.parent[curve.positions[0]])
    start, events = numbers.curves[curve.key]
    if system.is_hidden(start) or system.is_hidden(events) or is_banded(system, events):
        return False
    if is_banded(system, start) and digits_for(system, start) is None:
        return False
    return parent is None or system.role[parent] not in (Role.MARKED, Role.UNMARKED)


def _rows(
    curve: Steps, at: Vector, reading: Reading, points: list[int], policy: ReleasePolicy
) -> list[dict[str, Any]]:
    """Cells of a released curve; a single empty one where it is withheld."""
    if not points:
        return [_cell(curve, 0.0, "estimate", np.nan, np.nan, "curve")]
    start = curve.start
    first = {"estimate": start, "conf_low": start, "conf_high": start, "n_event": 0.0,
             "n_risk": reading.start if reading.start >= policy.at_risk else np.nan}  # fmt: skip
    rows = list(_time(curve, 0.0, first, policy))
    index = np.searchsorted(curve.times, at, side="right") - 1
    before = 0.0
    for time, k, point in zip(at.tolist(), index, points, strict=True):
        values = {s: _at(curve, s, k, start) for s in ("estimate", "conf_low", "conf_high")}
        values["n_event"] = float(reading.events[point]) - before
        values["n_risk"] = float(reading.at_risk[point])
        before = float(reading.events[point])
        rows += _time(curve, time, values, policy)
    return rows


def _at(curve: Steps, stat: str, index: int, start: float) -> float:
    return start if index < 0 else significant(float(curve.columns[stat][index]))


def _time(
    curve: Steps, time: float, values: dict[str, float], policy: ReleasePolicy
) -> Iterator[dict[str, Any]]:
    shown = policy.rounded(values["n_risk"]) if isfinite(values["n_risk"]) else np.nan
    for stat in ("estimate", "conf_low", "conf_high", *WITHHELD_STATS, "n_risk", "n_event"):
        if stat not in curve.columns or (stat in READINGS and np.isnan(curve.columns[stat]).all()):
            continue
        value, reason = values.get(stat, np.nan), ""
        if stat.startswith("n_") and policy.rounding > 1 and isfinite(value):
            value, reason = policy.rounded(value), "rounded"
        hidden = stat in WITHHELD_STATS or (stat == "n_risk" and not isfinite(value))
        yield _cell(curve, time, stat, value, shown, "curve" if hidden else reason)


def _cell(
    curve: Steps, time: float, stat: str, value: float, n: float, suppressed: str
) -> dict[str, Any]:
    first = curve.first
    made = cell(
        curve.key[0],
        curve.key[1],
        stat,
        value,
        kind="curve step",
        group=curve.key[2],
        level=format(time, ".10g"),
        label=str(first["label"]),
        unit=str(curve.units.get(stat, "")),
        n=n,
        caveat=str(first["caveat"]),
        parent=str(first["parent"]),
    )
    return {**made, "suppressed": suppressed}
