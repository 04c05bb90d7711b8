"""Events in the course of time at each center: observed, and cumulative hazards expected.

Observed events up to the horizon are compared with the sum of the cumulative hazards that the rows
had while they were at risk, at the average center. Who dies is censored for the cause-specific
hazard: a center where more die is not flattered, since its rows are at risk for less time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from vpstats.centers.benchmark import FOLDS
from vpstats.centers.clustering import center_variance, within_correlation
from vpstats.centers.expected import Expected, coefficient_table
from vpstats.centers.floors import Adjustment, choose_adjustment, learning_caveats
from vpstats.centers.folds import deal
from vpstats.centers.hazard_benchmark import (
    Slopes,
    TimedRows,
    average_hazard,
    expectation_variance,
    fit_slopes,
)
from vpstats.centers.hazard_tables import (
    death_hazard,
    hazard_calibration,
    hazard_rates,
    hazard_slope,
)
from vpstats.centers.reading import (
    Places,
    missing_by_center,
    place_rows,
    reading_caveats,
    require_terms,
)
from vpstats.centers.sums import CenterSums
from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.columns import require_columns
from vpstats.models.curves import cumulative_incidence
from vpstats.models.design import build_design
from vpstats.models.followup import FollowUp, entry_column, read_follow_up
from vpstats.results import Caveat, require_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]
    Codes = NDArray[np.intp]


@dataclass(frozen=True)
class _Question:
    """What was asked for."""

    duration: str
    event: str
    cause: int
    horizon: float
    center: str
    adjust: tuple[str, ...]
    entry: str | None
    penalty: str | None
    folds: int | None
    level: float


@dataclass(frozen=True)
class _CrossFit:
    """What rows and centers come to without the centers' own rows."""

    hazard: Vector  # cumulative, (n,)
    variance: Vector  # of the sums over centers, (k,)
    shift: Vector  # log hazard ratio, (n,)
    unlearnt: NDArray[np.bool_]
    penalised: bool


@dataclass(frozen=True)
class _Fitted:
    """One table fitted; of imputed tables, the average."""

    places: Places
    dead: Vector
    hazard: Vector  # cross-fitted, (n,)
    benchmark: Vector
    mean: Vector  # with the center's own level, (n,)
    relative: Vector  # (n,)
    shift: Vector  # log hazard ratio, cross-fitted, (n,)
    step: Vector
    other: Vector  # steps of the competing events' hazard at the same times
    terms: tuple[str, ...]
    beta: Vector
    covariance: Matrix
    slope: tuple[float, float]
    adjustment: Adjustment
    missing: pd.DataFrame
    caveats: tuple[Caveat, ...]


def expected_incidence(
    data: pd.DataFrame | Frame | Imputations,
    *,
    duration: str,
    event: str,
    horizon: float,
    cause: int = 1,
    center: str = "center_id",
    adjust: Sequence[str] = (),
    cluster: str | None = None,
    entry: str | None = None,
    penalty: Literal["firth"] | None = None,
    unit: str | None = None,
    folds: int | None = None,
    independent: str | None = None,
    level: float = 0.95,
) -> Expected:
    """Compare how many events each center saw with what case mix and time at risk lead to expect.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows; unchanged.
    duration, event : str
        Columns of the time at which follow-up ends and of what ended it (0 censored, 1, 2, …).
    horizon : float
        Time after which nothing counts.
    cause : int
        The event in question; others are censored for its hazard, and a caveat says so.
    center, adjust, cluster, unit, folds, independent, level
        As in `vpstats.centers.expected.expected_proportion`.
    entry : str, optional
        Column of the time after which a row is at risk.
    penalty : {None, "firth"}
        None takes the Cox model's maximum where there are ten events per parameter, and Firth's
        penalty below that or where there is no maximum.

    Returns
    -------
    Expected
        `sums.measure` is "incidence": `expected` are sums of cumulative hazards up to the end of
        each row's follow-up or the horizon; `benchmark` is the network's incidence by the horizon
        (Aalen and Johansen). In `rates`, `crude` is the center's incidence by the horizon with
        `std_error`, clustered by patient; `indirect` is observed over expected times the
        benchmark; `direct` is the incidence if the whole network's rows were at the center, with
        deaths as in the whole network.

    Raises
    ------
    UsageError
        For a column that is missing or unusable, or a horizon that is not positive.

    Notes
    -----
    Slopes come from a Cox model with a baseline for each center. The average center has Breslow's
    baseline over the other centers given these slopes: over them observed equals expected. Without
    adjustment that is the Nelson–Aalen estimate of the other centers.

    References
    ----------
    Berry G. The analysis of mortality by the subject-years method. Biometrics 1983;39:173-184.
    Breslow NE. Discussion of Professor Cox's paper. J R Stat Soc B 1972;34:216-217. Aalen OO,
    Johansen S. An empirical transition matrix for non-homogeneous Markov chains based on censored
    observations. Scand J Stat 1978;5:141-150.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {"center_id": list("aaabbb"), "days": [1.0, 2, 3, 1, 2, 3], "event": [1, 1, 0, 1, 0, 0]}
    ... )
    >>> found = expected_incidence(rows, duration="days", event="event", horizon=3)
    >>> found.sums.observed.tolist(), found.sums.expected.round(3).tolist()
    ([2.0, 1.0], [1.0, 2.0])
    """
    require_terms(adjust, event, center)
    if not horizon > 0:
        raise UsageError(f"horizon is {horizon!r}; expected a positive time.")
    if penalty not in (None, "firth"):
        raise UsageError(f"penalty is {penalty!r}; expected None or 'firth'.")
    if folds is not None and folds < 2:
        raise UsageError(f"folds is {folds}; expected at least 2, or None.")
    question = _Question(
        duration, event, cause, float(horizon), center, tuple(adjust), entry, penalty, folds,
        require_level(level),
    )  # fmt: skip
    if isinstance(data, Imputations):
        frames = [open_data(f, cluster=cluster, independent=independent) for f in data]
        fits = [_fit(frame, question) for frame in frames]
        return _finish(frames[0], question, _averaged(fits), unit)
    frame = open_data(data, cluster=cluster, independent=independent)
    return _finish(frame, question, _fit(frame, question), unit)


def _fit(frame: Frame, question: _Question) -> _Fitted:
    places, follow_up, X, terms, missing, caveats = _read(frame, question)
    dead = (follow_up.event == question.cause) & (follow_up.exit <= question.horizon)
    n_events = int(dead.sum())
    adjustment = choose_adjustment(n_events, max(n_events, 1), X.shape[1], question.penalty)
    if not adjustment.adjusts or places.k < 2:
        X, terms = X[:, :0], ()
    caveats = (*caveats, *adjustment.caveats)
    centre = X.mean(axis=0) if len(X) else np.zeros(X.shape[1])
    spread = X.std(axis=0) if len(X) else np.ones(X.shape[1])
    scale = np.where(spread > 0, spread, 1.0)
    entry = np.full(len(dead), -np.inf) if follow_up.entry is None else follow_up.entry
    rows = TimedRows(
        X=(X - centre) / scale,
        exit=np.minimum(follow_up.exit, question.horizon),
        entry=entry,
        dead=dead,
        center=places.center,
        patients=places.patients,
        k=places.k,
    )
    return _fit_rows(rows, places, follow_up, terms, scale, question, adjustment, missing, caveats)


def _read(
    frame: Frame, question: _Question
) -> tuple[Places, FollowUp, Matrix, tuple[str, ...], pd.DataFrame, tuple[Caveat, ...]]:
    """Rows with follow-up, center and covariates, those of one center adjacent."""
    data = frame.data
    entry = entry_column(frame, question.duration, question.entry)
    timed = [c for c in (question.duration, question.event, entry) if c is not None]
    require_columns(data, (*timed, question.center))
    formula = f"~ {' + '.join(question.adjust) or '1'}"
    design = build_design(data, formula, response=False, intercept=False, also=timed)
    known = data[timed].notna().all(axis=1).to_numpy()
    late = np.zeros(len(data), dtype=bool)
    if entry is not None:  # whoever is at risk after the horizon alone plays no part
        late = data[entry].to_numpy(float) >= question.horizon
    complete = np.zeros(len(data), dtype=bool)
    complete[design.kept] = True
    missing = missing_by_center(frame, question.center, known & ~late, complete | late)
    kept = design.kept[~late[design.kept]]
    places = place_rows(frame, question.center, kept)
    follow_up = read_follow_up(
        frame, duration=question.duration, event=question.event, entry=entry, kept=places.given
    )
    X = design.X[np.searchsorted(design.kept, places.given)]
    caveats = [*reading_caveats(frame, question.center, missing), *_competing(follow_up, question)]
    return places, follow_up, X, tuple(design.terms), missing, tuple(caveats)


def _competing(follow_up: FollowUp, question: _Question) -> list[Caveat]:
    others = (follow_up.event > 0) & (follow_up.event != question.cause)
    count = int((others & (follow_up.exit <= question.horizon)).sum())
    if not count:
        return []
    return [
        Caveat(
            "competing_censored",
            f"{count:,} competing events end the time at risk: expected numbers are sums of "
            "cause-specific hazards, not of probabilities.",
        )
    ]


def _fit_rows(
    rows: TimedRows,
    places: Places,
    follow_up: FollowUp,
    terms: tuple[str, ...],
    scale: Vector,
    question: _Question,
    adjustment: Adjustment,
    missing: pd.DataFrame,
    caveats: tuple[Caveat, ...],
) -> _Fitted:
    firth = adjustment.penalty == "firth"
    used = np.ones(places.k, dtype=bool)
    p = rows.X.shape[1]
    whole = fit_slopes(rows, used, firth=firth, start=np.zeros(p))
    if not whole.converged and not firth:
        text = "The partial likelihood has no maximum, so Firth's penalty was used."
        caveats = (*caveats, Caveat("monotone", text))
        firth, adjustment = True, replace(adjustment, penalty="firth")
        whole = fit_slopes(rows, used, firth=True, start=np.zeros(p))
    average = average_hazard(rows, used, whole.beta)
    crossed = _cross_fit(rows, places, whole, question.folds, firth=firth)
    hazard, shift = crossed.hazard, crossed.shift
    caveats = (
        *caveats,
        *learning_caveats(terms, whole.learnt, crossed.unlearnt, crossed.penalised),
    )
    own = places.total(rows.dead.astype(float)) / np.where(
        (total := places.total(average.hazard)) > 0, total, np.nan
    )
    mean = average.hazard * np.nan_to_num(own)[places.center]
    back = np.diag(1 / scale)
    return _Fitted(
        places, rows.dead.astype(float), hazard, crossed.variance, mean, average.relative, shift,
        average.step,
        death_hazard(rows, follow_up, question.cause), terms, back @ whole.beta,
        back @ whole.covariance @ back, hazard_slope(rows, shift), adjustment,
        missing, caveats,
    )  # fmt: skip


def _cross_fit(
    rows: TimedRows, places: Places, whole: Slopes, folds: int | None, *, firth: bool
) -> _CrossFit:
    """Leave out each center, or each fold of centers, in turn."""
    hazard, variance = np.full(len(rows.dead), np.nan), np.full(places.k, np.nan)
    shift, unlearnt, penalised = np.zeros(len(rows.dead)), np.zeros(len(whole.beta), bool), False
    if places.k < 2:
        return _CrossFit(hazard, variance, shift, unlearnt, penalised)
    time = places.total(rows.exit - np.maximum(rows.entry, 0.0))
    keys = (time, places.n_patients, places.total(rows.dead.astype(float)), places.n)
    fold = deal(keys, min(places.k, FOLDS if folds is None else folds))
    for number in np.unique(fold):
        used = fold != number
        slopes = fit_slopes(rows, used, firth=firth, start=whole.beta)
        if not slopes.converged and not firth:
            slopes = fit_slopes(rows, used, firth=True, start=np.zeros(len(whole.beta)))
            penalised = True
        unlearnt |= ~slopes.learnt
        average = average_hazard(rows, used, slopes.beta)
        out = ~used[rows.center]
        hazard[out] = average.hazard[out]
        shift[out] = np.log(average.relative[out])
        centers = np.flatnonzero(~used)
        variance[centers] = expectation_variance(rows, used, slopes, average, centers)
    return _CrossFit(hazard, variance, shift, unlearnt, penalised)


def _averaged(fits: Sequence[_Fitted]) -> _Fitted:
    """Average the fits to completed tables; their spread is part of the benchmark's variance."""
    first, m = fits[0], len(fits)
    if any(f.terms != first.terms or not np.array_equal(f.dead, first.dead) for f in fits):
        raise UsageError(
            "events or the terms of the adjustment differ between imputations; impute covariates "
            "alone."
        )
    expected = np.array([f.places.total(f.hazard) for f in fits])
    betas = np.array([f.beta for f in fits])
    spread = (1 + 1 / m) * np.cov(betas.T).reshape(len(first.beta), len(first.beta))

    def mean(name: str) -> Any:
        return np.mean([getattr(f, name) for f in fits], axis=0)

    averaged = {n: mean(n) for n in ("hazard", "mean", "relative", "shift", "step", "beta")}
    return replace(
        first,
        **averaged,
        benchmark=mean("benchmark") + (1 + 1 / m) * expected.var(axis=0, ddof=1),
        covariance=mean("covariance") + spread,
    )


def _finish(frame: Frame, question: _Question, fit: _Fitted, unit: str | None) -> Expected:
    places = fit.places
    pairs = places.pairs
    correlation = 0.0
    if places.clustered:
        correlation = within_correlation(fit.dead - fit.mean, fit.mean, pairs)
    variance, effect = center_variance(fit.hazard, places.center, places.k, pairs, correlation)
    curves, steps = _incidence(frame, question, places)
    status, reason = _status(fit)
    sums = CenterSums(
        centers=places.names,
        unit=unit or frame.unit,
        measure="incidence",
        n=places.n,
        n_patients=places.n_patients,
        observed=places.total(fit.dead),
        expected=places.total(fit.hazard),
        variance=variance,
        design_effect=effect,
        benchmark_variance=fit.benchmark,
        benchmark=float(curves["estimate"].iloc[-1]) if len(curves) else np.nan,
    )
    rates = hazard_rates(sums, curves, fit.relative, fit.step, fit.other, question.level)
    return Expected(
        sums=sums,
        row_risks=places.in_given_order(fit.hazard),
        rows=np.sort(places.given),
        model=coefficient_table(fit.terms, fit.beta, fit.covariance, places, question.level),
        calibration=hazard_calibration(
            fit.dead, fit.hazard, fit.shift, places, fit.slope, question.level
        ),
        rates=rates,
        missing=fit.missing,
        correlation=correlation,
        penalty=fit.adjustment.penalty if fit.terms else None,
        adjusted=question.adjust if fit.terms else (),
        caveats=fit.caveats,
        status=status,
        reason=reason,
        curves=steps,
    )


def _incidence(
    frame: Frame, question: _Question, places: Places
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Incidence by the horizon of each center and, last, of the network; and the curves to it."""
    if not len(places.given):
        return pd.DataFrame(), pd.DataFrame()
    table = frame.data.iloc[places.given].assign(**{_CENTER: places.center})
    rows = replace(frame, data=table)
    if frame.cluster is None:  # opened already: rows are independent as they were then
        rows = rows.as_independent(frame.independent or "as given")
    shared: dict[str, Any] = {
        "duration": question.duration,
        "event": question.event,
        "cause": question.cause,
        "entry": question.entry,
        "level": question.level,
    }
    times = [question.horizon]
    own = cumulative_incidence(rows, by=_CENTER, **shared)
    network = cumulative_incidence(rows, **shared)
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    at = pd.concat([own.at(times)[columns], network.at(times)[columns]], ignore_index=True)
    steps = own.tidy().assign(**{CENTER: lambda t: [places.names[i] for i in t[_CENTER]]})
    steps = pd.concat([steps, network.tidy().assign(**{CENTER: WHOLE})], ignore_index=True)
    return at, thin_steps(steps, question.horizon)


def thin_steps(steps: pd.DataFrame, horizon: float) -> pd.DataFrame:
    """The steps of curves that hold events, up to a horizon, and the last one before it.

    Who was censored between is added to the next step kept.

    Parameters
    ----------
    steps : DataFrame
        ``center_id`` and the columns of a curve, times ascending within each.
    horizon : float

    Returns
    -------
    DataFrame
        ``center_id, time, n_risk, n_event, n_censor, estimate, std_error, conf_low, conf_high``.
    """
    steps = steps[steps["time"] <= horizon].reset_index(drop=True)
    last = ~steps[CENTER].duplicated(keep="last") | ~steps[CENTER].duplicated()
    kept = (steps["n_event"] > 0) | last
    block = kept.shift(fill_value=False).cumsum()
    censored = steps.groupby(block)["n_censor"].sum().to_numpy()
    found = steps[kept].assign(n_censor=censored[: int(kept.sum())])
    return found[STEP_COLUMNS].reset_index(drop=True)


CENTER, WHOLE = "center_id", "all"
STEP_COLUMNS = [
    "center_id", "time", "n_risk", "n_event", "n_censor", "estimate", "std_error", "conf_low",
    "conf_high",
]  # fmt: skip
"""Columns of the curves of incidence; the network's `center_id` is "all"."""

_CENTER = "_center_code"


def _status(fit: _Fitted) -> tuple[str, str]:
    if not len(fit.dead):
        return (
            "no rows",
            "no row has a center, follow-up and every covariate; see which are missing.",
        )
    if fit.places.k < 2:
        return "one center", (
            "there is no other center to compare with; report the incidence with its interval."
        )
    if not fit.dead.any():
        return "constant outcome", "no row has the event by the horizon: nothing to compare."
    return "ok", ""
