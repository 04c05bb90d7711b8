"""Rows put in order of their groups, and blocks of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vpstats.models.binary import BinaryRows
from vpstats.models.covariance import Clusters
from vpstats.models.logistic_guards import BinaryData

Vector = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class GroupedRows:
    """Rows of a binary outcome in which the rows of a group follow one another.

    Parameters
    ----------
    rows : BinaryRows
        The n rows, in order of their groups.
    starts : ndarray of int, shape (G + 1,)
        First row of each group, and n.
    """

    rows: BinaryRows
    starts: Index

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.starts) - 1

    @property
    def sizes(self) -> Index:
        """Rows of each group, shape (G,)."""
        return np.diff(self.starts)

    def blocks(self, target: int) -> Iterator[tuple[slice, slice]]:
        """Rows and groups of blocks that hold whole groups and at least one.

        Parameters
        ----------
        target : int
            Rows that a block should have at most, unless one group has more.
        """
        first = 0
        while first < self.count:
            limit = self.starts[first] + target
            last = int(np.searchsorted(self.starts, limit, side="right")) - 1
            last = max(last, first + 1)
            yield slice(int(self.starts[first]), int(self.starts[last])), slice(first, last)
            first = last

    def equal_sized(self, target: int) -> Iterator[Index]:
        """Positions of the rows of groups of one size, shape (groups, size).

        Parameters
        ----------
        target : int
            Rows that a part should have at most, unless one group has more.
        """
        for size in np.unique(self.sizes):
            starts = self.starts[:-1][self.sizes == size]
            step = max(target // int(size), 1)
            for first in range(0, len(starts), step):
                yield starts[first : first + step, None] + np.arange(size)

    def sums(self, values: Vector) -> Vector:
        """Sums within groups of one value per row, shape (G,)."""
        return np.asarray(np.add.reduceat(values, self.starts[:-1]))


def group_rows(rows: BinaryRows, clusters: Clusters) -> GroupedRows:
    """Put rows in order of their groups; rows that are in order already are not copied.

    Parameters
    ----------
    rows : BinaryRows
        The n rows.
    clusters : Clusters
        Group of each.

    Returns
    -------
    GroupedRows
        Groups in order of their codes.
    """
    sizes = np.bincount(clusters.codes, minlength=clusters.count)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
    if _ascending(clusters.codes):
        return GroupedRows(rows, starts)
    return GroupedRows(_take_rows(rows, np.argsort(clusters.codes, kind="stable")), starts)


def in_group_order(data: BinaryData) -> BinaryData:
    """The data with rows in order of their first cluster, and of the second within it.

    Ids of the second cluster then count within the first. Where rows are in order already nothing
    is copied; otherwise let go of what was given, so that the rows are in memory once.
    """
    first = data.clusters[0].codes
    clusters, codes = [data.clusters[0]], first
    if len(data.clusters) == 2:
        second = data.clusters[1]
        pairs, codes = np.unique(first * max(second.count, 1) + second.codes, return_inverse=True)
        clusters.append(Clusters(codes.ravel(), len(pairs)))
    data = replace(data, clusters=tuple(clusters))
    if _ascending(codes):
        return data
    order = np.argsort(codes, kind="stable")
    rows = _take_rows(data.rows, order)
    y = None if data.design.y is None else data.design.y[order]
    return replace(
        data,
        design=replace(data.design, X=rows.X, y=y, kept=data.design.kept[order]),
        rows=rows,
        clusters=tuple(Clusters(c.codes[order], c.count) for c in clusters),
    )


def _ascending(codes: Index) -> bool:
    return bool((codes[1:] >= codes[:-1]).all())


def _take_rows(rows: BinaryRows, positions: Index) -> BinaryRows:
    return BinaryRows(
        rows.X[positions],
        rows.sign[positions],
        None if rows.weights is None else rows.weights[positions],
        None if rows.offset is None else rows.offset[positions],
    )


def rank_rows(keys: Sequence[Vector]) -> Index:
    """Number rows by their values, so that the order in which they were given does not matter.

    Parameters
    ----------
    keys : sequence of ndarray, shape (n,)
        The first counts first; the next ones where those before are equal. The search ends with
        the first key after which no two rows are equal.

    Returns
    -------
    ndarray, shape (n,)
        0 to n - 1; of rows that are equal in all keys the one given first comes first.

    Examples
    --------
    >>> rank_rows([np.array([2.0, 1, 2]), np.array([1.0, 5, 0])])
    array([2, 0, 1])
    """
    places = np.zeros(len(keys[0]), dtype=np.intp)
    for key in keys:
        if places.max(initial=0) == len(places) - 1:
            break
        order = np.lexsort((key, places))
        new = (np.diff(places[order]) != 0) | (np.diff(key[order]) != 0)
        places[order] = np.append(0, np.cumsum(new))
    ranks = np.empty_like(places)
    ranks[np.argsort(places, kind="stable")] = np.arange(len(places))
    return ranks
