"""What case mix leads to expect at each center: observed and expected outcomes, cross-fitted.

The risk of a row is that of a patient like this one at the *average center*: slopes come from
comparisons within centers (a logistic regression with an effect of each center), and the intercept
is the one at which the other centers together would see as many outcomes as they saw. The center
itself shapes neither. A covariate that differs between centers alone is not adjusted for: it is
part of what is audited.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import special, stats

from vpstats.centers.benchmark import average_center, cross_fit, deal_folds
from vpstats.centers.calibration import calibration_table
from vpstats.centers.clustering import center_variance, within_correlation
from vpstats.centers.floors import Adjustment, choose_adjustment, learning_caveats
from vpstats.centers.reading import (
    Places,
    missing_by_center,
    place_rows,
    reading_caveats,
    require_terms,
)
from vpstats.centers.standard import standard_rates
from vpstats.centers.sums import CenterSums, Risks
from vpstats.centers.within import CenterRows, fit_within
from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations, open_data
from vpstats.models.columns import read_response, require_columns
from vpstats.models.design import build_design
from vpstats.results import Caveat, critical_value, require_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]
    Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Expected:
    """Observed and expected outcomes of each center, with the model behind them.

    It holds rows' risks and is no result; what may be printed is made of its sums and tables.

    Parameters
    ----------
    sums : CenterSums
        Observed, expected and their variances, by center.
    row_risks : ndarray, shape (n,)
        Risk of each analysed row at the average center (for an incidence its cumulative hazard),
        in the order of the rows as given.
    rows : ndarray of int, shape (n,)
        Positions of these rows in the table as given.
    model : DataFrame
        ``term, estimate, std_error, conf_low, conf_high, p_value``: the model fitted to all
        centers, in log odds or log hazards. No row for an intercept where hazards are modelled.
    calibration : DataFrame
        ``variable, level, n, observed, expected, estimate, std_error, conf_low, conf_high``: a
        row per center, per fifth of risk, and overall slope and intercept.
    rates : DataFrame
        ``center_id, crude, indirect, indirect_low, indirect_high, direct, std_error, direct_low,
        direct_high``.
    missing : DataFrame
        ``center_id, n, n_unknown, n_missing, share_missing``.
    correlation : float
        Of two rows of one patient, over the network.
    penalty : str or None
        "firth" where the model was penalised.
    adjusted : tuple of str
        Terms adjusted for; empty where nothing was.
    caveats : tuple of Caveat
        What to know.
    status, reason : str
        "ok", or "no rows", "one center", "constant outcome", and what to do.
    curves : DataFrame
        Of an incidence its curves up to the horizon, as `incidence.thin_steps` leaves them: every
        center's and, as "all", the network's.
    """

    sums: CenterSums
    row_risks: Vector
    rows: Codes
    model: pd.DataFrame
    calibration: pd.DataFrame
    rates: pd.DataFrame
    missing: pd.DataFrame
    correlation: float = 0.0
    penalty: str | None = None
    adjusted: tuple[str, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    status: str = "ok"
    reason: str = ""
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def ok(self) -> bool:
        """Whether observed and expected can be compared."""
        return self.status == "ok"


@dataclass(frozen=True)
class Question:
    """What was asked for."""

    outcome: str
    center: str
    adjust: tuple[str, ...]
    penalty: str | None
    folds: int | None
    level: float


@dataclass(frozen=True)
class Fitted:
    """One table fitted; of imputed tables, the average."""

    places: Places
    y: Vector
    risk: Vector
    benchmark: Vector
    mean: Vector  # with the center's own effect, (n,)
    shift: Vector  # log odds that covariates add, (n,)
    terms: tuple[str, ...]
    beta: Vector
    covariance: Matrix
    adjustment: Adjustment
    missing: pd.DataFrame
    caveats: tuple[Caveat, ...]


def expected_proportion(
    data: pd.DataFrame | Frame | Imputations,
    *,
    outcome: str,
    center: str = "center_id",
    adjust: Sequence[str] = (),
    cluster: str | None = None,
    penalty: Literal["firth"] | None = None,
    unit: str | None = None,
    folds: int | None = None,
    independent: str | None = None,
    level: float = 0.95,
) -> Expected:
    """Compare how often each center saw an outcome with what its case mix leads to expect.

    Parameters
    ----------
    data : DataFrame, Frame or Imputations
        Rows; unchanged. Rows that repeat patients must be clustered. Of imputations expectations
        are averaged, and their spread adds to `benchmark_variance`.
    outcome : str
        Column of 0/1, boolean or yes/no. Rows where it is missing are not in the denominator.
    center : str
        Column of centers; rows without one are left out and counted.
    adjust : sequence of str
        Terms of the pre-specified model, as formulas write them: "age", "C(asa)", "bs(age, df=4)".
    cluster : str, optional
        Column of patients; the frame's own if None.
    penalty : {None, "firth"}
        None takes maximum likelihood where there are ten events per parameter and Firth's
        penalty below that, or where the data separate; "firth" always penalises.
    unit : str, optional
        What a row is; the frame's own if None.
    folds : int, optional
        Folds of centers; each center is left out alone up to 20 centers, beyond that 20 folds.
    independent : str, optional
        Why rows that repeat patients may count as independent; printed.
    level : float
        Confidence level of intervals.

    Returns
    -------
    Expected
        `sums.risks` holds the distinct risks of each center, of which the observed number is
        Poisson-binomial where rows are independent.

    Raises
    ------
    UsageError
        For a column that is missing or unusable, or an outcome that was imputed.

    Notes
    -----
    The average center is the one at which the other centers together would have seen as many
    outcomes as they saw, given their case mix: ``sum expit(a + x'b) = sum y`` over their rows.
    Below 10 events, or 5 per parameter, there is no adjustment (5 to 9 events allow one parameter,
    by Firth), and a caveat says so. Rows that lack a covariate are left out and counted by center,
    not silently: a center that leaves fields empty would otherwise choose its rows. With
    Imputations none is lost.

    The variance of the observed number allows for several rows of one patient by one correlation
    for the network (`vpstats.centers.clustering`).

    References
    ----------
    Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med
    2005;24:1185-1202. Localio AR, Berlin JA, Ten Have TR, Kimmel SE. Adjustments for center in
    multicenter studies. Ann Intern Med 2001;135:112-123. Puhr R, et al. Firth's logistic regression
    with rare events. Stat Med 2017;36:2302-2317. Manktelow BN, Seaton SE, Evans TA. Funnel plot
    control limits to identify poorly performing healthcare providers when there is uncertainty in
    the value of the benchmark. Stat Methods Med Res 2016;25:2670-2684.

    Examples
    --------
    >>> import pandas as pd
    >>> leak = [1, 1, 0, 0, *[1, 0, 0, 0] * 2]
    >>> rows = pd.DataFrame({"center_id": list("aaaabbbbcccc"), "leak": leak})
    >>> found = expected_proportion(rows, outcome="leak")
    >>> found.sums.observed.tolist(), found.sums.expected.round(2).tolist()
    ([2.0, 1.0, 1.0], [1.0, 1.5, 1.5])
    """
    require_terms(adjust, outcome, center)
    if penalty not in (None, "firth"):
        raise UsageError(f"penalty is {penalty!r}; expected None or 'firth'.")
    if folds is not None and folds < 2:
        raise UsageError(f"folds is {folds}; expected at least 2, or None.")
    question = Question(outcome, center, tuple(adjust), penalty, folds, require_level(level))
    if isinstance(data, Imputations):
        frames = [open_data(f, cluster=cluster, independent=independent) for f in data]
        fitted = [_fit(frame, question) for frame in frames]
        return _finish(frames[0], question, _averaged(fitted, outcome), unit)
    frame = open_data(data, cluster=cluster, independent=independent)
    return _finish(frame, question, _fit(frame, question), unit)


def _fit(frame: Frame, question: Question) -> Fitted:
    places, y, X, terms, missing, caveats = _read(frame, question)
    n_events = int(y.sum())
    adjustment = choose_adjustment(n_events, len(y) - n_events, X.shape[1], question.penalty)
    if not adjustment.adjusts or places.k < 2:
        X, terms = X[:, :0], ()
    caveats = (*caveats, *adjustment.caveats)
    if places.k < 2:
        return _unfitted(places, y, adjustment, missing, caveats)
    return _fit_rows(places, y, X, terms, question, adjustment, missing, caveats)


def _read(
    frame: Frame, question: Question
) -> tuple[Places, Vector, Matrix, tuple[str, ...], pd.DataFrame, tuple[Caveat, ...]]:
    """Rows with outcome, center and covariates; what was left out, by center."""
    data, outcome = frame.data, question.outcome
    require_columns(data, (outcome, question.center))
    formula = f"`{outcome}` ~ {' + '.join(question.adjust) or '1'}"
    design = build_design(data, formula, response=True)
    known = ~np.isnan(np.asarray(read_response(data[outcome]), dtype=float))
    complete = np.zeros(len(data), dtype=bool)
    complete[design.kept] = True
    missing = missing_by_center(frame, question.center, known, complete)
    places = place_rows(frame, question.center, design.kept)
    where = np.searchsorted(design.kept, places.given)
    y = np.asarray(design.y, dtype=float)[where] if len(design.kept) else np.empty(0)
    slopes = [j for j, name in enumerate(design.terms) if name != "Intercept"]
    terms = tuple(design.terms[j] for j in slopes)
    caveats = [*reading_caveats(frame, question.center, missing)]
    caveats += [
        Caveat("aliased", f"{name} is determined by other columns and was left out.", name)
        for name in design.aliased
    ]
    X = (
        np.ascontiguousarray(design.X[np.ix_(where, np.array(slopes, dtype=np.intp))])
        if len(where)
        else np.empty((0, 0))
    )
    return places, y, X, terms, missing, tuple(caveats)


def _unfitted(
    places: Places,
    y: Vector,
    adjustment: Adjustment,
    missing: pd.DataFrame,
    caveats: tuple[Caveat, ...],
) -> Fitted:
    """What is known of rows that have nothing to be compared with."""
    share = float(y.mean()) if len(y) else np.nan
    nothing = np.full(len(y), np.nan)
    return Fitted(
        places, y, nothing, np.full(places.k, np.nan), np.full(len(y), share),
        np.zeros(len(y)), (),
        np.array([special.logit(share)]), np.full((1, 1), np.nan), adjustment, missing, caveats,
    )  # fmt: skip


def _fit_rows(
    places: Places,
    y: Vector,
    X: Matrix,
    terms: tuple[str, ...],
    question: Question,
    adjustment: Adjustment,
    missing: pd.DataFrame,
    caveats: tuple[Caveat, ...],
) -> Fitted:
    centre = X.mean(axis=0)
    spread = X.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    rows = CenterRows(np.ascontiguousarray((X - centre) / scale), y, places.center, places.k)
    firth = adjustment.penalty == "firth"
    used = np.ones(places.k, dtype=bool)
    whole = fit_within(rows, used, firth=firth)
    if not whole.converged and not firth:
        caveats = (*caveats, _separated())
        firth, adjustment = True, replace(adjustment, penalty="firth")
        whole = fit_within(rows, used, firth=True)
    average = average_center(rows, used, whole, places.patients)
    fold = deal_folds(rows, places.n_patients, question.folds)
    crossed = cross_fit(rows, places.patients, fold, whole, firth=firth)
    caveats = (
        *caveats,
        *learning_caveats(terms, whole.learnt, crossed.unlearnt, crossed.penalised),
    )
    point = np.concatenate([[average.intercept], average.beta])
    back = _unscaled(centre, scale)
    shift = rows.X @ whole.beta
    mean = special.expit(whole.alpha[places.center] + shift)
    names = ("Intercept", *terms)
    return Fitted(
        places, y, crossed.risk, crossed.variance, mean, shift, names, back @ point,
        back @ average.covariance @ back.T, adjustment, missing, caveats,
    )  # fmt: skip


def _unscaled(centre: Vector, scale: Vector) -> Matrix:
    """From coefficients of centred and scaled columns to those of the columns as given."""
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -centre / scale
    return back


def _separated() -> Caveat:
    return Caveat(
        "separation",
        "The covariates separate the outcome within centers, so the model was fitted by Firth's "
        "penalty.",
    )


def _averaged(fits: Sequence[Fitted], outcome: str) -> Fitted:
    """Average the fits to completed tables; their spread is part of the benchmark's variance."""
    first, m = fits[0], len(fits)
    if any(f.terms != first.terms or not np.array_equal(f.y, first.y) for f in fits):
        raise UsageError(
            f"'{outcome}' or the terms of the adjustment differ between imputations; leave out "
            "rows whose outcome is unknown, and impute covariates alone."
        )
    expected = np.array([f.places.total(f.risk) for f in fits])
    between = (1 + 1 / m) * expected.var(axis=0, ddof=1)
    betas = np.array([f.beta for f in fits])
    spread = (1 + 1 / m) * np.atleast_2d(np.cov(betas.T))
    return replace(
        first,
        risk=np.mean([f.risk for f in fits], axis=0),
        benchmark=np.mean([f.benchmark for f in fits], axis=0) + between,
        mean=np.mean([f.mean for f in fits], axis=0),
        shift=np.mean([f.shift for f in fits], axis=0),
        beta=betas.mean(axis=0),
        covariance=np.mean([f.covariance for f in fits], axis=0) + spread,
    )


def _finish(frame: Frame, question: Question, fit: Fitted, unit: str | None) -> Expected:
    places = fit.places
    pairs = places.pairs
    spread = fit.risk * (1 - fit.risk)
    correlation = 0.0
    if places.clustered:
        correlation = within_correlation(fit.y - fit.mean, fit.mean * (1 - fit.mean), pairs)
    variance, effect = center_variance(spread, places.center, places.k, pairs, correlation)
    status, reason = _status(fit, question)
    sums = CenterSums(
        centers=places.names,
        unit=unit or frame.unit,
        measure="proportion",
        n=places.n,
        n_patients=places.n_patients,
        observed=places.total(fit.y),
        expected=places.total(fit.risk),
        variance=variance,
        design_effect=effect,
        benchmark_variance=fit.benchmark,
        benchmark=float(fit.y.mean()) if len(fit.y) else np.nan,
        risks=() if status == "one center" else _distinct_risks(places, fit.risk),
    )
    return Expected(
        sums=sums,
        row_risks=places.in_given_order(fit.risk),
        rows=np.sort(places.given),
        model=coefficient_table(fit.terms, fit.beta, fit.covariance, fit.places, question.level),
        calibration=calibration_table(fit.y, fit.risk, fit.shift, places, question.level),
        rates=standard_rates(sums, fit.shift, places, question.level),
        missing=fit.missing,
        correlation=correlation,
        penalty=fit.adjustment.penalty if fit.terms[1:] else None,
        adjusted=question.adjust if fit.terms[1:] else (),
        caveats=fit.caveats,
        status=status,
        reason=reason,
    )


def _status(fit: Fitted, question: Question) -> tuple[str, str]:
    if not len(fit.y):
        return "no rows", (
            f"no row has a center, a known '{question.outcome}' and every covariate; see which are "
            "missing."
        )
    if fit.places.k < 2:
        return "one center", (
            "there is no other center to compare with; report the rate with its interval."
        )
    if fit.y.min() == fit.y.max():
        word = "every" if fit.y[0] else "no"
        return "constant outcome", f"{word} row has '{question.outcome}': nothing to compare."
    return "ok", ""


def _distinct_risks(places: Places, risk: Vector) -> tuple[Risks, ...]:
    ends = np.searchsorted(places.center, np.arange(places.k + 1))
    parts = (np.unique(risk[a:b], return_counts=True) for a, b in pairwise(ends))
    return tuple(Risks(values, counts.astype(float)) for values, counts in parts)


def coefficient_table(
    terms: Sequence[str], beta: Vector, covariance: Matrix, places: Places, level: float
) -> pd.DataFrame:
    """The risk model as a table, Wald limits by t on patients less one."""
    shown = len(terms)
    beta, error = beta[:shown], np.sqrt(np.diag(covariance))[:shown]
    df = max(places.patients.count - 1, 1)
    half = critical_value(level, float(df)) * error
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = 2 * stats.t.sf(np.abs(beta / error), df)
    # a column that nothing was learnt of has no variance either
    unknown = ~(error > 0)
    table = pd.DataFrame(
        {
            "term": list(terms),
            "estimate": beta,
            "std_error": error,
            "conf_low": beta - half,
            "conf_high": beta + half,
            "p_value": p_value,
        }
    )
    table.loc[unknown, ["std_error", "conf_low", "conf_high", "p_value"]] = np.nan
    return table
