"""The study plan: study.toml read into frozen specifications, one class per kind of analysis.

`questions` holds the kinds of question, `plan` the plan as a whole and its reading.
"""

from __future__ import annotations

from vpstats.study.plan import (
    Claim,
    Imputation,
    NotTestable,
    StudyPlan,
    plan_json_schema,
    read_plan,
)
from vpstats.study.questions import (
    Complications,
    Description,
    Detection,
    Diagnosis,
    Floors,
    PairedProportions,
    Profile,
    Proportion,
    Quality,
    Question,
    Release,
    RiskFactor,
    Source,
    SpineMap,
    TimeToEvent,
)

__all__ = [
    "Claim",
    "Complications",
    "Description",
    "Detection",
    "Diagnosis",
    "Floors",
    "Imputation",
    "NotTestable",
    "PairedProportions",
    "Profile",
    "Proportion",
    "Quality",
    "Question",
    "Release",
    "RiskFactor",
    "Source",
    "SpineMap",
    "StudyPlan",
    "TimeToEvent",
    "plan_json_schema",
    "read_plan",
]
