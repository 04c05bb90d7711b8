"""Words whose meaning shows from the other words of their column: answers, letters of a sex."""

from __future__ import annotations

from collections.abc import Callable

from vpstats.registry.cells import Reading, fold
from vpstats.registry.languages import foreign_answers
from vpstats.registry.lexicon import coded, doubtful_crosses, read_code, read_set
from vpstats.registry.mapping import ColumnMap
from vpstats.registry.raw import TextColumn
from vpstats.registry.synonyms import NONE_WORDS
from vpstats.schema import Column

_CROSS_OR_CIRCLE = (
    "a cross beside circles or check marks, which is a no in some countries; say in codes what "
    "each of them means"
)
_FOREIGN = (
    "an answer of another language than the others, in which it may be an abbreviation; say in "
    "codes what it means"
)
_PYTHON = "what Python writes for nothing, beside another word for no; say in codes what it means"
_OTHER_SEX = "a letter that stands for another sex in another language"


_EMPTY_OF_PYTHON = "None"


def yes_no_reader(
    column: Column, mapping: ColumnMap, text: TextColumn, languages: frozenset[str]
) -> Callable[[str], Reading]:
    """Yes/no as the column writes it: ``-`` beside ``+``, and ``1``/``2`` that nobody declared.

    Parameters
    ----------
    column : Column
        The field.
    mapping : ColumnMap
        Codes that the mapping declares; they go before what is seen.
    text : TextColumn
        All of its cells.
    languages : frozenset of str
        Languages of the answers of the whole source.

    Returns
    -------
    callable
        Spelling to what it says.

    Examples
    --------
    >>> from vpstats.registry.raw import from_texts
    >>> from vpstats.schema_tables import PATIENTS
    >>> text, mapping = from_texts(["Sí", "No", "NE"]), ColumnMap(column="diabetes")
    >>> read = yes_no_reader(PATIENTS["diabetes"], mapping, text, frozenset())
    >>> read("No").value, read("NE").rule
    ('no', 'word.ambiguous')
    """
    folded = {fold(s) or s for s in text.spellings}
    plus = any(s.strip() in ("+", "++", "+++") for s in text.spellings)
    doubtful = "2" in folded and "0" not in folded and not mapping.codes
    crossed = doubtful_crosses(text.spellings)
    foreign = foreign_answers(text.spellings, mapping.codes, languages)
    others = [s for s in text.spellings if s.strip() != _EMPTY_OF_PYTHON]
    denied = any(read_code(s, column, mapping.codes).value == "no" for s in others)

    def read(spelling: str) -> Reading:
        if coded(spelling, mapping.codes) is None:
            if denied and spelling.strip() == _EMPTY_OF_PYTHON:
                return Reading(rule="word.ambiguous", note=_PYTHON)
            if plus and spelling.strip() in ("-", "−", "–"):
                return Reading("no", "word.spelling", style="sign")
            if doubtful and fold(spelling) in ("1", "2"):
                return Reading(
                    rule="word.ambiguous", note="1 and 2, and no code that says which is yes"
                )
            if spelling in crossed:
                return Reading(rule="word.ambiguous", note=_CROSS_OR_CIRCLE)
            if spelling in foreign:
                return Reading(rule="word.ambiguous", note=_FOREIGN)
        return read_code(spelling, column, mapping.codes)

    return read


def category_reader(
    column: Column, mapping: ColumnMap, text: TextColumn, languages: frozenset[str]
) -> Callable[[str], Reading]:
    """Codes, and sets of codes, in which an answer of another language is no *none*.

    Parameters
    ----------
    column : Column
        The field.
    mapping : ColumnMap
        Codes that the mapping declares.
    text : TextColumn
        All of its cells.
    languages : frozenset of str
        Languages of the answers of the whole source.

    Returns
    -------
    callable
        Spelling to what it says.

    Examples
    --------
    >>> from vpstats.registry.raw import from_texts
    >>> from vpstats.schema_tables import PATIENTS
    >>> text, mapping = from_texts(["Ninguno", "AAS", "NE"]), ColumnMap(column="ac")
    >>> read = category_reader(PATIENTS["anticoag"], mapping, text, frozenset())
    >>> read("Ninguno").value, read("NE").rule
    ('none', 'word.ambiguous')
    """
    reader = read_set if column.kind == "set" else read_code
    foreign = {
        spelling
        for spelling in foreign_answers(text.spellings, {}, languages)
        if fold(spelling) in NONE_WORDS and coded(spelling, mapping.codes) is None
    }

    def read(spelling: str) -> Reading:
        if spelling in foreign:
            return Reading(rule="word.ambiguous", note=_FOREIGN)
        return reader(spelling, column, mapping.codes)

    return read


_OTHER_LETTERS = ({"h", "m"}, {"v", "m"}, {"d", "u"})
"""Hombre and mujer, varón and mujer, donna and uomo: letters that elsewhere mean another sex."""
_MUJER = frozenset({"mujer", "hombre", "varon", "mujeres", "hombres"})
"""Words beside which an M may be short for *mujer* as for *masculino*."""


def sex_reader(
    column: Column, mapping: ColumnMap, text: TextColumn, languages: frozenset[str] = frozenset()
) -> Callable[[str], Reading]:
    """Sex as the column writes it: ``M`` beside ``H`` is a woman, beside ``F`` a man.

    Beside both, and beside *hombre* or *mujer*, nobody knows, unless the file answers in French
    or calls the column *Sexe*.

    Parameters
    ----------
    column : Column
        The field.
    mapping : ColumnMap
        Codes that the mapping declares; they go before what is seen.
    text : TextColumn
        All of its cells.
    languages : frozenset of str, optional
        Languages of the answers of the whole source.

    Returns
    -------
    callable
        Spelling to what it says.

    Examples
    --------
    >>> from vpstats.registry.raw import from_texts
    >>> from vpstats.schema_tables import PATIENTS
    >>> mapping = ColumnMap(column="sex")
    >>> for cells in (["M", "F"], ["H", "F"], ["H", "M", "F"]):
    ...     read = sex_reader(PATIENTS["sex"], mapping, from_texts(cells))
    ...     print([read(cell).value for cell in cells])
    ['m', 'f']
    ['m', 'f']
    [None, None, 'f']
    """
    words = {fold(s) for s in text.spellings}
    letters = {word for word in words if len(word) == 1}
    doubtful: set[str] = set()
    for pair in _OTHER_LETTERS:
        doubtful |= pair if pair & letters - {"m", "u"} else set()
    alone = letters & {"u", "m", "f"} == {"u"}
    french = "it" not in languages and ("fr" in languages or fold(mapping.column or "") == "sexe")
    if "f" in letters and (french or not ("m" in letters and letters & {"h", "v"})):
        doubtful -= {"m"}  # homme et femme, masculin et féminin
    if words & _MUJER:
        doubtful |= {"m"}
    if {"f", "n"} <= letters and "m" not in letters:  # nő and férfi: F is a man
        doubtful |= {"f", "n"}
    known = {"h": "m"} if "f" in letters and (french or "m" not in letters) else {}

    def read(spelling: str) -> Reading:
        plain = fold(spelling)
        if coded(spelling, mapping.codes) is None:
            if plain in known:
                return Reading(known[plain], "word.spelling", style="word")
            if plain in doubtful or (alone and plain == "u"):
                return Reading(rule="word.ambiguous", note=_OTHER_SEX)
        return read_code(spelling, column, mapping.codes)

    return read
