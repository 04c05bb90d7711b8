"""How many outcomes a center may have by chance: the Poisson-binomial distribution, exactly.

Rows with risks ``r_1, …, r_n`` have a number of outcomes whose distribution is the convolution of n
Bernoulli distributions. It is computed by convolution, blocks of rows at once and then pairs of
blocks, all terms being positive: probabilities keep their relative accuracy (about 1e-13) in the
tails too. Multiplying the odds of all rows by ``exp(t)`` multiplies the probability of k outcomes
by ``exp(t k)``, up to a constant; limits and intervals use this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from vpstats.centers.sums import Risks
from vpstats.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]
    Counts = NDArray[np.int64]

FLOOR = 1e-120
"""Probabilities below this share of the largest are dropped, some 23 standard deviations out."""
BLOCK = 64
"""Rows whose distribution is built one by one, many blocks side by side."""
LONG = 4 * BLOCK + 1
"""Distributions up to this length are cut at the end only."""
FEW_DISTINCT = 3
"""Rows of equal risk are worth a binomial if there are this many blocks of them."""
MARGIN = 14.0
"""Standard deviations, at the tilt where a count is expected, to be held beyond that count."""


@dataclass(frozen=True)
class Laws:
    """Distributions of the number of outcomes of k centers.

    Parameters
    ----------
    first : ndarray of int, shape (k,)
        Smallest count held for each center.
    log_mass : ndarray, shape (k, w)
        Logarithm of the probability of ``first + j`` outcomes; minus infinity beyond.
    """

    first: Counts
    log_mass: Matrix

    @property
    def counts(self) -> Matrix:
        """The counts that the columns of each row stand for, shape (k, w)."""
        return np.asarray(self.first[:, None] + np.arange(self.log_mass.shape[1]), float)

    def tilted(self, tilt: Vector) -> Matrix:
        """Probabilities when all odds are multiplied by ``exp(tilt)``, shape (k, w)."""
        steps = np.arange(self.log_mass.shape[1])
        logs = self.log_mass + tilt[:, None] * steps
        logs -= logs.max(axis=1, keepdims=True)
        mass = np.exp(logs, out=logs)
        mass /= mass.sum(axis=1, keepdims=True)
        return np.asarray(mass)


def check_risks(risks: Risks) -> None:
    """Refuse risks that are no probabilities and counts that are no counts.

    Raises
    ------
    UsageError
        If a risk lies outside of 0 to 1 or is missing, or a count is negative or no whole number.
    """
    values, counts = np.asarray(risks.values, float), np.asarray(risks.counts, float)
    if values.shape != counts.shape or values.ndim != 1:
        raise UsageError("risks and their counts differ in length; expected one count per risk.")
    if not np.all((values >= 0) & (values <= 1)):
        raise UsageError("a risk is missing or outside of 0 to 1; predict it again for each row.")
    if not np.all((counts >= 0) & (counts == np.round(counts))):
        raise UsageError("a count of rows is negative or not a whole number.")


def poisson_binomial(risks: Risks, *, reach: float | None = None) -> tuple[int, Vector]:
    """Distribution of the number of outcomes among independent rows.

    Parameters
    ----------
    risks : Risks
        Distinct risks and how many rows have each.
    reach : float, optional
        A count that the distribution must hold, with a margin beyond it, however unlikely it is.

    Returns
    -------
    tuple of int and ndarray, shape (w,)
        The smallest count held, and the logarithm of the probability of it and of those after it.
        Counts left out are less likely than `FLOOR` times the likeliest.

    Raises
    ------
    UsageError
        If a risk is no probability.

    Notes
    -----
    No approximation is made at any number of rows: the cost is that of the rows times 64 and of
    pairs of distributions cut to where their probability lies.

    References
    ----------
    Hong Y. On computing the distribution function for the Poisson binomial distribution.
    Computational Statistics & Data Analysis 2013;59:41-51.

    Examples
    --------
    >>> import numpy as np
    >>> from vpstats.centers.sums import Risks
    >>> first, log_mass = poisson_binomial(Risks(np.array([0.1, 0.5]), np.array([2.0, 1.0])))
    >>> first, np.exp(log_mass).round(3).tolist()
    (0, [0.405, 0.495, 0.095, 0.005])
    """
    return poisson_binomials([risks], [reach])[0]


def poisson_binomials(
    risks: Sequence[Risks], reaches: Sequence[float | None]
) -> list[tuple[int, Vector]]:
    """Distributions of several centers; see `poisson_binomial`."""
    for one in risks:
        check_risks(one)
    pairs = [(np.asarray(r.values, float), np.asarray(r.counts).astype(int)) for r in risks]
    found = [_logarithms(*part) for part in _convolve_centers(pairs)]
    return [
        law if reach is None else _extend(*pair, *law, float(reach))
        for pair, law, reach in zip(pairs, found, reaches, strict=True)
    ]


def _logarithms(first: int, mass: Vector) -> tuple[int, Vector]:
    with np.errstate(divide="ignore"):
        return first, np.log(mass)


def _convolve_centers(pairs: Sequence[tuple[Vector, Counts]]) -> list[tuple[int, Vector]]:
    """Smallest count and probabilities of each center; rows of all centers in blocks at once."""
    singles, binomials = [], []
    for values, counts in pairs:
        large = counts >= FEW_DISTINCT * BLOCK
        rows = np.repeat(values[~large], counts[~large])
        singles.append(np.append(rows, np.zeros(-len(rows) % BLOCK)).reshape(-1, BLOCK))
        binomials.append([_binomial(*p) for p in zip(counts[large], values[large], strict=True)])
    ends = np.cumsum([len(rows) for rows in singles])[:-1]
    blocks = np.split(_blocks(np.concatenate(singles)), ends)
    return [
        _merge(large + [(0, mass) for mass in small])
        for large, small in zip(binomials, blocks, strict=True)
    ]


def _merge(parts: list[tuple[int, Vector]]) -> tuple[int, Vector]:
    """Convolve distributions, the two shortest first."""
    while len(parts) > 1:
        parts.sort(key=lambda part: len(part[1]))
        pairs = zip(parts[0::2], parts[1::2], strict=False)
        odd = parts[-1:] if len(parts) % 2 else []
        parts = [_convolve(a, b) for a, b in pairs] + odd
    if not parts:
        return 0, np.ones(1)
    first, mass = _trim(*parts[0])
    return first, mass / mass.sum()


def _convolve(a: tuple[int, Vector], b: tuple[int, Vector]) -> tuple[int, Vector]:
    mass = np.convolve(a[1], b[1])
    return _trim(a[0] + b[0], mass) if len(mass) > LONG else (a[0] + b[0], mass)


def _binomial(n: int, p: float) -> tuple[int, Vector]:
    return _trim(0, np.asarray(stats.binom.pmf(np.arange(n + 1), n, p)))


def _blocks(risks: Matrix) -> Matrix:
    """Distributions of blocks of rows, one row of every block at a time.

    Parameters
    ----------
    risks : ndarray, shape (blocks, size)

    Returns
    -------
    ndarray, shape (blocks, size + 1)
    """
    columns = np.ascontiguousarray(risks.T)
    mass = np.zeros((len(columns) + 1, len(risks)))
    mass[0] = 1.0
    for j, r in enumerate(columns):
        risen = mass[: j + 1] * r
        mass[: j + 1] -= risen
        mass[1 : j + 2] += risen
    return np.ascontiguousarray(mass.T)


def _trim(first: int, mass: Vector) -> tuple[int, Vector]:
    held = np.flatnonzero(mass > FLOOR * mass.max())
    return first + int(held[0]), mass[held[0] : held[-1] + 1]


def tilted_risks(values: Vector, tilt: float) -> Vector:
    """Risks with their odds multiplied by ``exp(tilt)``."""
    return np.asarray(values / (values + (1 - values) * np.exp(-tilt)))


def tilt_to_mean(values: Vector, counts: Counts, mean: float) -> float:
    """The common factor of the odds, as a logarithm, at which `mean` outcomes are expected."""
    free = (values > 0) & (values < 1)
    sure, n = float(counts[values == 1].sum()), float(counts[free].sum())
    wanted = float(np.clip(mean - sure, 0.25, n - 0.25)) if n > 0.5 else 0.5 * n
    low, high = -800.0, 800.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        with np.errstate(over="ignore"):
            at = float(counts[free] @ tilted_risks(values[free], middle))
        low, high = (middle, high) if at < wanted else (low, middle)
    return 0.5 * (low + high)


def _extend(
    values: Vector, counts: Counts, first: int, log_mass: Vector, reach: float
) -> tuple[int, Vector]:
    """Join distributions under ever stronger tilts until a count and its surroundings are held."""
    certain, possible = int(counts[values == 1].sum()), int(counts[values > 0].sum())
    reach = float(np.clip(reach, certain, possible))
    # a sum of independent rows varies no more than its mean, nor than what is left of them
    margin = MARGIN * np.sqrt(min(reach - certain, possible - reach) + 4) + 10
    low, high = max(certain, reach - margin), min(possible, reach + margin)
    while first > low:
        first, log_mass = _join(values, counts, (first, log_mass), first)
    while (top := first + len(log_mass) - 1) < high:
        first, log_mass = _join(values, counts, (first, log_mass), top)
    return first, log_mass


def _join(
    values: Vector, counts: Counts, held: tuple[int, Vector], count: int
) -> tuple[int, Vector]:
    """Extend a distribution by the one under which `count`, held by both, is to be expected."""
    start, known = held
    tilt = tilt_to_mean(values, counts, count)
    first, logs = _logarithms(*_convolve_centers([(tilted_risks(values, tilt), counts)])[0])
    logs = logs - tilt * (first + np.arange(len(logs)))
    logs += known[count - start] - logs[count - first]
    before = logs[: max(start - first, 0)]
    after = logs[max(start + len(known) - first, 0) :]
    return min(first, start), np.concatenate([before, known, after])


def poisson(expected: float, *, reach: float) -> tuple[int, Vector]:
    """Poisson distribution around its mean and a count that it must hold.

    Parameters
    ----------
    expected : float
        Mean.
    reach : float
        The count.

    Returns
    -------
    tuple of int and ndarray, shape (w,)
        The smallest count held, and the logarithm of the probability of it and of those after it.
    """
    if expected <= 0:
        return 0, np.where(np.arange(int(reach) + 2) == 0, 0.0, -np.inf)
    low, high = min(expected, reach), max(expected, reach)
    first = max(0, int(low - 1.5 * MARGIN * np.sqrt(low + 4)))
    counts = np.arange(first, int(high + 1.5 * MARGIN * np.sqrt(high + 4)) + 10)
    return first, counts * np.log(expected) - expected - special.gammaln(counts + 1.0)


def gather(parts: Sequence[tuple[int, Vector]]) -> Laws:
    """Distributions of several centers side by side."""
    width = max((len(mass) for _, mass in parts), default=1)
    held = np.full((len(parts), width), -np.inf)
    for row, (_, mass) in zip(held, parts, strict=True):
        row[: len(mass)] = mass
    return Laws(np.array([first for first, _ in parts], dtype=np.int64), held)
