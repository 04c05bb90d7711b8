"""Checks of scales and names over a center: indices from 0 to 1, operators spelled in two ways."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from vpstats.registry.cells import fold
from vpstats.registry.checks import Case, Doubt, check, where

_TITLES = frozenset({"dr", "prof", "med", "mr", "sc", "doc", "prim", "dott", "priv", "univ"})


@check
def disability_scale(case: Case) -> Iterator[Doubt]:
    """A disability index below one percent is most likely a fraction, and so is a center of ones.

    The index counts in steps of a fiftieth, so that it never lies between 0 and 2 percent.
    """
    visits = case["visits"]
    index = visits["odi_pct"]
    center = case.along("visits", "patient_id", "patients", "center_id")["center_id"]
    small = (index <= 1).astype("Float64").groupby(center).transform("mean") > 0.5
    yield Doubt(
        "unit.fraction_odi",
        "visits",
        "odi_pct",
        where((index > 0) & ((index < 1) | ((index == 1) & small))),
        erase=True,
        note="0 to 1 in a column of percent: it may be a fraction",
    )


def operator_key(name: str) -> str:
    """A name without case, accents, titles, punctuation and order of its words.

    Examples
    --------
    >>> operator_key("Dr. Horvat, I.") == operator_key("I Horvat"), operator_key("D.D.")
    (True, 'dd')
    """
    words = [w for w in re.split(r"[^a-z0-9]+", fold(name)) if w and w not in _TITLES]
    if all(len(word) == 1 for word in words):
        return "".join(words)  # initials keep their order
    return " ".join(sorted(words))


_BESIDE = re.compile(r"[/+&;,]")
_INITIALS = re.compile(r"([^\W\d_][^/+&;,]*),\s*((?:[^\W\d_]\.?[\s-]?){1,2})")
_SHORT = 3  # letters up to which two names may both be initials


def names_several(name: str) -> bool:
    """Whether a cell names several operators; a surname with its initials is one.

    Examples
    --------
    >>> [names_several(n) for n in ("DD/TŽ", "Horvat, Kovač", "DD, TŽ")]
    [True, True, True]
    >>> [names_several(n) for n in ("Horvat, I.", "HORVAT, IM", "Horvat, I. M.", "Horvat")]
    [False, False, False, False]
    """
    found = _INITIALS.fullmatch(name.strip())
    if found is None:
        return bool(_BESIDE.search(name))
    letters = sum(c.isalpha() for c in found[1]), sum(c.isalpha() for c in found[2])
    return letters[0] <= _SHORT and letters[1] > 1 and "." not in found[2]


@check
def operator_spelling(case: Case) -> Iterator[Doubt]:
    """Names of one center that differ in spelling alone; the rarer ones are named."""
    rows = case["procedures"]
    known = rows.loc[rows["operator_id"].notna(), ["center_id", "operator_id"]]
    names = pd.unique(known["operator_id"])
    keys = known["operator_id"].map(dict(zip(names, map(operator_key, names), strict=True)))
    known = known.assign(key=keys, n=known.groupby(list(known), observed=True).transform("size"))
    known = known[known["key"] != ""]
    several = known.groupby(["center_id", "key"], observed=True)["operator_id"]
    ranked = known.sort_values(["n", "operator_id"], ascending=[False, True], kind="stable")
    usual = ranked.groupby(["center_id", "key"], observed=True)["operator_id"].transform("first")
    rare = (several.transform("nunique") > 1) & (known["operator_id"] != usual.reindex(known.index))
    yield Doubt(
        "operator.spelling",
        "procedures",
        "operator_id",
        known.index[rare].to_numpy(np.int64),
        note="another operator of the center has a name that differs in spelling alone",
    )
