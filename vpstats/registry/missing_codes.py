"""Codes that a whole source has for what is missing, as a REDCap project may set."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from vpstats.registry.cells import fold
from vpstats.registry.lexicon import coded, stated_missing
from vpstats.registry.mapping import SourceMap, TableMap
from vpstats.registry.mapping_parts import Days
from vpstats.registry.raw import RawSource, TextColumn, text_column

MISSING_CODES = "missing_codes"
"""Key of a source's ``meta``: what `SourceMap.missing_codes` has."""
_NAMES = frozenset({"patient_id", "procedure_id", "visit_id", "event_id", "level_id", "center_id"})
"""Fields that name a row: a patient may have the number 99."""


def with_missing_codes(raw: RawSource, source: SourceMap) -> RawSource:
    """Mark the codes of a source that stand for what is missing, so that no reader takes them.

    Parameters
    ----------
    raw : RawSource
        With its columns named as the mapping has them.
    source : SourceMap
        Its ``missing_codes``.

    Returns
    -------
    RawSource
        A cell ``-998`` of a mapped column is ``not_done:-998``. Columns that name rows stay, and
        so does a code that ``where`` asks for.
    """
    codes = source.missing_codes
    if codes is None:
        return raw
    columns = dict(raw.columns)
    for name in _columns(source):
        if name in columns:
            columns[name] = _marked(columns[name], codes, _asked_for(source.tables, name))
    meta = tuple({**known, MISSING_CODES: codes} for known in raw.meta)
    return replace(raw, columns=columns, meta=meta)


def columns_used(source: SourceMap) -> frozenset[str]:
    """Raw columns that a mapping names, be it for a field, to choose rows or as ticks."""
    named = (
        name
        for table in source.tables
        for names in (table.where, table.spread, *(c.raw_columns for c in table.columns.values()))
        for name in names
    )
    return frozenset(named)


def _columns(source: SourceMap) -> Iterator[str]:
    """Raw columns whose cells say something, once each."""
    names = [
        name
        for table in source.tables
        for field, column in table.columns.items()
        if field not in _NAMES
        for name in (*column.columns, *([column.column] if column.column else []))
    ]
    ticked = [name for table in source.tables for name in (*table.spread, *table.where)]
    whose = {c.column for t in source.tables for f, c in t.columns.items() if f in _NAMES}
    yield from dict.fromkeys(name for name in (*names, *ticked) if name not in whose)


def _asked_for(tables: Collection[TableMap], name: str) -> set[str]:
    """Cells by which rows are chosen."""
    wanted = (table.where.get(name, ()) for table in tables)
    return {fold(value) for values in wanted if not isinstance(values, Days) for value in values}


def _marked(text: TextColumn, codes: Mapping[str, str], asked: Collection[str]) -> TextColumn:
    kinds = [None if fold(s) in asked else coded(s, codes) for s in text.spellings]
    if not any(kinds):
        return text
    marked = [
        s if kind is None else stated_missing(s, kind)
        for s, kind in zip(text.spellings, kinds, strict=True)
    ]
    return text_column(text.codes, marked)
