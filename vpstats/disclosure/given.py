"""What the ledger does not show by itself: relations that a caller names, and earlier releases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from vpstats.disclosure.relations import PERCENT_COST, Builder
from vpstats.disclosure.system import Role, System
from vpstats.errors import UsageError
from vpstats.ledger import Ledger

KNOWN_COST = 20.0
"""Factor on the cost of a count that an earlier release shows as it is now: hiding it helps little,
and two releases that hide different cells show both."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Cells of which a caller knows that they add up.

    Parameters
    ----------
    total : str
        Id of the cell that holds the sum.
    parts : tuple of str
        Ids of disjoint parts; what they leave over of the total is protected like a cell.

    Examples
    --------
    >>> Relation("a///n", ("a//sex/f/n", "a//sex/m/n")).total
    'a///n'
    """

    total: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rests:
    """Estimates from which counts could be worked out that are not their parents.

    Parameters
    ----------
    estimates : tuple of str
        Ids of cells that are hidden with any of the counts.
    counts : tuple of str
        Ids of the counts.

    Examples
    --------
    >>> Rests(("a/C01/outcome//o_e",), ("a/network/outcome//observed",)).counts
    ('a/network/outcome//observed',)
    """

    estimates: tuple[str, ...]
    counts: tuple[str, ...]


def relate_given(builder: Builder, relations: Iterable[Relation | Rests]) -> None:
    """Add relations that a caller knows of.

    Raises
    ------
    UsageError
        If one names a cell that is not a count of the ledger, or does not hold.
    """
    for relation in relations:
        if isinstance(relation, Rests):
            _rest(builder, relation)
            continue
        total, *parts = (_count_named(builder, n) for n in (relation.total, *relation.parts))
        if len(parts) == 1 and builder.add_up(parts) == builder.cells.value[total]:
            # one part that is the whole is the whole, whoever looks at it
            builder.system.equate(builder.variable[total], builder.variable[parts[0]])
        elif not builder.sum(total, parts):
            raise UsageError(f"the parts given for {relation.total!r} exceed it or repeat.")


def _count_named(builder: Builder, name: str) -> int:
    position = builder.cells.where.get(name, -1)
    if position not in builder.variable:
        raise UsageError(f"a relation names {name!r}, which is no count of the ledger.")
    return position


def _rest(builder: Builder, given: Rests) -> None:
    """Note what falls with counts, which are the dearer to hide for it; any of them will do."""
    counts = tuple(_count_named(builder, name) for name in given.counts)
    estimates = [builder.cells.where.get(name) for name in given.estimates]
    found = [i for i in estimates if i is not None]
    for i in found:
        builder.rests.setdefault(i, []).append(counts)
    for count in counts:
        loss = PERCENT_COST * len(found) / len(counts)
        builder.system.cost[builder.variable[count]] += loss


def compare_with(builder: Builder, previous: Ledger) -> None:
    """Make counts sensitive whose change since an earlier release would be small.

    A count that moved by 1 to ``threshold - 1`` tells of as few persons; it is hidden. The same
    holds for what parts leave over of their total, as far as the earlier release shows it.

    Parameters
    ----------
    builder : Builder
        With all its relations.
    previous : Ledger
        The cells of the earlier release; NaN where they were hidden.
    """
    system, before = builder.system, _earlier(builder, previous)
    for relation in system.relations:
        rests = [v for v in relation if system.role[v] is Role.IMPLIED]
        if len(rests) == 1 and all(v in before for v in relation if v != rests[0]):
            left = -sum(c * before[v] for v, c in relation.items() if v != rests[0])
            _guard_change(system, rests[0], left * relation[rests[0]])
    for variable, value in before.items():
        if 1 <= abs(system.value[variable] - value) < system.policy.threshold:
            builder.moved.add(variable)
        if _guard_change(system, variable, value):
            system.role[variable] = Role.SECONDARY
        elif value == system.value[variable]:
            # what was published once and has not changed is known, hidden or not
            system.known.add(variable)
            system.cost[variable] *= KNOWN_COST


def _earlier(builder: Builder, previous: Ledger) -> dict[int, float]:
    values = dict(zip(previous.cells["cell_id"], previous.cells["value"], strict=True))
    found = {builder.variable[i]: values.get(builder.cells.ids[i]) for i in builder.variable}
    return {v: float(x) for v, x in found.items() if x is not None and isfinite(x)}


def _guard_change(system: System, variable: int, before: float) -> bool:
    """Make a variable sensitive if it changed a little; say whether it is to be hidden."""
    if not 1 <= abs(system.value[variable] - before) < system.policy.threshold:
        return False
    system.sensitive.add(variable)
    return system.may_hide(variable)
