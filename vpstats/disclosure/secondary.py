"""Which further cells to hide so that no sensitive one can be worked out.

A sensitive variable is protected when every value that a mark leaves open agrees with what is
published; where the pattern of hidden cells alone rules that out (a total of three hidden cells
is not one), as many other values as a mark would leave must agree. Each step looks for the
cheapest cells to hide so that the variable could have been larger, or smaller, by what is missing:
a small integer program over the relations around it, widened until it succeeds. A solution is a
witness: a whole table that agrees with the release. Hiding more never makes a witness invalid, so
what is protected stays so.

References
----------
Fischetti M, Salazar JJ. Solving the cell suppression problem on tabular data with linear
constraints. Management Science 2001;47:1008-1027.
Hundepool A, et al. Statistical Disclosure Control. Wiley, 2012, chapter 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vpstats.disclosure.policy import LEAST_BASES, in_band
from vpstats.disclosure.system import HIDDEN_ROLES, Role, System
from vpstats.errors import DisclosureError

RADII: tuple[int | None, ...] = (1, 2, 3, 5, 8, None)
"""How far around a variable relations are considered; None for as far as they go."""

CHEAP = 0.6
"""Cost up to which a plan is taken without looking whether giving up marks would cost less."""

LARGE = 60
"""Relations beyond which no cheaper witness is looked for."""

NEAREST = (12, 40)
"""Relations that are followed to their best partners where all of them would be too many."""

PARTNERS = 4
"""Variables through which such a search leaves a relation."""

ENOUGH = 20
"""Thresholds of room beyond which more room makes no better partner."""

UNMARK_COST = 0.5
"""Loss where a table says "withheld" instead of "fewer than 5"."""

WHOLE = 1e-5
"""Largest distance from a whole number that is put down to the solver's arithmetic."""

FREE = 1e-6
"""Price of moving what is hidden already: it keeps witnesses small."""


@dataclass
class _Search:
    """The system, and the range of values that witnesses have shown for each variable."""

    system: System
    low: dict[int, int] = field(default_factory=dict)
    high: dict[int, int] = field(default_factory=dict)

    def missing(self, variable: int, *, strict: bool) -> list[int]:
        """Changes of the variable for which a witness is still needed."""
        value = self.system.value[variable]
        low, high = self.low.get(variable, value), self.high.get(variable, value)
        goals = _goals(self.system, variable, strict=strict)
        if not strict and high - low + 1 >= self.system.policy.width:
            return []
        return [g for g in goals if not low <= value + g <= high]

    def record(self, moves: dict[int, int]) -> None:
        """Remember a witness."""
        self.system.witnesses.append(moves)
        for variable in moves.keys() & self.system.sensitive:
            at = self.system.value[variable] + moves[variable]
            self.low[variable] = min(self.low.get(variable, self.system.value[variable]), at)
            self.high[variable] = max(self.high.get(variable, self.system.value[variable]), at)


def _goals(system: System, variable: int, *, strict: bool) -> list[int]:
    """Changes that would do: to both ends of what a mark says, or just to enough other values."""
    policy, value = system.policy, system.value[variable]
    if strict and policy.is_small(value) and policy.marks_small:
        return [g for g in (policy.lowest - value, policy.threshold - 1 - value) if g]
    return [policy.width - 1]


def protect(system: System) -> None:
    """Hide published variables of a system until every sensitive one is protected.

    Parameters
    ----------
    system : System
        Changed in place: roles go from published to secondary, and from marked to unmarked where
        the marks alone would say too much. Cells that only look like the same quantity are told
        apart if that alone stands in the way.

    Raises
    ------
    DisclosureError
        If a variable cannot be protected; it is connected with nothing that may be hidden.
    """
    search = _Search(system)
    for variable in sorted(system.sensitive, key=lambda v: (not _is_total(system, v), v)):
        if search.missing(variable, strict=True):
            _protect(search, variable)
    if system.policy.rounding == 1:
        _show_in_bands(system)


def _show_in_bands(system: System) -> None:
    """Give back a rounded value of each large hidden variable, where every witness rounds alike.

    A witness stays a table that agrees with the release, so what it protects stays protected.
    """
    for variable, role in enumerate(system.role):
        if role is Role.SECONDARY:
            base = _band_of(system, variable)
            if base is not None:
                system.role[variable], system.bands[variable] = Role.BANDED, base


def _band_of(system: System, variable: int) -> int | None:
    possible = system.can_be(variable)
    for base in system.policy.bands:
        if min(possible) < LEAST_BASES * base:
            return None
        if len({in_band(value, base) for value in possible}) == 1:
            return base
    return None


def _is_total(system: System, variable: int) -> bool:
    # totals first: a small total of several small parts loses its mark rather than the parts
    return any(
        system.relations[r][variable] > 0 and len(system.relations[r]) > 2
        for r in system.touching[variable]
    )


def _protect(search: _Search, variable: int) -> None:
    best = _best(search, variable) or _best_of_known(search, variable)
    if best is not None:
        _apply(search, best)
    elif search.system.drop_guesses():
        _protect(search, variable)
    else:
        raise DisclosureError(
            "a small count cannot be protected: it is tied to numbers that may not be hidden. "
            "Leave out one of the relations or cells that the release was given."
        )


def _best(search: _Search, variable: int) -> _Plan | None:
    best = _plan(search, variable, [], strict=True)
    if best is None or best.cost > CHEAP:
        best = min(filter(None, (best, _unmarking(search, variable, strict=True))),
                   key=lambda plan: plan.cost, default=None)  # fmt: skip
    return best or _unmarking(search, variable, strict=False)


def _best_of_known(search: _Search, variable: int) -> _Plan | None:
    """A plan that hides what an earlier release shows, where nothing else will do."""
    known, search.system.known = search.system.known, set()
    best = _best(search, variable) if known else None
    search.system.known = known
    return best


def _unmarking(search: _Search, variable: int, *, strict: bool) -> _Plan | None:
    """The first plan that works when marks are given up around a variable."""
    tried: list[int] | None = None
    for unmarked in _marks(search.system, variable):
        plan = _plan(search, variable, unmarked, strict=strict) if unmarked != tried else None
        if plan is not None:
            return plan
        tried = unmarked
    return None


def _marks(system: System, variable: int) -> Iterator[list[int]]:
    """Marks to give up: the variable's own, then those farther and farther around it."""
    if system.role[variable] is Role.MARKED:
        yield [variable]
    for radius in RADII:
        near = {v for r in _around(system, variable, radius) or () for v in system.relations[r]}
        yield sorted(v for v in near if system.role[v] is Role.MARKED)


@dataclass
class _Plan:
    """What to hide and unmark, what it costs, and the witnesses that it allows."""

    cost: float
    hidden: list[int]
    unmarked: list[int]
    witnesses: list[dict[int, int]]


def _plan(search: _Search, variable: int, unmarked: list[int], *, strict: bool) -> _Plan | None:
    """Try to protect a variable; the system is left as it was."""
    system = search.system
    before = {v: system.role[v] for v in unmarked}
    _set(system, unmarked, Role.UNMARKED)
    plan: _Plan | None = _Plan(UNMARK_COST * len(unmarked), [], unmarked, [])
    for goal in search.missing(variable, strict=strict):
        moves = _witness(system, variable, goal)
        if plan is None or moves is None:
            plan = None
            break
        hidden = [v for v in moves if system.role[v] is Role.PUBLISHED]
        plan.cost += _cost(system, moves)
        plan.hidden += hidden
        plan.witnesses.append(moves)
        _set(system, hidden, Role.SECONDARY)
    for v, role in before.items():
        system.role[v] = role
    _set(system, [] if plan is None else plan.hidden, Role.PUBLISHED)
    return plan


def _set(system: System, variables: Iterable[int], role: Role) -> None:
    for variable in variables:
        system.role[variable] = role


def _apply(search: _Search, plan: _Plan) -> None:
    _set(search.system, plan.unmarked, Role.UNMARKED)
    _set(search.system, plan.hidden, Role.SECONDARY)
    for moves in plan.witnesses:
        search.record(moves)


def _witness(system: System, variable: int, goal: int) -> dict[int, int] | None:
    """Find the cheapest changes of other variables that let one change by `goal`."""
    if not system.touching[variable]:
        return {variable: goal}
    best: dict[int, int] | None = None
    for place, relations in enumerate(_neighbourhoods(system, variable)):
        if best is not None and len(relations) > LARGE:
            break
        moves = _swap(system, variable, goal) if place == 0 else None
        moves = moves or _solve(system, relations, variable, goal)
        if moves is not None and (best is None or _cost(system, moves) < _cost(system, best)):
            best = moves
        if best is not None and _cost(system, best) <= CHEAP:
            return best
    return best


def _neighbourhoods(system: System, variable: int) -> Iterator[list[int]]:
    """Relations around a variable, more and more of them.

    Where a sum over many parts makes them too many, the best partners are tried before everything:
    the work then does not grow with the number of parts.
    """
    before = 0
    for radius in RADII:
        relations = _around(system, variable, radius, most=LARGE)
        if relations is None:
            break
        if len(relations) > before:
            yield relations
        before = len(relations)
    else:
        return
    yield from (_nearest(system, variable, most) for most in NEAREST)
    yield _around(system, variable, None) or []


def _cost(system: System, moves: dict[int, int]) -> float:
    """Loss from hiding what a witness moves of the published variables."""
    return sum(system.cost[v] for v in moves if system.role[v] is Role.PUBLISHED)


def _around(
    system: System, variable: int, radius: int | None, most: float = np.inf
) -> list[int] | None:
    """Relations within so many steps of a variable, through variables that can move.

    None where they are more than `most`.
    """
    found, edge, seen = set[int](), {variable}, {variable}
    steps = 0
    while edge and (radius is None or steps < radius):
        new = {r for v in edge for r in system.touching[v]} - found
        found |= new
        if len(found) > most:
            return None
        reached = {v for r in new for v in system.relations[r]} - seen
        edge = {v for v in reached if _can_move(system, v)}
        seen |= reached
        steps += 1
    return sorted(found)


def _nearest(system: System, variable: int, most: int) -> list[int]:
    """Relations around a variable through the partners that give way best, and what ties those."""
    found, seen, edge = set[int](), {variable}, [variable]
    while edge and len(found) < most:
        new = sorted({r for v in edge for r in system.touching[v]} - found)[: most - len(found)]
        found.update(new)
        edge = sorted({v for r in new for v in _partners(system, r, seen)})
        seen.update(edge)
    return sorted(found.union(*(system.touching[v] for v in seen)))


def _partners(system: System, relation: int, seen: set[int]) -> list[int]:
    """Variables of a relation that can move: those hidden already, cheap, with room; a few."""
    movable = (v for v in system.relations[relation] if v not in seen and _can_move(system, v))
    return sorted(movable, key=lambda v: _reluctance(system, v))[:PARTNERS]


def _reluctance(system: System, variable: int) -> tuple[float, float, int]:
    low, high = _limits(system, variable)
    room = min(system.value[variable] - low, high - system.value[variable])
    loss = system.cost[variable] if system.role[variable] is Role.PUBLISHED else 0.0
    return loss, -min(room, ENOUGH * system.policy.threshold), variable


def _can_move(system: System, variable: int) -> bool:
    return system.role[variable] is not Role.PUBLISHED or system.may_hide(variable)


def _swap(system: System, variable: int, goal: int) -> dict[int, int] | None:
    """Change one other variable against this one, where a single relation ties both."""
    binding = _binding(system, variable)
    if len(binding) != 1:
        return None if binding else _with_rests(system, {variable: goal})
    relation = system.relations[binding[0]]
    partners = [
        (system.cost[v] if system.may_hide(v) else 0.0, v, -goal * relation[variable] * c)
        for v, c in relation.items()
        if v != variable and _allows(system, v, -goal * relation[variable] * c)
    ]
    for _, partner, change in sorted(partners):
        if _binding(system, partner) == binding:
            return _with_rests(system, {variable: goal, partner: change})
    return None


def _allows(system: System, variable: int, change: int) -> bool:
    if not _can_move(system, variable):
        return False
    low, high = _limits(system, variable)
    return low <= system.value[variable] + change <= high


def _limits(system: System, variable: int) -> tuple[float, float]:
    if system.may_hide(variable):
        return float(system.policy.threshold), np.inf
    return system.bounds(variable)


def _binding(system: System, variable: int) -> list[int]:
    """Relations of a variable without a remainder that can take up a small change."""
    return [r for r in system.touching[variable] if _ample_rest(system, r) is None]


def _ample_rest(system: System, relation: int) -> int | None:
    for v in system.relations[relation]:
        ample = system.value[v] >= 4 * system.policy.threshold
        rest = system.role[v] is Role.IMPLIED and v not in system.sensitive
        if rest and len(system.touching[v]) == 1 and ample:
            return v
    return None


def _with_rests(system: System, moves: dict[int, int]) -> dict[int, int]:
    """Complete a change by what the remainders of its relations take up."""
    complete = dict(moves)
    for relation in {r for v in moves for r in system.touching[v]}:
        rest = _ample_rest(system, relation)
        if rest is not None and rest not in moves:
            known = system.relations[relation]
            excess = sum(known[v] * change for v, change in moves.items() if v in known)
            complete[rest] = -excess * known[rest]
    return complete


def _solve(
    system: System, relations: Sequence[int], variable: int, goal: int
) -> dict[int, int] | None:
    """Least costly changes within some relations, or None; what lies on their edge stays put."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    inside = set(relations)
    free = sorted(
        v
        for v in {v for r in relations for v in system.relations[r]}
        if _can_move(system, v) and inside.issuperset(system.touching[v])
    )
    if not _has_partners(system, variable, set(free)):
        return None
    n = len(free)
    price, room = _prices(system, free), _room(system, free)
    at = free.index(variable)
    up = room[:n]
    up[at], room[n + at] = max(goal, 0), max(-goal, 0)
    least = np.zeros(2 * n)
    least[at], least[n + at] = max(goal, 0), max(-goal, 0)
    balance = LinearConstraint(_matrix(system, relations, free), 0, 0)
    # most of these programs have whole solutions by themselves
    for integrality in (0, 1):
        solved = milp(
            np.concatenate([price, price]),
            constraints=balance,
            bounds=Bounds(least, room),
            integrality=np.full(2 * n, integrality),
        )
        if not solved.success:
            return None
        moved = np.rint(solved.x[:n] - solved.x[n:])
        if np.allclose(solved.x[:n] - solved.x[n:], moved, atol=WHOLE):
            break
    return {v: int(change) for v, change in zip(free, moved, strict=True) if change}


def _has_partners(system: System, variable: int, free: set[int]) -> bool:
    """Whether each relation of a variable has another variable that can move with it."""
    touching = (system.relations[r] for r in system.touching[variable])
    return variable in free and all(len(free & r.keys()) > 1 for r in touching)


def _prices(system: System, free: Sequence[int]) -> np.ndarray:
    # the tiny part orders equal prices, so that the choice does not depend on the solver
    return np.array(
        [
            FREE if system.role[v] in (*HIDDEN_ROLES, Role.IMPLIED) else
            system.cost[v] * (1 + 1e-4 * i / len(free))
            for i, v in enumerate(free)
        ]
    )  # fmt: skip


def _room(system: System, free: Sequence[int]) -> np.ndarray:
    """Room upwards and downwards of each variable, in that order."""
    limits = np.array([_limits(system, v) for v in free])
    values = np.array([system.value[v] for v in free], dtype=float)
    return np.concatenate([limits[:, 1] - values, values - limits[:, 0]])


def _matrix(system: System, relations: Sequence[int], free: Sequence[int]) -> Any:
    """Relations as rows; columns are what goes up, then what goes down."""
    from scipy.sparse import csc_array

    place = {v: i for i, v in enumerate(free)}
    entries = [
        (i, place[v], c)
        for i, r in enumerate(relations)
        for v, c in system.relations[r].items()
        if v in place
    ]
    rows, columns, signs = np.array(entries).T
    up_and_down = np.concatenate([columns, columns + len(free)])
    values = np.concatenate([signs, -signs]).astype(float)
    shape = (len(relations), 2 * len(free))
    return csc_array((values, (np.tile(rows, 2), up_and_down)), shape)
