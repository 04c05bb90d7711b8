"""Rubin's rules for step curves of completed data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Imputations
from vpstats.models.pooling import joint_caveats
from vpstats.results import Caveat, CurveResult

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Estimator = TypeVar("Estimator", bound=Callable[..., CurveResult])

_COUNTS = ("n_risk", "n_event", "n_censor")


def pooled_over_imputations(estimate: Estimator) -> Estimator:
    """Let a curve accept `Imputations`: estimated of each completed frame, then pooled."""

    @wraps(estimate)
    def either(data: Any, **options: Any) -> CurveResult:
        if not isinstance(data, Imputations):
            return estimate(data, **options)
        return pool_curves([estimate(frame, **options) for frame in data], data.caveats)

    return cast("Estimator", either)


def pool_curves(curves: Sequence[CurveResult], notes: Sequence[Caveat] = ()) -> CurveResult:
    """Pool curves of completed data sets.

    Parameters
    ----------
    curves : sequence of CurveResult
        At least two, of one call.
    notes : sequence of Caveat
        Those of the imputation.

    Returns
    -------
    CurveResult
        At every time of any curve. Estimates are pooled on the scale of the curve's limits
        (``log(-log p)`` for "log-log"), where they are nearest to normal; at times where some
        estimate is 0 or 1, which has no place on that scale, on the plain scale; and so that the
        curve keeps its direction. Limits are normal. Counts are means over data sets. Groups that
        some data sets do not have are left out, with a caveat.

    Raises
    ------
    UsageError
        If the curves are of different calls.

    References
    ----------
    Marshall A, Altman DG, Holder RL, Royston P. Combining estimates of interest in prognostic
    modelling studies after multiple imputation. BMC Med Res Methodol 2009;9:57. Morisot A, et al.
    Prostate cancer: net survival and cause-specific survival rates after multiple imputation. BMC
    Med Res Methodol 2015;15:54.
    """
    first = curves[0]
    asked = {(c.estimand, c.conf_type, c.cause, c.level) for c in curves}
    if len(curves) < 2 or len(asked) > 1:
        raise UsageError("pool the curves of one call, of at least two completed data sets.")
    failed = [c for c in curves if not c.ok]
    if failed:
        where = f"in {len(failed)} of {len(curves)} completed data sets"
        return replace(failed[0], reason=f"{where}: {failed[0].reason}")
    groups = [dict(_named(c)) for c in curves]
    everywhere = [name for name in groups[0] if all(name in g for g in groups)]
    parts = []
    for name in everywhere:
        steps = _pool_steps([g[name] for g in groups], first)
        if first.by is not None:
            values = first.steps[first.by]
            chosen = values[values == name].iloc[[0]]
            steps.insert(0, first.by, chosen.repeat(len(steps)).to_numpy())
            steps[first.by] = steps[first.by].astype(values.dtype)
        parts.append(steps)
    return replace(
        first,
        steps=pd.concat(parts, ignore_index=True),
        n=_mean_count([c.n for c in curves]),
        n_events=_mean_count([c.n_events or 0 for c in curves]),
        total_time=float(np.mean([c.total_time for c in curves])),
        caveats=_caveats(curves, notes, {n for g in groups for n in g} - set(everywhere)),
    )


def _named(curve: CurveResult) -> list[tuple[object, pd.DataFrame]]:
    if curve.by is None:
        return [(None, curve.steps)]
    return list(curve.steps.groupby(curve.by, sort=False, observed=True))


def _mean_count(counts: Sequence[int]) -> int:
    return round(float(np.mean(counts)))


def _caveats(
    curves: Sequence[CurveResult], notes: Sequence[Caveat], absent: set[object]
) -> tuple[Caveat, ...]:
    found = [
        Caveat(
            "pooled",
            f"Pooled over {len(curves)} completed data sets by Rubin's rules; numbers at risk are "
            "means.",
        )
    ]
    if absent:
        message = f"{len(absent)} groups are empty in some completed data sets and were left out."
        found.append(Caveat("empty_group", message))
    return (*found, *joint_caveats(curves, notes))


def _pool_steps(parts: Sequence[pd.DataFrame], curve: CurveResult) -> pd.DataFrame:
    times = np.unique(np.concatenate([p["time"].to_numpy(float) for p in parts]))
    start = 1.0 if curve.estimand == "survival" else 0.0
    estimate = np.array([_read(p, "estimate", times, start) for p in parts])
    error = np.array([_read(p, "std_error", times, 0.0) for p in parts])
    pooled, spread = _pool_on_scale(estimate, error, curve.conf_type)
    towards = np.minimum if start else np.maximum
    columns: dict[str, Any] = {"time": times}
    columns |= {name: _counts([_count(p, name, times) for p in parts]) for name in _COUNTS}
    return pd.DataFrame({**columns, "estimate": towards.accumulate(pooled), "std_error": spread})


def _read(steps: pd.DataFrame, column: str, times: Vector, start: float) -> Vector:
    """A step curve at given times."""
    values = np.append(start, steps[column].to_numpy(float))
    return np.asarray(values[np.searchsorted(steps["time"].to_numpy(float), times, side="right")])


def _count(steps: pd.DataFrame, column: str, times: Vector) -> Vector:
    grid, values = steps["time"].to_numpy(float), steps[column].to_numpy(float)
    if column == "n_risk":  # everybody whose own time lies at or after it
        return np.asarray(np.append(values, 0.0)[np.searchsorted(grid, times)])
    found = np.zeros(len(times))
    found[np.searchsorted(times, grid)] = values
    return found


def _counts(values: Sequence[Vector]) -> NDArray[Any]:
    mean = np.mean(values, axis=0)
    whole = np.rint(mean).astype(np.int64)
    return np.asarray(whole if np.array_equal(whole, mean) else mean)


def _pool_on_scale(estimate: Matrix, error: Matrix, conf_type: str) -> tuple[Vector, Vector]:
    """Pooled curve and standard error on the probability scale, shape (k,) each."""
    plain, plain_error = _rubin(estimate, error)
    if conf_type == "plain":
        return plain, plain_error
    with np.errstate(divide="ignore", invalid="ignore"):
        if conf_type == "log-log":
            value = np.log(-np.log(estimate))
            slope = estimate * np.log(estimate)
        else:
            value, slope = np.log(estimate), estimate
        mean, spread = _rubin(value, error / np.abs(slope))
        back = np.exp(-np.exp(mean)) if conf_type == "log-log" else np.exp(mean)
        steep = back * np.log(back) if conf_type == "log-log" else back
    inside = np.isfinite(value).all(axis=0) & np.isfinite(spread)
    differs = (estimate != estimate[0]).any(axis=0) | (error != error[0]).any(axis=0)
    chosen = inside & differs
    return np.where(chosen, back, plain), np.where(chosen, spread * np.abs(steep), plain_error)


def _rubin(values: Matrix, errors: Matrix) -> tuple[Vector, Vector]:
    m = len(values)
    mean = values.mean(axis=0)
    # values that are all alike differ from their mean by rounding
    between = np.where((values == values[0]).all(axis=0), 0.0, values.var(axis=0, ddof=1))
    total = (errors**2).mean(axis=0) + (1 + 1 / m) * between
    alike = (values == values[0]).all(axis=0)
    return np.where(alike, values[0], mean), np.asarray(np.sqrt(total))
