"""Times between visits, worked out on paper for a handful of patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.models.interval.illness_death import IllnessDeathFit, fit_illness_death
from vpstats.models.interval.interval_aft import fit_interval_aft
from vpstats.models.interval.turnbull import turnbull

NAN = np.nan
SOLVER = 1e-7
"""The solver stops within 1e-8 standard errors, which are up to 2 on the log scale here."""


def illness(rows: pd.DataFrame, **more: Any) -> IllnessDeathFit:
    asked = {"left": "left", "right": "right", "end": "end", "died": "died", "cuts": []}
    return fit_illness_death(rows, **(asked | more))


def table(*rows: tuple[float, float, float, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["left", "right", "end", "died"])


# Known times. Two of six fall ill, at 2 and 4, and are followed to 5 (alive) and 6 (dead); of the
# other four two die healthy at 3 and 7, two are seen healthy until 8.
#   time healthy 2 + 4 + 3 + 7 + 8 + 8 = 32, falls ill 2, dies 2; time ill 3 + 2 = 5, dies 1
KNOWN = table(
    (2, 2, 5, 0), (4, 4, 6, 1), (3, NAN, 3, 1), (7, NAN, 7, 1), (8, NAN, 8, 0), (8, NAN, 8, 0)
)


def test_known_times_give_events_over_time() -> None:
    fit = illness(KNOWN)
    expected = np.array([2 / 32, 2 / 32, 1 / 5])
    np.testing.assert_allclose(np.exp(fit.coefficients), expected, rtol=SOLVER)
    # the information of the logarithm of a Poisson rate is the number of events
    np.testing.assert_allclose(fit.std_errors, 1 / np.sqrt([2, 2, 1]), rtol=SOLVER)
    # each event adds the log rate, each unit of time takes the rates away: events - events
    value = 2 * np.log(2 / 32) * 2 + np.log(1 / 5) - (2 + 2 + 1)
    assert fit.log_likelihood == pytest.approx(value, rel=1e-12)


def test_a_time_at_a_change_point_belongs_to_the_window_before() -> None:
    # cut at 4: ill at 2 and 4, both before; healthy time to 4: 2+4+3+4+4+4 = 21, after: 3+4+4 = 11
    # deaths healthy: at 3 before, at 7 after; ill: 2 (from 2 to 4) before, 1 + 2 after, death at 6
    fit = illness(KNOWN, cuts=[4])
    rates = np.exp(fit.coefficients)
    np.testing.assert_allclose(rates, [2 / 21, 0, 1 / 21, 1 / 11, 0, 1 / 3], rtol=SOLVER)
    # nobody fell ill in 11 units of time: exact upper limit -log(0.025) / 11
    assert np.exp(fit.conf_high[1]) == pytest.approx(-np.log(0.025) / 11, rel=1e-6)


# One visit at 1 for all, nobody dies: 2 of 6 found ill, so exp(-a) = 4/6.
ONE_VISIT = table(*[(0, 1, 1, 0)] * 2, *[(1, NAN, 1, 0)] * 4)


def test_one_visit_is_a_proportion() -> None:
    fit = illness(ONE_VISIT)
    a = -np.log(4 / 6)
    assert np.exp(fit.coefficients[0]) == pytest.approx(a, rel=SOLVER)
    # var of the proportion p (1 - p) / 6; a = -log(1 - p), so var of a is p / (1 - p) / 6
    assert fit.std_errors[0] == pytest.approx(np.sqrt((2 / 6) / (4 / 6) / 6) / a, rel=SOLVER)
    assert fit.log_likelihood == pytest.approx(2 * np.log(2 / 6) + 4 * np.log(4 / 6), rel=1e-12)
    # nobody dies, so the incidence at 1 is the proportion
    assert fit.incidence([1.0])["estimate"].iloc[0] == pytest.approx(2 / 6, rel=SOLVER)


# The same visit, then death or loss. If the ill die as the healthy do, what happens after the last
# visit says nothing of illness: exp(-a) = 4/6 again, and b = deaths / time = 3 / (2+3+1+4+2+3).
THEN_DEATH = table(
    (0, 1, 2, 1), (0, 1, 3, 0), (1, NAN, 1, 0), (1, NAN, 4, 1), (1, NAN, 2, 1), (1, NAN, 3, 0)
)


def test_death_alike_for_ill_and_healthy_says_nothing_of_illness() -> None:
    fit = illness(THEN_DEATH, after_illness="equal")
    a, b = -np.log(4 / 6), 3 / 15
    np.testing.assert_allclose(np.exp(fit.coefficients), [a, b], rtol=SOLVER)
    # incidence with death competing: a / (a + b) (1 - exp(-(a + b) t))
    f = a / (a + b) * (1 - np.exp(-(a + b) * 2))
    row = fit.incidence([2.0]).iloc[0]
    assert row["estimate"] == pytest.approx(f, rel=SOLVER)
    # delta method: the two estimates are independent; derivatives by log a and log b
    s, e = a + b, np.exp(-(a + b) * 2)
    by_a = a * ((b / s**2) * (1 - e) + a / s * 2 * e)
    by_b = b * ((-a / s**2) * (1 - e) + a / s * 2 * e)
    error = np.sqrt((by_a * fit.std_errors[0]) ** 2 + (by_b * fit.std_errors[1]) ** 2)
    assert row["std_error"] == pytest.approx(error, rel=SOLVER)


def test_unseen_illness_is_summed_over() -> None:
    # one row of each kind, one window; the likelihood of each written out
    rows = table((1, 3, 5, 1), (1, NAN, 4, 1), (2, NAN, 4, 0), (0, 2, 3, 0), (2, 2, 3, 1),
                 (4, NAN, 4, 1), (6, NAN, 6, 0))  # fmt: skip
    fit = illness(rows, after_illness="ratio")
    a, b, r = np.exp(fit.coefficients)
    c, g = b * r, a + b - b * r

    def ill(low: float, high: float, end: float) -> float:
        """Falls ill in (low, high], alive at the end."""
        return a * np.exp(-c * end) * (np.exp(-g * low) - np.exp(-g * high)) / g

    def healthy(end: float) -> float:
        return float(np.exp(-(a + b) * end))

    value = np.log(
        [
            ill(1, 3, 5) * c,
            healthy(4) * b + ill(1, 4, 4) * c,
            healthy(4) + ill(2, 4, 4),
            ill(0, 2, 3),
            a * healthy(2) * np.exp(-c * 1) * c,
            healthy(4) * b,
            healthy(6),
        ]
    ).sum()
    assert fit.log_likelihood == pytest.approx(value, rel=1e-12)
    unseen = ill(1, 4, 4) * c / (healthy(4) * b + ill(1, 4, 4) * c) + ill(2, 4, 4) / (
        healthy(4) + ill(2, 4, 4)
    )
    assert fit.unseen == pytest.approx(unseen, rel=SOLVER)


def test_the_methods_beside_move_the_time_of_falling_ill() -> None:
    # found at 3 after a negative visit at 1; the other dies healthy at 4 after a visit at 1
    rows = table((1, 3, 5, 0), (1, NAN, 4, 1))
    naive = illness(rows, after_illness="equal").naive.set_index(["method", "term"])["estimate"]
    # date found: healthy 3 + 4 = 7; midpoint: 2 + 4 = 6; death: 1 in 5 + 4 in every method
    assert np.exp(naive["date found", "illness[0+]"]) == pytest.approx(1 / 7, rel=SOLVER)
    assert np.exp(naive["midpoint", "illness[0+]"]) == pytest.approx(1 / 6, rel=SOLVER)
    assert np.exp(naive["midpoint", "death[0+]"]) == pytest.approx(1 / 9, rel=SOLVER)


def curve(*rows: tuple[float, float], **more: Any) -> Any:
    return turnbull(
        pd.DataFrame(rows, columns=["left", "right"]), left="left", right="right", **more
    )


def test_turnbull_puts_mass_where_the_likelihood_wants_it() -> None:
    # cells (0,1], (1,2], (2,3] with p, q, s: (0,1] twice, (1,3], (0,2], (2,3]
    #   L = p^2 (q + s) (p + q) s; at q = 0 it is p^3 s^2, largest at p = 3/5, and its derivative
    #   by q there, 1/s + 1/p = 2.5 + 1.67, is below n = 5: so q = 0 is the maximum
    found = curve((0, 1), (0, 1), (1, 3), (0, 2), (2, 3))
    np.testing.assert_allclose(found.cells["mass"], [0.6, 0, 0.4], atol=1e-12)
    # (0,2] and (1,3] twice each, (0,1], (2,3]: (1 - p)^4 p^2 with p = s, so p = 1/3
    found = curve((0, 2), (0, 2), (1, 3), (1, 3), (0, 1), (2, 3))
    np.testing.assert_allclose(found.cells["mass"], [1 / 3] * 3, atol=1e-12)
    assert found.tidy()["time"].tolist() == [0.5, 1.5, 2.5, 3.0]
    np.testing.assert_allclose(found.tidy()["estimate"], [2 / 3, 1 / 3, 0, 0], atol=1e-12)


def test_all_visits_kept_is_a_life_table() -> None:
    # six at risk, one found at 1; five, two found at 2; three left: S = 5/6, 5/6 * 3/5 = 1/2
    rows = [(0, 1), (1, 2), (1, 2), (2, NAN), (2, NAN), (2, NAN)]
    found = curve(*rows, visits=[1, 2]).tidy()
    np.testing.assert_allclose(found["estimate"], [5 / 6, 1 / 2], atol=1e-12)
    # everybody is followed to 2, so S is a proportion
    np.testing.assert_allclose(
        found["std_error"], np.sqrt([5 / 6 * 1 / 6 / 6, 1 / 4 / 6]), rtol=1e-10
    )


@pytest.mark.parametrize(
    ("distribution", "scale_of"),
    [("weibull", lambda s: np.log(-np.log(s))), ("loglogistic", lambda s: np.log((1 - s) / s))],
)
def test_two_parameters_meet_two_points(distribution: str, scale_of: Any) -> None:
    # the life table above has S(1) = 5/6, S(2) = 1/2; on the scale of the distribution survival is
    # a line in log time: intercept at 1 and shape from the difference over log 2
    rows = pd.DataFrame({"left": [0, 1, 1, 2, 2, 2], "right": [1, 2, 2, NAN, NAN, NAN]})
    fit = fit_interval_aft(rows, "~ 1", left="left", right="right", distribution=distribution)
    shape = (scale_of(1 / 2) - scale_of(5 / 6)) / np.log(2)
    assert fit.shape == pytest.approx(shape, rel=SOLVER)
    assert fit.coefficients[0] == pytest.approx(-scale_of(5 / 6) / shape, rel=SOLVER)
    survival = fit.predict(pd.DataFrame(index=[0]), times=[1, 2])["estimate"]
    np.testing.assert_allclose(survival, [5 / 6, 1 / 2], rtol=SOLVER)
