"""The study plan: study.toml read into frozen specifications, one class per kind of analysis.

A plan is written before the results are seen. It names each question's exposure, its one
adjustment set and its mediators, so that no variable is chosen by its p-value and no mediator is
adjusted away unseen. Its fingerprint is printed on every page that it leads to.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vpstats.errors import PlanError

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Scalar = bool | int | float | str


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Floors(_Spec):
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


class Release(_Spec):
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


class Question(_Spec):
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
    """

    kind: str
    id: Identifier
    title: str = Field(min_length=3)
    ask: str = Field("", description="the question in words")
    cohort: str
    options: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    where: dict[str, list[Scalar]] = Field(default_factory=dict)
    limits: str = ""


class Description(Question):
    """Table 1: who is in the registry, on numbers."""

    kind: Literal["description"]
    variables: list[str] = Field(min_length=1)
    by: str | None = None


class _Model(Question):
    exposure: str | None = Field(None, min_length=1)
    adjust: list[str] = Field(default_factory=list)
    mediators: list[str] = Field(default_factory=list)
    center: Literal["fixed", "strata", "none"] = "fixed"
    reason_no_center: str = ""
    penalty: Literal["firth"] | None = None

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
    """Does an exposure go with a yes/no outcome? Logistic regression."""

    kind: Literal["risk_factor"]
    exposure: str = Field(min_length=1)
    outcome: str

    @model_validator(mode="after")
    def _no_strata(self) -> Self:
        if self.center == "strata":
            raise ValueError("a logistic model takes center = 'fixed'; strata are for hazards")
        return self


class TimeToEvent(_Model):
    """When does an event come, death competing? Incidence curves and cause-specific hazards.

    Without an exposure only counts, rates and incidence are given.
    """

    kind: Literal["time_to_event"]
    center: Literal["fixed", "strata", "none"] = "strata"
    cause: int = Field(1, ge=1)
    by: str | None = Field(None, description="column whose levels get a curve each")
    horizons: list[float] = Field(default_factory=lambda: [365.0], min_length=1)


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


class NotTestable(_Spec):
    """A claim that these data cannot test, with the reason that is printed."""

    claim: str
    reason: str


AnyQuestion = Annotated[
    Description | RiskFactor | TimeToEvent | Complications | SpineMap | Quality,
    Field(discriminator="kind"),
]


class StudyPlan(_Spec):
    """A frozen study plan.

    Attributes
    ----------
    version : int
        Version of the file's format: 1.
    title, description : str
        Heading and abstract of the report.
    registry : str
        Path of registry.toml, relative to the plan.
    level : float
        Confidence level of every interval.
    floors : Floors
    release : Release
    questions : tuple
        In the order of the report.
    not_testable : tuple of NotTestable
    source : Path, optional
        File that the plan was read from; not part of the fingerprint.
    """

    version: Literal[1]
    title: str = Field(min_length=3)
    description: str = ""
    registry: str = "registry.toml"
    level: float = Field(0.95, gt=0.5, lt=1)
    floors: Floors = Field(default_factory=Floors)
    release: Release = Field(default_factory=Release)
    questions: tuple[AnyQuestion, ...] = Field(alias="question", min_length=1)
    not_testable: tuple[NotTestable, ...] = ()
    source: Path | None = Field(None, exclude=True)

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [q.id for q in self.questions]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"question ids appear twice: {', '.join(twice)}")
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the plan's content, independent of comments and layout."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"source"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def registry_path(self) -> Path:
        """Where the plan says that registry.toml is."""
        return (self.source.parent if self.source else Path()) / self.registry

    def __getitem__(self, name: str) -> Question:
        for question in self.questions:
            if question.id == name:
                return question
        raise PlanError(f"the plan has no question '{name}'.", file=self.source)


def read_plan(path: str | Path) -> StudyPlan:
    """Read and check a study plan.

    Parameters
    ----------
    path : path-like
        A study.toml, or the folder that holds one.

    Returns
    -------
    StudyPlan

    Raises
    ------
    PlanError
        If the file is missing, not TOML, or does not fit the plan's schema; the message names
        the key.

    Examples
    --------
    >>> from importlib.resources import files
    >>> read_plan(files("vpstats") / "templates")["leak_volume"].exposure
    'cement_ml'
    """
    source = Path(path)
    source = source / "study.toml" if source.is_dir() else source
    try:
        content = tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(
            "there is no such study plan; 'vpstats new FOLDER' writes one to start from.",
            file=source,
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise PlanError(f"cannot be read as TOML: {error}.", file=source) from None
    return _parse(content, source)


def _parse(content: dict[str, Any], source: Path) -> StudyPlan:
    if "source" in content:
        raise PlanError("source: unknown key; check its spelling.", file=source)
    try:
        return StudyPlan.model_validate({**content, "source": source})
    except ValidationError as error:
        lines = "\n".join(f"  - {line}" for line in _explain(error))
        raise PlanError(f"the plan does not fit its schema:\n{lines}", file=source) from None


def _explain(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        place = ".".join(str(part) for part in problem["loc"]) or "plan"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key; check its spelling against the plan reference"
        yield f"{place}: {message}"


def plan_json_schema() -> dict[str, Any]:
    """Derive the JSON Schema of study.toml, as published with the documentation.

    Examples
    --------
    >>> plan_json_schema()["title"]
    'StudyPlan'
    """
    schema = StudyPlan.model_json_schema(by_alias=True)
    del schema["properties"]["source"]  # set by `read_plan`, not by the file
    return schema
