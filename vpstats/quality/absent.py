"""Who is missing: those with and without a value, side by side; differences, no tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.labels import LABELS
from vpstats.models.columns import Column, read_column
from vpstats.models.descriptive import standardised_difference
from vpstats.quality.imaging import assessed

if TYPE_CHECKING:
    from vpstats.registry import Registry

MIN_GROUP = 30
"""Rows on both sides below which differences are shown and not judged."""

CHARACTERISTICS = ("age_at_proc", "sex", "indication", "center_id")
"""By what those with a value are compared with those without."""

COLUMNS = ("outcome", "label", "variable", "level", "words", "side", "stat", "value", "n")


def who_is_missing(registry: Registry, rows: pd.DataFrame) -> pd.DataFrame:
    """Compare those whose outcome is known with those whose outcome is not.

    Parameters
    ----------
    registry : Registry
    rows : DataFrame
        From `vpstats.quality.following.followed`.

    Returns
    -------
    DataFrame
        ``outcome, label, variable, level, words, side, stat, value, n``: for each outcome, and
        "with" and "without" it, the number of rows, the mean and standard deviation of age, and the
        number of each category; and on the side "both" the standardised difference (`smd`), and
        `excess`, the part of its square that chance alone would not give.

    References
    ----------
    Yang D, Dalton JE. A unified approach to measuring the effect size between two groups using
    SAS. SAS Global Forum 2012, paper 335.
    """
    found: list[dict[str, Any]] = []
    for outcome, label, data, known in _outcomes(registry, rows):
        found += _compare(outcome, label, data, known)
    return pd.DataFrame(found, columns=list(COLUMNS))


def _outcomes(
    registry: Registry, rows: pd.DataFrame
) -> Iterator[tuple[str, str, pd.DataFrame, np.ndarray]]:
    """Outcome, its words, the rows it is asked of, and whether it is known of each."""
    sessions = registry.procedures
    first = sessions.sort_values(["proc_date", "procedure_id"], kind="stable")
    first = first.drop_duplicates("patient_id").set_index("patient_id")
    due = rows[rows["due"].to_numpy(bool)]
    patients = _characteristics(registry, first.loc[due["patient_id"]].reset_index())
    yield "known_1y", "State known after a year (patients)", patients, due["known"].to_numpy(bool)
    procedures = _characteristics(registry, sessions)
    yield "leak_ct", "Leaks on CT recorded (procedures)", procedures, assessed(registry, "ct")
    chest = sessions["chest_imaging_modality"].isin(["ct_partial", "ct_full"])
    yield "chest_ct", "Chest seen by CT (procedures)", procedures, chest.to_numpy(bool)


def _characteristics(registry: Registry, sessions: pd.DataFrame) -> pd.DataFrame:
    sex = sessions["patient_id"].map(registry.patients.set_index("patient_id")["sex"])
    sex = sex.astype(object).where(sex.isin(["f", "m"]))
    return pd.DataFrame(
        {
            "age_at_proc": sessions["age_at_proc"].astype(float).to_numpy(),
            "sex": sex.to_numpy(object),
            "indication": sessions["indication"].astype(object).to_numpy(),
            "center_id": sessions["center_id"].astype(object).to_numpy(),
        }
    )


def _compare(
    outcome: str, label: str, data: pd.DataFrame, known: np.ndarray
) -> Iterator[dict[str, Any]]:
    sides = {"with": known, "without": ~known}

    def cell(side: str, variable: str, stat: str, value: float, n: int, level: str = "") -> Any:
        words = LABELS.get(variable, variable)
        values = (outcome, label, variable, level, words, side, stat, float(value), n)
        return dict(zip(COLUMNS, values, strict=True))

    for side, here in sides.items():
        yield cell(side, "rows", "n", here.sum(), int(here.sum()))
    for name in CHARACTERISTICS:
        column = read_column(data[name])
        for side, here in sides.items():
            for stat, level, value, n in _described(column, here):
                yield cell(side, name, stat, value, n, level)
        one, other = (column.take(np.flatnonzero(here)) for here in sides.values())
        smd = standardised_difference(one, other)
        sizes = [int((~part.missing).sum()) for part in (one, other)]
        yield cell("both", name, "smd", smd, min(sizes))
        yield cell("both", name, "excess", _excess(smd, one, sizes), min(sizes))


def _described(column: Column, here: np.ndarray) -> Iterator[tuple[str, str, float, int]]:
    own = column.take(np.flatnonzero(here))
    values = own.values[~own.missing]
    n = len(values)
    if own.levels is None:
        yield "mean", "", float(values.mean()) if n else np.nan, n
        yield "sd", "", float(np.std(values, ddof=1)) if n > 1 else np.nan, n
        return
    counts = (
        np.bincount(values.astype(int), minlength=len(own.levels)) if n else [0] * len(own.levels)
    )
    for level, count in zip(own.levels, counts, strict=True):
        yield "n", str(level), float(count), n


def _excess(smd: float, column: Column, sizes: list[int]) -> float:
    """The squared difference less what two samples of these sizes differ by on average, by chance.

    A category of k levels has k - 1 directions in which to differ. Groups that are too small, or
    of which nothing is known, are not judged.
    """
    if min(sizes) < MIN_GROUP or not np.isfinite(smd):
        return np.nan
    directions = 1 if column.levels is None else max(len(column.levels) - 1, 1)
    return smd**2 - directions * (1 / sizes[0] + 1 / sizes[1])
