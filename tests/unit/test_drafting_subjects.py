"""What a header is about: a word that many fields have tells none, a word beside it tells more."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from vpstats.drafting import MappingDraft, draft_mapping
from vpstats.drafting.codes import with_proposals
from vpstats.drafting.fitting import Fit
from vpstats.drafting.headers import read_header
from vpstats.drafting.likeness import NAMED, Likeness, likeness
from vpstats.drafting.matching import WORTH_SAYING, Candidate, Match
from vpstats.drafting.names import quantity
from vpstats.drafting.profiles import Profile
from vpstats.drafting.unheld import why_unheld
from vpstats.registry.fields import allowed_fields, field_column
from vpstats.registry.raw import from_texts
from vpstats.schema_tables import TABLES

UNITS = {f: quantity(field_column(t, f)) for t in TABLES for f in allowed_fields(t)}
DAY = dt.date(2022, 1, 3)


def proposed(header: str) -> set[str]:
    found = likeness(read_header(header), UNITS)
    return {field for field, like in found.items() if like.score >= WORTH_SAYING}


def drafted(folder: Path, **columns: list[str]) -> MappingDraft:
    days = [(DAY + dt.timedelta(days=9 * i)).strftime("%d.%m.%Y") for i in range(30)]
    cells = {"MBO": [f"P{i}" for i in range(30)], "Datum zahvata": days}
    cells |= {name: (values * 30)[:30] for name, values in columns.items()}
    lines = [";".join(cells), *(";".join(row) for row in zip(*cells.values(), strict=True))]
    (folder / "a.csv").write_text("\n".join(lines) + "\n", "utf-8")
    cut = dt.date(2024, 1, 1)
    return draft_mapping([folder / "a.csv"], folder=folder, center="C", data_cut=cut)


def fields_of(draft: MappingDraft, column: str) -> set[str]:
    return {p.field for p in draft.proposals if column in p.columns}


# ------------------------------------------------------------------ words of a crowd


@pytest.mark.parametrize(
    "header",
    ["cement allergy", "Zementallergie", "Allergie au ciment", "temperatura cementa", "Cement lot"],
)
def test_a_word_of_many_fields_beside_one_that_is_none_proposes_nothing(header: str) -> None:
    assert proposed(header) == set()


@pytest.mark.parametrize(
    "header",
    [
        "cement embolism",
        "Zementembolie",
        "Embolia de cemento",
        "embolie de ciment",
        "Cement emboli",
    ],
)
def test_an_embolism_of_cement_is_no_cement_and_no_leak(header: str) -> None:
    assert proposed(header) <= {"pce_symptomatic", "pce_extent"}


@pytest.mark.parametrize(
    "header", ["Embolija cementom", "Zementembolie", "cement embolism", "Embolie de ciment"]
)
@pytest.mark.parametrize("cells", [["ne", "ne", "da"], ["asimptomatska", "bez"]])
def test_an_embolism_in_the_row_of_a_session_is_an_event_or_nothing(
    tmp_path: Path, header: str, cells: list[str]
) -> None:
    found = fields_of(drafted(tmp_path, **{header: cells}), header)
    assert found == ({"event_type"} if "da" in cells else set())


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Zement gesamt", "cement_ml"),  # says how much, not what else
        ("Ubrizgano cementa (ml)", "cement_ml"),  # and the unit says the rest
        ("TC de control realizada", "ct_post_done"),
        ("COPD bekannt", "copd"),
        ("Fractura: fecha exacta", "fracture_date"),
        ("Zementpraeparat", "cement_brand"),
    ],
)
def test_what_the_words_still_tell(header: str, field: str) -> None:
    assert field in proposed(header)


@pytest.mark.parametrize(
    ("header", "field"),
    [("Hypertension", "hypotension"), ("Ipertensione", "hypotension")],
)
def test_a_beginning_that_turns_a_word_is_no_slip(header: str, field: str) -> None:
    assert field not in proposed(header)
    assert field in proposed(header.lower().replace("hyper", "hypoo").replace("iper", "ipoo"))


def test_before_the_procedure_is_before() -> None:
    found = likeness(read_header("Kyphosewinkel prä"), UNITS)
    assert found["kyphosis_deg_pre"].score >= NAMED
    assert "kyphosis_deg_post" not in found


@pytest.mark.parametrize("header", ["Curenje u disk (CT)", "Fuite discale (TDM)", "disc leak CT"])
def test_a_disc_without_its_side_is_proposed_for_neither(tmp_path: Path, header: str) -> None:
    levels = ["Th12", "L1"]
    draft = drafted(tmp_path, Razina=levels, **{header: ["da", "ne"]})
    assert fields_of(draft, header) == set()
    sided = drafted(tmp_path, Razina=levels, **{"Disc leak cranial (CT)": ["da", "ne"]})
    assert fields_of(sided, "Disc leak cranial (CT)") == {"leak_disc_sup_ct"}


# ------------------------------------------------------------------ brackets, dates of anything


def test_words_in_brackets_are_of_the_name(tmp_path: Path) -> None:
    draft = drafted(tmp_path, **{"Immunsuppression (Grund)": ["Chemotherapie", "Kortison"]})
    assert fields_of(draft, "Immunsuppression (Grund)") == {"immuno_reasons"}


def test_one_date_of_anything_may_be_the_sessions_and_of_several_none(tmp_path: Path) -> None:
    days = [f"{i + 1:02d}.03.2021" for i in range(28)]
    head, more = "NHC;Sexo;Fecha alfa", ";Fecha beta"
    rows = [f"H{i};{'mujer' if i % 3 else 'hombre'};{day}" for i, day in enumerate(days)]
    (tmp_path / "one.csv").write_text("\n".join([head, *rows]) + "\n", "utf-8")
    both = [f"{row};{day}" for row, day in zip(rows, days, strict=True)]
    (tmp_path / "two.csv").write_text("\n".join([head + more, *both]) + "\n", "utf-8")
    one, two = (draft_mapping([tmp_path / f"{n}.csv"], center="C") for n in ("one", "two"))
    assert {(p.field, p.certain) for p in one.proposals if "Fecha alfa" in p.columns} == {
        ("proc_date", False)
    }
    assert not any({"Fecha alfa", "Fecha beta"} & set(p.columns) for p in two.proposals)


# ------------------------------------------------------------------ codes


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("paraspinal", "paravertebral_soft"),  # not intraspinal, which is spelled alike
        ("Paraespinal", "paravertebral_soft"),
        ("epidrual", "epidural"),
        ("prevertebral", None),
        ("intradiskal", None),
    ],
)
def test_a_code_is_proposed_by_its_meaning_and_for_no_opposite(cell: str, code: str | None) -> None:
    column = field_column("levels", "leak_sites_ct")
    profile = Profile(("leak site",), "leak site", from_texts([cell] * 5))
    seen = Candidate(0.9, Likeness(NAMED, "leak sites ct"), Fit(0.0, ""))
    match = with_proposals(Match(profile, "leak_sites_ct", seen, "doubtful"), column)
    assert dict(match.found.fit.codes).get(cell) == code


# ------------------------------------------------------------------ what has no field

STAYS = (
    "LOS|LOS (days)|LOS_days|length of stay|Length of hospital stay|Postoperative LOS|Bed days"
    "|Liegedauer|Liegedauer (Tage)|Verweildauer|Dauer des Krankenhausaufenthalts"
    "|Dani ležanja|Trajanje hospitalizacije|Broj dana hospitalizacije|dani boravka u bolnici"
    "|Degenza|giorni di degenza|Durata ricovero|Estancia (días)|Días de estancia hospitalaria"
    "|Durée de séjour|Durée d'hospitalisation|Nb de jours d'hospitalisation"
)


@pytest.mark.parametrize("header", STAYS.split("|"))
def test_a_length_of_stay_is_left_and_the_draft_says_why(tmp_path: Path, header: str) -> None:
    draft = drafted(tmp_path, **{header: ["3", "5", "12"]})
    assert fields_of(draft, header) == set()
    assert ("a", header) in draft.unmapped
    line = next(text for text in draft.toml.splitlines() if text.startswith(f"#   {header}: "))
    assert line.endswith("a length of stay; the registry has no field for it")


@pytest.mark.parametrize(
    "header",
    ["Numéro de séjour", "Bed no", "Number of days", "Duration (min)", "Durata", "Hospital No"],
)
def test_what_is_no_length_of_stay(header: str) -> None:
    assert why_unheld(read_header(header)) == ""


def test_days_of_admission_and_discharge_are_no_sessions(tmp_path: Path) -> None:
    days = [(DAY + dt.timedelta(days=i)).strftime("%d.%m.%Y") for i in range(30)]
    draft = drafted(tmp_path, **{"Datum prijema": days, "Datum otpusta": days})
    assert fields_of(draft, "Datum prijema") | fields_of(draft, "Datum otpusta") == set()
    said = "the registry has the day of the session only"
    assert f"#   Datum prijema: the day of admission; {said}" in draft.toml
    assert f"#   Datum otpusta: the day of discharge; {said}" in draft.toml


@pytest.mark.parametrize("header", ["Symptomatic", "Symptomatique", "simptomatski", "Sintomatica"])
def test_who_is_symptomatic_is_not_said_by_the_word_alone(tmp_path: Path, header: str) -> None:
    events = {"Event": ["infection", "adjacent fracture"], header: ["yes", "no"]}
    draft = drafted(tmp_path, **events)
    assert not any(p.certain for p in draft.proposals if header in p.columns)
