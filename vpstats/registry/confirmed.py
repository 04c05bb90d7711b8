"""What of a mapping a person has confirmed: proposals are never read, and each is a finding."""

from __future__ import annotations

from collections.abc import Iterator

from vpstats.errors import MappingError
from vpstats.registry.mapping import RegistryMap, SourceMap, TableMap
from vpstats.registry.raw import SourceNote

RULE = "mapping.unconfirmed"
_SHOWN = 60


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
        raise MappingError(
            "nothing in it is confirmed, so there is nothing to read. Look each proposal over and "
            "remove its 'confirmed = false'.",
            file=file,
        )
    return mapping.model_copy(update={"sources": tuple(sources)}), tuple(notes)


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
    place = f"source '{source.name}', table '{table.name}'"
    if not table.confirmed:
        return None, f"{place} is a proposal; it was not read"
    columns = {name: column for name, column in table.columns.items() if column.confirmed}
    proposed = [name for name in table.columns if name not in columns]
    if not proposed:
        return table, ""
    listed = ", ".join(proposed[:_SHOWN])
    # the column that is exploded makes the rows: a table is not read by a proposal for it
    exploded = bool(table.spread) and "level" in proposed
    if exploded or not table.names_its_rows(columns):
        return None, f"{place}: its keys are proposals, so it was not read; proposed: {listed}"
    said = f"{place}: {len(proposed)} fields are proposals and were not read: {listed}"
    return table.model_copy(update={"columns": columns}), said
