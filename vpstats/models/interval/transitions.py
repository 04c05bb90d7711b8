"""The likelihood of an illness–death model with intensities that are constant within windows.

A row starts healthy, may fall ill between its last negative and its first positive visit, or
unseen after its last visit, and may die from either state. The time of death is known, the time
of falling ill is integrated out in closed form: the likelihood of a row is a sum over the windows
in which it can have fallen ill, plus one term for never. The weights of that sum are what the data
say of each, and give score and information without any matrix exponential.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.newton import Evaluation

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]
Mask = NDArray[np.bool_]

TRANSITIONS = ("illness", "death", "death_ill")
"""Healthy to ill, healthy to dead, ill to dead; in this order everywhere below."""
_SIGN = (1.0, 1.0, -1.0)
"""Sign with which each intensity enters the rate of leaving health less that of dying ill."""
_BLOCK = 4096
_SERIES = 0.2
"""Below this the closed forms lose digits to cancellation and their series do not."""


@dataclass(frozen=True, slots=True)
class Paths:
    """What n rows went through, by window of K.

    Parameters
    ----------
    width : ndarray, shape (n, K)
        Time under observation in the window.
    before : ndarray, shape (n, K)
        Time in the window that certainly precedes falling ill in it.
    span : ndarray, shape (n, K)
        Length of the stretch of the window in which the row can have fallen ill; 0 where the
        time is known exactly.
    possible : ndarray of bool, shape (n, K)
        Whether the row can have fallen ill in the window.
    unseen : ndarray of bool, shape (n,)
        Never found ill, so that it may have stayed healthy.
    died : ndarray of bool, shape (n,)
        Whether follow-up ended by death.
    last : ndarray of int, shape (n,)
        Window in which follow-up ended; a time at a change point belongs to the window before.
    designs : tuple of ndarray, each of shape (n, p_q)
        Covariates of each transition.
    """

    width: Matrix
    before: Matrix
    span: Matrix
    possible: Mask
    unseen: Mask
    died: Mask
    last: Codes
    designs: tuple[Matrix, Matrix, Matrix]

    def __len__(self) -> int:
        return len(self.died)

    def block(self, rows: slice | Codes) -> Paths:
        """Some of the rows."""
        return Paths(
            self.width[rows],
            self.before[rows],
            self.span[rows],
            self.possible[rows],
            self.unseen[rows],
            self.died[rows],
            self.last[rows],
            tuple(X[rows] for X in self.designs),  # type: ignore[arg-type]  # three as before
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """Which of the p parameters make up each intensity.

    Parameters
    ----------
    terms : tuple of str
        Names of the parameters.
    windows : tuple of ndarray of int, each of shape (K,)
        Logarithms of the intensities of each transition, by window.
    slopes : tuple of ndarray of int, each of shape (p_q,)
        Covariates' coefficients of each transition.
    ratio : int or None
        Logarithm of the ratio of dying ill to dying healthy, where the two share windows.
    """

    terms: tuple[str, ...]
    windows: tuple[Codes, Codes, Codes]
    slopes: tuple[Codes, Codes, Codes]
    ratio: int | None = None

    def log_rates(self, theta: Vector, designs: tuple[Matrix, ...]) -> list[Matrix]:
        """Logarithm of the intensity by transition; each of shape (n, K)."""
        rates = []
        for q, X in enumerate(designs):
            level = theta[self.windows[q]]
            if q == 2 and self.ratio is not None:
                level = level + theta[self.ratio]
            shift = X @ theta[self.slopes[q]] if self.slopes[q].size else np.zeros(len(X))
            rates.append(level + shift[:, None])
        return rates

    def expand(self, parts: list[Matrix], designs: tuple[Matrix, ...]) -> Matrix:
        """Derivatives by log intensity, three of shape (n, K), to ones by parameter, (n, p)."""
        out = np.zeros((len(parts[0]), len(self.terms)))
        for q, part in enumerate(parts):
            for k, column in enumerate(self.windows[q]):
                out[:, column] += part[:, k]
            total = part.sum(axis=1)
            if q == 2 and self.ratio is not None:
                out[:, self.ratio] += total
            if self.slopes[q].size:
                out[:, self.slopes[q]] += total[:, None] * designs[q]
        return out

    def bilinear(self, q: int, r: int, part: Matrix, designs: tuple[Matrix, ...]) -> Matrix:
        """Sum over rows and windows of part × (derivatives of log intensities q and r), (p, p)."""
        out = np.zeros((len(self.terms), len(self.terms)))
        sums, total = part.sum(axis=0), part.sum(axis=1)
        np.add.at(out, (self.windows[q], self.windows[r]), sums)
        out[np.ix_(self.slopes[q], self.slopes[r])] += (designs[q] * total[:, None]).T @ designs[r]
        out[np.ix_(self.windows[q], self.slopes[r])] += part.T @ designs[r]
        out[np.ix_(self.slopes[q], self.windows[r])] += designs[q].T @ part
        if self.ratio is not None:
            self._add_ratio(out, q, r, part, designs)
        return out

    def _add_ratio(
        self, out: Matrix, q: int, r: int, part: Matrix, designs: tuple[Matrix, ...]
    ) -> None:
        g = np.array([self.ratio], dtype=np.intp)
        sums, total = part.sum(axis=0), part.sum(axis=1)
        if q == 2:
            np.add.at(out, (g, self.windows[r]), sums)
            out[g[0], self.slopes[r]] += total @ designs[r]
        if r == 2:
            np.add.at(out, (self.windows[q], g), sums)
            out[self.slopes[q], g[0]] += total @ designs[q]
        if q == r == 2:
            out[g[0], g[0]] += total.sum()


@dataclass(frozen=True, slots=True)
class Mixture:
    """What a block of rows says at given intensities.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Log-likelihood of each row.
    share : ndarray, shape (n, K)
        Probability, given the record, that the row fell ill in the window.
    never : ndarray, shape (n,)
        Probability, given the record, that it never did.
    rates : list of ndarray, each of shape (n, K)
        Intensities.
    wait, curve : ndarray, shape (n, K)
        First and second derivative of the logarithm of the integral over the window.
    """

    value: Vector
    share: Matrix
    never: Vector
    rates: list[Matrix]
    wait: Matrix
    curve: Matrix


def mix(rows: Paths, log_rates: list[Matrix]) -> Mixture:
    """Weigh the ways in which each row can have come about.

    Parameters
    ----------
    rows : Paths
        n rows.
    log_rates : list of ndarray, each of shape (n, K)
        Logarithm of each intensity.

    Returns
    -------
    Mixture
    """
    a, b, c = (np.exp(r) for r in log_rates)
    width, before = rows.width, rows.before
    value, slope, curve = log_integral(a + b - c, rows.span)
    healthy, ill = (a + b) * width, c * width
    spent = np.cumsum(healthy, axis=1) - healthy + (a + b) * before
    later = ill.sum(axis=1, keepdims=True) - np.cumsum(ill, axis=1) + c * (width - before)
    each = np.where(rows.possible, log_rates[0] - spent - later + value, -np.inf)
    never = np.where(rows.unseen, -healthy.sum(axis=1), -np.inf)
    at = np.arange(len(rows)), rows.last
    each = each + np.where(rows.died, log_rates[2][at], 0.0)[:, None]
    never = never + np.where(rows.died, log_rates[1][at], 0.0)
    top = np.maximum(never, each.max(axis=1))
    safe = np.where(np.isfinite(top), top, 0.0)
    share, stay = np.exp(each - safe[:, None]), np.exp(never - safe)
    total = share.sum(axis=1) + stay
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(total == 0, -np.inf, safe + np.log(total))
        share, stay = share / total[:, None], stay / total
    return Mixture(logs, share, stay, [a, b, c], slope, curve)


def log_integral(rate: Matrix, span: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Logarithm of the integral of ``exp(-rate v)`` over v from 0 to span, and two derivatives.

    Parameters
    ----------
    rate, span : ndarray
        Any sign; at least 0. A span of 0 stands for an exact time: 0 and no derivative.

    Returns
    -------
    tuple of ndarray
        Value, first and second derivative by rate.

    Examples
    --------
    >>> import numpy as np
    >>> value, _, _ = log_integral(np.array([0.0, 1.0]), np.array([2.0, 1.0]))
    >>> np.exp(value).round(4).tolist()  # 2, and 1 - 1/e
    [2.0, 0.6321]
    """
    x = rate * span
    size = np.abs(x)
    small = size < _SERIES
    large = np.where(small, 1.0, np.minimum(size, 600.0))
    y = np.where(small, x, 0.0) ** 2
    with np.errstate(divide="ignore"):
        value = np.log(span) + np.maximum(-x, 0.0)
    value = value + np.where(
        small,
        -size / 2 + y / 24 - y**2 / 2880 + y**3 / 181440,
        np.log(-np.expm1(-np.where(small, 1.0, size))) - np.log(np.where(small, 1.0, size)),
    )
    far = 1 / np.expm1(large) - 1 / np.where(small, 1.0, size)
    series = -0.5 + np.where(small, size, 0.0) * (1 / 12 - y / 720 + y**2 / 30240 - y**3 / 1209600)
    first = np.where(small, series, far)
    first = np.where(x < 0, -1 - first, first)
    bend = 1 / np.where(small, 1.0, size) ** 2 - 1 / (4 * np.sinh(large / 2) ** 2)
    second = np.where(small, 1 / 12 - y / 240 + y**2 / 6048 - y**3 / 172800, bend)
    exact = span == 0
    return (
        np.where(exact, 0.0, value),
        np.where(exact, 0.0, span * first),
        np.where(exact, 0.0, span**2 * second),
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """Events and time at risk that the record lets expect, each of shape (n, K) by transition."""

    events: list[Matrix]
    time: list[Matrix]


def expect(rows: Paths, mixture: Mixture) -> Expected:
    """Expected events and time at risk of each row, given its record."""
    share, never = mixture.share, mixture.never
    later = np.cumsum(share[:, ::-1], axis=1)[:, ::-1] - share + never[:, None]
    sooner = np.cumsum(share, axis=1) - share
    healthy = share * (rows.before - mixture.wait) + rows.width * later
    ill = share * (rows.width - rows.before + mixture.wait) + rows.width * sooner
    death = np.zeros_like(share)
    death[np.arange(len(rows)), rows.last] = rows.died
    events = [share, death * never[:, None], death * (1 - never)[:, None]]
    return Expected(events, [healthy, healthy, ill])


def row_scores(layout: Layout, rows: Paths, theta: Vector) -> Matrix:
    """Derivative of the log-likelihood of each row, shape (n, p)."""
    parts = [rows.block(slice(i, i + _BLOCK)) for i in range(0, len(rows), _BLOCK)]
    scores = []
    for part in parts:
        mixture = mix(part, layout.log_rates(theta, part.designs))
        scores.append(gradients(layout, part, mixture))
    return np.concatenate(scores) if scores else np.empty((0, len(theta)))


def gradients(layout: Layout, rows: Paths, mixture: Mixture) -> Matrix:
    """Derivative of the logarithm of each row's mixture by parameter, shape (n, p)."""
    return layout.expand(_excess(expect(rows, mixture), mixture), rows.designs)


def _excess(known: Expected, mixture: Mixture) -> list[Matrix]:
    return [e - r * t for e, r, t in zip(known.events, mixture.rates, known.time, strict=True)]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over rows.

    Parameters
    ----------
    value : float
        Log-likelihood.
    score : ndarray, shape (p,)
        Its gradient.
    observed, complete : ndarray, shape (p, p)
        Observed information, and what it would be were every time of falling ill known.
    events, time : ndarray, shape (3, K)
        Expected events and time at risk by transition and window.
    """

    value: float
    score: Vector
    observed: Matrix
    complete: Matrix
    events: Matrix
    time: Matrix


def total(layout: Layout, rows: Paths, theta: Vector) -> Totals:
    """Log-likelihood, score and information, summed over blocks of rows.

    Parameters
    ----------
    layout : Layout
        Parameters.
    rows : Paths
        n rows.
    theta : ndarray, shape (p,)
        Where; minus infinity stands for an intensity of 0.

    Returns
    -------
    Totals

    References
    ----------
    Louis TA. Finding the observed information matrix when using the EM algorithm. J R Stat Soc B
    1982;44:226-233.
    """
    p, windows = len(theta), rows.width.shape[1]
    value, score = 0.0, np.zeros(p)
    observed, complete = np.zeros((p, p)), np.zeros((p, p))
    events, time = np.zeros((3, windows)), np.zeros((3, windows))
    for start in range(0, len(rows), _BLOCK):
        part = rows.block(slice(start, start + _BLOCK))
        mixture = mix(part, layout.log_rates(theta, part.designs))
        known = expect(part, mixture)
        own = layout.expand(_excess(known, mixture), part.designs)
        whole = _complete(layout, part, mixture, known)
        value += float(mixture.value.sum())
        score += own.sum(axis=0)
        complete += whole
        observed += whole + own.T @ own - _between(layout, part, mixture)
        observed -= _bend(layout, part, mixture)
        events += [e.sum(axis=0) for e in known.events]
        time += [t.sum(axis=0) for t in known.time]
    return Totals(value, score, observed, complete, events, time)


def _complete(layout: Layout, rows: Paths, mixture: Mixture, known: Expected) -> Matrix:
    """Minus the expected second derivative were the times known: rate × time at risk."""
    out = np.zeros((len(layout.terms), len(layout.terms)))
    for q in range(3):
        out += layout.bilinear(q, q, mixture.rates[q] * known.time[q], rows.designs)
    return out


def _bend(layout: Layout, rows: Paths, mixture: Mixture) -> Matrix:
    """What the curvature of the integrals over the windows adds to the second derivative."""
    out = np.zeros((len(layout.terms), len(layout.terms)))
    weight = mixture.share * mixture.curve
    moved = [sign * rate for sign, rate in zip(_SIGN, mixture.rates, strict=True)]
    for q in range(3):
        for r in range(q + 1):
            part = layout.bilinear(q, r, weight * moved[q] * moved[r], rows.designs)
            out += part if q == r else part + part.T
    return out


def _between(layout: Layout, rows: Paths, mixture: Mixture) -> Matrix:
    """Sum over rows and ways of probability × (score of that way) × its transpose."""
    windows = rows.width.shape[1]
    death = np.zeros_like(rows.width)
    death[np.arange(len(rows)), rows.last] = rows.died
    a, b, c = mixture.rates
    nothing = np.zeros_like(death)
    out = _square(layout, rows, [-a * rows.width, death - b * rows.width, nothing], mixture.never)
    for k in range(windows):
        healthy, ill = nothing.copy(), nothing.copy()
        healthy[:, :k], ill[:, k + 1 :] = rows.width[:, :k], rows.width[:, k + 1 :]
        healthy[:, k] = rows.before[:, k] - mixture.wait[:, k]
        ill[:, k] = rows.width[:, k] - rows.before[:, k] + mixture.wait[:, k]
        onset = -a * healthy
        onset[:, k] += 1.0
        ways = [onset, -b * healthy, death - c * ill]
        out += _square(layout, rows, ways, mixture.share[:, k])
    return out


def _square(layout: Layout, rows: Paths, parts: list[Matrix], weight: Vector) -> Matrix:
    U = layout.expand(parts, rows.designs)
    return np.asarray(U.T @ (weight[:, None] * U))


def evaluation(sums: Totals, free: Mask) -> Evaluation:
    """Value, score and an information that points uphill.

    Far from the maximum the observed information need not be positive definite; the complete-data
    one always is, and its steps are those of the EM gradient algorithm.

    References
    ----------
    Lange K. A gradient algorithm locally equivalent to the EM algorithm. J R Stat Soc B
    1995;57:425-437.
    """
    try:
        np.linalg.cholesky(sums.observed[np.ix_(free, free)])
    except np.linalg.LinAlgError:
        return Evaluation(sums.value, sums.score, sums.complete)
    return Evaluation(sums.value, sums.score, sums.observed)
