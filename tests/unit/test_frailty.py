"""Gamma frailties: the likelihood that is maximised, its ends, and what is refused beside them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.covariance import Clusters
from vpstats.models.frailty import FrailtyRows, climb, conjugate_gradients, correction, evaluate
from vpstats.models.frailty_fit import predicted_frailties
from vpstats.models.frailty_result import FrailtyFit
from vpstats.models.hazards import fit_cox
from vpstats.models.proportional import test_proportional_hazards
from vpstats.models.residuals import residuals
from vpstats.models.risksets import HazardRows
from vpstats.results import GLOSSARY


def simulate(patients: int = 60, theta: float = 0.8, seed: int = 2) -> pd.DataFrame:
    """Vertebrae of patients whose hazards share a gamma frailty; monthly visits tie the times."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rng.integers(2, 6, patients))
    n = len(patient)
    frailty = rng.gamma(1 / theta, theta, patients)[patient] if theta else np.ones(n)
    x, arm = rng.normal(size=n), rng.integers(0, 2, n)
    time = rng.exponential(1 / (frailty * np.exp(0.6 * x - 0.3 * arm))) * 12
    end = np.minimum(time, rng.uniform(3, 24, n))
    days = np.ceil(end) * 30
    return pd.DataFrame(
        {
            "x": x,
            "arm": np.where(arm, "cement", "sham"),
            "days": days,
            "event": (time <= end).astype(int),
            "from": np.where(rng.random(n) < 0.2, np.floor(days / 60) * 30, 0),
            "patient_id": [f"P{p:03d}" for p in patient],
            "center": rng.choice(["A", "B"], n),
            "shift": rng.normal(scale=0.1, size=n),
            "weight": 1.0,
        }
    )


ROWS = simulate()
TIMES: dict[str, Any] = {"duration": "days", "event": "event"}
SHARED = {"frailty": "patient_id"}


def fit(rows: pd.DataFrame = ROWS, formula: str = "x + arm", **options: Any) -> FrailtyFit:
    found = fit_cox(rows, formula, **(TIMES | SHARED | options))
    assert isinstance(found, FrailtyFit)
    return found


FIT = fit()


def codes(found: FrailtyFit) -> set[str]:
    return {c.code for c in found.caveats}


# ---- the likelihood ---------------------------------------------------------------------------


def small(n_patients: int = 9) -> pd.DataFrame:
    rows = simulate(n_patients, theta=1.0, seed=5)
    return rows.assign(days=np.ceil(rows["days"] / 180).clip(upper=4))


class Marginal:
    """The likelihood with the frailties integrated out in closed form, written from the model.

    Breslow's baseline: a jump of the hazard at each event time. Parameters are the coefficient,
    the logarithms of the jumps and of theta.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.x = rows["x"].to_numpy()
        self.days, self.event = rows["days"].to_numpy(), rows["event"].to_numpy()
        self.patient = pd.factorize(rows["patient_id"])[0]
        self.times = np.unique(self.days[self.event == 1])

    def __call__(self, parameters: np.ndarray) -> float:
        beta, jumps, nu = parameters[0], parameters[1:-1], np.exp(-parameters[-1])
        at_risk = self.days[:, None] >= self.times
        hazard = np.bincount(self.patient, np.exp(beta * self.x) * (at_risk @ np.exp(jumps)))
        d = np.bincount(self.patient, self.event)
        own = jumps[np.searchsorted(self.times, self.days[self.event == 1])]
        gamma = (
            special.gammaln(nu + d) - special.gammaln(nu) + nu * np.log(nu)
            - (nu + d) * np.log(nu + hazard)
        )  # fmt: skip
        return float(np.sum(beta * self.x[self.event == 1] + own) + np.sum(gamma))

    def maximum(self, theta: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Its maximum and the inverse of the negative Hessian there, theta given or not."""
        start = np.concatenate([[0.3], np.full(self.times.size, -2.0), [np.log(theta or 0.7)]])
        free = np.ones(start.size, dtype=bool)
        free[-1] = theta is None

        def minus(part: np.ndarray) -> float:
            full = start.copy()
            full[free] = part
            return -self(full)

        found = start[free]
        for _ in range(3):
            found = optimize.minimize(minus, found, method="BFGS", options={"gtol": 1e-9}).x
        H = hessian(minus, found)
        return found, np.linalg.inv(H)


def hessian(f: Any, x: np.ndarray, step: float = 2e-4) -> np.ndarray:
    E = np.eye(x.size) * step
    return np.array(
        [
            [(f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)) / (4 * step**2) for b in E]
            for a in E
        ]
    )


def test_given_theta_it_is_the_integrated_likelihood_and_its_curvature() -> None:
    rows = small()
    found = fit(rows, "x", theta=0.7, ties="breslow")
    best, covariance = Marginal(rows).maximum(theta=0.7)
    assert found.coefficients[0] == pytest.approx(best[0], abs=1e-6)
    assert found.std_errors[0] == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-4)
    # the baseline at a frailty of 1, by the delta method on the logarithms of its jumps
    row = pd.DataFrame({"x": [rows["x"].mean() * 0 + 0.5]})
    for time in (1, 2, 3):
        jumps = np.exp(best[1:]) * (Marginal(rows).times <= time)
        hazard = jumps.sum() * np.exp(0.5 * best[0])
        slope = np.exp(0.5 * best[0]) * np.concatenate([[0.5 * jumps.sum()], jumps])
        ours = found.predict(row, times=[time], kind="cumulative_hazard").iloc[0]
        assert ours["estimate"] == pytest.approx(hazard, abs=1e-5)
        assert ours["std_error"] == pytest.approx(np.sqrt(slope @ covariance @ slope), rel=1e-3)


def test_estimating_theta_is_part_of_the_observed_information() -> None:
    rows = small(14)
    found = fit(rows, "x", ties="breslow")
    best, covariance = Marginal(rows).maximum()
    assert found.theta == pytest.approx(np.exp(best[-1]), rel=1e-4)
    assert found.coefficients[0] == pytest.approx(best[0], abs=1e-5)
    assert found.std_errors[0] == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-3)
    known = fit(rows, "x", ties="breslow", theta=found.theta)
    np.testing.assert_allclose(known.coefficients, found.coefficients, atol=1e-7)
    assert known.std_errors[0] < found.std_errors[0]


def profile(theta: float, **options: Any) -> float:
    return fit(theta=theta, **options).integrated_log_likelihood


@pytest.mark.parametrize("more", [{}, {"entry": "from", "strata": "center", "offset": "shift"}])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_theta_is_at_the_top_of_its_profile_and_its_interval_at_the_level(
    ties: str, more: dict[str, str]
) -> None:
    found = fit(ties=ties, **more)
    top = found.integrated_log_likelihood
    assert profile(found.theta, ties=ties, **more) == pytest.approx(top, abs=1e-8)
    for factor in (0.9, 1.1):
        assert profile(found.theta * factor, ties=ties, **more) < top
    ends = [e for e in (found.theta_low, found.theta_high) if e > 0]
    for end in ends:
        drop = 2 * (top - profile(end, ties=ties, **more))
        assert drop == pytest.approx(3.841459, abs=1e-4)
    null = fit_cox(ROWS, "x + arm", ties=ties, **TIMES, **more).log_likelihood
    assert found.theta_statistic == pytest.approx(2 * (top - null))
    half = special.chdtrc(1, found.theta_statistic) / 2
    assert found.theta_p_value == pytest.approx(half)


def test_no_frailty_is_the_model_without() -> None:
    found, plain = fit(theta=0), fit_cox(ROWS, "x + arm", **TIMES)
    np.testing.assert_array_equal(found.coefficients, plain.coefficients)
    np.testing.assert_array_equal(found.covariance, plain.covariance)
    assert found.integrated_log_likelihood == plain.log_likelihood
    close = fit(theta=1e-7)
    np.testing.assert_allclose(close.coefficients, plain.coefficients, atol=1e-5)
    assert (predicted_frailties(found, ROWS)["estimate"] == 1).all()


def test_where_clusters_are_alike_the_variance_is_zero_and_it_is_said() -> None:
    rows = simulate(theta=0)
    found = next(f for s in range(8) if (f := fit(rows.sample(frac=1, random_state=s).assign(
        patient_id=np.repeat([f"P{i}" for i in range(len(rows) // 4 + 1)], 4)[: len(rows)]
    ))).theta == 0)  # fmt: skip
    assert "boundary" in codes(found)
    assert (found.theta_low, found.theta_statistic, found.theta_p_value) == (0, 0, 1)
    assert 0 < found.theta_high < 5
    assert found.kendall_tau == 0
    assert np.isfinite(found.std_errors).all()


def test_small_variances_and_the_correction() -> None:
    d = np.array([0, 1, 3, 7])
    for nu in (0.3, 2.0, 1e5):
        value, slope, bend = correction(d, nu)
        direct = np.sum(special.gammaln(nu + d) - special.gammaln(nu) + nu * np.log(nu)
                        - (nu + d) * np.log(nu + d) + d)  # fmt: skip
        assert value == pytest.approx(direct, rel=1e-6, abs=1e-4)
        h = 1e-4 * nu
        up, down = correction(d, nu + h), correction(d, nu - h)
        assert slope == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-4)
        assert bend == pytest.approx((up[1] - down[1]) / (2 * h), rel=1e-4)


def test_derivatives_equal_finite_differences() -> None:
    rows = small()
    x = rows[["x"]].to_numpy()
    groups = Clusters(pd.factorize(rows["patient_id"])[0], rows["patient_id"].nunique())
    start = np.where(rows["days"] > 1, np.where(rows.index % 3 == 0, 1.0, -np.inf), -np.inf)
    problem = FrailtyRows(
        HazardRows(x, rows["days"].to_numpy(), rows["event"].to_numpy() == 1, start),
        groups,
        "efron",
    )
    rng = np.random.default_rng(1)
    b, h = rng.normal(size=groups.count) / 3, 1e-5
    here = evaluate(problem, np.array([0.2]), b, 1.5)
    direction = rng.normal(size=(groups.count, 2))
    curved, cross = here.multiply(direction), here.cross
    for j in range(2):
        up = evaluate(problem, np.array([0.2]), b + h * direction[:, j], 1.5)
        down = evaluate(problem, np.array([0.2]), b - h * direction[:, j], 1.5)
        slope = (up.value - down.value) / (2 * h)
        assert here.score_b @ direction[:, j] == pytest.approx(slope, rel=1e-6)
        np.testing.assert_allclose(-(up.score_b - down.score_b) / (2 * h), curved[:, j], atol=1e-6)
        change = -(up.score_beta - down.score_beta) / (2 * h)
        np.testing.assert_allclose(change, cross.T @ direction[:, j], atol=1e-6)


def test_linear_systems_are_solved_column_by_column() -> None:
    rng = np.random.default_rng(0)
    A = rng.normal(size=(30, 30))
    A = A @ A.T + 30 * np.eye(30)
    right = np.column_stack([rng.normal(size=30), np.zeros(30), np.ones(30)])
    solved = conjugate_gradients(A.__matmul__, right, A.diagonal(), 1e-13)
    np.testing.assert_allclose(solved, np.linalg.solve(A, right), atol=1e-12)


def test_residuals_of_a_cluster_are_its_frailty_less_one() -> None:
    """The score of each log frailty is zero: events less expected = (frailty - 1) / theta."""
    for more in ({}, {"strata": "center"}, {"entry": "from"}):
        found = fit(**more)
        raw = residuals(found, ROWS, "martingale", collapse="patient_id")["martingale"]
        frailties = predicted_frailties(found, ROWS)["estimate"]
        np.testing.assert_allclose(raw, (frailties - 1) / found.theta, atol=1e-7)
        scores = residuals(found, ROWS, "score")
        np.testing.assert_allclose(scores.sum(), 0, atol=1e-7)


# ---- the result -------------------------------------------------------------------------------


def test_what_it_says_of_itself() -> None:
    assert "gamma frailty by patient_id (conditional)" in FIT.title
    assert "conditional" in codes(FIT)
    assert "few_clusters" not in codes(fit(frailty="center"))
    assert (FIT.n_clusters, FIT.vcov, FIT.measure) == (60, "model", "hazard_ratio")
    glance = FIT.glance()
    assert set(glance.columns) <= set(GLOSSARY)
    assert glance.loc[0, "theta"] == FIT.theta
    assert FIT.theta_low < FIT.theta < FIT.theta_high
    assert FIT.kendall_tau == pytest.approx(FIT.theta / (FIT.theta + 2))
    assert b"P0" not in pickle.dumps(FIT)
    assert np.abs(FIT.coefficients[0]) > np.abs(fit_cox(ROWS, "x + arm", **TIMES).coefficients[0])


def test_single_rows_per_cluster_are_said() -> None:
    rows = ROWS.drop_duplicates("patient_id")
    assert "one_row_groups" in codes(fit(rows, "x", theta=0.5))
    assert "one_row_groups" not in codes(FIT)


def test_predicted_frailties() -> None:
    found = predicted_frailties(FIT, ROWS)
    assert found.index.name == "patient_id"
    assert found["n"].sum() == len(ROWS)
    assert found["n_events"].sum() == FIT.n_events
    assert found["estimate"].mean() == pytest.approx(1)
    assert (found["conf_low"] < found["estimate"]).all()
    assert (found["conf_high"] > found["estimate"]).all()
    wide = predicted_frailties(FIT, ROWS, level=0.99)
    assert (wide["conf_low"] < found["conf_low"]).all()
    order = np.random.default_rng(0).permutation(len(ROWS))
    pd.testing.assert_frame_equal(predicted_frailties(FIT, ROWS.iloc[order]), found, atol=1e-9)
    with pytest.raises(UsageError, match="give the rows"):
        predicted_frailties(FIT, ROWS.head(50))


def test_predictions_are_at_a_frailty_of_one() -> None:
    found = FIT.predict(ROWS.head(3), times=[90, 300])
    assert found["estimate"].between(0, 1).all()
    assert (found["conf_low"] < found["estimate"]).all()
    assert np.isfinite(FIT.augment(ROWS)[".resid"]).all()


def test_a_baseline_of_too_many_times_has_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpstats.models.frailty_fit._WIDE", 10)
    found = fit(theta=0.5).predict(ROWS.head(1), times=[90])
    assert np.isfinite(found["estimate"]).all()
    assert np.isnan(found["std_error"]).all()


def test_a_model_without_covariates() -> None:
    found = fit(formula="1", theta=0.5)
    assert found.ok
    assert found.terms == ()
    assert predicted_frailties(found, ROWS)["estimate"].std() > 0


def test_a_frame_brings_its_cluster_as_the_frailty() -> None:
    frame = Frame(ROWS, unit="vertebra", cluster="patient_id", duration="days", entry="from")
    found = fit_cox(frame, "x + arm", **TIMES, **SHARED)
    plain = fit(entry="from")
    np.testing.assert_array_equal(found.coefficients, plain.coefficients)
    assert found.unit == "vertebra"
    own = fit_cox(frame, "x", **TIMES, frailty="center", theta=0.5, independent="a test of it")
    assert isinstance(own, FrailtyFit)
    assert "independent" in codes(own)
    pd.testing.assert_frame_equal(
        predicted_frailties(found, frame), predicted_frailties(plain, ROWS)
    )


def test_imputations_are_pooled() -> None:
    frames = tuple(
        Frame(ROWS.assign(x=ROWS["x"] + s), unit="level", cluster="patient_id")
        for s in (0.0, np.linspace(0, 0.3, len(ROWS)))
    )
    pooled = fit_cox(Imputations(frames), "x + arm", **TIMES, **SHARED)
    assert isinstance(pooled, FrailtyFit)
    singles = [fit_cox(f, "x + arm", **TIMES, **SHARED) for f in frames]
    np.testing.assert_allclose(pooled.coefficients, np.mean([f.coefficients for f in singles], 0))
    thetas = [f.theta for f in singles if isinstance(f, FrailtyFit)]
    assert len(thetas) == len(frames)
    assert pooled.theta == pytest.approx(np.mean(thetas))
    assert np.isnan(pooled.theta_high)


# ---- what has no estimate, and what is refused --------------------------------------------------


@pytest.mark.parametrize(
    ("change", "options", "status"),
    [
        ({"event": 0}, {}, "no events"),
        ({"x": np.nan}, {}, "no rows"),
        ({"patient_id": "one"}, {}, "too few clusters"),
        ({"x": ROWS["event"]}, {}, "monotone likelihood"),
        ({}, {"strata": "arm"}, "not identified"),
    ],
)
def test_what_cannot_be_estimated_says_so(
    change: dict[str, Any], options: dict[str, Any], status: str
) -> None:
    found = fit(ROWS.assign(**change), **options)
    assert found.status == status
    assert found.tidy()["estimate"].isna().all()
    assert np.isnan(found.theta)
    assert list(found.glance().columns) == list(FIT.glance().columns)
    with pytest.raises(UsageError, match="could not be estimated"):
        predicted_frailties(found, ROWS)


def test_clusters_that_are_all_or_nothing_have_no_finite_variance() -> None:
    rows = pd.DataFrame(
        {"patient_id": np.repeat([f"P{i:02d}" for i in range(40)], 6), "days": 10.0}
    )
    rows["event"] = (rows["patient_id"] < "P20").astype(int)
    rows["days"] = np.where(rows["event"] == 1, 1.0 + rows.index % 6, 10.0)
    rows["x"] = np.random.default_rng(0).normal(size=len(rows))
    found = fit(rows, "x")
    assert found.status in ("not identified", "not converged") or found.theta > 5
    assert found.ok or found.reason.endswith(".")


def test_a_solver_that_stops_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(*arguments: Any) -> Any:
        return climb(*arguments)[0], False

    monkeypatch.setattr("vpstats.models.frailty_fit.climb", impatient)
    found = fit()
    assert found.status == "not converged"
    assert "cluster=" in found.reason
    with pytest.raises(UsageError, match="did not reach"):
        predicted_frailties(FIT, ROWS)


def test_the_solver_gives_up_where_there_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpstats.models.frailty._MAX_NEWTON", 1)
    assert fit(theta=0.5).status == "not converged"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty": "firth"}, "penalty= has no theory"),
        ({"weights": "weight"}, "weights= has no theory"),
        ({"vcov": "CR0"}, "observed information"),
        ({"theta": -1}, "variance of at least 0"),
        ({"theta": np.inf}, "variance of at least 0"),
        ({"cluster": "center"}, "leave rows of one center dependent"),
        ({"frailty": "patient"}, "do not have: patient"),
    ],
)
def test_bad_requests(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        fit(**options)


def test_missing_clusters_and_checks_without_theory_are_refused() -> None:
    rows = ROWS.assign(patient_id=ROWS["patient_id"].where(ROWS.index > 0))
    with pytest.raises(UsageError, match="missing cluster ids"):
        fit(rows)
    with pytest.raises(UsageError, match="with cluster="):
        test_proportional_hazards(FIT, ROWS)
    with pytest.raises(UsageError, match="could not be estimated"):
        residuals(replace(FIT, status="not converged"), ROWS, "martingale")
