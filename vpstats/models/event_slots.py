"""Rows counted by stratum, event time and group: what tests of whole curves are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpstats.models.followup import Codes, FollowUp, Vector
from vpstats.models.slots import Slots, make_slots
from vpstats.models.steps import time_grid

Matrix = NDArray[np.float64]
Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spans:
    """Where single rows stand among the slots.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Group of each row.
    kind : ndarray of int, shape (n,)
        0 for a row that ends without a counted event, 1 with the event in question, 2 with another.
    start, end : ndarray of int, shape (n,)
        Each row is at risk at the slots from `start` to just before `end`.
    """

    group: Codes
    kind: Codes
    start: Codes
    end: Codes


@dataclass(frozen=True, slots=True)
class EventSlots:
    """Counts of G groups at E slots, each a stratum's distinct event time.

    Parameters
    ----------
    slots : Slots
        The slots, by stratum and then by time.
    at_risk : ndarray, shape (E, G)
        Rows at risk just before each slot.
    event, other : ndarray, shape (E, G)
        Events of the cause in question, and of other causes that were asked to count.
    spans : Spans, optional
        Slots of single rows, where they are clustered.
    """

    slots: Slots
    at_risk: Matrix
    event: Matrix
    other: Matrix
    spans: Spans | None

    def survival(self, hazard: NDArray[np.float64]) -> NDArray[np.float64]:
        """Products of ``1 - hazard``, shape (E, …), within each stratum up to each slot."""
        stay = 1.0 - hazard
        length = int((self.slots.end - self.slots.first).max(initial=0))
        if length == len(self.slots):
            return np.asarray(np.cumprod(stay, axis=0))
        place = np.arange(len(self.slots)) - self.slots.first
        reach = 1
        while reach < length:  # products over twice as many slots in each round
            inside = np.flatnonzero(place >= reach)
            stay[inside] = stay[inside] * stay[inside - reach]
            reach *= 2
        return stay

    def before(self, values: NDArray[np.float64], opening: float) -> NDArray[np.float64]:
        """The value at the slot before each, `opening` at the first of a stratum."""
        shifted = np.empty_like(values)
        shifted[1:] = values[:-1]
        shifted[self.slots.first] = opening
        return shifted

    def row_scores(
        self, event: Table, other: Table | None, exposed: Table, which: Sequence[int]
    ) -> Iterator[Vector]:
        """Scores of every row: what its own event adds, less what its time at risk takes.

        Parameters
        ----------
        event, other : ndarray, shape (E, G, G)
            What an event of each kind at a slot adds to score i in a row of group k: ``[e, i, k]``.
        exposed : ndarray, shape (E, G, G)
            What being at risk at a slot takes.
        which : sequence of int
            Scores wanted.

        Yields
        ------
        ndarray, shape (n,)
            One per score wanted.
        """
        assert self.spans is not None  # noqa: S101  # rows are clustered
        size, G = self.at_risk.shape
        group, start, end = self.spans.group, self.spans.start, self.spans.end
        ends = [np.flatnonzero(self.spans.kind == k) for k in (1, 2)]
        for i in which:
            paid = np.zeros((size + 1, G))
            np.cumsum(exposed[:, i], axis=0, out=paid[1:])
            score = paid[start, group]
            score -= paid[end, group]
            for rows, table in zip(ends, (event, other), strict=True):
                if table is not None:
                    score[rows] += table[end[rows] - 1, i, group[rows]]
            yield score


def find_slots(rows: FollowUp, cause: int, *, competing: bool) -> EventSlots:
    """Find the event times of every stratum and count the groups at them.

    Parameters
    ----------
    rows : FollowUp
        Rows with their groups and at least one event.
    cause : int
        Cause in question.
    competing : bool
        Whether events of other causes have slots, too; they are censored otherwise.

    Returns
    -------
    EventSlots
        A row censored at the time of an event is at risk at it; one that enters then is not. The
        slots of single rows are found where they are clustered, since nothing else needs them.
    """
    kind = np.full(max(int(rows.event.max()), cause) + 1, 2 if competing else 0, dtype=np.int64)
    kind[0], kind[cause] = 0, 1
    kind = kind[rows.event]
    keys = _find_keys(rows)
    G = len(rows.groups)
    chosen, at_risk, event, other = (_counted if keys.few else _looked_up)(
        keys, kind, rows.grouping, G
    )
    slots = make_slots(keys.grid[chosen % keys.width - 1], chosen // keys.width)
    spans = None
    if rows.cluster is not None:
        start, end = _spans(keys, chosen)
        spans = Spans(rows.grouping, kind, start, end)
    return EventSlots(slots, at_risk, event, other, spans)


@dataclass(frozen=True, slots=True)
class _Keys:
    """Stratum and day of each row as one number, ``stratum * width + 1 + day``.

    exit: shape (n,); entry: shape (n,), the last day that the row is not at risk, ``-1`` being the
    day before all; None where every row is at risk from the start; grid: shape (width - 1,).
    """

    exit: Codes
    entry: Codes | None
    strata: int
    width: int
    grid: Vector

    @property
    def few(self) -> bool:
        """Whether there are few enough different numbers to count by."""
        return self.strata * self.width <= 8 * self.exit.size + 65_536


def _find_keys(rows: FollowUp) -> _Keys:
    day, entry_day, grid = time_grid(rows)
    width = grid.size + 1
    if rows.strata is None:
        return _Keys(day + 1, None if entry_day is None else entry_day + 1, 1, width, grid)
    first = rows.strata * width + 1
    entry = None if entry_day is None else first + entry_day
    return _Keys(first + day, entry, int(rows.strata.max()) + 1, width, grid)


_Counted = tuple[Codes, Matrix, Matrix, Matrix]
"""The keys that are slots, then at risk, events in question and others, shape (E, G) each."""


def _counted(keys: _Keys, kind: Codes, group: Codes, G: int) -> _Counted:
    """Count every day of every stratum in one pass."""
    size = keys.strata * keys.width
    cell = keys.exit * 3
    cell += kind
    cell *= G
    cell += group
    table = np.bincount(cell, minlength=size * 3 * G).reshape(size, 3, G)
    chosen = np.flatnonzero(table[:, 1:].any(axis=(1, 2)))
    left = table.sum(axis=1)
    if keys.entry is not None:  # who enters on a day is not at risk up to that day
        left -= np.bincount(keys.entry * G + group, minlength=size * G).reshape(size, G)
        left[:: keys.width] = 0  # the day before all
    by_stratum = left.reshape(keys.strata, keys.width, G)
    at_risk = np.cumsum(by_stratum[:, ::-1], axis=1)[:, ::-1].reshape(size, G)
    event, other = (table[chosen, k].astype(float) for k in (1, 2))
    return chosen, at_risk[chosen].astype(float), event, other


def _looked_up(keys: _Keys, kind: Codes, group: Codes, G: int) -> _Counted:
    """Look every row up among the slots, where most days of most strata have none."""
    chosen = np.unique(keys.exit[kind > 0])
    size = chosen.size
    start, end = _spans(keys, chosen)
    change = np.bincount(start * G + group, minlength=(size + 1) * G)
    change -= np.bincount(end * G + group, minlength=(size + 1) * G)
    at_risk = np.cumsum(change.reshape(size + 1, G), axis=0)[:size]
    event, other = (_at_slot(end, group, kind == k, (size, G)) for k in (1, 2))
    return chosen, at_risk.astype(float), event, other


def _at_slot(end: Codes, group: Codes, own: NDArray[np.bool_], shape: tuple[int, int]) -> Matrix:
    """Some rows of each group that end at each slot."""
    size, G = shape
    key = ((end - 1) * G + group)[own]
    return np.bincount(key, minlength=size * G).reshape(size, G).astype(float)


def _spans(keys: _Keys, chosen: Codes) -> tuple[Codes, Codes]:
    """First slot of every row, and the slot after its last."""
    entry = keys.exit // keys.width * keys.width if keys.entry is None else keys.entry
    if keys.few:
        passed = np.searchsorted(chosen, np.arange(keys.strata * keys.width), side="right")
        return passed[entry], passed[keys.exit]
    start, end = (np.searchsorted(chosen, key, side="right") for key in (entry, keys.exit))
    return start, end
