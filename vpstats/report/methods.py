"""The methods section, written from the plan: what a reviewer asks for, in whole sentences.

The order follows the statistical-methods items of STROBE and of its extension for routinely
collected data, RECORD. Sentences about a kind of question appear only where the plan asks it.
Numbers in them come from the plan and the software, never from patients.

References
----------
von Elm E, et al. The Strengthening the Reporting of Observational Studies in Epidemiology (STROBE)
statement. Lancet 2007;370:1453-7.

Benchimol EI, et al. The REporting of studies Conducted using Observational Routinely-collected
health Data (RECORD) statement. PLoS Med 2015;12:e1001885.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vpstats.report.manifest import Provenance
from vpstats.study import Profile, RiskFactor, StudyPlan, TimeToEvent

CONSENT: Mapping[str, str] = MappingProxyType(
    {
        "opt-out": "Patients who opted out were removed from every table before anything else "
        "was done",
        "opt-in": "Only patients who consented to research use were kept; all others were removed "
        "from every table before anything else was done",
    }
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of the methods section.

    Parameters
    ----------
    heading : str
        What it is about.
    text : str
        Whole sentences.
    """

    heading: str
    text: str


def methods(
    plan: StudyPlan, *, provenance: Provenance, consent: str, policy: str
) -> tuple[Paragraph, ...]:
    """Write the methods section.

    Parameters
    ----------
    plan : StudyPlan
        The plan that was run.
    provenance : Provenance
        Versions of the software.
    consent : {"opt-out", "opt-in"}
        The registry's rule.
    policy : str
        What was withheld from this edition, in words.

    Returns
    -------
    tuple of Paragraph
        In the order of the reporting guidelines.
    """
    found = [
        Paragraph("Design and plan", _design(plan)),
        Paragraph("Data and cleaning", _data(consent)),
        Paragraph("Units and clustering", " ".join(_units(plan))),
        Paragraph("Yes or no outcomes", _risk_factor(plan)),
        Paragraph("Outcomes over time", _time_to_event(plan)),
        Paragraph("Rates", _rates(plan)),
        Paragraph("Standardised risks and other models", " ".join(_beside(plan))),
        Paragraph("Pairs and signs", " ".join(_pairs(plan))),
        Paragraph("Claims", _claims(plan)),
        Paragraph("Adjustment", " ".join(_adjustment(plan))),
        Paragraph("Event floors", _floors(plan)),
        Paragraph("Missing data", _missing(plan)),
        Paragraph("Intervals and tests", _intervals(plan)),
        Paragraph("Disclosure control", policy),
        Paragraph("Software", _software(provenance)),
    ]
    return tuple(p for p in found if p.text)


def _design(plan: StudyPlan) -> str:
    return (
        "This is an observational study of a procedure registry, reported along STROBE and its "
        "extension for routinely collected data, RECORD. The analysis plan names every question "
        "with its exposure, its adjustment set and its mediators; no variable was selected by its "
        "p-value, and no question was added after the results were seen without changing the "
        f"plan's fingerprint ({plan.fingerprint[:12]})."
    )


def _data(consent: str) -> str:
    removed = CONSENT.get(consent, "The registry's consent rule was applied first")
    return (
        "The raw exports of the centers were mapped to one set of tables with declared types, "
        "units, codes and possible ranges. Every value that was changed is listed with its file, "
        "row, column and rule; a value that was impossible or ambiguous was set to missing and "
        f"listed as a finding, never guessed. {removed}. Every exclusion appears in the flow of "
        "its analysis."
    )


def _units(plan: StudyPlan) -> Iterator[str]:
    yield (
        "Each analysis names what one row is: a treated vertebra and the imaging that assessed "
        "it, a procedure, a patient, or a vertebra at risk."
    )
    if _models(plan):
        yield (
            "Where a patient contributes several rows, standard errors are robust to their "
            "dependence (sandwich estimator, clustered in patients)."
        )


def _risk_factor(plan: StudyPlan) -> str:
    asked = [q for q in plan.questions if isinstance(q, RiskFactor)]
    if not asked:
        return ""
    firth = any(q.penalty == "firth" for q in asked)
    penalised = (
        " Rare outcomes, as the plan names them, were fitted with Firth's penalised likelihood, "
        "with profile limits where rows are independent."
        if firth
        else ""
    )
    return (
        "Odds ratios come from logistic regression. A model that the data separate is reported "
        "as not estimable rather than with an infinite odds ratio." + penalised
    )


def _time_to_event(plan: StudyPlan) -> str:
    asked = [q for q in plan.questions if isinstance(q, TimeToEvent)]
    if not asked:
        return ""
    penalised = (
        " Where the plan names the penalty, and for one coefficient below the event floor, hazards "
        "were fitted with Firth's; where no patient has more than one event their limits are those "
        "of the penalised profile likelihood, since a sandwich of few events would be too small."
        if any(q.penalty == "firth" for q in asked)
        else ""
    )
    return (
        "Incidence over time was estimated by the Aalen–Johansen method with death as a competing "
        "event; one minus Kaplan–Meier with deaths censored would overstate it and is not used. "
        "Exposures were compared by cause-specific Cox models (Efron's method for ties); their "
        "hazard ratios speak of the rate among those still at risk, not of cumulative risk, and "
        "are averages over follow-up except where a section splits it. A later "
        "procedure of a patient censors the earlier episode and opens a new one, so that a "
        "vertebra, like a patient, may be followed in several. Limits of incidence allow for "
        "patients with several rows (jackknife by patient); rates per person-time have exact "
        "Poisson limits, widened where patients contribute several rows." + penalised
    )


def _rates(plan: StudyPlan) -> str:
    return " ".join(_rate_sentences({q.kind for q in plan.questions}))


def _rate_sentences(kinds: set[str]) -> Iterator[str]:
    if kinds & {"complications", "spine_map", "risk_factor"}:
        yield (
            "Intervals of proportions are exact (Clopper–Pearson); where a patient contributes "
            "several rows they are those of the effective sample size (Korn and Graubard, Surv "
            "Methodol 1998;24:193-201)."
        )
    if "complications" in kinds:
        yield (
            "A leak is counted among the procedures with a CT, every other complication among "
            "all procedures, so that what was not recorded counts as absent."
        )
    if kinds & {"spine_map", "risk_factor"}:
        yield (
            "Leakage is reported within one imaging modality, since CT finds leaks that "
            "fluoroscopy misses and centers differ in whom they scan."
        )


def _adjustment(plan: StudyPlan) -> Iterator[str]:
    models = _models(plan)
    if not models:
        return
    yield (
        "Crude and adjusted estimates stand side by side. One adjustment set belongs to one "
        "exposure; the coefficients of the adjustment variables answer no question and are not "
        "to be read as effects."
    )
    if any(q.mediators for q in models):
        yield (
            "Variables on the way from exposure to outcome (mediators) enter a second model only, "
            "which is labelled and does not estimate the total effect."
        )
    yield (
        "Center enters every model, as indicator variables or as strata, unless the section says "
        "why not."
    )


def _floors(plan: StudyPlan) -> str:
    if not _models(plan):
        return ""
    floors = plan.floors
    return (
        f"A multivariable model was fitted only with at least {floors.events} events (for a "
        "yes/no outcome, of the rarer answer) and at least "
        f"{floors.events_per_parameter:g} per coefficient. With at least "
        f"{floors.single_parameter_events} events one coefficient was fitted with Firth's "
        "penalty. Below that the report gives rates, exact intervals and incidence curves, and "
        "says that the model was refused."
    )


def _beside(plan: StudyPlan) -> Iterator[str]:
    """What stands beside the main models, where the plan asks for it."""
    yes_no = [q for q in plan.questions if isinstance(q, RiskFactor | Profile)]
    over_time = [q for q in plan.questions if isinstance(q, TimeToEvent)]
    if yes_no:
        yield (
            "Standardised risks are averages over the rows analysed of the risk that the adjusted "
            "model gives if everybody had one value of the exposure (g-formula); their intervals "
            "come from the delta method. After a penalty they are read from a model whose "
            "intercept was fitted again without it (FLIC; Puhr et al., Stat Med "
            "2017;36:2302-2317)."
        )
    if any(isinstance(q, RiskFactor) and q.shape == "spline" for q in yes_no):
        yield "Curved relations are restricted cubic splines with four knots (Harrell)."
    if any(isinstance(q, RiskFactor) and q.margin for q in yes_no):
        yield (
            "That an exposure makes no difference is shown only where the 90 % interval of the "
            "difference lies within the margin that the plan names (two one-sided tests)."
        )
    if any(q.center == "random" for q in yes_no):
        yield (
            "Where the section says so, center is a random intercept, with one for each patient "
            "within it where rows repeat patients (Laplace approximation); odds ratios are then "
            "those within a center and a patient."
        )
    if any(getattr(q, "within_patient", False) for q in plan.questions):
        yield (
            "Comparisons within patients condition on the patient: whatever is the same in all "
            "of a patient's rows, measured or not, drops out."
        )
    if any(q.subdistribution for q in over_time):
        yield (
            "A subdistribution hazard ratio (Fine and Gray) says in which direction incidence "
            "differs; it is not the ratio of the rates among those at risk."
        )
    if any(q.frailty for q in over_time):
        yield (
            "Frailty models give each patient a gamma-distributed factor; their hazard ratios "
            "compare vertebrae of one patient."
        )
    if any(q.windows for q in over_time):
        yield "Hazard ratios in parts of follow-up come from one model with follow-up split."
    if any(q.interval for q in over_time):
        yield (
            "Events found at a contact began between it and the one before, and some were never "
            "seen before death: an illness–death model with piecewise constant intensities and "
            "exact days of death allows for both."
        )


def _pairs(plan: StudyPlan) -> Iterator[str]:
    kinds = {q.kind for q in plan.questions}
    if kinds & {"paired", "detection"}:
        yield (
            "Two findings on the same rows are compared by the difference of their shares, with "
            "the variance between patients (Obuchowski, Stat Med 1998;17:1495-1507)."
        )
    if "diagnosis" in kinds:
        yield (
            "Accuracy among those examined stands beside accuracy corrected for who was examined "
            "(Begg and Greenes, Biometrics 1983;39:207-215)."
        )
    if "profile" in kinds:
        yield (
            "Kinds of leak occur together and are outcomes of their own; the p-values of one "
            "table are also adjusted by Holm's method."
        )


def _claims(plan: StudyPlan) -> str:
    if not plan.claims:
        return ""
    return (
        "A claim of the literature is in line with the registry where the whole interval lies on "
        "the side that the claim names, against it where it lies on the other, and open where "
        "the interval holds both. With many claims some intervals miss the truth by chance."
    )


def _missing(plan: StudyPlan) -> str:
    text = (
        "Unknown, not examined and not recorded are kept apart in the data. A model uses the "
        "rows that are complete in its variables; how many were left out stands with each model. "
        "Table 1 gives the missing values of each variable."
    )
    asked = [q for q in plan.questions if getattr(q, "missing", "complete") == "impute"]
    if not asked:
        return text
    how = plan.imputation
    text += (
        " Where the plan asks for it the adjusted model was fitted again to "
        f"{how.copies} completed copies of the data (chained equations, {how.iterations} rounds, "
        "the outcome among the predictors, a patient's values drawn once per patient) and pooled "
        "by Rubin's rules."
    )
    if any(q.delta for q in asked if isinstance(q, RiskFactor)):
        text += (
            " Imputed values of the exposure were also shifted, to see how far they may depart "
            "from what the data suggest before the answer changes."
        )
    return text


def _intervals(plan: StudyPlan) -> str:
    return (
        f"Intervals are at {100 * plan.level:g} %. P-values are two-sided and not adjusted for "
        "the number of questions; they are to be read with the interval, and an absent "
        "difference is not evidence of equality."
    )


def _software(provenance: Provenance) -> str:
    versions = ", ".join(
        f"{name} {number}" for name, number in provenance.versions.items() if name != "vpstats"
    )
    own = provenance.versions.get("vpstats", "")
    return (
        f"The report was written by vpstats {own} with Python {provenance.python} ({versions}). "
        "The same inputs, plan and versions give the same bytes."
    )


def _models(plan: StudyPlan) -> list[RiskFactor | TimeToEvent]:
    return [q for q in plan.questions if isinstance(q, RiskFactor | TimeToEvent)]
