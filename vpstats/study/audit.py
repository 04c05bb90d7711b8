"""What a plan says of the center audit: its indicators, its limits, and what an alarm may cost."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from vpstats.study.questions import Identifier, Scalar, Spec

Tail = Literal["mid-p", "exact", "interpolated"]
Dispersion = Literal["none", "tau", "phi"]


def _without_braces(text: str) -> str:
    """Sentences of an audit are templates, in which a brace stands for a number."""
    if set("{}") & set(text):
        raise ValueError("plain text is expected here, without braces")
    return text


Plain = Annotated[str, AfterValidator(_without_braces)]


class Period(Spec):
    """Days of the procedures that count; both ends belong to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    start: date | None = Field(None, alias="from", description="first day; the registry's if none")
    end: date | None = Field(None, alias="to", description="last day; the data cut if none")

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError("the period ends before it starts")
        return self


class Seen(Spec):
    """How it is known who was examined for an outcome, and why."""

    examined: str = Field(min_length=1, description="column that says who was examined")
    values: list[Scalar] = Field(
        default_factory=list, description="values that mean examined; any recorded one if empty"
    )
    reason: str = Field("", description="column that says why; empty where it is not recorded")
    routine: list[Scalar] = Field(["routine"], description="reasons that suspect nothing")
    sensitivity: float = Field(
        1.0, gt=0, le=1, description="share of true outcomes that the examination shows"
    )
    specificity: float = Field(
        1.0, gt=0, le=1, description="share of rows without it that the examination calls free"
    )

    @model_validator(mode="after")
    def _an_examination_says_something(self) -> Self:
        if self.sensitivity + self.specificity <= 1:
            raise ValueError("sensitivity and specificity together must exceed 1")
        return self


class Monitoring(Spec):
    """How an indicator is followed over time.

    References
    ----------
    Steiner SH, et al. Monitoring surgical performance using risk-adjusted cumulative sum charts.
    Biostatistics 2000;1:441-452.
    """

    odds_ratio: float = Field(2.0, gt=1, le=20, description="change that the chart looks for")
    run_length: int = Field(
        5000, ge=50, description="rows between false signals on average, nothing being wrong"
    )
    head_start: float = Field(0.0, ge=0, lt=1, description="start, as a share of the limit")
    reset: bool = Field(default=True, description="whether the chart starts anew after a signal")


class Known(Spec):
    """What is true of centers where that is known, as in a synthetic registry or an exercise.

    The report names it, and says beside it what the audit found.
    """

    centers: list[str] = Field(min_length=1, description="center ids")
    truth: Plain = Field(min_length=3, description="what is true of them, in words")
    indicators: list[Identifier] = Field(min_length=1, description="where it should show")


class Audit(Spec):
    """Rules of the audit that hold for every indicator unless it says otherwise.

    References
    ----------
    Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med
    2005;24:1185-1202.
    """

    alert: float = Field(0.95, gt=0.5, lt=1, description="two-sided limits of an alert")
    alarm: float = Field(0.998, gt=0.5, lt=1, description="two-sided limits of an alarm")
    false_discovery: float = Field(
        0.05, gt=0, le=1, description="largest expected share of false alarms among alarms"
    )
    false_alarms: float = Field(
        0.05, gt=0, le=1, description="chance of any alarm in a network in which nothing is wrong"
    )
    tail: Tail = Field("mid-p", description="how the probability of the count itself is shared")
    dispersion: Dispersion = Field(
        "none", description="what is made of variation between centers that chance does not explain"
    )
    minimum_volume: int = Field(10, ge=1, description="rows below which there is no verdict")
    minimum_expected: float = Field(
        5.0, gt=0, description="expected number below which there is no verdict"
    )
    completeness: float = Field(
        0.85, ge=0, le=1, description="share that must be known for a verdict"
    )
    power: Plain = Field("", description="what the audit can be expected to find, in words")
    response: str = Field("", description="what a flagged center does, by when, in words")
    contact: str = Field("", description="whom a center answers")
    center_names: dict[str, str] = Field(
        default_factory=dict, description="center id to the name that pages print"
    )
    known: list[Known] = Field(
        default_factory=list, description="what is true of centers where that is known"
    )

    @model_validator(mode="after")
    def _an_alarm_is_more_than_an_alert(self) -> Self:
        if self.alarm <= self.alert:
            raise ValueError("alarm is not farther out than alert")
        return self

    @property
    def q_limit(self) -> float:
        """Largest adjusted p-value of an alarm.

        Where nothing is wrong every alarm is false, so that the false discovery rate is the
        chance of any alarm at all: the stricter of both holds.
        """
        return min(self.false_discovery, self.false_alarms)


class Indicator(Spec):
    """One indicator: what is counted, among whom, and what a verdict needs.

    Attributes
    ----------
    id, title : str
        Name in the ledger and heading.
    kind : {"outcome", "process"}
        What happened to patients, or what was done and recorded.
    outcome : str
        Column of the cohort: 1 or 0; codes of events where `measure` is "incidence"; anything
        else with `values`.
    values : list
        Values of the outcome that count; empty for a column of 1 and 0.
    recorded : list of str
        Columns that all have to be recorded: that is then the outcome, for fields complete.
    maturity : int
        Days that must have passed since the procedure, so that nobody counts as free of an
        outcome for which there was no time yet.
    strata : dict
        Names of parts that are audited apart as well as together, each with the values that make
        it up, as in `where`.
    signals : bool, optional
        Whether its verdicts decide the exit code; outcomes do unless told otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    id: Identifier
    title: str = Field(min_length=3)
    kind: Literal["outcome", "process"] = "outcome"
    cohort: str
    options: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    where: dict[str, list[Scalar]] = Field(default_factory=dict)
    outcome: str = ""
    values: list[Scalar] = Field(default_factory=list)
    recorded: list[str] = Field(default_factory=list)
    measure: Literal["proportion", "incidence"] = "proportion"
    cause: int = Field(1, ge=1)
    horizon: float | None = Field(None, gt=0, description="days of follow-up that count")
    adjust: list[str] = Field(default_factory=list, description="case mix, chosen beforehand")
    penalty: Literal["firth"] | None = None
    period: Period = Field(default_factory=Period)
    maturity: int = Field(0, ge=0, description="days since the procedure that a row must have")
    minimum_volume: int | None = Field(None, ge=1)
    minimum_expected: float | None = Field(None, gt=0)
    completeness: float | None = Field(None, ge=0, le=1)
    ascertainment: Seen | None = None
    better: Literal["lower", "higher"] = Field("lower", description="which direction is good")
    alert: float | None = Field(None, gt=0.5, lt=1)
    alarm: float | None = Field(None, gt=0.5, lt=1)
    tail: Tail | None = None
    dispersion: Dispersion | None = None
    strata: dict[Identifier, dict[str, list[Scalar]]] = Field(default_factory=dict)
    monitor: Monitoring | None = None
    learning: bool = Field(
        default=False, description="also the learning curve by operator, internal edition only"
    )
    signals: bool | None = None
    limits: Plain = Field("", description="what the indicator cannot say, in words")

    @model_validator(mode="after")
    def _has_an_outcome(self) -> Self:
        if bool(self.outcome) == bool(self.recorded):
            raise ValueError("an indicator has an outcome, or recorded fields, and not both")
        return self

    @model_validator(mode="after")
    def _incidence_has_a_horizon(self) -> Self:
        if (self.measure == "incidence") != (self.horizon is not None):
            raise ValueError("measure = 'incidence' needs a horizon in days, a proportion none")
        if self.measure == "incidence" and (self.values or self.kind == "process"):
            raise ValueError("an incidence takes the event codes of its cohort, and is an outcome")
        return self

    @model_validator(mode="after")
    def _strata_are_named_and_made_of_something(self) -> Self:
        if "all" in self.strata or not all(self.strata.values()):
            raise ValueError("a stratum has a name other than 'all', and columns with values")
        return self

    @model_validator(mode="after")
    def _limits_ascend(self) -> Self:
        if self.alert is not None and self.alarm is not None and self.alarm <= self.alert:
            raise ValueError("alarm is not farther out than alert")
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what is said of it, the audit's rules included where it was completed."""
        content = self.model_dump(mode="json", by_alias=True)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def sets_exit_code(self) -> bool:
        """Whether its verdicts decide the exit code."""
        return self.kind == "outcome" if self.signals is None else self.signals

    def under(self, audit: Audit) -> Indicator:
        """The indicator with everything that it leaves open taken from the audit's rules.

        Examples
        --------
        >>> known = Indicator(id="a", title="Any", cohort="levels", outcome="x", tail="exact")
        >>> known.under(Audit()).tail, known.under(Audit()).minimum_expected
        ('exact', 5.0)
        """
        names = ("alert", "alarm", "tail", "dispersion", "minimum_volume", "minimum_expected")
        open_ones = [n for n in (*names, "completeness") if getattr(self, n) is None]
        return self.model_copy(update={n: getattr(audit, n) for n in open_ones})
