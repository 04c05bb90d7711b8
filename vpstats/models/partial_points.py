"""Points of a partial likelihood: the sums by event time that it is made of, whole or in blocks.

What r, f and den stand for is said in `vpstats.models.partial_sums`, which makes these sums.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Codes, Vector
from vpstats.models.risksets import RiskSets

Matrix = NDArray[np.float64]

STEP = 2_048
"""Event times whose sums of covariates are made at a time where there are more."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What the likelihood and its score need at one point.

    Parameters
    ----------
    risk : ndarray, shape (n,)
        r of each row.
    value : float
        Partial log-likelihood.
    S0, E0 : ndarray, shape (D,)
        Sum of r over the risk set and over the events of each slot.
    h, e : ndarray, shape (D,)
        Sums over the events of a slot of 1 / den and f / den, times the mean weight: the hazard,
        and the part of it that an event of the slot is spared.
    carried_risk : ndarray, shape (J,), optional
        Sum of r over the rows of each carried cell.
    """

    risk: Vector
    value: float
    S0: Vector
    E0: Vector
    h: Vector
    e: Vector
    carried_risk: Vector | None


@dataclass(frozen=True, slots=True)
class Block:
    """Sums of the covariates at some slots: S1, E1, a, b and c of `Sums` there.

    own: which slots.
    """

    own: slice
    S1: Matrix
    E1: Matrix
    a: Vector
    b: Vector
    c: Vector

    @property
    def mean(self) -> Matrix:
        """Hazard × mean covariates of the risk set, for a row that outlives the slot, (D, p)."""
        mean = self.a[:, None] * self.S1
        if self.b.any():
            mean -= self.b[:, None] * self.E1
        return np.asarray(mean)

    @property
    def spared(self) -> Matrix | None:
        """What an event of the slot is spared of `mean`, shape (D, p); None if nothing."""
        if not self.b.any():
            return None
        return np.asarray(self.b[:, None] * self.S1 - self.c[:, None] * self.E1)


@dataclass(frozen=True)
class Point(Levels, ABC):
    """Everything that the likelihood and its derivatives need at one point.

    Parameters
    ----------
    a, b, c : ndarray, shape (D,)
        Sums of 1, f and f² over den², times the mean weight.
    """

    a: Vector
    b: Vector
    c: Vector

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Sums of the covariates, some slots at a time, the last first."""


@dataclass(frozen=True)
class Sums(Point):
    """A point with its sums of covariates as tables.

    Parameters
    ----------
    S1, E1 : ndarray, shape (D, p)
        Sums of r × covariates over the risk set and over the events of each slot.
    carried_first : ndarray, shape (J, p), optional
        Sum of r × covariates over the rows of each carried cell.
    """

    S1: Matrix
    E1: Matrix
    carried_first: Matrix | None

    def blocks(self) -> Iterator[Block]:
        """All slots at once."""
        yield self._whole

    @property
    def _whole(self) -> Block:
        return Block(slice(0, len(self.h)), self.S1, self.E1, self.a, self.b, self.c)

    @property
    def mean(self) -> Matrix:
        """Hazard × mean covariates of the risk set, for a row that outlives the slot, (D, p)."""
        return self._whole.mean

    @property
    def spared(self) -> Matrix | None:
        """What an event of the slot is spared of `mean`, shape (D, p); None if nothing."""
        return self._whole.spared


@dataclass(frozen=True)
class Edges:
    """What the blocks of slots add up to at their edges, one row per block.

    Parameters
    ----------
    bounds : list of (int, int)
        First slot of each block, and the first after it; none crosses strata.
    own : ndarray, shape (B, p)
        Sum of r × covariates over the rows at risk that end after the block.
    gained : ndarray, shape (B, p)
        The same over the rows carried since before it, each times its factor.
    mean : ndarray, shape (B, p)
        Sum of the means of the slots after it, each times the weight of what is carried then.
    """

    bounds: list[tuple[int, int]]
    own: Matrix
    gained: Matrix
    mean: Matrix


@dataclass(frozen=True)
class Swept(Point):
    """A point whose sums of covariates are made block by block, whenever they are asked for.

    With as many event times as rows a table of them is as large as the covariates.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk, none of them entering late.
    """

    sets: RiskSets

    def blocks(self) -> Iterator[Block]:
        """Some slots at a time, the last first."""
        if "edges" not in self.__dict__:
            yield from self._first_time()
            return
        for k in reversed(range(len(self.edges.bounds))):
            yield self.block(k)

    def block(self, k: int) -> Block:
        """Sums of the covariates at the slots of the k-th block."""
        found = self._own(self.edges.bounds[k], self.edges.own[k])
        self._carry(found, self.edges.gained[k])
        return found

    @cached_property
    def edges(self) -> Edges:
        """Sums at the edges of blocks; the first pass over all blocks finds them."""
        for _ in self._first_time():
            pass
        found: Edges = self.__dict__["edges"]
        return found

    def _first_time(self) -> Iterator[Block]:
        """The blocks, the last first, and at the end the edges."""
        bounds, sets = slot_blocks(self.sets.slots.first, self.sets.slots.end), self.sets
        size = (len(bounds), sets.rows.X.shape[1])
        found = Edges(bounds, np.zeros(size), self._gained(bounds), np.zeros(size))
        own, mean = np.zeros((2, size[1]))
        for k, (first, stop) in reversed(list(enumerate(bounds))):
            if sets.slots.end[first] == stop:
                own, mean = np.zeros((2, size[1]))
            found.own[k], found.mean[k] = own, mean
            block = self._own(bounds[k], own)
            own = block.S1[0].copy()
            if sets.carried is not None:
                self._carry(block, found.gained[k])
                mean = mean + (sets.carried.weight[first:stop] * block.a) @ block.S1
            yield block
        self.__dict__["edges"] = found

    def _own(self, bounds: tuple[int, int], after: Vector) -> Block:
        """Sums over the rows that have not ended, from the sum over those that end later."""
        sets, own, each = self.sets, slice(*bounds), 1 if self.sets.apart else 2
        S1 = sets.ending.sums(sets.rows.X, self.risk, each * bounds[0], each * bounds[1])
        E1 = np.broadcast_to(0.0, S1.shape)
        if not sets.apart:
            E1 = S1[1::2]
            S1 = S1[0::2] + E1
        S1[-1] += after
        flipped = S1[::-1]
        np.cumsum(flipped, axis=0, out=flipped)
        return Block(own, S1, E1, self.a[own], self.b[own], self.c[own])

    def _carry(self, block: Block, gained: Vector) -> None:
        """Add the carried rows to the sums of a block."""
        sets, carried = self.sets, self.sets.carried
        if carried is None:
            return
        more = sets.carrying.sums(sets.rows.X, self.risk, block.own.start, block.own.stop)
        more[0] += gained
        np.cumsum(more, axis=0, out=more)
        more *= carried.weight[block.own, None]
        np.add(block.S1, more, out=block.S1)

    def _gained(self, bounds: list[tuple[int, int]]) -> Matrix:
        """Sums over the rows carried since before each block."""
        sets = self.sets
        found = np.zeros((len(bounds), sets.rows.X.shape[1]))
        if sets.carried is None:
            return found
        for k, (first, stop) in enumerate(bounds[:-1]):
            if sets.slots.end[first] != stop:
                step = sets.carrying.total(sets.rows.X, self.risk, first, stop)
                found[k + 1] = found[k] + step
        return found


def slot_blocks(first: Codes, end: Codes) -> list[tuple[int, int]]:
    """Blocks of at most `STEP` slots, from the first and the end of each slot's stratum.

    Examples
    --------
    >>> slot_blocks(np.array([0, 0, 2]), np.array([2, 2, 3]))
    [(0, 2), (2, 3)]
    """
    found, start = [], 0
    while start < len(first):
        stop = min(start + STEP, int(end[start]))
        found.append((start, stop))
        start = stop
    return found
