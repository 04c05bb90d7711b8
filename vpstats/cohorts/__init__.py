"""Cohorts: from a registry to frames that know their unit, their cluster and how they came about.

Each builder states its unit, its outcome and its exclusions; nothing leaves silently. The cohorts
are ``patients``, ``procedures``, ``levels``, ``leakage``, ``leak_pairs``, ``embolism``,
``complications``, ``infection``, ``adjacent_fracture`` and ``events`` (unit, event types and
horizon by option).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vpstats.cohorts.complications import complications
from vpstats.cohorts.embolism import embolism
from vpstats.cohorts.events import events, infection
from vpstats.cohorts.fracture import adjacent_fracture
from vpstats.cohorts.leakage import leak_pairs, leakage
from vpstats.cohorts.units import levels, patients, procedures
from vpstats.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.registry import Registry

COHORTS: Mapping[str, Callable[..., Frame]] = MappingProxyType(
    {
        "patients": patients,
        "procedures": procedures,
        "levels": levels,
        "leakage": leakage,
        "leak_pairs": leak_pairs,
        "embolism": embolism,
        "complications": complications,
        "infection": infection,
        "adjacent_fracture": adjacent_fracture,
        "events": events,
    }
)
"""Cohort name → its builder."""

__all__ = ["COHORTS", "build_cohort"]


def build_cohort(registry: Registry, name: str, **options: Any) -> Frame:
    """Build one analysis cohort.

    Parameters
    ----------
    registry : Registry
        A cleaned registry.
    name : str
        One of `COHORTS`.
    **options
        Keyword options of that cohort's builder, such as ``modality="ct"``.

    Returns
    -------
    Frame
        Rows with their unit, cluster, outcome and exclusion flow.

    Raises
    ------
    UsageError
        If the cohort or an option is unknown, or an option's value is not allowed.

    Examples
    --------
    >>> from vpstats.registry import Registry
    >>> from vpstats.schema_tables import TABLES
    >>> empty = Registry.from_tables(
    ...     {name: table.empty() for name, table in TABLES.items()},
    ...     name="empty", data_cut="2025-12-31",
    ... )
    >>> build_cohort(empty, "leakage", modality="ct").unit
    'level'
    """
    if not hasattr(registry, "procedures"):
        raise UsageError(
            f"build_cohort() was given a {type(registry).__name__}; expected a registry, as "
            "read_registry() or load_demo() gives it, and then the name of a cohort."
        )
    if name not in COHORTS:
        hint = did_you_mean(str(name), COHORTS)
        raise UsageError(
            f"there is no cohort '{name}'; {f'{hint} ' if hint else ''}known: {', '.join(COHORTS)}."
        )
    builder = COHORTS[name]
    known = list(inspect.signature(builder).parameters)[1:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(
            f"cohort '{name}' has no option {', '.join(unknown)}; "
            f"it takes {', '.join(known) or 'none'}."
        )
    return builder(registry, **options)
