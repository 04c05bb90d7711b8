"""Centers of a synthetic network: volume, case mix, experience, imaging and recording habits."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

CtPolicy = Literal["routine", "none", "indication"]
BirthHabit = Literal["date", "year", "age"]


@dataclass(frozen=True, slots=True)
class CenterSpec:
    """One center: its volume, case mix, experience, imaging and recording habits, and its truth.

    Parameters
    ----------
    center_id : str
        Name in the registry.
    share : float
        Share of the network's sessions.
    neoplastic : float
        Share of patients treated for a tumour.
    operators : int
        Number of operators.
    experience : float
        Mean number of procedures that an operator brought along.
    ct_policy : {"routine", "none", "indication"}
        CT of everyone, of nobody, or after a suspected leak.
    log_or_leak : float
        True effect of the center on any leak; 0 where the center is as good as the network.
    high_viscosity : float
        Share of sessions with high-viscosity cement.
    chest : tuple of float
        Shares of sessions with no chest imaging, radiograph, partial CT, full CT.
    visits_kept : float
        Share of scheduled visits that take place.
    crp_measured, bmd_measured : float
        Share of sessions with CRP; of patients at the mean T-score with bone density.
    birth : {"date", "year", "age"}
        What is kept of the date of birth.
    names_fluoro_sites : bool
        Whether leaks on fluoroscopy are recorded by site, or only as any leak.
    records_any : bool
        Whether "any leak" is recorded beside the sites.
    crp_lod_mg_l : float
        Smallest CRP that the laboratory states as a number.
    id_prefix : str
        Letters before the running number of the center's patients.
    writes_ranges : bool
        Whether adjacent levels with the same leaks are written in one row ("L1-L3"), which has
        room for what they share and for each level's volumes only.
    """

    center_id: str
    share: float
    neoplastic: float
    operators: int
    experience: float
    ct_policy: CtPolicy
    log_or_leak: float = 0.0
    high_viscosity: float = 0.3
    chest: tuple[float, float, float, float] = (0.45, 0.25, 0.2, 0.1)
    visits_kept: float = 0.8
    crp_measured: float = 0.8
    bmd_measured: float = 0.6
    birth: BirthHabit = "date"
    names_fluoro_sites: bool = True
    records_any: bool = False
    crp_lod_mg_l: float = 5.0
    id_prefix: str = ""
    writes_ranges: bool = False


_CT_CHEST = (0.15, 0.15, 0.40, 0.30)

DEMO_CENTERS: tuple[CenterSpec, ...] = (
    CenterSpec("C01", 0.16, 0.22, 4, 150, "routine", chest=_CT_CHEST, visits_kept=0.85),
    CenterSpec("C02", 0.09, 0.10, 2, 60, "indication", high_viscosity=0.15, crp_measured=0.65),
    CenterSpec("C03", 0.07, 0.15, 2, 20, "routine", log_or_leak=log(2.0), chest=_CT_CHEST),
    CenterSpec(
        "C04", 0.13, 0.30, 4, 120, "routine", chest=_CT_CHEST, high_viscosity=0.5, id_prefix="P"
    ),
    CenterSpec("C05", 0.08, 0.12, 2, 80, "none", visits_kept=0.7, bmd_measured=0.45, id_prefix="P"),
    CenterSpec("C06", 0.06, 0.08, 2, 40, "indication", crp_measured=0.9, id_prefix="P"),
    CenterSpec(
        "C07",
        0.10,
        0.18,
        3,
        100,
        "routine",
        birth="year",
        records_any=True,
        writes_ranges=True,
        crp_lod_mg_l=3.0,
    ),
    CenterSpec(
        "C08",
        0.07,
        0.10,
        2,
        30,
        "none",
        log_or_leak=log(2.0),
        birth="year",
        records_any=True,
        writes_ranges=True,
        crp_lod_mg_l=3.0,
        high_viscosity=0.1,
    ),
    CenterSpec(
        "C09",
        0.05,
        0.05,
        1,
        60,
        "indication",
        birth="year",
        records_any=True,
        writes_ranges=True,
        crp_lod_mg_l=3.0,
        names_fluoro_sites=False,
    ),
    CenterSpec(
        "C10", 0.09, 0.20, 3, 90, "indication", birth="age", high_viscosity=0.6, id_prefix="F"
    ),
    CenterSpec(
        "C11", 0.06, 0.14, 2, 140, "routine", log_or_leak=log(0.5), birth="age", id_prefix="F"
    ),
    CenterSpec("C12", 0.04, 0.10, 1, 50, "none", birth="age", visits_kept=0.65, id_prefix="F"),
)
"""Twelve centers: two truly worse (C03, C08; odds ratio 2.0), one truly better (C11; 0.5)."""
