"""Every result class, found automatically, keeps the protocol.

A new class fails here until `CASES` makes one of it.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import vpstats
from vpstats.centers.audit import audit_centers
from vpstats.centers.monitoring import learning_curve, monitor
from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.agreement import agreement
from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.curve_tests import compare_curves
from vpstats.models.curves import cumulative_incidence, kaplan_meier, nelson_aalen
from vpstats.models.descriptive import describe
from vpstats.models.diagnostic import diagnostic_accuracy
from vpstats.models.differences import compare_at
from vpstats.models.fine_gray import fit_fine_gray
from vpstats.models.gee import fit_gee
from vpstats.models.hazards import fit_cox
from vpstats.models.imputation import impute, tipping_point
from vpstats.models.interval.illness_death import fit_illness_death
from vpstats.models.interval.interval_aft import fit_interval_aft
from vpstats.models.interval.turnbull import turnbull
from vpstats.models.logistic import fit_logistic
from vpstats.models.mixed import fit_mixed_logistic
from vpstats.models.named_tests import compare_groups, compare_pairs
from vpstats.models.paired import paired_proportions
from vpstats.models.partial_effects import partial_effects
from vpstats.models.quantiles import follow_up
from vpstats.models.rate_ratios import compare_rates
from vpstats.models.rates import event_rates
from vpstats.models.reported import check_reported
from vpstats.models.restricted import restricted_mean
from vpstats.models.standardised import standardised_risks
from vpstats.models.validation import validate
from vpstats.models.varying import fit_time_varying
from vpstats.models.windows import fit_cox_by_window
from vpstats.quality import quality_report
from vpstats.registry import Registry
from vpstats.results import GLOSSARY, Caveat, CurveResult, FitResult, Result, TableResult

PSEUDONYM = "PAT-"
"""Every identifier of the test data begins so; no result may hold one."""


@cache
def rows() -> pd.DataFrame:
    """Treated levels of 90 patients: a seeded sample with every kind of column."""
    rng = np.random.default_rng(20)
    patients = np.repeat(np.arange(90), rng.integers(1, 4, 90))
    n = len(patients)
    cement = rng.normal(4.2, 0.9, n).round(1)
    chance = 1 / (1 + np.exp(-(cement - 4.5)))
    return with_visits(pd.DataFrame(
        {
            "patient_id": [f"{PSEUDONYM}{p:04d}" for p in patients],
            "cement_ml": cement,
            "region": pd.Categorical(rng.choice(["lumbar", "thoracic"], n)),
            "center_id": rng.choice(["C01", "C02", "C03"], n),
            "leak": (rng.random(n) < chance).astype(int),
            "never": 0,
            "days": rng.integers(1, 700, n).astype(float),
            "event": rng.choice([0, 1, 2], n, p=[0.6, 0.25, 0.15]),
        }
    ))  # fmt: skip


def with_visits(data: pd.DataFrame) -> pd.DataFrame:
    """The same rows as visits saw them: negative last, positive first; every hundred days."""
    ill, found = data["event"] == 1, np.ceil(data["days"] / 100) * 100
    return data.assign(
        negative=np.where(ill, found - 100, np.floor(data["days"] / 100) * 100),
        positive=found.where(ill),
        until=data["days"].where(~ill, found + 50),
        died=(data["event"] == 2).astype(int),
    )


def levels() -> Frame:
    return Frame(rows(), unit="level", cluster="patient_id", outcome="leak")


def findings() -> pd.DataFrame:
    """A second reading of the leaks, and a reference that some rows lack."""
    seen = rows()["cement_ml"] > 4
    return rows().assign(
        seen=seen.astype(int), verified=rows()["leak"].where(seen | (rows()["days"] > 300))
    )


def separated() -> pd.DataFrame:
    return pd.DataFrame(
        {"patient_id": [f"{PSEUDONYM}{i}" for i in range(8)], "x": [1.0, 2, 3, 4, 5, 6, 7, 8],
         "y": [0, 0, 0, 0, 1, 1, 1, 1], "days": np.arange(1.0, 9.0)}
    )  # fmt: skip


@cache
def imputations() -> Imputations:
    """The levels with gaps in the volumes, imputed."""
    gaps = rows().assign(cement_ml=rows()["cement_ml"].where(np.arange(len(rows())) % 5 > 0))
    frame = Frame(gaps, unit="level", cluster="patient_id", outcome="leak")
    return impute(frame, variables=["cement_ml", "region"], m=3, seed=1)


def survival(estimate: Callable[..., Result], **options: object) -> Result:
    return estimate(levels(), duration="days", event="event", **options)


def between_visits(estimate: Callable[..., Result], *how: object, **options: object) -> Result:
    asked = {"left": "negative", "right": "positive"} | options
    return estimate(levels(), *how, **asked)


def illness_death(formula: object = "~ 1", **options: object) -> Result:
    return between_visits(fit_illness_death, formula, end="until", died="died", **options)


def operated() -> pd.DataFrame:
    """The rows with a day each, and a case number within their center."""
    number = rows().groupby("center_id").cumcount() + 1
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(number, unit="D")
    return rows().assign(case=number, procedure_date=day)


def recorded(data: pd.DataFrame) -> Registry:
    """The levels as a registry: a procedure and a patient for each."""
    names = data["patient_id"] + "/" + np.arange(len(data)).astype(str)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(data)), unit="D")
    people = pd.DataFrame({"patient_id": names, "center_id": data["center_id"]})
    sessions = people.assign(procedure_id=names, proc_date=day)
    tables = {"patients": people, "procedures": sessions}
    return Registry.from_tables(tables, name="Levels", data_cut="2024-12-31")


CASES: dict[str, Callable[[], Result]] = {
    "data quality": lambda: quality_report(recorded(rows())),
    "data quality, no rows": lambda: quality_report(recorded(rows().head(0))),
    "audit": lambda: audit_centers(levels(), outcome="leak", adjust=["cement_ml"]),
    "audit, no rows": lambda: audit_centers(
        levels().keep(rows()["leak"] > 1, "none"), outcome="leak"
    ),
    "audit of one indicator": lambda: audit_centers(levels(), outcome="leak").indicators[0],
    "audit of an incidence": lambda: audit_centers(
        levels(), outcome="event", duration="days", horizon=365
    ),
    "monitoring": lambda: monitor(
        operated(), np.full(len(rows()), 0.3), outcome="leak", unit="procedure"
    ),
    "monitoring, no rows": lambda: monitor(
        operated().head(0), [], outcome="leak", unit="procedure"
    ),
    "learning curve": lambda: learning_curve(
        operated(), operator="center_id", sequence="case", outcome="leak", operators="clusters"
    ),
    "learning curve, one case number": lambda: learning_curve(
        operated().assign(case=1), operator="center_id", sequence="case", outcome="leak"
    ),
    "illness–death": lambda: illness_death({"illness": "~ cement_ml", "death": "~ cement_ml"}),
    "illness–death, shared": lambda: illness_death(after_illness="equal", cuts=[]),
    "illness–death, a zero": lambda: illness_death(cuts=[0.5]),
    "illness–death, no rows": lambda: fit_illness_death(
        with_visits(rows().head(0)), left="negative", right="positive", end="until", died="died"
    ),
    "turnbull at fixed visits": lambda: between_visits(
        turnbull, visits=[100, 200, 300, 400, 500, 600, 700], by="region"
    ),
    "AFT": lambda: between_visits(fit_interval_aft, "~ cement_ml"),
    "AFT, log-logistic": lambda: between_visits(
        fit_interval_aft, "~ region", distribution="loglogistic"
    ),
    "logistic": lambda: fit_logistic(levels(), "leak ~ cement_ml + region"),
    "logistic, plain table": lambda: fit_logistic(rows(), "leak ~ cement_ml"),
    "logistic, Firth": lambda: fit_logistic(levels(), "leak ~ cement_ml", penalty="firth"),
    "logistic, profile": lambda: fit_logistic(
        rows(), "leak ~ cement_ml", penalty="firth", intervals="profile"
    ),
    "logistic, separated": lambda: fit_logistic(separated(), "y ~ x"),
    "logistic, constant": lambda: fit_logistic(rows(), "never ~ cement_ml"),
    "logistic, FLIC": lambda: fit_logistic(levels(), "leak ~ cement_ml", penalty="flic"),
    "logistic, conditional": lambda: fit_conditional_logistic(
        rows(), "leak ~ cement_ml + region", strata="center_id"
    ),
    "logistic, conditional, separated": lambda: fit_conditional_logistic(
        separated().assign(one=1), "y ~ x", strata="one"
    ),
    "standardised risks": lambda: standardised_risks(
        fit_logistic(levels(), "leak ~ cement_ml + region"), levels(), exposure="region"
    ),
    "standardised risks, separated": lambda: standardised_risks(
        fit_logistic(separated(), "y ~ x"), separated(), exposure="x", values=[2, 4], margin=0.1
    ),
    "partial effects": lambda: partial_effects(
        fit_logistic(levels(), "leak ~ rcs(cement_ml, 3)"),
        variable="cement_ml",
        values=[3, 4, 5],
        reference=4,
    ),
    "partial effects, separated": lambda: partial_effects(
        fit_logistic(separated(), "y ~ x"), variable="x", values=[2, 4], reference=2
    ),
    "logistic, pooled": lambda: fit_logistic(imputations(), "leak ~ cement_ml + region"),
    "logistic, pooled profiles": lambda: fit_logistic(
        imputations(),
        "leak ~ cement_ml",
        penalty="firth",
        intervals="profile",
        independent="only the result's form is looked at",
    ),
    "cox, pooled": lambda: fit_cox(imputations(), "~ cement_ml", duration="days", event="event"),
    "kaplan-meier, pooled": lambda: kaplan_meier(
        imputations(), duration="days", event="leak", by="region"
    ),
    "imputation": lambda: imputations().traces,
    "tipping point": lambda: tipping_point(
        rows().assign(cement_ml=rows()["cement_ml"].where(np.arange(len(rows())) % 5 > 0)),
        lambda completed: fit_logistic(completed, "leak ~ cement_ml", cluster="patient_id"),
        variable="cement_ml",
        deltas=[1.0],
        outcome="leak",
        variables=["cement_ml", "region"],
        m=2,
        iterations=2,
        seed=1,
        cluster="patient_id",
    ),
    "gee": lambda: fit_gee(levels(), "leak ~ cement_ml + region"),
    "gee, Mancl and DeRouen": lambda: fit_gee(levels(), "leak ~ cement_ml", vcov="MD"),
    "gee, separated": lambda: fit_gee(separated(), "y ~ x", cluster="patient_id"),
    "mixed": lambda: fit_mixed_logistic(levels(), "leak ~ cement_ml + region", nodes=7),
    "mixed, nested": lambda: fit_mixed_logistic(
        levels(), "leak ~ cement_ml", group=("center_id", "patient_id")
    ),
    "mixed, separated": lambda: fit_mixed_logistic(separated(), "y ~ x", group="patient_id"),
    "cox": lambda: survival(fit_cox, formula="~ cement_ml + region"),
    "cox, strata": lambda: survival(fit_cox, formula="~ cement_ml", strata="center_id"),
    "cox, monotone": lambda: fit_cox(separated(), "~ x", duration="days", event="y"),
    "cox, frailty": lambda: survival(
        fit_cox, formula="~ cement_ml", frailty="patient_id", theta=0.5
    ),
    "cox, effect changing with time": lambda: survival(
        fit_time_varying, formula="cement_ml + region", exposure="cement_ml"
    ),
    "cox by window": lambda: fit_cox_by_window(
        levels(), "region", exposure="cement_ml", at=[60], duration="days", event="event"
    ),
    "cox by window, refused": lambda: fit_cox_by_window(
        levels(), "region", exposure="cement_ml", at=[2], duration="days", event="event"
    ),
    "fine-gray": lambda: survival(fit_fine_gray, formula="~ cement_ml + region"),
    "fine-gray, strata": lambda: survival(fit_fine_gray, formula="~ cement_ml", strata="center_id"),
    "fine-gray, monotone": lambda: fit_fine_gray(separated(), "~ x", duration="days", event="y"),
    "kaplan-meier": lambda: survival(kaplan_meier, competing="censor"),
    "incidence": lambda: survival(cumulative_incidence, by="region"),
    "nelson-aalen": lambda: survival(nelson_aalen),
    "compared curves": lambda: survival(compare_curves, by="region", test="gray"),
    "compared curves, no events": lambda: survival(compare_curves, by="region", cause=3),
    "compared risks": lambda: survival(compare_at, by="region", times=[100, 300]),
    "compared risks, too late": lambda: survival(compare_at, by="region", times=9_999),
    "restricted mean": lambda: survival(restricted_mean, by="region", horizon=365),
    "restricted mean, everybody": lambda: survival(restricted_mean, horizon=365),
    "length of follow-up": lambda: survival(follow_up),
    "table 1": lambda: describe(levels(), by="region", variables=["cement_ml", "center_id"]),
    "rates": lambda: event_rates(levels(), outcome="leak", by="center_id"),
    "agreement": lambda: agreement(
        Frame(findings(), unit="level", cluster="patient_id"), first="leak", second="seen"
    ),
    "paired proportions": lambda: paired_proportions(
        Frame(findings(), unit="level", cluster="patient_id"), first="leak", second="seen"
    ),
    "accuracy": lambda: diagnostic_accuracy(
        Frame(findings(), unit="level", cluster="patient_id"), test="seen", reference="verified"
    ),
    "comparison of groups": lambda: compare_groups(
        levels(), variable="leak", by="region", test="rao-scott"
    ),
    "comparison of groups, impossible": lambda: compare_groups(
        rows(), variable="never", by="region", test="fisher"
    ),
    "comparison of pairs": lambda: compare_pairs(
        findings(), first="leak", second="seen", test="mcnemar-exact"
    ),
    "comparison of rates": lambda: survival(compare_rates, by="region"),
    "reported figures": lambda: check_reported(
        measure="OR", estimate="0.094", interval="0.114-0.779", p_value="0.028"
    ),
    "validation": lambda: validate(
        fit_logistic(levels(), "leak ~ cement_ml"), levels(), n_boot=2, seed=1
    ),
    "a table": lambda: TableResult(
        title="Rates", n=3, table=pd.DataFrame({"variable": ["leak"], "value": [0.3]})
    ),
    "an empty curve": lambda: CurveResult(
        title="Nobody",
        status="no rows",
        reason="Nobody was at risk.",
        steps=pd.DataFrame(
            columns=["time", "n_risk", "n_event", "n_censor", "estimate", "std_error"],
            dtype=float,
        ),
    ),
}


@cache
def made(name: str) -> Result:
    return CASES[name]()


def of_kind(kind: type[Result]) -> list[str]:
    return [name for name in CASES if isinstance(made(name), kind)]


def concrete_classes(root: type[Result] = Result) -> Iterator[type[Result]]:
    for module in pkgutil.walk_packages(vpstats.__path__, "vpstats."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    pending = [root]
    while pending:
        found = pending.pop()
        pending += found.__subclasses__()
        if not inspect.isabstract(found) and found.__module__.startswith("vpstats."):
            yield found


@pytest.fixture(params=CASES)
def result(request: pytest.FixtureRequest) -> Result:
    return made(request.param)


@pytest.mark.parametrize("kind", sorted(set(concrete_classes()), key=lambda c: c.__qualname__))
def test_every_class_is_among_the_cases(kind: type[Result]) -> None:
    assert kind in {type(made(name)) for name in CASES}


def test_results_are_frozen(result: Result) -> None:
    for field in dataclasses.fields(result):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, field.name, None)


def test_tidy_is_a_table_of_its_own(result: Result) -> None:
    first = result.tidy()
    assert isinstance(first, pd.DataFrame)
    untouched = first.copy(deep=True)
    for column in first.columns:
        first[column] = None
    pd.testing.assert_frame_equal(result.tidy(), untouched)


def test_columns_stand_in_the_glossary(result: Result) -> None:
    own = {getattr(result, "by", None)}
    assert set(result.tidy().columns) - own <= set(GLOSSARY)
    assert set(result.glance().columns) <= set(GLOSSARY)


def test_glance_is_one_row(result: Result) -> None:
    glance = result.glance()
    assert len(glance) == 1
    assert glance["n"].iloc[0] == result.n


def test_a_class_glances_alike_whatever_the_fit() -> None:
    seen: dict[type[Result], tuple[list[str], list[str]]] = {}
    for name in CASES:
        glance = made(name).glance()
        columns = list(glance.columns), [str(t) for t in glance.dtypes]
        assert seen.setdefault(type(made(name)), columns)[0] == columns[0], name


def test_a_failed_estimate_has_a_reason_and_no_number(result: Result) -> None:
    if result.ok:
        assert result.reason == ""
        return
    assert result.reason.endswith(".")
    assert result.tidy().get("estimate", pd.Series(dtype=float)).isna().all()


def test_caveats_are_records_with_known_codes(result: Result) -> None:
    assert isinstance(result.caveats, tuple)
    assert all(isinstance(c, Caveat) and c.message for c in result.caveats)


def test_plot_draws_on_the_axes_that_it_is_given(result: Result) -> None:
    figure, axes = plt.subplots()
    try:
        assert result.plot(ax=axes) is axes
    finally:
        plt.close(figure)


def test_plot_makes_axes_where_none_are_given(result: Result) -> None:
    axes = result.plot()
    assert isinstance(axes, Axes)
    plt.close(axes.figure)


def test_a_notebook_is_told_that_nothing_was_released(result: Result) -> None:
    html = result._repr_html_()
    assert "internal: not released" in html
    assert f"{result.n:,} {result.unit}s" in html
    assert PSEUDONYM not in html


def test_a_terminal_shows_the_same_in_brief(result: Result) -> None:
    text = repr(result)
    assert text.startswith(result.title)
    assert text.endswith("internal: not released")
    assert "array(" not in text
    assert PSEUDONYM not in text


def test_a_pickled_result_holds_no_identifier_and_is_the_same(result: Result) -> None:
    data = pickle.dumps(result)
    assert PSEUDONYM.encode() not in data
    pd.testing.assert_frame_equal(pickle.loads(data).tidy(), result.tidy())


def test_no_field_is_as_long_as_the_data(result: Result) -> None:
    """Aggregates only: a field with a value per row would be data about patients."""
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, np.ndarray):
            assert value.shape[:1] != (len(rows()),), field.name


# --- fits


@pytest.fixture
def fit(request: pytest.FixtureRequest) -> FitResult:
    return made(request.param)


fits = pytest.mark.parametrize("fit", of_kind(FitResult), indirect=True)
TIDY = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@fits
def test_a_fit_is_tidy_in_seven_columns(fit: FitResult) -> None:
    assert list(fit.tidy().columns) == TIDY
    assert tuple(fit.tidy()["term"]) == fit.terms


@fits
def test_wider_levels_give_wider_intervals(fit: FitResult) -> None:
    if fit.conf_low is not None:
        with pytest.raises(UsageError, match="fit again"):
            fit.tidy(level=0.8)
        return
    narrow, wide = fit.tidy(level=0.8), fit.tidy(level=0.99)
    if fit.ok:
        assert (wide["conf_low"] < narrow["conf_low"]).all()
        assert (wide["conf_high"] > narrow["conf_high"]).all()


@fits
def test_augment_keeps_the_rows_and_adds_dotted_columns(fit: FitResult) -> None:
    data = separated() if "x" in fit.terms else rows()
    before = data.copy(deep=True)
    augmented = fit.augment(data)
    pd.testing.assert_frame_equal(augmented[list(data.columns)], before)
    added = [c for c in augmented.columns if c not in data.columns]
    assert added
    assert all(c.startswith(".") for c in added)
    pd.testing.assert_frame_equal(data, before)


@fits
def test_predict_gives_one_row_per_new_row(fit: FitResult) -> None:
    new = (separated() if "x" in fit.terms else rows()).head(4)
    before = new.copy(deep=True)
    predicted = fit.predict(new)
    assert len(predicted) % len(new) == 0
    assert {"estimate", "std_error", "conf_low", "conf_high"} <= set(predicted.columns)
    assert set(predicted.columns) <= {*GLOSSARY, *new.columns}
    pd.testing.assert_frame_equal(new, before)


# --- curves


@pytest.mark.parametrize("name", of_kind(CurveResult))
def test_a_curve_has_its_columns_in_order(name: str) -> None:
    curve = made(name)
    group = [] if curve.by is None else [curve.by]
    expected = ["time", "n_risk", "n_event", "n_censor", "estimate", "std_error"]
    assert list(curve.tidy().columns) == [*group, *expected, "conf_low", "conf_high"]


@pytest.mark.parametrize("name", of_kind(CurveResult))
def test_times_ascend_and_limits_hold_the_estimate(name: str) -> None:
    for _, steps in made(name).groups():
        assert steps["time"].is_monotonic_increasing
        assert (steps["conf_low"] <= steps["estimate"]).all()
        assert (steps["conf_high"] >= steps["estimate"]).all()


def test_estimating_changes_no_input() -> None:
    before = rows().copy(deep=True)
    for name in CASES:
        CASES[name]()
    pd.testing.assert_frame_equal(rows(), before)
