"""The search for the maximum of a partial likelihood, and why there may be none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vpstats.models.covariance import weighted_gram
from vpstats.models.followup import Vector
from vpstats.models.hazard_fit import AnyHazard
from vpstats.models.hazards_data import HazardData
from vpstats.models.monotone import monotone_columns
from vpstats.models.newton import TOLERANCE, Solution, invert, maximise
from vpstats.models.partial import expected_events, information, likelihood, score
from vpstats.models.partial_points import Levels, Point
from vpstats.models.partial_sums import complete, find_levels
from vpstats.models.risksets import HazardRows, RiskSets, find_risk_sets
from vpstats.results import Caveat

Matrix = NDArray[np.float64]

_FIRST_STEPS = 15
"""A likelihood with a maximum reaches it in fewer steps; where there is none, each step moves the
hazard ratio by about e, so that after these the direction is plain."""
_ROUNDED = 1e-12
"""Share of the information below which it is nothing but rounding."""
_SUBSAMPLE_FROM, _SUBSAMPLE = 40_000, 20
"""From this many rows on, the search starts at the estimate of every twentieth row."""
_MANY = 4_096
"""From this many rows on, a pass over them costs more than what is done with its sums."""
_SLOW, _FAR = 0.1, 10.0
"""Share of a squared decrement above which a step has gained little, and the squared decrement
above which the information has changed much."""
_NEAR = 1e-12
"""Squared decrement at which many rows are not summed up once more after the last step: within a
millionth of a standard error the information changes by less than a part in 10^8, since it changes
by about a part in the root of the number of events over a whole one."""
_ROUNDING = 1e-13
"""Relative rounding of a sum of many terms."""
_CLOSE = 1e-2
"""Squared decrement at which the estimate of a part of the rows is good enough to start from."""


def no_estimate(data: HazardData) -> tuple[str, str]:
    """Why there is nothing to fit, with what to do; empty if there is something."""
    if not len(data.rows):
        return "no rows", (
            "no row has a value in every column of the model; see which column is empty, or "
            "leave it out of the formula."
        )
    dead = data.rows.dead
    weighted = dead.any() if data.rows.weights is None else (data.rows.weights[dead] > 0).any()
    if not weighted:
        return "no events", (
            f"no row has event {data.request.cause}, so no hazard ratio can be estimated; report "
            "the incidence with its exact interval."
        )
    if data.clusters is not None and data.clusters.count < 2:
        return "too few clusters", (
            f"all rows belong to one {data.frame.cluster}, so the variation between clusters is "
            "unknown."
        )
    return "", ""


@dataclass(frozen=True)
class Found:
    """Where a search ended.

    Parameters
    ----------
    solution : Solution
        The point; it does not depend on where the search began.
    monotone : list of int
        Columns along which the likelihood rises without end; none if a maximum was found.
    sums : Point, optional
        Sums by event time at the point, where they are at hand.
    """

    solution: Solution
    monotone: list[int]
    sums: Point | None = None


def search(sets: RiskSets, part: Callable[[HazardRows, int], RiskSets] | None = None) -> Found:
    """Look for the maximum of the partial likelihood.

    Parameters
    ----------
    sets : RiskSets
        Rows and where they are at risk.
    part : callable, optional
        Every so-manieth row, and how many, to the risk sets of these rows; if None those of a Cox
        model. With many rows the search begins at their estimate.
    """
    start = _start(sets.rows, part or (lambda rows, _: find_risk_sets(rows, "breslow")))
    quick = _quick(sets, start)
    if quick is not None:
        return quick
    evaluate = likelihood(sets)
    found = maximise(evaluate, start, max_iterations=_FIRST_STEPS)
    if found.converged:
        return Found(found, [])
    monotone = monotone_columns(sets, found)
    if monotone:
        return Found(found, monotone)
    further = maximise(evaluate, found.estimate)
    return Found(replace(further, iterations=found.iterations + further.iterations), [])


@dataclass(frozen=True, slots=True)
class _Place:
    """A point of the search, its sums and score, and an inverse information, perhaps rough."""

    point: Vector
    levels: Levels
    gradient: Vector
    inverse: Matrix

    @property
    def step(self) -> Vector:
        """Newton step."""
        return np.asarray(self.inverse @ self.gradient)

    @property
    def decrement(self) -> float:
        """Its squared decrement."""
        return float(self.gradient @ self.step)


def _place(sets: RiskSets, point: Vector) -> _Place:
    """A point with the information as it is if the mean of the risk sets does not change.

    That is no less than the information, and takes no sums of covariates by event time.
    """
    levels = find_levels(sets, point)
    weight, X = expected_events(sets, levels), sets.rows.X
    total, first = float(weight.sum()), weight @ X
    with np.errstate(all="ignore"):
        info = weighted_gram(X, weight) - np.outer(first, first) / total
    return _Place(point, levels, sets.event_total - first, invert(info))


def _advance(sets: RiskSets, here: _Place) -> _Place | None:
    """Take the step of a place in one pass over the rows, None where it does not lead up.

    Either way the place is left: r of the rows is written over its own.
    The inverse information is brought up to date by what the scores tell of it (BFGS).
    """
    point, step, value = here.point + here.step, here.step, here.levels.value
    levels = find_levels(sets, point, here.levels.risk)
    if not levels.value >= value - _ROUNDING * (1.0 + abs(value)):
        return None
    slope = score(sets, levels)
    return _Place(point, levels, slope, _updated(here.inverse, step, here.gradient - slope))


def _quick(sets: RiskSets, point: Vector) -> Found | None:
    """Climb by Newton steps, or with many rows by steps that need one pass over them, not two.

    The latter use the inverse information of an earlier point, which is made anew where steps gain
    little, and at the end. None where a step does not lead up: the damped solver then begins from
    the start.
    """
    many = len(sets.rows) >= _MANY
    near, slow, before = (_NEAR, _SLOW, np.inf) if many else (TOLERANCE, 0.0, np.inf)
    here: _Place | None = _place(sets, point)
    for iteration in range(_FIRST_STEPS):
        if here is None:
            return None
        first = many and iteration == 0
        if not first and not near < here.decrement <= min(slow * before, _FAR):
            sums = complete(sets, here.levels)
            info = information(sets, sums)
            here = replace(here, inverse=invert(info))
            if here.decrement <= near:
                # the sums are as good there as here: see _NEAR
                last = here.point + here.step if many else here.point
                found = (last, sums.value, here.gradient, info, iteration, True, here.decrement)
                return Found(Solution(*found), [], sums)
            del sums  # many event times make it as large as a good part of the covariates
        before = here.decrement
        here = _advance(sets, here)
    return None


def _updated(inverse: Matrix, step: Vector, change: Vector) -> Matrix:
    """The inverse information that explains the change of the score along a step (BFGS)."""
    along = float(step @ change)
    if not along > 0:
        return inverse
    moved = inverse @ change
    ahead = np.outer(step, step) * (1.0 + float(change @ moved) / along)
    cross = np.outer(moved, step)
    return np.asarray(inverse + (ahead - cross - cross.T) / along)


def _start(rows: HazardRows, find: Callable[[HazardRows, int], RiskSets]) -> Vector:
    """Where the search begins: zero, or for many rows the estimate of a part of them.

    The search goes on to full accuracy from either, so the result does not depend on it.
    """
    zero = np.zeros(rows.X.shape[1])
    if len(rows) < _SUBSAMPLE_FROM:
        return zero
    part = rows.every(_SUBSAMPLE)
    if not part.dead.any():
        return zero
    sets = find(part, _SUBSAMPLE)
    here: _Place | None = _place(sets, zero)
    for _ in range(_FIRST_STEPS):
        if here is None or not np.isfinite(here.decrement):
            return zero
        if here.decrement <= _CLOSE:
            return here.point + here.step
        here = _advance(sets, here)
    return zero


def monotone_caveat(term: str) -> Caveat:
    """That a term has an infinite hazard ratio."""
    return Caveat(
        "monotone",
        f"The likelihood rises without end along {term}: at every event the value of the row "
        "with the event is extreme in its risk set.",
        term,
    )


def still_terms(data: HazardData, sets: RiskSets) -> str:
    """Which terms do not vary among rows at risk together, in words; empty if all do."""
    here = likelihood(sets)(np.zeros(len(data.design.terms)))
    if not is_flat(here.information, data):
        return ""
    still = np.diag(here.information) <= _ROUNDED * spread_of(data)
    names = [t for t, s in zip(data.design.terms, still, strict=True) if s]
    which = f"{', '.join(names)} does not vary" if names else "some terms do not vary freely"
    return f"{which} among rows that are at risk together; leave it out or change strata."


def spread_of(data: HazardData) -> Vector:
    """Information were every event's risk set all rows, shape (p,)."""
    X, events = data.rows.X, np.count_nonzero(data.rows.dead)
    return np.asarray(np.einsum("ij,ij->j", X, X) * (events / max(len(X), 1)))  # X is centred


def is_flat(information: Matrix, data: HazardData) -> bool:
    """Whether the likelihood is level along some direction, up to rounding."""
    scale = np.sqrt(spread_of(data))
    if not (scale > 0).all():
        return True
    values = np.linalg.eigvalsh(information / np.outer(scale, scale))
    return bool(values.size and values[0] <= _ROUNDED)


def not_converged(blank: AnyHazard, data: HazardData, sets: RiskSets, found: Solution) -> AnyHazard:
    """The result of a search that found no maximum, and why it did not."""
    still = still_terms(data, sets)
    if still:
        return replace(blank, status="not identified", reason=still)
    message = stopped_early(found)
    caveats = (Caveat("not_converged", message), *blank.caveats)
    return replace(blank, status="not converged", reason=message, caveats=caveats)


def stopped_early(found: Solution) -> str:
    """What to say where the solver did not reach its tolerance."""
    return (
        f"the solver stopped after {found.iterations} iterations without reaching the maximum; "
        "check for columns of very different scale or nearly equal columns."
    )
