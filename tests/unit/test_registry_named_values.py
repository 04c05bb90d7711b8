"""Values behind the names of their vertebrae, deaths that a code denies, words for no number."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vpstats.registry import Registry, read_registry
from vpstats.registry.cleaning import clean_texts
from vpstats.registry.vertebra_values import values_by_name
from vpstats.schema_tables import TABLES

MAPPING = """
version = 1
[registry]
name = "Test"
data_cut = 2023-12-31
[[source]]
name = "s"
file = "s.csv"
center = "C1"
[[source.table]]
name = "patients"
columns = { patient_id = "id"PATIENTS }
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "day" }
[[source.table]]
name = "levels"
explode = "levels"
columns = { patient_id = "id", proc_date = "day", level = "levels"LEVELS }
"""


def read(folder: Path, text: str, *, patients: str = "", levels: str = "") -> Registry:
    mapping = MAPPING.replace("PATIENTS", patients).replace("LEVELS", levels)
    (folder / "registry.toml").write_text(mapping, encoding="utf-8")
    (folder / "s.csv").write_text(text, encoding="utf-8")
    return read_registry(folder)


def volumes(registry: Registry, field: str = "cement_ml") -> dict[str, float]:
    rows = registry.levels.dropna(subset=[field])
    return dict(zip(rows["level"].astype(str), rows[field], strict=True))


def cement_doubts(registry: Registry) -> pd.DataFrame:
    return registry.findings[registry.findings["field"] == "cement_ml"]


@pytest.mark.parametrize(
    ("levels", "cell", "read_as"),
    [
        ("L1, L2", "L1: 3,5; L2: 4", {"L1": 3.5, "L2": 4.0}),
        ("L1, L2", "L2: 4 ml; L1: 3,5 ml", {"L1": 3.5, "L2": 4.0}),
        ("Th12, L1", "BWK 12 = 3, LWK 1 = 2,5", {"T12": 3.0, "L1": 2.5}),
        ("L1-L3", "L1:3|L2:4|L3:5", {"L1": 3.0, "L2": 4.0, "L3": 5.0}),
        ("L4", "L4: 5", {"L4": 5.0}),
    ],
)
def test_volumes_behind_the_names_of_their_vertebrae(
    tmp_path: Path, levels: str, cell: str, read_as: dict[str, float]
) -> None:
    text = f"id\tday\tlevels\tml\n1\t01.02.2022\t{levels}\t{cell}\n"
    registry = read(tmp_path, text, levels=', cement_ml = "ml"')
    assert volumes(registry) == read_as
    assert cement_doubts(registry).empty


@pytest.mark.parametrize(
    "cell",
    ["L1: 3,5; L3: 4", "L1: 3,5; L1: 4", "L1: 3,5", "L1: 3; L2: 4; L3: 5", "L1-2: 4; L3: 5"],
)
def test_names_that_are_not_those_of_the_list_are_not_read(tmp_path: Path, cell: str) -> None:
    text = f"id\tday\tlevels\tml\n1\t01.02.2022\tL1, L2\t{cell}\n"
    registry = read(tmp_path, text, levels=', cement_ml = "ml"')
    assert volumes(registry) == {}
    assert not cement_doubts(registry).empty


def test_other_fields_are_read_behind_their_vertebra_too(tmp_path: Path) -> None:
    text = "id\tday\tlevels\tloss\tleak\n1\t01.02.2022\tL1, L2\tL2: 20; L1: 30\tL1: no; L2: yes\n"
    fields = ', height_loss_pct = "loss", leak_any_ct = "leak"'
    registry = read(tmp_path, text, levels=fields)
    assert volumes(registry, "height_loss_pct") == {"L1": 30.0, "L2": 20.0}
    leaks = registry.leaks
    seen = leaks.loc[leaks["state"] == "present", "level_id"].astype(str)
    assert len(seen) == 1
    assert seen.str.endswith("L2").all()
    assert "explode.repeated" not in set(registry.findings["rule"])


DIED = ', death_date = "died_on", status = { column = "died", codes = { CODES } }'


@pytest.mark.parametrize(
    ("codes", "word", "doubted"),
    [
        ('"yes" = "dead", "no" = "missing"', "no", 1),
        ('"da" = "dead", "ne" = "unknown"', "ne", 1),
        ('"exitus" = "dead", "alive" = "missing"', "alive", 1),
        ('"yes" = "dead", "?" = "missing"', "?", 0),
        # it asks who lives: a no is no denial of a death
        ('"yes" = "alive", "no" = "missing"', "no", 0),
    ],
)
def test_a_death_that_a_word_denies_is_doubted_whatever_its_code(
    tmp_path: Path, codes: str, word: str, doubted: int
) -> None:
    text = f"id\tday\tlevels\tdied\tdied_on\n1\t01.02.2022\tL1\t{word}\t03.04.2023\n"
    registry = read(tmp_path, text, patients=DIED.replace("CODES", codes))
    found = registry.findings
    assert (found["rule"] == "death.status").sum() == doubted
    assert registry.patients["status"].isna().all()


def test_a_status_of_another_row_tells_of_a_death_that_is_denied_in_one(tmp_path: Path) -> None:
    rows = "1\t01.02.2022\tL1\tno\t03.04.2023\n1\t01.03.2022\tL2\tyes\t03.04.2023\n"
    text = f"id\tday\tlevels\tdied\tdied_on\n{rows}"
    codes = '"yes" = "dead", "no" = "missing"'
    registry = read(tmp_path, text, patients=DIED.replace("CODES", codes))
    assert registry.patients["status"].tolist() == ["dead"]
    assert "death.status" not in set(registry.findings["rule"])


def test_a_denied_death_without_a_day_is_missing(tmp_path: Path) -> None:
    text = "id\tday\tlevels\tdied\tdied_on\n1\t01.02.2022\tL1\tno\t\n"
    codes = '"yes" = "dead", "no" = "missing"'
    registry = read(tmp_path, text, patients=DIED.replace("CODES", codes))
    assert "death.status" not in set(registry.findings["rule"])


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [
        ("1h 6min", "66"),
        ("1 Std. 6 Min.", "66"),
        ("1 hour 5 minutes", "65"),
        ("1 sat i 5 minuta", "65"),
        ("1 h 6'", "66"),
        ("1 h 06", "66"),
        # an hour and five minutes, or an hour and a half
        ("1h5", ""),
        ("1h 75min", ""),
    ],
)
def test_hours_and_one_digit_of_minutes(cell: str, minutes: str) -> None:
    said = clean_texts(TABLES["procedures"]["duration_min"], [cell])
    assert said["clean"].item() == minutes
    assert said["rules"].item()


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("n. b.", "missing.unknown"),
        ("n.b.", "missing.unknown"),
        ("n. erh.", "missing.unknown"),
        ("nie ozn.", "missing.not_done"),
        ("nie oznaczono", "missing.not_done"),
        # no data in Polish, below detection in English
        ("b.d.", "number.unreadable"),
        ("n.b. 5", "number.unreadable"),
    ],
)
def test_short_words_for_no_number(cell: str, rule: str) -> None:
    said = clean_texts(TABLES["procedures"]["crp_mg_l"], [cell])
    assert said["clean"].item() == ""
    assert said["rules"].item() == rule


def test_initials_of_other_columns_are_no_missing_word() -> None:
    said = clean_texts(TABLES["procedures"]["cement_brand"], ["N.B."])
    assert said["clean"].item() == "N.B."


TICKED = """
[[source.table]]
name = "levels"
ticked = { "t12" = "T12", "l1" = "L1" }
columns = { patient_id = "id", proc_date = "day", cement_ml = { columns = ["t12", "l1"] } }
"""
TICKED = MAPPING.rpartition("[[source.table]]")[0].replace("PATIENTS", "") + TICKED


@pytest.mark.parametrize("cell", ["x 3,5", "ja 3,5", "x 4 ml"])
def test_a_tick_before_a_volume_is_a_vertebra_whose_volume_is_doubted(
    tmp_path: Path, cell: str
) -> None:
    (tmp_path / "registry.toml").write_text(TICKED, encoding="utf-8")
    text = f"id\tday\tt12\tl1\n1\t01.02.2022\t{cell}\t4,5\n"
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    registry = read_registry(tmp_path)
    assert registry.levels["level"].astype(str).tolist() == ["T12", "L1"]
    assert volumes(registry) == {"L1": 4.5}
    assert not cement_doubts(registry).empty


@pytest.mark.parametrize("cell", ["x 0", "no 3", "? 3"])
def test_a_mark_that_is_no_tick_is_none_before_a_volume_either(tmp_path: Path, cell: str) -> None:
    (tmp_path / "registry.toml").write_text(TICKED, encoding="utf-8")
    text = f"id\tday\tt12\tl1\n1\t01.02.2022\t{cell}\t4,5\n"
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    registry = read_registry(tmp_path)
    assert registry.levels["level"].astype(str).tolist() == ["L1"]
    assert registry.findings["rule"].str.startswith("level.").any()


@pytest.mark.parametrize(
    "cell",
    ["L1:" + " " * 2_000_000 + ":", ";".join(["L1: 2"] * 200_000)],
    ids=["spaces", "many"],
)
def test_a_cell_of_any_length_is_read_in_time(cell: str) -> None:
    assert values_by_name(cell) == {}
