"""Statistical outcomes analysis for percutaneous vertebroplasty registries.

Begin with the demonstration registry, or with exports of your own::

    import vpstats as vp

    registry = vp.load_demo()                                      # or vp.read_registry("my-study")
    levels = vp.build_cohort(registry, "leakage", modality="ct")   # levels.data is the table
    vp.describe(levels, variables=["age_at_proc", "sex"])
    vp.fit_logistic(levels, "leak_any ~ cement_ml + C(center_id)").tidy(exponentiate=True)
    procedures = vp.build_cohort(registry, "infection")
    vp.cumulative_incidence(procedures, duration="days", event="event").plot()
    vp.run_study("my-study")                                       # a written plan, to a report

Every result has ``tidy()``, ``glance()``, ``plot()`` and ``caveats``; ``help(vp.fit_logistic)``
explains one function with an example that runs.

Raw exports of several hospitals become a clean registry (`read_registry`), the registry becomes
cohorts that know their unit and cluster (`build_cohort`), cohorts are modelled (`fit_logistic`,
`fit_cox`, `cumulative_incidence`, …), every statistic goes into one ledger, the ledger passes the
disclosure gate (`release`), and what has passed becomes figures, tables and a report
(`run_study`), or, center by center, an audit (`run_audit`).

The rooms, from the ground up: `errors`; `results`, `ledger`, `frames` and `schema`; `study` (the
plan); `models` (any table to results, knowing nothing of registries); `registry` (exports to
tables); `simulate`; `cohorts`; `analyses` (a question of the plan to ledger rows); `centers` (an
indicator of the plan to verdicts); `quality` (how good the data are); `disclosure`, `figures`,
`tables`; `report`; `pipeline`; `cli`. A test reads the imports and keeps this order.

Names below are loaded when they are first used, so that ``import vpstats`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "vlad": "centers.monitoring",
    "survival_limit": "centers.monitoring",
    "survival_cusum": "centers.monitoring",
    "monitor_survival": "centers.monitoring",
    "monitor": "centers.monitoring",
    "learning_curve": "centers.monitoring",
    "cusum_limit": "centers.monitoring",
    "cusum": "centers.monitoring",
    "average_run_length": "centers.monitoring",
    "bracket_visits": "models.interval.panel",
    "agreement": "models.agreement",
    "audit_centers": "centers.audit",
    "AuditResult": "centers.result",
    "diagnostic_accuracy": "models.diagnostic",
    "paired_proportions": "models.paired",
    "baseline_hazard": "models.predicted",
    "build_cohort": "cohorts",
    "check_reported": "models.reported",
    "check_reported_table": "models.reported",
    "compare_groups": "models.named_tests",
    "compare_ledgers": "ledger",
    "compare_pairs": "models.named_tests",
    "compare_rates": "models.rate_ratios",
    "concordance": "models.concordance",
    "compare_at": "models.differences",
    "compare_curves": "models.curve_tests",
    "cumulative_incidence": "models.curves",
    "describe": "models.descriptive",
    "event_rates": "models.rates",
    "fit_conditional_logistic": "models.conditional",
    "fit_cox": "models.hazards",
    "fit_fine_gray": "models.fine_gray",
    "fit_illness_death": "models.interval.illness_death",
    "fit_interval_aft": "models.interval.interval_aft",
    "draft_mapping": "drafting",
    "fit_gee": "models.gee",
    "fit_cox_by_window": "models.windows",
    "fit_logistic": "models.logistic",
    "fit_mixed_logistic": "models.mixed",
    "follow_up": "models.quantiles",
    "fit_time_varying": "models.varying",
    "Frame": "frames",
    "Imputations": "frames",
    "impute": "models.imputation",
    "kaplan_meier": "models.curves",
    "Ledger": "ledger",
    "incidence_rates": "models.rates",
    "load_demo": "registry",
    "nelson_aalen": "models.curves",
    "predicted_frailties": "models.frailty_fit",
    "predicted_quantiles": "models.predicted",
    "read_registry": "registry",
    "Registry": "registry",
    "release": "disclosure",
    "ReleasePolicy": "disclosure",
    "partial_effects": "models.partial_effects",
    "quality_report": "quality",
    "QualityResult": "quality",
    "read_plan": "study",
    "residuals": "models.residuals",
    "run_audit": "pipeline",
    "run_quality": "pipeline",
    "run_study": "pipeline",
    "curve_quantiles": "models.quantiles",
    "restricted_mean": "models.restricted",
    "simulate_registry": "simulate",
    "SimulationSpec": "simulate",
    "split_follow_up": "models.splitting",
    "standardised_risks": "models.standardised",
    "StudyPlan": "study",
    "test_proportional_hazards": "models.proportional",
    "tipping_point": "models.imputation",
    "turnbull": "models.interval.turnbull",
    "validate": "models.validation",
    "VpstatsError": "errors",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        from vpstats.errors import did_you_mean

        hint = f"; {did_you_mean(name, _PUBLIC)}" if not name.startswith("_") else ""
        raise AttributeError(f"module 'vpstats' has no attribute '{name}'{hint}".rstrip("; "))
    return getattr(import_module(f"vpstats.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return __all__
