"""What the pages of an audit say in plain words: how to read them, methods, the response form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vpstats.formats import THIN

if TYPE_CHECKING:
    from vpstats.report.audit_cells import Look
    from vpstats.report.manifest import Provenance
    from vpstats.study.audit import Audit, Indicator

READING = (
    "A flag is a starting point for a review, not a judgement. It says that a result lies further "
    "from what the case mix explains than chance usually takes it. Data errors, case mix that "
    "nobody recorded, and who was examined come before the quality of care as explanations."
)

NO_CHARTS = (
    "Charts over time are in the internal edition alone: every step of such a chart is a patient."
)
CURVES = {
    True: "Death and other events that end follow-up are competing events: who died cannot have "
    "the outcome any more. The curves are crude; the table's center column is adjusted.",
    False: "Death and other events that end follow-up are competing events: who died cannot have "
    "the outcome any more. Curves are the network's, read at few points of time and withheld where "
    "too few had the outcome; a center's own curve stands in the internal edition, since each of "
    "its steps is a patient.",
}
"""What is said of curves, by whether the edition is the internal one."""
LEFT_OUT = "What was left out of the network's data, and why, stands on the network's page."
ASCERTAINED = (
    "The hospital's own count (hospital_counts in the registry's mapping) against the procedures "
    "of the same period here. Where procedures are missing, the outcomes are those of a selection. "
    "Periods that were not over at the data cut are left out; what one period has too many does "
    "not fill what another lacks. A share above 100 % has no interval: one of the counts is wrong."
)
NOT_ASCERTAINED = (
    "How many of all procedures{whom} reach the registry (case ascertainment) is not known here: "
    "no usable count of the hospital was given for a period that is over. Those who are not here "
    "may have done worse, or better."
)
NO_OPERATORS = "Learning curves by operator are in the internal edition alone."
NO_CASES = "The list of cases for review is in the internal edition alone."

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "1 · Data check",
        (
            "Are the procedures complete, and is each one yours?",
            "Are outcomes, dates and case mix right? Which records were corrected?",
            "Who was examined for the outcome, and why?",
        ),
    ),
    (
        "2 · Clinical review",
        (
            "Which cases were reviewed, and by whom?",
            "What explains the result: patients, technique, materials, follow-up, chance?",
            "Is anything a risk to patients now? What was done at once?",
        ),
    ),
    (
        "3 · Action plan",
        (
            "What will be changed?",
            "Who is responsible, and by which date?",
            "How and when will it be seen that it worked?",
        ),
    ),
)
"""Steps of the answer of a flagged center."""

TERMS: tuple[tuple[str, str], ...] = (
    ("Adjusted rate", "The network's rate times observed over expected."),
    (
        "Alert, alarm",
        "A result outside the inner or the outer limits of the funnel. An alarm must also "
        "withstand the correction for the number of centers and indicators.",
    ),
    (
        "CUSUM",
        "A running sum of evidence for a change in the risk; it signals when it crosses its limit.",
    ),
    (
        "Detection funnel",
        "The same plot for being examined at all: a center that examines more finds more.",
    ),
    (
        "Directly standardised rate",
        "The rate if the center had treated the patients of the whole network.",
    ),
    ("Expected", "How many outcomes an average center would have with these patients."),
    (
        "Funnel plot",
        "Each center against limits that narrow as its numbers grow. It does not rank.",
    ),
    ("n.e.", "Not estimable: the data cannot give this number."),
    ("Observed over expected (O/E)", "1 is as expected; 2 is twice as many as expected."),
    (
        "Over-dispersion",
        "Centers differ more than chance and the recorded case mix explain (τ, φ).",
    ),
    (
        "Probability of a true ratio beyond 1.2",
        "How likely the center's true ratio is worse than 1.2, or than its inverse where higher "
        "is better.",
    ),
    (
        "Shrunken estimate",
        "The ratio drawn towards 1 as far as chance may have moved it away.",
    ),
    (
        "VLAD",
        "Expected minus observed outcomes as they add up over time.",
    ),
)
"""Terms of the pages."""


def rules(audit: Audit) -> str:
    """Say what is an alert and what an alarm.

    Parameters
    ----------
    audit : Audit
        The plan's rules.
    """
    return (
        f"An alert lies outside the {100 * audit.alert:g}{THIN}% limits; an alarm outside the "
        f"{100 * audit.alarm:g}{THIN}% limits, and only where its p-value withstands the "
        f"correction for all centers and indicators (false discovery rate at most "
        f"{100 * audit.q_limit:g}{THIN}%). There is no verdict below "
        f"{audit.minimum_volume:,} procedures, below an expected number of "
        f"{audit.minimum_expected:g}, or where less than {100 * audit.completeness:g}{THIN}% is "
        "known, unless the indicator says otherwise. Where nothing is wrong anywhere, at most "
        f"{100 * audit.q_limit:g}{THIN}% of audits raise any alarm, and an alert is nearly certain."
    )


def dispersion(audit: Audit) -> str:
    """Say what the limits make of variation beyond chance."""
    return {
        "none": "The limits of the verdicts allow for chance alone, as the plan chose before the "
        "results. Grey lines show the outer limits that would also allow for how much centers "
        "differ beyond chance (τ; φ from 20 centers on).",
        "tau": "The limits of the verdicts allow for a random effect of centers (additive τ², "
        "estimated from the other centers), as the plan chose before the results. Grey lines show "
        "the outer limits for chance alone, and those widened by φ from 20 centers on.",
        "phi": "The limits of the verdicts are widened by a winsorised factor φ, as the plan chose "
        "before the results. Grey lines show the outer limits for chance alone, and those that "
        "allow for τ.",
    }[audit.dispersion]


def indicator_facts(indicator: Indicator, unit: str) -> list[tuple[str, str]]:
    """What an indicator is: unit, period, horizon, direction, case mix.

    Parameters
    ----------
    indicator : Indicator
        From the plan.
    unit : str
        What a row is, in the plural.
    """
    better = "lower is better" if indicator.better == "lower" else "higher is better"
    horizon = f"within {indicator.horizon:g} days" if indicator.horizon else ""
    mature = f"procedures at least {indicator.maturity} days old" if indicator.maturity else ""
    return [
        ("Counted", ", ".join(filter(None, (unit, horizon, mature)))),
        ("Period", period(indicator)),
        ("Direction", better),
    ]


def period(indicator: Indicator) -> str:
    """Say which procedures count.

    Examples
    --------
    >>> from vpstats.study.audit import Indicator
    >>> period(Indicator(id="a", title="Any", cohort="levels", outcome="x"))
    ''
    """
    start, end = indicator.period.start, indicator.period.end
    if start is None and end is None:
        return ""
    first = start.isoformat() if start else "the first procedure"
    return f"{first} to {end.isoformat() if end else 'the data cut'}"


def periods(look: Look) -> str:
    """The period of the audit, where all indicators share one."""
    found = {period(i) for i in look.indicators}
    if found in ({""}, set()):
        return "all procedures up to the data cut"
    return found.pop() if len(found) == 1 else "differs: see each indicator"


def methods(look: Look, provenance: Provenance, policy: str) -> Iterator[tuple[str, str]]:
    """Write the methods of an audit, heading and text.

    Parameters
    ----------
    look : Look
        Plan and release.
    provenance : Provenance
        Versions of the software.
    policy : str
        What was withheld from this edition, in words.
    """
    audit = look.plan.audit
    yield "Verdicts", rules(audit)
    yield (
        "Expected numbers",
        "Each center's expected number comes from a model that was fitted without that center, "
        "with an effect of every other center, and speaks of an average one. Which variables it "
        "holds was written into the plan beforehand. The uncertainty of the benchmark is part of "
        "the limits.",
    )
    yield (
        "Units and clustering",
        "Where a row is finer than a patient (levels, procedures), limits allow for the "
        "likeness of a patient's rows; limits that take them for independent call far too many "
        "centers.",
    )
    yield "Variation between centers", dispersion(audit)
    yield (
        "Who was examined",
        "Where an outcome has to be looked for and the reason is recorded, centers are compared "
        "among those examined as a routine, not on suspicion. Examination has a funnel of its own, "
        "and a flag says whether it survives it.",
    )
    yield (
        "No ranking",
        "Centers are compared with the network, never with one another: ranks are unstable even "
        "where nothing is wrong. Lists stand in the order of names.",
    )
    if audit.power:
        yield "Power", audit.power
    yield "Disclosure control", policy
    yield (
        "Limits",
        "An audit of a registry sees what centers record. It does not prove that care is good "
        "where nothing is flagged, nor that it is bad where something is.",
    )
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    yield "Software", f"Python {provenance.python}{', ' if versions else ''}{versions}."
