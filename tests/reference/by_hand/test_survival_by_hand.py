"""Curves, rates and hazard models on a handful of patients, with the algebra beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpstats.models.curves import cumulative_incidence, kaplan_meier, nelson_aalen
from vpstats.models.descriptive import describe, event_rates, incidence_rates
from vpstats.models.hazards import fit_cox
from vpstats.models.quantiles import curve_quantiles

ROUNDING = 1e-12
"""Sums and products of a few fractions."""

SIX = pd.DataFrame(
    {
        "days": [2, 3, 3, 5, 5, 8],
        "died": [1, 1, 0, 1, 1, 0],
        "event": [1, 1, 2, 2, 1, 0],
        "patient": ["a", "a", "b", "b", "c", "c"],
    }
)


def at(curve: object, column: str) -> np.ndarray:
    return curve.tidy()[column].to_numpy(float)


def test_kaplan_meier_with_greenwood() -> None:
    """At 3 days one of five dies while another is censored, who is still at risk."""
    curve = kaplan_meier(SIX, duration="days", event="died")
    assert at(curve, "n_risk").tolist() == [6, 5, 3, 1]
    assert at(curve, "n_event").tolist() == [1, 1, 2, 0]
    assert at(curve, "n_censor").tolist() == [0, 1, 0, 1]
    survival = [5 / 6, 5 / 6 * 4 / 5, 5 / 6 * 4 / 5 * 1 / 3, 5 / 6 * 4 / 5 * 1 / 3]
    spread = np.cumsum([1 / (6 * 5), 1 / (5 * 4), 2 / (3 * 1), 0])
    np.testing.assert_allclose(at(curve, "estimate"), survival, rtol=ROUNDING)
    np.testing.assert_allclose(
        at(curve, "std_error"), np.array(survival) * np.sqrt(spread), rtol=ROUNDING
    )


def test_aalen_johansen_with_two_causes_on_one_day() -> None:
    """Five at risk at 3 days: one event of each cause, and both use the survival before it."""
    curve = cumulative_incidence(SIX, duration="days", event="event", cause=1)
    before = [1, 5 / 6, 5 / 6 * 3 / 5, 5 / 6 * 3 / 5 * 1 / 3]
    gain = [before[0] * 1 / 6, before[1] * 1 / 5, before[2] * 1 / 3, 0]
    risk = np.cumsum(gain)
    np.testing.assert_allclose(at(curve, "estimate"), risk, rtol=ROUNDING)
    # variance at 5 days, term by term: events of any cause d, of cause 1 d1, at risk Y
    d, d1, Y, S = [1, 2, 2], [1, 1, 1], [6, 5, 3], before
    later = risk[2] - risk[:3]
    variance = sum(
        later[j] ** 2 * d[j] / (Y[j] * (Y[j] - d[j]))
        + S[j] ** 2 * d1[j] * (Y[j] - d1[j]) / Y[j] ** 3
        - 2 * later[j] * S[j] * d1[j] / Y[j] ** 2
        for j in range(3)
    )
    assert at(curve, "std_error")[2] == pytest.approx(np.sqrt(variance), rel=ROUNDING)


def test_incidences_and_survival_add_up_to_one() -> None:
    causes = [
        at(cumulative_incidence(SIX, duration="days", event="event", cause=k), "estimate")
        for k in (1, 2)
    ]
    any_event = SIX.assign(any=(SIX["event"] > 0).astype(int))
    survival = at(kaplan_meier(any_event, duration="days", event="any"), "estimate")
    np.testing.assert_allclose(causes[0] + causes[1] + survival, 1.0, rtol=ROUNDING)


def test_nelson_aalen() -> None:
    curve = nelson_aalen(SIX, duration="days", event="died")
    np.testing.assert_allclose(
        at(curve, "estimate"), np.cumsum([1 / 6, 1 / 5, 2 / 3, 0]), rtol=ROUNDING
    )
    np.testing.assert_allclose(
        at(curve, "std_error") ** 2, np.cumsum([1 / 36, 1 / 25, 2 / 9, 0]), rtol=ROUNDING
    )


def influence(rows: pd.DataFrame, estimate: object) -> np.ndarray:
    """Derivative of a curve with respect to each row's weight, by central differences."""
    step = 1e-5
    columns = []
    for i in range(len(rows)):
        weight = np.ones((2, len(rows)))
        weight[:, i] += (step, -step)
        up, down = (estimate(rows.assign(w=w)) for w in weight)
        columns.append((up - down) / (2 * step))
    return np.array(columns)


NUMERICAL = 1e-8
"""Central differences with a step of 1e-5: the error is of the order of its square."""


def test_the_clustered_variance_is_the_jackknife_summed_by_patient() -> None:
    def survival(rows: pd.DataFrame) -> np.ndarray:
        return at(kaplan_meier(rows, duration="days", event="died", weights="w"), "estimate")

    by_patient = pd.DataFrame(influence(SIX, survival)).groupby(SIX["patient"]).sum()
    clustered = kaplan_meier(SIX, duration="days", event="died", cluster="patient")
    np.testing.assert_allclose(
        at(clustered, "std_error"), np.sqrt((by_patient**2).sum()), atol=NUMERICAL
    )


def test_late_rows_are_at_risk_after_their_entry_alone() -> None:
    """The fourth row enters at 3 days: not at risk at the event of that day."""
    late = SIX.assign(entry=[0, 0, 0, 3, 0, 4])
    curve = kaplan_meier(late, duration="days", event="died", entry="entry")
    assert at(curve, "time").tolist() == [2, 3, 4, 5, 8]
    assert at(curve, "n_risk").tolist() == [4, 3, 2, 3, 1]
    expected = np.cumprod([3 / 4, 2 / 3, 1, 1 / 3, 1])
    np.testing.assert_allclose(at(curve, "estimate"), expected, rtol=ROUNDING)
    assert curve.total_time == 2 + 3 + 3 + (5 - 3) + 5 + (8 - 4)


def test_the_median_of_a_level_stretch_is_its_middle() -> None:
    rows = pd.DataFrame({"days": [1, 2, 4, 7], "died": [1, 1, 1, 1]})
    curve = kaplan_meier(rows, duration="days", event="died")
    assert curve_quantiles(curve).tidy()["estimate"].tolist() == [(2 + 4) / 2]


FIVE = pd.DataFrame({"days": [1, 1, 2, 3, 4], "died": [1, 1, 1, 1, 0], "x": [1, 0, 1, 0, 0]})
"""With r = exp(beta): risk sets 2r + 3 (two events: r, 1), then r + 2 (event r), then 2 (1)."""


def test_cox_with_breslow_ties() -> None:
    """L = r / (2r+3)^2 × r / (r+2) / 2, so 2 r^2 - 3 r - 12 = 0 at its maximum."""
    r = (3 + np.sqrt(105)) / 4
    fit = fit_cox(FIVE, "x", duration="days", event="died", ties="breslow")
    information = 2 * 2 * r * 3 / (2 * r + 3) ** 2 + 2 * r / (r + 2) ** 2
    assert np.exp(fit.coefficients[0]) == pytest.approx(r, rel=1e-8)
    assert fit.std_errors[0] == pytest.approx(1 / np.sqrt(information), rel=1e-8)
    value = np.log(r**2 / ((2 * r + 3) ** 2 * (r + 2) * 2))
    assert fit.log_likelihood == pytest.approx(value, rel=ROUNDING)
    assert fit.null_log_likelihood == pytest.approx(np.log(1 / (5**2 * 3 * 2)), rel=ROUNDING)


def test_cox_with_efron_ties() -> None:
    """The second event of day 1 leaves half of both: 2r + 3 - (r+1)/2 = (3r+5)/2."""
    (r,) = (root.real for root in np.roots([6, 0, -53, -60]) if root.real > 0)
    fit = fit_cox(FIVE, "x", duration="days", event="died")
    information = 2 * r * 3 / (2 * r + 3) ** 2 + 3 * r * 5 / (3 * r + 5) ** 2 + r * 2 / (r + 2) ** 2
    assert np.exp(fit.coefficients[0]) == pytest.approx(r, rel=1e-8)
    assert fit.std_errors[0] == pytest.approx(1 / np.sqrt(information), rel=1e-8)
    # the hazard of a row with x = 0 at each event time
    hazard = np.cumsum([1 / (2 * r + 3) + 2 / (3 * r + 5), 1 / (r + 2), 1 / 2])
    zero = pd.DataFrame({"x": [0]})
    found = fit.predict(zero, times=[0.5, 1, 2.5, 3], kind="cumulative_hazard")["estimate"]
    np.testing.assert_allclose(found, [0, *hazard], rtol=1e-7)


def test_efron_and_breslow_agree_without_ties() -> None:
    rows = FIVE.assign(days=[1, 1.5, 2, 3, 4])
    fits = [fit_cox(rows, "x", duration="days", event="died", ties=t) for t in ("efron", "breslow")]
    assert fits[0].coefficients[0] == pytest.approx(fits[1].coefficients[0], rel=1e-10)


def test_the_robust_covariance_is_the_jackknife_of_the_estimate() -> None:
    """With Breslow's ties the estimate's derivative by case weights is bread × score residual."""

    def estimate(rows: pd.DataFrame) -> np.ndarray:
        return fit_cox(
            rows, "x", duration="days", event="died", ties="breslow", weights="w", vcov="model"
        ).coefficients

    rows = pd.concat([FIVE, FIVE.assign(days=[5, 2, 3, 4, 2], x=[0, 1, 1, 0, 1])])
    rows = rows.reset_index(drop=True).assign(patient=list("aabbccddee"))
    sums = pd.DataFrame(influence(rows, estimate)).groupby(rows["patient"]).sum()
    fit = fit_cox(rows, "x", duration="days", event="died", ties="breslow", cluster="patient")
    assert fit.std_errors[0] ** 2 == pytest.approx(float((sums**2).sum().iloc[0]), abs=1e-6)


def test_firth_is_finite_where_every_event_is_exposed() -> None:
    """One event among a exposed and b unexposed rows: Firth's odds against are 3 to 1 at a = b.

    L = r / (a r + b) × sqrt(a b r) / (a r + b) up to constants; 1.5 (a r + b) = 2 a r, so
    r = 3 b / a.
    """
    rows = pd.DataFrame({"days": [1, 2, 2, 2, 2], "died": [1, 0, 0, 0, 0], "x": [1, 1, 0, 0, 0]})
    fit = fit_cox(rows, "x", duration="days", event="died", penalty="firth")
    assert np.exp(fit.coefficients[0]) == pytest.approx(3 * 3 / 2, rel=1e-8)
    assert "monotone" in {c.code for c in fit.caveats}


def test_no_event_has_an_exact_upper_limit() -> None:
    rows = pd.DataFrame({"leak": [0] * 20, "years": [1.5] * 20, "cluster": range(20)})
    share = event_rates(rows, outcome="leak").tidy().iloc[0]
    assert share["conf_low"] == 0
    assert share["conf_high"] == pytest.approx(1 - 0.025 ** (1 / 20), rel=1e-10)
    rate = incidence_rates(rows, duration="years", event="leak", per=100).tidy().iloc[0]
    assert rate["conf_high"] == pytest.approx(-np.log(0.025) / 30 * 100, rel=1e-10)


def test_clustered_shares_use_the_effective_sample_size() -> None:
    """Three patients with both levels leaking, three with none: six levels' worth, not twelve."""
    from scipy import stats

    rows = pd.DataFrame({"leak": [1] * 6 + [0] * 6, "patient": np.repeat(range(6), 2)})
    found = event_rates(rows, outcome="leak", cluster="patient").tidy().iloc[0]
    variance = 6 / 5 * 6 * (2 * 0.5) ** 2 / 12**2
    effect = variance / (0.5 * 0.5 / 12)
    size = 12 / effect * (stats.t.ppf(0.975, 11) / stats.t.ppf(0.975, 5)) ** 2
    assert found["std_error"] == pytest.approx(np.sqrt(variance), rel=ROUNDING)
    assert found["design_effect"] == pytest.approx(effect, rel=ROUNDING)
    low = stats.beta.ppf(0.025, size / 2, size / 2 + 1)
    assert found["conf_low"] == pytest.approx(low, rel=1e-10)
    assert found["conf_high"] == pytest.approx(1 - low, rel=1e-10)


def test_table_one() -> None:
    rows = pd.DataFrame(
        {
            "age": [60.0, 70.0, 80.0, np.nan, 65.0, 75.0],
            "leak": [1, 0, 1, 1, 0, 0],
            "arm": ["a", "a", "a", "b", "b", "b"],
        }
    )
    table = describe(rows, by="arm").tidy().set_index(["group", "variable", "level", "stat"])
    value = table["value"]
    assert value["All", "age", "", "n"] == 5
    assert value["All", "age", "", "n_missing"] == 1
    assert value["a", "age", "", "mean"] == (60 + 70 + 80) / 3
    assert value["a", "age", "", "sd"] == pytest.approx(10)
    assert value["b", "age", "", "median"] == (65 + 75) / 2
    assert value["b", "leak", "1", "percent"] == pytest.approx(100 / 3)
    # 70 against 70 years; 2/3 against 1/3 leaks with a mean variance of 2/9
    assert value["", "age", "", "smd"] == 0
    assert value["", "leak", "", "smd"] == pytest.approx((1 / 3) / np.sqrt(2 / 9))
