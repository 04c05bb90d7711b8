"""The registry.toml that maps a set of simulated exports onto the schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date

from vpstats.schema_tables import TABLES
from vpstats.simulate import layout
from vpstats.simulate.raw import KEYS, Sheet
from vpstats.simulate.sheets import INSTRUMENTS
from vpstats.simulate.wording import Dialect, declared

FOREIGN = {
    "hr-razine": {
        "procedures": {"patient_id": "id_bolesnika"},
        "levels": {"procedure_id": "br_zahvata"},
    },
    "de-Eingriffe": {
        "procedures": {"patient_id": "Patientennr"},
        "levels": {"procedure_id": "Fallnummer"},
    },
}
"""Source to table to the keys of the table above it, where the same row holds both."""

EXPLODE = {"excel-levels": layout.EXCEL_LEVELS_COLUMN, "de-Eingriffe": layout.DE_LEVELS_COLUMN}
"""Source to the column that lists vertebrae, one canonical row each."""

READING: Mapping[str, Mapping[str, str]] = {
    "hr": {
        "format": "csv",
        "encoding": "cp1250",
        "delimiter": ";",
        "decimal": ",",
        "thousands": ".",
        "date_order": "dmy",
    },
    "redcap": {"format": "redcap", "encoding": "utf-8", "date_order": "ymd"},
    "excel": {"format": "excel"},
    # the encoding is left to be detected: it differs between the clinics
    "de": {
        "format": "csv",
        "delimiter": ";",
        "decimal": ",",
        "thousands": ".",
        "date_order": "dmy",
    },
}
"""How each dialect's files are read."""


def quoted(text: str) -> str:
    r"""A TOML string.

    Examples
    --------
    >>> quoted('a "b"')
    '"a \\"b\\""'
    """
    return json.dumps(text, ensure_ascii=False)


def inline(entries: Mapping[str, str]) -> str:
    """A TOML inline table of strings.

    Examples
    --------
    >>> inline({"Ž": "f"})
    '{ "Ž" = "f" }'
    """
    return "{ " + ", ".join(f"{quoted(k)} = {quoted(v)}" for k, v in entries.items()) + " }"


def mapping_toml(sheets: Iterable[Sheet], *, name: str, data_cut: date) -> str:
    """Write the mapping of exports.

    Parameters
    ----------
    sheets : iterable of Sheet
        Raw tables; those of one source share an entry.
    name : str
        Name of the registry.
    data_cut : date
        Day of the exports.

    Returns
    -------
    str
        TOML.
    """
    lines = [
        "# How the raw exports in this folder map onto the canonical tables.",
        "",
        "version = 1",
        "",
        "[registry]",
        f"name = {quoted(name)}",
        "synthetic = true",
        f"data_cut = {data_cut.isoformat()}",
        'consent = "opt-out"',
    ]
    sources: dict[str, list[Sheet]] = {}
    for sheet in sheets:
        sources.setdefault(sheet.source, []).append(sheet)
    for members in sources.values():
        lines += _source(members)
    return "\n".join(lines) + "\n"


def _source(members: list[Sheet]) -> list[str]:
    first = members[0]
    dialect, files = first.dialect, [m.file for m in members]
    file = quoted(files[0]) if len(files) == 1 else f"[{', '.join(map(quoted, files))}]"
    lines = ["", "[[source]]", f"name = {quoted(first.source)}", f"file = {file}"]
    lines += [f"{key} = {quoted(value)}" for key, value in READING[dialect.name].items()]
    if first.sheet:
        lines.append(f"sheet = {quoted(first.sheet)}")
    lines.append(f"center = {_center(dialect)}")
    for table in TABLES:
        lines += _table(first, table)
    return lines


def _center(dialect: Dialect) -> str:
    words = layout.CENTER_WORDS[dialect.name]
    renamed = {new: c for c, new in layout.RENAMED.items() if c in words}
    codes = {written: center for center, written in words.items()} | renamed
    column = layout.CENTER_COLUMNS[dialect.name]
    return f"{{ column = {quoted(column)}, codes = {inline(codes)} }}"


def _table(sheet: Sheet, table: str) -> list[str]:
    """The entry of one canonical table, empty where the source does not feed it."""
    fields = _fields(sheet, table)
    if not fields:
        return []
    lines = ["", "[[source.table]]", f"name = {quoted(table)}"]
    instrument = INSTRUMENTS[table][0] if sheet.dialect.name == "redcap" else ""
    if instrument:
        lines.append(f"where = {{ redcap_repeat_instrument = [{quoted(instrument)}] }}")
    if table == "levels" and sheet.source in EXPLODE:
        lines.append(f"explode = {quoted(EXPLODE[sheet.source])}")
    lines.append("[source.table.columns]")
    return lines + [f"{field} = {entry}" for field, entry in fields.items()]


def _fields(sheet: Sheet, table: str) -> dict[str, str]:
    named = {o.field: "" for o in sheet.origin.values() if o.table == table}
    exploded = EXPLODE.get(sheet.source) if table == "levels" else None
    fields = {
        field: _entry(sheet, table, field)
        for field in named
        if field != "center_id" and not (field == "level" and exploded)
    }
    if not fields or table not in KEYS:
        return {}
    keys = FOREIGN.get(sheet.source, {}).get(table, {})
    if sheet.dialect.name == "redcap":
        keys = {"patient_id": "record_id"}
    return {field: quoted(raw) for field, raw in keys.items()} | fields


def _entry(sheet: Sheet, table: str, field: str) -> str:
    columns = sheet.columns_of(table, field)
    parts = []
    if field in sheet.checkboxes:
        parts.append(f"checkbox = {quoted(field)}")
    elif len(columns) > 1 or columns[0].endswith(" 1"):
        parts.append(f"columns = [{', '.join(map(quoted, columns))}]")
    else:
        parts.append(f"column = {quoted(columns[0])}")
    unit = sheet.dialect.factors.get(field)
    if unit is not None:
        parts.append(f"unit = {quoted(unit[1])}")
    codes = _codes(sheet, table, field)
    if codes:
        parts.append(f"codes = {inline(codes)}")
    return quoted(columns[0]) if parts[0].startswith("column =") and len(parts) == 1 else (
        "{ " + ", ".join(parts) + " }"
    )  # fmt: skip


def _codes(sheet: Sheet, table: str, field: str) -> dict[str, str]:
    """Raw word to canonical code, where a word differs from its code."""
    column, dialect = declared(table, field), sheet.dialect
    if field in sheet.checkboxes:
        return {str(i): c for i, c in enumerate(sheet.checkboxes[field], start=1)}
    if column.kind == "yes_no":
        numbered = dialect.name == "redcap"
        return {word: code for code, word in dialect.yes_no.items()} if numbered else {}
    words = {word: code for code, word in dialect.codes.get(field, {}).items()}
    return words if any(word != code for word, code in words.items()) else {}
