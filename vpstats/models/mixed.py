"""Odds ratios within groups: logistic regression with random intercepts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.frames import PATIENT, Frame, Imputations, open_data
from vpstats.models.covariance import FEW_CLUSTERS, Clusters
from vpstats.models.grouping import in_group_order
from vpstats.models.logistic_guards import (
    BinaryData,
    blank_fields,
    data_caveats,
    find_separation,
    hopeless,
    not_converged,
    read_rows,
    separation_remedy,
)
from vpstats.models.logistic_request import Request, one_of
from vpstats.models.mixed_estimate import (
    LARGEST_SD,
    Kernel,
    MixedEstimate,
    estimate_one,
    estimate_two,
    one_level,
    two_levels,
)
from vpstats.models.mixed_profile import profile_mixed
from vpstats.models.mixed_result import MixedLogisticFit
from vpstats.models.penalties import Estimate, estimate_rows
from vpstats.models.pooling import pool_estimates, pool_fits
from vpstats.results import Caveat, require_level

__all__ = ["MixedLogisticFit", "fit_mixed_logistic"]

Vector = NDArray[np.float64]

_NODES = 25


def fit_mixed_logistic(
    data: pd.DataFrame | Frame | Imputations,
    formula: str,
    *,
    group: str | tuple[str, str] | None = None,
    nodes: int | None = None,
    intervals: Literal["wald", "profile"] = "wald",
    weights: str | None = None,
    offset: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> MixedLogisticFit:
    """Fit a logistic regression with a random intercept per group, or on two nested levels.

    Odds ratios are conditional: they compare two rows of the same group, and lie farther from one
    than those of the population (`fit_gee`, `fit_logistic`) the more groups differ.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows in any order; unchanged. The cluster of a Frame must be among the groups. Imputations
        are fitted one by one and pooled by Rubin's rules, standard deviations on the log scale.
    formula : str
        ``outcome ~ terms``, without the random part; the outcome is 0/1, boolean or yes/no.
    group : str or tuple of two str, optional
        Column of the groups, or the outer and the inner one of two nested columns, such as
        ``("center_id", "patient_id")``; the cluster of the frame if None. Equal inner ids in two
        outer groups count as two groups.
    nodes : int, optional
        Nodes of the adaptive Gauss–Hermite quadrature, 25 if None; 1 is Laplace's approximation,
        which two nested groups always use.
    intervals : {"wald", "profile"}
        Profile-likelihood intervals of coefficients and standard deviations, with likelihood-ratio
        p-values; those of a standard deviation may begin at zero, and are known where it is
        estimated as zero. Imputations are pooled with Wald intervals.
    weights : str, optional
        Column of case weights, positive: 2 counts as the row repeated within its group.
    offset : str, optional
        Column of a known part of the log odds.
    level : float
        Confidence level.
    independent : str, optional
        Why clusters of the frame that are not among the groups may be taken as independent; the
        reason is printed.

    Returns
    -------
    MixedLogisticFit
        `status` is "ok", "no rows", "constant outcome", "separated", "too few clusters", "no
        repeated rows", "infinite variance" or "not converged"; if not "ok", coefficients are NaN
        and `reason` says what to do. Where the variance between groups is estimated as zero,
        estimates are those of `fit_logistic` and a caveat says so.

    Raises
    ------
    FormulaError
        If the formula holds anything but columns, operators and listed transforms.
    UsageError
        Without groups, or if the groups leave out the cluster of a frame.

    References
    ----------
    Pinheiro JC, Bates DM. Approximations to the log-likelihood function in the nonlinear
    mixed-effects model. J Comput Graph Stat 1995;4:12-35. Breslow NE, Clayton DG. Approximate
    inference in generalized linear mixed models. J Am Stat Assoc 1993;88:9-25.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"center_id": list("aaaaabbbbbcccccddddd"), "leak": [1, 0] * 10})
    >>> fit = fit_mixed_logistic(rows, "leak ~ 1", group="center_id")
    >>> float(fit.glance()["sd"].iloc[0]), fit.caveats[-1].code  # centers are as alike as can be
    (0.0, 'boundary_variance')
    """
    one_of("intervals", intervals, ("wald", "profile"))
    options: dict[str, Any] = {
        "group": group,
        "nodes": nodes,
        "intervals": intervals,
        "weights": weights,
        "offset": offset,
        "level": level,
        "independent": independent,
    }
    if isinstance(data, Imputations):
        return _fit_imputations(data, formula, options)
    frame, groups = _open(data, group, independent)
    nodes = _read_nodes(nodes, groups)
    request = Request(
        formula=formula,
        penalty=None,
        clusters=groups,
        vcov="model",
        intervals=intervals,
        weights=weights,
        offset=offset,
        level=require_level(level),
    )
    return _fit(frame, request, nodes)


def _fit_imputations(data: Imputations, formula: str, options: dict[str, Any]) -> MixedLogisticFit:
    wald = options | {"intervals": "wald"}
    fits = [fit_mixed_logistic(frame, formula, **wald) for frame in data]
    pooled = pool_fits(fits, data.caveats)
    if not pooled.ok:
        return pooled
    if options["intervals"] == "profile":
        message = (
            "Profiles of completed data sets are not pooled; the intervals are Wald intervals."
        )
        pooled = replace(pooled, caveats=(Caveat("pooled_wald", message), *pooled.caveats))
    scales, errors = _pool_scales(fits)
    joint = np.zeros_like(pooled.joint_covariance)
    p = len(pooled.terms)
    joint[:p, :p] = pooled.covariance
    joint[range(p, len(joint)), range(p, len(joint))] = errors**2
    blank = np.full(len(scales), np.nan)
    return replace(
        pooled,
        scales=scales,
        joint_covariance=joint,
        log_likelihood=np.nan,
        variance_statistics=blank,
        variance_p_values=blank,
    )


def _pool_scales(fits: list[MixedLogisticFit]) -> tuple[Vector, Vector]:
    """Standard deviations and their errors, pooled on the log scale where none is zero."""
    scales = np.array([fit.scales for fit in fits])
    joint = [np.sqrt(np.diag(fit.joint_covariance)[len(fit.terms) :]) for fit in fits]
    pooled, errors = scales.mean(axis=0), np.full(scales.shape[1], np.nan)
    usable = (scales > 0).all(axis=0)
    relative = np.array(joint)[:, usable] / scales[:, usable]
    covariances = np.array([np.diag(row**2) for row in relative])
    if usable.any():
        centre, total, _ = pool_estimates(np.log(scales[:, usable]), covariances, np.inf)
        pooled[usable] = np.exp(centre)
        errors[usable] = np.exp(centre) * np.sqrt(np.diag(total))
    return pooled, errors


def _open(
    data: pd.DataFrame | Frame, group: Any, independent: str | None
) -> tuple[Frame, tuple[str, ...]]:
    groups = _group_columns(group)
    clustered = _cluster_of(data) if isinstance(data, Frame) else None
    groups = groups or ((clustered,) if clustered is not None else ())
    if not groups:
        raise UsageError("fit_mixed_logistic needs group=, the column of the random intercepts.")
    if independent is not None:
        return open_data(data, independent=independent), groups
    if clustered is not None and clustered not in groups:
        raise UsageError(
            f"rows of one {clustered} are not independent: give group=('{groups[0]}', "
            f"'{clustered}'), or independent='the reason' if they may be taken as independent."
        )
    return open_data(data, cluster=groups[-1]), groups


def _cluster_of(frame: Frame) -> str | None:
    """The column whose equal values are not independent, declared or seen."""
    if frame.cluster is not None or frame.independent is not None:
        return frame.cluster
    repeated = PATIENT in frame.data.columns and frame.data[PATIENT].duplicated().any()
    return PATIENT if repeated else None


def _group_columns(group: Any) -> tuple[str, ...]:
    if group is None:
        return ()
    columns = (group,) if isinstance(group, str) else tuple(group)
    if not 1 <= len(columns) <= 2 or len(set(columns)) < len(columns):
        raise UsageError(
            "group= takes one column, or a tuple of the outer and the inner one of two nested "
            "columns."
        )
    return columns


def _read_nodes(nodes: int | None, groups: tuple[str, ...]) -> int:
    if nodes is None:
        return _NODES if len(groups) == 1 else 1
    if isinstance(nodes, bool) or not isinstance(nodes, int) or not 1 <= nodes <= 100:
        raise UsageError(f"nodes is {nodes!r}; expected a whole number from 1 to 100.")
    if len(groups) == 2 and nodes > 1:
        raise UsageError("two nested groups are fitted by Laplace's approximation; use nodes=1.")
    return nodes


def _fit(frame: Frame, request: Request, nodes: int) -> MixedLogisticFit:
    data = in_group_order(read_rows(frame, request))
    blank = _blank_fit(data, request, nodes)
    status, reason = hopeless(data, request)
    if status:
        return replace(blank, status=status, reason=reason)
    null = estimate_rows(data.rows, None)
    separated = find_separation(data, None, null)
    if separated is not None:
        return replace(
            blank,
            status="separated",
            reason=separation_remedy(request, separated.message),
            caveats=(separated, *blank.caveats),
        )
    if data.clusters[-1].count == len(data.rows):
        return replace(blank, status="no repeated rows", reason=_no_pairs(request))
    kernel, found, without = _estimate(data, nodes, null)
    if found.status != "ok" or not null.found.converged:
        return _failed(blank, request, found)
    fit = _finish(blank, request, found, without)
    if request.intervals == "wald":
        return fit
    profiles, p = profile_mixed(kernel, found, without, fit.level), len(fit.terms)
    return replace(
        fit,
        conf_low=profiles.low[:p],
        conf_high=profiles.high[:p],
        p_values=profiles.p_values,
        scale_limits=np.column_stack([profiles.low[p:], profiles.high[p:]]),
    )


def _estimate(
    data: BinaryData, nodes: int, null: Estimate
) -> tuple[Kernel, MixedEstimate, tuple[float, ...]]:
    """The likelihood, the estimate, and the log-likelihoods without each of the intercepts."""
    rows, beta, value = data.rows, null.coefficients, null.log_likelihood
    if len(data.clusters) == 1:
        kernel = one_level(rows, data.clusters[0], nodes)
        return kernel, estimate_one(kernel, beta, value), (value,)
    alone = [estimate_one(one_level(rows, c, 1), beta, value) for c in data.clusters]
    nested = two_levels(rows, *data.clusters)
    return nested, estimate_two(nested, *alone), (alone[1].value, alone[0].value)


def _blank_fit(data: BinaryData, request: Request, nodes: int) -> MixedLogisticFit:
    """The result as it is if nothing can be estimated: counts, names and caveats."""
    clusters = data.clusters
    p, levels = len(data.design.terms), len(request.clusters)
    within = " and ".join(reversed(request.clusters))
    how = "Laplace" if nodes == 1 else f"{nodes} nodes"
    unclustered = replace(data, clusters=())
    return MixedLogisticFit(
        **blank_fields(data, request),
        title=(
            f"Random-intercept logistic regression of {data.design.spec.response}, conditional on "
            f"{within} ({how})"
        ),
        n_clusters=clusters[0].count,
        caveats=(
            *data_caveats(unclustered, replace(request, clusters=())),
            *_group_caveats(request.clusters, clusters),
        ),
        groups=request.clusters,
        group_counts=tuple(c.count for c in clusters),
        nodes=nodes,
        scales=np.full(levels, np.nan),
        joint_covariance=np.full((p + levels, p + levels), np.nan),
        variance_statistics=np.full(levels, np.nan),
        variance_p_values=np.full(levels, np.nan),
    )


def _group_caveats(columns: tuple[str, ...], clusters: tuple[Clusters, ...]) -> list[Caveat]:
    found = []
    for column, groups in zip(columns, clusters, strict=True):
        if not groups.count:
            continue
        if groups.count < FEW_CLUSTERS:
            found.append(
                Caveat(
                    "few_groups",
                    f"There are {groups.count} groups of {column}: the variation between them is "
                    "uncertain and its estimate tends to be too small.",
                )
            )
        alone = int(np.sum(np.bincount(groups.codes) == 1))
        if 2 * alone > groups.count:
            found.append(
                Caveat(
                    "one_row_groups",
                    f"{alone:,} of {groups.count:,} groups of {column} hold a single row, which "
                    "says little of the variation between groups: it rests on the shape of the "
                    "distribution assumed.",
                )
            )
    return found


def _no_pairs(request: Request) -> str:
    return (
        f"every {request.clusters[-1]} holds one row, so what differs between groups cannot be "
        f"told from what differs between rows; use fit_logistic(data, '{request.formula}', …)."
    )


def _failed(blank: MixedLogisticFit, request: Request, found: MixedEstimate) -> MixedLogisticFit:
    if found.status == "infinite variance":
        reason = (
            f"outcomes hardly vary within {' and '.join(request.clusters)}: the likelihood rises "
            f"beyond a standard deviation of {LARGEST_SD:g} log odds; use fit_gee(data, "
            f"'{request.formula}', cluster='{request.clusters[-1]}')."
        )
        return replace(blank, status=found.status, reason=reason, iterations=found.iterations)
    return not_converged(blank, found.iterations)


def _finish(
    blank: MixedLogisticFit, request: Request, found: MixedEstimate, without: tuple[float, ...]
) -> MixedLogisticFit:
    p = len(found.beta)
    statistics = np.maximum(2 * (found.value - np.array(without)), 0.0)
    statistics[found.scales == 0] = 0.0
    zero = [c for c, s in zip(request.clusters, found.scales, strict=True) if s == 0]
    boundary = tuple(
        Caveat(
            "boundary_variance",
            f"The variation between groups of {column} is estimated as zero, so they are as alike "
            "as chance makes them; it may still not be zero.",
        )
        for column in zero
    )
    return replace(
        blank,
        coefficients=found.beta,
        covariance=found.covariance[:p, :p],
        scales=found.scales,
        joint_covariance=found.covariance,
        log_likelihood=found.value,
        variance_statistics=statistics,
        # an equal mixture of chi-squared on 0 and 1 degree of freedom
        variance_p_values=np.where(statistics > 0, stats.chi2.sf(statistics, 1) / 2, 1.0),
        iterations=found.iterations,
        converged=True,
        caveats=(*blank.caveats, *boundary),
    )
