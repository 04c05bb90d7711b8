"""Events in the rows of sessions: ``Infection`` yes or no, ``Date of infection`` beside it.

The registry has a row for each event. Such columns are proposed as a table of events that takes
the rows which say yes; whether they are events after the session is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from vpstats.drafting.abbreviations import expanded, parted
from vpstats.drafting.fitting import ENOUGH
from vpstats.drafting.headers import Header, words_of
from vpstats.drafting.likeness import NAMED
from vpstats.drafting.matching import Match
from vpstats.drafting.names import large_words
from vpstats.drafting.profiles import Profile
from vpstats.drafting.tables import KEYS, Chosen
from vpstats.registry.answers import read_answer
from vpstats.registry.synonyms import SYNONYMS
from vpstats.schema_tables import EVENTS

_OTHERWISE = ("death", "lost", "other")  # a status of the patient, or no event that has a name
_MORE = {
    "infection": "infection|infected|postop infection|wound infection|surgical site infection"
    "|infektion|infezione|infeccion|infekcija|infekcija rane|wundinfektion",
    "pce": "pce|cement embolism|embolism cement|pulmonary cement embolism|cement embolisation",
    "adjacent_fx": "adjacent fracture|new fracture|new vertebral fracture|neue fraktur"
    "|novi prijelom|nuova frattura|nueva fractura|nouvelle fracture|adj fracture",
    "reoperation": "reoperation|re op|reop|revision|revision surgery|reoperacija|reintervento",
}
_DAY, _WHEN = "date", ("post",)


@dataclass(frozen=True, slots=True)
class WideEvent:
    """A table of events that columns of sessions would feed.

    Parameters
    ----------
    kind : str
        Code of ``event_type``.
    where : tuple of (str, tuple of str)
        Raw column to the values of the rows that have the event.
    keys : tuple of Match
        Patient and session of the rows.
    flag : str
        Raw column that says yes or no, "" where only the day is there.
    day : str
        Raw column with the day of the event, "" where there is none.
    rows : int
        Rows that have the event.
    """

    kind: str
    where: tuple[tuple[str, tuple[str, ...]], ...]
    keys: tuple[Match, ...]
    flag: str
    day: str
    rows: int

    @property
    def columns(self) -> tuple[str, ...]:
        """Raw columns that it takes."""
        return tuple(name for name in (self.flag, self.day) if name)

    @property
    def doubt(self) -> str:
        """What a person has to say."""
        which = " It may be far from the cement (nonadjacent_fx)." if "fx" in self.kind else ""
        undated = "" if self.day else " No column has its day."
        return f"{self.rows:,} rows with an event after their session?{which}{undated}"


def wide_events(chosen: Chosen) -> tuple[WideEvent, ...]:
    """Find events in the columns of sessions.

    Parameters
    ----------
    chosen : Chosen
        A part and what its columns most likely are.

    Returns
    -------
    tuple of WideEvent
        One for each kind of event; none where the rows are no sessions.
    """
    keys = tuple(m for m in chosen.matches if m.field in KEYS)
    if chosen.family != "treatment" or not any(m.field == "patient_id" for m in keys):
        return ()
    surely = {m.profile for m in chosen.matches if m.found.like.score >= NAMED and m.certain}
    flags: dict[str, tuple[Profile, tuple[str, ...]]] = {}
    days: dict[str, Profile] = {}
    for profile in chosen.part.profiles:
        if profile in surely or len(profile.columns) > 1 or not profile.told:
            continue
        for kind, dated in _kinds(profile):
            if dated and profile.dated:
                days.setdefault(kind, profile)
            elif not dated and (yes := _yes(profile)):
                flags.setdefault(kind, (profile, yes))
    return tuple(_event(chosen, keys, k, flags.get(k), days.get(k)) for k in {**flags, **days})


def without_events(chosen: Chosen, events: tuple[WideEvent, ...]) -> Chosen:
    """A part without what its columns of events might have been otherwise."""
    taken = {name for event in events for name in event.columns}
    rest = [m for m in chosen.matches if not taken & set(m.profile.columns)]
    if chosen.family == "treatment":
        rest = [m for m in rest if m.certain or not any(_kinds(m.profile))]
    return replace(chosen, matches=tuple(rest))


def _event(
    chosen: Chosen,
    keys: tuple[Match, ...],
    kind: str,
    flag: tuple[Profile, tuple[str, ...]] | None,
    day: Profile | None,
) -> WideEvent:
    own: list[tuple[str, tuple[str, ...]]] = []
    rows = day.filled if day is not None else 0
    if flag is not None:
        own = [(flag[0].name, flag[1])]
        rows = sum(n for s, n in flag[0].told if s in flag[1])
    elif day is not None:
        own = [(day.name, ("*",))]
    return WideEvent(
        kind,
        (*chosen.part.where, *own),
        keys,
        flag[0].name if flag is not None else "",
        day.name if day is not None else "",
        rows,
    )


# ------------------------------------------------------------------ headers and cells


def _kinds(profile: Profile) -> Iterator[tuple[str, bool]]:
    """Kind of event that a header names, and whether it names the day of one."""
    for header in profile.headers:
        for words in _meanings(header):
            plain = tuple(w for w in words if w not in (_DAY, *_WHEN))
            kind = _by_meaning().get(plain)
            if kind:
                yield kind, _DAY in words
                return


def _meanings(header: Header) -> Iterator[tuple[str, ...]]:
    yield expanded(large_words(header.words))
    if parts := parted("".join(header.words)):
        yield expanded(parts)


@cache
def _by_meaning() -> Mapping[tuple[str, ...], str]:
    names = [(code.replace("_", " "), code) for code in EVENTS["event_type"].codes]
    names += list(SYNONYMS["event_type"].items())
    names += [(name, code) for code, text in _MORE.items() for name in text.split("|")]
    known = ((large_words(words_of(name)), code) for name, code in names)
    return {expanded(words): code for words, code in known if code not in _OTHERWISE}


def _yes(profile: Profile) -> tuple[str, ...]:
    """Spellings of yes, where the cells are answers and some are yes."""
    read = [(s, n, read_answer(s).value) for s, n in profile.told]
    answers = sum(n for _, n, value in read if value is not None)
    if answers < ENOUGH * sum(n for _, n, _ in read):
        return ()
    return tuple(s for s, _, value in read if value == "yes")
