"""Which rows are at risk at which event time, as positions that sums can be made by.

Every row is at risk at a run of event times (slots) of its stratum, so all risk-set sums are
cumulative sums of per-slot sums. Nothing is sorted by time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.followup import Codes, Vector
from vpstats.models.steps import whole_days

Matrix = NDArray[np.float64]
Index = NDArray[np.int32]
Mask = NDArray[np.bool_]
Ties = Literal["efron", "breslow"]

SCATTER = 65_536
"""Rows summed into slots at a time; smaller blocks pay more for starting than for summing."""
_MOST_KEYS = 2**22
"""Largest number of strata times days that event times are looked up by in a table."""


@dataclass(frozen=True, slots=True)
class HazardRows:
    """Rows of a hazard model.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        C-ordered covariates, centred.
    exit : ndarray, shape (n,)
        End of follow-up.
    dead : ndarray of bool, shape (n,)
        Whether the end is the event in question.
    entry : ndarray, shape (n,), optional
        Time after which a row is at risk, ``-inf`` from the start.
    strata : ndarray of int, shape (n,), optional
        Stratum of each row.
    weights, offset : ndarray, shape (n,), optional
        Case weights; known part of the log hazard.
    """

    X: Matrix
    exit: Vector
    dead: Mask
    entry: Vector | None = None
    strata: Codes | None = None
    weights: Vector | None = None
    offset: Vector | None = None

    def __len__(self) -> int:
        return len(self.X)

    def every(self, step: int) -> HazardRows:
        """Every `step`-th row."""
        taken: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else values[::step]
            for name in ("exit", "dead", "entry", "strata", "weights", "offset")
        }
        return HazardRows(X=np.ascontiguousarray(self.X[::step]), **taken)


@dataclass(frozen=True, slots=True)
class Slots:
    """The D distinct event times, by stratum and then by time.

    Parameters
    ----------
    time : ndarray, shape (D,)
        Event times.
    stratum : ndarray of int, shape (D,)
        Stratum of each slot.
    first, end : ndarray of int, shape (D,)
        First slot of the slot's stratum, and the first slot after that stratum.
    """

    time: Vector
    stratum: Codes
    first: Codes
    end: Codes

    def __len__(self) -> int:
        return int(self.time.size)

    def so_far(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sums along the first axis over the slots of the same stratum up to each slot."""
        if self.single:
            return np.asarray(np.cumsum(values, axis=0))
        sums = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
        return np.asarray(sums[1:] - sums[self.first])

    def from_here(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sums over the slots of the same stratum from each slot on."""
        sums = _suffix_sums(values)
        if self.single:
            return sums[:-1]
        return np.asarray(sums[:-1] - sums[self.end])

    def into_from_here(self, values: NDArray[Any]) -> NDArray[Any]:
        """As `from_here`, of values that are no longer needed and may be overwritten."""
        if not self.single:
            return self.from_here(values)
        flipped = values[::-1]
        np.cumsum(flipped, axis=0, out=flipped)
        return values

    @property
    def single(self) -> bool:
        """Whether all slots are of one stratum."""
        return len(self) == 0 or int(self.end[0]) == len(self)

    def after(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sums over the slots of the same stratum after each slot."""
        sums = _suffix_sums(values)
        return np.asarray(sums[1:] - sums[self.end])

    def ahead(self, values: NDArray[Any], start: Codes) -> NDArray[Any]:
        """Sums over the slots from given ones on that are of the same stratum; 0 at the end."""
        sums = _suffix_sums(values)
        found = sums.take(start, axis=0)
        if not self.single:
            found -= sums.take(np.append(self.end, len(self))[start], axis=0)
        return found

    def before(self, values: NDArray[Any]) -> NDArray[Any]:
        """Value at the slot before each, 0 at the first of a stratum; and a 0 at the end."""
        shifted = np.concatenate([np.zeros_like(values[:1]), values])
        shifted[self.first] = 0.0
        shifted[-1] = 0.0
        return shifted


def _suffix_sums(values: NDArray[Any]) -> NDArray[Any]:
    """Sums from each position on, and a 0 at the end."""
    sums = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values[::-1], axis=0, out=sums[-2::-1])
    return sums


@dataclass(frozen=True, slots=True)
class Carried:
    """Rows that stay at risk after their own end, with a weight that changes from slot to slot.

    Rows of one lane have the same slots and the same weights; the J cells are the lanes' distinct
    times of ending.

    Parameters
    ----------
    lanes : Slots
        The L slots of each lane, lane by lane.
    weight : ndarray, shape (L,)
        Weight of each slot.
    last : ndarray of int, shape (J,)
        Last slot of a cell before its end, D if its rows are at risk at none.
    start : ndarray of int, shape (J,)
        First slot of a cell's lane after its end, L if there is none.
    factor : ndarray, shape (J,)
        What a cell's weights are to be multiplied by.
    slot : ndarray of int, shape (L,), optional
        Slot of each lane's slot; None if every slot has one lane.
    """

    lanes: Slots
    weight: Vector
    last: Codes
    start: Codes
    factor: Vector
    slot: Codes | None

    def __len__(self) -> int:
        return int(self.last.size)

    def ended(self, by_cell: NDArray[Any], size: int) -> NDArray[Any]:
        """Sums by cell, at the last slot of each before its end, shape (D, ...)."""
        return _add_at(self.last, None, by_cell, size)

    def so_far(self, by_cell: NDArray[Any]) -> NDArray[Any]:
        """Sums over the cells of a lane that ended before each of its slots, shape (L, ...)."""
        entered = _add_at(self.start, self.factor, by_cell, len(self.lanes))
        return self.lanes.so_far(entered)

    def later(self, by_cell: NDArray[Any], size: int) -> NDArray[Any]:
        """Sum over the carried rows at each of the D slots, from sums by cell."""
        weighed = self.so_far(by_cell)
        weighed *= _along(self.weight, weighed)
        return weighed if self.slot is None else _add_at(self.slot, None, weighed, size)

    def at_lanes(self, values: NDArray[Any]) -> NDArray[Any]:
        """Value of the slots times the weights of the lanes' slots, shape (L, ...)."""
        own = values if self.slot is None else values.take(self.slot, axis=0)
        return np.asarray(own * _along(self.weight, own))

    def over(self, values: NDArray[Any], so_far: NDArray[Any]) -> NDArray[Any]:
        """Sum of a value of the slots over those at which each cell is at risk."""
        ahead = self.lanes.ahead(self.at_lanes(values), self.start)
        ahead *= _along(self.factor, ahead)
        before = so_far.take(self.last, axis=0, mode="clip")
        before[self.last == len(so_far)] = 0.0
        ahead += before
        return ahead


def _along(values: Vector, like: NDArray[Any]) -> NDArray[Any]:
    """Values that multiply the first axis of an array of one axis or two."""
    return np.asarray(values if like.ndim == 1 else values[:, None])


def _add_at(
    position: Codes, factor: Vector | None, values: NDArray[Any], size: int
) -> NDArray[Any]:
    """Sums of values (times a factor) by position; those at `size` are dropped."""
    if values.ndim == 1:
        own = values if factor is None else factor * values
        # of nothing at all bincount makes whole numbers
        return np.asarray(np.bincount(position, own, size + 1)[:size], dtype=np.float64)
    own = np.ones(len(position)) if factor is None else factor
    starts = np.arange(len(position) + 1, dtype=position.dtype)
    added = sparse.csc_array((own, position, starts), shape=(size + 1, len(position)))
    return np.asarray(added @ values)[:size]


@dataclass(frozen=True)
class RiskSets:
    """Rows with the slots at which each is at risk.

    Parameters
    ----------
    rows : HazardRows
        The n rows.
    slots : Slots
        The D event times.
    cell : ndarray of int32, shape (n,)
        ``2 k + dead`` for a row whose last slot is k, ``2 D + j`` for a carried row of cell j, and
        the last cell for a row that is never at risk.
    late : ndarray of int32, shape (n,), optional
        First slot of rows that enter after the first slot of their stratum, D for the others.
    deaths : ndarray of int, shape (D,)
        Number of events at each slot.
    mean_weight : ndarray, shape (D,)
        Mean weight of the events at each slot.
    ties : {"efron", "breslow"}
        How events at one time share the risk set.
    carried : Carried, optional
        Rows at risk after their end; with Breslow's ties alone.
    """

    rows: HazardRows
    slots: Slots
    cell: Index
    late: Index | None
    deaths: Codes
    mean_weight: Vector
    ties: Ties
    carried: Carried | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells, the one for rows never at risk included."""
        return 2 * len(self.slots) + 1 + (0 if self.carried is None else len(self.carried))

    @cached_property
    def apart(self) -> bool:
        """Whether no event of a slot leaves the risk set before another."""
        return self.ties == "breslow" or int(self.deaths.max(initial=0)) <= 1

    @cached_property
    def summed(self) -> Index:
        """Which sum each row adds to: its cell, or its slot where events need no sum of their own.

        Carried rows have sums of their own; the last is for rows never at risk.
        """
        if not self.apart:
            return self.cell
        end = 2 * len(self.slots)
        found = self.cell >> 1
        if self.carried is not None:
            own = np.flatnonzero(self.cell >= end)
            found[own] = self.cell[own] - len(self.slots)
        return found

    @property
    def n_sums(self) -> int:
        """Number of sums over rows by where they end."""
        return self.n_cells - len(self.slots) if self.apart else self.n_cells

    @property
    def height(self) -> int:
        """Number of sums that a sweep makes: over rows by where they end, and by late entry."""
        return self.n_sums + (0 if self.late is None else len(self.slots) + 1)

    @cached_property
    def event_total(self) -> Vector:
        """Weighted sum of the events' covariates, shape (p,)."""
        rows = self.rows
        weight = rows.dead.astype(float)
        if rows.weights is not None:
            weight *= rows.weights
        return np.asarray(weight @ rows.X)

    @cached_property
    def events(self) -> NDArray[np.intp]:
        """Positions of the rows with an event."""
        return np.flatnonzero(self.rows.dead)

    def blocks(self) -> Iterator[slice]:
        """Slices of `SCATTER` rows, or of as many as there are sums to be made of them."""
        size = max(SCATTER, self.height)
        return (slice(start, start + size) for start in range(0, len(self.rows), size))

    @cached_property
    def shares(self) -> Vector:
        """For every event, the share of its slot's events that have left before it."""
        starts = self.death_starts
        ranks = np.arange(int(self.deaths.sum())) - np.repeat(starts, self.deaths)
        if self.ties == "breslow":
            return np.zeros(ranks.size)
        return np.asarray(ranks / np.repeat(self.deaths, self.deaths))

    @cached_property
    def death_starts(self) -> Codes:
        """Position of the first event of each slot among all events, slot by slot."""
        return np.cumsum(self.deaths) - self.deaths

    @cached_property
    def scatters(self) -> tuple[sparse.csc_array, ...]:
        """Per block the matrix that adds rows up by cell and, below, by late entry."""
        return tuple(self._scatter(block) for block in self.blocks())

    def _scatter(self, block: slice) -> sparse.csc_array:
        cell = self.summed[block]
        if self.late is not None:
            cell = np.stack([cell, self.late[block] + self.n_sums], axis=1).ravel()
        n = len(self.rows.exit[block])
        starts = np.arange(n + 1, dtype=np.int32) * (len(cell) // n)
        matrix = sparse.csc_array((np.zeros(len(cell)), cell, starts), shape=(self.height, n))
        matrix.data = np.zeros(len(cell))  # our own, to be overwritten at every evaluation
        return matrix

    def over_slots(self, values: NDArray[Any], spared: NDArray[Any] | None) -> NDArray[Any]:
        """Sum of a value of the slots over those at which each cell is at risk.

        Parameters
        ----------
        values : ndarray, shape (D, ...)
            Value of each slot.
        spared : ndarray, shape (D, ...), optional
            What the events of each slot are spared of its value.

        Returns
        -------
        ndarray, shape (n_cells, ...)
            As if every row entered at the first slot of its stratum.
        """
        end = 2 * len(self.slots)
        so_far = self.slots.so_far(values)
        table = np.zeros((self.n_cells, *values.shape[1:]))
        table[0:end:2] = so_far
        table[1:end:2] = so_far if spared is None else so_far - spared
        if self.carried is not None:
            table[end:-1] = self.carried.over(values, so_far)
        return table

    def over_sums(self, values: NDArray[Any], spared: NDArray[Any] | None) -> NDArray[Any]:
        """As `over_slots`, by the sums that rows add to, shape (n_sums, ...)."""
        if not self.apart:
            return self.over_slots(values, spared)
        D = len(self.slots)
        table = np.zeros((self.n_sums, *values.shape[1:]))
        if self.slots.single:
            np.cumsum(values, axis=0, out=table[:D])
        else:
            table[:D] = self.slots.so_far(values)
        if self.carried is not None:
            table[D:-1] = self.carried.over(values, table[:D])
        return table

    def spread(self, by_cell: NDArray[Any], by_late: NDArray[Any]) -> NDArray[Any]:
        """Give every row the value of its cell, less that of its late entry."""
        value = by_cell.take(self.cell, axis=0)
        return value if self.late is None else value - by_late.take(self.late, axis=0)


def find_risk_sets(rows: HazardRows, ties: Ties) -> RiskSets:
    """Find the slots and the run of slots at which each row is at risk.

    Parameters
    ----------
    rows : HazardRows
        Rows with at least one event.
    ties : {"efron", "breslow"}
        How events at one time share the risk set.

    Returns
    -------
    RiskSets
        A row censored at the time of an event is in that event's risk set; a row that enters
        then is not.
    """
    stratum = np.zeros(1, dtype=np.int64) if rows.strata is None else rows.strata
    day, entry_day, times = _days(rows)
    width = times.size
    key = day if rows.strata is None else stratum * width + day
    chosen, up_to = _event_keys(key[rows.dead], (int(stratum.max()) + 1) * width)
    slots = make_slots(times[chosen % width], chosen // width)
    last = up_to(key) - 1
    # slots of earlier strata lie below the first one of the row's own stratum
    opening = up_to(stratum * width - 1)
    start = opening if entry_day is None else up_to(stratum * width + entry_day)
    at_risk = last >= start
    D = len(slots)
    cell = np.where(at_risk, 2 * last + rows.dead, 2 * D).astype(np.int32)
    late = None
    if entry_day is not None:
        late = np.where(at_risk & (start > opening), start, D).astype(np.int32)
    own = last[rows.dead]
    deaths = np.bincount(own, minlength=D)
    weight = deaths if rows.weights is None else np.bincount(own, rows.weights[rows.dead], D)
    return RiskSets(rows, slots, cell, late, deaths, weight / deaths, ties)


def _event_keys(keys: Codes, size: int) -> tuple[Codes, Callable[[Codes], Codes]]:
    """The distinct keys of events, and how many of them lie at or below given keys."""
    if size > _MOST_KEYS + 16 * keys.size:  # as many strata as patients: a table would not fit
        chosen = np.unique(keys)
        return chosen, lambda asked: np.searchsorted(chosen, asked, side="right")
    seen = np.zeros(size + 1, dtype=bool)
    seen[keys + 1] = True
    counts = np.cumsum(seen)
    return np.flatnonzero(seen) - 1, lambda asked: counts[asked + 1]


def _days(rows: HazardRows) -> tuple[Codes, Codes | None, Vector]:
    """Times as small whole numbers that keep their order against the event times, and back.

    Day 0 lies before every event, so that an entry "from the start" has a day too.
    """
    whole = whole_days(rows)
    if whole is not None:
        days, first, grid = whole
        days += 1
        if first is not None:
            first += 1
        return days, first, np.append(-1.0, grid)
    times = np.unique(rows.exit[rows.dead])
    known = np.append(-np.inf, times)
    days = np.searchsorted(times, rows.exit, side="right")
    first = None if rows.entry is None else np.searchsorted(times, rows.entry, side="right")
    return days, first, known


def run_positions(first: Codes, length: Codes) -> Codes:
    """Positions ``first, first + 1, …`` of runs of given lengths, one run behind another.

    Examples
    --------
    >>> run_positions(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    starts = np.cumsum(length) - length
    return np.asarray(np.arange(int(length.sum())) + np.repeat(first - starts, length))


def make_slots(time: Vector, stratum: Codes) -> Slots:
    """Slots from their times, which ascend within each stratum."""
    bounds = np.flatnonzero(np.diff(stratum, prepend=-1))
    length = np.diff(bounds, append=stratum.size)
    return Slots(time, stratum, np.repeat(bounds, length), np.repeat(bounds + length, length))
