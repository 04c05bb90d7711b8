"""REDCap projects: their data dictionary, and label exports made like raw ones.

The rest of the reading knows raw exports alone: variable names as headers, codes as values. A
label export has the texts of the questions and answers instead; with the project's data
dictionary it is turned back, answer by answer. What the dictionary does not list is a finding.
"""

from __future__ import annotations

import csv
import html
import io
import re
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vpstats.errors import DataError
from vpstats.registry.answers import read_answer
from vpstats.registry.cells import fold
from vpstats.registry.cleaning import clean_texts
from vpstats.registry.decoding import decode
from vpstats.registry.fields import TYPED_MISSING, field_column
from vpstats.registry.lexicon import coded, kind_of_missing
from vpstats.registry.mapping import ColumnMap, SourceMap
from vpstats.registry.raw import RawSource, SourceNote, TextColumn, text_column
from vpstats.registry.rows import DUPLICATE
from vpstats.registry.value_labels import read_by_labels
from vpstats.schema import Column

_EVENT, _GROUP = "redcap_event_name", "redcap_data_access_group"
_SYSTEM = {
    "event name": _EVENT,
    "repeat instrument": "redcap_repeat_instrument",
    "repeat instance": "redcap_repeat_instance",
    "data access group": _GROUP,
    "survey identifier": "redcap_survey_identifier",
}
"""Headers of REDCap's own columns in a label export, folded."""
BOX_LABELS = "boxes"
"""Key of a source's ``meta``: column of a box to the label that the data dictionary has for it."""
UNLISTED_BOXES = "unlisted boxes"
"""Key of a source's ``meta``: column of a box to its label, which no choice of the field has."""
_STATUS = {"incomplete": "0", "unverified": "1", "complete": "2"}
_FIXED = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_ONE_CHOICE = ("radio", "dropdown", "yesno", "truefalse")
_HEADERS = {
    "variable / field name": "field_name",
    "form name": "form_name",
    "field type": "field_type",
    "field label": "field_label",
    "choices, calculations, or slider labels": "select_choices_or_calculations",
}
_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_ARM = re.compile(r" \(Arm (\d+): .*\)$")
_NO_NAME = re.compile(r"[^a-z0-9_]")
_CHOICE = re.compile(r"(.+) \([^\W\d_]+=(.+)\)")


@dataclass(frozen=True, slots=True)
class Field:
    """One variable of a project.

    Parameters
    ----------
    name, form, kind, label : str
        As the dictionary has them.
    choices : mapping of str to str
        Code to label of an answer.
    """

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str] = field(default_factory=dict)


def box_code(code: str) -> str:
    """Code of a choice as it stands in the name of its checkbox column.

    Examples
    --------
    >>> box_code("1"), box_code("-9"), box_code("NK")
    ('1', '_9', 'nk')
    """
    return _NO_NAME.sub("_", code.lower())


def read_dictionary(content: bytes, shown: str) -> tuple[Field, ...]:
    """Read a data dictionary, as downloaded from the project or from its API.

    Parameters
    ----------
    content : bytes
        CSV.
    shown : str
        File name for messages.

    Returns
    -------
    tuple of Field
        In the order of the project.

    Raises
    ------
    DataError
        If it is no data dictionary.
    """
    text = decode(content, declared=None, file=shown).text
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        rows = [[]]
    names = [_HEADERS.get(fold(name), name.strip()) for name in rows[0]]
    if not {"field_name", "form_name", "field_type"} <= set(names):
        raise DataError(
            "is no REDCap data dictionary; expected the CSV that the project offers for download, "
            "with the columns Variable / Field Name, Form Name and Field Type.",
            file=shown,
        )
    cells = (dict(zip(names, row, strict=False)) for row in rows[1:] if any(row))
    return tuple(_field(row) for row in cells)


def _field(row: Mapping[str, str]) -> Field:
    kind = row.get("field_type", "").strip()
    given = row.get("select_choices_or_calculations", "")
    choices = _FIXED.get(kind) or (_choices(given) if kind in (*_ONE_CHOICE, "checkbox") else {})
    label = _plain(row.get("field_label", ""))
    return Field(row["field_name"].strip(), row["form_name"].strip(), kind, label, choices)


def _choices(text: str) -> dict[str, str]:
    """Codes and labels of ``1, Yes | 2, No``."""
    pairs = (part.partition(",") for part in re.split(r"[|\n]", text) if part.strip())
    return {code.strip(): _plain(label) for code, _, label in pairs}


def _plain(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _key(text: str) -> str:
    """A label as it is compared: an export leaves its markup out, with or without a blank."""
    return fold("".join(html.unescape(_TAG.sub("", text)).split()))


# ------------------------------------------------------------------ label exports


def as_raw(source: RawSource, fields: Sequence[Field], mapping: SourceMap) -> RawSource:
    """Give an export the names and codes of a raw export.

    Parameters
    ----------
    source : RawSource
        Of a raw or a label export.
    fields : sequence of Field
        The dictionary; empty where there is none: then only REDCap's own columns are renamed.
    mapping : SourceMap
        Its codes are held against the dictionary.

    Returns
    -------
    RawSource
        With a note for each column whose values or codes the dictionary does not have.
    """
    renamed, extra = _renamed(source, fields)
    labelled = _is_labelled(renamed, fields)
    columns: dict[str, TextColumn] = dict(renamed.columns)
    notes: list[SourceNote] = []
    boxes = {f"{f.name}___{box_code(c)}": v for f in fields for c, v in _boxes(f)}
    known = {f.name: f.choices for f in fields if f.kind in _ONE_CHOICE}
    for name, column in renamed.columns.items():
        if name in known:
            columns[name], unlisted = _coded(column, known[name], labelled=labelled)
            codes = mapping.missing_codes or {}
            unlisted = [i for i in unlisted if coded(column.spellings[i], codes) is None]
            notes += _unlisted(renamed, name, column, unlisted)
        elif name in boxes:
            columns[name] = _translated(column, {"unchecked": "0", "checked": "1", **boxes[name]})
        elif name.endswith("_complete"):
            columns[name] = _translated(column, _STATUS)
        elif name == "redcap_repeat_instrument":
            columns[name] = _translated(column, {f.form.replace("_", " "): f.form for f in fields})
        elif name in (_EVENT, _GROUP):
            columns[name] = _as_mapped(column, _mapped(mapping, name), arms=name == _EVENT)
    labels = {BOX_LABELS: _box_labels(fields), UNLISTED_BOXES: extra}
    meta = tuple({**known, **labels} for known in renamed.meta)
    whole = read_by_labels(replace(renamed, columns=columns, meta=meta), known, mapping)
    return whole.noted(*notes, *_judged(whole, fields, mapping))


def _box_labels(fields: Sequence[Field]) -> dict[str, str]:
    """Column of each box to its label."""
    boxes = (f for f in fields if f.kind == "checkbox")
    return {f"{f.name}___{box_code(c)}": label for f in boxes for c, label in f.choices.items()}


def _mapped(mapping: SourceMap, name: str) -> set[str]:
    """Names of events or access groups as the mapping has them."""
    given = (value for table in mapping.tables for value in table.where.get(name, ()))
    chosen = {value for value in given if isinstance(value, str)}
    center = mapping.center
    if center is not None and center.column == name:
        chosen |= set(center.codes)
    return chosen


def _as_mapped(column: TextColumn, names: set[str], *, arms: bool) -> TextColumn:
    """Labels of events or groups as the names that REDCap makes of them, where these are mapped.

    The dictionary has neither. Two labels that would be one name stay as they are.
    """
    made = {s: _unique_name(s, arms=arms) for s in column.spellings if s not in names}
    count = Counter(made.values())
    known = {label: name for label, name in made.items() if name in names and count[name] == 1}
    return text_column(column.codes, [known.get(s, s) for s in column.spellings])


def _unique_name(label: str, *, arms: bool) -> str:
    """Name that REDCap gives to an event or an access group.

    Examples
    --------
    >>> _unique_name("Follow-up, 6 months (Arm 2: Late)", arms=True)
    'followup_6_months_arm_2'
    >>> _unique_name("St. Mary's", arms=False)
    'st_marys'
    """
    arm = _ARM.search(label) if arms else None
    plain = label[: arm.start()] if arm else label
    name = re.sub(r"[^a-z0-9_]", "", plain.strip().lower().replace(" ", "_"))[:18]
    return f"{name}_arm_{arm[1] if arm else 1}" if arms else name


def _boxes(item: Field) -> list[tuple[str, dict[str, str]]]:
    """Code of each box of a checkbox field, and what says that it is ticked."""
    if item.kind != "checkbox":
        return []
    return [(code, {label: "1"} if label else {}) for code, label in item.choices.items()]


def _renamed(source: RawSource, fields: Sequence[Field]) -> tuple[RawSource, dict[str, str]]:
    """Headers of a label export to variable names, repeated headers in the project's order.

    With them the labels of boxes that are no choice of their field: a project's missing-data codes.
    """
    headers = [name.split(DUPLICATE)[0] for name in source.columns]
    names = _names(headers, list(_expected(fields)))
    extra = _unlisted_boxes(headers, names, fields)
    columns: dict[str, TextColumn] = {}
    for i, (header, column) in enumerate(source.columns.items()):
        name = names[i] or extra.get(i, ("",))[0] or _SYSTEM.get(fold(headers[i]), header)
        columns[header if name in columns else name] = column
    return replace(source, columns=columns), dict(extra.values())


def _unlisted_boxes(
    headers: Sequence[str], names: Sequence[str | None], fields: Sequence[Field]
) -> dict[int, tuple[str, str]]:
    """Place of each box that is no choice of its field, to the name and label that it gets.

    Of fields with one label it is that of the boxes to its left.
    """
    whose = {name: f.name for f in fields for name in _box_labels([f])}
    stems: dict[str, list[str]] = defaultdict(list)
    for item in fields:
        if item.kind == "checkbox":
            stems[_key(item.label)].append(item.name)
    found: dict[int, tuple[str, str]] = {}
    last = ""
    for i, (header, name) in enumerate(zip(headers, names, strict=True)):
        last = whose.get(name or "", last)
        match = None if name else _CHOICE.fullmatch(header)
        mine = stems.get(_key(match[1]), []) if match else []
        if match and (last in mine or len(mine) == 1):
            stem = last if last in mine else mine[0]
            found[i] = (f"{stem}___{box_code(match[2])}", match[2])
    return found


def _names(headers: Sequence[str], expected: Sequence[tuple[str, str]]) -> list[str | None]:
    """Name of the variable of each header; None where it is none, or may be one of several.

    A label that stands as often as the project has it is taken in the project's order. One that
    does not, in an export of some forms, is told by what stands to its left and right.
    """
    names = {name: place for place, (_, name) in enumerate(expected)}
    places, columns = _where(label for label, _ in expected), _where(headers)
    found = {i: names[header] for i, header in enumerate(headers) if header in names}
    doubtful: list[tuple[int, str]] = []
    for key, here in columns.items():
        unnamed = [i for i in here if i not in found]
        if unnamed and len(unnamed) == len(places.get(key, [])):
            found |= dict(zip(unnamed, places[key], strict=True))
        elif key in places:
            doubtful += [(i, key) for i in unnamed]
    found |= _told_by_neighbours(sorted(doubtful), found, places, len(expected))
    return [expected[found[i]][1] if i in found else None for i in range(len(headers))]


def _told_by_neighbours(
    doubtful: Sequence[tuple[int, str]],
    found: Mapping[int, int],
    places: Mapping[str, Sequence[int]],
    end: int,
) -> dict[int, int]:
    """Places of headers of which the project has as many between the columns beside them."""
    sure = sorted(found)
    told: dict[int, int] = {}
    gaps: dict[tuple[int, str], list[int]] = defaultdict(list)
    for i, key in doubtful:
        gaps[bisect(sure, i), key].append(i)
    for (gap, key), here in gaps.items():
        low = found[sure[gap - 1]] if gap else -1
        high = found[sure[gap]] if gap < len(sure) else end
        between = [place for place in places[key] if low < place < high]
        if len(between) == len(here):
            told.update(zip(here, between, strict=True))
    return told


def _where(labels: Iterable[str]) -> dict[str, list[int]]:
    """Where each label stands, as labels are compared."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        found[_key(label)].append(place)
    return dict(found)


def _expected(fields: Sequence[Field]) -> Iterator[tuple[str, str]]:
    """Header and name of every column of an export, in order."""
    forms = list(dict.fromkeys(f.form for f in fields))
    for form in forms:
        for item in fields:
            if item.form == form and item.kind == "checkbox":
                for code, label in item.choices.items():
                    name = f"{item.name}___{box_code(code)}"
                    yield f"{item.label} (choice={label})", name
            elif item.form == form and item.kind != "descriptive":
                yield item.label, item.name
        yield "Complete?", f"{form}_complete"


def _is_labelled(source: RawSource, fields: Sequence[Field]) -> bool:
    """Whether answers are labels: each that is one speaks for it, each that is a code against."""
    score = 0
    for item in fields:
        if item.kind in _ONE_CHOICE and item.name in source.columns:
            labels = {_key(label) for label in item.choices.values()}
            for spelling in source.columns[item.name].spellings:
                score += (_key(spelling) in labels) - (spelling in item.choices)
    return score > 0


def _coded(
    column: TextColumn, choices: Mapping[str, str], *, labelled: bool
) -> tuple[TextColumn, list[int]]:
    """Codes of a column of answers, and the spellings that the dictionary does not list once."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for code, label in choices.items():
        by_label[_key(label)].append(code)
    yes_no = choices in _FIXED.values()
    texts, unlisted = [], []
    for position, spelling in enumerate(column.spellings):
        codes = (
            by_label.get(_key(spelling), []) if labelled else [c for c in choices if c == spelling]
        )
        if yes_no and not codes:  # Ja and Nein, where REDCap speaks another language
            said = read_answer(spelling).value
            codes = [code for code, word in (("1", "yes"), ("0", "no")) if said == word]
        texts.append(codes[0] if len(codes) == 1 else spelling)
        if len(codes) != 1:
            unlisted.append(position)
    return text_column(column.codes, texts), unlisted


def _translated(column: TextColumn, words: Mapping[str, str]) -> TextColumn:
    known = {_key(word): code for word, code in words.items()}
    return text_column(column.codes, [known.get(_key(s), s) for s in column.spellings])


def _unlisted(
    source: RawSource, name: str, column: TextColumn, spellings: Sequence[int]
) -> Iterator[SourceNote]:
    """A note at the first row of each answer that is not in the dictionary."""
    first, counts = column.first_rows(), column.counts()
    for spelling in spellings:
        row = int(first[spelling])
        have = "cell has" if counts[spelling] == 1 else "cells have"
        said = f"{counts[spelling]} {have} an answer that the data dictionary does not list"
        said += _IF_MISSING if kind_of_missing(column.spellings[spelling]) else ""
        file = source.files[int(source.file[row])]
        yield SourceNote("redcap.unlisted", file, said, row=int(source.row[row]), column=name)


# ------------------------------------------------------------------ codes


def proposed_codes(item: Field, declared: Column) -> dict[str, str]:
    """Codes of a field whose labels say in words what they are, for a person to confirm.

    Parameters
    ----------
    item : Field
        With its choices.
    declared : Column
        The canonical field that it would feed.

    Returns
    -------
    dict of str to str
        Raw code to canonical code; choices whose labels are not understood are absent.

    Examples
    --------
    >>> from vpstats.schema_tables import TABLES
    >>> sex = Field("sex", "base", "radio", "Sex", {"1": "Female", "2": "Male", "3": "X"})
    >>> proposed_codes(sex, TABLES["patients"]["sex"])
    {'1': 'f', '2': 'm'}
    """
    read = clean_texts(declared, list(item.choices.values()), mapping=ColumnMap(column=item.name))
    pairs = zip(item.choices, read["clean"], strict=True)
    return {code: str(clean) for code, clean in pairs if clean}


def _judged(source: RawSource, fields: Sequence[Field], mapping: SourceMap) -> Iterator[SourceNote]:
    """Codes of the mapping that the dictionary does not have, or gives another meaning."""
    known = {f.name: f for f in fields if f.choices}
    for table in mapping.tables:
        for name, column in table.columns.items():
            item = known.get(column.column or column.checkbox or "")
            if item is not None:
                declared = field_column(table.name, name)
                for said in _differences(item, declared, column, mapping.missing_codes or {}):
                    yield SourceNote("redcap.codes", source.files[0], said, column=item.name)


_IF_MISSING = "; a missing-data code of the project belongs into missing_codes of the source"


def _differences(
    item: Field, declared: Column, column: ColumnMap, missing: Collection[str]
) -> Iterator[str]:
    known = {box_code(code) for code in (*item.choices, *missing)}
    strange = [code for code in column.codes if box_code(code) not in known]
    if strange:
        yield (
            f"the mapping translates {', '.join(strange)}; the data dictionary has no such choice"
            f"{_IF_MISSING}"
        )
    yield from misread_choices(item, declared, column)


def _labelled_missing(item: Field, column: ColumnMap) -> dict[str, str]:
    """Codes, not those of the mapping, whose label is a word for what is missing."""
    kinds = ((c, kind_of_missing(t)) for c, t in item.choices.items() if c not in column.codes)
    return {code: kind for code, kind in kinds if kind is not None and kind in TYPED_MISSING}


def misread_choices(item: Field, declared: Column, column: ColumnMap) -> Iterator[str]:
    """What a mapping makes of codes whose labels say something else.

    Parameters
    ----------
    item : Field
        With the codes that have a label.
    declared : Column
        The canonical field that it feeds.
    column : ColumnMap
        Its mapping.

    Yields
    ------
    str
        A phrase for each such code.

    Examples
    --------
    >>> from vpstats.schema_tables import TABLES
    >>> item = Field("dm", "", "radio", "", {"0": "Yes", "1": "No"})
    >>> next(misread_choices(item, TABLES["patients"]["diabetes"], ColumnMap(column="dm")))
    "choice 0, 'Yes', is read as no; is it yes?"
    """
    if declared.kind not in ("category", "yes_no", "set"):
        return
    meant = _labelled_missing(item, column) | proposed_codes(item, declared)
    plain = [code for code in meant if code not in column.codes]
    read = clean_texts(declared, plain, mapping=ColumnMap(column=item.name)) if plain else None
    taken = {} if read is None else dict(zip(plain, read["clean"], strict=True))
    taken |= {code: target for code, target in column.codes.items() if code in meant}
    for code, clean in taken.items():
        missing = clean in TYPED_MISSING and meant[code] in TYPED_MISSING
        if clean and clean != meant[code] and not missing:
            yield f"choice {code}, '{item.choices[code]}', is read as {clean}; is it {meant[code]}?"
