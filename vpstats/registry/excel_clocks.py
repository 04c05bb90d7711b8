"""Times of a workbook: hours and minutes where a person may have written minutes and seconds.

A spreadsheet keeps ``0:25`` as 25 minutes past midnight, whatever the person meant. What was
written is what the cell shows, and the mapping says whether that is ``h:mm`` or ``mm:ss``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vpstats.registry.excel_formats import HIDDEN, Face
from vpstats.registry.excel_styles import Place

_DAY = 86_400_000  # milliseconds
_HOUR, _MINUTE = 3_600_000, 60_000
_SECOND = 1000


@dataclass(frozen=True, slots=True)
class Clock:
    """A cell that holds a time.

    Parameters
    ----------
    kind : str
        How its format shows it, one of `CLOCKS`; "" where that is not known.
    held : int
        Milliseconds.
    """

    kind: str
    held: int

    @property
    def is_whole(self) -> bool:
        """Whether it has no seconds."""
        return self.held % _MINUTE == 0


def clock_of(kind: str, value: object) -> Clock | None:
    """The time that a cell holds; None where it holds something else, or a day as well.

    Parameters
    ----------
    kind : str
        How its format shows it; "" where that is not known.
    value : object
        Part of a day as a number, a time, or a duration as open documents write it.

    Returns
    -------
    Clock or None
        To the millisecond.

    Examples
    --------
    >>> clock_of("h:mm", 0.5), clock_of("", dt.time(0, 25))
    (Clock(kind='h:mm', held=43200000), Clock(kind='', held=1500000))
    """
    if isinstance(value, dt.timedelta):
        return Clock(kind, round(value / dt.timedelta(milliseconds=1)))
    if isinstance(value, dt.time):
        seconds = 3600 * value.hour + 60 * value.minute + value.second
        return Clock(kind, _SECOND * seconds + round(value.microsecond / _SECOND))
    if isinstance(value, str):
        return _written_out(kind, value)
    if isinstance(value, (int, float)) and abs(value) < _LONGEST:
        return Clock(kind, round(value * _DAY))
    return None


def _written_out(kind: str, text: str) -> Clock | None:
    found = _DURATION.fullmatch(text) if text.startswith("PT") else None
    if found is None:
        return None
    hours, minutes, seconds = (
        float((number or "0").replace(",", ".")) for number in found.groups()
    )
    return Clock(kind, round(_SECOND * (3600 * hours + 60 * minutes + seconds)))


_DURATION = re.compile(
    r"PT(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6}(?:[.,][0-9]{1,9})?)S)?"
)
_LONGEST = 366
"""Days above which a number is a day of the calendar whose time alone is shown."""


def clock_faces(clocks: Mapping[Place, Clock], in_seconds: Iterable[int]) -> dict[Place, Face]:
    """What the cells of a sheet that hold times say, column by column.

    Parameters
    ----------
    clocks : mapping of (int, int) to Clock
        By row and column.
    in_seconds : iterable of int
        Columns that the mapping says to be of minutes and seconds.

    Returns
    -------
    dict of (int, int) to Face
        Two numbers with a colon, which the column or its mapping says how to read, or three, which
        say it themselves.

    Examples
    --------
    >>> clock_faces({(1, 0): Clock("h:mm", 1_500_000)}, [])[1, 0].text
    '0:25'
    >>> clock_faces({(1, 0): Clock("mm:ss", 1_500_000)}, [])[1, 0].text
    '0:25:00'
    """
    seconds = set(in_seconds)
    columns: dict[int, dict[Place, Clock]] = {}
    for place, clock in clocks.items():
        columns.setdefault(place[1], {})[place] = clock
    found: dict[Place, Face] = {}
    for column, cells in columns.items():
        found |= _column(cells, column in seconds)
    return found


def _column(cells: Mapping[Place, Clock], in_seconds: bool) -> dict[Place, Face]:
    """Faces of a column, in which hours and minutes are never read in two ways."""
    typed = all(c.is_whole for c in cells.values() if c.kind == "h:mm")
    unknown = all(c.is_whole for c in cells.values() if not c.kind)
    others = [c for c in cells.values() if c.kind not in ("h:mm", "")]
    coarse = in_seconds and all(c.is_whole for c in others if c.kind.startswith(("h:", "[h]")))
    faces = {}
    for place, clock in cells.items():
        two = typed if clock.kind == "h:mm" else unknown and not clock.kind
        if clock.kind == "[h]:mm:ss" and clock.is_whole and clock.held >= _DAY:
            two = True  # so a spreadsheet shows 36:00 once it is written
        faces[place] = _face(clock, two=two, coarse=coarse, in_seconds=in_seconds)
    return faces


def _face(clock: Clock, *, two: bool, coarse: bool, in_seconds: bool) -> Face:
    hidden = clock.kind == "mm:ss" and clock.held >= _HOUR  # it shows the minutes alone
    if clock.held < 0 or hidden:
        return HIDDEN
    if not clock.held:
        return Face("0:00" if two else "0:00:00")
    if two and not (in_seconds and not clock.kind):
        return Face(_text(clock.held, seconds=False))
    # whole minutes throughout, where the mapping speaks of seconds, may be seconds themselves
    if in_seconds and (two or (coarse and clock.kind in ("h:mm:ss", "[h]:mm:ss"))):
        return Face("", "number.ambiguous")
    if in_seconds and clock.kind == "h:mm":
        return Face("", "number.ambiguous")
    return Face(_text(clock.held, seconds=True))


def _text(held: int, *, seconds: bool) -> str:
    """Hours and minutes, and seconds; minutes as a number where there are parts of a second."""
    if held % _SECOND:
        return f"{held / _MINUTE:.12g} min"
    hours, minutes, rest = held // _HOUR, held % _HOUR // _MINUTE, held % _MINUTE // _SECOND
    return f"{hours}:{minutes:02d}:{rest:02d}" if seconds else f"{hours}:{minutes:02d}"
