"""What cannot become untrue by the passing of time: deaths, contacts, procedures, persons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

REWRITES: Mapping[str, str] = MappingProxyType(
    {
        "death_undone": "a death that was known is no longer there",
        "death_moved": "a death has another date",
        "follow_up_shorter": "a last contact lies earlier than it did",
        "session_moved": "a procedure has another date",
        "person": "sex or birth are other ones: perhaps another person has the identifier now",
    }
)
"""What cannot become untrue by the passing of time."""


def rewritten(table: str, name: str, after: pd.Series, before: pd.Series) -> Array:
    """Say which changes of a field take back something known, or tell it otherwise.

    Parameters
    ----------
    table, name : str
        Canonical field.
    after, before : Series
        Its values in the later and in the earlier cut, pairwise.

    Returns
    -------
    ndarray of object
        Key of ``REWRITES``, or "".

    Examples
    --------
    >>> rewritten("patients", "status", pd.Series(["alive"]), pd.Series(["dead"])).tolist()
    ['death_undone']
    """
    out = np.full(len(after), "", dtype=object)
    judge = _JUDGES.get((table, name))
    if judge is not None:
        a, b = after.reset_index(drop=True), before.reset_index(drop=True)
        for code, holds in judge(a, b).items():
            out[np.asarray(holds.fillna(False), dtype=bool)] = code  # pandas names it so
    return out


def _status(after: pd.Series, before: pd.Series) -> dict[str, pd.Series]:
    return {"death_undone": (before == "dead") & ~(after == "dead")}


def _death(after: pd.Series, before: pd.Series) -> dict[str, pd.Series]:
    known = before.notna()
    return {"death_undone": known & after.isna(), "death_moved": known & after.notna()}


def _contact(after: pd.Series, before: pd.Series) -> dict[str, pd.Series]:
    return {"follow_up_shorter": (after < before) | (after.isna() & before.notna())}


def _session(after: pd.Series, before: pd.Series) -> dict[str, pd.Series]:
    return {"session_moved": before.notna()}


def _person(after: pd.Series, before: pd.Series) -> dict[str, pd.Series]:
    unknown = (after == "unknown") | (before == "unknown")
    return {"person": before.notna() & after.notna() & ~unknown.fillna(False)}  # pandas names it


Judge = Callable[[pd.Series, pd.Series], dict[str, pd.Series]]
_JUDGES: Mapping[tuple[str, str], Judge] = {
    ("patients", "status"): _status,
    ("patients", "death_date"): _death,
    ("patients", "last_contact_date"): _contact,
    ("patients", "sex"): _person,
    ("patients", "birth_date"): _person,
    ("patients", "birth_year"): _person,
    ("procedures", "proc_date"): _session,
}
