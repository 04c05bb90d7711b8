"""Control limits, tails and intervals of observed over expected, from exact distributions.

The number of outcomes that a center may have by chance is a Poisson-binomial number (`exact`) whose
rows may correlate within patients, and whose expectation was itself estimated. Both widen the
distribution: the odds of all rows of a center are multiplied by a common log-normal factor whose
variance is such that the distribution has the mean and the variance that the sums state. Without
either nothing is mixed, and what remains is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special, stats

from vpstats.centers.exact import Laws, gather, poisson, poisson_binomials
from vpstats.centers.sums import CenterSums, Risks
from vpstats.centers.tilts import HIGHEST, LOWEST, Cumulants, PoissonCumulants, sum_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]

Tail = Literal["mid-p", "exact", "interpolated"]

OUTERMOST = 6.5
"""Standard deviations of the factor that are integrated over."""
STEP, LOG_STEP = 1.0, 0.7
"""Longest step of the trapezoidal rule: in widths of the integrand, and in log odds.

The error is about 1e-9 by the first, and by the second, pi over it being how far the nearest
singularity lies from the real line, less than 1e-11.
"""
WIDEST = 4.0
"""Largest standard deviation of the factor, on the log scale."""
MOST_NODES = 400
MATCHING = 200
MATCHING_NODES, FEW_NODES_BELOW = 25, 0.1
"""Nodes of the search for mean and variance where the first guess of the square is below."""
SMALLEST = 1e-300
NEARLY = 0.8
"""Share of the way to rows that all agree, beyond which no variance is matched."""
SETTLED = 1e-12
SEARCHING, HALVINGS = 60, 12
LONGEST = 1.5
"""Longest step of the search for an interval, in log odds."""


@dataclass(frozen=True)
class Chance:
    """What each of k centers may have by chance.

    Parameters
    ----------
    laws : Laws
        Distributions of independent rows with known risks.
    cumulants : Cumulants
        Their means and variances under a tilt.
    shift, spread : ndarray, shape (k,)
        Mean and standard deviation of the logarithm of the factor that multiplies the odds.
    """

    laws: Laws
    cumulants: Cumulants
    shift: Vector
    spread: Vector

    def widened(self, tau: Vector | float) -> Chance:
        """The same with true differences between centers of standard deviation `tau`."""
        return replace(self, spread=np.hypot(self.spread, tau))

    def nodes(self) -> Iterator[tuple[float, Vector]]:
        """Weights and tilts (k,) over which the distribution is an average."""
        at = np.clip(self.shift[:, None], -5, 5)
        ratio = float(np.max(self.spread**2 * self.cumulants.variance(at)[:, 0], initial=0.0))
        if ratio <= 0:
            return iter([(1.0, self.shift)])
        finest = max(np.sqrt(1 + ratio) / STEP, float(np.max(self.spread)) / LOG_STEP)
        reach = int(np.ceil(OUTERMOST * finest))
        points = np.linspace(-OUTERMOST, OUTERMOST, min(2 * reach + 1, MOST_NODES))
        weights = np.exp(-(points**2) / 2)
        weights /= weights.sum()
        tilts = self.shift + self.spread * points[:, None]
        return zip(weights.tolist(), tilts, strict=True)

    def mass(self) -> Matrix:
        """Probabilities of the counts held, shape (k, w)."""
        return np.asarray(sum(weight * self.laws.tilted(tilt) for weight, tilt in self.nodes()))


def risks_of(sums: CenterSums) -> tuple[Risks, ...]:
    """Risks of each center's rows; equal ones where only their sum is known."""
    if sums.risks:
        return sums.risks
    share = np.divide(sums.expected, sums.n, out=np.zeros(len(sums)), where=sums.n > 0)
    return tuple(Risks(np.array([p]), np.array([n])) for p, n in zip(share, sums.n, strict=True))


def chance_of(sums: CenterSums, *, law: Literal["exact", "poisson"] = "exact") -> Chance:
    """Distributions of what centers may have by chance.

    Parameters
    ----------
    sums : CenterSums
        Complete sums: no value is missing.
    law : {"exact", "poisson"}
        Poisson-binomial, or Poisson with the same mean, as for an incidence.

    Returns
    -------
    Chance

    References
    ----------
    Spiegelhalter DJ. Funnel plots for comparing institutional performance. Statistics in Medicine
    2005;24:1185-1202.

    Examples
    --------
    >>> import numpy as np
    >>> ten = np.array([10.0])
    >>> sums = CenterSums(centers=("A",), unit="patient", measure="incidence", n=100 * np.ones(1),
    ...                   n_patients=100 * np.ones(1), observed=ten, expected=ten, variance=ten,
    ...                   design_effect=np.ones(1), benchmark_variance=np.zeros(1), benchmark=0.1)
    >>> low, high = control_limits(chance_of(sums), 0.001)
    >>> low.round(2), high.round(2)
    (array([1.53]), array([21.22]))
    """
    if law == "poisson" or sums.measure == "incidence":
        pairs = zip(sums.expected, sums.observed, strict=True)
        laws = gather([poisson(float(e), reach=float(o)) for e, o in pairs])
        cumulants: Cumulants = PoissonCumulants(sums.expected)
    else:
        risks = risks_of(sums)
        laws = gather(poisson_binomials(risks, sums.observed.tolist()))
        cumulants = sum_rows(risks)
    most = sums.expected * (sums.n - sums.expected) if law == "exact" else np.inf
    if sums.measure == "incidence":
        most = np.inf
    total = sums.variance + sums.benchmark_variance
    shift, spread = match_moments(cumulants, sums.expected, total, most)
    return Chance(laws, cumulants, shift, spread)


def match_moments(
    cumulants: Cumulants, mean: Vector, variance: Vector, most: Vector | float = np.inf
) -> tuple[Vector, Vector]:
    """Mean and standard deviation of the log factor that give a stated mean and variance.

    Where the variance is no larger than that of independent rows there is no factor. A variance
    beyond `most`, that of rows which all agree, cannot be; nearly so is as far as it goes.
    """
    own = cumulants.variance(np.zeros((len(mean), 1)))[:, 0]
    variance = np.minimum(variance, own + NEARLY * np.maximum(most - own, 0.0))
    wide = (variance > own * (1 + 1e-9)) & (own > 0)
    ratio = np.where(wide, (variance - own) / np.where(own > 0, own**2, 1.0), 0.0)
    square, shift = np.minimum(np.log1p(ratio), WIDEST**2), np.zeros(len(mean))
    if not wide.any():
        return shift, shift.copy()
    points, weights = _normal_nodes(float(np.max(square)))
    for _ in range(MATCHING):
        spread = np.sqrt(square)
        tilts = shift[:, None] + spread[:, None] * points
        means, rows = cumulants.mean(tilts), cumulants.variance(tilts)
        found, within = means @ weights, rows @ weights
        between = (means - found[:, None]) ** 2 @ weights
        off = np.where(wide, (mean - found) / np.where(wide, within, 1.0), 0.0)
        wanted = np.maximum(variance - within, 0.0) / np.where(wide & (between > 0), between, 1.0)
        # the variance between rises faster than the square, the more so the larger it is
        factor = np.clip(np.where(wide, wanted, 1.0), 0.5, 2.0) ** (1 / (1 + square))
        more = np.minimum(square * factor, WIDEST**2)
        # a wider factor moves the mean, by half the third cumulant (Stein's lemma), taken back here
        skew = rows @ (weights * points) / np.where(wide, spread * within, 1.0)
        shift = shift + np.clip(off - 0.5 * skew * (more - square), -1, 1)
        square = more
        if np.max(np.abs(off)) < SETTLED and np.max(np.abs(factor - 1)) < SETTLED:
            break
    return shift, np.where(wide, np.sqrt(square), 0.0)


def _normal_nodes(square: float) -> tuple[Vector, Vector]:
    """Nodes and weights of a normal average: few where the factor varies little."""
    if square < FEW_NODES_BELOW:
        points, weights = special.roots_hermitenorm(MATCHING_NODES)
    else:
        points = np.linspace(-OUTERMOST, OUTERMOST, 4 * MATCHING_NODES + 1)
        weights = np.exp(-(points**2) / 2)
    return points, weights / weights.sum()


def tail_functions(mass: Matrix, tail: Tail) -> tuple[Matrix, Matrix]:
    """Upper and lower tail at each count held, shape (k, w), as a rule for discrete counts has it.

    Parameters
    ----------
    mass : ndarray, shape (k, w)
        Probabilities.
    tail : {"mid-p", "exact", "interpolated"}
        "exact": the count itself belongs to both tails. "mid-p": half of it does. "interpolated":
        as Spiegelhalter draws it, to the lower tail alone, so that the upper limit is crossed more
        often than is said.
    """
    upper = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    lower = np.cumsum(mass, axis=1)
    if tail == "exact":
        return upper, lower
    if tail == "mid-p":
        return upper - mass / 2, lower - mass / 2
    return np.append(upper[:, 1:], np.zeros((len(mass), 1)), axis=1), lower


def read_tails(
    laws: Laws, functions: tuple[Matrix, Matrix], observed: Vector
) -> tuple[Vector, Vector]:
    """Upper and lower tail of what was observed; linear between counts."""
    last = laws.log_mass.shape[1] - 1
    place = np.clip(observed - laws.first, 0, last)
    below = np.floor(place).astype(int)
    above, part, rows = np.minimum(below + 1, last), place - below, np.arange(len(place))
    first, second = (f[rows, below] * (1 - part) + f[rows, above] * part for f in functions)
    beyond = observed - laws.first > last
    return np.where(beyond, 0.0, first), np.where(beyond, 1.0, second)


def limits_from(
    laws: Laws, functions: tuple[Matrix, Matrix], alpha: Vector | float
) -> tuple[Vector, Vector]:
    """Counts at which the tails are `alpha`, linear between counts; see `control_limits`."""
    upper, lower = functions
    k, width = upper.shape
    alpha = np.broadcast_to(np.asarray(alpha, float), (k,))
    top = laws.first + np.sum(laws.log_mass > -np.inf, axis=1) - 1
    rows = np.arange(k)

    beyond = upper < alpha[:, None]
    j = np.where(beyond.any(axis=1), beyond.argmax(axis=1), width)
    a, b = upper[rows, np.clip(j - 1, 0, width - 1)], upper[rows, np.clip(j, 0, width - 1)]
    with np.errstate(divide="ignore", invalid="ignore"):
        high = np.where(a > b, j - 1 + (a - alpha) / (a - b), j - 1)
    high = np.minimum(laws.first + np.maximum(high, 0), top)

    beyond = lower < alpha[:, None]
    j = beyond.sum(axis=1) - 1
    a, b = lower[rows, np.clip(j, 0, width - 1)], lower[rows, np.clip(j + 1, 0, width - 1)]
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where((j >= 0) & (b > a), j + (alpha - a) / (b - a), 0)
    return np.asarray(laws.first + np.maximum(low, 0), float), high


def control_limits(
    chance: Chance, alpha: Vector | float, *, tail: Tail = "mid-p"
) -> tuple[Vector, Vector]:
    """Numbers of outcomes beyond which a center lies outside.

    Parameters
    ----------
    chance : Chance
        What centers may have by chance.
    alpha : float or ndarray, shape (k,)
        Probability of each side: 0.025 and 0.001 for limits of 95 % and 99.8 %.
    tail : {"mid-p", "exact", "interpolated"}
        Rule for discrete counts; see `tail_functions`.

    Returns
    -------
    tuple of ndarray, shape (k,)
        Lower and upper limit. A number lies above the upper limit exactly if its tail is smaller
        than `alpha`. The lower limit is 0 where even no outcome at all would be no surprise, and
        the upper one is the number of rows where all of them with the outcome would be none.
    """
    return limits_from(chance.laws, tail_functions(chance.mass(), tail), alpha)


def signed_scores(upper: Vector, lower: Vector) -> Vector:
    """Scores whose normal tails are the given mid-p tails, from the smaller of the two.

    A tail too small for a floating-point number counts as the smallest: scores end at 37.
    """
    small, large = np.maximum(np.minimum(upper, lower), SMALLEST), np.maximum(upper, lower)
    z = -special.ndtri(np.where(np.isnan(large), np.nan, small))
    return np.asarray(np.where(upper < lower, z, -z))


def intervals(
    chance: Chance, observed: Vector, level: float = 0.95, *, tail: Tail = "exact"
) -> tuple[Vector, Vector]:
    """Limits of the expected number under which what was observed would be no surprise.

    All odds of a center are multiplied by a common factor until the tail, the observed number
    included, is half of one minus `level`; returned is the expected number then. Where all risks
    are equal this is Clopper and Pearson's interval, for an incidence Garwood's. With "mid-p" half
    of the observed number belongs to the tail: the interval leaves out what limits by mid-p flag.

    Parameters
    ----------
    chance : Chance
        What centers may have by chance.
    observed : ndarray, shape (k,)
        Whole numbers.
    level : float
        Confidence level.
    tail : {"mid-p", "exact", "interpolated"}
        Rule for discrete counts; an interval is not interpolated but takes mid-p then.

    Returns
    -------
    tuple of ndarray, shape (k,)
        Lower and upper limit of the expected number; 0 where nothing was observed, and the number
        of rows where all had the outcome.

    References
    ----------
    Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the
    binomial. Biometrika 1934;26:404-413. Garwood F. Fiducial limits for the Poisson distribution.
    Biometrika 1936;28:437-442.
    """
    counts = chance.laws.counts
    held = chance.laws.log_mass > -np.inf
    bottom = chance.laws.first
    top = bottom + held.sum(axis=1) - 1
    own = np.where(counts == observed[:, None], 1.0 if tail == "exact" else 0.5, 0.0)
    low = _search(chance, own + (counts > observed[:, None]), level, observed, observed > bottom)
    high = _search(chance, own + (counts < observed[:, None]), level, observed, observed < top)
    return (
        np.where(observed > bottom, low, bottom),
        np.where(observed < top, high, top),
    )


def _start(cumulants: Cumulants, observed: Vector) -> Vector:
    """Tilts at which about the observed numbers are to be expected."""
    low, high = (np.full((len(observed), 1), tilt) for tilt in (LOWEST, HIGHEST))
    wanted = np.maximum(observed, 0.5)[:, None]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        less = cumulants.mean(middle) < wanted
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return np.asarray(high[:, 0])


def _search(
    chance: Chance,
    tail: Matrix,
    level: float,
    observed: Vector,
    open_: NDArray[np.bool_],
) -> Vector:
    """Expected number at which a tail is half of one minus the level, by Newton on probits."""
    target = special.ndtri((1 - level) / 2)
    counts, shift = chance.laws.counts, _start(chance.cumulants, observed)
    mean = np.zeros(len(shift))
    for _ in range(SEARCHING):
        share, slope, mean = _tail_slope(replace(chance, shift=shift), tail, counts)
        share = np.clip(share, 1e-300, 1 - 1e-16)
        probit = special.ndtri(share)
        rise = slope / np.exp(-(probit**2) / 2) * np.sqrt(2 * np.pi)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(open_ & (rise != 0), (target - probit) / rise, 0.0)
        if np.max(np.abs(step), initial=0.0) < SETTLED:
            break
        shift = shift + np.clip(step, -LONGEST, LONGEST)
    return mean


def _tail_slope(chance: Chance, tail: Matrix, counts: Matrix) -> tuple[Vector, Vector, Vector]:
    """Probability of a tail, its slope in the shift, and the expected number."""
    k = len(counts)
    share, slope, mean = np.zeros(k), np.zeros(k), np.zeros(k)
    for weight, tilt in chance.nodes():
        mass = chance.laws.tilted(tilt)
        at = np.einsum("kw,kw->k", mass, counts)
        mass *= tail
        part = mass.sum(axis=1)
        share += weight * part
        slope += weight * (np.einsum("kw,kw->k", mass, counts) - at * part)
        mean += weight * at
    return share, slope, mean


def byar(observed: Vector, level: float = 0.95) -> tuple[Vector, Vector]:
    """Byar's approximate limits of a Poisson mean.

    Parameters
    ----------
    observed : ndarray, shape (k,)
        Events.
    level : float
        Confidence level.

    Returns
    -------
    tuple of ndarray, shape (k,)

    References
    ----------
    Breslow NE, Day NE. Statistical Methods in Cancer Research II. IARC, 1987, p 69.
    """
    z = stats.norm.isf((1 - level) / 2)
    more = observed + 1
    with np.errstate(divide="ignore"):
        root = np.where(observed > 0, 1 - 1 / (9 * observed) - z / (3 * np.sqrt(observed)), 0.0)
    low = observed * np.maximum(root, 0.0) ** 3
    return low, more * (1 - 1 / (9 * more) + z / (3 * np.sqrt(more))) ** 3
