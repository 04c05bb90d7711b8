"""Columns to fields, one to one: the assignment whose scores add up to most, and its doubts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vpstats.drafting.fitting import ENOUGH, Fit, fit
from vpstats.drafting.headers import hints
from vpstats.drafting.likeness import (
    NAMED,
    Likeness,
    is_named,
    is_of_anything,
    likeness,
)
from vpstats.drafting.names import quantity
from vpstats.drafting.names_levels import MODALITY_WORDS
from vpstats.drafting.profiles import Profile
from vpstats.drafting.unheld import why_unheld
from vpstats.registry.cleaning import clean_texts
from vpstats.registry.columns import Dialect
from vpstats.registry.fields import LEAK_SET_FIELDS
from vpstats.registry.units import factor
from vpstats.schema import Column
from vpstats.schema_tables import LEAK_FIELDS, VERTEBRAE

WORTH_SAYING = 0.4
"""Score below which a match is not proposed."""

MARGIN = 0.08
"""Distance to the next best match below which neither is certain."""

_HEADER = 0.4  # of the score is due to the header alone, the rest needs cells that agree
_BY_CELLS = 0.45
_KEY_FITS = 0.95
_HALF = 0.5
_UNLIKE = Likeness(0.0, "")
_FEW = 12  # codes of a list


@dataclass(frozen=True, slots=True)
class Candidate:
    """A field that a column may be.

    Parameters
    ----------
    score : float
        0 to 1: how much header and cells speak for it.
    like : Likeness
        What the header says.
    fit : Fit
        What the cells say.
    """

    score: float
    like: Likeness
    fit: Fit


@dataclass(frozen=True, slots=True)
class Match:
    """A column and the field that it most likely is.

    Parameters
    ----------
    profile : Profile
        The column.
    field : str
        Canonical field.
    found : Candidate
        Score and evidence.
    doubt : str
        Why a person has to confirm it; "" where it is certain.
    unit_column : str
        Raw column that holds the unit of each row, "" where there is none.
    lent : bool
        Whether the column is one of the record's other rows, which lend it to these.
    """

    profile: Profile
    field: str
    found: Candidate
    doubt: str = ""
    unit_column: str = ""
    lent: bool = False

    @property
    def certain(self) -> bool:
        """Whether it needs nobody's confirmation."""
        return not self.doubt


def candidates(
    profile: Profile, fields: Mapping[str, Column], dialect: Dialect
) -> dict[str, Candidate]:
    """Fields that a column may be, with their scores.

    Parameters
    ----------
    profile : Profile
        The column.
    fields : mapping of str to Column
        Fields that are at choice.
    dialect : Dialect
        How the source writes.

    Returns
    -------
    dict of str to Candidate
        Only those that header or cells speak for.
    """
    if profile.ticks:
        seen = Fit(1.0, f"ticks below {len(profile.ticks)} vertebrae")
        return {"level": Candidate(1.0, Likeness(1.0, ""), seen)} if "level" in fields else {}
    if any(is_named(header, "personal") for header in profile.headers):
        return {}  # a name is no key and no code, whatever else is called by that word
    if any(why_unheld(header) for header in profile.headers):
        return {}
    found = {}
    for name, like in _likes(profile, fields).items():
        seen = fit(profile, fields[name], like.unit, dialect)
        score = like.score * (_HEADER + (1 - _HEADER) * seen.share)
        if seen.share or _may_be_codes(profile, fields[name]):
            found[name] = Candidate(round(score, 4), like, seen)
    return found


def _may_be_codes(profile: Profile, column: Column) -> bool:
    """Whether cells of which none can be read may be codes that a person can translate."""
    vertebrae = tuple(column.codes) == VERTEBRAE
    return bool(column.codes) and (not vertebrae or profile.coded or bool(profile.choices))


def _likes(profile: Profile, fields: Mapping[str, Column]) -> dict[str, Likeness]:
    """Fields that the best of the column's headers, or else its cells, are like."""
    units = {name: quantity(column) for name, column in fields.items()}
    likes: dict[str, Likeness] = {}
    for header in profile.headers:
        for name, like in likeness(header, units).items():
            if like.score > likes.get(name, _UNLIKE).score:
                likes[name] = like
    by_cells = [n for n in ("level", "event_levels") if n in fields and profile.vertebral > ENOUGH]
    for name in (*by_cells, *_by_codes(profile, fields, likes)):
        if likes.get(name, _UNLIKE).score < _BY_CELLS:
            likes[name] = Likeness(_BY_CELLS, "")
    return likes


_CODED = ("technique", "sex", "smoker", "indication", "anaesthesia", "guidance", "event_type")
"""Fields whose codes are words that hardly any other column has."""

_COMMON = frozenset({"none", "other", "unknown", "yes", "no"})


def _by_codes(
    profile: Profile, fields: Mapping[str, Column], likes: Mapping[str, Likeness]
) -> Iterator[str]:
    """Fields of which the cells are the codes, where the header names none."""
    named = any(like.score >= NAMED for like in likes.values())
    if named or profile.checkbox or profile.distinct > _FEW or profile.numeric > 1 - ENOUGH:
        return
    spelled = [s for s, _ in profile.told]
    for name in _CODED:
        if name in fields and spelled:
            read = clean_texts(fields[name], spelled)["clean"].fillna("")
            if (read != "").all() and len(set(read) - _COMMON) > 1:
                yield name


def assign(
    profiles: Sequence[Profile], fields: Mapping[str, Column], dialect: Dialect
) -> list[Match]:
    """Give each column at most one field and each field at most one column.

    Parameters
    ----------
    profiles : sequence of Profile
        The columns of one part.
    fields : mapping of str to Column
        Fields of the tables that the part may feed.
    dialect : Dialect
        How the source writes.

    Returns
    -------
    list of Match
        In the order of the columns.
    """
    from scipy.optimize import linear_sum_assignment

    table = _told_apart([candidates(profile, fields, dialect) for profile in profiles])
    names = list(fields)
    scores = np.zeros((len(profiles), len(names)))
    for row, found in enumerate(table):
        for name, candidate in found.items():
            scores[row, names.index(name)] = candidate.score
    rows, columns = linear_sum_assignment(scores, maximize=True)
    matches = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if scores[row, column] >= WORTH_SAYING:
            name = names[column]
            found = table[row][name]
            doubt = _doubt(profiles[row], fields[name], found) or _rival(
                scores, row, column, names, profiles
            )
            matches.append(Match(profiles[row], name, found, doubt))
    used = {m.profile for m in matches}
    rest = [p for p in profiles if p not in used]
    return [_with_unit_column(match, fields[match.field], rest) for match in matches]


def _told_apart(table: Sequence[Mapping[str, Candidate]]) -> list[dict[str, Candidate]]:
    """Candidates without those of which nothing says which it is.

    These are the leaks of a header that is as much like one site as another, and dates of something
    unknown; where there is one such date alone, it may be the session's.
    """
    guessed = [{n for n, c in found.items() if is_of_anything(c.like)} for found in table]
    times = Counter(name for names in guessed for name in names)
    left = [{n for n in names if times[n] > 1} | _undecided(found)
            for found, names in zip(table, guessed, strict=True)]  # fmt: skip
    return [
        {n: c for n, c in found.items() if n not in names}
        for found, names in zip(table, left, strict=True)
    ]


def _undecided(found: Mapping[str, Candidate]) -> set[str]:
    """All fields of leaks, where two sites are as likely: a disc may be above or below."""
    sites = [(LEAK_FIELDS[n][1], c.like.score) for n, c in found.items() if n in LEAK_FIELDS]
    best = max((score for _, score in sites), default=NAMED)
    even = best < NAMED and any(sites.count((modality, best)) > 1 for modality, _ in sites)
    return {n for n in found if n in LEAK_FIELDS or n in LEAK_SET_FIELDS} if even else set()


_WORDS_FOR_UNITS = "unit units einheit jedinica mj unita unidad unidades unite"
_UNIT_WORDS = frozenset(_WORDS_FOR_UNITS.split())


def _with_unit_column(match: Match, column: Column, rest: Sequence[Profile]) -> Match:
    """The match with the column that names its unit row by row: ``CRP`` and ``CRP unit``."""
    if not quantity(column) or match.found.fit.unit or len(match.profile.columns) > 1:
        return match
    own = {word for header in match.profile.headers for word in header.words}
    for profile in rest:
        words = {word for header in profile.headers for word in (*header.words, header.aside)}
        named = bool(words & _UNIT_WORDS) and bool((words & own) - _UNIT_WORDS)
        units = [factor(column.unit, s) for s, _ in profile.told]
        if named and units and None not in units:
            doubt = "" if match.found.like.score >= NAMED else match.doubt
            return replace(match, doubt=doubt, unit_column=profile.name)
    return match


def _doubt(profile: Profile, column: Column, found: Candidate) -> str:
    return next(_reasons(profile, column, found), "")


def _reasons(profile: Profile, column: Column, found: Candidate) -> Iterator[str]:
    if not found.like.name and found.like.score < NAMED:
        yield "only the cells speak for it"
    if _lacks_modality(profile, column):
        yield "on CT or on fluoroscopy? The header does not say"
    if found.like.score < NAMED:
        yield f"the header is only like '{found.like.name}'"
    if found.fit.against:
        yield found.fit.against
    if found.fit.share < _needed(column, found.fit):
        yield f"only {found.fit.share:.0%} of the cells can be read as it"


def _lacks_modality(profile: Profile, column: Column) -> bool:
    """Whether nothing says if a leak was seen on CT or on fluoroscopy."""
    leak = column.name in LEAK_FIELDS or column.name in LEAK_SET_FIELDS
    return leak and not _modality(profile)


def _modality(profile: Profile) -> set[str]:
    words = {kind: names.split("|") for kind, names in MODALITY_WORDS.items()}
    return hints(f"{profile.name} {profile.label}", words)


def _needed(column: Column, seen: Fit) -> float:
    """Share of the cells that has to fit; codes that are not known are found when they are read."""
    if column.role in ("identifier", "key"):
        return _KEY_FITS
    return _HALF if column.kind == "category" and seen.listed > 1 else ENOUGH


def _rival(
    scores: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    row: int,
    column: int,
    names: Sequence[str],
    profiles: Sequence[Profile],
) -> str:
    """The match that is nearly as good, where there is one."""
    near = scores[row, column] - MARGIN
    fields = [n for i, n in enumerate(names) if i != column and scores[row, i] > near]
    if fields:
        return f"it may as well be {' or '.join(fields)}"
    others = [p.name for i, p in enumerate(profiles) if i != row and scores[i, column] > near]
    return f"'{others[0]}' fits as well" if others else ""
