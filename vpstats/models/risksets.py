"""Which rows are at risk at which event time, as positions that sums can be made by.

Every row is at risk at a run of event times (slots) of its stratum, so all risk-set sums are
cumulative sums of per-slot sums. Nothing is sorted by time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.followup import Codes, Vector
from vpstats.models.slots import Carried, Ends, Grouped, Slots, group_rows, make_slots
from vpstats.models.steps import whole_days

Matrix = NDArray[np.float64]
Index = NDArray[np.int32]
Mask = NDArray[np.bool_]
Ties = Literal["efron", "breslow"]

SCATTER = 65_536
"""Rows summed into slots at a time; smaller blocks pay more for starting than for summing."""
_PER_STRATUM = 1_000
"""Event times that a stratum has on average where its sums are made some at a time."""
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
    ends : Ends, optional
        When rows end among more times than those of the events.
    """

    rows: HazardRows
    slots: Slots
    cell: Index
    late: Index | None
    deaths: Codes
    mean_weight: Vector
    ties: Ties
    carried: Carried | None = None
    ends: Ends | None = None

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
    def sweeps(self) -> bool:
        """Whether sums can be made some event times at a time, from one end of strata to the other.

        Rows must start together, all that are carried in a stratum have the same weights, and
        strata not be so many that it would take long.
        """
        if self.late is not None or not self.in_lanes:
            return False
        strata = int(np.count_nonzero(self.slots.first == np.arange(len(self.slots))))
        return strata == 1 or _PER_STRATUM * strata <= len(self.slots)

    @property
    def in_lanes(self) -> bool:
        """Whether all rows that are carried in a stratum have the same weights."""
        return self.carried is None or self.carried.slot is None

    @cached_property
    def ending(self) -> Grouped:
        """Rows by where they end: their last slot, or twice that and 1 for an event (`apart`)."""
        D = len(self.slots)
        if self.ends is not None and self.ends.slots is not None:
            return replace(self.ended, starts=self.ended.starts[self.ends.slots])
        if not self.apart:
            return group_rows(self.cell, 2 * D)
        index = self.summed
        if self.carried is not None:
            lasts = np.concatenate([np.arange(D), self.carried.last, [D]]).astype(np.int32)
            index = lasts.take(index)
        return group_rows(index, D)

    @cached_property
    def carrying(self) -> Grouped:
        """Carried rows by their first slot after their end, with their factors."""
        assert self.carried is not None  # noqa: S101  # asked for where there are some
        if self.ends is not None and self.ends.slots is not None:
            # those that end at a slot, or between it and the next, are carried from the next on
            after = self.left.starts[self.ends.slots[:-1]]
            return replace(self.left, starts=np.append(np.int32(0), after))
        return self._carried_by(self.carried.start, len(self.carried.lanes))

    @cached_property
    def ended(self) -> Grouped:
        """Rows by their `ends`."""
        assert self.ends is not None  # noqa: S101  # asked for where they are known
        return group_rows(self.ends.index, self.ends.size)

    @cached_property
    def left(self) -> Grouped:
        """Carried rows by their `ends`, with their factors."""
        assert self.ends is not None  # noqa: S101  # asked for where they are known
        return self._carried_by(self.ends.of_cells, self.ends.size)

    def _carried_by(self, index: NDArray[np.integer], size: int) -> Grouped:
        """Carried rows by an index of their cells."""
        assert self.carried is not None  # noqa: S101  # asked for where there are some
        D = len(self.slots)
        rows = np.flatnonzero((self.cell >= 2 * D) & (self.cell < self.n_cells - 1))
        member = self.cell[rows] - 2 * D
        found = group_rows(index.take(member), size)
        factor = self.carried.factor.take(member.take(found.rows))
        return Grouped(rows.take(found.rows).astype(np.int32), found.starts, factor)

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
