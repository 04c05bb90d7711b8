"""The listing of `vpstats check`: grouped by rule and place, without anybody's values."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pandas as pd
import pytest

from vpstats.frames import FlowStep
from vpstats.listing import as_csv, as_data, as_json, as_text
from vpstats.registry import RULES
from vpstats.registry.registry import (
    CORRECTION_COLUMNS,
    FINDING_COLUMNS,
    SOURCE_COLUMNS,
    Registry,
)
from vpstats.schema_tables import TABLES


def finding(severity: str, rule: str, row: int | None, **more: object) -> dict[str, object]:
    place = {"file": "a.csv", "column": "razina", "table": "levels", "field": "level"}
    words = {"key": "C01/P-77", "message": "May be a disc.", "action": "Correct it."}
    return {"severity": severity, "rule": rule, "row": row, **place, **words, **more}


def correction(row: int, rule: str = "number.spelling") -> dict[str, object]:
    return {
        "file": "a.csv", "row": row, "column": "cement", "table": "levels", "field": "cement_ml",
        "key": "C01/P-77", "raw": "4,5", "clean": "4.5", "rule": rule, "severity": "info",
    }  # fmt: skip


def make_registry(
    findings: list[dict[str, Any]] = (), corrections: list[dict[str, Any]] = (), **changes: Any
) -> Registry:
    source = {
        "source": "hr", "file": "a.csv", "format": "csv", "sha256": "0" * 64, "rows": 1200,
        "encoding": "cp1250", "delimiter": ";", "decimal": ",", "date_order": "dmy",
    }  # fmt: skip
    fields = {
        **{name: table.empty() for name, table in TABLES.items()},
        "findings": pd.DataFrame(findings, columns=list(FINDING_COLUMNS)),
        "corrections": pd.DataFrame(corrections, columns=list(CORRECTION_COLUMNS)),
        "sources": pd.DataFrame([source], columns=list(SOURCE_COLUMNS)),
        "exclusions": (FlowStep("read", 30, 20), FlowStep("did not opt out", 27, 18, 3, 2)),
        "name": "Network",
        "synthetic": False,
        "data_cut": pd.Timestamp("2025-12-31"),
    }
    return Registry(**(fields | changes))


def test_findings_are_grouped_by_rule_and_place_the_gravest_first() -> None:
    listing = as_data(
        make_registry(
            [
                finding("info", "date.order", None, column=pd.NA),
                finding("warning", "level.transitional", 9),
                finding("error", "level.ambiguous", 4),
                finding("error", "level.ambiguous", 2),
                finding("error", "level.ambiguous", 3, file="b.csv"),
            ]
        )
    )
    groups = [(g["severity"], g["file"], g["column"], g["rows"]) for g in listing["findings"]]
    assert groups == [
        ("error", "a.csv", "razina", [2, 4]),
        ("error", "b.csv", "razina", [3]),
        ("warning", "a.csv", "razina", [9]),
        ("info", "a.csv", "", []),
    ]
    assert listing["counts"] == {"error": 3, "warning": 1, "info": 1}
    assert listing["findings"][0]["message"] == "May be a disc."


def test_corrections_are_counted_by_rule_and_place_without_their_values() -> None:
    (group,) = as_data(make_registry(corrections=[correction(3), correction(2)]))["corrections"]
    assert group == {
        "rule": "number.spelling", "file": "a.csv", "column": "cement", "n": 2, "rows": [2, 3],
    }  # fmt: skip


def test_an_empty_registry_is_listed_too() -> None:
    listing = as_data(make_registry())
    assert listing["counts"] == {"error": 0, "warning": 0, "info": 0}
    assert listing["tables"] == dict.fromkeys(TABLES, 0)


def test_text_tells_how_the_files_were_read() -> None:
    lines = as_text(make_registry()).splitlines()
    assert lines[0] == "Network, data cut 2025-12-31"
    assert "  hr: a.csv, 1,200 rows; cp1250, delimiter ';', decimal ',', dates dmy" in lines
    assert "  read: 20 patients, 30 procedures" in lines
    assert "  did not opt out: 18 patients (2 left out), 27 procedures (3 left out)" in lines
    assert "  patients 0, procedures 0, levels 0, leaks 0, visits 0, events 0" in lines


def test_what_is_not_known_of_a_source_is_left_out() -> None:
    sources = make_registry().sources.assign(
        encoding=pd.NA, delimiter=pd.NA, decimal=pd.NA, date_order=pd.NA
    )
    assert "  hr: a.csv, 1,200 rows\n" in as_text(make_registry(sources=sources))


def test_synthetic_data_are_called_so() -> None:
    assert as_text(make_registry(synthetic=True)).startswith("Network (synthetic), data cut")
    told = make_registry(synthetic=True, name="Synthetic network")
    assert as_text(told).startswith("Synthetic network, data cut")


def test_text_names_the_place_and_what_to_do() -> None:
    rows = range(2, 11)
    text = as_text(make_registry([finding("error", "level.ambiguous", r) for r in rows]))
    assert "  error       9  level.ambiguous: a.csv, column 'razina'," in text
    plain = " ".join(text.split())
    assert "rows 2, 3, 4, 5, 6, 7 and 3 more" in plain
    assert f"{RULES['level.ambiguous'].sentence} {RULES['level.ambiguous'].action}" in plain
    assert max(map(len, text.splitlines())) <= 100


def test_text_names_the_most_frequent_places_of_a_rule_and_counts_the_others() -> None:
    once = [finding("error", "level.ambiguous", 2, file=f"{name}.csv") for name in "bcde"]
    twice = [finding("error", "level.ambiguous", row, file="f.csv") for row in (3, 4)]
    plain = " ".join(as_text(make_registry([*once, *twice])).split())
    place = "column 'razina', row"
    assert f"f.csv, {place}s 3, 4; b.csv, {place} 2; c.csv, {place} 2; 2 more places" in plain
    assert "Findings: 6 errors, 0 warnings, 0 notes" in plain


def test_text_says_what_a_correction_did() -> None:
    text = as_text(make_registry(corrections=[correction(2), correction(3)]))
    plain = " ".join(text.split())
    assert f"2 number.spelling: {RULES['number.spelling'].sentence}" in plain
    assert "Corrections: 2 values" in plain


def test_a_finding_without_a_row_or_column_names_the_file() -> None:
    text = as_text(make_registry([finding("info", "date.order", None, column=pd.NA)]))
    assert "date.order: a.csv\n" in text


def test_csv_has_a_line_for_each_and_no_key_or_value() -> None:
    registry = make_registry([finding("error", "level.ambiguous", 2)], [correction(3)])
    lines = list(csv.DictReader(io.StringIO(as_csv(registry))))
    assert [(line["kind"], line["row"]) for line in lines] == [
        ("finding", "2"),
        ("correction", "3"),
    ]
    assert not {"key", "raw", "clean"} & set(lines[0])


@pytest.mark.parametrize("layout", [as_text, as_json, as_csv])
def test_nobody_is_named(layout: Any) -> None:
    text = layout(make_registry([finding("error", "level.ambiguous", 2)], [correction(3)]))
    assert "P-77" not in text
    assert "4,5" not in text


def test_json_is_the_same_listing() -> None:
    registry = make_registry([finding("error", "level.ambiguous", 2)], [correction(3)])
    assert json.loads(as_json(registry)) == as_data(registry)


def test_a_registry_shows_itself_without_its_rows() -> None:
    text = repr(make_registry([finding("error", "level.ambiguous", 2)]))
    assert text.startswith("<Registry Network: patients 0, procedures 0,")
    assert text.endswith("findings 1>")


def test_the_csv_holds_no_formula() -> None:
    raws = ["=cmd|' /C calc'!A0", "+1+1", "-2,5", "@x", "-oko 3", "\t=1"]
    rows = [correction(n) | {"column": raw} for n, raw in enumerate(raws, start=2)]
    lines = list(csv.DictReader(io.StringIO(as_csv(make_registry((), rows)))))
    shown = [line["column"] for line in lines]
    assert shown == ["'=cmd|' /C calc'!A0", "'+1+1", "'-2,5", "'@x", "'-oko 3", "'\t'=1"]


def test_columns_that_are_not_mapped_are_named_and_no_cell_is() -> None:
    unmapped = {"table": "", "field": "", "column": "", "key": ""}
    text = as_text(
        make_registry(
            [
                finding("info", "file.unmapped", None, **unmapped, message="1 column: napomena."),
                finding(
                    "info", "file.unmapped", None, **unmapped, file="b.csv", message="2: x, y."
                ),
                finding("error", "level.unreadable", 4, message="'Horvat Ana': no vertebra."),
            ]
        )
    )
    assert "- a.csv: 1 column: napomena.\n" in text
    assert "- b.csv: 2: x, y.\n" in text
    assert "Horvat" not in text
