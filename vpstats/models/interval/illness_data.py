"""What an illness–death model is asked and given: options and rows, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.columns import read_response, require_columns
from vpstats.models.covariance import Clusters, make_clusters
from vpstats.models.design import DesignSpec, build_design
from vpstats.models.interval.brackets import Brackets, Clock, read_brackets, refuse
from vpstats.models.interval.transitions import TRANSITIONS, Layout, Matrix, Paths, Vector
from vpstats.results import require_level

Rows = NDArray[np.intp]

AFTER_ILLNESS = ("own", "ratio", "equal")


@dataclass(frozen=True)
class Request:
    """What was asked for, checked.

    `formulas` holds one right side per transition, `edges` the K + 1 bounds of the windows.
    """

    formulas: tuple[str, str, str]
    left: str
    right: str
    end: str
    died: str
    entry: str | None
    clock: Clock
    edges: Vector
    after_illness: str
    level: float


def read_request(options: Mapping[str, Any]) -> Request:
    """Check the options of `fit_illness_death`.

    Raises
    ------
    UsageError
        For an unknown option, transition or change point.
    """
    after = options["after_illness"]
    if after not in AFTER_ILLNESS:
        raise UsageError(f"after_illness is {after!r}; expected 'own', 'ratio' or 'equal'.")
    return Request(
        formulas=_formulas(options["formula"], after),
        left=options["left"],
        right=options["right"],
        end=options["end"],
        died=options["died"],
        entry=options["entry"],
        clock=Clock(options["start"]),
        edges=_edges(options["cuts"]),
        after_illness=after,
        level=require_level(options["level"]),
    )


def _formulas(formula: str | Mapping[str, str], after: str) -> tuple[str, str, str]:
    given = {"illness": formula} if isinstance(formula, str) else dict(formula)
    unknown = [name for name in given if name not in TRANSITIONS]
    if unknown:
        raise UsageError(
            f"formula names the transition {unknown[0]!r}; expected 'illness', 'death' or "
            "'death_ill'."
        )
    if after != "own":
        if "death_ill" in given:
            raise UsageError(
                f"after_illness='{after}' takes the covariates of 'death' for 'death_ill'; leave "
                "that formula out or use after_illness='own'."
            )
        given["death_ill"] = given.get("death", "~ 1")
    texts = [given.get(name, "~ 1") for name in TRANSITIONS]
    first, second, third = (text if "~" in text else f"~ {text}" for text in texts)
    return first, second, third


def _edges(cuts: Sequence[float]) -> Vector:
    inner = np.asarray(list(cuts), dtype=float)
    if not (np.isfinite(inner).all() and (inner > 0).all() and (np.diff(inner) > 0).all()):
        raise UsageError(
            f"cuts are {list(cuts)!r}; expected positive times in ascending order, such as "
            "[60, 365]."
        )
    return np.concatenate([[0.0], inner, [np.inf]])


@dataclass(frozen=True)
class Times:
    """Checked times of n rows: entry, end of follow-up, whether by death, and the brackets."""

    entry: Vector
    end: Vector
    died: NDArray[np.bool_]
    brackets: Brackets

    def take(self, rows: Rows) -> Times:
        """Some of the rows."""
        kept = self.brackets.take(rows)
        return Times(self.entry[rows], self.end[rows], self.died[rows], kept)

    def as_found(self) -> Times:
        """The same rows as if illness had begun when it was found and nobody had it unseen."""
        return self._known(self.brackets.right)

    def midway(self) -> Times:
        """The same rows as if illness had begun midway between the visits."""
        return self._known((self.brackets.left + self.brackets.right) / 2)

    def _known(self, onset: Vector) -> Times:
        found = self.brackets.found
        left = np.where(found, onset, self.end)
        right = np.where(found, onset, np.inf)
        return Times(self.entry, self.end, self.died, Brackets(left, right))


def read_rows(data: pd.DataFrame, request: Request) -> tuple[Times, Rows]:
    """Read times; rows without an end, a vital status or an entry are left out.

    Returns
    -------
    Times, and ndarray of int
        The complete rows, and their positions in the table.

    Raises
    ------
    UsageError
        If a column is absent or not what it should be, or times contradict each other.
    """
    clock, named = request.clock, [request.end, request.died, request.left, request.right]
    require_columns(data, named)
    brackets = read_brackets(data, request.left, request.right, clock)
    end, died = clock.read(data, request.end), read_response(data[request.died])
    entry = np.zeros(len(data)) if request.entry is None else clock.read(data, request.entry)
    kept = np.flatnonzero(~(np.isnan(end) | np.isnan(died) | np.isnan(entry)))
    low = np.maximum(brackets.left, entry)  # whoever enters late was healthy until then
    times = Times(entry, end, died > 0, Brackets(low, brackets.right)).take(kept)
    _check_order(times, brackets.left[kept], request)
    return times, kept


def _check_order(times: Times, left: Vector, request: Request) -> None:
    end, entry, right = times.end, times.entry, times.brackets.right
    refuse(
        ~(np.isfinite(end) & (end >= 0)),
        f"end='{request.end}' is negative or infinite",
        "times since the start of follow-up",
    )
    refuse(
        (entry < 0) | (entry > end),
        f"entry='{request.entry}' is negative or after end='{request.end}'",
        "0 <= entry <= end",
    )
    refuse(
        left > end,
        f"left='{request.left}' lies after end='{request.end}'",
        "visits before the end of follow-up",
    )
    refuse(
        times.brackets.found & (right > end),
        f"right='{request.right}' lies after end='{request.end}'",
        "the end of all follow-up, of death too, at or after the first positive visit",
    )
    refuse(
        times.brackets.found & (right <= entry),
        f"right='{request.right}' does not lie after the start",
        "illness that was there before it to be left out: it is not new",
    )


def lay_paths(times: Times, edges: Vector, designs: tuple[Matrix, Matrix, Matrix]) -> Paths:
    """Spread the times of n rows over the windows.

    Parameters
    ----------
    times : Times
        n rows.
    edges : ndarray, shape (K + 1,)
        Bounds of the windows.
    designs : tuple of ndarray, each of shape (n, p_q)
        Covariates of each transition.

    Returns
    -------
    Paths
    """
    low, high = edges[:-1], edges[1:]
    entry, end = times.entry[:, None], times.end[:, None]
    found, exact = times.brackets.found, times.brackets.exact
    left = times.brackets.left[:, None]
    right = np.minimum(times.brackets.right, times.end)[:, None]
    first, last = np.maximum(left, low), np.minimum(right, high)
    possible = last > first
    at = np.flatnonzero(exact)
    possible[at, window_of(right[at, 0], edges)] = True
    onset = np.where(exact[:, None], right, first)
    return Paths(
        width=np.maximum(np.minimum(end, high) - np.maximum(entry, low), 0.0),
        before=np.where(possible, onset - np.maximum(entry, low), 0.0),
        span=np.where(possible & ~exact[:, None], last - first, 0.0),
        possible=possible,
        unseen=~found,
        died=times.died,
        last=window_of(times.end, edges),
        designs=designs,
    )


def window_of(times: Vector, edges: Vector) -> Rows:
    """Window of each time; a change point belongs to the window that it ends, shape of `times`."""
    return np.searchsorted(edges[1:-1], times, side="left")


def window_names(edges: Vector) -> tuple[str, ...]:
    """Names of the K windows, such as "0-60", "60-365" and "365+".

    Examples
    --------
    >>> import numpy as np
    >>> window_names(np.array([0.0, 60.0, np.inf]))
    ('0-60', '60+')
    """
    words = (f"{a:g}+" if np.isinf(b) else f"{a:g}-{b:g}" for a, b in pairwise(edges))
    return tuple(words)


@dataclass(frozen=True)
class IllnessData:
    """Rows to fit, with what is known of them before the fit."""

    request: Request
    frame: Frame
    times: Times
    layout: Layout
    specs: tuple[DesignSpec, DesignSpec, DesignSpec]
    designs: tuple[Matrix, Matrix, Matrix]
    centres: tuple[Vector, Vector, Vector]
    aliased: tuple[str, ...]
    clusters: Clusters | None
    n_missing: int
    time_unit: str

    def paths(self, times: Times, *, centred: bool = True) -> Paths:
        """The rows as the likelihood sees them, with other times of falling ill if wanted."""
        designs = self.designs
        if not centred:
            whole = (X + mean for X, mean in zip(designs, self.centres, strict=True))
            designs = (next(whole), next(whole), next(whole))
        return lay_paths(times, self.request.edges, designs)


def read_data(frame: Frame, request: Request) -> IllnessData:
    """Read the rows that a request needs; incomplete ones are left out and counted."""
    times, kept = read_rows(frame.data, request)
    built = _build(frame.data.iloc[kept], request)
    common = built[0].kept
    for design in built[1:]:
        common = np.intersect1d(common, design.kept)
    if any(len(design.kept) > len(common) for design in built):
        # levels are learnt from the rows that are complete for every transition
        built = _build(frame.data.iloc[kept[common]], request)
    kept = kept[common]
    clusters = None
    if frame.cluster is not None:
        clusters = make_clusters(frame.data[frame.cluster].iloc[kept])
    means = [d.X.mean(axis=0) if len(d.X) else np.zeros(d.X.shape[1]) for d in built]
    first, second, third = (d.X - mean for d, mean in zip(built, means, strict=True))
    named = zip(TRANSITIONS, built, strict=True)
    return IllnessData(
        request=request,
        frame=frame,
        times=times.take(common),
        layout=make_layout(request, tuple(d.terms for d in built)),
        specs=(built[0].spec, built[1].spec, built[2].spec),
        designs=(first, second, third),
        centres=(means[0], means[1], means[2]),
        aliased=tuple(dict.fromkeys(f"{q}:{name}" for q, d in named for name in d.aliased)),
        clusters=clusters,
        n_missing=len(frame.data) - len(kept),
        time_unit=request.clock.unit(frame.data, request.end),
    )


def _build(data: pd.DataFrame, request: Request) -> list[Any]:
    return [
        build_design(data, formula, response=False, intercept=False) for formula in request.formulas
    ]


def make_layout(request: Request, names: tuple[tuple[str, ...], ...]) -> Layout:
    """Number the parameters: windows of each transition, the ratio, covariates.

    Parameters
    ----------
    request : Request
        What was asked for.
    names : tuple of tuple of str
        Covariates of each transition.

    Returns
    -------
    Layout
    """
    labels = window_names(request.edges)
    terms: list[str] = []

    def number(new: list[str]) -> Rows:
        terms.extend(new)
        return np.arange(len(terms) - len(new), len(terms))

    own = request.after_illness == "own"
    shared = TRANSITIONS if own else TRANSITIONS[:2]
    windows = [number([f"{q}[{label}]" for label in labels]) for q in shared]
    has_ratio = request.after_illness == "ratio"
    ratio = int(number(["death_ill:ratio"])[0]) if has_ratio else None
    slopes = [number([f"{q}:{n}" for n in names[i]]) for i, q in enumerate(shared)]
    if not own:
        windows.append(windows[1])
        slopes.append(slopes[1])
    return Layout(
        tuple(terms),
        (windows[0], windows[1], windows[2]),
        (slopes[0], slopes[1], slopes[2]),
        ratio,
    )
