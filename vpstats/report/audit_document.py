"""The audit for programs: a versioned JSON document, and the same in lines of text.

Both are read from a `Released`, so that a public document holds what the public pages hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vpstats.disclosure import Released
from vpstats.errors import UsageError
from vpstats.report.parts import tidied
from vpstats.report.study import LEDGER_DIGITS, RegistrySummary
from vpstats.study import Indicator, StudyPlan

FORMAT: Literal["vpstats-audit/1"] = "vpstats-audit/1"
"""Name and version of the document's format; what breaks a reader gets a new number."""

NETWORK = "network"


class Part(BaseModel):
    """Part of the document: frozen, and nothing else in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CenterVerdict(Part):
    """What is said of one center by one indicator."""

    center: str
    verdict: Literal["none", "alert", "alarm", "no verdict", "withheld"]
    side: Literal["", "worse", "better"]
    numbers: dict[str, float | None] = Field(
        description="statistics by name; null where withheld or not estimable"
    )
    detection: dict[str, float | None] = Field(description="who was examined, by statistic")
    withheld: list[str] = Field(description="statistics that the disclosure rule hides or rounds")
    reasons: list[str] = Field(description="why there is no verdict")
    sentences: list[str] = Field(description="what else is said")


class IndicatorDocument(Part):
    """One indicator, over all rows or one stratum."""

    id: str
    stratum: str
    title: str
    kind: Literal["outcome", "process"]
    unit: str
    measure: Literal["proportion", "incidence"]
    better: Literal["lower", "higher"]
    signals: bool = Field(description="whether its verdicts decide the exit code")
    fingerprint: str = Field(description="SHA-256 of what the plan says of it")
    network: dict[str, float | None]
    methods: list[str]
    centers: list[CenterVerdict]


class Changed(Part):
    """A verdict that is another than in the previous audit."""

    indicator: str
    stratum: str
    center: str
    before: str
    after: str
    reasons: list[str] = Field(
        description="new data, corrected data, changed plan, other centers, other software"
    )


class PreviousDocument(Part):
    """What this audit was compared with."""

    data_cut: str
    plan: str = Field(description="fingerprint of the plan")
    inputs_changed: list[str] = Field(description="input files whose bytes are others now")


class AuditDocument(Part):
    """The audit of centers, for programs.

    A flag is a starting point for questions, not a judgement. What is null was withheld, or could
    not be estimated.
    """

    format: Literal["vpstats-audit/1"]
    edition: Literal["public", "internal"]
    title: str
    vpstats: str = Field(description="version of the software")
    registry: str
    synthetic: bool
    data_cut: str = Field(description="last day of the data, YYYY-MM-DD")
    plan: str = Field(description="fingerprint of the plan")
    center: str | None = Field(description="the one center that was asked for, if any")
    rules: dict[str, float | str]
    verdict: Literal["none", "alert", "alarm"] = Field(
        description="the gravest verdict of worse results that this document shows"
    )
    indicators: list[IndicatorDocument]
    known: list[str] = Field(
        default_factory=list,
        description="what the plan states as true of centers, each with what was found",
    )
    previous: PreviousDocument | None
    changes: list[Changed]


@dataclass(frozen=True)
class Asked:
    """What the document says beyond the numbers.

    Parameters
    ----------
    plan : StudyPlan
    registry : RegistrySummary
    version : str
        Of the software.
    center : str, optional
        The one center that was asked for.
    previous : PreviousDocument, optional
    changes : tuple of Changed
    """

    plan: StudyPlan
    registry: RegistrySummary
    version: str
    center: str | None = None
    previous: PreviousDocument | None = None
    changes: tuple[Changed, ...] = ()


def audit_document(released: Released, asked: Asked) -> AuditDocument:
    """Write an edition of an audit as a document.

    Parameters
    ----------
    released : Released
        The edition; nothing that it withholds is in the document.
    asked : Asked
        Plan, registry and what was asked for.

    Returns
    -------
    AuditDocument
    """
    reader = _Reader.of(released)
    parts = tuple(_parts(reader, asked))
    internal = released.policy.audience == "internal"
    return AuditDocument(
        format=FORMAT,
        edition="internal" if internal else "public",
        title=asked.plan.title,
        vpstats=asked.version,
        registry=asked.registry.name,
        synthetic=asked.registry.synthetic,
        data_cut=asked.registry.data_cut.isoformat(),
        plan=asked.plan.fingerprint,
        center=asked.center,
        rules=_rules(asked.plan),
        verdict=_gravest(parts),
        indicators=list(parts),
        known=[text for text in reader.said("audit", "", "finding") if text != "withheld"],
        previous=asked.previous,
        changes=[c for c in asked.changes if _is_shown(c, parts)],
    )


def _rules(plan: StudyPlan) -> dict[str, float | str]:
    return {k: v for k, v in plan.audit.model_dump().items() if isinstance(v, int | float | str)}


def _gravest(parts: tuple[IndicatorDocument, ...]) -> Literal["none", "alert", "alarm"]:
    found = {
        c.verdict for p in parts if p.signals for c in p.centers if c.side == "worse"
    }  # fmt: skip
    return "alarm" if "alarm" in found else "alert" if "alert" in found else "none"


def _is_shown(change: Changed, parts: tuple[IndicatorDocument, ...]) -> bool:
    """Whether the verdict of a change is one that the edition shows: its words say no more."""
    return any(
        c.verdict != "withheld"
        for p in parts
        if (p.id, p.stratum) == (change.indicator, change.stratum)
        for c in p.centers
        if c.center == change.center
    )


@dataclass(frozen=True)
class _Reader:
    """Cells and notes of a release by analysis and group, looked up once."""

    cells: dict[tuple[str, str, str], dict[str, tuple[float, str]]]
    units: dict[str, str]
    notes: dict[tuple[str, str, str], list[str]]

    @classmethod
    def of(cls, released: Released) -> _Reader:
        frame = released.cells
        frame = frame[(frame["level"] == "") & frame["variable"].isin(["outcome", "detection"])]
        cells: dict[tuple[str, str, str], dict[str, tuple[float, str]]] = {}
        columns = ("analysis", "group", "variable", "stat", "value", "suppressed", "unit")
        units: dict[str, str] = {}
        for row in zip(*(frame[c].tolist() for c in columns), strict=True):
            analysis, group, variable, stat, value, reason, unit = row
            cells.setdefault((analysis, group, variable), {})[stat] = (value, reason)
            if stat == "n":
                units[analysis] = unit
        notes: dict[tuple[str, str, str], list[str]] = {}
        for note in released.notes:
            notes.setdefault((note.analysis, note.group, note.role), []).append(tidied(note.text))
        return cls(cells, units, notes)

    def numbers(self, analysis: str, group: str, variable: str = "outcome") -> dict[str, Any]:
        """Statistics by name, None where there is no number."""
        found = self.cells.get((analysis, group, variable), {})
        return {stat: _number(value) for stat, (value, _) in found.items()}

    def withheld(self, analysis: str, group: str) -> list[str]:
        """Statistics that the rule hides or rounds."""
        found = self.cells.get((analysis, group, "outcome"), {})
        return [stat for stat, (_, reason) in found.items() if reason]

    def said(self, analysis: str, group: str, *roles: str) -> list[str]:
        """Sentences of some roles, each once."""
        texts = [t for role in roles for t in self.notes.get((analysis, group, role), [])]
        return list(dict.fromkeys(text for text in texts if text != "withheld"))

    def centers(self, analysis: str) -> list[str]:
        """Centers of an analysis, ascending."""
        return sorted(g for a, g, v in self.cells if (a, v) == (analysis, "outcome")
                      and g != NETWORK)  # fmt: skip


def _number(value: float) -> float | None:
    return float(f"{value:.{LEDGER_DIGITS}g}") if isfinite(value) else None


def _parts(reader: _Reader, asked: Asked) -> Iterator[IndicatorDocument]:
    for spec in asked.plan.audited:
        for stratum in ("all", *spec.strata):
            analysis = f"audit_{spec.id}" + ("" if stratum == "all" else f"_{stratum}")
            if reader.centers(analysis):
                yield _part(reader, asked, spec, stratum, analysis)


def _part(
    reader: _Reader, asked: Asked, spec: Indicator, stratum: str, analysis: str
) -> IndicatorDocument:
    centers = reader.centers(analysis)
    if asked.center is not None:
        centers = [c for c in centers if c == asked.center]
    return IndicatorDocument(
        id=spec.id,
        stratum=stratum,
        title=spec.title,
        kind=spec.kind,
        unit=reader.units.get(analysis, ""),
        measure=spec.measure,
        better=spec.better,
        signals=spec.sets_exit_code,
        fingerprint=spec.fingerprint,
        network=reader.numbers(analysis, NETWORK),
        methods=reader.said(analysis, "", "method", "caveat", "limit"),
        centers=[_center(reader, analysis, center) for center in centers],
    )


def _center(reader: _Reader, analysis: str, center: str) -> CenterVerdict:
    said = (reader.notes.get((analysis, center, "verdict")) or ["withheld"])[0]
    verdict, _, side = said.partition(", ")
    return CenterVerdict(
        center=center,
        verdict=verdict,
        side=side,
        numbers=reader.numbers(analysis, center),
        detection=reader.numbers(analysis, center, "detection"),
        withheld=reader.withheld(analysis, center),
        reasons=reader.said(analysis, center, "reason"),
        sentences=reader.said(analysis, center, "finding", "detection", "signal", "change"),
    )


def as_json(document: AuditDocument) -> str:
    """Write a document with its keys in their order: equal documents give equal bytes."""
    return json.dumps(document.model_dump(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_document(text: str, source: object) -> AuditDocument:
    """Read a document that `as_json` wrote.

    Raises
    ------
    UsageError
        If it is not one, or of another version.
    """
    try:
        return AuditDocument.model_validate_json(text)
    except ValueError:
        raise UsageError(
            f"this is no audit of the format {FORMAT}; name the folder of an earlier audit.",
            file=source,
        ) from None


def audit_json_schema() -> dict[str, Any]:
    """Derive the JSON Schema of audit.json, as published with the documentation.

    Examples
    --------
    >>> audit_json_schema()["properties"]["format"]["const"]
    'vpstats-audit/1'
    """
    return AuditDocument.model_json_schema()


# ------------------------------------------------------------------ text


def as_text(document: AuditDocument) -> str:
    """Write a document for people: flags first, then what has no verdict, in few lines."""
    parts = (_heading(document), _known_lines(document), _flag_lines(document),
             _silence_lines(document), _change_lines(document))  # fmt: skip
    return "\n".join(line for part in parts for line in part) + "\n"


def _heading(document: AuditDocument) -> Iterator[str]:
    yield document.title
    said = "synthetic" in document.registry.lower()
    made = " (synthetic)" if document.synthetic and not said else ""
    yield f"{document.registry}{made}, data cut {document.data_cut}, plan {document.plan[:12]}"
    if document.edition == "internal":
        yield "Internal: not released."
    yield ""
    if not any(part.centers for part in document.indicators):
        yield "Nothing was compared: no indicator has a row in its period."
        return
    centers = {c.center for part in document.indicators for c in part.centers}
    if len(centers) == 1 and document.center is None:
        yield "One center, and no other to compare it with: nothing has a verdict."
        return
    yield {
        "alarm": "ALARM: at least one center needs review.",
        "alert": "Alert: at least one center lies outside the inner limits.",
        "none": "No alert and no alarm.",
    }[document.verdict]
    yield "A flag is a starting point for questions, not a judgement."


def _known_lines(document: AuditDocument) -> Iterator[str]:
    if document.known:
        yield ""
        yield "What is true, as the plan states it, and what was found:"
    for sentence in document.known:
        yield f"  {sentence}"


def _flag_lines(document: AuditDocument) -> Iterator[str]:
    order = {("alarm", "worse"): 0, ("alert", "worse"): 1, ("alarm", "better"): 2}
    flags = [(p, c) for p in document.indicators for c in p.centers if c.side]
    yield ""
    yield f"Flags: {len(flags)}"
    # what decides the exit code first
    rank = [(not p.signals, order.get((c.verdict, c.side), 3)) for p, c in flags]
    for _, (part, center) in sorted(zip(rank, flags, strict=True), key=lambda pair: pair[0]):
        yield f"  {center.verdict}, {center.side:<7} {center.center:<8} {_named(part)}"
        for sentence in center.sentences:
            yield f"      {sentence}"


def _named(part: IndicatorDocument) -> str:
    stratum = "" if part.stratum == "all" else f" [{part.stratum.replace('_', ' ')}]"
    quiet = "" if part.signals else " (does not signal)"
    return f"{part.title}{stratum}{quiet}"


def _silence_lines(document: AuditDocument) -> Iterator[str]:
    yield ""
    yield "Verdicts:"
    for part in document.indicators:
        count = dict.fromkeys(("none", "alert", "alarm", "no verdict", "withheld"), 0)
        for center in part.centers:
            count[center.verdict] += 1
        words = ", ".join(f"{n} {'within limits' if w == 'none' else w}"
                          for w, n in count.items() if n)  # fmt: skip
        yield f"  {_named(part)}: {words}"


def _change_lines(document: AuditDocument) -> Iterator[str]:
    if document.previous is None:
        return
    yield ""
    yield f"Since the audit of {document.previous.data_cut}: {len(document.changes)} changed"
    for c in document.changes:
        stratum = "" if c.stratum == "all" else f" [{c.stratum}]"
        why = ", ".join(c.reasons)
        yield f"  {c.center}, {c.indicator}{stratum}: {c.before} -> {c.after} ({why})"
