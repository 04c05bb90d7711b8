"""Sources to text: files, archives, databases and projects, each by its own reader.

Nothing is typed here. A file that cannot be read raises one `DataError`; what is odd about one is
noted, row by row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vpstats.errors import DataError, VpstatsError
from vpstats.registry.decoding import beginning
from vpstats.registry.delimited import detect_delimiter, read_text
from vpstats.registry.files_alike import stacked
from vpstats.registry.mapping import ColumnMap, SourceMap, TableMap
from vpstats.registry.opening import OpenFile, open_files, read_bytes
from vpstats.registry.raw import RawSource, SourceNote, unread_note
from vpstats.registry.rows import DUPLICATE, from_rows

__all__ = [
    "DUPLICATE",
    "describe_sources",
    "detect_delimiter",
    "from_rows",
    "read_source",
    "read_sources",
    "with_marks",
]


def read_sources(
    mappings: Sequence[SourceMap], folder: Path, *, n_jobs: int | None = None
) -> list[RawSource]:
    """Open everything that the sources of a registry name, file by file, by several workers.

    Parameters
    ----------
    mappings : sequence of SourceMap
        What registry.toml says of each source.
    folder : Path
        Where registry.toml lies; files are relative to it.
    n_jobs : int, optional
        Workers, through joblib: whichever backend is active, its Dask one included. Databases and
        projects are read by the calling process, which alone may know their passwords.

    Returns
    -------
    list of RawSource
        In the order of the sources, the files of each in their order, for any number of workers.

    Raises
    ------
    DataError
        If there is no such file or database, or it cannot be read; of several files the first.
    """
    read: dict[int, list[RawSource]] = {}
    for number, source in _run(_jobs(mappings, folder), n_jobs):
        read.setdefault(number, []).append(source)
    sources = [
        _remote(mapping, folder) if mapping.format in _REMOTE else stacked(read[number], mapping)
        for number, mapping in enumerate(mappings)
    ]
    return _unread_by_all(sources, mappings, folder)


def _unread_by_all(
    sources: Sequence[RawSource], mappings: Sequence[SourceMap], folder: Path
) -> list[RawSource]:
    """Sources that say of files and sheets that they were not read where no other reads them.

    What several sources leave unread is said once.
    """
    read = set().union(
        *(_names_read(*pair, folder) for pair in zip(sources, mappings, strict=True))
    )
    said: set[tuple[str, str]] = set()
    return [replace(source, notes=tuple(_still_unread(source, read, said))) for source in sources]


def _names_read(source: RawSource, mapping: SourceMap, folder: Path) -> set[str]:
    """Files that a source reads, and what they are parts of: archives and workbooks.

    Of a file that does not lie below registry.toml only the last part of the name is known, which
    a file elsewhere may have too.
    """
    if not all((folder / pattern).is_relative_to(folder) for pattern in mapping.file):
        return set()
    names = [*source.files, *filter(None, (mapping.dictionary, mapping.catalog))]
    return {":".join(name.split(":")[:n]) for name in names for n in range(1, name.count(":") + 2)}


def _still_unread(
    source: RawSource, read: set[str], said: set[tuple[str, str]]
) -> Iterator[SourceNote]:
    for note in source.notes:
        if note.unread is None:
            yield note
            continue
        names = {
            name: shown
            for name, shown in note.unread.names.items()
            if name not in read and (note.rule, name) not in said
        }
        said.update((note.rule, name) for name in names)
        if names:
            yield unread_note(note.rule, note.file, note.unread.lead, names)


def read_source(mapping: SourceMap, folder: Path) -> RawSource:
    """Open everything that one source names; see `read_sources`."""
    return read_sources([mapping], folder)[0]


_REMOTE = ("sql", "redcap_api")
_Job = tuple[int, Callable[[], RawSource]]


def _jobs(mappings: Sequence[SourceMap], folder: Path) -> Iterator[_Job]:
    """What there is to read, one file after the other; what cannot be opened comes as a job too."""
    for number, mapping in enumerate(mappings):
        if mapping.format in _REMOTE:
            continue
        try:
            for file in open_files(mapping, folder):
                yield number, partial(_read_file, file, mapping, folder.absolute())
        except VpstatsError as error:
            yield number, partial(_refuse, error)


def _refuse(error: VpstatsError) -> RawSource:
    raise error


def _run(jobs: Iterator[_Job], n_jobs: int | None) -> Iterator[tuple[int, RawSource]]:
    first = list(islice(jobs, 2))
    jobs = chain(first, jobs)
    if len(first) == 2 and _workers(n_jobs) != 1:
        from joblib import Parallel, delayed

        for number, found in Parallel(n_jobs=n_jobs)(delayed(_attempt)(job) for job in jobs):
            if isinstance(found, VpstatsError):
                raise found
            yield number, found
    yield from ((number, read()) for number, read in jobs)  # where no worker has read them


def _workers(n_jobs: int | None) -> int:
    from joblib import effective_n_jobs

    return int(effective_n_jobs(n_jobs))


def _attempt(job: _Job) -> tuple[int, RawSource | VpstatsError]:
    """Read one file; an error is handed back, so that the first in order is the one raised."""
    number, read = job
    try:
        return number, read()
    except VpstatsError as error:
        return number, error


def _remote(mapping: SourceMap, folder: Path) -> RawSource:
    if mapping.format == "sql":
        from vpstats.registry.databases import read_database

        source, digest = read_database(mapping, folder)
    else:
        from vpstats.registry.redcap_api import read_project

        source, digest = read_project(mapping)
    return _described(source, mapping, digest)


def _read_file(file: OpenFile, mapping: SourceMap, folder: Path) -> RawSource:
    try:
        source = _parse(file, mapping, folder)
        return _described(source, mapping, file.sha256()).noted(*file.notes)
    except OSError as error:  # a disk or a share that fails while it is read
        why = error.strerror or type(error).__name__
        raise DataError(f"cannot be read: {why}.", file=file.shown) from None


def _parse(file: OpenFile, mapping: SourceMap, folder: Path) -> RawSource:
    if mapping.format == "excel":
        from vpstats.registry.excel import read_excel

        return read_excel(file.content, mapping, file.shown)
    if mapping.format in ("parquet", "stata", "spss", "sas"):
        from vpstats.registry.statistical import read_statistical

        return read_statistical(file.content, mapping, file.shown, folder)
    _refuse_no_table(file, mapping)
    source = read_text(file.held, mapping, file.shown)
    if mapping.format == "redcap":
        from vpstats.registry.redcap import as_raw, read_dictionary

        name = mapping.dictionary
        fields = read_dictionary(read_bytes(folder / name, name), name) if name else ()
        return as_raw(source, fields, mapping)
    return source


_OTHERS = (
    ((b"<!doctype html", b"<html", b"<head", b"<table"), "a web page; a portal may want a login"),
    ((b"<?xml", b"<!doctype"), "an XML document; export the table as CSV or Excel"),
    ((b"{\\rtf",), "a text document; export the table as CSV or Excel"),
    ((b'{"', b"[{", b"[["), "a JSON document; export the table as CSV or Excel"),
    (
        (b"7z\xbc\xaf", b"rar!", b"bzh", b"\xfd7zxz", b"\x28\xb5\x2f\xfd"),
        "an archive; unpack it first",
    ),
    ((b"par1",), "a Parquet file; set format = 'parquet'"),
    ((b"sqlite format 3",), "an SQLite database; set format = 'sql'"),
)
"""How files begin that go by the name of a table, in small letters, and what they are."""

_WIDEST = 20_000
_HEADER = 5_000_000
"""Columns and bytes that the line of names may have; no table has as many."""


def _refuse_no_table(file: OpenFile, mapping: SourceMap) -> None:
    """What is no table, or one of nothing but columns, is refused before it fills the memory."""
    top = beginning(file.held, _HEADER)
    start = top[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for signatures, kind in _OTHERS:
        if start.startswith(signatures):
            raise DataError(f"expected a table as text, found {kind}.", file=file.shown)
    names = re.split(rb"\r\n?|\n", top, maxsplit=mapping.header_row)[: mapping.header_row][-1]
    width = max(names.count(mark) for mark in (b";", b"\t", b",", b"|")) + 1
    if width > _WIDEST and len(names) < _HEADER:  # an endless line is refused where it is found
        raise DataError(f"has {width:,} columns; expected a table.", file=file.shown)


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
    typed = _numbers(raw)
    if not typed:
        return mapping
    tables = tuple(_marked(table, typed) for table in mapping.tables)
    return mapping.model_copy(update={"tables": tables})


def _numbers(raw: RawSource) -> set[str]:
    """Columns that are numbers in every file that has anything in them."""
    typed = [set(meta.get("typed", ())) for meta in raw.meta]
    names = sorted(set.union(*typed) & set(raw.columns))
    there = {n: np.unique(raw.file[raw.columns[n].filled]).tolist() for n in names}
    return {name for name in names if all(name in typed[file] for file in there[name])}


def _marked(table: TableMap, typed: set[str]) -> TableMap:
    columns = {name: _pointed(column, typed) for name, column in table.columns.items()}
    return table.model_copy(update={"columns": columns})


def _pointed(column: ColumnMap, typed: set[str]) -> ColumnMap:
    names = {column.column, *column.columns} - {None}
    known = bool(names) and names <= typed and column.decimal is None
    return column.model_copy(update={"decimal": "."}) if known else column


def describe_sources(files: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per file, as `Registry.sources` holds them, from what is known of each."""
    from vpstats.registry.registry import SOURCE_COLUMNS

    rows = [{c: meta.get(c, "") for c in SOURCE_COLUMNS} for meta in files]
    return pd.DataFrame(rows, columns=list(SOURCE_COLUMNS))
