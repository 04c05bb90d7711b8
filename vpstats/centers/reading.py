"""The rows of an indicator: which are analysed, at which center, and which are left out and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.centers.clustering import patients_of_centers
from vpstats.errors import UsageError
from vpstats.frames import PATIENT, Frame
from vpstats.models.columns import require_columns
from vpstats.models.covariance import Clusters, make_clusters
from vpstats.results import Caveat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]
    Codes = NDArray[np.intp]

LARGE_SHARE = 0.05
"""Share of a center's rows left out for missing covariates from which the center is named."""


@dataclass(frozen=True)
class Places:
    """Centers and patients of the n analysed rows, those of one center adjacent.

    Parameters
    ----------
    names : tuple of str
        The k centers, ascending.
    center : ndarray of int, shape (n,)
        Center of each row, ascending.
    patients : Clusters
        Patient of each row; a row each where rows are independent.
    given : ndarray of int, shape (n,)
        Positions of the rows in the table as given.
    clustered : bool
        Whether patients may have several rows.
    """

    names: tuple[str, ...]
    center: Codes
    patients: Clusters
    given: Codes
    clustered: bool

    @property
    def k(self) -> int:
        """Number of centers."""
        return len(self.names)

    @property
    def n(self) -> Vector:
        """Rows of each center, shape (k,)."""
        return np.bincount(self.center, minlength=self.k).astype(float)

    @cached_property
    def pairs(self) -> Clusters:
        """Patients of each center apart: one treated at two centers counts at both."""
        return patients_of_centers(self.patients.codes, self.center)

    @cached_property
    def n_patients(self) -> Vector:
        """Patients of each center, shape (k,)."""
        home = np.zeros(self.pairs.count, dtype=np.intp)
        home[self.pairs.codes] = self.center
        return np.bincount(home, minlength=self.k).astype(float)

    def total(self, values: Vector) -> Vector:
        """Sum of a value over the rows of each center, shape (k,)."""
        return np.asarray(np.bincount(self.center, values, self.k), dtype=float)

    def in_given_order(self, values: Any) -> Any:
        """Values of the rows in the order of the table as given."""
        return np.asarray(values)[np.argsort(self.given, kind="stable")]


def center_names(data: pd.DataFrame, center: str) -> NDArray[Any]:
    """The center of each row as text, None where it is missing.

    Raises
    ------
    UsageError
        If there is no such column.
    """
    require_columns(data, [center])
    column = data[center]
    text = column.astype(str).to_numpy(object, copy=True)
    text[column.isna().to_numpy(dtype=bool)] = None
    return np.asarray(text, dtype=object)


def place_rows(frame: Frame, center: str, kept: Codes) -> Places:
    """Sort the kept rows by center; those without a center are left out.

    Parameters
    ----------
    frame : Frame
        Table, with its cluster.
    center : str
        Column of centers.
    kept : ndarray of int
        Positions of the rows that have what the analysis needs.

    Returns
    -------
    Places
    """
    names = center_names(frame.data, center)[kept]
    known = np.flatnonzero(pd.notna(names))
    distinct, codes = np.unique(names[known].astype(str), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    given = np.asarray(kept[known][order])
    column = frame.cluster or (PATIENT if _has_patients(frame) else None)
    ids = np.arange(len(given)) if column is None else frame.data[column].to_numpy()[given]
    clustered = frame.cluster is not None
    names_ = tuple(str(name) for name in distinct)
    return Places(names_, codes[order].astype(np.intp), make_clusters(ids), given, clustered)


def _has_patients(frame: Frame) -> bool:
    return frame.independent is None and PATIENT in frame.data and frame.data[PATIENT].notna().all()


def missing_by_center(
    frame: Frame, center: str, known: NDArray[np.bool_], complete: NDArray[np.bool_]
) -> pd.DataFrame:
    """Count by center the rows whose outcome is known, and those left out for a covariate.

    Parameters
    ----------
    frame : Frame
        Table.
    center : str
        Column of centers.
    known, complete : ndarray of bool, shape (m,)
        Rows with a known outcome, and rows with every covariate.

    Returns
    -------
    DataFrame
        ``center_id, n, n_unknown, n_missing, share_missing``: all rows, rows without a known
        outcome, rows with one that lack a covariate, and their share among rows with one.
    """
    names = pd.Series(center_names(frame.data, center))
    table = pd.DataFrame(
        {
            "center_id": names.to_numpy(),
            "n": 1,
            "n_unknown": (~known).astype(int),
            "n_missing": (known & ~complete).astype(int),
        }
    )
    sums = table.dropna(subset=["center_id"]).groupby("center_id", sort=True).sum().reset_index()
    with_outcome = (sums["n"] - sums["n_unknown"]).to_numpy(float)
    lacking = sums["n_missing"].to_numpy(float)
    share = np.divide(lacking, with_outcome, out=np.zeros(len(sums)), where=with_outcome > 0)
    return sums.assign(share_missing=share)


def reading_caveats(frame: Frame, center: str, missing: pd.DataFrame) -> tuple[Caveat, ...]:
    """What was left out, and at which centers much of it."""
    found = []
    homeless = int(frame.data[center].isna().sum())
    if homeless:
        message = f"{homeless:,} rows name no center and were left out."
        found.append(Caveat("dropped_rows", message, center))
    lost = int(missing["n_missing"].sum())
    if lost:
        found.append(Caveat("dropped_rows", _missing_words(missing, lost)))
    if frame.independent is not None:
        message = f"Rows were analysed as independent, because {frame.independent}"
        found.append(Caveat("independent", message))
    return tuple(found)


def _missing_words(missing: pd.DataFrame, lost: int) -> str:
    total = int((missing["n"] - missing["n_unknown"]).sum())
    text = f"{lost:,} of {total:,} rows lack a covariate of the adjustment and were left out"
    much = missing[missing["share_missing"] > LARGE_SHARE]
    if much.empty:
        return text + "."
    shares = ", ".join(
        f"{name} {share:.0%}"
        for name, share in zip(much["center_id"], much["share_missing"], strict=True)
    )
    return f"{text}; much at {shares}. Impute them, so that no row is lost."


def require_terms(adjust: Sequence[str], outcome: str, center: str) -> None:
    """Refuse an adjustment for the outcome or the center itself.

    Raises
    ------
    UsageError
        Naming the column.
    """
    if isinstance(adjust, str):
        raise UsageError(f"adjust= is a sequence of terms; write adjust=['{adjust}'].")
    for name in (outcome, center):
        if name in adjust:
            raise UsageError(f"adjust= holds '{name}', which is the outcome or the center itself.")
