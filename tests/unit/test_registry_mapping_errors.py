"""A key that stands where it does not belong: the error says where it does, by an example."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest

from vpstats.errors import MappingError
from vpstats.registry.mapping import (
    ColumnMap,
    RegistryInfo,
    RegistryMap,
    SourceMap,
    TableMap,
    parse_mapping,
)
from vpstats.registry.mapping_errors import _EXAMPLES, _PLACES

PARTS = {
    "file": "version = 1\n",
    "registry": '[registry]\nname = "x"\ndata_cut = 2024-01-31\n',
    "source": '[[source]]\nname = "a"\nfile = "a.csv"\ncenter = "A"\n',
    "table": '[[source.table]]\nname = "levels"\nexplode = "l"\n',
    "columns": '[source.table.columns]\npatient_id = "id"\nproc_date = "day"\n',
}


def told(toml: str) -> str:
    with pytest.raises(MappingError) as caught:
        parse_mapping(tomllib.loads(toml))
    return str(caught.value)


def with_line(part: str, line: str) -> str:
    """A mapping with a line in one part of it, in the place of one with its key."""
    key = f"{line.split(' = ')[0]} = "
    kept = [text for text in PARTS[part].splitlines() if not text.startswith(key)]
    return "".join({**PARTS, part: "\n".join([*kept, line, ""])}.values())


def test_the_mapping_itself_reads() -> None:
    assert parse_mapping(tomllib.loads("".join(PARTS.values()))).sources[0].name == "a"


@pytest.mark.parametrize(
    ("part", "line", "key", "belongs"),
    [
        ("source", 'where = { v = "1" }', "source[a].where", "table"),
        ("registry", 'where = { v = "1" }', "registry.where", "table"),
        ("columns", 'where = { v = "1" }', "source[a].table[levels].columns.where.v", "table"),
        ("source", 'ticked = { D11 = "T11" }', "source[a].ticked", "table"),
        ("source", 'unit = "mg/dL"', "source[a].unit", "field"),
        ("columns", 'unit = "mg/dL"', "source[a].table[levels].columns.unit", "field"),
        ("table", 'codes = { a = "b" }', "source[a].table[levels].codes", "field"),
        ("table", 'date_order = "dmy"', "source[a].table[levels].date_order", "source"),
        ("table", 'fill_down = ["id"]', "source[a].table[levels].fill_down", "source"),
        ("columns", "header_row = 2", "source[a].table[levels].columns.header_row", "source"),
        ("source", "data_cut = 2024-01-31", "source[a].data_cut", "registry"),
        ("registry", 'center = "A"', "registry.center", "source"),
        ("source", 'columns = { sex = "s" }', "source[a].columns", "columns"),
    ],
)
def test_a_key_at_a_wrong_place_is_told_the_right_one(
    part: str, line: str, key: str, belongs: str
) -> None:
    said = told(with_line(part, line))
    name = line.split(" ")[0]
    assert said == (
        f"registry.toml: key '{key}': does not belong here. Write it {_PLACES[belongs]}, such as: "
        f"{_EXAMPLES[name][1]}"
    )


def test_a_misspelt_key_is_still_told_its_neighbour() -> None:
    assert "is not known here. Did you mean 'where'?" in told(with_line("table", 'wher = "1"'))


# ------------------------------------------------------------------ the examples are true


def test_every_key_with_one_place_has_an_example() -> None:
    models = {RegistryMap, RegistryInfo, SourceMap, TableMap, ColumnMap}
    keys = {info.alias or name for m in models for name, info in m.model_fields.items()}
    # parts of the file, and what several parts have
    assert keys - set(_EXAMPLES) == {"registry", "source", "quality", "table", "name", "confirmed"}


def examples() -> Iterator[tuple[str, str, str]]:
    yield from ((key, part, line) for key, (part, line) in _EXAMPLES.items())


@pytest.mark.parametrize(("key", "part", "line"), list(examples()))
def test_the_example_is_a_key_that_belongs_there(key: str, part: str, line: str) -> None:
    assert tomllib.loads(line)
    if part == "columns":
        toml = with_line("table", line).split("[source.table.columns]")[0]
    else:
        toml = with_line("columns" if part == "field" else part, line)
    said = ""
    try:
        parse_mapping(tomllib.loads(toml))
    except MappingError as error:
        said = str(error)  # of other fields of the table, other formats of the source
    assert key in line
    assert not any(words in said for words in ("belong", "is not known"))
