"""Where the rows of each source come from: a column, one name, or REDCap's access groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vpstats.drafting.exports import Export
from vpstats.drafting.likeness import is_named
from vpstats.drafting.parts import Part
from vpstats.registry.dates import date_shape
from vpstats.registry.raw import LABEL, TextColumn
from vpstats.registry.tables import ACCESS_GROUP

_MOST = 60  # hospitals of one export
_MOSTLY = 0.9  # of the rows
_NOBODY = "No column says where the rows come from. Write the center's name."


@dataclass(frozen=True, slots=True)
class Center:
    """Where the rows of a source come from.

    Parameters
    ----------
    column : str
        Column that says so, "" for none.
    named : str
        Column that holds its labels, "" for none.
    value : str
        The same for all rows, "" where a column or REDCap's access group says it.
    doubt : str
        Why it has to be confirmed, "" where it is certain.
    """

    column: str = ""
    named: str = ""
    value: str = ""
    doubt: str = ""

    @property
    def certain(self) -> bool:
        """Whether it needs nobody's confirmation."""
        return not self.doubt


def centers_of(
    exports: Sequence[Export], parts: Sequence[Sequence[Part]], given: str | None
) -> list[Center]:
    """Find where the rows of each source come from.

    Parameters
    ----------
    exports : sequence of Export
        The sources.
    parts : sequence of sequence of Part
        Parts of each.
    given : str, optional
        Name of the center, for sources without a column that says so.

    Returns
    -------
    list of Center
        One for each source. Names of patients are made of their center, so that the sources of
        one export have to say it alike: all by a column, or all by one name.
    """
    found = [_found(export, own) for export, own in zip(exports, parts, strict=True)]
    groups: dict[str, list[int]] = {}
    for number, export in enumerate(exports):
        groups.setdefault(export.group, []).append(number)
    for members in groups.values():
        agreed = _agreed({i: found[i] for i in members}, exports, given)
        for i in members:
            found[i] = agreed[i]
    return found


def _found(export: Export, parts: Sequence[Part]) -> Center:
    if ACCESS_GROUP in export.raw.columns:
        return Center()
    for part in parts:
        for profile in part.profiles:
            named = any(is_named(header, "center") for header in profile.headers)
            text = export.raw.columns.get(profile.name)
            if named and text is not None and _is_center(text, export):
                labels = f"{profile.name}{LABEL}"
                return Center(profile.name, labels if labels in export.raw.columns else "")
    return Center(doubt=_NOBODY)


def _is_center(text: TextColumn, export: Export) -> bool:
    whole = export.keys["format"] in ("redcap", "redcap_api") or text.filled.mean() >= _MOSTLY
    dated = all(date_shape(s).kind in ("day", "ordered") for s in text.spellings)
    few = 0 < len(text.spellings) <= min(_MOST, max(1, len(text) // 2))
    return bool(whole and few and not dated)


def _agreed(
    found: Mapping[int, Center], exports: Sequence[Export], given: str | None
) -> dict[int, Center]:
    """The same way for all sources of one export."""
    lacking = [i for i, center in found.items() if center.doubt]
    if not lacking:
        return dict(found)
    by_column = [i for i, center in found.items() if center.column]
    if not by_column:
        alone = Center(value=given or "C1", doubt="" if given else _NOBODY)
        return {i: alone if c.doubt else c for i, c in found.items()}
    names = {s for i in by_column for s in _column(exports[i], found[i]).spellings}
    if len(names) == 1:
        return dict.fromkeys(found, Center(value=names.pop()))
    said = (
        f"Only {exports[by_column[0]].name} says where its rows come from, by "
        f"'{found[by_column[0]].column}'. Patients are named by their center, so all need it: add "
        "the column to the others, or write one name."
    )
    return dict.fromkeys(found, Center(value=given or "C1", doubt=said))


def _column(export: Export, center: Center) -> TextColumn:
    return export.raw.columns[center.named or center.column]
