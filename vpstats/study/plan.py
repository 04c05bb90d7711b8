"""The study plan: study.toml read into frozen specifications, one class per kind of analysis.

A plan is written before the results are seen. It names each question's exposure, its one
adjustment set and its mediators, so that no variable is chosen by its p-value and no mediator is
adjusted away unseen. Its fingerprint is printed on every page that it leads to.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from vpstats.errors import PlanError
from vpstats.study.audit import Audit, Indicator
from vpstats.study.default_indicators import default_indicators
from vpstats.study.explain import explain_plan, explain_toml
from vpstats.study.questions import AnyQuestion, Floors, Question, Release, Spec


class NotTestable(Spec):
    """A claim that these data cannot test, with the reason that is printed."""

    claim: str
    reason: str


class Claim(Spec):
    """A claim of the literature that the plan holds the registry against.

    Questions name the claims that they test. A claim without a question says why.
    """

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=20)
    says: str = Field(min_length=3, description="the claim in words")
    source: str = Field("", description="where it is made")
    refused: str = Field("", description="why the registry cannot test it, or a part of it")


class Imputation(Spec):
    """How missing values are imputed where a question asks for it."""

    copies: int = Field(20, ge=2, le=200, description="completed data sets")
    iterations: int = Field(10, ge=1, le=100, description="rounds of the chained equations")
    seed: int = Field(1, ge=0, description="of the random draws")


class StudyPlan(Spec):
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
    imputation : Imputation
    claims : tuple of Claim
    questions : tuple
        In the order of the report.
    audit : Audit, optional
        Rules of the center audit.
    indicators : tuple of Indicator
        What the audit looks at; see `audited`.
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
    imputation: Imputation = Field(default_factory=Imputation)
    claims: tuple[Claim, ...] = Field((), alias="claim")
    questions: tuple[AnyQuestion, ...] = Field((), alias="question")
    audit: Audit = Field(default_factory=Audit)
    indicators: tuple[Indicator, ...] = Field((), alias="indicator")
    not_testable: tuple[NotTestable, ...] = ()
    source: Path | None = Field(None, exclude=True)

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        for kind, parts in (("question", self.questions), ("indicator", self.indicators)):
            ids = [part.id for part in parts]
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if twice:
                raise ValueError(f"{kind} ids appear twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not (self.questions or self.indicators or "audit" in self.model_fields_set):
            raise ValueError("a plan has a [[question]], an [[indicator]] or an [audit]")
        return self

    @model_validator(mode="after")
    def _claims_are_answered_or_refused(self) -> Self:
        known = [c.id for c in self.claims]
        if len(set(known)) < len(known):
            raise ValueError("claim ids appear twice")
        tested = {c for q in self.questions for c in q.claim}
        if tested - set(known):
            raise ValueError(f"no [[claim]] has the id {', '.join(sorted(tested - set(known)))}")
        silent = [c.id for c in self.claims if c.id not in tested and not c.refused]
        if silent:
            raise ValueError(
                f"claim {', '.join(silent)} has no question; add one, or say why in refused"
            )
        return self

    @model_validator(mode="after")
    def _what_is_known_is_audited(self) -> Self:
        ids = {spec.id for spec in self.audited}
        strange = sorted({i for known in self.audit.known for i in known.indicators} - ids)
        if strange:
            raise ValueError(f"audit.known names no indicator of the plan: {', '.join(strange)}")
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the plan's content, independent of comments and layout."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"source"})
        if not (self.indicators or "audit" in self.model_fields_set):
            del content["audit"], content["indicator"]  # nothing was said of an audit
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def audited(self) -> tuple[Indicator, ...]:
        """The plan's indicators, or the default ones, with every rule of the audit filled in."""
        return tuple(i.under(self.audit) for i in self.indicators or default_indicators())

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
    except RecursionError:
        raise PlanError("is nested deeper than any plan.", file=source) from None
    except (ValueError, OSError) as error:  # no TOML, no UTF-8, a number of 5,000 digits
        message = f"cannot be read as TOML: {error}. {explain_toml(error)}".rstrip()
        raise PlanError(message, file=source) from None
    return _parse(content, source)


def _parse(content: dict[str, Any], source: Path) -> StudyPlan:
    if "source" in content:
        raise PlanError(
            "source: unknown key. [[source]] belongs to a registry.toml; expected a study.toml.",
            file=source,
        )
    try:
        return StudyPlan.model_validate({**content, "source": source})
    except ValidationError as error:
        lines = "\n".join(f"  - {line}" for line in explain_plan(error, content))
        raise PlanError(f"the plan is not understood:\n{lines}", file=source) from None


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
