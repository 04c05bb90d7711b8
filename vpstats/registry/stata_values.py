"""Values of Stata files to text: days and moments by their formats, and numbers of 24 bits.

Stata keeps a day as a number and says by a format how it is counted (Stata Data Management
Reference Manual, *Datetime*), and keeps a number in four bytes, a ``float``, unless it is told
otherwise (*Data types*).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from vpstats.registry.typed_values import value_text

_FROM = dt.datetime.fromisoformat("1960-01-01")
_FORMAT = re.compile(r"%-?(td|d|tc|tC|tm)")
_DAY_MS = 86_400_000

ROUNDED = (
    "the file keeps this moment as a float, which is up to a minute wrong, and it is so near to "
    "midnight that its day is not sure; keep it as a double"
)


def stata_writer(layout: str, storage: str) -> Callable[[object], str]:
    """How the values of a column are written.

    Parameters
    ----------
    layout : str
        Format of the column: ``%td`` and ``%d`` with whatever stands behind them are days, ``%tc``
        and ``%tC`` moments, ``%tm`` months; others are numbers.
    storage : str
        How it is stored: of a ``float`` the shortest decimal that is the same float is written,
        with an exponent where the float may not have all digits of a whole number.

    Returns
    -------
    callable
        Value to text; what is no number is written as it is.

    Examples
    --------
    >>> write = stata_writer("%tdDD/NN/CCYY", "double")
    >>> write(22_000.0), write(None), stata_writer("%tm", "int")(760)
    ('2020-03-26', '', '2023-05')
    >>> plain = stata_writer("%9.0g", "float")
    >>> plain(99.9000015258789), plain(16_777_220.0)
    ('99.9', '1.677722E+07')
    """
    found = _FORMAT.match(layout)
    if found is not None:
        return {"td": _day, "d": _day, "tm": _month}.get(found[1]) or _moment_writer(storage)
    return _float if storage == "float" else value_text


def rounded_moments(values: Any, layout: str, storage: str) -> Any:
    """Positions of moments of a ``float`` column whose day is not sure.

    Parameters
    ----------
    values : sequence
        Milliseconds since 1960; None is none.
    layout, storage : str
        As for `stata_writer`.

    Returns
    -------
    ndarray of int
        Positions.

    Examples
    --------
    >>> rounded_moments([1_928_361_640_000.0, 1_928_400_000_000.0], "%tc", "float").tolist()
    [0]
    """
    found = _FORMAT.match(layout)
    if storage != "float" or found is None or found[1] not in ("tc", "tC"):
        return np.array([], dtype=np.int64)
    return np.flatnonzero([_is_number(v) and _off_midnight(v) not in (None, 0.0) for v in values])


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))


def _day(value: object) -> str:
    """Day of a count from 1 January 1960; a part of a day is cut off, as Stata does."""
    if not _is_number(value):
        return value_text(value)
    return _since(float(np.floor(float(str(value)))), "days")


def _month(value: object) -> str:
    """Month of a count from January 1960."""
    if not _is_number(value) or not float(str(value)).is_integer():
        return value_text(value)
    years, month = divmod(int(float(str(value))), 12)
    if not dt.MINYEAR <= 1960 + years <= dt.MAXYEAR:
        return value_text(value)
    return f"{1960 + years:04d}-{month + 1:02d}"


def _moment_writer(storage: str) -> Callable[[object], str]:
    def write(value: object) -> str:
        if storage == "float" and _is_number(value):
            value = float(str(value)) + (_off_midnight(value) or 0.0)
        return _since(value, "milliseconds")

    return write


def _off_midnight(value: object) -> float | None:
    """Milliseconds to the midnight that a float may be rounded from; None if none is near."""
    exact = float(str(value))
    nearest = round(exact / _DAY_MS) * _DAY_MS
    reach = float(np.spacing(np.float32(abs(exact)))) / 2
    return nearest - exact if abs(nearest - exact) <= reach else None


def _since(value: object, unit: str) -> str:
    if not _is_number(value):
        return value_text(value)
    try:
        found = _FROM + dt.timedelta(**{unit: float(str(value))})
    except OverflowError:
        return value_text(value)
    return value_text(found)


def _float(value: object) -> str:
    return value_text(np.float32(float(str(value))) if _is_number(value) else value)
