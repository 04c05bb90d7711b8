"""The adjusted model on imputed data, and how far imputed values may be shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.analyses.common import CENTER, Part, caveat_notes, model_cells, term_label
from vpstats.analyses.logistic_models import informative, prepare
from vpstats.frames import PATIENT
from vpstats.ledger import belongs, cell, cell_id
from vpstats.models.formula import parse_formula
from vpstats.models.imputation import impute, tipping_point

if TYPE_CHECKING:
    from vpstats.analyses.logistic_models import Ready
    from vpstats.frames import Frame, Imputations
    from vpstats.results import FitResult
    from vpstats.study import RiskFactor, StudyPlan


NESTED = (PATIENT, "procedure_id")
"""Columns of clusters of a cohort, the outer one first."""


def imputed(question: RiskFactor, frame: Frame, plan: StudyPlan, terms: list[str]) -> Part:
    """Fit the adjusted model to imputed data, and again under each shift that the plan names.

    The floors were judged on complete rows, which hold fewer events; where those refuse the model
    the imputed data do not bring it back.
    """
    ready = prepare(question, frame, plan, terms)
    if not ready.verdict.allowed:
        return Part()
    settings = _settings(question, ready, plan)
    rows = ready.frame.keep(
        informative(ready.frame, question.outcome, [CENTER]), "centers with both outcomes"
    )
    fit = ready.fit(impute(rows, **settings))
    events = cell_id(question.id, "imputed", "model", "", "n_events")
    part = Part(rows=model_cells(fit, question.id, "imputed", frame.labels, events))
    whole = cell_id(question.id, "", question.outcome, "", "n")
    part.notes += caveat_notes(fit, question, "imputed", frame.labels, whole)
    if question.delta and fit.ok:
        part.rows += _shifts(question, ready, rows, fit, settings)
    return part


def _settings(question: RiskFactor, ready: Ready, plan: StudyPlan) -> dict[str, Any]:
    used = parse_formula(ready.formula).columns
    return {
        "variables": [c for c in used if c != question.outcome],
        "outcome": question.outcome,
        "cluster": _nested(ready.frame) or None,
        "m": plan.imputation.copies,
        "iterations": plan.imputation.iterations,
        "seed": plan.imputation.seed,
    }


def _nested(frame: Frame) -> list[str]:
    """What rows share values in: a patient's are imputed once per patient, a session's once too."""
    return [c for c in NESTED if c in frame.data.columns and frame.data[c].duplicated().any()]


def _shifts(
    question: RiskFactor, ready: Ready, rows: Frame, fit: FitResult, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """Estimates of the exposure after its imputed values were shifted."""

    def again(data: Imputations) -> FitResult:
        return ready.fit(data)

    found = []
    for term in (t for t in fit.terms if belongs(t, question.exposure)):
        table = tipping_point(
            rows,
            again,
            variable=question.exposure,
            deltas=question.delta,
            term=term,
            **settings,
        ).tidy()
        label = term_label(term, rows.labels)
        found += [
            cell(question.id, term, stat, row[stat] if stat == "p_value" else np.exp(row[stat]),
                 kind="estimate", group="tipping",
                 level=format(row["delta"], "+.10g") if row["delta"] else "0", label=label,
                 unit="odds ratio", n=fit.n,
                 parent=cell_id(question.id, "imputed", "model", "", "n_events"))
            for row in table.to_dict("records")
            for stat in ("estimate", "conf_low", "conf_high", "p_value")
        ]  # fmt: skip
    return found
