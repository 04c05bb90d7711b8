"""Event floors, flows, tables without a model: the parts of an analysis, by hand."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.analyses.common import (
    flow_cells,
    judge,
    n_parameters,
    plural,
    term_label,
)
from vpstats.analyses.description import QUALITY, description, quality
from vpstats.frames import Frame, start_frame
from vpstats.ledger import Ledger
from vpstats.study import Description, Floors, Quality, StudyPlan

FLOORS = Floors(events=10, events_per_parameter=5, single_parameter_events=5)


def plan(**question: Any) -> StudyPlan:
    return StudyPlan.model_validate({"version": 1, "title": "tiny", "question": [question]})


@pytest.mark.parametrize(
    ("events", "parameters", "allowed", "penalised"),
    [
        (10, 2, True, False),
        (10, 3, False, False),  # 5 events for each of 3 would be 15
        (15, 3, True, False),
        (9, 1, True, True),
        (9, 2, False, False),
        (5, 1, True, True),
        (4, 1, False, False),
        (0, 1, False, False),
    ],
)
def test_floors(events: int, parameters: int, allowed: bool, penalised: bool) -> None:
    verdict = judge(events, parameters, FLOORS)
    assert (verdict.allowed, verdict.penalised) == (allowed, penalised)


def test_a_refusal_names_the_floor_and_never_the_count() -> None:
    for events in range(10):
        numbers = re.findall(r"\d+", judge(events, 4, FLOORS).reason)
        assert numbers == ["10"]
    assert re.findall(r"\d+", judge(13, 4, FLOORS).reason) == ["5", "4"]


def test_categories_count_their_levels_less_one_and_splines_their_columns() -> None:
    data = pd.DataFrame(
        {"age": [1.0, 2.0, 3.0], "region": pd.Categorical(["a", "b", "a"], ["a", "b", "c"])}
    )
    assert n_parameters(data, ["age", "region"]) == 1 + (2 - 1)  # nobody has region c
    assert n_parameters(data, ["rcs(age, df=3)"]) == 3


def test_words_for_terms_and_units() -> None:
    labels = {"region": "Region"}
    assert term_label("region[T.tl_junction]", labels) == "Region: thoracolumbar junction"
    assert term_label("unheard_of", labels) == "unheard of"
    assert plural("patient") == "patients"


def cohort(**columns: Any) -> Frame:
    data = pd.DataFrame(columns)
    return start_frame(data, "everything", unit="procedure", cluster="patient_id")


def test_a_flow_balances_by_its_parents() -> None:
    frame = cohort(patient_id=list("aabbc"), x=[1, 2, 3, 4, 5])
    frame = frame.keep(frame.data["x"] > 1, "more than one")
    frame = frame.keep(frame.data["x"] < 5, "less than five")
    ledger = Ledger.from_rows(flow_cells(frame, "flow_x"))
    wide = ledger.wide(index=("level",)).set_index("level")
    assert wide["n_rows"].tolist() == [5, 4, 3]
    assert wide["n_patients"].tolist() == [3, 3, 2]
    assert wide["excluded_rows"].tolist()[1:] == [1, 1]
    children = ledger.cells[ledger.cells["parent"] == "flow_x//step/1/n_rows"]
    assert children["value"].sum() == 4  # what was kept before: kept and excluded after


def test_table_one_keeps_missing_apart_and_sums_to_its_columns() -> None:
    frame = cohort(
        patient_id=list("abcd"),
        sex=pd.Categorical(["f", "m", None, "f"], ["f", "m"]),
        age=[70.0, 80.0, np.nan, 75.0],
        tumour=pd.Categorical(["no", "yes", "no", None], ["no", "yes"]),
    )
    asked = plan(kind="description", id="t", title="Table", cohort="patients", by="tumour",
                 variables=["sex", "age"])  # fmt: skip
    part = description(asked.questions[0], frame, asked)
    assert isinstance(asked.questions[0], Description)
    cells = Ledger.from_rows(part.rows).cells.set_index("cell_id")["value"]
    assert cells["t/All/patients//n"] == 4
    groups = ["tumour: no", "tumour: yes", "tumour: not recorded"]
    assert sum(cells[f"t/{g}/patients//n"] for g in groups) == 4
    assert (cells["t/All/sex/female/n"], cells["t/All/sex/male/n"]) == (2, 1)
    assert cells["t/All/sex//n_missing"] == 1
    assert cells["t/All/sex/female/percent"] == pytest.approx(100 * 2 / 3)  # of the known
    assert cells["t/All/age//mean"] == pytest.approx((70 + 80 + 75) / 3)
    assert cells["t/All/age//median"] == 75
    assert np.isnan(cells["t/tumour: yes/age//sd"])  # one value has no spread


def test_quality_gives_each_center_beside_the_networks_median() -> None:
    n = 4
    columns = {
        "patient_id": list("abcd"),
        "center_id": ["C1", "C1", "C2", "C3"],
        "crp_mg_l": [5.0, np.nan, 3.0, np.nan],
        "ct_post_reason": ["routine", "suspicion", "routine", None],
        "chest_imaging_modality": ["ct_full", "none", "xray", "ct_partial"],
        "known_1y": [1.0, 0.0, np.nan, 1.0],
        **{c: [np.nan] * n for c in
           ("mri_pre", "bmd_tscore", "viscosity_class", "total_cement_ml", "ct_post_done")},
    }  # fmt: skip
    asked = plan(kind="quality", id="q", title="Quality")
    part = quality(asked.questions[0], cohort(**columns), asked)
    assert isinstance(asked.questions[0], Quality)
    cells = Ledger.from_rows(part.rows).cells.set_index("cell_id")["value"]
    shares = [cells[f"q/{c}/crp//percent"] for c in ("C1", "C2", "C3")]
    assert shares == [50, 100, 0]
    assert cells["q/network/crp//percent"] == np.median(shares)
    assert cells["q/C1/ct_routine//percent"] == 50
    assert cells["q/C1/status_1y//n"] == 2
    assert "q/C2/status_1y//n" not in cells  # its year is not over
    assert cells["q/network/procedures//n"] == 4
    assert len({name for name, _, _ in QUALITY}) == len(QUALITY)
