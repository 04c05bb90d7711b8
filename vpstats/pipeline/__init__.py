"""The whole path of a study, of an audit and of a data-quality report, each in one function."""

from __future__ import annotations

from vpstats.pipeline.audit import (
    AuditRun,
    audit_json_schema,
    check_audit,
    document_text,
    run_audit,
)
from vpstats.pipeline.quality import (
    QualityRun,
    quality_json_schema,
    quality_text,
    run_quality,
)
from vpstats.pipeline.study import (
    StudyResult,
    check_plan,
    input_files,
    regions_of_spine,
    release_policy,
    run_study,
    severities_of_any,
    shown_fields,
)

__all__ = [
    "AuditRun",
    "QualityRun",
    "StudyResult",
    "audit_json_schema",
    "check_audit",
    "check_plan",
    "document_text",
    "input_files",
    "quality_json_schema",
    "quality_text",
    "regions_of_spine",
    "release_policy",
    "run_audit",
    "run_quality",
    "run_study",
    "severities_of_any",
    "shown_fields",
]
