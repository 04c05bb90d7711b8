"""Days that stand for none: in fields of treatment, as an opt-out, and as a birth."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpstats.registry import read_registry
from vpstats.registry.cleaning import clean_texts
from vpstats.registry.registry import Registry
from vpstats.schema_tables import PATIENTS

MAPPING = """version = 1
[registry]
name = "x"
data_cut = 2023-12-31
consent = "opt-out"
[[source]]
name = "a"
file = "a.csv"
center = "A"
date_order = "dmy"
[[source.table]]
name = "patients"
columns = { patient_id = "id", optout_date = "out" }
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "day" }
"""
ZEROS = ["30.12.1899", "31.12.1899", "01.01.1900", "01.01.1753", "0001-01-01"]
ENDS = ["31.12.9999", "31.12.2999", "31.12.2099", "2099-12-31", "01.01.2199"]


def opted(folder: Path, *cells: str) -> Registry:
    rows = [f"{i};{i:02}.01.2022;{cell}" for i, cell in enumerate(cells, start=1)]
    (folder / "a.csv").write_text("id;day;out\n" + "\n".join(rows) + "\n", "utf-8")
    (folder / "registry.toml").write_text(MAPPING, "utf-8")
    return read_registry(folder)


def said(registry: Registry, rule: str) -> pd.DataFrame:
    return registry.findings[registry.findings["rule"] == rule]


@pytest.mark.parametrize("field", ["birth_date", "antiosteo_start", "death_date"])
@pytest.mark.parametrize("cell", [*ZEROS, *ENDS])
def test_a_zero_or_an_end_that_never_comes_is_no_day(field: str, cell: str) -> None:
    found = clean_texts(PATIENTS[field], [cell, "13.05.1961"]).iloc[0]
    assert found["clean"] == ""
    assert "missing.placeholder_date" in found["rules"]


@pytest.mark.parametrize("cell", ["01.01.1970", "1970-01-01", "25569", "1960-01-01"])
def test_a_birth_is_possible_on_a_day_from_which_computers_count(cell: str) -> None:
    births = clean_texts(PATIENTS["birth_date"], [cell, "13.05.1961"])
    starts = clean_texts(PATIENTS["antiosteo_start"], [cell, "13.05.2016"])
    assert births["clean"].iloc[0].endswith("-01-01")
    assert starts["clean"].iloc[0] == ""
    assert "missing.placeholder_date" in starts["rules"].iloc[0]


@pytest.mark.parametrize("cell", ["31.12.1999", "01.01.2000", "31.12.2023", "03.05.2024"])
def test_the_edge_of_a_year_near_by_is_a_day(cell: str) -> None:
    assert clean_texts(PATIENTS["antiosteo_start"], [cell, "13.05.2016"])["clean"].iloc[0]


@pytest.mark.parametrize("cell", [*ZEROS, *ENDS, "01.01.1970"])
def test_an_opt_out_on_no_day_is_none_and_the_row_is_named(tmp_path: Path, cell: str) -> None:
    registry = opted(tmp_path, cell, "", "13.05.2022")
    assert registry.patients["patient_id"].tolist() == ["A/1", "A/2"]
    found = said(registry, "optout.placeholder")
    assert found[["row", "column", "severity"]].values.tolist() == [[2, "out", "warning"]]
    assert said(registry, "optout.no_day").empty


@pytest.mark.parametrize("cell", ["05/2022", "31.02.2022", "2022", "09.09.2099", "on demand"])
def test_an_opt_out_that_is_no_exact_day_removes_and_is_counted(tmp_path: Path, cell: str) -> None:
    registry = opted(tmp_path, "", cell, "13.05.2022")
    assert registry.patients["patient_id"].tolist() == ["A/1"]
    found = said(registry, "optout.no_day")
    assert found["message"].tolist() == ["1 patient left for an opt-out that is no exact day."]
    assert found["row"].isna().all()
    assert set(found["key"]) == {""}
    assert cell not in found.to_string()


def test_days_and_ticks_of_opt_outs_are_not_doubted(tmp_path: Path) -> None:
    registry = opted(tmp_path, "13.05.2022", "x", "ja", "", "nein", "12.01.2024")
    assert registry.patients["patient_id"].tolist() == ["A/4", "A/5"]
    assert not set(registry.findings["rule"]) & {"optout.no_day", "optout.placeholder"}
