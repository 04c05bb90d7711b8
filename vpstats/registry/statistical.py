"""Parquet, Stata, SPSS and SAS files to text: codes with their labels, missing values apart."""

from __future__ import annotations

import datetime as dt
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from vpstats.errors import DataError, UsageError
from vpstats.registry.cells import fold
from vpstats.registry.fields import field_column
from vpstats.registry.mapping import SourceMap
from vpstats.registry.opening import read_bytes
from vpstats.registry.raw import LABEL, RawSource, SourceNote, TextColumn, from_texts, text_column
from vpstats.registry.redcap import Field, misread_choices
from vpstats.registry.stata_values import ROUNDED, rounded_moments, stata_writer
from vpstats.registry.typed_values import value_text
from vpstats.registry.value_labels import label_of, measures, read_by_labels

_Choices = dict[str, dict[str, str]]
"""Column → code of a value → its label in the file."""
_WHOLE = {
    "stata": "cannot be read as a Stata file; it may be damaged, cut off or of another kind.",
    "spss": "cannot be read as an SPSS file; it may be damaged, cut off or of another kind.",
    "sas": "cannot be read as a SAS file; it may be damaged, cut off or of another kind.",
    "parquet": "cannot be read as a Parquet file; it may be damaged, cut off or of another kind.",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file holds: columns, names of those that are numbers, and what it calls them.

    `choices` are codes with their labels, `rounded` the rows of moments whose day is not sure.
    """

    columns: Mapping[str, TextColumn]
    typed: Sequence[str]
    labels: Mapping[str, str] = field(default_factory=dict)
    choices: _Choices = field(default_factory=dict)
    rounded: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def read_statistical(content: bytes, mapping: SourceMap, shown: str, folder: Path) -> RawSource:
    """Read a file that knows the types of its columns.

    A column with value labels becomes two: its codes under its own name, the labels under the
    name with ``(label)`` behind it. A value that the file declares as missing is kept as
    ``missing:<code>`` (SPSS) or ``.a`` (Stata, SAS), so that it cannot be taken for a number.

    Parameters
    ----------
    content : bytes
        The whole file.
    mapping : SourceMap
        Its format, and the catalog of labels that SAS keeps apart.
    shown : str
        File name for messages.
    folder : Path
        Where registry.toml lies.

    Returns
    -------
    RawSource
        Rows counted from 1.

    Raises
    ------
    DataError
        If the file is damaged, cut off or of another kind.
    UsageError
        If the package that reads it is not installed.
    """
    if not content:
        raise DataError("the file is empty; export it again.", file=shown)
    if mapping.format == "parquet":
        found = _Found(*_parquet(content, shown))
    else:
        found = _labelled(content, mapping, shown, folder)
    if not found.columns:
        raise DataError("has no columns; expected a table.", file=shown)
    typed = typed_source(found.columns, found.typed, mapping, shown)
    source = read_by_labels(typed, found.choices, mapping)
    notes = [*_misread(found.choices, mapping, shown), *_rounded(found.rounded, mapping, shown)]
    return replace(source, meta=({**source.meta[0], "labels": found.labels},)).noted(*notes)


def typed_source(
    columns: Mapping[str, TextColumn], typed: Sequence[str], mapping: SourceMap, shown: str
) -> RawSource:
    """A source of typed columns, rows counted from 1; rows without any value are left out."""
    n = len(next(iter(columns.values())))
    filled = np.zeros(n, bool)
    for column in columns.values():
        filled |= column.filled
    rows = np.arange(1, n + 1, dtype=np.int64)
    meta = {"encoding": "", "delimiter": "", "typed": tuple(typed)}
    whole = RawSource(mapping.name, columns, np.zeros(n, np.int64), rows, (shown,), (meta,))
    return whole.take(np.flatnonzero(filled))


# ------------------------------------------------------------------ Parquet


def _parquet(content: bytes, shown: str) -> tuple[dict[str, TextColumn], list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        _refuse_endless(file.metadata, shown)
        _refuse_doubled(file.schema_arrow.names, shown)
        table = file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError):
        raise DataError(f"{_WHOLE['parquet']} Export it again.", file=shown) from None
    columns = {}
    for name in table.column_names:
        try:
            columns[name] = _arrow_column(table.column(name))
        except UnicodeDecodeError:
            said = "holds text that is not UTF-8, as Parquet is. Export it again."
            raise DataError(said, file=shown, column=name) from None
    typed = [f.name for f in table.schema if _is_number(f.type)]
    return columns, typed


_WIDEST = 20_000
_MOST_ROWS = 50_000_000
_MOST_CELLS = 2_000_000_000


def _refuse_endless(found: Any, shown: str) -> None:
    """A few bytes may say of a value that it comes a billion times."""
    rows, columns = found.num_rows, found.num_columns
    if columns > _WIDEST or rows > _MOST_ROWS or rows * columns > _MOST_CELLS:
        raise DataError(
            f"has {rows:,} rows and {columns:,} columns; no registry has as many. Export it again, "
            "or in parts.",
            file=shown,
        )


def _refuse_doubled(names: Sequence[str], shown: str) -> None:
    if len(set(names)) < len(names):
        raise DataError("has two columns of one name; rename one in the export.", file=shown)


def _is_number(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind))


def _arrow_column(column: Any) -> TextColumn:
    """Distinct values to text once; a kind that has no dictionary goes row by row."""
    import pyarrow as pa

    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    if pa.types.is_nested(plain.type):
        return from_texts([value_text(v) for v in _python(plain)])
    coded = plain.dictionary_encode().unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0) if coded.num_chunks else pa.array([], coded.type)
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return text_column(codes, [value_text(v) for v in _python(coded.dictionary)])


def _python(values: Any) -> list[Any]:
    """Python values; times finer than Python's keep their text."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return list(values.to_numpy(zero_copy_only=False))
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        texts = [str(v) for v in values.cast(pa.string()).to_pylist()]
        return [t.removesuffix(".000000000").removesuffix(" 00:00:00") for t in texts]
    try:
        return list(values.to_pylist())
    except UnicodeDecodeError:
        raise
    except (OverflowError, ValueError):  # days and times that Python's calendar does not have
        return [_python_value(value) for value in values]


def _python_value(value: Any) -> Any:
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        number = getattr(value, "value", None)
        return str(number) if isinstance(number, int) else "(out of the calendar)"


# ------------------------------------------------------------------ Stata, SPSS, SAS


def _labelled(content: bytes, mapping: SourceMap, shown: str, folder: Path) -> _Found:
    _refuse_cut_off(content, mapping.format, shown)
    data, meta = _pyreadstat(content, mapping, shown, folder)
    columns: dict[str, TextColumn] = {}
    typed, choices, rounded = [], _Choices(), dict[str, tuple[int, ...]]()
    for name, values in data.items():
        layout = str(meta.original_variable_types.get(name, ""))
        storage = str(meta.readstat_variable_types.get(name, ""))
        text = _writer(mapping.format, layout, storage)
        missing = _missing(name, mapping.format, meta, text)
        codes, distinct = _distinct(values)
        columns[name] = text_column(codes, [missing(v) for v in distinct])
        if mapping.format == "stata":
            doubted = np.isin(codes, rounded_moments(distinct, layout, storage))
            rounded[name] = tuple((np.flatnonzero(doubted) + 1).tolist())
        labels = meta.variable_value_labels.get(name)
        if labels and f"{name}{LABEL}" not in data:
            own = [label_of(v, labels, mapping.format) for v in distinct]
            said = [label or missing(v) for label, v in zip(own, distinct, strict=True)]
            columns[f"{name}{LABEL}"] = text_column(codes, said)
            choices[name] = {missing(v): label for v, label in labels.items() if label}
            choices[name] |= {missing(v): t for v, t in zip(distinct, own, strict=True) if t}
        if storage not in ("string", "string_ref"):
            typed.append(name)
    named = {name: text for name, text in meta.column_names_to_labels.items() if text}
    return _Found(columns, typed, named, choices, rounded)


def _misread(choices: _Choices, mapping: SourceMap, shown: str) -> Iterator[SourceNote]:
    """Codes that the mapping reads otherwise than the label that the file gives them."""
    for table in mapping.tables:
        for name, column in table.columns.items():
            if column.column in choices:
                item = Field(column.column, "", "radio", "", choices[column.column])
                for said in misread_choices(item, field_column(table.name, name), column):
                    where = f"{said} (field {name})"
                    yield SourceNote("mapping.contradicted", shown, where, column=item.name)


def _rounded(
    rows: Mapping[str, tuple[int, ...]], mapping: SourceMap, shown: str
) -> Iterator[SourceNote]:
    """Days that are not sure, since their column does not hold moments to the minute."""
    known = measures(mapping)
    for name, own in rows.items():
        for one in known.get(fold(name), []) if own else ():
            where = f"{ROUNDED} (field {one.declared.name})"
            yield SourceNote("mapping.contradicted", shown, where, column=name, rows=own)


def _distinct(values: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Code of each value and the different ones, so that each is written but once."""
    places: dict[Any, int] = {}
    keys = (v if v == v else None for v in values)  # NaN is not itself
    codes = np.fromiter((places.setdefault(k, len(places)) for k in keys), np.int64, len(values))
    return codes, list(places)


def _refuse_cut_off(content: bytes, kind: str, shown: str) -> None:
    """Two kinds of file lose their end without their reader noticing."""
    stata = content.startswith(b"<stata_dta>") and not content.endswith(b"</stata_dta>")
    xport = content.startswith(b"HEADER RECORD") and len(content) % 80
    if stata or xport:
        raise DataError(f"{_WHOLE[kind]} Export it again.", file=shown)


def _pyreadstat(
    content: bytes, mapping: SourceMap, shown: str, folder: Path
) -> tuple[Mapping[str, Sequence[Any]], Any]:
    try:
        import pyreadstat  # noqa: F401  # it reads in another process; here it is missed in time
    except ImportError:
        raise UsageError(
            f"format = '{mapping.format}' needs a package that is not installed; "
            "run: pip install 'vpstats[files]'",
            file=shown,
        ) from None
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "data").write_bytes(content)
        reader, options = _reader(mapping, content, Path(scratch), folder)
        found = _read_apart(reader, options, Path(scratch))
    # of a name that is damaged the reader makes none
    if found is None or not all(found[1].column_names):
        raise DataError(f"{_WHOLE[mapping.format]} Export it again.", file=shown)
    return found


def _read_apart(
    reader: str, options: Mapping[str, Any], scratch: Path
) -> tuple[Mapping[str, Sequence[Any]], Any] | None:
    """Data of a file and what it says of them; None where its process came to nothing.

    A damaged file may bring down the process that reads it, which is not to be this one.
    """
    out = scratch / "found"
    program = [sys.executable, "-P", str(Path(__file__).with_name("statistical_worker.py"))]
    arguments = [reader, str(scratch / "data"), json.dumps(options), str(out)]
    run = subprocess.run(  # noqa: S603  # this interpreter, with a program of this package
        [*program, *arguments], capture_output=True, check=False
    )
    if run.returncode:
        return None
    found: tuple[Mapping[str, Sequence[Any]], Any] = joblib.load(out)
    return found


def _reader(
    mapping: SourceMap, content: bytes, scratch: Path, folder: Path
) -> tuple[str, dict[str, Any]]:
    """Which function reads a file, and its options."""
    options: dict[str, Any] = {"output_format": "dict"}
    if mapping.encoding is not None:
        options["encoding"] = mapping.encoding
    if mapping.format == "sas" and content.startswith(b"HEADER RECORD"):
        return "read_xport", options
    options["user_missing"] = True
    if mapping.catalog is not None:
        (scratch / "catalog").write_bytes(read_bytes(folder / mapping.catalog, mapping.catalog))
        options["catalog_file"] = str(scratch / "catalog")
    if mapping.format == "stata":  # of some formats of days the reader makes no days
        options["disable_datetime_conversion"] = True
    readers = {"stata": "read_dta", "spss": "read_sav", "sas": "read_sas7bdat"}
    return readers[mapping.format], options


def _missing(
    name: str, kind: str, meta: Any, text: Callable[[object], str]
) -> Callable[[object], str]:
    """How a value of a column is written: those declared missing are marked as such."""
    if kind == "spss":
        ranges = [(r["lo"], r["hi"]) for r in meta.missing_ranges.get(name, [])]
        return lambda v: f"missing:{value_text(v)}" if _within(v, ranges) else text(v)
    letters = set(meta.missing_user_values.get(name, []))
    return lambda v: f".{v}" if isinstance(v, str) and v in letters else text(v)


_SPSS_EPOCH = dt.datetime(1582, 10, 14)  # noqa: DTZ001  # days of a calendar have no zone


def _writer(kind: str, layout: str, storage: str) -> Callable[[object], str]:
    """How values are written; months without a day come as the number that is stored."""
    if kind == "stata":
        return stata_writer(layout, storage)
    return _month_of_spss if kind == "spss" and layout.startswith("MOYR") else value_text


def _month_of_spss(value: object) -> str:
    """Month of the seconds since the calendar of Gregory began."""
    try:
        return f"{_SPSS_EPOCH + dt.timedelta(seconds=float(str(value))):%Y-%m}"
    except (OverflowError, ValueError):
        return value_text(value)


def _within(value: object, ranges: Sequence[tuple[Any, Any]]) -> bool:
    if value is None or not ranges:
        return False
    if isinstance(value, str):
        return any(value == low for low, _ in ranges)
    return any(
        isinstance(value, (int, float)) and not isinstance(low, str) and low <= value <= high
        for low, high in ranges
    )
