"""How completely patients were followed: reverse Kaplan–Meier, Clark's C, state after a year."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.centers.followup import followup_completeness
from vpstats.cohorts.episodes import last_known_day
from vpstats.models.quantiles import follow_up
from vpstats.quality.measures import NETWORK, PERCENT, Row, row, shares

if TYPE_CHECKING:
    from vpstats.registry import Registry

SECTION = "followup"
YEAR = 365


def followed(registry: Registry) -> pd.DataFrame:
    """One row per patient: from the first procedure to the end of what is known.

    Parameters
    ----------
    registry : Registry

    Returns
    -------
    DataFrame
        ``patient_id, center_id, days, died, potential, due, known``: days until death or the last
        day on which the patient's state is known, days that had passed at the data cut, whether a
        year had, and whether the state after it is known. The center is that of the first
        procedure. `days` is missing where no day of contact is known.
    """
    rows = registry.procedures.sort_values(["proc_date", "procedure_id"], kind="stable")
    first = rows.drop_duplicates("patient_id").sort_values("patient_id", kind="stable")
    first = first[first["proc_date"].notna()].reset_index(drop=True)
    death = first["patient_id"].map(registry.patients.set_index("patient_id")["death_date"])
    known = first["patient_id"].map(last_known_day(registry))
    # what is said of a day after the data cut was not known on it
    known = known.where(~(known > registry.data_cut), registry.data_cut)
    died = death.notna() & (death <= registry.data_cut)
    start = first["proc_date"]
    due = start + pd.Timedelta(days=YEAR)
    return pd.DataFrame(
        {
            "patient_id": first["patient_id"].to_numpy(object),
            "center_id": first["center_id"].to_numpy(object),
            "days": (known - start).dt.days.to_numpy(float),
            "died": died.to_numpy(bool).astype(int),
            "potential": (registry.data_cut - start).dt.days.to_numpy(float),
            "due": (due <= registry.over_by).to_numpy(bool),
            "known": ((known >= due) | died).to_numpy(bool),
        }
    )


def following(
    registry: Registry, rows: pd.DataFrame, centers: tuple[str, ...], *, level: float = 0.95
) -> Iterator[Row]:
    """Length and completeness of the follow-up of every center's patients, and of the network's.

    Parameters
    ----------
    registry : Registry
    rows : DataFrame
        From `followed`.
    centers : tuple of str
    level : float
        Level of the intervals.
    """
    center = rows["center_id"].to_numpy(object)
    usable = rows[(rows["days"] >= 0).to_numpy(bool)]
    everybody = usable.assign(center_id=NETWORK)
    medians = {**_medians(usable, level), **_medians(everybody, level)}
    shares_of_time = {} if registry.shifted_days else {**_clark(usable), **_clark(everybody)}
    n = {**usable["center_id"].value_counts().to_dict(), NETWORK: len(usable)}
    for name in (*centers, NETWORK):
        value, low, high = medians.get(name, (np.nan,) * 3)
        yield row(SECTION, "median", name, label="Follow-up, median (reverse Kaplan–Meier)",
                  estimate=value, unit="days", n=n.get(name, 0), limits=(low, high))  # fmt: skip
        if not registry.shifted_days:
            yield row(SECTION, "clark_c", name, label="Completeness of follow-up (Clark's C)",
                      estimate=100 * shares_of_time.get(name, np.nan), unit=PERCENT,
                      n=n.get(name, 0))  # fmt: skip
    yield from shares(SECTION, "known_1y", "State known after a year",
                      rows["known"].to_numpy(bool), rows["due"].to_numpy(bool), center, centers,
                      interval=level)  # fmt: skip


def _medians(rows: pd.DataFrame, level: float) -> dict[str, tuple[float, float, float]]:
    """Median follow-up with its limits by center; NaN where fewer than half have ended."""
    if rows.empty:
        return {}
    times = rows[["center_id", "days", "died"]].astype({"center_id": str})
    found = follow_up(times, duration="days", event="died", by="center_id", level=level)
    table = found.tidy()
    wanted = table[["center_id", "estimate", "conf_low", "conf_high"]]
    return {
        str(name): (float(a), float(b), float(c))
        for name, a, b, c in wanted.itertuples(index=False)
    }


def _clark(rows: pd.DataFrame) -> dict[str, float]:
    """Clark's C by center."""
    if rows.empty:
        return {}
    table = followup_completeness(rows, duration="days", event="died", potential="potential")
    pairs = zip(table["center_id"], table["followup_completeness"], strict=True)
    return {str(name): float(value) for name, value in pairs}
