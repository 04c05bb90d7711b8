"""The study plan: study.toml read into frozen specifications, one class per kind of analysis.

`questions` holds the kinds of question, `audit` the indicators of the center audit,
`default_indicators` those of a plan that names none, `plan` the plan as a whole and its reading.
"""

from __future__ import annotations

from vpstats.study.audit import Audit, Indicator, Monitoring, Period, Seen
from vpstats.study.default_indicators import default_indicators
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
    "Audit",
    "Claim",
    "Complications",
    "Description",
    "Detection",
    "Diagnosis",
    "Floors",
    "Imputation",
    "Indicator",
    "Monitoring",
    "NotTestable",
    "PairedProportions",
    "Period",
    "Profile",
    "Proportion",
    "Quality",
    "Question",
    "Release",
    "RiskFactor",
    "Seen",
    "Source",
    "SpineMap",
    "StudyPlan",
    "TimeToEvent",
    "default_indicators",
    "plan_json_schema",
    "read_plan",
]
