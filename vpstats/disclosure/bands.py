"""Estimates that rest on a rounded count: given so coarsely that they do not undo the rounding."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, isfinite
from typing import Protocol

from vpstats.disclosure.cells import Cells
from vpstats.disclosure.numbers import Numbers
from vpstats.disclosure.relations import Builder
from vpstats.disclosure.system import Role, System

UNITS = (0.1, 0.5, 1.0)
"""Steps, in per cent, to which a percentage may be coarsened."""

STANDARDISED = ("risk", "difference")
"""How the names of standardised risks, their differences and the limits of both begin."""

FEW_DIGITS = 2
"""Significant digits of an estimate that is no percentage of the rounded counts."""

PLENTY = 100
"""How many times its base a count must be, so that two digits tell less than the rounding."""


class Decisions(Protocol):
    """Reasons and changed values of cells, as `vpstats.disclosure.derived` collects them."""

    reason: dict[int, str]
    changed: dict[int, float]

    def hides(self, position: int) -> bool:
        """Whether a cell is hidden."""


class Judge(Protocol):
    """What is needed to judge an estimate."""

    builder: Builder
    numbers: Numbers

    @property
    def decisions(self) -> Decisions:
        """What was decided so far."""

    @property
    def cells(self) -> Cells:
        """The ledger."""


def is_banded(system: System, variable: int | None) -> bool:
    """Whether a variable is shown rounded."""
    return variable is not None and system.role[variable] is Role.BANDED


def digits_for(system: System, variable: int) -> int | None:
    """Digits of a reading that rests on a rounded number at the start; None if none will do."""
    return FEW_DIGITS if system.value[variable] >= PLENTY * system.bands[variable] else None


def coarse(value: float, digits: int) -> float:
    """Round to significant digits.

    Examples
    --------
    >>> coarse(0.004321, 2)
    0.0043
    """
    return float(f"{value:.{digits}g}") if isfinite(value) else value


def decide_banded(judge: Judge) -> None:
    """Coarsen every estimate that rests on a rounded count, or hide it.

    A percentage and its limits are given to the finest step at which all tables that agree with
    the release give the same; limits are taken to move between half and twice as far as the
    percentage does.
    """
    for i in judge.cells.estimates:
        if judge.decisions.hides(i) or not isfinite(judge.cells.value[i]):
            continue
        if judge.cells.is_summary(i):
            continue  # means and coefficients do not tell how many rows they rest on
        banded = [v for v in _rests_on(judge, i) if is_banded(judge.builder.system, v)]
        if banded:
            coarsen(judge, i, banded)


def _rests_on(judge: Judge, i: int) -> Iterator[int]:
    cells, variable = judge.cells, judge.builder.variable
    parent = cells.parent[i]
    above = cells.parent[parent] if parent >= 0 else -1
    found = (variable.get(parent), variable.get(above), judge.numbers.of_n.get(i),
             judge.numbers.behind.get(i))  # fmt: skip
    yield from (v for v in found if v is not None)
    for counts in judge.builder.rests.get(i, ()):
        yield from (variable[count] for count in counts)


def coarsen(judge: Judge, i: int, banded: list[int]) -> None:
    """Coarsen an estimate so far that it does not undo the rounding, or hide it.

    Parameters
    ----------
    judge : Judge
    i : int
        Position of the estimate.
    banded : list of int
        Variables of the rounded counts that it rests on.
    """
    value = judge.cells.value[i]
    if judge.cells.unit[i] == "%":
        shown = _percentage(judge, i)
    elif all(digits_for(judge.builder.system, v) for v in banded):
        shown = coarse(value, FEW_DIGITS)
    else:
        shown = None
    if shown is None:
        judge.decisions.reason[i] = "derived"
    else:
        judge.decisions.reason[i], judge.decisions.changed[i] = "rounded", shown


def _percentage(judge: Judge, i: int) -> float | None:
    shifts = _shifts(judge, i)
    return None if shifts is None else _steady(judge, i, shifts)


def difference_of(judge: Judge, i: int, one: int, other: int) -> float | None:
    """A difference of two risks to the step at which it tells no more than they do.

    Parameters
    ----------
    judge : Judge
        After `decide_banded`.
    i : int
        Position of the difference, or of one of its limits.
    one, other : int
        Positions of the risks; the second is taken away.

    Returns
    -------
    float or None
        None if no step will do.
    """
    first, second = _shifts(judge, one), _shifts(judge, other)
    if first is None or second is None:
        return None
    return _steady(judge, i, [a - b for a, b in zip(first, second, strict=True)])


def _steady(judge: Judge, i: int, shifts: list[float]) -> float | None:
    """The value at the finest step at which no shift shows; None if there is none."""
    value = judge.cells.value[i]
    factors = (1.0,) if judge.cells.stat[i] == "percent" else (0.5, 1.0, 2.0)
    for unit in UNITS:
        if len({_to_unit(value + f * s, unit) for s in shifts for f in factors}) == 1:
            return _to_unit(value, unit)
    return None


def _to_unit(value: float, unit: float) -> float:
    return round(unit * floor(value / unit + 0.5), 6)


def _shifts(judge: Judge, i: int) -> list[float] | None:
    """By how much the percentage of its counts would differ in each table that may be true."""
    cells, system = judge.cells, judge.builder.system
    parent = cells.parent[i]
    count, whole = judge.builder.variable.get(parent), judge.numbers.of_n.get(i)
    if cells.stat[i].startswith(STANDARDISED):
        # all rows of the model stand beside it, and those of one category behind it
        whole = judge.builder.variable.get(cells.parent[parent], whole)
    if count is None or whole is None or not system.value[whole]:
        return None
    now = 100 * system.value[count] / system.value[whole]
    possible = (
        (system.value[count] + m.get(count, 0), system.value[whole] + m.get(whole, 0))
        for m in (*system.witnesses, {})
    )
    return [100 * part / total - now for part, total in possible]
