"""Names of months, and the words that stand beside them in a date."""

from __future__ import annotations

from collections.abc import Mapping

from vpstats.registry.cells import fold

_MONTH_NAMES = (
    "jan sijec ianuar gennaio gen enero ene janvier jaen",
    "feb veljac febbraio febrero fevr fev",
    "mar ozuj marzo mars maerz mrz mart",
    "apr travan travnj aprile abr avr",
    "maj svib mai may maggio mag mayo",
    "jun lip giugno giu junio juin",
    "jul srp luglio lug julio juil",
    "aug kolov agosto ago aout avg",
    "sep rujan rujna settembre set septiembre sept",
    "oct listop okt ottobre ott octubre oktob",
    "nov studen noviembre",
    "dec prosin dez dicembre dic diciembre dez",
)
_MONTHS: Mapping[str, int] = {
    stem: number for number, stems in enumerate(_MONTH_NAMES, start=1) for stem in stems.split()
}
_SHORT = ("sij", "velj", "ozu", "tra", "svi", "lip", "srp", "kol", "ruj", "lis", "stu", "pro")
"""Croatian months of three or four letters: whole words only, since other words begin so."""
ROMAN_MONTHS: Mapping[str, int] = {
    "i": 1,
    "ii": 2,
    "iii": 3,
    "iv": 4,
    "v": 5,
    "vi": 6,
    "vii": 7,
    "viii": 8,
    "ix": 9,
    "xi": 11,
    "xii": 12,
}
"""Without ``x``, which also stands for a number to be filled in."""
_WHOLE: Mapping[str, int] = {name: n for n, name in enumerate(_SHORT, start=1)} | dict(ROMAN_MONTHS)

FILLERS = frozenset(
    {"de", "del", "di", "le", "el", "il", "den", "der", "dem", "of", "the"}
    | {"lunedi", "martedi", "mercoledi", "giovedi", "venerdi", "sabato", "domenica"}
    | {"lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"}
    | {"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"}
    | {"montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"}
    | {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
    | {"ponedjeljak", "utorak", "srijeda", "cetvrtak", "petak", "subota", "nedjelja"}
)
"""Folded words that may stand in a date and say nothing about the day."""


def month_of(word: str) -> int | None:
    """Number of a month by its name or its beginning.

    Examples
    --------
    >>> [month_of(word) for word in ("kolovoza", "août", "VIII", "pro", "proljece")]
    [8, 8, 8, 12, None]
    """
    plain = fold(word)
    if plain in _WHOLE:
        return _WHOLE[plain]
    for length in (6, 5, 4, 3):
        if plain[:length] in _MONTHS:
            return _MONTHS[plain[:length]]
    return None
