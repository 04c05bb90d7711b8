"""Validation of a fitted model: apparent, corrected for optimism, and center by center."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.binary import BinaryRows
from vpstats.models.columns import read_numbers, read_response, require_columns
from vpstats.models.design import apply_design
from vpstats.models.fine_gray_result import FineGrayFit
from vpstats.models.followup import codes_of, read_follow_up
from vpstats.models.grouping import rank_rows
from vpstats.models.hazards_result import CoxFit
from vpstats.models.logistic import fit_logistic
from vpstats.models.logistic_result import LogisticFit
from vpstats.models.pooling import joint_caveats, pool_estimates
from vpstats.models.validation import horizon as at_horizon
from vpstats.models.validation import measures as yes_no
from vpstats.models.validation.problems import BinaryProblem, HorizonProblem, Problem
from vpstats.models.validation.resampling import Replicates, bootstrap, leave_out
from vpstats.models.validation.result import Validation
from vpstats.results import Caveat, critical_value, require_level

Vector = NDArray[np.float64]
Codes = NDArray[np.intp]

THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(1, 20))
"""Risks at which net benefit is reported unless others are asked for."""

_SHARES = ("c_statistic", "auc")
_RATIOS = ("observed_expected",)
_FEW_EVENTS = 100
"""Below this many events (or non-events) validation is imprecise (Collins 2016)."""
_COLUMNS = ("apparent", "optimism", "estimate", "std_error", "conf_low", "conf_high")
_CURVE = 41
"""Points of a calibration curve."""


@dataclass(frozen=True)
class _Judged:
    """A problem with the rows that it is about."""

    problem: Problem
    names: tuple[str, ...]
    units: Codes
    frame: Frame
    positions: Codes
    case: Vector
    n_events: int
    blocks: Codes | None = None


def validate(
    fit: LogisticFit | CoxFit | FineGrayFit,
    data: pd.DataFrame | Frame | Imputations,
    *,
    horizon: float | None = None,
    center: str | None = None,
    n_boot: int = 200,
    seed: int,
    n_jobs: int | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
    cluster: str | None = None,
    level: float = 0.95,
    independent: str | None = None,
) -> Validation:
    """Measure how well a model predicts, corrected for optimism by resampling patients.

    Parameters
    ----------
    fit : LogisticFit, CoxFit or FineGrayFit
        The model. A Cox model gives absolute risks together with models of the same terms for
        every competing cause, which are fitted here.
    data : DataFrame, Frame or Imputations
        The rows that it was fitted to; unchanged. Imputations are judged one by one and pooled.
    horizon : float, optional
        Time at which incidence is judged; needed for, and only for, models of hazards.
    center : str, optional
        Column of centers: each is left out in turn and predicted by the others.
    n_boot : int
        Bootstrap replicates; 0 for none. Whole clusters are drawn (patients), and the model is
        fitted again with its design, knots included, as it is.
    seed : int
        Of the replicates, each of which has a stream of its own.
    n_jobs : int, optional
        Workers, through joblib and whichever of its backends is active (loky, or Dask on a
        cluster); the numbers do not depend on it.
    thresholds : sequence of float
        Risks at which net benefit is reported, between 0 and 1.
    cluster : str, optional
        Column of the patients; the frame's own if None.
    level : float
        Confidence level.
    independent : str, optional
        Why rows that repeat patients may be taken as independent; the reason is printed.

    Returns
    -------
    Validation
        ``tidy()``: ``measure, apparent, optimism, estimate, std_error, conf_low, conf_high``; the
        estimate is corrected. Standard errors are of sampling the rows (DeLong or, with clusters,
        Obuchowski for the concordance statistic; else the bootstrap), limits on the log odds for
        shares and on the log for ratios. `calibration`, `decision` and `centers` are frames. Where
        the model has no estimate, status and reason are the model's and all measures are NaN.

    Raises
    ------
    UsageError
        If its kind and `horizon` do not go together, columns are missing,
        center indicators are in a model whose centers are left out, or an option makes no sense.

    Notes
    -----
    Whether the model holds in another place is for `center` to say; the bootstrap cannot. A
    calibration slope below 1 after correction says how far predictions should be shrunk.

    References
    ----------
    Collins GS, et al. TRIPOD+AI statement: updated guidance for reporting clinical prediction
    models. BMJ 2024;385:e078378. Steyerberg EW. Clinical Prediction Models. Springer, 2019.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"age": rng.normal(size=300)})
    >>> rows["leak"] = (rng.random(300) < special.expit(rows["age"])).astype(int)
    >>> fit = fit_logistic(rows, "leak ~ age")
    >>> validate(fit, rows, n_boot=20, seed=1).tidy()["measure"].tolist()[:2]
    ['c_statistic', 'brier']
    """
    options: dict[str, Any] = {
        "horizon": horizon, "center": center, "n_boot": n_boot, "seed": seed, "n_jobs": n_jobs,
        "thresholds": _thresholds(thresholds), "level": require_level(level),
    }  # fmt: skip
    _check(fit, horizon, n_boot, center)
    if not fit.ok:
        return _without_estimate(fit, options)
    if isinstance(data, Imputations):
        found = [_validate(fit, frame, cluster, independent, options) for frame in data]
        return _pooled(found, data)
    return _validate(fit, data, cluster, independent, options)


def _without_estimate(fit: Any, options: dict[str, Any]) -> Validation:
    """What there is to say of a model that could not be estimated."""
    names = yes_no.MEASURES if isinstance(fit, LogisticFit) else at_horizon.MEASURES
    return Validation(
        title=f"Validation of: {fit.title}",
        unit=fit.unit,
        n=fit.n,
        n_events=fit.n_events,
        n_clusters=fit.n_clusters,
        status=fit.status,
        reason=f"the model has no estimate: {fit.reason}",
        level=options["level"],
        table=pd.DataFrame({"measure": names} | dict.fromkeys(_COLUMNS, np.nan)),
        horizon=options["horizon"],
        n_boot=options["n_boot"],
    )


def _thresholds(values: Sequence[float]) -> Vector:
    found = np.asarray(values, dtype=float)
    if found.ndim != 1 or not ((found > 0) & (found < 1)).all():
        raise UsageError("thresholds are risks between 0 and 1.")
    return found


def _check(fit: Any, horizon: float | None, n_boot: int, center: str | None) -> None:
    if not isinstance(fit, LogisticFit | CoxFit | FineGrayFit):
        raise UsageError(
            f"a {type(fit).__name__} cannot be validated; expected a fit of fit_logistic, fit_cox "
            "or fit_fine_gray."
        )
    hazards = not isinstance(fit, LogisticFit)
    if hazards and not (horizon is not None and np.isfinite(horizon) and horizon > 0):
        raise UsageError("a model of hazards is judged at a time: give horizon=, above zero.")
    if not hazards and horizon is not None:
        raise UsageError("a logistic regression has no time; leave horizon= out.")
    if n_boot < 0 or n_boot == 1:
        raise UsageError(f"n_boot is {n_boot}; expected 0, or 2 and more.")
    if center is not None and center in fit.spec.variables:
        raise UsageError(
            f"'{center}' is in the model, which then says nothing of a center that it has not "
            "seen; fit it without, or as strata for hazards, to leave centers out."
        )
    if not isinstance(fit, LogisticFit) and (fit.entry or fit.weights):
        raise UsageError("validation at a horizon takes neither delayed entry nor weights.")


def _validate(
    fit: Any,
    data: pd.DataFrame | Frame,
    cluster: str | None,
    independent: str | None,
    options: dict[str, Any],
) -> Validation:
    frame = open_data(data, cluster=cluster, independent=independent)
    judged = (
        _read_binary(fit, frame, options)
        if isinstance(fit, LogisticFit)
        else _read_hazards(fit, frame, options)
    )
    (apparent,) = judged.problem.judge(judged.problem.predictions, [None])
    drawn = _resampled(judged, options, len(apparent))
    table = _table(judged, apparent, drawn, options)
    return Validation(
        title=f"Validation of: {fit.title}",
        unit=frame.unit,
        n=len(judged.units),
        n_events=judged.n_events,
        n_clusters=_clusters(judged),
        caveats=_caveats(judged, drawn, options["n_boot"]),
        level=options["level"],
        table=table,
        calibration=_calibration(judged, options),
        decision=_decision(judged, apparent, drawn, options),
        centers=_centers(judged, options),
        horizon=options["horizon"],
        n_boot=options["n_boot"],
        n_failed=drawn.failed,
    )


def _read_binary(fit: LogisticFit, frame: Frame, options: dict[str, Any]) -> _Judged:
    require_columns(frame.data, [str(fit.spec.response)])
    X = apply_design(fit.spec, frame.data)
    y = read_response(frame.data[str(fit.spec.response)])
    known = np.isfinite(X).all(axis=1) & np.isfinite(y)
    columns = {}
    for name in ("weights", "offset"):
        column = getattr(fit, name)
        if column is not None:
            columns[name] = read_numbers(frame.data, column)
            known &= np.isfinite(columns[name])
    kept = np.flatnonzero(known)
    rows = BinaryRows(
        np.ascontiguousarray(X[kept]),
        np.where(y[kept] == 1, 1.0, -1.0),
        *(columns[name][kept] if name in columns else None for name in ("weights", "offset")),
    )
    problem = BinaryProblem(rows, fit.coefficients, fit.penalty, options["thresholds"])
    keys = [k for k in (*rows.X.T, rows.sign, rows.weights, rows.offset) if k is not None]
    names = (*yes_no.MEASURES, *(f"net_benefit {t:g}" for t in options["thresholds"]))
    events = int((y[kept] == 1).sum())
    return _Judged(problem, names, _units(frame, kept, keys), frame, kept, y[kept], events)


def _read_hazards(fit: CoxFit | FineGrayFit, frame: Frame, options: dict[str, Any]) -> _Judged:
    X = apply_design(fit.spec, frame.data) - fit.centre
    follow = read_follow_up(frame, duration=fit.duration, event=fit.event)
    place = np.arange(len(frame)) if follow.kept is None else follow.kept
    columns = {"time": follow.exit, "event": follow.event}
    columns |= {f"z{j}": X[place, j] for j in range(X.shape[1])}
    table = pd.DataFrame(columns)
    for j, name in enumerate(fit.strata):
        codes = codes_of(frame.data[name])[0][place]
        table[f"s{j}"] = np.where(codes < 0, np.nan, codes)
    if fit.offset is not None:
        table["offset"] = read_numbers(frame.data, fit.offset)[place]
    known = table.notna().all(axis=1).to_numpy()
    table, place = table[known].reset_index(drop=True), place[known]
    model = "fine-gray" if isinstance(fit, FineGrayFit) else "cox"
    problem = HorizonProblem(
        table, model, _hazard_options(fit), fit.cause, float(options["horizon"]), np.empty((0, 2))
    )
    predictions = problem.refit(np.ones(len(table), dtype=np.intp))
    if predictions is None:
        raise UsageError("the model cannot be fitted to these rows; give the rows of the fit.")
    problem = replace(problem, predictions=predictions)
    return _of_horizon(problem, frame, place, X)


def _hazard_options(fit: CoxFit | FineGrayFit) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if fit.strata:
        options["strata"] = [f"s{j}" for j in range(len(fit.strata))]
    if fit.offset is not None:
        options["offset"] = "offset"
    if isinstance(fit, CoxFit):
        options |= {"ties": fit.ties, "penalty": fit.penalty}
    return options


def _of_horizon(problem: HorizonProblem, frame: Frame, place: Codes, X: Any) -> _Judged:
    time = problem.table["time"].to_numpy(float)
    event = problem.table["event"].to_numpy(np.int64)
    if problem.horizon > time.max():
        raise UsageError(
            f"horizon is {problem.horizon:g} and the longest follow-up {time.max():g}; nothing is "
            "known beyond it."
        )
    case = np.where((event == problem.cause) & (time <= problem.horizon), 1.0, 0.0)
    units = _units(frame, place, (*X[place].T, time, event))
    strata = [c for c in problem.table.columns if c.startswith("s")]
    blocks = problem.table.groupby(strata).ngroup().to_numpy(np.intp) if strata else None
    return _Judged(problem, at_horizon.MEASURES, units, frame, place, case, int(case.sum()), blocks)


def _units(frame: Frame, kept: Codes, keys: Sequence[Vector]) -> Codes:
    """What rows are drawn with, numbered so that neither order nor index matters."""
    if frame.cluster is not None:
        ids = frame.data[frame.cluster].iloc[kept]
        return np.asarray(pd.factorize(ids.astype(str), sort=True)[0], dtype=np.intp)
    return rank_rows(keys)


def _clusters(judged: _Judged) -> int | None:
    return None if judged.frame.cluster is None else int(judged.units.max(initial=-1)) + 1


def _resampled(judged: _Judged, options: dict[str, Any], m: int) -> Replicates:
    if options["n_boot"] == 0:
        return Replicates(np.zeros(m), np.full(m, np.nan), 0)
    return bootstrap(
        judged.problem,
        judged.units,
        n_boot=options["n_boot"],
        seed=options["seed"],
        n_jobs=options["n_jobs"],
        blocks=judged.blocks,
    )


def _table(
    judged: _Judged, apparent: Vector, drawn: Replicates, options: dict[str, Any]
) -> pd.DataFrame:
    count = sum(not name.startswith("net_benefit") for name in judged.names)
    errors = drawn.errors[:count].copy()
    if judged.names[0] == "c_statistic":
        clustered = judged.units if judged.frame.cluster is not None else None
        risk = judged.problem.predictions[:, 0]
        errors[0] = np.sqrt(yes_no.concordance_variance(judged.case, risk, clustered))
    corrected = apparent[:count] - drawn.optimism[:count]
    limits = [
        _limits(name, value, error, options["level"])
        for name, value, error in zip(judged.names, corrected, errors, strict=False)
    ]
    return pd.DataFrame(
        {
            "measure": list(judged.names[:count]),
            "apparent": apparent[:count],
            "optimism": drawn.optimism[:count] if options["n_boot"] else np.nan,
            "estimate": corrected,
            "std_error": errors,
            "conf_low": [low for low, _ in limits],
            "conf_high": [high for _, high in limits],
        }
    )


def _limits(name: str, value: float, error: float, level: float) -> tuple[float, float]:
    if name in _SHARES:
        return yes_no.logit_limits(value, error, level)
    margin = critical_value(level) * error
    if name in _RATIOS and value > 0:
        return value * np.exp(-margin / value), value * np.exp(margin / value)
    return value - margin, value + margin


def _caveats(judged: _Judged, drawn: Replicates, n_boot: int) -> tuple[Caveat, ...]:
    found = []
    rarer = min(judged.n_events, len(judged.case) - judged.n_events)
    if rarer < _FEW_EVENTS:
        message = f"{rarer:,} events: fewer than {_FEW_EVENTS} make a validation imprecise."
        found.append(Caveat("few_events", message))
    if drawn.failed:
        message = f"In {drawn.failed:,} of {n_boot:,} replicates the model had no estimate."
        found.append(Caveat("failed_replicates", message))
    if n_boot == 0:
        found.append(Caveat("optimism", "Measures were not corrected for optimism."))
    if judged.frame.independent:
        found.append(Caveat("independent", judged.frame.independent))
    return tuple(found)


def _calibration(judged: _Judged, options: dict[str, Any]) -> pd.DataFrame:
    """Flexible calibration: the outcome as a restricted cubic spline of the predicted risk."""
    columns = ["predicted", "estimate", "conf_low", "conf_high"]
    risk = judged.problem.predictions[:, 0]
    case, weight = judged.case, np.ones(len(risk))
    if isinstance(judged.problem, HorizonProblem):
        table, problem = judged.problem.table, judged.problem
        known = at_horizon.outcomes_at(
            table["time"].to_numpy(float), table["event"].to_numpy(np.int64),
            problem.cause, problem.horizon,
        )  # fmt: skip
        case, weight = known.case, known.weight
    inside = (risk > 0) & (risk < 1) & (weight > 0)
    rows = pd.DataFrame(
        {"case": case, "score": special.logit(np.clip(risk, 1e-12, 1 - 1e-12)), "weight": weight,
         "unit": judged.units}
    )[inside]  # fmt: skip
    if rows["case"].nunique() < 2 or rows["score"].nunique() < 10:
        return pd.DataFrame(columns=columns, dtype=float)
    cluster = None if judged.frame.cluster is None else "unit"
    curve = fit_logistic(rows, "case ~ rcs(score, 4)", weights="weight", cluster=cluster)
    if not curve.ok:
        return pd.DataFrame(columns=columns, dtype=float)
    first, last = np.quantile(rows["score"], [0.01, 0.99])
    grid = pd.DataFrame({"score": np.linspace(first, last, _CURVE)})
    read = curve.predict(grid, level=options["level"])
    return read[columns[1:]].assign(predicted=special.expit(grid["score"]))[columns]


def _decision(
    judged: _Judged, apparent: Vector, drawn: Replicates, options: dict[str, Any]
) -> pd.DataFrame:
    own = [i for i, name in enumerate(judged.names) if name.startswith("net_benefit")]
    thresholds = options["thresholds"][: len(own)]
    share = float(np.mean(judged.case)) if own else 0.0
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "net_benefit": apparent[own],
            "corrected": apparent[own] - drawn.optimism[own],
            "treat_all": share - (1 - share) * thresholds / (1 - thresholds),
        }
    )


def _centers(judged: _Judged, options: dict[str, Any]) -> pd.DataFrame:
    if options["center"] is None:
        return pd.DataFrame()
    require_columns(judged.frame.data, [options["center"]])
    values = judged.frame.data[options["center"]].iloc[judged.positions]
    if values.isna().any():
        raise UsageError(f"column '{options['center']}' holds missing centers.")
    codes, names = pd.factorize(values.astype(str), sort=True)
    if len(names) < 2:
        raise UsageError(f"column '{options['center']}' has one center; none can be left out.")
    found = leave_out(judged.problem, codes, len(names), options["n_jobs"])
    count = sum(not name.startswith("net_benefit") for name in judged.names)
    table = pd.DataFrame(found[:, :count], columns=list(judged.names[:count]))
    table.insert(0, "center", names)
    table.insert(1, "n", np.bincount(codes, minlength=len(names)))
    table.insert(2, "n_events", np.bincount(codes, judged.case, minlength=len(names)).astype(int))
    return table


def _pooled(found: list[Validation], data: Imputations) -> Validation:
    """Rubin's rules over the corrected measures of each completed data set."""
    first = found[0]
    tables = [v.tidy() for v in found]
    estimates = np.array([t["estimate"] for t in tables])
    errors = np.array([t["std_error"] for t in tables])
    known = np.isfinite(estimates).all(axis=0) & np.isfinite(errors).all(axis=0)
    pooled = tables[0].copy()
    for column in ("apparent", "optimism", "estimate"):
        pooled[column] = np.mean([t[column] for t in tables], axis=0)
    pooled[["std_error", "conf_low", "conf_high"]] = np.nan
    for j in np.flatnonzero(known):
        _, covariance, _ = pool_estimates(estimates[:, [j]], errors[:, j, None, None] ** 2, np.inf)
        error = float(np.sqrt(covariance[0, 0]))
        limits = _limits(pooled["measure"][j], pooled["estimate"][j], error, first.level)
        pooled.loc[j, ["std_error", "conf_low", "conf_high"]] = [error, *limits]
    caveat = Caveat("pooled", "Measures are means over imputed data sets; curves are the first's.")
    return replace(first, table=pooled, caveats=(caveat, *joint_caveats(found, data.caveats)))
