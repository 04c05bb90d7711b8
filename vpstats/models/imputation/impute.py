"""Multiple imputation: a frame with gaps to completed frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vpstats.errors import UsageError
from vpstats.frames import PATIENT, Frame, Imputations, open_data
from vpstats.models.imputation.chain import Chain, run_chain
from vpstats.models.imputation.completion import collect
from vpstats.models.imputation.outcomes import read_outcomes
from vpstats.models.imputation.plan import Plan, Request, make_plan
from vpstats.models.imputation.variables import Method


def impute(
    data: pd.DataFrame | Frame,
    *,
    seed: int,
    m: int = 20,
    iterations: int = 10,
    variables: Sequence[str] | None = None,
    auxiliary: Sequence[str] = (),
    exclude: Sequence[str] = (),
    methods: Mapping[str, Method] | None = None,
    predictors: Mapping[str, Sequence[str]] | None = None,
    outcome: str | Sequence[str] | None = None,
    duration: str | None = None,
    event: str | None = None,
    entry: str | None = None,
    impute_outcome: bool = False,
    cluster: str | Sequence[str] | None = None,
    patient_level: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    passive: Mapping[str, str] | None = None,
    where: Mapping[str, Any] | None = None,
    delta: Mapping[str, Any] | None = None,
    delta_by: str | None = None,
    n_jobs: int = 1,
    independent: str | None = None,
) -> Imputations:
    """Impute missing values several times by chained equations.

    Every incomplete variable is regressed in turn on all others, its missing values are drawn
    given the rest, and this is repeated; `m` independent chains give `m` completed frames. Fits
    of the result are pooled by Rubin's rules.

    Parameters
    ----------
    data : DataFrame or Frame
        Rows; unchanged. A Frame brings its outcome and its patients along.
    seed : int
        Seed of all chains; each has a stream of its own.
    m : int
        Completed frames; as a rule of thumb at least the percentage of incomplete rows (White,
        Royston & Wood 2011).
    iterations : int
        How often every variable is drawn in a chain.
    variables : sequence of str, optional
        Columns of the imputation model: they are imputed where they are incomplete, and predict
        one another. If None all columns (50 at most) but dates, identifiers and free text, which
        a caveat names. They should hold everything that the analysis will use.
    auxiliary : sequence of str
        Further columns that only help to predict; handed back as they were.
    exclude : sequence of str
        Columns to keep out of the model.
    methods : mapping of str to str, optional
        Per variable "pmm" (predictive mean matching, the default for numbers), "norm" (Bayesian
        linear regression), "logistic" (two categories, and 0/1 numbers), "multinomial" (more
        categories) or "ordinal" (ordered categories, by proportional odds).
    predictors : mapping of str to sequence of str, optional
        Per variable the only columns that predict it, besides the outcome; all if not named.
    outcome : str or sequence of str, optional
        Outcomes of the analysis, always among the predictors and handed back as they were; the
        frame's own if None, ``()`` for none.
    duration, event, entry : str, optional
        Columns of a time-to-event outcome. Whether each cause ended the follow-up and the
        Nelson–Aalen cumulative hazard of every cause are predictors, the time itself is not.
    impute_outcome : bool
        Whether missing values of `outcome` are imputed too. If not, they are on the way, and
        handed back missing (von Hippel 2007).
    cluster : str or sequence of str, optional
        Column that names the patient, or nested columns from the outermost inwards, such as
        ``["patient_id", "procedure_id"]``; ``patient_id`` or the frame's own cluster if None. A
        DataFrame is then clustered in the first.
    patient_level : sequence of str, or mapping of str to sequence of str, optional
        Columns with one value per patient (per column of clusters if a mapping), imputed once per
        patient from the means of the rows' columns; if None those that never differ between rows
        of a patient, or else of an inner cluster.
    passive : mapping of str to str, optional
        Variables that follow from others, with their formula, such as ``{"bmi": "weight_kg /
        height_m ** 2"}``; computed again after every draw. Observed values of theirs stand.
    where : mapping of str to str or array_like of bool, optional
        Rows in which a variable is defined, as a formula (``"surgery == 1"``) or one boolean per
        row; in the others it stays missing.
    delta : mapping of str to float or mapping, optional
        What is added to imputed numbers, or to the log odds of imputed categories: how much what
        is missing is assumed to differ from what is seen. Per category of `delta_by` if a
        mapping.
    delta_by : str, optional
        Complete column of groups with a delta each.
    n_jobs : int
        Processes, by joblib; the result does not depend on it.
    independent : str, optional
        Why rows that repeat patients may be taken as independent; the reason is printed.

    Returns
    -------
    Imputations
        Completed frames with the rows, index, types and categories of the data; nothing observed
        is changed. ``traces`` says what was imputed and how the chains went, ``caveats`` what to
        know. Draws belong to rows by what these hold, so the order of the rows plays no part
        (rows that are equal in every column of the model may swap values).

    Raises
    ------
    UsageError
        If no outcome is known, or a column is absent, holds no value or an infinite one, or what
        the model or the method cannot use.
    FormulaError
        If a formula holds anything but columns, arithmetic, comparisons, log, exp and sqrt.

    References
    ----------
    White IR, Royston P, Wood AM. Multiple imputation using chained equations: issues and guidance
    for practice. Stat Med 2011;30:377-399. White IR, Royston P. Imputing missing covariate values
    for the Cox model. Stat Med 2009;28:1982-1998. van Buuren S. Flexible Imputation of Missing
    Data, 2nd edition. CRC Press, 2018. von Hippel PT. Regression with missing Ys. Sociol Methodol
    2007;37:83-117.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> age, leak = rng.normal(70, 8, 200).round(), rng.integers(0, 2, 200)
    >>> rows = pd.DataFrame({"age": age, "leak": leak})
    >>> rows["crp"] = (rows["age"] / 10 + rng.normal(size=200)).round(1)
    >>> rows.loc[::5, "crp"] = None
    >>> imputations = impute(rows, outcome="leak", m=5, seed=1)
    >>> [int(frame.data["crp"].isna().sum()) for frame in imputations]
    [0, 0, 0, 0, 0]
    """
    _check_numbers(seed=seed, m=m, iterations=iterations, n_jobs=n_jobs)
    clusters = (cluster,) if isinstance(cluster, str) else tuple(cluster or ())
    own = isinstance(data, Frame) and data.cluster is not None
    named = None if own or not clusters or independent else clusters[0]
    frame = open_data(data, cluster=named, independent=independent)
    request = Request(
        outcomes=read_outcomes(frame, outcome, duration, event, entry),
        variables=None if variables is None else _names("variables", variables),
        auxiliary=_names("auxiliary", auxiliary),
        exclude=_names("exclude", exclude),
        methods=methods or {},
        predictors=predictors or {},
        passive=passive or {},
        where=where or {},
        delta=delta or {},
        delta_by=delta_by,
        clusters=clusters or _patient_column(frame),
        shared=_shared(patient_level, clusters or _patient_column(frame)),
        impute_outcome=impute_outcome,
    )
    plan = make_plan(frame, request)
    seeds = np.random.SeedSequence(seed).spawn(m)
    chains = _run(plan, seeds, iterations, n_jobs)
    return collect(frame, plan, chains)


def _check_numbers(**numbers: Any) -> None:
    least = {"seed": 0, "m": 2, "iterations": 1}
    for name, value in numbers.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or (name in least and value < least[name]):
            at_least = f" of at least {least[name]}" if name in least else ""
            raise UsageError(f"{name} is {value!r}; expected a whole number{at_least}.")


def _names(argument: str, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise UsageError(f"{argument}= takes a list of columns; write ['{names}'].")
    return tuple(dict.fromkeys(map(str, names)))


def _patient_column(frame: Frame) -> tuple[str, ...]:
    cluster = PATIENT if PATIENT in frame.data.columns else frame.cluster
    return () if cluster is None else (cluster,)


def _shared(
    declared: Sequence[str] | Mapping[str, Sequence[str]] | None, clusters: tuple[str, ...]
) -> dict[str, tuple[str, ...]] | None:
    """Declared variables of each column of clusters."""
    if declared is None:
        return None
    if not clusters:
        raise UsageError("patient_level= needs the column that names the patient: give cluster=.")
    if isinstance(declared, Mapping):
        unknown = next((name for name in declared if name not in clusters), None)
        if unknown is not None:
            raise UsageError(f"patient_level= names '{unknown}', which cluster= does not.")
        return {name: _names("patient_level", names) for name, names in declared.items()}
    return {name: _names("patient_level", declared) for name in clusters[:1]}


def _run(
    plan: Plan, seeds: Sequence[np.random.SeedSequence], iterations: int, n_jobs: int
) -> list[Chain]:
    if n_jobs == 1 or not plan.problem.targets:
        return [run_chain(plan.problem, seed, iterations) for seed in seeds]
    from joblib import Parallel, delayed

    jobs = (delayed(run_chain)(plan.problem, seed, iterations) for seed in seeds)
    return list(Parallel(n_jobs=n_jobs)(jobs))
