"""The whole way: registry.toml → files → blocks → drafts → checked, canonical tables."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vpstats.errors import DataError
from vpstats.frames import FlowStep
from vpstats.registry.assemble import MAPPED, SOURCE, Draft, draft_table, drop_orphans
from vpstats.registry.blocks import Block, open_block, read_values
from vpstats.registry.checks import Case, Desk, Tables
from vpstats.registry.chosen_rows import rows_beside, rows_without_day
from vpstats.registry.confirmed import confirmed_part
from vpstats.registry.contradictions import contradictions
from vpstats.registry.deidentify import deidentify, read_key
from vpstats.registry.denied_deaths import denied_deaths
from vpstats.registry.derive import derive
from vpstats.registry.dialect import source_dialect
from vpstats.registry.gathered import Gathered
from vpstats.registry.journal import Journal, Places
from vpstats.registry.latest import keep_latest
from vpstats.registry.mapping import RegistryMap, SourceMap, find_mapping, read_mapping
from vpstats.registry.optouts import doubt_optouts
from vpstats.registry.people import leave_out, people_to_leave_out, rename_people, same_people
from vpstats.registry.pivot import add_leaks, move_extras, share_ages
from vpstats.registry.prepare import prepare
from vpstats.registry.raw import RawSource, SourceNote
from vpstats.registry.registry import SOURCE_COLUMNS, Registry
from vpstats.registry.review import all_doubts
from vpstats.registry.rounded_days import rounded_days
from vpstats.registry.row_names import fill_sessions
from vpstats.registry.shared_sums import doubt_shared_sums
from vpstats.registry.sources import describe_sources, read_sources, with_marks
from vpstats.registry.tables import text_table
from vpstats.registry.untaken_sessions import Untaken, untaken_sessions, without_session
from vpstats.schema import pandera_schema
from vpstats.schema_tables import TABLES


@dataclass(slots=True)
class _Reading:
    """What is gathered on the way."""

    mapping: RegistryMap
    journal: Journal = field(default_factory=Journal)
    sources: list[Mapping[str, Any]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    untaken: list[Untaken] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A registry with what its tables do not show: where each row comes from, and who left.

    Parameters
    ----------
    registry : Registry
        Canonical tables with their log.
    mapping : RegistryMap
        By which it was read.
    places : mapping of str to Places
        File and row of each row of each table.
    origin : mapping of str to ndarray of int
        Number of the source of each row, into ``mapping.sources``.
    left_out : frozenset of str
        Patients who are not in the tables because they did not want to be.
    folder : Path
        To which the names of its files are relative.
    gathered : mapping of str to Gathered
        Tables of which rows were made of several mapped tables.
    """

    registry: Registry
    mapping: RegistryMap
    places: Mapping[str, Places]
    origin: Mapping[str, Any]
    left_out: frozenset[str]
    folder: Path
    gathered: Mapping[str, Gathered] = field(default_factory=dict)


def read_registry(path: str | Path, *, n_jobs: int | None = None) -> Registry:
    """Read the raw exports that a ``registry.toml`` maps, clean and check them.

    Opt-outs leave first, from every table and from the logs. What can be read in one way only is
    repaired and written down in `corrections`; what cannot is set missing and written down in
    `findings`. Nothing is dropped silently.

    Parameters
    ----------
    path : str or Path
        ``registry.toml`` or the folder that holds it.
    n_jobs : int, optional
        Workers that read files side by side, through joblib: whichever backend is active, its Dask
        one included. Tables and log do not depend on it.

    Returns
    -------
    Registry
        Canonical tables with their log.

    Raises
    ------
    MappingError
        If the mapping does not fit the schema or the exports.
    DataError
        If an export cannot be read at all.

    References
    ----------
    Benchimol EI, et al. The REporting of studies Conducted using Observational Routinely-collected
    health Data (RECORD) statement. PLoS Med 2015;12:e1001885.

    Examples
    --------
    >>> from importlib.resources import files
    >>> read_registry(files("vpstats") / "templates").name
    'My registry'
    """
    return read_cut(path, n_jobs=n_jobs).registry


def read_cut(path: str | Path, *, n_jobs: int | None = None) -> Cut:
    """Read a registry as `read_registry` does, and keep where each row comes from."""
    file = find_mapping(path)
    mapping, proposals = confirmed_part(read_mapping(file), file.name)
    return read_by(mapping, file.parent, proposals=proposals, n_jobs=n_jobs)


def read_by(
    mapping: RegistryMap,
    folder: Path,
    *,
    proposals: Iterable[SourceNote] = (),
    n_jobs: int | None = None,
) -> Cut:
    """Read the exports of a folder by a mapping, all of which is confirmed.

    Parameters
    ----------
    mapping : RegistryMap
        What the columns of the exports are.
    folder : Path
        To which the names of files are relative.
    proposals : iterable of SourceNote
        What is said of parts that were not confirmed, and are not read.
    n_jobs : int, optional
        Workers that read files side by side.

    Returns
    -------
    Cut
        As `read_cut` gives it.
    """
    reading = _Reading(mapping)
    for note in proposals:
        reading.journal.note(note.rule, note.note, file=note.file)
    ask = reading.mapping.registry.deidentify
    key = None if ask is None else read_key(ask, folder)
    sources = reading.mapping.sources
    # each stage lets go of what the one before it held: a registry is in memory once
    texts = deque(read_sources(sources, folder, n_jobs=n_jobs))
    for number, source in enumerate(sources):
        _open_source(reading, source, number, texts.popleft())
    steps = _consent_first(reading)
    for block in reading.blocks:
        read_values(block)
        keep_latest(block)
        block.entries += denied_deaths(block)
        for note in (*contradictions(block, quote=ask is None), *rounded_days(block)):
            reading.journal.note(note.rule, note.note, file=note.file, column=note.column)
        block.forget_text()
    doubt_shared_sums(reading.blocks)
    drafts = _drafts(reading, steps)
    cut = Cut(
        _finish(reading, drafts, steps),
        reading.mapping,
        {name: draft.places() for name, draft in drafts.items()},
        {name: draft.frame[SOURCE].to_numpy(np.int64) for name, draft in drafts.items()},
        frozenset(reading.left_out),
        folder,
        {name: draft.gathered for name, draft in drafts.items() if draft.gathered is not None},
    )
    return cut if ask is None or key is None else deidentify(cut, ask, key)


def _open_source(reading: _Reading, source: SourceMap, number: int, raw: RawSource) -> None:
    raw = prepare(raw, source, reading.journal)
    source = with_marks(source, raw)
    dialect = source_dialect(raw, source, reading.mapping.registry.data_cut)
    seen = {"decimal": dialect.decimal or "", "date_order": source.date_order or ""}
    reading.sources += [{**meta, **seen} for meta in raw.meta]
    doubts = [*rows_without_day(raw, source, dialect), *rows_beside(raw, source)]
    for note in doubts:
        reading.journal.note(
            note.rule, note.note, file=note.file, row=note.row or 0, column=note.column
        )
    for table in source.tables:
        block = open_block(text_table(raw, source, table, dialect), dialect)
        reading.blocks.append(block)
        reading.numbers[id(block)] = number
    reading.untaken += untaken_sessions(raw, source, dialect, doubts)


# ------------------------------------------------------------------ consent


def _consent_first(reading: _Reading) -> list[FlowStep]:
    """One name per patient and session; then those leave who did not want to be here."""
    blocks = reading.blocks
    names = same_people(blocks)
    rename_people(blocks, names)
    reading.untaken = [item.renamed(names) for item in reading.untaken]
    doubt_optouts(blocks, reading.journal)
    out = people_to_leave_out(blocks, reading.mapping.registry.consent)
    reading.left_out = out
    fill_sessions(blocks)
    everything = _counts(blocks)
    leave_out(blocks, out)
    kept = _counts(blocks)
    label = _consent_label(reading.mapping.registry.consent)
    return [
        FlowStep("everything read", *everything),
        FlowStep(label, *kept, everything[0] - kept[0], everything[1] - kept[1]),
    ]


def _consent_label(consent: str) -> str:
    return "did not opt out of research" if consent == "opt-out" else "consented to research"


def _counts(blocks: Sequence[Block]) -> tuple[int, int]:
    """Sessions and patients that the blocks name."""
    sessions = {s for b in blocks if b.table == "procedures" for s in b.procedure if s is not None}
    people = {p for b in blocks if b.table == "patients" for p in b.patient if p is not None}
    return len(sessions), len(people)


# ------------------------------------------------------------------ tables


def _drafts(reading: _Reading, steps: list[FlowStep]) -> dict[str, Draft]:
    drafts = {}
    share_ages(reading.blocks)
    for table in TABLES:
        drafts[table] = draft_table(table, reading.blocks, reading.journal, reading.numbers)
    drop_orphans(drafts, reading.journal)
    move_extras(drafts, reading.journal)
    add_leaks(drafts, reading.journal)
    sessions = drafts["procedures"].frame["patient_id"]
    people = int(drafts["procedures"].frame["patient_id"].nunique())
    last = steps[-1]
    steps.append(
        FlowStep(
            "keys and required fields can be read",
            len(sessions),
            people,
            last.n_rows - len(sessions),
            last.n_patients - people,
        )
    )
    return drafts


def _finish(reading: _Reading, drafts: dict[str, Draft], steps: list[FlowStep]) -> Registry:
    tables = {}
    for name, draft in drafts.items():
        tables[name] = canonical_part(draft)
        draft.forget_values()
    desk = _desk(tables, drafts)
    desk.write(derive(tables), reading.journal)
    info = reading.mapping.registry
    unread = drafts["procedures"].unread | drafts["levels"].unread
    cut_short = dict(drafts["levels"].cut_short)
    untaken = _say_untaken(reading, tables)
    files = {name: places.file for name, places in desk.places.items()}
    case = Case(tables, pd.Timestamp(info.data_cut), frozenset(unread), cut_short, untaken, files)
    desk.write(list(all_doubts(case)), reading.journal)
    validate(tables)
    corrections, findings = reading.journal.frames()
    return Registry(
        **tables,
        corrections=corrections,
        findings=findings,
        sources=describe_sources(reading.sources),
        exclusions=tuple(steps),
        name=info.name,
        synthetic=info.synthetic,
        data_cut=pd.Timestamp(info.data_cut),
        consent=info.consent,
        quality=reading.mapping.quality,
    )


def _say_untaken(reading: _Reading, tables: Tables) -> frozenset[str]:
    """Patients whose sessions ``where`` does not take, and a note that says so once a source."""
    people, seated = tables["patients"]["patient_id"], set(tables["procedures"]["patient_id"])
    for item, said in without_session(reading.untaken, people, seated):
        columns = ", ".join(item.columns)
        reading.journal.note("patient.untaken", said, file=item.file, column=columns)
    return frozenset().union(*(item.patients for item in reading.untaken))


def canonical_part(draft: Draft) -> pd.DataFrame:
    """The canonical columns of a draft, typed."""
    declared = TABLES[draft.table]
    return declared.canonical(draft.frame[[c for c in draft.frame.columns if c in declared]])


def _desk(tables: Tables, drafts: Mapping[str, Draft]) -> Desk:
    return Desk(
        tables,
        {name: draft.places() for name, draft in drafts.items()},
        {name: draft.frame[MAPPED].to_numpy() for name, draft in drafts.items()},
        {(name, s, f): raw for name, d in drafts.items() for (s, f), raw in d.names.items()},
    )


def validate(tables: Mapping[str, pd.DataFrame]) -> None:
    """Hold every table against its schema.

    Raises
    ------
    DataError
        Naming the table, the column and what is broken; never a value.
    """
    import pandera.errors

    for name, frame in tables.items():
        try:
            pandera_schema(TABLES[name]).validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            broken = errors.failure_cases[["column", "check"]].drop_duplicates()
            what = ", ".join(f"{c}: {k}" for c, k in broken.itertuples(index=False))
            raise DataError(
                f"table '{name}' breaks its schema ({what}); see `vpstats dictionary`."
            ) from None


# ------------------------------------------------------------------ from tables


def from_tables(
    tables: Mapping[str, pd.DataFrame],
    *,
    name: str,
    data_cut: object,
    synthetic: bool,
    consent: str,
) -> Registry:
    """Build a registry from canonical tables; see `Registry.from_tables`."""
    typed = {n: t.canonical(tables[n]) if n in tables else t.empty() for n, t in TABLES.items()}
    before = len(typed["procedures"]), len(typed["patients"])
    kept = _consenting(typed, consent)
    after = len(kept["procedures"]), len(kept["patients"])
    validate(kept)
    journal, cut = Journal(), pd.Timestamp(str(data_cut))
    places = {n: _nowhere(n, frame) for n, frame in kept.items()}
    desk = Desk(kept, places, may_erase=False)
    desk.write(derive(kept, replace=False), journal)
    desk.write(list(all_doubts(Case(kept, cut))), journal)
    corrections, findings = journal.frames()
    steps = (
        FlowStep("everything read", *before),
        FlowStep(_consent_label(consent), *after, before[0] - after[0], before[1] - after[1]),
    )
    return Registry(
        **kept,
        corrections=corrections,
        findings=findings,
        sources=pd.DataFrame(columns=list(SOURCE_COLUMNS)),
        exclusions=steps,
        name=name,
        synthetic=synthetic,
        data_cut=cut,
        consent=consent,
    )


def _consenting(tables: Tables, consent: str) -> Tables:
    patients = tables["patients"]
    said = patients["consent_research"]
    stays = (said != "no").to_numpy(bool) & patients["optout_date"].isna().to_numpy(bool)
    if consent == "opt-in":
        stays &= (said == "yes").fillna(value=False).to_numpy(bool)
    if stays.all():
        return tables
    out = set(patients["patient_id"][~stays])
    gone = set(tables["procedures"]["procedure_id"][tables["procedures"]["patient_id"].isin(out)])
    levels = set(tables["levels"]["level_id"][tables["levels"]["procedure_id"].isin(gone)])
    members: dict[str, tuple[str, set[Any]]] = {
        "levels": ("procedure_id", gone),
        "leaks": ("level_id", levels),
    }
    kept = {}
    for name, frame in tables.items():
        column, people = members.get(name, ("patient_id", out))
        kept[name] = frame[~frame[column].isin(people)].reset_index(drop=True)
    return kept


def _nowhere(name: str, frame: pd.DataFrame) -> Places:
    n = len(frame)
    key = frame[TABLES[name].key[0]].to_numpy(object)
    return Places(name, np.full(n, "", object), np.zeros(n, np.int64), key)


# ------------------------------------------------------------------ the demonstration


def load_demo() -> Registry:
    """Read the synthetic demonstration registry that comes with the sources.

    Returns
    -------
    Registry
        Twelve simulated centers in four dialects.

    Raises
    ------
    DataError
        If ``data/demo`` is not beside the package.

    Examples
    --------
    >>> load_demo().synthetic
    True
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[2], here.parents[1]):
        if (folder / "data" / "demo" / "registry.toml").is_file():
            return read_registry(folder / "data" / "demo")
    raise DataError(
        "the demonstration registry, data/demo, is not beside the package; it comes with the "
        "repository. Run `vpstats simulate` to make one."
    )
