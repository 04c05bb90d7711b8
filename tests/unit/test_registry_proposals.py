"""What check says of the mapping itself: proposals, columns that contradict it, codes it lacks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vpstats.errors import MappingError
from vpstats.registry import read_registry
from vpstats.registry.elapsed import is_elapsed
from vpstats.registry.registry import Registry

HEAD = 'version = 1\n[registry]\nname = "A"\ndata_cut = 2025-12-31\n'
SOURCE = '[[source]]\nname = "s"\nfile = "a.csv"\ncenter = "A"\n'


def registry_of(folder: Path, text: str, tables: str, head: str = HEAD + SOURCE) -> Registry:
    (folder / "a.csv").write_text(text, "utf-8")
    (folder / "registry.toml").write_text(head + tables, "utf-8")
    return read_registry(folder)


def said(registry: Registry, rule: str) -> list[str]:
    found = registry.findings
    return found.loc[found["rule"] == f"mapping.{rule}", "message"].tolist()


def sessions(n: int, **columns: Callable[[int], object]) -> str:
    lines = [";".join(["id", "day", *columns])]
    for i in range(n):
        cells = [f"P{i}", f"2022-0{1 + i % 9}-0{1 + i % 7}", *(str(c(i)) for c in columns.values())]
        lines.append(";".join(cells))
    return "\n".join(lines) + "\n"


PROCEDURES = (
    '[[source.table]]\nname = "patients"\n[source.table.columns]\npatient_id = "id"\n'
    '[[source.table]]\nname = "procedures"\n[source.table.columns]\n'
    'patient_id = "id"\nproc_date = "day"\n'
)


# ------------------------------------------------------------------ proposals


def test_a_proposed_column_is_not_read_and_reported(tmp_path: Path) -> None:
    proposed = 'crp_mg_l = { column = "x", confirmed = false }\n'
    registry = registry_of(tmp_path, sessions(5, x=lambda i: i), PROCEDURES + proposed)
    assert registry.procedures["crp_mg_l"].isna().all()
    assert said(registry, "unconfirmed") == [
        "source 's', table 'procedures': 1 field is a proposal and was not read: crp_mg_l."
    ]
    confirmed = proposed.replace(", confirmed = false", "")
    registry = registry_of(tmp_path, sessions(5, x=lambda i: i), PROCEDURES + confirmed)
    assert registry.procedures["crp_mg_l"].tolist() == [0, 1, 2, 3, 4]
    assert said(registry, "unconfirmed") == []


def test_a_table_whose_key_is_proposed_is_not_read(tmp_path: Path) -> None:
    tables = PROCEDURES.replace('"day"', '{ column = "day", confirmed = false }')
    registry = registry_of(tmp_path, sessions(5), tables)
    assert (len(registry.patients), len(registry.procedures)) == (5, 0)
    assert (
        "proc_date, which its rows are named by, is a proposal" in said(registry, "unconfirmed")[0]
    )


def test_rows_are_not_made_of_a_column_that_is_only_proposed(tmp_path: Path) -> None:
    levels = PROCEDURES + (
        '[[source.table]]\nname = "levels"\nexplode = "x"\n[source.table.columns]\n'
        'patient_id = "id"\nproc_date = "day"\nlevel = { column = "x", confirmed = false }\n'
    )
    text = sessions(5, x=lambda i: "L1, L2")
    assert len(registry_of(tmp_path, text, levels).levels) == 0
    confirmed = levels.replace(", confirmed = false", "")
    assert len(registry_of(tmp_path, text, confirmed).levels) == 10


def test_a_proposed_table_and_a_proposed_center_are_not_read(tmp_path: Path) -> None:
    tables = PROCEDURES.replace('"procedures"\n', '"procedures"\nconfirmed = false\n')
    registry = registry_of(tmp_path, sessions(5), tables)
    assert len(registry.procedures) == 0
    assert said(registry, "unconfirmed") == [
        "source 's', table 'procedures' is a proposal; it was not read."
    ]
    second = SOURCE.replace('"s"', '"t"').replace('"A"', '{ value = "B", confirmed = false }')
    registry = registry_of(tmp_path, sessions(5), PROCEDURES + second + PROCEDURES)
    assert set(registry.patients["center_id"]) == {"A"}
    assert said(registry, "unconfirmed") == [
        "source 't': its center is a proposal; it was not read."
    ]


def test_a_proposed_data_cut_is_used_and_reported(tmp_path: Path) -> None:
    head = HEAD + "confirmed = false\n" + SOURCE
    (text,) = said(registry_of(tmp_path, sessions(5), PROCEDURES, head), "unconfirmed")
    assert "data_cut = 2025-12-31" in text


def proposed(toml: str, *columns: str) -> str:
    for column in columns:
        toml = toml.replace(f'= "{column}"', f'= {{ column = "{column}", confirmed = false }}')
    return toml


def test_nothing_confirmed_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="nothing in it is confirmed"):
        registry_of(tmp_path, sessions(5), proposed(PROCEDURES, "id", "day"))
    whole = PROCEDURES.replace(
        "[source.table.columns]", "confirmed = false\n[source.table.columns]"
    )
    with pytest.raises(MappingError, match="nothing in it is confirmed"):
        registry_of(tmp_path, sessions(5), whole)


def test_what_keeps_a_mapping_from_being_read_is_named_where_some_of_it_is_confirmed(
    tmp_path: Path,
) -> None:
    only = PROCEDURES[PROCEDURES.index('[[source.table]]\nname = "procedures"') :]
    table = "source 's', table 'procedures'"
    for tables, waits in (
        (proposed(only, "day"), f"{table}, proc_date."),
        (proposed(only, "id"), f"{table}, patient_id."),
        (proposed(PROCEDURES, "id"), f"table 'patients', patient_id; {table}, patient_id."),
    ):
        with pytest.raises(MappingError, match=r"some columns are confirmed") as error:
            registry_of(tmp_path, sessions(5), tables)
        assert str(error.value).endswith(waits)
        assert "nothing" not in str(error.value)
    center = HEAD + SOURCE.replace('"A"', '{ value = "A", confirmed = false }')
    with pytest.raises(MappingError, match=r"source 's', its center\.$"):
        registry_of(tmp_path, sessions(5), PROCEDURES, center)


# ------------------------------------------------------------------ contradictions


@pytest.mark.parametrize(
    ("field", "cells", "words"),
    [
        ("crp_mg_l", lambda i: 0.2 + i / 40, "half of the values lie below .*; is the unit mg/dL"),
        ("crp_mg_l", lambda i: f"2022-0{1 + i % 9}-01", "40 of 40 cells cannot be read"),
        ("crp_date", lambda i: 5 + i, "40 of 40 cells cannot be read"),
        ("dose_gy_cm2", lambda i: 30_000 + i, "cannot be read"),
        ("wbc_10e9_l", lambda i: "raised", "cannot be read"),
        ("fluoro_min", lambda i: 300 + i, "cannot be read"),
    ],
)
def test_a_column_that_is_not_what_the_mapping_says(
    tmp_path: Path, field: str, cells: Callable[[int], Any], words: str
) -> None:
    registry = registry_of(tmp_path, sessions(40, x=cells), PROCEDURES + f'{field} = "x"\n')
    (text,) = said(registry, "contradicted")
    assert f"(field {field})" in text
    assert re.search(words, text)


def test_vertebrae_that_are_none(tmp_path: Path) -> None:
    levels = PROCEDURES + (
        '[[source.table]]\nname = "levels"\n[source.table.columns]\n'
        'patient_id = "id"\nproc_date = "day"\nlevel = "x"\n'
    )
    registry = registry_of(tmp_path, sessions(40, x=lambda i: 3 + i / 10), levels)
    assert any("field level" in text for text in said(registry, "contradicted"))


def test_an_order_of_days_that_the_cells_deny(tmp_path: Path) -> None:
    text = sessions(40, x=lambda i: f"{1 + i % 9:02d}/{13 + i % 9}/2022")
    mapped = PROCEDURES + 'crp_date = { column = "x", date_order = "dmy" }\n'
    found = said(registry_of(tmp_path, text, mapped), "contradicted")
    assert any('date_order = "dmy", but 40 cells' in message for message in found)


def test_codes_that_the_mapping_lacks(tmp_path: Path) -> None:
    text = sessions(40, x=lambda i: "ABC"[i % 3])
    mapped = PROCEDURES + 'technique = { column = "x", codes = { "A" = "pvp" } }\n'
    (message,) = said(registry_of(tmp_path, text, mapped), "codes_missing")
    assert "2 codes of the data are" in message
    assert "'B' (13), 'C' (13)" in message


LEVELS = PROCEDURES + (
    '[[source.table]]\nname = "levels"\n{}[source.table.columns]\n'
    'patient_id = "id"\nproc_date = "day"\nlevel = "x"\nleak_sites_ct = "y"\n'
)


@pytest.mark.parametrize("explode", ["", 'explode = "x"\n'])
def test_codes_that_are_missing_are_those_that_a_code_would_mend(
    tmp_path: Path, explode: str
) -> None:
    cells = ["T10", "T11", "T10/T11", "T10, T11", "L2-3", "foo"]
    text = sessions(60, x=lambda i: cells[i % 6], y=lambda i: ["epidural, bla", "venous"][i % 2])
    registry = registry_of(tmp_path, text, LEVELS.format(explode))
    said_of = {m.split("(field ")[1]: m for m in said(registry, "codes_missing")}
    assert sorted(said_of) == ["leak_sites_ct).", "level)."]
    assert "known: 'foo' (10) (field" in said_of["level)."]
    assert "known: 'bla' (" in said_of["leak_sites_ct)."]
    # what no code mends is said where it stands
    assert len(registry.findings.query("rule == 'level.ambiguous'")) == 20


def test_a_column_that_is_what_the_mapping_says_is_not_doubted(tmp_path: Path) -> None:
    text = sessions(40, x=lambda i: 4 + i, y=lambda i: "unknown" if i % 3 else "da",
                    z=lambda i: f"{1 + i % 28:02d}.03.2022.")  # fmt: skip
    mapped = PROCEDURES + 'crp_mg_l = "x"\nmri_pre = "y"\ncrp_date = "z"\n'
    registry = registry_of(tmp_path, text, mapped)
    assert not registry.findings["rule"].str.startswith("mapping.").any()


# ------------------------------------------------------------------ an export in place of a mapping


@pytest.mark.parametrize("name", ["a.csv", "a b.xlsx", "a.parquet", "a.SAV", "in.zip", "a.txt"])
def test_an_export_in_place_of_its_mapping_is_called_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"id;day\n1;2020-01-01\n")
    with pytest.raises(MappingError, match="is an export, not the mapping of one") as error:
        read_registry(tmp_path / name)
    said = str(error.value)
    assert f"vpstats map {shlex.quote(str(tmp_path / name))} --out registry.toml" in said
    assert "TOML" not in said


def test_a_folder_of_exports_says_how_to_draft_their_mapping(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;day\n", "utf-8")
    with pytest.raises(MappingError, match=r"holds no registry\.toml\. Draft one: vpstats map"):
        read_registry(tmp_path)
    with pytest.raises(MappingError, match="no such file"):
        read_registry(tmp_path / "nothing")


# ------------------------------------------------------------------ times that are no days


@pytest.mark.parametrize(
    "cell",
    ["month 6", "6 mo", "3 Monate", "12 mj.", "1 an", "W6", "M12", "6m FU", "post-op 3 months"],
)
def test_a_planned_month_is_no_date_and_is_called_so(tmp_path: Path, cell: str) -> None:
    visits = (
        '[[source.table]]\nname = "visits"\n[source.table.columns]\n'
        'patient_id = "id"\nvisit_date = "x"\n'
    )
    text = sessions(20, x=lambda i: cell if i % 4 else "2023-05-06")
    registry = registry_of(tmp_path, text, PROCEDURES + visits)
    (message,) = said(registry, "contradicted")
    assert message.startswith("15 of 20 cells say how long after another day it was")
    # what has a day is read; no other day is made up
    assert registry.visits["visit_date"].astype(str).unique().tolist() == ["2023-05-06"]
    assert len(registry.visits) == 5


@pytest.mark.parametrize("cell", ["06/2022", "May 2022", "14.3.", "L1", "6", "unknown", "soon"])
def test_other_cells_are_no_planned_months(cell: str) -> None:
    assert not is_elapsed(cell)
