"""What may be handed to a model: a table that knows its unit, its cluster and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from html import escape
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from vpstats.errors import UsageError, did_you_mean

PATIENT = "patient_id"
"""The column that names the patient; a unit finer than the patient is clustered in it."""


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One step of the way from the registry to an analysis.

    Parameters
    ----------
    label : str
        What the step keeps or leaves out, as a phrase for the flow diagram.
    n_rows, n_patients : int
        Rows and patients that remain after the step.
    excluded_rows, excluded_patients : int
        Rows that the step left out, and patients that left with their last row.
    """

    label: str
    n_rows: int
    n_patients: int
    excluded_rows: int = 0
    excluded_patients: int = 0


@dataclass(frozen=True)
class Frame:
    """A table with its unit of analysis, its cluster, its outcome and how it came about.

    Parameters
    ----------
    data : DataFrame
        One row per unit.
    unit : str
        What one row is: "patient", "procedure", "level", "vertebra", …
    cluster : str, optional
        Column whose equal values are not independent; fits use it by default.
    outcome : str, optional
        Column of the outcome (0/1, or event codes 0 censored, 1, 2, … causes).
    duration, entry : str, optional
        Columns of follow-up time, for time-to-event outcomes.
    causes : mapping of int to str, optional
        What the event codes mean.
    name : str
        Name of the cohort.
    flow : tuple of FlowStep
        From the registry to these rows.
    labels : mapping of str to str
        Column to the words that tables and figures print.
    independent : str, optional
        Why clustered rows are analysed as independent; printed wherever the frame is used.

    Raises
    ------
    UsageError
        If a named column is missing or a cluster id is.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"patient_id": ["a", "a", "b"], "leak": [1, 0, 0]})
    >>> frame = Frame(rows, unit="level", cluster="patient_id", outcome="leak")
    >>> frame.n_clusters
    2
    """

    data: pd.DataFrame
    unit: str
    cluster: str | None = None
    outcome: str | None = None
    duration: str | None = None
    entry: str | None = None
    causes: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    name: str = ""
    flow: tuple[FlowStep, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    independent: str | None = None

    def __post_init__(self) -> None:
        require_table(self.data)
        named = [self.cluster, self.outcome, self.duration, self.entry]
        missing = [c for c in named if c is not None and c not in self.data.columns]
        if missing:
            hint = " ".join(did_you_mean(c, map(str, self.data.columns)) for c in missing).strip()
            raise UsageError(
                "the frame names columns that the data do not have: "
                f"{', '.join(missing)}{f'; {hint}' if hint else '.'}"
            )
        if self.cluster is not None and self.data[self.cluster].isna().any():
            raise UsageError(
                f"column '{self.cluster}' holds missing cluster ids; every row needs one."
            )

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        # in brief: rows of patients are not printed by accident
        name = f" {self.name}" if self.name else ""
        clusters = f", clustered in {self.cluster}" if self.cluster else ""
        outcome = f", outcome {self.outcome}" if self.outcome else ""
        return f"<Frame{name}: {len(self):,} rows, unit {self.unit}{clusters}{outcome}>"

    def _repr_html_(self) -> str:
        # the counts of the flow alone; rows of patients stand in .data for who asks for them
        steps = pd.DataFrame([asdict(step) for step in self.flow])
        flow = steps.to_html(index=False, border=0) if len(steps) else ""
        return (
            f"<div><p>{escape(repr(self))}<br>the table is <code>.data</code>, how it came about "
            f"<code>.flow</code></p>{flow}</div>"
        )

    @property
    def n_clusters(self) -> int | None:
        """Number of clusters, or None where rows are not clustered."""
        return None if self.cluster is None else int(self.data[self.cluster].nunique())

    def keep(self, mask: pd.Series | np.ndarray, label: str) -> Frame:
        """Keep the rows of a mask and record the step.

        Parameters
        ----------
        mask : boolean array, shape (n,)
            Rows to keep; missing counts as False.
        label : str
            Phrase for the flow diagram.

        Returns
        -------
        Frame
            A new frame; this one is unchanged.
        """
        if len(mask) != len(self.data):
            raise UsageError(
                f"the mask has {len(mask)} values and the frame {len(self.data)} rows; make it "
                "from the frame's own data."
            )
        kept = self.data[np.asarray(pd.array(mask, dtype="boolean").fillna(value=False), bool)]
        step = FlowStep(
            label,
            len(kept),
            n_patients(kept),
            len(self.data) - len(kept),
            n_patients(self.data) - n_patients(kept),
        )
        return replace(self, data=kept, flow=(*self.flow, step))

    def as_independent(self, reason: str) -> Frame:
        """Give up the cluster, for a stated reason that every result will carry.

        Raises
        ------
        UsageError
            If the reason is empty.
        """
        if not reason.strip():
            raise UsageError("independent= needs the reason, in words; it is printed.")
        return replace(self, cluster=None, independent=reason)


def start_frame(data: pd.DataFrame, label: str, **fields: object) -> Frame:
    """Open a frame and its flow with every row that was read."""
    step = FlowStep(label, len(data), n_patients(data))
    return Frame(data, flow=(step,), **fields)  # type: ignore[arg-type]  # fields of Frame


def n_patients(data: pd.DataFrame) -> int:
    """Patients in a table; its rows where no patient is named."""
    return int(data[PATIENT].nunique()) if PATIENT in data.columns else len(data)


@dataclass(frozen=True)
class Imputations:
    """Completed copies of one frame; a fit of them is fitted to each and pooled.

    Parameters
    ----------
    frames : tuple of Frame
        m completed frames with equal rows, unit and cluster. Columns that nothing was imputed in
        may be shared between them: make new frames (`transform`) rather than change one.
    traces : ImputationTraces, optional
        What was imputed and how the chains went, where `impute` made them.
    caveats : tuple of Caveat
        What to know of the imputation.
    """

    frames: tuple[Frame, ...]
    traces: Any = None
    caveats: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if len(self.frames) < 2:
            raise UsageError("imputations need at least two completed frames.")
        first = self.frames[0]
        if any(len(f) != len(first) or f.unit != first.unit for f in self.frames[1:]):
            raise UsageError("imputations must share their rows and their unit.")

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __repr__(self) -> str:
        return f"<Imputations: {len(self)} of {self.frames[0]!r}>"

    def transform(self, change: Callable[[Frame], Frame]) -> Imputations:
        """Apply one change to every completed frame, such as `Frame.keep` or a derived column.

        Parameters
        ----------
        change : callable
            Frame to a new Frame; it must keep the same rows of each.

        Returns
        -------
        Imputations
            With the same traces and caveats.
        """
        return replace(self, frames=tuple(change(frame) for frame in self.frames))


def require_table(data: Any) -> None:
    """Refuse whatever is no table.

    Raises
    ------
    UsageError
        Naming what it is, and how to make a table of it.

    Examples
    --------
    >>> require_table({"leak": [0, 1]})
    Traceback (most recent call last):
    ...
    vpstats.errors.UsageError: data is a dict; expected a pandas DataFrame: pandas.DataFrame(data).
    """
    if not isinstance(data, pd.DataFrame):
        raise UsageError(
            f"data is a {type(data).__name__}; expected a pandas DataFrame: pandas.DataFrame(data)."
        )


def open_data(
    data: pd.DataFrame | Frame, *, cluster: str | None = None, independent: str | None = None
) -> Frame:
    """Take what a user hands to a model and make sure that clusters are not forgotten.

    Parameters
    ----------
    data : DataFrame or Frame
        A DataFrame carries no guard; a Frame brings its cluster along.
    cluster : str, optional
        Column of clusters; the frame's own if None.
    independent : str, optional
        Why clustered rows may be analysed as independent.

    Returns
    -------
    Frame
        With the cluster to use.

    Raises
    ------
    UsageError
        If a frame holds several rows per patient and neither a cluster nor a reason is given, or
        if both are.

    Examples
    --------
    >>> rows = pd.DataFrame({"patient_id": ["a", "a", "b"], "leak": [1, 0, 0]})
    >>> open_data(Frame(rows, unit="level", cluster="patient_id")).cluster
    'patient_id'
    """
    if cluster is not None and independent is not None:
        raise UsageError("give cluster= or independent=, not both.")
    if isinstance(data, Imputations):
        raise UsageError(
            "this analysis does not pool imputations; make it of each completed frame, "
            "[analysis(frame) for frame in imputations], or of a fit_ function, which pools."
        )
    if not isinstance(data, Frame):
        plain = Frame(data, unit="row", cluster=cluster)
        return plain if independent is None else plain.as_independent(independent)
    if independent is not None:
        return data.as_independent(independent)
    frame = data if cluster is None else replace(data, cluster=cluster, independent=None)
    if frame.cluster is None and frame.independent is None and _repeats_patients(frame):
        raise UsageError(
            f"rows are {frame.unit}s and patients have several: give cluster='{PATIENT}', or "
            "independent='the reason' if they may be taken as independent."
        )
    return frame


def _repeats_patients(frame: Frame) -> bool:
    return PATIENT in frame.data.columns and bool(frame.data[PATIENT].duplicated().any())
