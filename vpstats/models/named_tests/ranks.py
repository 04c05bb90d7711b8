"""Rank tests: Mann–Whitney, Wilcoxon's signed ranks, the sign test, Kruskal–Wallis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.models.named_tests.outcome import Options, Outcome, Sample
from vpstats.results import Caveat, critical_value

Vector = NDArray[np.float64]

_SMALL = 50
"""Below this many rows per group the exact distribution is used by default, as in R."""
_MOST_EXACT = 200
_MOST_PAIRS = 4_000_000
"""Up to this many pairwise differences they are formed; beyond, their median is bisected."""
_NEAR = 1e-14
"""Bisection stops at this share of the range; the row values nearest to it are then looked up."""


def mann_whitney(sample: Sample, options: Options) -> Outcome:
    """Rank-sum test of two groups, with the Hodges–Lehmann shift of the second from the first."""
    first, second = sample.parts
    ranks = stats.rankdata(np.concatenate([second, first]))
    m, n = second.size, first.size
    statistic = float(ranks[:m].sum() - m * (m + 1) / 2)
    exact = _use_exact(ranks, (m, n), options.exact)
    shift = hodges_lehmann(second, first)
    if exact:
        p_value = _exact_rank_sum(ranks, m)
        method = "Mann–Whitney, exact"
    else:
        p_value = _normal_p(statistic - m * n / 2, rank_sum_error(ranks, m), options.continuity)
        method = f"Mann–Whitney, normal{', with continuity' if options.continuity else ''}"
    tied = np.unique(ranks).size < ranks.size
    if exact and not tied:
        low, high = _exact_shift(second, first, options.level)
    else:
        limits = _normal_limits(
            lambda shift: _shifted_z(second - shift, first, continuity=options.continuity),
            (second.min() - first.max(), second.max() - first.min()),
            options.level,
        )
        low, high = (_nearest_difference(limit, second, first) for limit in limits)
    return Outcome(
        method, statistic, p_value=p_value, measure="location_shift", estimate=shift,
        conf_low=low, conf_high=high, caveats=_approximate(tied=tied, exact=exact),
    )  # fmt: skip


def _approximate(*, tied: bool, exact: bool) -> tuple[Caveat, ...]:
    if exact or not tied:
        return ()
    message = "Values are tied: the p-value is a normal approximation; see exact=True."
    return (Caveat("approximate", message),)


def _use_exact(ranks: Vector, sizes: tuple[int, ...], wanted: bool | None) -> bool:
    """Whether the exact distribution is asked for, or is usual: small groups without ties."""
    if wanted and max(sizes) > _MOST_EXACT:
        raise UsageError(
            f"exact=True is for groups of up to {_MOST_EXACT} rows, and one has {max(sizes)}; use "
            "exact=False, whose error is then negligible."
        )
    if wanted is not None:
        return wanted
    return max(sizes) < _SMALL and np.unique(ranks).size == ranks.size


def rank_sum_error(ranks: Vector, m: int) -> float:
    """Standard deviation of a rank sum of m among all, corrected for ties."""
    total = ranks.size
    ties = np.unique(ranks, return_counts=True)[1].astype(float)
    lost = (ties**3 - ties).sum() / (total * (total - 1))
    return float(np.sqrt(m * (total - m) / 12 * (total + 1 - lost)))


def _normal_p(gap: float, error: float, continuity: bool) -> float:
    shrunk = gap - np.sign(gap) * 0.5 if continuity else gap
    return float(min(1.0, 2 * stats.norm.sf(abs(shrunk) / error))) if error > 0 else np.nan


def _exact_rank_sum(ranks: Vector, m: int) -> float:
    """Probability of a rank sum as far from its mean, over all ways to choose m of the rows."""
    doubled = np.round(2 * ranks).astype(np.int64)  # midranks are halves
    m_less = min(m, ranks.size - m)
    seen = doubled[:m].sum() if m_less == m else doubled[m:].sum()
    largest = int(np.sort(doubled)[-m_less:].sum())
    ways = np.zeros((m_less + 1, largest + 1))
    ways[0, 0] = 1.0
    for rank in doubled:
        for k in range(m_less, 0, -1):
            ways[k, rank:] += ways[k - 1, : largest + 1 - rank]
    sums = np.arange(largest + 1)
    return _two_sided(ways[m_less], sums, float(seen), m_less * doubled.mean())


def _two_sided(ways: Vector, sums: NDArray[np.int64], seen: float, mean: float) -> float:
    far = np.abs(sums - mean) >= abs(seen - mean) - 1e-9  # halves are exact, means are not
    return float(min(1.0, ways[far].sum() / ways.sum()))


def hodges_lehmann(second: Vector, first: Vector) -> float:
    """Median of all differences between a row of one group and one of the other.

    References
    ----------
    Hodges JL, Lehmann EL. Ann Math Stat 1963;34:598-611.

    Examples
    --------
    >>> import numpy as np
    >>> hodges_lehmann(np.array([3.0, 5.0]), np.array([1.0, 2.0]))
    2.5
    """
    if second.size * first.size <= _MOST_PAIRS:
        return float(np.median(np.subtract.outer(second, first)))
    ordered = np.sort(first)

    def at_most(value: float) -> int:
        return int((first.size - np.searchsorted(ordered, second - value, side="left")).sum())

    reach = second.min() - first.max(), second.max() - first.min()
    middle = [
        _nearest_difference(value, second, first)
        for value in _middle_values(at_most, second.size * first.size, reach)
    ]
    return sum(middle) / 2


def _middle_values(
    at_most: Callable[[float], int], pairs: int, reach: tuple[float, float]
) -> tuple[float, float]:
    """The two middle ones of values that are only counted; for an odd number they are one."""
    lower, upper = (pairs - 1) // 2 + 1, pairs // 2 + 1
    first = _smallest(at_most, lower, reach)
    return first, first if lower == upper else _smallest(at_most, upper, reach)


def _smallest(at_most: Callable[[float], int], k: int, reach: tuple[float, float]) -> float:
    low, high = reach
    near = _NEAR * (high - low)
    while high - low > near:
        middle = (low + high) / 2
        low, high = (low, middle) if at_most(middle) >= k else (middle, high)
    return high


def _exact_shift(second: Vector, first: Vector, level: float) -> tuple[float, float]:
    """Limits of the shift from the exact distribution of the rank sum without ties."""
    m, n = second.size, first.size
    law = _count_law(m, n)
    differences = np.sort(np.subtract.outer(second, first), axis=None)
    return _order_limits(differences, law, level)


def _order_limits(ordered: Vector, law: Vector, level: float) -> tuple[float, float]:
    """Order statistics between which the centre lies with at least the level; NaN if none do."""
    k = int(np.searchsorted(np.cumsum(law), (1 - level) / 2 * (1 - 1e-12)))
    if k == 0:
        return np.nan, np.nan  # not even the whole range has this level
    return float(ordered[k - 1]), float(ordered[ordered.size - k])


def _count_law(m: int, n: int) -> Vector:
    """Probabilities of Mann–Whitney's U without ties, shape (m n + 1,)."""
    ways = np.zeros((m + 1, m * n + 1))
    ways[0, 0] = 1.0
    for larger in range(m + n):  # the j-th chosen exceeds (rank − j) of the others
        for k in range(min(m, larger + 1), 0, -1):
            beats = larger - (k - 1)
            if beats <= n:
                ways[k, beats:] += ways[k - 1, : m * n + 1 - beats]
    return np.asarray(ways[m] / ways[m].sum())


def _shifted_z(second: Vector, first: Vector, *, continuity: bool) -> float:
    m = second.size
    ranks = stats.rankdata(np.concatenate([second, first]))
    gap = ranks[:m].sum() - m * (ranks.size + 1) / 2
    shrunk = gap - np.sign(gap) * 0.5 if continuity else gap
    return float(shrunk / rank_sum_error(ranks, m))


def _normal_limits(
    z_at: Callable[[float], float], reach: tuple[float, float], level: float
) -> tuple[float, float]:
    """Where a falling step function crosses the critical values; NaN where it does not."""
    z = float(critical_value(level))
    return _crossing(z_at, z, reach), _crossing(z_at, -z, reach)


def _crossing(z_at: Callable[[float], float], z: float, reach: tuple[float, float]) -> float:
    low, high = reach
    with np.errstate(invalid="ignore", divide="ignore"):
        if not (z_at(low) > z > z_at(high)):
            return np.nan  # too few rows for this level
        near = _NEAR * (high - low)
        while high - low > near:
            middle = (low + high) / 2
            low, high = (middle, high) if z_at(middle) > z else (low, middle)
    return (low + high) / 2


def _nearest_difference(value: float, second: Vector, first: Vector) -> float:
    """The difference of two rows at which a limit lies, free of the bisection's rounding."""
    if np.isnan(value):
        return value
    ordered = np.sort(first)
    place = np.clip(np.searchsorted(ordered, second - value), 1, max(1, ordered.size - 1))
    near = np.concatenate(
        [second - ordered[np.minimum(place - k, ordered.size - 1)] for k in (0, 1)]
    )
    return float(near[np.argmin(np.abs(near - value))])


def kruskal_wallis(sample: Sample, options: Options) -> Outcome:
    """Kruskal–Wallis test, corrected for ties."""
    ranks = stats.rankdata(sample.values)
    n, sizes = ranks.size, np.bincount(sample.group)
    sums = np.bincount(sample.group, ranks)
    ties = np.unique(ranks, return_counts=True)[1].astype(float)
    raw = 12 / (n * (n + 1)) * (sums**2 / sizes).sum() - 3 * (n + 1)
    statistic = float(raw / (1 - (ties**3 - ties).sum() / (n**3 - n)))
    df = float(len(sizes) - 1)
    return Outcome("Kruskal–Wallis", statistic, df, p_value=float(stats.chi2.sf(statistic, df)))


def signed_rank(difference: Vector, options: Options) -> Outcome:
    """Wilcoxon's signed-rank test of differences; those of 0 are left out.

    Parameters
    ----------
    difference : ndarray, shape (n,)
        First less second.
    options : Options
        `exact` and `continuity`.

    Returns
    -------
    Outcome
        With the pseudomedian, the median of the means of all pairs.

    References
    ----------
    Hollander M, Wolfe DA. Nonparametric Statistical Methods. Wiley, 1999.
    """
    nonzero = difference[difference != 0]
    if not nonzero.size:
        return Outcome("Wilcoxon signed rank", 0.0, p_value=1.0, measure="location_shift",
                       estimate=0.0)  # fmt: skip
    ranks = stats.rankdata(np.abs(nonzero))
    n, statistic = nonzero.size, float(ranks[nonzero > 0].sum())
    dropped = n < difference.size
    exact = options.exact if options.exact is not None else (
        _use_exact(ranks, (n,), None) and not dropped
    )  # fmt: skip
    _use_exact(ranks, (n,), exact)
    tied = np.unique(ranks).size < n
    if exact:
        law = _sign_law(ranks)
        sums = np.arange(law.size)
        p_value = _two_sided(law, sums, 2 * statistic, ranks.sum())
        method = "Wilcoxon signed rank, exact"
    else:
        gap = statistic - ranks.sum() / 2
        p_value = _normal_p(gap, _sign_error(ranks), options.continuity)
        method = f"Wilcoxon signed rank, normal{', with continuity' if options.continuity else ''}"
    low, high = _signed_limits(nonzero, options, exact=exact and not tied)
    return Outcome(
        method, statistic, p_value=p_value, measure="location_shift",
        estimate=pseudomedian(nonzero), conf_low=low, conf_high=high,
        caveats=_approximate(tied=tied or dropped, exact=exact),
    )  # fmt: skip


def _signed_limits(nonzero: Vector, options: Options, *, exact: bool) -> tuple[float, float]:
    if exact:
        law = _sign_law(np.arange(1.0, nonzero.size + 1))[::2]  # whole ranks, doubled
        return _order_limits(np.sort(_walsh(nonzero)), law / law.sum(), options.level)
    reach = float(nonzero.min()), float(nonzero.max())
    low, high = _normal_limits(
        lambda centre: _signed_z(nonzero - centre, continuity=options.continuity),
        reach,
        options.level,
    )
    # limits are means of two rows: twice a limit is a difference of one and another's negative
    return _nearest_difference(2 * low, nonzero, -nonzero) / 2, (
        _nearest_difference(2 * high, nonzero, -nonzero) / 2
    )


def _sign_law(ranks: Vector) -> Vector:
    """Ways to reach each doubled sum of positive ranks when every sign is a coin."""
    doubled = np.round(2 * ranks).astype(np.int64)
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled:
        ways[rank:] += ways[: ways.size - rank].copy()
        ways /= 2  # probabilities, so that nothing overflows
    return ways


def _sign_error(ranks: Vector) -> float:
    return float(np.sqrt((ranks**2).sum() / 4))


def _signed_z(centred: Vector, *, continuity: bool) -> float:
    used = centred[centred != 0]
    if not used.size:
        return 0.0
    ranks = stats.rankdata(np.abs(used))
    gap = ranks[used > 0].sum() - ranks.sum() / 2
    shrunk = gap - np.sign(gap) * 0.5 if continuity else gap
    return float(shrunk / _sign_error(ranks))


def _walsh(values: Vector) -> Vector:
    first, second = np.triu_indices(values.size)
    return np.asarray((values[first] + values[second]) / 2)


def pseudomedian(values: Vector) -> float:
    """Median of the means of all pairs, each row with itself among them.

    Examples
    --------
    >>> import numpy as np
    >>> pseudomedian(np.array([1.0, 2.0, 6.0]))
    2.75
    """
    n = values.size
    if n * (n + 1) // 2 <= _MOST_PAIRS:
        return float(np.median(_walsh(values)))
    ordered = np.sort(values)

    def at_most(value: float) -> int:
        pairs = np.searchsorted(ordered, 2 * value - ordered, side="right").sum()
        return int(pairs + np.count_nonzero(ordered <= value)) // 2

    reach = float(ordered[0]), float(ordered[-1])
    found = _middle_values(at_most, n * (n + 1) // 2, reach)
    return sum(_nearest_difference(2 * value, values, -values) / 2 for value in found) / 2


def sign(difference: Vector, options: Options) -> Outcome:
    """Sign test: whether positive and negative differences are equally frequent."""
    positive, negative = np.count_nonzero(difference > 0), np.count_nonzero(difference < 0)
    n = positive + negative
    p_value = float(min(1.0, 2 * stats.binom.cdf(min(positive, negative), n, 0.5)))
    ordered = np.sort(difference)
    law = stats.binom.pmf(np.arange(ordered.size + 1), ordered.size, 0.5)
    low, high = _order_limits(ordered, law, options.level)
    return Outcome(
        "sign test, exact", float(positive), float(n), p_value=p_value, measure="median_difference",
        estimate=float(np.median(difference)), conf_low=low, conf_high=high,
    )  # fmt: skip
