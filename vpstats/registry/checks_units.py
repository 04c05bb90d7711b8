"""Checks of units over parts of a registry: a center, a file or a time may have another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.checks import Case, Doubt, check
from vpstats.registry.columns import LIMITS
from vpstats.registry.typical import BANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Parts = Iterator[tuple[Array, Array, str]]
    """Parts of some rows, each with the rest that it is compared with and what it is called."""

_SCALES = MappingProxyType({"crp_mg_l": 10**0.5, "pct_ng_ml": 5.0, "dose_gy_cm2": 5.0})
"""How many times off the median of a center may be before it is doubted.

CRP is written in mg/L or in a tenth of it: what is nearer to the tenth is doubted. Doses differ
from hospital to hospital.
"""
_LIMITS_APART, _UPPER_APART = 5.0, 2.0  # limits of detection, and the values well above them
_FEWEST = 10
_ODDS_OF_CENTERS, _ODDS_OF_PARTS = 3.0, 4.0
"""Standard errors by which ranks differ at least; of parts there are many more than of centers."""


@check
def other_units(case: Case) -> Iterator[Doubt]:
    """A center, a file or a time of a center that may write another unit than the rest."""
    for field, scale in _PARTED.items():
        told = np.empty(0, np.int64)
        for doubt in (*_odd_centers(case, field), *_odd_parts(case, field, scale)):
            # one cause, one finding: a center may be a file of its own
            where = np.setdiff1d(doubt.positions, told)
            told = np.union1d(told, where)
            yield replace(doubt, positions=where)


def _odd_centers(case: Case, field: str) -> Iterator[Doubt]:
    """Centers whose median is several times that of the others."""
    if (most := _SCALES.get(field)) is None:
        return
    rows = case["procedures"]
    known = rows[rows[field].notna() & (rows[field] > 0).fillna(value=False)]
    for center, part in known.groupby("center_id", observed=True):
        own = (known["center_id"] == center).to_numpy(bool)
        said = _other_scale(known, field, own, most) if len(part) >= _FEWEST else ""
        if said:
            where, note = part.index.to_numpy(np.int64), f"the {said}; its unit may differ"
            yield Doubt("unit.center_scale", "procedures", field, where, note=note)


def _other_scale(known: pd.DataFrame, field: str, own: Array, most: float) -> str:
    """How the numbers of a center differ from those of the others; "" where they do not."""
    limit = LIMITS.get(field)
    exact = (known[limit] == "exact").to_numpy(bool) if limit else np.ones(len(own), bool)
    values = known[field].to_numpy(float)
    ratio = _sure_ratio(values, exact, own, most)
    if not 1 / most < ratio < most:
        return f"median of the center is {ratio:.2g} times that of the others"
    if not limit:
        return ""
    # a laboratory may measure less than another; then what lies well above is as elsewhere
    below = (known[limit] == "below").to_numpy(bool)
    limits = _ratio(values[below], own[below], fewest=2)
    upper = _ratio(values, own, share=0.75)
    lower = limits < 1 / _LIMITS_APART and upper < 1 / _UPPER_APART
    higher = limits > _LIMITS_APART and upper > _UPPER_APART
    said = f"limit of detection is {limits:.2g}, and its upper quartile {upper:.2g} times"
    return f"{said} that of the others" if lower or higher else ""


def _sure_ratio(values: Array, exact: Array, own: Array, most: float) -> float:
    """The ratio of two medians, 1 where it is large and ranks do not show that values differ.

    Of exact values where there are enough: where many write "<5", the limit of the laboratory is
    the median of all they write. Ranks are of all values: a laboratory that measures less has
    lower exact ones.
    """
    both = min((exact & own).sum(), (exact & ~own).sum()) >= _FEWEST // 2
    some = exact if both else np.ones_like(exact)
    ratio = _ratio(values[some], own[some])
    if 1 / most < ratio < most:
        return ratio
    odds = rank_odds(values, own)
    return ratio if odds * np.log(ratio) > 0 and abs(odds) >= _ODDS_OF_CENTERS else 1.0


def _ratio(values: Array, own: Array, *, share: float = 0.5, fewest: int = _FEWEST // 2) -> float:
    """Quantile of a part over that of the rest; 1 where either has too few values."""
    if min(own.sum(), (~own).sum()) < fewest:
        return 1.0
    return float(np.quantile(values[own], share) / np.quantile(values[~own], share))


def rank_odds(values: Array, own: Array) -> float:
    """By how many standard errors the ranks of a part differ from those of the rest.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Of the part and the rest.
    own : ndarray of bool, shape (n,)
        Which are of the part.

    Returns
    -------
    float
        The normal deviate of Wilcoxon's rank sum, with ties; negative where the part is lower.

    References
    ----------
    Mann HB, Whitney DR. On a test of whether one of two random variables is stochastically larger
    than the other. Ann Math Stat 1947;18:50-60.

    Examples
    --------
    >>> round(rank_odds(np.arange(20.0), np.arange(20) < 10), 2)
    -3.78
    """
    n, of_part = len(own), int(own.sum())
    if not 0 < of_part < n:
        return 0.0
    _, codes, ties = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[codes]
    spread = (n + 1) - (ties**3 - ties).sum() / (n * (n - 1))
    error = np.sqrt(of_part * (n - of_part) / 12 * spread)
    return float((ranks[own].sum() - of_part * (n + 1) / 2) / error) if error > 0 else 0.0


# ------------------------------------------------------------------ files and times


@dataclass(frozen=True, slots=True)
class _Scale:
    """How a field shows that a part of it is in another unit.

    Parameters
    ----------
    table, day : str
        Where the field is, and the day of its rows, "" where they have none.
    apart : float
        How many times a part lies above or below the rest.
    share : float
        At which quantile. Pain differs between contacts, but its highest does not tenfold.
    """

    table: str
    day: str
    apart: float
    share: float = 0.5


_PARTED: Mapping[str, _Scale] = MappingProxyType(
    {field: _Scale("procedures", "proc_date", most) for field, most in _SCALES.items()}
    | {
        "weight_kg": _Scale("patients", "", 2.2**0.5),
        "vas_0_10": _Scale("visits", "visit_date", 5.0, 0.9),
        "comi": _Scale("visits", "visit_date", 5.0, 0.9),
        "infection_crp_mg_l": _Scale("events", "event_date", 5.0),
    }
)


def _odd_parts(case: Case, field: str, scale: _Scale) -> Iterator[Doubt]:
    """Files, and times of a center, that lie several times above or below the rest."""
    rows = _known(case, field, scale)
    for here, parts in _wholes(rows):
        values = here["value"].to_numpy()
        for part, rest, said in parts:
            if note := _differs(values, part, rest, scale, field):
                where, note = here.index.to_numpy()[part], f"{said} {note}; the unit may differ"
                yield Doubt("unit.part_scale", scale.table, field, where, note=note)


def _known(case: Case, field: str, scale: _Scale) -> pd.DataFrame:
    """The numbers of a field above 0, with file, center and year of each."""
    table = case[scale.table]
    nothing = pd.Series(pd.NaT, index=table.index)
    center = (
        table["center_id"]
        if "center_id" in table
        else case.along(scale.table, "patient_id", "patients", "center_id")["center_id"]
    )
    rows = pd.DataFrame(
        {
            "value": table[field].to_numpy(float, na_value=np.nan),
            "file": pd.factorize(case.files.get(scale.table, np.zeros(len(table))))[0],
            "center": pd.factorize(center.to_numpy(object))[0],
            "year": pd.to_datetime(table[scale.day] if scale.day else nothing).dt.year.to_numpy(),
        }
    )
    return rows[rows["value"] > 0]


def _wholes(rows: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, Parts]]:
    """All rows, and those of each center, with their parts."""
    yield rows, _files(rows, "in this file")
    if rows["file"].nunique() < 2 and rows["year"].nunique() < 2:
        return
    for _, here in rows.groupby("center"):
        if len(here) >= 2 * _FEWEST:
            yield here, _files(here, "in this file of the center")
            yield here, _times(here)


def _files(rows: pd.DataFrame, said: str) -> Parts:
    files = rows["file"].to_numpy()
    names, counts = np.unique(files, return_counts=True)
    for name in names[counts >= _FEWEST] if len(names) > 1 else ():
        yield files == name, files != name, said


def _times(rows: pd.DataFrame) -> Parts:
    years = rows["year"].to_numpy()
    told = np.unique(years[~np.isnan(years)]).astype(int)
    for year in told[1:].tolist():
        before, after = years < year, years >= year
        yield after, before, f"from {year} on in the center"
        yield before, after, f"before {year} in the center"
    for year in told[1:-1].tolist():  # first and last stand above
        yield years == year, years != year, f"in {year} in the center"


def _differs(values: Array, part: Array, rest: Array, scale: _Scale, field: str) -> str:
    """How a part differs from the rest; "" where it does not, or where it is the rest that is odd.

    Where only one of the two lies where other registries lie, the other is in doubt.
    """
    if min(part.sum(), rest.sum()) < _FEWEST:
        return ""
    own, others = (float(np.quantile(values[some], scale.share)) for some in (part, rest))
    ratio = own / others
    if 1 / scale.apart < ratio < scale.apart:
        return ""
    either = part | rest
    if abs(rank_odds(values[either], part[either])) < _ODDS_OF_PARTS:
        return ""
    if field in BANDS and scale.share == 0.5:
        low, high = BANDS[field]
        if low <= own <= high and not low <= others <= high:
            return ""
    what = "median" if scale.share == 0.5 else "highest tenth"
    return f"the {what} is {ratio:.2g} times that of the rest"
