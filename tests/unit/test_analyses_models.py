"""Questions with models: what enters the ledger, what is refused, and in which words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.analyses import analyse, restrict
from vpstats.analyses.time_to_event import one_event_each, thinned
from vpstats.errors import PlanError
from vpstats.frames import Frame, start_frame
from vpstats.ledger import Ledger
from vpstats.models.curves import cumulative_incidence
from vpstats.study import StudyPlan

N = 600


def levels(seed: int = 1, **columns: Any) -> Frame:
    """Levels of 300 patients in four centers; leakage depends on cement, center and a breach."""
    rng = np.random.default_rng(seed)
    center = rng.choice(["C1", "C2", "C3", "C4"], N)
    cement = rng.normal(4, 1, N)
    breach = rng.random(N) < 0.3
    eta = -2.5 + 0.4 * cement + 1.0 * breach + (center == "C2")
    data = pd.DataFrame(
        {
            "patient_id": np.repeat([f"p{i}" for i in range(N // 2)], 2),
            "center_id": center,
            "cement_ml": cement,
            "breach": pd.Categorical(np.where(breach, "yes", "no"), ["no", "yes"]),
            "age": rng.normal(75, 8, N),
            "leak": (rng.random(N) < 1 / (1 + np.exp(-eta))).astype(float),
        }
    ).assign(**columns)
    return start_frame(data, "levels", unit="level", cluster="patient_id", outcome="leak")


def plan(**changes: Any) -> StudyPlan:
    question = {"kind": "risk_factor", "id": "q", "title": "Question", "cohort": "leakage",
                "outcome": "leak", "exposure": "cement_ml", "adjust": ["age"],
                "mediators": ["breach"]} | changes  # fmt: skip
    return StudyPlan.model_validate({"version": 1, "title": "tiny", "question": [question]})


def ask(frame: Frame, **changes: Any) -> Ledger:
    asked = plan(**changes)
    part = analyse(asked.questions[0], restrict(asked.questions[0], frame, asked), asked)
    return Ledger.from_rows(part.rows, part.notes)


def texts(ledger: Ledger, role: str) -> str:
    return " | ".join(n.text for n in ledger.notes if n.role == role)


def test_three_models_stand_beside_each_other_and_no_center_among_them() -> None:
    ledger = ask(levels())
    models = ledger.cells[ledger.cells["stat"] == "estimate"]
    assert set(models["group"]) == {"crude", "adjusted", "mediators"}
    assert set(models.loc[models["group"] == "mediators", "variable"]) == {
        "cement_ml", "age", "breach[T.yes]",
    }  # fmt: skip
    assert not ledger.cells["variable"].str.startswith("center_id").any()


def test_crude_holds_the_center() -> None:
    frame = levels()
    from vpstats.models.logistic import fit_logistic

    fit = fit_logistic(frame, "leak ~ cement_ml + center_id").tidy(exponentiate=True)
    ledger = ask(frame)
    value = ledger.cells.set_index("cell_id").loc["q/crude/cement_ml//estimate", "value"]
    assert value == fit.set_index("term").loc["cement_ml", "estimate"]


def test_counts_are_a_partition_and_clusters_widen_the_interval() -> None:
    frame = levels()
    cells = ask(frame).cells.set_index("cell_id")["value"]
    events = frame.data["leak"].sum()
    assert cells["q//leak//n_events"] == events
    assert cells["q//leak//n"] == N
    assert cells["q//leak//n_patients"] == N // 2
    assert cells["q//leak//conf_low"] < 100 * events / N < cells["q//leak//conf_high"]


def test_too_few_events_are_refused_in_words_without_a_count() -> None:
    rare = np.zeros(N)
    rare[[3, 77, 150, 301]] = 1
    ledger = ask(levels(leak=rare))
    assert "estimate" not in set(ledger.cells["stat"])
    refusals = texts(ledger, "refusal")
    assert refusals.count("refused, because there are fewer than 10 events") == 3
    assert "4" not in re.sub(r"\{[^}]*\}", "", refusals)


def test_a_center_with_one_outcome_leaves_the_model_and_is_mentioned() -> None:
    frame = levels()
    data = frame.data.assign(leak=frame.data["leak"].where(frame.data["center_id"] != "C4", 1.0))
    changed = start_frame(data, "levels", unit="level", cluster="patient_id", outcome="leak")
    ledger = ask(changed)
    cells = ledger.cells.set_index("cell_id")["value"]
    assert cells["q/crude/model//n"] == (data["center_id"] != "C4").sum()
    assert "same outcome" in texts(ledger, "caveat")
    assert np.isfinite(cells["q/crude/cement_ml//estimate"])


def test_separated_data_give_a_refusal_and_no_odds_ratio() -> None:
    frame = levels()
    leak = frame.data["leak"].where(frame.data["breach"] == "no", 1.0)
    ledger = ask(levels(leak=leak.to_numpy()), exposure="breach", mediators=[])
    assert "not estimable. The data separate the outcome" in texts(ledger, "refusal")
    estimates = ledger.cells.loc[ledger.cells["stat"] == "estimate", "value"]
    assert estimates.isna().all()


def test_an_exposure_that_is_the_centers_is_flagged() -> None:
    frame = levels()
    brand = pd.Categorical(np.where(frame.data["center_id"] < "C3", "a", "b"), ["a", "b"])
    ledger = ask(levels(brand=brand), exposure="brand", mediators=[], center="none",
                 reason_no_center="one brand per center")  # fmt: skip
    assert "cannot be told from the center" in texts(ledger, "caveat")


def test_one_event_row_per_patient_takes_firth_with_profile_limits() -> None:
    data = levels().data.drop_duplicates("patient_id")
    frame = Frame(data, unit="patient", outcome="leak")
    ledger = ask(frame, penalty="firth")
    from vpstats.models.logistic import fit_logistic

    fit = fit_logistic(frame, "leak ~ cement_ml + center_id", penalty="firth", intervals="profile")
    low = ledger.cells.set_index("cell_id").loc["q/crude/cement_ml//conf_low", "value"]
    expected = fit.tidy(exponentiate=True).set_index("term").loc["cement_ml", "conf_low"]
    assert low == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "nowhere"},
        {"exposure": "nowhere"},
        {"exposure": "__import__('os').system('true')"},
        {"where": {"nowhere": ["a"]}},
        {"outcome": "center_id"},
    ],
)
def test_a_question_that_cannot_be_asked_names_itself(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="question 'q'"):
        ask(levels(), **changes)


# ------------------------------------------------------------------------------- time to event


def followed(seed: int = 2, events: int | None = None) -> Frame:
    rng = np.random.default_rng(seed)
    fracture, death = rng.exponential(2500, N), rng.exponential(3000, N)
    censoring = rng.uniform(100, 1500, N)
    days = np.ceil(np.minimum(np.minimum(fracture, death), censoring))
    code = np.where(np.ceil(fracture) == days, 1, np.where(np.ceil(death) == days, 2, 0))
    if events is not None:
        code = np.where((code == 1) & (np.cumsum(code == 1) > events), 0, code)
    data = levels().data.assign(days=days, event=code)
    return start_frame(data, "vertebrae", unit="vertebra", cluster="patient_id", duration="days",
                       outcome="event", causes={1: "fracture", 2: "death"})  # fmt: skip


TIME = {"kind": "time_to_event", "exposure": "breach", "adjust": ["age"], "mediators": [],
        "by": "breach", "horizons": [365, 730], "center": "strata"}  # fmt: skip


def ask_time(frame: Frame, **changes: Any) -> Ledger:
    question = {"id": "q", "title": "Question", "cohort": "c"} | TIME | changes
    asked = StudyPlan.model_validate({"version": 1, "title": "tiny", "question": [question]})
    part = analyse(asked.questions[0], frame, asked)
    return Ledger.from_rows(part.rows, part.notes)


def test_every_row_has_one_end_and_the_ends_sum_to_the_rows() -> None:
    frame = followed()
    cells = ask_time(frame).cells.set_index("cell_id")["value"]
    ends = [cells[f"q//event/{code}/n_events"] for code in (0, 1, 2)]
    assert sum(ends) == cells["q//event//n"] == N


def test_incidence_at_the_horizon_is_the_curves_value_there() -> None:
    frame = followed()
    alone = ask_time(frame, exposure=None, adjust=[], by=None).cells.set_index("cell_id")["value"]
    curve = cumulative_incidence(frame, duration="days", event="event")
    assert alone["q/All/incidence_at/365/estimate"] == 100 * curve.at(365)["estimate"].iloc[0]
    cells = ask_time(frame).cells.set_index("cell_id")["value"]
    groups = ("breach, yes", "breach, no")
    assert {f"q/{g}/incidence_at/730/estimate" for g in groups} <= set(cells.index)


def test_no_event_is_no_proof_of_none() -> None:
    """The exact limit of 0 of those still followed, as for a share."""
    frame = followed(events=0)
    cells = ask_time(frame, exposure=None, adjust=[], by=None).cells.set_index("cell_id")
    at = cells.loc["q/All/incidence_at/730/conf_high"]
    assert cells.loc["q/All/incidence_at/730/estimate", "value"] == 0
    assert at["value"] == pytest.approx(100 * (1 - 0.025 ** (1 / at["n"])), rel=1e-9)
    assert cells.loc["q/All/incidence_at/730/conf_low", "value"] == 0


def test_events_by_exposure_are_parts_of_all_events() -> None:
    """What the hazard ratio rests on stands in the ledger, where the disclosure rules find it."""
    frame = followed()
    cells = ask_time(frame).cells.set_index("cell_id")
    parts = [cells.loc[f"q//breach/{level}/n_events"] for level in ("no", "yes")]
    assert sum(p["value"] for p in parts) == cells.loc["q//event/1/n_events", "value"]
    assert {p["parent"] for p in parts} == {"q//event/1/n_events"}
    rows = [cells.loc[f"q//breach/{level}/n", "value"] for level in ("no", "yes")]
    assert sum(rows) == frame.data["breach"].notna().sum()


def test_hazards_are_fitted_only_with_events_enough() -> None:
    assert "adjusted" in set(ask_time(followed()).cells["group"])
    few = ask_time(followed(events=4))
    assert not set(few.cells["group"]) & {"crude", "adjusted"}
    assert texts(few, "refusal").count("fewer than 10 events") == 2
    assert "incidence" in set(few.cells["variable"])  # given instead
    assert "rate" in set(few.cells["variable"])


def test_between_the_floors_one_coefficient_is_fitted_with_a_penalty() -> None:
    frame = followed(events=7)
    ledger = ask_time(frame)
    assert set(ledger.cells["group"]) & {"crude", "adjusted"} == {"crude"}
    from vpstats.models.hazards import fit_cox

    fit = fit_cox(
        frame, "breach", duration="days", event="event", strata="center_id", penalty="firth"
    )
    value = ledger.cells.set_index("cell_id").loc["q/crude/breach[T.yes]//estimate", "value"]
    assert value == fit.tidy(exponentiate=True)["estimate"].iloc[0]


def test_a_category_without_events_is_not_said_to_protect() -> None:
    frame = followed(events=16)
    data = frame.data
    first = data[data["event"] == 1].drop_duplicates("patient_id").index
    code = data["event"].where((data["event"] != 1) | data.index.isin(first), 0)
    rng = np.random.default_rng(5)
    drug = np.where(rng.random(N) < 0.15, "new", "old")
    drug[(code == 1).to_numpy()] = "old"
    frame = replace(frame, data=data.assign(event=code, drug=pd.Categorical(drug, ["old", "new"])))
    ledger = ask_time(frame, exposure="drug", adjust=[], by=None, penalty="firth")
    cells = ledger.cells.set_index("cell_id")["value"]
    low, high = (cells[f"q/crude/drug[T.new]//{s}"] for s in ("conf_low", "conf_high"))
    assert low < 0.05  # no event among them: the profile has hardly a lower limit
    assert high > 1  # a sandwich would end below one
    assert "no patient has more than one event" in texts(ledger, "caveat")


def test_patients_with_several_events_stay_clustered_under_a_penalty() -> None:
    frame = followed()
    assert frame.data.loc[frame.data["event"] == 1, "patient_id"].duplicated().any()
    assert one_event_each(frame, 1) is None
    ledger = ask_time(frame, penalty="firth")
    assert "taken as independent" not in texts(ledger, "caveat")


def test_thinning_keeps_the_curve_the_numbers_at_risk_and_the_sums() -> None:
    curve = cumulative_incidence(followed(), duration="days", event="event", by="breach")
    thin = thinned(curve, step=60)
    assert len(thin.steps) < len(curve.steps)
    for column in ("n_event", "n_censor"):
        whole = curve.steps.groupby("breach", observed=True)[column].sum()
        assert thin.steps.groupby("breach", observed=True)[column].sum().equals(whole)
    times = [30, 365, 730, 1100]
    same = ["estimate", "conf_low", "conf_high", "std_error"]
    pd.testing.assert_frame_equal(curve.at(times)[same], thin.at(times)[same])
    grid = [60, 360, 720, 1080]
    pd.testing.assert_frame_equal(
        curve.at(grid)[[*same, "n_risk"]], thin.at(grid)[[*same, "n_risk"]]
    )
