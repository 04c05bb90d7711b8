"""De-identification on the way in: names become keyed hashes, days may be moved, text is dropped.

It is done when everything has been read, matched and checked, so that the same rows are found and
the same doubts raised as without it. Nothing that is returned holds an identifier.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.errors import DataError, MappingError
from vpstats.registry.journal import MASK
from vpstats.registry.matching import named_by_row
from vpstats.registry.people import plain_id
from vpstats.registry.registry import Treatment
from vpstats.registry.rules import RULES
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from vpstats.registry.journal import Places
    from vpstats.registry.mapping import DeidentifyMap
    from vpstats.registry.read import Cut
    from vpstats.schema import Column

MIN_KEY = 16
"""Bytes that a key must have: 128 bits, if they are random."""

_DIGITS = 20
"""Hexadecimal digits of a hash: 80 bits, and a collision is looked for."""

_TABLES_OF = {"patients": "patient_id", "procedures": "procedure_id", "levels": "level_id"}
_KEYS = {**_TABLES_OF, "leaks": "level_id", "visits": "visit_id", "events": "event_id"}

Names = Mapping[str, Mapping[str, str]]


def read_key(ask: DeidentifyMap, folder: Path) -> bytes:
    """Read the key from where the mapping says.

    Parameters
    ----------
    ask : DeidentifyMap
        ``[registry.deidentify]``.
    folder : Path
        Folder of registry.toml: the project, in which no key may lie.

    Returns
    -------
    bytes
        Without white space around it.

    Raises
    ------
    MappingError
        If there is no key, if it is too short, or if it lies where others find it.
    """
    key = _from_environment(ask.key_env) if ask.key_env is not None else _from_file(ask, folder)
    if len(key) < MIN_KEY:
        raise MappingError(
            f"registry.deidentify: the key has fewer than {MIN_KEY} bytes. Make a random one: "
            "python -c 'import secrets; print(secrets.token_hex(32))'."
        )
    return key


def _from_environment(name: str) -> bytes:
    # the one setting that is read from the environment: a secret must not stand in a file here
    value = os.environ.get(name)
    if value is None:
        raise MappingError(f"registry.deidentify.key_env: '{name}' is not set in the environment.")
    return value.strip().encode()


def _from_file(ask: DeidentifyMap, folder: Path) -> bytes:
    path = (folder / str(ask.key_file)).resolve()
    where = "registry.deidentify.key_file"
    if path.is_relative_to(folder.resolve()):
        raise MappingError(
            f"{where}: the key lies in the project's folder, from where it is passed on with the "
            "data. Keep it elsewhere."
        )
    try:
        if os.name == "posix" and path.stat().st_mode & 0o007:
            raise MappingError(f"{where}: everybody on this machine can read the key; chmod 600.")
        return path.read_bytes().strip()
    except OSError as error:
        raise MappingError(f"{where}: the key cannot be read ({error.strerror}).") from None


# ------------------------------------------------------------------ names


def hashed_names(identifiers: Iterable[str], kind: str, key: bytes) -> dict[str, str]:
    """Keyed hashes of identifiers, the same for the same key and kind in every data cut.

    Parameters
    ----------
    identifiers : iterable of str
        ``<center>/<raw id>``; the center stays readable.
    kind : str
        What they name; a patient and a session of one number get different hashes.
    key : bytes
        The secret.

    Returns
    -------
    dict of str to str
        Identifier to ``<center>/<hash>``. Spellings that differ in case, punctuation or leading
        zeros share a hash, unless several of them are there as different things.

    Raises
    ------
    DataError
        If two identifiers get one hash.

    References
    ----------
    Krawczyk H, Bellare M, Canetti R. HMAC: keyed-hashing for message authentication. RFC 2104,
    1997.

    Examples
    --------
    >>> first = hashed_names(["C1/P-1"], "patient_id", b"k" * 16)
    >>> first["C1/P-1"] == hashed_names(["C1/p001"], "patient_id", b"k" * 16)["C1/p001"]
    True
    """
    distinct = list(dict.fromkeys(identifiers))
    plain = [plain_id(identifier) for identifier in distinct]
    shared = {name for name, n in Counter(plain).items() if n > 1}
    named = {
        identifier: _hash(identifier if name in shared else name, kind, key)
        for identifier, name in zip(distinct, plain, strict=True)
    }
    if len(set(named.values())) < len(named):
        raise DataError("two identifiers have one hash; use another key for registry.deidentify.")
    return named


def _hash(identifier: str, kind: str, key: bytes) -> str:
    digest = hmac.new(key, f"{kind}\x1f{identifier}".encode(), hashlib.sha256).hexdigest()
    return f"{identifier.partition('/')[0]}/{digest[:_DIGITS]}"


def _all_names(cut: Cut, key: bytes) -> dict[str, dict[str, str]]:
    """Hashes of everything that has a name in the tables, the log or among those left out."""
    tables = cut.registry.tables
    log = pd.concat([cut.registry.corrections, cut.registry.findings])
    found: dict[str, list[str]] = {"patient_id": sorted(cut.left_out)}
    for table, name in _KEYS.items():
        keys = log["key"][(log["table"] == table) & (log["key"].fillna("") != "")]
        found.setdefault(name, []).extend(keys.astype(str))
    for table in tables.values():
        for name in set(_KEYS.values()) & set(table.columns):
            found[name].extend(table[name].dropna().astype(str))
    names = {kind: hashed_names(values, kind, key) for kind, values in found.items()}
    for table in ("visits", "events"):
        _name_rows(names, tables[table], _KEYS[table], table, cut.places[table])
    return names


def _name_rows(
    names: dict[str, dict[str, str]], frame: pd.DataFrame, kind: str, table: str, places: Places
) -> None:
    """Visits and events that are called by patient and row keep the row: it names nobody."""
    by_row = named_by_row(frame, table, places)
    for name, patient in zip(frame[kind][by_row], frame["patient_id"][by_row], strict=True):
        names[kind][name] = names["patient_id"][patient] + name[len(patient) :]


def _operators(procedures: pd.DataFrame, key: bytes) -> pd.Series:
    whole = procedures["center_id"] + "/" + procedures["operator_id"]
    known = whole.dropna().astype(str)
    return whole.map(hashed_names(known, "operator_id", key)).astype("string")


# ------------------------------------------------------------------ the whole


def deidentify(cut: Cut, ask: DeidentifyMap, key: bytes) -> Cut:
    """Replace what identifies in a registry, in its log and beside it.

    Parameters
    ----------
    cut : Cut
        As read.
    ask : DeidentifyMap
        What is asked for.
    key : bytes
        From `read_key`.

    Returns
    -------
    Cut
        The same rows. `Registry.deidentified` lists what became of each column.
    """
    names = _all_names(cut, key)
    tables = {name: _table(name, table, ask, names) for name, table in cut.registry.tables.items()}
    procedures = cut.registry.procedures
    tables["procedures"]["operator_id"] = _operators(procedures, key)
    if ask.shift_days:
        # everybody who has a name: a session may be of somebody whom no row of patients is about
        days = {name: _offset(p, ask.shift_days, key) for p, name in names["patient_id"].items()}
        tables = {name: _moved(name, table, days) for name, table in tables.items()}
    registry = replace(
        cut.registry,
        **tables,
        corrections=_corrections(cut.registry.corrections, ask, names),
        findings=_findings(cut.registry.findings, names),
        data_cut=cut.registry.data_cut + pd.Timedelta(days=ask.shift_days),
        deidentified=tuple(_treatments(ask)),
        shifted_days=ask.shift_days,
    )
    places = {name: _places(place, names) for name, place in cut.places.items()}
    gone = frozenset(names["patient_id"][person] for person in cut.left_out)
    rows = {n: replace(g, places=_places(g.places, names)) for n, g in cut.gathered.items()}
    return replace(cut, registry=registry, places=places, left_out=gone, gathered=rows)


def _table(name: str, table: pd.DataFrame, ask: DeidentifyMap, names: Names) -> pd.DataFrame:
    out = table.copy()
    for column in TABLES[name]:
        if column.name in names:
            out[column.name] = table[column.name].map(names[column.name]).astype("string")
        elif _dropped(column, ask):
            out[column.name] = pd.Series(pd.NA, index=out.index).astype(column.dtype)
    if name == "patients" and ask.birth == "year":
        year = table["birth_date"].dt.year.astype(out["birth_year"].dtype)
        out["birth_year"] = out["birth_year"].fillna(year)
    return out


def _dropped(column: Column, ask: DeidentifyMap) -> bool:
    if column.role == "birth":
        return column.name != "birth_year" or ask.birth != "year"
    # an operator's running number tells the order of days that were moved
    ordered = column.name == "operator_case_no" and ask.shift_days > 0
    return ordered or (column.role == "free_text" and not ask.free_text)


def _offset(patient: str, days: int, key: bytes) -> int:
    """Days by which everything of a patient is moved: from -days to days, never 0."""
    text = f"shift\x1f{plain_id(patient)}".encode()
    drawn = int.from_bytes(hmac.new(key, text, hashlib.sha256).digest()[:8], "big")
    offset = drawn % (2 * days) - days
    return offset if offset < 0 else offset + 1


def _moved(name: str, table: pd.DataFrame, days: Mapping[str, int]) -> pd.DataFrame:
    dates = [column.name for column in TABLES[name] if column.kind == "date"]
    if not dates:
        return table
    by = pd.to_timedelta(table["patient_id"].map(days).astype("float64"), unit="D")
    return table.assign(**{date: table[date] + by for date in dates})


def _places(place: Places, names: Names) -> Places:
    kind = names[_KEYS[place.table]]
    return replace(place, key=np.array([kind.get(key, "") for key in place.key], dtype=object))


# ------------------------------------------------------------------ the log


def _keys(log: pd.DataFrame, names: Names) -> pd.Series:
    pairs = zip(log["table"].fillna(""), log["key"].fillna(""), strict=True)
    hidden = [names[_KEYS[table]].get(key, "") if table in _KEYS else "" for table, key in pairs]
    return pd.Series(hidden, index=log.index, dtype="string")


def _corrections(log: pd.DataFrame, ask: DeidentifyMap, names: Names) -> pd.DataFrame:
    """Keys hashed; days as written masked where days are moved."""
    out = log.assign(key=_keys(log, names))
    if ask.shift_days:
        # by name alone: the day of a session also stands beside its levels and events
        dates = {column.name for t in TABLES.values() for column in t if column.kind == "date"}
        # what was changed before fields were read, as a cell filled from above, may be a day too
        nameless = log["field"].fillna("") == ""
        out.loc[log["field"].isin(dates) | nameless, ["raw", "clean"]] = MASK
    return out


def _findings(log: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Keys hashed; what a cell says is not quoted: it could not be read, so it can be anything."""
    sentences = log["rule"].map({rule.id: rule.sentence for rule in RULES.values()})
    about_a_row = log["row"].notna() | (log["key"].fillna("") != "")
    return log.assign(key=_keys(log, names), message=log["message"].where(~about_a_row, sentences))


# ------------------------------------------------------------------ what left


def _treatments(ask: DeidentifyMap) -> Iterable[Treatment]:
    for table in TABLES.values():
        for column in table:
            became = _became(column, ask)
            if became:
                yield Treatment(table.name, column.name, became)


def _became(column: Column, ask: DeidentifyMap) -> str:
    if column.role == "identifier":
        return "keyed hash"
    if _dropped(column, ask):
        return {"birth": "age at the procedure"}.get(column.role, "dropped")
    kept: Mapping[Any, str] = {"birth": "year of birth", "free_text": "kept as written, as asked"}
    if column.role in kept:
        return kept[column.role]
    if column.kind == "date":
        return f"moved by up to {ask.shift_days} days per patient" if ask.shift_days else "true day"
    return "kept as written" if column.kind == "string" and column.role == "value" else ""
