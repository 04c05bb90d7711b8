"""Tests, agreement and accuracy of tables that are small enough to work out on paper."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vpstats.models.agreement import agreement
from vpstats.models.diagnostic import diagnostic_accuracy
from vpstats.models.named_tests import compare_groups, compare_pairs
from vpstats.models.named_tests.fisher import exact_p_value
from vpstats.models.paired import paired_proportions, tango
from vpstats.models.rate_ratios import compare_rates
from vpstats.models.rates import event_rates

EXACT = 1e-12
"""Rounding alone."""


def cells(**counts: int) -> pd.DataFrame:
    """Rows of a 2×2 table: ``ab=3`` are three rows with first a and second b."""
    rows = [(int(key[1]), int(key[2])) for key, n in counts.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["first", "second"])


def test_clustered_mcnemar_of_three_patients() -> None:
    # patient  levels  first only  second only   d
    #   p        3         2           0         2
    #   q        2         1           0         1
    #   r        2         0           1        -1      sum 2 of 7 levels, estimate 2/7
    rows = pd.DataFrame(
        {
            "patient": list("pppqqrr"),
            "ct": [1, 1, 0, 1, 1, 0, 0],
            "fluoro": [0, 0, 0, 0, 1, 1, 0],
        }
    )
    row = paired_proportions(rows, first="ct", second="fluoro", cluster="patient").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(2 / 7, rel=EXACT)
    # residuals d - 2/7 n: 2 - 6/7, 1 - 4/7, -1 - 4/7 = 8/7, 3/7, -11/7; squares (64 + 9 + 121)/49
    variance = Fraction(3, 2) * Fraction(194, 49) / 49
    assert row["std_error"] == pytest.approx(float(variance) ** 0.5, rel=EXACT)
    # Obuchowski: 2^2 over 3/2 (4 + 1 + 1) = 4/9
    assert row["statistic"] == pytest.approx(4 / 9, rel=EXACT)
    durkalski = paired_proportions(
        rows, first="ct", second="fluoro", cluster="patient", test="durkalski"
    ).tidy()
    # d/n = 2/3, 1/2, -1/2: (2/3)^2 over 4/9 + 1/4 + 1/4 = (4/9) / (17/18)
    assert durkalski["statistic"].iloc[0] == pytest.approx(8 / 17, rel=EXACT)


def test_pairs_without_disagreement_have_tangos_interval_in_closed_form() -> None:
    # n delta^2 / (delta (1 - delta)) = z^2, so delta = z^2 / (n + z^2)
    z2 = stats.norm.ppf(0.975) ** 2
    assert tango(0, 0, 12, 0.95) == pytest.approx((-z2 / (12 + z2), z2 / (12 + z2)), rel=EXACT)


def test_kappa_of_fifty_rows() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreement 35/50, expected 1/2, kappa 0.4
    rows = cells(_11=20, _10=5, _01=10, _00=15)
    table = agreement(rows, first="first", second="second").tidy().set_index(["stat", "level"])
    assert table.loc[("kappa", ""), "estimate"] == pytest.approx(0.4, rel=EXACT)
    # weights of a cell: [(w - po... )] by Fleiss, Cohen and Everitt with 1 - pe = 1/2, po = 7/10
    total = Fraction(0)
    margins = {1: (Fraction(25, 50), Fraction(30, 50)), 0: (Fraction(25, 50), Fraction(20, 50))}
    for (i, j), n in {(1, 1): 20, (1, 0): 5, (0, 1): 10, (0, 0): 15}.items():
        bar = margins[i][1] + margins[j][0]
        total += (
            Fraction(n, 50)
            * (Fraction(int(i == j)) * Fraction(1, 2) - bar * (1 - Fraction(7, 10))) ** 2
        )
    total -= (Fraction(7, 10) * Fraction(1, 2) - 2 * Fraction(1, 2) + Fraction(7, 10)) ** 2
    error = float(total / (50 * Fraction(1, 2) ** 4)) ** 0.5
    assert table.loc[("kappa", ""), "std_error"] == pytest.approx(error, rel=1e-10)
    # positive agreement 2·20/(25 + 30), negative 2·15/(25 + 20), PABAK 2·0.7 - 1
    assert table.loc[("specific_agreement", "1"), "estimate"] == pytest.approx(40 / 55, rel=EXACT)
    assert table.loc[("specific_agreement", "0"), "estimate"] == pytest.approx(30 / 45, rel=EXACT)
    assert table.loc[("pabak", ""), "estimate"] == pytest.approx(0.4, rel=EXACT)
    assert table.loc[("prevalence_index", ""), "estimate"] == pytest.approx(5 / 50, rel=EXACT)
    assert table.loc[("bias_index", ""), "estimate"] == pytest.approx(-5 / 50, rel=EXACT)


def test_weighted_kappa_of_three_categories() -> None:
    # 1-1, 2-2, 3-3, 1-2, 2-3, 1-3: linear weights 1, 1, 1, 1/2, 1/2, 0: agreement 4/6
    rows = pd.DataFrame({"a": [1, 2, 3, 1, 2, 1], "b": [1, 2, 3, 2, 3, 3]})
    table = agreement(rows, first="a", second="b", weights="linear").tidy().set_index("stat")
    assert table.loc["agreement", "estimate"] == pytest.approx(4 / 6, rel=EXACT)
    # rows 3/6, 2/6, 1/6; columns 1/6, 2/6, 3/6: expected (3 + 4 + 3 + (6 + 1 + 6 + 2)/2)/36
    expected = Fraction(3 * 1 + 2 * 2 + 1 * 3, 36) + Fraction(3 * 2 + 2 * 1 + 2 * 3 + 1 * 2, 72)
    kappa = (Fraction(4, 6) - expected) / (1 - expected)
    assert table.loc["kappa", "estimate"] == pytest.approx(float(kappa), rel=EXACT)


def test_begg_and_greenes_of_two_hundred_patients() -> None:
    # test +: 20, all verified, 12 diseased; test -: 180, 40 verified, 4 diseased.
    # diseased in all: 12 and 4/40·180 = 18, so sensitivity 12/30 and specificity 162/170
    rows = pd.DataFrame({"sign": [1] * 20 + [0] * 180})
    rows["truth"] = [1] * 12 + [0] * 8 + [1] * 4 + [0] * 36 + [None] * 140
    table = diagnostic_accuracy(rows, test="sign", reference="truth").tidy()
    naive = table[table["method"].str.startswith("verified")].set_index("stat")["estimate"]
    found = table[table["method"].str.startswith("Begg")].set_index("stat")["estimate"]
    assert naive["sensitivity"] == pytest.approx(12 / 16, rel=EXACT)
    assert found["sensitivity"] == pytest.approx(12 / 30, rel=EXACT)
    assert found["specificity"] == pytest.approx(162 / 170, rel=EXACT)
    assert found["prevalence"] == pytest.approx(30 / 200, rel=EXACT)
    # predictive values need no correction, and neither does the odds ratio
    assert found["ppv"] == pytest.approx(naive["ppv"], rel=EXACT) == pytest.approx(12 / 20)
    assert found["dor"] == pytest.approx(naive["dor"], rel=EXACT) == pytest.approx(13.5)
    assert found["lr_positive"] == pytest.approx((12 / 30) / (8 / 170), rel=EXACT)


def test_predictive_values_at_another_prevalence() -> None:
    # sensitivity 3/4, specificity 9/10, prevalence 1/5: PPV = 3/20 over 3/20 + 8/100
    rows = cells(_11=30, _01=10, _10=20, _00=180)
    table = diagnostic_accuracy(rows, test="first", reference="second", prevalence=0.2).tidy()
    found = table.set_index("stat")["estimate"]
    assert found["ppv"] == pytest.approx(
        float(Fraction(3, 20) / (Fraction(3, 20) + Fraction(8, 100))), rel=EXACT
    )
    assert found["npv"] == pytest.approx(
        float(Fraction(72, 100) / (Fraction(72, 100) + Fraction(1, 20))), rel=EXACT
    )


def test_fisher_of_two_by_three() -> None:
    # margins (2, 2) and (2, 1, 1): tables [2 0 0], [1 1 0], [1 0 1], [0 1 1] as first rows with
    # C(2,a) C(1,b) C(1,c) = 1, 2, 2, 1 of C(4,2) = 6; the one seen has 1/6
    assert exact_p_value(np.array([[2, 0, 0], [0, 1, 1]])) == pytest.approx(2 / 6, rel=EXACT)
    assert exact_p_value(np.array([[1, 1, 0], [1, 0, 1]])) == pytest.approx(1, rel=EXACT)


def test_the_lady_tasting_tea() -> None:
    # three of four cups right: P(3) = 16/70, P(4) = 1/70, and the same at the other end
    rows = cells(_11=3, _10=1, _01=1, _00=3).rename(columns={"first": "g", "second": "y"})
    fisher = compare_groups(rows, variable="y", by="g", test="fisher").tidy().iloc[0]
    assert fisher["p_value"] == pytest.approx(34 / 70, rel=EXACT)
    mid = compare_groups(rows, variable="y", by="g", test="fisher-mid-p").tidy().iloc[0]
    assert mid["p_value"] == pytest.approx(26 / 70, rel=EXACT)


def test_rank_tests_of_five_rows() -> None:
    # the least sum of ranks of two in five: 1 of C(5,2) = 10 ways, and as many at the other end
    rows = pd.DataFrame({"x": [1.0, 2, 3, 4, 5], "g": list("aabbb")})
    row = compare_groups(rows, variable="x", by="g", test="mann-whitney").tidy().iloc[0]
    assert row["p_value"] == pytest.approx(2 / 10, rel=EXACT)
    assert row["estimate"] == 2.5  # differences 1 2 2 3 3 4: their median
    # three differences of one sign: 1 of 2^3 ways, and as many at the other end
    pair = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": 0.0})
    signed = compare_pairs(pair, first="a", second="b", test="signed-rank").tidy().iloc[0]
    assert signed["p_value"] == pytest.approx(2 / 8, rel=EXACT)
    assert signed["estimate"] == 2.25  # means of pairs 1 1.5 2 2.5 3 4


def test_exact_ranks_with_ties() -> None:
    # ranks 1.5 1.5 3 4: sums of two are 3, 4.5 (twice), 5.5 (twice), 7; mean 5
    rows = pd.DataFrame({"x": [1.0, 1.0, 2.0, 3.0], "g": list("aabb")})
    row = compare_groups(rows, variable="x", by="g", test="mann-whitney", exact=True).tidy().iloc[0]
    assert row["p_value"] == pytest.approx(2 / 6, rel=EXACT)


def test_doubled_rows_halve_rao_and_scotts_statistic() -> None:
    # every patient twice: Pearson's statistic doubles, the design effect is 2 m/(m - 1)
    single = cells(_11=9, _10=6, _01=4, _00=11).rename(columns={"first": "g", "second": "y"})
    pearson = compare_groups(single, variable="y", by="g", test="pearson").tidy().iloc[0]
    twice = pd.concat([single, single]).assign(patient=[*range(30), *range(30)])
    row = compare_groups(twice, variable="y", by="g", test="rao-scott", cluster="patient")
    assert row.tidy()["statistic"].iloc[0] == pytest.approx(
        pearson["statistic"] * 29 / 30, rel=1e-10
    )


def test_a_trend_over_three_groups() -> None:
    # events 1, 2, 3 of 4 each; scores 1, 2, 3: sum (s - 2) events = 2, share 1/2, spread 8/4
    rows = pd.DataFrame({"g": np.repeat([1, 2, 3], 4), "y": [1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0]})
    row = compare_groups(rows, variable="y", by="g", test="cochran-armitage").tidy().iloc[0]
    assert row["statistic"] == pytest.approx(2**2 / (0.25 * 8), rel=EXACT)
    assert row["estimate"] == pytest.approx(2 / 8, rel=EXACT)


def test_rates_of_two_groups() -> None:
    # 3 events in 100 years, none in 100: given three events each is a coin, 2/8 two-sided;
    # the lower limit of the share is 0.025^(1/3), the ratio's its odds
    rows = pd.DataFrame({"years": [100.0 / 3] * 3 + [100.0], "event": [1, 1, 1, 0],
                         "arm": ["b", "b", "b", "a"]})  # fmt: skip
    table = compare_rates(rows, duration="years", event="event", by="arm", reference="b")
    row = table.tidy().iloc[0]
    assert row["p_value"] == pytest.approx(0.25, rel=EXACT)
    share = 0.025 ** (1 / 3)
    assert row["conf_high"] == pytest.approx((1 - share) / share, rel=1e-10)
    assert (row["estimate"], row["conf_low"]) == (0, 0)


def test_the_rule_of_three() -> None:
    result = event_rates(pd.DataFrame({"leak": [0] * 60}), outcome="leak")
    # 1 - 0.05^(1/60) = 4.87 %, and 3/60 = 5 %
    (caveat,) = result.caveats
    assert caveat.code == "no_events"
    assert "below 4.9 % (rule of three: 5 %)" in caveat.message
