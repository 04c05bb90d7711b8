"""The shape of quality.json, as published with the documentation."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vpstats.report.quality_look import NETWORK, SECTIONS

Severity = Literal["error", "warning", "info"]

_SECTION = Field(description="Part of the report.", json_schema_extra={"enum": list(SECTIONS)})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QualityFinding(_Strict):
    """One thing to look at."""

    severity: Severity = Field(description="How grave it is.")
    center: str = Field(description="Center that it is about.")
    section: str = _SECTION
    measure: str = Field(description="Measure that it is about, as in measures.")
    sentence: str = Field(description="What was found, for people.")
    action: str = Field(description="What to do about it.")


class QualityMeasure(_Strict):
    """One measure of one center, or of all of them together, beside the other centers."""

    center_id: str = Field(description=f"Center; '{NETWORK}' is all of them together.")
    section: str = _SECTION
    measure: str = Field(description="Name of the measure: of a variable, table.column.")
    level: str = Field(description="Category of the measure, '' if it has none.")
    label: str = Field(description="Name of the measure, for people.")
    n: float | None = Field(description="Denominator; null if withheld or none.")
    n_events: float | None = Field(description="Count of the denominator that it is about.")
    estimate: float | None = Field(description="The measure, in its unit; null if withheld.")
    conf_low: float | None = Field(description="Lower limit of the interval of 95 %.")
    conf_high: float | None = Field(description="Upper limit of the interval of 95 %.")
    unit: str = Field(description="Unit of estimate and limits.")
    network_median: float | None = Field(description="Median of the centers' estimates.")
    network_low: float | None = Field(description="Lowest of the centers' estimates.")
    network_high: float | None = Field(description="Highest of the centers' estimates.")
    withheld: bool = Field(description="Whether the number is not shown, so as to protect people.")


class QualityDocument(_Strict):
    """A data-quality report, for programs."""

    format: Literal["vpstats-quality/1"] = Field(description="Name and version of the format.")
    edition: Literal["public", "internal"] = Field(description="Whether it may be released.")
    registry: str = Field(description="Name of the registry.")
    synthetic: bool = Field(description="Whether the data are simulated.")
    data_cut: dt.date = Field(description="Day of the exports.")
    vpstats: str = Field(description="Version of the software.")
    n_centers: int = Field(description="Centers in the registry.")
    center: str | None = Field(description="The one center that was asked for; null for all.")
    verdict: Literal["error", "warning", "info", "none"] = Field(
        description="The gravest severity among the findings."
    )
    findings: tuple[QualityFinding, ...] = Field(description="What is to be looked at.")
    not_known: tuple[str, ...] = Field(description="What the registry does not say.")
    measures: tuple[QualityMeasure, ...] = Field(description="Every measure that is released.")


def quality_json_schema() -> dict[str, Any]:
    """Derive the JSON Schema of quality.json.

    Examples
    --------
    >>> quality_json_schema()["properties"]["format"]["const"]
    'vpstats-quality/1'
    """
    return QualityDocument.model_json_schema()
