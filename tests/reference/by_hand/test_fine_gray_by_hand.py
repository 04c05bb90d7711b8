"""Fine–Gray models on six patients, with the algebra beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from vpstats.models.fine_gray import FineGrayFit, fit_fine_gray

ROUNDING = 1e-12
"""Sums and products of a few fractions."""
SOLVER = 1e-8
"""The fit stops within 1e-8 standard errors of the maximum."""

SIX = pd.DataFrame(
    {
        "days": [1, 2, 3, 4, 5, 6],
        "event": [1, 2, 1, 0, 1, 2],
        "high": [1, 0, 1, 0, 0, 1],
        "patient": ["a", "a", "b", "b", "c", "c"],
    }
)
THETA = optimize.brentq(lambda t: 3 * t**3 - 17 * t - 15, 1, 5, xtol=1e-15)
"""exp(beta). Row 4 is lost at 4 among three, so the chance of not being lost is 1 up to then and
2/3 after. Row 2 has a competing event at 2 and stays with weight 1 at 3 and 2/3 at 5. Risk sets,
with t for exp(beta): 3 + 3t at 1, 3 + 2t at 3, 5/3 + t at 5; the events have x = 1, 1, 0. Score:

    1 - 3t/(3 + 3t) + 1 - 2t/(3 + 2t) - t/(5/3 + t) = 1/(1 + t) + 3/(3 + 2t) - 3t/(5 + 3t)

which is 0 where (3 + 2t)(5 + 3t) + 3 (1 + t)(5 + 3t) = 3t (1 + t)(3 + 2t), or 3t^3 - 17t - 15 = 0.
"""
TOTAL = np.array([3 + 3 * THETA, 3 + 2 * THETA, 5 / 3 + THETA])
MEAN = np.array([3, 2, 1]) * THETA / TOTAL
HAZARD = 1 / TOTAL


def six(**more: object) -> FineGrayFit:
    return fit_fine_gray(SIX, "high", duration="days", event="event", **more)


def scores() -> np.ndarray:
    """Each row's own part, then what row 4's loss did to the weight of row 2."""
    x, risk = SIX["high"].to_numpy(), np.where(SIX["high"] == 1, THETA, 1.0)
    weight = np.array(  # of each row at 1, 3 and 5
        [[1, 0, 0], [1, 1, 2 / 3], [1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]]
    )
    gap = x[:, None] - MEAN
    own = np.zeros((6, 3))
    own[0, 0] = own[2, 1] = own[4, 2] = 1
    found = (gap * (own - weight * risk[:, None] * HAZARD)).sum(axis=1)
    # at 4 three are seen; only the event at 5 comes later, and only row 2 was carried
    q = (0 - MEAN[2]) * 2 / 3 * HAZARD[2]
    found[3] += q / 3
    found[3:] -= q / 3 * (1 / 3)
    return found


INFORMATION = float((MEAN * (1 - MEAN)).sum())
"""At each event the variance of x, which is 0 or 1, over the risk set."""


def test_the_estimate_solves_a_cubic() -> None:
    assert np.exp(six().coefficients[0]) == pytest.approx(THETA, rel=SOLVER)


def test_the_error_counts_the_loss() -> None:
    fit = six()
    expected = np.sqrt((scores() ** 2).sum()) / INFORMATION
    assert fit.std_errors[0] == pytest.approx(expected, rel=SOLVER)
    assert scores().sum() == pytest.approx(0, abs=ROUNDING)


def test_clusters_add_their_scores_up() -> None:
    pairs = scores().reshape(3, 2).sum(axis=1)
    expected = np.sqrt((pairs**2).sum()) / INFORMATION
    assert six(cluster="patient").std_errors[0] == pytest.approx(expected, rel=SOLVER)
    small = six(cluster="patient", vcov="CR1")
    assert small.std_errors[0] == pytest.approx(expected * np.sqrt(3 / 2), rel=SOLVER)


def test_the_incidence_is_one_minus_the_exponential() -> None:
    found = six().predict(pd.DataFrame({"high": [0, 1]}), times=[0.5, 4, 5])["estimate"]
    hazard = np.array([0, HAZARD[:2].sum(), HAZARD.sum()])
    expected = [*(1 - np.exp(-hazard)), *(1 - np.exp(-THETA * hazard))]
    np.testing.assert_allclose(found, expected, rtol=SOLVER)


def test_a_late_entry_raises_weights_instead() -> None:
    """Row 5 enters at 2: after the event at 1, on the day of row 2's competing event.

    In reversed time four rows are seen just after 2 (rows 3, 4, 6 and row 5 itself) and one enters
    there, so the chance of having entered is 3/4 before 2 and 1 after. Just before 2 row 2 had
    weight 3/4: at 3 it counts 1 / (3/4) = 4/3 and at 5, after the loss, 2/3 of that. Risk sets:
    2 + 3t at 1, 10/3 + 2t at 3, 17/9 + t at 5.
    """
    rows = SIX.assign(entry=[0, 0, 0, 0, 2, 0])

    def score(t: float) -> float:
        return 1 - 3 * t / (2 + 3 * t) + 1 - 2 * t / (10 / 3 + 2 * t) - t / (17 / 9 + t)

    theta = optimize.brentq(score, 0.1, 20, xtol=1e-15)
    fit = fit_fine_gray(rows, "high", duration="days", event="event", entry="entry")
    assert np.exp(fit.coefficients[0]) == pytest.approx(theta, rel=SOLVER)


def test_strata_have_their_own_risk_sets_and_losses() -> None:
    """Rows 1, 2, 4, 5 and rows 3, 6; row 6 is lost at 4, when rows 4 and 5 are also seen.

    In the first stratum nobody is lost, so row 2 stays with weight 1: risk sets 2 + 2t at 1,
    2 + t at 4, 1 + t at 5, events with x = 1, 0, 1. In the second both rows have x = 1, which
    tells nothing. If losses are taken from all rows, row 2 counts 1 - 1/3 at 5.
    """
    rows = SIX.assign(
        days=[1, 2, 3, 4, 5, 4],
        event=[1, 2, 1, 1, 1, 0],
        high=[1, 0, 1, 0, 1, 1],
        stratum=[0, 0, 1, 0, 0, 1],
    )
    for more, weight in (({}, 1.0), ({"censoring": ()}, 2 / 3)):

        def score(t: float, weight: float = weight) -> float:
            return 1 - 2 * t / (2 + 2 * t) - t / (2 + t) + 1 - t / (weight + t)

        theta = optimize.brentq(score, 0.1, 20, xtol=1e-15)
        fit = fit_fine_gray(rows, "high", duration="days", event="event", strata="stratum", **more)
        assert np.exp(fit.coefficients[0]) == pytest.approx(theta, rel=SOLVER)
