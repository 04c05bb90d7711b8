"""Files of one source beside one another: the same columns under other names, and some that lack.

Columns of several files are put under one another by their names. Where one file has another name
for a column, all of its rows would be blank there without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vpstats.registry.cells import fold
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import LACKING, NAMED, RawSource, SourceNote, TextColumn, listed, stack


def stacked(parts: Sequence[RawSource], mapping: SourceMap) -> RawSource:
    """Put the files or sheets of one source under one another.

    Parameters
    ----------
    parts : sequence of RawSource
        Each with its own columns.
    mapping : SourceMap
        The columns that are mapped.

    Returns
    -------
    RawSource
        Columns whose names differ in case or spaces are one; of a mapped column that a file lacks
        and another has there is a note.
    """
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    mapped = mapped_names(mapping, list(names))
    alike = [_spelled_alike(part, mapped) for part in parts]
    there = {name for part in alike for name in part.columns}
    wanted = [name for name in mapped if name in there]
    notes = [note for part in alike for note in _lacking(part, wanted)]
    return stack([_without(part, wanted) for part in alike]).noted(*notes)


def _without(part: RawSource, wanted: Sequence[str]) -> RawSource:
    """A part whose ``meta`` names the columns that other files have: nobody was asked there."""
    lacking = [name for name in wanted if name not in part.columns]
    return replace(part, meta=tuple({**known, LACKING: lacking} for known in part.meta))


def mapped_names(mapping: SourceMap, there: Sequence[str]) -> list[str]:
    """Raw columns that the mapping of a source names, those of boxes with them.

    Parameters
    ----------
    mapping : SourceMap
        The source.
    there : sequence of str
        Columns of its files, among which those of boxes are found.

    Returns
    -------
    list of str
        Each once.
    """
    names = [*mapping.fill_down]
    if mapping.center is not None and mapping.center.column is not None:
        names.append(mapping.center.column)
    for table in mapping.tables:
        names += [*table.where, *table.spread]
        for column in table.columns.values():
            names += column.raw_columns
            if column.checkbox is not None:
                stems = (f"{column.checkbox}___", f"{column.checkbox} (")
                names += [name for name in there if name.startswith(stems)]
    return list(dict.fromkeys(names))


def _spelled_alike(part: RawSource, wanted: Sequence[str]) -> RawSource:
    """A part whose columns have the names of the mapping where only case or spaces differ."""
    near: dict[str, list[str]] = {}
    for name in part.columns:
        near.setdefault(fold(name), []).append(name)
    renamed = {
        found[0]: name
        for name in wanted
        if name not in part.columns and len(found := near.get(fold(name), [])) == 1
    }
    if not renamed:
        return part
    columns: dict[str, TextColumn] = {}
    for name, text in part.columns.items():
        columns[renamed.get(name, name)] = text
    notes = [
        SourceNote("file.column_spelling", file, f"read for '{new}' of the mapping", column=old)
        for file in part.files[:1]
        for old, new in renamed.items()
    ]
    return replace(part, columns=columns).noted(*notes)


def _lacking(part: RawSource, wanted: Sequence[str]) -> Iterator[SourceNote]:
    """Mapped columns that a file with rows has not, while another file of the source has them."""
    lacking = [name for name in wanted if name not in part.columns]
    if not lacking or not len(part):
        return
    shown = listed([f"'{name}'" for name in lacking], NAMED)
    what = "a column" if len(lacking) == 1 else f"{len(lacking)} columns"
    said = f"the file lacks {what} of the mapping that other files of the source have: {shown}"
    column = lacking[0] if len(lacking) == 1 else ""
    yield SourceNote("file.column_absent", part.files[0], said, column=column)
