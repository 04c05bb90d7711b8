"""Judging centers: what is refused, what is said of small ones, and the edges of the counts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from vpstats.centers.dispersion import estimate_dispersion, profile_interval
from vpstats.centers.exact import check_risks, poisson, poisson_binomial
from vpstats.centers.judge import COLUMNS, Rules, judge
from vpstats.centers.limits import chance_of, control_limits, read_tails, tail_functions
from vpstats.centers.multiplicity import fdr
from vpstats.centers.sums import CenterSums, Measure, Risks
from vpstats.centers.winsorised import winsorise
from vpstats.errors import UsageError

Vector = NDArray[np.float64]


def make_sums(
    observed: Any, n: Any, risk: float = 0.1, measure: Measure = "proportion", **more: Any
) -> CenterSums:
    """Centers whose rows all have one risk."""
    observed, n = np.asarray(observed, float), np.asarray(n, float)
    k, expected = len(n), n * risk
    values: dict[str, Any] = {
        "centers": tuple(f"c{i:02d}" for i in range(k)),
        "unit": "patient",
        "measure": measure,
        "n": n,
        "n_patients": n,
        "observed": observed,
        "expected": expected,
        "variance": expected * (1 - risk) if measure == "proportion" else expected,
        "design_effect": np.ones(k),
        "benchmark_variance": np.zeros(k),
        "benchmark": risk,
    }
    return CenterSums(**{**values, **more})


def network(k: int = 24, seed: int = 3, risk: float = 0.1, tau: float = 0.3) -> CenterSums:
    rng = np.random.default_rng(seed)
    n = rng.integers(80, 400, k)
    odds = risk / (1 - risk) * np.exp(rng.normal(0, tau, k))
    return make_sums(rng.binomial(n, odds / (1 + odds)), n, risk)


# ------------------------------------------------------------------ edges of the counts


def test_zero_events_have_a_finite_score_and_a_limit() -> None:
    table = judge(make_sums([0, 20, 22, 18], [200, 200, 200, 200])).table
    row = table.iloc[0]
    assert np.isfinite(row["z"])
    assert row["o_e"] == row["o_e_low"] == 0
    # half of the probability of none at all is 2.5 %
    assert row["o_e_high"] == pytest.approx((1 - 0.05 ** (1 / 200)) / 0.1)
    assert (row["flag"], row["side"]) == ("alarm", "better")
    assert 0 < row["shrunken"] < 1


def test_one_patient_is_small_and_never_flagged() -> None:
    table = judge(make_sums([1, 0, 20, 20], [1, 1, 200, 200])).table
    assert table["small"].tolist() == [True, True, False, False]
    assert table["flag"].tolist() == ["", "", "", ""]
    assert table["alarm_high"].iloc[0] == pytest.approx(
        1 / 0.1
    )  # all patients: no surprise at 10 %
    assert "too few for a verdict" in table["reason"].iloc[0]
    assert table["o_e_high"].iloc[0] == pytest.approx(10)


def test_all_events() -> None:
    table = judge(make_sums([60, 30, 35], [60, 60, 60], 0.5)).table
    row = table.iloc[0]
    assert row["o_e"] == row["o_e_high"] == 2
    assert row["o_e_low"] == pytest.approx(0.05 ** (1 / 60) * 2)
    assert (row["flag"], row["side"]) == ("alarm", "worse")
    assert np.isfinite(row["z"])


def test_one_center_is_judged_without_the_network() -> None:
    found = judge(make_sums([45], [200]))
    row = found.table.iloc[0]
    assert (row["flag"], row["side"]) == ("alarm", "worse")
    assert np.isnan(row[["shrunken", "rank_low", "z_tau", "z_phi"]].astype(float)).all()
    reason = found.network["reason"].iloc[0]
    assert "variation between them is not estimated" in reason
    assert "nothing to shrink to" in reason


def test_tau_needs_three_centers() -> None:
    sums = make_sums([45, 20], [200, 200])
    found, plain = judge(sums, Rules(dispersion="tau")), judge(sums)
    assert found.network["dispersion"].iloc[0] == "none"
    assert found.table["alarm_high"].equals(plain.table["alarm_high"])
    assert "variation between them is not estimated" in found.network["reason"].iloc[0]


def test_no_center_gives_empty_tables() -> None:
    found = judge(make_sums([], []))
    assert list(found.table.columns) == list(COLUMNS)
    assert len(found.table) == len(found.limits) == 0
    assert found.network["n_centers"].tolist() == [0]


def test_nothing_expected() -> None:
    sums = make_sums([0, 20, 21, 19], [0, 200, 200, 200])
    found = judge(sums)
    row = found.table.iloc[0]
    assert row["small"]
    assert row["z"] == 0
    assert np.isnan(row["o_e"])
    assert row["flag"] == ""
    seen = judge(make_sums([0, 3, 20, 21], [50, 50, 200, 200], 0.0)).table
    assert seen["flag"].eq("").all()
    assert seen["p_upper"].tolist() == [0.5, 0, 0, 0]


def test_a_center_with_half_the_volume_has_wider_limits() -> None:
    table = judge(make_sums([20, 10, 20], [200, 100, 200])).table
    whole, half = table.iloc[0], table.iloc[1]
    for high in ("alert_high", "alarm_high", "o_e_high"):
        assert half[high] > whole[high]
    for low in ("alert_low", "o_e_low"):
        assert half[low] < whole[low]
    # the limits of O/E approach 1 with the root of the volume
    ratio = (half["alarm_high"] - 1) / (whole["alarm_high"] - 1)
    assert 1.35 < ratio < 1.55


def test_a_center_that_is_not_known_leaves_the_others_alone() -> None:
    sums = make_sums([20, 18, 45, 21], [200, 200, 200, 200])
    more = make_sums([20, 18, 45, 21, 0], [200, 200, 200, 200, 100])
    expected = more.expected.copy()
    expected[4] = np.nan
    found, known = judge(replace(more, expected=expected)).table, judge(sums).table
    assert found.iloc[:4].drop(columns="method").equals(known.drop(columns="method"))
    assert found["small"].iloc[4]
    assert found["flag"].iloc[4] == ""
    assert found["reason"].iloc[4].startswith("Observed or expected numbers are not known")


def test_counts_far_out_keep_their_probability() -> None:
    first, log_mass = poisson_binomial(Risks(np.array([0.01]), np.array([3000.0])), reach=2900)
    exact = stats.binom.logpmf(first + np.arange(len(log_mass)), 3000, 0.01)
    assert first + len(log_mass) - 1 == 3000
    np.testing.assert_allclose(log_mass, exact, rtol=1e-11, atol=1e-9)
    first, log_mass = poisson_binomial(Risks(np.array([0.99]), np.array([3000.0])), reach=100)
    assert first == 0
    exact = stats.binom.logpmf(np.arange(len(log_mass)), 3000, 0.99)
    np.testing.assert_allclose(log_mass, exact, rtol=1e-11, atol=1e-9)


def test_many_rows_are_still_exact() -> None:
    values = np.linspace(0.02, 0.2, 10_000)
    first, log_mass = poisson_binomial(Risks(values, np.ones(10_000)))
    mass, counts = np.exp(log_mass), first + np.arange(len(log_mass))
    assert mass.sum() == pytest.approx(1, abs=1e-13)
    assert mass @ counts == pytest.approx(values.sum(), rel=1e-12)
    spread = float(np.sum(values * (1 - values)))
    assert mass @ (counts - values.sum()) ** 2 == pytest.approx(spread, rel=1e-10)


def test_certain_risks() -> None:
    first, log_mass = poisson_binomial(Risks(np.array([0.0, 1.0]), np.array([3.0, 2.0])), reach=2)
    assert (first, np.exp(log_mass).tolist()) == (2, [1.0])


def test_poisson_of_nothing() -> None:
    first, log_mass = poisson(0.0, reach=2)
    assert first == 0
    assert np.exp(log_mass).tolist() == [1, 0, 0, 0]


# ------------------------------------------------------------------ rules


@pytest.mark.parametrize(("direction", "side"), [("lower", "worse"), ("higher", "better")])
def test_the_direction_decides_the_side(direction: Any, side: str) -> None:
    sums = make_sums([45, 20, 19], [200, 200, 200])
    assert judge(sums, Rules(direction=direction)).table["side"].iloc[0] == side


def test_exceedance_follows_the_direction() -> None:
    sums = network()
    more = judge(sums).table["exceedance"]
    less = judge(sums, Rules(direction="higher")).table["exceedance"]
    o_e = judge(sums).table["o_e"]
    assert np.corrcoef(more, o_e)[0, 1] > 0.5
    assert np.corrcoef(less, o_e)[0, 1] < -0.5
    assert ((more + less) <= 1 + 1e-9).all()


@pytest.mark.parametrize("tail", ["mid-p", "exact"])
@pytest.mark.parametrize("dispersion", ["none", "tau", "phi"])
def test_flags_and_p_values_agree(tail: Any, dispersion: Any) -> None:
    rules = Rules(tail=tail, dispersion=dispersion)
    sums = network(k=60, tau=0.6)
    table = judge(sums, rules).table
    assert (table["flag"].eq("alarm") == (table["p_value"] < 0.002)).all()
    assert (table["flag"].ne("") == (table["p_value"] < 0.05)).all()
    assert table["flag"].ne("").any()


@pytest.mark.parametrize("tail", ["mid-p", "exact"])
@pytest.mark.parametrize("widened", [0.0, 6.0])
def test_an_interval_leaves_one_out_exactly_where_there_is_an_alert(
    tail: Any, widened: float
) -> None:
    sums = network(k=60, tau=0.3)
    sums = replace(sums, benchmark_variance=np.full(60, widened))
    table = judge(sums, Rules(tail=tail)).table
    outside = (table["o_e_low"] > 1) | (table["o_e_high"] < 1)
    assert outside.sum() > 5
    assert (outside == table["flag"].ne("")).all()


def test_dispersion_widens_limits_and_is_shown_anyway() -> None:
    sums = network(k=30, tau=0.5)
    choices: Any = ("none", "tau", "phi")
    plain, tau, phi = (judge(sums, Rules(dispersion=d)) for d in choices)
    for wide in (tau, phi):
        assert (wide.table["alarm_high"] > plain.table["alarm_high"]).all()
        assert wide.network["dispersion"].iloc[0] != "none"
        assert wide.table["z_phi"].equals(plain.table["z_phi"])
        assert wide.table["z_tau"].equals(plain.table["z_tau"])
        assert wide.limits["alarm_high"].iloc[-1] > plain.limits["alarm_high"].iloc[-1]
    assert plain.network[["tau", "phi", "p_dispersion"]].notna().all(axis=None)


def test_phi_is_refused_below_twenty_centers() -> None:
    found = judge(network(k=19, tau=0.5), Rules(dispersion="phi"))
    assert np.isnan(found.network["phi"].iloc[0])
    assert found.table["z_phi"].isna().all()
    assert found.network["dispersion"].iloc[0] == "none"
    assert "phi, which needs 20 centers" in found.network["reason"].iloc[0]
    twenty = judge(network(k=20, tau=0.5), Rules(dispersion="phi"))
    assert twenty.network["dispersion"].iloc[0] == "phi"


def test_poisson_only_where_every_risk_is_small() -> None:
    small = make_sums([8, 12, 9], [200, 200, 200], 0.05)
    large = make_sums([20, 25, 18], [200, 200, 200], 0.11)
    rules = Rules(law="poisson", interval="byar")
    found = judge(small, rules).table
    assert found["method"].str.startswith("Poisson, since every risk is at most 0.1").all()
    assert found["method"].str.endswith("Byar").all()
    other = judge(large, rules).table["method"].iloc[0]
    assert other.startswith("binomial, exact")
    assert other.endswith("interval of O/E: mid-p")
    exact = judge(large, Rules(tail="exact")).table["method"].iloc[0]
    assert exact.endswith("interval of O/E: exact")


def test_methods_are_named() -> None:
    events = judge(make_sums([8, 12, 9], [200, 200, 200], measure="incidence")).table
    assert events["method"].str.startswith("Poisson, events against cumulative hazard").all()
    assert events["rate"].isna().all()
    sums = make_sums([20, 25, 18], [200, 200, 200])
    risks = tuple(Risks(np.array([0.1]), np.array([200.0])) for _ in range(3))
    wide = replace(sums, risks=risks, benchmark_variance=np.full(3, 2.0))
    method = judge(wide).table["method"].iloc[0]
    assert method.startswith("Poisson-binomial, exact by convolution; widened for")


def test_byar_is_widened_by_what_widens_the_limits() -> None:
    sums = make_sums([8, 12, 9], [200, 200, 200], measure="incidence")
    wide = replace(sums, variance=2 * sums.variance, design_effect=np.full(3, 2.0))
    rules = Rules(interval="byar")
    one, two = judge(sums, rules).table, judge(wide, rules).table
    assert (two["o_e_low"] < one["o_e_low"]).all()
    assert (two["o_e_high"] > one["o_e_high"]).all()


def test_volume_below_the_minimum_has_no_verdict() -> None:
    table = judge(make_sums([40, 20, 20], [100, 200, 200]), Rules(min_n=150)).table
    assert table["small"].tolist() == [True, False, False]
    assert table["reason"].iloc[0] == "100 rows, fewer than 150: too few for a verdict."
    assert table["flag"].iloc[0] == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"tail": "normal"},
        {"dispersion": "both"},
        {"direction": "up"},
        {"law": "normal"},
        {"interval": "wald"},
        {"alert": 0.999},
        {"alarm": 1.0},
        {"level": 0.0},
        {"winsorise": 0.5},
        {"exceed": 0.9},
    ],
)
def test_wrong_rules_are_refused(wrong: Any) -> None:
    with pytest.raises(UsageError):
        Rules(**wrong)


# ------------------------------------------------------------------ wrong sums


def test_more_outcomes_than_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="more rows with the outcome than rows"):
        judge(make_sums([21], [20]))


@pytest.mark.parametrize("name", ["n", "observed", "expected", "variance", "benchmark_variance"])
def test_negative_sums_are_refused(name: str) -> None:
    sums = make_sums([2, 3], [20, 20])
    with pytest.raises(UsageError, match=f"'{name}' is negative"):
        judge(replace(sums, **{name: -np.ones(2)}))


def test_risks_that_are_not_those_of_the_expected_number_are_refused() -> None:
    risks = (Risks(np.array([0.2]), np.array([100.0])),)
    with pytest.raises(UsageError, match="sum to 20, its expected number is 10"):
        judge(make_sums([12], [100], risks=risks))


@pytest.mark.parametrize(
    "risks",
    [
        Risks(np.array([1.2]), np.ones(1)),
        Risks(np.array([np.nan]), np.ones(1)),
        Risks(np.array([0.2]), np.array([1.5])),
        Risks(np.array([0.2]), np.array([-1.0])),
        Risks(np.array([0.2, 0.3]), np.ones(1)),
    ],
)
def test_wrong_risks_are_refused(risks: Risks) -> None:
    with pytest.raises(UsageError):
        check_risks(risks)


def test_wrong_p_values_and_methods_are_refused() -> None:
    with pytest.raises(UsageError):
        fdr([0.1, 1.2])
    unknown: Any = "holm"
    with pytest.raises(UsageError):
        fdr([0.1], method=unknown)
    assert np.isnan(fdr([np.nan, np.nan])).all()


# ------------------------------------------------------------------ dispersion and shrinkage


def test_winsorising_needs_a_share() -> None:
    with pytest.raises(UsageError):
        winsorise(np.ones(3), 0.5)
    assert len(winsorise(np.empty(0), 0.1)) == 0


def test_outliers_do_not_widen_the_limits_that_find_them() -> None:
    z = np.append(np.linspace(-1.5, 1.5, 27), [9.0, 10.0, 11.0])
    variances = np.full(30, 0.05)
    found = estimate_dispersion(z, variances)
    spoilt = estimate_dispersion(z, variances, winsorised=0.0)
    assert found.phi < 1.8
    assert spoilt.phi > 10
    assert found.tau < 0.3 < spoilt.tau


def test_q_profile_at_its_ends() -> None:
    assert profile_interval(np.zeros(5), np.ones(5)) == (0.0, 0.0)
    assert profile_interval(1e6 * np.arange(5.0), np.ones(5))[1] == np.inf


def test_no_variation_shrinks_all_to_the_mean() -> None:
    table = judge(make_sums([20, 20, 21, 19, 20], [200] * 5))
    assert table.network["tau_ml"].iloc[0] == 0
    assert table.network["rankability"].iloc[0] == 0
    assert table.table["shrunken"].std() < 1e-6
    # what is not known of tau is in the intervals all the same
    assert (table.table["shrunken_high"] - table.table["shrunken_low"] > 0.1).all()


def posterior_limits(sums: CenterSums, risk: float) -> np.ndarray:
    """Limits of O/E with flat priors on mu and tau, by adding up over grids of both."""
    effect, mus = np.linspace(-2.5, 2.5, 501), np.linspace(-0.8, 0.8, 41)
    odds = risk / (1 - risk) * np.exp(effect)
    share = odds / (1 + odds)
    log = stats.binom.logpmf(sums.observed[:, None], sums.n[:, None], share)
    likelihood = np.exp(log - log.max(axis=1, keepdims=True))
    densities, weights = [], []
    for tau in np.linspace(0.01, 1.5, 75):
        prior = np.exp(-((effect - mus[:, None]) ** 2) / 2 / tau**2)
        prior /= prior.sum(axis=1, keepdims=True)
        marginal = likelihood @ prior.T
        logs = np.log(marginal).sum(axis=0)
        weights.append(logs.max())
        part = np.exp(logs - logs.max())
        densities.append(likelihood * ((part / marginal) @ prior))
    total = sum(np.exp(w - max(weights)) * d for w, d in zip(weights, densities, strict=True))
    cdf = np.cumsum(total, axis=1) - total / 2
    cdf /= total.sum(axis=1, keepdims=True)
    found = np.array([np.interp([0.025, 0.975], row, effect) for row in cdf])
    odds = risk / (1 - risk) * np.exp(found)
    return np.asarray(odds / (1 + odds) / risk)


@pytest.mark.parametrize(("k", "tau"), [(30, 0.4), (24, 0.2)])
def test_shrunken_intervals_are_those_of_the_whole_posterior(k: int, tau: float) -> None:
    sums = network(k=k, tau=tau)
    table = judge(sums).table
    ours = table[["shrunken_low", "shrunken_high"]].to_numpy()
    # mu enters by its curvature and tau in some steps, where here both are added up over
    np.testing.assert_allclose(ours, posterior_limits(sums, 0.1), rtol=0.01)


def test_shrunken_estimates_lie_between_their_own_and_the_mean() -> None:
    found = judge(network(k=30, tau=0.4))
    table, mean = found.table, np.exp(found.network["mu"].iloc[0])
    away = (table["o_e"] - mean).abs()
    assert ((table["shrunken"] - mean).abs() <= away + 0.02).all()
    assert (table["shrunken_low"] < table["shrunken"]).all()
    assert (table["shrunken"] < table["shrunken_high"]).all()
    assert (table["rank_low"] >= 1).all()
    assert (table["rank_high"] <= 30).all()
    assert table["rank_low"].iloc[table["o_e"].argmin()] < 6


@pytest.mark.parametrize(
    ("observed", "n", "words"),
    [
        ([0, 0, 0, 0], [50, 60, 70, 80], "No outcome was observed at any center"),
        ([9, 8, 7, 6], [9, 8, 7, 6], "Every row of every center has the outcome"),
    ],
)
def test_all_or_none_have_nothing_to_shrink_to(observed: Any, n: Any, words: str) -> None:
    found = judge(make_sums(observed, n))
    assert found.table[["shrunken", "exceedance", "rank_low"]].isna().all(axis=None)
    assert words in found.network["reason"].iloc[0]
    assert found.table["z"].notna().all()


def test_rows_that_cannot_vary() -> None:
    found = judge(make_sums([50, 50, 50, 40], [50] * 4, 1.0))
    assert found.table["z"].fillna(-99).tolist() == [0, 0, 0, -99]
    assert "0 centers with an expected number" in found.network["reason"].iloc[0]


def test_a_center_beyond_all_floating_point() -> None:
    table = judge(make_sums([300, 3, 2, 4], [3000] * 4, 0.001, "incidence")).table
    row = table.iloc[0]
    assert row["z"] == pytest.approx(37, abs=0.1)
    assert (row["p_upper"], row["flag"], row["side"]) == (0, "", "")  # 3 expected: no verdict
    # shrunken from 100 by a normal prior that is wide, but ends at a tau of 2.5
    assert 80 < row["shrunken"] < row["o_e"]
    assert table["rank_low"].iloc[0] == 4


def test_the_benchmark_of_others_against_the_exact_test() -> None:
    # center against all others, unadjusted: given the margins the count is hypergeometric
    observed, n = np.array([30.0, 20, 14, 42, 25]), np.array([200.0, 200, 200, 200, 200])
    total, rows = observed.sum(), n.sum()
    rate = (total - observed) / (rows - n)
    sums = replace(
        make_sums(observed, n),
        expected=n * rate,
        variance=n * rate * (1 - rate),
        benchmark_variance=n**2 * rate * (1 - rate) / (rows - n),
    )
    chance = chance_of(sums)
    functions = tail_functions(chance.mass(), "mid-p")
    upper, _ = read_tails(chance.laws, functions, observed)
    law = stats.hypergeom(int(rows), int(total), n.astype(int))
    exact = law.sf(observed) + law.pmf(observed) / 2
    ignored = replace(sums, benchmark_variance=np.zeros(5))
    naive, _ = read_tails(chance.laws, tail_functions(chance_of(ignored).mass(), "mid-p"), observed)
    ours, theirs, without = (stats.norm.isf(p) for p in (upper, exact, naive))
    # conditional and predictive tails are not one thing; z differs by less than a tenth up to 3
    assert np.max(np.abs(ours - theirs)) < 0.1
    assert np.max(np.abs(without - theirs)) > 0.2


def test_limits_carry_the_variance_they_are_given() -> None:
    sums = make_sums([20, 20], [200, 200])
    wide = replace(sums, variance=sums.variance * 1.5, benchmark_variance=np.full(2, 2.0))
    chance = chance_of(wide)
    mass, counts = chance.mass(), chance.laws.counts
    mean = np.sum(mass * counts, axis=1)
    np.testing.assert_allclose(mean, 20, rtol=1e-7)
    variance = np.sum(mass * (counts - mean[:, None]) ** 2, axis=1)
    np.testing.assert_allclose(variance, 18 * 1.5 + 2, rtol=1e-6)
    assert (control_limits(chance, 0.001)[1] > control_limits(chance_of(sums), 0.001)[1]).all()


def test_a_variance_below_that_of_independent_rows_does_not_narrow_limits() -> None:
    sums = make_sums([20, 20], [200, 200])
    narrow = replace(sums, variance=sums.variance * 0.5)
    for one, other in zip(
        *(control_limits(chance_of(s), 0.001) for s in (sums, narrow)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_the_funnel_meets_the_limits_of_the_centers() -> None:
    sums = make_sums([20, 40, 30], [200, 400, 300])
    found = judge(sums)
    for _, row in found.table.iterrows():
        curve = found.limits
        drawn = np.interp(row["expected"], curve["expected"], curve["alarm_high"])
        assert drawn == pytest.approx(row["alarm_high"], rel=0.01)
    assert found.limits["expected"].is_monotonic_increasing


def test_twice_gives_the_same() -> None:
    sums = network()
    first, second = judge(sums), judge(sums)
    for name in ("table", "network", "limits"):
        assert getattr(first, name).equals(getattr(second, name))


def test_the_example_of_the_page_runs() -> None:
    page = Path(__file__).parents[2] / "docs" / "methods" / "funnel-plots.md"
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        exec(block, names)  # the page is ours
    assert names["judged"].table["flag"].tolist() == ["", "", "alarm", "", "alarm"]
