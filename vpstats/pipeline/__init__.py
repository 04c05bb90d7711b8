"""The whole path of a study, and of an audit, each in one short function."""

from __future__ import annotations

from vpstats.pipeline.audit import (
    AuditRun,
    audit_json_schema,
    check_audit,
    document_text,
    run_audit,
)
from vpstats.pipeline.study import (
    StudyResult,
    check_plan,
    input_files,
    regions_of_spine,
    release_policy,
    run_study,
    shown_fields,
)

__all__ = [
    "AuditRun",
    "StudyResult",
    "audit_json_schema",
    "check_audit",
    "check_plan",
    "document_text",
    "input_files",
    "regions_of_spine",
    "release_policy",
    "run_audit",
    "run_study",
    "shown_fields",
]
