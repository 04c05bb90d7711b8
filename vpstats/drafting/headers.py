"""Headers of columns: their words, what stands in brackets, and what they say of codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from vpstats.drafting.names_levels import MODALITY_WORDS
from vpstats.registry.cells import fold

_CAMEL = re.compile(r"(?<=[a-zß-ÿčćđšž])(?=[A-ZÀ-ÞČĆĐŠŽ])")
_ASIDE = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_YES_NO = re.compile(
    r"(?i)[(\[]?(?<![^\W_])(?:da ?[/_] ?ne|ja ?[/_] ?nein|y(?:es)? ?[/_] ?n(?:o)?|s[iìí] ?[/_] ?no"
    r"|oui ?[/_] ?non|[djo] ?/ ?n)(?![^\W_])[)\]]?|[(\[]s ?/ ?n[)\]]"
)
_STATED = re.compile(r"([0-9]{1,2}) ?[=:] ?([^\W\d_][^,;/|()\[\]=:0-9]{0,30})")
"""A code and what it means, as headers state them: ``1 = F``."""
_OUI_NON = re.compile(r"\bO ?/ ?N\b")
_LONGEST = 300
_FEW_WORDS, _UNIT = 3, 4  # words in brackets that may be of the name; letters of a unit


@dataclass(frozen=True, slots=True)
class Header:
    """The words of a header.

    Parameters
    ----------
    words : tuple of str
        Folded, what stands in brackets aside.
    aside : str
        What stands in brackets, "" if nothing does.
    """

    words: tuple[str, ...]
    aside: str = ""


@lru_cache(maxsize=32768)
def words_of(text: str) -> tuple[str, ...]:
    """Folded words of a name.

    Examples
    --------
    >>> words_of("OP_Datum"), words_of("težinaKg")
    (('op', 'datum'), ('tezina', 'kg'))
    """
    spaced = _CAMEL.sub(" ", text).replace("Δ", " ")
    return tuple(w for w in re.split(r"[^a-z0-9%]+", fold(spaced)) if w)


_NEUTRAL_WORDS = (
    "patient patienten patients patientendaten stammdaten demographics demografie bolesnik "
    "pacijent paziente paciente labor lab labs laboratory laborwerte laboratorij laboratorio "
    "laboratoire eingriff op procedure intervention intervento zahvat operacija anamnese history "
    "anamneza baseline basis basisdaten general allgemein opci podaci podatci daten data dati "
    "datos komorbiditaten comorbidities komorbiditeti comorbidita wirbel level levels razine "
    "zement donnees cement cemento ciment technik technique details angaben befund befunde preop "
    "praop "
)
NEUTRAL = frozenset(_NEUTRAL_WORDS.split())
_BETWEEN = "_ .-:/"


def headers_of(name: str, label: str = "", prefix: str = "") -> tuple[Header, ...]:
    """What a column can be called: its name, the finer of two names, the text of its question.

    A name without the prefix that the columns of its export share is one of its own.

    A name that stands below another is one of its own only where the upper says no more than what
    the group is: ``Labor / CRP`` is CRP, ``After 6 months / CRP`` is not.

    Examples
    --------
    >>> [h.words for h in headers_of("Labor / CRP")], len(headers_of("After 6 months / CRP"))
    ([('labor', 'crp'), ('crp',)], 1)
    """
    above, between, own = name.rpartition(" / ")
    finer = [own] if between and set(words_of(above)) <= NEUTRAL else []
    if prefix and name.casefold().startswith(prefix):
        finer.append(name[len(prefix) :].lstrip(_BETWEEN))
    plain = tuple(read_header(text) for text in (name, *finer, label) if text)
    # what stands in brackets may be part of the name: Leak (CT) is no leak on fluoroscopy
    whole = [Header((*h.words, m)) for h in plain for m in _modalities(h.aside)]
    whole += [Header((*h.words, *words_of(h.aside))) for h in plain if _may_name(h.aside)]
    return (*plain, *dict.fromkeys(whole))


def _may_name(aside: str) -> bool:
    """Whether brackets hold words rather than a unit, numbers or codes."""
    words = words_of(aside)
    return 0 < len(words) <= _FEW_WORDS and all(len(w) > _UNIT and w.isalpha() for w in words)


def _modalities(aside: str) -> set[str]:
    words = {kind: names.split("|") for kind, names in MODALITY_WORDS.items()}
    return {"ct" if kind == "ct" else "fluoroscopy" for kind in hints(aside, words)}


def read_header(text: str) -> Header:
    """Words of a header, without answers such as ``(yes/no)`` and with brackets apart.

    Examples
    --------
    >>> read_header("CRP (mg/dL)")
    Header(words=('crp',), aside='mg/dL')
    """
    # the rest of a longer one is no name, and would be compared for minutes
    text = text[:_LONGEST]
    plain = _STATED.sub(" ", text) if stated_codes(text) else text
    plain = _YES_NO.sub(" ", plain)
    asides = _ASIDE.findall(plain)
    words = words_of(_ASIDE.sub(" ", plain))
    return Header(words or words_of(plain), asides[-1].strip() if asides and words else "")


def stated_codes(text: str) -> dict[str, str]:
    """Codes that a header explains, with what it says of each; empty unless it has two.

    Examples
    --------
    >>> stated_codes("Sex (1=F 2=M)"), stated_codes("ASA (1-5)")
    ({'1': 'F', '2': 'M'}, {})
    """
    if _OUI_NON.search(text[:_LONGEST]):
        return {"O": "oui", "N": "non"}  # elsewhere an O may be a zero
    pairs = _STATED.findall(text[:_LONGEST])
    found = {code: label.strip(" .") for code, label in pairs}
    return found if len(found) == len(pairs) > 1 else {}


def hints(text: str, words: Mapping[str, Iterable[str]]) -> set[str]:
    """Which of some families of words a name has a word of."""
    have = " ".join(words_of(text))
    return {
        family
        for family, names in words.items()
        if any(re.search(rf"\b{re.escape(' '.join(words_of(n)))}\b", have) for n in names)
    }
