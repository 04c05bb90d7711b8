"""What stands beside the main models, and questions without one: each number against its source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.analyses import analyse, restrict
from vpstats.errors import PlanError
from vpstats.frames import Frame, start_frame
from vpstats.ledger import Ledger
from vpstats.models.agreement import agreement
from vpstats.models.conditional import fit_conditional_logistic
from vpstats.models.diagnostic import diagnostic_accuracy
from vpstats.models.hazards import fit_cox
from vpstats.models.imputation import impute
from vpstats.models.logistic import fit_logistic
from vpstats.models.named_tests import compare_groups
from vpstats.models.paired import holm, paired_proportions
from vpstats.models.standardised import standardised_risks
from vpstats.study import StudyPlan

N = 900


def table(seed: int = 1) -> pd.DataFrame:
    """Three levels of 300 patients in four centers, with every column that the questions name."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(N // 3), 3)
    own = rng.normal(0, 0.8, N // 3)[patient]
    cement = rng.normal(4, 1, N).round(1)
    cleft = rng.random(N) < 0.3
    center = rng.integers(1, 5, N // 3)[patient]
    venous = rng.random(N) < 1 / (1 + np.exp(1.2 - 0.3 * cement - own))
    disc = rng.random(N) < 1 / (1 + np.exp(1.4 - 0.9 * cleft - own))
    hazard = 0.002 * np.exp(0.5 * cleft + own)
    time = rng.exponential(1 / hazard)
    death = rng.exponential(900, N // 3)[patient]
    end = np.minimum.reduce([time, death, rng.uniform(200, 900, N)])
    data = pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in patient],
            "center_id": [f"C{c}" for c in center],
            "cement_ml": cement,
            "cleft": pd.Categorical(np.where(cleft, "yes", "no"), ["no", "yes"]),
            "region": pd.Categorical(rng.choice(["low", "mid", "high"], N), ["low", "mid", "high"]),
            "age": rng.normal(75, 8, N // 3)[patient].round(),
            "venous": venous.astype(float),
            "disc": disc.astype(float),
            "any_ct": (venous | disc).astype(float),
            "any_fluoro": ((venous | disc) & (rng.random(N) < 0.6)).astype(float),
            "event": np.where(time <= end, 1, np.where(death <= end, 2, 0)),
            "days": np.ceil(end),
            "source": rng.choice(["blood", "needle"], N),
        }
    )
    data.loc[rng.random(N) < 0.2, "cement_ml"] = np.nan
    return data


def levels(data: pd.DataFrame | None = None) -> Frame:
    return start_frame(
        table() if data is None else data,
        "levels",
        unit="level",
        cluster="patient_id",
        outcome="venous",
        duration="days",
        causes={1: "fracture", 2: "death"},
    )


def patients(data: pd.DataFrame | None = None) -> Frame:
    data = table() if data is None else data
    return start_frame(data.drop_duplicates("patient_id"), "patients", unit="patient")


def ask(frame: Frame, kind: str, **keys: Any) -> Ledger:
    question = {"kind": kind, "id": "q", "title": "Question", "cohort": "leakage"} | keys
    plan = StudyPlan.model_validate(
        {"version": 1, "title": "tiny", "question": [question],
         "imputation": {"copies": 3, "iterations": 2}}
    )  # fmt: skip
    (asked,) = plan.questions
    part = analyse(asked, restrict(asked, frame, plan), plan)
    return Ledger.from_rows(part.rows, part.notes)


def values(ledger: Ledger) -> pd.Series:
    return ledger.cells.set_index("cell_id")["value"]


def texts(ledger: Ledger, role: str) -> str:
    return " | ".join(n.text for n in ledger.notes if n.role == role)


def known(frame: Frame, *columns: str) -> Frame:
    return frame.keep(frame.data[list(columns)].notna().all(axis=1), "known")


def test_standardised_risks_are_those_of_the_adjusted_model() -> None:
    frame = known(levels(), "cement_ml")
    found = values(
        ask(levels(), "risk_factor", outcome="venous", exposure="cement_ml", adjust=["age"],
            contrast=[3.0, 5.0])
    )  # fmt: skip
    fit = fit_logistic(frame, "venous ~ cement_ml + age + center_id")
    risks = standardised_risks(fit, frame, exposure="cement_ml", values=[3.0, 5.0]).tidy()
    theirs = risks.set_index(["measure", "level"])["estimate"]
    assert found["q/standardised/cement_ml/3/risk"] == pytest.approx(
        100 * theirs["risk", "3"], rel=1e-12
    )
    difference = 100 * theirs["risk_difference", "5"]
    assert found["q/standardised/cement_ml/5/difference"] == pytest.approx(difference, rel=1e-9)
    assert "q/standardised/cement_ml/3/difference" not in found


def test_a_margin_is_held_against_an_interval_of_ninety_percent() -> None:
    asked = {"outcome": "venous", "exposure": "cement_ml", "contrast": [3.0, 5.0]}
    plain = values(ask(levels(), "risk_factor", **asked))
    ledger = ask(levels(), "risk_factor", **asked, margin=0.05)
    narrow = values(ledger)
    name = "q/standardised/cement_ml/5/difference"
    assert narrow[name] == plain[name]
    assert plain[f"{name}_low"] < narrow[f"{name}_low"] < narrow[f"{name}_high"]
    assert "5 percentage points" in texts(ledger, "caveat")
    assert "90 % interval" in texts(ledger, "finding")


def test_penalised_risks_are_read_without_the_pull_towards_one_half() -> None:
    frame = patients()
    found = values(ask(frame, "risk_factor", outcome="disc", exposure="cleft", penalty="firth"))
    fit = fit_logistic(frame, "disc ~ cleft + center_id", penalty="flic")
    risks = standardised_risks(fit, frame, exposure="cleft").tidy().set_index(["measure", "level"])
    theirs = 100 * risks.loc[("risk", "yes"), "estimate"]
    assert found["q/standardised/cleft/yes/risk"] == pytest.approx(theirs, rel=1e-9)


def test_named_tests_of_factor_curve_and_modifier() -> None:
    frame = known(levels(), "cement_ml")
    found = values(
        ask(levels(), "risk_factor", outcome="venous", exposure="region", adjust=["cleft"],
            modifier="cleft")
    )  # fmt: skip
    fit = fit_logistic(levels(), "venous ~ region + cleft + center_id")
    crossed = fit_logistic(levels(), "venous ~ region + cleft + region:cleft + center_id")
    joint = [t for t in crossed.terms if ":" in t]
    assert found["q/tests/factor//p_value"] == fit.wald_test("region")["p_value"].item()
    assert found["q/tests/interaction//p_value"] == pytest.approx(
        crossed.wald_test(joint)["p_value"].item(), rel=1e-9
    )
    curved = values(
        ask(levels(), "risk_factor", outcome="venous", exposure="cement_ml", shape="spline",
            contrast=[3.0, 5.0])
    )  # fmt: skip
    spline = fit_logistic(frame, "venous ~ rcs(cement_ml, 4) + center_id")
    bends = [t for t in spline.terms if t.startswith("rcs")][1:]
    assert curved["q/tests/nonlinearity//p_value"] == pytest.approx(
        spline.wald_test(bends)["p_value"].item(), rel=1e-9
    )


def test_within_patients_uses_only_what_varies_in_them() -> None:
    ledger = ask(levels(), "risk_factor", outcome="disc", exposure="cleft",
                 adjust=["age", "region"], within_patient=True)  # fmt: skip
    found = values(ledger)
    assert "Within patients: adjusted for region." in texts(ledger, "caveat")
    fit = fit_conditional_logistic(levels(), "disc ~ cleft + region", strata="patient_id")
    theirs = fit.tidy(exponentiate=True).set_index("term").loc["cleft[T.yes]", "estimate"]
    assert found["q/within/cleft[T.yes]//estimate"] == pytest.approx(theirs, rel=1e-9)
    assert not any(name.startswith("q/within/age") for name in found.index)


def test_an_exposure_of_the_patient_is_not_compared_within_patients() -> None:
    ledger = ask(levels(), "risk_factor", outcome="disc", exposure="age", within_patient=True)
    assert "the same in all rows of a patient" in texts(ledger, "refusal")


def test_imputed_models_keep_rows_without_the_exposure_and_shift_them() -> None:
    ledger = ask(levels(), "risk_factor", outcome="venous", exposure="cement_ml", adjust=["age"],
                 missing="impute", delta=[-1.0, 1.0])  # fmt: skip
    found = values(ledger)
    variables = ["cement_ml", "age", "center_id"]
    copies = impute(levels(), seed=1, m=3, iterations=2, variables=variables, outcome="venous",
                    cluster="patient_id")  # fmt: skip
    fit = fit_logistic(copies, "venous ~ cement_ml + age + center_id")
    theirs = fit.tidy(exponentiate=True).set_index("term").loc["cement_ml", "estimate"]
    assert found["q/imputed/model//n"] == N > found["q/adjusted/model//n"]
    assert found["q/imputed/cement_ml//estimate"] == pytest.approx(theirs, rel=1e-9)
    assert found["q/tipping/cement_ml/0/estimate"] == pytest.approx(theirs, rel=1e-9)
    shifted = [found[f"q/tipping/cement_ml/{d}/estimate"] for d in ("-1", "+1")]
    assert len({*shifted, theirs}) == 3


def test_a_random_center_holds_each_patient_too() -> None:
    ledger = ask(levels(), "risk_factor", outcome="venous", exposure="cement_ml", center="random")
    found = values(ledger)
    assert np.isfinite(found["q/crude/cement_ml//estimate"])
    assert "fewer than 30 groups" in texts(ledger, "caveat")
    assert "q/standardised/cement_ml/3/risk" not in found


def test_profiles_answer_each_outcome_and_adjust_p_by_holm() -> None:
    ledger = ask(levels(), "profile", exposures=["cleft"], outcomes=["venous", "disc"])
    found = values(ledger)
    own = [found[f"q_{i}/crude/cleft[T.yes]//p_value"] for i in (1, 2)]
    adjusted = [found[f"q/holm/q_{i} cleft[T.yes]//p_adjusted"] for i in (1, 2)]
    assert adjusted == pytest.approx(holm(np.array(own)).tolist())
    single = values(ask(levels(), "risk_factor", outcome="disc", exposure="cleft"))
    assert found["q_2/crude/cleft[T.yes]//estimate"] == single["q/crude/cleft[T.yes]//estimate"]


def test_pairs_stand_on_the_same_rows() -> None:
    frame = levels()
    found = values(ask(frame, "paired", outcomes=["venous", "disc"]))
    theirs = paired_proportions(frame, first="venous", second="disc").tidy().iloc[0]
    pair = "q/paired/venous and disc"
    assert found[f"{pair}//difference"] == pytest.approx(100 * theirs["estimate"])
    parts = [
        found[f"{pair}/{k}/n_events"] for k in ("both", "first only", "second only", "neither")
    ]
    assert sum(parts) == found[f"{pair}//n"] == N
    assert parts[:2] == [theirs["n_both"], theirs["n_first_only"]]


def test_detection_counts_what_fluoroscopy_saw_of_what_ct_shows() -> None:
    frame = levels()
    found = values(ask(frame, "detection", sites=["any"]))
    data = frame.data
    seen = data.loc[data["any_ct"] == 1, "any_fluoro"].mean()
    assert found["q//any//sensitivity"] == pytest.approx(100 * seen)
    assert found["q//any/first only/n_events"] == 0
    kappa = agreement(frame, first="any_fluoro", second="any_ct").tidy().set_index("stat")
    assert found["q//any//kappa"] == kappa.loc["kappa", "estimate"]


def test_a_sign_stands_corrected_beside_those_examined() -> None:
    data = table().drop_duplicates("patient_id").assign(sign=lambda d: d["cleft"])
    unseen = (data["sign"] == "no") & (np.arange(len(data)) % 2 == 0)
    data["found"] = data["disc"].where(~unseen)
    frame = patients(data)
    ledger = ask(frame, "diagnosis", sign="sign", outcome="found", others=["age"])
    found = values(ledger)
    theirs = diagnostic_accuracy(frame, test="sign", reference="found").tidy()
    by_method = theirs[theirs["stat"] == "sensitivity"].set_index("method")["estimate"]
    assert found["q/verified/sensitivity//estimate"] == pytest.approx(100 * by_method.iloc[0])
    assert found["q/corrected/sensitivity//estimate"] == pytest.approx(100 * by_method.iloc[1])
    crossed = [v for name, v in found.items() if name.startswith("q//cross/") and name[9:10] != "/"]
    assert sum(crossed) == found["q//cross//n"] == len(data)
    assert 0 < found["q/tests/addition//p_value"] < 1


def test_sources_are_counted_by_window_and_tested_by_name() -> None:
    frame = levels()
    found = values(ask(frame, "source", column="source", windows=[60]))
    events = frame.data[frame.data["event"] == 1]
    early = events[events["days"] <= 60]
    blood = (early["source"] == "blood").sum()
    assert found["q/days 0 to 60/source/blood/n_events"] == blood
    assert found["q/days 0 to 60/event//n"] + found["q/after day 60/event//n"] == len(events)
    window = np.where(events["days"] <= 60, "early", "late")
    test = compare_groups(events[["source"]].assign(w=window), variable="source", by="w",
                          test="fisher")  # fmt: skip
    assert found["q/tests/source and time//p_value"] == test.tidy()["p_value"].iloc[0]


def test_windows_have_rates_hazard_ratios_and_a_test() -> None:
    ledger = ask(levels(), "time_to_event", exposure="cleft", windows=[100], horizons=[300])
    found = values(ledger)
    data = levels().data
    early = ((data["event"] == 1) & (data["days"] <= 100)).sum()
    time = np.minimum(data["days"], 100).sum()
    assert found["q//window/days 0 to 100/n_events"] == early
    assert found["q//window/days 0 to 100/rate"] == pytest.approx(early / time * 365_250)
    for window in ("days 0 to 100", "after day 100"):
        assert np.isfinite(found[f"q/windows/cleft[T.yes]/{window}/estimate"])
    assert 0 <= found["q/tests/windows//p_value"] <= 1
    assert "Rate by time since the procedure" in texts(ledger, "finding")


def test_vertebrae_of_a_patient_are_compared_in_strata() -> None:
    ledger = ask(levels(), "time_to_event", exposure="cleft", within_patient=True)
    found = values(ledger)
    assert "Within patients: adjusted for nothing else." in texts(ledger, "caveat")
    fit = fit_cox(levels(), "cleft", duration="days", event="event", strata="patient_id")
    theirs = fit.tidy(exponentiate=True)["estimate"].item()
    assert found["q/within/cleft[T.yes]//estimate"] == pytest.approx(theirs, rel=1e-9)


def test_few_vertebrae_of_patients_are_compared_with_a_penalty() -> None:
    data = levels().data
    later = (data["event"] == 1) & ((data["event"] == 1).cumsum() > 7)
    few = levels(data.assign(event=data["event"].mask(later, 0)))
    found = values(ask(few, "time_to_event", exposure="cleft", within_patient=True))
    fit = fit_cox(few, "cleft", duration="days", event="event", strata="patient_id",
                  penalty="firth")  # fmt: skip
    theirs = fit.tidy(exponentiate=True)["estimate"].item()
    assert found["q/within/cleft[T.yes]//estimate"] == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("key", ["subdistribution", "frailty"])
def test_other_models_stand_beside_the_cause_specific_one(key: str) -> None:
    found = values(ask(levels(), "time_to_event", exposure="cleft", **{key: True}))
    assert found[f"q/{key}/cleft[T.yes]//estimate"] > 0
    assert found[f"q/{key}/model//n"] == N


def test_unseen_onset_needs_its_columns_and_events() -> None:
    with pytest.raises(PlanError, match="negative_days"):
        ask(levels(), "time_to_event", interval=True)
    data = table()
    seen = data["event"] == 1
    data = data.assign(
        negative_days=np.where(seen, np.maximum(data["days"] - 30, 0), data["days"]),
        positive_days=data["days"].where(seen),
        end_days=data["days"] + 0.0,
        died=(data["event"] == 2).astype(float),
    )
    found = values(ask(levels(data), "time_to_event", interval=True, windows=[100],
                       horizons=[300]))  # fmt: skip
    by = [found[f"q/{m}/unseen/300/estimate"] for m in ("interval", "midpoint", "date found")]
    assert by[2] < by[1]
    few = data.assign(positive_days=data["positive_days"].where(data.index < 12))
    assert "refused" in texts(ask(levels(few), "time_to_event", interval=True), "refusal")


def test_yes_and_no_are_an_outcome() -> None:
    found = values(ask(levels(), "proportion", outcome="cleft", by="region"))
    assert found["q//cleft//n_events"] == (table()["cleft"] == "yes").sum()
