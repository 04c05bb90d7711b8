"""registry.toml: what is understood, and what each mistake is told."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vpstats.errors import ExitCode, MappingError
from vpstats.registry.fields import allowed_fields, field_column
from vpstats.registry.mapping import parse_mapping, read_mapping
from vpstats.registry.mapping_schema import registry_json_schema
from vpstats.registry.units import factor, known_units
from vpstats.schema_tables import LEAK_FIELDS, TABLES

TEXT = """
version = 1
[registry]
name = "R"
data_cut = 2025-12-31
[[source]]
name = "hr"
file = "a.csv"
center = { column = "ustanova", codes = { "KB Sjever" = "C01" } }
[[source.table]]
name = "levels"
where = { redcap_repeat_instrument = ["level"], tip = "x" }
explode = "razine"
[source.table.columns]
patient_id = "id"
proc_date = "datum"
cement_ml = { columns = ["z1", "z2"], unit = "mL" }
cortical_breach = { column = "x", codes = { "1" = "yes", "9" = "not_done" } }
leak_sites_ct = { checkbox = "leak", codes = { "1" = "epidural" } }
leak_venous_fluoro = { value = "no" }
"""


def content() -> dict[str, Any]:
    return tomllib.loads(TEXT)


def test_shorthands_are_understood() -> None:
    source = parse_mapping(content()).sources[0]
    table = source.tables[0]
    assert source.file == ("a.csv",)
    assert source.center is not None
    assert (source.center.column, source.center.codes) == ("ustanova", {"KB Sjever": "C01"})
    assert table.where == {"redcap_repeat_instrument": ("level",), "tip": ("x",)}
    assert table.explode == ("razine",)
    assert table.columns["patient_id"].column == "id"


def _source(data: dict[str, Any]) -> dict[str, Any]:
    return dict.__getitem__(data, "source")[0]


def _columns(data: dict[str, Any]) -> dict[str, Any]:
    return _source(data)["table"][0]["columns"]


@pytest.mark.parametrize(
    ("spoil", "key", "words"),
    [
        (lambda d: _source(d).update(fle="x"), "source[hr].fle", "Did you mean 'file'"),
        (lambda d: d.update(version=2), "version", "input should be 1"),
        (lambda d: d["registry"].pop("data_cut"), "registry.data_cut", "is missing"),
        (lambda d: _source(d).update(format="xml"), "source[hr].format", "'csv'"),
        (lambda d: _source(d).update(center={}), "source[hr].center", "needs a name"),
        (lambda d: _source(d).update(sheet="x"), "source[hr]", "excel"),
        (lambda d: _source(d).update(decimal=",", thousands=","), "source[hr]", "same mark"),
        (lambda d: _source(d).pop("center"), "source[hr]", "needs center"),
        (lambda d: d["source"].append(_source(d)), "source", "share a name"),
        (
            lambda d: _columns(d).update(cement="x"),
            "source[hr].table[levels].columns.cement",
            "Did you mean 'cement_ml'",
        ),
        (
            lambda d: _columns(d).update(height_loss_pct={"column": "x", "unit": "furlong"}),
            "source[hr].table[levels].columns.height_loss_pct.unit",
            "known: %",
        ),
        (
            lambda d: _columns(d).update(genant={"column": "x", "codes": {"a": "4"}}),
            "source[hr].table[levels].columns.genant",
            "expected one of 0, 1, 2, 3",
        ),
        (
            lambda d: _columns(d).update(genant={"column": "x", "value": "1"}),
            "source[hr].table[levels].columns.genant",
            "exactly one of",
        ),
        (
            lambda d: _columns(d).pop("proc_date"),
            "source[hr].table[levels]",
            "needs the fields",
        ),
        (
            lambda d: _source(d)["table"][0].pop("explode"),
            "source[hr].table[levels]",
            "needs the fields",
        ),
    ],
)
def test_every_mistake_names_its_key(
    spoil: Callable[[dict[str, Any]], object], key: str, words: str
) -> None:
    data = copy.deepcopy(content())
    spoil(data)
    with pytest.raises(MappingError) as caught:
        parse_mapping(data, file="registry.toml")
    message = str(caught.value)
    assert message.startswith(f"registry.toml: key '{key}':")
    assert words in message
    assert caught.value.exit_code == ExitCode.BAD_PLAN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = ", "not valid TOML"),
        ("a = 1\na = 2\n", "not valid TOML"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_files_that_are_no_mapping(tmp_path: Path, text: str | bytes, words: str) -> None:
    data = text.encode() if isinstance(text, str) else text
    (tmp_path / "registry.toml").write_bytes(data)
    with pytest.raises(MappingError, match=words):
        read_mapping(tmp_path)


def test_a_folder_without_a_mapping(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"this folder holds no registry\.toml"):
        read_mapping(tmp_path)


def test_json_schema_accepts_what_the_models_accept() -> None:
    schema = registry_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    data = content()
    data["registry"]["data_cut"] = "2025-12-31"
    validator = jsonschema.Draft202012Validator(schema)
    assert not list(validator.iter_errors(data))
    _columns(data)["cement"] = "x"
    assert list(validator.iter_errors(data))


def test_every_field_that_may_be_mapped_is_declared() -> None:
    for table in TABLES:
        for field in allowed_fields(table):
            assert field_column(table, field).name == field
    assert set(LEAK_FIELDS) <= set(allowed_fields("levels"))


def test_every_unit_of_the_schema_knows_itself() -> None:
    for table in TABLES.values():
        for column in table:
            if column.unit and column.kind in ("number", "integer"):
                assert factor(column.unit, column.unit) == 1
                assert known_units(column.unit)
