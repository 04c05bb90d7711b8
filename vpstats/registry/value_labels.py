"""Labels that a file gives to values of columns of numbers and days: most say that it is none."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from vpstats.registry.cells import fold
from vpstats.registry.fields import field_column
from vpstats.registry.lexicon import coded, kind_of_missing, stated_missing
from vpstats.registry.mapping import ColumnMap, SourceMap
from vpstats.registry.raw import RawSource, SourceNote, TextColumn, text_column
from vpstats.registry.synonyms import NONE_WORDS
from vpstats.schema import Column

_MEASURED = ("number", "integer", "date")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?")
_BOUND = re.compile(r"[<>≥≤≧≦±~]|[0-9] ?\+")
_BOUNDS = (
    "more mehr piu plus mas vise meer over above least mind mindestens ab oltre almeno tot "
    "less weniger meno menos moins manje minder under below unter bis up hasta fino jusqu do "
    "maximal max circa about etwa oko mais wiecej vice fler flere tobb"
)
_BOUND_WORDS = frozenset(_BOUNDS.split())
_NOTHING = (
    "no none zero null nula cero nema kein keine keinen geen nessun nessuna ningun ninguna aucun "
    "aucune sin sans senza bez ohne without ingen inga sem nenhum zadne brak nincs"
)
_NO = frozenset(_NOTHING.split())
_IN_WORDS = (
    "one eins einer eine uno una un une|two zwei due dos deux|three drei tre tres trois"
    "|four vier quattro cuatro quatre|five funf cinque cinco cinq"
)
_COUNTS = {w: n for n, words in enumerate(_IN_WORDS.split("|"), 1) for w in words.split()}
_COUNTED_FROM: Mapping[str, dt.datetime] = MappingProxyType(
    {"spss": dt.datetime.fromisoformat("1582-10-14")}
)
_1960 = dt.datetime.fromisoformat("1960-01-01")


@dataclass(frozen=True, slots=True)
class Measure:
    """A number or day that is read from a raw column.

    Parameters
    ----------
    declared : Column
        The canonical field.
    mapped : ColumnMap
        How it is mapped.
    """

    declared: Column
    mapped: ColumnMap


def measures(mapping: SourceMap) -> dict[str, list[Measure]]:
    """Raw columns that are read as numbers or days, by their folded names."""
    found: dict[str, list[Measure]] = {}
    for table in mapping.tables:
        for field, column in table.columns.items():
            declared = field_column(table.name, field)
            if declared.kind in _MEASURED:
                for name in (*column.columns, *([column.column] if column.column else [])):
                    found.setdefault(fold(name), []).append(Measure(declared, column))
    return found


def label_of(value: object, labels: Mapping[Any, str], kind: str) -> str:
    """Label of a value; those of days and moments stand beside the number that is stored.

    Examples
    --------
    >>> label_of(99.0, {99.0: "Unknown"}, "spss"), label_of(1.0, {99.0: "Unknown"}, "spss")
    ('Unknown', '')
    >>> label_of(dt.date(1960, 1, 2), {1: "Unknown"}, "stata")
    'Unknown'
    """
    if not isinstance(value, dt.date):
        return labels.get(value, "")
    moment = dt.datetime.fromisoformat(value.isoformat()).replace(tzinfo=None)
    passed = moment - _COUNTED_FROM.get(kind, _1960)
    seconds = passed.total_seconds()
    days = [] if kind == "spss" or isinstance(value, dt.datetime) else [float(passed.days)]
    return next((labels[n] for n in (seconds, *days, 1000 * seconds) if n in labels), "")


def read_by_labels(
    source: RawSource, labels: Mapping[str, Mapping[str, str]], mapping: SourceMap
) -> RawSource:
    """A source in whose columns of numbers and days a value that is labelled missing is none.

    Parameters
    ----------
    source : RawSource
        Values, those that are declared missing marked already.
    labels : mapping of str to mapping
        Raw column to the label of each of its values, by the value's text.
    mapping : SourceMap
        What is read from the columns; others are left as they are.

    Returns
    -------
    RawSource
        With ``unknown:99`` for a 99 that is labelled so, and a note at the rows of each value
        whose label is another thing than the number.
    """
    known, columns, notes = measures(mapping), dict(source.columns), list[SourceNote]()
    for name, own in labels.items():
        for one in known.get(fold(name), []) if name in columns else ():
            text = columns[name]
            marked = [_marked(spelling, own.get(spelling, "")) for spelling in text.spellings]
            if marked != list(text.spellings):
                columns[name] = text_column(text.codes, marked)
            notes += _doubtful(source, name, columns[name], own, one)
    return replace(source, columns=columns).noted(*notes)


def _marked(spelling: str, label: str) -> str:
    kind = kind_of_missing(label) if label else None
    missing = kind is None or kind_of_missing(spelling) == "declared"
    return spelling if missing else stated_missing(spelling, str(kind))


def _doubtful(
    source: RawSource, name: str, text: TextColumn, labels: Mapping[str, str], one: Measure
) -> Iterator[SourceNote]:
    """A note at the rows of each value whose label is another thing; codes settle it."""
    for number, spelling in enumerate(text.spellings):
        label = labels.get(spelling, "")
        settled = not label or coded(spelling, one.mapped.codes) is not None
        if settled or kind_of_missing(spelling) == "declared":
            continue
        if not is_same(spelling, label, one.declared):
            what = "a value" if one.declared.masked else f"{spelling}, '{label}',"
            said = f"{what} has a label and is read as it stands; is it what the label says?"
            rows = tuple(source.row[text.codes == number].tolist())
            where = f"{said} (field {one.declared.name})"
            file = source.files[0]
            yield SourceNote("mapping.contradicted", file, where, column=name, rows=rows)


def is_same(value: str, label: str, declared: Column) -> bool:
    """Whether a label says no more than the number that it stands beside.

    Parameters
    ----------
    value : str
        The number.
    label : str
        Its label.
    declared : Column
        The field; the ends of a scale may be named.

    Examples
    --------
    >>> from vpstats.schema_tables import VISITS
    >>> pain = VISITS["vas_0_10"]
    >>> [is_same(v, t, pain) for v, t in (("0", "no pain"), ("10", "worst pain"), ("2", "2 of 10"))]
    [True, True, False]
    >>> [is_same(v, t, pain) for v, t in (("3", "3 points"), ("3", "3 or more"), ("9", "refused"))]
    [True, False, False]
    """
    plain = fold(label)
    words = re.findall(r"[^\W\d_]+", plain)
    if _BOUND.search(label) or _BOUND_WORDS.intersection(words):
        return False
    numbers = _NUMBER.findall(plain)
    if numbers:
        return all(_number(n) == _number(value) for n in numbers)
    if _number(value) == 0:
        return plain in NONE_WORDS or bool(_NO.intersection(words[:1])) or not words
    if len(words) == 1 and words[0] in _COUNTS:
        return _number(value) == _COUNTS[words[0]]
    ends = declared.hard or ()
    return not words or (_number(value) in ends and plain not in NONE_WORDS)


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
