"""Drafts of mappings, piece by piece: headers, cells, doubts, keys, files that are none."""

from __future__ import annotations

import datetime as dt
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from vpstats.drafting import MappingDraft, Proposal, draft_mapping
from vpstats.drafting.headers import hints, read_header
from vpstats.drafting.heads import find_header
from vpstats.drafting.likeness import ABBREVIATED, NAMED, likeness
from vpstats.drafting.matching import WORTH_SAYING
from vpstats.drafting.names import quantity
from vpstats.errors import DataError, UsageError, VpstatsError
from vpstats.registry.fields import allowed_fields, field_column
from vpstats.registry.mapping import parse_mapping
from vpstats.registry.read import read_registry
from vpstats.registry.typical import BANDS, possible_units
from vpstats.schema_tables import TABLES

UNITS = {f: quantity(field_column(t, f)) for t in TABLES for f in allowed_fields(t)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(n: int = 30, **columns: Any) -> str:
    """A CSV with a patient and a day in each row, and columns given by a function of the row."""
    given: dict[str, Callable[[int], object]] = {
        "patient_id": lambda i: f"P{i:03d}",
        "proc_date": lambda i: dt.date(2022, 1, 1) + dt.timedelta(days=i),
        **columns,
    }
    lines = [";".join(given)]
    lines += [";".join(str(cell(i)) for cell in given.values()) for i in range(n)]
    return "\n".join(lines) + "\n"


def draft_of(text: str, name: str = "export.csv") -> MappingDraft:
    Path(name).write_text(text, "utf-8")
    return draft_mapping([name], center="C1", data_cut=dt.date(2024, 1, 1))


def proposal(draft: MappingDraft, column: str) -> Proposal | None:
    found = [p for p in draft.proposals if column in p.columns and p.table in ("", *TABLES)]
    return found[0] if found else None


# ------------------------------------------------------------------ headers


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ("Hosp No|Hosp. Number|Pt ID|Pt. No.|pt_no|ptid|MRN|No. pt|NHS no", "patient_id"),
        ("Mat. br.|Br. pacijenta|Pat. Nr|Patientennr.|Cod. paz.|Nº HC|N. dossier", "patient_id"),
        ("Date of op|Op date|OP-Dat|Surg date|Date proc.|dateofop|Procedure Dt", "proc_date"),
        ("dat.op.|Dat. zahvata|zahvat datum|Data interv.|Intervención fecha", "proc_date"),
        ("DOB (dd/mm/yyyy)|Dt of birth|Geb.dat.|Dat. rođ.|F. nac.|Date naiss.", "birth_date"),
        ("Date infection|Infection date|Infekt. Datum|Infektionsdatum", "event_date"),
        ("Dat. infekcije|Infezione data|Infección fecha", "event_date"),
        ("Cem vol (ml)|Vol cement|Kol. cementa|Vol. cemento|Vol ciment", "cement_ml"),
        ("F/U date|FU dt|Follow-up dt", "visit_date"),
        ("Last FU|Date last f/u|Dt last contact", "last_contact_date"),
        ("Fx date|Date of fx|Dat. prijeloma", "fracture_date"),
        ("Lvl|Lvls|Level(s)", "level"),
        ("Hgt|Ht (cm)", "height_cm"),
    ],
)
def test_abbreviations_and_words_in_any_order_are_names(headers: str, field: str) -> None:
    found = {h: likeness(read_header(h), UNITS).get(field) for h in headers.split("|")}
    weak = {h: f for h, f in found.items() if f is None or f.score < NAMED}
    assert not weak


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Diab", "diabetes"),
        ("Oper.", "operator_id"),
        ("Datum inf.", "event_date"),
        ("zementvol", "cement_ml"),
        ("Vert.", "level"),
        ("Indic.", "indication"),
        ("dateoffu", "visit_date"),
    ],
)
def test_an_abbreviation_that_may_stand_for_something_else_is_doubtful(
    header: str, field: str
) -> None:
    like = likeness(read_header(header), UNITS)[field]
    assert WORTH_SAYING < like.score < NAMED


@pytest.mark.parametrize("header", ["Site", "Notes", "Weather", "Hospital", "Dr", "x"])
def test_a_word_is_no_abbreviation_of_another(header: str) -> None:
    assert ABBREVIATED not in {f.score for f in likeness(read_header(header), UNITS).values()}


def test_a_name_is_proposed_for_nothing(here: Path) -> None:
    headers = ("Name", "Pt name", "Patient's Name", "Nom", "Ime", "Name des Patienten")
    text = rows(**{h: lambda i: f"Horvat{i}" for h in headers})
    draft = draft_of(text)
    assert not [h for h in headers if proposal(draft, h) is not None]
    for header in headers:
        assert f"{header}: names a person" in draft.toml
    assert "Horvat" not in draft.toml


def test_a_newcomers_export_is_drafted_with_its_keys(here: Path) -> None:
    text = rows(
        **{
            "Sex": lambda i: "MF"[i % 2],
            "DOB": lambda i: f"{1 + i % 28:02d}/03/19{30 + i}",
            "Level": lambda i: ["T12", "L1"][i % 2],
            "Cem vol (ml)": lambda i: 3 + i % 4,
        }
    ).replace("patient_id;proc_date", "Hosp No;Date of op", 1)
    draft = draft_of(text)
    sure = {p.field for p in draft.proposals if p.certain}
    assert sure >= {"patient_id", "proc_date", "sex", "birth_date", "level", "cement_ml"}


# ------------------------------------------------------------------ events beside sessions


WIDE = {
    "Infection (y/n)": lambda i: "yes" if i % 6 == 0 else "no",
    "Date infection": lambda i: f"2022-12-{1 + i % 28:02d}" if i % 6 == 0 else "",
    "Sex": lambda i: "MF"[i % 2],
    "Level": lambda i: "L1",
    "PCE": lambda i: i % 2,
}


def test_a_yes_in_the_row_of_a_session_is_proposed_as_an_event(here: Path) -> None:
    draft = draft_of(rows(**WIDE))
    of_events = [p for p in draft.proposals if p.table == "events"]
    assert {(p.field, p.columns[0], p.certain) for p in of_events} == {
        ("event_type", "Infection (y/n)", False),
        ("event_date", "Date infection", False),
        ("event_type", "PCE", False),
    }
    assert 'where = { "Infection (y/n)" = ["yes"] }' in draft.toml
    # as it stands nothing of it is read; what a person confirms is read as it is written
    Path("registry.toml").write_text(draft.toml, "utf-8")
    assert len(read_registry(".").events) == 0
    Path("registry.toml").write_text(draft.toml.replace("confirmed = false\n", ""), "utf-8")
    events = read_registry(".").events
    assert events["event_type"].value_counts().loc[["infection", "pce"]].tolist() == [5, 15]
    assert events.loc[events["event_type"] == "infection", "event_date"].notna().all()
    assert events["event_id"].is_unique
    assert events["procedure_id"].notna().all()


def test_events_are_not_proposed_twice_or_without_a_yes(here: Path) -> None:
    Path("in").mkdir()
    Path("in/sessions.csv").write_text(rows(**WIDE), "utf-8")
    events = rows(event_type=lambda i: "infection", organism=lambda i: "S. aureus")
    Path("in/events.csv").write_text(events.replace("proc_date", "event_date"), "utf-8")
    both = draft_mapping(["in"], center="C1", data_cut=dt.date(2024, 1, 1))
    assert both.toml.count('name = "events"') == 2, "the source and its one table"
    never = WIDE | dict.fromkeys(("Infection (y/n)", "PCE"), lambda i: "no")
    never["Date infection"] = lambda i: ""
    assert 'name = "events"' not in draft_of(rows(**never)).toml


# ------------------------------------------------------------------ headers in full


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Datum rođenja", "birth_date"),
        ("GEB.-DATUM", "birth_date"),
        ("Fecha de nacimiento", "birth_date"),
        ("spol (m/ž)", "sex"),
        ("Körpergröße [cm]", "height_cm"),
        ("Zementmenge in ml", "cement_ml"),
        ("opDatum", "proc_date"),
        ("Date de l'intervention", "proc_date"),
        ("Durata (min)", "duration_min"),
        ("Gubitak visine (%)", "height_loss_pct"),
        ("VES", "esr_mm_h"),
        ("leak disc sup CT", "leak_disc_sup_ct"),
        ("Diabetes (ja/nein)", "diabetes"),
    ],
)
def test_names_in_six_languages(header: str, field: str) -> None:
    found = likeness(read_header(header), UNITS)
    best = max(found, key=lambda name: found[name].score)
    assert (best, found[best].score >= NAMED) == (field, True)


@pytest.mark.parametrize(
    ("header", "unit"),
    [("CRP (mg/dL)", "mg/dL"), ("crp_mg_l", "mg/l"), ("CRP [mg/L]", "mg/L"), ("CRP", "")],
)
def test_the_unit_of_a_header(header: str, unit: str) -> None:
    assert likeness(read_header(header), UNITS)["crp_mg_l"].unit == unit


@pytest.mark.parametrize(
    "header", ["CRP nach OP", "VAS 6 mj", "Kontrolldatum CRP 2", "leak volume"]
)
def test_a_header_with_more_to_say_is_no_name(header: str) -> None:
    assert all(like.score < NAMED for like in likeness(read_header(header), UNITS).values())


def test_every_field_is_a_name_of_itself() -> None:
    for field in UNITS:
        assert likeness(read_header(field), UNITS)[field].score == 1.0


def test_words_of_files_say_what_their_rows_are() -> None:
    words = {"visits": ["kontrole", "follow up"], "events": ["komplikacije"]}
    assert hints("2024_Kontrole.csv", words) == {"visits"}
    assert hints("cases.csv", words) == set()


# ------------------------------------------------------------------ where the names stand


def test_a_header_below_titles_and_over_two_rows() -> None:
    title = [["Registry 2024"], [""], ["id", "sex", "date"], ["1", "f", "2022-01-01"]]
    assert find_header(title, "a") == (3, 1)
    groups = [["id", "Lab", "", ""], ["", "CRP", "WBC", "ESR"], ["1", "5", "7", "20"]]
    assert find_header(groups, "a") == (1, 2)


@pytest.mark.parametrize(
    "text",
    ["00123;1948;14.03.2023.;Th12;4,5\n00124;1950;15.03.2023.;L1;4,0\n", "1;2;3\n4;5;6\n"],
)
def test_a_file_without_names_is_refused_and_none_of_its_values_shown(
    here: Path, text: str
) -> None:
    with pytest.raises(DataError, match="no row of column names") as caught:
        draft_of(text)
    assert "00123" not in str(caught.value)


# ------------------------------------------------------------------ misleading headers


@pytest.mark.parametrize(
    ("header", "cells", "wrong"),
    [
        ("CRP", lambda i: dt.date(2021, 12, 1) + dt.timedelta(days=i), "crp_mg_l"),
        ("CRP", lambda i: f"{0.2 + i / 20:.2f}", "crp_mg_l"),
        ("CRP", lambda i: 3 + i % 2 / 5, "crp_mg_l"),
        ("level", lambda i: 3.1 + i / 10, "level"),
        ("level", lambda i: i % 4, "level"),
        ("leak CT", lambda i: ("0", "0", "1.5", "0", "2.25")[i % 5], "leak_any_ct"),
        ("age", lambda i: 800 + 5 * i, "age_at_proc"),
        ("age", lambda i: f"{60 + i}–{70 + i}", "age_at_proc"),
        ("sex", lambda i: 1 + i % 2, "sex"),
        ("status", lambda i: ("married", "single")[i % 2], "status"),
        ("diabetes", lambda i: 1 + i % 2, "diabetes"),
        ("diabetes", lambda i: 5.0 + i / 10, "diabetes"),
        ("birth date", lambda i: dt.date(2022, 1, 1) + dt.timedelta(days=i), "birth_date"),
        ("height", lambda i: 20 + i, "height_cm"),
        ("T-score", lambda i: f"0.{600 + i}", "bmd_tscore"),
        ("T-score", lambda i: f"2.{i % 10}", "bmd_tscore"),
        ("technique", lambda i: 1 + i % 3, "technique"),
        ("smoker", lambda i: ("yes", "no")[i % 2], "smoker"),
        ("fluoroscopy time", lambda i: ("low", "high")[i % 2], "fluoro_min"),
        ("dose", lambda i: 2000 + 100 * i, "dose_gy_cm2"),
        ("height loss", lambda i: ("mild", "severe")[i % 2], "height_loss_pct"),
        ("session id", lambda i: i % 6, "procedure_id"),
        ("CRP before", lambda i: "", "crp_mg_l"),
        ("duration", lambda i: 20 + i % 9, "duration_min"),
        ("dose", lambda i: 2 + i % 9, "dose_gy_cm2"),
        ("prior fractures", lambda i: i % 2, "prior_vfx_n"),
    ],
)
def test_a_misleading_header_ends_in_doubt(
    here: Path, header: str, cells: Callable[[int], object], wrong: str
) -> None:
    draft = draft_of(rows(**{header: cells}))
    found = [p for p in draft.proposals if header in p.columns]
    assert not any(p.certain for p in found), [(p.field, p.score) for p in found]
    (Path("registry.toml")).write_text(draft.toml, "utf-8")
    registry = read_registry("registry.toml")
    for table in registry.tables.values():
        if wrong in table and wrong != "procedure_id":
            assert table[wrong].isna().all()


@pytest.mark.parametrize(
    ("header", "cells", "field", "unit"),
    [
        ("CRP (mg/dL)", lambda i: 0.3 + i / 20, "crp_mg_l", "mg/dL"),
        ("CRP", lambda i: 5 + i, "crp_mg_l", None),
        ("height", lambda i: 1.55 + i / 200, "height_cm", "m"),
        ("WBC", lambda i: 5000 + 100 * i, "wbc_10e9_l", "/µL"),
        ("age", lambda i: 60 + i % 25, "age_at_proc", None),
        ("fluoroscopy time (s)", lambda i: 240 + i, "fluoro_min", "s"),
    ],
)
def test_units_of_which_there_is_no_doubt(
    here: Path, header: str, cells: Callable[[int], object], field: str, unit: str | None
) -> None:
    draft = draft_of(rows(**{header: cells}))
    table = parse_mapping(tomllib.loads(draft.toml)).sources[0].tables
    mapped = next(t.columns[field] for t in table if field in t.columns)
    assert (mapped.confirmed, mapped.unit) == (True, unit)


def test_the_taller_sex_is_proposed_to_be_men_and_not_applied(here: Path) -> None:
    text = rows(sex=lambda i: 1 + i % 2, height=lambda i: 172 + i % 4 if i % 2 else 158 + i % 4)
    draft = draft_of(text)
    (found,) = (p for p in draft.proposals if p.field == "sex")
    assert not found.certain
    assert 'codes = { "2" = "m", "1" = "f" }, confirmed = false' in draft.toml
    assert "taller" in found.doubt


def test_a_date_whose_order_nothing_proves_is_said(here: Path) -> None:
    text = rows(n=11, proc_date=lambda i: f"{1 + i:02d}/{11 - i or 12:02d}/2023")
    draft = draft_of(text)
    assert "day or month first? Nothing proves it" in draft.toml


def test_two_columns_that_fit_alike_are_both_doubtful(here: Path) -> None:
    draft = draft_of(rows(cement=lambda i: 2 + i % 5, zement=lambda i: 3 + i % 4,
                          level=lambda i: f"L{1 + i % 4}"))  # fmt: skip
    assert not any(p.certain for p in draft.proposals if p.field == "cement_ml")


def test_codes_that_nobody_knows_are_listed_for_translation(here: Path) -> None:
    words = ("ispiranje", "debridmann", "hiperbarična")
    text = rows(event=lambda i: "infection", treatment=lambda i: words[i % 3])
    text = text.replace("proc_date", "event_date", 1)
    draft = draft_of(text, "complications.csv")
    assert '"debridmann" = "debridement"' in draft.toml
    assert "not understood: hiperbarična (10), ispiranje (10)" in draft.toml
    assert "as one of: antibiotic, debridement, stabilisation" in draft.toml


def test_rare_spellings_and_names_of_persons_are_not_shown(here: Path) -> None:
    text = rows(status=lambda i: "alive" if i else "Ivan Horvat", ime=lambda i: f"Ana{i}")
    draft = draft_of(text)
    assert "Horvat" not in draft.toml
    assert "Ana" not in draft.toml
    assert "ime: names a person; it has no place in a registry" in draft.toml


def test_a_list_of_vertebrae_in_doubt_makes_no_rows(here: Path) -> None:
    draft = draft_of(rows(**{"area of interest": lambda i: "L1, L2", "level x": lambda i: i}))
    found = [p for p in draft.proposals if p.field == "level"]
    assert found
    assert not any(p.certain for p in draft.proposals if p.table == "levels")
    (here / "registry.toml").write_text(draft.toml, "utf-8")
    assert len(read_registry(here).levels) == 0


def test_a_column_of_another_table_is_said_to_be_one(here: Path) -> None:
    draft = draft_of(rows(sex=lambda i: "fm"[i % 2], complication=lambda i: "PE" if i % 5 else "",
                          pain=lambda i: i % 9))  # fmt: skip
    assert "complication: text; the name of events.event_type" in draft.toml
    assert "pain: numbers; the name of visits.vas_0_10" in draft.toml


def test_names_that_two_columns_have_cannot_be_mapped(here: Path) -> None:
    text = rows(CRP=lambda i: 5 + i)
    text = "\n".join(f"{line};{line.split(';')[-1]}" for line in text.splitlines()) + "\n"
    draft = draft_of(text)
    assert proposal(draft, "CRP") is None
    assert "CRP: two columns have this name; rename one" in draft.toml


# ------------------------------------------------------------------ keys and tables


def test_sessions_are_found_by_their_names_in_other_files(here: Path) -> None:
    acts = rows(session_id=lambda i: f"S-{i:04d}", sex=lambda i: "fm"[i % 2])
    (here / "in").mkdir()
    (here / "in" / "acts.csv").write_text(acts, "utf-8")
    lines = ["act;vertebra"] + [f"S-{i:04d};L{1 + i % 5}" for i in range(30)]
    text = "\n".join(lines).replace("act;", "number of the session;") + "\n"
    (here / "in" / "bones.csv").write_text(text, "utf-8")
    draft = draft_mapping(["in"], center="C1", data_cut=dt.date(2024, 1, 1))
    (found,) = (p for p in draft.proposals if "number of the session" in p.columns)
    assert (found.table, found.field, found.certain) == ("levels", "procedure_id", True)
    (here / "registry.toml").write_text(draft.toml, "utf-8")
    assert len(read_registry(here).levels) == 30


def test_running_numbers_are_no_names_of_sessions(here: Path) -> None:
    (here / "in").mkdir()
    acts = rows(session_id=lambda i: 1 + i, sex=lambda i: "fm"[i % 2])
    (here / "in" / "acts.csv").write_text(acts, "utf-8")
    lines = ["patient_id;number of the session;vertebra"]
    lines += [f"P{i:03d};{1 + i % 6};L{1 + i % 5}" for i in range(30)]
    (here / "in" / "bones.csv").write_text("\n".join(lines) + "\n", "utf-8")
    draft = draft_mapping(["in"], center="C1", data_cut=dt.date(2024, 1, 1))
    assert not any(p.certain for p in draft.proposals if "number of the session" in p.columns)


def test_patients_of_another_file_who_are_nobody_here_are_doubted(here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "acts.csv").write_text(rows(sex=lambda i: "fm"[i % 2]), "utf-8")
    lines = ["patient_id;visit_date;VAS"]
    lines += [f"X{i};2023-05-{1 + i % 28:02d};{i % 10}" for i in range(30)]
    (here / "in" / "visits.csv").write_text("\n".join(lines) + "\n", "utf-8")
    draft = draft_mapping(["in"], center="C1", data_cut=dt.date(2024, 1, 1))
    (found,) = (p for p in draft.proposals if p.table == "visits" and p.field == "patient_id")
    assert "only 0% of its cells" in found.doubt


def test_a_center_that_only_one_file_names_is_doubted(here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "acts.csv").write_text(rows(clinic=lambda i: "AB"[i % 2]), "utf-8")
    lines = ["patient_id;visit_date;VAS"]
    lines += [f"P{i:03d};2023-05-{1 + i % 28:02d};{i % 10}" for i in range(30)]
    (here / "in" / "visits.csv").write_text("\n".join(lines) + "\n", "utf-8")
    draft = draft_mapping(["in"])
    assert not any(p.certain for p in draft.proposals)
    assert "Only acts says where its rows come from, by 'clinic'" in draft.toml


def test_files_of_one_layout_are_one_source(here: Path) -> None:
    with zipfile.ZipFile("both.zip", "w") as archive:
        archive.writestr("A_acts.csv", rows(sex=lambda i: "fm"[i % 2]))
        archive.writestr("B_acts.csv", rows(sex=lambda i: "fm"[i % 2]))
        archive.writestr("readme.pdf", b"%PDF")
    draft = draft_mapping(["both.zip"], center="C1", data_cut=dt.date(2024, 1, 1))
    (source,) = parse_mapping(tomllib.loads(draft.toml)).sources
    assert (source.name, source.member) == ("acts", ("A_acts.csv", "B_acts.csv"))
    assert "Not read: both.zip:readme.pdf, which is of no format that is known" in draft.toml


# ------------------------------------------------------------------ files that are none


def write_workbook(path: Path, cells: dict[str, object]) -> None:
    book = openpyxl.Workbook()
    for place, value in cells.items():
        book.active[place] = value
    book.save(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b" \n\n", "empty"),
        ("a.csv", bytes(range(256)) * 40, "binary"),
        ("a.csv", b"PK\x03\x04...", "Excel workbook"),
        ("a.csv", b"farbe;form\nrot;rund\n", "no table of the registry"),
        ("a.xlsx", b"not a workbook", "no readable Excel"),
        ("a.zip", b"PK", "no readable zip"),
        ("a.sav", b"$FL2", "SPSS"),
        ("a.docx", b"PK", "of no format that is known"),
    ],
)
def test_what_is_no_export_says_so(here: Path, name: str, content: bytes, words: str) -> None:
    (here / name).write_bytes(content)
    with pytest.raises(VpstatsError, match=words):
        draft_mapping([name])


def test_a_file_that_is_not_there(here: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        draft_mapping(["a.csv"])
    with pytest.raises(UsageError, match="name an export"):
        draft_mapping([])


def test_a_sheet_of_a_million_columns_is_refused(here: Path) -> None:
    write_workbook(here / "plain.xlsx", {"A1": "patient_id"})
    with zipfile.ZipFile("plain.xlsx") as plain, zipfile.ZipFile("a.xlsx", "w") as wide:
        for item in plain.namelist():
            content = plain.read(item)
            if item.endswith("sheet1.xml"):
                row = b"<row r='1'>" + b"<c/>" * 1_000_000 + b"</row></sheetData>"
                content = content.replace(b"</sheetData>", row)
            wide.writestr(item, content, zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match=r"columns|packed"):
        draft_mapping(["a.xlsx"])


def test_too_many_columns_for_a_draft(here: Path) -> None:
    words = ["".join(chr(97 + int(d)) * 2 for d in str(i)) for i in range(10_000, 13_001)]
    head = ["patient_id", "proc_date", *words]
    (here / "a.csv").write_text(";".join(head) + "\n" + ";".join("1" for _ in head) + "\n", "utf-8")
    with pytest.raises(DataError, match="columns"):
        draft_mapping(["a.csv"])


@pytest.mark.parametrize("cells", [0, 5], ids=["header only", "cells empty"])
def test_columns_without_a_cell_are_doubtful_all(here: Path, cells: int) -> None:
    text = "patient_id;proc_date;CRP\n" + "P1;2022-01-05;\n" * cells
    draft = draft_of(text if cells else "patient_id;proc_date;CRP\n")
    found = proposal(draft, "CRP")
    assert found is not None
    assert not found.certain
    assert found.doubt == "no cell says what it is"


# ------------------------------------------------------------------ units by the middle


def test_bands_lie_within_what_is_possible_and_belong_to_fields() -> None:
    for name, (low, high) in BANDS.items():
        column = next(t[name] for t in TABLES.values() if name in t)
        assert low < high
        assert column.hard is None or column.hard[0] <= low < high <= column.hard[1]


def test_a_middle_within_its_band_may_be_in_the_unit_of_the_schema() -> None:
    for name, (low, high) in BANDS.items():
        column = next(t[name] for t in TABLES.values() if name in t)
        for value in (low, (low + high) / 2, high):
            assert column.unit in possible_units(column, value)


# ------------------------------------------------------------------ other sources


DICTIONARY = (
    "Variable / Field Name,Form Name,Field Type,Field Label,"
    '"Choices, Calculations, OR Slider Labels"\n'
    "record_id,base,text,Record ID,\n"
    'sex,base,radio,Sex,"1, Female | 2, Male"\n'
    'immuno,base,checkbox,Reason for immunosuppression,"1, Chemo | 2, Steroid"\n'
    "vas,visit,text,VAS,\n"
    "visit_date,visit,text,Visit date,\n"
)


def test_events_of_a_project_that_fill_the_same_columns_are_read_together(here: Path) -> None:
    head = "record_id,redcap_event_name,redcap_data_access_group,sex,immuno___1,immuno___2,"
    lines = [head + "base_complete,vas,visit_date,visit_complete"]
    for i in range(12):
        lines.append(f"{i},base_arm_1,north,{1 + i % 2},{i % 2},0,2,,,")
        lines += [f"{i},{e}_arm_1,north,,,,,{i % 10},2023-0{m}-15,2"
                  for e, m in (("month3", 4), ("month6", 7))]  # fmt: skip
    (here / "export.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (here / "dictionary.csv").write_text(DICTIONARY, "utf-8")
    draft = draft_mapping(["export.csv", "dictionary.csv"], data_cut=dt.date(2024, 1, 1))
    tables = {t.name: t for s in parse_mapping(tomllib.loads(draft.toml)).sources for t in s.tables}
    assert tables["visits"].where == {"redcap_event_name": ("month3_arm_1", "month6_arm_1")}
    assert tables["patients"].columns["sex"].codes == {"1": "f", "2": "m"}
    assert tables["patients"].columns["immuno_reasons"].checkbox == "immuno"
    (here / "registry.toml").write_text(draft.toml, "utf-8")
    registry = read_registry(here)
    assert (len(registry.patients), len(registry.visits)) == (12, 24)
    assert registry.patients["sex"].tolist() == ["f", "m"] * 6
    assert registry.patients["immuno_reasons"].fillna("").tolist() == ["", "chemo"] * 6


def test_sheets_of_a_workbook_are_sources_of_their_own(here: Path) -> None:
    book = openpyxl.Workbook()
    people, notes = book.active, book.create_sheet("Kontrole")
    people.title = "Pacijenti"
    people.append(["MBO", "Spol", "Datum zahvata"])
    notes.append(["MBO", "Datum kontrole", "VAS"])
    for i in range(10):
        people.append([f"{i:04d}", "Žm"[i % 2], dt.date(2022, 3, 1 + i)])
        notes.append([f"{i:04d}", dt.date(2022, 9, 1 + i), i])
    hidden = book.create_sheet("Stari")
    hidden.append(["MBO", "Spol"])
    hidden.sheet_state = "hidden"
    book.save("registar.xlsx")
    draft = draft_mapping(["registar.xlsx"], center="A", data_cut=dt.date(2024, 1, 1))
    sources = parse_mapping(tomllib.loads(draft.toml)).sources
    assert [s.sheet for s in sources] == [("Pacijenti",), ("Kontrole",)]
    assert all(p.certain for p in draft.proposals), [p for p in draft.proposals if not p.certain]


def test_a_draft_in_another_folder_names_files_and_databases_from_there(here: Path) -> None:
    import sqlite3

    base = sqlite3.connect("r.db")
    base.execute("create table bolesnici (mbo text primary key, spol text)")
    base.executemany(
        "insert into bolesnici values (?, ?)", [(f"{i}", "žm"[i % 2]) for i in range(9)]
    )
    base.commit()
    base.close()
    draft = draft_mapping(["sqlite:///r.db"], folder="my/study", center="A")
    (source,) = parse_mapping(tomllib.loads(draft.toml)).sources
    assert (source.url, source.from_table) == ("sqlite:///../../r.db", "bolesnici")
    (here / "my" / "study").mkdir(parents=True)
    (here / "my" / "study" / "registry.toml").write_text(draft.toml, "utf-8")
    assert len(read_registry(here / "my" / "study").patients) == 9


def test_what_a_database_or_a_project_lacks_is_said(here: Path) -> None:
    with pytest.raises(VpstatsError, match="not there"):
        draft_mapping(["sqlite:///nowhere.db"])
    with pytest.raises(VpstatsError, match="password"):
        draft_mapping(["postgresql://me:secret@db/x"])
    with pytest.raises(UsageError, match="--token-env"):
        draft_mapping(["https://redcap.example.org/api/"])
    assert here.exists()


# ------------------------------------------------------------------ what hospitals really write


def test_columns_of_vertebrae_that_are_ticked(here: Path) -> None:
    ticks = {v: (lambda i, k=k: "x" if i % 4 == k else "") for k, v in enumerate(("D11", "D12"))}
    text = rows(**ticks, L1=lambda i: "X" if i % 4 > 1 else "", L2=lambda i: "")
    draft = draft_of(text)
    assert 'ticked = { "D11" = "T11", "D12" = "T12", "L1" = "L1", "L2" = "L2" }' in draft.toml
    found = proposal(draft, "D12")
    assert found is not None
    assert (found.field, found.certain) == ("level", True)


def test_vertebrae_whose_columns_hold_measurements_are_no_ticks(here: Path) -> None:
    text = rows(L1=lambda i: 80 + i, L2=lambda i: 90 + i, L3=lambda i: 100 + i)
    assert "ticked" not in draft_of(text).toml


def test_a_column_of_units_goes_with_its_quantity(here: Path) -> None:
    text = rows(crp=lambda i: 3 + i % 5, **{"crp unit": lambda i: ["mg/L", "mg/dl"][i % 2]})
    assert 'crp_mg_l = { column = "crp", unit_column = "crp unit" }' in draft_of(text).toml
    other = rows(crp=lambda i: 3 + i % 5, **{"crp unit": lambda i: ["mg/L", "fine"][i % 2]})
    assert "unit_column" not in draft_of(other).toml


def test_codes_that_a_header_explains(here: Path) -> None:
    draft = draft_of(rows(**{"Sex (1=F 2=M)": lambda i: 1 + i % 2}))
    assert 'codes = { "1" = "f", "2" = "m" }' in draft.toml
    found = proposal(draft, "Sex (1=F 2=M)")
    assert found is not None
    assert found.certain


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Istjecanje (CT)", "leak_sites_ct"),
        ("Fuga (TC)", "leak_sites_ct"),
        ("Leak (fluoroscopy)", "leak_sites_fluoro"),
    ],
)
def test_a_modality_in_brackets_is_part_of_the_name(here: Path, header: str, field: str) -> None:
    text = rows(level=lambda i: f"L{1 + i % 4}", **{header: lambda i: ["none", "epidural"][i % 2]})
    found = proposal(draft_of(text), header)
    assert found is not None
    assert found.field == field


def test_a_leak_without_a_modality_asks_for_it(here: Path) -> None:
    text = rows(level=lambda i: f"L{1 + i % 4}", Extravasation=lambda i: ["none", "venous"][i % 2])
    found = proposal(draft_of(text), "Extravasation")
    assert found is not None
    assert not found.certain
    assert "CT or on fluoroscopy" in found.doubt


def test_words_that_say_when_are_no_likeness(here: Path) -> None:
    draft = draft_of(rows(**{"VAS preop": lambda i: i % 10}))
    assert proposal(draft, "VAS preop") is None


def test_lists_of_an_exploded_column_are_understood(here: Path) -> None:
    text = rows(levels=lambda i: "T12-L2" if i % 2 else "L1, L2")
    assert "not understood" not in draft_of(text).toml


def test_the_cells_alone_can_propose_a_list_of_codes(here: Path) -> None:
    text = rows(xyz=lambda i: ["vertebroplasty", "kyphoplasty"][i % 2])
    found = proposal(draft_of(text), "xyz")
    assert found is not None
    assert (found.field, found.certain) == ("technique", False)


def test_columns_in_a_language_that_nobody_here_knows_are_named(here: Path) -> None:
    text = "Numer choroby;Dzien zabiegu;Poziom\n" + "".join(
        f"{i};{i % 28 + 1:02d}.03.2021;L{1 + i % 4}\n" for i in range(30)
    )
    Path("pl.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"Days stand in 'Dzien zabiegu'.*Vertebrae.*'Poziom'"):
        draft_mapping(["pl.csv"], center="A")


# ------------------------------------------------------------------ the day of a REDCap record


def record_rows(days_of: Callable[[int], list[str]]) -> str:
    lines = [
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,"
        "dob,proc_date,base_complete,level,cement_ml,level_complete"
    ]
    for i in range(30):
        for n, day in enumerate(days_of(i)):
            lines.append(f"{i + 1},,,a,{f'19{30 + i}-03-11' if n == 0 else ''},{day},2,,,")
        lines += [
            f"{i + 1},level,{k + 1},a,,,,{level},{3 + k},2" for k, level in enumerate(("T12", "L1"))
        ]
    return "\n".join(lines) + "\n"


def test_a_repeating_form_has_the_day_of_its_record(here: Path) -> None:
    draft = draft_of(record_rows(lambda i: [f"2022-03-{1 + i % 28:02d}"]))
    Path("registry.toml").write_text(draft.toml, "utf-8")
    registry = read_registry(".")
    assert (len(registry.procedures), len(registry.levels)) == (30, 60)
    assert registry.levels["cement_ml"].notna().all()
    assert draft.toml.count('name = "procedures"') == 1


def test_a_repeating_form_of_records_with_several_days_is_doubtful(here: Path) -> None:
    text = record_rows(lambda i: [f"2022-03-{1 + i % 28:02d}", "2023-05-06"][: 1 + i % 2])
    draft = draft_of(text)
    lines = draft.toml.split("\n")
    (doubt,) = [line for line in lines if "records have several sessions" in line]
    assert doubt.startswith("# ? 15 records")
    Path("registry.toml").write_text(draft.toml, "utf-8")
    assert len(read_registry(".").levels) == 0


# ------------------------------------------------------------------ exports that hold nothing


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("\n\n  \n", "the file is empty"),
        ("id;day;height\n", "has no row below the names of its columns"),
        ("x\n", "has no row below the names of its columns"),
        ("x\nL1\nL2\n", "Vertebrae stand in 'x'"),
    ],
)
def test_an_export_without_rows_or_keys_is_said_in_one_line(
    here: Path, text: str, said: str
) -> None:
    with pytest.raises(DataError, match=said) as error:
        draft_of(text)
    assert str(error.value).count("\n") == 0


def test_a_column_alone_is_at_most_a_proposal(here: Path) -> None:
    draft = draft_of("id\n1\n2\n3\n")
    assert [(p.field, p.certain) for p in draft.proposals] == [("patient_id", False)]


def test_folders_and_dictionaries_without_an_export_are_called_so(here: Path) -> None:
    Path("in").mkdir()
    with pytest.raises(DataError, match="holds no file of a format that is known"):
        draft_mapping(["in"])
    Path("dictionary.csv").write_text("Variable / Field Name,Form Name\nsex,base\n", "utf-8")
    with pytest.raises(DataError, match="is a data dictionary and no export"):
        draft_mapping(["dictionary.csv"])


@pytest.mark.parametrize("state", ["hidden", "veryHidden", "empty"])
@pytest.mark.parametrize("first", [True, False])
def test_hidden_and_empty_sheets_are_named_and_not_read(
    here: Path, state: str, first: bool
) -> None:
    book = openpyxl.Workbook()
    sheets = [book.active, book.create_sheet()]
    other, own = sheets if first else sheets[::-1]
    own.title, other.title = "Sessions", "Other"
    for row in rows(12).splitlines():
        own.append(row.split(";"))
    if state != "empty":
        other.sheet_state = state
        other.append(["Prezime", "x"])
        other.append(["Horvat", 1])
    book.active = book.index(own)
    book.save("a.xlsx")
    draft = draft_mapping(["a.xlsx"], center="C1", data_cut=dt.date(2024, 1, 1))
    what = "empty" if state == "empty" else "hidden"
    assert f"Not read: a.xlsx, sheet 'Other', which is {what}" in draft.toml
    assert "Horvat" not in draft.toml
    Path("registry.toml").write_text(draft.toml, "utf-8")
    assert len(read_registry(".").procedures) == 12


def test_a_column_of_months_is_no_column_of_days(here: Path) -> None:
    labels = ["6 mo", "month 3", "12 mj.", "3 Monate", "1 an", "W6"]
    draft = draft_of(rows(Kontrolltermin=lambda i: labels[i % 6]))
    assert "times such as 'month 6', which are no days" in draft.toml
    assert not any(p.certain for p in draft.proposals if "Kontrolltermin" in p.columns)
