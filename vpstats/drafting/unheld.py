"""What hospitals record beside a session and the registry has no field for, and why it is left."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vpstats.drafting.headers import Header

_STAY_WORDS = (
    "los liegedauer verweildauer krankenhausverweildauer aufenthaltsdauer liegetage belegtage "
    "verweiltage pflegetage estancia degenza lezanja beddays"
)
_STAY = frozenset(_STAY_WORDS.split())
"""Words that are a length of stay by themselves."""

_PLACE_WORDS = (
    "stay hospitalisation hospitalization hospitalised hospitalized hospitalizacije "
    "hospitalizacion hospitalizaciones hospitalisierung krankenhausaufenthalt "
    "krankenhausaufenthalts aufenthalt aufenthalts ricovero boravka sejour ingresado inpatient "
    "bed"
)
_PLACE = frozenset(_PLACE_WORDS.split())
_LENGTH_WORDS = (
    "length duration days day tage dauer tag dana dani trajanje duljina durata giorni giornate "
    "duracion dias dia duree jours jour nights"
)
_LENGTH = frozenset(_LENGTH_WORDS.split())
"""With a word of `_PLACE` these are one too."""

_COUNT_WORDS = "number no n nr nb broj anzahl numero nombre"
_COUNT = frozenset(_COUNT_WORDS.split())
"""How many of a length; a number of a stay that is none names the stay."""

_BESIDE_WORDS = (
    "of the in im des der de del della di d l la en au u hospital total gesamt ukupno totale "
    "hospitalaria hospitalier hospitaliere ospedaliera ospedaliero bolnici bolnicki klinik "
    "krankenhaus postop postoperative postoperativa postoperativer op post preop icu"
)
_BESIDE = frozenset(_BESIDE_WORDS.split())
_ADMITTED = (
    "admission date|date of admission|date admitted|admitted|doa|aufnahmedatum|aufnahmetag"
    "|datum der aufnahme|datum prijema|datum prijama|data ricovero|data di ricovero"
    "|fecha de ingreso|fecha ingreso|date d admission|date d entree|date d hospitalisation"
)
_DISCHARGED = (
    "discharge date|date of discharge|date discharged|discharged|entlassdatum|entlassungsdatum"
    "|entlasstag|entlassungstag|datum otpusta|data dimissione|data di dimissione|fecha de alta"
    "|fecha alta|date de sortie|date sortie"
)
_DAYS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(_ADMITTED.split("|"), "admission"),
        **dict.fromkeys(_DISCHARGED.split("|"), "discharge"),
    }
)


def why_unheld(header: Header) -> str:
    """Why a column has no field, where its header says what it is.

    Parameters
    ----------
    header : Header
        Its words.

    Returns
    -------
    str
        A phrase, "" where the header names nothing of the kind.

    Examples
    --------
    >>> from vpstats.drafting.headers import read_header
    >>> why_unheld(read_header("LOS (days)"))
    'a length of stay; the registry has no field for it'
    >>> why_unheld(read_header("Duration (min)"))
    ''
    """
    if _is_stay(header.words):
        return "a length of stay; the registry has no field for it"
    day = _DAYS.get(" ".join(header.words))
    return f"the day of {day}; the registry has the day of the session only" if day else ""


def _is_stay(words: tuple[str, ...]) -> bool:
    """Whether all words together say how long a patient was in hospital, and nothing else."""
    said = set(words)
    if not said <= _STAY | _PLACE | _LENGTH | _COUNT | _BESIDE:
        return False
    long = bool(said & _LENGTH)
    return bool(said & _STAY and (long or not said & _COUNT)) or bool(said & _PLACE and long)
