"""Numbers, words and dates: small columns in, canonical columns out."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from vpstats.registry.cleaning import clean_texts
from vpstats.registry.mapping import ColumnMap
from vpstats.schema import Column
from vpstats.schema_tables import TABLES

CUT = dt.date(2025, 12, 31)


def column(name: str) -> Column:
    table, field = name.split(".")
    return TABLES[table][field]


def cleaned(name: str, texts: list[str], **mapping: Any) -> list[str]:
    declared = ColumnMap.model_validate({"column": "x", **mapping})
    return list(clean_texts(column(name), texts, mapping=declared, cut=CUT)["clean"])


def fired(name: str, texts: list[str], **mapping: Any) -> list[str]:
    declared = ColumnMap.model_validate({"column": "x", **mapping})
    return list(clean_texts(column(name), texts, mapping=declared, cut=CUT)["rules"])


NUMBERS = [
    ("levels.cement_ml", "4,5", "4.5"),
    ("levels.cement_ml", "4.5", "4.5"),
    ("levels.cement_ml", " 4,5 ml ", "4.5"),
    ("levels.cement_ml", "4,5cc", "4.5"),
    ("levels.cement_ml", "2x2,5", "5"),
    ("levels.cement_ml", "2 × 2,5 ml", "5"),
    ("levels.cement_ml", "2+2,5", "4.5"),
    ("levels.cement_ml", "~3", "3"),
    ("levels.cement_ml", "oko 3", "3"),
    ("levels.cement_ml", ",5", "0.5"),
    ("levels.cement_ml", "4,5.", "4.5"),
    ("levels.cement_ml", "-99", ""),
    ("levels.cement_ml", "999", ""),
    ("levels.cement_ml", "3-4", ""),
    ("levels.cement_ml", "4,5 g", ""),
    ("levels.cement_ml", "45", ""),
    ("patients.bmd_tscore", "−2,8", "-2.8"),
    ("patients.bmd_tscore", "–2.8", "-2.8"),
    ("patients.bmd_tscore", "- 2,8 SD", "-2.8"),
    ("patients.ct_hu", "999", ""),
    ("patients.ct_hu", "-88", ""),
    ("procedures.days_fx_to_proc", "999", "999"),
    ("procedures.days_fx_to_proc", "1.200", ""),
    ("procedures.days_fx_to_proc", "3 tj", "21"),
    ("procedures.wbc_10e9_l", "7.500", "7.5"),
    ("procedures.wbc_10e9_l", "7500", "7.5"),
    ("procedures.wbc_10e9_l", "7500/µl", "7.5"),
    ("procedures.wbc_10e9_l", "7,5 G/l", "7.5"),
    ("procedures.crp_mg_l", "0,57 mg/dL", "5.7"),
    ("procedures.crp_mg_l", "12 mg/l", "12"),
    ("procedures.crp_mg_l", "1 234", ""),
    ("procedures.dose_gy_cm2", "3500 mGy·cm²", "3.5"),
    ("procedures.dose_gy_cm2", "25000", ""),
    ("patients.height_cm", "1,62", "162"),
    ("patients.height_cm", "1.62 m", "162"),
    ("patients.height_cm", "16", ""),
    ("patients.prior_vfx_n", "3,0", "3"),
    ("patients.prior_vfx_n", "2,5", ""),
    ("patients.prior_vfx_n", ">3", ""),
    ("patients.prior_vfx_n", "multiple", ""),
]


@pytest.mark.parametrize(("name", "raw", "clean"), NUMBERS)
def test_numbers(name: str, raw: str, clean: str) -> None:
    assert cleaned(name, [raw]) == [clean]
    if raw.strip() != clean:
        assert fired(name, [raw])[0], "a change or a loss is never silent"


@pytest.mark.parametrize(
    ("name", "raw", "rule"),
    [
        ("levels.cement_ml", "3,2?", "number.marked"),
        ("levels.cement_ml", "3,2 ml (?)", "number.marked"),
        ("levels.cement_ml", "3,2 (2)", "number.marked"),
        ("levels.cement_ml", "3,2¹", "number.marked"),
        ("levels.cement_ml", "6 /", "number.marked"),
        ("patients.bmd_tscore", "-2.5*", "number.marked"),
        ("patients.bmd_tscore", "-2.5 SD†", "number.marked"),
        ("levels.cement_ml", "3?2", "number.unreadable"),
        ("levels.cement_ml", "3,2 %", "unit.unknown"),
        ("levels.cement_ml", "3,2 g?", "unit.unknown"),
    ],
)
def test_a_mark_beside_a_number_is_no_unit(name: str, raw: str, rule: str) -> None:
    assert (cleaned(name, [raw]), fired(name, [raw])) == ([""], [rule])


def test_a_column_that_shows_its_decimal_mark_decides_a_doubtful_cell() -> None:
    days = "procedures.days_fx_to_proc"
    assert cleaned(days, ["1.200", "12.5"], decimal=".") == ["1.2", "12.5"]
    assert cleaned(days, ["1.200", "12,5"]) == ["", "12.5"]  # 1.2 and 1200 are both possible
    assert fired(days, ["1.200", "12,5"])[0] == "number.ambiguous"


def test_declared_unit_converts_exactly() -> None:
    assert cleaned("procedures.crp_mg_l", ["0,57", "1,1"], unit="mg/dL") == ["5.7", "11"]
    assert cleaned("levels.height_loss_pct", ["0,35"], unit="fraction") == ["35"]
    # the unit in the cell is nearer than the unit of the column
    assert cleaned("procedures.crp_mg_l", ["5 mg/l"], unit="mg/dL") == ["5"]


WORDS = """
patients.diabetes    | DA            | yes
patients.diabetes    | d             | yes
patients.diabetes    | ja            | yes
patients.diabetes    | sì            | yes
patients.diabetes    | sí            | yes
patients.diabetes    | oui           | yes
patients.diabetes    | +             | yes
patients.diabetes    | 1             | yes
patients.diabetes    | x             | yes
patients.diabetes    | ne            | no
patients.diabetes    | nije          | no
patients.diabetes    | bez           | no
patients.diabetes    | Nein          | no
patients.diabetes    | non           | no
patients.diabetes    | 0             | no
patients.diabetes    | nepoznato     | unknown
patients.diabetes    | n.p.          | unknown
patients.diabetes    | -99           | unknown
patients.diabetes    | 999           | unknown
patients.diabetes    | NA            | unknown
patients.diabetes    | nije rađeno   | not_done
patients.diabetes    | nije radjeno  | not_done
patients.diabetes    | nicht durchgeführt | not_done
patients.diabetes    | NAP           | not_applicable
patients.diabetes    | entfällt      | not_applicable
patients.diabetes    | .             |
patients.diabetes    | -             |
patients.diabetes    | možda         |
patients.sex         | Ž             | f
patients.sex         | ženski        | f
patients.sex         | weiblich      | f
patients.sex         | M             | m
patients.sex         | 1             |
patients.asa         | III           | 3
patients.asa         | ASA 3         | 3
patients.asa         | 2-3           |
patients.asa         | 6             |
levels.of_class      | OF3           | 3
levels.of_class      | Genant 2      |
levels.genant        | grad 2        | 2
levels.ao_type       | a3            | A3
patients.smoker      | pušač         | current
patients.primary_tumour | C79.5      |
procedures.guidance  | RTG           |
procedures.technique | PVP           | pvp
patients.immuno_reasons | chemo; hiv | chemo;hiv
visits.imaging_at_visit | MRI + xray | xray;mri
"""


@pytest.mark.parametrize(
    ("name", "raw", "clean"),
    [tuple(part.strip() for part in line.split("|")) for line in WORDS.strip().splitlines()],
)
def test_words(name: str, raw: str, clean: str) -> None:
    assert cleaned(name, [raw]) == [clean]
    if raw != clean:
        assert fired(name, [raw])[0]


def test_words_as_their_column_means_them() -> None:
    diabetes = "patients.diabetes"
    assert cleaned(diabetes, ["+", "-"]) == ["yes", "no"]
    assert cleaned(diabetes, ["1", "0"]) == ["yes", "no"]
    assert cleaned(diabetes, ["1", "2"]) == ["", ""]
    assert cleaned(diabetes, ["1", "2"], codes={"1": "no", "2": "yes"}) == ["no", "yes"]
    assert cleaned("patients.sex", ["1", "2"], codes={"1": "m", "2": "f"}) == ["m", "f"]
    assert cleaned(diabetes, ["n.p."], codes={"n.p.": "not_done"}) == ["not_done"]


def test_missing_kinds_without_a_code_are_named_in_the_log() -> None:
    texts = ["nepoznato", "nije rađeno", "NAP"]
    assert cleaned("levels.cement_ml", texts) == ["", "", ""]
    assert fired("levels.cement_ml", texts) == [
        "missing.unknown",
        "missing.not_done",
        "missing.not_applicable",
    ]


DATES = """
25.08.2023.            | 2023-08-25
25. 8. 2023.           | 2023-08-25
25.8.23                | 2023-08-25
2023-08-25             | 2023-08-25
2023/08/25             | 2023-08-25
20230825               | 2023-08-25
45163                  | 2023-08-25
45163.5                | 2023-08-25
25.08.2023. 14:30      | 2023-08-25
2023-08-25T14:30:00Z   | 2023-08-25
2023-08-25 00:00:00    | 2023-08-25
25. kolovoza 2023.     | 2023-08-25
25-Aug-23              | 2023-08-25
Aug 25, 2023           | 2023-08-25
25. August 2023        | 2023-08-25
31.02.2022.            |
25.13.2023             |
05/08/2023             |
06/2022                |
2022                   |
01.01.1900             |
31.12.9999             |
prije 3 tj             |
25.08/2023             |
250823                 |
3.4.                   |
"""


@pytest.mark.parametrize(
    ("raw", "clean"),
    [tuple(part.strip() for part in line.split("|")) for line in DATES.strip().splitlines()],
)
def test_dates(raw: str, clean: str) -> None:
    assert cleaned("procedures.proc_date", [raw]) == [clean]
    if raw != clean:
        assert fired("procedures.proc_date", [raw])[0]


def test_day_and_month_are_decided_by_the_column() -> None:
    day = "procedures.proc_date"
    assert cleaned(day, ["25/08/2023", "05/08/2023"]) == ["2023-08-25", "2023-08-05"]
    assert cleaned(day, ["08/25/2023", "05/08/2023"]) == ["2023-08-25", "2023-05-08"]
    # both orders are proved: a cell that could be either stays unread
    assert cleaned(day, ["25/08/2023", "08/26/2023", "05/08/2023", "07/07/2023"]) == [
        "2023-08-25",
        "2023-08-26",
        "",
        "2023-07-07",
    ]
    # dotted dates say nothing about dates with a slash
    assert cleaned(day, ["25.08.2023.", "05/08/2023"]) == ["2023-08-25", ""]
    assert cleaned(day, ["05/08/2023"], date_order="mdy") == ["2023-05-08"]
    assert cleaned(day, ["08/25/2023", "05/08/2023"], date_order="dmy") == ["2023-08-25", ""]


def test_centuries() -> None:
    assert cleaned("patients.birth_date", ["1.2.48", "1.2.24", "1.2.05"]) == [
        "1948-02-01",
        "1924-02-01",
        "2005-02-01",
    ]
    assert cleaned("procedures.proc_date", ["1.2.25", "1.2.26"]) == ["2025-02-01", "1926-02-01"]
