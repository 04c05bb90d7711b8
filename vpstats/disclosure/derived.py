"""Which cells are hidden and why: counts by their role, estimates by what they would give away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from math import isclose, isfinite

from vpstats.disclosure.bands import coarsen, decide_banded, difference_of, is_banded
from vpstats.disclosure.cells import EXTREMES, Cells, Row, collect, split_term
from vpstats.disclosure.numbers import Numbers
from vpstats.disclosure.policy import LEAST_BASES, ReleasePolicy
from vpstats.disclosure.relations import Builder
from vpstats.disclosure.system import Role

FEWEST_LEVELS_OF_A_SCALE = 3
"""A term without a category that is described in fewer categories is itself yes or no."""

BLURRED_DIGITS = 2
"""Significant digits of an adjusted coefficient that rests on a large count that is hidden.

Such a count is hidden because another one differs from it by a few. Half a per cent of a ratio is
more than those few of it, and an adjusted ratio cannot be solved for a count.
"""

SAME_ERROR = 0.005
"""Relative difference of two standard errors that are taken for the same."""


@dataclass
class Decisions:
    """What happens to each cell.

    Attributes
    ----------
    reason : dict of int to str
        Position to "primary", "secondary", "derived", "curve" or "rounded".
    changed : dict of int to float
        Values that are released coarser than they were.
    """

    reason: dict[int, str] = field(default_factory=dict)
    changed: dict[int, float] = field(default_factory=dict)

    def hides(self, position: int) -> bool:
        """Whether a cell is hidden."""
        return self.reason.get(position, "rounded") != "rounded"


@dataclass
class Judge:
    """What is needed to judge an estimate.

    Parameters
    ----------
    builder : Builder
        After protection.
    numbers : Numbers
        Denominators and implied counts.
    """

    builder: Builder
    numbers: Numbers
    decisions: Decisions = field(default_factory=Decisions)
    _withheld: dict[tuple[int, ...], tuple[bool, bool]] = field(default_factory=dict)

    @property
    def cells(self) -> Cells:
        """The ledger."""
        return self.builder.cells

    @property
    def policy(self) -> ReleasePolicy:
        """The rules."""
        return self.builder.system.policy

    def is_hidden(self, position: int) -> bool:
        """Whether the count at a position is not published."""
        variable = self.builder.variable.get(position)
        return variable is None or self.builder.system.is_hidden(variable)

    def withheld(self, counts: tuple[int, ...]) -> tuple[bool, bool]:
        """Whether any of the counts is not published, and whether any is rounded."""
        if counts not in self._withheld:
            system, variable = self.builder.system, self.builder.variable
            hidden = any(map(self.is_hidden, counts))
            self._withheld[counts] = hidden, any(is_banded(system, variable[c]) for c in counts)
        return self._withheld[counts]

    def is_small(self, position: int) -> bool:
        """Whether the count at a position is small itself."""
        variable = self.builder.variable.get(position)
        return variable is not None and self.builder.system.role[variable] in (
            Role.MARKED, Role.UNMARKED
        )  # fmt: skip

    def lacks_denominator(self, position: int) -> bool:
        """Whether the denominator of a cell is not published."""
        variable = self.numbers.of_n.get(position)
        return variable is not None and self.builder.system.is_hidden(variable)


def decide(builder: Builder, numbers: Numbers) -> Decisions:
    """Hide counts by their role and every estimate that would give a hidden count away.

    Parameters
    ----------
    builder : Builder
        After protection.
    numbers : Numbers
        Denominators and implied counts.

    Returns
    -------
    Decisions
        For everything but curve steps and what is read from curves.
    """
    judge = Judge(builder, numbers)
    _decide_counts(judge)
    terms = _Terms(judge)
    for i in judge.cells.estimates:
        if not isfinite(judge.cells.value[i]):
            continue
        if _gives_away(judge, terms, i):
            judge.decisions.reason[i] = "derived"
        elif terms.blur(i):
            judge.decisions.reason[i] = "rounded"
            judge.decisions.changed[i] = float(f"{judge.cells.value[i]:.{BLURRED_DIGITS}g}")
    _decide_percentages(judge)
    decide_banded(judge)
    _decide_differences(judge)
    _decide_standardised(judge)
    _decide_medians(judge)
    _decide_means(judge)
    return judge.decisions


def _decide_counts(judge: Judge) -> None:
    for i, variable in judge.builder.variable.items():
        role = judge.builder.system.role[variable]
        if role is Role.BANDED:
            judge.decisions.reason[i] = "rounded"
            judge.decisions.changed[i] = judge.builder.system.shown(variable)
        elif role is not Role.PUBLISHED:
            judge.decisions.reason[i] = "primary" if role is Role.MARKED else "secondary"


def _gives_away(judge: Judge, terms: _Terms, i: int) -> bool:
    cells = judge.cells
    if cells.stat[i] in EXTREMES or 0 < cells.n[i] < judge.policy.threshold:
        return True
    if _few_persons(judge, i) or _bare_count_hidden(judge, i):
        return True
    if _tells_of_another(judge, i):
        return True
    parent = cells.parent[i]
    if cells.is_summary(i):
        small_parent = parent >= 0 and judge.is_small(parent)
        return small_parent or _tells_of_newcomers(judge, i) or terms.give_away(i)
    if parent < 0:
        return False
    above = cells.parent[parent]
    return (
        judge.is_hidden(parent)
        or (above >= 0 and judge.is_hidden(above) and cells.stat[i] != "percent")
        or (judge.lacks_denominator(i) and cells.stat[i] != "percent")
    )


def _tells_of_another(judge: Judge, i: int) -> bool:
    """Whether a count that is not its parent could be worked out from an estimate.

    A quartile is the number of one group, which no rounding of the quartile hides.
    """
    exact = judge.cells.is_summary(i)
    found = (judge.withheld(counts) for counts in judge.builder.rests.get(i, ()))
    return any(hidden or (exact and banded) for hidden, banded in found)


def _tells_of_newcomers(judge: Judge, i: int) -> bool:
    """Whether a mean, beside that of an earlier release, is the value of a few who came since."""
    builder = judge.builder
    about = {builder.variable.get(judge.cells.parent[i]), judge.numbers.of_n.get(i)}
    return bool(about & builder.moved)


def _few_persons(judge: Judge, i: int) -> bool:
    row = judge.cells.rows[i]
    persons = (judge.cells.at(row, stat) for stat in ("n_patients", "n_clusters"))
    return any(p is not None and judge.is_small(p) for p in persons)


def _bare_count_hidden(judge: Judge, i: int) -> bool:
    """Whether the percentage of the same row stands for a count that is hidden."""
    row_mates = judge.cells.by_row[judge.cells.rows[i]]
    variables = (judge.numbers.behind.get(j) for j in row_mates)
    return any(v is not None and judge.builder.system.is_hidden(v) for v in variables)


class _Terms:
    """Coefficients of factors rest on the counts of their category and of the reference."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        cells = judge.cells
        self.described = collect(
            ((cells.analysis[i], cells.variable[i]), i)
            for i in cells.counts
            if cells.level[i] and cells.stat[i] in ("n", "n_events")
        )
        self.fitted = collect(
            ((row[0], row[1], split_term(row[2])[0]), split_term(row[2])[1])
            for row in sorted(cells.fitted)
        )
        self.known: dict[Row, bool] = {}

    def give_away(self, i: int) -> bool:
        """Whether a coefficient would tell of a hidden count."""
        row = self.judge.cells.rows[i]
        if row not in self.known:
            self.known[row] = row in self.judge.cells.fitted and (
                any(map(partial(self._told_by, row), self._rests_on(row)))
                or _two_by_two(self.judge, row)
            )
        return self.known[row]

    def blur(self, i: int) -> bool:
        """Whether a coefficient that gives nothing away rests on a hidden count all the same."""
        row = self.judge.cells.rows[i]
        if row not in self.judge.cells.fitted or self.judge.cells.stat[i] == "p_value":
            return False
        return any(map(self.judge.is_hidden, self._rests_on(row)))

    def _told_by(self, row: Row, count: int) -> bool:
        """Whether a coefficient in all its digits would tell of a count that is hidden."""
        least = LEAST_BASES * self.judge.policy.threshold
        large = self.judge.cells.value[count] >= least and not self.judge.is_small(count)
        return self.judge.is_hidden(count) and (row[1] == "crude" or not large)

    def _rests_on(self, row: Row) -> Iterator[int]:
        analysis, group, term, _ = row
        name, category = split_term(term)
        counts = self.described.get((analysis, name), [])
        levels = {self.judge.cells.level[i] for i in counts}
        if not category and len(levels) >= FEWEST_LEVELS_OF_A_SCALE:
            return  # a numeric exposure that the tables show in classes
        others = set(self.fitted.get((analysis, group, name), [])) - {category}
        for i in counts:
            if not category or self.judge.cells.level[i] not in others:
                yield i


def _two_by_two(judge: Judge, row: Row) -> bool:
    """Whether a crude odds ratio and its error, with known margins, give a small cell away."""
    cells = judge.cells
    model = (row[0], row[1], "model", "")
    found = [cells.at(row, s) for s in ("estimate", "std_error")]
    found += [cells.at(model, s) for s in ("n_events", "n")]
    if row[1] != "crude" or any(i is None for i in found):
        return False
    ratio, error, events, n = (cells.value[i] for i in found if i is not None)
    if not all(map(isfinite, (ratio, error, events, n))) or min(ratio, error) <= 0:
        return False
    return solves_small_table(ratio, error, events, n - events, judge.policy.threshold)


def solves_small_table(
    ratio: float, error: float, events: float, others: float, threshold: int
) -> bool:
    """Whether a fourfold table with a small cell has this odds ratio and standard error.

    Parameters
    ----------
    ratio, error : float
        Odds ratio and the standard error of its logarithm.
    events, others : float
        Margins: rows with and without the event.
    threshold : int
        Cells below it are small.

    Returns
    -------
    bool

    Examples
    --------
    >>> error = (1 / 3 + 1 / 27 + 1 / 40 + 1 / 130) ** 0.5
    >>> solves_small_table(3 * 130 / (27 * 40), error, 30, 170, 5)
    True
    >>> solves_small_table(1.07, 0.034, 30, 170, 5)
    False
    """
    tables = (
        _fourfold(ratio, small, one, other)
        for small in range(1, threshold)
        for one, other in ((events, others), (others, events))
    )
    inverse = (
        _fourfold(1 / ratio, small, one, other)
        for small in range(1, threshold)
        for one, other in ((events, others), (others, events))
    )
    return any(_has_error(table, error) for table in (*tables, *inverse))


def _fourfold(
    ratio: float, small: float, margin: float, other: float
) -> tuple[float, float, float, float]:
    """Solve small·d = ratio·(margin − small)·c with c + d = other."""
    rest = margin - small
    third = small * other / (ratio * rest + small) if rest > 0 else 0.0
    return small, rest, third, other - third


def _has_error(table: tuple[float, float, float, float], error: float) -> bool:
    if min(table) <= 0:
        return False
    whole = abs(table[2] - round(table[2])) < 0.01 * max(1.0, table[2] / 50)
    return whole and isclose(sum(1 / x for x in table) ** 0.5, error, rel_tol=SAME_ERROR)


def _decide_percentages(judge: Judge) -> None:
    """A percentage of a shown count tells its denominator; coarsen it where that is hidden."""
    cells = judge.cells
    for i in cells.estimates:
        parent = cells.parent[i]
        if cells.stat[i] != "percent" or parent < 0 or not isfinite(cells.value[i]):
            continue
        if judge.decisions.hides(i):
            continue
        above = cells.parent[parent]
        if judge.lacks_denominator(i):
            _coarsen(judge, i, parent)
        elif above >= 0 and judge.is_hidden(above) and cells.n[i] == cells.value[above]:
            judge.decisions.reason[i] = "derived"


def _coarsen(judge: Judge, i: int, parent: int) -> None:
    count = judge.cells.value[parent]
    shown = {round(100 * count / n) for n in _possible_denominators(judge, i)}
    if len(shown) == 1 and judge.policy.rounding == 1:
        judge.decisions.changed[i] = float(shown.pop())
        judge.decisions.reason[i] = "rounded"
    else:
        judge.decisions.reason[i] = "derived"


def _possible_denominators(judge: Judge, i: int) -> Iterator[float]:
    """Denominators between which a percentage must not tell.

    Where a small number of missing values is what is hidden, all that it may be; else the
    neighbours on both sides.
    """
    policy, n = judge.policy, judge.cells.n[i]
    missing = judge.cells.at((*judge.cells.rows[i][:3], ""), "n_missing")
    if missing is not None and judge.is_small(missing):
        whole = n + judge.cells.value[missing]
        yield from (whole - k for k in range(policy.lowest, policy.threshold))
    else:
        yield from (n + k for k in range(1 - policy.width, policy.width) if n + k > 0)


def _decide_differences(judge: Judge) -> None:
    """A difference of two risks, with one of them, is the other.

    The reference is the category that has a risk and no difference.
    """
    cells = judge.cells
    sets = collect(
        (cells.rows[i][:3], cells.level[i]) for i in cells.estimates if cells.stat[i] == "risk"
    )
    for place, levels in sets.items():
        found = {level: cells.at((*place, level), "difference") for level in levels}
        reference = next((level for level in levels if found[level] is None), "")
        other = cells.at((*place, reference), "risk")
        for level in (level for level in levels if found[level] is not None):
            one = cells.at((*place, level), "risk")
            if one is not None and other is not None:
                _show_difference(judge, (*place, level), one, other)


def _show_difference(judge: Judge, row: Row, one: int, other: int) -> None:
    """Show a difference no better than the risks that it is of."""
    cells, decisions = judge.cells, judge.decisions
    hidden = decisions.hides(one) or decisions.hides(other)
    if not hidden and not {one, other} & decisions.changed.keys():
        return
    for i in cells.by_row[row]:
        if not cells.stat[i].startswith("difference") or not isfinite(cells.value[i]):
            continue
        shown = None if hidden else difference_of(judge, i, one, other)
        if shown is None:
            decisions.reason[i] = "derived"
        elif not decisions.hides(i):
            decisions.reason[i], decisions.changed[i] = "rounded", shown


def _decide_standardised(judge: Judge) -> None:
    """A standardised difference of a group from the others tells of everybody's count as well."""
    cells = judge.cells
    everybody = {
        (cells.analysis[i], *cells.rows[i][2:]): i
        for i in cells.counts
        if cells.stat[i] == "n" and cells.level[i] and cells.is_overall(i)
    }
    for i in cells.estimates:
        if cells.stat[i] != "smd" or judge.decisions.hides(i) or not isfinite(cells.value[i]):
            continue
        whole = everybody.get((cells.analysis[i], *cells.rows[i][2:]))
        if whole is None or whole == cells.parent[i]:
            continue
        if judge.is_hidden(whole):
            judge.decisions.reason[i] = "derived"
        elif is_banded(judge.builder.system, judge.builder.variable[whole]):
            coarsen(judge, i, [judge.builder.variable[whole]])


def _decide_medians(judge: Judge) -> None:
    """A median over groups is the value of the group, or of the two, in the middle."""
    cells = judge.cells
    sets = collect(
        ((cells.analysis[i], *cells.rows[i][2:], cells.stat[i]), i)
        for i in cells.estimates
        if not cells.is_summary(i) and isfinite(cells.value[i])
    )
    for members in sets.values():
        overall = [i for i in members if cells.is_overall(i) and cells.parent[i] < 0]
        groups = sorted((cells.value[i], i) for i in members if not cells.is_overall(i))
        middle = groups[(len(groups) - 1) // 2 : len(groups) // 2 + 1]
        if overall and middle and any(judge.decisions.hides(i) for _, i in middle):
            for i in overall:
                judge.decisions.reason[i] = "derived"


def _decide_means(judge: Judge) -> None:
    """A mean of everybody less the means of the other groups is the mean of the last one."""
    cells = judge.cells
    sets = collect(
        ((cells.analysis[i], *cells.rows[i][2:]), i)
        for i in cells.estimates
        if cells.stat[i] == "mean" and isfinite(cells.value[i])
    )
    for members in sets.values():
        everybody = [i for i in members if cells.is_overall(i)]
        groups = [i for i in members if not cells.is_overall(i)]
        if everybody and groups and not judge.decisions.hides(everybody[0]):
            _hide_means(judge, everybody[0], groups)


def _hide_means(judge: Judge, everybody: int, groups: list[int]) -> None:
    cells = judge.cells
    shown = [i for i in groups if not judge.decisions.hides(i)]
    left = cells.n[everybody] - sum(cells.n[i] for i in shown)
    for i in sorted(shown, key=lambda i: (cells.n[i], i)):
        if not 0 < left < judge.policy.threshold:
            return
        left += cells.n[i]
        for j in cells.by_row[cells.rows[i]]:
            if cells.stat[j] in ("mean", "sd"):
                judge.decisions.reason[j] = "derived"
