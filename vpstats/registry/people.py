"""Who is who: one spelling per identifier, and nobody who did not want to be here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.blocks import Block
from vpstats.registry.journal import entry
from vpstats.registry.optouts import opted_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_DIGITS = re.compile(r"[0-9]+")
_ALIKE = str.maketrans("авекмнорстухυοαβικ", "abekmhopctyxuoabik")
"""Cyrillic and Greek letters, and the Latin ones that look the same, small or capital."""


@lru_cache(maxsize=1 << 20)
def plain_id(identifier: str) -> str:
    """An identifier without case, punctuation and leading zeros.

    Parameters
    ----------
    identifier : str
        ``<center>/<raw id>``; the center stays as it is.

    Returns
    -------
    str
        Equal for spellings of one identifier, and possibly for two.

    Examples
    --------
    >>> plain_id("C1/P001") == plain_id("C1/p-1")
    True
    """
    center, _, raw = identifier.partition("/")
    letters = raw.casefold() if raw.isascii() else raw.casefold().translate(_ALIKE)
    if not letters.isalnum():
        letters = "".join(c for c in letters if c.isalnum())
    return f"{center}/{_DIGITS.sub(lambda m: m[0].lstrip('0') or '0', letters)}"


def _known(parts: Iterable[Array]) -> list[str]:
    """Distinct values of some arrays, missing ones aside, in order of appearance."""
    whole = np.concatenate([np.empty(0, object), *parts])
    return [value for value in pd.unique(whole) if value is not None]


def same_people(blocks: Sequence[Block]) -> dict[str, str]:
    """Identifiers that are another spelling of a patient's, beyond doubt.

    A spelling that no patient row has belongs to the one patient whose identifier is equal but
    for case, punctuation and leading zeros. Two patient rows are one person only where date of
    birth and sex agree as well.

    Parameters
    ----------
    blocks : sequence of Block
        Blocks of every table, with keys as the exports name them.

    Returns
    -------
    dict of str to str
        Spelling to the identifier to use.
    """
    patients = [b for b in blocks if b.table == "patients"]
    own = _known(b.patient for b in patients)
    people: dict[str, list[str]] = {}
    for identifier in own:
        people.setdefault(plain_id(identifier), []).append(identifier)
    doubtful = {p for alike in people.values() if len(alike) > 1 for p in alike}
    renamed = _merged_people(people, _portraits(patients, doubtful))
    strangers = set(_known(b.patient for b in blocks)) - set(own)
    for stranger in sorted(strangers):
        alike = {renamed.get(p, p) for p in people.get(plain_id(stranger), [])}
        if len(alike) == 1:
            renamed[stranger] = alike.pop()
    return renamed


def _portraits(patients: Sequence[Block], people: set[str]) -> dict[str, set[tuple[str, str]]]:
    """Date of birth and sex of some patients, as written."""
    seen: dict[str, set[tuple[str, str]]] = {}
    for block in patients:
        fields = block.text.fields
        if "birth_date" not in fields or "sex" not in fields:
            continue
        rows = np.flatnonzero(pd.Series(block.patient).isin(people))
        births, sexes = (fields[name].take(rows).texts() for name in ("birth_date", "sex"))
        for who, born, sex in zip(block.patient[rows], births, sexes, strict=True):
            if born and sex:
                seen.setdefault(who, set()).add((born, sex.casefold()))
    return seen


def _merged_people(
    people: Mapping[str, list[str]], portraits: Mapping[str, set[tuple[str, str]]]
) -> dict[str, str]:
    renamed: dict[str, str] = {}
    for spellings in people.values():
        first = spellings[0]
        for other in spellings[1:]:
            same = portraits.get(first, set()) & portraits.get(other, set())
            if same:
                renamed[other] = first
    return renamed


def rename_people(blocks: Sequence[Block], renamed: Mapping[str, str]) -> None:
    """Use one spelling per patient everywhere, and log each row that had another."""
    if not renamed:
        return
    for block in blocks:
        other = np.array([p in renamed for p in block.patient], bool)
        if not other.any():
            continue
        block.patient[other] = [renamed[p] for p in block.patient[other]]
        block.entries.append(
            entry(
                "key.spelling",
                np.flatnonzero(other),
                field="patient_id",
                column=block.names.get("patient_id", ""),
                masked=True,
            )
        )


# ------------------------------------------------------------------ consent


def people_to_leave_out(blocks: Sequence[Block], consent: str) -> set[str]:
    """Patients who opted out, or, where consent has to be given, who did not give it.

    Other spellings of their identifiers count as theirs: a doubt about who is meant is no reason
    to keep somebody.

    Parameters
    ----------
    blocks : sequence of Block
        Blocks of every table.
    consent : {"opt-out", "opt-in"}
        The registry's rule.

    Returns
    -------
    set of str
        Identifiers.
    """
    patients = [b for b in blocks if b.table == "patients"]
    out = {p for b in patients for p in b.patient[opted_out(b)] if p is not None}
    everybody = set(_known(b.patient for b in blocks))
    if consent == "opt-in":
        out |= everybody - _agreed(patients)
    alike = {plain_id(p) for p in out}
    return out | {p for p in everybody - out if plain_id(p) in alike} if out else out


def _agreed(patients: Sequence[Block]) -> set[str]:
    agreed: set[str] = set()
    for block in patients:
        said = block.values.get("consent_research")
        if said is not None:
            agreed |= {p for p in block.patient[said == "yes"] if p is not None}
    return agreed


def leave_out(blocks: Sequence[Block], out: set[str]) -> None:
    """Remove the rows of some patients from every block, sessions that are theirs included."""
    if not out:
        return
    theirs = {
        s
        for b in blocks
        for p, s in zip(b.patient, b.procedure, strict=True)
        if p in out and s is not None
    }
    for block in blocks:
        keep = [
            p not in out and (p is not None or s not in theirs)
            for p, s in zip(block.patient, block.procedure, strict=True)
        ]
        block.keep(np.array(keep, bool))
