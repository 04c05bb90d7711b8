"""Statistical outcomes analysis for percutaneous vertebroplasty registries.

Raw exports of several hospitals become a clean registry (`read_registry`), the registry becomes
cohorts that know their unit and cluster (`build_cohort`), cohorts are modelled (`fit_logistic`,
`fit_cox`, `cumulative_incidence`, …), every statistic goes into one ledger, the ledger passes the
disclosure gate (`release`), and what has passed becomes figures, tables and a report
(`run_study`).

The rooms, from the ground up: `errors`; `results`, `ledger`, `frames` and `schema`; `study` (the
plan); `models` (any table to results, knowing nothing of registries); `registry` (exports to
tables); `simulate`; `cohorts`; `analyses` (a question of the plan to ledger rows); `disclosure`,
`figures`, `tables`; `report`; `pipeline`; `cli`. A test reads the imports and keeps this order.

Names below are loaded when they are first used, so that ``import vpstats`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "build_cohort": "cohorts",
    "compare_ledgers": "ledger",
    "cumulative_incidence": "models.curves",
    "describe": "models.descriptive",
    "event_rates": "models.rates",
    "fit_cox": "models.hazards",
    "fit_logistic": "models.logistic",
    "Frame": "frames",
    "Imputations": "frames",
    "kaplan_meier": "models.curves",
    "Ledger": "ledger",
    "incidence_rates": "models.rates",
    "load_demo": "registry",
    "nelson_aalen": "models.curves",
    "read_registry": "registry",
    "Registry": "registry",
    "release": "disclosure",
    "ReleasePolicy": "disclosure",
    "read_plan": "study",
    "run_study": "pipeline",
    "simulate_registry": "simulate",
    "SimulationSpec": "simulate",
    "StudyPlan": "study",
    "VpstatsError": "errors",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'vpstats' has no attribute '{name}'")
    return getattr(import_module(f"vpstats.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return __all__
