"""What goes into a synthetic registry comes out of it, and its rates are those of the literature.

Tolerances are multiples of the Monte-Carlo standard error of the quantity itself: `K` standard
errors, so that a right simulator fails one comparison in about 16,000. Calibration targets are
ranges of published rates (VERTOS II, Venmans A, et al. AJNR 2010;31:1451-1453 and 2011; Luetmer MT,
et al. AJNR 2011; Liao JC, et al. 2018; Nieuwenhuijse MJ, et al. Radiology 2013;266:862-870); a rate
has to lie in its range up to `K` standard errors.
"""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from vpstats.simulate import SimulatedRegistry, SimulationSpec, simulate_registry
from vpstats.simulate.draws import NEVER

K = 4.0
"""Standard errors; two-sided normal probability 6e-5."""

SPEC = SimulationSpec(n_procedures=15_000)
COVARIATES = (
    "cement_ml_c", "neoplastic", "cortical_breach", "intravertebral_cleft",
    "height_loss_10pct_c", "high_viscosity", "bkp", "log2_experience_c",
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> SimulatedRegistry:
    # a leak that stops the injection lowers the dose: recovery of the dose needs it switched off
    spec = replace(SPEC, leaks=replace(SPEC.leaks, stop_ml=0.0))
    return simulate_registry(spec, seed=2024)


@pytest.fixture(scope="module")
def by_level(drawn: SimulatedRegistry) -> pd.DataFrame:
    """Clean tables, joined as an analyst would: CT of everyone, any leak, dose and lesion."""
    t = drawn.tables
    ct = t["leaks"].query("modality == 'ct' and state != 'not_assessed'")
    leak = (ct["state"] == "present").groupby(ct["level_id"]).any().rename("leak")
    sessions = t["procedures"].set_index("procedure_id")
    rows = t["levels"].merge(leak, left_on="level_id", right_index=True)
    joined = rows.join(
        sessions[["patient_id", "center_id", "ct_post_reason", "indication", "technique",
                  "viscosity_class"]],
        on="procedure_id",
    )  # fmt: skip
    experience = drawn.truth.levels.set_index("level_id")["log2_experience_c"]
    joined["log2_experience_c"] = experience.loc[joined["level_id"]].to_numpy()
    return joined[joined["ct_post_reason"] == "routine"]


def design(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    tumour = rows["indication"].isin(["metastasis", "myeloma", "haemangioma"])
    x = pd.DataFrame(
        {
            "cement_ml_c": rows["cement_ml"].astype(float) - 4.3,
            "neoplastic": tumour,
            "cortical_breach": rows["cortical_breach"].map({"yes": 1, "no": 0}).astype(float),
            "intravertebral_cleft": rows["intravertebral_cleft"]
            .map({"yes": 1, "no": 0})
            .astype(float),
            "height_loss_10pct_c": (rows["height_loss_pct"].astype(float) - 30) / 10,
            "high_viscosity": rows["viscosity_class"] == "high",
            "bkp": rows["technique"] == "bkp",
            "log2_experience_c": rows["log2_experience_c"],
        }
    ).astype(float)
    centers = pd.get_dummies(rows["center_id"], drop_first=True, dtype=float)
    complete = x.notna().all(axis=1)
    x = sm.add_constant(pd.concat([x, centers], axis=1)[complete])
    return x, rows.loc[complete, "leak"].astype(float), rows.loc[complete, "patient_id"]


@pytest.fixture(scope="module")
def leak_fit(by_level: pd.DataFrame) -> pd.DataFrame:
    x, y, patient = design(by_level)
    groups = pd.factorize(patient)[0]
    fit = sm.Logit(y, x).fit(disp=False, cov_type="cluster", cov_kwds={"groups": groups})
    return pd.DataFrame({"estimate": fit.params, "se": fit.bse})


@pytest.mark.parametrize("name", COVARIATES)
def test_log_odds_of_any_leak_are_recovered(
    leak_fit: pd.DataFrame, drawn: SimulatedRegistry, name: str
) -> None:
    truth = drawn.truth.spec.leaks.log_or[name]
    estimate, se = leak_fit.loc[name]
    assert abs(estimate - truth) < K * se


@pytest.mark.parametrize(("center", "odds_ratio"), [("C03", 2.0), ("C04", 1.0), ("C11", 0.5)])
def test_centers_are_recovered(leak_fit: pd.DataFrame, center: str, odds_ratio: float) -> None:
    estimate, se = leak_fit.loc[center]
    assert abs(estimate - log(odds_ratio)) < K * se
    assert se < 0.15  # so that 2.0 and 1.0 are far apart


def test_a_stopped_injection_biases_the_dose_towards_harmless() -> None:
    """The default registry carries that trap: cement is missing where a leak was seen."""
    spec = replace(SPEC, leaks=replace(SPEC.leaks, stop_ml=0.8))
    levels = simulate_registry(spec, seed=2024).truth.levels
    x = sm.add_constant(levels[["cement_ml"]].astype(float))
    fit = sm.Logit(levels["true_any"].astype(float), x).fit(disp=False)
    assert fit.params["cement_ml"] + K * fit.bse["cement_ml"] < spec.leaks.log_or["cement_ml_c"]


def test_levels_of_a_patient_are_alike(drawn: SimulatedRegistry) -> None:
    levels = drawn.truth.levels
    residual = levels["true_any"] - levels["leak_probability"]
    patient = levels["patient"].to_numpy()
    same = patient[1:] == patient[:-1]
    products = (residual.to_numpy()[1:] * residual.to_numpy()[:-1])[same]
    assert products.mean() > K * products.std() / sqrt(len(products))


def test_fracture_hazard_ratios_are_recovered(drawn: SimulatedRegistry) -> None:
    """With the frailty known, ``t ** shape`` is exponential time: a Poisson model is exact."""
    spec, rows = drawn.truth.spec.fractures, drawn.truth.vertebrae
    people = drawn.truth.patients.loc[rows["patient"]]
    near = {
        "distance_1": rows["distance"].eq(1).to_numpy(float),
        "distance_2": rows["distance"].eq(2).to_numpy(float),
        "shared_disc_leak": rows["shared_disc_leak"].to_numpy(float),
        "tscore_c": people["tscore_c"].to_numpy(float),
        "steroid": people["steroid"].to_numpy(float),
        "prior_vfx": people["prior_vfx"].to_numpy(float),
    }
    linear = sum(spec.log_hr[name] * column for name, column in near.items())
    rest = rows["log_ratio"].to_numpy() - linear
    exposure = (rows["exit"].to_numpy() / 365.0) ** spec.shape
    offset = np.log(exposure) + rest + np.log(people["frailty"].to_numpy())
    used = exposure > 0
    x = sm.add_constant(pd.DataFrame(near))[used]
    y = rows["fractured"].to_numpy(float)[used]
    fit = sm.GLM(y, x, family=sm.families.Poisson(), offset=offset[used]).fit()
    truth = {"const": log(spec.scale)} | {name: spec.log_hr[name] for name in near}
    for name, value in truth.items():
        assert abs(fit.params[name] - value) < K * fit.bse[name], name


def test_frailty_has_mean_one_and_its_variance(drawn: SimulatedRegistry) -> None:
    frailty, n = drawn.truth.patients["frailty"], len(drawn.truth.patients)
    variance = drawn.truth.spec.fractures.frailty_variance
    assert abs(frailty.mean() - 1) < K * sqrt(variance / n)
    # the variance of a gamma's sample variance: (kurtosis − 1) σ⁴ / n, kurtosis 3 + 6 σ²
    spread = sqrt((2 + 6 * variance) * variance**2 / n)
    assert abs(frailty.var() - variance) < K * spread


def test_deaths_follow_their_hazard(drawn: SimulatedRegistry) -> None:
    people, follow = drawn.truth.patients, drawn.truth.spec.follow_up
    years = (people["end_day"] - people["index_day"]) / 365.25
    benign = people["indication"].isin(["osteoporotic", "trauma", "other"]) & ~people["chf"]
    rate = follow.death_yearly * np.exp(follow.death_log_hr["age_c"] * (people["age"] - 74))
    expected = float((rate * years)[benign].sum())
    seen = int((people["status"].eq("dead") & benign).sum())
    # a day is the unit of time: half of one is lost per patient
    slack = float((rate * 0.5 / 365.25)[benign].sum())
    assert abs(seen - expected) < K * sqrt(expected) + slack


def test_fluoroscopy_sees_what_it_should(drawn: SimulatedRegistry) -> None:
    levels, spec = drawn.truth.levels, drawn.truth.spec.leaks
    for site, sensitivity in spec.fluoro_sensitivity.items():
        seen = levels.loc[levels[f"true_{site}"], f"fluoro_{site}"]
        se = sqrt(sensitivity * (1 - sensitivity) / len(seen))
        assert abs(seen.mean() - sensitivity) < K * se, site
        clear = levels.loc[~levels[f"true_{site}"], f"fluoro_{site}"]
        wrong = 1 - spec.fluoro_specificity
        assert abs(clear.mean() - wrong) < K * sqrt(wrong * (1 - wrong) / len(clear)), site


def test_bone_density_is_missing_not_at_random(drawn: SimulatedRegistry) -> None:
    latent, recorded = drawn.truth.patients, drawn.tables["patients"]
    measured = recorded["bmd_tscore"].notna().to_numpy()
    true = latent["tscore"].to_numpy()
    gap = true[measured].mean() - true[~measured].mean()
    se = true.std() * sqrt(1 / measured.sum() + 1 / (~measured).sum())
    assert gap < -K * se


# ------------------------------------------------------------------ calibration


def within(events: float, n: float, low: float, high: float) -> bool:
    rate = events / n
    se = sqrt(max(rate * (1 - rate), 1e-12) / n)
    return low - K * se <= rate <= high + K * se


def site_rate(leaks: pd.DataFrame, modality: str, *sites: str) -> float:
    seen = leaks[(leaks["modality"] == modality) & (leaks["state"] != "not_assessed")]
    named = seen[seen["site"] != "any"]
    present = (named["state"] == "present") & named["site"].isin(sites or set(named["site"]))
    return float(present.groupby(named["level_id"]).any().mean())


def test_leak_rates_are_those_of_the_literature(drawn: SimulatedRegistry) -> None:
    leaks = drawn.tables["leaks"].astype({"site": str, "modality": str, "state": str})
    n = drawn.tables["levels"].shape[0]
    ct_any, fluoro_any = site_rate(leaks, "ct"), site_rate(leaks, "fluoro")
    assert within(ct_any * n, n, 0.55, 0.80)
    assert within(fluoro_any * n, n, 0.30, 0.38)
    venous = site_rate(leaks, "ct", "venous")
    disc = site_rate(leaks, "ct", "disc_sup", "disc_inf")
    soft = site_rate(leaks, "ct", "paravertebral_soft")
    assert venous >= disc > soft
    assert within(site_rate(leaks, "ct", "epidural") * n, n, 0.15, 0.20)


def test_embolism_rates_depend_on_the_imaging(drawn: SimulatedRegistry) -> None:
    sessions = drawn.truth.sessions
    scanned = sessions[sessions["chest"].isin(["ct_partial", "ct_full"])]
    assert within(scanned["pce_found"].sum(), len(scanned), 0.02, 0.26)
    assert within(sessions["pce_symptomatic"].sum(), len(sessions), 0.001, 0.009)
    rates = sessions.groupby("chest")["pce_found"].mean()
    assert rates["none"] < rates["xray"] < rates["ct_partial"] < rates["ct_full"]


def test_infections_are_rare_early_and_have_a_late_tail(drawn: SimulatedRegistry) -> None:
    sessions = drawn.truth.sessions
    found = sessions[sessions["infection_found"] < NEVER]
    assert within(len(found), len(sessions), 0.003, 0.008)
    days = found["infection_found"] - found["day"]
    assert (days <= 60).mean() > 0.5
    assert (days > 1000).any()
    assert found["preexisting"].any()
    assert (days < 0).any()  # found before the procedure: candidates for pre-existing infection


def test_new_fractures_come_early(drawn: SimulatedRegistry) -> None:
    people, fractures = drawn.truth.patients, drawn.truth.fractures
    first = fractures.groupby("patient")["day"].min().reindex(people.index)
    days = (first - people["index_day"]).fillna(np.inf)
    for horizon, low, high in ((365, 0.10, 0.18), (730, 0.10, 0.18)):
        watched = people["end_day"] - people["index_day"] >= horizon
        n = int(watched.sum())
        assert within(float((days[watched] <= horizon).sum()), n, low, high)
    two_years = people["end_day"] - people["index_day"] >= 730
    in_first = (days[two_years] <= 365).sum() / (days[two_years] <= 730).sum()
    assert in_first >= 0.5


def test_deaths_levels_and_volumes_are_those_of_the_literature(drawn: SimulatedRegistry) -> None:
    people, levels = drawn.truth.patients, drawn.tables["levels"]
    years = ((people["end_day"] - people["index_day"]) / 365.25).sum()
    deaths = int(people["status"].eq("dead").sum())
    rate, se = deaths / years, sqrt(deaths) / years
    assert 0.08 - K * se <= rate <= 0.12 + K * se
    assert 1.2 <= len(levels) / len(people) <= 2.0
    assert set(levels["level"].value_counts().index[:2]) == {"T12", "L1"}
    assert 4.0 <= levels["cement_ml"].mean() <= 4.6
    assert levels["cement_ml"].std() == pytest.approx(0.9, abs=0.1)
