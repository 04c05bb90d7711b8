"""The g-formula: mean risks of a population whose exposure is set to each of some values.

Everything here is arrays; `standardised` turns them into a result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from vpstats.errors import UsageError
from vpstats.models.columns import (
    level_text,
    read_numbers,
    read_response,
    require_columns,
)
from vpstats.models.covariance import Clusters, cross_clusters, make_clusters
from vpstats.models.design import DesignSpec, apply_design

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


class RiskModel(Protocol):
    """What a model must know to be standardised: a logit link and its coefficients."""

    @property
    def spec(self) -> DesignSpec:
        """How to build the design matrix."""

    @property
    def coefficients(self) -> Vector:
        """Estimates, shape (p,)."""

    @property
    def covariance(self) -> Matrix:
        """Their covariance, shape (p, p)."""


@dataclass(frozen=True)
class Population:
    """Rows to average over, once for each value of the exposure.

    Parameters
    ----------
    designs : tuple of ndarray, shape (n, p)
        Design matrix with the exposure set to each value.
    weights : ndarray, shape (n,)
        Case weights.
    offset : ndarray, shape (n,)
        Known part of the log odds.
    kept : ndarray of bool, shape (m,)
        Which rows of the table these are.
    clusters : tuple of Clusters
        Of the kept rows; none where they are independent.
    """

    designs: tuple[Matrix, ...]
    weights: Vector
    offset: Vector
    kept: Mask
    clusters: tuple[Clusters, ...]

    def __len__(self) -> int:
        return len(self.weights)

    def risks(self, beta: Vector, counts: Vector | None = None) -> Vector:
        """Mean risk at each value, shape (k,); `counts` are how often each row was drawn."""
        weights = self.weights if counts is None else self.weights * counts
        share = weights / weights.sum()
        return np.array([share @ special.expit(X @ beta + self.offset) for X in self.designs])


@dataclass(frozen=True, slots=True)
class MeanRisks:
    """Mean risks with their covariance.

    Parameters
    ----------
    risks : ndarray, shape (k,)
        Per value of the exposure.
    covariance : ndarray, shape (k, k)
        By the delta method.
    """

    risks: Vector
    covariance: Matrix


def known_levels(spec: DesignSpec, exposure: str) -> tuple[str, ...] | None:
    """Categories of the exposure, the reference first; None where it is a number.

    Raises
    ------
    UsageError
        If the model does not hold the exposure.
    """
    factors = [f for f in spec.factors.values() if exposure in f.expression.columns]
    if not factors:
        raise UsageError(
            f"the model does not hold '{exposure}'; it holds: {', '.join(spec.variables)}.",
            column=exposure,
        )
    return next((f.levels for f in factors if f.levels is not None), None)


def read_population(
    model: RiskModel,
    data: pd.DataFrame,
    settings: Sequence[Mapping[str, Any]],
    *,
    weights: str | None = None,
    offset: str | None = None,
    clusters: Sequence[str] = (),
) -> Population:
    """Build the population of a table under several settings of its columns.

    Parameters
    ----------
    model : RiskModel
        The fitted model.
    data : DataFrame, shape (m, any)
        Rows; unchanged. Those with a missing value, also of the outcome where the table has it,
        are left out.
    settings : sequence of mapping of str to value
        Columns to set; one mapping per population mean.
    weights, offset : str, optional
        Columns of the case weights and the offset.
    clusters : sequence of str
        Columns of the clusters.

    Returns
    -------
    Population
    """
    require_columns(data, [*model.spec.variables, *clusters])
    kept = _complete(model.spec, data, weights, offset, clusters)
    table = data.loc[kept, [*dict.fromkeys(model.spec.variables)]]
    designs = tuple(apply_design(model.spec, set_columns(table, s)) for s in settings)
    n = int(kept.sum())
    return Population(
        designs,
        np.ones(n) if weights is None else read_numbers(data, weights)[kept],
        np.zeros(n) if offset is None else read_numbers(data, offset)[kept],
        kept,
        tuple(make_clusters(data[c].to_numpy()[kept]) for c in clusters),
    )


def _complete(
    spec: DesignSpec,
    data: pd.DataFrame,
    weights: str | None,
    offset: str | None,
    clusters: Sequence[str],
) -> Mask:
    known = np.isfinite(apply_design(spec, data)).all(axis=1)
    if spec.response in data.columns:
        known &= np.isfinite(read_response(data[spec.response]))
    for column in (weights, offset):
        if column is not None:
            known &= np.isfinite(read_numbers(data, column))
    for column in clusters:
        known &= data[column].notna().to_numpy(bool)
    return np.asarray(known, dtype=bool)


def set_columns(table: pd.DataFrame, setting: Mapping[str, Any]) -> pd.DataFrame:
    """A copy of a table with some columns set to one value throughout."""
    same = np.zeros(len(table), dtype=np.intp)
    made = {
        name: same + value
        if isinstance(value, float)
        else pd.Categorical.from_codes(same, [str(value)])
        for name, value in setting.items()
    }
    return table.assign(**made)


def spell_value(spec: DesignSpec, column: str, value: Any) -> Any:
    """Check a value that a column is to be set to, and spell it as the model knows it.

    Returns
    -------
    float or str
        A number where the model computes with the column, or where a number names a category.

    Raises
    ------
    UsageError
        If the model has never seen the category, or a number is not one.
    """
    known_levels(spec, column)
    using = [f for f in spec.factors.values() if column in f.expression.columns]
    for levels in (f.levels for f in using if f.levels is not None):
        if level_text(value) not in levels:
            known = ", ".join(f"'{v}'" for v in levels)
            raise UsageError(
                f"has no category '{level_text(value)}' in the model; it was fitted with {known}.",
                column=column,
            )
    if all(f.levels is not None for f in using) or isinstance(value, bool | np.bool_):
        return level_text(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if np.isfinite(number):
        return number
    if value in ("False", "True"):  # booleans count in arithmetic
        return str(value)
    raise UsageError(f"is a number in the model; {value!r} is none.", column=column)


def mean_risks(
    model: RiskModel, population: Population, *, sampled: bool, influence: Matrix | None = None
) -> MeanRisks:
    """Mean risks and their covariance by the delta method.

    Parameters
    ----------
    model : RiskModel
        The fitted model.
    population : Population
        Rows under each setting.
    sampled : bool
        Whether the rows are a sample of the patients that are meant; then the covariance holds
        what varies between samples of them as well.
    influence : ndarray, shape (n, p), optional
        Influence of each row on the coefficients, for what both parts share.

    Returns
    -------
    MeanRisks
    """
    share = population.weights / population.weights.sum()
    means, slopes, apart = [], [], []
    for X in population.designs:
        risk = special.expit(X @ model.coefficients + population.offset)
        means.append(share @ risk)
        slopes.append((share * risk * (1 - risk)) @ X)
        apart.append(share * (risk - means[-1]))
    gradient = np.array(slopes)
    covariance = gradient @ model.covariance @ gradient.T
    if sampled:
        own = np.column_stack(apart)
        moved = None if influence is None else influence @ gradient.T
        covariance = covariance + _between_rows(own, moved, population.clusters)
    return MeanRisks(np.array(means), (covariance + covariance.T) / 2)


def _between_rows(own: Matrix, moved: Matrix | None, clusters: tuple[Clusters, ...]) -> Matrix:
    """Covariance of means over rows that were sampled, in whole clusters where there are any.

    With `moved`, the change that each row makes through the coefficients, the part that both
    share is added.
    """
    if len(clusters) == 2:
        both = cross_clusters(*clusters)
        one, two, shared = (_between_rows(own, moved, (c,)) for c in (*clusters, both))
        return one + two - shared
    sums, steps = own, moved
    if clusters:
        sums = _sums(own, clusters[0])
        steps = None if moved is None else _sums(moved, clusters[0])
    count = len(sums)
    total = sums.T @ sums
    if steps is not None:
        total = total + sums.T @ steps + steps.T @ sums
    if count < 2:  # one row, or one cluster, does not vary
        return np.full_like(total, np.nan)
    return np.asarray(total * count / (count - 1))


def _sums(values: Matrix, clusters: Clusters) -> Matrix:
    return np.column_stack([np.bincount(clusters.codes, v, clusters.count) for v in values.T])
