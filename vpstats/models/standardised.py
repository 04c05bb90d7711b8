"""Standardised risks: what the population's risk would be if everybody had one exposure.

The model predicts every row with its exposure set to each value in turn, and the predictions are
averaged (the g-formula). Risks, their differences and their ratios are on scales that patients
understand, and unlike odds ratios they do not depend on what else is in the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.bootstrap import Resampling, resampled_risks, sampling_units
from vpstats.models.columns import level_text, read_column, require_columns
from vpstats.models.gformula import (
    MeanRisks,
    Population,
    known_levels,
    mean_risks,
    read_population,
    spell_value,
)
from vpstats.models.logistic import LogisticFit, fit_logistic
from vpstats.models.logistic_request import one_of
from vpstats.models.pooling import pool_estimates
from vpstats.models.risk_contrasts import (
    Contrasts,
    Judged,
    Margin,
    judge_normal,
    judge_replicates,
    read_margin,
    risk_table,
)
from vpstats.results import Caveat, FitResult, TableResult, require_level

_MANY_FAILED = 0.05
"""Share of replicates without an estimate from which their percentiles are no interval."""


@dataclass(frozen=True, kw_only=True)
class StandardisedRisks(TableResult):
    """Risks of a population under each value of an exposure, with differences and ratios.

    Parameters
    ----------
    variable : str
        The exposure.
    reference : str
        The value that the others are compared with.
    method : str
        How limits were made: "delta" or "bootstrap", and what of the rows varied.
    margin : float
        Equivalence margin; NaN if none was given.
    """

    variable: str = ""
    reference: str = ""
    method: str = "delta"
    margin: float = np.nan

    def glance(self) -> pd.DataFrame:
        """One row: ``n, n_events, n_clusters, unit, status, variable, reference, method``."""
        return (
            super()
            .glance()
            .assign(variable=self.variable, reference=self.reference, method=self.method)
        )


@dataclass(frozen=True)
class _Question:
    """What was asked for, checked."""

    exposure: str
    settings: tuple[Mapping[str, Any], ...]
    contrasts: Contrasts
    intervals: str
    sampled: bool
    margin: Margin | None
    level: float

    @property
    def method(self) -> str:
        rows = "rows sampled" if self.sampled else "rows fixed"
        return "bootstrap" if self.intervals == "bootstrap" else f"delta, {rows}"


def standardised_risks(
    fit: FitResult,
    data: pd.DataFrame | Frame | Imputations,
    *,
    exposure: str,
    values: Sequence[Any] | None = None,
    reference: Any = None,
    at: Mapping[str, Any] | None = None,
    intervals: Literal["delta", "bootstrap"] = "delta",
    covariates: Literal["sampled", "fixed"] = "sampled",
    n_boot: int = 1_000,
    seed: int = 0,
    n_jobs: int | None = None,
    margin: float | None = None,
    measure: Literal["risk_difference", "risk_ratio"] = "risk_difference",
    level: float | None = None,
) -> StandardisedRisks:
    """Standardise risks to the rows of a table (the g-formula).

    Parameters
    ----------
    fit : FitResult
        A logistic regression (any penalty), or another model of the marginal risk with a logit
        link that holds `spec`, `coefficients`, `covariance` and `df`.
    data : DataFrame, Frame or Imputations
        Rows to average over, with the fit's columns; unchanged. Rows with a missing value are
        left out, as the fit did. With Imputations the model is fitted to each completed table
        again and the standardised risks are pooled by Rubin's rules.
    exposure : str
        Column to set.
    values : sequence, optional
        Values to set it to: by default all categories, or 0 and 1. Splines and interactions
        that hold the exposure follow.
    reference : value, optional
        Which of them the others are compared with: by default the model's reference category,
        or the first of `values`.
    at : mapping of str to value, optional
        Other columns to set for every row, for an effect at a fixed volume, say.
    intervals : {"delta", "bootstrap"}
        "delta" uses the covariance of the fit, clustered or not. "bootstrap" draws clusters (or
        rows) with replacement, fits again with the same knots and takes percentiles.
    covariates : {"sampled", "fixed"}
        Whether the rows are a sample of the patients meant ("sampled": intervals are for the
        population that they come from) or are all that is meant ("fixed"). The bootstrap is
        always the former.
    n_boot, seed : int
        Replicates and their seed; results do not depend on the number of workers.
    n_jobs : int, optional
        Workers; 1 if None, unless a joblib backend says otherwise.
    margin : float, optional
        Equivalence margin of `measure`: 0.05 for a difference within 5 percentage points, 1.25
        for a ratio within 0.8 to 1.25. Two one-sided tests at 1 - `level` each: the effect counts
        as none if the interval at 2 `level` - 1 (90 % for 95 %) lies within it.
    measure : {"risk_difference", "risk_ratio"}
        What the margin is for.
    level : float, optional
        Confidence level; the fit's if None.

    Returns
    -------
    StandardisedRisks
        ``tidy()`` has ``variable, level, reference, measure, estimate, std_error, conf_low,
        conf_high, p_value``: a row per value ("risk"), and per value other than the reference a
        "risk_difference" and a "risk_ratio". The `std_error` of a ratio is on the log scale.
        With a margin also ``margin, equivalence_low, equivalence_high, equivalence_p_value,
        verdict`` ("equivalent", "relevant difference" or "undecided").

    Raises
    ------
    UsageError
        If the model does not hold the exposure or knows no such value, or the request makes no
        sense for this model.

    Notes
    -----
    With "sampled" the variance is ``D V D' + sum_g (s_g s_g' + s_g m_g' + m_g s_g') G / (G - 1)``:
    V is the covariance of the fit, D the derivative of the mean risks, s_g what the rows of cluster
    g add to the means, and m_g what they add through the coefficients. The last is known for
    `fit_logistic` with a robust covariance and zero on average if the model is right; elsewhere
    it is left out.

    References
    ----------
    Robins J. A new approach to causal inference in mortality studies. Math Model 1986;7:1393-1512.
    Terza JV. Inference using sample means of parametric nonlinear data transformations. Health
    Serv Res 2016;51:1109-1113. Schuirmann DJ. A comparison of the two one-sided tests procedure
    and the power approach. J Pharmacokinet Biopharm 1987;15:657-680.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.models.logistic import fit_logistic
    >>> rows = pd.DataFrame({"leak": [1, 1, 1, 0, 1, 0, 0, 0], "high": [1, 1, 1, 1, 0, 0, 0, 0]})
    >>> risks = standardised_risks(fit_logistic(rows, "leak ~ high"), rows, exposure="high")
    >>> risks.tidy().round(3)[["level", "measure", "estimate"]]
      level          measure  estimate
    0     0             risk      0.25
    1     1             risk      0.75
    2     1  risk_difference      0.50
    3     1       risk_ratio      3.00
    """
    _check_model(fit)
    one_of("intervals", intervals, ("delta", "bootstrap"))
    one_of("covariates", covariates, ("sampled", "fixed"))
    wanted = fit.level if level is None else require_level(level)
    first = next(iter(data)) if isinstance(data, Imputations) else data
    settings, contrasts = _read_values(fit, _table(first), exposure, values, reference, at or {})
    allowance = read_margin(margin, measure, wanted)
    sampled = covariates == "sampled"
    question = _Question(exposure, settings, contrasts, intervals, sampled, allowance, wanted)
    if not fit.ok:
        return _failed(fit, question, fit.status, fit.reason)
    if isinstance(data, Imputations):
        return _pooled(fit, data, question)
    if intervals == "bootstrap":
        return _bootstrapped(fit, _table(data), question, n_boot, seed, n_jobs)
    return _by_delta(fit, _table(data), question)


def _table(data: pd.DataFrame | Frame) -> pd.DataFrame:
    """The table itself: clusters are those of the fit."""
    return data.data if isinstance(data, Frame) else data


def _check_model(fit: FitResult) -> None:
    if fit.measure != "odds_ratio" or not hasattr(fit, "spec"):
        raise UsageError(
            f"{type(fit).__name__} has no marginal risk to standardise; use fit_logistic()."
        )
    if hasattr(fit, "groups") or hasattr(fit, "strata"):
        raise UsageError(
            "the coefficients hold within groups, so risks at them are no population's; fit a "
            "marginal model: fit_logistic(cluster=) or fit_gee()."
        )


def _is_plain(fit: Any) -> bool:
    """Whether this is the result of `fit_logistic` itself, not of a relative."""
    return type(fit) is LogisticFit


def _read_values(
    fit: Any,
    data: pd.DataFrame,
    exposure: str,
    values: Sequence[Any] | None,
    reference: Any,
    at: Mapping[str, Any],
) -> tuple[tuple[Mapping[str, Any], ...], Contrasts]:
    if not fit.spec.factors:  # no rows were fitted, so nothing is known of levels
        return (), Contrasts((), 0)
    require_columns(data, [exposure, *at])
    if exposure in at:
        raise UsageError("at= is for other columns than the exposure.", column=exposure)
    levels = known_levels(fit.spec, exposure)
    chosen = list(values) if values is not None else _default_values(data, exposure, levels)
    read = [spell_value(fit.spec, exposure, value) for value in chosen]
    names = [level_text(value) for value in read]
    if len(set(names)) < len(names) or len(names) < 1:
        raise UsageError("give each of values= once, and at least one.", column=exposure)
    position = 0
    if reference is not None:
        name = level_text(spell_value(fit.spec, exposure, reference))
        if name not in names:
            raise UsageError(f"the reference '{name}' is not among values=.", column=exposure)
        position = names.index(name)
    fixed = {name: spell_value(fit.spec, name, value) for name, value in at.items()}
    settings = tuple({**fixed, exposure: value} for value in read)
    return settings, Contrasts(tuple(names), position)


def _default_values(data: pd.DataFrame, exposure: str, levels: tuple[str, ...] | None) -> list[Any]:
    if levels is not None:
        return list(levels)
    column = read_column(data[exposure])
    if column.levels is not None:  # booleans in arithmetic
        return list(column.levels)
    if not set(np.unique(column.values[~column.missing])) <= {0.0, 1.0}:
        raise UsageError(
            "is a number; say which values to compare, for example values=[2, 4, 6].",
            column=exposure,
        )
    return [0.0, 1.0]


def _population(fit: Any, data: pd.DataFrame, question: _Question) -> Population:
    return read_population(
        fit,
        data,
        question.settings,
        weights=getattr(fit, "weights", None),
        offset=getattr(fit, "offset", None),
        clusters=_clusters(fit),
    )


def _clusters(fit: Any) -> tuple[str, ...]:
    """Columns that the fit's covariance was clustered by."""
    named = getattr(fit, "cluster", None) or ()
    return (named,) if isinstance(named, str) else tuple(named)


def _by_delta(fit: Any, data: pd.DataFrame, question: _Question) -> StandardisedRisks:
    population = _population(fit, data, question)
    if not len(population):
        return _failed(fit, question, "no rows", "no row has a value in every column.")
    means = _means(fit, data, population, question)
    judged = _judge(means, question, float(np.min(fit.df)))
    return _result(fit, data, question, judged, len(population))


def _means(fit: Any, data: pd.DataFrame, population: Population, question: _Question) -> MeanRisks:
    influence = None
    robust = fit.vcov != "model" and _is_plain(fit)
    if question.sampled and robust and len(population) == fit.n:
        influence = fit.influence(data)[population.kept]
    return mean_risks(fit, population, sampled=question.sampled, influence=influence)


def _judge(means: MeanRisks, question: _Question, df: float) -> Judged:
    values, covariance = _contrast(means, question.contrasts)
    return judge_normal(values, np.sqrt(np.diag(covariance)), df, question.level)


def _contrast(means: MeanRisks, contrasts: Contrasts) -> tuple[Any, Any]:
    slopes = contrasts.slopes(means.risks)
    return contrasts.values(means.risks), slopes @ means.covariance @ slopes.T


def _pooled(fit: Any, data: Imputations, question: _Question) -> StandardisedRisks:
    if not _is_plain(fit) or question.intervals == "bootstrap":
        raise UsageError(
            "imputations are standardised for fit_logistic() by the delta method; for others "
            "standardise each completed table."
        )
    fits = [_fit_again(fit, frame) for frame in data]
    failed = next((f for f in fits if not f.ok), None)
    if failed is not None:
        reason = f"in at least one completed data set: {failed.reason}"
        return _failed(fit, question, failed.status, reason)
    tables = [frame.data for frame in data]
    populations = [_population(f, t, question) for f, t in zip(fits, tables, strict=True)]
    parts = [
        _contrast(_means(f, t, p, question), question.contrasts)
        for f, t, p in zip(fits, tables, populations, strict=True)
    ]
    values, covariance, df = pool_estimates(
        np.array([v for v, _ in parts]),
        np.array([c for _, c in parts]),
        float(np.mean([np.min(f.df) for f in fits])),
    )
    judged = judge_normal(values, np.sqrt(np.diag(covariance)), df, question.level)
    return _result(fit, tables[0], question, judged, len(populations[0]))


def _fit_again(fit: LogisticFit, frame: Frame) -> LogisticFit:
    """The same model for a completed table."""
    clusters = fit.cluster if len(fit.cluster) != 1 else fit.cluster[0]
    free = frame.cluster is not None and not fit.cluster
    return fit_logistic(
        frame,
        fit.spec.formula,
        penalty=fit.penalty,  # type: ignore[arg-type]  # the fit was made with it
        cluster=clusters or None,  # type: ignore[arg-type]  # two columns at most
        vcov=fit.vcov,  # type: ignore[arg-type]
        weights=fit.weights,
        offset=fit.offset,
        independent="as in the pooled fit" if free else None,
    )


def _bootstrapped(
    fit: Any,
    data: pd.DataFrame,
    question: _Question,
    n_boot: int,
    seed: int,
    n_jobs: int | None,
) -> StandardisedRisks:
    _check_bootstrap(fit, question, n_boot)
    population = _population(fit, data, question)
    rows = fit.rows_of(data)
    ids = data.loc[population.kept, fit.cluster[0]] if fit.cluster else None
    units = sampling_units(rows, ids)
    problem = Resampling(rows, population, fit.penalty, fit.coefficients, units)
    risks = resampled_risks(problem, n_boot=n_boot, seed=seed, n_jobs=n_jobs)
    kept = np.isfinite(risks).all(axis=1)
    failed = int(np.count_nonzero(~kept))
    if failed > _MANY_FAILED * n_boot:
        reason = (
            f"{failed:,} of {n_boot:,} resampled fits had no estimate, most likely because few "
            "events were drawn; fit with penalty='flic', or use intervals='delta'."
        )
        return _failed(fit, question, "bootstrap failed", reason)
    means = population.risks(fit.coefficients)
    judged = judge_replicates(question.contrasts, means, risks[kept], question.level)
    caveats = _failed_fits(failed, n_boot)
    return _result(fit, data, question, judged, len(population), caveats)


def _check_bootstrap(fit: Any, question: _Question, n_boot: int) -> None:
    if not _is_plain(fit):
        raise UsageError("the bootstrap is for fit_logistic(); use intervals='delta'.")
    if len(fit.cluster) == 2:
        raise UsageError("two crossed clusters cannot be drawn as units; use intervals='delta'.")
    if not question.sampled:
        raise UsageError("a bootstrap draws rows; for covariates='fixed' use intervals='delta'.")
    if n_boot < 100:
        raise UsageError(f"n_boot is {n_boot}; percentiles need at least 100 replicates.")


def _failed_fits(failed: int, n_boot: int) -> tuple[Caveat, ...]:
    if not failed:
        return ()
    message = f"{failed:,} of {n_boot:,} resampled fits had no estimate and were left out."
    return (Caveat("bootstrap_failures", message),)


def _result(
    fit: Any,
    data: pd.DataFrame,
    question: _Question,
    judged: Judged,
    n: int,
    caveats: tuple[Caveat, ...] = (),
) -> StandardisedRisks:
    blank = _failed(fit, question, "ok", "")
    table = risk_table(question.contrasts, question.exposure, judged, question.margin)
    found = (*caveats, *_extrapolation(data, question), *getattr(fit, "prediction_caveats", ()))
    return StandardisedRisks(
        **{**vars(blank), "table": table, "n": n, "caveats": (*found, *fit.caveats)}
    )


def _extrapolation(data: pd.DataFrame, question: _Question) -> list[Caveat]:
    """Values that no row comes near."""
    found = []
    for name in dict.fromkeys(name for setting in question.settings for name in setting):
        column = read_column(data[name])
        wanted = [s[name] for s in question.settings if isinstance(s[name], float)]
        if column.levels is not None or not wanted:
            continue
        low, high = np.nanmin(column.values), np.nanmax(column.values)
        if min(wanted) < low or max(wanted) > high:
            message = f"{name} was set to values outside of those analysed, {low:g} to {high:g}."
            found.append(Caveat("extrapolation", message, name))
    return found


def _failed(fit: Any, question: _Question, status: str, reason: str) -> StandardisedRisks:
    names = question.contrasts.levels
    nothing = np.full(len(question.contrasts.positions) if names else 0, np.nan)
    judged = judge_normal(nothing, nothing, np.inf, question.level)
    table = risk_table(question.contrasts, question.exposure, judged, question.margin)
    return StandardisedRisks(
        title=f"Standardised risks of {fit.spec.response} by {question.exposure}",
        unit=fit.unit,
        n=fit.n,
        n_events=fit.n_events,
        n_clusters=fit.n_clusters,
        caveats=fit.caveats,
        status=status,
        reason=reason,
        level=question.level,
        table=table,
        variable=question.exposure,
        reference=names[question.contrasts.reference] if names else "",
        method=question.method,
        margin=np.nan if question.margin is None else question.margin.size,
    )
