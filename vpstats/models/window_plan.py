"""What is fitted for windows of follow-up: the parts of rows, and which windows have enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.columns import read_numbers
from vpstats.models.curve_fit import whole_weights
from vpstats.models.design import build_design
from vpstats.models.followup import Vector, read_follow_up
from vpstats.models.formula import parse_formula
from vpstats.models.hazards_data import check_covariance
from vpstats.models.splitting import ENTRY, SAME_UNIT, split_follow_up

Matrix = NDArray[np.float64]

WINDOW = "window"
ROW = "row of the exposure"
"""Column of the number of the row that a part of follow-up belongs to."""


class Floors(Protocol):
    """How many events a model needs."""

    @property
    def events(self) -> int:
        """Events below which no model of several parameters is fitted."""

    @property
    def events_per_parameter(self) -> float:
        """Events that each parameter needs."""

    @property
    def single_parameter_events(self) -> int:
        """Events below which no model is fitted at all."""


@dataclass(frozen=True, slots=True)
class EventFloors:
    """The usual floors: ten events and five for each parameter; one parameter from five on."""

    events: int = 10
    events_per_parameter: float = 5.0
    single_parameter_events: int = 5


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Parameters
    ----------
    exposure : str
        Term whose effect differs between windows.
    others : tuple of str
        Terms of the adjustment set.
    at : tuple of float
        Times that part the windows.
    entry : str or None
        Column of entry times.
    options : dict
        The other arguments of `fit_cox` by name.
    floors : Floors
        How many events a model needs.
    """

    exposure: str
    others: tuple[str, ...]
    at: tuple[float, ...]
    entry: str | None
    options: dict[str, Any]
    floors: Floors


@dataclass(frozen=True)
class Plan:
    """What may be fitted.

    Parameters
    ----------
    frame : Frame
        Parts of complete rows, with a column per coefficient of the exposure and window.
    columns : tuple of str
        Coefficients of the exposure.
    windows : DataFrame
        Events, person-time and verdict of each window.
    penalty : {None, "firth"}
        Penalty that the windows need.
    n, n_missing : int
        Complete rows, and those left out.
    n_others : int
        Coefficients of the adjustment set.
    by_row : bool
        Whether errors are a sandwich of the rows as given.
    """

    frame: Frame
    columns: tuple[str, ...]
    windows: pd.DataFrame
    penalty: Literal["firth"] | None
    n: int
    n_missing: int
    n_others: int
    by_row: bool

    @property
    def allowed(self) -> list[str]:
        """Windows that may be fitted."""
        return list(self.windows.loc[self.windows["status"] == "ok", "window"])


def other_terms(formula: str, exposure: str) -> tuple[str, ...]:
    """The terms of the adjustment set, without the exposure."""
    terms = parse_formula(formula if "~" in formula else f"~ {formula}").terms
    own = parse_formula(f"~ {exposure}").terms
    if len(own) != 1 or len(own[0]) != 1:
        raise UsageError(f"exposure is '{exposure}'; expected one column, or a transform of one.")
    crossed = [":".join(t) for t in terms if own[0][0] in t and len(t) > 1]
    if crossed:
        raise UsageError(
            f"'{crossed[0]}' lets the effect of the exposure vary already; leave it out of the "
            "formula, or split with split_follow_up() and fit the model yourself."
        )
    return tuple(":".join(t) for t in terms if t != own[0])


def plan_windows(frame: Frame, asked: Asked, penalty: Literal["firth"] | None) -> Plan:
    """Cut the rows of a frame and judge its windows."""
    by_row = _by_row(frame, asked)
    complete, X, terms, n_others = _complete_rows(frame, asked)
    parts = split_follow_up(
        complete,
        duration=asked.options["duration"],
        event=asked.options["event"],
        entry=asked.entry,
        at=asked.at,
        window=WINDOW,
        id=ROW,
    )
    numbers = parts.data[ROW].to_numpy()
    windows = _count(parts, asked)
    window = parts.data[WINDOW].cat.codes.to_numpy()
    verdicts = [
        _verdict(int(k), X[numbers[window == w]], asked) for w, k in enumerate(windows["n_events"])
    ]
    windows["status"] = [status for status, _, _ in verdicts]
    windows["reason"] = [reason for _, reason, _ in verdicts]
    penalised = penalty or ("firth" if any(firth for *_, firth in verdicts) else None)
    table = parts.data.assign(**_columns(X[numbers], terms, parts.data[WINDOW]))
    if parts.cluster is None and parts.independent is None:
        parts = replace(parts, independent=SAME_UNIT)
    missing = len(frame) - len(complete)
    parts = replace(parts, data=table)
    return Plan(parts, terms, windows, penalised, len(X), missing, n_others, by_row)


def _by_row(frame: Frame, asked: Asked) -> bool:
    """Whether errors are a sandwich of rows, as by default where weights are not whole.

    The parts of one row are then summed, since together they are one draw.
    """
    vcov, weights = asked.options["vcov"], asked.options["weights"]
    check_covariance(vcov, frame.cluster)
    if vcov is not None or frame.cluster is not None or weights is None:
        return bool(vcov == "HC0")
    return not whole_weights(read_numbers(frame.data, weights))


def _complete_rows(frame: Frame, asked: Asked) -> tuple[Frame, Matrix, tuple[str, ...], int]:
    """Rows with every value, the exposure's columns with their names, and how many others have."""
    options, strata = asked.options, asked.options["strata"]
    also = [options[name] for name in ("duration", "event", "weights", "offset") if options[name]]
    also += [strata] if isinstance(strata, str) else list(strata or ())
    also += [name for name in (asked.entry,) if name]
    formula = " + ".join((asked.exposure, *asked.others))
    everything = build_design(
        frame.data, f"~ {formula}", response=False, intercept=False, also=also
    )
    complete = replace(frame, data=_without_ours(frame, parse_formula(f"~ {formula}").columns, also)
                       .iloc[everything.kept])  # fmt: skip
    design = build_design(
        complete.data, f"~ {asked.exposure}", response=False, intercept=False, also=()
    )
    return complete, design.X, design.terms, len(everything.terms) - len(design.terms)


def _without_ours(frame: Frame, columns: Sequence[str], also: Sequence[str]) -> pd.DataFrame:
    """The data without columns that nothing names and whose names the parts need."""
    named = {*columns, *also, frame.cluster, frame.entry, frame.duration, frame.outcome}
    ours = [n for n in (WINDOW, ENTRY, ROW) if n in frame.data.columns and n not in named]
    return frame.data.drop(columns=ours)


def _columns(X: Matrix, terms: Sequence[str], window: pd.Series) -> dict[str, Vector]:
    """A column per coefficient and window, 0 outside the window."""
    return {
        f"{term}, {name}": np.where(window == name, X[:, j], 0.0)
        for name in window.cat.categories
        for j, term in enumerate(terms)
    }


def _count(parts: Frame, asked: Asked) -> pd.DataFrame:
    options = asked.options
    rows = read_follow_up(
        parts,
        duration=options["duration"],
        event=options["event"],
        entry=parts.entry,
        weights=options["weights"],
        by=WINDOW,
    )
    names = list(parts.data[WINDOW].cat.categories)
    window = parts.data[WINDOW].cat.codes.to_numpy()
    time = rows.exit - np.maximum(rows.entry, 0.0) if rows.entry is not None else rows.exit
    events = rows.event == options["cause"]
    return pd.DataFrame(
        {
            "window": names,
            "n_events": np.bincount(window[events], minlength=len(names)),
            "person_time": np.bincount(window, time, minlength=len(names)),
        }
    )


def _verdict(events: int, X: Matrix, asked: Asked) -> tuple[str, str, bool]:
    """Status of a window, why it is refused, and whether it needs a penalty."""
    reason, firth = judge(events, max(X.shape[1], 1), asked.floors)
    if reason:
        return "too few events", reason, False
    if not X.size or np.any(X.min(axis=0) == X.max(axis=0)):
        reason = (
            f"those still followed are alike in {asked.exposure}, or in one of its levels, so "
            "there is nothing to compare; see the rates instead."
        )
        return "not identified", reason, False
    return "ok", "", firth


def judge(events: int, parameters: int, floors: Floors) -> tuple[str, bool]:
    """Why a model is refused, or "" and whether it needs a penalty."""
    if events >= floors.events and events >= floors.events_per_parameter * parameters:
        return "", False
    if parameters == 1 and events >= floors.single_parameter_events:
        return "", True
    needed = floors.single_parameter_events if parameters == 1 else floors.events
    if events < needed:
        return f"{events} events, and at least {needed} are needed; see the rates instead.", False
    return (
        f"{events} events for {parameters} coefficients, and at least "
        f"{floors.events_per_parameter:g} are needed for each; see the rates instead."
    ), False
