"""The outcome in the imputation model: as it is, or as event and cumulative hazards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.columns import require_columns
from vpstats.models.followup import FollowUp, entry_column, read_follow_up
from vpstats.models.imputation.variables import Variable
from vpstats.models.steps import count, incidence

Vector = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Outcomes:
    """Which columns are the outcome.

    Parameters
    ----------
    columns : tuple of str
        Outcomes that enter as they are.
    duration, event, entry : str or None
        Columns of follow-up, for time-to-event outcomes.
    """

    columns: tuple[str, ...]
    duration: str | None = None
    event: str | None = None
    entry: str | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """Columns of follow-up, which enter in another form or not at all."""
        return tuple(c for c in (self.duration, self.event, self.entry) if c is not None)


def read_outcomes(
    frame: Frame,
    outcome: str | Sequence[str] | None,
    duration: str | None,
    event: str | None,
    entry: str | None,
) -> Outcomes:
    """Settle what the outcome is: what was asked for, else the frame's own.

    Raises
    ------
    UsageError
        If there is none, which would bias associations with it towards nothing.
    """
    columns = (outcome,) if isinstance(outcome, str) else tuple(outcome or ())
    if (duration is None) != (event is None):
        raise UsageError("a time-to-event outcome needs both duration= and event=.")
    if duration is None and outcome is None:
        columns, duration, event = _own_outcome(frame)
    require_columns(frame.data, columns)
    if duration is None:
        return Outcomes(columns)
    entry = entry_column(frame, duration, entry)
    return Outcomes(tuple(c for c in columns if c != event), duration, event, entry)


def _own_outcome(frame: Frame) -> tuple[tuple[str, ...], str | None, str | None]:
    if frame.outcome is None:
        raise UsageError(
            "name the outcome of the analysis (outcome=, or duration= and event=): values imputed "
            "without it hide its associations. outcome=() if there is none."
        )
    if frame.duration is not None:
        return (), frame.duration, frame.outcome
    return (frame.outcome,), None, None


def read_hazards(frame: Frame, outcomes: Outcomes) -> tuple[list[Variable], Index]:
    """Event indicators and cumulative hazards of every cause, for the rows with a follow-up.

    Parameters
    ----------
    frame : Frame
        Rows.
    outcomes : Outcomes
        With columns of follow-up, or none.

    Returns
    -------
    list of Variable
        Per cause whether it ended the follow-up, and the Nelson–Aalen cumulative hazard of the
        cause at its end (less that at entry); the time itself is left out, since given these it
        says nothing more of a covariate, to first order.
    ndarray of int
        Positions of the rows with a complete follow-up.

    References
    ----------
    White IR, Royston P. Imputing missing covariate values for the Cox model. Stat Med
    2009;28:1982-1998. Resche-Rigon M, White I, Chevret S. Imputing missing covariate values in
    presence of competing risk. Int Soc Clin Biostat, 2012.
    """
    if outcomes.duration is None or outcomes.event is None:
        return [], np.arange(len(frame.data))
    rows = read_follow_up(
        frame, duration=outcomes.duration, event=outcomes.event, entry=outcomes.entry
    )
    kept = np.arange(len(frame.data)) if rows.kept is None else rows.kept
    made = []
    for cause in np.unique(rows.event[rows.event > 0]):
        happened = np.asarray(rows.event == cause, dtype=np.float64)
        hazard = cumulative_hazard(rows, int(cause))
        made.append(Variable(f"{outcomes.event} = {cause}", happened, role="hazard"))
        made.append(Variable(f"cumulative hazard of {cause}", hazard, role="hazard"))
    return made, kept


def cumulative_hazard(rows: FollowUp, cause: int) -> Vector:
    """Nelson–Aalen cumulative hazard of a cause over each row's time at risk, shape (n,).

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"days": [10, 20], "died": [1, 1]})
    >>> rows = read_follow_up(Frame(data, unit="row"), duration="days", event="died")
    >>> cumulative_hazard(rows, 1).tolist()
    [0.5, 1.5]
    """
    counts = count(rows, cause)
    reached = np.concatenate([[0.0], np.cumsum(incidence(counts).event_hazard)])
    until = reached[np.searchsorted(counts.time, rows.exit, side="right")]
    if rows.entry is None:
        return np.asarray(until)
    return np.asarray(until - reached[np.searchsorted(counts.time, rows.entry, side="right")])
