"""Days that a column holds as moments: in UTC, or at the midnight of another time zone.

Midnight of 14 March in Zagreb is 23:00 of the 13th in UTC. Where the mapping names the zone of the
hospital, moments that state theirs become days there. Where it does not, the hours that may be
another day for the hospital are doubted, as far as the other moments of the column show its day.
"""

from __future__ import annotations

import cmath
import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

_MOMENT = re.compile(
    r"\S{6,12}[T ] ?(\d\d?):(\d\d)(:\d\d(?:\.\d+)?)?( ?[ap]m)?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.IGNORECASE,
)
_UTC = re.compile(r"Z|[+-]00(?::?00)?", re.IGNORECASE)
_WHOLE_MINUTE = re.compile(r"(?::00(?:\.0+)?)?")
_PLAIN_DAY = re.compile(r"\d{4}-\d\d-\d\d")

_DAY, _HOUR, _NOON = 24 * 60, 60, 12 * 60
_EVENING, _LATE = 20 * 60, 21 * 60
_FEW = 3  # different days, below which one clock may be that of an evening in a hospital
_SOME = 5  # below which one clock of the afternoon may be that of a clinic
_MANY = 10  # of which one would be a Sunday if they were Mondays
_SHOW_A_DAY = 10  # moments, from which on they show when people work there
_MIDDLE, _SPREAD = 11 * 60 + 30, 120  # when half of a hospital's work is done, give or take
_FARTHEST = (-10 * 60, 13 * 60)  # zones in which hospitals are
_GATHERED = 0.5  # length of the mean of moments on the dial, below which they show no day
_UNSURE = (5 * 60, 17 * 60)  # between which a moment in UTC is one day nearly everywhere
_MOST = 0.8  # share of moments at midnight, where a few others were typed later
_SUMMER, _WINTER = ((4, 1), (10, 20)), ((3, 7), (11, 15))
_SUNDAY, _FRIDAY = 6, 4

_ELSEWHERE = (
    "days as moments in UTC, each at the midnight of another time zone, so that the day is not "
    "known; write timezone = … of the hospital in the source, or export them as days"
)
_BY_NIGHT = (
    "moments in UTC, some at hours that may be another day where the hospital is; write "
    "timezone = … of the hospital in the source, or export times of its clock"
)
_BARE = (
    "days as moments that are all at one hour of the night or afternoon, or at two with summer "
    "time, as midnight of another time zone is, so that the day is not known; export them as days, "
    "or, if they are times of the hospital's clock, write its timezone = … in the source"
)


def local_days(spellings: Sequence[str], zone: str) -> dict[str, str]:
    """The day in a zone of each moment that states its own, where the mapping names the zone.

    Moments that do not state it are taken for such in UTC only where each of several is then
    midnight of the zone, to the hour of summer time. A column that is at midnight or at noon in
    UTC throughout holds days and no moments.

    Parameters
    ----------
    spellings : sequence of str
        Different cells of a column.
    zone : str
        Name of the zone, such as ``Europe/Zagreb``.

    Returns
    -------
    dict
        Spelling to day, of those that are moments.

    Examples
    --------
    >>> local_days(["2022-03-13T23:00:00Z", "2022-07-05"], "Europe/Zagreb")
    {'2022-03-13T23:00:00Z': '2022-03-14'}
    """
    place = ZoneInfo(zone)
    found = {s: m for s in spellings if (m := _moment(s)) is not None}
    zoned = {s: m.astimezone(place) for s, m in found.items() if m.tzinfo is not None}
    if zoned:
        clocks = {found[s].astimezone(dt.UTC).time() for s in zoned}
        days = clocks in ({dt.time()}, {dt.time(12)}) and not _all_midnight(zoned.values())
        return {} if days else {s: m.date().isoformat() for s, m in zoned.items()}
    bare = {s: m.replace(tzinfo=dt.UTC).astimezone(place) for s, m in found.items()}
    timed = any(m.time() != dt.time() for m in found.values())
    if len(bare) < _FEW or not timed or not _all_midnight(bare.values()):
        return {}
    if any(_PLAIN_DAY.fullmatch(s) for s in spellings):
        return {}
    return {s: m.date().isoformat() for s, m in bare.items()}


def _all_midnight(moments: Iterable[dt.datetime]) -> bool:
    return all(moment.time() == dt.time() for moment in moments)


def _moment(text: str) -> dt.datetime | None:
    """A moment as ISO 8601 writes it; None for a day without a time and for anything else."""
    if ":" not in text:
        return None
    try:
        return dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None


# ------------------------------------------------------------------ where no zone is named


def doubtful_moments(spellings: Sequence[str]) -> tuple[dict[str, str], str]:
    """Moments whose day is not known, each marked so that it is not read, and why.

    Parameters
    ----------
    spellings : sequence of str
        Different cells of a column.

    Returns
    -------
    dict, str
        Spelling to the same with its doubt; a phrase for the finding.

    Examples
    --------
    >>> marked, said = doubtful_moments(["2022-03-13T23:00:00Z", "2022-07-05T22:00:00Z"])
    >>> list(marked.values())
    ['2022-03-13T23:00:00Z (a moment in UTC)', '2022-07-05T22:00:00Z (a moment in UTC)']
    """
    marked, said = doubtful_in_utc(spellings)
    moments = _moments(spellings)
    if marked or any(m[5] for m in moments.values()):
        return marked, said
    late = _doubtful_without_zone(spellings, moments)
    return {s: f"{s} (midnight in another time zone?)" for s in late}, _BARE if late else ""


def doubtful_in_utc(spellings: Sequence[str]) -> tuple[dict[str, str], str]:
    """The same of moments that say that they are in UTC; of another zone they are as written."""
    zoned = {s: m for s, m in _moments(spellings).items() if m[5]}
    if not zoned or not all(_UTC.fullmatch(m[5]) for m in zoned.values()):
        return {}, ""
    marked, said = _of_utc(zoned)
    return {s: f"{s} (a moment in UTC)" for s in marked}, said


def _moments(spellings: Sequence[str]) -> dict[str, re.Match[str]]:
    return {s: m for s in spellings if ":" in s and (m := _MOMENT.fullmatch(s))}


def _of_utc(moments: Mapping[str, re.Match[str]]) -> tuple[list[str], str]:
    clocks = {s: _clock(m) for s, m in moments.items()}
    whole = {s: t for s, t in clocks.items() if _WHOLE_MINUTE.fullmatch(moments[s][3] or "")}
    usual = _usual_clocks(whole)
    if len(whole) == len(clocks) and _is_one_clock(set(whole.values())):
        usual = set(whole.values())
    if not usual or sum(t in usual for t in clocks.values()) < len(clocks) * _MOST:
        doubted = _by_night(clocks)
        return doubted, _BY_NIGHT if doubted else ""
    elsewhere = [] if usual == {_NOON} else [s for s, t in whole.items() if t in usual]
    elsewhere = [s for s in elsewhere if clocks[s]] if max(usual) >= _NOON else []
    others = _by_night({s: t for s, t in clocks.items() if t not in usual})
    return [*elsewhere, *others], _ELSEWHERE if elsewhere else (_BY_NIGHT if others else "")


def _by_night(clocks: Mapping[str, int]) -> list[str]:
    """Moments at hours that may be another day, given the hours at which most others are."""
    angles = [cmath.rect(1, 2 * math.pi * t / _DAY) for t in clocks.values()]
    mean = sum(angles) / len(angles) if angles else 0j
    if len(clocks) < _SHOW_A_DAY or abs(mean) < _GATHERED:
        return [s for s, t in clocks.items() if not _UNSURE[0] <= t < _UNSURE[1]]
    middle = _MIDDLE - _DAY * cmath.phase(mean) / (2 * math.pi)
    return [s for s, t in clocks.items() if any(_crosses(t, middle + k * _DAY) for k in (-1, 0, 1))]


def _crosses(time: int, offset: float) -> bool:
    """Whether a moment may be on another day in a zone that is ahead by about so much."""
    low, high = max(offset - _SPREAD, _FARTHEST[0]), min(offset + _SPREAD, _FARTHEST[1])
    return low <= high and (time + high >= _DAY or time + low < 0)


def _doubtful_without_zone(
    spellings: Sequence[str], moments: Mapping[str, re.Match[str]]
) -> list[str]:
    """Moments at midnight of another zone, as programs write them that forget the zone.

    In Europe and Africa that is late in the evening, where a few are enough; in the afternoon it
    is Asia, or a day of UTC in America, and may as well be when a clinic begins.
    """
    clocks = {s: _clock(m) for s, m in moments.items()}
    whole = {s: t for s, t in clocks.items() if _WHOLE_MINUTE.fullmatch(moments[s][3] or "")}
    times = set(whole.values())
    if len(whole) == len(clocks) and _is_one_clock(times):
        if _are_late(times, _EVENING) and len(whole) >= _FEW:
            return [s for s, t in whole.items() if t >= _EVENING]
        if _are_late(times, _LATE) and not any(t % _HOUR for t in times):
            days = any(_PLAIN_DAY.fullmatch(s) for s in spellings)
            return [] if days else [s for s, t in whole.items() if t >= _LATE]
        afternoon = min(times) > (_NOON if len(times) == 1 else _NOON - _HOUR - 1)
        if afternoon and max(times) < _EVENING + _HOUR and _are_shifted_days(whole):
            return list(whole)
    usual = _usual_clocks(whole) if len(whole) >= _SOME else set()
    most = sum(t in usual for t in clocks.values()) >= len(clocks) * _MOST
    at = most and bool(usual) and _are_late(usual, _EVENING)
    return [s for s, t in whole.items() if at and t in usual and t >= _EVENING]


def _are_late(times: Collection[int], earliest: int) -> bool:
    """Whether clocks are late in the evening, or at midnight itself beside such a one."""
    return max(times) >= earliest and all(t == 0 or t >= earliest for t in times)


def _are_shifted_days(clocks: Mapping[str, int]) -> bool:
    """Whether days with one clock may be those before the true ones, by their season and week."""
    days = {s: day for s in clocks if (day := _day(s)) is not None}
    if len(set(days.values())) < _SOME:
        return False
    if len(set(clocks.values())) > 1:
        return _follow_summer({(clocks[s], _season(day)) for s, day in days.items()})
    week = {day.weekday() for day in days.values()}
    worked = len(set(days.values())) >= _MANY and _FRIDAY in week and _SUNDAY not in week
    return not worked


def _follow_summer(seen: set[tuple[int, str]]) -> bool:
    """Whether one clock is that of summer and the other that of winter, and none of both."""
    clear = {(clock, season) for clock, season in seen if season}
    return len(clear) == len({c for c, _ in clear}) == len({s for _, s in clear}) == 2


def _season(day: dt.date) -> str:
    at = (day.month, day.day)
    if _SUMMER[0] <= at <= _SUMMER[1]:
        return "summer"
    return "winter" if at <= _WINTER[0] or at >= _WINTER[1] else ""


def _day(text: str) -> dt.date | None:
    moment = _moment(text)
    return None if moment is None else moment.date()


def _usual_clocks(clocks: Mapping[str, int]) -> set[int]:
    """The clock of most moments, and the one an hour from it, where they are those of midnight."""
    counts = Counter(clocks.values())
    if len(clocks) < _FEW + 1:
        return set()
    first = counts.most_common(1)[0][0]
    near = [t for t in counts if (t - first) % _DAY in (_HOUR, _DAY - _HOUR)]
    usual = {first, *sorted(near, key=lambda t: -counts[t])[:1]}
    return usual if _is_one_clock(usual) else set()


def _is_one_clock(times: Collection[int]) -> bool:
    """Whether there is one clock, or two with summer time, that can be midnight somewhere."""
    apart = {later - earlier for earlier, later in pairwise(sorted(times))}
    few = len(times) in (1, 2) and apart <= {_HOUR, _DAY - _HOUR}
    return few and not any(t % 15 for t in times)


def _clock(moment: re.Match[str]) -> int:
    """Minutes of the day."""
    hour, half = int(moment[1]), (moment[4] or "").strip().casefold()
    return _HOUR * (hour % 12 + 12 * (half == "pm") if half else hour) + int(moment[2])
