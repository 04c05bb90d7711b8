"""Permuting the groups of whole clusters: a reference distribution without a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import comb

import numpy as np

from vpstats.errors import UsageError
from vpstats.models.followup import Codes

SLACK = 1e-9
"""Statistics this near to one another, relatively, are ties that rounding has parted."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Clusters in an order of their own, with the group and the stratum of each.

    group, stratum: shape (C,), clusters of one stratum side by side; member: shape (n,), position
    of each row's cluster among them.
    """

    group: Codes
    stratum: Codes
    member: Codes


def arrange(cluster: Codes, group: Codes, stratum: Codes | None, order: Codes) -> Arrangement:
    """Find the group and the stratum of every cluster.

    Parameters
    ----------
    cluster, group : ndarray of int, shape (n,)
        Cluster and group of each row.
    stratum : ndarray of int, shape (n,), optional
        Stratum of each row.
    order : ndarray of int, shape (n,)
        Rank of each row's cluster by something other than the order of the rows, so that this
        plays no part.

    Returns
    -------
    Arrangement

    Raises
    ------
    UsageError
        If the group or the stratum varies within a cluster.
    """
    first = np.unique(cluster, return_index=True)[1]
    place = np.empty(int(cluster.max()) + 1, dtype=np.int64)
    place[cluster[first]] = first
    of_cluster = place[cluster]  # a row of the same cluster
    _require_constant(group, of_cluster, "the groups")
    strata = np.zeros_like(group) if stratum is None else stratum
    _require_constant(strata, of_cluster, "the strata")
    ranked = first[np.lexsort((order[first], strata[first]))]
    position = np.empty(int(cluster.max()) + 1, dtype=np.int64)
    position[cluster[ranked]] = np.arange(ranked.size)
    return Arrangement(group[ranked], strata[ranked], position[cluster])


def _require_constant(values: Codes, of_cluster: Codes, what: str) -> None:
    if not np.array_equal(values, values[of_cluster]):
        raise UsageError(
            f"{what} vary within a cluster, so whole clusters cannot change places; leave out "
            "permutations= and use the cluster-robust test."
        )


def permutation_p_value(
    arrangement: Arrangement, statistic: Callable[[Codes], float], permutations: int, seed: int
) -> tuple[float, int]:
    """Share of arrangements with a statistic at least as large as the one observed.

    Parameters
    ----------
    arrangement : Arrangement
        Clusters with their groups.
    statistic : callable
        From the groups of the rows, shape (n,), to the statistic.
    permutations : int
        Number of random arrangements. If there are no more distinct ones than that, each is taken
        once and the p-value is exact.
    seed : int
        Of the random arrangements.

    Returns
    -------
    p_value : float
        The observed arrangement counts as one of them; ties count in full.
    taken : int
        Number of arrangements that were counted, the observed one included.

    References
    ----------
    Phipson B, Smyth GK. Permutation p-values should never be zero. Stat Appl Genet Mol Biol
    2010;9:39.
    """
    observed = statistic(arrangement.group[arrangement.member])
    exact = _distinct(arrangement) <= permutations
    drawn = _every(arrangement) if exact else _some(arrangement, permutations, seed)
    values = np.array([statistic(groups[arrangement.member]) for groups in drawn])
    if not exact:
        values = np.append(values, observed)
    # an arrangement in which nothing can be compared is no evidence of a difference
    reached = np.nan_to_num(values, nan=-np.inf) >= observed - SLACK * max(abs(observed), 1.0)
    return float(np.mean(reached)), values.size


def _distinct(arrangement: Arrangement) -> int:
    """Number of distinct arrangements."""
    number = 1
    for block in _blocks(arrangement.stratum):
        left = block.stop - block.start
        for size in np.bincount(arrangement.group[block]):
            number *= comb(left, int(size))
            left -= int(size)
    return number


def _blocks(stratum: Codes) -> list[slice]:
    bounds = [*np.flatnonzero(np.diff(stratum, prepend=-1)).tolist(), stratum.size]
    return [slice(a, b) for a, b in pairwise(bounds)]


def _some(arrangement: Arrangement, permutations: int, seed: int) -> Iterator[Codes]:
    rng = np.random.default_rng(seed)
    for _ in range(permutations):
        shuffled = np.lexsort((rng.random(arrangement.group.size), arrangement.stratum))
        yield arrangement.group[shuffled]


def _every(arrangement: Arrangement) -> Iterator[Codes]:
    """Every distinct arrangement once, stratum by stratum."""
    partial: list[list[int]] = [[]]
    for block in _blocks(arrangement.stratum):
        words = list(_words(np.bincount(arrangement.group[block]).tolist()))
        partial = [done + word for done in partial for word in words]
    return (np.array(groups, dtype=np.int64) for groups in partial)


def _words(left: list[int]) -> Iterator[list[int]]:
    """Distinct sequences with so many of each group."""
    if not any(left):
        yield []
    for group, number in enumerate(left):
        if number:
            rest = [*left[:group], number - 1, *left[group + 1 :]]
            yield from ([group, *word] for word in _words(rest))
