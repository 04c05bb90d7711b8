"""Learning curves: how odds change with the number of procedures that an operator has done."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from vpstats.centers.monitoring.weights import read_outcome, read_risks
from vpstats.errors import UsageError
from vpstats.frames import PATIENT, Frame
from vpstats.models.logistic import LogisticFit, fit_logistic
from vpstats.models.mixed import fit_mixed_logistic
from vpstats.models.partial_effects import partial_effects
from vpstats.models.splines import learn_basis
from vpstats.results import Caveat, TableResult, require_level

Vector = NDArray[np.float64]

_CASE, _OUTCOME, _OFFSET = "case_number", "outcome_seen", "expected_log_odds"
_OPERATOR = "operator_code"
_FEWEST_OPERATORS = 3
"""Operators below whom a stretch of the curve is about persons rather than about experience."""
_EDGES = (0, 10, 25, 50, 100, 200, 500)
_POINTS = 25


@dataclass(frozen=True, kw_only=True)
class LearningCurve(TableResult):
    """Odds by case number against a reference, all else equal.

    ``tidy()`` has a row for each case number of a grid: ``position, reference, n_operators,
    estimate, std_error, conf_low, conf_high``: the odds ratio to the reference with limits at each
    point, not for the whole curve at once; `std_error` is of its logarithm, and `n_operators` the
    operators who got that far. Where fewer than three did, the curve is not given.

    Parameters
    ----------
    bands : DataFrame
        ``level, n, n_operators, observed, expected, o_e`` for bands of case numbers, expected
        from the model without case numbers.
    operators : DataFrame
        ``group, edition, n, observed, expected`` and the first and last case number of each
        operator. Every row says "internal" in `edition`: it is about a person, and no part of
        ``tidy()``, ``glance()`` or a public page.
    statistic, df, p_value : float
        Joint test that odds do not change with the case number.
    bend_p_value : float
        Test that the change is straight in the log odds.
    model : str
        "random intercepts of operators", or "operators as clusters".
    sd : float
        Standard deviation of the operators' intercepts; NaN for clusters.
    """

    bands: pd.DataFrame = field(default_factory=pd.DataFrame)
    operators: pd.DataFrame = field(default_factory=pd.DataFrame)
    statistic: float = float("nan")
    df: float = float("nan")
    p_value: float = float("nan")
    bend_p_value: float = float("nan")
    model: str = ""
    sd: float = float("nan")

    def glance(self) -> pd.DataFrame:
        """One row, that of a table with ``statistic, df, p_value, bend_p_value, sd, method``."""
        return (
            super()
            .glance()
            .assign(
                statistic=self.statistic,
                df=self.df,
                p_value=self.p_value,
                bend_p_value=self.bend_p_value,
                sd=self.sd,
                method=self.model,
            )
        )

    def beside(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """The bands of case numbers."""
        return (("Observed and expected by case number", self.bands.copy()),)


def learning_curve(
    data: pd.DataFrame | Frame,
    *,
    operator: str = "operator_id",
    sequence: str | None = None,
    date: str = "procedure_date",
    outcome: str | None = None,
    adjust: Sequence[str] = (),
    risks: Any = None,
    prior: str | None = None,
    unknown_prior: Literal["drop", "keep"] = "drop",
    operators: Literal["random", "clusters"] = "random",
    knots: int = 4,
    reference: float | None = None,
    level: float = 0.95,
) -> LearningCurve:
    """Fit a risk-adjusted learning curve over operators' case numbers.

    Parameters
    ----------
    data : DataFrame or Frame
        A row per procedure; unchanged.
    operator : str
        Column of the operator's pseudonym.
    sequence : str, optional
        Column of the operator's case number within the registry. If None it is counted from
        `date`; cases of one day share their mean number.
    date : str
        Column of the day of the procedure, where `sequence` is None.
    outcome : str, optional
        Column of the outcome, 0 or 1; that of the Frame if None.
    adjust : sequence of str
        Terms of the formula beside the case number.
    risks : array_like, shape (n,), optional
        Expected risks of the rows, whose log odds enter as they are, instead of `adjust`.
    prior : str, optional
        Column of the cases that the operator had done before the registry began, which are added
        to the case number. Without it curves are left-truncated: the first case in the registry
        may be an operator's thousandth, which flattens the curve; a caveat says so.
    unknown_prior : {"drop", "keep"}
        What happens to operators whose `prior` is missing: left out, or counted from the
        registry's beginning.
    operators : {"random", "clusters"}
        Random intercepts of operators, so that the curve is about one operator's progress; or a
        plain logistic regression with errors clustered by operator, whose curve also holds who
        stayed on.
    knots : int
        Knots of the restricted cubic spline, 3 to 7.
    reference : float, optional
        Case number that odds are compared with; 1 more than the prior cases' least if None.
    level : float
        Confidence level.

    Returns
    -------
    LearningCurve
        `status` is "ok", "too few case numbers", or that of the model that failed.

    Raises
    ------
    UsageError
        If a column is missing, an outcome is not 0 or 1, or both `adjust` and `risks` are given.

    References
    ----------
    Ramsay CR, Grant AM, Wallace SA, Garthwaite PH, Monk AF, Russell IT. Statistical assessment of
    the learning curves of health technologies. Health Technol Assess 2001;5(12).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"operator_id": np.repeat(list("abcdefgh"), 60),
    ...                      "case": np.tile(np.arange(1, 61), 8)})
    >>> rows["leak"] = (rng.random(480) < 0.2 + 0.4 * np.exp(-rows["case"] / 15)).astype(int)
    >>> found = learning_curve(rows, sequence="case", outcome="leak")
    >>> found.p_value < 0.01, [c.code for c in found.caveats][:1]
    (True, ['left_truncated'])
    """
    require_level(level)
    _require_options(adjust, risks, unknown_prior, operators)
    rows, caveats = _read(data, operator, sequence, date, outcome, risks, prior)
    if prior is not None and unknown_prior == "drop":
        rows = rows[rows["prior_known"]]
    blank = _blank(data, rows, caveats, level)
    if not len(rows):
        return replace(blank, status="no rows", reason=_NO_ROWS)
    try:
        basis = learn_basis("rcs", rows[_CASE].to_numpy(), {"k": knots}, _CASE)
    except UsageError as error:
        if not 3 <= knots <= 7:
            raise
        return replace(blank, status="too few case numbers", reason=str(error))
    return _fit(blank, rows, tuple(adjust), basis.numbers, operators, reference)


_NO_ROWS = "no row has an operator and a case number; look at what the registry records."


def _require_options(adjust: Sequence[str], risks: Any, unknown: str, operators: str) -> None:
    if isinstance(adjust, str):
        raise UsageError("adjust is a list of terms, such as ['age', 'C(region)'].")
    if len(adjust) and risks is not None:
        raise UsageError("give adjust= or risks=, not both.")
    if unknown not in ("drop", "keep"):
        raise UsageError(f"unknown_prior is {unknown!r}; expected 'drop' or 'keep'.")
    if operators not in ("random", "clusters"):
        raise UsageError(f"operators is {operators!r}; expected 'random' or 'clusters'.")


def _read(
    data: pd.DataFrame | Frame,
    operator: str,
    sequence: str | None,
    date: str,
    outcome: str | None,
    risks: Any,
    prior: str | None,
) -> tuple[pd.DataFrame, tuple[Caveat, ...]]:
    """The rows with their case number, outcome and operator under names of our own."""
    table = data.data if isinstance(data, Frame) else data
    name = data.outcome if outcome is None and isinstance(data, Frame) else outcome
    if name is None:
        raise UsageError("name the column of the outcome with outcome=.")
    needed = [name, operator, date if sequence is None else sequence]
    missing = [c for c in [*needed, *([prior] if prior else [])] if c not in table.columns]
    if missing:
        raise UsageError(f"the data have no column {', '.join(repr(c) for c in missing)}.")
    rows = table.reset_index(drop=True).drop(columns=[PATIENT], errors="ignore")
    rows = rows.assign(
        **{_OPERATOR: rows[operator], _CASE: _case_number(rows, operator, sequence, date)}
    )
    before = rows[prior].to_numpy(float, na_value=np.nan) if prior else np.full(len(rows), np.nan)
    rows = rows.assign(prior_known=np.isfinite(before))
    rows[_CASE] += np.nan_to_num(before)
    if risks is not None:
        rows[_OFFSET] = _log_odds(risks, len(rows))
    whole = rows[_OPERATOR].notna() & rows[_CASE].notna() & rows[name].notna()
    rows = rows[whole].assign(**{_OUTCOME: read_outcome(rows.loc[whole, name].to_numpy(float))})
    return rows, (*_truncation(rows, prior), *_dropped(len(table) - len(rows)), *_repeats(table))


def _case_number(rows: pd.DataFrame, operator: str, sequence: str | None, date: str) -> Vector:
    if sequence is not None:
        number = rows[sequence].to_numpy(float, na_value=np.nan)
        if (number < 0).any():
            raise UsageError("a case number is negative.", column=sequence)
        return np.asarray(number)
    day = pd.to_datetime(rows[date], errors="coerce")
    return np.asarray(day.groupby(rows[operator]).rank(method="average").to_numpy(float))


def _log_odds(risks: Any, n: int) -> Vector:
    p = read_risks(risks)
    if len(p) != n or ((p == 0) | (p == 1)).any():
        raise UsageError("risks must be one number between 0 and 1 for each row.")
    return np.asarray(special.logit(p))


def _truncation(rows: pd.DataFrame, prior: str | None) -> tuple[Caveat, ...]:
    unknown = rows.loc[~rows["prior_known"], _OPERATOR].nunique()
    if not unknown:
        return ()
    total = rows[_OPERATOR].nunique()
    what = "no column tells it" if prior is None else f"column '{prior}' lacks it"
    return (
        Caveat(
            "left_truncated",
            f"prior experience of {unknown} of {total} operators is unknown ({what}): counted "
            "from the registry's beginning, their early cases may lie before it.",
        ),
    )


def _dropped(count: int) -> tuple[Caveat, ...]:
    if not count:
        return ()
    return (Caveat("dropped_rows", f"{count} rows lack an operator, a case number or an outcome."),)


def _repeats(table: pd.DataFrame) -> tuple[Caveat, ...]:
    again = int(table[PATIENT].duplicated().sum()) if PATIENT in table.columns else 0
    if not again:
        return ()
    return (Caveat("repeated_patients", f"{again} rows are of patients seen before."),)


def _blank(
    data: pd.DataFrame | Frame, rows: pd.DataFrame, caveats: tuple[Caveat, ...], level: float
) -> LearningCurve:
    return LearningCurve(
        title="Odds by operators' case number",
        unit=data.unit if isinstance(data, Frame) else "procedure",
        n=len(rows),
        n_events=int(rows[_OUTCOME].sum()),
        n_clusters=int(rows[_OPERATOR].nunique()),
        caveats=caveats,
        level=level,
        table=pd.DataFrame({name: pd.Series(dtype=float) for name in _COLUMNS}),
        bands=pd.DataFrame(columns=["level", "n", "n_operators", "observed", "expected", "o_e"]),
    )


_COLUMNS = (
    *("position", "reference", "n_operators", "estimate", "std_error", "conf_low", "conf_high"),
)


def _fit(
    blank: LearningCurve,
    rows: pd.DataFrame,
    adjust: tuple[str, ...],
    knots: tuple[float, ...],
    operators: str,
    reference: float | None,
) -> LearningCurve:
    spline = f"rcs({_CASE}, knots=[{', '.join(f'{k:.12g}' for k in knots)}])"
    fit = _regress(rows, [spline, *adjust], operators, blank.level)
    words = "random intercepts of operators" if operators == "random" else "operators as clusters"
    caveats = (*blank.caveats, *fit.caveats)
    if not fit.ok:
        return replace(blank, status=fit.status, reason=fit.reason, caveats=caveats, model=words)
    own = [t for t, a in zip(fit.terms, fit.spec.assign, strict=True) if _CASE in a]
    test = fit.wald_test(own).iloc[0]
    flat = _regress(rows, list(adjust), operators, blank.level)
    rows = rows.assign(expected=flat.predict(rows)["estimate"].to_numpy() if flat.ok else np.nan)
    rows = rows.assign(expected=_balanced(rows))
    return replace(
        blank,
        caveats=caveats,
        table=_curve(fit, rows, reference),
        bands=_bands(rows),
        operators=_by_operator(rows),
        statistic=float(test["statistic"]),
        df=float(test["df"]),
        p_value=float(test["p_value"]),
        bend_p_value=float(fit.wald_test(own[1:])["p_value"].iloc[0]),
        model=words,
        sd=float(fit.glance()["sd"].iloc[0]) if operators == "random" else float("nan"),
    )


def _regress(rows: pd.DataFrame, terms: list[str], operators: str, level: float) -> LogisticFit:
    formula = f"{_OUTCOME} ~ {' + '.join(terms) or '1'}"
    offset = _OFFSET if _OFFSET in rows.columns else None
    if operators == "random":
        return fit_mixed_logistic(rows, formula, group=_OPERATOR, offset=offset, level=level)
    return fit_logistic(rows, formula, cluster=_OPERATOR, offset=offset, level=level)


def _balanced(rows: pd.DataFrame) -> Vector:
    """Expected risks scaled so that as much is expected as was observed, over all rows."""
    expected = rows["expected"].to_numpy()
    total = np.nansum(expected)
    return np.asarray(expected * rows[_OUTCOME].sum() / total if total > 0 else expected)


def _curve(fit: LogisticFit, rows: pd.DataFrame, reference: float | None) -> pd.DataFrame:
    """The odds ratio over a grid of case numbers that at least three operators reached."""
    reached = rows.groupby(_OPERATOR)[_CASE].max().sort_values(ascending=False).to_numpy()
    first = float(rows[_CASE].min()) if reference is None else float(reference)
    enough = reached[_FEWEST_OPERATORS - 1] if len(reached) >= _FEWEST_OPERATORS else -np.inf
    top = min(enough, float(rows[_CASE].quantile(0.99)))
    least = float(rows[_CASE].min())
    grid = np.unique(np.round(np.geomspace(max(least, 1.0), max(top, 1.0), _POINTS)))
    grid = grid[grid <= top]
    if not len(grid):
        return pd.DataFrame({name: pd.Series(dtype=float) for name in _COLUMNS})
    effect = partial_effects(fit, variable=_CASE, values=grid.tolist(), reference=first)
    table = effect.tidy(exponentiate=True)
    return pd.DataFrame(
        {
            "position": grid,
            "reference": first,
            "n_operators": [float((reached >= at).sum()) for at in grid],
            **{c: table[c].to_numpy() for c in ("estimate", "std_error", "conf_low", "conf_high")},
        }
    )


def _bands(rows: pd.DataFrame) -> pd.DataFrame:
    edges = [*_EDGES, np.inf]
    names = [f"{a + 1}–{b}" for a, b in itertools.pairwise(_EDGES)]
    band = pd.cut(rows[_CASE], edges, labels=[*names, f"above {_EDGES[-1]}"], include_lowest=True)
    groups = rows.assign(level=band.astype(str), order=band.cat.codes).groupby(["order", "level"])
    table = groups.agg(
        n=(_OUTCOME, "size"),
        n_operators=(_OPERATOR, "nunique"),
        observed=(_OUTCOME, "sum"),
        expected=("expected", "sum"),
    ).reset_index()
    table["observed"] = table["observed"].astype(int)
    return table.drop(columns="order").assign(o_e=table["observed"] / table["expected"])


def _by_operator(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.groupby(_OPERATOR, sort=True).agg(
        n=(_OUTCOME, "size"),
        first_case=(_CASE, "min"),
        last_case=(_CASE, "max"),
        observed=(_OUTCOME, "sum"),
        expected=("expected", "sum"),
    )
    table = table.rename_axis("group").reset_index()
    table.insert(1, "edition", "internal")
    return table.astype({"observed": int})
