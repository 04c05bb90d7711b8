"""What differs between two mappings of one registry, and which fields it can have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from vpstats.registry.mapping import RegistryMap, SourceMap, TableMap

_NOT_READING = frozenset({"name", "file", "tables"})
"""Keys of a source that say where it is and what it feeds, not how its cells are read."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key of the mapping that is not what it was.

    Parameters
    ----------
    source : str
        Source, "" for the registry as a whole.
    table : str
        Canonical table, "" where the key is about all of them.
    field : str
        Canonical field, "" where the key is about all of them.
    what : str
        Key and how it changed.
    rows : bool
        Whether it can make rows appear or vanish.
    """

    source: str
    table: str
    field: str
    what: str
    rows: bool = False


def mapping_changes(new: RegistryMap, old: RegistryMap) -> tuple[Change, ...]:
    """List what differs between two mappings.

    Parameters
    ----------
    new, old : RegistryMap
        Of the later and the earlier cut; sources are matched by name.

    Returns
    -------
    tuple of Change
        Sources that came or went are not among them.
    """
    before = {source.name: source for source in old.sources}
    changes = list(_registry(new, old))
    for source in new.sources:
        if source.name in before:
            changes += _source(source, before[source.name])
    return tuple(changes)


def _registry(new: RegistryMap, old: RegistryMap) -> Iterator[Change]:
    for name, value in new.registry:
        then = getattr(old.registry, name)
        if value != then and name not in ("name", "synthetic"):
            yield Change("", "", "", f"{name} changed", rows=False)


def _source(new: SourceMap, old: SourceMap) -> Iterator[Change]:
    for name, value in new:
        if name not in _NOT_READING and value != getattr(old, name):
            yield Change(new.name, "", "", f"{name} changed", rows=True)
    before: dict[str, list[TableMap]] = {}
    for table in old.tables:
        before.setdefault(table.name, []).append(table)
    for table in new.tables:
        rest = before.get(table.name, [])
        if rest:
            yield from _table(new.name, table, rest.pop(0))
        else:
            yield Change(new.name, table.name, "", "the table is mapped now", rows=True)
    for gone in (table for rest in before.values() for table in rest):
        yield Change(new.name, gone.name, "", "the table is no longer mapped", rows=True)


def _table(source: str, new: TableMap, old: TableMap) -> Iterator[Change]:
    for name in ("where", "explode", "ticked"):
        if getattr(new, name) != getattr(old, name):
            yield Change(source, new.name, "", f"{name} changed", rows=True)
    for name in dict.fromkeys([*new.columns, *old.columns]):
        here, there = new.columns.get(name), old.columns.get(name)
        if here != there:
            state = "is no longer mapped" if here is None else "is mapped otherwise"
            said = "is mapped now" if there is None else state
            yield Change(source, new.name, name, f"columns.{name} {said}", rows=name in _NAMES)


_NAMES = frozenset({"patient_id", "procedure_id", "proc_date", "level", "visit_date", "center_id"})
"""Fields without which a row has no name: mapped otherwise, rows come and go."""


@dataclass(frozen=True, slots=True)
class Remap:
    """Answers whether a change of the mapping can explain a difference."""

    changes: Sequence[Change]
    _fields: frozenset[tuple[str, str, str]] = field(init=False, repr=False)
    _rows: frozenset[tuple[str, str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        fields = frozenset((c.source, c.table, c.field) for c in self.changes if c.source)
        rows = frozenset((c.source, c.table) for c in self.changes if c.source and c.rows)
        object.__setattr__(self, "_fields", fields)
        object.__setattr__(self, "_rows", rows)

    def field(self, source: str, table: str, name: str) -> bool:
        """Whether a field of a source's table can read otherwise for it."""
        return not self._fields.isdisjoint(
            {(source, table, name), (source, table, ""), (source, "", "")}
        )

    def rows(self, source: str, table: str) -> bool:
        """Whether rows of a source's table can have come or gone for it."""
        return not self._rows.isdisjoint({(source, table), (source, "")})
