"""What codes that nobody knows may stand for: proposals, never applied by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from vpstats.drafting.abbreviations import expanded, turned
from vpstats.drafting.headers import words_of
from vpstats.drafting.likeness import NAMED
from vpstats.drafting.matching import Match
from vpstats.drafting.profiles import Profile
from vpstats.registry.cells import fold
from vpstats.registry.cleaning import clean_texts
from vpstats.registry.numbers import NumberContext, read_number
from vpstats.registry.spine import parse_levels
from vpstats.registry.synonyms import SITE_WORDS, SYNONYMS
from vpstats.schema import Column
from vpstats.schema_tables import PATIENTS

_ALIKE, _FEWEST_LETTERS = 0.75, 4
_MOST_CODES = 40
_FREQUENT = 3
_LONGEST = 40
_TALLER = 5.0  # cm between the medians of men and women


@dataclass(frozen=True, slots=True)
class Unknown:
    """Codes of a column that are not understood.

    Parameters
    ----------
    codes : tuple of (str, int)
        As written, and how often; none where they may be names.
    targets : tuple of str
        Codes of the field.
    """

    codes: tuple[tuple[str, int], ...] = ()
    targets: tuple[str, ...] = ()


def unknown_codes(match: Match, column: Column) -> Unknown:
    """Codes that a person has to translate.

    Parameters
    ----------
    match : Match
        A doubtful match.
    column : Column
        Its field.

    Returns
    -------
    Unknown
        Empty unless the header names the field and the column is a list of codes: the cells of
        any other column may be anything, and are not shown.
    """
    listed = match.found.like.score >= NAMED and match.profile.distinct <= _MOST_CODES
    coded = column.kind in ("category", "set", "yes_no") and column.codes and not column.masked
    if not (listed and coded) or match.profile.checkbox or match.profile.choices:
        return Unknown()
    known = {code for code, _ in match.found.fit.codes}
    spelled = [s for s, _ in match.profile.told]
    read = clean_texts(column, spelled)["clean"].tolist() if spelled else []
    if match.profile.coded and column.kind != "yes_no":
        # digits of a raw export may be any code; a word is what it says
        read = ["" if s.isdigit() else value for s, value in zip(spelled, read, strict=True)]
    vertebrae = column.name in ("level", "event_levels")
    left = [
        (s, n)
        for (s, n), value in zip(match.profile.told, read, strict=True)
        if not value and n >= _FREQUENT and len(s) <= _LONGEST and s not in known
    ]
    left = [(s, n) for s, n in left if not (vertebrae and parse_levels(s).status != "unreadable")]
    return Unknown(tuple(left), tuple(column.codes) if left else ())


def with_proposals(match: Match, column: Column) -> Match:
    """Give a doubtful match codes whose words are nearly those of the field.

    Parameters
    ----------
    match : Match
        Of a category or set.
    column : Column
        Its field.

    Returns
    -------
    Match
        Still doubtful.
    """
    if match.certain or column.kind not in ("category", "set"):
        return match
    words = _words(column)
    found = [(s, code) for s, _ in unknown_codes(match, column).codes if (code := _near(s, words))]
    codes = (*match.found.fit.codes, *found)
    seen = replace(match.found.fit, codes=codes)
    return replace(match, found=replace(match.found, fit=seen))


def _words(column: Column) -> Mapping[str, str]:
    words = {fold(code.replace("_", " ")): code for code in column.codes}
    words |= {fold(meaning): code for code, meaning in column.codes.items()}
    words |= dict(SITE_WORDS) if "epidural" in column.codes else {}
    return words | dict(SYNONYMS.get(column.name, {}))


def _near(spelling: str, words: Mapping[str, str]) -> str:
    """Code of the word that means the same or else is spelled most alike; "" for none."""
    plain = fold(spelling)
    if len(plain) < _FEWEST_LETTERS:
        return ""
    meant = expanded(words_of(plain))
    same = {code for word, code in words.items() if expanded(words_of(word)) == meant}
    if len(same) == 1:
        return same.pop()
    ranked = sorted(
        (
            (SequenceMatcher(None, plain, word, autojunk=False).ratio(), word)
            for word in words
            if len(word) >= _FEWEST_LETTERS and word[0] == plain[0] and not turned(plain, word)
        ),
        reverse=True,
    )
    return words[ranked[0][1]] if ranked and ranked[0][0] >= _ALIKE else ""


# ------------------------------------------------------------------ sexes


def with_sexes(matches: Sequence[Match]) -> tuple[Match, ...]:
    """Propose which of two numbers is the men's: those who are taller.

    Parameters
    ----------
    matches : sequence of Match
        Of one part.

    Returns
    -------
    tuple of Match
        With codes for sex where heights tell two numbers apart; still doubtful.
    """
    sex = next((m for m in matches if m.field == "sex" and not m.certain), None)
    height = next((m for m in matches if m.field == "height_cm" and m.certain), None)
    if sex is None or height is None:
        return tuple(matches)
    numbers = [s for s, _ in sex.profile.told if s in ("0", "1", "2")][:2]
    if len(numbers) != 2:
        return tuple(matches)
    middle = {s: _median(sex.profile, s, height.profile) for s in numbers}
    tall, small = sorted(numbers, key=lambda s: -middle[s])
    if not middle[tall] - middle[small] >= _TALLER:
        return tuple(matches)
    doubt = f"{tall} are {middle[tall] - middle[small]:.0f} cm taller than {small}: men?"
    codes = ((tall, "m"), (small, "f"))
    seen = replace(sex.found, fit=replace(sex.found.fit, codes=codes))
    found = replace(sex, found=seen, doubt=doubt)
    return tuple(found if m is sex else m for m in matches)


def _median(who: Profile, code: str, height: Profile) -> float:
    context = NumberContext(PATIENTS["height_cm"])
    values = [read_number(s, context).value for s in height.text.spellings]
    heights = np.array([v if isinstance(v, float) else np.nan for v in values] + [np.nan])
    rows = who.text.codes == who.text.spellings.index(code)
    known = heights[height.text.codes][rows]
    known = known[~np.isnan(known)]
    return float(np.median(known)) if len(known) else float("nan")
