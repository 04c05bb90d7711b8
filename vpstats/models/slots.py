"""Event times as slots, and sums over them: of runs, of rows that are carried, of rows by an index.

Positions are found once; everything that is summed at each evaluation is made of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vpstats.models.followup import Codes, Vector

Matrix = NDArray[np.float64]
Index = NDArray[np.int32]


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

    def into_so_far(self, values: NDArray[Any]) -> NDArray[Any]:
        """As `so_far`, of values that are no longer needed and may be overwritten."""
        return np.cumsum(values, axis=0, out=values) if self.single else self.so_far(values)

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


@dataclass(frozen=True, slots=True)
class Grouped:
    """Rows in the order of an index, those of one value in their own order.

    Parameters
    ----------
    rows : ndarray of int32, shape (m,)
        Positions of the rows.
    starts : ndarray of int32, shape (number of values + 1,)
        Where the rows of each value start.
    factor : ndarray, shape (m,), optional
        What each row is to be multiplied by.
    """

    rows: Index
    starts: Index
    factor: Vector | None = None

    def sums(self, X: Matrix, values: Vector, first: int, stop: int) -> Matrix:
        """Sums of values × covariates over the rows of each index from first to stop."""
        return self._sums(X, values, self.starts[first : stop + 1])

    def total(self, X: Matrix, values: Vector, first: int, stop: int) -> Vector:
        """The same over the rows of all of them, shape (p,)."""
        return np.asarray(self._sums(X, values, self.starts[[first, stop]])[0])

    def _sums(self, X: Matrix, values: Vector, at: Index) -> Matrix:
        own = slice(int(at[0]), int(at[-1]))
        rows = self.rows[own]
        data = values.take(rows)
        if self.factor is not None:
            data *= self.factor[own]
        shape = (len(at) - 1, len(X))
        return np.asarray(sparse.csr_array((data, rows, at - at[0]), shape=shape) @ X)


def group_rows(index: NDArray[np.integer], size: int) -> Grouped:
    """Rows by an index from 0 to `size`; those of `size` itself are left out.

    Examples
    --------
    >>> group_rows(np.array([1, 3, 0, 1]), 3).rows.tolist()
    [2, 0, 3]
    """
    n = len(index)
    # transposing a sparse matrix sorts by counting
    ones = np.broadcast_to(np.int8(1), n)
    starts = np.arange(n + 1, dtype=np.int32)
    by_row = sparse.csc_array((ones, index.astype(np.int32), starts), shape=(size + 1, n))
    by_value = by_row.tocsr()
    return Grouped(by_value.indices[: by_value.indptr[size]], by_value.indptr[: size + 1])


@dataclass(frozen=True, slots=True)
class Ends:
    """When rows end, among all times at which any does.

    Parameters
    ----------
    index : ndarray of int32, shape (n,)
        Position of each row's end among them.
    size : int
        Number of those times.
    of_cells : ndarray of int, shape (J,)
        Position of each carried cell's end.
    slots : ndarray of int, shape (D + 1,), optional
        Position of each slot, and `size`; None if there are several strata.
    """

    index: Index
    size: int
    of_cells: Codes
    slots: Codes | None


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
    if stratum.size and stratum[0] == stratum[-1]:
        alike = (stratum[0], np.int64(0), np.int64(stratum.size))
        return Slots(time, *(np.broadcast_to(value, stratum.shape) for value in alike))
    bounds = np.flatnonzero(np.diff(stratum, prepend=-1))
    length = np.diff(bounds, append=stratum.size)
    return Slots(time, stratum, np.repeat(bounds, length), np.repeat(bounds + length, length))
