"""Partial effects: how a fitted effect runs over the values of one variable, with its band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from vpstats.errors import UsageError
from vpstats.models.columns import level_text
from vpstats.models.design import DesignSpec, apply_design
from vpstats.models.gformula import known_levels, set_columns, spell_value
from vpstats.results import FitResult, Result, critical_value, require_level

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PartialEffects(Result):
    """Log ratios of one variable's values to a reference, all else equal.

    Parameters
    ----------
    variable, reference : str
        The variable, and the value that its others are compared with.
    labels : tuple of str, length k
        Its values.
    positions : ndarray, shape (k,)
        The same as numbers; NaN for categories.
    estimates, std_errors : ndarray, shape (k,)
        Log ratios and their standard errors.
    df : float
        Degrees of freedom of t; infinite for the normal.
    measure : str
        What ``exp(estimate)`` is called.
    settings : str
        Values of other variables that the effect is at, where it depends on them.
    """

    variable: str
    reference: str
    labels: tuple[str, ...]
    positions: Vector
    estimates: Vector
    std_errors: Vector
    df: float = np.inf
    measure: str = "odds_ratio"
    settings: str = ""

    kind: ClassVar[str] = "effect"

    def tidy(self, *, exponentiate: bool = False, level: float | None = None) -> pd.DataFrame:
        """One row per value.

        Parameters
        ----------
        exponentiate : bool
            Ratios rather than log ratios; `std_error` stays on the log scale.
        level : float, optional
            Confidence level; the fit's if None.

        Returns
        -------
        DataFrame
            ``variable, level, position, reference, estimate, std_error, statistic, p_value,
            conf_low, conf_high``. `position` is the value as a number. Limits hold at each value
            alone, not for the whole band at once.
        """
        margin = critical_value(self.level if level is None else require_level(level), self.df)
        scale = np.exp if exponentiate else np.asarray
        with np.errstate(invalid="ignore", divide="ignore"):
            statistic = self.estimates / self.std_errors
        two_sided = stats.norm.sf if np.isinf(self.df) else stats.t(self.df).sf
        return pd.DataFrame(
            {
                "variable": self.variable,
                "level": list(self.labels),
                "position": self.positions,
                "reference": self.reference,
                "estimate": scale(self.estimates),
                "std_error": self.std_errors,
                "statistic": statistic,
                "p_value": 2 * two_sided(np.abs(statistic)),
                "conf_low": scale(self.estimates - margin * self.std_errors),
                "conf_high": scale(self.estimates + margin * self.std_errors),
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: ``n, n_events, n_clusters, unit, status, variable, reference, measure``."""
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_events": pd.array([self.n_events], dtype="Int64"),
                "n_clusters": pd.array([self.n_clusters], dtype="Int64"),
                "unit": [self.unit],
                "status": [self.status],
                "variable": [self.variable],
                "reference": [self.reference],
                "measure": [self.measure],
            }
        )


def partial_effects(
    fit: FitResult,
    *,
    variable: str,
    values: Sequence[Any] | None = None,
    reference: Any = None,
    at: Mapping[str, Any] | None = None,
    level: float | None = None,
) -> PartialEffects:
    """Read the effect of one variable off a fit, through splines and interactions.

    Parameters
    ----------
    fit : FitResult
        A logistic regression of any kind, or a hazard regression.
    variable : str
        Column whose effect is wanted.
    values : sequence, optional
        Where to read it; all categories if None. A number needs values.
    reference : value, optional
        What they are compared with; the model's reference category, or the first of `values`.
    at : mapping of str to value, optional
        Values of the columns that interact with the variable; the others do not matter.
    level : float, optional
        Confidence level; the fit's if None.

    Returns
    -------
    PartialEffects
        ``tidy()`` has a row per value with the log ratio to the reference;
        ``tidy(exponentiate=True)`` the ratio; ``plot()`` draws it with its band.

    Raises
    ------
    UsageError
        If the model does not hold the variable, knows no such value, or an interaction needs
        `at`.

    References
    ----------
    Harrell FE. Regression Modeling Strategies. Springer, 2015; section 2.4.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.models.logistic import fit_logistic
    >>> rows = pd.DataFrame(
    ...     {"leak": [0, 0, 1, 0, 1, 0, 1, 1, 0, 1], "ml": [2.0, 3, 3, 4, 4, 5, 5, 6, 6, 7]}
    ... )
    >>> fit = fit_logistic(rows, "leak ~ ml")
    >>> effect = partial_effects(fit, variable="ml", values=[3, 4, 6], reference=4)
    >>> (effect.tidy()["estimate"] / fit.coefficients[1]).round(6).tolist()  # ml - 4
    [-1.0, 0.0, 2.0]
    """
    spec = _spec_of(fit)
    wanted = fit.level if level is None else require_level(level)
    blank = PartialEffects(
        title=f"Effect of {variable}: {fit.title}",
        unit=fit.unit,
        n=fit.n,
        n_events=fit.n_events,
        n_clusters=fit.n_clusters,
        caveats=fit.caveats,
        status=fit.status,
        reason=fit.reason,
        level=wanted,
        variable=variable,
        reference="",
        labels=(),
        positions=np.empty(0),
        estimates=np.empty(0),
        std_errors=np.empty(0),
        measure=fit.measure,
    )
    if not spec.factors:  # no rows were fitted, so nothing is known of levels
        return blank
    chosen, base = _read_values(spec, variable, values, reference)
    part, columns = _part_with(spec, variable)
    settings = _read_settings(part, variable, at or {})
    X = _rows_at(part, variable, chosen, settings) - _rows_at(part, variable, [base], settings)
    block = fit.covariance[np.ix_(columns, columns)]
    words = ", ".join(f"{name} = {level_text(value)}" for name, value in settings.items())
    return replace(
        blank,
        title=blank.title.replace(":", f" at {words}:", 1) if words else blank.title,
        reference=level_text(base),
        labels=tuple(level_text(v) for v in chosen),
        positions=np.array([v if isinstance(v, float) else np.nan for v in chosen]),
        estimates=X @ fit.coefficients[columns],
        std_errors=np.sqrt(np.einsum("ij,jk,ik->i", X, block, X)),
        df=float(np.min(np.broadcast_to(fit.df, len(fit.terms))[columns])),
        settings=words,
    )


def _spec_of(fit: FitResult) -> DesignSpec:
    spec = getattr(fit, "spec", None)
    if not isinstance(spec, DesignSpec):
        raise UsageError(f"{type(fit).__name__} has no formula to read an effect from.")
    return spec


def _read_values(
    spec: DesignSpec, variable: str, values: Sequence[Any] | None, reference: Any
) -> tuple[list[Any], Any]:
    levels = known_levels(spec, variable)
    if values is None and levels is None:
        raise UsageError("is a number; say where to read its effect with values=.", column=variable)
    asked = levels if values is None else values
    # an array is neither true nor false, so it is counted and not asked
    chosen = [spell_value(spec, variable, v) for v in (() if asked is None else list(asked))]
    if not chosen:
        raise UsageError("give at least one of values=.", column=variable)
    if reference is not None:
        return chosen, spell_value(spec, variable, reference)
    return chosen, chosen[0] if levels is None else spell_value(spec, variable, levels[0])


def _part_with(spec: DesignSpec, variable: str) -> tuple[DesignSpec, NDArray[np.intp]]:
    """The part of a design that the variable is in, and the positions of its columns."""
    own = {text for text, f in spec.factors.items() if variable in f.expression.columns}
    columns = [
        j for j, recipe in enumerate(spec.recipes) if own & {text for text, _ in recipe.parts}
    ]
    recipes = tuple(spec.recipes[j] for j in columns)
    used = {text for recipe in recipes for text, _ in recipe.parts}
    factors = {text: f for text, f in spec.factors.items() if text in used}
    return replace(spec, factors=factors, recipes=recipes), np.array(columns, dtype=np.intp)


def _read_settings(part: DesignSpec, variable: str, at: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the columns that the effect depends on."""
    partners = [name for name in part.variables if name != variable]
    missing = [name for name in partners if name not in at]
    if missing:
        raise UsageError(
            f"the effect depends on {', '.join(missing)}; say at which values with at=.",
            column=variable,
        )
    return {name: spell_value(part, name, at[name]) for name in partners}


def _rows_at(
    part: DesignSpec, variable: str, values: Sequence[Any], settings: Mapping[str, Any]
) -> Matrix:
    table = pd.DataFrame({variable: values})
    return apply_design(part, set_columns(table, settings))
