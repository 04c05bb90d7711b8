"""Text columns to typed columns: each distinct spelling is read once and given to its rows.

A column is read as a whole: the order of day and month, the decimal mark, whether ``-`` is a no,
and which way of writing is the usual one are seen from all of its cells.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd

from vpstats.registry.cells import Reading, fold
from vpstats.registry.column_words import category_reader, sex_reader, yes_no_reader
from vpstats.registry.columns import Cleaned, Dialect, gather, render
from vpstats.registry.dittos import says_as_above
from vpstats.registry.lexicon import (
    coded,
    is_empty_of_program,
    kind_of_missing,
    read_code,
)
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.ranges import judge_range
from vpstats.registry.raw import TextColumn, from_texts
from vpstats.registry.spine import AND_OR_TO, parse_levels
from vpstats.registry.typed import read_dates, read_numbers
from vpstats.schema import SET_SEPARATOR, Column
from vpstats.schema_tables import VERTEBRAE


def clean_column(
    text: TextColumn,
    column: Column,
    mapping: ColumnMap,
    dialect: Dialect,
    *,
    units: TextColumn | None = None,
) -> Cleaned:
    """Read one column of text as its declaration says.

    Parameters
    ----------
    text : TextColumn
        The raw cells.
    column : Column
        What they are.
    mapping : ColumnMap
        Codes, unit and order that the mapping declares.
    dialect : Dialect
        How the source writes.
    units : TextColumn, optional
        The unit of each row, from a unit column.

    Returns
    -------
    Cleaned
        Typed values and the log. Ranges are judged by `judge_range`, once the table is whole.
    """
    if column.kind == "date":
        return read_dates(text, column, mapping, dialect)
    if column.kind in ("number", "integer"):
        return read_numbers(text, column, mapping, dialect, units)
    if column.role in ("identifier", "key") and column.kind == "string" and not mapping.codes:
        if mapping.width is not None:
            readings = [_padded(spelling, mapping.width) for spelling in text.spellings]
            return gather(text, readings, column, mapping)
        return gather(text, [], column, mapping, values=text.spellings)
    reader = _word_reader(column, mapping, text, dialect)
    readings = [reader(spelling) for spelling in text.spellings]
    return gather(text, readings, column, mapping)


# ------------------------------------------------------------------ words and vertebrae


def _word_reader(
    column: Column, mapping: ColumnMap, text: TextColumn, dialect: Dialect
) -> Callable[[str], Reading]:
    if column.kind == "string":
        return lambda spelling: _read_string(spelling, column, mapping)
    if tuple(column.codes) == VERTEBRAE:
        several = column.kind == "set"
        return lambda spelling: _read_vertebrae(spelling, several, mapping)
    if column.kind == "yes_no":
        return yes_no_reader(column, mapping, text, dialect.languages)
    if column.name == "sex":
        return sex_reader(column, mapping, text, dialect.languages)
    if column.name == "smoker" and any(fold(s) in _SLAVIC_YES for s in text.spellings):
        return lambda spelling: _smoker_beside_yes(spelling, column, mapping)
    return category_reader(column, mapping, text, dialect.languages)


_SLAVIC_YES = frozenset({"tak", "ano"})


def _smoker_beside_yes(spelling: str, column: Column, mapping: ColumnMap) -> Reading:
    """``nie`` is never in German; beside ``tak`` or ``áno`` it is a no, and may be an ex-smoker."""
    if fold(spelling) == "nie" and coded(spelling, mapping.codes) is None:
        return Reading(rule="word.ambiguous", note="never in German, and no in Polish or Slovak")
    return read_code(spelling, column, mapping.codes)


def _padded(spelling: str, width: int) -> Reading:
    """An identifier with the zeros that a spreadsheet took from it."""
    digits = spelling.removesuffix(".0")
    if not (digits.isascii() and digits.isdigit()) or len(digits) >= width:
        return Reading(spelling)
    return Reading(digits.zfill(width), rule="key.padded")


def _read_string(spelling: str, column: Column, mapping: ColumnMap) -> Reading:
    mapped = coded(spelling, mapping.codes)
    if mapped is not None:
        return Reading(mapped, rule="word.code", style="code")
    if column.role in ("identifier", "key"):
        return Reading(spelling)
    kind = "missing" if is_empty_of_program(spelling) else kind_of_missing(spelling)
    if kind is not None:
        return Reading(rule=f"missing.{'blank' if kind == 'missing' else kind}", note=kind)
    if says_as_above(spelling, short=True):
        return Reading(rule="word.unknown", note="it says 'as above', which fill_down would read")
    return Reading(spelling)


_LEVEL_RULES = {
    "ambiguous": "level.ambiguous",
    "unreadable": "level.unreadable",
    "transitional": "level.transitional",
}


def _read_vertebrae(spelling: str, several: bool, mapping: ColumnMap) -> Reading:
    mapped = coded(spelling, mapping.codes)
    parsed = parse_levels(mapped if mapped is not None else spelling)
    if not parsed.levels:
        kind = kind_of_missing(spelling)
        if kind is not None:
            return Reading(rule=f"missing.{'blank' if kind == 'missing' else kind}", note=kind)
        return Reading(rule=_LEVEL_RULES.get(parsed.status, ""), note=parsed.note)
    # two vertebrae that are neighbours are the same two either way
    if len(parsed.levels) > 2 and " a " in fold(spelling):
        return Reading(rule="level.ambiguous", note=AND_OR_TO)
    if len(parsed.levels) > 1 and not several:
        return Reading(rule="level.several", note="several vertebrae where one is expected")
    ordered = [v for v in VERTEBRAE if v in parsed.levels]
    value = SET_SEPARATOR.join(ordered)
    rule = _LEVEL_RULES.get(parsed.status, "" if value == spelling else "level.spelling")
    return Reading(value, rule, parsed.note, parsed.style)


# ------------------------------------------------------------------ for documentation and tests


def clean_texts(
    column: Column,
    texts: list[str],
    *,
    mapping: ColumnMap | None = None,
    cut: dt.date = dt.date(2025, 12, 31),
) -> pd.DataFrame:
    """Clean a few cells of one column, to show or test a rule.

    Parameters
    ----------
    column : Column
        What the cells are.
    texts : list of str
        The cells, as one column.
    mapping : ColumnMap, optional
        What a mapping would declare.
    cut : date
        Day of the exports.

    Returns
    -------
    DataFrame
        One row per cell: ``raw, clean, rules`` (those that fired at the cell, in order).

    Examples
    --------
    >>> from vpstats.schema_tables import LEVELS
    >>> clean_texts(LEVELS["level"], ["Th8", "L2-3"])[["clean", "rules"]].values.tolist()
    [['T8', 'level.spelling'], ['', 'level.ambiguous']]
    """
    text = from_texts(texts)
    declared = mapping or ColumnMap(column="x")
    cleaned = clean_column(text, column, declared, Dialect(cut))
    values, entries = cleaned.values, list(cleaned.entries)
    if column.kind in ("number", "integer"):
        values, ranged = judge_range(values, column, declared, text.texts())
        entries += ranged
    fired: list[list[str]] = [[] for _ in texts]
    for item in entries:
        for position in item.positions:
            fired[position].append(item.rule)
    return pd.DataFrame(
        {
            "raw": texts,
            "clean": [_shown(v) for v in values],
            "rules": [" ".join(rules) for rules in fired],
        }
    )


def _shown(value: object) -> str:
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else str(value)
    if isinstance(value, float):
        return "" if np.isnan(value) else render(float(value))
    return render(value)
