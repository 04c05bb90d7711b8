"""Typed values to text: what databases and statistical files hold, as the cleaning reads it."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from decimal import Decimal

import numpy as np

_FINEST = Decimal("1e-9")


def value_text(value: object) -> str:
    """Text of one typed value, from which the value could be had again.

    Parameters
    ----------
    value : object
        Number, truth value, date, time, text, bytes, list or mapping; None and NaN are empty.

    Returns
    -------
    str
        Numbers with a point and without an exponent, but for whole ones of which the binary number
        may lack digits, as of an identifier of seventeen; dates and times as ISO 8601; durations in
        days where they are whole ones, else in minutes, with the unit; truth values as 1 and 0;
        lists with commas between; mappings as JSON; bytes that are no text in hexadecimal.

    Examples
    --------
    >>> import datetime as dt
    >>> value_text(4.0), value_text(1e-07), value_text(Decimal("4.50")), value_text(True)
    ('4', '0.0000001', '4.50', '1')
    >>> value_text(16_777_215.0), value_text(np.float32(16_777_220)), value_text(2.0**53)
    ('16777215', '1.677722E+07', '9.007199254740992E+15')
    >>> value_text(dt.date(2023, 3, 14)), value_text(["L1", "L2"]), value_text(None)
    ('2023-03-14', 'L1, L2', '')
    >>> value_text(dt.timedelta(hours=1, seconds=30)), value_text(dt.timedelta(12))
    ('60.5 min', '12 days')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating, Decimal)):
        return _number_text(value)
    if isinstance(value, dt.datetime):
        return _moment_text(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return _duration_text(value)
    return _other_text(value)


def _number_text(value: float | np.floating[np.typing.NBitBase] | Decimal) -> str:
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    if not isinstance(value, Decimal) and abs(float(value)) >= _exact_to(value):
        return np.format_float_scientific(value, unique=True, exp_digits=2, trim="-").upper()
    # str() is the shortest text that gives the same binary number again
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    whole = not isinstance(value, Decimal) and exact == exact.to_integral_value()
    return f"{exact:f}".partition(".")[0] if whole else f"{exact:f}"


def _exact_to(value: float | np.floating[np.typing.NBitBase]) -> int:
    """Whole numbers from which this kind of binary number leaves some out: 2**53 of doubles."""
    kind = value.dtype if isinstance(value, np.floating) else np.float64
    digits = int(np.finfo(kind).nmant) + 1
    return int(2**digits)


def _moment_text(value: dt.datetime) -> str:
    midnight = value.time() == dt.time() and value.tzinfo is None
    return value.date().isoformat() if midnight else value.isoformat(sep=" ")


def _duration_text(value: dt.timedelta) -> str:
    """With its unit, which the field that it is mapped to may have another of; 0 is 0 in each."""
    if not value:
        return "0"
    if value == dt.timedelta(value.days):
        return f"{value.days} days"
    seconds = Decimal(value // dt.timedelta(microseconds=1)) / 1_000_000
    return f"{_number_text((seconds / 60).quantize(_FINEST).normalize())} min"


def _other_text(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _bytes_text(bytes(value))
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, default=value_text)
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        texts = [value_text(item) for item in value]
        return ", ".join(sorted(texts) if isinstance(value, (set, frozenset)) else texts)
    return str(value)


def _bytes_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return f"0x{value.hex()}"
