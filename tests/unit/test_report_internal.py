"""The cleaning log stays useful while identifying values are masked."""

from __future__ import annotations

import pandas as pd

from vpstats.escaping import to_csv
from vpstats.report.internal import MASK, mask, summarise
from vpstats.schema_tables import TABLES

SHOWN = frozenset((t.name, c.name) for t in TABLES.values() for c in t if not c.masked)

LOG = pd.DataFrame(
    {
        "file": ["a.csv"] * 5,
        "row": [2, 3, 4, 5, 6],
        "column": ["cement", "geb", "todesursache", "neu", "geb"],
        "table": ["levels", "patients", "patients", "patients", "patients"],
        "field": ["cement_ml", "birth_date", "death_cause", "not_in_the_schema", "birth_date"],
        "key": ["C01/7/2020-01-02/T8", "C01/7", "C01/7", "", None],
        "raw": ["4,5", "01.02.1950.", "sepsis, Mr. X", "secret", ""],
        "clean": ["4.5", "1950-02-01", None, "secret", None],
        "rule": ["decimal comma"] * 5,
    }
)


def test_values_of_masked_fields_disappear_and_the_rest_stays() -> None:
    masked = mask(LOG, SHOWN)
    assert masked["raw"].tolist() == ["4,5", MASK, MASK, MASK, ""]
    assert masked["clean"].tolist() == ["4.5", MASK, None, MASK, None]
    assert masked.drop(columns=["raw", "clean", "key"]).equals(
        LOG.drop(columns=["raw", "clean", "key"])
    )


def test_every_identifier_birth_date_and_free_text_of_the_schema_is_masked() -> None:
    hidden = [(t.name, c.name) for t in TABLES.values() for c in t if c.masked]
    log = pd.DataFrame(hidden, columns=["table", "field"]).assign(raw="known only to her")
    assert len(log) >= 5
    assert set(mask(log, SHOWN)["raw"]) == {MASK}


def test_keys_name_patients_and_are_masked_unless_blank() -> None:
    masked = mask(LOG, SHOWN)["key"]
    assert masked.tolist()[:4] == [MASK, MASK, MASK, ""]
    assert masked.isna().tolist() == [False, False, False, False, True]


def test_a_log_that_does_not_name_its_fields_is_masked_throughout() -> None:
    assert mask(LOG[["row", "raw"]], SHOWN)["raw"].tolist() == [MASK] * 4 + [""]


def test_the_summary_counts_by_file_and_rule_and_is_empty_without_logs() -> None:
    log = LOG.assign(severity="info", file=["a.csv", "b.csv", "b.csv", "b.csv", "b.csv"])
    assert summarise({"corrections": log})["n"].tolist() == [1, 4]
    nothing = summarise({"sources": LOG})
    assert nothing.columns.tolist() == ["log", "severity", "rule", "file", "n"]
    assert nothing.empty


def test_the_log_given_is_left_as_it_was() -> None:
    before = LOG.copy(deep=True)
    mask(LOG, SHOWN)
    pd.testing.assert_frame_equal(LOG, before)


def test_an_empty_log_keeps_its_header() -> None:
    assert to_csv(mask(LOG.iloc[:0], SHOWN)) == ",".join(LOG.columns) + "\n"
