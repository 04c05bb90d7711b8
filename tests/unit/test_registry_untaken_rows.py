"""Rows that no table takes: what is doubted, and what is plainly another thing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.registry import Registry


def read(folder: Path, cells: Sequence[str], wanted: str | list[str], name: str) -> Registry:
    """Patients with one cell each, of which a table takes those that are wanted."""
    of_name: dict[str, dict[str, object]] = {
        "events": {"event_type": {"value": "infection"}},
        "visits": {"visit_date": "day"},
    }
    lines = [f"{i}|{cell}|2024-01-01" for i, cell in enumerate(cells, start=1)]
    tables = [
        table("patients", patient_id="id"),
        table(name, where={"cell": wanted}, patient_id="id", **of_name[name]),
    ]
    return read_export(folder, source("a", *tables), a="\n".join(["id|cell|day", *lines]) + "\n")


def doubted(
    folder: Path, cells: Sequence[str], wanted: str | list[str], name: str = "events"
) -> list[str]:
    found = read(folder, cells, wanted, name).findings
    rows = found.loc[found["rule"] == "mapping.row_untaken", "row"]
    return [cells[int(row) - 2] for row in rows]


@pytest.mark.parametrize(
    ("wanted", "suspected"),
    [
        ("PE", ["?PE", "? PE", "susp. PE", "(PE)", "possible PE", "query PE", "DVT/PE", "PE?"]),
        ("LAE", ["V.a. LAE", "?LAE", "ja, LAE", "Z.n. LAE", "bds. LAE", "LAE fraglich"]),
        ("LAE", ["LAE nicht ausgeschlossen", "LAE, kein Infarkt", "keine TVT, LAE links"]),
        ("PE", ["no PE before, PE now", "PE not treated", "asymptomatic PE", "DVT excluded, PE"]),
    ],
)
def test_a_wanted_word_anywhere_in_a_cell_is_not_lost(
    tmp_path: Path, wanted: str, suspected: list[str]
) -> None:
    cells = [wanted, *suspected, "Infection", "Hernie", "no", ""]
    assert doubted(tmp_path, cells, wanted) == suspected


@pytest.mark.parametrize(
    ("wanted", "denied"),
    [
        ("PE", ["No PE", "no acute PE", "no evidence of PE", "PE excluded", "PE was ruled out"]),
        ("PE", ["Infection", "PEG", "Nil", "PE: no", "not confirmed PE", "bez PE", "PE negative"]),
        ("LAE", ["keine LAE", "kein Anhalt für LAE", "LAE ausgeschlossen", "LAE: nein"]),
        ("LAE", ["LAE wurde ausgeschlossen", "LAE nicht nachweisbar", "keine akute LAE"]),
        ("infection", ["no infection", "infection excluded", "keine infection"]),
    ],
)
def test_a_denied_word_and_another_category_are_no_doubt(
    tmp_path: Path, wanted: str, denied: list[str]
) -> None:
    assert not doubted(tmp_path, [wanted, *denied, "no", ""], wanted)


def test_a_short_word_may_be_a_part_of_another_kind_of_visit(tmp_path: Path) -> None:
    kinds = ["OP", "prae OP", "Kontrolle"]
    assert not doubted(tmp_path, kinds * 10, "OP", "visits")
    assert doubted(tmp_path, [*kinds * 10, "? OP"], "OP", "visits") == ["? OP"]


def test_a_plain_yes_beside_kinds_of_yes_is_not_lost(tmp_path: Path) -> None:
    wanted = ["Sí, adyacente", "Sí, no adyacente"]
    cells = [*wanted, *["No"] * 30, "Sí", "Sí, ambas", "si", "No, antigua", "Yes", "sin"]
    lost = ["Sí", "Sí, ambas", "si", "Yes"]
    assert doubted(tmp_path, cells, wanted) == lost


def test_a_letter_before_other_words_is_no_yes(tmp_path: Path) -> None:
    assert not doubted(tmp_path, ["J 96.0", *["J 18.1", "S 22.0"] * 9], "J 96.0")


@pytest.mark.parametrize("word", ["Nil", "RAS", "o.B.", "uneventful"])
def test_a_word_for_no_event_is_a_no_beside_a_yes(tmp_path: Path, word: str) -> None:
    cells = [*["No"] * 60, *["N"] * 6, word, word, "Yes", "deep"]
    assert doubted(tmp_path, cells, "Yes") == ["deep"]


VISITS = "".join(
    table(
        "visits",
        where={f"day_{m}": "*"},
        patient_id="id",
        visit_date=f"day_{m}",
        visit_type={"value": f"month_{m}"},
        vas_0_10=f"pain_{m}",
    )
    for m in (3, 12)
)


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (["2022-03-08,2", ",0", "2022-03-20,1", "2022-03-21,0", "2022-03-22,3"], {3}),
        (["2022-03-08,2", ",", "2022-03-20,1", "2022-03-21,0", "2022-03-22,3"], set()),
        # a 0 where nobody came, as some programs fill what is blank
        (["2022-03-08,2", ",0", ",0", ",0", ",0"], set()),
        (["2022-03-08,2", ",", ",0", ",", ","], {4}),
    ],
)
def test_no_pain_without_a_day_is_not_lost_in_silence(
    tmp_path: Path, late: list[str], said: set[int]
) -> None:
    rows = [f"{i},2021-03-01,L1,2021-06-0{i},3,{cells}" for i, cells in enumerate(late, 1)]
    head = "id,op,level,day_3,pain_3,day_12,pain_12\n"
    own = table("patients", patient_id="id"), table("procedures", patient_id="id", proc_date="op")
    levels = table("levels", patient_id="id", proc_date="op", level="level")
    sources = source("a", *own, levels, VISITS)
    found = read_export(tmp_path, sources, a=head + "\n".join(rows) + "\n").findings
    assert set(found.loc[found["rule"] == "mapping.row_untaken", "row"]) == said
