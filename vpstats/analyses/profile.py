"""Several outcomes or exposures, each pair in a model of its own, with p-values by Holm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.analyses.beyond import main_group
from vpstats.analyses.common import Part, words
from vpstats.analyses.risk_factor import risk_factor
from vpstats.ledger import belongs, cell
from vpstats.models.paired import holm

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.study import Profile, RiskFactor, StudyPlan


def profile(question: Profile, frame: Frame, plan: StudyPlan) -> Part:
    """Answer each pair of an exposure and an outcome, then adjust the p-values together."""
    part = Part()
    found: list[dict[str, Any]] = []
    for single in question.parts():
        kept = recorded(frame, single)
        answer = risk_factor(single, kept, plan)
        found += _p_values(single, answer)
        part.extend(answer)
    for row, adjusted in zip(found, holm(np.array([r["value"] for r in found])), strict=True):
        part.rows.append(
            cell(question.id, f"{row['analysis']} {row['variable']}", "p_adjusted", adjusted,
                 kind="estimate", group="holm", label=row["label"], n=row["n"],
                 parent=row["parent"])
        )  # fmt: skip
    return part


def recorded(frame: Frame, question: RiskFactor) -> Frame:
    """Rows whose exposure and outcome are known."""
    for column in (question.exposure, question.outcome):
        if column in frame.data.columns:
            label = f"{frame.labels.get(column, words(column))} recorded"
            frame = frame.keep(frame.data[column].notna(), label)
    return frame


def _p_values(question: RiskFactor, answer: Part) -> list[dict[str, Any]]:
    """Rows of the ledger with the p-values of the exposure in the main model."""
    return [
        row
        for row in answer.rows
        if (row["group"], row["stat"]) == (main_group(question), "p_value")
        and belongs(row["variable"], question.exposure)
    ]
