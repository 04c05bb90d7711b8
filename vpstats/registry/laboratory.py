"""Flags that laboratories put behind a number which lies outside of their range."""

from __future__ import annotations

import re

_FIELDS = frozenset({"crp_mg_l", "wbc_10e9_l", "esr_mm_h", "pct_ng_ml", "infection_crp_mg_l"})
_FLAG = r"(?:hh?|ll?|n|high|low|normal)"
_BEHIND = re.compile(rf"(.*?)(?:(?:^| ){_FLAG}| ?\({_FLAG}\)| ?\[{_FLAG}\]| ?[↑↓]{{1,3}})")


def without_flag(field: str, beside: str) -> str | None:
    """What stands behind the digits of a number beside the flag of its laboratory.

    Parameters
    ----------
    field : str
        Canonical field; only what laboratories measure has flags.
    beside : str
        What stands behind the digits of a cell, without case.

    Returns
    -------
    str or None
        The unit, "" where none stands there; None where the cell has no flag.

    Examples
    --------
    >>> [without_flag("crp_mg_l", text) for text in ("h", "mg/l (h)", "mg/l")]
    ['', 'mg/l', None]
    >>> without_flag("cement_ml", "l") is None
    True
    """
    found = _BEHIND.fullmatch(beside) if field in _FIELDS else None
    return None if found is None else found[1].strip()
