"""What a message says of an impossible number: the range in the unit of the cell."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export, source
from mapped_exports import table as mapped

from vpstats.registry.cleaning import clean_texts
from vpstats.registry.mapping import ColumnMap
from vpstats.schema_tables import TABLES


def said(folder: Path, table: str, field: str, option: dict[str, str], cell: str) -> str:
    columns: dict[str, object] = {"patient_id": "id", field: {"column": "n", **option}}
    if table == "procedures":
        columns["proc_date"] = "day"
    text = f"id;n;day;unit\n1;{cell};2022-03-01;g/L\n"
    mapping = source("a", mapped(table, **columns))
    found = read_export(folder, mapping, data_cut="2024-12-31", a=text).findings
    return str(found.loc[found["rule"].isin(["range.hard", "range.warn"]), "message"].item())


@pytest.mark.parametrize(
    ("table", "field", "option", "cell", "expected"),
    [
        ("patients", "height_cm", {"unit": "m"}, "161", "'161': outside the possible 1.2 to 2.1 m"),
        ("patients", "height_cm", {"unit": "m"}, "300 cm", "possible 120 to 210 cm"),
        ("patients", "height_cm", {}, "30 in", "possible 47.24 to 82.68 in"),
        ("patients", "weight_kg", {"unit": "lb"}, "700", "possible 66.14 to 440.9 lb"),
        ("procedures", "crp_mg_l", {"unit": "mg/dL"}, "120", "possible 0 to 60 mg/dL"),
        ("procedures", "crp_mg_l", {"unit_column": "unit"}, "7", "read as 7000, outside the"),
        ("procedures", "fluoro_min", {"unit": "s"}, "9000", "possible 0 to 3600 s"),
        ("patients", "height_cm", {}, "16", "possible 120 to 210 cm"),
    ],
)
def test_the_range_is_said_in_the_unit_of_the_cell(
    tmp_path: Path, table: str, field: str, option: dict[str, str], cell: str, expected: str
) -> None:
    assert expected in said(tmp_path, table, field, option, cell)


def test_a_dose_of_hardly_anything_is_asked_about() -> None:
    dose = TABLES["procedures"]["dose_gy_cm2"]
    said = clean_texts(
        dose, ["16500", "35,2", "800"], mapping=ColumnMap(column="x", unit="mGy·cm²")
    )
    assert said["clean"].tolist() == ["16.5", "0.0352", "0.8"]
    assert ["range.warn" in rules for rules in said["rules"]] == [False, True, False]
