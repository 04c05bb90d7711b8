"""The whole path of a study in one short function, and what an audit shares with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from vpstats.analyses import Part, analyse, check_question, flow_cells, restrict
from vpstats.cohorts import build_cohort
from vpstats.disclosure import Relation, ReleasePolicy, release
from vpstats.errors import PlanError, UsageError
from vpstats.frames import Frame
from vpstats.ledger import Ledger, cell_id
from vpstats.registry import read_registry
from vpstats.registry.spine import region
from vpstats.schema_tables import TABLES, VERTEBRAE
from vpstats.severity import SEVERITIES
from vpstats.study import Indicator, StudyPlan, read_plan

if TYPE_CHECKING:
    from vpstats.disclosure import Released
    from vpstats.registry import Registry
    from vpstats.report.study import RegistrySummary
    from vpstats.study import Question

Progress = Callable[[str, int, int], None]
"""Called with what begins, its number and how many there are."""


@dataclass(frozen=True)
class StudyResult:
    """Everything that a study run made.

    Parameters
    ----------
    plan : StudyPlan
    registry : Registry
        The cleaned registry with its corrections and findings.
    ledger : Ledger
        Every statistic: internal, not released.
    public, internal : Released
        The ledger behind the disclosure gate, and the unsuppressed edition.
    folder : Path, optional
        Where the report was written.
    """

    plan: StudyPlan
    registry: Registry
    ledger: Ledger
    public: Released
    internal: Released
    folder: Path | None = None


def run_study(
    plan: StudyPlan | str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """Read the registry, answer every question of the plan, release, and write the report.

    Parameters
    ----------
    plan : StudyPlan or path
        A plan, a study.toml, or the folder that holds one.
    out : path, optional
        Folder of the report; nothing is written if None.
    progress : callable, optional
        Called before each step with its name, number and the number of steps.

    Returns
    -------
    StudyResult

    Raises
    ------
    PlanError
        If the plan cannot be read, has no question, or asks for what its cohorts do not have.
    DataError
        If the registry cannot be read.

    Examples
    --------
    >>> from importlib.resources import files
    >>> result = run_study(files("vpstats") / "templates")
    >>> result.ledger.select(analysis="leak_volume", stat="n_patients")["value"].tolist()
    [7.0]
    """
    plan = plan if isinstance(plan, StudyPlan) else read_plan(plan)
    if not plan.questions:
        raise PlanError("the plan has no [[question]]; see 'vpstats audit'.", file=plan.source)
    steps = Steps(progress, len(plan.questions) + 3)
    steps.begin("Reading and cleaning the registry")
    registry = read_registry(plan.registry_path)
    ledger = _ledger(plan, registry, steps)
    steps.begin("Applying the disclosure rules")
    known = [*regions_of_spine(plan, ledger), *severities_of_any(plan, ledger)]
    public = release(ledger, release_policy(plan), relations=known)
    internal = release(ledger, ReleasePolicy(audience="internal"))
    steps.begin("Writing the report")
    folder = None if out is None else _write(plan, registry, public, internal, Path(out))
    return StudyResult(plan, registry, ledger, public, internal, folder)


def check_plan(plan: StudyPlan, registry: Registry) -> None:
    """Check that every question of a plan can be asked of a registry; nothing is analysed.

    Parameters
    ----------
    plan : StudyPlan
    registry : Registry

    Raises
    ------
    PlanError
        If a question asks for a cohort, an option, a column or a formula that there is not.
    """
    cohorts = Cohorts(registry, plan)
    for question in plan.questions:
        check_question(question, restrict(question, cohorts.build(question), plan), plan)


def regions_of_spine(plan: StudyPlan, ledger: Ledger) -> list[Relation]:
    """Sums that tie a map of the spine to questions about regions of the same levels.

    The ledger's names do not show that the vertebrae of a region add up to it; where the numbers
    do, the disclosure gate has to know.
    """
    values = ledger.cells.set_index("cell_id")["value"].to_dict()
    maps = [q for q in plan.questions if q.kind == "spine_map"]
    asked = [q for q in plan.questions if getattr(q, "exposure", None) == "region"]
    found = []
    for spine, question in product(maps, asked):
        for name, vertebrae in _REGIONS.items():
            total = cell_id(question.id, "", "region", name, "n")
            cells = (cell_id(spine.id, "", "level", v, "n") for v in vertebrae)
            parts = tuple(c for c in cells if c in values)
            if total in values and values[total] == sum(values[c] for c in parts):
                found.append(Relation(total, parts))
    return found


def severities_of_any(plan: StudyPlan, ledger: Ledger) -> list[Relation]:
    """Sums that tie any complication to the procedures by their worst one."""
    known = set(ledger.cells["cell_id"])
    found = []
    for question in plan.questions:
        total = cell_id(question.id, "", "any_complication", "", "n_events")
        cells = (cell_id(question.id, "", "worst_severity", s, "n_events") for s in SEVERITIES)
        parts = tuple(c for c in cells if c in known)
        if question.kind == "complications" and total in known and parts:
            found.append(Relation(total, parts))
    return found


_REGIONS = {
    name: [v for v in VERTEBRAE if region(v) == name]
    for name in dict.fromkeys(region(v) for v in VERTEBRAE)
}


def release_policy(plan: StudyPlan) -> ReleasePolicy:
    """The disclosure policy that a plan states for its public edition."""
    return ReleasePolicy(audience="public", **plan.release.model_dump())


@dataclass
class Steps:
    """Tells whoever waits what begins."""

    progress: Progress | None
    total: int
    done: int = 0

    def begin(self, name: str) -> None:
        """Begin a step."""
        self.done += 1
        if self.progress is not None:
            self.progress(name, self.done, self.total)


def claimed(out: str | Path | None) -> AbstractContextManager[None]:
    """Keep others from a folder while it is worked at; nothing where none is written."""
    if out is None:
        return nullcontext()
    from vpstats.report.writing import claim

    return claim(Path(out))


def _ledger(plan: StudyPlan, registry: Registry, steps: Steps) -> Ledger:
    cohorts = Cohorts(registry, plan)
    whole = Part(rows=flow_cells(everybody(registry), "flow_registry"))
    for question in plan.questions:
        steps.begin(question.title)
        frame = restrict(question, cohorts.build(question), plan)
        whole.extend(analyse(question, frame, plan))
        whole.rows += flow_cells(frame, f"flow_{question.id}")
    return Ledger.from_rows(whole.rows, whole.notes)


def cohort_key(question: Question | Indicator) -> str:
    """What questions and indicators of one cohort share."""
    return f"{question.cohort} {sorted(question.options.items())}"


class Cohorts:
    """Builds each cohort once, however many questions ask about it."""

    def __init__(self, registry: Registry, plan: StudyPlan) -> None:
        self.registry = registry
        self.plan = plan
        self.built: dict[str, Frame] = {}

    def build(self, question: Question | Indicator) -> Frame:
        """Build the cohort of a question or an indicator."""
        key = cohort_key(question)
        try:
            if _IN_ORDER.search(question.model_dump_json()):
                self.registry.require_true_dates("An operator's running number")
            if key not in self.built:
                self.built[key] = build_cohort(self.registry, question.cohort, **question.options)
        except UsageError as error:
            kind = "indicator" if isinstance(question, Indicator) else "question"
            message = f"{kind} '{question.id}': {error}"
            raise PlanError(message, file=self.plan.source) from None
        return self.built[key]


_IN_ORDER = re.compile(r"\boperator_cases?_")
"""Columns that count procedures as the calendar went on."""


def everybody(registry: Registry) -> Frame:
    """The registry's procedures, the opt-outs first in their flow."""
    return Frame(registry.procedures, unit="procedure", name="registry", flow=registry.exclusions)


def _write(
    plan: StudyPlan, registry: Registry, public: Released, internal: Released, out: Path
) -> Path:
    from vpstats.report.manifest import collect_provenance
    from vpstats.report.study import write_study

    return write_study(
        plan=plan,
        registry_summary=summary_of(registry),
        public=public,
        internal=internal,
        internal_files={
            "findings": registry.findings,
            "corrections": registry.corrections,
            "sources": registry.sources,
        },
        provenance=collect_provenance(input_files(plan, registry)),
        out=out,
    )


def summary_of(registry: Registry) -> RegistrySummary:
    """What pages say of a registry."""
    from vpstats.report.study import RegistrySummary

    return RegistrySummary(
        name=registry.name,
        data_cut=registry.data_cut.date(),
        synthetic=registry.synthetic,
        shown_fields=shown_fields(),
        consent=registry.consent,
        deidentified={f"{t.table}.{t.field}": t.became for t in registry.deidentified},
    )


def shown_fields() -> frozenset[tuple[str, str]]:
    """Fields whose raw values the internal cleaning log may show: all that identify nobody."""
    return frozenset(
        (table.name, column.name)
        for table in TABLES.values()
        for column in table
        if not column.masked and column.kind != "date"
    )


def input_files(plan: StudyPlan, registry: Registry) -> dict[str, Path]:
    """Files that the run read, by their name relative to registry.toml.

    Files outside that folder are named by their last part alone: the manifest must not say whose
    machine this was.
    """
    found = registry_files(plan.registry_path, registry)
    if plan.source is not None and plan.source.is_file():
        path = plan.source.resolve()
        found[_relative(path, plan.registry_path.parent.resolve())] = path
    return found


def registry_files(mapping: Path, registry: Registry) -> dict[str, Path]:
    """A mapping and the exports that it names, by their name relative to it."""
    base = mapping.parent.resolve()
    # what stands after a colon is a sheet of a workbook or a member of an archive
    names = [n for name in registry.sources["file"] for n in (name, name.partition(":")[0])]
    files = [mapping.resolve(), *(base / name for name in names if name)]
    return {_relative(path, base): path for path in files if path.is_file()}


def _relative(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name
