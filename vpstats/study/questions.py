"""The kinds of question that a plan may ask, one small frozen class for each."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Scalar = bool | int | float | str


class Spec(BaseModel):
    """Part of a plan: frozen, and strict about the names of its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Floors(Spec):
    """How many events a model needs before it is fitted at all.

    Below the floors rates with exact intervals and incidence curves are reported instead, and the
    refusal is printed. Counts of events per parameter are a guard against models that cannot be
    right, not a promise that larger ones are.

    References
    ----------
    van Smeden M, et al. No rationale for 1 variable per 10 events criterion for binary logistic
    regression analysis. BMC Med Res Methodol 2016;16:163.
    """

    events: int = Field(10, ge=1, description="events that a multivariable model needs")
    events_per_parameter: float = Field(5.0, gt=0, description="events per coefficient")
    single_parameter_events: int = Field(
        5, ge=1, description="events from which one coefficient may be fitted, with a penalty"
    )


class Release(Spec):
    """What may leave the institution.

    References
    ----------
    Hundepool A, et al. Statistical Disclosure Control. Wiley, 2012.
    """

    threshold: int = Field(5, ge=1, le=50, description="smallest count that is shown")
    zeros: Literal["show", "suppress"] = Field("show", description="whether zeros are shown")
    rounding: int = Field(1, ge=1, le=50, description="base to which counts are rounded")
    min_at_risk: int = Field(10, ge=1, description="curves end where fewer are at risk")
    curve_step: float = Field(30.0, gt=0, description="days between the steps of a curve")


class Question(Spec):
    """What every question of a plan has.

    Attributes
    ----------
    id : str
        Name in the ledger: lower case letters, digits and underscores.
    title : str
        Heading of its section.
    ask : str
        The question in words.
    cohort : str
        Name of the cohort; `options` go to it.
    where : dict
        Column to the values kept, applied after the cohort is built.
    limits : str
        What the answer cannot say, in words.
    claim : list of str
        Ids of the plan's claims that the question tests.
    expects : str
        What those claims say of the measure, so that the answer can be held against it.
    """

    kind: str
    id: Identifier
    title: str = Field(min_length=3)
    ask: str = Field("", description="the question in words")
    cohort: str
    options: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    where: dict[str, list[Scalar]] = Field(default_factory=dict)
    limits: str = ""
    claim: list[str] = Field(default_factory=list, description="claims that it tests")
    expects: Literal["higher", "lower", "none", ""] = Field(
        "", description="what the claim says of the measure; empty where it says no direction"
    )
    expects_of: str = Field("", description="category that expects is about; every one if empty")


class Description(Question):
    """Table 1: who is in the registry, on numbers."""

    kind: Literal["description"]
    variables: list[str] = Field(min_length=1)
    by: str | None = None


class _Model(Question):
    exposure: str | None = Field(None, min_length=1)
    adjust: list[str] = Field(default_factory=list)
    mediators: list[str] = Field(default_factory=list)
    center: Literal["fixed", "random", "strata", "none"] = "fixed"
    reason_no_center: str = ""
    penalty: Literal["firth"] | None = None
    within_patient: bool = Field(
        default=False, description="also compare rows of one patient with one another"
    )
    missing: Literal["complete", "impute"] = Field(
        "complete", description="also fit the adjusted model to imputed data"
    )
    delta: list[float] = Field(
        default_factory=list,
        description="shifts of the imputed values of the exposure, for the tipping point",
    )

    @model_validator(mode="after")
    def _shifts_are_of_imputed_values(self) -> Self:
        if self.delta and self.missing != "impute":
            raise ValueError("delta shifts imputed values: it needs missing = 'impute'")
        return self

    @model_validator(mode="after")
    def _roles_are_apart(self) -> Self:
        if self.exposure is None and (self.adjust or self.mediators):
            raise ValueError("adjust and mediators need an exposure that they belong to")
        roles = [r for r in (self.exposure, *self.adjust, *self.mediators) if r is not None]
        twice = sorted({r for r in roles if roles.count(r) > 1})
        if twice:
            raise ValueError(
                f"{', '.join(twice)} has more than one role; exposure, adjust and mediators "
                "must not overlap"
            )
        if self.center == "none" and not self.reason_no_center:
            raise ValueError("center = 'none' needs reason_no_center, in words; it is printed")
        return self


class RiskFactor(_Model):
    """Does an exposure go with a yes/no outcome? Logistic regression.

    Beside the odds ratio stand standardised risks: of each category of the exposure, or at the
    values of a numeric one that `contrast` names.
    """

    kind: Literal["risk_factor"]
    exposure: str = Field(min_length=1)
    outcome: str
    contrast: list[float] = Field(
        default_factory=list,
        description="values of a numeric exposure whose risks are compared; the first is the "
        "reference",
    )
    shape: Literal["linear", "spline"] = Field(
        "linear", description="'spline' for a restricted cubic spline with four knots"
    )
    modifier: str | None = Field(
        None, description="column of adjust that may change what the exposure does: tested"
    )
    margin: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="largest difference of the standardised risk that counts as none",
    )

    @model_validator(mode="after")
    def _center_fits_the_model(self) -> Self:
        if self.center == "strata":
            raise ValueError("a logistic model takes center = 'fixed'; strata are for hazards")
        if self.center == "random" and self.penalty is not None:
            raise ValueError("a random center cannot be penalised; take center = 'fixed'")
        return self

    @model_validator(mode="after")
    def _parts_fit_the_exposure(self) -> Self:
        if self.shape == "spline" and len(self.contrast) < 2:
            raise ValueError("a spline is read at values: contrast needs two of them or more")
        if len(self.contrast) == 1:
            raise ValueError("contrast compares values: it needs two or more")
        if self.modifier is not None and self.modifier not in self.adjust:
            raise ValueError("modifier is one of the columns of adjust")
        return self


class Profile(Question):
    """Several outcomes, exposures or both, each pair in a model of its own, in one table.

    Kinds of leak that occur together are outcomes of their own, never categories of one; p-values
    are adjusted for their number by Holm's method.
    """

    kind: Literal["profile"]
    exposures: list[str] = Field(min_length=1)
    outcomes: list[str] = Field(min_length=1)
    adjust: list[str] = Field(default_factory=list)
    center: Literal["fixed", "random", "none"] = "fixed"
    reason_no_center: str = ""
    penalty: Literal["firth"] | None = None
    within_patient: bool = False

    @model_validator(mode="after")
    def _pairs_are_models(self) -> Self:
        if len(self.exposures) * len(self.outcomes) < 2:
            raise ValueError("one exposure and one outcome are a 'risk_factor' question")
        self.parts()
        return self

    def parts(self) -> tuple[RiskFactor, ...]:
        """One question for each exposure and outcome; its id ends in its number."""
        pairs = product(self.exposures, self.outcomes)
        shared = self.model_dump(
            include={"title", "ask", "cohort", "options", "center", "reason_no_center", "penalty"}
            | {"within_patient"}
        )
        return tuple(
            RiskFactor(
                kind="risk_factor",
                id=f"{self.id}_{number}",
                exposure=exposure,
                outcome=outcome,
                adjust=[a for a in self.adjust if a != exposure],
                **shared,
            )
            for number, (exposure, outcome) in enumerate(pairs, start=1)
        )


class TimeToEvent(_Model):
    """When does an event come, death competing? Incidence curves and cause-specific hazards.

    Without an exposure only counts, rates and incidence are given.
    """

    kind: Literal["time_to_event"]
    center: Literal["fixed", "random", "strata", "none"] = "strata"
    cause: int = Field(1, ge=1)
    by: str | None = Field(None, description="column whose levels get a curve each")
    horizons: list[float] = Field(default_factory=lambda: [365.0], min_length=1)
    windows: list[float] = Field(
        default_factory=list,
        description="days that divide follow-up: rates, and hazard ratios, in each part",
    )
    subdistribution: bool = Field(
        default=False, description="also the subdistribution hazard ratio (Fine and Gray)"
    )
    frailty: bool = Field(
        default=False, description="also the hazard ratio given a patient's frailty"
    )
    interval: bool = Field(
        default=False,
        description="also the incidence when the event came unseen between two contacts",
    )

    @model_validator(mode="after")
    def _no_random_center(self) -> Self:
        if self.center == "random":
            raise ValueError("hazards take center = 'strata' or 'fixed'")
        return self

    @model_validator(mode="after")
    def _windows_ascend(self) -> Self:
        if self.windows != sorted(set(self.windows)) or any(w <= 0 for w in self.windows):
            raise ValueError("windows are days above zero in ascending order")
        return self


class Proportion(Question):
    """How often is an outcome present? A proportion with its interval, by group if asked."""

    kind: Literal["proportion"]
    outcome: str
    by: str | None = None


class PairedProportions(Question):
    """Which of several outcomes of the same units is more frequent? Differences in pairs."""

    kind: Literal["paired"]
    outcomes: list[str] = Field(min_length=2, description="the first is held against each other")


class Detection(Question):
    """How often does one imaging modality find what another finds? The same units seen by both."""

    kind: Literal["detection"]
    cohort: str = "leak_pairs"
    sites: list[str] = Field(min_length=1, description="outcomes without leak_ in front")


class Diagnosis(Question):
    """Sensitivity and specificity of a sign, where not everybody was examined for the outcome."""

    kind: Literal["diagnosis"]
    sign: str
    outcome: str
    others: list[str] = Field(
        default_factory=list, description="do these say more than the sign alone?"
    )


class Source(Question):
    """Where did events come from, early and late? Counts of a code by the time of the event."""

    kind: Literal["source"]
    column: str
    windows: list[float] = Field(min_length=1)
    cause: int = Field(1, ge=1)


class Complications(Question):
    """Every complication by severity, with its own denominator and an exact interval."""

    kind: Literal["complications"]


class SpineMap(Question):
    """Rate of a leakage outcome at each vertebra, within one imaging modality."""

    kind: Literal["spine_map"]
    outcome: str = "leak_any"


class Quality(Question):
    """Data quality by center, shown before any outcome."""

    kind: Literal["quality"]
    cohort: str = "procedures"


AnyQuestion = Annotated[
    Description
    | RiskFactor
    | Profile
    | TimeToEvent
    | Proportion
    | PairedProportions
    | Detection
    | Diagnosis
    | Source
    | Complications
    | SpineMap
    | Quality,
    Field(discriminator="kind"),
]
