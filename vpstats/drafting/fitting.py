"""How well the cells of a column fit a field: read as the registry would read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpstats.drafting.profiles import Profile
from vpstats.registry.cells import fold
from vpstats.registry.cleaning import clean_column, clean_texts
from vpstats.registry.columns import Dialect, render
from vpstats.registry.compound import cut_list
from vpstats.registry.dates import date_shape
from vpstats.registry.lexicon import kind_of_missing
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.raw import from_texts
from vpstats.registry.typical import possible_units
from vpstats.registry.units import factor
from vpstats.schema import Column
from vpstats.schema_tables import VERTEBRAE

ENOUGH = 0.85
"""Share of the cells that have to fit for a match to be certain: the rest may be faults."""

ANY_DAY = dt.date(2199, 12, 31)
"""Stands for the day of the export while nobody has said which it is."""

_GAP_DIGITS = frozenset("3456789")
_SLIPS = 0.03  # of the cells: fewer are faults
_NEAR = 0.02  # scales further from 1 than this cannot be mistaken: a height of 1.62
_FREQUENT = 3
_SHOWN = 6
_LONGEST = 32
_SERIAL_DIGITS = 5
_FIRST_BIRTH, _LAST_BIRTH = 1880, 2010
_EARLIEST = 1984
_ANY_TIME = frozenset({"fracture_date", "antiosteo_start", "optout_date"})


@dataclass(frozen=True, slots=True)
class Fit:
    """What the cells of a column say about a field.

    Parameters
    ----------
    share : float
        Cells that can be read as the field, among those that say something; 0.5 for none at all.
    says : str
        What the cells are, in words; no value of an identifying field.
    against : str
        Why the match cannot be certain, "" where nothing is against it.
    unit : str
        Unit to declare, "" for the schema's.
    codes : tuple of (str, str)
        Raw code to canonical code to declare.
    listed : int
        Spellings of codes that are frequent, and understood.
    """

    share: float
    says: str
    against: str = ""
    unit: str = ""
    codes: tuple[tuple[str, str], ...] = ()
    listed: int = 0


def fit(profile: Profile, column: Column, unit: str, dialect: Dialect) -> Fit:
    """Read a column as a field, on trial.

    Parameters
    ----------
    profile : Profile
        The column.
    column : Column
        The field.
    unit : str
        Unit that the header states, "" if none.
    dialect : Dialect
        How the source writes.

    Returns
    -------
    Fit
        Nothing of it is applied.
    """
    coded = column.kind in ("category", "set", "yes_no")
    if not profile.told and not (profile.checkbox and coded):
        return Fit(0.5, "no cell is filled", "no cell says what it is")
    if column.kind == "string":
        return _string(profile, column)
    if column.kind == "date":
        return _date(profile, column)
    if column.kind in ("number", "integer"):
        return _number(profile, column, unit, dialect)
    if tuple(column.codes) == VERTEBRAE and not profile.choices:
        return _vertebrae(profile)
    return _coded(profile, column, dialect)


def _vertebrae(profile: Profile) -> Fit:
    total = sum(n for _, n in profile.told)
    named, several = round(profile.vertebral * total), round(profile.listing * total)
    lists = f", {several:,} of them several" if several else ""
    return Fit(profile.vertebral, f"{named:,} of {total:,} cells name vertebrae{lists}")


def _read(
    profile: Profile, column: Column, mapping: ColumnMap, dialect: Dialect
) -> Sequence[object]:
    """Values of the spellings that say something."""
    text = from_texts([s for s, _ in profile.told])
    return list(clean_column(text, column, mapping, dialect).values)


def _weights(profile: Profile) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([n for _, n in profile.told], dtype=float)


# ------------------------------------------------------------------ text and dates


def _string(profile: Profile, column: Column) -> Fit:
    count = f"{profile.distinct:,} different in {profile.filled:,} cells"
    if column.role in ("identifier", "key"):
        plain = [n for s, n in profile.told if len(s) <= _LONGEST and not _is_fraction(s)]
        dates = profile.dated and not all(_may_be_serial(s) for s, _ in profile.told)
        share = 0.0 if dates else sum(plain) / sum(n for _, n in profile.told)
        return Fit(share, count)
    return Fit(1.0 - profile.numeric, f"text, {count}")


def _may_be_serial(spelling: str) -> bool:
    """Whether a number may be Excel's for a day: numbers of patients have five digits too."""
    return len(spelling) == _SERIAL_DIGITS and spelling.isdigit()


def _is_fraction(spelling: str) -> bool:
    return any(mark in spelling for mark in ".,") and spelling[-1:].isdigit()


def _date(profile: Profile, column: Column) -> Fit:
    birth = column.role == "birth"
    shapes = [(date_shape(s, birth=birth), n) for s, n in profile.told]
    total = sum(n for _, n in shapes)
    good = {"day", "ordered", "month"} if not birth else {"day", "ordered", "month", "year"}
    dated = sum(n for shape, n in shapes if shape.kind in good)
    years = np.repeat(
        [s.year for s, _ in shapes if s.kind in good and s.year > 99],
        [n for s, n in shapes if s.kind in good and s.year > 99],
    )
    says = f"{dated:,} of {total:,} cells are dates"
    against = _against_years(years, column)
    if not against and all(s.kind == "year" for s, _ in shapes):
        against = "the cells are years"
    return Fit(dated / total if not against else 0.3 * dated / total, says, against)


def _against_years(years: np.ndarray[tuple[int], np.dtype[np.int64]], column: Column) -> str:
    if not len(years):
        return ""
    middle = float(np.median(years))
    if column.role == "birth":
        wrong = not _FIRST_BIRTH <= middle <= _LAST_BIRTH
        said = f"half of the dates lie outside {_FIRST_BIRTH} to {_LAST_BIRTH} and are no births"
        return said if wrong else ""
    too_early = middle < _EARLIEST and column.name not in _ANY_TIME
    return "half of the dates lie before 1984" if too_early else ""


# ------------------------------------------------------------------ numbers


def _number(profile: Profile, column: Column, unit: str, dialect: Dialect) -> Fit:
    # a unit that is declared keeps the reader from repairing scales: they are what is looked for
    trial = ColumnMap(column="x", unit=column.unit or None, decimal="." if profile.typed else None)
    told = _one_by_one(profile.told) if column.unit == "mL" else list(profile.told)
    text = from_texts([s for s, _ in told])
    values = np.array(clean_column(text, column, trial, dialect).values, dtype=float)
    weights = np.array([n for _, n in told], dtype=float)
    known = ~np.isnan(values)
    if not known.any():
        return Fit(0.0, "no cell is a number")
    middle = _quantile(values[known], weights[known], 0.5)
    chosen, against = _unit(column, unit, middle)
    scale = float(factor(column.unit, chosen) or 1) if chosen else 1.0
    share = _possible(values * scale, weights, column)
    if column.kind == "integer" and set(values[known]) == {0.0, 1.0}:
        against = against or "only 0 and 1: a count, or yes and no?"
    low, high = (_quantile(values[known], weights[known], q) for q in (0.1, 0.9))
    unit = chosen or column.unit
    written = "" if unit == "1" else unit
    shown = "" if column.masked else f", most from {_short(low)} to {_short(high)} {written}"
    says = f"{int(weights[known].sum()):,} numbers{shown}".rstrip()
    return Fit(share, says, against, _to_declare(chosen, column))


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _one_by_one(told: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Volumes of several vertebrae in one cell (``4,5 / 3``) as volumes."""
    counts: dict[str, int] = {}
    for spelling, n in told:
        for part in cut_list(spelling):
            counts[part] = counts.get(part, 0) + n
    return list(counts.items())


def _to_declare(unit: str, column: Column) -> str:
    return "" if not unit or factor(column.unit, unit) == 1 else unit


def _unit(column: Column, stated: str, middle: float) -> tuple[str, str]:
    """Unit of the numbers, and what is against being sure of it."""
    possible = possible_units(column, middle)
    if stated:
        scale = factor(column.unit, stated)
        agrees = any(factor(column.unit, unit) == scale for unit in possible)
        said = f"the header says {stated}, but half of the values lie below {middle:.3g}"
        return stated, "" if agrees or not possible else said
    if len(possible) == 1:
        ratio = float(factor(column.unit, possible[0]) or 1)
        said = f"the values look like {possible[0]}; the header states no unit"
        return possible[0], "" if ratio == 1 or not _NEAR < ratio < 1 / _NEAR else said
    if not possible:
        return "", f"half of the values lie below {middle:.3g}, which no unit explains"
    return "", f"{' or '.join(possible)}? Half of the values lie below {middle:.3g}"


def _possible(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
    column: Column,
) -> float:
    """Share of the cells that are possible values."""
    inside = ~np.isnan(values)
    if column.hard is not None:
        inside &= (values >= column.hard[0]) & (values <= column.hard[1])
    if column.kind == "integer":
        inside &= np.floor(values) == values
    return float(weights[inside].sum() / weights.sum())


def _quantile(values: object, weights: object, q: float) -> float:
    v, w = np.asarray(values, float), np.asarray(weights, float)
    order = np.argsort(v, kind="stable")
    total = np.cumsum(w[order])
    return float(v[order][np.searchsorted(total, q * total[-1])])


# ------------------------------------------------------------------ codes


def _coded(profile: Profile, column: Column, dialect: Dialect) -> Fit:
    if profile.choices:
        return _by_choices(profile, column)
    if profile.checkbox:
        return Fit(0.5, "boxes", "nothing says what its boxes mean")
    values = _read(profile, column, ColumnMap(column="x"), dialect)
    weights = _weights(profile)
    read = np.array([v is not None for v in values])
    if column.kind == "yes_no" and read.any():
        # kinds of missing that only the center can name: they stay unread and are reported
        gaps = np.array([s in _GAP_DIGITS for s, _ in profile.told])
        weights = np.where(gaps & ~read, 0.0, weights)
    if column.kind == "set":
        read |= np.array([fold(s) in ("0", "ne", "no") for s, _ in profile.told])
    share = float(weights[read].sum() / weights.sum())
    says, listed = _code_list(profile, values)
    return Fit(share, says, _against_codes(profile, column, values), listed=listed)


def _against_codes(profile: Profile, column: Column, values: Sequence[object]) -> str:
    if column.kind != "yes_no" and profile.coded and any(_is_digits(s) for s, _ in profile.told):
        return "digits of a raw export: the project's dictionary says what they mean"
    numbers = {
        s: n
        for (s, n), value in zip(profile.told, values, strict=True)
        if value is None and _is_digits(s)
    }
    if sum(numbers.values()) < _SLIPS * sum(n for _, n in profile.told):
        return ""
    if column.kind != "yes_no" or {"1", "2"} & set(numbers):
        return "numbers stand for codes; nothing says for which"
    return "" if set(numbers) <= _GAP_DIGITS else "numbers stand beside answers"


def _is_digits(spelling: str) -> bool:
    return spelling.strip("+-<>~ ").replace(",", ".").replace(".", "", 1).isdigit()


def _by_choices(profile: Profile, column: Column) -> Fit:
    """A column whose source says what its codes mean."""
    codes = list(profile.choices)
    read = clean_texts(column, list(profile.choices.values()))["clean"]
    raw = clean_texts(column, codes)["clean"]
    missing = [_missing_code(label) for label in profile.choices.values()]
    meant = {c: str(r) or m for c, r, m in zip(codes, read, missing, strict=True) if r or m}
    used = dict.fromkeys(codes, 1) if profile.checkbox else dict(profile.told)
    total = sum(used.values())
    share = sum(n for s, n in used.items() if s in meant) / total
    silent = [c for c, r in zip(codes, raw, strict=True) if r and c not in meant]
    against = f"the labels of {', '.join(silent)} are not understood" if silent else ""
    pairs = [f"{c} '{profile.choices[c]}' = {m}" for c, m in meant.items()]
    return Fit(share, _joined(pairs), against, codes=tuple(meant.items()))


def _missing_code(label: str) -> str:
    kind = kind_of_missing(label) or ""
    return "missing" if kind == "declared" else kind


def _code_list(profile: Profile, values: Sequence[object]) -> tuple[str, int]:
    """Codes and what they are read as; a rare spelling is not shown, as it may be anything."""
    shown: list[str] = []
    hidden, unread = 0, 0
    for (spelling, n), value in zip(profile.told, values, strict=True):
        if value is None:
            unread += n
        elif n >= _FREQUENT and len(shown) < _SHOWN:
            meaning = render(value)
            shown.append(f"{spelling}{'' if meaning == spelling else f' = {meaning}'} ({n:,})")
        else:
            hidden += n
    more = [f"{hidden:,} more"] if hidden else []
    left = [f"{unread:,} not understood"] if unread else []
    return "; ".join([*shown, *more, *left]), len(shown)


def _joined(pairs: Sequence[str]) -> str:
    more = [f"{len(pairs) - _SHOWN} more"] if len(pairs) > _SHOWN else []
    return "; ".join([*pairs[:_SHOWN], *more])
