"""Checks of what follows a session: visits, events, deaths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.registry.checks import Case, Doubt, check, days_between, is_code, where
from vpstats.registry.spine import neighbours
from vpstats.schema import SET_SEPARATOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_FRACTURES = ("adjacent_fx", "nonadjacent_fx", "refracture_same")
_SEEN_ON_IMAGE = ("xray", "ct", "autopsy")
_OTHER_EMBOLISM = ("pe_unspecified", "thrombotic_pe", "fat_embolism")
_FIRST_MONTH = 30
_WINDOWS = {
    "discharge": (0, 60),
    "week_2_4": (3, 75),
    "month_3": (45, 150),
    "month_6": (100, 290),
    "month_12": (230, 550),
    "annual": (300, None),
}
"""Days after a session within which a contact of that kind can still be meant."""


def first_sessions(case: Case) -> pd.Series:
    """Day of each patient's first session."""
    return case["procedures"].groupby("patient_id", observed=True)["proc_date"].min()


def earliest(events: pd.DataFrame) -> pd.Series:
    """The earliest day on which an event can be dated: found, or first seen."""
    return events["event_date"].where(events["event_date"].notna(), events["event_right_date"])


@check
def visits_in_order(case: Case) -> Iterator[Doubt]:
    """Visits before the first session, after the death, or twice."""
    visits = case["visits"]
    day = visits["visit_date"]
    start = visits["patient_id"].map(first_sessions(case))
    yield Doubt(
        "visit.before_session",
        "visits",
        "visit_date",
        where(day < start),
        note="the visit is before the first session",
    )
    died = case.along("visits", "patient_id", "patients", "death_date")["death_date"]
    yield Doubt(
        "visit.after_death",
        "visits",
        "visit_date",
        where(day > died),
        note="the visit is after the death",
    )
    keys = visits[["patient_id", "visit_date", "visit_type"]].astype(object)
    yield Doubt(
        "visit.twice",
        "visits",
        "visit_date",
        where(keys.duplicated(keep=False)),
        note="the patient has another visit of this kind on this day",
    )


@check
def visits_in_time(case: Case) -> Iterator[Doubt]:
    """A contact far from the time that its kind names: one of the two is wrong."""
    visits = case["visits"]
    kinds = visits["visit_type"].astype(object)
    numbers = pd.DataFrame({"at": visits.index, "patient_id": visits["patient_id"]})
    sessions = case["procedures"][["patient_id", "proc_date"]]
    pairs = numbers.merge(sessions, on="patient_id")
    days = (visits["visit_date"].reindex(pairs["at"]).to_numpy() - pairs["proc_date"]).dt.days
    low, high = (pairs["at"].map(kinds.map(_end(i))).astype(float) for i in (0, 1))
    fits = (days >= low) & ~(days > high)
    later = pairs["at"][days >= 0]
    known = visits["visit_type"].isin(list(_WINDOWS)) & visits.index.isin(later)
    known &= ~visits["patient_id"].isin(case.unread)
    yield Doubt(
        "visit.timing",
        "visits",
        "visit_date",
        where(known & ~visits.index.isin(pairs["at"][fits])),
        note="no session of the patient is as long ago as the kind of the visit says",
    )


def _end(i: int) -> dict[str, int | None]:
    return {kind: window[i] for kind, window in _WINDOWS.items()}


@check
def events_of_their_session(case: Case) -> Iterator[Doubt]:
    """An event names a session of its patient, and comes after it; and it happened once."""
    events = case["events"]
    own = case.along("events", "procedure_id", "procedures", "patient_id", "proc_date")
    stranger = own["patient_id"].notna() & (own["patient_id"] != events["patient_id"])
    yield Doubt(
        "event.other_patient",
        "events",
        "procedure_id",
        where(stranger),
        note="the session is another patient's",
        erase=True,
    )
    day, first = earliest(events), events["patient_id"].map(first_sessions(case))
    early = (day < own["proc_date"]) & (day >= first) & ~stranger
    infection = is_code(events["event_type"], "infection")
    for rule, mask in (("event.preexisting", infection), ("event.before_session", ~infection)):
        yield Doubt(
            rule,
            "events",
            "event_date",
            where(early.fillna(value=False).to_numpy(bool) & mask),
            note="the event is before the session that it names",
        )
    keys = events[["patient_id", "event_type", "event_levels"]].astype(object).assign(day=day)
    session = events["procedure_id"].where(day.isna())  # without a day, those of one session
    twice = keys.assign(session=session).duplicated(keep=False)
    for known, note in (
        (day.notna(), "the patient has the same event of this day in another row"),
        (session.notna(), "the session has the same event without a day in another row"),
    ):
        yield Doubt("event.twice", "events", "event_date", where(twice & known), note=note)


@check
def events_in_order(case: Case) -> Iterator[Doubt]:
    """Events before the first session or after the death, and intervals that are none."""
    events = case["events"]
    day = earliest(events)
    start = events["patient_id"].map(first_sessions(case))
    before = (day < start).fillna(value=False).to_numpy(bool)
    infection = is_code(events["event_type"], "infection")
    yield Doubt(
        "event.preexisting",
        "events",
        "event_date",
        where(before & infection),
        note="the infection was found before the first session: it may have been there",
    )
    yield Doubt(
        "event.before_session",
        "events",
        "event_date",
        where(before & ~infection),
        note="the event is before the first session",
    )
    died = case.along("events", "patient_id", "patients", "death_date")["death_date"]
    late = (day > died).fillna(value=False).to_numpy(bool)
    yield Doubt(
        "event.after_death",
        "events",
        "event_date",
        where(late & ~is_code(events["event_type"], "death")),
        note="the event is after the death",
    )


_OWN_FIELDS = {
    "fx_": _FRACTURES,
    "pce_": ("pce", "pe_unspecified"),
    "infection_": ("infection",),
}
"""Beginning of the fields that one kind of event has, and the types that are of that kind."""


@check
def fields_of_other_events(case: Case) -> Iterator[Doubt]:
    """What is asked of fractures, embolisms or infections alone, filled for another event."""
    events = case["events"]
    for start, types in _OWN_FIELDS.items():
        other = events["event_type"].notna() & ~is_code(events["event_type"], *types)
        for field in (name for name in events.columns if name.startswith(start)):
            said = events[field].notna() & ~is_code(events[field], *_SAYS_NOTHING)
            yield Doubt("event.other_field", "events", field, where(other & said))


_SAYS_NOTHING = ("no", "none", "unknown", "not_done", "not_applicable")


@check
def event_dates(case: Case) -> Iterator[Doubt]:
    """An event needs a date; an interval its order; a death one day."""
    events = case["events"]
    left, right, day = (events[f"event_{n}"] for n in ("left_date", "right_date", "date"))
    yield Doubt(
        "event.undated",
        "events",
        "event_date",
        where(day.isna() & right.isna() & left.isna()),
        note="the event has no date that could be read",
    )
    yield Doubt(
        "event.interval",
        "events",
        "event_left_date",
        where(left > right),
        note="the last contact without the event is after the first contact with it",
    )
    outside = (day < left) | (day > right)
    yield Doubt(
        "event.interval",
        "events",
        "event_date",
        where(outside),
        note="the day is outside the interval in which the event happened",
    )
    death = is_code(events["event_type"], "death")
    died = case.along("events", "patient_id", "patients", "death_date")["death_date"]
    yield Doubt(
        "death.differs",
        "events",
        "event_date",
        where((day != died) & death & day.notna() & died.notna()),
        note="differs from the date of death of the patient",
    )


@check
def embolism_without_imaging(case: Case) -> Iterator[Doubt]:
    """An embolism of cement, or one that an image showed, although the chest was not imaged.

    An event that was seen on an image contradicts a session that says "none"; where the session
    says nothing, only an event that no image showed is doubtful. An embolism that is not said to
    be of cement belongs to the session's imaging for its first month alone.
    """
    events, sessions = case["events"], case["procedures"]
    told = sessions.set_index("procedure_id")[["chest_imaging_modality", "proc_date"]]
    own = told.reindex(_session_of(case)).reset_index(drop=True)
    imaging = own["chest_imaging_modality"].astype(object)
    seen = is_code(events["detected_by"], *_SEEN_ON_IMAGE)
    pce = is_code(events["event_type"], "pce")
    after = days_between(earliest(events).reset_index(drop=True), own["proc_date"])
    soon = after.between(0, _FIRST_MONTH).to_numpy(bool, na_value=False)
    other = is_code(events["event_type"], *_OTHER_EMBOLISM)
    imaged = is_code(events["detected_by"], "xray", "ct")
    denied = (pce | (other & imaged & soon)) & (imaging == "none").to_numpy(bool)
    note = "an embolism, although the session has no imaging of the chest"
    yield Doubt("event.pce_unseen", "events", "event_type", where(denied), note=note)
    # of several sessions that the event may belong to, one may have the imaging
    known = _session_of(case).notna().to_numpy(bool)
    blank = pce & imaging.isna().to_numpy(bool) & known & ~seen & ~denied
    yield Doubt(
        "event.pce_unseen",
        "events",
        "event_type",
        where(blank),
        note="an embolism, although no imaging of the chest is recorded for the session",
    )
    doubtful = sessions["procedure_id"].isin(set(_session_of(case)[denied]))
    yield Doubt(
        "event.pce_unseen", "procedures", "chest_imaging_modality", where(doubtful), note=note
    )


def _session_of(case: Case) -> pd.Series:
    """Session that each event names, or the patient's only one."""
    events, sessions = case["events"], case["procedures"]
    only = sessions[~sessions["patient_id"].duplicated(keep=False)]
    single = events["patient_id"].map(only.set_index("patient_id")["procedure_id"])
    named = events["procedure_id"]
    return named.where(named.notna(), single)


# ------------------------------------------------------------------ fractures


@check
def fracture_levels(case: Case) -> Iterator[Doubt]:
    """New fractures have to lie where their name says.

    A fracture happened between the last contact without it and the first with it. A vertebra that
    was cemented in between may not have been when it happened, so that a name is doubted only
    where it is wrong with and without that vertebra.
    """
    events = case["events"]
    fractures = events[is_code(events["event_type"], *_FRACTURES)]
    found = earliest(fractures)
    cemented = _cemented_before(case, fractures, found)
    left = fractures["event_left_date"]
    surely = _cemented_before(case, fractures, left.where(left < found, found))
    unsure = fractures["patient_id"].isin(_with_unread_levels(case))
    problems: dict[str, list[int]] = {}
    for position, kind, text, partly in zip(
        fractures.index, fractures["event_type"], fractures["event_levels"], unsure, strict=True
    ):
        rule = _misplaced(str(kind), text, cemented[position])
        if rule and surely[position] and not _misplaced(str(kind), text, surely[position]):
            rule = ""
        if rule or partly:
            rule = rule or "fracture.unchecked"
            problems.setdefault(rule, []).append(position)
    for rule, positions in sorted(problems.items()):
        yield Doubt(
            rule, "events", "event_levels", np.array(positions, np.int64), note=_WORDS[rule]
        )


_WORDS = {
    "fracture.unchecked": "not every vertebra treated before it is known, so that its name is not "
    "proved",
    "fracture.cemented": "the vertebra was already cemented",
    "fracture.not_adjacent": "the vertebra is no neighbour of a treated one",
    "fracture.adjacent": "the vertebra is a neighbour of a treated one",
    "fracture.not_treated": "the vertebra was not treated before",
    "fracture.no_level": "the fracture has no vertebra",
}


def _with_unread_levels(case: Case) -> frozenset[str]:
    """Patients with a session, or vertebrae of a session, that could not be read."""
    sessions = case["procedures"]
    found = sessions["procedure_id"].map(case["levels"]["procedure_id"].value_counts()).fillna(0)
    least = sessions["n_levels_declared"].fillna(1).clip(lower=1)
    return case.unread | frozenset(
        sessions.loc[(found < least).to_numpy(bool), "patient_id"].dropna()
    )


def _cemented_before(case: Case, fractures: pd.DataFrame, day: pd.Series) -> dict[int, set[str]]:
    """Vertebrae that each fracture's patient had cemented by a day."""
    sessions = case["procedures"][["procedure_id", "patient_id", "proc_date"]]
    treated = case["levels"][["procedure_id", "level"]].merge(sessions, on="procedure_id")
    events = pd.DataFrame(
        {
            "event": fractures.index,
            "patient_id": fractures["patient_id"].to_numpy(),
            "day": day.to_numpy(),
        }
    )
    pairs = events.merge(treated, on="patient_id")
    pairs = pairs[pairs["day"].isna() | (pairs["proc_date"] <= pairs["day"])]
    found: dict[int, set[str]] = {int(position): set() for position in fractures.index}
    for event, level in zip(pairs["event"], pairs["level"], strict=True):
        found[int(event)].add(str(level))
    return found


def _misplaced(kind: str, text: object, cemented: set[str]) -> str:
    if not isinstance(text, str) or not text:
        return "fracture.no_level"
    if not cemented:
        return "fracture.unchecked"
    broken = set(text.split(SET_SEPARATOR))
    beside = {n for level in cemented for n in neighbours(level) if n is not None}
    if kind == "refracture_same":
        return "" if broken <= cemented else "fracture.not_treated"
    if broken & cemented:
        return "fracture.cemented"
    if kind == "adjacent_fx":
        return "" if broken <= beside else "fracture.not_adjacent"
    return "fracture.adjacent" if broken & beside else ""


@check
def treatment_after_fracture(case: Case) -> Iterator[Doubt]:
    """Treatment of osteoporosis that began after a new fracture did not precede it."""
    patients, events = case["patients"], case["events"]
    new = events[is_code(events["event_type"], "adjacent_fx", "nonadjacent_fx")]
    first = earliest(new).groupby(new["patient_id"]).min()
    later = patients["antiosteo_start"] > patients["patient_id"].map(first)
    yield Doubt(
        "patient.treated_after",
        "patients",
        "antiosteo_start",
        where(later),
        note="treatment began after a new fracture and may be its consequence",
    )
