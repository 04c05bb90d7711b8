"""The indicators of an audit whose plan names none."""

from __future__ import annotations

from typing import Any

from vpstats.study.audit import Indicator, Monitoring, Seen

CASE_MIX = ["age_at_proc", "sex", "neoplastic"]
"""What centers do not choose and every registry records."""

STRATA: dict[str, Any] = {
    "osteoporotic": {"indication": ["osteoporotic"]},
    "neoplastic": {"indication": ["metastasis", "myeloma", "haemangioma"]},
}
"""A composite hides outliers of its parts; injuries are in the whole alone."""

LEVEL_MIX = [*CASE_MIX, "region", "cortical_breach"]
"""The same for leakage, which depends on the vertebra."""


def default_indicators() -> tuple[Indicator, ...]:
    """Outcomes and processes that any registry of vertebroplasty can audit.

    Returns
    -------
    tuple of Indicator
        Leakage within each imaging modality, symptomatic leakage, cement embolism, infection,
        neighbour fracture, death, reoperation and severe complications; then what was done and
        recorded.

    Examples
    --------
    >>> [i.id for i in default_indicators() if i.kind == "process"]
    ['crp_before', 'mri_before', 'ct_after', 'visit_2_4w', 'status_1y', 'fields']
    """
    return (*_leakage(), *_later(), *_process())


def _leakage() -> tuple[Indicator, ...]:
    reason = "cement that no imaging looked for is not counted"
    return (
        _outcome(
            "leak_fluoro",
            "Any leak on fluoroscopy",
            "leakage",
            "leak_any",
            options={"modality": "fluoro", "unseen": "missing"},
            adjust=LEVEL_MIX,
            ascertainment=Seen(examined="assessed", values=[1]),
            limits=f"Fluoroscopy misses leaks that CT shows; {reason}.",
        ),
        _outcome(
            "leak_ct",
            "Any leak on routine CT",
            "leakage",
            "leak_any",
            options={"modality": "ct", "unseen": "missing"},
            adjust=LEVEL_MIX,
            ascertainment=Seen(examined="assessed", values=[1], reason="ct_post_reason"),
            limits=f"Centers that make no routine CT have no verdict; {reason}.",
        ),
        _outcome(
            "leak_symptomatic",
            "Symptomatic leak",
            "levels",
            "symptomatic_leak",
            adjust=CASE_MIX,
            penalty="firth",
        ),
        _outcome(
            "embolism",
            "Cement embolism on CT of the chest",
            "embolism",
            "pce",
            options={"unseen": "missing"},
            adjust=CASE_MIX,
            penalty="firth",
            monitor=Monitoring(),
            ascertainment=Seen(examined="chest_imaging_modality", values=["ct_full", "ct_partial"]),
            limits="Why a chest was imaged is not recorded: a flag may be one of scanning.",
        ),
    )


def _later() -> tuple[Indicator, ...]:
    after: dict[str, Any] = {"measure": "incidence", "adjust": CASE_MIX}
    removal = {"event_types": ["reoperation", "cement_removal"]}
    return (
        _outcome("infection_90d", "Infection within 90 days", "infection", "event",
                 horizon=90, **after, monitor=Monitoring()),
        _outcome("fracture_1y", "Fracture of a neighbour within a year", "adjacent_fracture",
                 "event", horizon=365, **after, where={"distance": ["1"]}),
        _outcome("death_30d", "Death within 30 days", "events", "event", horizon=30, **after,
                 options={"event_types": ["death"], "unit": "patient"}, monitor=Monitoring()),
        _outcome("reoperation_90d", "Unplanned reoperation within 90 days", "events", "event",
                 horizon=90, **after, options=removal, monitor=Monitoring()),
        _outcome("severe", "Any severe complication", "complications", "worst_severity",
                 values=["severe"], adjust=CASE_MIX, penalty="firth", maturity=90,
                 monitor=Monitoring()),
    )  # fmt: skip


def _process() -> tuple[Indicator, ...]:
    fields = ["indication", "age_at_proc", "viscosity_class", "approach", "n_levels"]
    return (
        _done("crp_before", "CRP before the procedure", recorded=["crp_mg_l"]),
        _done("mri_before", "MRI before the procedure", outcome="mri_pre", values=["yes"]),
        _done("ct_after", "CT after the procedure", outcome="ct_post_done", values=["yes"]),
        _done("visit_2_4w", "Visit after two to four weeks", outcome="visit_2_4w"),
        _done("status_1y", "State known after twelve months", outcome="known_1y"),
        _done("fields", "Fields of the procedure complete", recorded=fields),
    )


def _outcome(name: str, title: str, cohort: str, outcome: str, **more: Any) -> Indicator:
    return Indicator(id=name, title=title, cohort=cohort, outcome=outcome, strata=STRATA, **more)


def _done(name: str, title: str, **more: Any) -> Indicator:
    return Indicator(
        id=name, title=title, kind="process", cohort="procedures", better="higher", **more
    )
