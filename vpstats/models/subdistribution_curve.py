"""Variance of the baseline of a subdistribution model, from what single rows do to it.

With the coefficients held, row i moves the cumulative subdistribution hazard at t by

    P - N V(t) + sum over lanes of K L(t) - Y (L(t) a(t) - b(t))

where V, L, a and b are known functions of time and P, N, K, Y change only when the row enters or
ends: N is its risk while it is at risk, K what it carries afterwards and what its own censoring
did to the weights, Y its presence among those who may be censored. (Delayed entry adds a term like
the last.) Sums over rows or clusters of products of these therefore change only at entries and
ends, and one pass over them gives the variance at every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.covariance import Clusters
from vpstats.models.followup import Codes, Vector
from vpstats.models.partial import SCORED, Scores
from vpstats.models.partial_points import Point
from vpstats.models.risksets import Mask
from vpstats.models.steps import divide
from vpstats.models.subdistribution import Subdistribution
from vpstats.models.subdistribution_score import Piece, SweptSubdistribution

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """What is independent of one another: rows, each perhaps standing for several, or clusters.

    Parameters
    ----------
    scores : Scores or SweptSubdistribution
        Scores of the rows.
    bread : ndarray, shape (p, p)
        Inverse information.
    scale : ndarray, shape (n,), optional
        What each row's influence is to be multiplied by.
    clusters : Clusters, optional
        Clusters, where rows are not independent.
    summed : ndarray, shape (G, p), optional
        Scores summed by cluster.
    """

    scores: Scores | SweptSubdistribution
    bread: Matrix
    scale: Vector | None = None
    clusters: Clusters | None = None
    summed: Matrix | None = None


def curve_variance(sub: Subdistribution, sums: Point, units: Units) -> tuple[Vector, Matrix]:
    """Variance of the baseline hazard, coefficients held, and its covariance with them.

    Parameters
    ----------
    sub : Subdistribution
        Risk sets.
    sums : Point
        Their sums at the estimate.
    units : Units
        What is independent of one another.

    Returns
    -------
    variance : ndarray, shape (D,)
        Of the cumulative hazard at each slot.
    cross : ndarray, shape (D, p)
        Covariance with the coefficients.

    References
    ----------
    Fine JP, Gray RJ (1999), section 4.
    """
    slots = sub.sets.slots
    variance, cross = np.zeros(len(slots)), np.zeros((len(slots), len(units.bread)))
    if units.clusters is None and isinstance(units.scores, SweptSubdistribution):
        for totals in _sum_in_time(units.scores, units.scale, cross):
            variance[totals.curve.own] = totals.variance()
        return variance, _times(cross, units.bread)
    for stratum, rows in _rows_by_stratum(sub):
        curve = _StratumCurve(sub, sums, stratum, units.scale)
        rows = _with_group(sub, rows, stratum)
        total = _sum_rows if units.clusters is None else _sum_clusters
        variance[curve.own], cross[curve.own] = total(curve, rows, units)
    return variance, cross @ units.bread


def _times(table: Matrix, by: Matrix) -> Matrix:
    """A table times a square matrix, written over the table."""
    for start in range(0, len(table), SCORED):
        own = table[start : start + SCORED]
        own[:] = own @ by
    return table


def _rows_by_stratum(sub: Subdistribution) -> Iterator[tuple[int, Codes]]:
    strata, slots = sub.sets.rows.strata, sub.sets.slots
    if strata is None:
        yield 0, np.arange(len(sub.sets.rows))
        return
    order = np.argsort(strata, kind="stable")
    ends = np.searchsorted(strata[order], np.arange(int(strata.max()) + 2))
    for stratum in np.unique(slots.stratum).tolist():
        yield stratum, order[ends[stratum] : ends[stratum + 1]]


def _with_group(sub: Subdistribution, rows: Codes, stratum: int) -> Codes:
    """The rows of a stratum, and behind them others whose censoring tells of its weights."""
    if sub.nested:
        return rows
    wanted = np.ones(len(sub.sets.rows), dtype=bool)
    if sub.groups is not None:
        wanted = np.isin(sub.groups, sub.lane_group[sub.lane_stratum == stratum])
    wanted[rows] = False
    return np.concatenate([rows, np.flatnonzero(wanted)])


@dataclass(frozen=True)
class _States:
    """States of m rows in terms of the B functions of a curve.

    start: shape (m, B), from the beginning. end: shape (m, B), change when the row ends, felt from
    the slot `end_at` on (d if at none). entry, entry_at: the same when it enters, if rows do.
    """

    start: Matrix
    end: Matrix
    end_at: Codes
    entry: Matrix | None
    entry_at: Codes


@dataclass(frozen=True)
class _Lane:
    """What estimating the weights of one lane does, as tables over the times of observation.

    at, before: L at each time and just before it. drift, drifted: a and b of the module's text.
    jump: what a censoring adds. gone, paid: what an entry adds, at once and from then on.
    climb, climbed: a and b of entries. group, era: those of the lane.
    """

    group: int
    era: int
    at: Vector
    before: Vector
    drift: Vector
    drifted: Vector
    jump: Vector
    gone: Vector
    paid: Vector
    climb: Vector
    climbed: Vector


class _StratumCurve:
    """The functions of time of one stratum, and the states of rows in their terms."""

    def __init__(
        self, sub: Subdistribution, sums: Point, stratum: int, scale: Vector | None
    ) -> None:
        self.sub, self.stratum, self.scale, self.risk = sub, stratum, scale, sums.risk
        slots, grid = sub.sets.slots, sub.observation.times.time
        self.own = slice(*np.searchsorted(slots.stratum, [stratum, stratum + 1]))
        self.time = slots.time[self.own]
        spread = np.cumsum(sums.a[self.own])
        self.reached = _at(spread, self.time, grid)
        self.following = np.append(np.searchsorted(self.time, grid), self.time.size)
        self.single = 1.0 / sums.S0[self.own]
        basis = [np.ones(self.time.size), -spread]
        self.lanes: list[_Lane] = []
        for lane in np.flatnonzero(sub.lane_stratum == stratum).tolist():
            tables, functions = _lane_tables(sub, sums, lane, self.own)
            self.lanes.append(tables)
            basis += functions
        self.basis: Matrix = np.array(basis)

    def states(self, rows: Codes) -> _States:
        """States of some rows."""
        seen = self.sub.observation
        m, B = len(rows), len(self.basis)
        late = np.zeros(m, dtype=bool)
        entry, entry_at = None, np.full(m, self.time.size)
        if seen.entry is not None:
            late = seen.entry[rows] < len(seen.times)
            entry, entry_at = np.zeros((m, B)), self.following[seen.entry[rows]]
        found = _States(
            np.zeros((m, B)), np.zeros((m, B)), self.following[seen.end[rows]], entry, entry_at
        )
        mine = np.ones(m, dtype=bool)
        if self.sub.sets.rows.strata is not None:
            mine = self.sub.sets.rows.strata[rows] == self.stratum
        self._own_states(found, rows, late, mine)
        per_lane = 2 if seen.entry is None else 3
        for k, lane in enumerate(self.lanes):
            inside = np.ones(m, dtype=bool)
            if self.sub.groups is not None:
                inside = self.sub.groups[rows] == lane.group
            own = mine & inside & (seen.era[seen.end[rows]] == lane.era)
            self._carry_states(found, rows, lane, 2 + per_lane * k, own)
            self._weight_states(found, rows, lane, 2 + per_lane * k, late, inside)
        return found

    def _weight(self, rows: Codes) -> Vector:
        weights = self.sub.sets.rows.weights
        found = np.ones(len(rows)) if weights is None else weights[rows]
        return found if self.scale is None else found * self.scale[rows]

    def _risk(self, rows: Codes) -> Vector:
        return self.risk[rows] if self.scale is None else self.risk[rows] * self.scale[rows]

    def _own_states(self, found: _States, rows: Codes, late: Mask, mine: Mask) -> None:
        """A row at risk adds to the risk sets; its event adds to the hazard."""
        seen = self.sub.observation
        risk = self._risk(rows) * mine
        found.start[:, 1] = np.where(late, 0.0, risk)
        found.end[:, 1] = -risk
        found.end[:, 0] = -risk * self.reached[seen.end[rows]]
        events = np.flatnonzero(self.sub.sets.rows.dead[rows] & mine)
        added = self._weight(rows[events]) * self.single[found.end_at[events]]
        found.end[events, 0] += added
        if found.entry is not None and seen.entry is not None:
            found.entry[late, 1] = risk[late]
            found.entry[late, 0] = risk[late] * self.reached[seen.entry[rows[late]]]

    def _carry_states(
        self, found: _States, rows: Codes, lane: _Lane, column: int, mine: Mask
    ) -> None:
        """A row with a competing event stays in the risk sets after it."""
        seen = self.sub.observation
        kept = np.flatnonzero(self.sub.competing[rows] & mine)
        end, sets, carried = seen.end[rows[kept]], self.sub.sets, self.sub.sets.carried
        assert carried is not None  # noqa: S101  # a subdistribution has carried rows
        risk = self._risk(rows[kept])
        risk *= carried.factor.take(sets.cell[rows[kept]] - 2 * len(sets.slots))
        found.end[kept, column] -= risk
        found.end[kept, 0] += risk * lane.at[end]

    def _weight_states(
        self, found: _States, rows: Codes, lane: _Lane, column: int, late: Mask, inside: Mask
    ) -> None:
        """A row tells of the weights as long as it is seen, and once more when it is censored."""
        seen = self.sub.observation
        weight, end = self._weight(rows) * inside, seen.end[rows]
        jump = np.where(seen.censored[rows], lane.jump[end], 0.0)
        found.start[:, column + 1] = np.where(late, 0.0, weight)
        found.end[:, column + 1] = -weight
        found.end[:, column] += weight * (jump - lane.drift[end] + lane.climb[end])
        constant = lane.drifted[end] - jump * lane.before[end] - lane.climbed[end]
        found.end[:, 0] += weight * constant
        if found.entry is None or seen.entry is None:
            return
        found.start[:, column + 2] = found.start[:, column + 1]
        found.end[:, column + 2] = -weight
        w, entry = weight[late], seen.entry[rows[late]]
        found.entry[late, column + 1] = w
        found.entry[late, column + 2] = w
        found.entry[late, column] += w * (lane.drift[entry] - lane.gone[entry])
        found.entry[late, 0] += w * (lane.paid[entry] - lane.drifted[entry])


def _at(running: Vector, time: Vector, asked: Vector, side: str = "right") -> Vector:
    """A running sum over ascending times, read at others; 0 before the first."""
    return np.append(0.0, running)[np.searchsorted(time, asked, side=side)]  # type: ignore[call-overload]  # a str


def _lane_tables(
    sub: Subdistribution, sums: Point, lane: int, own: slice
) -> tuple[_Lane, list[Vector]]:
    """Tables of a lane over the times of observation, and its functions of the stratum's slots."""
    seen, carried = sub.observation, sub.sets.carried
    assert carried is not None  # noqa: S101  # a subdistribution has carried rows
    assert sums.carried_risk is not None  # noqa: S101
    grid, time, group = seen.times.time, sub.sets.slots.time[own], int(sub.lane_group[lane])
    inside = seen.times.stratum == group
    slots = slice(*np.searchsorted(carried.lanes.stratum, [lane, lane + 1]))
    cells = slice(*np.searchsorted(sub.cell_lane, [lane, lane + 1]))
    reach = np.cumsum(carried.weight[slots] * sums.a[own])
    at, before = _at(reach, time, grid), _at(reach, time, grid, "left")
    gained = np.cumsum(sub.cell_factor[cells] * sums.carried_risk[cells])
    ended = _at(gained, sub.cell_time[cells], grid, "left")
    jump = np.where(inside, divide(ended, seen.at_risk), 0.0)
    drift, drifted = np.cumsum(jump * seen.hazard), np.cumsum(jump * seen.hazard * before)
    a, b = (_at(v[inside], grid[inside], time) for v in (drift, drifted))
    functions = [reach, b - reach * a]
    gone = paid = climb = climbed = np.broadcast_to(0.0, grid.shape)
    if seen.entry is not None:
        carrying = _at(gained, sub.cell_time[cells], grid)
        enter = np.where(inside, divide(carrying, seen.present - seen.entering), 0.0)
        rate = enter * divide(seen.entering, seen.present)
        climb, climbed = _before(rate), _before(rate * at)
        gone, paid = enter + climb, enter * at + climbed
        a, b = (
            _at(v[inside], grid[inside], time, "left")
            for v in (np.cumsum(rate), np.cumsum(rate * at))
        )
        functions.append(reach * a - b)
    tables = (at, before, drift, drifted, jump, gone, paid, climb, climbed)
    return _Lane(group, int(sub.lane_era[lane]), *tables), functions


def _before(values: Vector) -> Vector:
    """Sum of the values before each."""
    return np.asarray(np.cumsum(values) - values)


def _sum_rows(curve: _StratumCurve, rows: Codes, units: Units) -> tuple[Vector, Matrix]:
    """Variance and covariance with the scores at each slot, of independent rows."""
    totals = _Totals(curve, len(units.bread))
    assert isinstance(units.scores, Scores)  # noqa: S101  # others are summed in order of time
    # a block adds to sums at all slots, so it is to hold as many rows
    size = max(SCORED, curve.time.size)
    for first in range(0, len(rows), size):
        block = rows[first : first + size]
        found, scores = curve.states(block), units.scores.of(block)
        if units.scale is not None:
            scores = scores * units.scale[block, None]
        owner, state = np.arange(len(block)), found.start
        totals.begin(state, scores)
        if found.entry is not None:
            totals.move(found.entry_at, state, found.entry, owner, scores)
            state = state + found.entry
        totals.move(found.end_at, state, found.end, owner, scores)
    return totals.read()


def _sum_clusters(curve: _StratumCurve, rows: Codes, units: Units) -> tuple[Vector, Matrix]:
    """Variance and covariance with the scores at each slot, of clusters of rows."""
    assert units.clusters is not None  # noqa: S101  # only clustered units come here
    assert units.summed is not None  # noqa: S101
    found, owner = curve.states(rows), units.clusters.codes[rows]
    at, change = found.end_at, found.end
    start = np.column_stack(
        [np.bincount(owner, v, units.clusters.count) for v in found.start.T]
    ).astype(float)
    if found.entry is not None:
        at, change = np.append(found.entry_at, at), np.concatenate([found.entry, change])
        owner = np.append(owner, owner)
    order = np.lexsort((at, owner))
    at, change, owner = at[order], change[order], owner[order]
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    before = np.cumsum(change, axis=0) - change
    offset = before[first] - start[owner[first]]
    before -= np.repeat(offset, np.diff(first, append=owner.size), axis=0)
    totals = _Totals(curve, len(units.bread))
    totals.begin(start, units.summed)
    totals.move(at, before, change, owner, units.summed)
    return totals.read()


def _sum_in_time(
    scores: SweptSubdistribution, scale: Vector | None, cross: Matrix
) -> Iterator[_InTime]:
    """Sums of products of independent rows, stratum by stratum, and theirs with the scores.

    The latter are written to the rows of `cross`, which are 0.
    """
    sub, totals = scores.sub, None
    for piece in scores.pieces():
        stratum = int(sub.sets.slots.stratum[piece.slots.start])
        if totals is None or totals.curve.stratum != stratum:
            if totals is not None:
                totals.close()
                yield totals
            curve = _StratumCurve(sub, scores.sums, stratum, scale)
            totals = _InTime(curve, cross[curve.own])
        found = piece.scores
        totals.add(piece, found if scale is None else found * scale.take(piece.rows)[:, None])
    if totals is not None:
        totals.close()
        yield totals


class _Products:
    """Sums of products of the states of rows, slot by slot."""

    def __init__(self, curve: _StratumCurve) -> None:
        self.curve, self.basis = curve, curve.basis
        B, d = self.basis.shape
        self.pairs = [(i, j) for i in range(B) for j in range(i, B)]
        self.products = np.zeros((len(self.pairs), d + 1))

    def begin_products(self, state: Matrix) -> None:
        """Add states that hold from the beginning."""
        squares = state.T @ state
        self.products[:, 0] += [squares[pair] for pair in self.pairs]

    def move_products(self, at: Codes, before: Matrix, after: Matrix) -> None:
        """Add changes of the states of some units, each felt from a slot on."""
        first = int(at.min(initial=self.basis.shape[1]))
        at, old, new = at - first, before.T.copy(), after.T.copy()
        for total, (i, j) in zip(self.products, self.pairs, strict=True):
            step = np.bincount(at, new[i] * new[j] - old[i] * old[j])
            total[first : first + step.size] += step

    def variance(self) -> Vector:
        """Variance at each slot, (d,)."""
        d = self.basis.shape[1]
        found = np.zeros(d)
        for total, (i, j) in zip(self.products, self.pairs, strict=True):
            known = np.cumsum(total[:d])
            known *= self.basis[i]
            known *= self.basis[j]
            found += known if i == j else 2.0 * known
        return np.maximum(found, 0.0)


class _InTime(_Products):
    """The same for rows that come in order of time, with what their scores add to `cross`."""

    def __init__(self, curve: _StratumCurve, cross: Matrix) -> None:
        super().__init__(curve)
        self.cross, shape = cross, (len(self.basis), cross.shape[1])
        # up to the slots that are done; at the first slot after them; of states from the beginning
        self.passed, self.opening, self.begun = np.zeros((3, *shape))
        self.own, self.steps = slice(0, 0), np.zeros((shape[0], 1, shape[1]))

    def add(self, piece: Piece, scores: Matrix) -> None:
        """Add rows that end between the slots of a block and the next."""
        first = self.curve.own.start
        own = slice(piece.slots.start - first, piece.slots.stop - first)
        if own != self.own:
            self._pass()
            self.own = own
            self.steps = np.zeros((len(self.basis), own.stop - own.start + 1, scores.shape[1]))
            self.steps[:, 0] = self.opening
        found = self.curve.states(piece.rows.astype(np.int64))
        at, m = found.end_at - own.start, len(piece.rows)
        self.begin_products(found.start)
        self.begun += found.start.T @ scores
        self.move_products(found.end_at, found.start, found.start + found.end)
        for steps, change in zip(self.steps, found.end.T, strict=True):
            entries = (change, (at, np.arange(m)))
            steps += sparse.coo_array(entries, shape=(len(steps), m)) @ scores

    def _pass(self) -> None:
        """Write what is known of a block after all of its rows."""
        if self.own.stop == self.own.start:
            return
        known = self.steps[:, :-1]
        known[:, 0] += self.passed
        np.cumsum(known, axis=1, out=known)
        self.passed, self.opening = known[:, -1].copy(), self.steps[:, -1].copy()
        self.cross[self.own] = np.einsum("ik,ikj->kj", self.basis[:, self.own], known)

    def close(self) -> None:
        """Add what holds from the beginning, which is known at the end."""
        self._pass()
        for start in range(0, len(self.cross), SCORED):
            own = slice(start, start + SCORED)
            self.cross[own] += self.basis[:, own].T @ self.begun


class _Totals(_Products):
    """The same for units in any order, and their products with scores slot by slot."""

    def __init__(self, curve: _StratumCurve, p: int) -> None:
        super().__init__(curve)
        B, d = self.basis.shape
        self.with_scores = np.zeros((B, d + 1, p))

    def begin(self, state: Matrix, scores: Matrix) -> None:
        """Add states that hold from the beginning."""
        self.begin_products(state)
        self.with_scores[:, 0] += state.T @ scores

    def move(self, at: Codes, before: Matrix, change: Matrix, owner: Codes, scores: Matrix) -> None:
        """Add changes of the states of some units, each felt from a slot on."""
        self.move_products(at, before, before + change)
        shape = (self.basis.shape[1] + 1, len(scores))
        for total, own in zip(self.with_scores, change.T, strict=True):
            total += sparse.coo_array((own, (at, owner)), shape=shape) @ scores

    def read(self) -> tuple[Vector, Matrix]:
        """Variance (d,) and covariance with the scores (d, p)."""
        d = self.basis.shape[1]
        cross = np.zeros((d, self.with_scores.shape[2]))
        for own, total in zip(self.basis, self.with_scores, strict=True):
            cross += own[:, None] * np.cumsum(total[:d], axis=0)
        return self.variance(), cross
