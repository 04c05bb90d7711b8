"""Tests for rows that are clustered in patients: Rao–Scott, Donald–Donner, means and ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.models.cells import CellRows, estimate
from vpstats.models.named_tests.contingency import chi_squared
from vpstats.models.named_tests.outcome import Options, Outcome, Sample
from vpstats.results import critical_value

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]


_FEW = Outcome(
    "none",
    status="too few clusters",
    reason="clusters are too few, or do not vary within a group; describe the groups instead.",
)


def _clusters(sample: Sample) -> Codes:
    assert sample.cluster is not None  # noqa: S101  # the caller has asked for clusters
    return np.unique(sample.cluster, return_inverse=True)[1]


def rao_scott(sample: Sample, options: Options) -> Outcome:
    """Pearson's chi-squared over its average design effect, referred to an F distribution.

    References
    ----------
    Rao JNK, Scott AJ. On chi-squared tests for multiway contingency tables with cell proportions
    estimated from survey data. Ann Stat 1984;12:46-60. Thomas DR, Rao JNK. J Am Stat Assoc
    1987;82:630-636.
    """
    table = sample.counts
    if int(_clusters(sample).max()) == 0:
        return _FEW
    effects = _design_effects(sample)
    if effects is None:
        reason = "too many cells of the table are empty; combine categories, or describe them."
        return Outcome("Rao–Scott chi-squared, clusters", status="empty cells", reason=reason)
    trace = float(np.trace(effects))
    if not trace > 1e-12:  # every cluster holds the same table
        return _FEW
    df = trace**2 / float(np.trace(effects @ effects))
    clusters = int(_clusters(sample).max()) + 1
    statistic = chi_squared(table)[0] / trace
    rest = df * (clusters - 1)
    gap, low, high = np.nan, np.nan, np.nan
    if table.shape == (2, 2):
        gap, low, high = _risk_difference(sample, options.level)
    return Outcome(
        "Rao–Scott chi-squared, clusters", float(statistic), df, df_residual=rest,
        p_value=float(stats.f.sf(statistic, df, rest)),
        measure="risk_difference" if np.isfinite(gap) else "", estimate=gap, conf_low=low,
        conf_high=high,
    )  # fmt: skip


def _cell_rows(sample: Sample) -> CellRows:
    levels = len(sample.levels)
    cell = sample.group * levels + sample.values.astype(np.int64)
    return CellRows(cell, len(sample.groups) * levels, sample.cluster)


def _design_effects(sample: Sample) -> Matrix | None:
    """Generalised design effects of the interactions, shape (df, df); None where singular."""
    rows = _cell_rows(sample)
    shares = rows.counts / len(rows)
    groups, levels = len(sample.groups), len(sample.levels)
    contrasts = _interactions(groups, levels)
    spread = estimate(rows, lambda p: p / p.sum())[1]
    with np.errstate(divide="ignore"):
        inverse = np.where(shares > 0, 1 / shares, 0.0)
    scaled = contrasts * inverse[:, None]
    independent = contrasts.T @ scaled / len(rows)
    if np.linalg.matrix_rank(independent) < len(independent):
        return None
    return np.asarray(np.linalg.solve(independent, scaled.T @ spread @ scaled))


def _interactions(groups: int, levels: int) -> Matrix:
    """Contrasts of cells that are orthogonal to both margins, shape (groups × levels, df)."""
    rows = np.eye(groups)[:, 1:] - 1 / groups
    columns = np.eye(levels)[:, 1:] - 1 / levels
    return np.asarray(np.kron(rows, columns))


def _risk_difference(sample: Sample, level: float) -> tuple[float, float, float]:
    """Share of the second category in the second group less that in the first."""

    def gap(p: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return np.array([p[3] / (p[2] + p[3]) - p[1] / (p[0] + p[1])])

    rows = _cell_rows(sample)
    value, variance = estimate(rows, gap)
    half = float(critical_value(level, rows.df)) * np.sqrt(variance[0, 0])
    return float(value[0]), float(max(-1.0, value[0] - half)), float(min(1.0, value[0] + half))


def donald_donner(sample: Sample, options: Options) -> Outcome:
    """Chi-squared over the design effect of a common intraclass correlation, per group.

    References
    ----------
    Donald A, Donner A. Adjustments to the Mantel-Haenszel chi-square statistic and odds ratio
    variance estimator when the data are clustered. Stat Med 1987;6:491-499. Donner A, Klar N.
    Design and Analysis of Cluster Randomization Trials. Arnold, 2000.
    """
    cluster = _clusters(sample)
    of_group = _group_of_cluster(sample, cluster)
    if cluster.max() + 1 <= len(sample.groups):
        return _FEW
    sizes = np.bincount(cluster).astype(np.float64)
    events = np.bincount(cluster, sample.values)
    effects = _group_effects(sizes, events, of_group)
    n = np.bincount(of_group, sizes)
    share = np.bincount(of_group, events) / n
    overall = events.sum() / sizes.sum()
    statistic = (n * (share - overall) ** 2 / effects).sum() / (overall * (1 - overall))
    df = float(len(n) - 1)
    gap, low, high = np.nan, np.nan, np.nan
    if len(n) == 2:
        gap, low, high = _risk_difference(sample, options.level)
    return Outcome(
        "Donald–Donner chi-squared, clusters", float(statistic), df,
        p_value=float(stats.chi2.sf(statistic, df)),
        measure="risk_difference" if len(n) == 2 else "", estimate=gap, conf_low=low,
        conf_high=high,
    )  # fmt: skip


def _group_of_cluster(sample: Sample, cluster: Codes) -> Codes:
    """The group that each cluster belongs to."""
    most, least = np.zeros(cluster.max() + 1, int), np.full(cluster.max() + 1, len(sample.groups))
    np.maximum.at(most, cluster, sample.group)
    np.minimum.at(least, cluster, sample.group)
    if (most != least).any():
        raise UsageError(
            f"{int(np.count_nonzero(most != least))} clusters have rows in several groups; "
            "'donald-donner' compares groups of whole clusters. Use 'rao-scott'."
        )
    return np.asarray(most, dtype=np.int64)


def _group_effects(sizes: Vector, events: NDArray[Any], of_group: Codes) -> Vector:
    """Design effect of each group: 1 + (m̄ − 1) ρ, with ρ from the analysis of variance, ≥ 0."""
    n = np.bincount(of_group, sizes)
    share = (np.bincount(of_group, events) / n)[of_group]
    own = events / sizes
    clusters, groups, total = sizes.size, n.size, sizes.sum()
    between = (sizes * (own - share) ** 2).sum() / (clusters - groups)
    within = (sizes * own * (1 - own)).sum() / max(1.0, total - clusters)
    squared = np.bincount(of_group, sizes**2)
    usual = (total - (squared / n).sum()) / (clusters - groups)
    whole = between + (usual - 1) * within
    # where no variance can be seen a cluster counts as one row, the most careful assumption
    rho = (between - within) / whole if whole > 0 else 1.0
    return np.asarray(1 + (squared / n - 1) * max(0.0, float(rho)))


def _between(values: Vector, sample: Sample) -> tuple[Vector, Matrix, int]:
    """Group means and their covariance between clusters, with the factor K/(K − 1)."""
    cluster = _clusters(sample)
    sizes = np.bincount(sample.group).astype(float)
    means = np.bincount(sample.group, values) / sizes
    residual = (values - means[sample.group]) / sizes[sample.group]
    clusters = int(cluster.max()) + 1
    flat = cluster * sizes.size + sample.group
    sums = np.bincount(flat, residual, minlength=clusters * sizes.size).reshape(clusters, -1)
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    return means, factor * sums.T @ sums, clusters


def mean_clustered(sample: Sample, options: Options) -> Outcome:
    """Means of groups, compared by their variance between clusters.

    References
    ----------
    Lumley T. Complex Surveys. Wiley, 2010.
    """
    return _wald_outcome("comparison of means, clusters", "mean_difference", sample.values, sample,
                         options)  # fmt: skip


def rank_clustered(sample: Sample, options: Options) -> Outcome:
    """Mean ranks of groups, compared by their variance between clusters.

    The estimate is the difference of mean ranks as a share of all rows: the probability that a
    row of the second group exceeds one of the first, less one half (for equal groups).

    References
    ----------
    Lumley T, Scott AJ. Two-sample rank tests under complex sampling. Biometrika 2013;100:831-842.
    """
    scores = (stats.rankdata(sample.values) - 0.5) / sample.values.size
    return _wald_outcome("rank test, clusters (Lumley–Scott)", "mean_rank_difference", scores,
                         sample, options)  # fmt: skip


def _wald_outcome(
    method: str, measure: str, values: Vector, sample: Sample, options: Options
) -> Outcome:
    means, covariance, clusters = _between(values, sample)
    df = float(means.size - 1)
    rest = clusters - 1 - df
    gap = means[1:] - means[0]
    contrast = np.column_stack([-np.ones(means.size - 1), np.eye(means.size - 1)])
    spread = contrast @ covariance @ contrast.T
    if not (rest > 0 and np.linalg.matrix_rank(spread) == len(gap)):
        return _FEW
    statistic = float(gap @ np.linalg.solve(spread, gap)) / df
    p_value = float(stats.f.sf(statistic, df, rest))
    if len(gap) > 1:
        return Outcome(method, statistic, df, df_residual=rest, p_value=p_value)
    error = float(np.sqrt(spread[0, 0]))
    half = float(critical_value(options.level, rest)) * error
    return Outcome(
        method, float(gap[0] / error), rest, p_value=p_value, measure=measure,
        estimate=float(gap[0]), conf_low=float(gap[0] - half), conf_high=float(gap[0] + half),
    )  # fmt: skip
