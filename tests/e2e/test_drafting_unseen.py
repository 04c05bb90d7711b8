"""Exports in dialects that the simulator does not know: drafted, confirmed, checked, read.

One small set of true values is written as six hospitals would write it. Whatever the draft is
sure of must read as the truth; whatever it is not sure of must not be read before it is confirmed.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from vpstats.drafting import MappingDraft, draft_mapping
from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

N = 30
LEVELS = ("T7", "T11", "T12", "L1", "L2", "L3")
EXCEL_EPOCH = dt.date(1899, 12, 30)


def truth() -> list[dict[str, Any]]:
    """Thirty sessions of thirty patients, as plain values."""
    rows = []
    for i in range(N):
        day = dt.date(2022, 1, 3) + dt.timedelta(days=23 * i)
        first = i % 4
        levels = LEVELS[first : first + 1 + (i % 3 == 0) + (i % 6 == 0)]
        rows.append(
            {
                "id": f"{100 + i:05d}",
                "sex": "m" if i % 4 == 0 else "f",
                "birth": dt.date(1935 + i, 1 + i % 12, 1 + (7 * i) % 28),
                "height": 172 if i % 4 == 0 else 158 + i % 5,
                "weight": 60 + i,
                "day": day,
                "indication": ("osteoporotic", "trauma", "metastasis")[i % 3],
                "technique": "bkp" if i % 5 == 0 else "pvp",
                "anaesthesia": "general" if i % 2 else "local",
                "crp": 4 + (3 * i) % 29,
                "wbc": 5.1 + (i % 9) * 0.7,
                "duration": 30 + i,
                "smoker": ("never", "ex", "current")[i % 3],
                "diabetes": "yes" if i % 3 == 1 else "no",
                "asa": str(1 + i % 3),
                "levels": levels,
                "cement": [2.5 + 0.5 * ((i + j) % 6) for j, _ in enumerate(levels)],
                "leak": ["yes" if (i + j) % 3 == 0 else "no" for j, _ in enumerate(levels)],
                "vas": i % 9,
            }
        )
    return rows


ROWS = truth()


def date(day: dt.date, pattern: str = "%d.%m.%Y") -> str:
    return day.strftime(pattern)


def comma(value: float) -> str:
    return f"{value:g}".replace(".", ",")


# ------------------------------------------------------------------ six hospitals


def german_workbook(folder: Path) -> list[str]:
    """A title, two rows of names with merged cells, mg/dl and cells per microlitre."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Vertebroplastien"
    sheet.append(["Register der Wirbelsäulenklinik, Stand 2024"])
    sheet.append(["Patient", None, None, None, "Eingriff", None, None, None, None, "Labor", None])
    sheet.append(["Pat.-Nr.", "Geschl.", "Geb.-Datum", "Größe (cm)", "OP-Datum", "Indikation",
                  "Narkose", "Behandelte Wirbel", "Zementmenge (ml)", "CRP (mg/dl)",
                  "Leukozyten (/µl)"])  # fmt: skip
    words = {"osteoporotic": "osteoporotisch", "trauma": "traumatisch", "metastasis": "Metastase"}
    for row in ROWS:
        levels = ", ".join(v.replace("T", "BWK ").replace("L", "LWK ") for v in row["levels"])
        cement = " / ".join(comma(c) for c in row["cement"])
        sheet.append([row["id"], {"f": "w", "m": "m"}[row["sex"]], row["birth"], row["height"],
                      row["day"], words[row["indication"]],
                      {"general": "ITN", "local": "LA"}[row["anaesthesia"]], levels, cement,
                      row["crp"] / 10, round(row["wbc"] * 1000)])  # fmt: skip
    for span in ("A2:D2", "E2:I2", "J2:K2"):
        sheet.merge_cells(span)
    book.save(folder / "klinik.xlsx")
    return ["klinik.xlsx"]


def french_redcap(folder: Path) -> list[str]:
    """A raw export with its dictionary: digits that mean nothing without it."""
    levels = " | ".join(f"{i}, {v}" for i, v in enumerate(LEVELS, 1))
    (folder / "dictionnaire.csv").write_text(
        "Variable / Field Name,Form Name,Field Type,Field Label,"
        '"Choices, Calculations, OR Slider Labels"\n'
        "num_patient,base,text,Numéro patient,\n"
        'sexe,base,radio,Sexe,"1, Femme | 2, Homme"\n'
        "ddn,base,text,Date de naissance,\n"
        'tabac,base,dropdown,Tabagisme,"0, Jamais | 1, Ancien fumeur | 2, Fumeur"\n'
        "diab,base,yesno,Diabète,\n"
        "date_interv,base,text,Date de l'intervention,\n"
        f'niv,base,dropdown,Niveau traité,"{levels}"\n'
        "vol_ciment,base,text,Volume de ciment (ml),\n"
        "fuite_scan,base,yesno,Fuite de ciment scanner,\n"
        "crp,base,text,CRP (mg/L),\n",
        "utf-8",
    )
    lines = ["num_patient,redcap_data_access_group,sexe,ddn,tabac,diab,date_interv,niv,vol_ciment,"
             "fuite_scan,crp,base_complete"]  # fmt: skip
    for row in ROWS:
        smoker = {"never": "0", "ex": "1", "current": "2"}[row["smoker"]]
        lines.append(
            f"{row['id']},chu_nord,{ {'f': '1', 'm': '2'}[row['sex']] },{row['birth']},{smoker},"
            f"{ {'yes': '1', 'no': '0'}[row['diabetes']] },{row['day']},"
            f"{1 + LEVELS.index(row['levels'][0])},{row['cement'][0]},"
            f"{ {'yes': '1', 'no': '0'}[row['leak'][0]] },{row['crp']},2"
        )
    (folder / "projet.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return ["projet.csv", "dictionnaire.csv"]


def italian_wide(folder: Path) -> list[str]:
    """One row for each session, vertebrae and cement side by side, decimal comma."""
    head = ["Cod. paziente", "Sesso", "Data di nascita", "Data intervento", "Anestesia", "Diabete",
            "PCR (mg/L)", "Livello 1", "Livello 2", "Livello 3", "Cemento 1 (ml)",
            "Cemento 2 (ml)", "Cemento 3 (ml)", "Note"]  # fmt: skip
    lines = [";".join(head)]
    for row in ROWS:
        pad = [""] * (3 - len(row["levels"]))
        levels = [v.replace("T", "D") for v in row["levels"]] + pad
        cement = [comma(c) for c in row["cement"]] + pad
        anaesthesia = {"general": "generale", "local": "locale"}[row["anaesthesia"]]
        cells = [row["id"], {"f": "F", "m": "M"}[row["sex"]], date(row["birth"], "%d/%m/%Y"),
                 date(row["day"], "%d/%m/%Y"), anaesthesia,
                 {"yes": "sì", "no": "no"}[row["diabetes"]], comma(row["crp"]),
                 *levels, *cement, ""]  # fmt: skip
        lines.append(";".join(cells))
    (folder / "ospedale.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    return ["ospedale.csv"]


def spanish_database(folder: Path) -> list[str]:
    """Three tables with keys; heights in metres, C-reactive protein in mg/dl."""
    base = sqlite3.connect(folder / "registro.db")
    base.executescript(
        "create table pacientes (id_paciente text primary key, sexo text, fecha_nacimiento text,"
        " talla real, peso integer, tabaquismo text);"
        "create table intervenciones (id_intervencion integer primary key, id_paciente text,"
        " hospital text, fecha_intervencion text, tecnica text, indicacion text, pcr_mg_dl real,"
        " duracion_min integer);"
        "create table niveles (id integer primary key, id_intervencion integer, nivel text,"
        " volumen_cemento_ml real, fuga_tac text);"
    )
    words = {"osteoporotic": "osteoporótica", "trauma": "traumática", "metastasis": "metástasis"}
    smoker = {"never": "nunca", "ex": "exfumador", "current": "fumador"}
    number = 0
    for i, row in enumerate(ROWS):
        base.execute(
            "insert into pacientes values (?,?,?,?,?,?)",
            (row["id"], {"f": "mujer", "m": "hombre"}[row["sex"]], str(row["birth"]),
             row["height"] / 100, row["weight"], smoker[row["smoker"]]),
        )  # fmt: skip
        base.execute(
            "insert into intervenciones values (?,?,?,?,?,?,?,?)",
            (7000 + i, row["id"], "Norte", str(row["day"]),
             {"bkp": "cifoplastia", "pvp": "vertebroplastia"}[row["technique"]],
             words[row["indication"]], row["crp"] / 10, row["duration"]),
        )  # fmt: skip
        for level, cement, leak in zip(row["levels"], row["cement"], row["leak"], strict=True):
            number += 1
            base.execute(
                "insert into niveles values (?,?,?,?,?)",
                (
                    number,
                    7000 + i,
                    level.replace("T", "D"),
                    cement,
                    {"yes": "sí", "no": "no"}[leak],
                ),
            )
    base.commit()
    base.close()
    return ["sqlite:///registro.db"]


def english_spss(folder: Path) -> list[str]:
    """Numbers with value labels, one row for each vertebra."""
    pyreadstat = pytest.importorskip("pyreadstat")
    flat = [(row, j) for row in ROWS for j in range(len(row["levels"]))]
    frame = pd.DataFrame(
        {
            "subject": [r["id"] for r, _ in flat],
            "hospital": [1.0 + int(r["id"]) % 2 for r, _ in flat],
            "gender": [{"f": 2.0, "m": 1.0}[r["sex"]] for r, _ in flat],
            "surgdate": [r["day"] for r, _ in flat],
            "smoking": [{"never": 0.0, "ex": 1.0, "current": 2.0}[r["smoker"]] for r, _ in flat],
            "asa": [float(r["asa"]) for r, _ in flat],
            "vertebra": [1.0 + LEVELS.index(r["levels"][j]) for r, j in flat],
            "cementvol": [r["cement"][j] for r, j in flat],
            "ctleak": [{"yes": 1.0, "no": 2.0}[r["leak"][j]] for r, j in flat],
        }
    )
    labels = {
        "hospital": {1.0: "St. Mary", 2.0: "St. John"},
        "gender": {1.0: "Male", 2.0: "Female"},
        "smoking": {0.0: "Never", 1.0: "Former", 2.0: "Current"},
        "vertebra": {1.0 + i: level for i, level in enumerate(LEVELS)},
        "ctleak": {1.0: "Yes", 2.0: "No"},
    }
    names = {
        "surgdate": "Date of surgery",
        "cementvol": "Cement volume (ml)",
        "ctleak": "Leak on CT",
    }
    pyreadstat.write_sav(frame, str(folder / "spine.sav"), variable_value_labels=labels,
                         column_labels=names)  # fmt: skip
    return ["spine.sav"]


def croatian_folder(folder: Path) -> list[str]:
    """Four files in cp1250, with names of persons, and a note beside them."""
    (folder / "izvoz").mkdir()

    def write(name: str, lines: list[str]) -> None:
        (folder / "izvoz" / name).write_bytes(("\n".join(lines) + "\n").encode("cp1250"))

    people = ["MBO;Ime;Prezime;Spol;Datum rođenja;Visina (cm);Težina (kg);Pušač;Dijabetes"]
    acts = ["MBO;Datum zahvata;Tehnika;CRP (mg/L);Trajanje (min);Tretirani kralješci;Napomena"]
    checks = ["MBO;Datum kontrole;VAS bol"]
    events = ["MBO;Datum komplikacije;Komplikacija"]
    smoker = {"never": "nepušač", "ex": "bivši pušač", "current": "pušač"}
    for i, row in enumerate(ROWS):
        people.append(
            f"{row['id']};Ana{i};Horvat{i};{ {'f': 'ž', 'm': 'm'}[row['sex']] };"
            f"{date(row['birth'])}.;{row['height']};{row['weight']};{smoker[row['smoker']]};"
            f"{ {'yes': 'da', 'no': 'ne'}[row['diabetes']] }"
        )
        levels = ", ".join(v.replace("T", "Th") for v in row["levels"])
        technique = {"bkp": "kifoplastika", "pvp": "vertebroplastika"}[row["technique"]]
        acts.append(
            f"{row['id']};{date(row['day'])}.;{technique};{row['crp']};{row['duration']};{levels};"
        )
        later = row["day"] + dt.timedelta(days=90)
        checks.append(f"{row['id']};{date(later)}.;{row['vas']}")
        if i % 5 == 0:
            kind = "infekcija" if i % 10 else "reoperacija"
            events.append(f"{row['id']};{date(later)}.;{kind}")
    write("pacijenti.csv", people)
    write("zahvati.csv", acts)
    write("kontrole.csv", checks)
    write("komplikacije.csv", events)
    (folder / "izvoz" / "procitaj.pdf").write_bytes(b"%PDF-1.4")
    return ["izvoz"]


KEYS = {"patient_id", "proc_date"}
CERTAIN: dict[str, tuple[Callable[[Path], list[str]], set[str]]] = {
    "german workbook": (
        german_workbook,
        KEYS | {"sex", "birth_date", "height_cm", "indication", "anaesthesia", "crp_mg_l",
                "wbc_10e9_l", "level", "cement_ml"},
    ),
    "french redcap": (
        french_redcap,
        KEYS | {"sex", "birth_date", "smoker", "diabetes", "level", "cement_ml", "leak_any_ct",
                "crp_mg_l"},
    ),
    "italian wide": (
        italian_wide,
        KEYS | {"sex", "birth_date", "anaesthesia", "diabetes", "crp_mg_l", "level", "cement_ml"},
    ),
    "spanish database": (
        spanish_database,
        KEYS | {"procedure_id", "sex", "birth_date", "weight_kg", "smoker", "technique",
                "indication", "crp_mg_l", "duration_min", "level", "cement_ml", "leak_any_ct"},
    ),
    "english spss": (
        english_spss,
        KEYS | {"sex", "smoker", "asa", "level", "cement_ml", "leak_any_ct"},
    ),
    "croatian folder": (
        croatian_folder,
        KEYS | {"sex", "birth_date", "height_cm", "weight_kg", "smoker", "diabetes", "technique",
                "crp_mg_l", "duration_min", "level", "visit_date", "vas_0_10", "event_date",
                "event_type"},
    ),
}  # fmt: skip
"""Hospital → its export and the fields that have to be found without a doubt."""


@pytest.fixture(params=CERTAIN)
def case(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Path, MappingDraft]:
    monkeypatch.chdir(tmp_path)
    name = str(request.param)
    draft = draft_mapping(CERTAIN[name][0](tmp_path), center="C1", data_cut=dt.date(2024, 6, 30))
    (tmp_path / "registry.toml").write_text(draft.toml, "utf-8")
    return name, tmp_path, draft


def test_what_is_named_plainly_is_certain(case: tuple[str, Path, MappingDraft]) -> None:
    name, _, draft = case
    certain = {p.field for p in draft.proposals if p.certain}
    assert certain >= CERTAIN[name][1], {
        p.field: p.doubt for p in draft.proposals if p.field in CERTAIN[name][1] - certain
    }


def test_every_value_that_is_read_is_true(case: tuple[str, Path, MappingDraft]) -> None:
    _, folder, draft = case
    read = compare(read_registry(folder / "registry.toml"), draft)
    assert read > 5 * N


def test_what_is_confirmed_is_read(case: tuple[str, Path, MappingDraft]) -> None:
    name, folder, draft = case
    whole = draft.toml.replace(", confirmed = false", "")
    (folder / "registry.toml").write_text(whole, "utf-8")
    registry = read_registry(folder / "registry.toml")
    compare(registry, draft)
    assert len(registry.levels) == sum(
        1 if name == "french redcap" else len(row["levels"]) for row in ROWS
    )


def compare(registry: Registry, draft: MappingDraft) -> int:
    """Hold every value against the truth; the number of values that were read."""
    people = {row["id"]: row for row in ROWS}
    read = 0
    for table, wanted in EXPECTED.items():
        frame = registry.tables[table]
        raw = frame[registry.tables[table].columns[0]].astype(str).str.split("/")
        patients = owner(registry, table)
        for field, value in wanted.items():
            for key, patient, got in zip(raw, patients, frame[field], strict=True):
                if not pd.isna(got):
                    read += 1
                    true = value(people[patient], key[-1])
                    assert str(got) == str(true) or float(got) == pytest.approx(float(true)), (
                        table, field, got, true,
                    )  # fmt: skip
    return read


def owner(registry: Registry, table: str) -> list[str]:
    """The patient's own number of each row."""
    frame = registry.tables[table]
    if table in ("levels", "leaks"):
        sessions = registry.procedures.set_index("procedure_id")["patient_id"]
        of_level = registry.levels.set_index("level_id")["procedure_id"]
        session = frame["procedure_id"] if table == "levels" else frame["level_id"].map(of_level)
        return [str(p).split("/")[1] for p in session.map(sessions)]
    return [str(p).split("/")[1] for p in frame["patient_id"]]


def stamp(day: dt.date) -> str:
    return str(pd.Timestamp(day))


def at(row: dict[str, Any], level: str, name: str) -> Any:
    return row[name][row["levels"].index(level)]


EXPECTED: dict[str, dict[str, Callable[[dict[str, Any], str], Any]]] = {
    "patients": {
        "sex": lambda r, _: r["sex"],
        "birth_date": lambda r, _: stamp(r["birth"]),
        "height_cm": lambda r, _: r["height"],
        "weight_kg": lambda r, _: r["weight"],
        "smoker": lambda r, _: r["smoker"],
        "diabetes": lambda r, _: r["diabetes"],
        "asa": lambda r, _: r["asa"],
    },
    "procedures": {
        "proc_date": lambda r, _: stamp(r["day"]),
        "indication": lambda r, _: r["indication"],
        "technique": lambda r, _: r["technique"],
        "anaesthesia": lambda r, _: r["anaesthesia"],
        "crp_mg_l": lambda r, _: r["crp"],
        "wbc_10e9_l": lambda r, _: r["wbc"],
        "duration_min": lambda r, _: r["duration"],
    },
    "levels": {"cement_ml": lambda r, level: at(r, level, "cement")},
    "visits": {"vas_0_10": lambda r, _: r["vas"]},
}


def test_leaks_on_ct_are_those_that_were_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draft = draft_mapping(spanish_database(tmp_path), data_cut=dt.date(2024, 6, 30), center="C1")
    (tmp_path / "registry.toml").write_text(draft.toml, "utf-8")
    registry = read_registry(tmp_path)
    states = registry.leaks.set_index("level_id")["state"].to_dict()
    seen = dict(zip(registry.levels["level_id"], owner(registry, "levels"), strict=True))
    people = {row["id"]: row for row in ROWS}
    for level, patient in seen.items():
        true = at(people[patient], str(level).rsplit("/", 1)[1], "leak")
        assert states[level] == {"yes": "present", "no": "absent"}[true]
    assert len(states) == len(registry.levels)


# ------------------------------------------------------------------ what is never shown


def test_no_value_of_a_person_is_written(case: tuple[str, Path, MappingDraft]) -> None:
    _, _, draft = case
    for row in ROWS:
        for hidden in (row["id"], date(row["birth"]), str(row["birth"])):
            assert hidden not in draft.toml
    assert not re.search(r"Horvat|Ana[0-9]", draft.toml)


def test_the_same_exports_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = croatian_folder(tmp_path)
    assert draft_mapping(given).toml == draft_mapping(given).toml
