"""Names of months, and the words that stand beside them in a date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vpstats.registry.cells import fold

_MONTH_NAMES = (
    "jan sijec ianuar gennaio gen enero ene janvier jaen stycz leden ledn ocak",
    "feb veljac febbraio febrero fevr fev luty lutego unor subat",
    "mar ozuj marzo mars maerz mrz mart maart mrt marec brez",
    "apr travan travnj aprile abr avr kwie duben dubn nisan",
    "maj svib mai may maggio mag mayo mei kvet",
    "jun lipanj lipnj giugno giu junio juin czerwiec czerwc cerven cervn hazir",
    "jul srpanj srpnj luglio lug julio juil lipiec lipc cervenec cervenc temmuz",
    "aug kolov agosto ago aout avg sierp srpen srpn agustos",
    "sep rujan rujna settembre set septiembre sept szept wrzes zari eylul",
    "oct okt ottobre ott octubre oktob out pazdz rijen rijn ekim",
    "nov studen noviembre kasim",
    "dec prosin dez dicembre dic diciembre grudzien grudn aralik",
)
"""Beginnings by which a month is told from every other word, as short as they may be written.

They do not follow from the forms below: how much of a name can be left out, as ``mar`` of March
and never ``ma``, is the custom of each language.
"""
_SHORT_WORD = 4  # letters up to which a mistyped one makes another word
_FORMS = (
    "january januar januara januarja januari sijecanj sijecnja gennaio enero janvier janner jaenner"
    " styczen stycznia leden ledna janeiro ocak ianuarie ianuar",
    "february februar februara februarja februari feber veljaca veljace febbraio febrero fevrier"
    " luty lutego unor unora fevereiro subat februarie",
    "march marz maerz mrz marzo mars mart marta marts ozujak ozujka marec marca marzec brezen"
    " brezna maart mrt marco marcius martie",
    "april aprila aprile aprilie aprilis abril avril travanj travnja kwiecien kwietnia duben dubna"
    " nisan",
    "may maj maja mai maggio mayo svibanj svibnja mei maio majus mayis kveten kvetna",
    "june jun juni juna junij junija junio junho junius juin giugno lipanj lipnja czerwiec czerwca"
    " cerven cervna haziran",
    "july juli jul jula julij julija julio julho julius juillet luglio srpanj srpnja lipiec lipca"
    " cervenec cervence temmuz",
    "august augusta augusti augustus augusztus avgust avgusta agosto aout kolovoz kolovoza sierpien"
    " sierpnia srpen srpna agustos",
    "september septembar septembra septembre septembrie septiembre settembre setembro szeptember"
    " rujan rujna wrzesien wrzesnia zari eylul",
    "october octobre octubre octombrie oktober oktobar oktobra ottobre outubro pazdziernik"
    " pazdziernika rijen rijna ekim",
    "november novembar novembra novembre novembro noviembre studeni studenog studenoga kasim",
    "december decembar decembra decembre decembrie dezember dezembro dicembre diciembre prosinac"
    " prosinca prosinec prosince grudzien grudnia aralik",
)
"""Months in full, as they stand in a date; some begin as words do that are no month."""
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
_NORTH_SHORT: Mapping[str, int] = {
    name: number
    for names in (
        "sty lut mar kwi maj cze lip sie wrz paz lis gru",
        "led uno bre dub kve cvn cvc srp zar rij lis pro",
    )
    for number, name in enumerate(names.split(), start=1)
}
"""Polish and Czech months of three letters, whole words like the Croatian ones."""
_WHOLE: Mapping[str, int] = {
    **_NORTH_SHORT,
    **{name: n for n, name in enumerate(_SHORT, start=1)},
    **ROMAN_MONTHS,
}

Names = Literal["", "south", "north", "either"]
"""Whose names of months: Croatian, those of Polish and Czech, or one that both have."""

_EITHER: Mapping[str, int] = {"lip": 6, "srp": 7, "lis": 10}
"""Short names of a month in Croatian, and of the one after it in Polish or Czech."""
_SOUTH = frozenset(
    {*_SHORT, "sijec", "veljac", "ozuj", "travan", "travnj", "svib", "lipanj", "lipnj"}
    | {"srpanj", "srpnj", "kolov", "rujan", "rujna", "studen"}
) - {*_EITHER, "pro"}
_NORTH = frozenset(
    {"stycz", "luty", "lutego", "kwie", "czerwiec", "czerwc", "lipiec", "lipc", "sierp", "wrzes"}
    | {"pazdz", "grudzien", "grudn", "leden", "ledn", "unor", "brez", "duben", "dubn", "kvet"}
    | {"cerven", "cervn", "cervenec", "cervenc", "srpen", "srpn", "zari", "rijen", "rijn"}
    | (set(_NORTH_SHORT) - {*_EITHER, "mar", "maj", "pro"})
)

FILLERS = frozenset(
    {"de", "del", "di", "le", "el", "il", "den", "der", "dem", "of", "the"}
    | {"lunedi", "martedi", "mercoledi", "giovedi", "venerdi", "sabato", "domenica"}
    | {"lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"}
    | {"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"}
    | {"montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"}
    | {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
    | {"r", "rok", "roku", "god", "godine", "год", "г", "ar", "ev"}  # a word for year
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
    plain = fold(word).replace("ı", "i")  # Turkish, as in Kasım
    if plain.startswith("listop"):
        return 11 if plain == "listopadu" else 10
    if plain in _WHOLE:
        return _WHOLE[plain]
    stem = _stem(plain)
    # marraskuu begins as March does, maybe as May
    return _MONTHS[stem] if stem and _is_form(plain, _FORMS[_MONTHS[stem] - 1]) else None


def is_month(word: str) -> bool:
    """Whether a word is a month's name in full.

    Examples
    --------
    >>> is_month("styczeń"), is_month("sty"), is_month("Maria")
    (True, False, False)
    """
    plain = fold(word).replace("ı", "i")
    return plain == "listopad" or any(plain in forms.split() for forms in _FORMS)


def _is_form(word: str, forms: str) -> bool:
    """Whether a word begins one of the forms of a month, or is one with a letter mistyped."""
    long = len(word) > _SHORT_WORD
    return any(f.startswith(word) or (long and _one_slip(word, f)) for f in forms.split())


def _one_slip(word: str, form: str) -> bool:
    """Whether one letter too many, too few or wrong makes the difference.

    Examples
    --------
    >>> _one_slip("febuary", "february"), _one_slip("maybe", "mayo"), _one_slip("mayo", "mayo")
    (True, False, True)
    """
    same = next((i for i, (a, b) in enumerate(zip(word, form, strict=False)) if a != b), None)
    if same is None:
        return abs(len(word) - len(form)) <= 1
    rest, other = word[same:], form[same:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]


def _stem(plain: str) -> str:
    lengths = (9, 8, 7, 6, 5, 4, 3)
    return next((plain[:n] for n in lengths if len(plain) >= n and plain[:n] in _MONTHS), "")


def names_of(word: str) -> Names:
    """Whose name of a month a word is, as far as it tells; most names tell nothing.

    ``listopad`` is October in Croatian and November in Polish and Czech; only the latter say
    ``listopadu`` after a number. ``lip`` and ``srp`` are a month later there, too.

    Examples
    --------
    >>> [names_of(word) for word in ("kolovoza", "lipca", "listopada", "listopadu", "May")]
    ['south', 'north', 'either', 'north', '']
    """
    plain = fold(word)
    if plain == "listopadu":
        return "north"
    if plain in _EITHER or plain.startswith("listop"):
        return "either"
    stem = plain if plain in _SOUTH | _NORTH else _stem(plain)
    if stem in _SOUTH:
        return "south"
    return "north" if stem in _NORTH else ""
