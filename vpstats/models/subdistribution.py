"""Risk sets of a subdistribution: competing events stay, weighted by the chance of being seen.

A row with a competing event at T keeps its place in the risk sets after T with weight
``G(t-) / G(T-)``, G being the Kaplan–Meier estimate of not yet being censored; with delayed entry
the weight is that times ``H(t-) / H(T-)``, H being the product-limit estimate of having entered.
Rows censored at the time of an event are counted as at risk of both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Codes, Vector
from vpstats.models.risksets import HazardRows, Index, Mask, RiskSets, find_risk_sets
from vpstats.models.slots import Carried, Ends, Slots, make_slots, run_positions
from vpstats.models.steps import divide, time_grid

Matrix = NDArray[np.float64]
Positions = NDArray[np.integer]

_ALL = 1.0 - 1e-9
"""Share of the weight at risk that is all of it but for rounding."""


@dataclass(frozen=True)
class Observation:
    """When rows enter and are censored, group by group.

    Parameters
    ----------
    times : Slots
        The K distinct times of entering or ending of each group.
    end : ndarray of int32, shape (n,)
        Position of each row's end in `times`.
    entry : ndarray of int32, shape (n,), optional
        Position of each row's entry, K for a row at risk from the start.
    censored : ndarray of bool, shape (n,)
        Whether a row's end is a censoring.
    at_risk : ndarray, shape (K,)
        Weight of the rows at risk at each time.
    weights : ndarray, shape (n,), optional
        Case weights.
    era : ndarray of int, shape (K,)
        Number of times from each on at which the chance of being seen falls to 0; see `Chance`.
    entering, present : ndarray, shape (K,)
        Weight of the rows that enter at each time, and of those at risk just after it; of no
        length where all rows are at risk from the start.
    """

    times: Slots
    end: Index
    entry: Index | None
    censored: Mask
    at_risk: Vector
    weights: Vector | None
    era: Index
    entering: Vector
    present: Vector

    @cached_property
    def hazard(self) -> Vector:
        """Hazard of being censored at each time, shape (K,)."""
        lost = np.flatnonzero(self.censored)
        return divide(self.lost(lost, self.end[lost], len(self.times)), self.at_risk)

    def lost(self, rows: Positions, at: Positions, count: int) -> Vector:
        """Weight of some censored rows, summed by position."""
        weights = None if self.weights is None else self.weights.take(rows)
        return np.bincount(at, weights, count).astype(float, copy=False)


@dataclass(frozen=True)
class Chance:
    """Chance of being seen: of having entered and of not being censored.

    Parameters
    ----------
    times : Slots
        The K times of an `Observation`.
    seen : ndarray, shape (K,)
        The chance just before each time, up to a factor.
    era : ndarray of int, shape (K,)
        Number of times from each on at which it falls to 0, because all who were seen were
        censored or had only just entered. Chances of one era can be compared.
    """

    times: Slots
    seen: Vector
    era: Index

    def before(self, group: Codes, era: Codes, time: Vector) -> Vector:
        """`seen` at any times of a group; 0 in another era, and after the last time."""
        at = position(self.times, group, time, "left")
        known = (at < ends_of(self.times.stratum, group)) & (np.append(self.era, -1)[at] == era)
        return np.where(known, np.append(self.seen, 0.0)[at], 0.0)


@dataclass(frozen=True)
class Subdistribution:
    """Risk sets of a subdistribution, with what the weights in them were estimated from.

    Parameters
    ----------
    sets : RiskSets
        With the carried rows.
    observation : Observation
        Entries and censorings by group.
    lane_stratum, lane_group, lane_era : ndarray of int
        Stratum, group and era of each lane.
    cell_lane : ndarray of int, shape (J,)
        Lane of each carried cell.
    cell_time, cell_factor : ndarray, shape (J,)
        Time of ending, and one over the chance of being seen just before it.
    competing : ndarray of bool, shape (n,)
        Whether a row ended with another cause.
    groups : ndarray of int, shape (n,), optional
        Group of each row; one if None.
    nested : bool
        Whether every group lies within one stratum.
    """

    sets: RiskSets
    observation: Observation
    lane_stratum: Codes
    lane_group: Codes
    lane_era: Codes
    cell_lane: Codes
    cell_time: Vector
    cell_factor: Vector
    competing: Mask
    groups: Codes | None
    nested: bool

    @property
    def cut(self) -> bool:
        """Whether rows had to be given up because nobody was seen who could stand for them."""
        carried = self.sets.carried
        assert carried is not None  # noqa: S101  # a subdistribution has carried rows
        ended = carried.so_far(np.ones(len(carried)))
        return bool(np.any((carried.weight == 0) & (ended > 0)))

    @property
    def sweeps(self) -> bool:
        """Whether scores can be made in order of time: nobody enters late, strata are groups."""
        none_late = self.observation.entry is None
        return none_late and self.groups is self.sets.rows.strata and self.sets.sweeps

    def part(self, rows: HazardRows, step: int) -> RiskSets:
        """Risk sets of every so-manieth row alone."""
        event = np.where(rows.dead, 1, np.where(self.competing[::step], 2, 0))
        groups = None if self.groups is None else self.groups[::step]
        return find_subdistribution(rows, event, 1, groups).sets


def position(slots: Slots, owner: Codes, time: Vector, side: Any) -> NDArray[np.intp]:
    """Position of times among the slots of their owner, all owners in one array."""
    if len(slots) and slots.single and np.all(owner == slots.stratum[0]):
        return np.searchsorted(slots.time, time, side=side)
    # complex numbers are ordered by their real part and then by their imaginary part
    return np.searchsorted(slots.stratum + 1j * slots.time, owner + 1j * time, side=side)


def ends_of(owners: Codes, asked: Codes) -> Codes:
    """Where the runs of given owners end in an array of owners that ascend."""
    if not owners.size or not asked.size:
        return np.zeros(asked.size, dtype=np.int64)
    size = int(max(owners[-1], asked.max())) + 1
    return np.cumsum(np.bincount(owners, minlength=size))[asked]


def find_subdistribution(
    rows: HazardRows, event: Codes, cause: int, groups: Codes | None
) -> Subdistribution:
    """Find the risk sets of the subdistribution of one cause.

    Parameters
    ----------
    rows : HazardRows
        Rows with at least one event of the cause.
    event : ndarray of int, shape (n,)
        0 censored, 1, 2, … the cause of the event.
    cause : int
        Code of the event in question.
    groups : ndarray of int, shape (n,), optional
        Groups whose rows share the distribution of entry and censoring; one if None.

    Returns
    -------
    Subdistribution

    References
    ----------
    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. J
    Am Stat Assoc 1999;94:496-509. Geskus RB. Cause-specific cumulative incidence estimation and
    the Fine and Gray model under both left truncation and right censoring. Biometrics
    2011;67:39-49. Zhou B, Latouche A, Rocha V, Fine J. Competing risks regression for stratified
    data. Biometrics 2011;67:661-670.
    """
    sets = find_risk_sets(rows, "breslow")
    seen, chance = observe(rows, event == 0, groups)
    competing = (event > 0) & (event != cause)
    others = np.flatnonzero(competing)
    stratum, group = (_codes_of(codes, others) for codes in (rows.strata, groups))
    span, eras = int(group.max(initial=0)) + 1, int(seen.era.max(initial=0)) + 1
    era = seen.era[seen.end[others]].astype(np.int64)
    lane_keys, lane = distinct((stratum * span + group) * eras + era)
    pairs, lane_era = lane_keys // eras, lane_keys % eras
    lane_stratum, lane_group = pairs // span, pairs % span
    alive = sets.cell[others] < 2 * len(sets.slots)
    K = len(seen.times)
    keys, member = distinct((lane * K + seen.end[others]) * 2 + alive)
    cell_lane, at, was_alive = keys // (2 * K), keys // 2 % K, keys % 2 == 1
    before = chance.seen[at]
    factor = np.divide(1.0, before, out=np.zeros_like(before), where=before > 0)
    if len(lane_keys) == 1:
        cell_lane = np.broadcast_to(np.int64(0), cell_lane.shape)
    lanes, cells = (lane_stratum, lane_group, lane_era), (cell_lane, seen.times.time[at], factor)
    at = at.astype(np.int32)
    carried = _carried(sets.slots, chance, lanes, cells, was_alive)
    cell = sets.cell.copy()
    cell[cell == sets.n_cells - 1] += len(keys)
    cell[others] = 2 * len(sets.slots) + member
    slots = None
    if rows.strata is None and groups is None:
        slots = np.append(np.searchsorted(seen.times.time, sets.slots.time), K)
    ends = Ends(seen.end, K, at, slots) if seen.entry is None else None
    return Subdistribution(
        replace(sets, cell=cell, carried=carried, ends=ends),
        seen,
        lane_stratum,
        lane_group,
        lane_era,
        cell_lane,
        seen.times.time[at],
        factor,
        competing,
        groups,
        _nested(rows.strata, groups),
    )


def _codes_of(codes: Codes | None, rows: Codes) -> Codes:
    """Codes of some rows; 0 where all are of one kind."""
    return np.zeros(rows.size, dtype=np.int64) if codes is None else codes[rows]


def _nested(strata: Codes | None, groups: Codes | None) -> bool:
    """Whether all rows of a group are of one stratum."""
    if strata is None:
        return True
    if groups is None:
        return bool(strata.max(initial=0) == 0)
    first = np.zeros(int(groups.max(initial=0)) + 1, dtype=np.int64)
    first[groups] = strata
    return bool(np.array_equal(first[groups], strata))


def distinct(keys: Codes) -> tuple[Codes, Codes]:
    """Distinct keys of at least 0, ascending, and the position of each key among them."""
    top = int(keys.max(initial=-1)) + 1
    if top > 4 * keys.size + 4096:
        found, inverse = np.unique(keys, return_inverse=True)
        return found, inverse
    used = np.zeros(top, dtype=bool)
    used[keys] = True
    return np.flatnonzero(used), (np.cumsum(used) - 1)[keys]


def _carried(
    slots: Slots,
    chance: Chance,
    lanes: tuple[Codes, Codes, Codes],
    cells: tuple[Codes, Vector, Vector],
    alive: Mask,
) -> Carried:
    """Where carried rows are at risk, and with what weights."""
    lane_stratum, lane_group, lane_era = lanes
    cell_lane, time, factor = cells
    end = ends_of(slots.stratum, lane_stratum)
    first = np.searchsorted(slots.stratum, lane_stratum)
    length = end - first
    of_lane = np.repeat(np.arange(length.size), length)
    which = run_positions(first, length)
    lane_slots = make_slots(slots.time[which], of_lane)
    weight = chance.before(lane_group[of_lane], lane_era[of_lane], lane_slots.time)
    # the slots of a lane are those of its stratum, so that one search serves both
    passed = position(slots, lane_stratum[cell_lane], time, "right")
    stop = np.cumsum(length)[cell_lane]
    start = stop - (end[cell_lane] - passed)
    one_each = np.array_equal(which, np.arange(len(slots)))
    return Carried(
        lanes=slots if one_each else lane_slots,
        weight=weight,
        last=np.where(alive, passed - 1, len(slots)).astype(np.int32),
        start=np.where(start < stop, start, which.size).astype(np.int32),
        factor=factor,
        slot=None if one_each else which.astype(np.int32),
    )


def observe(rows: HazardRows, censored: Mask, groups: Codes | None) -> tuple[Observation, Chance]:
    """Estimate group by group the chances of having entered and of not being censored."""
    times, end, entry = _positions(rows, groups)
    at_risk = np.bincount(end, rows.weights, len(times)).astype(float, copy=False)
    ended = at_risk.copy() if entry is not None else at_risk[:0]
    at_risk = times.into_from_here(at_risk)
    entering = present = ended
    if entry is not None:
        entering = _entering(rows, entry, len(times))
        at_risk -= times.from_here(entering)
        present = at_risk + entering - ended
    found = Observation(
        times, end, entry, censored, at_risk, rows.weights, np.empty(0, np.int32), entering, present
    )
    lost = np.flatnonzero(censored)
    stay = found.lost(lost, end[lost], len(times))
    none = (stay > 0) & (stay >= _ALL * at_risk)
    stay = np.subtract(1.0, divide(stay, at_risk), out=stay)
    stay[none] = 1.0
    seen = _products(times, stay)
    if entry is not None:
        came, new = 1.0 - divide(entering, present), (entering > 0) & (entering >= _ALL * present)
        came[new] = 1.0
        seen *= _products_from(times, came)
        none |= new
    era = _eras(times, none)
    return replace(found, era=era), Chance(times, seen, era)


def _eras(times: Slots, none: Mask) -> Index:
    """Number of times from each on, of its group, at which nobody is left who was seen."""
    if times.single and not none[:-1].any():
        return np.broadcast_to(np.int32(none.sum()), none.shape)
    return np.asarray(times.from_here(none.astype(np.int32)), dtype=np.int32)


def _entering(rows: HazardRows, entry: Index, count: int) -> Vector:
    """Weight of the rows that enter at each time."""
    late = np.flatnonzero(entry < count)
    weights = None if rows.weights is None else rows.weights[late]
    return np.bincount(entry[late], weights, count).astype(float)


def _positions(rows: HazardRows, groups: Codes | None) -> tuple[Slots, Index, Index | None]:
    """Distinct times of entering and ending by group, and where each row's are among them."""
    day, entry_day, grid = time_grid(rows)
    key = day if groups is None else groups * grid.size + day
    if entry_day is None:
        found, end = distinct(key)
        del key, day
        return _slots_of(found, grid), end.astype(np.int32), None
    late = np.flatnonzero(entry_day >= 0)
    group = 0 if groups is None else groups
    entry_key = (group * grid.size + entry_day)[late]
    found, both = distinct(np.concatenate([key, entry_key]))
    entry = np.full(len(rows), found.size, dtype=np.int32)
    entry[late] = both[len(rows) :]
    return _slots_of(found, grid), both[: len(rows)].astype(np.int32), entry


def _slots_of(keys: Codes, grid: Vector) -> Slots:
    """Slots of times of a grid, from group × size of the grid + position."""
    if keys.size == grid.size and keys[-1] == grid.size - 1:
        return make_slots(grid, np.broadcast_to(np.int64(0), keys.shape))
    return make_slots(grid[keys % grid.size], keys // grid.size)


def _products(times: Slots, factors: Vector) -> Vector:
    """Product of the factors before each time of its group."""
    found = np.ones_like(factors)
    for first, end in _bounds(times):
        np.cumprod(factors[first : end - 1], out=found[first + 1 : end])
    return found


def _products_from(times: Slots, factors: Vector) -> Vector:
    """Product of the factors from each time of its group on."""
    found = np.empty_like(factors)
    for first, end in _bounds(times):
        found[first:end] = np.cumprod(factors[first:end][::-1])[::-1]
    return found


def _bounds(times: Slots) -> list[tuple[int, int]]:
    first = np.flatnonzero(np.diff(times.stratum, prepend=-1))
    return list(zip(first.tolist(), times.end[first].tolist(), strict=True))
