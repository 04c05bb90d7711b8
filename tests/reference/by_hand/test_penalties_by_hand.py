"""FLIC and FLAC of a two by two table, and of no covariates, by algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

from vpstats.models.logistic import fit_logistic

# exposed: events of n1; unexposed: events of n0
TABLES = [(3, 10, 2, 14), (10, 14, 5, 14), (5, 5, 3, 11), (1, 200, 9, 10), (0, 6, 2, 9)]
CLOSE = 1e-7
"""The solver stops at 1e-8 standard errors, which are up to 2 here."""


def table_rows(e1: int, n1: int, e0: int, n0: int) -> pd.DataFrame:
    counts = [e1, n1 - e1, e0, n0 - e0]
    return pd.DataFrame(
        {
            "exposed": np.repeat([1, 1, 0, 0], counts),
            "event": np.repeat([1, 0, 1, 0], counts),
        }
    )


@pytest.mark.parametrize(("e1", "n1", "e0", "n0"), TABLES)
def test_flic_moves_the_intercept_until_risks_sum_to_events(
    e1: int, n1: int, e0: int, n0: int
) -> None:
    # Firth's slope is the log odds ratio with 1/2 added to every cell. With odds t of the
    # unexposed and odds ratio k: n1 k t / (1 + k t) + n0 t / (1 + t) = e, that is
    # k (n - e) t^2 + (k n1 + n0 - e (1 + k)) t - e = 0
    k = (e1 + 0.5) * (n0 - e0 + 0.5) / ((n1 - e1 + 0.5) * (e0 + 0.5))
    e, n = e1 + e0, n1 + n0
    roots = np.roots([k * (n - e), k * n1 + n0 - e * (1 + k), -e])
    fit = fit_logistic(table_rows(e1, n1, e0, n0), "event ~ exposed", penalty="flic")
    assert fit.coefficients[1] == pytest.approx(np.log(k), abs=CLOSE)
    assert fit.coefficients[0] == pytest.approx(np.log(roots[roots > 0][0]), abs=CLOSE)
    # the covariance is the inverse information at these risks: of a saturated model
    # 1 / (n0 p0 (1 - p0)) for the intercept, and the sum over groups for the slope
    risk = special.expit(np.cumsum(fit.coefficients))
    inverse = 1 / (np.array([n0, n1]) * risk * (1 - risk))
    assert fit.covariance[0, 0] == pytest.approx(inverse[0], rel=1e-6)
    assert fit.covariance[1, 1] == pytest.approx(inverse.sum(), rel=1e-6)


@pytest.mark.parametrize(("e1", "n1", "e0", "n0"), TABLES)
def test_flac_is_one_equation(e1: int, n1: int, e0: int, n0: int) -> None:
    # Leverages of a group sum to 1, so each group has half an event and half a non-event made.
    # Made risks q0 + q1 = 1 (score of the added covariate), so that a + c = -(a + b + c) and
    # q1 = expit(b / 2). Real and made events of the exposed: n1 p1 + q1 = e1 + 1/2. Real events:
    # n1 p1 + n0 p0 = e1 + e0. With b = logit p1 - logit p0 one equation is left.
    def gap(b: float) -> float:
        made = special.expit(b / 2) - 0.5
        return special.logit((e1 - made) / n1) - special.logit((e0 + made) / n0) - b

    edge = [np.clip(x, -0.5, 0.5) for x in (e1 - n1, e1)]  # of made, so that p1 is in (0, 1)
    edge += [np.clip(x, -0.5, 0.5) for x in (-e0, n0 - e0)]
    low, high = max(edge[0], edge[2]), min(edge[1], edge[3])
    ends = [2 * special.logit(np.clip(x + 0.5, 1e-12, 1 - 1e-12)) for x in (low, high)]
    inside = np.linspace(ends[0], ends[1], 200_001)[1:-1]
    signs = np.sign([gap(b) for b in inside[::200]])
    first = int(np.flatnonzero(np.diff(signs))[0]) * 200
    b = optimize.brentq(gap, inside[first], inside[min(first + 200, len(inside) - 1)], xtol=1e-13)
    made = special.expit(b / 2) - 0.5
    fit = fit_logistic(table_rows(e1, n1, e0, n0), "event ~ exposed", penalty="flac")
    assert fit.coefficients[1] == pytest.approx(b, abs=CLOSE)
    assert fit.coefficients[0] == pytest.approx(special.logit((e0 + made) / n0), abs=CLOSE)


@pytest.mark.parametrize("penalty", ["flic", "flac"])
@pytest.mark.parametrize(("events", "n"), [(3, 10), (1, 40), (9, 10)])
def test_without_covariates_both_give_the_observed_share(penalty: str, events: int, n: int) -> None:
    rows = pd.DataFrame({"event": np.arange(n) < events})
    fit = fit_logistic(rows, "event ~ 1", penalty=penalty)
    assert fit.coefficients[0] == pytest.approx(np.log(events / (n - events)), abs=CLOSE)


def test_firth_predicts_too_many_rare_events_and_the_others_do_not() -> None:
    rows = table_rows(2, 60, 3, 300)
    firth, flic, flac = (
        fit_logistic(rows, "event ~ exposed", penalty=p).predict(rows)["estimate"].sum()
        for p in ("firth", "flic", "flac")
    )
    # saturated: n1 (e1 + 1/2) / (n1 + 1) + n0 (e0 + 1/2) / (n0 + 1)
    assert firth == pytest.approx(60 * 2.5 / 61 + 300 * 3.5 / 301, rel=CLOSE)
    assert flic == pytest.approx(5, rel=1e-10)
    assert flac == pytest.approx(5, rel=1e-9)
