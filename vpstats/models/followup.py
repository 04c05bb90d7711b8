"""Follow-up columns → checked arrays: the only door from tables to time-to-event estimators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.columns import read_column, read_numbers, require_columns
from vpstats.results import Caveat

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]

FEW_CLUSTERS = 30
"""Below this many clusters the sandwich is known to be too small (Cameron & Miller 2015)."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Checked follow-up of n rows.

    Parameters
    ----------
    exit : ndarray, shape (n,)
        Time at which the row's follow-up ends.
    event : ndarray of int, shape (n,)
        0 censored, 1, 2, … cause of the event.
    entry : ndarray, shape (n,), optional
        Time after which the row is at risk; ``-inf`` where it is from the start.
    weights : ndarray, shape (n,), optional
        Case weights.
    group, cluster : ndarray of int, shape (n,), optional
        Codes of the grouping column and of the clusters.
    groups : Index
        Values behind the codes of `group`, in their order.
    kept : ndarray of int, shape (n,), optional
        Positions of these rows in the data; None where every row is kept.
    n_missing : int
        Rows left out because a value was missing.
    strata : ndarray of int, shape (n,), optional
        Codes of the strata, in the order of their values.
    """

    exit: Vector
    event: Codes
    entry: Vector | None
    weights: Vector | None
    group: Codes | None
    cluster: Codes | None
    groups: pd.Index
    kept: NDArray[np.intp] | None
    n_missing: int
    strata: Codes | None = None

    def __len__(self) -> int:
        return int(self.exit.size)

    @property
    def n_clusters(self) -> int | None:
        """Number of clusters, or None where rows are not clustered."""
        return None if self.cluster is None else int(np.count_nonzero(np.bincount(self.cluster)))

    @property
    def grouping(self) -> Codes:
        """Codes of the groups, shape (n,); 0 where rows are not grouped."""
        return np.zeros(len(self), dtype=np.int64) if self.group is None else self.group

    @property
    def total_time(self) -> float:
        """Person-time at risk, weighted where weights are given."""
        start = 0.0 if self.entry is None else np.maximum(self.entry, 0.0)
        time = self.exit - start
        return float(time.sum() if self.weights is None else self.weights @ time)

    def rows(self, group: int) -> FollowUp:
        """The rows of one group."""
        if self.group is None:
            return self
        chosen = np.flatnonzero(self.group == group)
        return FollowUp(
            exit=self.exit[chosen],
            event=self.event[chosen],
            entry=_take(self.entry, chosen),
            weights=_take(self.weights, chosen),
            group=None,
            cluster=None if self.cluster is None else self.cluster[chosen],
            groups=self.groups,
            kept=None,
            n_missing=0,
            strata=None if self.strata is None else self.strata[chosen],
        )


def _take(values: Vector | None, rows: NDArray[np.intp]) -> Vector | None:
    return None if values is None else values[rows]


def read_follow_up(
    frame: Frame,
    *,
    duration: str,
    event: str,
    entry: str | None = None,
    weights: str | None = None,
    by: str | None = None,
    strata: Sequence[str] = (),
    kept: NDArray[np.intp] | None = None,
) -> FollowUp:
    """Read and check the follow-up columns of a frame.

    Parameters
    ----------
    frame : Frame
        Rows, with the cluster to use.
    duration, event : str
        Columns of the time at which follow-up ends and of what ended it.
    entry : str, optional
        Column of the time after which a row is at risk; 0 means from the start. The frame's own
        if None and `duration` is the frame's duration.
    weights : str, optional
        Column of case weights.
    by : str, optional
        Grouping column.
    strata : sequence of str
        Columns whose combinations are the strata.
    kept : ndarray of int, optional
        Positions of the rows to read, where others were already left out.

    Returns
    -------
    FollowUp
        Rows without a missing value.

    Raises
    ------
    UsageError
        If a column is absent or not numeric, a time is negative or infinite, an entry does not
        lie before its exit, an event code is not 0, 1, 2, …, or a weight is negative.
    """
    entry = entry_column(frame, duration, entry)
    named = (duration, event, entry, weights, by, frame.cluster, *strata)
    used = [name for name in named if name]
    require_columns(frame.data, used)
    data = frame.data if kept is None else frame.data[list(dict.fromkeys(used))].iloc[kept]
    exit_, event_ = read_times(data, duration), _read_codes(data, event)
    entry_ = None if entry is None else read_times(data, entry)
    weights_ = None if weights is None else _numbers(data, weights)
    group, groups = _group(data, by)
    stratum = _strata(data, strata)
    cluster = None if frame.cluster is None else cluster_codes(data[frame.cluster])
    # whole numbers are never missing, and a code of -1 is an error, not a gap
    coded = None if event_.dtype.kind == "i" else event_
    keep = _complete(exit_, coded, entry_, weights_, group, stratum)
    if keep is not None:
        exit_, event_, cluster, group = (_subset(v, keep) for v in (exit_, event_, cluster, group))
        entry_, weights_, stratum = (_subset(v, keep) for v in (entry_, weights_, stratum))
    _check_times(exit_, entry_, duration, entry)
    _check_weights(weights_, weights)
    return FollowUp(
        exit=exit_,
        event=_event_codes(event_, event),
        entry=None if entry_ is None else np.where(entry_ == 0, -np.inf, entry_),
        weights=weights_,
        group=group,
        cluster=cluster,
        groups=groups,
        kept=keep if kept is None or keep is None else kept[keep],
        n_missing=len(data) - exit_.size,
        strata=stratum,
    )


def entry_column(frame: Frame, duration: str, entry: str | None) -> str | None:
    """The entry column to use: the one asked for, else the frame's own if `duration` is its own."""
    return frame.entry if entry is None and frame.duration == duration else entry


def codes_of(values: pd.Series) -> tuple[Codes, pd.Index]:
    """Number the distinct values, categories in their order and others sorted.

    Parameters
    ----------
    values : Series, shape (n,)
        Any column; of a yes/no column the codes that say why there is no answer are missing.

    Returns
    -------
    ndarray of int, shape (n,), and Index
        Positions in the index of distinct values, -1 where missing.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        column = read_column(values)
        return column.values.astype(np.int64), pd.Index(column.levels)
    codes, distinct = pd.factorize(values, sort=True)
    return np.asarray(codes, dtype=np.int64), pd.Index(distinct)


def cluster_codes(values: pd.Series) -> Codes:
    """Number the distinct values in order of appearance, shape (n,); no order is needed."""
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def row_caveats(frame: Frame, *, n_missing: int, n_clusters: int | None) -> list[Caveat]:
    """What the rows themselves give reason to say, whatever is estimated from them."""
    caveats = []
    if n_missing:
        message = f"{n_missing:,} rows with a missing value were left out."
        caveats.append(Caveat("dropped_rows", message))
    if frame.independent is not None:
        message = f"Rows were analysed as independent, because {frame.independent}"
        caveats.append(Caveat("independent", message))
    if n_clusters is not None and n_clusters < FEW_CLUSTERS:
        message = f"There are {n_clusters} clusters: cluster-robust errors may be too small."
        caveats.append(Caveat("few_clusters", message))
    return caveats


def _subset(values: Any, keep: NDArray[np.intp]) -> Any:
    return None if values is None else values[keep]


def read_times(data: pd.DataFrame, name: str) -> Vector:
    """Times as numbers, timedeltas in days; NaN where missing, shape (n,).

    Raises
    ------
    UsageError
        If there is no such column, or it holds dates or no numbers.
    """
    require_columns(data, [name])
    column = data[name]
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return np.asarray((column / pd.Timedelta(days=1)).to_numpy(float), dtype=float)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise UsageError(
            "holds dates; expected a time. Subtract the date at which follow-up starts.",
            column=name,
        )
    return _numbers(data, name)


def _numbers(data: pd.DataFrame, name: str) -> Vector:
    require_columns(data, [name])
    column = data[name]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub":
        return np.asarray(column.to_numpy(), dtype=float)
    if isinstance(column.dtype, pd.CategoricalDtype):  # codes 0, 1, 2 kept as a category
        data = data[[name]].astype({name: column.cat.categories.dtype})
    return read_numbers(data, name)


def _read_codes(data: pd.DataFrame, name: str) -> NDArray[Any]:
    """Event codes as whole numbers where the column holds them, else as numbers."""
    require_columns(data, [name])
    column = data[name]
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return np.asarray(column.to_numpy().astype(np.int64))
    return _numbers(data, name)


def _group(data: pd.DataFrame, by: str | None) -> tuple[Codes | None, pd.Index]:
    if by is None:
        return None, pd.Index([None])
    require_columns(data, [by])
    return codes_of(data[by])


def _strata(data: pd.DataFrame, names: Sequence[str]) -> Codes | None:
    """Combinations of the columns as codes, in the order of their values; -1 where missing."""
    if not names:
        return None
    columns = [codes_of(data[name])[0] for name in names]
    combined = columns[0]
    for codes in columns[1:]:
        both = combined * (codes.max(initial=0) + 1) + codes
        combined = np.where((combined < 0) | (codes < 0), -1, both)
        # numbered anew, so that many columns do not overflow
        combined = np.unique(combined, return_inverse=True)[1] - int(np.any(combined < 0))
    return combined


def _complete(*columns: NDArray[Any] | None) -> NDArray[np.intp] | None:
    """Positions of the rows without a missing value, or None where that is all of them."""
    absent = [_absent(column) for column in columns if column is not None]
    found = [missing for missing in absent if missing is not None]
    return np.flatnonzero(~np.any(found, axis=0)) if found else None


def _absent(column: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Rows where a number is NaN or a code -1; None where the least value shows that none is."""
    least = column.min(initial=0)
    if column.dtype.kind == "i":
        return column < 0 if least < 0 else None
    return np.isnan(column) if np.isnan(least) else None


def _check_times(exit_: Vector, entry: Vector | None, duration: str, name: str | None) -> None:
    if not (exit_.min(initial=0.0) >= 0 and exit_.max(initial=0.0) < np.inf):
        wrong = int(np.count_nonzero(~((exit_ >= 0) & np.isfinite(exit_))))
        raise UsageError(
            f"duration='{duration}' is negative or infinite in {wrong:,} rows; expected times "
            "since the start of follow-up. Correct or leave out those rows."
        )
    if entry is None:
        return
    # an entry of 0 means "from the start", so a time of 0 may follow it
    wrong = int(np.count_nonzero(~((entry >= 0) & ((entry < exit_) | (entry == 0)))))
    if wrong:
        raise UsageError(
            f"entry='{name}' is negative or not before duration='{duration}' in {wrong:,} rows; "
            "expected 0 <= entry < duration. Correct or leave out those rows."
        )


def _check_weights(weights: Vector | None, name: str | None) -> None:
    if weights is None:
        return
    wrong = int(np.count_nonzero(~((weights >= 0) & np.isfinite(weights))))
    if wrong:
        raise UsageError(
            f"weights='{name}' is negative or infinite in {wrong:,} rows; expected weights of at "
            "least 0."
        )


def _event_codes(event: NDArray[Any], name: str) -> Codes:
    with np.errstate(invalid="ignore"):  # an infinite code is found by the comparison
        codes = event.astype(np.int64, copy=False)
    if codes.min(initial=0) < 0 or not (codes is event or np.array_equal(codes, event)):
        wrong = int(np.count_nonzero((codes != event) | (codes < 0)))
        raise UsageError(
            f"event='{name}' is not a code in {wrong:,} rows; expected 0 for censored and 1, 2, "
            "… for the causes (or booleans)."
        )
    return codes
