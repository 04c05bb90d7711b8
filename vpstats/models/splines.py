"""Bases that learn from the data: splines, orthogonal polynomials, centring.

Each has a frozen state, learnt once from the fitted rows and used again for new rows.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from vpstats.errors import UsageError

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_HARRELL = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.50, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 0.1833, 0.3417, 0.50, 0.6583, 0.8167, 0.975),
}
"""Quantiles of the knots of a restricted cubic spline, by their number (Harrell, table 2.3)."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a transform has learnt.

    Parameters
    ----------
    kind : str
        "center", "scale", "poly", "bs", "restricted" or "natural".
    numbers : tuple of float
        Mean and scale, recurrence coefficients, or all knots, boundary knots included.
    degree : int
        Degree of a B-spline or polynomial.
    """

    kind: str
    numbers: tuple[float, ...]
    degree: int = 1


def learn_basis(name: str, x: Vector, options: dict[str, Any], label: str) -> Basis:
    """Learn a transform from the fitted rows.

    Parameters
    ----------
    name : str
        Name of the transform in the formula.
    x : ndarray, shape (n,)
        Values, none missing.
    options : dict
        Its options.
    label : str
        The factor, for messages.

    Returns
    -------
    Basis

    Raises
    ------
    UsageError
        If an option makes no sense, or the values are too few or too alike for the knots.
    """
    if name == "center":
        return Basis("center", (float(np.mean(x)), 1.0))
    if name == "scale":
        return _learn_scale(x, label)
    if name == "poly":
        return _learn_poly(x, _whole(options.get("degree", 1), "degree", label), label)
    if name == "bs":
        return _learn_bs(x, options, label)
    kind = "restricted" if name == "rcs" else "natural"
    return Basis(kind, _restricted_knots(name, x, options, label), 3)


def evaluate_basis(basis: Basis, x: Vector, label: str) -> list[Vector]:
    """Columns of a basis at some values; NaN in, NaN out.

    Raises
    ------
    UsageError
        If a B-spline is asked for values outside of its boundary knots.
    """
    if basis.kind in ("center", "scale"):
        return [(x - basis.numbers[0]) / basis.numbers[1]]
    if basis.kind == "poly":
        return _poly_columns(basis, x)
    if basis.kind == "bs":
        return _bs_columns(basis, x, label)
    if basis.kind == "natural":
        return _natural_columns(basis, x)
    return restricted_cubic(x, basis.numbers)


def _learn_scale(x: Vector, label: str) -> Basis:
    spread = float(np.std(x, ddof=1)) if len(x) > 1 else 0.0
    if spread == 0:
        raise UsageError(f"{label}: all values are equal, so there is no scale to divide by.")
    return Basis("scale", (float(np.mean(x)), spread))


def _whole(value: Any, option: str, label: str, least: int = 1) -> int:
    if not isinstance(value, int) or value < least:
        raise UsageError(f"{label}: {option} is {value!r}; expected a whole number from {least}.")
    return value


def _given_knots(options: dict[str, Any], label: str) -> tuple[float, ...] | None:
    if "knots" not in options:
        return None
    given = options["knots"]
    if isinstance(given, str):
        raise UsageError(f"{label}: knots is {given!r}; expected a list of numbers.")
    knots = tuple(float(k) for k in np.atleast_1d(given))
    if any(b <= a for a, b in itertools.pairwise(knots)):
        raise UsageError(f"{label}: knots must rise from left to right.")
    return knots


def _distinct(knots: tuple[float, ...], label: str) -> tuple[float, ...]:
    if any(b <= a for a, b in itertools.pairwise(knots)):
        raise UsageError(
            f"{label}: the values are too few or too alike for these knots, two of which fall on "
            "the same value; use fewer, or name them with knots=."
        )
    return knots


def _inner_knots(x: Vector, count: int) -> tuple[float, ...]:
    return tuple(np.quantile(x, np.arange(1, count + 1) / (count + 1)).tolist())


def _learn_bs(x: Vector, options: dict[str, Any], label: str) -> Basis:
    degree = _whole(options.get("degree", 3), "degree", label)
    inner = _given_knots(options, label)
    if inner is None:
        df = _whole(options.get("df", degree), "df", label, least=degree)
        inner = _inner_knots(x, df - degree)
    return Basis("bs", _distinct((float(x.min()), *inner, float(x.max())), label), degree)


def _bs_columns(basis: Basis, x: Vector, label: str) -> list[Vector]:
    low, high, degree = basis.numbers[0], basis.numbers[-1], basis.degree
    known = ~np.isnan(x)
    if ((x[known] < low) | (x[known] > high)).any():
        raise UsageError(
            f"{label}: a value lies outside {low:g} to {high:g}, where the B-spline was fitted and "
            "says nothing; a restricted cubic spline, rcs() or ns(), goes on as a straight line."
        )
    knots = np.array([low] * degree + list(basis.numbers) + [high] * degree)
    columns = np.full((len(x), len(knots) - degree - 1), np.nan)
    columns[known] = BSpline.design_matrix(x[known], knots, degree).toarray()
    return list(columns[:, 1:].T)  # the first is what the intercept and the others leave over


def _natural_columns(basis: Basis, x: Vector) -> list[Vector]:
    """Cubic B-splines turned until two of them carry all curvature at the ends, and the others.

    The reflections that turn them are the orthogonal factor of the curvatures (Hastie, chapter 7
    of Chambers and Hastie, Statistical Models in S, 1992), so that single coefficients, and not
    the curve alone, can be set beside those of other software.
    """
    low, high = basis.numbers[0], basis.numbers[-1]
    knots = np.array([low] * 3 + list(basis.numbers) + [high] * 3)
    spline = BSpline(knots, np.eye(len(knots) - 4), 3)
    curvature = spline.derivative(2)(np.array([low, high]))[:, 1:]  # without the intercept's own
    turned, _ = np.linalg.qr(curvature.T, mode="complete")
    inside = np.clip(x, low, high)
    end = np.where(x < low, low, high)
    known = ~np.isnan(x)
    rows = np.full((len(x), len(knots) - 4), np.nan)
    # beyond the ends a straight line goes on
    slope = spline.derivative(1)(end[known])
    rows[known] = spline(inside[known]) + (x - inside)[known, None] * slope
    return list((rows[:, 1:] @ turned[:, 2:]).T)


def _restricted_knots(
    name: str, x: Vector, options: dict[str, Any], label: str
) -> tuple[float, ...]:
    given = _given_knots(options, label)
    if name == "rcs":
        if given is not None:
            return _enough(given, label)
        count = _whole(options.get("k", 4), "k", label, least=3)
        if count not in _HARRELL:
            raise UsageError(f"{label}: k is {count}; expected 3 to 7 knots.")
        return _distinct(tuple(np.quantile(x, _HARRELL[count]).tolist()), label)
    if given is None:
        given = _inner_knots(x, _whole(options.get("df", 3), "df", label, least=2) - 1)
    return _enough(_distinct((float(x.min()), *given, float(x.max())), label), label)


def _enough(knots: tuple[float, ...], label: str) -> tuple[float, ...]:
    if len(knots) < 3:
        raise UsageError(f"{label}: a restricted cubic spline needs at least three knots.")
    return knots


def restricted_cubic(x: Vector, knots: tuple[float, ...]) -> list[Vector]:
    """Restricted cubic spline: cubic between the knots, straight lines outside.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Values.
    knots : tuple of float, length k
        Knots in rising order.

    Returns
    -------
    list of ndarray
        k - 1 columns: `x` itself and k - 2 truncated cubics, divided by the squared distance of
        the outer knots, so that all are in the unit of `x`.

    References
    ----------
    Durrleman S, Simon R. Flexible regression models with cubic splines. Stat Med 1989;8:551-561.
    """
    t = np.asarray(knots)
    last, before = t[-1], t[-2]
    unit = (last - t[0]) ** 2

    def cubed(knot: float) -> Vector:
        return np.asarray(np.maximum(x - knot, 0.0) ** 3)

    columns = [x]
    for knot in t[:-2]:
        tail = (cubed(before) * (last - knot) - cubed(last) * (before - knot)) / (last - before)
        columns.append((cubed(knot) - tail) / unit)
    return columns


def _learn_poly(x: Vector, degree: int, label: str) -> Basis:
    """Three-term recurrence of the polynomials that are orthonormal on the fitted values."""
    if len(np.unique(x)) <= degree:
        raise UsageError(f"{label}: there are too few distinct values for degree {degree}.")
    previous, current = np.zeros_like(x), np.ones_like(x)
    norms, shifts = [1.0, float(len(x))], []
    for _ in range(degree):
        shifts.append(float(np.sum(x * current**2) / norms[-1]))
        following = (x - shifts[-1]) * current - norms[-1] / norms[-2] * previous
        previous, current = current, following
        norms.append(float(np.sum(current**2)))
    return Basis("poly", (*shifts, *norms), degree)


def _poly_columns(basis: Basis, x: Vector) -> list[Vector]:
    shifts, norms = basis.numbers[: basis.degree], basis.numbers[basis.degree :]
    previous, current = np.zeros_like(x), np.ones_like(x)
    columns = []
    for i, shift in enumerate(shifts):
        following = (x - shift) * current - norms[i + 1] / norms[i] * previous
        previous, current = current, following
        columns.append(current / np.sqrt(norms[i + 2]))
    return columns
