"""Days that stand for none: the zeros from which computers count, and ends that never come."""

from __future__ import annotations

import datetime as dt

_NOBODYS = frozenset(
    {
        dt.date(1899, 12, 30),  # day 0 of spreadsheets and of Access
        dt.date(1899, 12, 31),
        dt.date(1900, 1, 1),
    }
)
"""Days on which nobody of a registry was even born."""
_ZEROS = frozenset(
    {
        dt.date(1904, 1, 1),  # of spreadsheets on old Macs
        dt.date(1960, 1, 1),  # of SAS and Stata
        dt.date(1969, 12, 31),  # of Unix, west of Greenwich
        dt.date(1970, 1, 1),
    }
)
"""Days from which computers count: a day of birth may be one of them, no other day may."""
_FAR = 10  # years after the data cut, from which the end of a year is one that never comes

NUMBERED = frozenset(
    {(99, 99, 9999), (1, 1, 1900), (30, 12, 1899), (12, 30, 1899), (31, 12, 1899), (12, 31, 1899)}
)
"""Numbers of a day that stand for none, in the order written."""


def is_edge(day: int, month: int) -> bool:
    """Whether it is the first or last day of a year.

    Examples
    --------
    >>> is_edge(31, 12), is_edge(12, 31)
    (True, False)
    """
    return (day, month) in ((1, 1), (31, 12))


def is_nobodys(day: dt.date) -> bool:
    """Whether not even a birth can be on a day that computers write for none.

    Examples
    --------
    >>> is_nobodys(dt.date(1899, 12, 30)), is_nobodys(dt.date(1970, 1, 1))
    (True, False)
    """
    return day in _NOBODYS


def is_placeholder(day: dt.date, cut: dt.date, *, birth: bool) -> bool:
    """Whether a day stands for none.

    Parameters
    ----------
    day : date
        As read.
    cut : date
        Day of the exports.
    birth : bool
        Whether it is a day of birth, for which days from which computers count are plausible.

    Returns
    -------
    bool
        True for the zero of a way of counting days, and for the first or last day of a year that
        is long after the exports.

    Examples
    --------
    >>> cut = dt.date(2025, 12, 31)
    >>> is_placeholder(dt.date(2099, 12, 31), cut, birth=False)
    True
    >>> [is_placeholder(dt.date(1970, 1, 1), cut, birth=birth) for birth in (True, False)]
    [False, True]
    """
    if day in _NOBODYS or (not birth and day in _ZEROS):
        return True
    return day.year >= cut.year + _FAR and is_edge(day.day, day.month)
