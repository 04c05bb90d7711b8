"""Case ascertainment: procedures in the registry against what the hospital counted itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from vpstats.quality.measures import NETWORK, PERCENT, Row, row, share

if TYPE_CHECKING:
    from vpstats.registry import Registry
    from vpstats.registry.quality_map import HospitalCount

SECTION = "ascertainment"
MEASURE = "ascertained"
LABEL = "Procedures in the registry, of those of the hospital"


def ascertainment(
    registry: Registry,
    counts: Sequence[HospitalCount],
    centers: tuple[str, ...],
    *,
    level: float = 0.95,
) -> Iterator[Row]:
    """Share of the hospitals' procedures that are in the registry.

    Parameters
    ----------
    registry : Registry
    counts : sequence of HospitalCount
        Periods that are not over at the data cut are left out, and centers that the registry does
        not know.
    centers : tuple of str
    level : float
        Level of the Wilson intervals.

    Yields
    ------
    dict
        A row per count (`level` is the period), one for each center over all of its periods, and
        one for the network over all centers. A share above 100 has no interval: it is none. What
        one period has beyond the hospital's count does not fill what another one lacks.
    """
    if registry.shifted_days:
        return
    known = (c for c in counts if c.center in centers and c.days[1] <= registry.data_cut)
    usable = sorted(known, key=lambda c: (c.center, c.days))
    registered = [_registered(registry, c) for c in usable]
    for one, n in zip(usable, registered, strict=True):
        yield _row(one.center, n, one.n, one.period, level)
    for center in (*centers, NETWORK):
        mine = [i for i, c in enumerate(usable) if center in (c.center, NETWORK)]
        mine = _without_overlap(mine, usable)
        if mine:
            here = sum(min(registered[i], usable[i].n) for i in mine)
            yield _row(center, here, sum(usable[i].n for i in mine), "", level)


def _without_overlap(chosen: list[int], counts: Sequence[HospitalCount]) -> list[int]:
    """Counts whose periods do not overlap at one center, the earliest first."""
    kept: list[int] = []
    for i in sorted(chosen, key=lambda k: (counts[k].center, counts[k].days)):
        first = counts[i].days[0]
        if not any(counts[k].center == counts[i].center and counts[k].days[1] >= first
                   for k in kept):  # fmt: skip
            kept.append(i)
    return kept


def _registered(registry: Registry, count: HospitalCount) -> int:
    rows = registry.procedures
    first, last = count.days
    here = (rows["center_id"] == count.center).fillna(value=False)
    return int((here & rows["proc_date"].between(first, last)).sum())


def _row(center: str, n: int, whole: int, period: str, interval: float) -> Row:
    words = f"{LABEL}, {period}" if period else LABEL
    if n <= whole:
        return share(SECTION, MEASURE, center, label=words, n_events=n, n=whole, level=period,
                     interval=interval)  # fmt: skip
    value = 100 * n / whole if whole else float("nan")
    return row(SECTION, MEASURE, center, label=words, estimate=value, unit=PERCENT, n=whole,
               n_events=n, level=period)  # fmt: skip


def open_periods(
    counts: Sequence[HospitalCount], cut: pd.Timestamp, centers: tuple[str, ...]
) -> list[HospitalCount]:
    """Counts of periods that are not over at the data cut."""
    return [c for c in counts if c.days[1] > cut and c.center in centers]


def strangers(counts: Sequence[HospitalCount], centers: tuple[str, ...]) -> list[str]:
    """Centers that hospitals counted for and the registry does not know."""
    return sorted({c.center for c in counts} - set(centers))
