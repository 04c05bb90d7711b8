"""Codes, labels and boxes that say that nothing is known: none is read as a number or a no."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

KEY = {"patient_id": "id", "proc_date": "day"}
FIELDS = (
    "field_name,form_name,field_type,field_label,select_choices_or_calculations\n"
    'id,base,text,ID,\ncom,base,checkbox,Diseases,"1, Diabetes | 2, CKD"\n'
    'sex,base,radio,Sex,"1, Female | 2, Male"\nweight,base,text,Weight,\nday,base,text,Day,\n'
    'lvl,base,text,Level,\nleak,base,checkbox,Leak,"1, Epidural | 6, Venous"\n'
)
PEOPLE = table("patients", patient_id="id", diabetes="com___1", ckd="com___2")


def redcap(folder: Path, export: str, tables: str, *, fields: str = "", **keys: Any) -> Registry:
    folder.mkdir(exist_ok=True)
    given = {**keys, **({"dictionary": "fields.csv"} if fields else {})}
    files = {"a": export, **({"fields": fields} if fields else {})}
    return read_export(folder, source("a", tables, format="redcap", **given), **files)


def said(found: Registry, rule: str) -> list[int]:
    rows = found.findings.loc[found.findings["rule"] == rule, "row"]
    return sorted(set(rows.dropna().astype(int)))


def shown(values: pd.Series) -> list[object]:
    return list(values.astype(object).where(values.notna(), None))


# ------------------------------------------------------------------ boxes


@pytest.mark.parametrize("code", ["_998", "_1", "99", "77", "trc"])
def test_a_ticked_box_that_nobody_explains_is_no_no_of_the_others(
    tmp_path: Path, code: str
) -> None:
    export = f"id,com___1,com___2,com___{code},base_complete\n1,1,0,0,2\n2,0,0,1,2\n3,0,1,0,2\n"
    found = redcap(tmp_path, export, PEOPLE)
    assert shown(found.patients["diabetes"]) == ["yes", None, "no"]
    assert shown(found.patients["ckd"]) == ["no", None, "yes"]
    assert said(found, "redcap.unknown_box") == [3]


@pytest.mark.parametrize("code", ["3", "11"])
def test_a_choice_that_is_not_mapped_is_no_doubt(tmp_path: Path, code: str) -> None:
    export = f"id,com___1,com___2,com___{code},base_complete\n1,1,0,0,2\n2,0,0,1,2\n"
    found = redcap(tmp_path, export, PEOPLE)
    assert shown(found.patients["diabetes"]) == ["yes", "no"]
    assert not said(found, "redcap.unknown_box")


def test_a_box_that_the_dictionary_lists_says_what_it_says(tmp_path: Path) -> None:
    fields = FIELDS.replace("2, CKD", "2, CKD | 999, Other")
    export = "id,com___1,com___2,com___999,base_complete\n1,0,0,1,2\n"
    assert shown(redcap(tmp_path, export, PEOPLE, fields=fields).patients["ckd"]) == ["no"]


@pytest.mark.parametrize(("label", "state"), [("Not asked", "unknown"), ("By phone", None)])
def test_a_box_of_a_label_export_that_is_no_choice_of_its_field(
    tmp_path: Path, label: str, state: str | None
) -> None:
    boxes = "Diseases (choice=Diabetes),Diseases (choice=CKD)"
    export = (
        f"ID,{boxes},Diseases (choice={label}),Day,Level,Leak (choice=Epidural),"
        f"Leak (choice=Venous),Leak (choice={label}),Complete?\n"
        "1,Checked,Unchecked,Unchecked,2023-03-14,L1,Unchecked,Checked,Unchecked,Complete\n"
        "2,Unchecked,Unchecked,Checked,2023-03-15,L2,Unchecked,Unchecked,Checked,Complete\n"
    )
    leaks = {"checkbox": "leak", "codes": {"1": "epidural", "6": "venous"}}
    tables = PEOPLE + table("procedures", **KEY)
    tables += table("levels", **KEY, level="lvl", leak_sites_fluoro=leaks)
    found = redcap(tmp_path, export, tables, fields=FIELDS)
    assert shown(found.patients["diabetes"]) == ["yes", state]
    second = found.leaks[found.leaks["level_id"].str.endswith("L2")]
    assert set(second["state"]) == {"not_assessed"}
    assert said(found, "redcap.unknown_box") == ([] if state else [3])


# ------------------------------------------------------------------ codes of a whole source

STATED = {"-998": "not_done", "-999": "unknown", "Not known": "unknown"}


def test_the_missing_data_codes_of_a_project_settle_what_is_said_of_them(tmp_path: Path) -> None:
    export = (
        "id,com___1,com___2,com____998,com____999,sex,weight,base_complete\n"
        "1,1,0,0,0,1,70,2\n2,0,0,1,0,-998,-998,2\n3,0,0,0,1,-999,-999,2\n"
    )
    people = table(
        "patients", patient_id="id", diabetes="com___1", weight_kg="weight",
        sex={"column": "sex", "codes": {"1": "f", "2": "m", "-999": "unknown"}},
    )  # fmt: skip
    before = redcap(tmp_path / "a", export, people, fields=FIELDS).findings
    assert {"redcap.unlisted", "redcap.codes", "redcap.unknown_box"} <= set(before["rule"])
    found = redcap(tmp_path / "b", export, people, fields=FIELDS, missing_codes=STATED)
    assert not (found.findings["severity"] == "error").any()
    assert shown(found.patients["diabetes"]) == ["yes", "not_done", "unknown"]
    assert shown(found.patients["sex"]) in (["f", None, None], ["f", None, "unknown"])
    assert shown(found.patients["weight_kg"]) == [70, None, None]


def test_the_labels_of_missing_data_codes_in_a_label_export(tmp_path: Path) -> None:
    people = table(
        "patients", patient_id="id", sex={"column": "sex", "codes": {"1": "f", "2": "m"}}
    )
    export = "ID,Sex,Complete?\n1,Female,Complete\n2,Not known,Complete\n3,Male,Complete\n"
    assert said(redcap(tmp_path / "a", export, people, fields=FIELDS), "redcap.unlisted") == [3]
    found = redcap(tmp_path / "b", export, people, fields=FIELDS, missing_codes=STATED)
    assert not said(found, "redcap.unlisted")


def test_codes_of_a_source_of_another_format_are_no_patients(tmp_path: Path) -> None:
    tables = table("patients", patient_id="id", weight_kg="kg")
    tables += table("procedures", patient_id="id", proc_date="day", crp_mg_l="crp")
    keys = {"center": "A", "missing_codes": {"99": "unknown"}}
    found = read_export(
        tmp_path, source("a", tables, **keys),
        a="id;kg;day;crp\n98;70;2022-03-01;12\n99;99;2022-03-02;99\n",
    )  # fmt: skip
    assert found.patients["patient_id"].tolist() == ["A/98", "A/99"]
    assert shown(found.patients["weight_kg"]) == [70, None]
    assert shown(found.procedures["crp_mg_l"]) == [12, None]
    assert (found.corrections["rule"] == "missing.unknown").sum() == 2


# ------------------------------------------------------------------ labels of numbers


def labelled(
    folder: Path, kind: str, labels: dict[float, str], codes: dict[str, str] | None = None
) -> Registry:
    folder.mkdir(exist_ok=True)
    frame = pd.DataFrame({"id": ["a", "b", "c"], "vas": [0.0, 9.0, 10.0]})
    frame["day"] = [pd.Timestamp(2023, 3, day).date() for day in (1, 2, 3)]
    write: Any = pyreadstat.write_sav if kind == "spss" else pyreadstat.write_dta
    write(frame, folder / "a.bin", variable_value_labels={"vas": labels})
    pain = {"column": "vas", "codes": codes or {}}
    tables = table("patients", patient_id="id")
    tables += table("visits", patient_id="id", visit_date="day", vas_0_10=pain)
    keys = {"format": kind, "center": "A", "file": "a.bin"}
    head = 'version = 1\n[registry]\nname = "r"\ndata_cut = 2025-12-31\n'
    (folder / "registry.toml").write_text(head + source("a", tables, **keys))
    return read_registry(folder)


@pytest.mark.parametrize("kind", ["spss", "stata"])
@pytest.mark.parametrize("label", ["Unknown", "Not known", "weiß nicht", "n/a", "not done"])
def test_a_number_whose_label_says_that_it_is_missing(
    tmp_path: Path, kind: str, label: str
) -> None:
    found = labelled(tmp_path, kind, {9: label})
    assert shown(found.visits["vas_0_10"]) == [0, None, 10]
    assert found.corrections["row"].tolist() == [2]
    assert not said(found, "mapping.contradicted")


@pytest.mark.parametrize("label", ["refused", "9 or more", "> 8", "none"])
def test_a_number_whose_label_says_something_else_is_doubted(tmp_path: Path, label: str) -> None:
    found = labelled(tmp_path, "spss", {0: "no pain", 9: label, 10: "worst pain"})
    assert said(found, "mapping.contradicted") == [2]
    settled = labelled(tmp_path / "b", "spss", {9: label}, {"9": "missing"})
    assert not said(settled, "mapping.contradicted")
    assert shown(settled.visits["vas_0_10"]) == [0, None, 10]


# ------------------------------------------------------------------ ticks


def ticked(folder: Path, rows: str) -> Registry:
    tables = table("patients", patient_id="id") + table("procedures", **KEY)
    tables += table(
        "levels", **KEY, ticked={"c12": "T12", "c1": "L1"}, cement_ml={"columns": ["c12", "c1"]},
        leak_sites_ct={"columns": ["k12", "k1"], "codes": {"0": "none", "1": "venous"}},
    )  # fmt: skip
    return read_export(folder, source("a", tables, center="A"), a=f"id;day;c12;c1;k12;k1\n{rows}")


@pytest.mark.parametrize("cell", ["", "n/a", "0", "-", "not done"])
def test_a_leak_of_a_vertebra_without_a_volume_is_said(tmp_path: Path, cell: str) -> None:
    rows = f"1;2022-03-01;4,5;{cell};0;1\n2;2022-03-02;4,5;{cell};0;0\n3;2022-03-03;4,5;{cell};;\n"
    found = ticked(tmp_path, rows)
    assert found.findings.loc[found.findings["field"] == "level", "row"].tolist() == [2]
    assert found.levels["level"].tolist() == ["T12"] * 3


def test_not_recorded_is_no_list_that_ends_early(tmp_path: Path) -> None:
    found = ticked(tmp_path, "1;2022-03-01;4,5;n.e.;0;\n")
    assert found.findings["rule"].tolist() == ["required.missing"]


def test_a_tick_that_is_declared_missing_beside_another_is_said(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": ["1", "2", "3"], "T12": [1.0, 1.0, 9.0], "L1": [9.0, 0.0, 9.0], "T9": [0.0, 0.0, 9]}
    )
    frame["day"] = [pd.Timestamp(2023, 3, day).date() for day in (1, 2, 3)]
    missing: Any = {name: [{"lo": 9, "hi": 9}] for name in ("T12", "L1", "T9")}
    pyreadstat.write_sav(frame, tmp_path / "a.sav", missing_ranges=missing)
    tables = table("patients", patient_id="id") + table("procedures", **KEY)
    tables += table("levels", **KEY, ticked={"T12": "T12", "L1": "L1", "T9": "T9"})
    head = 'version = 1\n[registry]\nname = "r"\ndata_cut = 2025-12-31\n'
    keys = {"format": "spss", "center": "A", "file": "a.sav"}
    (tmp_path / "registry.toml").write_text(head + source("a", tables, **keys))
    found = read_registry(tmp_path)
    assert said(found, "level.unreadable") == [1]
    assert found.levels["level"].tolist() == ["T12", "T12"]


# ------------------------------------------------------------------ where


def events(folder: Path, rows: str, where: str, kind: dict[str, Any]) -> Registry:
    tables = table("patients", patient_id="id") + table("procedures", **KEY)
    tables += table("events", where={"w": where}, **KEY, event_type=kind, event_date="on")
    return read_export(folder, source("a", tables, center="A"), a=f"id;day;w;on\n{rows}")


def numbered(cells: list[str]) -> str:
    return "".join(f"{i};2022-03-{i:02};{cell}\n" for i, cell in enumerate(cells, start=1))


def test_the_day_of_an_event_beside_a_code_that_is_not_asked_for(tmp_path: Path) -> None:
    cells = [*["2;"] * 8, "1;2022-06-01", "2;2022-06-02", "3;2022-06-03"]
    found = events(tmp_path, numbered(cells), "1", {"value": "infection"})
    assert said(found, "mapping.row_untaken") == [11, 12]
    assert len(found.events) == 1


def test_codes_of_other_events_have_days_of_their_own(tmp_path: Path) -> None:
    cells = [*["1;2022-06-01"] * 4, *["2;2022-06-02"] * 4, "3;2022-06-03", "2;", ";"]
    found = events(tmp_path, numbered(cells), "1", {"value": "infection"})
    assert not said(found, "mapping.row_untaken")


@pytest.mark.parametrize("word", ["RAS", "keine", "none", "0", "uneventful", "free"])
def test_a_word_for_no_event_is_none(tmp_path: Path, word: str) -> None:
    cells = [f"{word};", "infection;2022-06-01", f"{word};2022-06-02", f"{word};"]
    kind = {"column": "w", "codes": {"free": "missing"}}
    found = events(tmp_path, numbered(cells), "*", kind)
    assert len(found.events) == 1
    assert said(found, "mapping.row_untaken") == [4]
    assert not said(found, "required.missing")


def test_a_number_that_is_one_of_the_choices_of_a_project(tmp_path: Path) -> None:
    """A list of numbers has a choice for what is missing, and one that is no number."""
    fields = FIELDS + 'nfx,base,dropdown,Fx,"0, None | 1, One | 3, 3 or more | 9, Unknown"\n'
    fields += 'asa,base,radio,ASA,"1, I | 2, II | 5, Unknown"\n'
    people = table("patients", patient_id="id", prior_vfx_n="nfx", asa="asa")
    export = "id,nfx,asa,base_complete\n1,0,1,2\n2,1,2,2\n3,3,2,2\n4,9,2,2\n"
    found = redcap(tmp_path, export, people, fields=fields)
    assert shown(found.patients["prior_vfx_n"]) == [0, 1, 3, None]
    assert said(found, "mapping.contradicted") == [4]
    codes = found.findings.loc[found.findings["rule"] == "redcap.codes", "message"]
    assert "choice 5, 'Unknown', is read as 5; is it unknown?" in codes.item()
