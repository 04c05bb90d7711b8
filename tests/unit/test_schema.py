"""The schema: declarations that hang together, canonical types, what is derived from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from vpstats.errors import UsageError
from vpstats.schema import (
    YES_NO,
    Column,
    Table,
    category,
    date,
    dictionary_markdown,
    number,
    pandera_schema,
    text,
    yes_no,
)
from vpstats.schema_tables import LEAK_FIELDS, LEAK_SITES, MODALITIES, TABLES, VERTEBRAE

SMALL = Table(
    "small",
    "thing",
    ("thing_id",),
    (
        text("thing_id", "Name.", "identifier", required=True),
        category("colour", ("red", "dark_blue"), "Colour."),
        category("sites", ("disc", "venous"), "Sites.", kind="set"),
        yes_no("seen", "Seen."),
        number("cement_ml", "mL", "Cement.", (0, 15), (1, 8)),
        number("count", "things", "Count.", (0, 10), integer=True),
        date("day", "Day."),
    ),
)


# --- declarations


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_every_table_declares_its_key_and_no_column_twice(table: Table) -> None:
    assert len(set(table.names)) == len(table.names)
    assert all(key in table and table[key].required for key in table.key)


@pytest.mark.parametrize(
    "column",
    [c for t in TABLES.values() for c in t],
    ids=[f"{t.name}.{c.name}" for t in TABLES.values() for c in t],
)
def test_every_column_is_declared_in_full(column: Column) -> None:
    assert column.description.endswith((".", ")"))
    assert bool(column.codes) == (column.kind in ("category", "yes_no", "set"))
    if column.hard is not None:
        low, high = column.warn or column.hard
        assert column.hard[0] <= low < high <= column.hard[1]
        assert column.unit


def test_units_in_names_are_the_declared_units() -> None:
    endings = {
        "_ng_ml": "ng/mL", "_mg_l": "mg/L", "_ml": "mL", "_cm": "cm",
        "_kg": "kg", "_pct": "%", "_min": "min",
    }  # fmt: skip
    for table in TABLES.values():
        for column in table:
            expected = [u for end, u in endings.items() if column.name.endswith(end)]
            assert not expected or column.unit == expected[0], column.name


def test_vertebrae_run_from_head_to_foot() -> None:
    assert len(VERTEBRAE) == 7 + 12 + 5 + 1
    assert [VERTEBRAE.index(v) + 1 for v in ("C1", "T1", "L1", "S1")] == [1, 8, 20, 25]


def test_leak_fields_cover_every_site_by_every_modality() -> None:
    assert set(LEAK_FIELDS.values()) == {(s, m) for s in LEAK_SITES for m in MODALITIES}


def test_identifiers_births_and_free_text_are_masked() -> None:
    masked = {c.name for t in TABLES.values() for c in t if c.masked}
    assert {"patient_id", "birth_date", "birth_year", "operator_id", "death_cause"} <= masked
    assert not masked & {"center_id", "proc_date", "cement_ml"}


# --- canonical form


def test_canonical_gives_columns_order_and_types() -> None:
    raw = pd.DataFrame({"cement_ml": [4.5, None], "thing_id": ["a", "b"], "seen": ["yes", None]})
    frame = SMALL.canonical(raw)
    assert tuple(frame.columns) == SMALL.names
    assert {n: str(t) for n, t in frame.dtypes.items()} == {
        "thing_id": "string",
        "colour": "category",
        "sites": "string",
        "seen": "category",
        "cement_ml": "Float64",
        "count": "Int64",
        "day": "datetime64[ns]",
    }
    assert list(frame["seen"].cat.categories) == list(YES_NO)
    assert frame["cement_ml"].tolist() == [4.5, pd.NA]
    assert frame["day"].isna().all()


def test_canonical_starts_a_new_index_and_leaves_the_input_alone() -> None:
    raw = pd.DataFrame({"thing_id": ["a", "b"]}, index=[7, 9])
    before = raw.copy()
    assert SMALL.canonical(raw).index.tolist() == [0, 1]
    pd.testing.assert_frame_equal(raw, before)


def test_undeclared_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="'small' does not declare: note"):
        SMALL.canonical(pd.DataFrame({"thing_id": ["a"], "note": ["x"]}))


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_an_empty_table_is_canonical(table: Table) -> None:
    empty = table.empty()
    assert empty.empty
    pd.testing.assert_frame_equal(table.canonical(empty), empty)
    pandera_schema(table).validate(empty, lazy=True)


def test_columns_are_found_by_name() -> None:
    assert SMALL["cement_ml"].unit == "mL"
    assert "cement_ml" in SMALL
    assert "nothing" not in SMALL
    with pytest.raises(UsageError, match="'small' has no column 'nothing'"):
        SMALL["nothing"]


def test_an_ordered_category_compares() -> None:
    column = category("asa", ("1", "2"), "ASA.", ordered=True)
    series = pd.Series(["2", "1"]).astype(column.dtype)
    assert series.max() == "2"


# --- validation derived from the declarations


def good() -> pd.DataFrame:
    return SMALL.canonical(
        pd.DataFrame(
            {
                "thing_id": ["a", "b"],
                "sites": ["disc;venous", None],
                "cement_ml": [15.0, None],
                "count": [0, 10],
            }
        )
    )


def test_good_data_pass() -> None:
    pandera_schema(SMALL).validate(good(), lazy=True)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("cement_ml", 15.1),
        ("cement_ml", -0.1),
        ("count", 11),
        ("sites", "disc;aorta"),
        ("thing_id", None),
    ],
)
def test_impossible_values_fail(column: str, value: object) -> None:
    frame = good()
    frame.loc[0, column] = value
    with pytest.raises(pandera.errors.SchemaErrors):
        pandera_schema(SMALL).validate(frame, lazy=True)


def test_a_repeated_key_and_a_foreign_column_fail() -> None:
    twice = good().assign(thing_id=pd.array(["a", "a"], dtype="string"))
    with pytest.raises(pandera.errors.SchemaErrors):
        pandera_schema(SMALL).validate(twice, lazy=True)
    with pytest.raises(pandera.errors.SchemaErrors):
        pandera_schema(SMALL).validate(good().assign(extra=np.arange(2)), lazy=True)


# --- the dictionary


def test_the_dictionary_has_a_row_for_every_column() -> None:
    page = dictionary_markdown([SMALL])
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == len(SMALL.columns)
    assert "One row per thing. Key: thing_id." in page


def test_a_dictionary_row_states_unit_ranges_codes_and_need() -> None:
    page = dictionary_markdown([SMALL])
    assert "| `cement_ml` | number | mL | 0 to 15 (1 to 8) |  | Cement. |" in page
    assert "| `count` | integer | things | 0 to 10 |  | Count. |" in page
    assert "| `thing_id` (required) | string |  |  |  | Name. |" in page
    assert "| `colour` | category |  |  | `red`, `dark_blue` | Colour. |" in page
    assert "| `seen` | yes/no |  |  | yes/no codes | Seen. |" in page


def test_the_dictionary_explains_shared_codes_and_those_that_need_words() -> None:
    table = Table(
        "t", "thing", ("a",), (category("a", {"x": "the unknown", "tall_one": "tall one"}, "A."),)
    )
    codes = dictionary_markdown([table]).split("## Codes")[1]
    assert "| `a` | `x` | the unknown |" in codes
    assert "tall_one" not in codes
    assert all(f"| yes/no | `{code}` |" in codes for code in YES_NO)
