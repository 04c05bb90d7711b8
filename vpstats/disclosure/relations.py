"""From a ledger to a system: which counts add up to which, and which are the same.

A relation is taken from the ledger's conventions (parents, partitions, flows, nested models,
quantities that two analyses share) and kept only if the true values satisfy it. Taking one too
many costs a few more hidden cells; missing one could cost a patient's privacy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite, isnan, log10

from vpstats.disclosure.cells import Cells, collect, is_person
from vpstats.disclosure.policy import ReleasePolicy
from vpstats.disclosure.system import Role, System

SEVERITIES = ("mild", "moderate", "severe")

COINCIDENCE = 4
"""Equal counts under different names are taken for the same from this many thresholds on."""

TOTAL_COST, PERCENT_COST = 5.0, 0.3
"""What hiding a total, and each percentage that goes with a count, adds to its cost of 1."""

MODEL_COST = 0.2
"""Share of that cost for the counts of a fitted model, which say little by themselves."""


@dataclass
class Builder:
    """A system under construction and the variable of each count.

    Parameters
    ----------
    cells : Cells
        The ledger.
    system : System
        What is built.

    Attributes
    ----------
    variable : dict of int to int
        Position of a count to its variable.
    rests : dict of int to list of tuple of int
        Position of an estimate to those of counts, besides its parent, that it would tell of.
    moved : set of int
        Variables that differ by a few from what an earlier release shows.
    """

    cells: Cells
    system: System
    variable: dict[int, int] = field(default_factory=dict)
    rests: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)

    def sum(self, total: int, parts: Sequence[int], *, complement: bool = True) -> bool:
        """Add a sum, named by positions of cells."""
        if total not in self.variable or any(p not in self.variable for p in parts):
            return False
        variables = [self.variable[p] for p in parts]
        if complement and len(parts) == 1 and self.cells.kind[parts[0]] == "total":
            return self.system.nest(self.variable[total], variables[0])
        return self.system.add_sum(self.variable[total], variables, complement=complement)

    def is_small(self, position: int) -> bool:
        """Whether the count at a position is hidden because it is small."""
        policy = self.system.policy
        return position in self.variable and policy.is_small(self.cells.value[position])

    def add_up(self, parts: Iterable[int]) -> float:
        """Sum of the true values at some positions."""
        return sum(self.cells.value[p] for p in parts)

    def smallest_from(self, positions: Iterable[int], least: float) -> int | None:
        """Position of the smallest count that is not below a value."""
        fitting = [(self.cells.value[p], p) for p in positions if self.cells.value[p] >= least]
        return min(fitting)[1] if fitting else None


def count_system(cells: Cells, policy: ReleasePolicy) -> Builder:
    """Make a variable of every count of a ledger.

    Parameters
    ----------
    cells : Cells
        The ledger; counts that are missing are left out.
    policy : ReleasePolicy
        The rules.

    Returns
    -------
    Builder
        With the small counts as sensitive variables and no relations.
    """
    builder = Builder(cells, System(policy))
    dependent = _dependents(cells)
    for i in cells.counts:
        total = TOTAL_COST if cells.kind[i] == "total" else 0.0
        cost = 1 + total + PERCENT_COST * dependent.get(i, 0) + 0.1 * log10(1 + cells.value[i])
        # what a model rests on is missed less than what was counted
        cost *= MODEL_COST if cells.variable[i] == "model" else 1.0
        builder.variable[i] = builder.system.add(round(cells.value[i]), cost)
        if policy.is_small(cells.value[i]):
            builder.system.sensitive.add(builder.variable[i])
    return builder


def _dependents(cells: Cells) -> dict[int, int]:
    """How many estimates would go with each count."""
    found: dict[int, int] = {}
    for i in cells.estimates:
        parent = cells.parent[i]
        if parent < 0 or cells.is_summary(i):
            continue
        for count in {parent, cells.parent[parent]} - {-1}:
            found[count] = found.get(count, 0) + 1
    return found


def relate_counts(builder: Builder) -> None:
    """Add every relation that the ledger's conventions imply."""
    _parents(builder)
    _overalls(builder)
    _flows(builder)
    _models(builder)
    _persons(builder)
    _severities(builder)
    _same_quantities(builder)


def family(stat: str) -> str:
    """Name what statistics of one kind count, so that parts and remainders meet.

    Examples
    --------
    >>> [family(s) for s in ("n", "n_missing", "excluded_rows", "n_events")]
    ['n', 'n', 'n_rows', 'n_events']
    """
    return {"n_missing": "n", "excluded_rows": "n_rows", "excluded_patients": "n_patients"}.get(
        stat, stat
    )


def _parents(builder: Builder) -> None:
    cells = builder.cells
    sets = collect(
        ((cells.parent[i], cells.analysis[i], cells.variable[i], family(cells.stat[i])), i)
        for i in cells.counts
        if cells.parent[i] >= 0
    )
    for (parent, *_), children in sets.items():
        persons = [c for c in children if _are_persons_of_rows(cells, c, parent)]
        for child in persons:
            builder.sum(parent, [child], complement=False)
        everybody = [c for c in children if cells.is_overall(c) and c not in persons]
        groups = [c for c in children if not cells.is_overall(c) and c not in persons]
        for part in filter(None, (everybody, groups)):
            _partition(builder, parent, part)


def _is_person(cells: Cells, i: int) -> bool:
    return is_person(cells.unit[i], cells.stat[i])


def _are_persons_of_rows(cells: Cells, part: int, total: int) -> bool:
    """Whether persons are counted in a total of rows, which leave over no number of anything.

    A total without a unit is taken to count what its part counts.
    """
    return _is_person(cells, part) and not _is_person(cells, total) and cells.unit[total] != ""


def _partition(builder: Builder, parent: int, children: list[int]) -> None:
    """Relate siblings to their total: all of them, or by group, or each by itself."""
    cells, total = builder.cells, builder.cells.value[parent]
    known = [c for c in children if cells.stat[c] != "n_missing"]
    if builder.add_up(children) != total and builder.add_up(known) == total and known:
        children = known
    if builder.sum(parent, children):
        return
    for part in collect((cells.group[c], c) for c in children).values():
        if len(part) == len(children) or not builder.sum(parent, part):
            for child in part:
                builder.sum(parent, [child])


def _overalls(builder: Builder) -> None:
    """Categories and groups that add up to a cell which is not their parent."""
    cells = builder.cells
    index = collect(
        ((cells.analysis[i], family(cells.stat[i])), i)
        for i, kind in enumerate(cells.kind)
        if kind in ("count", "total")
    )
    elsewhere = collect(
        ((cells.unit[i], family(cells.stat[i]), cells.value[i]), i) for i in cells.counts
    )
    for members in _sets(cells):
        first = members[0]
        parents = {cells.parent[m] for m in members}
        related = len(parents) == 1 and -1 not in parents
        same = index[cells.analysis[first], family(cells.stat[first])]
        candidates = _wholes(cells, same, members, own=related)
        whole = builder.smallest_from(candidates, builder.add_up(members))
        if whole is None and not related:
            whole = _elsewhere(builder, elsewhere, members)
        if whole is not None:
            builder.sum(whole, members)


def _sets(cells: Cells) -> Iterator[list[int]]:
    """Counts that differ in their level alone, and those that differ in their group alone."""
    by_level = collect(
        ((cells.analysis[i], cells.group[i], cells.variable[i], cells.stat[i]), i)
        for i in cells.counts
        if cells.level[i]
    )
    by_group = collect(
        ((cells.analysis[i], cells.variable[i], cells.level[i], cells.stat[i]), i)
        for i in cells.counts
        if not cells.is_overall(i) and cells.variable[i] != "model"
    )
    for sets in (by_level, by_group):
        for (analysis, *_), members in sets.items():
            if len(members) > 1 and not analysis.startswith("flow_"):
                yield members


def _wholes(cells: Cells, same: list[int], members: list[int], *, own: bool) -> list[int]:
    """Cells of the analysis that could be the sum: the variable's own, or else another's."""
    first, inside = members[0], set(members)
    across_groups = len({cells.group[m] for m in members}) > 1
    fitting = [
        i
        for i in same
        if i not in inside
        and cells.stat[i] == cells.stat[first]
        and cells.unit[i] == cells.unit[first]
        and cells.variable[i] != "model"
        and (cells.is_overall(i) or (not across_groups and cells.group[i] == cells.group[first]))
        and (cells.level[i] == cells.level[first] if across_groups else not cells.level[i])
    ]
    of_variable = [i for i in fitting if cells.variable[i] == cells.variable[first]]
    if not of_variable and (own or cells.stat[first] == "n_missing"):
        return []
    found = of_variable or fitting
    # where the sum itself is missing, another number of its size is not the sum
    return [] if any(isnan(cells.value[i]) for i in found) else found


def _elsewhere(
    builder: Builder, index: dict[tuple[str, str, float], list[int]], members: list[int]
) -> int | None:
    cells, first = builder.cells, members[0]
    total = builder.add_up(members)
    if total < COINCIDENCE * builder.system.policy.threshold:
        return None
    found = index.get((cells.unit[first], family(cells.stat[first]), total), [])
    return next((i for i in found if cells.analysis[i] != cells.analysis[first]), None)


def _flows(builder: Builder) -> None:
    """What a question analyses is part of what the last step of its flow keeps."""
    cells = builder.cells
    last = collect(
        ((cells.analysis[i][5:], cells.stat[i]), (float(cells.level[i] or 0), i))
        for i in cells.counts
        if cells.analysis[i].startswith("flow_") and cells.stat[i] in ("n_rows", "n_patients")
    )
    totals = collect(
        ((cells.analysis[i], cells.stat[i]), i)
        for i in cells.counts
        if not cells.level[i] and cells.is_overall(i)
    )
    for (question, stat), steps in last.items():
        kept = max(steps)[1]
        inside = totals.get((question, "n" if stat == "n_rows" else stat), [])
        same = [i for i in inside if cells.unit[i] == cells.unit[kept]]
        for i in same:
            builder.sum(kept, [i])


def _models(builder: Builder) -> None:
    """Models of one question leave out rows, one after another."""
    cells = builder.cells
    models = collect(
        ((cells.analysis[i], cells.stat[i]), i)
        for i in cells.counts
        if cells.variable[i] == "model" and cells.stat[i] != "n_missing"
    )
    whole = collect(
        ((cells.analysis[i], cells.stat[i]), i)
        for i in cells.counts
        if cells.variable[i] != "model" and cells.is_overall(i)
    )
    for (analysis, stat), members in models.items():
        descending = sorted(members, key=lambda i: (-cells.value[i], i))
        totals = whole.get((analysis, "n_patients" if stat == "n_clusters" else stat), [])
        top = builder.smallest_from(totals, cells.value[descending[0]])
        chain = descending if top is None else [top, *descending]
        for outer, inner in pairwise(chain):
            _nest(builder, outer, inner)
        if top is not None and stat == "n":
            _missing_rows(builder, top, members)


def _nest(builder: Builder, outer: int, inner: int) -> None:
    system, pair = builder.system, (builder.variable[outer], builder.variable[inner])
    if builder.cells.value[outer] != builder.cells.value[inner]:
        builder.sum(outer, [inner])
    elif system.policy.zeros == "show":
        system.equate(*pair)
    else:  # that no row is missing is itself hidden
        system.add_sum(pair[0], [pair[1]], complement=False)


def _missing_rows(builder: Builder, top: int, members: list[int]) -> None:
    for i in members:
        missing = builder.cells.at(builder.cells.rows[i], "n_missing")
        if missing is not None:
            builder.sum(top, [i, missing])


def _persons(builder: Builder) -> None:
    """Persons are not more than their rows; as many where a step keeps one row of each."""
    cells, system = builder.cells, builder.system
    pairs = (("n_rows", "n_patients"), ("excluded_rows", "excluded_patients"),
             ("n", "n_patients"), ("n", "n_clusters"))  # fmt: skip
    for row in {cells.rows[i] for i in cells.counts if _is_person(cells, i)}:
        for rows, persons in pairs:
            total, part = cells.at(row, rows), cells.at(row, persons)
            if total is None or part is None:
                continue
            counted = {total, part} <= builder.variable.keys()
            if counted and rows == "n_rows" and cells.value[total] == cells.value[part]:
                system.equate(builder.variable[total], builder.variable[part])
            else:
                builder.sum(total, [part], complement=False)


def _severities(builder: Builder) -> None:
    """Rows with a complication of a class, against rows by their worst class."""
    cells = builder.cells
    worst = {
        (cells.analysis[i], cells.level[i]): i
        for i in cells.counts
        if cells.variable[i].replace(" ", "_") == "worst_severity" and cells.stat[i] == "n_events"
    }
    events = collect(
        ((cells.analysis[i], cells.group[i]), i)
        for i in cells.counts
        if cells.stat[i] == "n_events" and cells.group[i] in SEVERITIES
    )
    for (analysis, severity), members in events.items():
        classes = SEVERITIES[SEVERITIES.index(severity) :]
        above = [worst[analysis, s] for s in classes if (analysis, s) in worst]
        if (analysis, severity) in worst:
            _at_most(builder, [worst[analysis, severity]], members)
            for member in members:
                _at_most(builder, [member], above)


def _at_most(builder: Builder, small: list[int], large: list[int]) -> None:
    left = builder.add_up(large) - builder.add_up(small)
    if left < 0 or set(small) & set(large):
        return
    system, variable = builder.system, builder.variable
    slack = system.add(left, 0.0, role=Role.IMPLIED)
    signs = {**{variable[i]: 1 for i in large}, **{variable[i]: -1 for i in small}}
    system.relate({**signs, slack: -1})


def _same_quantities(builder: Builder) -> None:
    """Cells of several tables that show one number."""
    cells, threshold = builder.cells, builder.system.policy.threshold
    totals = collect(
        ((cells.unit[i], cells.value[i]), i)
        for i in cells.counts
        if cells.kind[i] == "total" and cells.parent[i] < 0 and not _is_nested(cells, i)
    )
    for same in totals.values():
        if cells.value[same[0]] >= threshold:
            _equate_all(builder, same)
    named = collect((_name(cells, i), i) for i in cells.counts if cells.value[i] > 0)
    large = collect(
        ((cells.unit[i], cells.value[i], cells.n[i]), i)
        for i in cells.counts
        if cells.value[i] >= COINCIDENCE * threshold
        and isfinite(cells.n[i])
        and not _is_nested(cells, i)
    )
    for same in (*named.values(), *large.values()):
        _across_analyses(builder, same)


def _is_nested(cells: Cells, i: int) -> bool:
    """Whether a count is one of a chain that its flow or its models relate."""
    return cells.analysis[i].startswith("flow_") or cells.variable[i] == "model"


def _name(cells: Cells, i: int) -> tuple[str | float | bool, ...]:
    """What cells of several tables share if they show the same category of the same variable."""
    exact = _is_nested(cells, i)
    place = (cells.level[i], cells.group[i], cells.stat[i]) if exact else (bool(cells.level[i]),)
    return (cells.unit[i], cells.value[i], cells.variable[i], *place)


def _across_analyses(builder: Builder, same: list[int]) -> None:
    """Equate cells of several analyses where each analysis has only one of them."""
    analyses = {builder.cells.analysis[i] for i in same}
    if len(analyses) == len(same) > 1:
        _equate_all(builder, same)


def _equate_all(builder: Builder, same: list[int]) -> None:
    for one, other in pairwise(same):
        builder.system.equate(builder.variable[one], builder.variable[other], guessed=True)
