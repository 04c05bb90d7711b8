"""Validation: what it refuses, what it does not depend on, and what it must find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.fine_gray import fit_fine_gray
from vpstats.models.hazards import fit_cox
from vpstats.models.logistic import fit_logistic
from vpstats.models.validation import validate
from vpstats.models.validation.measures import concordance_statistic, concordance_variance


def table(n: int = 600, seed: int = 1, noise: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n // 2), 2)
    own = rng.normal(0, 1, n // 2)[patient]
    x = rng.normal(size=n)
    hazard = np.exp(0.8 * x) / 400
    time, death = rng.exponential(1 / hazard), rng.exponential(800, n)
    end = np.minimum.reduce([time, death, rng.uniform(100, 900, n)])
    data = pd.DataFrame(
        {
            "patient_id": patient,
            "center": np.array(["A", "B", "C"])[rng.integers(0, 3, n // 2)[patient]],
            "x": x,
            "leak": (rng.random(n) < 1 / (1 + np.exp(-x - own))).astype(int),
            "days": np.ceil(end),
            "event": np.where(time <= end, 1, np.where(death <= end, 2, 0)),
        }
    )
    return data.assign(**{f"noise{j}": rng.normal(size=n) for j in range(noise)})


def levels(**options: Any) -> Frame:
    return Frame(table(**options), unit="level", cluster="patient_id", outcome="leak")


def rows_of(found: Any) -> pd.DataFrame:
    return found.tidy().set_index("measure")


def test_noise_is_optimism() -> None:
    frame = levels(n=200, noise=15)
    fit = fit_logistic(frame, "leak ~ x + " + " + ".join(f"noise{j}" for j in range(15)))
    found = rows_of(validate(fit, frame, n_boot=60, seed=1))
    new = table(n=20_000, seed=2, noise=15)
    risk = fit.predict(new)["estimate"].to_numpy()
    truth = concordance_statistic(new["leak"].to_numpy(float), risk)
    c = found.loc["c_statistic"]
    assert c["apparent"] - c["optimism"] == c["estimate"]
    assert abs(c["estimate"] - truth) < abs(c["apparent"] - truth)
    assert found.loc["calibration_slope", "estimate"] < 0.9


@pytest.mark.parametrize("model", ["logistic", "cox", "fine-gray"])
def test_numbers_do_not_depend_on_workers_order_or_index(model: str) -> None:
    frame = levels(n=200)
    options: dict[str, Any] = {"n_boot": 11, "seed": 3}
    if model == "logistic":
        fit: Any = fit_logistic(frame, "leak ~ x")
    else:
        fitted = fit_cox if model == "cox" else fit_fine_gray
        fit = fitted(frame, "x", duration="days", event="event")
        options["horizon"] = 300.0
    one = rows_of(validate(fit, frame, **options))
    two = rows_of(validate(fit, frame, **options, n_jobs=2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    shuffled = frame.data.sample(frac=1, random_state=1)
    shuffled.index = np.zeros(len(shuffled), dtype=int)
    other = Frame(shuffled, unit="level", cluster="patient_id", outcome="leak")
    pd.testing.assert_frame_equal(one, rows_of(validate(fit, other, **options)), rtol=1e-8)


def test_a_dask_cluster_gives_the_same_numbers() -> None:
    distributed = pytest.importorskip("distributed")
    from joblib import parallel_config

    frame = levels(n=120)
    fit = fit_logistic(frame, "leak ~ x")
    here = rows_of(validate(fit, frame, n_boot=20, seed=1))
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        there = rows_of(validate(fit, frame, n_boot=20, seed=1, n_jobs=-1))
    pd.testing.assert_frame_equal(here, there, check_exact=True)


def test_clusters_widen_the_interval_of_c() -> None:
    data = table(n=400)
    twice = pd.concat([data, data], ignore_index=True).assign(unit=np.tile(np.arange(len(data)), 2))
    y, risk = twice["leak"].to_numpy(float), twice["x"].to_numpy()
    once = concordance_variance(data["leak"].to_numpy(float), data["x"].to_numpy())
    clustered = concordance_variance(y, risk, twice["unit"].to_numpy())
    assert clustered == pytest.approx(once, rel=0.02)
    assert concordance_variance(y, risk) < 0.6 * clustered


def test_singleton_clusters_are_nearly_independent_rows() -> None:
    data = table(n=300)
    y, risk = data["leak"].to_numpy(float), data["x"].to_numpy()
    alone = concordance_variance(y, risk, np.arange(len(y)))
    assert alone == pytest.approx(concordance_variance(y, risk), rel=1e-12)


def test_a_center_left_out_is_predicted_by_the_others() -> None:
    frame = levels()
    fit = fit_logistic(frame, "leak ~ x")
    found = validate(fit, frame, center="center", n_boot=0, seed=1)
    rest = frame.keep(frame.data["center"] != "B", "others")
    others = fit_logistic(rest, "leak ~ x")
    inside = frame.data[frame.data["center"] == "B"]
    risk = others.predict(inside)["estimate"].to_numpy()
    row = found.centers.set_index("center").loc["B"]
    assert row["c_statistic"] == pytest.approx(
        concordance_statistic(inside["leak"].to_numpy(float), risk)
    )
    assert row["brier"] == pytest.approx(np.mean((inside["leak"] - risk) ** 2))
    assert (row["n"], row["n_events"]) == (len(inside), inside["leak"].sum())


def test_without_a_bootstrap_nothing_is_corrected_and_that_is_said() -> None:
    frame = levels()
    found = validate(fit_logistic(frame, "leak ~ x"), frame, n_boot=0, seed=1)
    assert found.tidy()["optimism"].isna().all()
    assert "optimism" in {c.code for c in found.caveats}


def test_curves_and_decisions_are_data() -> None:
    frame = levels()
    found = validate(fit_logistic(frame, "leak ~ x"), frame, n_boot=10, seed=1)
    curve = found.calibration
    assert (curve["conf_low"] <= curve["estimate"]).all()
    assert (curve["estimate"] <= curve["conf_high"]).all()
    decision = found.decision.set_index("threshold")
    y = frame.data["leak"].to_numpy()
    assert decision.loc[0.5, "treat_all"] == pytest.approx(y.mean() - (1 - y.mean()))
    assert decision.loc[0.05, "net_benefit"] >= decision.loc[0.05, "treat_all"] - 0.02


def test_competing_death_lowers_the_risk_that_a_cox_model_gives() -> None:
    frame = levels()
    fit = fit_cox(frame, "x", duration="days", event="event")
    found = rows_of(validate(fit, frame, horizon=300.0, n_boot=0, seed=1))
    assert found.loc["observed_expected", "apparent"] == pytest.approx(1, abs=0.05)
    assert found.loc["calibration_slope", "apparent"] == pytest.approx(1, abs=1e-6)
    gray = fit_fine_gray(frame, "x", duration="days", event="event")
    other = rows_of(validate(gray, frame, horizon=300.0, n_boot=0, seed=1))
    assert other.loc["auc", "apparent"] == pytest.approx(found.loc["auc", "apparent"], abs=0.01)


def test_strata_are_in_every_replicate() -> None:
    frame = levels(n=120)
    fit = fit_cox(frame, "x", duration="days", event="event", strata="center")
    found = validate(fit, frame, horizon=300.0, n_boot=30, seed=1)
    assert found.n_failed == 0
    assert np.isfinite(rows_of(found).loc["auc", "estimate"])


def test_imputations_are_pooled() -> None:
    frames = tuple(levels(seed=s) for s in (1, 2, 3))
    fit = fit_logistic(Imputations(frames), "leak ~ x")
    pooled = validate(fit, Imputations(frames), n_boot=5, seed=1)
    single = [rows_of(validate(fit, f, n_boot=5, seed=1)) for f in frames]
    mean = np.mean([s.loc["c_statistic", "estimate"] for s in single])
    row = rows_of(pooled).loc["c_statistic"]
    assert row["estimate"] == pytest.approx(mean)
    assert row["std_error"] > np.sqrt(
        np.mean([s.loc["c_statistic", "std_error"] ** 2 for s in single])
    )
    assert "pooled" in {c.code for c in pooled.caveats}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"horizon": 10.0}, "no time"),
    ({"n_boot": 1}, "n_boot"),
    ({"n_boot": -3}, "n_boot"),
    ({"thresholds": [0.0, 0.5]}, "between 0 and 1"),
    ({"center": "nowhere"}, "nowhere"),
    ({"center": "x"}, "is in the model"),
    ({"level": 1.5}, "level"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=[w for _, w in REFUSED])
def test_what_makes_no_sense_is_refused(options: dict[str, Any], words: str) -> None:
    frame = levels(n=80)
    fit = fit_logistic(frame, "leak ~ x")
    with pytest.raises(UsageError, match=words):
        validate(fit, frame, **{"n_boot": 2, "seed": 1} | options)


def test_hazards_need_a_horizon_within_follow_up() -> None:
    frame = levels(n=80)
    fit = fit_cox(frame, "x", duration="days", event="event")
    with pytest.raises(UsageError, match="give horizon="):
        validate(fit, frame, n_boot=0, seed=1)
    with pytest.raises(UsageError, match="longest follow-up"):
        validate(fit, frame, n_boot=0, seed=1, horizon=1e6)


def test_a_model_without_an_estimate_is_not_validated() -> None:
    data = table(n=40).assign(leak=lambda d: (d["x"] > 0).astype(int))
    fit = fit_logistic(data, "leak ~ x")
    assert not fit.ok
    found = validate(fit, data, n_boot=0, seed=1)
    assert found.status == "separated"
    assert "the model has no estimate" in found.reason
    assert "penalty='firth'" in found.reason
    assert found.tidy()["estimate"].isna().all()
    assert found.tidy()["measure"].tolist()[0] == "c_statistic"
    assert list(found.glance()["status"]) == ["separated"]


def test_rows_with_a_missing_value_are_left_out_and_centers_must_be_known() -> None:
    data = table(n=100)
    data.loc[3, "x"] = np.nan
    fit = fit_logistic(data, "leak ~ x")
    assert validate(fit, data, n_boot=0, seed=1).n == 99
    data.loc[4, "center"] = None
    with pytest.raises(UsageError, match="missing centers"):
        validate(fit, data, center="center", n_boot=0, seed=1)


def test_one_outcome_has_no_concordance() -> None:
    assert np.isnan(concordance_statistic(np.ones(3), np.arange(3.0)))
    assert np.isnan(concordance_variance(np.ones(3), np.arange(3.0)))
