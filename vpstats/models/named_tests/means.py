"""Tests of means: Student, Welch, analysis of variance, paired."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vpstats.models.named_tests.outcome import Options, Outcome, Sample
from vpstats.results import critical_value

Vector = NDArray[np.float64]


def welch(sample: Sample, options: Options) -> Outcome:
    """Welch's test: means of two groups whose variances may differ."""
    means, variances, sizes = _moments(sample)
    shares = variances / sizes
    with np.errstate(invalid="ignore", divide="ignore"):
        df = shares.sum() ** 2 / (shares**2 / (sizes - 1)).sum()
    return _t_outcome("Welch t", means[1] - means[0], np.sqrt(shares.sum()), df, options)


def student(sample: Sample, options: Options) -> Outcome:
    """Student's test: means of two groups of one variance."""
    means, variances, sizes = _moments(sample)
    df = float(sizes.sum() - 2)
    pooled = ((sizes - 1) * variances).sum() / df
    error = np.sqrt(pooled * (1 / sizes).sum())
    return _t_outcome("Student t", means[1] - means[0], error, df, options)


def paired_t(difference: Vector, options: Options) -> Outcome:
    """Student's test of paired differences."""
    n = difference.size
    error = np.std(difference, ddof=1) / np.sqrt(n)
    return _t_outcome("paired t", float(difference.mean()), error, n - 1.0, options)


def _moments(sample: Sample) -> tuple[Vector, Vector, Vector]:
    parts = sample.parts
    sizes = np.array([p.size for p in parts], dtype=float)
    variances = np.array([np.var(p, ddof=1) if p.size > 1 else np.nan for p in parts])
    return np.array([p.mean() for p in parts]), variances, sizes


def _t_outcome(method: str, gap: float, error: float, df: float, options: Options) -> Outcome:
    if not error > 0:
        return Outcome(
            method, status="no variation",
            reason="the values do not vary within the groups (or a group has one row); describe "
            "them instead.",
        )  # fmt: skip
    statistic = gap / error
    half = float(critical_value(options.level, df)) * error
    return Outcome(
        method, float(statistic), float(df), p_value=float(2 * stats.t.sf(abs(statistic), df)),
        measure="mean_difference", estimate=float(gap), conf_low=float(gap - half),
        conf_high=float(gap + half),
    )  # fmt: skip


def anova(sample: Sample, options: Options) -> Outcome:
    """One-way analysis of variance."""
    means, variances, sizes = _moments(sample)
    centre = (sizes * means).sum() / sizes.sum()
    df, rest = float(sizes.size - 1), float(sizes.sum() - sizes.size)
    between = (sizes * (means - centre) ** 2).sum() / df
    within = np.nansum((sizes - 1) * variances) / rest
    return _f_outcome("one-way ANOVA", between, within, df, rest)


def welch_anova(sample: Sample, options: Options) -> Outcome:
    """Welch's one-way analysis of variance, whose groups may differ in variance."""
    means, variances, sizes = _moments(sample)
    groups = sizes.size
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = sizes / variances
        centre = (weights * means).sum() / weights.sum()
        lost = ((1 - weights / weights.sum()) ** 2 / (sizes - 1)).sum() / (groups**2 - 1)
        between = (weights * (means - centre) ** 2).sum() / (groups - 1)
    return _f_outcome(
        "Welch ANOVA", between, 1 + 2 * (groups - 2) * lost, groups - 1.0, 1 / (3 * lost)
    )


def _f_outcome(method: str, between: float, within: float, df: float, rest: float) -> Outcome:
    if not (within > 0 and np.isfinite(between)):
        return Outcome(method, status="no variation", reason="the values do not vary within the "
                       "groups (or a group has one row); describe them instead.")  # fmt: skip
    statistic = float(between / within)
    p_value = float(stats.f.sf(statistic, df, rest))
    return Outcome(method, statistic, df, df_residual=float(rest), p_value=p_value)
