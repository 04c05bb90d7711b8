"""Which rows and which model a question about a yes/no outcome leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from vpstats.analyses.common import CENTER, Verdict, judge, n_parameters
from vpstats.errors import UsageError
from vpstats.models.formula import parse_formula
from vpstats.models.logistic import fit_logistic
from vpstats.models.mixed import fit_mixed_logistic

if TYPE_CHECKING:
    from vpstats.frames import Frame
    from vpstats.models.logistic_result import LogisticFit
    from vpstats.study import RiskFactor, StudyPlan

Intervals = Literal["wald", "profile"]


@dataclass(frozen=True)
class Ready:
    """A model that is ready to be fitted, or why it will not be.

    Parameters
    ----------
    frame : Frame
        Rows, without the centers that cannot inform a model with an indicator for each.
    formula : str
    verdict : Verdict
        Whether the plan's floors allow it.
    fit : callable
        Fits it; to the rows, or to other rows of the same kind. `intervals` may ask for Wald's
        where only the coefficients are read.
    """

    frame: Frame
    formula: str
    verdict: Verdict
    fit: Callable[..., LogisticFit]

    @cached_property
    def fitted(self) -> LogisticFit:
        """The model of its rows, however many tables read it."""
        return self.fit()


def prepare(question: RiskFactor, frame: Frame, plan: StudyPlan, terms: list[str]) -> Ready:
    """Choose rows, formula and penalty of one model.

    Parameters
    ----------
    question : RiskFactor
    frame : Frame
        The question's rows.
    plan : StudyPlan
        For the floors and the level.
    terms : list of str
        Terms of the model, the center left out.
    """
    if question.center == "fixed":
        terms = [*terms, CENTER]
        kept = frame.keep(informative(frame, question.outcome, terms), "centers with both outcomes")
    else:
        kept = frame
    complete = complete_rows(kept, [question.outcome, *terms])
    verdict = judge(rarer(complete, question.outcome), n_parameters(complete, terms), plan.floors)
    formula = f"{question.outcome} ~ {' + '.join(terms)}"
    if question.center == "random" and not verdict.penalised:
        return Ready(kept, formula, verdict, _random_center(kept, formula, plan))
    penalty: Literal["firth"] | None = "firth" if verdict.penalised else question.penalty

    independent = penalty is not None and frame.cluster is None
    best: Intervals = "profile" if independent else "wald"

    def fit(
        data: Any = kept, formula: str = formula, *, intervals: Intervals = best
    ) -> LogisticFit:
        return fit_logistic(data, formula, penalty=penalty, intervals=intervals, level=plan.level)

    return Ready(kept, formula, verdict, fit)


def _random_center(frame: Frame, formula: str, plan: StudyPlan) -> Callable[..., LogisticFit]:
    """A random intercept for each center, and for each patient within it where rows repeat them."""
    group = CENTER if frame.cluster is None else (CENTER, frame.cluster)

    def fit(
        data: Any = frame, formula: str = formula, *, intervals: Intervals = "wald"
    ) -> LogisticFit:
        del intervals  # a mixed model has no others
        return fit_mixed_logistic(data, formula, group=group, level=plan.level)

    return fit


def model_terms(question: Any) -> dict[str, list[str]]:
    """Terms of each model of a question, exposure first, the center left out."""
    if question.exposure is None:
        return {}
    models = {"crude": [question.exposure]}
    if question.adjust:
        models["adjusted"] = [question.exposure, *question.adjust]
    if question.mediators:
        models["mediators"] = [question.exposure, *question.adjust, *question.mediators]
    return models


def informative(frame: Frame, outcome: str, terms: list[str]) -> np.ndarray:
    """Rows of all centers but those whose complete rows have one and the same outcome.

    With an indicator for each center the likelihood of any other center does not depend on the
    remaining coefficients; left in, its own coefficient would be infinite.
    """
    complete = complete_rows(frame, [outcome, *terms])
    single = complete.groupby(CENTER, observed=True)[outcome].nunique() < 2
    # a center without any complete row is not dropped here: its rows count as missing values
    return ~np.asarray(frame.data[CENTER].isin(single.index[single]), dtype=bool)


def complete_rows(frame: Frame, terms: list[str]) -> pd.DataFrame:
    """Rows that a model of these terms would use, unused categories dropped."""
    used = parse_formula(f"~ {' + '.join(terms)}").columns
    columns = [c for c in used if c in frame.data.columns]
    data = frame.data[columns].dropna()
    narrowed = {
        c: data[c].cat.remove_unused_categories()
        for c in columns
        if isinstance(data[c].dtype, pd.CategoricalDtype)
    }
    return data.assign(**narrowed)


def rarer(data: pd.DataFrame, outcome: str) -> int:
    """Events, or rows without one if they are fewer."""
    values = data[outcome]
    if not pd.api.types.is_numeric_dtype(values):
        raise UsageError(f"outcome '{outcome}' is not 1 or 0.")
    events = int((values == 1).sum())
    return min(events, len(values) - events)
