"""Sources to text: files, archives, databases and projects, each by its own reader.

Nothing is typed here. A file that cannot be read raises one `DataError`; what is odd about one is
noted, row by row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from vpstats.registry.delimited import DUPLICATE, detect_delimiter, from_rows, read_text
from vpstats.registry.mapping import ColumnMap, SourceMap, TableMap
from vpstats.registry.opening import OpenFile, open_files, read_bytes
from vpstats.registry.raw import RawSource, SourceNote, stack

__all__ = [
    "DUPLICATE",
    "describe_sources",
    "detect_delimiter",
    "from_rows",
    "read_source",
    "with_marks",
]


def read_source(mapping: SourceMap, folder: Path) -> RawSource:
    """Open everything that a source names.

    Parameters
    ----------
    mapping : SourceMap
        What registry.toml says.
    folder : Path
        Where registry.toml lies; files are relative to it.

    Returns
    -------
    RawSource
        Text with file and row; the files under one another, in order of name.

    Raises
    ------
    DataError
        If there is no such file or database, or it cannot be read.
    """
    if mapping.format == "sql":
        from vpstats.registry.databases import read_database

        source, digest = read_database(mapping, folder)
        return _described(source, mapping, digest)
    if mapping.format == "redcap_api":
        from vpstats.registry.redcap_api import read_project

        source, digest = read_project(mapping)
        return _described(source, mapping, digest)
    return stack([_read_file(file, mapping, folder) for file in open_files(mapping, folder)])


def _read_file(file: OpenFile, mapping: SourceMap, folder: Path) -> RawSource:
    source = _parse(file, mapping, folder)
    digest = hashlib.sha256(file.content).hexdigest()
    return _described(source, mapping, digest).noted(*file.notes)


def _parse(file: OpenFile, mapping: SourceMap, folder: Path) -> RawSource:
    if mapping.format == "excel":
        from vpstats.registry.excel import read_excel

        return read_excel(file.content, mapping, file.shown)
    if mapping.format in ("parquet", "stata", "spss", "sas"):
        from vpstats.registry.statistical import read_statistical

        return read_statistical(file.content, mapping, file.shown, folder)
    source = read_text(file.content, mapping, file.shown)
    if mapping.format == "redcap":
        from vpstats.registry.redcap import as_raw, read_dictionary

        name = mapping.dictionary
        fields = read_dictionary(read_bytes(folder / name, name), name) if name else ()
        return as_raw(source, fields, mapping)
    return source


def _described(source: RawSource, mapping: SourceMap, digest: str) -> RawSource:
    """The source with what `Registry.sources` says of each of its files."""
    rows = np.bincount(source.file, minlength=len(source.files)).tolist()
    known = {"source": mapping.name, "format": mapping.format, "sha256": digest}
    meta = tuple(
        {**m, **known, "file": shown, "rows": n}
        for m, shown, n in zip(source.meta, source.files, rows, strict=True)
    )
    said = "the file has a header and no rows"
    empty = [
        SourceNote("file.no_rows", shown, said)
        for shown, n in zip(source.files, rows, strict=True)
        if n == 0
    ]
    return replace(source, meta=meta).noted(*empty)


# ------------------------------------------------------------------ what types say


def with_marks(mapping: SourceMap, raw: RawSource) -> SourceMap:
    """The mapping with the decimal mark of every column that the source holds as numbers.

    Parameters
    ----------
    mapping : SourceMap
        What registry.toml says.
    raw : RawSource
        Its ``meta`` names the columns that are typed.

    Returns
    -------
    SourceMap
        Columns of numbers have a decimal point, whatever text columns beside them use.
    """
    typed = set.intersection(*(set(meta.get("typed", ())) for meta in raw.meta))
    if not typed:
        return mapping
    tables = tuple(_marked(table, typed) for table in mapping.tables)
    return mapping.model_copy(update={"tables": tables})


def _marked(table: TableMap, typed: set[str]) -> TableMap:
    columns = {name: _pointed(column, typed) for name, column in table.columns.items()}
    return table.model_copy(update={"columns": columns})


def _pointed(column: ColumnMap, typed: set[str]) -> ColumnMap:
    names = {column.column, *column.columns} - {None}
    known = bool(names) and names <= typed and column.decimal is None
    return column.model_copy(update={"decimal": "."}) if known else column


def describe_sources(parts: Sequence[RawSource]) -> pd.DataFrame:
    """One row per file, as `Registry.sources` holds them."""
    from vpstats.registry.registry import SOURCE_COLUMNS

    rows = [{c: meta.get(c, "") for c in SOURCE_COLUMNS} for part in parts for meta in part.meta]
    return pd.DataFrame(rows, columns=list(SOURCE_COLUMNS))
