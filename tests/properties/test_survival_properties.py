"""What must hold of curves, hazard models and rates whatever the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vpstats.models.curves import cumulative_incidence, kaplan_meier, nelson_aalen
from vpstats.models.descriptive import describe, event_rates, incidence_rates
from vpstats.models.hazards import fit_cox

ROUNDING = 1e-11
"""Sums in another order; curves and variances are below 1."""
SOLVER = 2e-7
"""Both fits stop within 1e-8 standard errors of the maximum; a standard error is below 20 here."""


@st.composite
def follow_up(draw: st.DrawFn, *, causes: int = 2, least: int = 3) -> pd.DataFrame:
    """Rows with many ties, several per patient, some of which enter late."""
    n = draw(st.integers(least, 24))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    days = np.array(column(1, 9))
    share = np.array(column(0, 9)) / 10
    return pd.DataFrame(
        {
            "days": days,
            "event": column(0, causes),
            "entry": np.floor(days * share),
            "patient": column(0, 7),
            "x": column(0, 3),
            "z": column(0, 1),
            "w": column(1, 3),
        }
    )


def numbers(curve: Any) -> np.ndarray:
    """Time, counts, estimate and variance (of which rounding takes less than of its root)."""
    columns = ["time", "n_risk", "n_event", "n_censor", "estimate", "std_error"]
    return curve.steps[columns].to_numpy(float) ** [1, 1, 1, 1, 1, 2]


def curve_of(rows: pd.DataFrame, **more: Any) -> np.ndarray:
    return numbers(cumulative_incidence(rows, duration="days", event="event", **more))


OPTIONS = [{}, {"entry": "entry"}, {"cluster": "patient"}, {"entry": "entry", "cluster": "patient"}]
options = pytest.mark.parametrize("more", OPTIONS, ids=["plain", "entry", "cluster", "both"])


@options
@given(rows=follow_up(), seed=st.integers(0, 99))
def test_the_order_of_the_rows_plays_no_part(
    more: dict[str, str], rows: pd.DataFrame, seed: int
) -> None:
    shuffled = rows.sample(frac=1, random_state=seed)
    np.testing.assert_allclose(curve_of(rows, **more), curve_of(shuffled, **more), atol=ROUNDING)


@options
@given(rows=follow_up())
def test_the_unit_of_time_plays_no_part(more: dict[str, str], rows: pd.DataFrame) -> None:
    years = rows.assign(days=rows["days"] / 365.25, entry=rows["entry"] / 365.25)
    one, other = curve_of(rows, **more), curve_of(years, **more)
    np.testing.assert_allclose(one[:, 0] / 365.25, other[:, 0], rtol=ROUNDING)
    np.testing.assert_allclose(one[:, 1:], other[:, 1:], atol=ROUNDING)


@options
@given(rows=follow_up(causes=3))
def test_incidences_and_survival_add_up_to_one(more: dict[str, str], rows: pd.DataFrame) -> None:
    parts = [curve_of(rows, cause=k, **more)[:, 4] for k in (1, 2, 3)]
    any_event = rows.assign(event=(rows["event"] > 0).astype(int))
    survival = numbers(kaplan_meier(any_event, duration="days", event="event", **more))[:, 4]
    np.testing.assert_allclose(sum(parts) + survival, 1.0, atol=ROUNDING)


@options
@given(rows=follow_up(causes=1))
def test_without_competing_events_incidence_is_one_minus_survival(
    more: dict[str, str], rows: pd.DataFrame
) -> None:
    survival = numbers(kaplan_meier(rows, duration="days", event="event", **more))
    incidence = curve_of(rows, **more)
    np.testing.assert_allclose(incidence[:, 4], 1 - survival[:, 4], atol=ROUNDING)
    if more != {"entry": "entry"}:  # with late entry alone the two variances differ by design
        np.testing.assert_allclose(incidence[:, 5], survival[:, 5], atol=ROUNDING)


@given(rows=follow_up())
def test_a_curve_stays_between_0_and_1_and_rises(rows: pd.DataFrame) -> None:
    curve = cumulative_incidence(rows, duration="days", event="event", entry="entry").tidy()
    limits = curve[["conf_low", "estimate", "conf_high"]].to_numpy()
    assert (limits >= 0).all()
    assert (limits <= 1 + ROUNDING).all()
    assert (np.diff(limits, axis=1) >= -ROUNDING).all()
    assert (np.diff(curve["estimate"]) >= 0).all()


@given(rows=follow_up())
def test_an_entry_at_0_is_no_entry(rows: pd.DataFrame) -> None:
    rows = rows.assign(entry=0)
    late, plain = curve_of(rows, entry="entry"), curve_of(rows)
    np.testing.assert_allclose(late, plain, atol=ROUNDING)


@given(rows=follow_up())
def test_the_jackknife_of_independent_rows_is_greenwoods_variance(rows: pd.DataFrame) -> None:
    alone = rows.assign(row=range(len(rows)))
    jackknife, closed = curve_of(alone, cluster="row"), curve_of(rows)
    np.testing.assert_allclose(jackknife, closed, atol=ROUNDING)


@given(rows=follow_up(causes=1))
def test_whole_weights_are_repeated_rows(rows: pd.DataFrame) -> None:
    repeated = rows.loc[rows.index.repeat(rows["w"])]
    for estimator in (kaplan_meier, nelson_aalen):
        weighted = numbers(estimator(rows, duration="days", event="event", weights="w"))
        plain = numbers(estimator(repeated, duration="days", event="event"))
        np.testing.assert_allclose(weighted, plain, atol=ROUNDING)


def split(rows: pd.DataFrame, cut: float) -> pd.DataFrame:
    """Every row that is under observation at the cut, as two rows of one patient."""
    rows = rows.assign(piece=range(len(rows)))
    crossing = (rows["entry"] < cut) & (cut < rows["days"])
    before = rows[crossing].assign(days=cut, event=0)
    after = rows.assign(entry=rows["entry"].where(~crossing, cut))
    return pd.concat([before, after], ignore_index=True)


@given(rows=follow_up(), cut=st.sampled_from([1.5, 3, 4.5, 6]))
def test_splitting_a_row_in_two_changes_nothing(rows: pd.DataFrame, cut: float) -> None:
    whole = cumulative_incidence(
        rows.assign(piece=range(len(rows))),
        duration="days", event="event", entry="entry", cluster="piece",
    )  # fmt: skip
    parts = cumulative_incidence(
        split(rows, cut), duration="days", event="event", entry="entry", cluster="piece"
    )
    times = np.unique(rows["days"])
    columns = ["n_event", "estimate", "std_error"]
    one, other = (c.tidy().set_index("time").loc[times, columns] for c in (whole, parts))
    np.testing.assert_allclose(one, other, atol=1e-7)
    assert whole.total_time == pytest.approx(parts.total_time)


@given(rows=follow_up(), z=st.sampled_from([0, 1]))
def test_a_group_is_a_curve_of_its_own(rows: pd.DataFrame, z: int) -> None:
    own = rows[rows["z"] == z]
    assume(len(own))
    grouped = cumulative_incidence(
        rows, duration="days", event="event", by="z", entry="entry", cluster="patient"
    )
    part = numbers(replace(grouped, steps=grouped.steps[grouped.steps["z"] == z]))
    alone = curve_of(own, entry="entry", cluster="patient")
    np.testing.assert_allclose(part, alone, atol=ROUNDING)


FITTED = settings(max_examples=40)
"""A fit takes some milliseconds, and the kernel under it is the same in every test."""


# ---- hazards ----------------------------------------------------------------------------------


def fit(rows: pd.DataFrame, formula: str = "x + z", **more: Any) -> Any:
    result = fit_cox(rows, formula, duration="days", event="event", **more)
    # models without a maximum are the business of other tests
    assume(result.ok and (result.std_errors > 1e-6).all() and (result.std_errors < 20).all())
    return result


def same_fit(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=SOLVER)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-5, atol=1e-6)


FITS = [
    {},
    {"entry": "entry", "cluster": "patient"},
    {"ties": "breslow", "strata": "z"},
    {"weights": "w", "cluster": "patient", "strata": "z"},
]
fits = pytest.mark.parametrize("more", FITS, ids=["plain", "entry", "breslow", "all"])


def formula_of(more: dict[str, str]) -> str:
    return "x" if "strata" in more else "x + z"


@fits
@FITTED
@given(rows=follow_up(least=12), seed=st.integers(0, 99))
def test_the_order_of_the_rows_plays_no_part_in_a_fit(
    more: dict[str, str], rows: pd.DataFrame, seed: int
) -> None:
    shuffled = rows.sample(frac=1, random_state=seed)
    same_fit(fit(rows, formula_of(more), **more), fit(shuffled, formula_of(more), **more))


@fits
@FITTED
@given(rows=follow_up(least=12))
def test_the_unit_of_time_plays_no_part_in_a_fit(more: dict[str, str], rows: pd.DataFrame) -> None:
    years = rows.assign(days=rows["days"] / 365.25, entry=rows["entry"] / 365.25)
    same_fit(fit(rows, formula_of(more), **more), fit(years, formula_of(more), **more))


@FITTED
@given(rows=follow_up(least=12))
def test_one_stratum_is_none(rows: pd.DataFrame) -> None:
    same_fit(fit(rows, "x"), fit(rows.assign(one=1), "x", strata="one"))


@FITTED
@given(rows=follow_up(least=12))
def test_an_entry_at_0_is_no_entry_for_a_fit(rows: pd.DataFrame) -> None:
    rows = rows.assign(entry=0)
    same_fit(fit(rows), fit(rows, entry="entry"))


@FITTED
@given(rows=follow_up(least=12), cut=st.sampled_from([1.5, 3, 4.5, 6]))
def test_splitting_a_row_in_two_changes_no_fit(rows: pd.DataFrame, cut: float) -> None:
    whole = rows.assign(piece=range(len(rows)))
    more = {"entry": "entry", "cluster": "piece"}
    same_fit(fit(whole, **more), fit(split(rows, cut), **more))


@FITTED
@given(rows=follow_up(least=10))
def test_whole_weights_are_repeated_rows_in_a_fit(rows: pd.DataFrame) -> None:
    repeated = rows.loc[rows.index.repeat(rows["w"])]
    same_fit(
        fit(rows, ties="breslow", weights="w"),
        fit(repeated, ties="breslow"),
    )


@FITTED
@given(rows=follow_up(least=12))
def test_moving_and_scaling_a_covariate_scales_its_coefficient(rows: pd.DataFrame) -> None:
    one, other = fit(rows), fit(rows.assign(x=1000 + 10 * rows["x"]))
    np.testing.assert_allclose(one.coefficients[0], 10 * other.coefficients[0], atol=SOLVER)
    np.testing.assert_allclose(one.std_errors[0], 10 * other.std_errors[0], rtol=1e-5)


@FITTED
@given(rows=follow_up(least=12))
def test_martingale_residuals_add_up_to_nothing(rows: pd.DataFrame) -> None:
    result = fit(rows, "x", entry="entry", strata="z")
    residual = result.augment(rows)[".resid"]
    np.testing.assert_allclose(residual.groupby(rows["z"]).sum(), 0, atol=1e-6)


# ---- rates and descriptions -------------------------------------------------------------------


@given(rows=follow_up(), method=st.sampled_from(["clopper-pearson", "wilson"]))
def test_intervals_hold_their_share_and_nest(rows: pd.DataFrame, method: str) -> None:
    narrow, wide = (
        event_rates(rows, outcome="z", method=method, cluster="patient", level=level).tidy().iloc[0]
        for level in (0.8, 0.99)
    )
    inside = wide["conf_low"] <= narrow["conf_low"] <= narrow["estimate"] + ROUNDING
    assert inside
    assert narrow["estimate"] <= narrow["conf_high"] + ROUNDING
    assert narrow["conf_high"] <= wide["conf_high"] + ROUNDING


@given(rows=follow_up())
def test_rates_do_not_depend_on_the_unit_they_are_expressed_per(rows: pd.DataFrame) -> None:
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    per_day, per_year = (
        incidence_rates(rows, duration="days", event="event", per=per, cluster="patient").tidy()
        for per in (1, 365.25)
    )
    np.testing.assert_allclose(
        per_day[columns].to_numpy() * 365.25, per_year[columns].to_numpy(), rtol=ROUNDING
    )


@given(rows=follow_up())
def test_counts_of_groups_add_up_to_those_of_all(rows: pd.DataFrame) -> None:
    table = describe(rows.assign(x=rows["x"].astype(str)), by="z", variables=["x"]).tidy()
    counts = table[(table["stat"] == "n") & (table["variable"] == "x")]
    total = counts[counts["group"] == "All"].set_index("level")["value"]
    parts = counts[counts["group"] != "All"].groupby("level")["value"].sum()
    assert parts.reindex(total.index).tolist() == total.tolist()
