"""Words of the report: what a question asked, as a list of facts, and a glossary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pandas as pd

from vpstats.labels import CODE_WORDS, LABELS
from vpstats.rows import factor_of, text_of
from vpstats.study import (
    Detection,
    Diagnosis,
    PairedProportions,
    Profile,
    Proportion,
    Question,
    RiskFactor,
    StudyPlan,
    TimeToEvent,
)

Facts = tuple[tuple[str, str], ...]

MODELS = ("crude", "adjusted", "mediators")

MODELLED = frozenset({"risk_factor", "profile", "time_to_event"})
"""Kinds of question with a model."""

GLOSSARY: tuple[tuple[str, str, frozenset[str]], ...] = (
    (
        "Adjusted",
        "Compared between patients who are alike in the adjustment variables, and within centers.",
        MODELLED,
    ),
    (
        "Aalen–Johansen",
        "Estimator of the probability that an event has happened by a day, where death may come "
        "first.",
        frozenset({"time_to_event"}),
    ),
    (
        "Clustered",
        "Rows of one patient resemble one another; intervals are widened accordingly.",
        frozenset({*MODELLED, "spine_map", "proportion", "paired", "detection"}),
    ),
    (
        "Competing event",
        "An event, such as death, after which the one studied can no longer happen.",
        frozenset({"time_to_event"}),
    ),
    (
        "Confidence interval (CI)",
        "Values of the quantity that the data do not contradict at the stated level.",
        frozenset(),
    ),
    (
        "Crude",
        "Compared within centers, with nothing else taken into account.",
        MODELLED,
    ),
    (
        "Firth",
        "A penalty on the likelihood that keeps estimates finite when events are rare.",
        MODELLED,
    ),
    (
        "Frailty",
        "What makes all vertebrae of one patient more or less prone, measured or not.",
        frozenset({"time_to_event"}),
    ),
    (
        "Hazard ratio (HR)",
        "Ratio of the event rates among those still at risk.",
        frozenset({"time_to_event"}),
    ),
    (
        "Holm",
        "A correction of p-values for the number of models in one table.",
        frozenset({"profile"}),
    ),
    (
        "Kappa",
        "Agreement beyond that expected by chance: 1 is perfect, 0 is chance.",
        frozenset({"detection"}),
    ),
    (
        "Mediator",
        "A variable on the way from the exposure to the outcome; adjusting for it removes a part "
        "of the effect.",
        MODELLED,
    ),
    (
        "n.e.",
        "Not estimable: the data cannot give this number.",
        frozenset(),
    ),
    (
        "Odds ratio (OR)",
        "Ratio of the odds of the outcome. It lies farther from one than the ratio of risks, the "
        "more so the more frequent the outcome.",
        frozenset({"risk_factor", "profile"}),
    ),
    (
        "PCE",
        "Pulmonary cement embolism.",
        frozenset({"risk_factor", "profile", "complications", "diagnosis"}),
    ),
    (
        "Sensitivity, specificity",
        "Share of those with the condition who have the sign; of those without it, who lack it.",
        frozenset({"detection", "diagnosis"}),
    ),
    (
        "Standardised risk",
        "The risk if everybody had one value of the exposure and kept the rest.",
        frozenset({"risk_factor", "profile"}),
    ),
    (
        "Subdistribution hazard ratio",
        "Says in which direction incidence differs; no ratio of the rates among those at risk.",
        frozenset({"time_to_event"}),
    ),
)
"""Term, meaning, and the kinds of question that it belongs to; all kinds where empty."""


OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "distance": "vertebrae",
        "horizon": "follow-up in days",
        "imaging": "chest imaging",
        "modality": "imaging",
        "reason": "reason for the CT",
        "require": "recorded",
        "unit": "one row per",
        "unseen": "outcome of those not examined",
    }
)
"""Option of a cohort to words."""


def glossary(plan: StudyPlan) -> Facts:
    """Terms that the questions of a plan bring up.

    Parameters
    ----------
    plan : StudyPlan
        Whose kinds of question decide.

    Returns
    -------
    tuple of (term, meaning)
        In alphabetical order.
    """
    kinds = {q.kind for q in plan.questions}
    return tuple((term, text) for term, text, of in GLOSSARY if not of or of & kinds)


def labels_of(cells: pd.DataFrame) -> Mapping[str, str]:
    """Words for the columns of the cohorts, as the ledger's rows name them.

    Parameters
    ----------
    cells : DataFrame
        Released cells.

    Returns
    -------
    mapping of str to str
        Column to label, without the category that a row is about.

    Examples
    --------
    >>> columns = ["group", "variable", "level", "label"]
    >>> rows = [["crude", "sex[T.m]", "", "Sex: male"], ["", "age", "", "Age (years)"]]
    >>> dict(labels_of(pd.DataFrame(rows, columns=columns)))
    {'sex': 'Sex', 'age': 'Age (years)'}
    """
    found: dict[str, str] = {}
    rows = cells[["group", "variable", "level", "label"]].drop_duplicates()
    for group, variable, level, label in rows.itertuples(index=False):
        name, category = factor_of(str(variable))
        if category and group in MODELS:
            found.setdefault(name, _without_category(text_of(label)))
        elif label and variable != label and (not level or ": " in label):
            # a label of a category alone, as of a vertebra, does not name its column
            found.setdefault(name, _without_category(label) if level else label)
    return MappingProxyType(found)


def _without_category(label: str) -> str:
    return label.rpartition(": ")[0] or label


def say(name: str, labels: Mapping[str, str]) -> str:
    """Write a column in words.

    Examples
    --------
    >>> say("cement_ml", {"cement_ml": "Cement volume (mL)"}), say("my_column", {})
    ('Cement volume (mL)', 'my column')
    """
    return labels.get(name) or LABELS.get(name) or name.replace("_", " ")


def facts_of(question: Question, labels: Mapping[str, str]) -> Facts:
    """What a question asked: outcome, exposure, adjustment, mediators, center, model.

    Parameters
    ----------
    question : Question
        A question of the plan.
    labels : mapping of str to str
        Column to words.

    Returns
    -------
    tuple of (term, text)
        Empty for questions without a model.
    """
    return tuple((term, text) for term, text in _facts(question, labels) if text)


def _facts(question: Question, labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "Outcome", _outcome(question, labels)
    yield "Exposure", _list(_exposures(question), labels)
    if isinstance(question, Diagnosis):
        yield "Sign", say(question.sign, labels)
    if isinstance(question, RiskFactor | TimeToEvent | Profile) and _exposures(question):
        yield "Adjusted for", _list(question.adjust, labels) or NOTHING_BUT_CENTER
        yield "Mediators", _mediators(question, labels)
        yield "Center", _center(question)
    if isinstance(question, RiskFactor | TimeToEvent | Profile):
        yield "Model", _model(question)
    yield "Restricted to", _restriction(question, labels)


NOTHING_BUT_CENTER = "nothing but center"
"""Adjustment set of a question that names none."""


def _outcome(question: Question, labels: Mapping[str, str]) -> str:
    if isinstance(question, Profile | PairedProportions):
        return _list(question.outcomes, labels)
    if isinstance(question, Detection):
        return _list([f"leak_{site}" for site in question.sites], labels)
    if isinstance(question, RiskFactor | Proportion | Diagnosis):
        return say(question.outcome, labels)
    return ""


def _exposures(question: Question) -> list[str]:
    if isinstance(question, Profile):
        return question.exposures
    found = getattr(question, "exposure", None)
    return [] if found is None else [found]


def _list(names: list[str], labels: Mapping[str, str]) -> str:
    return "; ".join(say(name, labels) for name in names)


def _mediators(question: RiskFactor | TimeToEvent | Profile, labels: Mapping[str, str]) -> str:
    if isinstance(question, Profile):
        return ""
    if not question.mediators:
        return "none named"
    return f"{_list(question.mediators, labels)} (in a second model only)"


def _center(question: RiskFactor | TimeToEvent | Profile) -> str:
    if question.center == "none":
        return f"left out: {question.reason_no_center}"
    return {
        "fixed": "an indicator for each center",
        "random": "a random intercept for each center, and for each patient who has several rows",
        "strata": "a stratum for each center",
    }[question.center]


def _model(question: RiskFactor | TimeToEvent | Profile) -> str:
    if isinstance(question, TimeToEvent):
        firth = ", Firth's penalty" if question.penalty == "firth" else ""
        cox = f"; cause-specific Cox regression{firth}" if question.exposure else ""
        return f"Aalen–Johansen incidence, death competing{cox}"
    name = "mixed logistic regression" if question.center == "random" else "logistic regression"
    firth = ", Firth's penalty" if question.penalty == "firth" else ""
    each = ", one model for each" if isinstance(question, Profile) else ""
    curved = isinstance(question, RiskFactor) and question.shape == "spline"
    return f"{name}{firth}{each}{_CURVED if curved else ''}"


_CURVED = "; the ratio is of a straight line, the risks are of a restricted cubic spline"


def _restriction(question: Question, labels: Mapping[str, str]) -> str:
    options = [(say(k, {**labels, **OPTIONS}), _values(v)) for k, v in question.options.items()]
    # outcomes are 1 and 0 in the cohorts, and so are options that are numbers
    where = [(say(k, labels), _values(v, PRESENCE)) for k, v in question.where.items()]
    return "; ".join(f"{name}: {values}" for name, values in (*options, *where))


PRESENCE: Mapping[str, str] = MappingProxyType({"1": "present", "0": "absent"})
"""An outcome's number to words."""


def _values(value: object, known: Mapping[str, str] = MappingProxyType({})) -> str:
    values = value if isinstance(value, list) else [value]
    return ", ".join(known.get(str(v)) or _code(str(v)) for v in values)


def _code(code: str) -> str:
    known = CODE_WORDS.get(code) or LABELS.get(code, "").lower()
    if known:
        return known
    plain = code.replace("_", " ")
    return re.sub(r"\b(ct|mri)\b", lambda found: found[0].upper(), plain)
