"""Fisher's exact test: 2×2 with the conditional odds ratio, larger tables by dynamic programming.

Given its margins a table has probability proportional to the product of ``1 / cell!``. The p-value
sums the probabilities of all tables that are no likelier than the one seen. Tables are built
column by column; those with the same remaining row totals and the same product so far are one path.
Bounds on what may follow decide most paths at once, so that few tables are ever visited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from vpstats.models.named_tests.outcome import Options, Outcome, Sample
from vpstats.results import Caveat

Table = NDArray[np.float64]
Whole = NDArray[np.int64]
Vector = NDArray[np.float64]

TIE = 1e-7
"""2×2 tables whose probabilities differ by less than this share are equally likely, as in R."""
LARGE_TIE = 3.4525e-7
"""The same for larger tables, where R's network algorithm allows a little more."""
_MERGE = 1e-8
"""Paths to one node whose logarithms differ by less are one; far below `LARGE_TIE`."""
_MOST_WAYS = 1_000_000
_MOST_PATHS = 10_000_000
"""Work that is still done in seconds; beyond it the test is refused and simulation offered."""
_MOST_PAIRS = 300_000_000
_BLOCK = 1_000_000


def fisher(sample: Sample, options: Options) -> Outcome:
    """Fisher's exact test; of two by two also the conditional odds ratio and its exact limits."""
    table = sample.counts
    if options.simulate:
        return _simulated(table, options)
    if table.shape == (2, 2):
        return _two_by_two(table, options, mid=False)
    p_value = exact_p_value(table.astype(np.int64))
    if p_value is None:
        return Outcome(
            "Fisher exact",
            status="table too large",
            reason=f"the {table.shape[0]}×{table.shape[1]} table of {table.sum():.0f} rows is too "
            "large for an exact test; ask for simulate=100_000 (with a seed), or 'pearson'.",
        )
    return Outcome("Fisher exact", p_value=p_value)


def fisher_mid_p(sample: Sample, options: Options) -> Outcome:
    """Fisher's test of two by two with half the probability of the table seen."""
    return _two_by_two(sample.counts, options, mid=True)


def _two_by_two(table: Table, options: Options, *, mid: bool) -> Outcome:
    law = Hypergeometric.of(table)
    ratio, low, high = law.odds_ratio(options.level, mid=mid)
    return Outcome(
        "Fisher mid-p" if mid else "Fisher exact",
        p_value=law.p_value(mid=mid),
        measure="odds_ratio",
        estimate=ratio,
        conf_low=low,
        conf_high=high,
        caveats=_zero_cells(table),
    )


def _zero_cells(table: Table) -> tuple[Caveat, ...]:
    if (table > 0).all():
        return ()
    message = "A cell of the table is empty: the odds ratio is not estimated, only bounded."
    return (Caveat("zero_cell", message),)


@dataclass(frozen=True, slots=True)
class Hypergeometric:
    """Distribution of the last cell of a 2×2 table given its margins.

    Parameters
    ----------
    support : ndarray, shape (k,)
        Values that the cell can take.
    log_weight : ndarray, shape (k,)
        Logarithms of their probabilities where rows and columns are unrelated.
    seen : int
        Position of the table seen.
    """

    support: Vector
    log_weight: Vector
    seen: int

    @classmethod
    def of(cls, table: Table) -> Hypergeometric:
        """From a table of counts, shape (2, 2)."""
        row, column, total = table[1].sum(), table[:, 1].sum(), table.sum()
        support = np.arange(max(0.0, row + column - total), min(row, column) + 1)
        return cls(
            support,
            stats.hypergeom.logpmf(support, total, column, row),
            int(table[1, 1] - support[0]),
        )

    def weights(self, log_odds: float) -> Vector:
        """Probabilities at an odds ratio."""
        log_weight = self.log_weight + log_odds * self.support
        weight = np.exp(log_weight - log_weight.max())
        return np.asarray(weight / weight.sum())

    def p_value(self, *, mid: bool = False) -> float:
        """Two-sided: everything no likelier than the table seen, with `mid` less half of it."""
        weight = self.weights(0.0)
        own = weight[self.seen]
        total = weight[weight <= own * (1 + TIE)].sum()
        return float(min(1.0, total - own / 2 if mid else total))

    def one_sided(self) -> tuple[float, float]:
        """Probabilities of as many or fewer, and of as many or more."""
        weight = self.weights(0.0)
        return float(weight[: self.seen + 1].sum()), float(weight[self.seen :].sum())

    def odds_ratio(self, level: float, *, mid: bool) -> tuple[float, float, float]:
        """Conditional maximum-likelihood odds ratio and its limits from one-sided tests.

        Returns
        -------
        tuple of float
            At the edge of the support the estimate is 0, or NaN for an infinite one, and the
            open limit is 0 or infinite.
        """
        tail = (1 - level) / 2
        own = 0.5 if mid else 1.0
        last = len(self.support) - 1

        def above(beta: float) -> float:
            weight = self.weights(beta)
            return float(weight[self.seen + 1 :].sum() + own * weight[self.seen] - tail)

        def below(beta: float) -> float:
            weight = self.weights(beta)
            return float(weight[: self.seen].sum() + own * weight[self.seen] - tail)

        def mean(beta: float) -> float:
            return float(self.weights(beta) @ self.support - self.support[self.seen])

        low = 0.0 if self.seen == 0 else _exp_root(above)
        high = np.inf if self.seen == last else _exp_root(below)
        if self.seen in (0, last):
            return (0.0 if self.seen == 0 < last else np.nan), low, high
        return _exp_root(mean), low, high


def _exp_root(function: object) -> float:
    """Exponential of the root of a monotone function of the log odds ratio."""
    assert callable(function)  # noqa: S101  # a closure of the caller
    reach = 1.0
    while function(-reach) * function(reach) > 0 and reach < 2**12:
        reach *= 2
    return float(np.exp(optimize.brentq(function, -reach, reach, xtol=1e-14, rtol=1e-14)))


def exact_p_value(table: Whole) -> float | None:
    """Exact p-value of a table of any shape; None where it is too large.

    Parameters
    ----------
    table : ndarray of int, shape (r, c)
        Counts; empty rows and columns do not matter.

    Returns
    -------
    float or None

    References
    ----------
    Mehta CR, Patel NR. A network algorithm for performing Fisher's exact test in r×c contingency
    tables. J Am Stat Assoc 1983;78:427-434.

    Examples
    --------
    >>> import numpy as np
    >>> jobs = np.array([[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]])
    >>> round(exact_p_value(jobs), 4)
    0.7827
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return 1.0
    if table.shape[0] > table.shape[1]:
        table = table.T
    seen = -float(_log_factorials(table).sum())
    columns = np.sort(table.sum(axis=0))
    return _sum_unlikely(np.sort(table.sum(axis=1)), columns, seen + LARGE_TIE)


def _log_factorials(counts: NDArray[Any]) -> Vector:
    return np.asarray(special.gammaln(np.asarray(counts, dtype=np.float64) + 1))


@dataclass(frozen=True, slots=True)
class _Paths:
    """Partly filled tables: row totals that remain, log product so far, and how many there are."""

    node: Whole
    past: Vector
    weight: Vector

    def take(self, chosen: NDArray[Any]) -> _Paths:
        return _Paths(self.node[chosen], self.past[chosen], self.weight[chosen])


def _sum_unlikely(rows: Whole, columns: Whole, most: float) -> float | None:
    """Sum the probabilities of tables whose log product is at most `most`; None if too many."""
    paths = _Paths(rows[None, :], np.zeros(1), np.ones(1))
    whole = float(_log_completions(rows[None, :], columns)[0])
    total, budget = 0.0, _MOST_PATHS
    while True:
        nodes, runs = _distinct(paths.node)
        likely, unlikely, rest = (
            np.repeat(bound(nodes, columns), runs)
            for bound in (_likeliest, _least_likely, _log_completions)
        )
        done = paths.past + likely <= most
        ends = np.exp((paths.past + rest)[done] - whole)
        total += float(paths.weight[done] @ ends)
        paths = paths.take(~done & (paths.past + unlikely <= most))
        ways = _ways(int(columns[0]), len(rows), paths.node.max(initial=0))
        if ways is None:
            return None
        if len(columns) == 2:
            if len(_distinct(paths.node)[0]) * len(ways) > _MOST_PAIRS:
                return None
            return min(1.0, total + _last_two(paths, ways, most, whole))
        grown = _grow(paths, ways, budget)
        if grown is None:
            return None
        paths, effort = grown
        columns, budget = columns[1:], budget - effort


def _distinct(node: Whole) -> tuple[Whole, Whole]:
    """Distinct nodes, and how many paths in a row have each; paths stand in order of their node."""
    new = (np.diff(node, axis=0) != 0).any(axis=1)
    start = np.append(0, np.flatnonzero(new) + 1) if len(node) else np.arange(0)
    return node[start], np.diff(np.append(start, len(node)))


def _log_completions(node: Whole, columns: Whole) -> Vector:
    """Logarithm of the sum of products over all ways to fill the columns that are left."""
    return np.asarray(
        special.gammaln(columns.sum() + 1.0)
        - _log_factorials(columns).sum()
        - _log_factorials(node).sum(axis=1)
    )


def _likeliest(node: Whole, columns: Whole) -> Vector:
    """A bound from above on the log product of any completion.

    Lagrange's: with multipliers near those of the table in which rows and columns are unrelated
    each cell is maximised on its own, at the nearest whole number.
    """
    r, c = node.shape[1], len(columns)
    total = columns.sum() + r * c / 2
    row = np.log(node + c / 2)
    column = np.log((columns + r / 2) / total)
    slope = row[:, :, None] + column
    cell = np.floor(np.exp(slope))
    best = (slope * cell - special.gammaln(cell + 1)).sum(axis=(1, 2))
    return np.asarray(best - (row * node).sum(axis=1) - column @ columns)


def _least_likely(node: Whole, columns: Whole) -> Vector:
    """A bound from below: each column alone fills the largest rows first, or each row columns."""
    by_column = _greedy(node[:, None, :], columns[None, :, None])
    by_row = _greedy(columns[None, None, :], node[:, :, None])
    return np.maximum(by_column, by_row)


def _greedy(room: Whole, amount: Whole) -> Vector:
    """Least log product where amounts fill rooms, the largest first, each on its own."""
    largest = np.sort(room, axis=2)[:, :, ::-1]
    before = np.cumsum(largest, axis=2) - largest
    filled = np.clip(amount - before, 0, largest)
    return np.asarray(-_log_factorials(filled).sum(axis=(1, 2)))


def _by_node(paths: _Paths) -> Iterator[tuple[Whole, Vector, Vector]]:
    """Each node with the products, ascending, and the weights of its paths."""
    nodes, runs = _distinct(paths.node)
    start = 0
    for node, run in zip(nodes, runs, strict=True):
        order = start + np.argsort(paths.past[start : start + run], kind="stable")
        yield node, paths.past[order], paths.weight[order]
        start += int(run)


def _last_two(paths: _Paths, ways: Whole, most: float, whole: float) -> float:
    """Sum over the last two columns, of which the second is forced by the first.

    Paths of a node are in order of their product, so those that stay unlikely are the first ones.
    """
    total = 0.0
    for node, past, weight in _by_node(paths):
        fits = ways[(ways <= node).all(axis=1)]
        factor = -_log_factorials(fits).sum(axis=1) - _log_factorials(node - fits).sum(axis=1)
        sums = np.append(0.0, np.cumsum(weight * np.exp(past - past[0])))
        reach = np.searchsorted(past, most - factor, side="right")
        total += float(np.exp(factor + past[0] - whole) @ sums[reach])
    return total


def _grow(paths: _Paths, ways: Whole, budget: int) -> tuple[_Paths, int] | None:
    """Fill one more column in every way; None if that takes more than the budget."""
    if _work(paths, ways) > budget:
        return None
    log_way = -_log_factorials(ways).sum(axis=1)
    grown = [paths.take(np.arange(0))]
    waiting: list[_Paths] = []
    work = size = 0
    for node, past, weight in _by_node(paths):
        fits = (ways <= node).all(axis=1)
        work += int(fits.sum()) * len(past)
        waiting.append(_filled(node, ways[fits], log_way[fits], past, weight))
        size += len(waiting[-1].past)
        if size > _BLOCK:
            grown.append(_merge(waiting))
            waiting, size = [], 0
    return _merge(grown + waiting), work


def _work(paths: _Paths, ways: Whole) -> float:
    """About how many paths one more column makes, from a sample of those there are."""
    seen = paths.node[:: max(1, len(paths.node) // 64)]
    fitting = [np.count_nonzero((ways <= node).all(axis=1)) for node in seen]
    return float(np.mean(fitting)) * len(paths.node) if fitting else 0.0


def _filled(node: Whole, ways: Whole, log_way: Vector, past: Vector, weight: Vector) -> _Paths:
    children = np.sort(node - ways, axis=1)
    return _Paths(
        np.repeat(children, len(past), axis=0),
        np.add.outer(log_way, past).ravel(),
        np.tile(weight, len(ways)),
    )


def _ways(total: int, parts: int, most: int) -> Whole | None:
    """All ways to split a total into whole parts of at most `most`, shape (ways, parts)."""
    if special.comb(total + parts - 1, parts - 1) > _MOST_WAYS:
        return None
    found: Whole = np.zeros((1, 0), dtype=np.int64)
    left: Whole = np.array([total], dtype=np.int64)
    for k in range(parts - 1):
        sizes = np.minimum(left, most) + 1
        owner = np.repeat(np.arange(len(left)), sizes)
        value = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        found = np.column_stack([found[owner], value])
        left = left[owner] - value
        keep = left <= most * (parts - 1 - k)
        found, left = found[keep], left[keep]
    return np.column_stack([found, left]).astype(np.int64)


def _merge(parts: list[_Paths]) -> _Paths:
    """Join the paths that have reached the same node with the same product."""
    node = np.concatenate([p.node for p in parts])
    if not len(node):
        return parts[0]
    past = np.concatenate([p.past for p in parts])
    weight = np.concatenate([p.weight for p in parts])
    rounded = np.round(past / _MERGE).astype(np.int64)
    order = np.lexsort((rounded, *node.T[:-1]))
    node, past, weight, rounded = node[order], past[order], weight[order], rounded[order]
    new = (np.diff(node, axis=0) != 0).any(axis=1) | (np.diff(rounded) != 0)
    start = np.flatnonzero(np.append(True, new))
    first = np.repeat(past[start], np.diff(np.append(start, len(past))))
    joined = np.add.reduceat(weight * np.exp(past - first), start)  # probabilities stay exact
    return _Paths(node[start], past[start], joined)


def _simulated(table: Table, options: Options) -> Outcome:
    """Share of random tables with these margins that are no likelier than the one seen."""
    whole = table.astype(np.int64)
    law = stats.random_table(whole.sum(axis=1), whole.sum(axis=0))
    drawn = law.rvs(options.simulate, random_state=np.random.default_rng(options.seed))
    seen = -special.gammaln(table + 1).sum()
    product = -special.gammaln(drawn + 1.0).sum(axis=(1, 2))
    hits = int(np.count_nonzero(product <= seen + LARGE_TIE))
    p_value = (hits + 1) / (options.simulate + 1)
    error = np.sqrt(p_value * (1 - p_value) / options.simulate)
    message = (
        f"The p-value rests on {options.simulate:,} random tables (seed {options.seed}); its "
        f"Monte-Carlo error is {error:.1g}."
    )
    return Outcome(
        "Fisher exact, simulated", p_value=p_value, caveats=(Caveat("simulated", message),)
    )
