"""Whole exports in dialects that nobody prepared for: rows, keys, lists and days that disagree.

Mapped as docs/mapping-an-export.md says. What is not the truth is missing or left out, and said;
cells by themselves are tried in test_hostile_cells.py.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vpstats.registry import read_registry
from vpstats.registry.registry import Registry

Truth = str | float | None


def whole(folder: Path, files: dict[str, str], mapping: str, encoding: str = "utf-8") -> Registry:
    head = 'version = 1\n[registry]\nname = "x"\ndata_cut = 2024-01-31\n'
    for name, text in files.items():
        (folder / name).write_bytes(text.encode(encoding))
    (folder / "registry.toml").write_text(head + mapping, "utf-8")
    return read_registry(folder)


def by_key(frame: pd.DataFrame, key: str, field: str) -> dict[str, Truth]:
    values = frame[field].astype(object).where(frame[field].notna(), None)
    shown = [str(v.date()) if isinstance(v, pd.Timestamp) else v for v in values]
    return dict(zip(frame[key], shown, strict=True))


def said_of(registry: Registry, row: int) -> set[tuple[str, str]]:
    f = registry.findings
    own = f[(f["row"] == row) & (f["severity"] != "info")]
    return set(zip(own["rule"], own["field"], strict=True))


def test_one_row_for_two_interventions_in_french(tmp_path: Path) -> None:
    text = (
        "IPP\tSexe\tNé(e) le\tTaille\tPoids\tDate 1\tNiveau 1\tCiment 1"
        "\tDate 2\tNiveau 2\tCiment 2\n"
        "001\tF\t12 mai 1945\t1m62\t55 kg\t3 févr. 2021\tD12\t4,5 cc\t5 août 2021\tL1\t4\n"
        "002\tH\t1er oct. 1938\t1,75\t82\t25-02-2021\tL1 + L2\t3/2,5\t\t\t\n"
        "003\tM\t1950\t168\t1O5\t1/3/2021\tDXI A3\t3,5\t1/9/2021\tDXI\t3,5\n"
    )
    part = '[[source.table]]\nname = "{}"\n{}[source.table.columns]\npatient_id = "IPP"\n{}\n'
    session = 'proc_date = "Date {0}"'
    level = 'proc_date = "Date {0}"\nlevel = "Niveau {0}"\ncement_ml = "Ciment {0}"'
    mapping = '[[source]]\nname = "fr"\nfile = "fr.txt"\ncenter = "A"\ndate_order = "dmy"\n' + (
        part.format(
            "patients",
            "",
            'sex = "Sexe"\nbirth_date = "Né(e) le"\nheight_cm = "Taille"\nweight_kg = "Poids"',
        )
        + part.format("procedures", "", session.format(1))
        + part.format("procedures", 'where = { "Date 2" = "*" }\n', session.format(2))
        + part.format("levels", 'explode = "Niveau 1"\n', level.format(1))
        + part.format(
            "levels", 'explode = "Niveau 2"\nwhere = { "Date 2" = "*" }\n', level.format(2)
        )
    )
    registry = whole(tmp_path, {"fr.txt": text}, mapping, "latin-1")
    assert by_key(registry.levels, "level_id", "cement_ml") == {
        "A/001/2021-02-03/T12": 4.5,
        "A/002/2021-02-25/L1": 3.0,
        "A/002/2021-02-25/L2": 2.5,
        "A/001/2021-08-05/L1": 4.0,
        "A/003/2021-09-01/T11": 3.5,
    }
    people = registry.patients
    assert by_key(people, "patient_id", "sex") == {"A/001": "f", "A/002": "m", "A/003": "m"}
    assert by_key(people, "patient_id", "birth_date") == {
        "A/001": "1945-05-12",
        "A/002": "1938-10-01",
        "A/003": None,
    }
    assert by_key(people, "patient_id", "birth_year")["A/003"] == 1950
    assert by_key(people, "patient_id", "height_cm") == {"A/001": 162, "A/002": 175, "A/003": 168}
    assert by_key(people, "patient_id", "weight_kg") == {"A/001": 55, "A/002": 82, "A/003": None}
    # a letter for a number; a type of fracture behind the vertebra
    assert {("unit.unknown", "weight_kg"), ("level.ambiguous", "level")} <= said_of(registry, 4)


def test_fractures_and_deaths_in_the_rows_of_sessions_in_polish(tmp_path: Path) -> None:
    text = (
        "Nr;Rok ur.;Data zabiegu;Poziom;Cement [ml];Wyciek;Zgon;Kontrola;Złamanie;Data złam.\n"
        "1;1945;2021-02-03;Th12;4,5;nie;;2021-05-03;;\n"
        "2;1950;2021-02-25;L1;5,0;tak;2022-01-01;2022-03-01;L2;2021-12-01\n"
        "3;45;2021-03-01;L3-4;4;brak;;;Th12;2021\n"
        "4;1940;2021-03-02;L 5;3,5;?;;2021-02-01;L5;2021-08-01\n"
        "5;1941;2021-03-03;Th 8;3;nie;2020-06-01;;;\n"
    )
    part = '[[source.table]]\nname = "{}"\n{}[source.table.columns]\npatient_id = "Nr"\n{}\n'
    level = (
        'proc_date = "Data zabiegu"\nlevel = "Poziom"\ncement_ml = "Cement [ml]"\n'
        'leak_any_fluoro = { column = "Wyciek", codes = { "tak" = "yes", "nie" = "no" } }'
    )
    fracture = (
        'proc_date = "Data zabiegu"\nevent_type = { value = "adjacent_fx" }\n'
        'event_levels = "Złamanie"\nevent_date = "Data złam."'
    )
    mapping = '[[source]]\nname = "pl"\nfile = "pl.csv"\ncenter = "A"\n' + (
        part.format("patients", "", 'birth_year = "Rok ur."\ndeath_date = "Zgon"')
        + part.format("procedures", "", 'proc_date = "Data zabiegu"')
        + part.format("levels", "", level)
        + part.format("visits", 'where = { "Kontrola" = "*" }\n', 'visit_date = "Kontrola"')
        + part.format("events", 'where = { "Złamanie" = "*" }\n', fracture)
    )
    registry = whole(tmp_path, {"pl.csv": text}, mapping, "cp1250")
    levels = by_key(registry.levels, "level_id", "cement_ml")
    assert [key.rsplit("/", 1)[1] for key in levels] == ["T12", "L1", "L5", "T8"]
    assert list(levels.values()) == [4.5, 5.0, 3.5, 3.0]
    leaks = registry.leaks.set_index("level_id")["state"].astype(str)
    assert leaks[leaks != "not_assessed"].to_dict() == {
        "A/1/2021-02-03/T12": "absent",
        "A/2/2021-02-25/L1": "present",
        "A/5/2021-03-03/T8": "absent",
    }
    assert said_of(registry, 2) == set()
    assert said_of(registry, 3) == {("visit.after_death", "visit_date")}
    assert said_of(registry, 4) >= {
        ("level.ambiguous", "level"),
        ("range.hard", "birth_year"),
        ("word.unknown", "leak_any_fluoro"),
        ("date.partial", "event_date"),
        ("fracture.unchecked", "event_levels"),
    }
    assert said_of(registry, 5) == {
        ("visit.before_session", "visit_date"),
        ("fracture.cemented", "event_levels"),
    }
    assert said_of(registry, 6) == {("death.before_session", "death_date")}


TWO_FILES = """
[[source]]
name = "p"
file = "p.csv"
center = "A"
[[source.table]]
name = "patients"
columns = { patient_id = "id", sex = "sex" }
[[source]]
name = "s"
file = "s.csv"
center = "A"
date_order = "dmy"
[[source.table]]
name = "procedures"
columns = { patient_id = "id", proc_date = "day", indication = "why" }
[[source.table]]
name = "levels"
explode = "lv"
columns = { patient_id = "id", proc_date = "day", level = "lv", cement_ml = "ml" }
"""


def test_numbers_of_patients_that_a_spreadsheet_touched(tmp_path: Path) -> None:
    people = "id;sex\n123;f\n124;m\n125;f\n1.28E+05;m\n00129;f\n"
    sessions = (
        "id;day;lv;ml;why\n123.0;13.03.2021;L1;3;\n 124;14.03.2021;L2;3;\n"
        "125\u00a0;15.03.2021;L3;3;\n128000;16.03.2021;T12;3;\n129;17.03.2021;T11;3;\n"
    )
    registry = whole(tmp_path, {"p.csv": people, "s.csv": sessions}, TWO_FILES)
    owners = set(registry.procedures["patient_id"])
    assert owners == {"A/123.0", "A/124", "A/125", "A/128000", "A/00129"}
    lost = registry.findings[registry.findings["rule"] == "key.orphan"]
    assert sorted(lost["row"]) == [2, 5]


def test_lists_of_vertebrae_and_what_stands_beside_them(tmp_path: Path) -> None:
    lists: dict[str, tuple[list[str], str]] = {
        "T12–L2": (["T12", "L1", "L2"], ""),
        "D11-12": ([], "level.ambiguous"),
        "L1,2": (["L1", "L2"], ""),
        "D12 y L1": (["T12", "L1"], ""),
        "D7 a D9": (["T7", "T8", "T9"], ""),
        "L1 A3": ([], "level.ambiguous"),
        "BWK 12/LWK 1": ([], "level.ambiguous"),
        "L1 (previo L3)": ([], "level.unreadable"),
        "nicht L1": ([], "level.unreadable"),
        "T1O": ([], "level.unreadable"),
        "2 niveles": ([], "level.unreadable"),
        "L6": ([], "level.transitional"),
        "DXII": (["T12"], ""),
        "12ª dorsal": (["T12"], ""),
        "T11 T12 L1": (["T11", "T12", "L1"], ""),
    }
    people = "id;sex\n" + "".join(f"{i};f\n" for i in range(len(lists)))
    rows = [f"{i};{13 + i}.03.2021;{text};;" for i, text in enumerate(lists)]
    sessions = "\n".join(["id;day;lv;ml;why", *rows]) + "\n"
    registry = whole(tmp_path, {"p.csv": people, "s.csv": sessions}, TWO_FILES)
    for i, (text, (levels, rule)) in enumerate(lists.items()):
        own = [k.rsplit("/", 1)[1] for k in registry.levels["level_id"] if k.startswith(f"A/{i}/")]
        said = {r for r, _ in said_of(registry, i + 2)}
        assert (own, rule in said or not rule) == (levels, True), (text, own, said)


def test_doses_beside_lists(tmp_path: Path) -> None:
    cells: dict[str, tuple[list[Truth], str]] = {
        "3 / 4": ([3.0, 4.0], ""),
        "3 + 4": ([3.0, 4.0], ""),
        "7": ([None, None], "explode.shared"),
        "3 / 4 / 2": ([None, None], "explode.shared"),
        "7 ml total": ([None, None], ""),
        "je 3": ([None, None], ""),
    }
    people = "id;sex\n" + "".join(f"{i};f\n" for i in range(len(cells)))
    rows = [f"{i};{13 + i}.03.2021;D12, L1;{text};" for i, text in enumerate(cells)]
    sessions = "\n".join(["id;day;lv;ml;why", *rows]) + "\n"
    registry = whole(tmp_path, {"p.csv": people, "s.csv": sessions}, TWO_FILES)
    for i, (text, (doses, rule)) in enumerate(cells.items()):
        own = registry.levels[registry.levels["level_id"].str.startswith(f"A/{i}/")]
        values = list(by_key(own, "level_id", "cement_ml").values())
        said = {r for r, f in said_of(registry, i + 2) if f == "cement_ml"}
        right = values == doses or bool(said)
        assert right, (text, values, said)
        assert (rule in said) or not rule, (text, said)
        assert said or None not in values, text


def test_one_person_by_two_numbers_and_one_session_by_two_rows(tmp_path: Path) -> None:
    people = "id;sex\n0123;f\n123;f\nP-7;m\np7;m\n9;f\n"
    sessions = (
        "id;day;lv;ml;why\n0123;13.03.2021;L1;3;osteoporosi\n9;14.03.2021;L2;3;metastasi\n"
        "9;14.03.2021;L2;3,5;metastasi\n9;14.03.2021;L3;3;mieloma\n9;15.05.2021;L2;3;metastasi\n"
    )
    registry = whole(tmp_path, {"p.csv": people, "s.csv": sessions}, TWO_FILES)
    findings = registry.findings
    same = findings.loc[findings["rule"] == "duplicate.id_spelling", "key"]
    assert set(same) == {"A/0123", "A/123", "A/P-7", "A/p7"}
    # two doses of one vertebra, two indications of one session: nobody says which
    dose = by_key(registry.levels, "level_id", "cement_ml")["A/9/2021-03-14/L2"]
    why = by_key(registry.procedures, "procedure_id", "indication")["A/9/2021-03-14"]
    assert (dose, why) == (None, None)
    conflicts = findings[findings["rule"] == "conflict.rows"]
    assert set(conflicts["field"]) == {"cement_ml", "indication"}
    twice = findings.loc[findings["rule"] == "level.twice", "key"]
    assert set(twice) == {"A/9/2021-03-14/L2", "A/9/2021-05-15/L2"}
