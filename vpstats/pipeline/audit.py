"""The whole path of a center audit in one short function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from vpstats import __version__
from vpstats.analyses import flow_cells
from vpstats.centers.audit import collect_audit
from vpstats.centers.cells import Cells, audit_cells
from vpstats.centers.indicator import Audited, audit_indicator
from vpstats.centers.rows import indicator_rows
from vpstats.disclosure import Relation, ReleasePolicy, Rests, release
from vpstats.errors import FormulaError, InternalError, PlanError, UsageError
from vpstats.ledger import Ledger, Note
from vpstats.pipeline.calendar import calendar_notes, without_calendar
from vpstats.pipeline.known import known_notes
from vpstats.pipeline.participation import participation_rows
from vpstats.pipeline.previous import Previous, find_changes, read_previous
from vpstats.pipeline.review import case_list
from vpstats.pipeline.study import (
    Cohorts,
    Progress,
    Steps,
    claimed,
    cohort_key,
    everybody,
    input_files,
    release_policy,
    summary_of,
)
from vpstats.registry import read_registry
from vpstats.registry.cut import cut_registry
from vpstats.study import StudyPlan, read_plan
from vpstats.workers import side_by_side

if TYPE_CHECKING:
    from vpstats.centers.result import AuditResult
    from vpstats.disclosure import Released
    from vpstats.frames import Frame
    from vpstats.registry import Registry
    from vpstats.report.audit_document import AuditDocument, Changed
    from vpstats.study import Indicator

Audience = Literal["internal", "public"]

_WHAT = "An audit as of a day, or against an earlier one,"
ALONE = (
    "There is one center, and no other to compare it with: nothing has a verdict, and that there "
    "is no flag means nothing. Its counts and rates stand below with their intervals."
)
"""Said once in place of a reason for every indicator."""


@dataclass(frozen=True)
class AuditRun:
    """Everything that an audit made.

    Parameters
    ----------
    plan : StudyPlan
    registry : Registry
        The cleaned registry, cut where a day was named.
    result : AuditResult
        Every indicator with its verdicts: internal, not released.
    ledger : Ledger
        Every statistic: internal, not released.
    public, internal : Released
        The ledger behind the disclosure gate, and the unsuppressed edition.
    changes : tuple of Changed
        Verdicts that are others than in the previous audit.
    center : str, optional
        The one center that was asked for.
    document : AuditDocument
        The edition that was asked for, for programs.
    folder : Path, optional
        Where the audit was written.
    """

    plan: StudyPlan
    registry: Registry
    result: AuditResult
    ledger: Ledger
    public: Released
    internal: Released
    changes: tuple[Changed, ...] = ()
    center: str | None = None
    document: AuditDocument | None = None
    folder: Path | None = None


def run_audit(
    plan: StudyPlan | str | Path,
    *,
    out: str | Path | None = None,
    center: str | None = None,
    as_of: object = None,
    previous: str | Path | None = None,
    audience: Audience = "internal",
    registry: Registry | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> AuditRun:
    """Read the registry, audit every indicator of the plan, release, and write the pages.

    Parameters
    ----------
    plan : StudyPlan or path
        A plan, a study.toml, or the folder that holds one. A plan that names no indicator is
        audited by `study.default_indicators`.
    out : path, optional
        Folder of the audit; nothing is written if None.
    center : str, optional
        Write the page of this center alone, beside the network's.
    as_of : date-like, optional
        Last day that counts: procedures after it do not exist, follow-up is censored there.
    previous : path, optional
        Folder of an earlier audit; which verdicts changed since, and why, is then said.
    audience : {"internal", "public"}
        Edition of `AuditRun.document`. "public" also leaves the internal folder out.
    registry : Registry, optional
        Exports that were read already; those that the plan names if None.
    workers : int
        Processes that audit indicators and write pages side by side, where the system can fork;
        the results do not depend on their number.
    progress : callable, optional
        Called before each step with its name, number and the number of steps.

    Returns
    -------
    AuditRun

    Raises
    ------
    PlanError
        If the plan cannot be read or asks for what its cohorts do not have.
    DataError
        If the registry cannot be read.
    UsageError
        If the center, the day or the earlier audit is not there, or another run is at work.

    Examples
    --------
    >>> from importlib.resources import files
    >>> run = run_audit(files("vpstats") / "templates")
    >>> run.result.worst()
    'none'
    """
    if audience not in ("internal", "public"):
        raise UsageError(f"audience is {audience!r}; expected 'internal' or 'public'.")
    plan = plan if isinstance(plan, StudyPlan) else read_plan(plan)
    earlier = None if previous is None else read_previous(Path(previous))
    with claimed(out):
        steps = Steps(progress, len(plan.audited) + 3)
        steps.begin("Reading and cleaning the registry")
        exports = read_registry(plan.registry_path) if registry is None else registry
        folder = None if out is None else Path(out)
        asked = _Asked(plan, center, earlier, audience, folder, workers)
        return _run(asked, exports, as_of, steps)


@dataclass(frozen=True)
class _Asked:
    """What a run was asked for."""

    plan: StudyPlan
    center: str | None
    earlier: Previous | None
    audience: Audience
    out: Path | None
    workers: int


def _run(asked: _Asked, exports: Registry, as_of: object, steps: Steps) -> AuditRun:
    plan, earlier, center = asked.plan, asked.earlier, asked.center
    if as_of is not None or earlier is not None:
        exports.require_true_dates(_WHAT)
    registry = exports if as_of is None else cut_registry(exports, as_of)
    _require_procedures(exports, registry)
    specs = without_calendar(plan.audited, registry)
    found = _audit_all(plan, specs, registry, asked.workers, steps)
    signalling = [spec.id for spec in specs if spec.sets_exit_code]
    results = [one.result for one in found]
    result = collect_audit(results, plan.audit, signalling=signalling, title=plan.title)
    _require_center(center, result)
    changes = () if earlier is None else find_changes(plan, exports, result, earlier)
    # what the public was not told it must not learn from what became of it
    told = tuple(c for c in changes if earlier is not None and earlier.was_told(c))
    ledger, made = _ledger(plan, registry, result, found, told)
    steps.begin("Applying the disclosure rules")
    before = None if earlier is None else earlier.published
    known: list[Relation | Rests] = [
        *(Relation(total, parts) for total, parts in made.sums),
        *(Rests(estimates, counts) for counts, estimates in made.rests),
    ]
    public = release(ledger, release_policy(plan), previous=before, relations=known)
    hidden = [change for change in changes if change not in told]
    inside = _inside(ledger, made.inside, found, hidden)
    internal = release(inside, ReleasePolicy(audience="internal"))
    steps.begin("Writing the pages")
    run = AuditRun(plan, registry, result, ledger, public, internal, changes, center)
    inputs = input_files(plan, exports)
    documents = _documents(run, earlier, inputs)
    folder = None
    if asked.out is not None:
        folder = _write(asked, run, found, documents, inputs)
    return replace(run, document=documents[asked.audience], folder=folder)


def check_audit(plan: StudyPlan, registry: Registry) -> None:
    """Check that every indicator that a plan names can be asked of a registry.

    Raises
    ------
    PlanError
        If an indicator asks for a cohort, an option or a column that there is not.
    """
    if not plan.indicators:
        return
    cohorts = Cohorts(registry, plan)
    for spec in without_calendar(plan.audited, registry):
        try:
            frame = cohorts.build(spec)
            indicator_rows(frame, spec, registry.over_by)
            _require_columns(frame, spec)
        except (FormulaError, UsageError) as error:
            raise _of_plan(error, spec, plan) from None


def _require_columns(frame: Frame, spec: Indicator) -> None:
    from vpstats.centers.rows import need
    from vpstats.models.formula import parse_formula

    need(frame, parse_formula(f"~ {' + '.join(spec.adjust) or '1'}").columns)


def _of_plan(error: Exception, spec: Indicator, plan: StudyPlan) -> PlanError:
    return PlanError(f"indicator '{spec.id}': {error}", file=plan.source)


def _audit_all(
    plan: StudyPlan,
    specs: Sequence[Indicator],
    registry: Registry,
    workers: int,
    steps: Steps,
) -> list[Audited]:
    """Audit every indicator, those of one cohort by one process."""
    groups = [list(members) for _, members in groupby(specs, key=cohort_key)]
    found = list[Audited]()
    with closing(side_by_side(partial(_audit_group, plan, registry), groups, workers)) as made:
        for specs in groups:
            for spec in specs:
                steps.begin(spec.title)
            found += next(made)
    return found


def _audit_group(plan: StudyPlan, registry: Registry, specs: Sequence[Indicator]) -> list[Audited]:
    """Audit indicators of one cohort, which goes when they are done."""
    cohorts, found = Cohorts(registry, plan), list[Audited]()
    for spec in specs:
        frame = cohorts.build(spec)
        try:
            _require_columns(frame, spec)
            operated = _with_operators(frame, registry) if spec.learning else frame
            found += audit_indicator(operated, spec, registry.over_by)
        except (FormulaError, UsageError) as error:
            raise _of_plan(error, spec, plan) from None
    return found


def _with_operators(frame: Frame, registry: Registry) -> Frame:
    """The frame with the pseudonym of who operated; it goes no farther than a learning curve."""
    if "procedure_id" not in frame.data.columns:
        return frame
    operators = registry.procedures.set_index("procedure_id")["operator_id"]
    who = frame.data["procedure_id"].map(operators)
    return replace(frame, data=frame.data.assign(operator_id=who))


def _require_procedures(exports: Registry, registry: Registry) -> None:
    """An audit as of a day before everything would say that nothing is wrong."""
    if registry.procedures.empty and not exports.procedures.empty:
        first = exports.procedures["proc_date"].min()
        raise UsageError(
            f"the registry has no procedure up to {registry.data_cut.date().isoformat()}; its "
            f"first one is of {first.year}. Name a later day."
        )


def _require_center(center: str | None, result: AuditResult) -> None:
    if center is not None and center not in result.centers:
        known = ", ".join(result.centers[:20]) or "no center at all"
        raise UsageError(f"the audit has no center '{center}'; it has {known}.")


def document_text(run: AuditRun, form: Literal["text", "json"]) -> str:
    """Write the document of a run for people or for programs."""
    from vpstats.report.audit_document import as_json, as_text

    if run.document is None:
        raise InternalError("the run has no document.")
    return as_json(run.document) if form == "json" else as_text(run.document)


def audit_json_schema() -> dict[str, Any]:
    """The JSON Schema of audit.json."""
    from vpstats.report.audit_document import audit_json_schema as schema

    return schema()


# ------------------------------------------------------------------ ledger


def _ledger(
    plan: StudyPlan,
    registry: Registry,
    result: AuditResult,
    found: Sequence[Audited],
    changes: Sequence[Changed],
) -> tuple[Ledger, Cells]:
    titles = {spec.id: spec.title for spec in plan.audited}
    made = audit_cells(result, titles, plan.audit.q_limit)
    rows = list(flow_cells(everybody(registry), "flow_registry"))
    rows += participation_rows(registry)
    for one in found:
        rows += flow_cells(one.frame, f"flow_{one.result.analysis}")
    notes = [*_general_notes(plan), *_empty_notes(result), *calendar_notes(plan.audited, registry)]
    notes += [*known_notes(plan, result), *made.notes]
    notes += _change_notes(changes)
    return Ledger.from_rows([*rows, *made.rows], notes), made


def _general_notes(plan: StudyPlan) -> Iterator[Note]:
    rules = plan.audit
    yield Note(
        "audit",
        "method",
        f"An alert is outside the {rules.alert:.4g} limits; an alarm is outside the "
        f"{rules.alarm:.4g} limits with an adjusted p-value of at most {rules.q_limit:g} over all "
        "centers and indicators that signal (Benjamini and Hochberg 1995). Where nothing is wrong, "
        f"an alarm of any kind is to be expected in at most {rules.q_limit:.0%} of audits; an "
        "alert is nearly certain.",
    )
    yield Note("audit", "limit", "A flag is a starting point for questions, not a judgement.")
    if rules.power:
        yield Note("audit", "limit", rules.power)


def _empty_notes(result: AuditResult) -> Iterator[Note]:
    if not result.centers:
        text = "Nothing was compared: no indicator has a row in its period. No flag means nothing."
        yield Note("audit", "scope", text)
    if len(result.centers) == 1:
        yield Note("audit", "scope", ALONE)


def _change_notes(changes: Iterable[Changed]) -> Iterator[Note]:
    for change in changes:
        tail = "" if change.stratum == "all" else f"_{change.stratum}"
        analysis = f"audit_{change.indicator}{tail}"
        text = f"Was: {change.before}; is: {change.after}. Why: {', '.join(change.reasons)}."
        count = f"{analysis}/{change.center}/outcome//observed"
        yield Note(analysis, "change", text, change.center, (count,))


def _inside(
    ledger: Ledger,
    rows: Sequence[dict[str, Any]],
    found: Iterable[Audited],
    changes: Iterable[Changed],
) -> Ledger:
    """The ledger with the cells and sentences that only the internal edition may hold."""
    notes = [*ledger.notes, *_change_notes(changes)]
    for one in found:
        for row in one.signals.to_dict("records") if len(one.signals) else ():
            text = (
                f"The chart for {row['side']} results first signalled at row {row['run_length']} "
                f"({pd.Timestamp(row['first_signal']).date().isoformat()})."
            )
            notes.append(Note(one.result.analysis, "signal", text, str(row["center_id"])))
    more = pd.DataFrame(rows, columns=list(ledger.cells.columns))
    kept = ledger.cells[~ledger.cells["cell_id"].isin(more["cell_id"])]
    cells = pd.concat([kept, more.astype(ledger.cells.dtypes)], ignore_index=True)
    return Ledger(cells if len(more) else ledger.cells, tuple(notes))


# ------------------------------------------------------------------ writing


def _documents(
    run: AuditRun, earlier: Previous | None, inputs: Mapping[str, Path]
) -> dict[Audience, AuditDocument]:
    from vpstats.report.audit_document import Asked, audit_document

    asked = Asked(
        run.plan,
        summary_of(run.registry),
        __version__,
        run.center,
        None if earlier is None else earlier.summary(inputs),
        tuple(c for c in run.changes if run.center in (None, c.center)),
    )
    told = tuple(c for c in asked.changes if earlier is not None and earlier.was_told(c))
    return {
        "public": audit_document(run.public, replace(asked, changes=told)),
        "internal": audit_document(run.internal, asked),
    }


def _internal_tables(
    registry: Registry, result: AuditResult, found: Sequence[Audited]
) -> dict[str, pd.DataFrame]:
    tables = {
        "charts": _stacked(one.charts for one in found),
        "signals": _stacked(one.signals for one in found),
        "learning": _stacked(one.learning for one in found),
        "incidence": _stacked(one.curves for one in found),
        "casemix": _stacked(_mix_of(one) for one in found),
        # a case is found by its number in the order of the days
        "cases": pd.DataFrame() if registry.shifted_days else case_list(result, found),
    }
    logs = {
        "findings": registry.findings,
        "corrections": registry.corrections,
        "sources": registry.sources,
    }
    return {**{name: table for name, table in tables.items() if len(table)}, **logs}


def _mix_of(one: Audited) -> pd.DataFrame:
    """Case mix of the rows of one indicator, or of a stratum of it."""
    place = {"indicator": one.result.indicator, "stratum": one.result.stratum}
    mix = one.result.casemix
    return pd.DataFrame({**place, **{c: mix[c] for c in mix}}) if len(mix) else mix


def _stacked(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def _write(
    asked: _Asked,
    run: AuditRun,
    found: Sequence[Audited],
    documents: Mapping[Audience, AuditDocument],
    inputs: Mapping[str, Path],
) -> Path:
    from vpstats.report.audit import write_audit
    from vpstats.report.audit_document import as_json, as_text
    from vpstats.report.manifest import collect_provenance

    files: dict[str, dict[str, str]] = {
        edition: {"audit.json": as_json(document), "audit.txt": as_text(document)}
        for edition, document in documents.items()
    }
    internal = asked.audience == "internal"
    return write_audit(
        plan=run.plan,
        registry_summary=summary_of(run.registry),
        public=run.public,
        internal=run.internal if internal else None,
        internal_tables=_internal_tables(run.registry, run.result, found) if internal else {},
        provenance=collect_provenance(inputs),
        out=Path(str(asked.out)),
        center=run.center,
        extra_files=files,
        workers=asked.workers,
    )
