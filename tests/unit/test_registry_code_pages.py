"""Code pages are told apart by the letters of languages and by where they stand in words."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pandas as pd
import pytest
from mapped_exports import source, table, write_mapping

from vpstats.registry import Registry, read_registry
from vpstats.registry.code_pages import likely_pages, rare_pages, words_beyond_ascii
from vpstats.registry.decoding import detect
from vpstats.registry.lexicon import read_yes_no
from vpstats.schema_tables import TABLES

CLEAR = """
cp1250     | bolesnik pušač kralježak žena Kovač Marković Đurić šećer datum rođenja količina
cp1250     | Kovač
cp1250     | Marković Babić
cp1250     | datum rođenja
cp1250     | Količina cementa Uzročnik Liječenje
cp1250     | płeć wiek mężczyzna żona data urodzenia ból kręgosłupa złamanie świeże
cp1250     | płeć
cp1250     | Wałęsa
cp1250     | pohlaví věk muž žena datum narození kouření výška zlomenina těla
cp1250     | Dvořák
cp1250     | nő férfi életkor törés műtét időpontja
iso-8859-2 | bolesnik pušač kralježak žena Kovač Marković Đurić šećer
iso-8859-2 | płeć wiek mężczyzna żona ból kręgosłupa złamanie świeże
iso-8859-2 | pohlaví věk muž žena kouření výška
cp1252     | Geschlecht männlich Größe Körpergewicht Höhe Müller Groß
cp1252     | età sesso città quantità più è perché mobilità
cp1252     | età
cp1252     | âge sexe opération date de décès prélèvement côté fièvre première œdème même
cp1252     | opération
cp1252     | père première
cp1252     | François
cp1252     | Côté Benoît
cp1252     | año edad niño intervención médico señora vértebra
cp1252     | Muñoz Núñez
cp1252     | 10³/µl mm³ 37° m² ±2 ½
cp1252     | blødning sårbehandling år
"""


@pytest.mark.parametrize("line", CLEAR.strip().splitlines())
def test_words_prove_their_code_page(line: str) -> None:
    page, text = (part.strip() for part in line.split("|"))
    content = text.encode(page)
    found = likely_pages(words_beyond_ascii([content]))
    assert len(found) == 1
    assert content.decode(found[0]) == text
    assert content.decode(detect(content)) == text


@pytest.mark.parametrize(
    ("page", "text"), [("cp1252", "año"), ("cp1252", "più"), ("cp1250", "věk"), ("cp1252", "è")]
)
def test_where_nothing_tells_both_are_named(page: str, text: str) -> None:
    found = likely_pages(words_beyond_ascii([text.encode(page)]))
    assert len(found) == 2
    assert text in {text.encode(page).decode(name) for name in found}
    # ISO 8859-2 reads these as cp1250 does: one reading has one name
    assert len({text.encode(page).decode(name) for name in found}) == 2


UNPROVED = "read as cp1252, and nothing in it proves that."


def findings_of(folder: Path, content: bytes, declared: str = "") -> pd.DataFrame:
    (folder / "a.csv").write_bytes(content)
    return declare(folder, declared).findings


def declare(folder: Path, declared: str) -> Registry:
    """Read again with a line of the source's own: its code page, or that letters be repaired."""
    people = table("patients", patient_id="id", death_cause="x")
    mapping = source("a", people, **tomllib.loads(declared))
    write_mapping(folder, mapping, data_cut="2025-12-31")
    return read_registry(folder)


@pytest.mark.parametrize(
    ("text", "declared", "said"),
    [
        ("año", "", [f'{UNPROVED} If ñ should be ń, write encoding = "cp1250".']),
        ("año", 'encoding = "cp1252"', []),
        ("año y médico", "", []),
        ("ano", "", []),
    ],
)
def test_a_doubtful_code_page_is_said_without_a_value(
    tmp_path: Path, text: str, declared: str, said: list[str]
) -> None:
    findings = findings_of(tmp_path, f"id;x\n1;{text}\n2;b\n".encode("cp1252"), declared)
    found = findings[findings["rule"] == "encoding.doubtful"]
    assert found["message"].tolist() == said


def test_the_words_of_a_large_file_are_found_at_its_end() -> None:
    pieces = [b"plain;text\n" * 100_000, "Kovač;pušač".encode("cp1250")]
    assert words_beyond_ascii(pieces) == [w.encode("cp1250") for w in ("Kovač", "pušač")]


def test_a_doubt_names_the_key_to_write_and_the_letters_to_look_at(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, "id;x\n1;año\n".encode("cp1252"))
    (message,) = findings.loc[findings["rule"] == "encoding.doubtful", "message"]
    assert message.endswith('If ñ should be ń, write encoding = "cp1250".')
    again = declare(tmp_path, 'encoding = "cp1250"')
    assert "encoding.doubtful" not in set(again.findings["rule"])
    assert again.patients["death_cause"].tolist() == ["ańo"]


@pytest.mark.parametrize(
    ("declared", "page", "remedy"),
    [
        ('encoding = "cp1252"', "cp1250", 'write encoding = "cp1250".'),  # read wrongly here
        ("", "utf-8", "write repair_encoding = true."),  # written wrongly before
    ],
)
def test_letters_of_a_wrong_page_say_what_to_write(
    tmp_path: Path, declared: str, page: str, remedy: str
) -> None:
    text = "id;x\n1;pušač\n2;Vuković\n"
    text = text if declared else text.encode("cp1250").decode("cp1252")
    findings = findings_of(tmp_path, text.encode(page), declared)
    (message,) = findings.loc[findings["rule"] == "encoding.mojibake", "message"]
    assert message == f"2 cells look like cp1250 read as cp1252; {remedy}"
    mended = declare(tmp_path, remedy[6:-1])
    assert mended.patients["death_cause"].tolist() == ["pušač", "Vuković"]
    assert "encoding.mojibake" not in set(mended.findings["rule"])


@pytest.mark.parametrize(
    "words",
    [
        "Mistanke om lækage", "bækken sæd Næstved", "Præoperativ", "knæ", "LÆGE", "vitæ", "Ræder",
        "maður með blóð Já", "père Beneš", "sårvæske øje Šime",
    ],
)  # fmt: skip
def test_letters_of_a_language_that_stand_where_they_may_are_no_wrong_page(
    tmp_path: Path, words: str
) -> None:
    rows = "".join(f"{i};{word}\n" for i, word in enumerate(words.split()))
    found = findings_of(tmp_path, f"id;x\n{rows}".encode())
    assert not found["rule"].str.startswith("encoding.").any()


@pytest.mark.parametrize(
    "words",
    [
        "Vuković", "općina", "rođenja", "Đurić Müller Schäfer", "šećer noć kuća", "količina žena",
        "točka šok", "Mæhle Vuković Marić",
    ],
)  # fmt: skip
def test_letters_of_a_wrong_page_are_seen_by_where_they_stand(tmp_path: Path, words: str) -> None:
    wrong = words.replace("æ", "ć").encode("cp1250").decode("cp1252")
    rows = "".join(f"{i};{word}\n" for i, word in enumerate(wrong.split()))
    found = findings_of(tmp_path, f"id;x\n{rows}".encode())
    assert "encoding.mojibake" in set(found["rule"])


RARE = """
cp1254     | Ayşe Yıldız Çağrı Şükrü hayır kırık İsmail Gülşen ağrı
cp1257     | Jūratė Žemaitis ąžuolas gėlė šaltis Kęstutis
cp437      | Thérèse François fracturé hôpital Noël opéré
cp850      | João Conceição Gonçalves não São coração
cp850      | Müller Schröder Jäger Groß Rückenschmerz für
cp852      | Kovačić Šimić Žužić Đurđević Marić rođenja
cp852      | Dvořák Růžička Příhoda Kučera žádný není Šťastný
mac-roman  | Thérèse François fracturé hôpital Noël opéré
mac-latin2 | Wójcik Dąbrowski Łukasz źródło Święta kręgosłup
"""


@pytest.mark.parametrize("line", RARE.strip().splitlines())
def test_pages_that_nothing_is_read_in_by_itself_are_named(tmp_path: Path, line: str) -> None:
    page, text = (part.strip() for part in line.split("|"))
    rows = "".join(f"{i};{word}\n" for i, word in enumerate(text.split()))
    (tmp_path / "a.csv").write_bytes(f"id;name\n{rows}".encode(page))
    people = table("patients", patient_id="id", sex="name")
    write_mapping(tmp_path, source("a", people), data_cut="2024-12-31")
    found = read_registry(tmp_path).findings
    said = found.loc[found["rule"] == "encoding.mojibake", "message"]
    named = "cp850" if page == "cp437" else page
    assert said.str.contains(f'"{named}"').any()
    write_mapping(tmp_path, source("a", people, encoding=page), data_cut="2024-12-31")
    assert "encoding" not in " ".join(read_registry(tmp_path).findings["rule"])


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("cp1250", "Müller Groß Kovačić Šimić Jäger Đurić"),
        ("cp1252", "Åke Sjögren Östlund Björk"),
        ("cp1252", "Õunapuu Tõnu Mägi Põld"),
        ("cp1252", "½ ¼ 10³ m² 5° ±2"),
    ],
)
def test_words_that_fit_are_not_said_to_be_of_another_page(page: str, text: str) -> None:
    words = words_beyond_ascii([text.encode(page)])
    assert rare_pages(words, likely_pages(words)[0]) == ()


def test_an_accent_alone_is_no_part_of_a_yes() -> None:
    column = TABLES["patients"]["diabetes"]
    assert [read_yes_no(text, column).value for text in ("sí", "s˘", "Ja˛")] == ["yes", None, None]


def test_the_sign_for_a_millionth_speaks_for_the_pages_that_have_it() -> None:
    words = [word.encode("cp1252") for word in ("präop", "µl", "µg")]
    assert likely_pages(words)[0] == "cp1252"
    german = [word.encode("cp1252") for word in ("heiß", "Größe", "weiß")]
    assert likely_pages(german)[0] == "cp1252"
