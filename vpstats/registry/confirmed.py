"""What of a mapping a person has confirmed: proposals are never read, and each is a finding."""

from __future__ import annotations

from collections.abc import Iterator

from vpstats.errors import MappingError
from vpstats.registry.mapping import KEY_FIELDS, RegistryMap, SourceMap, TableMap
from vpstats.registry.raw import SourceNote

RULE = "mapping.unconfirmed"
_SHOWN = 60
_WAITS = 6


def confirmed_part(mapping: RegistryMap, file: str) -> tuple[RegistryMap, tuple[SourceNote, ...]]:
    """Leave out what is only proposed.

    Parameters
    ----------
    mapping : RegistryMap
        As written.
    file : str
        Its name, for the findings.

    Returns
    -------
    tuple of (RegistryMap, tuple of SourceNote)
        The mapping without proposals, and a note for each thing that was left out. A table that
        loses its keys is left out, and so is a source that loses its tables.

    Raises
    ------
    MappingError
        If nothing is left.
    """
    notes = [SourceNote(RULE, file, said) for said in _registry_notes(mapping)]
    sources = []
    for source in mapping.sources:
        kept, said = _source(source)
        notes += [SourceNote(RULE, file, text) for text in said]
        if kept is not None:
            sources.append(kept)
    if not sources:
        raise MappingError(_nothing_to_read(mapping), file=file)
    return mapping.model_copy(update={"sources": tuple(sources)}), tuple(notes)


def _nothing_to_read(mapping: RegistryMap) -> str:
    """Which proposals keep the whole of a mapping from being read."""
    tables = [(s, t) for s in mapping.sources for t in s.tables if t.confirmed]
    if not any(c.confirmed and c.value is None for _, t in tables for c in t.columns.values()):
        return (
            "nothing in it is confirmed, so there is nothing to read. Look each proposal over and "
            "remove its 'confirmed = false'."
        )
    waits = [
        f"source '{s.name}', its center"
        for s in mapping.sources
        if s.center is not None and not s.center.confirmed
    ]
    for source, table in tables:
        keys = _keys_proposed(table)
        waits += [f"{_place(source, table)}, {', '.join(keys)}"] if keys else []
    waits += [_place(s, t) for s in mapping.sources for t in s.tables if not t.confirmed]
    more = f"; and {len(waits) - _WAITS} more" if len(waits) > _WAITS else ""
    return (
        "no table of it can be read yet: some columns are confirmed, but what every table needs "
        "to name its rows is still a proposal. Look these over first and remove their "
        f"'confirmed = false': {'; '.join(waits[:_WAITS])}{more}."
    )


def _place(source: SourceMap, table: TableMap) -> str:
    return f"source '{source.name}', table '{table.name}'"


def _keys_proposed(table: TableMap) -> list[str]:
    """Fields that are proposals and without which the rows of a table have no name."""
    sure = {name for name, column in table.columns.items() if column.confirmed}
    if table.spread and "level" in table.columns and "level" not in sure:
        return ["level"]  # the column that is exploded makes the rows
    if table.names_its_rows(sure):
        return []
    given = {*sure, *(["level"] if table.spread else [])}
    lacking = [sorted(choice - given) for choice in KEY_FIELDS[table.name]]
    return min((f for f in lacking if set(f) <= set(table.columns)), key=lambda f: (len(f), f))


def _registry_notes(mapping: RegistryMap) -> Iterator[str]:
    if not mapping.registry.confirmed:
        yield (
            f"[registry]: data_cut = {mapping.registry.data_cut} and what stands beside it are "
            "proposals; they were used, since nothing can be read without them"
        )


def _source(source: SourceMap) -> tuple[SourceMap | None, list[str]]:
    if source.center is not None and not source.center.confirmed:
        return None, [f"source '{source.name}': its center is a proposal; it was not read"]
    kept, said = [], []
    for table in source.tables:
        part, text = _table(source, table)
        said += [text] if text else []
        if part is not None:
            kept.append(part)
    if not kept:
        return None, said
    return source.model_copy(update={"tables": tuple(kept)}), said


def _table(source: SourceMap, table: TableMap) -> tuple[TableMap | None, str]:
    place = _place(source, table)
    if not table.confirmed:
        return None, f"{place} is a proposal; it was not read"
    columns = {name: column for name, column in table.columns.items() if column.confirmed}
    proposed = [name for name in table.columns if name not in columns]
    if not proposed:
        return table, ""
    listed = ", ".join(proposed[:_SHOWN])
    keys = _keys_proposed(table)
    if keys:
        some = f"{', '.join(keys)}, which its rows are named by,"
        be = "are proposals" if len(keys) > 1 else "is a proposal"
        return None, f"{place} was not read, as {some} {be}; proposed: {listed}"
    be = "field is a proposal and was" if len(proposed) == 1 else "fields are proposals and were"
    said = f"{place}: {len(proposed)} {be} not read: {listed}"
    return table.model_copy(update={"columns": columns}), said
