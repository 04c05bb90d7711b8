"""What a person names on the command line, opened: files, folders, archives and databases."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from vpstats.drafting.heads import find_header
from vpstats.errors import DataError, UsageError
from vpstats.registry.cells import fold
from vpstats.registry.databases import table_names
from vpstats.registry.decoding import beginning, decode
from vpstats.registry.delimited import detect_delimiter
from vpstats.registry.mapping import SourceMap
from vpstats.registry.opening import FORMATS, OpenFile, open_files
from vpstats.registry.raw import RawSource, stack
from vpstats.registry.redcap import Field, read_dictionary
from vpstats.registry.sources import read_source
from vpstats.registry.summaries import without_summaries

_NOTHING = {"center": "?", "table": [{"name": "patients", "columns": {"patient_id": "?"}}]}
_NO_FORMAT = ", which is of no format that is known"
_HEAD, _FIRST_LINE = 60_000, 4000
_REDCAP = re.compile(
    r"redcap_(?:repeat_instrument|event_name|data_access_group|repeat_instance)"
    r"|\brecord_id\b.*_complete\b|Repeat Instrument|Data Access Group|Complete\?"
)
_FILE_URL = re.compile(r"((?:sqlite|duckdb)(?:\+\w+)?:///)([^/?].*)")
_DICTIONARY = ({"variable / field name", "form name"}, {"field_name", "form_name"})


@dataclass(frozen=True, eq=False)
class Export:
    """One source that a mapping would have.

    Parameters
    ----------
    name : str
        Short name.
    group : str
        What the person named, of which it is a part.
    keys : dict of str to object
        Keys of its ``[[source]]``, without center and tables.
    raw : RawSource
        Its text.
    fields : tuple of Field
        REDCap's data dictionary, if there is one.
    """

    name: str
    group: str
    keys: dict[str, Any]
    raw: RawSource
    fields: tuple[Field, ...] = ()


def open_exports(
    given: Sequence[str], folder: Path, *, password_env: str | None, token_env: str | None
) -> tuple[list[Export], list[str]]:
    """Open everything that is named.

    Parameters
    ----------
    given : sequence of str
        Files, folders, zip archives, URLs of databases or of a REDCap API.
    folder : Path
        Where registry.toml will lie: files are named relative to it.
    password_env, token_env : str, optional
        Environment variables that hold the password of a database, the token of an API.

    Returns
    -------
    tuple of (list of Export, list of str)
        In the order given, by name within folders; and the files that were not read.

    Raises
    ------
    DataError, UsageError, MappingError
        If one of them cannot be read; names it.
    """
    found: list[Export] = []
    skipped: list[str] = []
    files: list[tuple[str, dict[str, Any], OpenFile]] = []
    for name in given:
        if "://" in name:
            found += _remote(name, folder, password_env, token_env)
        else:
            files += list(_files(name, folder, skipped))
    dictionary = next((f for f in files if _is_dictionary(f[2])), None)
    for group, keys, file in files:
        if dictionary is None or file is not dictionary[2]:
            found += _exports(group, keys, file, folder, dictionary, skipped)
    if not found:
        nothing = "holds no file of a format that is known: CSV, Excel, Parquet, Stata, SPSS, SAS."
        alone = "is a data dictionary and no export; name the export beside it."
        raise DataError(alone if files else nothing, file=given[0])
    return _named(_together(found)), skipped


# ------------------------------------------------------------------ files


def _files(
    name: str, folder: Path, skipped: list[str]
) -> Iterator[tuple[str, dict[str, Any], OpenFile]]:
    """Every file of a path with the keys that name it."""
    path = Path(name)
    if not path.exists():
        raise UsageError("no such file or folder.", file=name)
    shown = _relative(path, folder)
    if path.is_dir():
        yield from _inside(name, path, folder, skipped)
        return
    kind = "zip" if path.suffix.lower() == ".zip" else _format(path.name)
    if kind is None:
        raise UsageError(
            "is of no format that is known; expected CSV, Excel, Parquet, Stata, SPSS, SAS, a zip "
            "or a folder of these, or the URL of a database.",
            file=name,
        )
    if kind != "zip":
        yield name, {"file": shown, "format": kind}, replace(_opened(path, folder), shown=shown)
        return
    for member in _members(path, shown, folder, skipped):
        inner = member.shown.split(":", 1)[1]
        yield name, {"file": shown, "member": inner, "format": _format(inner)}, member


def _opened(path: Path, folder: Path) -> OpenFile:
    return next(open_files(_source({"file": str(path.resolve()), "format": "csv"}), folder))


def _inside(
    name: str, path: Path, folder: Path, skipped: list[str]
) -> Iterator[tuple[str, dict[str, Any], OpenFile]]:
    """Every file below a folder; what systems and vpstats itself leave there is no export."""
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        own = file.relative_to(path).parts  # the folder itself may be ../exports
        if any(part.startswith((".", "~$", "__MACOSX")) for part in own):
            continue
        if _format(file.name) is None or file.name in ("registry.toml", "study.toml"):
            skipped.append(f"{_relative(file, folder)}{_NO_FORMAT}")
        else:
            yield from ((name, k, f) for _, k, f in _files(str(file), folder, skipped))


def _members(path: Path, shown: str, folder: Path, skipped: list[str]) -> Iterator[OpenFile]:
    whole = _source({"file": str(path.resolve()), "member": "*", "format": "csv"})
    for member in open_files(whole, folder):
        inner = member.shown.split(":", 1)[1]
        if _format(inner) is None:
            skipped.append(f"{shown}:{inner}{_NO_FORMAT}")
        else:
            yield replace(member, shown=f"{shown}:{inner}")


def _relative(path: Path, folder: Path) -> str:
    """Name of a file as registry.toml would have it."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _format(name: str) -> str | None:
    suffix = PurePosixPath(name.lower()).suffix
    return next((kind for kind, endings in FORMATS.items() if f"*{suffix}" in endings), None)


def _source(keys: dict[str, Any]) -> SourceMap:
    try:
        return SourceMap.model_validate({"name": "export", **_NOTHING, **keys})
    except ValidationError as error:
        # its own text quotes what was given, and that may hold a password
        said = error.errors(include_url=False, include_input=False, include_context=False)[0]["msg"]
        raise UsageError(f"{said.removeprefix('Value error, ')}.") from None


def _exports(
    group: str,
    keys: dict[str, Any],
    file: OpenFile,
    folder: Path,
    dictionary: tuple[str, dict[str, Any], OpenFile] | None,
    skipped: list[str],
) -> Iterator[Export]:
    name = PurePosixPath(file.shown.split(":")[-1]).stem
    if keys["format"] == "excel":
        from vpstats.registry.excel import sheet_rows

        sheets, left = sheet_rows(file.content, file.shown)
        skipped += [f"{file.shown}, sheet '{sheet}', which is {what}" for sheet, what in left]
        for sheet, rows in sheets.items():
            own = keys | ({"sheet": sheet} if len(sheets) > 1 or left else {})
            own |= _header_keys(rows, f"{file.shown}:{sheet}")
            yield _read(f"{name}-{sheet}" if len(sheets) > 1 else name, group, own, folder)
        if not sheets:
            raise DataError("has no sheet with a cell; export it again.", file=file.shown)
    elif keys["format"] == "csv":
        yield _read_text(name, group, keys, file, folder, dictionary)
    else:
        yield _read(name, group, keys, folder)


def _header_keys(rows: Sequence[Sequence[str]], shown: str) -> dict[str, int]:
    row, span = find_header(rows, shown)
    found = {"header_row": row, "header_rows": span}
    return {key: n for key, n in found.items() if n != 1}


def _read(
    name: str, group: str, keys: dict[str, Any], folder: Path, fields: tuple[Field, ...] = ()
) -> Export:
    # the folder of the draft need not be there yet, so files are opened by their whole path
    whole = {k: str((folder / keys[k]).resolve()) for k in ("file", "dictionary") if k in keys}
    raw = read_source(_source(keys | whole), folder)
    plain = keys["format"] in ("csv", "excel")
    return Export(name, group, keys, without_summaries(raw) if plain else raw, fields)


def _text_rows(file: OpenFile) -> list[list[str]]:
    head = beginning(file.held, _HEAD)
    text = decode(head[: head.rfind(b"\n") + 1] or head, declared=None, file=file.shown).text
    delimiter = detect_delimiter(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def _read_text(
    name: str,
    group: str,
    keys: dict[str, Any],
    file: OpenFile,
    folder: Path,
    dictionary: tuple[str, dict[str, Any], OpenFile] | None,
) -> Export:
    rows = _text_rows(file)
    header = ",".join(rows[0]) if rows else ""
    known = () if dictionary is None else read_dictionary(dictionary[2].content, file.shown)
    if _REDCAP.search(header) or (known and _is_of_project(rows[0], known)):
        keys = keys | {"format": "redcap"}
        if dictionary is not None and "member" not in dictionary[1]:
            keys |= {"dictionary": dictionary[1]["file"]}
        return _read(name, group, keys, folder, known)
    return _read(name, group, keys | _header_keys(rows, file.shown), folder)


def _is_of_project(header: Sequence[str], fields: Sequence[Field]) -> bool:
    names = {f.name for f in fields} | {fold(f.label) for f in fields}
    return sum(h in names or fold(h) in names for h in header) * 2 > len(header)


def _is_dictionary(file: OpenFile) -> bool:
    if not file.shown.lower().endswith(".csv"):
        return False
    try:
        head = beginning(file.held, _FIRST_LINE)
        first = decode(head, declared=None, file=file.shown).text.split("\n")[0]
    except DataError:
        return False
    names = {fold(name) for name in next(csv.reader([first]), [])}
    return any(wanted <= names for wanted in _DICTIONARY)


# ------------------------------------------------------------------ databases and projects


def _remote(
    url: str, folder: Path, password_env: str | None, token_env: str | None
) -> Iterator[Export]:
    if url.startswith(("http://", "https://")):
        keys: dict[str, Any] = {"format": "redcap_api", "url": url, "token_env": token_env}
        if token_env is None:
            raise UsageError("a REDCap API needs --token-env, the variable that holds its token.")
        yield _read("redcap", url, keys, folder)
        return
    keys = {"format": "sql", "url": url}
    keys |= {"password_env": password_env} if password_env else {}
    # any table will do to open the database and ask it for its tables
    names = table_names(_source({**keys, "from_table": "?"}), Path())
    if not names:
        raise DataError("the database has no table or view.")
    for name in names:
        named = {**keys, "from_table": name}
        raw = read_source(_source(named), Path())
        yield Export(name, url, named | {"url": _relative_url(url, folder)}, raw)


def _relative_url(url: str, folder: Path) -> str:
    """URL of a database in a file, relative to the folder of the draft as registry.toml has it."""
    match = _FILE_URL.fullmatch(url)
    if match is None or Path(match[2]).is_absolute():
        return url
    return f"{match[1]}{_relative(Path(match[2]), folder)}"


# ------------------------------------------------------------------ several files of one layout


def _together(exports: Sequence[Export]) -> list[Export]:
    """Text files of one folder or archive with the same columns are one source."""
    found: dict[object, list[Export]] = {}
    for number, export in enumerate(exports):
        alone = export.keys["format"] not in ("csv", "parquet", "stata", "spss", "sas")
        same = (export.group, export.keys["format"], tuple(export.raw.columns))
        found.setdefault(number if alone else same, []).append(export)
    return [_merged(members) for members in found.values()]


def _merged(members: Sequence[Export]) -> Export:
    first = members[0]
    if len(members) == 1:
        return first
    key = "member" if "member" in first.keys else "file"
    keys = first.keys | {key: [m.keys[key] for m in members]}
    common = _common([m.name for m in members]) or first.name
    return replace(first, name=common, keys=keys, raw=stack([m.raw for m in members]))


def _common(names: Sequence[str]) -> str:
    """Words that all names share: ``C10_visits`` and ``C11_visits`` are visits."""
    words = [re.split(r"[_ .-]+", name) for name in names]
    return "-".join(w for w in words[0] if all(w in other for other in words[1:]) and w)


def _named(exports: Sequence[Export]) -> list[Export]:
    """Give each source a name of its own."""
    taken: dict[str, int] = {}
    found = []
    for export in exports:
        plain = re.sub(r"[^\w.-]+", "-", export.name).strip("-") or "source"
        taken[plain] = taken.get(plain, 0) + 1
        name = plain if taken[plain] == 1 else f"{plain}-{taken[plain]}"
        found.append(replace(export, name=name))
    return found
