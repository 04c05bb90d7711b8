"""What the cells of a column are like, each distinct spelling looked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from vpstats.drafting.headers import Header, headers_of
from vpstats.registry.dates import date_shape
from vpstats.registry.lexicon import kind_of_missing
from vpstats.registry.numbers import NumberContext, read_number
from vpstats.registry.raw import TextColumn, stack_columns
from vpstats.registry.spine import parse_levels
from vpstats.schema import Column

_MOST = 4000
"""Spellings that are looked at, the most frequent first; a column of names has no more to say."""

_NUMBER = NumberContext(Column("x", "number", "Any number."), decimal=".")


@dataclass(frozen=True, eq=False)
class Profile:
    """A column, or several of one kind that stand side by side, and what is known of its cells.

    Parameters
    ----------
    columns : tuple of str
        Raw columns; several where numbered ones belong together.
    name : str
        Header, without its number where there are several.
    text : TextColumn
        The cells, of several columns under one another.
    typed : bool
        Whether the source holds numbers, not texts of numbers.
    choices : mapping of str to str
        Code to label, where the source says what its codes mean.
    label : str
        Text of the question or variable, "" where there is none.
    checkbox : str
        Stem of REDCap checkbox columns, "" for others.
    coded : bool
        Whether digits are most likely codes: a raw REDCap export without its dictionary.
    ticks : mapping of str to str
        Column to the vertebra that it is named after, where the cells are nothing but ticks.
    prefix : str
        Word before the names of all columns of the export, "" where there is none.
    """

    columns: tuple[str, ...]
    name: str
    text: TextColumn
    typed: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    checkbox: str = ""
    coded: bool = False
    ticks: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""

    @cached_property
    def headers(self) -> tuple[Header, ...]:
        """What the column can be called."""
        return headers_of(self.name, self.label, self.prefix)

    @cached_property
    def counts(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Cells of each spelling."""
        return self.text.counts()

    @property
    def filled(self) -> int:
        """Cells that are not empty."""
        return int(self.counts.sum())

    @property
    def distinct(self) -> int:
        """Different spellings."""
        return len(self.text.spellings)

    @cached_property
    def told(self) -> tuple[tuple[str, int], ...]:
        """Spellings that say something, and how often; the most frequent first."""
        pairs = zip(self.text.spellings, self.counts.tolist(), strict=True)
        ranked = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:_MOST]
        return tuple((s, n) for s, n in ranked if kind_of_missing(s) is None and not _is_gap(s))

    @cached_property
    def numeric(self) -> float:
        """Share of the cells that are numbers, whatever of."""
        return self._share(lambda s: read_number(s.replace(",", "."), _NUMBER).value is not None)

    @cached_property
    def vertebral(self) -> float:
        """Share of the cells that name vertebrae."""
        return self._share(_is_vertebra)

    @cached_property
    def dated(self) -> bool:
        """Whether all cells that say something are days; so also where none does."""
        return all(date_shape(s).kind in ("day", "ordered") for s, _ in self.told)

    @cached_property
    def listing(self) -> float:
        """Share of the cells with vertebrae that name several."""
        several = [(s, n) for s, n in self.told if len(parse_levels(s).levels) > 1]
        return sum(n for _, n in several) / max(sum(n for _, n in self.told), 1)

    def _share(self, fits: Callable[[str], bool]) -> float:
        total = sum(n for _, n in self.told)
        return sum(n for s, n in self.told if fits(s)) / total if total else 0.0


def _is_vertebra(spelling: str) -> bool:
    """Whether a cell names vertebrae, be it in a way that can be read twice (``L2-3``)."""
    parsed = parse_levels(spelling)
    doubtful = parsed.status == "ambiguous" and any(c.isalpha() for c in spelling)
    return bool(parsed.levels) or doubtful


def _is_gap(spelling: str) -> bool:
    """What a source marks as missing itself."""
    return spelling.startswith("missing:") or (len(spelling) == 2 and spelling[0] == ".")


def group_of(name: str, members: Mapping[str, TextColumn], *, typed: bool = False) -> Profile:
    """Profile of numbered columns as one."""
    return Profile(tuple(members), name, stack_columns(list(members.values())), typed=typed)
