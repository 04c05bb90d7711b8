"""What a hazard model is asked and given: options and rows, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, open_data
from vpstats.models.columns import read_numbers
from vpstats.models.covariance import FEW_EVENT_CLUSTERS, Clusters
from vpstats.models.curve_fit import cause_name, whole_weights
from vpstats.models.design import Design, build_design
from vpstats.models.followup import FollowUp, Vector, entry_column, read_follow_up, row_caveats
from vpstats.models.hazard_fit import AnyHazard, strata_labels
from vpstats.models.hazards_result import CoxFit
from vpstats.models.logistic_request import one_of
from vpstats.models.risksets import HazardRows
from vpstats.results import Caveat, require_level

_VCOVS = ("model", "HC0", "CR0", "CR1")
_FEW_EVENTS = 10.0
"""Below this many events per parameter estimates are unstable (Peduzzi 1995)."""


@dataclass(frozen=True)
class Request:
    """What was asked for, checked."""

    formula: str
    duration: str
    event: str
    cause: int
    entry: str | None
    strata: tuple[str, ...]
    weights: str | None
    offset: str | None
    penalty: str | None
    ties: Literal["efron", "breslow"]
    vcov: str | None
    level: float


def read_request(frame: Frame, formula: str, options: dict[str, Any]) -> Request:
    """Check the options of a hazard model.

    Parameters
    ----------
    frame : Frame
        The data, with the cluster to use.
    formula : str
        Right side, with or without "~".
    options : dict
        The arguments of `fit_cox` by name.

    Returns
    -------
    Request

    Raises
    ------
    UsageError
        For an unknown option or a combination without theory.
    """
    one_of("penalty", options["penalty"], (None, "firth"))
    one_of("ties", options["ties"], ("efron", "breslow"))
    one_of("vcov", options["vcov"], (None, *_VCOVS))
    cause, strata, vcov = options["cause"], options["strata"], options["vcov"]
    if cause != int(cause) or cause < 1:
        raise UsageError(f"cause is {cause!r}; expected an event code: 1, 2, ….")
    check_covariance(vcov, frame.cluster)
    return Request(
        formula=formula if "~" in formula else f"~ {formula}",
        duration=options["duration"],
        event=options["event"],
        cause=int(cause),
        entry=entry_column(frame, options["duration"], options["entry"]),
        strata=(strata,) if isinstance(strata, str) else tuple(strata or ()),
        weights=options["weights"],
        offset=options["offset"],
        penalty=options["penalty"],
        ties=options["ties"],
        vcov=vcov,
        level=require_level(options["level"]),
    )


def frailty_frame(data: pd.DataFrame | Frame, options: dict[str, Any]) -> Frame:
    """Open data for a model with frailties, which take the place of clusters.

    Raises
    ------
    UsageError
        For options that have no theory beside a frailty, or clusters other than those.
    """
    frailty, theta = options["frailty"], options["theta"]
    for name in ("penalty", "weights"):
        if options[name] is not None:
            raise UsageError(
                f"{name}= has no theory beside a frailty; leave it out, or use cluster='{frailty}'."
            )
    if options["vcov"] not in (None, "model"):
        raise UsageError(
            f"vcov='{options['vcov']}' beside a frailty: its errors are those of the observed "
            f"information. For robust ones leave frailty= out and give cluster='{frailty}'."
        )
    if theta is not None and not 0 <= theta < np.inf:
        raise UsageError(f"theta is {theta!r}; expected a variance of at least 0.")
    own = data.cluster if isinstance(data, Frame) else None
    other = options["cluster"] or (None if options["independent"] else own)
    if other not in (None, frailty):
        raise UsageError(
            f"frailties by {frailty} leave rows of one {other} dependent; use "
            f"frailty='{other}', or cluster='{other}' without a frailty."
        )
    opened = open_data(data, cluster=None if options["independent"] else frailty,
                       independent=options["independent"])  # fmt: skip
    return replace(opened, cluster=frailty)


def check_covariance(vcov: str | None, cluster: str | None) -> None:
    """Refuse a covariance that ignores the clusters, or that has none.

    Raises
    ------
    UsageError
        With the one to use.
    """
    if vcov is None:
        return
    if cluster is not None and not vcov.startswith("CR"):
        raise UsageError(
            f"vcov='{vcov}' ignores that rows of one {cluster} are not independent; use 'CR0', or "
            "give independent='the reason' instead of cluster=."
        )
    if cluster is None and vcov.startswith("CR"):
        raise UsageError(f"vcov='{vcov}' needs cluster=; for independent rows use 'HC0'.")


@dataclass(frozen=True)
class HazardData:
    """Rows to fit, with what is known of them before the fit.

    `kept` holds their positions in the table as given.
    """

    request: Request
    frame: Frame
    design: Design
    follow_up: FollowUp
    rows: HazardRows
    centre: Vector
    strata: tuple[str, ...]
    clusters: Clusters | None
    n_missing: int
    kept: NDArray[np.intp]

    @property
    def cause(self) -> str:
        """The event in question, in words."""
        return cause_name(self.frame, self.request.cause)

    @property
    def vcov(self) -> str:
        """The covariance to use."""
        if self.request.vcov is not None:
            return self.request.vcov
        if self.clusters is not None:
            return "CR0"
        return "model" if whole_weights(self.rows.weights) else "HC0"


def read_data(frame: Frame, request: Request) -> HazardData:
    """Read the rows that a request needs; incomplete ones are left out and counted."""
    named = (request.duration, request.event, request.entry, request.weights, request.offset)
    also = [name for name in (*named, *request.strata) if name is not None]
    design = build_design(frame.data, request.formula, response=False, intercept=False, also=also)
    strata, labels = strata_labels(frame.data, request.strata, design.kept)
    known = strata >= 0
    X, kept = design.X, design.kept
    if not known.all():
        X, kept, strata = X[known], kept[known], strata[known]
    follow_up = read_follow_up(
        frame,
        duration=request.duration,
        event=request.event,
        entry=request.entry,
        weights=request.weights,
        kept=kept if len(kept) < len(frame.data) else None,
    )
    centre = X.mean(axis=0) if len(X) else np.zeros(X.shape[1])
    X -= centre  # in place: the matrix is the design's own, and large
    offset = None if request.offset is None else read_numbers(frame.data, request.offset)[kept]
    rows = HazardRows(
        X=X,
        exit=follow_up.exit,
        dead=follow_up.event == request.cause,
        entry=follow_up.entry,
        strata=strata if request.strata else None,
        weights=follow_up.weights,
        offset=offset,
    )
    clusters = None
    if follow_up.cluster is not None:
        clusters = Clusters(follow_up.cluster, int(follow_up.cluster.max(initial=-1)) + 1)
    missing = len(frame.data) - len(rows)
    design = replace(design, X=X[:0])
    return HazardData(
        request, frame, design, follow_up, rows, centre, labels, clusters, missing, kept
    )


def rows_of_fit(
    fit: CoxFit, data: pd.DataFrame | Frame, *, cluster: str | None = None
) -> HazardData:
    """The rows of a fit, which it does not keep, read again as the fit read them.

    Parameters
    ----------
    fit : CoxFit
        A fit.
    data : DataFrame or Frame
        The table that it was fitted to; unchanged.
    cluster : str, optional
        Column of clusters to read along.

    Returns
    -------
    HazardData

    Raises
    ------
    UsageError
        If the model could not be estimated or `data` are not its rows.
    """
    if not fit.ok:
        raise UsageError(f"the model could not be estimated: {fit.reason}")
    plain = data.data if isinstance(data, Frame) else data
    request = Request(
        formula=fit.spec.formula,
        duration=fit.duration,
        event=fit.event,
        cause=fit.cause,
        entry=fit.entry,
        strata=fit.strata,
        weights=fit.weights,
        offset=fit.offset,
        penalty=fit.penalty,
        ties=fit.ties,
        vcov=None,
        level=fit.level,
    )
    given = read_data(Frame(plain, unit=fit.unit, cluster=cluster), request)
    if len(given.rows) != fit.n or given.design.terms != fit.terms:
        raise UsageError(
            f"the data have {len(given.rows):,} complete rows, the fit {fit.n:,}: give the rows "
            "that the model was fitted to."
        )
    return given


def unfitted(kind: type[AnyHazard], data: HazardData, *, title: str, **own: Any) -> AnyHazard:
    """The result as it is if nothing can be estimated: counts, names and caveats.

    Parameters
    ----------
    kind : type
        Class of the result.
    data : HazardData
        What is to be fitted.
    title : str
        Of the result.
    **own
        Fields that only this kind has, and those that it has otherwise.
    """
    request, p = data.request, len(data.design.terms)
    shared: dict[str, Any] = {
        "unit": data.frame.unit,
        "n": len(data.rows),
        "n_events": int(np.count_nonzero(data.rows.dead)),
        "n_clusters": None if data.clusters is None else data.clusters.count,
        "caveats": data_caveats(data),
        "level": request.level,
        "terms": data.design.terms,
        "coefficients": np.full(p, np.nan),
        "covariance": np.full((p, p), np.nan),
        "vcov": data.vcov,
        "spec": data.design.spec,
        "centre": data.centre,
        "duration": request.duration,
        "event": request.event,
        "cause": request.cause,
        "entry": request.entry,
        "weights": request.weights,
        "offset": request.offset,
        "cluster": data.frame.cluster,
        "strata": request.strata,
        "n_missing": data.n_missing,
    }
    return kind(title=title, **shared | own)


def data_caveats(data: HazardData) -> tuple[Caveat, ...]:
    """What the rows give reason to say before anything is fitted."""
    clusters = data.clusters
    count = None if clusters is None else clusters.count
    found = row_caveats(data.frame, n_missing=data.n_missing, n_clusters=count)
    events, p = int(np.count_nonzero(data.rows.dead)), len(data.design.terms)
    if p and events / p < _FEW_EVENTS:
        found.append(Caveat("few_events", f"There are {events} events for {p} parameters."))
    for name in data.design.aliased:
        message = f"{name} is determined by other columns and was left out."
        found.append(Caveat("aliased", message, name))
    if clusters is not None and data.request.penalty is not None:
        with_event = np.unique(clusters.codes[data.rows.dead]).size
        if with_event < FEW_EVENT_CLUSTERS:
            message = (
                f"{with_event} clusters of {data.frame.cluster} have an event: robust standard "
                "errors may be too small."
            )
            found.append(Caveat("few_event_clusters", message))
    return tuple(found)
