"""What is known of the rows before and beside a logistic fit: failures, separation, caveats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.binary import BinaryRows, largest_log_odds, likelihood
from vpstats.models.columns import read_numbers
from vpstats.models.covariance import (
    FEW_CLUSTERS,
    FEW_EVENT_CLUSTERS,
    Clusters,
    make_clusters,
)
from vpstats.models.design import Design, DesignSpec, build_design
from vpstats.models.formula import parse_formula
from vpstats.models.logistic_request import Request
from vpstats.models.newton import maximise
from vpstats.models.penalties import Estimate
from vpstats.models.separation import detect_separation
from vpstats.results import Caveat, FitResult

Vector = NDArray[np.float64]
Fit = TypeVar("Fit", bound=FitResult)

FAR = 12.0
"""Log odds beyond which a maximum is checked for separation: a probability of 6e-6."""
_STATIONARY = 1e-6
"""Squared Newton decrement at which the likelihood counts as stationary beside a penalised fit. A
row that is separated alone adds ``exp(-log odds)`` to it, so by then it is beyond `FAR`."""
_FEW_EVENTS = 10.0
"""Below this many events per parameter estimates are unstable (Peduzzi 1996)."""


@dataclass(frozen=True)
class BinaryData:
    """Rows to fit, with what is known of them before the fit.

    Parameters
    ----------
    design : Design
        The design matrix and where its rows came from.
    rows : BinaryRows
        The same, ready for the kernels.
    clusters : tuple of Clusters
        One per cluster column.
    frame : Frame
        The table as given.
    """

    design: Design
    rows: BinaryRows
    clusters: tuple[Clusters, ...]
    frame: Frame

    @property
    def y(self) -> Vector:
        """Outcome, 0 or 1, shape (n,)."""
        return (self.rows.sign + 1) / 2


def read_rows(frame: Frame, request: Request) -> BinaryData:
    """Build the design of the complete rows, with weights, offset and clusters.

    Raises
    ------
    FormulaError, UsageError
        If a column is missing or holds what a model cannot use.
    """
    numbers = {
        name: read_numbers(frame.data, column)
        for name, column in (("weights", request.weights), ("offset", request.offset))
        if column is not None
    }
    also = [*request.clusters, *(c for c in (request.weights, request.offset) if c is not None)]
    design = build_design(frame.data, request.formula, response=True, also=also)
    kept = design.kept
    extra = {name: values[kept] for name, values in numbers.items()}
    if "weights" in extra and not (extra["weights"] > 0).all():
        raise UsageError(
            "holds weights that are zero or negative; leave such rows out, or make the weights "
            "missing.",
            column=request.weights,
        )
    rows = BinaryRows(design.X, 2 * np.asarray(design.y) - 1, **extra)
    clusters = tuple(make_clusters(frame.data[c].to_numpy()[kept]) for c in request.clusters)
    return BinaryData(design, rows, clusters, frame)


def hopeless(data: BinaryData, request: Request) -> tuple[str, str]:
    """Why there is nothing to fit, with what to do; empty if there is something."""
    if not len(data.rows):
        return "no rows", empty_columns(data.frame, data.design.spec)
    outcome = data.design.spec.response
    if abs(data.rows.sign.sum()) == len(data.rows):
        return "constant outcome", (
            f"'{outcome}' is {'yes' if data.rows.sign[0] > 0 else 'no'} in every row, so no odds "
            "ratio can be estimated; report the rate with its exact interval."
        )
    if any(c.count < 2 for c in data.clusters):
        return "too few clusters", (
            f"all rows belong to one {request.clusters[0]}, so the variation between clusters is "
            "unknown."
        )
    return "", ""


def empty_columns(frame: Frame, spec: DesignSpec) -> str:
    """Why no row is complete, with the columns that are to blame where they are empty."""
    named = (spec.response, *parse_formula(spec.formula).columns)
    empty = [c for c in named if c is not None and frame.data[c].isna().all()]
    if len(frame) and empty:
        return (
            f"no row has a value of {', '.join(empty)}; leave such a column out of the formula, or "
            "see why it is empty."
        )
    return (
        "no row has a value in every column of the model; see which columns are missing together, "
        "or leave one out of the formula."
    )


def find_separation(data: BinaryData, penalty: str | None, estimate: Estimate) -> Caveat | None:
    """The caveat on separation, if the data are separated.

    The linear programme runs only where maximum likelihood diverges, which it always does under
    separation.
    """
    found = estimate.found
    if penalty is not None:
        start = estimate.coefficients if found.converged else np.zeros(len(data.design.terms))
        found = maximise(likelihood(data.rows), start, tolerance=_STATIONARY)
    if found.converged and largest_log_odds(data.rows, found.estimate) < FAR:
        return None
    separation = detect_separation(data.design.X, data.y, data.design.terms)
    if not separation.found:
        return None
    return Caveat(
        "separation",
        f"{separation.kind} separation: {_some(separation.columns)} the outcome "
        "without error in some rows, so the maximum likelihood estimate is infinite.",
    )


def _some(columns: Sequence[str], limit: int = 6) -> str:
    """Name the columns that predict; of many, the first few."""
    if len(columns) > limit:
        return f"{', '.join(columns[:limit])} and {len(columns) - limit} more predict"
    return f"{', '.join(columns)} predict{'s' if len(columns) == 1 else ''}"


def blank_fields(data: BinaryData, request: Request) -> dict[str, Any]:
    """What every fit of a yes/no outcome says before anything is estimated."""
    p = len(data.design.terms)
    return {
        "unit": data.frame.unit,
        "n": len(data.rows),
        "n_events": int(data.y.sum()),
        "level": request.level,
        "terms": data.design.terms,
        "coefficients": np.full(p, np.nan),
        "covariance": np.full((p, p), np.nan),
        "vcov": request.vcov,
        "spec": data.design.spec,
        "cluster": request.clusters,
        "weights": request.weights,
        "offset": request.offset,
        "n_missing": data.design.n_missing,
    }


def not_converged(blank: Fit, iterations: int) -> Fit:
    """The result where the solver gave up."""
    message = (
        f"the solver stopped after {iterations} iterations without reaching the maximum; check "
        "for columns of very different scale or nearly equal columns."
    )
    changes: dict[str, Any] = {"reason": message, "iterations": iterations}
    caveats = (Caveat("not_converged", message), *blank.caveats)
    return replace(blank, status="not converged", caveats=caveats, **changes)


def separation_remedy(request: Request, message: str) -> str:
    """The message, and the call that answers."""
    options = "penalty='firth'" + ("" if request.clusters else ", intervals='profile'")
    return f"{message} Use fit_logistic(data, '{request.formula}', {options})."


def data_caveats(data: BinaryData, request: Request) -> tuple[Caveat, ...]:
    """What to know of the rows before quoting a number."""
    found = [
        *_event_caveats(data),
        *_cluster_caveats(data, request),
        *(Caveat("aliased", data.design.why_left_out(name), name) for name in data.design.aliased),
    ]
    if data.frame.independent is not None:
        found.append(
            Caveat("independent", f"Rows were analysed as independent: {data.frame.independent}")
        )
    if data.design.n_missing:
        total = data.design.n_missing + len(data.rows)
        found.append(
            Caveat(
                "dropped_rows",
                f"{data.design.n_missing:,} of {total:,} rows were left out because a value was "
                "missing.",
            )
        )
    return tuple(found)


def _event_caveats(data: BinaryData) -> list[Caveat]:
    slopes = len(data.design.terms) - data.design.spec.has_intercept
    events = int(data.y.sum())
    rarer = min(events, len(data.rows) - events)
    if not slopes or rarer / slopes >= _FEW_EVENTS:
        return []
    what = "events" if rarer == events else "rows without the event"
    return [Caveat("few_events", f"There are {rarer} {what} for {slopes} parameters.")]


def _cluster_caveats(data: BinaryData, request: Request) -> list[Caveat]:
    found = []
    for column, clusters in zip(request.clusters, data.clusters, strict=True):
        found += _size_caveats(column, clusters)
        if request.penalty is None:
            continue
        with_event = np.count_nonzero(np.bincount(clusters.codes, data.rows.sign > 0))
        if with_event < FEW_EVENT_CLUSTERS:
            found.append(
                Caveat(
                    "few_event_clusters",
                    f"{with_event} clusters of {column} have an event: robust standard errors of "
                    "modified scores may be too small.",
                )
            )
    return found


def _size_caveats(column: str, clusters: Clusters) -> list[Caveat]:
    """Too few clusters; or as good as too few, their sizes being so unequal; or none at all."""
    if not clusters.count:
        return []
    if clusters.count < FEW_CLUSTERS:
        return [
            Caveat(
                "few_clusters",
                f"There are {clusters.count} clusters of {column}: robust standard errors may "
                "be too small.",
            )
        ]
    sizes = np.bincount(clusters.codes)
    equal = sizes.sum() ** 2 / (sizes @ sizes)  # as many clusters of equal size (Kish 1965)
    if equal < FEW_CLUSTERS:
        return [
            Caveat(
                "unequal_clusters",
                f"The {clusters.count} clusters of {column} are as good as {equal:.0f} of equal "
                f"size (the largest holds {sizes.max():,} of {sizes.sum():,} rows): robust "
                "standard errors may be too small.",
            )
        ]
    if sizes.max() == 1:
        return [
            Caveat(
                "one_row_groups",
                f"Every cluster of {column} holds one row, so rows count as independent.",
            )
        ]
    return []
