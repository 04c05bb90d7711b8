"""Scores of a subdistribution model, with what estimating the weights adds to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.followup import Codes, Vector
from vpstats.models.partial import SCORED, Scores
from vpstats.models.partial_points import STEP, Point, Sums, Swept
from vpstats.models.partial_sums import TABLED, sweep, tabulate
from vpstats.models.partial_sweep import Reach, SweptScores, some_rows
from vpstats.models.slots import Slots
from vpstats.models.steps import divide
from vpstats.models.subdistribution import Subdistribution, position

Matrix = NDArray[np.float64]
Index = NDArray[np.int32]


def subdistribution_scores(sub: Subdistribution, sums: Point) -> Scores | SweptSubdistribution:
    """Scores of the rows of a subdistribution model.

    A row's score is its part of the pseudo-score plus what its censoring, its entry and its time
    at risk did to the weights of the rows that were carried.

    Parameters
    ----------
    sub : Subdistribution
        Risk sets.
    sums : Point
        Their sums at the estimate.

    Returns
    -------
    Scores or SweptSubdistribution
        The latter where there are so many times that tables by time would be as large as the rows.

    References
    ----------
    Fine JP, Gray RJ (1999), section 3.2. Zhou B, Fine J, Latouche A, Labopin M. Competing risks
    regression for clustered data. Biostatistics 2012;13:371-383. Zhang X, Zhang MJ, Fine J. A
    proportional hazards regression model for the subdistribution with right-censored and
    left-truncated competing risks data. Stat Med 2011;30:1933-1951.
    """
    times = max(len(sub.observation.times), len(sub.sets.slots))
    if sub.sweeps and times > TABLED:
        swept = sums if isinstance(sums, Swept) else sweep(sub.sets, sums)
        return SweptSubdistribution(sub, swept)
    sums = tabulate(sub.sets, sums)
    return Scores(sub.sets, sums, weight_scores(sub, sums))


class SweptSubdistribution(SweptScores):
    """Scores of the rows of a subdistribution model in order of time.

    What a censoring does to the weights is the product of a sum over who was carried before it
    and one over the event times ahead, so that it too is known in order of time.

    Parameters
    ----------
    sub : Subdistribution
        Risk sets that `sweeps`.
    sums : Swept
        Their sums at the estimate.
    """

    def __init__(self, sub: Subdistribution, sums: Swept) -> None:
        super().__init__(sub.sets, sums)
        self.sub = sub
        sets, carried = sub.sets, sub.sets.carried
        assert carried is not None  # noqa: S101  # a subdistribution has carried rows
        self.ahead = np.append(sets.slots.from_here(carried.weight * sums.h), 0.0)

    def parts(self) -> Iterator[tuple[Index, Matrix]]:
        """Rows whose scores may differ from 0, some at a time, and their scores."""
        for piece in self.pieces():
            yield piece.rows, piece.scores

    def pieces(self) -> Iterator[Piece]:
        """The same with the slots between which the rows end; no piece crosses a block of them."""
        p = self.sets.rows.X.shape[1]
        for reach in self.reaches():
            own = reach.block.own
            if self.sets.slots.first[own.start] == own.start:
                carry = _Carry(0.0, np.zeros(p), np.zeros(p))
            for times in self._times(own):
                slot = own.start + np.searchsorted(
                    self.sets.slots.time[own], self.sub.observation.times.time[times], "right"
                ) - 1  # fmt: skip
                censor, drift = self._weigh(reach, times, carry)
                first, stop = self.sets.ended.starts[[times.start, times.stop]]
                for rows in some_rows(self.sets.ended.rows[first:stop]):
                    at = self.sub.observation.end.take(rows) - times.start
                    found = self.scores(reach, rows, slot.take(at))
                    found += self._of_weights(rows, at, censor, drift)
                    yield Piece(own, rows, found)

    def _times(self, own: slice) -> Iterator[slice]:
        """The times of observation between the slots of a block and the next, some at a time."""
        slots, times = self.sets.slots, self.sub.observation.times
        stratum = slots.stratum[[own.start]]
        first, stop = position(
            times, np.repeat(stratum, 2), slots.time[[own.start, own.stop - 1]], "left"
        )
        if slots.first[own.start] == own.start:
            first = times.first[first]
        if slots.end[own.start] == own.stop:
            stop = times.end[stop]
        else:
            stop = position(times, stratum, slots.time[[own.stop]], "left")[0]
        return (slice(k, min(k + STEP, int(stop))) for k in range(int(first), int(stop), STEP))

    def _weigh(self, reach: Reach, times: slice, carry: _Carry) -> tuple[Matrix, Matrix]:
        """What a censoring adds at each of some times, and what being seen up to it takes away."""
        seen, sets, own = self.sub.observation, self.sets, reach.block.own
        assert reach.ahead is not None  # noqa: S101  # a subdistribution has carried rows
        left = sets.left
        rows = slice(*left.starts[[times.start, times.stop]])
        assert left.factor is not None  # noqa: S101  # carried rows have one
        risk = self.sums.risk.take(left.rows[rows]) * left.factor[rows]
        at = seen.end.take(left.rows[rows]) - times.start
        weight = np.bincount(at, risk, times.stop - times.start).astype(float)
        first = left.sums(sets.rows.X, self.sums.risk, times.start, times.stop)
        weight, carry.weight = _before(weight, carry.weight)
        first, carry.first = _before(first, carry.first)
        slot = np.searchsorted(sets.slots.time[own], seen.times.time[times], "left")
        ahead = self.ahead.take(slot + own.start)
        ahead[slot + own.start == sets.slots.end[own.start]] = 0.0
        first *= ahead[:, None]
        first -= reach.ahead.take(slot, axis=0) * weight[:, None]
        at_risk = seen.at_risk[times, None]
        censor = np.divide(first, at_risk, out=first, where=at_risk > 0)
        drift = self._hazard(times)[:, None] * censor
        drift[0] += carry.drift
        np.cumsum(drift, axis=0, out=drift)
        carry.drift = drift[-1].copy()
        return censor, drift

    def _hazard(self, times: slice) -> Vector:
        """Hazard of being censored at some times."""
        seen, ended = self.sub.observation, self.sets.ended
        first, stop = ended.starts[[times.start, times.stop]]
        rows = ended.rows[first:stop]
        lost = rows[seen.censored.take(rows)]
        at = seen.end.take(lost) - times.start
        return divide(seen.lost(lost, at, times.stop - times.start), seen.at_risk[times])

    def _of_weights(self, rows: Index, at: Index, censor: Matrix, drift: Matrix) -> Matrix:
        """What estimating the weights adds to the scores of rows."""
        seen, weights = self.sub.observation, self.sets.rows.weights
        found = np.negative(drift.take(at, axis=0))
        lost = np.flatnonzero(seen.censored.take(rows))
        found[lost] += censor.take(at[lost], axis=0)
        if weights is not None:
            found *= weights.take(rows)[:, None]
        return found


@dataclass
class _Carry:
    """Sums over the cells that ended up to a time, of weights and × covariates, and the drift."""

    weight: float
    first: Vector
    drift: Vector


@dataclass(frozen=True)
class Piece:
    """Rows that end between the slots of a block and the next, and their scores."""

    slots: slice
    rows: Index
    scores: Matrix


def _before(values: NDArray[Any], carried: Any) -> tuple[NDArray[Any], Any]:
    """Sums of what was carried and the values before each, and of it all."""
    found = np.concatenate([np.reshape(carried, (1, *values.shape[1:])), values])
    np.cumsum(found, axis=0, out=found)
    return found[:-1], found[-1].copy()


def weight_scores(sub: Subdistribution, sums: Sums) -> list[tuple[Index, Matrix]]:
    """What estimating the weights adds to the score of a row.

    Parameters
    ----------
    sub : Subdistribution
        Risk sets.
    sums : Sums
        Their sums at the estimate.

    Returns
    -------
    list of (index, table)
        Positions, shape (n,), and tables, shape (2 K or K + 1, p), whose rows at the positions
        are to be added: by end and whether that is a censoring, and by entry.
    """
    seen, moved = sub.observation, _weights_at(sub, sums)
    K, p = len(seen.times), sums.S1.shape[1]
    # of cells that ended before, on the slots from here on
    censor = moved("before")
    np.divide(censor, seen.at_risk[:, None], out=censor, where=seen.at_risk[:, None] > 0)
    drift = seen.times.so_far(seen.hazard[:, None] * censor)
    by_end = np.empty((K, 2, p))
    np.negative(drift, out=by_end[:, 0])
    found: list[tuple[Index, Matrix]] = [(2 * seen.end + seen.censored, by_end.reshape(2 * K, p))]
    if seen.entry is not None:
        enter = divide(moved("by"), (seen.present - seen.entering)[:, None])
        rate = divide(seen.entering, seen.present)[:, None] * enter
        climb = seen.times.so_far(rate) - rate
        by_end[:, 0] += climb
        by_entry = np.zeros((K + 1, p))  # and a row for who does not enter
        np.subtract(drift - enter, climb, out=by_entry[:K])
        found.append((seen.entry, by_entry))
    np.add(by_end[:, 0], censor, out=by_end[:, 1])
    return found


When = Literal["before", "by"]


def _weights_at(sub: Subdistribution, sums: Sums) -> Callable[[When], Matrix]:
    """By how much the score changes if all weights fall at each time of a group, (K, p).

    For the cells that ended before a time (or by it) and the slots from it on (or after it) that
    is the sum of weight × hazard × (covariates less their mean): the product of a sum over cells
    and one over slots, lane by lane.
    """
    carried = sub.sets.carried
    assert carried is not None  # noqa: S101  # a subdistribution has carried rows by construction
    assert sums.carried_risk is not None  # noqa: S101
    assert sums.carried_first is not None  # noqa: S101
    cells = np.column_stack([sums.carried_risk, sums.carried_first])
    cells *= sub.cell_factor[:, None]
    slots = carried.at_lanes(np.column_stack([sums.h, sums.mean]))
    if np.unique(sub.lane_group).size == sub.lane_group.size:
        nothing = np.zeros((1, cells.shape[1]))
        gained = np.concatenate([nothing, np.cumsum(cells, axis=0)])
        ahead = np.concatenate([np.cumsum(slots[::-1], axis=0)[::-1], nothing])
        return lambda when: _one_lane(sub, carried.lanes, gained, ahead, when)
    moves = _moved(sub, carried.lanes, cells, slots)
    return lambda when: _on_times(sub.observation.times, moves, when)


def _one_lane(
    sub: Subdistribution, lanes: Slots, gained: Matrix, ahead: Matrix, when: When
) -> Matrix:
    """The products where every group has one lane at most."""
    times = sub.observation.times
    count = len(sub.lane_group)
    lane_of = np.full(int(times.stratum.max(initial=0)) + 1, count)
    lane_of[sub.lane_group] = np.arange(count)
    lane, side = lane_of[times.stratum], "left" if when == "before" else "right"
    cells = Slots(sub.cell_time, sub.cell_lane, sub.cell_lane, sub.cell_lane)
    cell, slot = position(cells, lane, times.time, side), position(lanes, lane, times.time, side)
    owners = np.arange(count + 2)
    first, last = np.searchsorted(sub.cell_lane, owners), np.searchsorted(lanes.stratum, owners)
    found = np.empty((len(times), gained.shape[1] - 1))
    for start in range(0, len(times), SCORED):
        own = slice(start, start + SCORED)
        A, L = gained.take(cell[own], axis=0), ahead.take(slot[own], axis=0)
        if count > 1:
            A -= gained.take(first[lane[own]], axis=0)
            L -= ahead.take(last[lane[own] + 1], axis=0)
        np.multiply(A[:, 1:], L[:, :1], out=found[own])
        found[own] -= A[:, :1] * L[:, 1:]
    return found


@dataclass(frozen=True)
class Moves:
    """Changes, after times of a group, of what its weights do.

    group: shape (m,); time: shape (m,); change: shape (m, p).
    """

    group: Codes
    time: Vector
    change: Matrix


def _on_times(times: Slots, moves: Moves, when: When) -> Matrix:
    """Sum of the changes that are felt at each time of a group."""
    at = position(times, moves.group, moves.time, "right" if when == "before" else "left")
    which = np.flatnonzero(at < np.searchsorted(times.stratum, moves.group, side="right"))
    entries = (np.ones(which.size), (at[which], which))
    added = sparse.coo_array(entries, shape=(len(times), len(at))) @ moves.change
    return times.so_far(np.asarray(added))


def _moved(sub: Subdistribution, lanes: Slots, cells: Matrix, slots: Matrix) -> Moves:
    """The products as changes from time to time, where groups have several lanes."""
    lane = np.concatenate([sub.cell_lane, lanes.stratum])
    time = np.concatenate([sub.cell_time, lanes.time])
    order = np.argsort(lane + 1j * time, kind="stable")
    lane, time = lane[order], time[order]
    gained = _running(np.concatenate([cells, np.zeros_like(slots)])[order], lane)
    left = _running(np.concatenate([np.zeros_like(cells), slots])[order], lane)
    left = _totals(left, lane) - left
    value = gained[:, 1:] * left[:, :1] - gained[:, :1] * left[:, 1:]
    return Moves(sub.lane_group[lane], time, _steps(value, lane))


def _starts(owner: Codes) -> tuple[Codes, Codes]:
    """First position of each owner's run, and its length."""
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    return first, np.diff(first, append=owner.size)


def _running(values: Matrix, owner: Codes) -> Matrix:
    """Running sums that start anew with every owner; equal owners are adjacent."""
    first, length = _starts(owner)
    sums = np.cumsum(values, axis=0)
    return np.asarray(sums - np.repeat((sums - values)[first], length, axis=0))


def _totals(running: Matrix, owner: Codes) -> Matrix:
    """The last running sum of each owner, for all of its positions."""
    first, length = _starts(owner)
    return np.repeat(running[first + length - 1], length, axis=0)


def _steps(values: Matrix, owner: Codes) -> Matrix:
    """Difference to the value before, of the same owner."""
    steps = np.diff(values, axis=0, prepend=0.0)
    first, _ = _starts(owner)
    steps[first] = values[first]
    return steps
