"""Keys between the parts of an export: names of patients and sessions, days of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vpstats.drafting.fitting import Fit
from vpstats.drafting.likeness import Likeness, likeness
from vpstats.drafting.matching import Candidate, Match
from vpstats.drafting.profiles import Profile
from vpstats.drafting.tables import Chosen
from vpstats.registry.chosen_rows import INSTRUMENT
from vpstats.registry.people import plain_id

_SURE = 0.98  # of the cells are names of the other part; the rest may be faults
_STRANGE = 0.5
_ENOUGH = 5  # names, below which two columns share them by chance
_COVERED = 0.3  # of the names are there, if they are numbers: any small ones meet a few
_LENT = "the record's, from its rows that do not repeat"
_RELATED = 0.4  # likeness of the header


def linked(chosen: Sequence[Chosen]) -> list[Chosen]:
    """Find the column that names the session in parts that have none, and check the others.

    Parameters
    ----------
    chosen : sequence of Chosen
        All parts.

    Returns
    -------
    list of Chosen
        With sessions found by their names, and doubts where keys do not meet.
    """
    for field in ("patient_id", "procedure_id"):
        homes = {c.group: c for c in chosen if _is_home(c, field)}
        # a database has many tables, and a million names of patients are not told twice
        known = {group: _names(home, field) for group, home in homes.items() if len(chosen) > 1}
        chosen = [_linked(c, homes.get(c.group), known.get(c.group), field) for c in chosen]
    return list(chosen)


# ------------------------------------------------------------------ what a record says once


def lent(chosen: Sequence[Chosen]) -> list[Chosen]:
    """Give repeating forms without a day of their own the day of the session of their record.

    Parameters
    ----------
    chosen : sequence of Chosen
        Parts of one REDCap export.

    Returns
    -------
    list of Chosen
        With the day of the session where the rows that do not repeat have one for each record, as
        the registry gives it to them when it reads; doubtful where records have several.
    """
    lenders = [c for c in chosen if not _repeats(c) and c.family == "treatment"]
    days = [m for c in lenders if (m := c.match("proc_date")) is not None and m.certain]
    if len(days) != 1:
        return list(chosen)
    home = next(c for c in lenders if days[0] in c.matches)
    several = _several(home, days[0])
    seen = replace(days[0].found.fit, says=_LENT)
    doubt = f"{several:,} records have several sessions; which is it?" if several else ""
    day = replace(days[0], found=replace(days[0].found, fit=seen), doubt=doubt, lent=True)
    return [_with(c, day) if _lacks_day(c) else c for c in chosen]


def borrows_day(chosen: Chosen) -> bool:
    """Whether the day of the session is one that the record lends."""
    day = chosen.match("proc_date")
    return day is not None and day.lent


def _repeats(chosen: Chosen) -> bool:
    return any(column == INSTRUMENT for column, _ in chosen.part.where)


def _lacks_day(chosen: Chosen) -> bool:
    """Whether rows that are about a session, or that follow one, do not say which."""
    if not _repeats(chosen) or chosen.family not in ("treatment", "events", "leaks"):
        return False
    return not any(chosen.match(field) for field in ("proc_date", "procedure_id"))


def _several(home: Chosen, day: Match) -> int:
    """Records with sessions on more than one day."""
    record, days = next(iter(home.part.raw.columns.values())).codes, day.profile.text.codes
    if len(days) != len(record):  # of several columns side by side, one below the other
        record = np.tile(record, len(days) // len(record))
    pairs = np.unique(np.column_stack([record, days]), axis=0)
    pairs = pairs[(pairs >= 0).all(axis=1)]
    return int((np.unique(pairs[:, 0], return_counts=True)[1] > 1).sum())


# ------------------------------------------------------------------ the same names


def _is_home(chosen: Chosen, field: str) -> bool:
    """Whether a part has the patients or sessions that the others name."""
    match = chosen.match(field)
    if chosen.family != "treatment" or match is None or not match.certain:
        return False
    wanted = {"patient_id": ("sex", "birth_date", "birth_year"), "procedure_id": ("proc_date",)}
    return any(chosen.match(name) is not None for name in wanted[field])


def _names(home: Chosen, field: str) -> set[str]:
    match = home.match(field)
    return set() if match is None else {_plain(s) for s in match.profile.text.spellings}


def _linked(chosen: Chosen, home: Chosen | None, known: set[str] | None, field: str) -> Chosen:
    if home is None or known is None or home is chosen:
        return chosen
    match = chosen.match(field)
    if match is not None and match.certain:
        return _replaced(chosen, match, _met(match, known, home.part.source))
    if match is not None and _share(match.profile, known) < _STRANGE:
        chosen = replace(chosen, matches=tuple(m for m in chosen.matches if m is not match))
    if field == "procedure_id" and len(known) >= _ENOUGH:
        found = _found(chosen, known, field)
        if found is not None:
            return _with(chosen, found)
    return chosen


def _plain(name: str) -> str:
    return plain_id(f"/{name}")


def _share(profile: Profile, known: set[str]) -> float:
    total = sum(n for _, n in profile.told)
    return sum(n for s, n in profile.told if _plain(s) in known) / total if total else 0.0


def _met(match: Match, known: set[str], where: str) -> Match:
    share = _share(match.profile, known)
    if match.profile.distinct < _ENOUGH or share >= _STRANGE:
        return match
    return replace(match, doubt=f"only {share:.0%} of its cells are also in {where}")


def _found(chosen: Chosen, known: set[str], field: str) -> Match | None:
    """The one column whose cells are the sessions of another part, and whose header says so."""
    taken = {m.profile for m in chosen.matches if m.certain}
    best: list[tuple[float, Profile, Likeness]] = []
    numbers = all(name.lstrip("/").isdigit() for name in known)
    enough = max(_ENOUGH, _COVERED * len(known)) if numbers else _ENOUGH
    for profile in chosen.part.profiles:
        like = _likeness(profile, field)
        share = _share(profile, known) if profile not in taken else 0.0
        if share >= _SURE and profile.distinct >= enough and like.score >= _RELATED:
            best.append((share, profile, like))
    if len(best) != 1:
        return None
    share, profile, like = best[0]
    seen = Fit(share, f"{share:.0%} of its cells are sessions of the other rows")
    return Match(profile, field, Candidate(round(share, 4), like, seen))


def _likeness(profile: Profile, field: str) -> Likeness:
    found = [likeness(header, {field: ""}).get(field) for header in profile.headers]
    return max(
        (f for f in found if f is not None), key=lambda f: f.score, default=Likeness(0.0, "")
    )


def _replaced(chosen: Chosen, old: Match, new: Match) -> Chosen:
    matches = tuple(new if m is old else m for m in chosen.matches)
    return replace(chosen, matches=matches)


def _with(chosen: Chosen, found: Match) -> Chosen:
    rest = [m for m in chosen.matches if m.field != found.field and m.profile is not found.profile]
    return replace(chosen, matches=(*rest, found))
