"""Counts that stand in no cell of their own and can be read all the same.

The denominator beside an estimate, the count behind a percentage that names none, and what a curve
starts with and adds up to become variables of the system like any cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf, isfinite

from vpstats.disclosure.cells import Cells, collect, is_time
from vpstats.disclosure.relations import PERCENT_COST, Builder
from vpstats.disclosure.system import Role

CURVE_COST = 8.0
"""Loss if a curve has to be withheld, where a plain count costs 1."""

Curve = tuple[str, str, str]
"""Analysis, variable and group of a curve."""


@dataclass
class Numbers:
    """Variables of what is shown without being a cell.

    Attributes
    ----------
    of_n : dict of int to int
        Cell position to the variable of its denominator.
    behind : dict of int to int
        Position of a percentage without a parent to the variable of its count.
    curves : dict of Curve to tuple of int
        Variables of a curve's number at the start and of its events.
    so_far : dict of Curve to dict of int to float
        Variables of a curve's events up to the end of each window of follow-up, and that number.
    """

    of_n: dict[int, int] = field(default_factory=dict)
    behind: dict[int, int] = field(default_factory=dict)
    curves: dict[Curve, tuple[int, int]] = field(default_factory=dict)
    so_far: dict[Curve, dict[int, float]] = field(default_factory=dict)


def relate_numbers(builder: Builder) -> Numbers:
    """Add denominators, implied counts and curves to a system with all its cells.

    Parameters
    ----------
    builder : Builder
        Changed in place.

    Returns
    -------
    Numbers
        Where the new variables belong.
    """
    numbers = Numbers()
    _denominators(builder, numbers)
    _percentages(builder, numbers)
    _curves(builder, numbers)
    _windows(builder, numbers)
    return numbers


def _hidden_number(builder: Builder, value: float, cost: float) -> int:
    """A variable that is shown unless it is small, and never marked as small."""
    system = builder.system
    small = system.policy.is_small(value)
    variable = system.add(round(value), cost, role=Role.UNMARKED if small else Role.PUBLISHED)
    if small:
        system.sensitive.add(variable)
    return variable


def _denominators(builder: Builder, numbers: Numbers) -> None:
    cells = builder.cells
    totals = _totals(cells)
    curves = {(analysis, f"{variable}_at") for analysis, variable, _ in curves_of(cells)}
    new: dict[tuple[str, str, str, float], list[int]] = {}
    for i in range(len(cells)):
        if not isfinite(cells.n[i]) or cells.n[i] < 0 or cells.kind[i] == "curve step":
            continue
        if (cells.analysis[i], cells.variable[i]) in curves:
            continue  # read from a curve, which decides
        known = _known_denominator(builder, totals, i)
        if known is not None:
            numbers.of_n[i] = builder.variable[known]
        else:
            key = (cells.analysis[i], cells.group[i], cells.variable[i], cells.n[i])
            new.setdefault(key, []).append(i)
    for members in new.values():
        _new_denominator(builder, numbers, totals, members)


def _totals(cells: Cells) -> dict[str, list[int]]:
    return collect((cells.analysis[i], i) for i in cells.counts if cells.kind[i] == "total")


def _known_denominator(builder: Builder, totals: dict[str, list[int]], i: int) -> int | None:
    """Position of the count that a cell's denominator is."""
    other = _hides_its_own(builder, i)
    for j in _candidates(builder.cells, totals, i):
        same = j in builder.variable and builder.cells.value[j] == builder.cells.n[i]
        if same and j != other:
            return j
    return None


def _hides_its_own(builder: Builder, i: int) -> int | None:
    """Position of a total that equals a denominator only because no value is missing.

    Where zeros are hidden, that none is missing is hidden too, and the two are not the same.
    """
    cells = builder.cells
    if cells.kind[i] != "estimate" and not cells.level[i]:
        return None
    missing = cells.at((*cells.rows[i][:3], ""), "n_missing")
    hidden = missing is not None and cells.value[missing] == 0 and builder.is_small(missing)
    return cells.parent[missing] if missing is not None and hidden else None


def _candidates(cells: Cells, totals: dict[str, list[int]], i: int) -> Iterator[int]:
    j = cells.parent[i]
    for _ in range(4):
        if j < 0:
            break
        yield j
        j = cells.parent[j]
    yield i
    analysis, group, *_ = cells.rows[i]
    for row in (cells.rows[i], (analysis, group, "model", "")):
        found = cells.at(row, "n")
        if found is not None:
            yield found
    in_analysis = totals.get(analysis, [])
    yield from (j for j in in_analysis if cells.group[j] == group)
    yield from (j for j in in_analysis if cells.is_overall(j))


def _new_denominator(
    builder: Builder, numbers: Numbers, totals: dict[str, list[int]], members: list[int]
) -> None:
    cells, first = builder.cells, members[0]
    percents = sum(cells.stat[i] == "percent" for i in members)
    variable = _hidden_number(builder, cells.n[first], 0.5 + PERCENT_COST * percents)
    numbers.of_n.update(dict.fromkeys(members, variable))
    _its_parts(builder, variable, first)
    _its_total(builder, variable, first, totals)


def _siblings(cells: Cells, i: int) -> list[int]:
    """Counts of one variable in one group, at any level."""
    return [
        j
        for j in cells.by_variable.get(cells.rows[i][:3], ())
        if cells.stat[j] in ("n", "n_missing") and cells.kind[j] != "curve step"
    ]


def _its_parts(builder: Builder, variable: int, i: int) -> None:
    cells = builder.cells
    levels = [
        builder.variable[j]
        for j in _siblings(cells, i)
        if cells.level[j] and cells.stat[j] == "n" and j in builder.variable
    ]
    if levels and sum(builder.system.value[v] for v in levels) == builder.system.value[variable]:
        builder.system.add_sum(variable, levels)


def _its_total(builder: Builder, variable: int, i: int, totals: dict[str, list[int]]) -> None:
    cells, system = builder.cells, builder.system
    whole = builder.smallest_from(
        [j for j in _candidates(cells, totals, i) if j in builder.variable], cells.n[i]
    )
    if whole is None:
        return
    missing = [j for j in _siblings(cells, i) if cells.stat[j] == "n_missing"]
    parts = [variable, *(builder.variable[j] for j in missing if j in builder.variable)]
    total = builder.variable[whole]
    if len(parts) > 1 and sum(system.value[p] for p in parts) == system.value[total]:
        system.add_sum(total, parts)
    else:
        system.nest(total, variable)


def _percentages(builder: Builder, numbers: Numbers) -> None:
    """A percentage with its denominator is a count, whether a cell says so or not."""
    cells, system = builder.cells, builder.system
    index = collect(
        ((*cells.rows[j][2:], cells.n[j], cells.value[j]), j)
        for j in cells.counts
        if cells.stat[j] != "n"
    )
    for i in cells.estimates:
        if not _is_bare_percentage(cells, i) or i not in numbers.of_n:
            continue
        count = _hidden_number(builder, round(cells.value[i] * cells.n[i] / 100), 1.0)
        numbers.behind[i] = count
        system.add_sum(numbers.of_n[i], [count])
        for j in index.get((*cells.rows[i][2:], cells.n[i], float(system.value[count])), []):
            system.equate(builder.variable[j], count)


def _is_bare_percentage(cells: Cells, i: int) -> bool:
    percentage = cells.stat[i] == "percent" or (cells.unit[i] == "%" and cells.stat[i] == "value")
    return percentage and cells.parent[i] < 0 and 0 <= cells.value[i] <= 100


def curves_of(cells: Cells) -> dict[Curve, list[int]]:
    """Positions of the steps of each curve."""
    return collect(
        ((cells.analysis[i], cells.variable[i], cells.group[i]), i)
        for i in cells.steps
        if is_time(cells.level[i])
    )


def _curves(builder: Builder, numbers: Numbers) -> None:
    cells = builder.cells
    families = collect((key[:2], (key, steps)) for key, steps in curves_of(cells).items())
    for curves in families.values():
        for key, steps in curves:
            start = [cells.value[i] for i in steps if cells.stat[i] == "n_risk"]
            events = [cells.value[i] for i in steps if cells.stat[i] == "n_event"]
            counts = max(filter(isfinite, start), default=0), sum(filter(isfinite, events))
            one, other = (_hidden_number(builder, x, CURVE_COST) for x in counts)
            numbers.curves[key] = one, other
            builder.system.add_sum(one, [other])
            _tie_to_category(builder, key, (one, other))
        _tie_to_total(builder, numbers, [key for key, _ in curves], curves[0][1][0])


def _tie_to_category(builder: Builder, key: Curve, variables: tuple[int, int]) -> None:
    """A curve's group is often a category whose counts stand in the same analysis."""
    cells, system = builder.cells, builder.system
    for stat, variable in zip(("n", "n_events"), variables, strict=True):
        for j in cells.by_analysis.get(key[0], ()):
            named = key[2] in (cells.level[j], cells.group[j]) and cells.stat[j] == stat
            if named and j in builder.variable and key[2]:
                system.nest(builder.variable[j], variable)


def _tie_to_total(builder: Builder, numbers: Numbers, keys: list[Curve], step: int) -> None:
    """Curves of all groups together belong to the total; the curve of everybody is one."""
    cells, system = builder.cells, builder.system
    everybody = [k for k in keys if k[2].lower() in ("", "all", "overall", "total")]
    groups = [k for k in keys if k not in everybody]
    at_start = [j for j in cells.by_analysis[keys[0][0]] if cells.stat[j] == "n"
                and cells.is_overall(j) and not cells.level[j]]  # fmt: skip
    wholes = (at_start, [cells.parent[step]])
    for which, candidates in enumerate(wholes):
        all_of = [numbers.curves[k][which] for k in everybody]
        parts = [numbers.curves[k][which] for k in groups]
        largest = max([system.value[v] for v in all_of], default=0)
        whole = builder.smallest_from([j for j in candidates if j in builder.variable], largest)
        totals = [*all_of, *([] if whole is None else [builder.variable[whole]])]
        if whole is not None and all_of:
            system.nest(builder.variable[whole], all_of[0])
        for total in totals:
            if parts:
                system.add_sum(total, parts)


_WINDOW = re.compile(r"days \d+(?:\.\d+)? to (\d+(?:\.\d+)?)")


def _windows(builder: Builder, numbers: Numbers) -> None:
    """A curve that is read at the end of a window of follow-up tells the events until then.

    So does a curve of another question, if it has as many events until then and in all.
    """
    cells = builder.cells
    windows = collect(
        (cells.analysis[i], i)
        for i in cells.counts
        if cells.variable[i] == "window" and cells.stat[i] == "n_events"
    )
    curves = {
        key: [(float(cells.level[i]), cells.value[i]) for i in steps if cells.stat[i] == "n_event"]
        for key, steps in curves_of(cells).items()
        if key[2].lower() in ("", "all", "overall", "total")
    }
    for key, events in curves.items():
        for variable, end in _read_at_windows(builder, events, windows.get(key[0], [])):
            for other, its_events in curves.items():
                if all(_until(its_events, t) == _until(events, t) for t in (end, inf)):
                    told = numbers.so_far.setdefault(other, {})
                    told[variable] = _until(events, end)
    totals = collect(
        ((cells.group[i], cells.value[i]), i) for i in cells.counts if cells.kind[i] == "total"
    )
    for i in (i for members in windows.values() for i in members):
        for same in totals.get((cells.level[i], cells.value[i]), ()):
            builder.system.equate(builder.variable[i], builder.variable[same], guessed=True)


def _until(events: list[tuple[float, float]], end: float) -> float:
    """Events of a curve up to a time."""
    return sum(n for time, n in events if time <= end and isfinite(n))


def _read_at_windows(
    builder: Builder, events: list[tuple[float, float]], windows: list[int]
) -> Iterator[tuple[int, float]]:
    """Variables of the events up to the end of each window, as a curve gives them, and the end."""
    cells = builder.cells
    ends = {i: _WINDOW.fullmatch(cells.level[i]) for i in windows}
    closed = {float(found.group(1)): i for i, found in ends.items() if found}
    for end in sorted(closed):
        until = [builder.variable[closed[e]] for e in closed if e <= end]
        so_far = _until(events, end)
        if so_far != sum(builder.system.value[v] for v in until):
            continue
        # fewer are not read off a curve, whose steps are all of nobody or of enough
        if so_far >= builder.system.policy.threshold:
            variable = _hidden_number(builder, so_far, CURVE_COST)
            if len(until) == 1:
                builder.system.equate(variable, until[0])
            else:
                builder.system.add_sum(variable, until)
            yield variable, end
