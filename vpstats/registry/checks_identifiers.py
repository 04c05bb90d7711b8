"""Identifiers that are not built as nearly all others of their file are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Set

import numpy as np

from vpstats.registry.checks import Case, Doubt, check

_RUN = re.compile(r"[^\W\d_]+|\d+")
_FEWEST = 20  # identifiers that show how they are built
_SHARE = 0.8  # of them, that are built in one way
_FEW = 3  # identifiers of another kind that may be slips; more are a kind of their own


@check
def identifiers_alike(case: Case) -> Iterator[Doubt]:
    """Identifiers that lack the letters or digits that nearly all of their file have, or have more.

    ``7`` among ``VP-001``, ``VP-002`` … may be ``VP-007``, and a word among them a name. What has a
    known identifier before something else, as ``VP-007-2``, may be that patient a second time.
    """
    found: dict[str, list[int]] = {note: [] for note in (_ALIKE, _LONGER, _UNLIKE)}
    for identifiers in _by_file(case).values():
        for row, note in _odd(identifiers).items():
            found[note].append(row)
    for note, rows in found.items():
        rule = "patient.id_unlike" if note == _UNLIKE else "duplicate.id_spelling"
        yield Doubt(rule, "patients", "patient_id", np.array(sorted(rows), np.int64), note=note)


_ALIKE = "nearly all identifiers of the file have more than this number, and one of them has it too"
_LONGER = "another identifier of the file is the same but for what stands behind it or a letter O"
_UNLIKE = "the identifier is not built as nearly all others of its file are"


def _by_file(case: Case) -> dict[tuple[str, str], dict[int, str]]:
    """Center and file to its identifiers as written, by the row of the patient."""
    patients = case["patients"]
    files = case.files.get("patients", np.full(len(patients), ""))
    found: dict[tuple[str, str], dict[int, str]] = {}
    columns = (patients["patient_id"], patients["center_id"], files)
    for row, (who, center, file) in enumerate(zip(*columns, strict=True)):
        raw = str(who).removeprefix(f"{center}/")
        found.setdefault((str(center), str(file)), {})[row] = raw
    return found


def _odd(identifiers: dict[int, str]) -> dict[int, str]:
    """Rows of identifiers that lack what nearly all have, or have it and more, and what of it."""
    if len(identifiers) < _FEWEST:
        return {}
    shapes = {row: shape(raw) for row, raw in identifiers.items()}
    counts = Counter(shapes.values())
    usual, most = counts.most_common(1)[0]
    if most <= _SHARE * len(shapes) or most < _FEWEST or "9" not in usual:
        return {}
    odd = [row for row, s in shapes.items() if s != usual and counts[s] <= _FEW]
    if not odd:
        return {}
    others = [raw for row, raw in identifiers.items() if shapes[row] == usual]
    numbers, known = set(map(_number, others)), set(map(_runs, others))
    notes = {}
    for row in odd:
        if _lacks(shapes[row], usual):
            notes[row] = _ALIKE if _number(identifiers[row]) in numbers else _UNLIKE
        elif _is_longer(identifiers[row], known, len(usual)):
            notes[row] = _LONGER
    return notes


def _is_longer(identifier: str, known: Set[tuple[str, ...]], usual: int) -> bool:
    """Whether a known identifier stands at the beginning, or is there with letters for digits."""
    if _runs(identifier)[:usual] in known:
        return True
    return _runs(identifier.translate(_DIGITS_MEANT)) in known


_DIGITS_MEANT = str.maketrans("OoIl", "0011")


def _runs(identifier: str) -> tuple[str, ...]:
    return tuple(run.casefold() for run in _RUN.findall(identifier))


def shape(identifier: str) -> str:
    """Runs of letters and of digits of an identifier, whatever stands between them.

    Examples
    --------
    >>> [shape(identifier) for identifier in ("VP-001", "vp1", "2021/17", "Novak")]
    ['A9', 'A9', '99', 'A']
    """
    return "".join("A" if run[0].isalpha() else "9" for run in _RUN.findall(identifier))


def _lacks(odd: str, usual: str) -> bool:
    return any(odd.count(kind) < usual.count(kind) for kind in "A9")


def _number(identifier: str) -> str | None:
    """The last number of an identifier without leading zeros."""
    digits = [run for run in _RUN.findall(identifier) if not run[0].isalpha()]
    return (digits[-1].lstrip("0") or "0") if digits else None
