"""What the analyses share: parts of the ledger, event floors, formulas and words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import pandas as pd

from vpstats.errors import UsageError, did_you_mean
from vpstats.frames import Frame
from vpstats.labels import CODE_WORDS
from vpstats.ledger import CellKind, Note, cell, cell_id, fit_cells, plural
from vpstats.models.formula import parse_formula

if TYPE_CHECKING:
    from vpstats.results import FitResult
    from vpstats.study import Floors, Question

CENTER = "center_id"

ONE_EVENT_EACH = "no patient has more than one event"
"""Why a penalised model of hazards needs no clusters."""

MODEL_WORDS: Mapping[str, str] = {
    "crude": "Crude (exposure and center)",
    "adjusted": "Adjusted",
    "mediators": "Adjusted, with mediators",
}
"""Group of the ledger → heading of the model."""

FURTHER_WORDS: Mapping[str, str] = {
    "within": "Within patients",
    "imputed": "Adjusted, missing values imputed",
    "subdistribution": "Subdistribution (Fine and Gray)",
    "frailty": "Adjusted, given the patient's frailty",
}
"""Group of the ledger → heading of an analysis beside the main ones."""


def heading(group: str) -> str:
    """Words for a group of the ledger that is a model."""
    return MODEL_WORDS.get(group) or FURTHER_WORDS.get(group, group)


@dataclass
class Part:
    """Rows and notes that one question adds to the ledger."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def extend(self, other: Part) -> None:
        """Append another part."""
        self.rows += other.rows
        self.notes += other.notes


def words(text: str) -> str:
    """Write a code as words.

    Examples
    --------
    >>> words("tl_junction"), words("upper_thoracic")
    ('thoracolumbar junction', 'upper thoracic')
    """
    return CODE_WORDS.get(text, text.replace("_", " "))


def term_label(term: str, labels: Mapping[str, str]) -> str:
    """Write a term of the design matrix in words.

    Examples
    --------
    >>> term_label("sex[T.m]", {"sex": "Sex"})
    'Sex: male'
    >>> term_label("diabetes[T.yes]", {"diabetes": "Diabetes"})
    'Diabetes'
    """
    match = re.fullmatch(r"([^\[\]]+)\[T?\.?([^\[\]]*)\]", term)
    if match is None:
        return labels.get(term, words(term))
    name, level = match.groups()
    label = labels.get(name, words(name))
    return label if level in ("yes", "True") else f"{label}: {words(level)}"


def need(frame: Frame, columns: Iterable[str], question: Question) -> None:
    """Refuse a question that names columns which its cohort lacks.

    Raises
    ------
    UsageError
        Naming the columns and some that exist.
    """
    missing = [c for c in columns if c not in frame.data.columns]
    if missing:
        present = sorted(map(str, frame.data.columns))
        hints = [hint for column in missing if (hint := did_you_mean(column, present))]
        known = " ".join(hints) or f"it has {', '.join(present)}."
        raise UsageError(f"cohort '{question.cohort}' has no column {', '.join(missing)}; {known}")


def need_terms(frame: Frame, question: Any) -> None:
    """Check the columns and calls of a question's models, whether or not they will be fitted.

    Raises
    ------
    UsageError
        If the cohort lacks a column.
    FormulaError
        If a term is more than columns, operators and the listed transforms.
    """
    terms = [question.exposure, *question.adjust, *question.mediators]
    need(frame, parse_formula(f"~ {' + '.join(terms)}").columns, question)


def flow_cells(frame: Frame, analysis: str) -> list[dict[str, Any]]:
    """Write a frame's exclusion flow into ledger rows.

    Kept and excluded rows of a step sum to the rows kept before it, and say so by their parent.
    """
    unit = flow_unit(frame)
    rows: list[dict[str, Any]] = []
    for i, step in enumerate(frame.flow):
        before = "" if i == 0 else str(i - 1)
        counts: tuple[tuple[str, int, CellKind], ...] = (
            ("n_rows", step.n_rows, "total"),
            ("n_patients", step.n_patients, "total"),
            ("excluded_rows", step.excluded_rows, "count"),
            ("excluded_patients", step.excluded_patients, "count"),
        )
        for stat, value, kind in counts:
            if i == 0 and kind == "count":
                continue
            kept = "n_rows" if stat.endswith("rows") else "n_patients"
            rows.append(
                cell(
                    analysis,
                    "step",
                    stat,
                    value,
                    kind=kind,
                    level=str(i),
                    label=step.label,
                    unit=unit if stat.endswith("rows") else "patients",
                    n=frame.flow[max(i - 1, 0)].n_rows,
                    parent=cell_id(analysis, "", "step", before, kept) if before else "",
                )
            )
    return rows


def flow_unit(frame: Frame) -> str:
    """Name what a flow counts: of a patient's rows one is kept at its end, and more before.

    Examples
    --------
    >>> import pandas as pd
    >>> from vpstats.frames import FlowStep
    >>> steps = (FlowStep("procedures in the registry", 9, 8), FlowStep("the first one", 8, 8))
    >>> flow_unit(Frame(pd.DataFrame({"patient_id": list("abcdefgh")}), "patient", flow=steps))
    'procedures'
    """
    if frame.unit != "patient" or all(step.n_rows == step.n_patients for step in frame.flow):
        return plural(frame.unit)
    begun = frame.flow[0].label.partition(" ")[0]
    return begun if begun in {plural(unit) for unit in FINER} else "rows"


FINER = ("procedure", "level", "vertebra")
"""Units of which a patient may have several."""


@dataclass(frozen=True)
class Verdict:
    """Whether a model may be fitted, and why not."""

    allowed: bool
    penalised: bool = False
    reason: str = ""


def judge(n_events: int, n_parameters: int, floors: Floors) -> Verdict:
    """Apply the plan's event floors.

    Parameters
    ----------
    n_events : int
        Events; for a yes/no outcome the rarer of events and non-events.
    n_parameters : int
        Coefficients other than the intercept.
    floors : Floors

    Returns
    -------
    Verdict
        Allowed; allowed with one parameter under a penalty; or refused with the reason, which
        holds the floors and the number of coefficients but no count of patients.

    Examples
    --------
    >>> from vpstats.study import Floors
    >>> judge(7, 4, Floors()).allowed, judge(7, 1, Floors()).penalised
    (False, True)
    """
    if n_events >= floors.events and n_events >= floors.events_per_parameter * n_parameters:
        return Verdict(allowed=True)
    if n_parameters == 1 and n_events >= floors.single_parameter_events:
        return Verdict(allowed=True, penalised=True)
    if n_events < floors.events:
        reason = f"there are fewer than {floors.events} events"
    else:
        reason = (
            f"there are fewer than {floors.events_per_parameter:g} events for each of the "
            f"{n_parameters} coefficients"
        )
    return Verdict(allowed=False, reason=reason)


def n_parameters(data: pd.DataFrame, terms: Iterable[str]) -> int:
    """Coefficients that terms would take: levels less one for categories, else one each.

    An interaction takes the product of its factors' numbers. A spline counts the columns that
    its call names, by ``df=`` or, for a restricted cubic one, by its number of knots.

    Examples
    --------
    >>> rows = pd.DataFrame({"region": ["a", "b", "c"], "age": [1.0, 2.0, 3.0]})
    >>> n_parameters(rows, ["region", "age", "region:age", "rcs(age, 4)"])
    8
    """
    return sum(prod(_columns(data, factor) for factor in term.split(":")) for term in terms)


def _columns(data: pd.DataFrame, factor: str) -> int:
    if factor in data.columns and not pd.api.types.is_numeric_dtype(data[factor]):
        return max(int(data[factor].nunique()) - 1, 0)
    df = re.search(r"\bdf\s*=\s*(\d+)", factor)
    knots = re.search(r"\brcs\([^,]+,\s*(?:k\s*=\s*)?(\d+)", factor)
    return int(df.group(1)) if df else int(knots.group(1)) - 1 if knots else 1


def model_cells(
    fit: FitResult, analysis: str, group: str, labels: Mapping[str, str], events: str
) -> list[dict[str, Any]]:
    """Rows of one fitted model: its terms without the centers, and what it rests on.

    Coefficients of centers are left out: they compare centers without risk adjustment, which is
    the audit's business.
    """
    names = {t: term_label(t, labels) for t in fit.terms}
    rows = [
        row
        for row in fit_cells(fit, analysis, group=group, labels=names, parent=events)
        if not row["variable"].startswith(CENTER)
    ]
    glance = fit.glance().iloc[0]
    counts = {"n": fit.n, "n_events": fit.n_events, "n_missing": glance.get("n_missing")}
    label = heading(group)
    total = cell_id(analysis, group, "model", "", "n")
    for stat, value in counts.items():
        if value is None or pd.isna(value):
            continue
        rows.append(
            cell(
                analysis,
                "model",
                stat,
                value,
                kind="total" if stat == "n" else "count",
                group=group,
                label=label,
                unit=plural(fit.unit),
                n=fit.n,
                parent=total if stat == "n_events" else "",
            )
        )
    return rows


def caveat_notes(
    fit: FitResult, question: Question, group: str, labels: Mapping[str, str], whole: str
) -> list[Note]:
    """The caveats of a fit as sentences; numbers of patients in them are references to cells.

    A fit that failed gives one refusal that names the terms in its way, in words. `whole` is the
    cell with the rows that were counted before any were left out for a missing value.
    """
    head = heading(group)
    if not fit.ok:
        text = f"{head}: not estimable. {_why_not(fit, labels)}"
        return [Note(question.id, "refusal", braces(text))]
    seen = {c.code: c.public for c in fit.caveats}
    notes = [
        Note(question.id, "caveat", braces(f"{head}: {text}"))
        for code, text in seen.items()
        if code not in ("dropped_rows", "independent")
    ]
    if "independent" in seen:
        text = f"{head}: Rows of one patient were taken as independent: {ONE_EVENT_EACH}."
        notes.append(Note(question.id, "caveat", text))
    if "dropped_rows" in seen and group != "within":  # there most rows have nothing to compare
        n = quote(cell_id(question.id, group, "model", "", "n"), ",.0f")
        text = (
            f"{head}: {n} of {quote(whole, ',.0f')} {plural(fit.unit)} had every value that "
            "the model needs; the others were left out, so models differ in their rows too."
        )
        notes.append(Note(question.id, "caveat", text))
    return notes


def _why_not(fit: FitResult, labels: Mapping[str, str]) -> str:
    found = [c for c in fit.caveats if c.code in ("separation", "monotone")]
    if not found:
        return f"The solver says: {fit.status}."
    named = [t for t in fit.terms if _names(found[0].message, t)]
    words_of = [term_label(t, labels) for t in named if not t.startswith(CENTER)]
    if any(t.startswith(CENTER) for t in named):
        words_of.append("single centers")
    which = f" The terms in question: {'; '.join(words_of)}." if words_of else ""
    return found[0].public + which


def _names(message: str, term: str) -> bool:
    """Whether a message names a term, and not merely a longer one that contains it."""
    return re.search(rf"(?<![\w\]]){re.escape(term)}(?![\w\[])", message) is not None


def braces(text: str) -> str:
    """Escape a fixed text for a note's template."""
    return text.replace("{", "{{").replace("}", "}}")


def quote(identifier: str, fmt: str = "") -> str:
    """A placeholder for a cell in a note's template."""
    return "{" + identifier + (f":{fmt}" if fmt else "") + "}"
