"""Numbers as they are printed: what a text such as "0.50", "<0.001" or "34%" leaves open.

A printed number stands for every number that rounds to it: "0.50" for all from 0.495 to 0.505. What
is checked is whether any of them is possible, so that rounding is never taken for a contradiction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from vpstats.errors import UsageError

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_BETWEEN = re.compile(
    rf"^\s*\(?\[?\s*({_NUMBER})\s*%?\s*(?:-|to|;|,|\s)\s*({_NUMBER})\s*(%?)\s*\)?\]?$"
)


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as printed.

    Parameters
    ----------
    text : str
        As printed.
    low, high : float
        Least and largest number that it may stand for.
    """

    text: str
    low: float
    high: float

    def holds(self, low: float, high: float | None = None) -> bool:
        """Whether a number, or any of a range, may have been printed so."""
        top = low if high is None else high
        slack = 1e-9 * max(1.0, abs(self.low), abs(self.high))  # decimals are not binary
        return bool(top >= self.low - slack and low <= self.high + slack)


def read_printed(text: object, name: str = "value") -> Printed:
    """Read a number as printed.

    Parameters
    ----------
    text : str, int or Decimal
        With every digit that was printed; "0.50" is less open than "0.5". Decimal commas,
        a leading point, "−" and a per cent sign are understood.
    name : str
        What to call it in an error.

    Returns
    -------
    Printed
        From half a unit of the last digit below to half a unit above.

    Raises
    ------
    UsageError
        If it is no number, or a float, which has lost its trailing zeros.

    Examples
    --------
    >>> read_printed("0.50")
    Printed(text='0.50', low=0.495, high=0.505)
    """
    number = _decimal(text, name)
    half = Decimal((0, (5,), int(number.as_tuple().exponent) - 1))
    return Printed(str(text).strip(), float(number - half), float(number + half))


def _decimal(text: object, name: str) -> Decimal:
    if isinstance(text, bool | float):
        raise UsageError(
            f"{name} is {text!r}; give it as text, as printed: '0.50' and '0.5' differ in what "
            "they leave open."
        )
    plain = str(text).strip().replace("−", "-").replace("–", "-").rstrip("%").strip()
    try:
        number = Decimal(plain.replace(",", "."))
    except InvalidOperation:
        raise UsageError(f"{name} is {text!r}; expected a number as printed.") from None
    if not number.is_finite():
        raise UsageError(f"{name} is {text!r}; expected a number as printed.")
    return number


def read_p_value(text: object) -> Printed:
    """Read a p-value as printed.

    Parameters
    ----------
    text : str
        "0.04", ".04", "P=.44", "<0.001", "p ≤ 0.05", ">0.05" or "ns".

    Returns
    -------
    Printed
        Within 0 and 1; "0.000" is from 0 to 0.0005, "ns" from 0.05 to 1.

    Raises
    ------
    UsageError
        If it is none of these.

    Examples
    --------
    >>> read_p_value("P<.001").high, read_p_value("0.000").high
    (0.001, 0.0005)
    """
    plain = str(text).strip() if not isinstance(text, float) else text
    if isinstance(plain, str):
        if re.fullmatch(r"(?i)n\.?\s?s\.?|not significant", plain):
            return Printed(plain, 0.05, 1.0)
        match = re.fullmatch(r"(?i)(?:p(?:[- ]?value)?)?\s*(=|<|>|≤|≥|<=|>=)?\s*(.+)", plain)
        sign, digits = (match[1] or "=", match[2]) if match else ("=", plain)
        found = read_printed(digits, "p_value")
        edge = float(_decimal(digits, "p_value"))
        low, high = {
            "=": (found.low, found.high),
            "<": (0.0, edge),
            ">": (edge, 1.0),
        }[sign.replace("≤", "<").replace("≥", ">")[0]]
        return Printed(plain, max(0.0, low), min(1.0, high) if high <= 1 else high)
    return read_printed(plain, "p_value")


def read_interval(text: object) -> tuple[Printed, Printed]:
    """Read two limits as printed, as a pair or as one text.

    Parameters
    ----------
    text : str or pair of str
        ``("1.05", "1.95")``, "1.05–1.95", "70-87%" or "(1.05 to 1.95)".

    Returns
    -------
    tuple of Printed
        Lower and upper limit, in the unit in which they are printed.

    Raises
    ------
    UsageError
        If there are no two numbers.

    Examples
    --------
    >>> low, high = read_interval("1.05–1.95")
    >>> low.text, high.text
    ('1.05', '1.95')
    """
    if isinstance(text, tuple | list) and len(text) == 2:
        return read_printed(text[0], "lower limit"), read_printed(text[1], "upper limit")
    plain = str(text).replace("−", "-").replace("–", "-").replace("—", "-")
    match = _BETWEEN.match(plain)
    if isinstance(text, tuple | list) or match is None:
        raise UsageError(f"interval is {text!r}; expected two limits, such as '1.05-1.95'.")
    return read_printed(match[1], "lower limit"), read_printed(match[2], "upper limit")


_STATISTIC = re.compile(rf"(?i)(?:chi-?2|chi-?squared?|χ²|χ2|x2|x²)\s*=?\s*({_NUMBER})")
_P_VALUE = re.compile(rf"(?i)\bp\s*(?:=|<|>|≤|≥|<=|>=)\s*{_NUMBER}")
_LIMITS = re.compile(rf"(?i)\bCI:?\s*\(?\s*({_NUMBER})\s*%?\s*(?:-|–|to)\s*({_NUMBER})\s*%?")
_PERCENT = re.compile(rf"({_NUMBER})\s*%(?!\s*CI\b)")
_BARE = re.compile(rf"^\s*({_NUMBER})\s*$")


def read_statement(text: str) -> dict[str, object]:
    """Read the figures in a printed statement such as "26% CI 16-39%" or "chi2 4.177 p=.041".

    Parameters
    ----------
    text : str
        A statement; a number that stands alone is a p-value.

    Returns
    -------
    dict
        Of ``percent``, ``percent_2``, ``interval``, ``p_value`` and ``statistic`` those that are
        there, as printed; the interval in per cent.

    Examples
    --------
    >>> read_statement("chi2 4.177 p=.041")
    {'statistic': '4.177', 'p_value': 'p=.041'}
    """
    found: dict[str, object] = {}
    if match := _STATISTIC.search(text):
        found["statistic"] = match[1]
    if match := _P_VALUE.search(text):
        found["p_value"] = match[0]
    elif match := _BARE.match(text):
        found["p_value"] = match[1]
    if match := _LIMITS.search(text):
        found["interval"] = match[1], match[2]
        text = text[: match.start()] + text[match.end() :]
    for name, match in zip(("percent", "percent_2"), _PERCENT.finditer(text), strict=False):
        found[name] = match[1]
    return found
