"""A registry over time: what two data cuts say differently, and what explains it.

Rows are matched by their keys, and where an export gives none, by what they are about. Every
difference is one row with the reason that is nearest: a rule of cleaning that spoke in one of the
cuts only, a change of the mapping, a source that came or went, consent, the row above it, time.
What nothing explains was changed at the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.errors import UsageError, VpstatsError
from vpstats.registry.gathered import CellPlaces, changed_places
from vpstats.registry.history import rewritten
from vpstats.registry.journal import MASK
from vpstats.registry.mapping_changes import Change, Remap, mapping_changes
from vpstats.registry.matching import Pairs, match_tables
from vpstats.registry.read import Cut, read_cut
from vpstats.registry.reread import Effect, effect_of_mapping, unlike
from vpstats.registry.rules import RULES
from vpstats.schema_tables import TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

CHANGE_COLUMNS = (
    "change",
    "table",
    "key",
    "field",
    "before",
    "after",
    "why",
    "rule",
    "rewrites",
    "file",
    "row",
)
"""Columns of the differences: one row per row that appeared or vanished, and per field changed."""

WHY: Mapping[str, str] = MappingProxyType(
    {
        "unexplained": "nothing explains it; ask the source",
        "source": "changed at the source",
        "reader": "the file and its mapping are the same: vpstats reads it otherwise now",
        "rule": "a rule of cleaning spoke in one of the cuts only",
        "mapping": "the mapping was changed",
        "mapping_perhaps": "the mapping was changed, and the earlier export does not fit the later "
        "one, which would show whether that is why",
        "source_new": "the source is new",
        "source_gone": "the source is no longer mapped",
        "consent": "consent was given or withdrawn",
        "parent": "the patient, session or level that it belongs to did",
        "recomputed": "derived anew from what it rests on",
        "since": "dated after the earlier cut",
        "late": "dated before the earlier cut and entered since",
        "after_cut": "dated after this data cut, which is earlier than the other",
    }
)
"""Why the cuts differ."""

_DAY = {
    "procedures": "proc_date",
    "visits": "visit_date",
    "events": "event_date",
}
_PARENT = {
    "procedures": ("patient_id", "patients"),
    "levels": ("procedure_id", "procedures"),
    "leaks": ("level_id", "levels"),
    "visits": ("patient_id", "patients"),
    "events": ("patient_id", "patients"),
}
_RESTS_ON = {"bmi": ("height_cm", "weight_kg")}
_WORKED_OUT = frozenset(
    {"bmi", "age_at_proc", "days_fx_to_proc", "fill_fraction", "operator_case_no"}
)
"""Fields that the registry works out where no column has them."""
_LEAVES_OUT = frozenset(
    {"required.missing", "key.orphan", "duplicate.row", "duplicate.key", "event.repeated"}
)

_UNSURE = ("unexplained", "mapping_perhaps")
_OF_A_GAP = frozenset(
    {"death.status", "event.pce_unseen", "event.undated", "leak.ct_unrecorded", "session.no_levels"}
)
"""Rules that speak of what nobody wrote down: they made nothing missing."""

Log = Mapping[tuple[str, str, str], Mapping[str, str]]
_SILENT: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two data cuts of one registry and all that differs between them.

    Parameters
    ----------
    new, old : Cut
        The later and the earlier.
    changes : DataFrame
        ``CHANGE_COLUMNS``; values of identifying columns are masked, `file` and `row` are those
        of the new cut, or of the old one for what vanished.
    mapping : tuple of Change
        What differs between the two mappings.
    sources : DataFrame
        ``source, file, state`` (new, gone, changed, same) of every file of either cut.
    """

    new: Cut
    old: Cut
    changes: pd.DataFrame
    mapping: tuple[Change, ...]
    sources: pd.DataFrame

    @property
    def to_look_at(self) -> pd.DataFrame:
        """Rows that vanished without a reason that is sure, and history that was rewritten."""
        unsure = self.changes["why"].isin(_UNSURE)
        lost = (self.changes["change"] == "vanished") & unsure
        return self.changes[lost | (self.changes["rewrites"] != "")]


def compare_registries(new: str | Path, old: str | Path) -> Comparison:
    """Read two data cuts of a registry and list every difference.

    Parameters
    ----------
    new, old : str or Path
        ``registry.toml`` of the later and of the earlier cut, or their folders.

    Returns
    -------
    Comparison

    Raises
    ------
    VpstatsError
        If either cannot be read; the message says which.
    UsageError
        If the two have no patient in common.

    Examples
    --------
    >>> from importlib.resources import files
    >>> starter = files("vpstats") / "templates"
    >>> compare_registries(starter, starter).changes.empty
    True
    """
    return compare_cuts(_read(new, "the new cut"), _read(old, "the cut to compare with"))


def _read(path: str | Path, which: str) -> Cut:
    try:
        return read_cut(path)
    except VpstatsError as error:
        raise type(error)(f"{which}, {path}: {error}") from None


def compare_cuts(new: Cut, old: Cut) -> Comparison:
    """List every difference between two cuts; see `compare_registries`."""
    _require_one_registry(new, old)
    tables = {"new": new.registry.tables, "old": old.registry.tables}
    places = {"new": new.places, "old": old.places}
    pairs, followed = match_tables(tables["new"], tables["old"], places)
    remaps = mapping_changes(new.mapping, old.mapping)
    sources = _sources(new, old)
    case = _Case(
        new, old, pairs, followed, Remap(remaps), _logs(new, old), _same(sources),
        effect_of_mapping(new, old) if remaps else None,
    )  # fmt: skip
    parts = [part for table in TABLES for part in _differences(case, table)]
    changes = pd.concat(parts, ignore_index=True)[list(CHANGE_COLUMNS)]
    return Comparison(new, old, changes, remaps, sources)


def _require_one_registry(new: Cut, old: Cut) -> None:
    here, there = (set(cut.registry.patients["patient_id"]) for cut in (new, old))
    if here and there and not here & there:
        raise UsageError(
            "the two cuts have no patient in common. Are they of one registry, are centers named "
            "alike, and are identifiers hashed with the same key?"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """What is known of both cuts when differences are listed."""

    new: Cut
    old: Cut
    pairs: Mapping[str, Pairs]
    followed: Mapping[str, pd.DataFrame]
    remap: Remap
    logs: tuple[Log, Log]
    same: frozenset[str]
    effect: Effect | None


def _logs(new: Cut, old: Cut) -> tuple[Log, Log]:
    return _log(new), _log(old)


def _log(cut: Cut) -> Log:
    """Rules that spoke of a field and the text they changed, by table, key and field."""
    both = pd.concat([cut.registry.corrections, cut.registry.findings])
    names = ("table", "key", "field", "rule", "raw")
    columns = (both[name].fillna("").to_numpy(object) for name in names)
    rules: dict[tuple[str, str, str], dict[str, str]] = {}
    for table, key, field, rule, raw in zip(*columns, strict=True):
        if key:
            rules.setdefault((table, key, field), {})[rule] = raw
            if rule in _LEAVES_OUT:
                rules.setdefault((table, key, ""), {})[rule] = raw
    return rules


def _sources(new: Cut, old: Cut) -> pd.DataFrame:
    """Every file of either cut: new, gone, changed or the same."""
    here, there = ({(r.source, r.file): r.sha256 for r in c.registry.sources.itertuples()}
                   for c in (new, old))  # fmt: skip
    rows = [
        (source, file, _state(here.get((source, file)), there.get((source, file))))
        for source, file in dict.fromkeys([*here, *there])
    ]
    return pd.DataFrame(rows, columns=["source", "file", "state"])


def _state(here: str | None, there: str | None) -> str:
    if here is None or there is None:
        return "gone" if here is None else "new"
    return "same" if here == there else "changed"


def _same(sources: pd.DataFrame) -> frozenset[str]:
    """Sources of which every file is the same."""
    other = set(sources["source"][sources["state"] != "same"])
    return frozenset(set(sources["source"]) - other)


# ------------------------------------------------------------------ differences


def _differences(case: _Case, table: str) -> list[pd.DataFrame]:
    pairs = case.pairs[table]
    return [
        _rows(case, table, "appeared", pairs.appeared),
        _rows(case, table, "vanished", pairs.vanished),
        _changed(case, table, pairs),
    ]


def _frame(cut: Cut, table: str, at: Array, **columns: Any) -> pd.DataFrame:
    """Rows of the result with the place of each row; what is not said is empty."""
    place = cut.places[table]
    empty = dict.fromkeys(("field", "before", "after", "why", "rule", "rewrites"), "")
    said = {"key": place.key[at], "file": place.file[at], "row": place.row[at]}
    return pd.DataFrame({**empty, **said, "table": table, **columns}, index=range(len(at)))


def _rows(case: _Case, table: str, change: str, at: Array) -> pd.DataFrame:
    cut = case.new if change == "appeared" else case.old
    out = _frame(cut, table, at, change=change)
    log = case.logs[1 if change == "appeared" else 0]
    rules = [log.get((table, key, ""), _SILENT) for key in out["key"]]
    out["rule"] = [", ".join(sorted(found)) for found in rules]
    out["why"] = _row_reasons(case, table, change, at, out["rule"].to_numpy(object) != "")
    out.loc[out["why"] != "rule", "rule"] = ""
    return out


def _row_reasons(case: _Case, table: str, change: str, at: Array, ruled: Array) -> Array:
    """The first reason that holds for each row, the nearest first."""
    cut, other = (case.new, case.old) if change == "appeared" else (case.old, case.new)
    frame = cut.registry.tables[table].iloc[at]
    names = _names_of_sources(cut, table, at)
    alone = _files_alone(cut, other)
    files = zip(names, cut.places[table].file[at], strict=True)
    reasons: dict[str, Any] = {
        "consent": _of_people(table, frame, other.left_out, cut),
        "rule": ruled,
        "parent": _with_parent(case, table, change, frame),
        "source_new" if change == "appeared" else "source_gone": [f in alone for f in files],
        **_by_mapping(case, table, change, at, names),
        **_in_time(case, table, change, frame),
        "reader": [n in case.same for n in names],
    }
    last = "source" if change == "appeared" else "unexplained"
    return _first(reasons, len(at), last)


def _by_mapping(case: _Case, table: str, change: str, at: Array, names: Array) -> dict[str, Any]:
    """Rows that the change of the mapping made appear or vanish."""
    if case.effect is None:
        return {"mapping_perhaps": [case.remap.rows(name, table) for name in names]}
    explains = case.effect.gained if change == "appeared" else case.effect.lost
    return {"mapping": explains(table, at)}


def _first(reasons: Mapping[str, Any], n: int, last: str) -> Array:
    out = np.full(n, last, dtype=object)
    for why, holds in reversed(list(reasons.items())):
        out[np.asarray(holds, dtype=bool)] = why
    return out


def _files_alone(cut: Cut, other: Cut) -> set[tuple[str, str]]:
    """Files of a cut for which its source has none in the other; a file may have been renamed."""
    here, there = (set(zip(c.registry.sources["source"], c.registry.sources["file"], strict=True))
                   for c in (cut, other))  # fmt: skip
    n_here, n_there = (Counter(source for source, _ in files) for files in (here, there))
    return {file for file in here - there if n_there[file[0]] < n_here[file[0]]}


def _of_people(table: str, frame: pd.DataFrame, people: frozenset[str], cut: Cut) -> Array:
    """Rows of patients whom consent kept out of the other cut."""
    if "patient_id" in frame:
        return np.asarray(frame["patient_id"].isin(people), dtype=bool)
    tables = cut.registry.tables
    theirs = tables["procedures"]["patient_id"].isin(people)
    key, within = "procedure_id", tables["procedures"]["procedure_id"][theirs]
    if table == "leaks":
        levels = tables["levels"]
        key, within = "level_id", levels["level_id"][levels["procedure_id"].isin(within)]
    return np.asarray(frame[key].isin(within), dtype=bool)


def _with_parent(case: _Case, table: str, change: str, frame: pd.DataFrame) -> Array:
    """Rows whose patient, session or level appeared or vanished as well."""
    if table not in _PARENT:
        return np.zeros(len(frame), bool)
    key, parent = _PARENT[table]
    pairs = case.pairs[parent]
    cut, at = (case.new, pairs.appeared) if change == "appeared" else (case.old, pairs.vanished)
    gone = cut.registry.tables[parent][key].iloc[at]
    return np.asarray(frame[key].isin(gone), dtype=bool)


def _in_time(case: _Case, table: str, change: str, frame: pd.DataFrame) -> dict[str, Any]:
    """Reasons that follow from the day of a row and the days of the two cuts."""
    own, other = (case.new, case.old) if change == "appeared" else (case.old, case.new)
    day = _days(table, frame, own.registry.procedures)
    if day is None:
        return {}
    end = other.registry.data_cut
    if change == "vanished":
        return {"after_cut": day > end}
    return {"since": day > end, "late": day <= end}


def _days(table: str, frame: pd.DataFrame, procedures: pd.DataFrame) -> pd.Series | None:
    """Day of each row; of a patient, that of the first procedure."""
    if table == "patients":
        first = procedures.groupby("patient_id")["proc_date"].min()
        return frame["patient_id"].map(first)
    return frame[_DAY[table]] if table in _DAY else None


# ------------------------------------------------------------------ fields


def _changed(case: _Case, table: str, pairs: Pairs) -> pd.DataFrame:
    """One row per field that differs between matched rows."""
    new, old = case.new.registry.tables[table], case.followed[table]
    key = TABLES[table].key[0]
    # the names of visits and events may be row numbers; other keys are equal where rows match
    fields = [name for name in TABLES[table].names if name not in (key, "level_id")]
    moved: dict[str, Array] = {}
    parts = []
    for name in fields:
        after, before = new[name].take(pairs.new), old[name].take(pairs.old)
        where = moved[name] = unlike(after, before)
        if where.any():
            at = np.flatnonzero(where)
            values = (after.iloc[at], before.iloc[at])
            parts.append(_field_rows(case, table, name, pairs.new[at], values))
            gone = values[0].isna().to_numpy(bool)
            rows = (pairs.new[at], pairs.old[at])
            cells = changed_places((case.new, case.old), table, name, rows, gone)
            parts[-1]["file"], parts[-1]["row"] = cells[0].file, cells[0].row
            _explain(case, parts[-1], table, name, pairs, at, moved, cells)
    return pd.concat(parts) if parts else _frame(case.new, table, np.empty(0, np.int64), change="")


def _field_rows(
    case: _Case, table: str, name: str, new: Array, values: tuple[pd.Series, pd.Series]
) -> pd.DataFrame:
    masked = TABLES[table][name].masked
    after, before = ([_text(v, masked=masked) for v in side] for side in values)
    found = rewritten(table, name, *values)
    return _frame(
        case.new, table, new, change="changed", field=name, before=before, after=after,
        rewrites=found,
    )  # fmt: skip


def _text(value: Any, *, masked: bool) -> str:
    if pd.isna(value):
        return ""
    if masked:
        return MASK
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _explain(
    case: _Case, rows: pd.DataFrame, table: str, name: str, pairs: Pairs, at: Array,
    moved: Mapping[str, Array], cells: Sequence[CellPlaces],
) -> None:  # fmt: skip
    """Write the reason of each changed field beside it."""
    rules = _ruled(case, rows, table, name, pairs.old[at])
    sources = cells[0].source
    typed = any(
        name in mapped.columns
        for cut in (case.new, case.old)
        for source in cut.mapping.sources
        for mapped in source.tables
        if mapped.name == table
    )
    unmapped = name in _WORKED_OUT and not typed
    derived = (
        unmapped
        or TABLES[table][name].role == "derived"
        or any(moved[other][at].any() for other in _RESTS_ON.get(name, ()) if other in moved)
    )
    there = {s.name for s in case.old.mapping.sources}
    remapped = [case.remap.field(source, table, name) for source in sources]
    if case.effect is not None:
        remapped = case.effect.altered(table, name, pairs.old[at]).tolist()
    reasons = {
        "mapping": remapped,
        "rule": rules != "",
        "recomputed": np.full(len(rows), derived),
        "source_new": [source not in there for source in sources],
        "reader": [{*both} <= case.same for both in zip(sources, cells[1].source, strict=True)],
    }
    rows["why"] = _first(reasons, len(rows), "source")
    rows["rule"] = np.where(rows["why"] == "rule", rules, "")


def _names_of_sources(cut: Cut, table: str, at: Array) -> Array:
    names = np.array([source.name for source in cut.mapping.sources], dtype=object)
    out: Array = names[cut.origin[table][at]]
    return out


def _ruled(case: _Case, rows: pd.DataFrame, table: str, name: str, old: Array) -> Array:
    """Rules that spoke of the field in one of the cuts only: what both say explains nothing."""
    here, there = case.logs
    cells = zip(
        rows["key"], case.old.places[table].key[old], rows["before"], rows["after"], strict=True
    )
    found = [
        [*_able(now, then, before, after), *_able(then, now, after, before)]
        for key, was, before, after in cells
        for now in [here.get((table, key, name), _SILENT)]
        for then in [there.get((table, was, name), _SILENT)]
    ]
    return np.array([", ".join(sorted(rules)) for rules in found], dtype=object)


def _able(
    own: Mapping[str, str], other: Mapping[str, str], elsewhere: str, here: str
) -> Iterator[str]:
    """Rules of one cut alone that can have made the difference.

    A doubt leaves a value or makes it missing. A correction explains a difference where the text
    that it changed is what the other cut says; else the text itself is another one.
    """
    for rule, raw in own.items():
        if rule not in other:
            corrects = RULES[rule].kind == "correction"
            made_missing = here == "" and not corrects and rule not in _OF_A_GAP
            if made_missing or (corrects and raw in (MASK, elsewhere)):
                yield rule
