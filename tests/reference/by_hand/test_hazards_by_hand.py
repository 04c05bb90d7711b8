"""Residuals, windows, frailties and matched strata from algebra that fits in a comment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vpstats.models.concordance import concordance
from vpstats.models.frailty_fit import predicted_frailties
from vpstats.models.hazards import fit_cox
from vpstats.models.proportional import test_proportional_hazards
from vpstats.models.residuals import residuals
from vpstats.models.varying import fit_time_varying
from vpstats.models.windows import EventFloors, fit_cox_by_window

TIMES = {"duration": "days", "event": "event"}

SIX = pd.DataFrame(
    {"days": [1, 1, 2, 3, 4, 4], "event": [1, 1, 0, 1, 1, 0], "x": [1, 0, 1, 1, 0, 0]}
)
"""Two events on day 1 among all six; one on day 3 among three; one on day 4 among two."""


def test_residuals_under_breslow_ties() -> None:
    # without an effect (the coefficient offset away) hazards are 2/6, 1/3 and 1/2, so a row is
    # expected to have 1/3 events up to day 1, 2/3 up to day 3 and 7/6 up to day 4
    null = fit_cox(SIX.assign(z=[0, 1, 0, 1, 0, 1]), "1", **TIMES, ties="breslow")
    raw = residuals(null, SIX, "martingale")["martingale"]
    np.testing.assert_allclose(raw, [2 / 3, 2 / 3, -1 / 3, 1 / 3, -1 / 6, -7 / 6])
    # deviance of an event expected m times: sign sqrt(2 (m - 1 - log m)); of none: -sqrt(2 m)
    deviance = residuals(null, SIX, "deviance")["deviance"]
    third, other = np.sqrt(2 * (np.log(3) - 2 / 3)), np.sqrt(2 * (np.log(3 / 2) - 1 / 3))
    last = -np.sqrt(2 * (1 / 6 - np.log(7 / 6)))
    expected = [third, third, -np.sqrt(2 / 3), other, last, -np.sqrt(7 / 3)]
    np.testing.assert_allclose(deviance, expected)


def test_residuals_under_efron_ties() -> None:
    # on day 1 the second event finds half of each of the two gone: hazards 1/6 and 1/5. The two
    # are spared half of the second: each is expected 1/6 + 1/10 times
    null = fit_cox(SIX, "1", **TIMES)
    raw = residuals(null, SIX, "martingale")["martingale"]
    day1 = 1 / 6 + 1 / 5
    np.testing.assert_allclose(
        raw,
        [1 - 4 / 15, 1 - 4 / 15, -day1, 1 - day1 - 1 / 3, 1 - day1 - 5 / 6, -day1 - 5 / 6],
    )


def test_schoenfeld_residuals() -> None:
    # with r = exp(b), S0 = 3 + 3 r on day 1 and S1 = 3 r: mean r / (1 + r). With Efron the second
    # event's risk set is (3 - 1/2) + (3 - 1/2) r, whose mean is the same. Day 3: r / (2 + r).
    # Day 4: 0. The score 2 (1/2) ... : 1 - 2 r / (1 + r) + 1 - r / (2 + r) = 0
    #   (1 + r - 2 r)(2 + r) + (1 + r)(2) = 0  =>  -r^2 + r + 4 = 0  =>  r = (1 + sqrt 17) / 2
    fit = fit_cox(SIX, "x", **TIMES)
    r = (1 + np.sqrt(17)) / 2
    assert np.exp(fit.coefficients[0]) == pytest.approx(r)
    found = residuals(fit, SIX, "schoenfeld")
    assert found["time"].tolist() == [1, 1, 3, 4]
    m = r / (1 + r)
    np.testing.assert_allclose(found["x"], [1 - m, -m, 1 - r / (2 + r), 0], atol=1e-9)
    # the information is 2 m (1 - m) + 2 r / (2 + r)^2; scaled: 4 events x variance x residual + b
    variance = 1 / (2 * m * (1 - m) + 2 * r / (2 + r) ** 2)
    scaled = residuals(fit, SIX, "scaled_schoenfeld")["x"]
    np.testing.assert_allclose(scaled, 4 * variance * found["x"] + np.log(r), atol=1e-7)


def test_clusters_add_their_score_residuals_up_under_efron_ties() -> None:
    # r and m as above. Day 1 under Efron: hazards h1 = 1 / (3 (1 + r)) and, with half of each event
    # gone, h2 = 1 / (5/2 (1 + r)); the two events are spared half of h2, so both have the same
    # exposure whichever comes first in the table. On day 3 the mean is q = r / (2 + r).
    r = (1 + np.sqrt(17)) / 2
    m, q = r / (1 + r), r / (2 + r)
    h1, h2, h3 = 1 / (3 * (1 + r)), 2 / (5 * (1 + r)), 1 / (2 + r)
    U = np.array(
        [
            (1 - m) * (1 - r * (h1 + h2 / 2)),
            -m * (1 - (h1 + h2 / 2)),
            -r * (1 - m) * (h1 + h2),
            -r * (1 - m) * (h1 + h2) + (1 - q) * (1 - r * h3),
            m * (h1 + h2) + q * h3,
            m * (h1 + h2) + q * h3,  # on day 4 all at risk have x = 0
        ]
    )
    assert U.sum() == pytest.approx(0, abs=1e-12)
    information = 2 * m * (1 - m) + 2 * r / (2 + r) ** 2
    pairs = SIX.assign(patient=["a", "b", "c", "a", "b", "c"])
    for rows in (pairs, pairs.iloc[[1, 0, 5, 4, 3, 2]]):
        fit = fit_cox(rows, "x", **TIMES, cluster="patient")
        sums = [U[0] + U[3], U[1] + U[4], U[2] + U[5]]
        assert fit.std_errors[0] == pytest.approx(np.sqrt(np.sum(np.square(sums))) / information)
        np.testing.assert_allclose(residuals(fit, rows, "score").sort_index()["x"], U, atol=1e-9)


def test_the_score_test_of_proportionality() -> None:
    # g = time, centred at its mean over the events (1 + 1 + 3 + 4) / 4 = 9/4. With v1, v3 the
    # variances of x on days 1 and 3: U = sum (g - 9/4) residual, V = sum g^2 v - (sum g v)^2 / I
    fit = fit_cox(SIX, "x", **TIMES)
    r = (1 + np.sqrt(17)) / 2
    m, v3 = r / (1 + r), 2 * r / (2 + r) ** 2
    v1 = 2 * m * (1 - m)
    U = -5 / 4 * (1 - 2 * m) + 3 / 4 * (1 - r / (2 + r))
    V = 25 / 16 * v1 + 9 / 16 * v3 - (-5 / 4 * v1 + 3 / 4 * v3) ** 2 / (v1 + v3)
    found = test_proportional_hazards(fit, SIX, transform="identity").tidy()
    np.testing.assert_allclose(found["statistic"], U**2 / V, rtol=1e-6)


def test_concordance_and_its_error() -> None:
    # x orders: events on day 1 (x = 1 and 0) outlived by four rows with x = 1, 1, 0, 0; day 3 (x =
    # 1) by two with x = 0; day 4 (x = 0) by one with x = 0, censored that day.
    # right 2 + 0 + 2 = 4, level 2 + 2 + 0 + 1 = 5, wrong 0 + 2 = 2: (4 + 5/2) / 11
    fit = fit_cox(SIX, "x", **TIMES)
    found = concordance(fit, SIX).tidy().iloc[0]
    assert found["estimate"] == pytest.approx(13 / 22)
    # of each row's pairs: right + level / 2, and how many; influence (s - 13/22 n) / 11
    s = np.array([3.0, 1.0, 0.5 + 0, 0.5 + 0 + 2, 1.5 + 1 + 0.5, 1.5 + 1 + 0.5])
    n = np.array([4, 4, 2, 2 + 2, 2 + 1 + 1, 2 + 1 + 1])
    error = np.sqrt(np.sum((s - 13 / 22 * n) ** 2)) / 11
    assert found["std_error"] == pytest.approx(error)


SEVEN = pd.DataFrame(
    {
        "days": [1, 1, 1, 2, 2, 2, 2],
        "event": [1, 1, 1, 1, 1, 0, 0],
        "x": [1, 1, 0, 1, 0, 0, 1],
    }
)


def test_a_hazard_ratio_per_window() -> None:
    rows = SEVEN
    # window 0-1: S0 = 4 r + 3, three events, two exposed: 2 = 3 * 4 r / (4 r + 3) => r = 3/2
    # window 1+: S0 = 2 r + 2, two events, one exposed: 1 = 2 * 2 r / (2 r + 2) => r = 1
    found = fit_cox_by_window(
        rows, "1", exposure="x", at=[1], **TIMES, ties="breslow",
        floors=EventFloors(events=0, events_per_parameter=0, single_parameter_events=0),
    )  # fmt: skip
    table = found.tidy(exponentiate=True)
    np.testing.assert_allclose(table["estimate"], [3 / 2, 1])
    # variances 1 / (3 p q) with p = 4 r / (4 r + 3) = 2/3, and 1 / (2 / 4)
    np.testing.assert_allclose(table["std_error"], [np.sqrt(3 / 2), np.sqrt(2)])
    assert found.equality.loc[0, "statistic"] == pytest.approx(np.log(3 / 2) ** 2 / (3 / 2 + 2))


def test_a_hazard_ratio_that_is_a_line_in_time() -> None:
    # two event times and two coefficients: the line b + c t goes through the log ratios of the two
    # windows above, log 3/2 at 1 (variance 3/2) and 0 at 2 (variance 2), which are independent:
    # c = 0 - log 3/2, b = 2 log 3/2 - 0, with variances 3/2 + 2 and 4 x 3/2 + 2
    found = fit_time_varying(SEVEN, "x", exposure="x", function="identity", ties="breslow", **TIMES)
    gap = np.log(3 / 2)
    np.testing.assert_allclose(found.fit.coefficients, [2 * gap, -gap], rtol=1e-7)
    np.testing.assert_allclose(found.fit.std_errors, np.sqrt([8, 3.5]), rtol=1e-7)
    ratios = found.ratio_at([1, 2])
    np.testing.assert_allclose(ratios["estimate"], [3 / 2, 1], rtol=1e-7)
    np.testing.assert_allclose(ratios["std_error"], np.sqrt([3 / 2, 2]), rtol=1e-7)


def test_a_gamma_frailty() -> None:
    # clusters a and b of two rows; one event, in a, on day 1; theta = 1. With the hazard h of day 1
    # frailties are (1 + d) / (1 + 2 h): 2 / (1 + 2 h) and 1 / (1 + 2 h), whose mean is 1, so
    # h = 1/4; frailties 4/3 and 2/3, and 1 / h = 2 * 4/3 + 2 * 2/3. The integrated likelihood is
    # h / (1 + 2 h)^2 / (1 + 2 h) = 2/27, and e times that as a partial one (h = d / S0)
    rows = pd.DataFrame({"days": [1, 5, 5, 5], "event": [1, 0, 0, 0], "id": ["a", "a", "b", "b"]})
    fit = fit_cox(rows, "1", **TIMES, frailty="id", theta=1.0)
    frailties = predicted_frailties(fit, rows)["estimate"]
    np.testing.assert_allclose(frailties, [4 / 3, 2 / 3])
    assert fit.integrated_log_likelihood == pytest.approx(np.log(2 / 27) + 1)
    assert fit.baseline is not None
    np.testing.assert_allclose(fit.baseline.hazard, [1 / 4])
    raw = residuals(fit, rows, "martingale")["martingale"]
    np.testing.assert_allclose(raw, [1 - 1 / 3, -1 / 3, -1 / 6, -1 / 6])


def test_matched_pairs_are_mcnemars_odds() -> None:
    # a first event ends the comparison of a pair: 3 times the exposed row fell ill first, once the
    # other, and one pair is alike: the hazard ratio is 3 / 1, its log has variance 1/3 + 1/1
    rows = pd.DataFrame(
        {
            "pair": np.repeat(np.arange(6), 2),
            "days": [1, 9, 2, 9, 3, 9, 9, 1, 4, 4, 9, 9],
            "event": [1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0],
            "x": [1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0],
        }
    )
    fit = fit_cox(rows, "x", **TIMES, strata="pair")
    assert np.exp(fit.coefficients[0]) == pytest.approx(3)
    assert fit.std_errors[0] == pytest.approx(np.sqrt(4 / 3))
    assert (fit.n_strata, fit.n_informative_strata) == (6, 4)
