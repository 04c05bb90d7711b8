"""Headers as the systems of hospitals print them: prefixed, cut off, abbreviated, mistyped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from vpstats.drafting import MappingDraft, Proposal, draft_mapping
from vpstats.drafting.headers import read_header, stated_codes
from vpstats.drafting.likeness import NAMED, likeness, shared_prefix
from vpstats.drafting.matching import WORTH_SAYING
from vpstats.drafting.names import quantity
from vpstats.errors import DataError
from vpstats.registry.fields import allowed_fields, field_column
from vpstats.schema_tables import TABLES

UNITS = {f: quantity(field_column(t, f)) for t in TABLES for f in allowed_fields(t)}
Cells = Callable[[int], object]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def day(i: int) -> str:
    return (dt.date(2022, 1, 1) + dt.timedelta(days=7 * i)).strftime("%d.%m.%Y")


def draft_of(columns: dict[str, Cells], name: str = "export.csv", n: int = 30) -> MappingDraft:
    lines = [";".join(columns)]
    lines += [";".join(str(cells(i)) for cells in columns.values()) for i in range(n)]
    Path(name).write_text("\n".join(lines) + "\n", "utf-8")
    return draft_mapping([name], center="C1", data_cut=dt.date(2024, 1, 1))


def proposal(draft: MappingDraft, column: str) -> Proposal | None:
    return next((p for p in draft.proposals if column in p.columns), None)


def keys(**more: Cells) -> dict[str, Cells]:
    return {"patient_id": lambda i: f"P{i:03d}", "proc_date": day, **more}


def likes(header: str) -> dict[str, float]:
    return {f: like.score for f, like in likeness(read_header(header), UNITS).items()}


# ------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ("Dx|Dg.|Hauptdiagnose|Dx principal|Diagnostic principal", "indication"),
        ("Fecha IQ|Fecha Qx|DOP|DOS|OP am|Date de l'acte|Date of service", "proc_date"),
        ("Leuko|Leucos|Leukocyte count", "wbc_10e9_l"),
        ("Anästh.art|Tipo anest.|Anes type|Anästhesie Art", "anaesthesia"),
        ("Abx given|Profilassi ATB|Antibiotikagabe", "antibiotic_iv"),
        ("Primary surgeon|Hauptoperateur|Cirujano principal|Opérateur principal", "operator_id"),
        ("Encounter ID|Nosologico|Nº episodio|IEP", "procedure_id"),
        ("Q.tà cemento (cc)|Vol_cim_ml|ml cementa", "cement_ml"),
        ("Datum rodjenja|F. nacim.|Data nasc.", "birth_date"),
        ("Koerpergroesse|Groesse|Größe", "height_cm"),
        ("Hoehe|Behandelte Hoehe|Nivel IQ", "level"),
        ("Letzte Kontrolle|Data ultimo controllo|data_ult_ctrl|Last visit", "last_contact_date"),
        ("M/F|m_w", "sex"),
    ],
)
def test_names_that_systems_print(headers: str, field: str) -> None:
    found = {header: likes(header).get(field, 0.0) for header in headers.split("|")}
    assert {header: score for header, score in found.items() if score < NAMED} == {}


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Weight (lbs)", "lbs"),
        ("Weight pounds", "pounds"),
        ("Peso kgs", "kgs"),
        ("Height (inches)", "inches"),
    ],
)
def test_units_as_people_write_them(header: str, unit: str) -> None:
    found = {like.unit for like in likeness(read_header(header), UNITS).values()}
    assert unit in found


@pytest.mark.parametrize(
    "header",
    ["DISCH_DATE", "Entl.datum", "Date Sortie", "Pain score", "Item ID", "LOS", "Vrsta pretrage"],
)
def test_a_date_or_a_number_of_something_else_is_like_no_field(header: str) -> None:
    whole = {"proc_date", "visit_date", "event_date", "visit_type", "vas_0_10"}  # named "date"
    found = {f for f, score in likes(header).items() if score >= WORTH_SAYING}
    assert found <= whole


@pytest.mark.parametrize("header", ["Grade", "Grad", "Class", "Type of", "Klassifikation"])
def test_a_grade_of_nothing_is_no_osteoporotic_fracture_class(header: str) -> None:
    assert likes(header).get("of_class", 0.0) < NAMED
    assert likes(f"OF {header}")["of_class"] >= WORTH_SAYING


@pytest.mark.parametrize("header", ["Leak", "Fuga", "curenje", "fuite de ciment"])
def test_a_leak_of_no_modality_waits_whatever_its_name(here: Path, header: str) -> None:
    draft = draft_of(keys(level=lambda i: "L1", **{header: lambda i: ("yes", "no")[i % 2]}))
    found = proposal(draft, header)
    assert found is not None
    assert (found.field.startswith("leak_any"), found.certain) == (True, False)
    assert found.doubt == "on CT or on fluoroscopy? The header does not say"


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("DATE_OF_BI", "birth_date"),
        ("WHITE_BLOO", "wbc_10e9_l"),
        ("GENANT_GRA", "genant"),
        ("Dat.komplik.", "event_date"),
        ("Datm zahvata", "proc_date"),
        ("Cemnet volume", "cement_ml"),
        ("ID", "patient_id"),
    ],
)
def test_what_is_cut_off_or_mistyped_is_doubtful(header: str, field: str) -> None:
    assert WORTH_SAYING < likes(header)[field] < NAMED


def test_the_evidence_names_the_name_that_is_spelled_most_alike() -> None:
    like = likeness(read_header("Vol_cemento_ml"), UNITS)["cement_ml"]
    assert (like.name, like.language) == ("cement vol", "en")  # not "količina cementa"


@pytest.mark.parametrize(
    "header",
    ["BIS_PREZIME_IME", "Cod. fisc.", "Nom d'usage", "Apellidos, nombre", "Name, Vorname"],
)
def test_names_of_persons_are_called_so(here: Path, header: str) -> None:
    plain = header.removeprefix("BIS_")
    draft = draft_of(keys(**{plain: lambda i: f"Horvat{i}"}))
    assert proposal(draft, plain) is None
    assert f"{plain}: names a person" in draft.toml


# ------------------------------------------------------------------ prefixes


def prefixed(prefix: str) -> dict[str, Cells]:
    return {
        f"{prefix}_MBO": lambda i: f"0{i:03d}",
        f"{prefix}_SPOL": lambda i: "Ž" if i % 2 else "M",
        f"{prefix}_DATUM_ZAHVATA": day,
        f"{prefix}_CRP": lambda i: 5 + i,
        f"{prefix}_RAZINA": lambda i: f"L{i % 5 + 1}",
    }


def test_a_prefix_of_the_system_is_left_aside(here: Path) -> None:
    draft = draft_of(prefixed("BIS"))
    sure = {p.columns[0]: p.field for p in draft.proposals if p.certain}
    assert sure == {
        "BIS_MBO": "patient_id",
        "BIS_SPOL": "sex",
        "BIS_DATUM_ZAHVATA": "proc_date",
        "BIS_CRP": "crp_mg_l",
        "BIS_RAZINA": "level",
    }
    assert "# Names of columns are compared without 'BIS' before them." in draft.toml


@pytest.mark.parametrize("prefix", ["FU", "M6", "Kontr", "post", "six"])
def test_a_prefix_that_says_something_is_not(prefix: str) -> None:
    assert shared_prefix([*prefixed(prefix)]) == ("six" if prefix == "six" else "")


def test_a_prefix_of_some_columns_is_none() -> None:
    names = ["mbo", "spol", *prefixed("BIS")]
    assert shared_prefix(names) == ""
    assert shared_prefix(["BIS_MBO", "BIS_SPOL"]) == ""


# ------------------------------------------------------------------ cells


def test_numbers_of_patients_with_five_digits_are_no_days_of_excel(here: Path) -> None:
    draft = draft_of({"PatNr": lambda i: 41000 + 13 * i, "proc_date": day, "sex": lambda i: "f"})
    found = proposal(draft, "PatNr")
    assert found is not None
    assert (found.field, found.certain) == ("patient_id", True)


def test_days_in_any_order_are_no_names_of_operators(here: Path) -> None:
    draft = draft_of({**keys(), "Surgeon": lambda i: f"{i % 12 + 1:02d}/0{i % 9 + 1}/2022"})
    assert proposal(draft, "Surgeon") is None


def test_cells_that_no_translation_makes_right_are_not_proposed(here: Path) -> None:
    numbers = draft_of(keys(Level=lambda i: 0.5 + i, Technique=lambda i: ("x", "y", "z")[i % 3]))
    assert proposal(numbers, "Level") is None
    assert proposal(numbers, "Technique") is not None  # a person can translate its codes


def test_yes_and_no_by_their_french_letters_as_the_header_has_them(here: Path) -> None:
    draft = draft_of(keys(**{"diabète O/N": lambda i: "O" if i % 3 else "N"}))
    assert '{ column = "diabète O/N", codes = { "O" = "yes", "N" = "no" } }' in draft.toml


def test_codes_that_a_header_explains_and_no_cell_has_are_left_aside(here: Path) -> None:
    assert stated_codes("diabète (O/N)") == {"O": "oui", "N": "non"}
    draft = draft_of(keys(**{"diabète (O/N)": lambda i: "oui" if i % 3 else "non"}))
    found = proposal(draft, "diabète (O/N)")
    assert found is not None
    assert (found.field, found.certain) == ("diabetes", True)


def test_an_abbreviated_header_counts_more_than_its_cells_alone(here: Path) -> None:
    draft = draft_of(keys(Anestez=lambda i: ("lokalna", "opća", "sedacija")[i % 3]))
    found = proposal(draft, "Anestez")
    assert found is not None
    assert (found.field, found.certain, found.score) == ("anaesthesia", False, 0.85)


def test_boxes_that_nobody_ticked_or_left_empty_are_no_crash(here: Path) -> None:
    header = "record_id,redcap_repeat_instrument,proc_date,operator___1,operator___2"
    cells = [f"{i},,2022-01-{i % 28 + 1:02d},," for i in range(1, 30)]
    Path("redcap.csv").write_text("\n".join([header, *cells]) + "\n", "utf-8")
    draft = draft_mapping(["redcap.csv"], center="C1")
    assert "proc_date" in {p.field for p in draft.proposals}


# ------------------------------------------------------------------ what is written


def test_the_unit_of_the_schema_is_written_whole(here: Path) -> None:
    draft = draft_of(keys(wbc=lambda i: 5 + i / 10))
    assert "from 5.2 to 7.6 10⁹/L" in draft.toml


def test_a_name_is_said_once_in_a_line(here: Path) -> None:
    draft = draft_of(keys(Diab=lambda i: "yes" if i % 2 else "no"))
    line = next(x for x in draft.toml.split("\n") if "only like" in x)
    assert line.count("'diabetes'") == 1


def test_exports_in_a_folder_above_are_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("exports").mkdir()
    Path("study").mkdir()
    draft_of(keys(crp=lambda i: 5 + i), "exports/a.csv")
    Path("exports/.hidden.csv").write_text("a;b\n1;2\n")
    monkeypatch.chdir("study")
    draft = draft_mapping(["../exports"], center="C1")
    assert 'file = "../exports/a.csv"' in draft.toml
    assert "hidden" not in draft.toml


@pytest.mark.parametrize("columns", ["ItemID;Description;Qty;Date;Supplier"])
def test_a_list_of_something_else_is_refused(here: Path, columns: str) -> None:
    text = "\n".join([columns, *(f"I{i};Gauze;{i};2022-01-{i:02d};A Ltd" for i in range(1, 29))])
    Path("stock.csv").write_text(text + "\n", "utf-8")
    with pytest.raises(DataError, match="no table of the registry can be made") as raised:
        draft_mapping(["stock.csv"], center="C1")
    assert "Days stand in 'Date'" in str(raised.value)


# ------------------------------------------------------------------ what the rows are


@pytest.mark.parametrize(
    ("header", "more", "certain"),
    [
        ("Datum", {}, False),  # of a new fracture, as well as of a session
        ("Datum zahvata", {}, True),
        ("Datum", {"Cement ml": lambda i: 2 + i % 5}, True),
    ],
)
def test_a_date_and_vertebrae_alone_wait(
    here: Path, header: str, more: dict[str, Cells], certain: bool
) -> None:
    rows: dict[str, Cells] = {
        "MBO": lambda i: f"{i + 5000:06d}",
        header: day,
        "Kralježak": lambda i: f"L{i % 5 + 1}",
        "Opis": lambda i: ("prijelom", "bol")[i % 2],
        **more,
    }
    found = proposal(draft_of(rows), "Kralježak")
    assert found is not None
    assert found.certain is certain
