"""One chain of draws: every incomplete variable in turn, given all others, several times over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vpstats.errors import UsageError
from vpstats.models.columns import Column
from vpstats.models.factors import factor_columns
from vpstats.models.imputation.categories import (
    augment,
    category_chances,
    draw_codes,
    draw_parameters,
    fit_categories,
)
from vpstats.models.imputation.layout import Passive, Problem, Target, group_columns
from vpstats.models.imputation.lines import draw_donors, draw_line, draw_normal

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Chain:
    """Where a chain ended and how it went.

    Parameters
    ----------
    values : tuple of ndarray
        Drawn values of each target, by its missing rows or clusters.
    passive : tuple of ndarray
        Computed values of each passive variable.
    trace : ndarray, shape (iterations, number of targets, 2)
        Mean and standard deviation of the drawn values after each iteration.
    unsettled : tuple of str
        Variables whose regression did not converge at least once.
    """

    values: tuple[Vector, ...]
    passive: tuple[Vector, ...]
    trace: NDArray[np.float64]
    unsettled: tuple[str, ...]


class _State:
    """The completed design as it stands: it alone changes while a chain runs."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.X = problem.X.copy()
        self.columns = {name: _own_copy(c) for name, c in problem.ingredients.items()}
        self.Z: dict[str, Matrix] = {}
        self.starts: dict[str, Vector] = {}
        self.unsettled: set[str] = set()

    def design(self, target: Target) -> Matrix:
        return self.X if target.group is None else self.Z[target.group]

    def write(self, target: Target, drawn: Vector) -> None:
        """Put drawn values where they belong, and what follows from them."""
        self._put(target, drawn)
        self._refresh(target.coding.moving)
        for passive in self.problem.passives:
            if target.name in passive.ingredients:
                self.compute(passive)

    def open(self, drawn: Sequence[Vector]) -> None:
        """Put the first draws of all targets."""
        for target, values in zip(self.problem.targets, drawn, strict=True):
            self._put(target, values)
        for passive in self.problem.passives:
            self.compute(passive)
        self.Z = {name: group_columns(self.X, g) for name, g in self.problem.groups.items()}

    def _put(self, target: Target, drawn: Vector) -> None:
        spread = drawn[target.source]
        self.X[target.rows, target.coding.moving] = target.coding.columns(spread)
        if target.name in self.columns:
            column = self.columns[target.name]
            # numbers that are drawn as categories are numbers to a formula
            if target.numbers is not None:
                spread = target.numbers[spread.astype(np.intp)]
            column.values[target.rows] = spread

    def compute(self, passive: Passive) -> None:
        value = passive_values(passive, self.columns)
        if not np.isfinite(value).all():
            raise UsageError(
                f"the formula of '{passive.name}' is infinite or undefined for an imputed value; "
                "a logarithm of zero or a division by zero? Impute the result instead.",
                column=passive.name,
            )
        self.X[passive.rows, passive.coding.moving] = passive.coding.columns(value)
        self._refresh(passive.coding.moving)
        if passive.name in self.columns:
            self.columns[passive.name].values[passive.rows] = value
            for later in self.problem.passives:
                if passive.name in later.ingredients:
                    self.compute(later)

    def _refresh(self, moving: slice) -> None:
        """Tables of clusters after a change of the rows' columns."""
        for name, Z in self.Z.items():
            groups = self.problem.groups[name]
            Z[:, moving] = groups.means(self.X, moving)
            for k, column in enumerate(groups.sums):
                if moving.start <= column < moving.stop:
                    Z[:, self.X.shape[1] + k] = Z[:, column] * groups.sizes


def _own_copy(column: Column) -> Column:
    return replace(column, values=column.values.copy())


def passive_values(passive: Passive, columns: dict[str, Column]) -> Vector:
    """Compute a passive variable at its rows, shape (k,)."""
    here = {name: columns[name].take(passive.rows) for name in passive.ingredients}
    return np.asarray(factor_columns(passive.factor, here, {0})[0], dtype=np.float64)


def run_chain(problem: Problem, seed: np.random.SeedSequence, iterations: int) -> Chain:
    """Run one chain.

    Parameters
    ----------
    problem : Problem
        The imputation model; unchanged.
    seed : SeedSequence
        Source of chance of this chain alone.
    iterations : int
        How often every variable is drawn.

    Returns
    -------
    Chain

    References
    ----------
    van Buuren S, Groothuis-Oudshoorn K. mice: multivariate imputation by chained equations in R.
    J Stat Softw 2011;45(3).
    """
    rng = np.random.default_rng(seed)
    state = _State(problem)
    drawn = [rng.choice(t.known, len(t.missing)) for t in problem.targets]
    state.open(drawn)
    trace = np.full((iterations, len(drawn), 2), np.nan)
    for i in range(iterations):
        for k, target in enumerate(problem.targets):
            drawn[k] = _draw(target, state, rng)
            state.write(target, drawn[k])
            trace[i, k] = _summary(drawn[k])
    passive = tuple(passive_values(p, state.columns) for p in problem.passives)
    return Chain(tuple(drawn), passive, trace, tuple(sorted(state.unsettled)))


def _summary(drawn: Vector) -> tuple[float, float]:
    spread = float(drawn.std(ddof=1)) if len(drawn) > 1 else float("nan")
    return float(drawn.mean()), spread


def _draw(target: Target, state: _State, rng: np.random.Generator) -> Vector:
    if target.method in ("pmm", "norm"):
        return _draw_numbers(target, state.design(target), rng)
    return _draw_categories(target, state, rng)


def _draw_numbers(target: Target, X: Matrix, rng: np.random.Generator) -> Vector:
    own = target.coding.own.start
    line = draw_line(X, own, target.predictors, target.observed, rng)
    if target.method == "pmm":
        drawn = target.known[draw_donors(X, line, target.observed, target.missing, rng)]
    else:
        standard = draw_normal(X, line, target.missing, rng)
        drawn = target.coding.centre + target.coding.scale * standard
    return drawn if target.delta is None else drawn + target.delta


def _draw_categories(target: Target, state: _State, rng: np.random.Generator) -> Vector:
    count = target.coding.count
    if count < 2:
        return np.zeros(len(target.missing))
    X = state.design(target)
    seen = X[np.ix_(target.observed, target.predictors)]
    varies = np.ptp(seen, axis=0) > 0
    varies[0] = True  # the intercept
    codes = target.known.astype(np.intp)
    sample = augment(np.ascontiguousarray(seen[:, varies]), codes, count)
    found = fit_categories(sample, target.method, state.starts.get(target.name))
    state.starts[target.name] = found.estimate
    if not found.converged:
        state.unsettled.add(target.name)
    beta = draw_parameters(found, target.method, count, rng)
    new = X[np.ix_(target.missing, target.predictors[varies])]
    shift = 0.0 if target.delta is None else target.delta
    chances = category_chances(new, beta, target.method, count, shift)
    return draw_codes(chances, rng).astype(np.float64)
