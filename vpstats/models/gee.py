"""Marginal odds ratios of clustered rows by generalised estimating equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.binary import BinaryRows, largest_log_odds, likelihood, row_terms, thinned
from vpstats.models.covariance import Covariance, bias_reduced_covariance
from vpstats.models.gee_covariance import equation_covariance
from vpstats.models.gee_kernel import GeeKernel, GeeSolution, solve_equations
from vpstats.models.grouping import GroupedRows, group_rows, in_group_order
from vpstats.models.logistic_guards import (
    FAR,
    BinaryData,
    blank_fields,
    data_caveats,
    find_separation,
    hopeless,
    read_rows,
    separation_remedy,
)
from vpstats.models.logistic_request import Request, one_of
from vpstats.models.logistic_result import LogisticFit
from vpstats.models.newton import invert, maximise
from vpstats.models.penalties import Estimate
from vpstats.models.pooling import pool_fits
from vpstats.results import Caveat, require_level

__all__ = ["GeeFit", "fit_gee"]

Vector = NDArray[np.float64]

_STRUCTURES = ("exchangeable", "independence")
_VCOVS = {
    "exchangeable": ("CR0", "CR1", "MD", "KC", "model"),
    "independence": ("CR1", "CR0", "CR2", "MD", "KC"),
}
"""Covariances with theory, the default first."""

_PROOF = 1e-6
"""Squared decrement at which maximum likelihood counts as found where that is the question."""
_START = 10.0
"""Squared decrement from which the equations are solved where there is nothing to prove."""


@dataclass(frozen=True, kw_only=True)
class GeeFit(LogisticFit):
    """Marginal log odds ratios by generalised estimating equations.

    Parameters
    ----------
    structure : str
        "exchangeable" or "independence".
    correlation : float
        Working correlation of two rows of a cluster; for "independence" the moment estimate,
        which was not used.
    scale : float
        Mean squared Pearson residual.
    """

    structure: str = "exchangeable"
    correlation: float = np.nan
    scale: float = np.nan

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame
            ``n, n_events, n_clusters, n_parameters, n_missing, events_per_parameter, structure,
            correlation, scale, vcov, iterations, converged, unit, status, reason``.
        """
        shared = super().glance()
        own = pd.DataFrame(
            {
                "structure": [self.structure],
                "correlation": [self.correlation],
                "scale": [self.scale],
            }
        )
        left_out = ["log_likelihood", "penalised_log_likelihood", "penalty"]
        shared = shared.drop(columns=left_out)
        at = list(shared.columns).index("vcov")
        return pd.concat([shared.iloc[:, :at], own, shared.iloc[:, at:]], axis=1)

    def likelihood_ratio_test(self, data: pd.DataFrame, terms: str | Sequence[str]) -> pd.DataFrame:
        """Estimating equations have no likelihood: this raises, and names `wald_test`.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError("estimating equations have no likelihood; use wald_test().")


def fit_gee(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    cluster: str | None = None,
    structure: Literal["exchangeable", "independence"] = "exchangeable",
    vcov: Literal["model", "CR0", "CR1", "CR2", "MD", "KC"] | None = None,
    weights: str | None = None,
    offset: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> GeeFit:
    """Fit a marginal logistic model to clustered rows by generalised estimating equations.

    Odds ratios are those of the population, as with `fit_logistic`; the working correlation only
    decides how rows of one cluster are weighed, and robust covariances hold whatever it is.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows in any order; unchanged. Imputations are fitted one by one and pooled by Rubin's
        rules.
    formula : str
        ``outcome ~ terms``; the outcome is 0/1, boolean or yes/no.
    cluster : str, optional
        Column whose equal values are not independent; the frame's own if None.
    structure : {"exchangeable", "independence"}
        Working correlation: equal for any two rows of a cluster, or none. It is estimated by the
        mean product of the Pearson residuals of two rows over their mean square, neither
        corrected for the number of coefficients (geepack's moments, with its default of an
        estimated scale).
    vcov : {"CR0", "CR1", "CR2", "MD", "KC", "model"}, optional
        "CR0" (default if exchangeable) is Liang and Zeger's sandwich and "CR1" (default with
        independence, as in `fit_logistic`) that times G / (G - 1), both with t on G - 1 degrees
        of freedom. With few clusters: "MD" (Mancl and DeRouen, conservative) and "KC" (Kauermann
        and Carroll), with t on G - p as Li and Redden found best; "CR2" with Satterthwaite's
        degrees of freedom for independence. "model" believes an exchangeable correlation.
    weights : str, optional
        Column of weights, positive: the variance of a row is divided by its weight.
    offset : str, optional
        Column of a known part of the log odds.
    level : float
        Confidence level.
    independent : str, optional
        Raises: rows that are independent are fitted by `fit_logistic`.

    Returns
    -------
    GeeFit
        `status` is "ok", "no rows", "constant outcome", "separated", "too few clusters" or "not
        converged"; if not "ok", coefficients are NaN and `reason` says what to do. Data are
        called separated where maximum likelihood has no finite estimate, whatever the equations
        seem to converge to.

    Raises
    ------
    FormulaError
        If the formula holds anything but columns, operators and listed transforms.
    UsageError
        Without clusters, for unknown options and combinations without theory.

    References
    ----------
    Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. Biometrika
    1986;73:13-22. Mancl LA, DeRouen TA. A covariance estimator for GEE with improved small-sample
    properties. Biometrics 2001;57:126-134. Kauermann G, Carroll RJ. A note on the efficiency of
    sandwich covariance matrix estimation. J Am Stat Assoc 2001;96:1387-1396. Li P, Redden DT.
    Small sample performance of bias-corrected sandwich estimators for cluster-randomized trials
    with binary outcomes. Stat Med 2015;34:281-296.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {"patient_id": [1, 1, 2, 2, 3, 3, 4, 4], "leak": [1, 1, 0, 0, 1, 0, 0, 0]}
    ... )
    >>> fit = fit_gee(rows, "leak ~ 1", cluster="patient_id")  # 3 of 8; pairs agree in 3 of 4
    >>> round(float(fit.coefficients[0]), 4), round(fit.correlation, 4)
    (-0.5108, 0.4667)
    """
    options: dict[str, Any] = {
        "cluster": cluster,
        "structure": structure,
        "vcov": vcov,
        "weights": weights,
        "offset": offset,
        "level": level,
        "independent": independent,
    }
    if isinstance(data, Imputations):
        fits = [fit_gee(frame, formula, **options) for frame in data]
        return pool_fits(fits, data.caveats)
    frame = _open(data, cluster, independent)
    request = _read_request(frame, formula, options)
    return _fit(frame, request, structure)


def _open(data: pd.DataFrame | Frame, cluster: str | None, independent: str | None) -> Frame:
    if independent is not None:
        raise UsageError(
            "independent rows have no clusters to weigh; use fit_logistic(…, independent=…)."
        )
    if isinstance(cluster, tuple | list):
        raise UsageError(
            "fit_gee takes one cluster column; for two-way clusters use fit_logistic(…, "
            "cluster=(…, …))."
        )
    frame = open_data(data, cluster=cluster)
    if frame.cluster is None:
        raise UsageError("fit_gee needs cluster=, the column whose rows are not independent.")
    return frame


def _read_request(frame: Frame, formula: str, options: dict[str, Any]) -> Request:
    structure, vcov = options["structure"], options["vcov"]
    one_of("structure", structure, _STRUCTURES)
    one_of("vcov", vcov, (None, *dict.fromkeys(v for names in _VCOVS.values() for v in names)))
    allowed = _VCOVS[structure]
    vcov = vcov or allowed[0]
    if vcov not in allowed:
        instead = {"CR2": "'KC'", "model": "'CR1', which does not believe it"}[vcov]
        raise UsageError(
            f"there is no theory for vcov='{vcov}' with structure='{structure}'; use {instead}."
        )
    level = require_level(options["level"])
    clusters = (str(frame.cluster),)
    weights, offset = options["weights"], options["offset"]
    return Request(
        formula=formula,
        penalty=None,
        clusters=clusters,
        vcov=vcov,
        intervals="wald",
        weights=weights,
        offset=offset,
        level=level,
    )


def _fit(frame: Frame, request: Request, structure: str) -> GeeFit:
    data = in_group_order(read_rows(frame, request))
    blank = _blank_fit(data, request, structure)
    status, reason = hopeless(data, request)
    status, reason = (status, reason) if status else _too_few(data, request)
    if status:
        return replace(blank, status=status, reason=reason)
    likeliest, proven = _prove_finite(data.rows)
    separated = None if proven else find_separation(data, None, likeliest)
    if separated is not None:
        return replace(
            blank,
            status="separated",
            reason=separation_remedy(request, separated.message),
            caveats=(separated, *blank.caveats),
            iterations=likeliest.found.iterations,
        )
    grouped = group_rows(data.rows, data.clusters[0])
    kernel = GeeKernel(grouped, exchangeable=structure == "exchangeable")
    found = solve_equations(kernel, likeliest.coefficients)
    if not found.converged:
        return _not_converged(blank, found)
    return _finish(blank, data, request, kernel, found)


def _prove_finite(rows: BinaryRows) -> tuple[Estimate, bool]:
    """Maximum likelihood, near enough to know that it exists, and whether that is known already.

    Along a direction that separates, the squared decrement is the sum of the weights of the rows
    that it predicts times their odds of being wrong, so that the solver reaches the tolerance only
    where log odds are beyond those that count as far. What separates all rows separates each part
    of them too, unless the part has no say in it, which shows as singular information. A part
    with an estimate is therefore proof for all, and what comes after it is but a start.
    """
    lightest = 1.0 if rows.weights is None else min(float(rows.weights.min()), 1.0)
    start, tolerance, part = np.zeros(rows.X.shape[1]), _PROOF * lightest, thinned(rows)
    proven = False
    if part is not None:
        small = maximise(likelihood(part), start, tolerance=tolerance)
        proven = small.converged and largest_log_odds(part, small.estimate) < FAR
        start = small.estimate if proven else start
    found = maximise(likelihood(rows), start, tolerance=_START if proven else tolerance)
    estimate = Estimate(found.estimate, invert(found.information), found.value, float("nan"), found)
    return estimate, proven


def _too_few(data: BinaryData, request: Request) -> tuple[str, str]:
    count, p = data.clusters[0].count, len(data.design.terms)
    if request.vcov not in ("MD", "KC") or count > p:
        return "", ""
    return "too few clusters", (
        f"{count} clusters leave no degrees of freedom for {p} coefficients with "
        f"vcov='{request.vcov}'; use fewer terms, or vcov='CR1'."
    )


def _blank_fit(data: BinaryData, request: Request, structure: str) -> GeeFit:
    """The result as it is if nothing can be estimated: counts, names and caveats."""
    return GeeFit(
        **blank_fields(data, request),
        title=f"Marginal logistic regression of {data.design.spec.response} (GEE, {structure})",
        n_clusters=data.clusters[0].count,
        caveats=data_caveats(data, request),
        structure=structure,
    )


def _not_converged(blank: GeeFit, found: GeeSolution) -> GeeFit:
    message = (
        f"the estimating equations were not solved in {found.iterations} steps; use "
        "structure='independence', whose estimate exists."
    )
    return replace(
        blank,
        status="not converged",
        reason=message,
        caveats=(Caveat("not_converged", message), *blank.caveats),
        iterations=found.iterations,
    )


def _finish(
    blank: GeeFit, data: BinaryData, request: Request, kernel: GeeKernel, found: GeeSolution
) -> GeeFit:
    covariance = _covariance(data, request, kernel, found)
    moments = found.moments
    independent = blank.structure == "independence"
    return replace(
        blank,
        coefficients=found.estimate,
        covariance=covariance.matrix,
        df=covariance.df,
        correlation=moments.moment if independent else moments.correlation,
        scale=moments.scale,
        iterations=found.iterations,
        converged=True,
        caveats=(*blank.caveats, *_correlation_caveats(blank, kernel, found)),
    )


def _covariance(
    data: BinaryData, request: Request, kernel: GeeKernel, found: GeeSolution
) -> Covariance:
    if request.vcov != "CR2":
        return equation_covariance(kernel, found, request.vcov)
    terms, weights = row_terms(data.rows, found.estimate), data.rows.weights
    over = 1.0 if weights is None else weights
    matrix, df = bias_reduced_covariance(
        invert(found.information),
        data.design.X,
        terms.working / over,
        terms.residuals / over,
        data.clusters[0],
        weights,
    )
    return Covariance(matrix, "CR2", df)


def _correlation_caveats(blank: GeeFit, kernel: GeeKernel, found: GeeSolution) -> list[Caveat]:
    if blank.structure == "independence":
        return []
    if kernel.pairs == 0:
        known = any(c.code == "one_row_groups" for c in blank.caveats)
        message = "Every cluster holds one row, so there is no correlation to estimate."
        return [] if known else [Caveat("one_row_groups", message)]
    moments, (low, high) = found.moments, kernel.range
    if moments.correlation != moments.moment:
        return [
            Caveat(
                "correlation_range",
                f"The residuals give a correlation of {moments.moment:.3f}, outside of the range "
                f"({low:.3f}, {high:.0f}) of clusters of up to {kernel.data.sizes.max()} rows; "
                f"{moments.correlation:.3f} was used.",
            )
        ]
    beyond = _impossible_clusters(kernel.data, found)
    if not beyond:
        return []
    return [
        Caveat(
            "correlation_range",
            f"In {beyond:,} of {kernel.data.count:,} clusters the risks of two rows are so "
            f"different that their outcomes cannot correlate by {moments.correlation:.3f}: it "
            "weighs rows, and is no correlation of outcomes.",
        )
    ]


def _impossible_clusters(data: GroupedRows, found: GeeSolution) -> int:
    """Clusters in which two rows cannot correlate as much (Prentice 1988).

    Two binary outcomes correlate by at most the root of their odds ratio, the smaller odds over
    the larger.
    """
    if found.moments.correlation <= 0:
        return 0
    odds = np.concatenate([data.rows.predictor(found.estimate, r) for r in data.rows.blocks()])
    starts = data.starts[:-1]
    spread = np.maximum.reduceat(odds, starts) - np.minimum.reduceat(odds, starts)
    return int(np.sum(np.exp(-spread / 2) < found.moments.correlation))
