"""Cells that say no: what they say may hold for several vertebrae of a list at once."""

from __future__ import annotations

from collections.abc import Mapping

from vpstats.registry.answers import read_answer
from vpstats.registry.cells import fold
from vpstats.registry.lexicon import coded
from vpstats.registry.synonyms import NONE_WORDS

_NEGATIVE = frozenset({"", "no", "none", "absent", "unknown", "not_done", "not_applicable"})


_NO_EVENT = frozenset(
    {"ras", "r.a.s", "rien a signaler", "rien", "o.b", "ohne besonderheiten", "komplikationslos"}
    | {"unauffallig", "uneventful", "uncomplicated", "nil", "nihil", "senza complicanze", "b.o"}
    | {"no complication", "no complications", "keine komplikation", "keine komplikationen"}
    | {"nessuna complicanza", "sin complicaciones", "sans complication", "sans complications"}
    | {"pas de complication", "aucune complication", "bez komplikacija", "bez komplikaci"}
    | {"geen complicatie", "geen complicaties", "sem complicacoes", "bez powiklan"}
)


def says_no_event(text: str) -> bool:
    """Whether a cell where an event would stand says that there was none.

    A 0 may be a number, and is for the column to judge.

    Examples
    --------
    >>> [says_no_event(text) for text in ("RAS", "keine", "none", "Infekt", "0")]
    [True, True, True, False, False]
    """
    plain = fold(text)
    return plain in _NO_EVENT or (plain in NONE_WORDS and plain != "0")


def says_nothing_positive(text: str, codes: Mapping[str, str]) -> bool:
    """Whether a cell says no, none or not known.

    Parameters
    ----------
    text : str
        The cell.
    codes : mapping of str to str
        The mapping's own codes, which come first.

    Examples
    --------
    >>> [says_nothing_positive(t, {"keine": "none"}) for t in ("keine", "ne", "n.p.", "venozno")]
    [True, True, True, False]
    """
    code = coded(text, codes)
    if code is not None:
        return code in _NEGATIVE
    reading = read_answer(text)
    return fold(text) in NONE_WORDS or str(reading.value or "yes") in _NEGATIVE
