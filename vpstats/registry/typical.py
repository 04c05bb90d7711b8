"""Where the middle of a column of a registry lies, and the units in which it can be written.

The bands hold the medians of centers, not the values of patients: they are wide enough for any
center, and narrow enough to tell units that are a factor of ten or more apart. They serve to ask a
person, never to convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vpstats.registry.units import factor
from vpstats.schema import Column

Band = tuple[float, float]

BANDS: Mapping[str, Band] = MappingProxyType(
    {
        "birth_year": (1920, 1975),
        "height_cm": (145, 185),
        "weight_kg": (45, 100),
        "bmi": (19, 35),
        "bmd_tscore": (-5, -0.5),
        "ct_hu": (30, 200),
        "charlson": (0, 12),
        "age_at_proc": (45, 90),
        "days_fx_to_proc": (3, 250),
        "crp_mg_l": (2.5, 40),
        "wbc_10e9_l": (4, 14),
        "esr_mm_h": (5, 70),
        "pct_ng_ml": (0.01, 2),
        "time_mix_to_inject_min": (1.5, 15),
        "duration_min": (12, 150),
        "fluoro_min": (1, 25),
        "dose_gy_cm2": (2, 120),
        "height_loss_pct": (5, 75),
        "kyphosis_deg_pre": (-5, 40),
        "kyphosis_deg_post": (-5, 40),
        "vb_volume_ml": (12, 45),
        "cement_ml": (1.5, 8),
        "fill_fraction": (0.05, 0.6),
        "odi_pct": (4, 85),
        "eq5d_index": (0.05, 1),
        "infection_crp_mg_l": (20, 250),
    }
)
"""Field → lowest and highest median of a center, in the schema's unit (clinical judgement)."""

_WRITTEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mg/L": ("mg/L", "mg/dL"),
        "10⁹/L": ("10⁹/L", "/µL"),
        "cm": ("cm", "m", "mm"),
        "kg": ("kg", "lb", "g"),
        "Gy·cm²": ("Gy·cm²", "dGy·cm²", "cGy·cm²", "mGy·cm²"),
        "min": ("min", "s", "h"),
        "%": ("%", "fraction"),
        "1": ("1", "%"),
        "days": ("days", "weeks", "months"),
        "mL": ("mL", "µL"),
        "degrees": ("degrees", "rad"),
    }
)


def possible_units(column: Column, median: float) -> tuple[str, ...]:
    """Units in which the middle of a column would lie where it lies in other centers.

    Parameters
    ----------
    column : Column
        The canonical field.
    median : float
        Of the numbers as written.

    Returns
    -------
    tuple of str
        The schema's first; more than one where the numbers cannot tell.

    Examples
    --------
    >>> from vpstats.schema_tables import PROCEDURES
    >>> crp = PROCEDURES["crp_mg_l"]
    >>> possible_units(crp, 8.0), possible_units(crp, 0.6), possible_units(crp, 3.0)
    (('mg/L',), ('mg/dL',), ('mg/L', 'mg/dL'))
    """
    low, high = BANDS.get(column.name, (float("-inf"), float("inf")))
    if column.name not in BANDS:
        return (column.unit,)
    found = []
    for unit in _WRITTEN.get(column.unit, (column.unit,)):
        scale = factor(column.unit, unit)
        if scale is not None and low <= median * float(scale) <= high:
            found.append(unit)
    return tuple(found)
