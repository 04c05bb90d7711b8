"""Turnbull's curve: survival when events are only known to lie between two visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame, open_data
from vpstats.models.covariance import Clusters, make_clusters
from vpstats.models.followup import codes_of, row_caveats
from vpstats.models.interval.brackets import Brackets, Clock, read_brackets, refuse
from vpstats.models.interval.npmle import Cells, Mass, find_mass, innermost, mass_covariance
from vpstats.results import Caveat, CurveResult, require_level

Vector = NDArray[np.float64]
ConfType = Literal["log-log", "log", "plain"]

__all__ = ["TurnbullCurve", "turnbull"]

_RESERVED = ("time", "n_risk", "n_event", "n_censor", "estimate", "std_error", "conf_low")


@dataclass(frozen=True, kw_only=True)
class TurnbullCurve(CurveResult):
    """Survival from intervals, with the cells that carry its mass.

    Parameters
    ----------
    cells : DataFrame
        The group's column if grouped, then ``left, right, mass``: the probability of an event in
        (left, right], of which the data do not say where in it.
    visits : tuple of float
        The planned visits, where they were given.
    log_likelihood : float
        At the estimate, summed over groups.
    excess : float
        How far the conditions of a maximum are from holding; 0 at the maximum.
    iterations : int
        Steps of the slowest group.
    converged : bool
        Whether the conditions of a maximum hold in every group.
    """

    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    visits: tuple[float, ...] = ()
    log_likelihood: float = np.nan
    excess: float = np.nan
    iterations: int = 0
    converged: bool = False

    def glance(self) -> pd.DataFrame:
        """One row: ``n, n_events, n_clusters, log_likelihood, iterations, converged, unit,
        status``.
        """  # noqa: D205  # a list of columns, not a paragraph
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "log_likelihood": [self.log_likelihood],
                "iterations": [self.iterations],
                "converged": [self.converged],
                "unit": [self.unit],
                "status": [self.status],
            }
        )


def turnbull(
    data: pd.DataFrame | Frame,
    *,
    left: str,
    right: str,
    by: str | None = None,
    visits: Sequence[float] | None = None,
    start: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    conf_type: ConfType = "log-log",
    independent: str | None = None,
) -> TurnbullCurve:
    """Estimate survival when events are only known to lie between two visits.

    Parameters
    ----------
    data : DataFrame or Frame
        One row per unit at risk from time 0, shape (n, …); unchanged. Late entry (left
        truncation) is not offered.
    left, right : str
        Columns of the last time without and the first time with the event, in (left, right].
        A missing left means that nobody looked before `right` (left-censored), a missing or
        infinite right that it was never found (right-censored); equal times that it is known.
    by : str, optional
        Column of groups; one curve each.
    visits : sequence of float, optional
        The planned visits, if every row was seen at these times and no others (visits may be
        missed). The curve is then a finite-dimensional likelihood estimate at the visits and has
        standard errors; otherwise it has none.
    start : str, optional
        Column of the date at which follow-up starts, where `left` and `right` hold dates.
    cluster : str, optional
        Column of clusters; the frame's own if None. Matters for the errors at fixed visits, which
        are then robust.
    level : float
        Confidence level.
    conf_type : {"log-log", "log", "plain"}
        Scale on which pointwise limits are formed.
    independent : str, optional
        Why clustered rows may be analysed as independent; it is printed.

    Returns
    -------
    TurnbullCurve
        With estimand "survival". A step stands at the middle of the cell that carries its mass
        (at the visit, where `visits` are given); within a cell the curve is not determined, see
        `cells`. `n_event` and `n_risk` are the expected numbers.

    Raises
    ------
    UsageError
        If a column is absent or not what it should be, times contradict each other, or rows do
        not keep to the visits.

    Notes
    -----
    Death is censoring here: the curve is survival free of the event had nobody died. Where
    people die use `fit_illness_death`. Without fixed visits the estimate converges too slowly
    for a standard error, and the bootstrap is not valid either, so none is given.

    References
    ----------
    Turnbull BW. The empirical distribution function with arbitrarily grouped, censored and
    truncated data. J R Stat Soc B 1976;38:290-295. Gentleman R, Geyer CJ. Maximum likelihood for
    interval censored data: consistency and computation. Biometrika 1994;81:618-623. Groeneboom
    P, Wellner JA. Information Bounds and Nonparametric Maximum Likelihood Estimation. Birkhäuser,
    1992.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {"negative": [0.0, 30.0, 30.0, 90.0], "positive": [30.0, 90.0, None, None]}
    ... )
    >>> curve = turnbull(rows, left="negative", right="positive", visits=[30, 90])
    >>> curve.tidy()[["time", "estimate", "std_error"]].round(3)
       time  estimate  std_error
    0  30.0     0.750      0.217
    1  90.0     0.375      0.286
    """
    require_level(level)
    if conf_type not in ("log-log", "log", "plain"):
        raise UsageError(f"conf_type is '{conf_type}'; expected 'log-log', 'log' or 'plain'.")
    if by in _RESERVED:
        raise UsageError(f"by='{by}' is the name of a column of the result; rename the column.")
    frame = open_data(data, cluster=cluster, independent=independent)
    clock = Clock(start)
    brackets = read_brackets(frame.data, left, right, clock)
    grid = _grid(visits, brackets)
    groups = _groups(frame.data, by)
    clusters = None if frame.cluster is None else make_clusters(frame.data[frame.cluster])
    parts = [
        (name, _estimate(brackets.take(rows), grid, _clusters_of(clusters, rows)))
        for name, rows in groups
    ]
    used = np.concatenate([rows for _, rows in groups]) if groups else np.empty(0, dtype=np.intp)
    return _curve(
        frame,
        parts,
        by,
        n=used.size,
        n_events=int(np.count_nonzero(brackets.found[used])),
        n_clusters=None if clusters is None else int(np.unique(clusters.codes[used]).size),
        level=level,
        conf_type=conf_type,
        visits=() if grid is None else tuple(float(v) for v in grid[1:-1]),
        time_unit=clock.unit(frame.data, right),
    )


def _grid(visits: Sequence[float] | None, brackets: Brackets) -> Vector | None:
    """Time 0, the visits and infinity; None where no visits are planned."""
    if visits is None:
        return None
    planned = np.asarray(list(visits), dtype=float)
    proper = planned.size and np.isfinite(planned).all() and planned[0] > 0
    if not (proper and (np.diff(planned) > 0).all()):
        raise UsageError(
            f"visits are {list(visits)!r}; expected positive times in ascending order."
        )
    grid = np.concatenate([[0.0], planned, [np.inf]])
    off = ~(np.isin(brackets.left, grid) & np.isin(brackets.right, grid))
    words = ", ".join(f"{v:g}" for v in planned)
    refuse(off, "left or right is no planned visit", f"times among 0, {words}")
    refuse(
        brackets.exact,
        "left and right are equal",
        "the visits before and after the event, since with fixed visits no time is known exactly",
    )
    return grid


def _groups(data: pd.DataFrame, by: str | None) -> list[tuple[Any, NDArray[np.intp]]]:
    if by is None:
        return [(None, np.arange(len(data)))] if len(data) else []
    if by not in data.columns:
        raise UsageError("the table has no such column.", column=by)
    codes, names = codes_of(data[by])
    found = [(name, np.flatnonzero(codes == i)) for i, name in enumerate(names)]
    return [(name, rows) for name, rows in found if rows.size]


def _clusters_of(clusters: Clusters | None, rows: NDArray[np.intp]) -> Clusters | None:
    return None if clusters is None else make_clusters(clusters.codes[rows])


@dataclass(frozen=True, slots=True)
class _Part:
    """The curve of one group, its cells and how they were found."""

    steps: pd.DataFrame
    cells: pd.DataFrame
    found: Mass


def _estimate(brackets: Brackets, grid: Vector | None, clusters: Clusters | None) -> _Part:
    cells = innermost(brackets.left, brackets.right) if grid is None else _on_grid(brackets, grid)
    found = find_mass(cells)
    n, mass = brackets.left.size, found.mass
    finite = np.isfinite(cells.right)
    middle = (cells.left[finite] + cells.right[finite]) / 2
    time = middle if grid is None else cells.right[finite]
    survival = np.maximum(1.0 - np.cumsum(mass), 0.0)[finite]
    survival = np.where(survival < 1e-12, 0.0, survival)
    error = np.full(time.size, np.nan)
    if grid is not None:
        covariance = mass_covariance(
            cells,
            mass,
            None if clusters is None else clusters.codes,
            0 if clusters is None else clusters.count,
        )
        until = np.tril(np.ones((mass.size, mass.size)))[finite]
        variance = np.einsum("ij,jk,ik->i", until, covariance, until)
        error = np.sqrt(np.maximum(variance, 0.0))
        if clusters is not None and clusters.count < 2:
            error[:] = np.nan
    steps = pd.DataFrame(
        {
            "time": time,
            "n_risk": n * np.concatenate([[1.0], survival])[:-1],
            "n_event": n * mass[finite],
            "estimate": survival,
            "std_error": error,
        }
    )
    steps = _with_end(steps, brackets, n)
    ends = np.concatenate([[-np.inf], steps["time"].to_numpy()])
    lost = np.sort(brackets.left[~brackets.found])
    steps.insert(3, "n_censor", np.diff(np.searchsorted(lost, ends, side="right")))
    table = pd.DataFrame({"left": cells.left, "right": cells.right, "mass": mass})
    return _Part(steps, table, found)


def _on_grid(brackets: Brackets, grid: Vector) -> Cells:
    """Every cell between planned visits, whether anybody's interval ends there or not."""
    first = np.searchsorted(grid, brackets.left)
    last = np.searchsorted(grid, brackets.right) - 1
    return Cells(grid[:-1], grid[1:], first, last)


def _with_end(steps: pd.DataFrame, brackets: Brackets, n: int) -> pd.DataFrame:
    """A last row at the last time anybody was seen, to which the curve is level."""
    seen = np.concatenate([brackets.left, brackets.right[brackets.found]])
    end = float(seen.max())
    if len(steps) and steps["time"].iloc[-1] >= end:
        return steps
    level = steps["estimate"].iloc[-1] if len(steps) else 1.0
    error = steps["std_error"].iloc[-1] if len(steps) else np.nan
    last = {"time": end, "n_risk": n * level, "n_event": 0.0, "estimate": level}
    row = pd.DataFrame([{**last, "std_error": error}])
    return pd.concat([steps, row], ignore_index=True) if len(steps) else row


def _curve(
    frame: Frame, parts: list[tuple[Any, _Part]], by: str | None, **fields: Any
) -> TurnbullCurve:
    title = "Turnbull survival from visits"
    if not parts:
        steps = pd.DataFrame(
            {"time": [0.0], "n_risk": [0.0], "n_event": [0.0], "n_censor": [0]}
            | {"estimate": [np.nan], "std_error": [np.nan]}
        )
        reason = "the table has no rows, or none with a group; see which column is empty."
        return TurnbullCurve(
            title=title, unit=frame.unit, status="no rows", reason=reason, steps=steps, **fields
        )
    steps = pd.concat([_named(p.steps, by, name) for name, p in parts], ignore_index=True)
    cells = pd.concat([_named(p.cells, by, name) for name, p in parts], ignore_index=True)
    found = [p.found for _, p in parts]
    return TurnbullCurve(
        title=title,
        unit=frame.unit,
        steps=steps,
        cells=cells,
        by=by,
        caveats=tuple(_caveats(frame, parts, **fields)),
        log_likelihood=sum(f.value for f in found),
        excess=max(f.excess for f in found),
        iterations=max(f.iterations for f in found),
        converged=all(f.converged for f in found),
        **fields,
    )


def _named(table: pd.DataFrame, by: str | None, name: Any) -> pd.DataFrame:
    if by is None:
        return table
    table = table.copy()
    table.insert(0, by, name)
    return table


def _caveats(frame: Frame, parts: list[tuple[Any, _Part]], **fields: Any) -> list[Caveat]:
    missing = len(frame.data) - fields["n"]
    caveats = row_caveats(frame, n_missing=missing, n_clusters=fields["n_clusters"])
    caveats.append(
        Caveat(
            "death_censored",
            "Death and loss are censoring: this is survival free of the event had nobody died. "
            "Where people die use fit_illness_death().",
        )
    )
    caveats.append(
        Caveat(
            "informative_visits",
            "Visits are taken as planned whatever the state of health: an extra visit because of "
            "symptoms biases the curve.",
        )
    )
    if not fields["visits"]:
        message = "Without fixed visits this curve has no valid standard error; none is given."
        caveats.append(Caveat("no_errors", message))
    if not fields["n_events"]:
        caveats.append(Caveat("no_events", f"No event was found in {fields['n']:,} rows."))
    if not all(p.found.converged for _, p in parts):
        message = "The conditions of a maximum do not hold to the tolerance."
        caveats.append(Caveat("not_converged", message))
    if not all(p.found.unique for _, p in parts):
        message = "Other curves have the same likelihood: the visits do not determine this one."
        caveats.append(Caveat("not_unique", message))
    return caveats
