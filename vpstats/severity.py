"""Complications: what counts as one, for how long, and how severe the literature calls it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

SEVERITIES = ("mild", "moderate", "severe")


@dataclass(frozen=True, slots=True)
class Complication:
    """One complication: what counts, for how long, and how severe it is.

    Parameters
    ----------
    name, label : str
        Column and words.
    severity : {"mild", "moderate", "severe"}
        Class of Čavka et al. 2023 where the review names it; `own` marks classes that are ours.
    types : tuple of str
        Event types that count.
    flags : tuple of str
        Yes/no columns of the procedure that count.
    sites : tuple of str
        Leak sites that count, on CT; the denominator is then the procedures so assessed.
    days : float
        Days after the procedure within which an event counts.
    symptomatic : bool
        Whether only symptomatic embolisms count.
    own : bool
        Whether the severity class is ours because the review does not name the complication.
    """

    name: str
    label: str
    severity: str
    types: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    days: float = 30.0
    symptomatic: bool = False
    own: bool = False


COMPLICATIONS: tuple[Complication, ...] = (
    Complication("pain_fever", "Transient pain or fever", "mild", ("pain_fever",)),
    Complication(
        "hypotension", "Transient hypotension", "mild", ("hypotension",), ("hypotension",), days=1
    ),
    Complication("rib_fracture", "Rib fracture", "mild", ("rib_fx",), own=True),
    Complication("pneumothorax", "Pneumothorax", "moderate", ("pneumothorax",), own=True),
    Complication("infection", "Infection within 90 days", "moderate", ("infection",), days=90),
    Complication(
        "canal_leak",
        "Epidural or foraminal leak (CT)",
        "moderate",
        sites=("epidural", "foraminal"),
    ),
    Complication("neuro_deficit", "Neurologic deficit", "severe", ("neuro_deficit",), own=True),
    Complication(
        "reoperation",
        "Reoperation or cement removal within 90 days",
        "severe",
        ("reoperation", "cement_removal"),
        days=90,
        own=True,
    ),
    Complication(
        "pce_symptomatic",
        "Symptomatic cement embolism, at any time",
        "severe",
        ("pce",),
        days=inf,
        symptomatic=True,
    ),
    Complication(
        "pe_other",
        "Other pulmonary embolism",
        "severe",
        ("thrombotic_pe", "fat_embolism", "pe_unspecified"),
        days=90,
    ),
    Complication(
        "cardiac_perforation",
        "Cardiac perforation, at any time",
        "severe",
        ("cardiac_perforation",),
        days=inf,
    ),
    Complication("cerebral_embolism", "Cerebral embolism", "severe", ("cerebral_embolism",)),
    Complication("arrest", "Cardiac arrest", "severe", flags=("arrest",), own=True),
    Complication("death_30d", "Death within 30 days", "severe", ("death",)),
)
"""Complications and their class.

References
----------
Čavka M, et al. Complications of Percutaneous Vertebroplasty: A Pictorial Review. Medicina
2023;59:1536.
"""
