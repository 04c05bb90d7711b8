"""Words that say the same in a header: abbreviations, and the plain words of six languages.

Two tiers. A word of `_SAME` has one meaning in the tables of a spine service, so ``Pt No`` is
``patient number`` and nothing else. Any other abbreviation (``Oper.``, ``Diab``) is only like the
word that it may stand for, and what is matched by it is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import permutations
from types import MappingProxyType

_SAME = """
    patient: pt pat patient patients patienten paz pz paziente pac paciente pacijent pacijenta
    patient: bolesnik bolesnika
    number: no nr num number nummer numero broj br nro
    id: id identifier identification ident
    name: name nom nome nombre ime naam
    date: dt dat date datum data fecha fec datums
    year: yr year jahr godina god anno ano annee
    birth: birth born geb geburt geburts rodenja rodjenja rod nascita nacimiento nac naissance naiss
    death: death died deceased tod todes smrt smrti decesso morte muerte fallecimiento deces
    procedure: proc procedure procedura procedimiento op operation operacija operacije operazione
    procedure: operacion surgery surg zahvat zahvata eingriff eingriffs intervention interv
    procedure: intervento intervencion intervencija intervencije cirugia chirurgie vp geste
    procedure: vertebroplasty vertebroplastika vertebroplastike vertebroplastik vertebroplastie
    procedure: surgical quirurgico quirurgica chirurgico chirurgica chirurgical kirurski
    last: last ult ultimo ultima dernier derniere dern letzter letzte letztes zadnji zadnja zadnje
    last: posljednji posljednja posljednje
    new: new novi nova neue neuer nuovo nuova nuevo nueva nouveau nouvelle
    follow-up: fu followup
    visit: visit visita visite kontrole kontrola pregled pregleda ctrl kontr
    infection: infection infect infec infekt infekc infekcija infekcije infektion infektions
    infection: infezione infeccion ssi
    fracture: fracture fx frx fract frac fraktur prijelom prijeloma frakture frattura fractura
    complication: complication compl cplx komplikation komplikations komplikacija komplikacije
    complication: complicanza complicacion
    embolism: embolism embolisms embolus emboli embolisation embolization embolie embolien embolia
    embolism: embolija embolije
    leak: leak leakage leaks leck leckage fuga fuite curenje istjecanje extravasation
    leak: ekstravazacija stravaso
    paravertebral: paravertebral paravertebralno paravertebrale paravertebralna paraspinal
    paravertebral: paraspinalno paraspinale paraspinous paraspinoso paraespinal paraspinalna
    event: event ereignis ereignisses dogadaj dogadaja evento evenement
    level: level levels lvl lvls
    cement: cement cem cementa zement cemento ciment cim
    volume: volume vol volumen amount qty kolicina kol quantita cantidad quantite menge
    height: height ht hgt
    weight: weight wt wgt
    hospital: hospital hosp krankenhaus bolnica bolnice ospedale hopital
    anaesthesia: anaesthesia anesthesia anaes anaesth anes anest anesth anast anasth anasthesie
    anaesthesia: anestezija anestesia anesthesie
    type: type typ tip tipo art vrsta
    pre: pre preop pra prae praop before prije vor prima antes avant
    post: post postop after nach poslije nakon dopo despues apres
"""
"""Concept → its words, folded. A word that means two things here stands nowhere."""

_GENERAL = frozenset({"date", "number", "id", "name", "year", "type", "pre", "post"})
_GRADED_WORDS = "score skor index indeks indice grade grad grado class klasa classe klasse"
_GRADED = frozenset(_GRADED_WORDS.split())

_JOINTS = ("", "s", "n", "en", "e", "of", "de", "di", "da")
"""What may stand between two words that are written as one: Infektion-s-datum, date-of-birth."""
_SHORTEST, _LONGEST = 4, 40
_MOST_WORDS = 4
_COMPOUND, _REST = 6, 4  # letters of a known word that begins a compound, and of what follows it
_TURN_WORDS = (
    "hyper hypo hiper hipo iper ipo inter intra para peri epi supra sub infra endo extra uni bi "
    "non asym dys"
)
_TURNS = tuple(_TURN_WORDS.split())
"""Beginnings of medical words that turn what they mean."""
_PREFIX, _ALONE = 3, 4  # letters of an abbreviation beside other words, and of one by itself


def _concepts() -> Iterator[tuple[str, str]]:
    for line in _SAME.strip().splitlines():
        concept, _, words = line.strip().partition(": ")
        yield from ((word, concept) for word in words.split())


@cache
def _concept_of() -> MappingProxyType[str, str]:
    return MappingProxyType(dict(_concepts()))


@lru_cache(maxsize=32768)
def expanded(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a header by what they mean, in no order.

    Before and after are those of the procedure, whether or not it is named.

    Examples
    --------
    >>> expanded(("pt", "no")), expanded(("nummer", "patienten"))
    (('number', 'patient'), ('number', 'patient'))
    >>> expanded(("crp", "vor", "op")) == expanded(("crp", "pre"))
    True
    """
    meant = sorted(meaning_of(word) for word in words)
    if len(meant) > 2 and {"pre", "post"} & set(meant):
        return tuple(word for word in meant if word != "procedure")
    return tuple(meant)


def meaning_of(word: str) -> str:
    """What a word with one meaning means; any other stands for itself."""
    return _concept_of().get(word, word)


def is_known(word: str) -> bool:
    """Whether a word is among those with one meaning."""
    return word in _concept_of()


@lru_cache(maxsize=4096)
def _meaning(word: str) -> str:
    """Meaning of a word, or of all the known words that it begins: ``komplik``."""
    concepts = _concept_of()
    if word in concepts or len(word) < _ALONE:
        return concepts.get(word, word)
    begun = {concept for known, concept in concepts.items() if known.startswith(word)}
    return begun.pop() if len(begun) == 1 else word


def is_general(word: str) -> bool:
    """Whether a word says of what sort a column is and not what it is about.

    Examples
    --------
    >>> is_general("datum"), is_general("score"), is_general("cement")
    (True, True, False)
    """
    return word in _GRADED or _concept_of().get(word) in _GENERAL


def one_follow_up(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a header with a follow-up in one word.

    Examples
    --------
    >>> one_follow_up(("last", "f", "u")), one_follow_up(("follow", "up", "date"))
    (('last', 'fu'), ('fu', 'date'))
    """
    for i in range(len(words) - 1):
        if words[i : i + 2] in (("f", "u"), ("follow", "up")):
            return (*words[:i], "fu", *words[i + 2 :])
    return words


@lru_cache(maxsize=4096)
def parted(word: str) -> tuple[str, ...]:
    """The words of a compound, where it is made of known ones and of nothing else.

    Examples
    --------
    >>> parted("ptid"), parted("infektionsdatum"), parted("operator")
    (('pt', 'id'), ('infektions', 'datum'), ())
    """
    known = _concept_of()
    if word in known or not _SHORTEST <= len(word) <= _LONGEST:
        return ()
    for cut in range(len(word) - 2, 1, -1):
        first, rest = word[:cut], word[cut:]
        if first not in known:
            continue
        for joint in _JOINTS:
            tail = rest.removeprefix(joint)
            if rest.startswith(joint) and len(tail) > 1 and (tail in known or parted(tail)):
                return (first, *(parted(tail) or (tail,)))
    return ()


@lru_cache(maxsize=32768)
def cut_behind(word: str, firsts: frozenset[str]) -> tuple[str, ...]:
    """A compound as what it begins with, where that means one of some things, and its rest.

    Examples
    --------
    >>> [cut_behind(word, frozenset({"cement"})) for word in ("zementallergie", "zementa")]
    [('zement', 'allergie'), ('zementa',)]
    """
    known = _concept_of()
    for cut in range(len(word) - _REST, _COMPOUND - 1, -1):
        if word not in known and known.get(word[:cut]) in firsts:
            return word[:cut], word[cut:]
    return (word,)


def turned(a: str, b: str) -> bool:
    """Whether two words that look alike differ in a beginning that turns their meaning.

    Examples
    --------
    >>> turned("hypertension", "hypotension"), turned("paraspinal", "intraspinal")
    (True, True)
    >>> turned("hypertension", "hypertensoin")
    False
    """
    return _turn(a) != _turn(b)


def _turn(word: str) -> str:
    return next((p for p in _TURNS if word.startswith(p)), "")


def initials(words: Sequence[str]) -> str:
    """First letters of the meanings of words, in alphabetical order.

    Examples
    --------
    >>> initials(("dat", "zahvata"))
    'dp'
    """
    return "".join(sorted(_meaning(word)[0] for word in words))


def abbreviates(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether some words can stand for others, one for one and in any order.

    Examples
    --------
    >>> abbreviates(("ind", "charl"), ("charlson", "index"))
    True
    >>> abbreviates(("dur",), ("duration",)), abbreviates(("diab",), ("diabetes",))
    (False, True)
    """
    mine, other = [_meaning(word) for word in ours], expanded(tuple(theirs))
    if len(mine) != len(other) or len(mine) > _MOST_WORDS:
        return False
    least = _ALONE if len(mine) == 1 else _PREFIX
    return any(
        all(_short_for(a, b, least) for a, b in zip(mine, order, strict=True))
        for order in permutations(other)
    )


def _short_for(short: str, word: str, least: int) -> bool:
    """The same word, its beginning, or consonants of it with the first and the last letter."""
    if short == word:
        return True
    if len(short) < least or len(short) >= len(word) or short[0] != word[0]:
        return False
    rest = iter(word)
    consonants = not any(c in "aeiou" for c in short[1:])
    skeleton = consonants and short[-1] == word[-1] and all(c in rest for c in short)
    return word.startswith(short) or skeleton
