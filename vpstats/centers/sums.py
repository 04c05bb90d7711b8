"""What one indicator comes to at each center: observed, expected, and the variance between them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vpstats.errors import InternalError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

Measure = Literal["proportion", "incidence"]
"""An outcome that each row has or has not, or one that comes in the course of time."""


@dataclass(frozen=True)
class Risks:
    """The distinct risks of a center's rows, and how many rows have each.

    Parameters
    ----------
    values : ndarray, shape (r,)
        Distinct risks, ascending.
    counts : ndarray, shape (r,)
        Rows with each risk.
    """

    values: Vector
    counts: Vector


@dataclass(frozen=True)
class CenterSums:
    """Sums of one indicator over each of k centers.

    Parameters
    ----------
    centers : tuple of str
        Names, in ascending order.
    unit : str
        What a row is: "patient", "procedure", "level", "vertebra".
    measure : {"proportion", "incidence"}
        "proportion": each row has the outcome or not. "incidence": events within a horizon
        against the sum of cumulative hazards.
    n, n_patients : ndarray, shape (k,)
        Rows and patients.
    observed : ndarray, shape (k,)
        Rows with the outcome.
    expected : ndarray, shape (k,)
        Sum of the rows' risks at the average center, each from a model fitted without the rows of
        the center itself.
    variance : ndarray, shape (k,)
        Variance of `observed` given the risks: of independent rows where rows are patients, of
        rows that correlate within patients elsewhere.
    design_effect : ndarray, shape (k,)
        `variance` over the variance that independent rows would have; 1 where rows are patients.
    benchmark_variance : ndarray, shape (k,)
        Variance of `expected`, since the model was estimated; 0 where the benchmark is known.
    benchmark : float
        Rate of the whole network, in the unit of `measure`.
    risks : tuple of Risks
        One per center; empty where the measure is an incidence.
    """

    centers: tuple[str, ...]
    unit: str
    measure: Measure
    n: Vector
    n_patients: Vector
    observed: Vector
    expected: Vector
    variance: Vector
    design_effect: Vector
    benchmark_variance: Vector
    benchmark: float
    risks: tuple[Risks, ...] = ()

    def __post_init__(self) -> None:
        k = len(self.centers)
        columns = (self.n, self.n_patients, self.observed, self.expected, self.variance)
        more = (self.design_effect, self.benchmark_variance)
        if any(np.shape(column) != (k,) for column in (*columns, *more)):
            raise InternalError(f"the sums of {k} centers do not all have {k} values.")
        if self.risks and len(self.risks) != k:
            raise InternalError("there are not as many sets of risks as centers.")

    def __len__(self) -> int:
        return len(self.centers)


def choose_centers(sums: CenterSums, kept: NDArray[np.bool_]) -> CenterSums:
    """The sums of some of the centers."""
    if kept.all():
        return sums
    vectors = {
        f.name: getattr(sums, f.name)[kept]
        for f in fields(sums)
        if isinstance(getattr(sums, f.name), np.ndarray)
    }
    return replace(
        sums,
        centers=tuple(c for c, keep in zip(sums.centers, kept, strict=True) if keep),
        risks=tuple(r for r, keep in zip(sums.risks, kept, strict=True) if keep)
        if sums.risks
        else (),
        **vectors,
    )
