"""Which rows are taken, which words are a yes, and which columns a file lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.registry import Registry


def mapped(*tables: str, people: Mapping[str, object] | None = None, **of_source: object) -> str:
    """A source of patients, with what else it says of them, and of other tables."""
    patients = table("patients", patient_id="id", **(people or {}))
    return source("a", patients, *tables, **of_source)


def read(
    folder: Path, export: str, *tables: str, people: Mapping[str, object] | None = None
) -> Registry:
    return read_export(folder, mapped(*tables, people=people), a=export)


def events(**where: object) -> str:
    """Infections, in the rows that are wanted."""
    return table(
        "events",
        where=where,
        patient_id="id",
        event_type={"value": "infection"},
        event_date="day",
    )


def rows(found: Registry, rule: str) -> list[int]:
    return found.findings.loc[found.findings["rule"] == rule, "row"].tolist()


def column(found: Registry, table: str, name: str) -> list[object]:
    values = getattr(found, table)[name]
    return [None if pd.isna(v) else v for v in values]


# ------------------------------------------------------------------ crosses


@pytest.mark.parametrize("other", ["O", "o", "○", "〇", "◯", "✓", "v", "☑"])
@pytest.mark.parametrize("cross", ["X", "x", "×", "✗"])
def test_a_cross_beside_another_sign_is_no_tick(tmp_path: Path, other: str, cross: str) -> None:
    export = "id;dm\n" + "".join(f"{i};{other if i % 4 else cross}\n" for i in range(1, 9))
    codes = {other: "yes"}
    found = read(tmp_path, export, people={"diabetes": {"column": "dm", "codes": codes}})
    assert column(found, "patients", "diabetes") == ["yes", "yes", "yes", None] * 2
    assert rows(found, "word.ambiguous") == [5, 9]
    both = {**codes, cross: "no"}
    told = read(tmp_path, export, people={"diabetes": {"column": "dm", "codes": both}})
    assert column(told, "patients", "diabetes") == ["yes", "yes", "yes", "no"] * 2
    assert not rows(told, "word.ambiguous")


@pytest.mark.parametrize("none", ["", "0", "-", "nein", "☐"])
def test_a_cross_alone_is_a_tick(tmp_path: Path, none: str) -> None:
    found = read(tmp_path, f"id;dm\n1;x\n2;{none}\n3;x\n", people={"diabetes": "dm"})
    assert column(found, "patients", "diabetes")[::2] == ["yes", "yes"]
    assert not rows(found, "word.ambiguous")


def test_a_cross_beside_a_circle_treats_no_vertebra(tmp_path: Path) -> None:
    key = {"patient_id": "id", "proc_date": "op"}
    ticked = table("levels", ticked={"D11": "T11", "L1": "L1"}, **key)
    tables = [table("procedures", **key), ticked]
    export = "id;op;D11;L1\n1;2022-01-01;{};X\n2;2022-01-02;X;\n"
    found = read(tmp_path, export.format("O"), *tables)
    assert not len(found.levels)
    assert rows(found, "level.unreadable") == [2, 2, 3]
    assert len(read(tmp_path, export.format("X"), *tables).levels) == 3


# ------------------------------------------------------------------ rows


def infections(folder: Path, wanted: str | list[str], cells: list[str]) -> Registry:
    """Rows ``yes/no;day`` of infections, among thirty that have none."""
    lines = [f"{i};{two}" for i, two in enumerate([*cells, *["no;"] * 30], start=1)]
    export = "\n".join(["id;inf;day", *lines]) + "\n"
    return read(folder, export, events(inf=wanted))


@pytest.mark.parametrize("wanted", ["yes", ["yes", "y"]])
def test_a_day_beside_no_yes_is_doubted(tmp_path: Path, wanted: str | list[str]) -> None:
    cells = ["yes;2022-07-01", ";2022-07-07", "no;2022-07-08", "?;2022-07-09", "no;", ";"]
    found = infections(tmp_path, wanted, cells)
    assert len(found.events) == 1
    assert rows(found, "mapping.row_untaken") == [3, 4, 5]


def test_a_day_that_every_row_has_says_nothing(tmp_path: Path) -> None:
    lines = [f"{i};{'yes' if i == 1 else 'no'};2022-07-0{i}" for i in range(1, 8)]
    export = "\n".join(["id;inf;day", *lines]) + "\n"
    found = read(tmp_path, export, events(inf="yes"))
    assert not rows(found, "mapping.row_untaken")


def test_whose_a_row_is_says_nothing_of_a_contact(tmp_path: Path) -> None:
    lines = [f"{i};{'' if i == 7 else '2022-07-01'};3" for i in range(1, 9)]
    export = "\n".join(["id;day;n", *lines]) + "\n"
    found = read_export(tmp_path, source("a", events(day="*")), a=export)
    assert not rows(found, "mapping.row_untaken")


def test_one_of_two_small_rows_is_enough(tmp_path: Path) -> None:
    export = "id;inf;day\n1;1;2022-07-01\n2;0;\n3;;2022-07-07\n4;9;\n5;1;2022-08-01\n"
    found = read(tmp_path, export, events(inf="1"))
    assert rows(found, "mapping.row_untaken") == [4]


@pytest.mark.parametrize(
    ("sign", "doubted"),
    [("-", []), (".", []), ("n/a", []), ("NULL", []), ("entfällt", []), ("k.A.", [3]), ("?", [3]),
     ("unbekannt", [3])],
)  # fmt: skip
def test_a_sign_for_nothing_is_no_day(tmp_path: Path, sign: str, doubted: list[int]) -> None:
    export = f"id;day\n1;2022-07-01\n2;{sign}\n"
    found = read(tmp_path, export, events(day="*"))
    assert column(found, "events", "patient_id") == ["A/1"]
    assert rows(found, "mapping.row_untaken") == doubted


def test_a_number_is_something(tmp_path: Path) -> None:
    found = read(tmp_path, "id;nr;day\n1;999;2022-07-01\n", events(nr="*"))
    assert len(found.events) == 1


def test_a_number_that_no_table_of_a_unit_takes(tmp_path: Path) -> None:
    key = {"patient_id": "id", "proc_date": "op"}
    tables = [
        table("procedures", **key),
        table("procedures", where={"unit": "1"}, **key, crp_mg_l="crp"),
        table(
            "procedures",
            where={"unit": "2"},
            **key,
            crp_mg_l={"column": "crp", "unit": "mg/dL"},
        ),
    ]
    cells = ["5;1", "0.4;2", "7;", ";", "8;1"]
    lines = [f"{i};2022-03-0{i};{two}" for i, two in enumerate(cells, start=1)]
    found = read(tmp_path, "\n".join(["id;op;crp;unit", *lines]) + "\n", *tables)
    assert column(found, "procedures", "crp_mg_l") == [5, 4, None, None, 8]
    assert rows(found, "mapping.row_untaken") == [4]


# ------------------------------------------------------------------ consent


@pytest.mark.parametrize("said", ["nein", "no", "0", "ne", "-", "00.00.0000"])
def test_no_opt_out_is_none(tmp_path: Path, said: str) -> None:
    found = read(tmp_path, f"id;out\n1;{said}\n2;\n", people={"optout_date": "out"})
    assert column(found, "patients", "patient_id") == ["A/1", "A/2"]


@pytest.mark.parametrize("said", ["ja", "widerrufen", "2022", "05.04.2023", "2099-09-09"])
def test_an_opt_out_in_any_other_form_is_one(tmp_path: Path, said: str) -> None:
    found = read(tmp_path, f"id;out\n1;{said}\n2;\n", people={"optout_date": "out"})
    assert column(found, "patients", "patient_id") == ["A/2"]


@pytest.mark.parametrize("said", ["verweigert", "refused", "widerrufen", "odbijeno", "rifiutato"])
def test_a_refusal_is_no_consent(tmp_path: Path, said: str) -> None:
    export = f"id;ok\n1;{said}\n2;ja\n"
    found = read(tmp_path, export, people={"consent_research": "ok"})
    assert column(found, "patients", "patient_id") == ["A/2"]
    assert not rows(found, "word.unknown")


# ------------------------------------------------------------------ files beside one another


def years(folder: Path, second: str) -> Registry:
    (folder / "x").mkdir()
    (folder / "x" / "2021.csv").write_text("id;Height;T\n1;170;-2\n", encoding="utf-8")
    (folder / "x" / "2022.csv").write_text(f"{second}\n2;171;-3\n", encoding="utf-8")
    people = {"height_cm": "Height", "bmd_tscore": "T"}
    return read_export(folder, mapped(people=people, file="x/*.csv"))


def test_a_column_that_one_of_several_files_lacks(tmp_path: Path) -> None:
    found = years(tmp_path, "id;Size (cm);T")
    said = found.findings[found.findings["rule"] == "file.column_absent"]
    assert said[["file", "column"]].to_numpy().tolist() == [["x/2022.csv", "Height"]]


def test_columns_of_several_files_that_differ_in_case_are_one(tmp_path: Path) -> None:
    found = years(tmp_path, "ID;height ;T")
    assert column(found, "patients", "height_cm") == [170, 171]
    assert "file.column_absent" not in set(found.findings["rule"])
    said = found.findings[found.findings["rule"] == "file.column_spelling"]
    assert set(said["file"]) == {"x/2022.csv"}


# ------------------------------------------------------------------ labels of a file


def labelled(folder: Path, people: Mapping[str, object], kind: str) -> Registry:
    frame = pd.DataFrame({"id": ["1", "2"], "dm": [0.0, 1.0], "sx": [1.0, 2.0]})
    labels = {"dm": {0: "Sí", 1: "No"}, "sx": {1: "Mujer", 2: "Hombre"}}
    if kind == "spss":
        pyreadstat.write_sav(frame, str(folder / "a.dat"), variable_value_labels=labels)
    else:
        whole = frame.astype({"dm": "int32", "sx": "int32"})
        pyreadstat.write_dta(whole, str(folder / "a.dat"), variable_value_labels=labels)
    return read_export(folder, mapped(people=people, file="a.dat", format=kind))


@pytest.mark.parametrize("kind", ["spss", "stata"])
def test_codes_are_held_against_the_labels_of_their_file(tmp_path: Path, kind: str) -> None:
    sex = {"column": "sx", "codes": {"1": "m", "2": "f"}}
    wrong = {"diabetes": "dm", "sex": sex}
    said = labelled(tmp_path, wrong, kind).findings
    said = said[said["rule"] == "mapping.contradicted"]
    assert said["column"].tolist() == ["dm", "dm", "sx", "sx"]
    assert said["message"].str.contains("choice 0, 'Sí', is read as no; is it yes?").any()
    right = {
        "diabetes": {"column": "dm", "codes": {"0": "yes", "1": "no"}},
        "sex": {"column": "sx (label)"},
    }
    found = labelled(tmp_path, right, kind)
    assert column(found, "patients", "diabetes") == ["yes", "no"]
    assert "mapping.contradicted" not in set(found.findings["rule"])


@pytest.mark.parametrize(
    ("wanted", "cells"),
    [
        ("I26.9", ["I26.9G", "I 26.9", "I26,9", "I269", "(I26.9)", "J96.0, I26.9"]),
        ("CT WS postop", ["CT-WS postop", "CT_WS_postop", "CTWS postop", "CT WS, postop"]),
    ],
)
def test_another_spelling_of_a_wanted_cell_is_not_lost(
    tmp_path: Path, wanted: str, cells: list[str]
) -> None:
    rows = [f"{i}|{cell}|2024-01-0{i}" for i, cell in enumerate([wanted, *cells, "J96.0"], 1)]
    found = read(tmp_path, "\n".join(["id|code|day", *rows]) + "\n", events(code=wanted))
    assert found.events["patient_id"].tolist() == ["A/1"]
    said = found.findings[found.findings["rule"] == "mapping.row_untaken"]
    assert said["row"].tolist() == list(range(3, 3 + len(cells)))


def test_any_text_takes_no_no(tmp_path: Path) -> None:
    export = "id;day\n1;2024-01-01\n2;nein\n3;no\n4;N\n5;-\n6;2024-01-02\n"
    found = read(tmp_path, export, events(day="*"))
    assert found.events["patient_id"].tolist() == ["A/1", "A/6"]
