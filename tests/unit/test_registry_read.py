"""From registry.toml and files to a registry: keys, consent, collapsing, leaks, logs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mapped_exports import read_export, source, table

from vpstats.errors import DataError, MappingError, UsageError
from vpstats.registry import Registry, read_registry
from vpstats.schema import pandera_schema
from vpstats.schema_tables import TABLES

PATIENT = {
    "patient_id": "id",
    "birth_date": "rodjen",
    "sex": "spol",
    "consent_research": "pristanak",
    "optout_date": "odustao",
}
SESSION = {"patient_id": "id", "proc_date": "datum"}
PEOPLE = table("patients", **PATIENT) + table("procedures", **SESSION)
VISITS = table("visits", patient_id="id", visit_date="datum")
LEVELS = table("levels", explode="razine", **SESSION)
NAMED = table("patients", patient_id="id")
HEADER = "id;rodjen;spol;pristanak;odustao;datum"


def of(*tables: str, **keys: object) -> str:
    """A source of these tables, read from a.csv."""
    return source("s", *tables, **{"file": "a.csv", **keys})


def read(folder: Path, toml: str, **files: str) -> Registry:
    registry = read_export(folder, toml, data_cut="2025-12-31", **files)
    for name, frame in registry.tables.items():
        pandera_schema(TABLES[name]).validate(frame, lazy=True)
    return registry


def found(registry: Registry, rule: str) -> pd.DataFrame:
    return registry.findings[registry.findings["rule"] == rule]


def corrected(registry: Registry, rule: str) -> pd.DataFrame:
    return registry.corrections[registry.corrections["rule"] == rule]


def values(frame: pd.DataFrame, key: str, field: str) -> dict[str, object]:
    return dict(zip(frame[key], frame[field].astype(object), strict=True))


# ------------------------------------------------------------------ keys


def test_keys_are_made_of_center_and_raw_names(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        of(PEOPLE, LEVELS),
        a=f"{HEADER};razine\n007;;Ž;da;;25.08.2023.;Th12-L2\n",
    )
    assert registry.patients["patient_id"].tolist() == ["A/007"]
    assert registry.procedures["procedure_id"].tolist() == ["A/007/2023-08-25"]
    assert registry.levels["level_id"].tolist() == [
        "A/007/2023-08-25/T12", "A/007/2023-08-25/L1", "A/007/2023-08-25/L2",
    ]  # fmt: skip


def test_mapped_session_names_that_patients_share_are_made_their_own(tmp_path: Path) -> None:
    sessions = table("procedures", **SESSION, procedure_id="br")
    levels = table("levels", patient_id="id", procedure_id="br", level="razina")
    registry = read(
        tmp_path,
        of(sessions, levels),
        a="id;br;datum;razina\n1;1;2020-01-01;L1\n2;1;2020-02-01;L2\n3;9;2020-03-01;L3\n",
    )
    assert registry.procedures["procedure_id"].tolist() == ["A/1/1", "A/2/1", "A/9"]
    assert registry.levels["level_id"].tolist() == ["A/1/1/L1", "A/2/1/L2", "A/9/L3"]


def test_visits_and_events_are_named_by_source_and_row(tmp_path: Path) -> None:
    registry = read(tmp_path, of(VISITS), a="id;datum\n1;2020-01-01\n1;2020-02-01\n")
    assert registry.visits["visit_id"].tolist() == ["A/1/s/2", "A/1/s/3"]


def test_centers_come_from_a_column(tmp_path: Path) -> None:
    codes = {"KB Sjever": "C1", "kb  sjever (stara)": "C1"}
    toml = of(NAMED, center={"column": "ustanova", "codes": codes})
    registry = read(tmp_path, toml, a="ustanova;id\nkb sjever;1\nKB Sjever (stara);2\nNova;3\n;4\n")
    assert registry.patients["patient_id"].tolist() == ["C1/1", "C1/2", "Nova/3"]
    assert found(registry, "center.unknown")["row"].tolist() == [4]
    assert found(registry, "required.missing")["row"].tolist() == [5]


def test_spellings_of_an_identifier(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        of(PEOPLE) + source("v", VISITS),
        a=f"{HEADER}\nP001;1.2.1950.;f;;;1.1.2020.\n"
        "p1;1.2.1950.;F;;;1.6.2020.\nP02;1.2.1950.;f;;;1.1.2020.\np2;3.2.1951.;f;;;1.1.2021.\n",
        v="id;datum\np-001;1.2.2020.\n2;1.2.2020.\n77;1.2.2020.\n",
    )
    # born alike, so P001 and p1 are one; P02 and p2 are not, and nobody can say who "2" is
    assert registry.patients["patient_id"].tolist() == ["A/P001", "A/P02", "A/p2"]
    assert registry.procedures["patient_id"].tolist() == ["A/P001", "A/P001", "A/P02", "A/p2"]
    assert registry.visits["patient_id"].tolist() == ["A/P001", "A/2", "A/77"]
    assert set(found(registry, "duplicate.id_spelling")["key"]) == {"A/P02", "A/p2"}
    assert found(registry, "key.orphan")["row"].tolist() == [3, 4]


# ------------------------------------------------------------------ consent

CONSENT = (
    f"{HEADER};razine\n"
    "11;1.2.1950.;x;da;;1.1.2020.;L1\n"
    "22;1.2.1951.;y;ne;;1.1.2020.;L2-3\n"
    "33;1.2.1952.;z;;da, usmeno;1.1.2020.;L2-3\n"
    "44;1.2.1953.;w;;.;1.1.2020.;L4\n"
    "44;1.2.1953.;w;;;1.2.2020.;L5\n"
)


def test_opt_outs_leave_every_table_and_every_log(tmp_path: Path) -> None:
    registry = read(tmp_path, of(PEOPLE, LEVELS), a=CONSENT)
    assert registry.patients["patient_id"].tolist() == ["A/11", "A/44"]
    assert registry.procedures["patient_id"].tolist() == ["A/11", "A/44", "A/44"]
    assert registry.levels["level"].astype(str).tolist() == ["L1", "L4", "L5"]
    logs = [*registry.findings["row"].dropna(), *registry.corrections["row"].dropna()]
    assert not {3, 4} & set(logs)
    first, second, third = registry.exclusions
    assert (first.label, first.n_rows, first.n_patients) == ("everything read", 5, 4)
    assert (second.n_rows, second.excluded_rows, second.excluded_patients) == (3, 2, 2)
    assert third.excluded_rows == 0


def test_with_opt_in_only_a_yes_stays(tmp_path: Path) -> None:
    registry = read(tmp_path, 'consent = "opt-in"\n' + of(PEOPLE), a=CONSENT)
    assert registry.patients["patient_id"].tolist() == ["A/11"]


def test_an_opt_out_under_another_spelling_counts(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        of(PEOPLE),
        a=f"{HEADER}\nP001;;f;ne;;1.1.2020.\np1;;f;da;;1.2.2020.\np3;;f;da;;1.2.2020.\n",
    )
    assert registry.procedures["patient_id"].tolist() == ["A/p3"]


def test_sessions_without_a_patient_column_leave_with_their_patient(tmp_path: Path) -> None:
    sessions = table("procedures", **SESSION, procedure_id="br")
    consent = table("patients", patient_id="id", consent_research="pristanak")
    levels = table("levels", procedure_id="br", level="razina")
    registry = read(
        tmp_path,
        of(sessions, consent) + source("l", levels),
        a="id;br;datum;pristanak\n1;z1;2020-01-01;ne\n2;z2;2020-01-01;da\n",
        l="br;razina\nz1;L1\nz2;L2\nz3;L3\n",
    )
    assert registry.levels["level_id"].tolist() == ["A/z2/L2"]
    assert found(registry, "key.orphan")["row"].tolist() == [4]


# ------------------------------------------------------------------ rows of the same thing


def test_repeated_patients_become_one_and_contradictions_missing(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        of(PEOPLE),
        a=f"{HEADER}\n1;1.2.1950.;f;;;1.1.2020.\n1;;m;;;1.1.2021.\n1;1.2.1950.;;;;1.1.2022.\n",
    )
    row = registry.patients.iloc[0]
    assert (len(registry.patients), str(row["birth_date"].date())) == (1, "1950-02-01")
    assert pd.isna(row["sex"])
    conflicts = found(registry, "conflict.rows")
    assert (conflicts["row"].tolist(), set(conflicts["column"])) == ([2, 3], {"spol"})


def test_exact_copies_are_dropped_and_second_sessions_are_not(tmp_path: Path) -> None:
    line = "1;1.2.1950.;f;;;{};L1\n"
    registry = read(
        tmp_path,
        of(PEOPLE, LEVELS),
        a=f"{HEADER};razine\n" + line.format("1.1.2020.") * 2 + line.format("1.6.2020."),
    )
    assert corrected(registry, "duplicate.row")["row"].tolist() == [3]
    assert len(registry.procedures) == 2
    assert len(found(registry, "level.twice")) == 2


def test_a_session_that_cannot_be_dated_takes_its_levels_along_and_says_so(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        of(PEOPLE, LEVELS),
        a=f"{HEADER};razine\n1;;f;;;prije;L1\n2;;f;;;1.1.2020.;L2\n",
    )
    assert registry.procedures["procedure_id"].tolist() == ["A/2/2020-01-01"]
    assert registry.exclusions[-1].n_rows == 1
    assert set(found(registry, "required.missing")["row"]) == {2}


# ------------------------------------------------------------------ lists of vertebrae


def wide(explode: object) -> str:
    """The levels of a list, or of several columns, with a column of volumes for each."""
    volumes = {"columns": ["z1", "z2", "z3"]}
    return of(PEOPLE, table("levels", explode=explode, **SESSION, cement_ml=volumes))


def test_values_go_to_the_vertebra_at_their_position(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        wide("hoehen"),
        a=f"{HEADER};hoehen;z1;z2;z3\n"
        "1;;f;;;1.1.2020.;BWK 12, LWK 1;4,5;3,5;\n"
        "2;;f;;;1.1.2020.;L2-3;4;5;\n"
        "3;;f;;;1.1.2020.;L1-L4;1;2;3\n"
        "4;;f;;;1.1.2020.;L1;4;5;\n"
        "5;;f;;;1.1.2020.;;;;\n",
    )
    by_level = values(registry.levels, "level_id", "cement_ml")
    assert by_level["A/1/2020-01-01/T12"] == 4.5
    assert by_level["A/1/2020-01-01/L1"] == 3.5
    assert pd.isna(by_level["A/3/2020-01-01/L4"])
    assert by_level["A/4/2020-01-01/L1"] == 4.0
    assert found(registry, "level.ambiguous")["row"].tolist() == [3]
    assert found(registry, "explode.lacking")["row"].tolist() == [4]
    assert found(registry, "explode.surplus")["row"].tolist() == [5]
    assert found(registry, "session.no_levels")["row"].tolist() == [6]
    # what follows from a vertebra that cannot be read is said with it, and nowhere else
    assert registry.findings.query("row == 3")["rule"].tolist() == ["level.ambiguous"]
    assert "the row was left out" in found(registry, "level.ambiguous")["message"].iloc[0]


IN_A_CELL = of(PEOPLE, table("levels", explode="hoehen", **SESSION, cement_ml="z"))
IN_A_ROW = of(PEOPLE, table("levels", **SESSION, cement_ml="z", level="hoehen"))


@pytest.mark.parametrize(
    ("levels", "cell", "each"),
    [
        ("L1+L2", "4cc + 3cc", [4.0, 3.0]),
        ("L1+L2", "4 + 3", [4.0, 3.0]),
        ("L1+L2", "4 + 3 ml", [4.0, 3.0]),
        ("L1, L2", "4ml/3ml", [4.0, 3.0]),
        ("L1, L2", "4cc,3cc", [4.0, 3.0]),
        ("L1, L2", "4,5 i 3", [4.5, 3.0]),
        ("L1, L2", "4 + 3", []),  # two needles, or two vertebrae
        ("L1, L2", "7", []),
        ("L1+L2", "4 + 3 + 2", []),
        ("L1", "3.3/2.6", []),
        ("L1", "2 + 2 ml", [4.0]),  # two needles
    ],
)
def test_volumes_that_stand_in_one_cell(
    tmp_path: Path, levels: str, cell: str, each: list[float]
) -> None:
    text = f"{HEADER};hoehen;z\n1;;f;;;1.1.2020.;{levels};{cell}\n"
    registry = read(tmp_path, IN_A_CELL, a=text)
    assert registry.levels["cement_ml"].dropna().tolist() == each
    said = registry.findings.query("severity == 'error'")["rule"].unique().tolist()
    assert said == ([] if each else ["explode.shared"])


@pytest.mark.parametrize(
    ("levels", "cell", "each", "lacks"),
    [
        ("L1, L2", "6 / ", [6.0], ["L2"]),
        ("L1, L2", "/ 6", [6.0], ["L1"]),
        ("L1+L2", "6 +", [6.0], ["L2"]),
        ("L1, L2, L3", "6 // 4", [6.0, 4.0], ["L2"]),
    ],
)
def test_a_list_of_volumes_with_an_empty_place(
    tmp_path: Path, levels: str, cell: str, each: list[float], lacks: list[str]
) -> None:
    text = f"{HEADER};hoehen;z\n1;;f;;;1.1.2020.;{levels};{cell}\n"
    registry = read(tmp_path, IN_A_CELL, a=text)
    assert registry.levels["cement_ml"].dropna().tolist() == each
    lacking = found(registry, "explode.lacking")
    assert [key.rpartition("/")[2] for key in lacking["key"]] == lacks
    assert (set(lacking["column"]), set(lacking["row"])) == ({"z"}, {2})


@pytest.mark.parametrize("level", ["T99", "L2-3", "Lx9", "vidi nalaz"])
@pytest.mark.parametrize("cell", ["3.3/2.6", "4cc + 3cc", "4"])
def test_a_vertebra_that_cannot_be_read_is_one_finding(
    tmp_path: Path, level: str, cell: str
) -> None:
    head = f"{HEADER};hoehen;z\n"
    rows = f"1;;f;;;1.1.2020.;{level};{cell}\n2;;f;;;1.1.2020.;;\n3;;f;;;1.1.2020.;L1;4/3\n"
    registry = read(tmp_path, IN_A_CELL, a=head + rows)
    of_row = registry.findings.query("row == 2 and severity != 'info'")
    assert of_row["field"].tolist() == ["level"]
    assert of_row["message"].iloc[0].endswith("the row was left out.")
    # a session without any vertebra, and two volumes for one vertebra, are findings of their own
    assert found(registry, "session.no_levels")["row"].tolist() == [3]
    assert (
        found(registry, "explode.shared")["message"].iloc[0].endswith("2 values beside 1 vertebra.")
    )


def test_an_empty_vertebra_of_a_row_is_missing(tmp_path: Path) -> None:
    text = f"{HEADER};hoehen;z\n1;;f;;;1.1.2020.;;4\n"
    registry = read(tmp_path, IN_A_ROW, a=text)
    errors = registry.findings.query("row == 2 and severity != 'info'")
    assert errors["rule"].tolist() == ["required.missing"]


def test_a_vertebra_in_each_of_several_columns(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        wide(["h1", "h2"]),
        a=f"{HEADER};h1;h2;z1;z2;z3\n1;;f;;;1.1.2020.;Th12;L1;4;5;\n2;;f;;;1.1.2020.;;L3;;6;\n",
    )
    assert values(registry.levels, "level_id", "cement_ml") == {
        "A/1/2020-01-01/T12": 4.0, "A/1/2020-01-01/L1": 5.0, "A/2/2020-01-01/L3": 6.0,
    }  # fmt: skip


# ------------------------------------------------------------------ leaks

LEAKS = of(
    table("procedures", **SESSION, ct_post_done="ct"),
    table(
        "levels",
        **SESSION,
        level="razina",
        leak_venous_fluoro="ven",
        leak_any_fluoro="ikoje",
        leak_sites_ct={"column": "mjesta", "codes": {"epi": "epidural", "bez": "none"}},
        yeom="yeom",
    ),
)


def states(registry: Registry, level: str, modality: str) -> dict[str, str]:
    rows = registry.leaks[
        registry.leaks["level_id"].str.endswith(level) & (registry.leaks["modality"] == modality)
    ]
    return {str(k): str(v) for k, v in zip(rows["site"], rows["state"], strict=True)}


def test_present_absent_and_not_assessed_are_kept_apart(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        LEAKS,
        a="id;datum;ct;razina;ven;ikoje;mjesta;yeom\n"
        "1;2020-01-01;da;L1;da;ne;epi, venozno;B i S\n"
        "2;2020-01-01;da;L2;ne;;bez;\n"
        "3;2020-01-01;da;L3;nepoznato;;;\n"
        "4;2020-01-01;ne;L4;ne;;epi;B\n"
        "5;2020-01-01;da;L5;ne;;curenje u disk;none\n",
    )
    ct = states(registry, "L1", "ct")
    assert {s for s, state in ct.items() if state == "present"} == {"epidural", "venous"}
    assert ct["foraminal"] == "absent"
    assert set(states(registry, "L2", "ct").values()) == {"absent"}
    assert set(states(registry, "L3", "ct").values()) == {"not_assessed"}
    assert set(states(registry, "L4", "ct").values()) == {"not_assessed"}
    assert set(states(registry, "L5", "ct").values()) == {"not_assessed"}
    assert states(registry, "L1", "fluoro") == {"venous": "present", "any": "not_assessed"}
    assert states(registry, "L2", "fluoro") == {"venous": "absent"}
    assert states(registry, "L3", "fluoro") == {"venous": "not_assessed"}
    assert set(found(registry, "leak.without_ct")["row"]) == {5}
    assert found(registry, "leak.any_no")["row"].tolist() == [2]
    assert found(registry, "word.unknown")["row"].tolist() == [6]
    yeom = registry.levels.set_index("level")[["yeom_b", "yeom_s", "yeom_c"]].astype(object)
    assert yeom.loc["L1"].tolist() == ["yes", "yes", "no"]
    assert yeom.loc["L2"].isna().all()
    assert yeom.loc["L5"].tolist() == ["no", "no", "no"]


def test_leaks_mapped_directly_join_the_pivoted_ones(tmp_path: Path) -> None:
    found_by = {"modality": "metoda", "site": "mjesto", "state": "stanje"}
    direct = source("k", table("leaks", **SESSION, level="razina", **found_by))
    registry = read(
        tmp_path,
        LEAKS + direct,
        a="id;datum;ct;razina;ven;ikoje;mjesta;yeom\n1;2020-01-01;da;L1;da;;;\n",
        k="id;datum;razina;metoda;mjesto;stanje\n1;2020-01-01;Th12;ct;venous;present\n"
        "1;2020-01-01;L1;fluoro;venous;absent\n1;2020-01-01;L1;fluoro;remote;absent\n",
    )
    assert states(registry, "L1", "fluoro") == {"venous": "not_assessed", "remote": "absent"}
    assert len(found(registry, "conflict.rows")) == 2
    orphans = found(registry, "key.orphan")
    assert sorted(orphans["table"]) == ["leaks", "procedures"]


# ------------------------------------------------------------------ REDCap

REDCAP = source(
    "r",
    table(
        "patients",
        patient_id="record_id",
        sex={"column": "sex", "codes": {"1": "f", "2": "m"}},
        immuno_reasons={"checkbox": "immuno", "codes": {"1": "chemo", "2": "steroid"}},
    ),
    table(
        "procedures",
        where={"redcap_repeat_instrument": ["procedure"]},
        patient_id="record_id",
        procedure_id="proc_id",
        proc_date="proc_date",
        operator_id="surgeon",
    ),
    table(
        "levels",
        where={"redcap_repeat_instrument": ["level"]},
        procedure_id="level_proc_id",
        level="level",
        leak_sites_ct={"checkbox": "leak", "codes": {"1": "epidural", "2": "venous"}},
    ),
    format="redcap",
    file="r.csv",
    center={"column": "redcap_data_access_group", "codes": {"sjever": "C1"}},
)
EXPORT = (
    "record_id,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,sex,"
    "surgeon,immuno___1,immuno___2,base_complete,proc_id,proc_date,procedure_complete,"
    "level_proc_id,level,leak___1,leak___2,level_complete\n"
    "P1,,,sjever,1,x,1,1,2,,,,,,,,\n"
    "P1,procedure,1,sjever,,,,,,p1,2020-01-01,2,,,,,\n"
    "P1,level,1,sjever,,,,,,,,,p1,T12,0,1,2\n"
    "P1,level,2,sjever,,,,,,,,,p1,L1,0,0,2\n"
    "P1,level,3,sjever,,,,,,,,,p1,L2,0,0,0\n"
    "P2,,,jug,2,y,0,0,0,,,,,,,,\n"
    "P3,,,sjever,2,z,0,0,2,,,,,,,,\n"
)


def test_redcap(tmp_path: Path) -> None:
    registry = read(tmp_path, REDCAP, r=EXPORT)
    assert registry.patients["patient_id"].tolist() == ["C1/P1", "jug/P2", "C1/P3"]
    assert registry.patients["sex"].astype(str).tolist() == ["f", "m", "m"]
    assert registry.patients["immuno_reasons"].isna().tolist() == [False, True, True]
    assert registry.patients["immuno_reasons"].iloc[0] == "chemo;steroid"
    # what the record says once is carried to its repeating rows
    assert registry.procedures["operator_id"].tolist() == ["x"]
    ct = {v: states(registry, v, "ct") for v in ("T12", "L1", "L2")}
    assert (ct["T12"]["venous"], ct["T12"]["epidural"]) == ("present", "absent")
    assert set(ct["L1"].values()) == {"absent"}
    assert set(ct["L2"].values()) == {"not_assessed"}
    assert corrected(registry, "redcap.incomplete")["row"].tolist() == [6, 7]
    assert found(registry, "center.unknown")["row"].tolist() == [7]


# ------------------------------------------------------------------ mistakes in the mapping


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("idd;spol", "no such column. Did you mean 'idd'? It has: idd, spol"),
        ("id;id;spol", "two columns have this name"),
    ],
)
def test_mapped_columns_have_to_be_there_once(tmp_path: Path, header: str, words: str) -> None:
    with pytest.raises(MappingError) as caught:
        read(tmp_path, of(NAMED), a=header + "\n1;f;f\n")
    assert words in str(caught.value)
    assert str(caught.value).startswith("a.csv, column 'id': source 's', table 'patients'")


def test_case_and_spaces_of_column_names_do_not_matter_but_are_reported(tmp_path: Path) -> None:
    registry = read(tmp_path, of(NAMED), a=" ID ;x\n1;2\n")
    assert registry.patients["patient_id"].tolist() == ["A/1"]
    assert len(found(registry, "file.column_spelling")) == 1
    assert "x" in found(registry, "file.unmapped")["message"].iloc[0]


# ------------------------------------------------------------------ logs


def test_logs_hold_no_value_of_an_identifying_column(tmp_path: Path) -> None:
    secrets = ["11.12.1931", "31.02.1944", "GeheimCause", "5.5.55"]
    patients = table("patients", **PATIENT, death_cause="uzrok")
    registry = read(
        tmp_path,
        of(patients, table("procedures", **SESSION)),
        a=f"{HEADER};uzrok\n"
        + "".join(f"id{i};{s};f;;;1.1.2020.;{secrets[2]}\n" for i, s in enumerate(secrets)),
    )
    said = registry.findings["message"].str.cat(sep=" ")
    said += registry.corrections[["raw", "clean"]].to_csv()
    assert registry.corrections["field"].eq("birth_date").any()
    assert not [secret for secret in [*secrets, "1931-12-11"] if secret in said]


def test_the_same_files_give_the_same_registry(tmp_path: Path) -> None:
    first = read(tmp_path, of(PEOPLE, LEVELS), a=CONSENT)
    second = read_registry(tmp_path / "registry.toml")
    for name in (*TABLES, "corrections", "findings", "sources"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))


def test_sources_remember_what_was_read(tmp_path: Path) -> None:
    registry = read(tmp_path, of(PEOPLE), a=CONSENT)
    row = registry.sources.iloc[0]
    assert (row["file"], row["rows"], row["encoding"], row["delimiter"]) == (
        "a.csv", 5, "utf-8", ";",
    )  # fmt: skip
    assert len(row["sha256"]) == 64


def test_an_export_without_rows_gives_empty_tables_and_a_finding(tmp_path: Path) -> None:
    registry = read(tmp_path, of(PEOPLE, LEVELS), a=f"{HEADER};razine\n")
    assert all(frame.empty for frame in registry.tables.values())
    assert len(found(registry, "file.no_rows")) == 1


def test_wrong_encodings_are_reported_and_repaired_on_request(tmp_path: Path) -> None:
    smokers = table("patients", patient_id="id", smoker="pušenje")
    text = "id;pušenje\n1;pušač\n2;bivši pušač\n".encode().decode("cp1250", "replace")
    text = text.replace("puĹˇenje", "pušenje")
    registry = read(tmp_path, of(smokers), a=text)
    assert registry.patients["smoker"].isna().all()
    assert found(registry, "encoding.mojibake")["column"].tolist() == ["pušenje"]
    registry = read(tmp_path, of(smokers, repair_encoding=True), a=text)
    assert registry.patients["smoker"].astype(str).tolist() == ["current", "ex"]
    assert corrected(registry, "encoding.repaired")["row"].tolist() == [2, 3]


# ------------------------------------------------------------------ from tables


def test_from_tables_checks_but_changes_nothing() -> None:
    patients = pd.DataFrame(
        {"patient_id": ["A/1", "A/2"], "center_id": "A", "bmd_tscore": [2.8, -2.8],
         "osteoporosis_dx": "yes", "consent_research": ["yes", "no"]}
    )  # fmt: skip
    before = patients.copy()
    registry = Registry.from_tables({"patients": patients}, name="T", data_cut="2025-12-31")
    pd.testing.assert_frame_equal(patients, before)
    assert registry.patients["bmd_tscore"].tolist() == [2.8]
    assert found(registry, "tscore.sign")["key"].tolist() == ["A/1"]
    assert registry.exclusions[1].excluded_patients == 1


def test_from_tables_refuses_what_breaks_the_schema() -> None:
    with pytest.raises(UsageError, match="does not declare: shoe_size"):
        Registry.from_tables(
            {"patients": pd.DataFrame({"shoe_size": [1]})}, name="T", data_cut="2025-01-01"
        )
    twice = pd.DataFrame({"patient_id": ["1", "1"], "center_id": "A"})
    with pytest.raises(DataError, match=r"'patients' breaks its schema") as caught:
        Registry.from_tables({"patients": twice}, name="T", data_cut="2025-01-01")
    assert "multiple_fields_uniqueness" in str(caught.value) or "unique" in str(caught.value)


def test_a_year_of_birth_that_cannot_be_is_a_finding_and_no_error(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        of(PEOPLE),
        a=f"{HEADER}\n1;2022;f;;;1.1.2023.\n2;1950;f;;;1.1.2023.\n",
    )
    assert registry.patients["birth_year"].isna().tolist() == [True, False]
    assert found(registry, "range.hard")["row"].tolist() == [2]


def test_an_order_of_dates_is_reported_only_for_dates_that_stay(tmp_path: Path) -> None:
    registry = read(
        tmp_path,
        of(PEOPLE),
        a=f"{HEADER}\n1;05/08/1950;f;ne;;1.1.2023.\n2;2.3.1950.;f;;;1.1.2023.\n",
    )
    said = found(registry, "date.order")
    assert set(said["column"]) == {"rodjen", "datum"}
    assert set(said["row"]) == {3}


DIALECTS = {
    "american": (
        "id,rodjen,spol,pristanak,odustao,datum,razine,crp\n"
        '1,2/28/1950,Female,Yes,,8/25/2023,"T12, L1","1,234.5"\n'
        "2,12/1/1948,M,Y,,1/2/2023 9:30 AM,T8,3.4\n",
        "utf-8",
        ["1950-02-28", "1948-12-01"],
        ["2023-08-25", "2023-01-02"],
        ["T12", "L1", "T8"],
        [None, 3.4],  # 1234.5 mg/L cannot be
    ),
    "italian": (
        f"{HEADER};razine;crp\n"
        "1;28/02/1950;femmina;sì;;25/08/2023;D12 e L1;1.034,5\n"
        "2;01/12/1948;maschio;sì;;02/01/2023;D8;< 3,4\n",
        "cp1252",
        ["1950-02-28", "1948-12-01"],
        ["2023-08-25", "2023-01-02"],
        ["T12", "L1", "T8"],
        [None, 3.4],
    ),
    "french, utf-16": (
        "id\trodjen\tspol\tpristanak\todustao\tdatum\trazine\tcrp\n"
        "1\t28.02.50\tfemme\toui\t\t25 août 2023\tT12-L1\t12 mg/l\n"
        "2\t1948\thomme\toui\t\t02 janv. 2023\tT8\tnon fait\n",
        "utf-16",
        ["1950-02-28", None],
        ["2023-08-25", "2023-01-02"],
        ["T12", "L1", "T8"],
        [12.0, None],
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_dialects_that_no_mapping_describes(tmp_path: Path, name: str) -> None:
    text, encoding, births, days, levels, crps = DIALECTS[name]
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    sessions = table("procedures", **SESSION, crp_mg_l="crp")
    registry = read(tmp_path, of(table("patients", **PATIENT), sessions, LEVELS))
    read_births = registry.patients["birth_date"].astype("string").str[:10]
    assert [None if pd.isna(b) else b for b in read_births] == births
    assert registry.patients["sex"].astype(str).tolist() == ["f", "m"]
    assert registry.procedures["proc_date"].astype("string").str[:10].tolist() == days
    assert registry.levels["level"].astype(str).tolist() == levels
    crp = registry.procedures["crp_mg_l"]
    assert [None if pd.isna(v) else v for v in crp] == crps


def test_columns_that_are_not_mapped_are_named_with_their_files(tmp_path: Path) -> None:
    toml = of(PEOPLE, file=[f"{name}.csv" for name in "abcde"])
    row = "{};;f;;;2020-01-01"
    files = {n: f"{HEADER};note\n{row.format(n)};secret{n}\n" for n in "abce"}
    files["d"] = f"{HEADER};Opaska\n{row.format('d')};secret4\n"
    said = found(read(tmp_path, toml, **files), "file.unmapped")
    assert dict(zip(said["file"], said["message"], strict=True)) == {
        "a.csv": "1 column is not mapped: note (in a.csv, b.csv, c.csv and 1 more).",
        "d.csv": "1 column is not mapped: Opaska (in d.csv).",
    }


def test_many_columns_that_are_not_mapped_are_counted(tmp_path: Path) -> None:
    names = [f"extra{i}" for i in range(70)]
    text = (
        f"id;datum;spol;rodjen;pristanak;odustao;{';'.join(names)}\n1;2020-01-01;f;;;" + ";1" * 71
    )
    (said,) = found(read(tmp_path, of(PEOPLE), a=text + "\n"), "file.unmapped")["message"]
    assert said.startswith("70 columns are not mapped: extra0, ")
    assert said.endswith("extra59 and 10 more.")


# ------------------------------------------------------------------ in a notebook


def test_a_notebook_shows_counts_and_nobody(tmp_path: Path) -> None:
    toml = source("secret", PEOPLE, LEVELS, file="a.csv", center="<b>North</b>")
    text = f"{HEADER};razine\n007001;3.4.1951.;f;;;25.08.2023.;T99\n"
    registry = read(tmp_path, toml, a=text)
    shown = replace(registry, name="<script>x</script>")._repr_html_()
    assert "&lt;script&gt;x&lt;/script&gt;" in shown
    assert "&lt;b&gt;North&lt;/b&gt;" in shown
    assert "<script>" not in shown
    assert "<b>North" not in shown
    for value in ("007001", "1951", "2023-08", "T99"):
        assert value not in shown
    for name in TABLES:
        assert f"<th>{name}</th>" in shown
    errors = int((registry.findings["severity"] == "error").sum())
    assert errors == 1
    assert f"findings: {errors} errors, " in shown
    assert f"corrections: {len(registry.corrections)}<" in shown


def test_a_notebook_shows_an_empty_registry_and_many_centers() -> None:
    nothing = {name: table.empty() for name, table in TABLES.items()}
    registry = Registry.from_tables(nothing, name="Empty", data_cut="2025-12-31")
    assert "findings: 0 errors, 0 warnings, 0 notes" in registry._repr_html_()
    names = [f"C{i:03d}" for i in range(200)]
    people = pd.DataFrame({"patient_id": [f"{n}/1" for n in names], "center_id": names})
    many = Registry.from_tables({"patients": people}, name="Many", data_cut="2025-12-31")
    assert "and 170 more centers" in many._repr_html_()
    assert "C199" not in many._repr_html_()
