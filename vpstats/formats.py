"""How numbers are printed, in one place, so that tables, figures and sentences agree.

A number that was withheld prints as the mark of its release, one that could not be estimated as
"n.e.". Thin spaces do not break a line; a range takes an en dash, and "to" where a limit has a
sign, since two in a row cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

NOT_ESTIMABLE = "n.e."
"""Stands for a number that the data cannot give."""

ABOUT = "≈"
"""Stands before a number that a release rounded."""

SUPPRESSED = "*"
"""Stands for a number that was withheld, unless the release names another mark."""

THIN = "\u202f"
"""A narrow space that does not break: before a per cent sign, between number and unit."""

MINUS = "\u2212"

Number = Callable[[float], str]


def decimal(value: float, digits: int = 1) -> str:
    """Print a number with a fixed number of decimals and thousands set off by commas.

    Parameters
    ----------
    value : float
        Any finite number.
    digits : int
        Decimals.

    Returns
    -------
    str
        With a minus sign (U+2212) where negative; never "−0.0".

    Examples
    --------
    >>> decimal(1234.56), decimal(-2.5), decimal(-0.01)
    ('1,234.6', '−2.5', '0.0')
    """
    text = f"{value:,.{digits}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def count(value: float) -> str:
    """Print a count.

    Examples
    --------
    >>> count(12345.0)
    '12,345'
    """
    return decimal(value, 0)


def percent(value: float, digits: int = 1) -> str:
    """Print a percentage with its sign.

    Examples
    --------
    >>> percent(12.34).replace(THIN, " ")
    '12.3 %'
    """
    return f"{rate(value, digits)}{THIN}%"


def rate(value: float, digits: int = 1) -> str:
    """Print a percentage without its sign; what is not 0 or 100 never prints as either.

    Examples
    --------
    >>> rate(12.34), rate(0.0), rate(0.04), rate(99.97), rate(100.0)
    ('12.3', '0.0', '<0.1', '>99.9', '100.0')
    """
    step = 10.0**-digits
    if 0 < value < step / 2:
        return f"<{decimal(step, digits)}"
    if 100 - step / 2 <= value < 100:
        return f">{decimal(100 - step, digits)}"
    return decimal(value, digits)


def ratio(value: float) -> str:
    """Print an odds or hazard ratio: two decimals, at least two significant digits below one.

    Parameters
    ----------
    value : float
        A positive ratio; beyond 9,999 and below 0.001 only the bound is printed.

    Examples
    --------
    >>> [ratio(x) for x in (1.234, 0.5, 0.0312, 12.34, 432.1, 0.0004, 20000.0, float("inf"))]
    ['1.23', '0.50', '0.031', '12.3', '432', '<0.001', '>9,999', '>9,999']
    """
    if value > 9999.5:
        return ">9,999"
    if value < 0.001:
        return "<0.001"
    return decimal(value, ratio_digits(value))


def ratio_digits(value: float) -> int:
    """Decimals that a ratio is printed with.

    Examples
    --------
    >>> [ratio_digits(x) for x in (1.234, 0.0312, 12.34, 432.1)]
    [2, 3, 1, 0]
    """
    steps = ((99.95, 0), (9.995, 1), (0.0995, 2), (0.00995, 3))
    return next((digits for floor, digits in steps if value >= floor), 4)


NARROW = 0.025
"""Width of an interval near one below which two decimals would not tell its limits apart."""


def is_narrow(low: float, high: float) -> bool:
    """Whether the limits of a ratio take three decimals, as per unit of a long scale.

    Examples
    --------
    >>> is_narrow(1.0007, 1.0114), is_narrow(0.99, 1.03), is_narrow(float("nan"), 1.0)
    (True, False, False)
    """
    return 0.5 < low <= high < 2 and high - low < NARROW


def fine_ratio(value: float) -> str:
    """Print a ratio with three decimals.

    Examples
    --------
    >>> fine_ratio(1.00061)
    '1.001'
    """
    return decimal(value, 3)


def p_value(value: float) -> str:
    """Print a p-value with three decimals.

    Examples
    --------
    >>> p_value(0.0004), p_value(0.0127), p_value(0.99996)
    ('<0.001', '0.013', '>0.999')
    """
    if value < 0.0005:
        return "<0.001"
    return ">0.999" if value >= 0.9995 else f"{value:.3f}"


def span(low: str, high: str) -> str:
    """Join two printed limits.

    Examples
    --------
    >>> span("0.5", "1.2"), span("−0.5", "1.2"), span("<0.1", "0.4")
    ('0.5–1.2', '−0.5 to 1.2', '<0.1 to 0.4')
    """
    signs = (MINUS, "-", "<", ">")
    return (
        f"{low} to {high}" if low.startswith(signs) or high.startswith(signs) else f"{low}–{high}"
    )


def show(row: Mapping[str, Any], stat: str, fmt: Number = decimal, mark: str = SUPPRESSED) -> str:
    """Print one statistic of a row, or why it is not there.

    Parameters
    ----------
    row : mapping
        Statistic to value, `hidden`: the names of the withheld ones, and `rounded`: of those
        that a release rounded, which are printed after "≈".
    stat : str
        Which statistic.
    fmt : callable
        How a finite value is printed.
    mark : str
        What stands for a withheld value.

    Returns
    -------
    str
        Empty where the row has no such statistic.

    Examples
    --------
    >>> row = {"n": float("nan"), "percent": 12.5, "hidden": {"n"}}
    >>> show(row, "n"), show(row, "percent", percent).replace(THIN, " "), show(row, "p_value")
    ('*', '12.5 %', '')
    >>> show({"n": 1270.0, "rounded": {"n"}}, "n", count)
    '≈1,270'
    """
    if stat in hidden_stats(row):
        return mark
    if stat not in row:
        return ""
    value = float(row[stat])
    if np.isnan(value):
        return NOT_ESTIMABLE
    text = fmt(value)
    # a bound is no number that could be rounded further
    about = stat in (row.get("rounded") or ()) and not text.startswith(("<", ">"))
    return f"{ABOUT if about else ''}{text}"


def show_interval(
    row: Mapping[str, Any],
    fmt: Number = decimal,
    mark: str = SUPPRESSED,
    stats: tuple[str, str, str] = ("estimate", "conf_low", "conf_high"),
) -> str:
    """Print an estimate with its limits, ``1.23 (0.80–1.90)``.

    Parameters
    ----------
    row, fmt, mark
        As in `show`.
    stats : tuple of str
        Names of the estimate and of its limits.

    Returns
    -------
    str
        The mark if any of the three was withheld; "n.e." if the estimate does not exist; the
        estimate alone, with "n.e." for its limits, if only they do not exist.

    Examples
    --------
    >>> row = {"estimate": 1.234, "conf_low": 0.8, "conf_high": 1.9, "hidden": ()}
    >>> show_interval(row, ratio)
    '1.23 (0.80–1.90)'
    >>> show_interval({**row, "hidden": {"conf_low"}}, ratio)
    '*'
    >>> show_interval({"estimate": 1.0061, "conf_low": 1.0007, "conf_high": 1.0114}, ratio)
    '1.006 (1.001–1.011)'
    """
    if hidden_stats(row) & set(stats):
        return mark
    if fmt is ratio and is_narrow(*(float(row.get(s, np.nan)) for s in stats[1:])):
        fmt = fine_ratio
    point = show(row, stats[0], fmt, mark)
    if point in ("", NOT_ESTIMABLE) or stats[1] not in row:
        return point
    exact = {**row, "rounded": ()}  # one sign for the three of them
    low, high = show(exact, stats[1], fmt, mark), show(exact, stats[2], fmt, mark)
    return f"{point} ({low if low == high == NOT_ESTIMABLE else span(low, high)})"


def hidden_stats(row: Mapping[str, Any]) -> set[str]:
    """Names of the withheld statistics of a row; empty for rows that know of none."""
    hidden: Collection[str] = row.get("hidden") or ()
    return set(hidden)


REASONS: Mapping[str, str] = {
    "separation": "not estimable: separation",
    "monotone": "not estimable: no finite maximum",
    "not_converged": "not estimable: no convergence",
    "constant_outcome": "not estimable: outcome constant",
    "event_floor": "not fitted: too few events",
    "aliased": "not estimable: collinear",
    "between_only": "not estimable within centers",
}
"""Caveat code → the words that stand where an estimate would."""


def reason(caveats: str, default: str = "not estimable") -> str:
    """Say in words why there is no estimate.

    Parameters
    ----------
    caveats : str
        Codes separated by ";", as the ledger holds them.
    default : str
        What to say where no code explains it.

    Examples
    --------
    >>> reason("few_events;separation"), reason("")
    ('not estimable: separation', 'not estimable')
    """
    known = (REASONS[code] for code in caveats.split(";") if code in REASONS)
    return next(known, default)


MEASURES: Mapping[str, str] = {
    "odds ratio": "OR",
    "hazard ratio": "HR",
    "subdistribution hazard ratio": "sHR",
    "risk ratio": "RR",
    "rate ratio": "RR",
}
"""Measure → the short name at the head of a column."""


def interval_heading(measure: str, level: float = 0.95) -> str:
    """Head a column of estimates with limits.

    Examples
    --------
    >>> interval_heading("odds ratio").replace(THIN, " ")
    'OR (95 % CI)'
    >>> interval_heading("difference", 0.9).replace(THIN, " ")
    'Difference (90 % CI)'
    """
    short = MEASURES.get(measure, sentence_case(measure))
    return f"{short} ({100 * level:g}{THIN}% CI)"


def sentence_case(text: str) -> str:
    """Raise the first letter and leave the rest alone.

    Examples
    --------
    >>> sentence_case("cement volume (mL)"), sentence_case("")
    ('Cement volume (mL)', '')
    """
    return text[:1].upper() + text[1:]
