"""What a logistic regression with random intercepts answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from vpstats.errors import UsageError
from vpstats.models.binary import BinaryRows
from vpstats.models.columns import level_text, read_numbers, read_response, require_columns
from vpstats.models.covariance import Clusters, make_clusters
from vpstats.models.design import apply_design
from vpstats.models.logistic_result import LogisticFit
from vpstats.models.mixed_estimate import one_level, two_levels
from vpstats.results import critical_value, require_level

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]

_LOGISTIC_VARIANCE = np.pi**2 / 3
_MEDIAN = float(np.sqrt(2) * stats.norm.ppf(0.75))
"""Median absolute difference of two standard normal intercepts."""
_NODES = 101


@dataclass(frozen=True, kw_only=True)
class MixedLogisticFit(LogisticFit):
    """Log odds ratios within groups, with the variation between groups.

    Parameters
    ----------
    groups : tuple of str
        Grouping columns, the outer one first.
    group_counts : tuple of int
        Groups of each; an inner group is counted within its outer one.
    nodes : int
        Quadrature nodes; 1 is Laplace's approximation.
    scales : ndarray, shape (levels,)
        Standard deviation of the intercepts of each level, on the log-odds scale.
    joint_covariance : ndarray, shape (p + levels, p + levels)
        Of coefficients and standard deviations; NaN for one that is estimated as zero.
    variance_statistics, variance_p_values : ndarray, shape (levels,)
        Likelihood-ratio tests that the variance of a level is zero.
    scale_limits : ndarray, shape (levels, 2), optional
        Profile-likelihood limits of the standard deviations at the level of the fit.
    """

    groups: tuple[str, ...] = ()
    group_counts: tuple[int, ...] = ()
    nodes: int = 25
    scales: Vector = field(default_factory=lambda: np.empty(0))
    joint_covariance: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    variance_statistics: Vector = field(default_factory=lambda: np.empty(0))
    variance_p_values: Vector = field(default_factory=lambda: np.empty(0))
    scale_limits: Matrix | None = None

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            ``n, n_events, n_clusters, n_inner, n_parameters, n_missing, events_per_parameter, sd,
            icc, median_odds_ratio, sd_inner, icc_inner, median_odds_ratio_inner, log_likelihood,
            nodes, vcov, iterations, converged, unit, status, reason``. Those of the inner level
            are NaN where there is none; `icc` is the correlation of two latent outcomes of one
            outer group, `icc_inner` of one inner group.
        """
        shared = super().glance()
        levels = self.variance_components()
        own = {"n_inner": pd.array([self._level(self.group_counts, 1)], dtype="Int64")}
        names = {"estimate": "sd", "icc": "icc", "median_odds_ratio": "median_odds_ratio"}
        for at, suffix in ((0, ""), (1, "_inner")):
            for column, name in names.items():
                value = levels[column].iloc[at] if at < len(levels) else np.nan
                own[name + suffix] = [float(value)]
        table = shared.assign(**own, nodes=[self.nodes])
        order = [
            *("n", "n_events", "n_clusters", "n_inner", "n_parameters", "n_missing"),
            *("events_per_parameter", "sd", "icc", "median_odds_ratio", "sd_inner", "icc_inner"),
            *("median_odds_ratio_inner", "log_likelihood", "nodes", "vcov", "iterations"),
            *("converged", "unit", "status", "reason"),
        ]
        return table[order]

    @staticmethod
    def _level(values: Sequence[Any], at: int) -> Any:
        return values[at] if at < len(values) else None

    def variance_components(self, *, level: float | None = None) -> pd.DataFrame:
        """How much groups differ, one row per grouping column.

        Parameters
        ----------
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            ``group, n_groups, estimate, std_error, conf_low, conf_high`` of the standard deviation
            of the intercepts (log odds); ``icc, icc_low, icc_high``, the correlation of the latent
            outcomes of two rows that share the group (and so the outer one: the variances of both
            levels count, over them and pi^2 / 3); ``median_odds_ratio, mor_low, mor_high``, the
            median odds ratio of two like rows from two groups, the higher odds over the lower;
            ``statistic, p_value`` of the likelihood-ratio test that the variance is zero, against
            an equal mixture of chi-squared on 0 and on 1 degree of freedom. Limits are Wald's on
            the scale of the log standard deviation (NaN where the variance is estimated as zero),
            or those of the profile likelihood if the fit has these; those of an inner `icc` are
            with the outer variance as estimated.

        Raises
        ------
        UsageError
            If the intervals are profile intervals and another level is asked for.

        References
        ----------
        Larsen K, Merlo J. Appropriate assessment of neighborhood effects on individual health. Am
        J Epidemiol 2005;161:81-88. Goldstein H, Browne W, Rasbash J. Partitioning variation in
        multilevel models. Underst Stat 2002;1:223-231. Self SG, Liang KY. Asymptotic properties
        of maximum likelihood estimators and likelihood ratio tests under nonstandard conditions.
        J Am Stat Assoc 1987;82:605-610.
        """
        wanted = self.level if level is None else require_level(level)
        sd, error = self.scales, self._scale_errors()
        low, high = self._scale_limits(wanted)
        values = {"": sd, "low": low, "high": high}
        with np.errstate(all="ignore"):  # a limit may be zero or infinite
            icc = {name: self._icc(value) for name, value in values.items()}
            ratio = {name: np.exp(_MEDIAN * value) for name, value in values.items()}
        return pd.DataFrame(
            {
                "group": list(self.groups),
                "n_groups": list(self.group_counts),
                "estimate": sd,
                "std_error": error,
                "conf_low": values["low"],
                "conf_high": values["high"],
                "icc": icc[""],
                "icc_low": icc["low"],
                "icc_high": icc["high"],
                "median_odds_ratio": ratio[""],
                "mor_low": ratio["low"],
                "mor_high": ratio["high"],
                "statistic": self.variance_statistics,
                "p_value": self.variance_p_values,
            }
        )

    def _scale_errors(self) -> Vector:
        return np.asarray(np.sqrt(np.diag(self.joint_covariance)[len(self.terms) :]))

    def _scale_limits(self, level: float) -> tuple[Vector, Vector]:
        if self.scale_limits is not None:
            if not np.isclose(level, self.level):
                raise UsageError(
                    f"profile intervals were computed at level {self.level:g}; fit again with the "
                    "level wanted."
                )
            return self.scale_limits[:, 0], self.scale_limits[:, 1]
        # a zero has no limits, and a limit beyond every number is infinite
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            factor = np.exp(critical_value(level) * self._scale_errors() / self.scales)
            return self.scales / factor, self.scales * factor

    def _icc(self, scales: Vector) -> Vector:
        """Latent correlation per level; a limit of the inner one keeps the outer estimate."""
        variances = self.scales**2
        outer = np.concatenate([[0.0], np.cumsum(variances)[:-1]])
        rest = variances.sum() - np.cumsum(variances)
        return np.asarray(1 / (1 + (rest + _LOGISTIC_VARIANCE) / (outer + scales**2)))

    def predict(
        self,
        new: pd.DataFrame,
        *,
        times: Any = None,
        level: float | None = None,
        marginal: bool = False,
    ) -> pd.DataFrame:
        """Probability of the event for new rows: in a group at the middle, or over all groups.

        Parameters
        ----------
        new : DataFrame, shape (m, any)
            Rows with the columns of the right side (and the offset); unchanged.
        times : None
            A logistic regression has no time; anything else raises.
        level : float, optional
            Confidence level; the level of the fit if None.
        marginal : bool
            False for the conditional risk in groups whose intercept is zero, the median group.
            True for the mean risk over groups, the intercepts integrated out: the risk of a
            patient whose group is not known, and what observed proportions compare with.

        Returns
        -------
        DataFrame
            One row per row of `new`, its index kept: ``estimate, std_error, conf_low,
            conf_high``. Limits are formed on the log-odds scale by the delta method; of the
            marginal risk they include the uncertainty of the standard deviations.

        Raises
        ------
        UsageError
            If a column is missing, a category is new to the fit, or `times` is given.
        """
        if not marginal:
            return super().predict(new, times=times, level=level)
        if times is not None:
            raise UsageError("a logistic regression has no times; leave times= out.")
        wanted = self.level if level is None else require_level(level)
        X = apply_design(self.spec, new)
        total = float(np.sqrt(np.sum(self.scales**2)))
        risk, on_odds, on_total = _integrate_risk(self._log_odds(X, new), total)
        share = self.scales / total if total > 0 else np.zeros(len(self.scales))
        slopes = np.column_stack([on_odds[:, None] * X, on_total[:, None] * share])
        joint = self.joint_covariance
        if self.ok:
            joint = np.where(np.isnan(joint), 0.0, joint)  # a standard deviation held at zero
        error = np.sqrt(np.einsum("ij,jk,ik->i", slopes, joint, slopes))
        odds, spread = special.logit(risk), error / (risk * (1 - risk))
        margin = critical_value(wanted, float(np.min(self.df))) * spread
        return pd.DataFrame(
            {
                "estimate": risk,
                "std_error": error,
                "conf_low": special.expit(odds - margin),
                "conf_high": special.expit(odds + margin),
            },
            index=new.index,
        )

    def random_effects(
        self, data: pd.DataFrame, *, group: str | None = None, level: float | None = None
    ) -> pd.DataFrame:
        """How far each group is from the middle: empirical-Bayes modes of its intercept.

        Computed from the rows given, which the fit does not keep: those of the fit, or new ones.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            Rows with the columns of both sides and of the groups; unchanged. Rows with a missing
            value are left out.
        group : str, optional
            Grouping column; the outer one if None. Rows of a grouping by patient are about
            patients: keep them where patient data are kept.
        level : float, optional
            Confidence level; the level of the fit if None.

        Returns
        -------
        DataFrame
            One row per group, in order of the group: ``group, n, n_events, estimate, std_error,
            conf_low, conf_high``. The estimate is the mode of the intercept given the group's
            outcomes (log odds ratio against the median group), shrunk towards zero; `std_error`
            is the conditional standard deviation there, coefficients and standard deviations of
            the intercepts taken as known. An inner group within an outer one is named
            ``"outer / inner"``.

        Raises
        ------
        UsageError
            If a column is missing or `group` is not a grouping column of the fit.
        """
        wanted = self.level if level is None else require_level(level)
        name = self.groups[0] if group is None else group
        if name not in self.groups:
            raise UsageError(f"'{name}' is no group of the fit; there are {list(self.groups)}.")
        at = self.groups.index(name)
        rows = _GroupRows.read(self, data)
        codes, labels = rows.labelled(at)
        mode, error = rows.conditional(self, at)
        margin = critical_value(wanted) * error
        y = (rows.rows.sign + 1) / 2
        table = pd.DataFrame(
            {
                "group": labels,
                "n": np.bincount(codes, minlength=len(labels)),
                "n_events": np.bincount(codes, y, len(labels)).astype(int),
                "estimate": mode,
                "std_error": error,
                "conf_low": mode - margin,
                "conf_high": mode + margin,
            }
        )
        return table.iloc[rows.ranked(at)].reset_index(drop=True)

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """The rows as given, plus ``.fitted``, ``.resid`` and ``.intercept``.

        Parameters
        ----------
        data : DataFrame, shape (m, any)
            Rows with the columns of both sides and of the groups; unchanged.

        Returns
        -------
        DataFrame
            A new frame. ``.intercept`` is the sum of the empirical-Bayes modes of the row's
            groups, ``.fitted`` the probability with it, ``.resid`` the outcome minus that; NaN
            where a value is missing.
        """
        intercept = np.full(len(data), np.nan)
        rows = _GroupRows.read(self, data)
        if self.ok and len(rows.kept):
            total = np.zeros(len(rows.kept))
            for at in range(len(self.groups)):
                codes, _ = rows.labelled(at)
                total += rows.conditional(self, at)[0][codes]
            intercept[rows.kept] = total
        risk = special.expit(self._log_odds(apply_design(self.spec, data), data) + intercept)
        outcome = read_response(data[str(self.spec.response)])
        added = {".fitted": risk, ".resid": outcome - risk, ".intercept": intercept}
        return data.assign(**added)

    def likelihood_ratio_test(self, data: pd.DataFrame, terms: str | Sequence[str]) -> pd.DataFrame:
        """Not offered: this raises, and names `wald_test`.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(
            "a likelihood ratio of coefficients needs a second mixed fit; use wald_test(), or "
            "compare log_likelihood of two fits to the same rows."
        )


def _integrate_risk(odds: Vector, total: float) -> tuple[Vector, Vector, Vector]:
    """Mean risk over intercepts of standard deviation `total`, and its slopes in both."""
    points, weights = special.roots_hermitenorm(_NODES)
    risk, on_odds, on_total = (np.zeros(len(odds)) for _ in range(3))
    for point, weight in zip(points, weights / np.sqrt(2 * np.pi), strict=True):
        p = special.expit(odds + total * point)
        slope = weight * p * (1 - p)
        risk += weight * p
        on_odds += slope
        on_total += slope * point
    return risk, on_odds, on_total


@dataclass(frozen=True)
class _GroupRows:
    """Complete rows of a table, with their groups."""

    rows: BinaryRows
    kept: Rows
    clusters: tuple[Clusters, ...]
    values: tuple[NDArray[Any], ...]

    @classmethod
    def read(cls, fit: MixedLogisticFit, data: pd.DataFrame) -> _GroupRows:
        require_columns(data, (str(fit.spec.response), *fit.groups))
        X, y = apply_design(fit.spec, data), read_response(data[str(fit.spec.response)])
        extra = {
            name: read_numbers(data, column)
            for name, column in (("weights", fit.weights), ("offset", fit.offset))
            if column is not None
        }
        complete = np.isfinite(X).all(axis=1) & np.isfinite(y)
        for values in extra.values():
            complete &= np.isfinite(values)
        for column in fit.groups:
            complete &= data[column].notna().to_numpy(dtype=bool)
        kept = np.flatnonzero(complete)
        extra = {name: values[kept] for name, values in extra.items()}
        rows = BinaryRows(np.ascontiguousarray(X[kept]), 2 * y[kept] - 1, **extra)
        columns = [data[column].iloc[kept] for column in fit.groups]
        clusters = tuple(make_clusters(column.to_numpy()) for column in columns)
        distinct = tuple(pd.unique(column.to_numpy()) for column in columns)
        return cls(rows, kept, clusters, distinct)

    def labelled(self, at: int) -> tuple[Rows, list[str]]:
        """Group of each row and the names of the groups, as the kernel numbers them."""
        names = [[level_text(v) for v in values] for values in self.values]
        if at == 0:
            return self.clusters[0].codes, names[0]
        outer, inner = self._pairs()
        labels = [f"{names[0][o]} / {names[1][i]}" for o, i in zip(outer, inner, strict=True)]
        return self._pair_codes(), labels

    def ranked(self, at: int) -> Rows:
        """Positions of the groups in order of their values, outer ones first."""
        ranks = [_ranks(values) for values in self.values]
        if at == 0:
            return np.argsort(ranks[0])
        outer, inner = self._pairs()
        return np.lexsort((ranks[1][inner], ranks[0][outer]))

    def _pair_codes(self) -> Rows:
        outer, inner = self.clusters
        pairs = outer.codes * inner.count + inner.codes
        return np.asarray(np.unique(pairs, return_inverse=True)[1], dtype=np.intp).ravel()

    def _pairs(self) -> tuple[Rows, Rows]:
        """Outer and inner group of each group within a group."""
        outer, inner = self.clusters
        pairs = np.unique(outer.codes * inner.count + inner.codes)
        return pairs // inner.count, pairs % inner.count

    def conditional(self, fit: MixedLogisticFit, at: int) -> tuple[Vector, Vector]:
        """Modes and their standard deviations, one per group."""
        count = len(self.labelled(at)[1])
        if not fit.ok or not count:
            return np.full(count, np.nan), np.full(count, np.nan)
        theta = np.concatenate([fit.coefficients, fit.scales])
        if len(fit.groups) == 1:
            return one_level(self.rows, self.clusters[0], 1).conditional(theta)
        inner = Clusters(self._pair_codes(), count if at else len(self._pairs()[0]))
        kernel = two_levels(self.rows, self.clusters[0], inner)
        return kernel.conditional(theta) if at == 0 else kernel.conditional_inner(theta)


def _ranks(values: NDArray[Any]) -> Rows:
    """Rank of each value; as text where values do not compare."""
    try:
        order = np.argsort(values, kind="stable")
    except TypeError:
        order = np.argsort(values.astype(str), kind="stable")
    ranks = np.empty(len(values), dtype=np.intp)
    ranks[order] = np.arange(len(values))
    return ranks
