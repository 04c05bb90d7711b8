"""Units and signs as they are typed: beside numbers and in unit columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.numbers import NumberContext, read_number
from vpstats.schema_tables import LEVELS, PATIENTS, PROCEDURES

DOSES = [
    ("2534", "uGy.m2"),
    ("2534", "uGy*m2"),
    ("2534", "uGy.m²"),
    ("2534", "µGy·m²"),
    ("2534", "µGy×m^2"),
    ("2534", "uGy x m**2"),
    ("2534", "cGy.cm2"),
    ("25340", "mGy*cm^2"),
    ("253.4", "dGy·cm²"),
    ("25.34", "Gy∙cm²"),
]


@pytest.mark.parametrize(("number", "unit"), DOSES)
def test_a_dose_times_an_area_is_read_however_it_is_spelt(number: str, unit: str) -> None:
    dose = NumberContext(PROCEDURES["dose_gy_cm2"])
    assert read_number(f"{number} {unit}", dose).value == pytest.approx(25.34)


def test_doses_of_a_unit_column(tmp_path: Path) -> None:
    rows = [f"{i};2022-03-0{i % 9 + 1};{n};{unit}" for i, (n, unit) in enumerate(DOSES)]
    mapping = source(
        "a",
        table(
            "procedures",
            patient_id="id",
            proc_date="day",
            dose_gy_cm2={"column": "dap", "unit_column": "unit"},
        ),
    )
    registry = read_export(tmp_path, mapping, a="\n".join(["id;day;dap;unit", *rows]) + "\n")
    assert registry.procedures["dose_gy_cm2"].tolist() == pytest.approx([25.34] * len(DOSES))
    assert not registry.findings["field"].eq("dose_gy_cm2").any()


def test_a_dose_over_an_area_is_none_times_it() -> None:
    dose = NumberContext(PROCEDURES["dose_gy_cm2"])
    assert read_number("25 Gy/cm2", dose).rule == "unit.unknown"


@pytest.mark.parametrize(
    "cell",
    ["12°", "12º", "12 º", "12˚", "12 grados", "12 gradi", "12 Grad", "12 degrés", "12 stupnjeva"],
)
def test_degrees_are_read_however_they_are_spelt(cell: str) -> None:
    assert read_number(cell, NumberContext(LEVELS["kyphosis_deg_pre"])).value == 12.0


def test_a_letter_beside_degrees_is_no_sign_of_them() -> None:
    assert read_number("12 o", NumberContext(LEVELS["kyphosis_deg_pre"])).rule == "unit.unknown"


def test_a_danish_minus_is_one_where_numbers_may_be_negative() -> None:
    signed = NumberContext(PATIENTS["bmd_tscore"])
    assert [read_number(c, signed).value for c in ("÷2,6", "÷ 2,6", "−2,6")] == [-2.6] * 3
    volume = NumberContext(LEVELS["cement_ml"])
    assert [read_number(c, volume).value for c in ("÷2,6", "2÷3")] == [None, None]
