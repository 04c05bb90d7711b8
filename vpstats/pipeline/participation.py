"""Who takes part in an audit, and how much of it each center recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from vpstats.cohorts import build_cohort
from vpstats.labels import LABELS
from vpstats.ledger import cell, cell_id
from vpstats.quality.hospital import ascertainment

if TYPE_CHECKING:
    from vpstats.registry import Registry

FIELDS = (
    "age_at_proc", "sex", "indication", "bmd_tscore", "crp_mg_l", "mri_pre", "viscosity_class",
    "total_cement_ml", "ct_post_done", "chest_imaging_modality", "known_1y",
)  # fmt: skip
"""Fields whose completeness stands before any outcome."""

NETWORK = "network"
PARTICIPATION, QUALITY = "audit_participation", "audit_quality"
ASCERTAINMENT = "audit_ascertainment"
"""Procedures in the registry, of those that hospitals counted; no cells where none did."""


def participation_rows(registry: Registry, level: float = 0.95) -> Iterator[dict[str, Any]]:
    """Cells of the procedures, patients and recorded fields of each center and of the network.

    Parameters
    ----------
    registry : Registry
        Where its mapping holds what hospitals counted by their own books (``hospital_counts`` of
        ``[quality]``), case ascertainment follows.
    level : float
        Level of its intervals.

    Yields
    ------
    dict
        Rows of the ledger.
    """
    data = build_cohort(registry, "procedures").data
    known = data[list(FIELDS)].notna()
    # whose year is not over cannot be known yet: it is neither complete nor missing
    known["known_1y"] = data["known_1y"].eq(1)
    centers = data["center_id"].astype(str)
    for center, rows in data.groupby(centers, sort=True):
        yield from _group(str(center), rows, known.loc[rows.index])
    yield from _group(NETWORK, data, known)
    counted = registry.quality.hospital_counts
    for row in ascertainment(registry, counts=counted, centers=tuple(sorted(centers.unique())),
                             level=level):  # fmt: skip
        yield from _ascertained(row)


def _ascertained(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cells of one count of a hospital: a period, or all of them where the level is empty."""
    at: dict[str, Any] = {"group": row["center_id"], "level": row["level"], "label": row["label"]}
    place = (ASCERTAINMENT, row["center_id"], "procedures", row["level"])
    for stat, value, unit in (
        ("n", row["n"], "hospital procedures"),
        ("observed", row["n_events"], "procedures"),
    ):
        # what a hospital counted beyond the registry is nobody of whom the registry tells
        yield cell(ASCERTAINMENT, "procedures", stat, value, kind="total", unit=unit, **at)
    shares = {"percent": "estimate", "conf_low": "conf_low", "conf_high": "conf_high"}
    for stat, name in shares.items():
        if stat == "percent" or pd.notna(row[name]):
            yield cell(ASCERTAINMENT, "procedures", stat, row[name], kind="estimate", unit="%",
                       n=row["n"], parent=cell_id(*place, "observed"), **at)  # fmt: skip


def _group(group: str, data: pd.DataFrame, known: pd.DataFrame) -> Iterator[dict[str, Any]]:
    n, patients = len(data), int(data["patient_id"].nunique())
    yield cell(
        PARTICIPATION, "procedures", "n", n, kind="total", group=group, label="Procedures",
        unit="procedures",
    )  # fmt: skip
    yield cell(
        PARTICIPATION, "patients", "n", patients, kind="total", group=group, label="Patients",
        unit="patients",
    )  # fmt: skip
    for name in FIELDS:
        count, label = int(known[name].sum()), LABELS.get(name, name.replace("_", " "))
        at: dict[str, Any] = {"group": group, "label": WORDS.get(name, label), "n": n}
        whole = cell_id(PARTICIPATION, group, "procedures", "", "n")
        yield cell(QUALITY, name, "n", count, kind="count", unit="procedures", parent=whole, **at)
        share = 100 * count / n if n else float("nan")
        own = cell_id(QUALITY, group, name, "", "n")
        yield cell(QUALITY, name, "percent", share, kind="estimate", unit="%", parent=own, **at)


WORDS = {
    "known_1y": "State known after a year",
    "ct_post_done": "CT afterwards: yes or no",
    "chest_imaging_modality": "Chest imaging",
}
"""Labels of fields whose column has none."""
