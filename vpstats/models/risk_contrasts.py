"""Risks, their differences and ratios: scales, limits, tests and equivalence margins.

Limits are formed on the log-odds scale for a risk, as they are for a difference, and on the log
scale for a ratio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from vpstats.errors import UsageError
from vpstats.results import critical_value

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

MEASURES = ("risk", "risk_difference", "risk_ratio")
_BACK: dict[str, Callable[[Any], Any]] = {
    "risk": special.expit,
    "risk_difference": np.asarray,
    "risk_ratio": np.exp,
}
EQUIVALENT, DIFFERENT, UNDECIDED = "equivalent", "relevant difference", "undecided"


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Which numbers are made of k risks: the risks, then differences, then ratios.

    Parameters
    ----------
    levels : tuple of str, length k
        Names of the values of the exposure.
    reference : int
        Position of the one that the others are compared with.
    """

    levels: tuple[str, ...]
    reference: int

    @property
    def others(self) -> list[int]:
        """Positions of the values that are compared."""
        return [j for j in range(len(self.levels)) if j != self.reference]

    @property
    def positions(self) -> list[int]:
        """Value that each of the r numbers is about."""
        return [*range(len(self.levels)), *self.others, *self.others]

    @property
    def measures(self) -> list[str]:
        """Measure of each of the r numbers."""
        k, others = len(self.levels), len(self.others)
        return [MEASURES[0]] * k + [MEASURES[1]] * others + [MEASURES[2]] * others

    def values(self, risks: Vector) -> Vector:
        """Numbers on the scales that limits are formed on, shape (..., r)."""
        base = risks[..., [self.reference]]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.log(risks[..., self.others]) - np.log(base)
            parts = [special.logit(risks), risks[..., self.others] - base, ratios]
        return np.concatenate(parts, axis=-1)

    def slopes(self, risks: Vector) -> Matrix:
        """Derivatives of the numbers by the risks, shape (r, k)."""
        unit = np.eye(len(risks))
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.diag(1 / (risks * (1 - risks)))
            logs = np.diag(1 / risks)
        differences = unit[self.others] - unit[self.reference]
        ratios = logs[self.others] - logs[self.reference]
        return np.vstack([odds, differences, ratios])

    def names(self, variable: str) -> dict[str, list[str]]:
        """Columns that say what each row is about."""
        return {
            "variable": [variable] * len(self.positions),
            "level": [self.levels[j] for j in self.positions],
            "reference": [
                "" if m == "risk" else self.levels[self.reference] for m in self.measures
            ],
            "measure": self.measures,
        }


@dataclass(frozen=True, slots=True)
class Margin:
    """How large a difference, or a ratio, still counts as none.

    Parameters
    ----------
    size : float
        As given: a difference of risks, or a ratio above 1.
    measure : str
        "risk_difference" or "risk_ratio".
    """

    size: float
    measure: str

    @property
    def limit(self) -> float:
        """The margin on the scale that limits are formed on; the other one is its negative."""
        return self.size if self.measure == "risk_difference" else float(np.log(self.size))


def read_margin(size: float | None, measure: str, level: float) -> Margin | None:
    """Check an equivalence margin.

    Raises
    ------
    UsageError
        Unless it is between 0 and 1 for a difference, or above 1 for a ratio; or if the level is
        too low to test at.
    """
    if measure not in MEASURES[1:]:
        raise UsageError(
            f"measure is {measure!r}; a margin is for 'risk_difference' or 'risk_ratio'."
        )
    if size is None:
        return None
    if measure == "risk_difference" and not 0 < size < 1:
        raise UsageError(f"margin is {size!r}; a difference of risks is between 0 and 1.")
    if measure == "risk_ratio" and not 1 < size < np.inf:
        raise UsageError(f"margin is {size!r}; give a ratio above 1: 1.25 means 0.8 to 1.25.")
    if level <= 0.5:
        raise UsageError(f"level is {level:g}; two one-sided tests need one above 0.5.")
    return Margin(float(size), measure)


@dataclass(frozen=True, slots=True)
class Judged:
    """Numbers on the scales of `Contrasts.values` with what is said of them, each of shape (r,).

    Parameters
    ----------
    values, errors, low, high, p_values : ndarray
        Estimates, standard errors, limits and two-sided p-values.
    inner_low, inner_high : ndarray
        Limits at 1 - 2 alpha, for equivalence.
    p_inside : callable
        A margin's limit to the larger p-value of the two one-sided tests.
    """

    values: Vector
    errors: Vector
    low: Vector
    high: Vector
    p_values: Vector
    inner_low: Vector
    inner_high: Vector
    p_inside: Callable[[float], Vector]


def judge_normal(values: Vector, errors: Vector, df: float | Vector, level: float) -> Judged:
    """Limits and tests from standard errors, by the normal or t on `df`."""
    df = np.broadcast_to(np.asarray(df, dtype=float), values.shape)
    wide = critical_value(level, df) * errors
    narrow = critical_value(inner_level(level), df) * errors

    def below(statistic: Vector) -> Vector:
        tail = stats.t.cdf(statistic, np.where(np.isinf(df), 1.0, df))
        return np.asarray(np.where(np.isinf(df), stats.norm.cdf(statistic), tail))

    def p_inside(limit: float) -> Vector:
        with np.errstate(invalid="ignore", divide="ignore"):
            lower, upper = below(-(values + limit) / errors), below((values - limit) / errors)
        return np.maximum(lower, upper)

    with np.errstate(invalid="ignore", divide="ignore"):
        p_values = 2 * below(-np.abs(values / errors))
    outer, inner = (values - wide, values + wide), (values - narrow, values + narrow)
    return Judged(values, errors, outer[0], outer[1], p_values, inner[0], inner[1], p_inside)


def inner_level(level: float) -> float:
    """Level of the interval that decides equivalence: 1 - 2 alpha, 90 % for 95 %.

    Levels up to one half have none; `read_margin` refuses them.
    """
    return 2 * level - 1 if level > 0.5 else level


def judge_replicates(contrasts: Contrasts, risks: Vector, drawn: Matrix, level: float) -> Judged:
    """Percentile limits and tests from the risks of bootstrap replicates, shape (B, k)."""
    values, replicates = contrasts.values(risks), contrasts.values(drawn)
    errors = replicates.std(axis=0, ddof=1)
    # of a risk its own spread counts, which log odds near 0 and 1 would exaggerate
    errors[: len(risks)] = drawn.std(axis=0, ddof=1) / (risks * (1 - risks))

    def limits(part: float) -> Any:
        return np.quantile(replicates, [(1 - part) / 2, (1 + part) / 2], axis=0)

    def tail(wrong: Any) -> Vector:
        return np.asarray((1 + wrong.sum(axis=0)) / (len(drawn) + 1))

    def p_inside(limit: float) -> Vector:
        return np.maximum(tail(replicates >= limit), tail(replicates <= -limit))

    low, high = limits(level)
    inner_low, inner_high = limits(inner_level(level))
    p_values = np.minimum(2 * np.minimum(tail(replicates <= 0), tail(replicates >= 0)), 1.0)
    return Judged(values, errors, low, high, p_values, inner_low, inner_high, p_inside)


def risk_table(
    contrasts: Contrasts, variable: str, judged: Judged, margin: Margin | None
) -> pd.DataFrame:
    """One row per number, back on the scales that are read."""
    measures = np.array(contrasts.measures)
    risk = special.expit(judged.values)
    scale = np.where(measures == "risk", risk * (1 - risk), 1.0)
    columns = {
        **contrasts.names(variable),
        "estimate": _back(measures, judged.values),
        "std_error": judged.errors * scale,
        "conf_low": _back(measures, judged.low),
        "conf_high": _back(measures, judged.high),
        "p_value": np.where(measures == "risk", np.nan, judged.p_values),
    }
    if margin is not None:
        columns |= _equivalence(measures, judged, margin)
    return pd.DataFrame(columns)


def _back(measures: NDArray[np.str_], values: Vector) -> Vector:
    made = [_BACK[m](v) for m, v in zip(measures, values, strict=True)]
    return np.asarray(made, dtype=float)


def _equivalence(measures: NDArray[np.str_], judged: Judged, margin: Margin) -> dict[str, Any]:
    """Columns of the two one-sided tests; NaN and empty where the margin is for another measure."""
    about, limit = measures == margin.measure, margin.limit
    inside = (judged.inner_low > -limit) & (judged.inner_high < limit)
    beyond = (judged.low > limit) | (judged.high < -limit)
    verdict = np.select([inside, beyond], [EQUIVALENT, DIFFERENT], UNDECIDED)

    def there(values: Vector) -> Vector:
        return np.asarray(np.where(about, values, np.nan))

    return {
        "margin": there(np.full(len(about), margin.size)),
        "equivalence_low": there(_back(measures, judged.inner_low)),
        "equivalence_high": there(_back(measures, judged.inner_high)),
        "equivalence_p_value": there(judged.p_inside(limit)),
        "verdict": np.where(about & np.isfinite(judged.errors), verdict, ""),
    }
