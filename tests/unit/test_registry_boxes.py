"""REDCap boxes and repeating rows: what nobody said is no no, and is not copied."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.boxes import is_status
from vpstats.registry.registry import Registry

LABELS = {"venös": "venous", "epidural": "epidural"}


def leaks(stem: str, codes: dict[str, str], **of_levels: object) -> str:
    """Tables of a form with boxes for the leaks of a level."""
    key = {"patient_id": "id", "proc_date": "day"}
    boxes = {"checkbox": stem, "codes": codes}
    levels = table("levels", **of_levels, **key, level="lvl", leak_sites_ct=boxes)
    return table("patients", patient_id="id") + table("procedures", **key) + levels


LEAKS = leaks("leakct", {"1": "venous", "2": "epidural"})


def read(folder: Path, export: str, tables: str, *, dictionary: str = "") -> Registry:
    folder.mkdir(exist_ok=True)
    if not dictionary:
        return read_export(folder, source("a", tables, format="redcap"), a=export)
    mapping = source("a", tables, format="redcap", dictionary="fields.csv")
    return read_export(folder, mapping, a=export, fields=dictionary)


def boxed(folder: Path, cells: list[str], *, status: str = "2") -> Registry:
    """Rows of two boxes each: ``venous,epidural``."""
    rows = [f"{i},2022-03-0{i},L1,{two},{status}" for i, two in enumerate(cells, start=1)]
    export = "\n".join(["id,day,lvl,leakct___1,leakct___2,levels_complete", *rows]) + "\n"
    return read(folder, export, LEAKS)


def states(found: Registry, site: str) -> dict[int, str]:
    leaks = found.leaks.astype(str)
    mine = leaks[leaks["site"] == site]
    return dict(zip(mine["level_id"].str[2:3].astype(int), mine["state"], strict=True))


def rules(found: Registry, rule: str) -> list[tuple[int, str]]:
    said = found.findings[found.findings["rule"] == rule]
    return list(zip(said["row"].tolist(), said["column"].tolist(), strict=True))


@pytest.mark.parametrize(
    ("tick", "none"),
    [
        ("1", "0"), ("TRUE", "FALSE"), ("true", "false"), ("Checked", "Unchecked"), ("yes", "no"),
        ("Ja", "Nein"), ("x", ""), ("+", "-"), ("Ausgewählt", "Nicht ausgewählt"),
        ("WAHR", "FALSCH"),
        ("Coché", "Non coché"), ("Označeno", "Nije označeno"), ("Selezionato", "Non selezionato"),
        ("Marcado", "No marcado"), ("1.0", "0.0"), ("☑", "☐"), ("angekreuzt", "nicht angekreuzt"),
    ],
)  # fmt: skip
def test_a_tick_is_a_tick_in_whatever_words(tmp_path: Path, tick: str, none: str) -> None:
    cells = [f"{tick},{none}", f"{none},{tick}", f"{none},{none}"]
    found = boxed(tmp_path, cells)
    assert states(found, "venous") == {
        1: "present", 2: "absent", 3: "absent" if none else "not_assessed",
    }  # fmt: skip
    assert states(found, "epidural")[2] == "present"
    assert not rules(found, "redcap.box_unread")


@pytest.mark.parametrize("cell", ["perhaps", "9", "2", "UNK", "NA", "?", ""])
def test_what_is_neither_counts_as_neither(tmp_path: Path, cell: str) -> None:
    found = boxed(tmp_path, ["1,0", f"0,{cell}", "0,1"])
    assert states(found, "venous") == {1: "present", 2: "not_assessed", 3: "absent"}
    assert states(found, "epidural") == {1: "absent", 2: "not_assessed", 3: "present"}
    assert rules(found, "redcap.box_unread") == [(3, "leakct___2")]


def test_a_row_of_another_form_was_not_asked(tmp_path: Path) -> None:
    found = boxed(tmp_path, ["1,0", "NA,NA", ","])
    assert states(found, "venous") == {1: "present", 2: "not_assessed", 3: "not_assessed"}
    assert not rules(found, "redcap.box_unread")


def test_a_box_that_says_its_own_label_is_ticked(tmp_path: Path) -> None:
    export = (
        "id,day,lvl,Leck (choice=venös),Leck (choice=epidural),Complete?\n"
        "1,2022-03-01,L1,venös,,Complete\n2,2022-03-02,L1,,epidural,Complete\n"
    )
    found = read(tmp_path, export, leaks("Leck", LABELS))
    assert states(found, "venous") == {1: "present", 2: "absent"}


@pytest.mark.parametrize(
    ("status", "state"),
    [("Vollständig", "absent"), ("Ungeprüft", "absent"), ("Unvollständig", "not_assessed")],
)
def test_a_form_in_another_language(tmp_path: Path, status: str, state: str) -> None:
    export = (
        "id,day,lvl,Leck (Auswahl=venös),Leck (Auswahl=epidural),Vollständig?\n"
        f"1,2022-03-01,L1,Nicht ausgewählt,Nicht ausgewählt,{status}\n"
        f"2,2022-03-02,L1,Ausgewählt,Nicht ausgewählt,{status}\n"
    )
    found = read(tmp_path, export, leaks("Leck", LABELS))
    assert states(found, "venous") == {1: state, 2: "present"}
    assert is_status("Vollständig?")


def test_a_state_of_a_form_that_is_not_known_is_no_complete_one(tmp_path: Path) -> None:
    found = boxed(tmp_path, ["0,0", "1,0"], status="perhaps")
    assert states(found, "venous") == {1: "not_assessed", 2: "present"}
    assert rules(found, "redcap.status_unread") == [(2, "levels_complete")]


PEOPLE = table("patients", patient_id="id", diabetes="comorb___1", ckd="comorb___2")


def said(found: Registry) -> dict[str, list[object]]:
    people = found.patients.astype(object).where(found.patients.notna(), None)
    return {name: people[name].tolist() for name in ("diabetes", "ckd") if name in people}


def test_a_box_that_feeds_a_yes_no_field(tmp_path: Path) -> None:
    export = (
        "id,comorb___1,comorb___2,comorb___unk,comorbidities_complete\n"
        "1,1,0,0,2\n2,0,0,0,0\n3,0,0,1,2\n4,0,0,0,1\n5,0,1,0,0\n6,Ausgewählt,perhaps,0,2\n"
    )
    found = read(tmp_path, export, PEOPLE)
    assert said(found) == {
        "diabetes": ["yes", None, "unknown", "no", "no", "yes"],
        "ckd": ["no", None, "unknown", "no", "yes", None],
    }
    quiet = found.corrections[found.corrections["rule"] == "redcap.incomplete"]
    assert quiet[["row", "column"]].to_numpy().tolist() == [[3, "comorb___1"], [3, "comorb___2"]]
    assert rules(found, "word.unknown") == [(7, "comorb___2")]


def test_the_dictionary_says_which_box_is_for_none_or_not_known(tmp_path: Path) -> None:
    dictionary = (
        "field_name,form_name,field_type,field_label,select_choices_or_calculations\n"
        "id,base,text,ID,\ncomorb,base,checkbox,X,"
        '"1, Diabetes | 2, CKD | 3, None | 4, Unknown"\n'
    )
    export = (
        "id,comorb___1,comorb___2,comorb___3,comorb___4,base_complete\n"
        "1,0,0,1,0,2\n2,0,0,0,0,2\n3,0,0,0,1,2\n4,1,0,0,0,2\n"
    )
    found = read(tmp_path, export, PEOPLE, dictionary=dictionary)
    assert said(found)["diabetes"] == ["no", None, "unknown", "yes"]


def test_yes_and_no_of_a_label_export_in_another_language(tmp_path: Path) -> None:
    dictionary = (
        "field_name,form_name,field_type,field_label,select_choices_or_calculations\n"
        "id,base,text,ID,\ndm,base,yesno,Diabetes,\n"
    )
    people = table("patients", patient_id="id", diabetes="dm")
    found = read(tmp_path, "ID,Diabetes\n1,Ja\n2,Nein\n", people, dictionary=dictionary)
    assert said(found)["diabetes"] == ["yes", "no"]
    assert "redcap.unlisted" not in set(found.findings["rule"])


# ------------------------------------------------------------------ repeating rows

BASELINE = table("patients", where={"redcap_event_name": "baseline_arm_1"}, patient_id="record_id")
VISITS = table(
    "visits",
    where={"redcap_event_name": "unsched_arm_1", "redcap_repeat_instrument": "followup"},
    patient_id="record_id",
    visit_date="fu_date",
    vas_0_10="fu_vas",
    odi_pct="fu_odi",
)


@pytest.mark.parametrize(
    "third", ["1,month_3_arm_1,,,2022-06-02,7,44,2", "1,month_3_arm_1,,,,,44,2"]
)
def test_a_score_of_one_visit_is_not_that_of_another(tmp_path: Path, third: str) -> None:
    export = (
        "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,"
        "fu_date,fu_vas,fu_odi,followup_complete\n"
        f"1,baseline_arm_1,,,,,,\n{third}\n1,unsched_arm_1,followup,1,2022-08-15,,,2\n"
        "1,unsched_arm_1,followup,2,2022-09-15,2,,2\n"
    )
    found = read(tmp_path, export, BASELINE + VISITS)
    assert found.visits["odi_pct"].isna().tolist() == [True, True]
    # without the form's own column it is told from the columns beside it, or said
    unnamed = export.replace("followup_complete", "note")
    bare = read(tmp_path / "bare", unnamed, BASELINE + VISITS)
    assert bare.visits["odi_pct"].isna().tolist() == [True, True]
    doubted = rules(bare, "redcap.said_once")
    assert doubted == ([] if "06-02" in third else [(4, "fu_odi"), (5, "fu_odi")])


SESSIONS = table("patients", patient_id="record_id", sex="sex") + table(
    "procedures",
    where={"redcap_repeat_instrument": "procedure"},
    patient_id="record_id",
    proc_date="px_date",
    crp_mg_l="crp",
    technique="how",
)


def test_what_a_record_says_once_beside_several_sessions_is_of_none(tmp_path: Path) -> None:
    export = (
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,sex,crp,how,px_date\n"
        "1,,,f,48,vertebroplasty,\n1,procedure,1,,,,2022-03-01\n1,procedure,2,,,,2023-06-15\n"
        "2,,,m,5,vertebroplasty,\n2,procedure,1,,,,2022-03-05\n"
    )
    found = read(tmp_path, export, SESSIONS)
    crp = found.procedures["crp_mg_l"]
    assert crp.isna().tolist() == [True, True, False]
    assert crp.iloc[2] == 5
    assert found.procedures["technique"].notna().all()
    assert rules(found, "redcap.said_once") == [
        (3, "crp"), (3, "how"), (4, "crp"), (4, "how"),
    ]  # fmt: skip
    assert pd.unique(found.patients["sex"].astype(str)).tolist() == ["f", "m"]


def test_boxes_of_a_record_are_those_of_its_repeating_rows(tmp_path: Path) -> None:
    export = (
        "id,redcap_repeat_instrument,redcap_repeat_instance,leakct___1,leakct___2,base_complete,"
        "day,lvl,lev_complete\n"
        "1,,,1,0,2,2022-01-01,,\n1,lev,1,,,,,L1,2\n1,lev,2,,,,,L2,2\n"
        "2,,,0,1,2,2022-01-02,,\n2,lev,1,,,,,L1,2\n3,,,0,0,0,2022-01-03,,\n3,lev,1,,,,,L1,2\n"
    )
    codes = {"1": "venous", "2": "epidural"}
    tables = leaks("leakct", codes, where={"redcap_repeat_instrument": "lev"})
    found = read(tmp_path, export, tables)
    assert states(found, "venous") == {1: "present", 2: "absent", 3: "not_assessed"}
    # one of two vertebrae may have leaked: that is for a person to say
    assert rules(found, "redcap.said_once") == [(3, "leakct___*"), (4, "leakct___*")]


COMORBID = table("patients", patient_id="id", diabetes="com___1", copd="com___2")
CHOICES = """\
"Variable / Field Name","Form Name","Section Header","Field Type","Field Label",\
"Choices, Calculations, OR Slider Labels"
id,who,,text,"Id",
com,who,,checkbox,"Comorbidities","1, Diabetes | 2, COPD | 3, OTHER"
"""


@pytest.mark.parametrize(
    ("third", "states", "doubted"),
    [
        ("Ne sait pas", ["unknown", "unknown"], []),
        ("Refus", ["unknown", "unknown"], []),
        ("No sabe / no contesta", ["unknown", "unknown"], []),
        ("Aucune", ["no", "no"], []),
    ],
)
def test_a_box_that_says_that_nobody_knows(
    tmp_path: Path, third: str, states: list[str], doubted: list[tuple[int, str]]
) -> None:
    export = "id,com___1,com___2,com___3,who_complete\n1,1,0,0,2\n2,0,0,1,2\n"
    found = read(tmp_path, export, COMORBID, dictionary=CHOICES.replace("OTHER", third))
    assert found.patients.loc[1, ["diabetes", "copd"]].tolist() == states
    assert rules(found, "word.ambiguous") == doubted


def test_a_box_for_none_beside_another_contradicts_it(tmp_path: Path) -> None:
    export = "id,com___1,com___2,com___3,who_complete\n1,1,0,0,2\n2,0,1,1,2\n"
    found = read(tmp_path, export, COMORBID, dictionary=CHOICES.replace("OTHER", "None of these"))
    assert found.patients[["diabetes", "copd"]].isna().sum(axis=1).tolist() == [0, 2]
    assert rules(found, "word.ambiguous") == [(3, "com___1"), (3, "com___2")]
