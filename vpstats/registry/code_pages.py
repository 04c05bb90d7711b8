"""Which of the code pages of Europe a text is in, seen from its words.

Two things are asked of each code page: are the letters that it gives those of one language, and
does each stand where such a letter stands, a vowel beside consonants and a consonant beside
vowels? ``Kovaè`` has a letter of Italian in a place where Italian has none; ``Kovač`` is a word.
Where neither tells two code pages apart, both are named and a person is asked.

References
----------
Li S, Momoi K. A composite approach to language/encoding detection. 19th International Unicode
Conference; 2001 (there by the frequency of characters and of pairs of them).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

PAGES = ("cp1252", "cp1250", "iso-8859-2")
"""Code pages that are told apart, the one to take first where nothing tells."""

_WESTERN: Mapping[str, str] = MappingProxyType(
    {
        "de": "äöüßé",
        "fr": "àâæçéèêëîïôœùûüÿ",
        "it": "àèéìíîòóù",
        "es": "áéíñóúüçàº",
        "pt": "áâãàçéêíóôõúü",
        "nl": "éèëïöüáó",
        "da": "æøåéäö",
    }
)
_CENTRAL: Mapping[str, str] = MappingProxyType(
    {
        "hr": "čćđšž",
        "cs": "áčďéěíňóřšťúůýž",
        "sk": "áäčďéíĺľňóôŕšťúýž",
        "pl": "ąćęłńóśźż",
        "hu": "áéíóöőúüű",
        "ro": "ăâîşţ",
        "de": "äöüßé",
    }
)
_LANGUAGES = MappingProxyType({"cp1252": _WESTERN, "cp1250": _CENTRAL, "iso-8859-2": _CENTRAL})
_RARE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "cp1254": {"tr": "çğıöşüâîû"},
        "cp1257": {"lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "et": "äõöüšž"},
        "cp850": _WESTERN,
        "cp852": _CENTRAL,
        "mac-roman": _WESTERN,
        "mac-latin2": _CENTRAL,
    }
)
"""Pages that nothing is read in by itself: of Turkish and Baltic, of DOS, of old Macs."""
_VOWELS = frozenset("aeiouyàâäáãåąăæèéêëęěìíîïòóôöõőøœùúûüůűýÿ")
_SYLLABIC = frozenset("rl")
"""Consonants that carry a syllable in Slavic languages: krv, vlk."""

_TAKEN = frozenset("æøèð")
"""Letters of Western languages that ć, ř, č and đ are taken for, the last beside the same ones."""
_SCANDINAVIAN, _ICELANDIC, _SLAVIC = frozenset("åþ"), frozenset("áíóúýþ"), frozenset("šž")
_LETTERS_OF_WORD = re.compile(r"[^\W\d_]+")

_WORD = re.compile(rb"(?<![A-Za-z0-9\x80-\xff])[A-Za-z0-9]*+[\x80-\xff][A-Za-z0-9\x80-\xff]*+")
_WORD_BYTES = b"".join(bytes([b]) for b in range(256) if b > 127 or chr(b).isalnum())
_LONGEST_WORD = 1000
_BEFORE_LETTERS = frozenset("°µ„“”‚‘’«»–—¿¡ªº")
"""Signs that a word may follow at once."""
_MOST = 5000
_CLEAR, _SURE, _OF_PAIRS = 0.02, 2, 0.2
_FITS, _MISFITS, _WORDS = 0.9, 0.75, 3
"""Share of letters of a page that fits and of one that does not; words that tell."""
_ASCII, _SHOWN = 127, 3  # the last code of ASCII; letters that are named
_LETTERS = 0xC0  # the first code that is a letter in each of these pages, and in most others
_SYLLABLE = 3  # letters of a word that needs a vowel


@dataclass(frozen=True, slots=True)
class Page:
    """How well a code page fits.

    Parameters
    ----------
    name : str
        Of the code page.
    spelled : float
        Share of its characters that are letters of one language, or signs where signs stand.
    placed : int
        Neighbours that fit less those that do not: a vowel beside a consonant fits.
    pairs : int
        Neighbours that were looked at.
    text : tuple of str
        The words as it reads them.
    """

    name: str
    spelled: float
    placed: int
    pairs: int
    text: tuple[str, ...]


def words_beyond_ascii(pieces: Iterable[bytes]) -> list[bytes]:
    """Distinct words with a byte above 127, as many as are enough.

    Examples
    --------
    >>> words_beyond_ascii(["Kovač;L1;Kovač".encode("cp1250")]) == ["Kovač".encode("cp1250")]
    True
    """
    found: dict[bytes, None] = {}
    for part in _whole_words(pieces):
        if not part.isascii():
            found |= dict.fromkeys(_WORD.findall(part))
        if len(found) > _MOST:
            break
    return list(found)[:_MOST]


def _whole_words(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces cut anew, so that a word lies in one of them; longer than a word it is none."""
    held = b""
    for piece in pieces:
        text = held + piece
        done = len(text.rstrip(_WORD_BYTES))
        if len(text) - done > _LONGEST_WORD:
            done = len(text)
        yield text[:done]
        held = text[done:]
    yield held


def likely_pages(words: Iterable[bytes]) -> tuple[str, ...]:
    """Code pages that words may be in, the likeliest first; those that read the same are one.

    Parameters
    ----------
    words : iterable of bytes
        Distinct words with a byte above 127.

    Returns
    -------
    tuple of str
        One where the words prove it.

    Examples
    --------
    >>> likely_pages([w.encode("cp1250") for w in ("Kovač", "Łódź", "źródło")])
    ('cp1250',)
    >>> likely_pages([w.encode("cp1252") for w in ("età", "perché", "più")])
    ('cp1252',)
    """
    known = list(words)
    ranked = sorted((_page(name, known) for name in PAGES), key=_rank)
    best = ranked[0]
    rivals = {p.text: p.name for p in ranked[:0:-1] if not _better(best, p)}
    rivals.pop(best.text, None)
    return (best.name, *reversed(rivals.values()))


def page_doubt(words: Iterable[bytes], page: str) -> str:
    """What to do where words that were read in one code page may be in another; "" where not.

    Parameters
    ----------
    words : iterable of bytes
        Distinct words with a byte above 127.
    page : str
        Code page that they were read in.

    Returns
    -------
    str
        A phrase with the key to write, and with letters, never with words of the file.

    Examples
    --------
    >>> print(page_doubt(["año".encode("cp1252")], "cp1252"))
    read as cp1252, and nothing in it proves that. If ñ should be ń, write encoding = "cp1250"
    """
    known = list(words)
    found = likely_pages(known)
    others = [name for name in found if name != page] if len(found) > 1 else []
    if not others:
        return ""
    ways = [f'{_changes(known, page, name)}, write encoding = "{name}"' for name in others]
    return f"read as {page}, and nothing in it proves that. If {'; if '.join(ways)}"


def rare_pages(words: Iterable[bytes], page: str) -> tuple[str, ...]:
    """Pages that fit words which do not fit the one that they were read in, the likeliest first.

    Parameters
    ----------
    words : iterable of bytes
        Distinct words with a byte above 127.
    page : str
        Code page that they were read in.

    Returns
    -------
    tuple of str
        Empty where `page` fits, or none does.

    Examples
    --------
    >>> rare_pages([w.encode("cp850") for w in ("Müller", "Groß", "für")], "cp1252")
    ('cp850', 'cp852', 'mac-roman')
    >>> rare_pages([w.encode("cp1252") for w in ("Müller", "Groß", "für")], "cp1252")
    ()
    """
    known = list(words)
    read = _page(page, known)
    if len(known) < _WORDS or read.spelled > _MISFITS:
        return ()
    pages = sorted((_page(name, known) for name in _RARE), key=_rank)
    least = max(_FITS, pages[0].spelled - _CLEAR)
    fitting = [found for found in pages if found.spelled >= least]
    same = any(found.text == read.text for found in fitting)
    return () if same else tuple(found.name for found in fitting)


def guess_of_page(meta: Iterable[Mapping[str, object]], names: Iterable[str]) -> str:
    """What to add to a message about names of columns that were read in a guessed code page.

    Parameters
    ----------
    meta : iterable of mapping
        What is known of each file, with its ``encoding``.
    names : iterable of str
        Of the columns.

    Returns
    -------
    str
        A sentence after a space; "" where all names are plain letters or the encoding is proved.

    Examples
    --------
    >>> print(guess_of_page([{"encoding": "cp1250"}], ["id", "Dođum"]).strip())
    They were read as cp1250, a guess; state encoding if letters are wrong.
    >>> guess_of_page([{"encoding": "utf-8"}], ["Doğum"])
    ''
    """
    page = next((str(m["encoding"]) for m in meta if m.get("encoding") in PAGES), "")
    if not page or all(map(str.isascii, names)):
        return ""
    return f" They were read as {page}, a guess; state encoding if letters are wrong."


def taken_for_western(texts: Iterable[str]) -> bool:
    """Whether letters of Western languages stand where those of Central Europe do.

    Parameters
    ----------
    texts : iterable of str
        Distinct spellings, some with ``æ``, ``ø``, ``è`` or ``ð``.

    Returns
    -------
    bool
        By most of the words with such a letter: a vowel stands beside consonants, as in Danish.

    Examples
    --------
    >>> taken_for_western(["Vukoviæ", "šeæer"]), taken_for_western(["lækage", "præoperativ"])
    (True, False)
    """
    words = {w for text in texts for w in _LETTERS_OF_WORD.findall(text.lower())}
    votes = [_placed_as_central(word) for word in words if not _TAKEN.isdisjoint(word)]
    central, western = sum(v > 0 for v in votes), sum(v < 0 for v in votes)
    if central != western:
        return central > western
    letters = set("".join(words))
    icelandic = not central and "ð" in letters and letters & _ICELANDIC
    return not (letters & _SCANDINAVIAN or icelandic)


def _placed_as_central(word: str) -> int:
    """Above 0 where the letters in doubt stand as consonants do; below 0, as vowels do."""
    places = [i for i, char in enumerate(word) if char in _TAKEN - {"ð"}]
    near = [c in _VOWELS for i in places for c in word[max(i - 1, 0) : i] + word[i + 1 : i + 2]]
    # a word that begins with two consonants needs a vowel then: præoperativ
    begins = sum(i > 1 and _VOWELS.isdisjoint(word[:i]) for i in places)
    own = len(_SLAVIC.intersection(word)) - len(_SCANDINAVIAN.intersection(word))
    return 2 * sum(near) - len(near) - begins + own


def without_latin(words: Iterable[bytes]) -> bool:
    """Whether most words beyond ASCII have no Latin letter at all, as Greek and Cyrillic ones.

    Examples
    --------
    >>> without_latin(["όχι".encode("cp1253"), "Ναι".encode("cp1253")])
    True
    >>> without_latin(["été".encode("cp1252"), "–––".encode("cp1252")])
    False
    """
    long = [word for word in words if len(word) >= _SYLLABLE]
    none = sum(min(word) >= _LETTERS for word in long)
    return 2 * none > len(long)


def _changes(words: Iterable[bytes], page: str, other: str) -> str:
    """Letters that another code page reads as others: ``ñ should be ń``."""
    codes = sorted({code for word in words for code in word if code > _ASCII})
    pairs = (
        (bytes([c]).decode(page, "replace"), bytes([c]).decode(other, "replace")) for c in codes
    )
    changed = [(a, b) for a, b in pairs if a != b and a.isprintable() and b.isprintable()]
    shown = " or ".join(f"{a} should be {b}" for a, b in changed[:_SHOWN])
    return shown or "a name looks wrong"


def _rank(page: Page) -> tuple[float, int, int]:
    return -round(page.spelled / _CLEAR), -page.placed, [*PAGES, *_RARE].index(page.name)


def _better(best: Page, other: Page) -> bool:
    """Whether a code page is proved against another."""
    if best.spelled - other.spelled > _CLEAR:
        return True
    lead = best.placed - other.placed
    return lead >= _SURE and lead >= _OF_PAIRS * max(best.pairs, other.pairs)


def _page(name: str, words: list[bytes]) -> Page:
    # not casefolded: that makes two letters of ß, and of the sign µ a Greek letter
    text = tuple(word.decode(name, "replace").lower() for word in words)
    letters = [place for word in text for place in _letters(word)]
    signs = [fits for word in text for fits in _signs(word)]
    total = len(letters) + len(signs)
    spelled = max(
        sum(fits and char in alphabet for char, _, fits in letters)
        for alphabet in (_LANGUAGES.get(name) or _RARE[name]).values()
    )
    near = [(c in _VOWELS) != (char in _VOWELS) for char, beside, _ in letters for c in beside]
    placed = 2 * sum(near) - len(near)
    return Page(name, (spelled + sum(signs)) / total if total else 1.0, placed, len(near), text)


def _beyond(word: str) -> Iterator[tuple[str, str, str]]:
    """Characters of a word that are not ASCII, with what stands before and after each."""
    for i, char in enumerate(word):
        if not char.isascii():
            yield char, word[i - 1 : i] if i else "", word[i + 1 : i + 2]


def _is_sign(char: str) -> bool:
    return not char.isalpha() or char in "µªº"


def _letters(word: str) -> Iterator[tuple[str, str, bool]]:
    """Letters of a word that are not ASCII, the letters beside each, and whether it may stand."""
    spoken = len(word) < _SYLLABLE or any(c in _VOWELS or c in _SYLLABIC for c in word)
    for char, before, after in _beyond(word):
        if not _is_sign(char):
            beside = "".join(c for c in before + after if c.isalpha())
            yield char, beside, spoken and not (before + after).isdecimal()


def _signs(word: str) -> Iterator[bool]:
    """Whether each sign of a word stands beside words and numbers, and in none."""
    for char, before, after in _beyond(word):
        if _is_sign(char):
            inside = before.isalpha() and after.isalpha()
            leads = after.isalpha() and char not in _BEFORE_LETTERS
            yield char.isprintable() and char != "\ufffd" and not inside and not leads
