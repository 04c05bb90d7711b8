"""Cells and linear relations as an attacker sees them.

Every count is a variable, every relation says that a signed sum of variables is zero. What is
known of a variable depends on its role: a published one is known exactly, a marked one lies below
the threshold, one hidden for the sake of others does not, a banded one rounds to what is shown, and
one that stands in no table can be anything from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import inf, isfinite

from vpstats.disclosure.policy import ReleasePolicy, in_band, is_bandable


class Role(IntEnum):
    """What the public is told of a variable."""

    PUBLISHED = 0
    SECONDARY = 1
    MARKED = 2
    UNMARKED = 3
    IMPLIED = 4
    BANDED = 5


BAND_COST = 0.1
"""Loss if a count is only rounded, where hiding it costs 1."""

HIDDEN_ROLES = (Role.SECONDARY, Role.MARKED, Role.UNMARKED)


@dataclass
class System:
    """Variables, what is known of each, and the relations between them.

    Parameters
    ----------
    policy : ReleasePolicy
        The rules.

    Attributes
    ----------
    value, cost, role : list
        True value, loss if it is hidden, and role of each variable.
    sensitive : set of int
        Variables that must stay uncertain.
    relations : list of dict of int to int
        Coefficients of each relation; the signed sum is zero.
    guessed : set of int
        Relations that equate cells because they look like the same quantity.
    touching : list of list of int
        Relations of each variable.
    bands : dict of int to int
        Base to which the value of a banded variable is rounded when it is shown.
    witnesses : list of dict of int to int
        Changes of variables that lead to other tables which agree with everything shown.
    known : set of int
        Variables that an earlier release shows as they are now: hiding them protects nothing.
    """

    policy: ReleasePolicy
    value: list[int] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    role: list[Role] = field(default_factory=list)
    sensitive: set[int] = field(default_factory=set)
    relations: list[dict[int, int]] = field(default_factory=list)
    guessed: set[int] = field(default_factory=set)
    touching: list[list[int]] = field(default_factory=list)
    bands: dict[int, int] = field(default_factory=dict)
    witnesses: list[dict[int, int]] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    _seen: set[tuple[tuple[int, int], ...]] = field(default_factory=set)

    def add(self, value: float, cost: float, *, role: Role | None = None) -> int:
        """Add a variable; its role follows from its value unless given.

        Parameters
        ----------
        value : float
            Its true value, a whole number from zero.
        cost : float
            What is lost if it is hidden.
        role : Role, optional
            ``Role.IMPLIED`` for a number that stands in no table.

        Returns
        -------
        int
            Number of the variable.
        """
        variable = len(self.value)
        small = self.policy.is_small(value)
        if role is None:
            marked = Role.MARKED if self.policy.marks_small else Role.UNMARKED
            role = marked if small else Role.PUBLISHED
        self.value.append(int(value))
        bandable = self.policy.rounding == 1 and is_bandable(value, self.policy)
        self.cost.append(cost * BAND_COST if bandable else cost)
        self.role.append(role)
        self.touching.append([])
        return variable

    def relate(self, coefficients: dict[int, int]) -> None:
        """Add a relation unless it is there already."""
        key = tuple(sorted(coefficients.items()))
        if len(key) < 2 or key in self._seen:
            return
        self._seen.add(key)
        for variable in coefficients:
            self.touching[variable].append(len(self.relations))
        self.relations.append(coefficients)

    def add_sum(self, total: int, parts: Sequence[int], *, complement: bool = True) -> bool:
        """Say that parts belong to a total, if they do not exceed it.

        What is left over becomes an implied variable, which is sensitive where it is small. Parts
        that make up the whole total leave nothing over, and the public knows that; a single part
        always has its complement.

        Parameters
        ----------
        total : int
            Variable of the total.
        parts : sequence of int
            Variables of disjoint parts.
        complement : bool
            Whether what is left over is a number of persons or rows that must not be known.

        Returns
        -------
        bool
            Whether the relation holds and was added.
        """
        left = self.value[total] - sum(self.value[p] for p in parts)
        if left < 0 or total in parts or len(set(parts)) < len(parts):
            return False
        coefficients = {total: 1, **dict.fromkeys(parts, -1)}
        if left > 0 or len(parts) == 1:
            rest = self._rest(coefficients, left)
            if complement and self.policy.is_small(left):
                self.sensitive.add(rest)
            return True
        self.relate(coefficients)
        return True

    def nest(self, total: int, part: int) -> bool:
        """Say that one population lies within another, or is the same.

        Unlike a property that everybody has, an equal population says nothing of anybody, so an
        empty remainder needs no protection.

        Returns
        -------
        bool
            Whether the part does not exceed the total.
        """
        if self.value[total] == self.value[part]:
            self.equate(total, part)
            return True
        return self.add_sum(total, [part])

    def _rest(self, coefficients: dict[int, int], left: int) -> int:
        for number in self.touching[min(coefficients, key=lambda v: len(self.touching[v]))]:
            known = self.relations[number]
            extra = set(known) - set(coefficients)
            same = all(known.get(v) == c for v, c in coefficients.items())
            if same and len(extra) == 1 and self.role[min(extra)] is Role.IMPLIED:
                return min(extra)
        rest = self.add(left, 0.0, role=Role.IMPLIED)
        self.relate({**coefficients, rest: -1})
        return rest

    def equate(self, one: int, other: int, *, guessed: bool = False) -> None:
        """Say that two variables are the same quantity, or look like it."""
        before = len(self.relations)
        if one != other:
            self.relate({min(one, other): 1, max(one, other): -1})
        if guessed:
            self.guessed.update(range(before, len(self.relations)))

    def drop_guesses(self) -> bool:
        """Forget the guessed relations; say whether there were any."""
        dropped = bool(self.guessed)
        for number in self.guessed:
            for variable in self.relations[number]:
                self.touching[variable].remove(number)
        self.guessed = set()
        return dropped

    def bounds(self, variable: int) -> tuple[float, float]:
        """Smallest and largest value that the public must take for possible."""
        role, value = self.role[variable], self.value[variable]
        if role is Role.PUBLISHED:
            return float(value), float(value)
        if role is Role.BANDED:
            base = self.bands[variable]
            nearest = in_band(value, base)
            return nearest - base // 2, nearest + base - base // 2 - 1
        if role is Role.SECONDARY:
            return float(self.policy.threshold), inf
        if role is Role.MARKED:
            return float(self.policy.lowest), float(self.policy.threshold - 1)
        return float(self.policy.lowest if role is Role.UNMARKED else 0), inf

    def may_hide(self, variable: int) -> bool:
        """Whether hiding a published variable may protect another: no zero, nothing known."""
        published = self.role[variable] is Role.PUBLISHED and self.value[variable] > 0
        return published and variable not in self.known

    def shown(self, variable: int) -> float:
        """What the public is told of the value: itself, or the middle of its band."""
        base = self.bands.get(variable)
        value = self.value[variable]
        return self.policy.rounded(value) if base is None else in_band(value, base)

    def can_be(self, variable: int) -> set[int]:
        """Values that witnesses show to be possible, the true one among them."""
        return {self.value[variable] + moves.get(variable, 0) for moves in (*self.witnesses, {})}

    def is_hidden(self, variable: int) -> bool:
        """Whether the public is not told the value."""
        return self.role[variable] in HIDDEN_ROLES


def attack(system: System, variables: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Find what an attacker can say of variables: the smallest and largest possible value.

    All whole numbers that agree with the published values, the marks and the relations are taken
    into account, over the whole system at once.

    Parameters
    ----------
    system : System
        With the roles as they would be published.
    variables : sequence of int
        Variables under attack.

    Returns
    -------
    dict of int to (low, high)
        `high` is infinite where nothing bounds the variable.

    Notes
    -----
    Each bound is a mixed-integer linear program over the connected component of unknowns.

    References
    ----------
    Hundepool A, et al. Statistical Disclosure Control. Wiley, 2012, chapter 4 (the attacker's
    problem of cell suppression).
    """
    found: dict[int, tuple[float, float]] = {}
    for variable in variables:
        low, high = system.bounds(variable)
        if low < high:
            relations, unknown = _component(system, variable)
            low = _extreme(system, relations, unknown, variable, 1)
            high = -_extreme(system, relations, unknown, variable, -1)
        found[variable] = (low, high)
    return found


def _component(system: System, start: int) -> tuple[list[int], list[int]]:
    """Relations and unknowns that are connected with a variable through unknowns."""
    unknown, relations, todo = {start}, set[int](), [start]
    while todo:
        for number in system.touching[todo.pop()]:
            if number in relations:
                continue
            relations.add(number)
            for other in system.relations[number]:
                low, high = system.bounds(other)
                if low < high and other not in unknown:
                    unknown.add(other)
                    todo.append(other)
    return sorted(relations), sorted(unknown)


def _extreme(
    system: System, relations: list[int], unknown: list[int], variable: int, sign: int
) -> float:
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    place = {v: i for i, v in enumerate(unknown)}
    matrix = np.zeros((len(relations), len(unknown)))
    known = np.zeros(len(relations))
    for i, number in enumerate(relations):
        for v, coefficient in system.relations[number].items():
            if v in place:
                matrix[i, place[v]] = coefficient
            else:
                known[i] -= coefficient * system.value[v]
    limits = np.array([system.bounds(v) for v in unknown])
    goal = np.zeros(len(unknown))
    goal[place[variable]] = sign
    solved = milp(
        goal,
        constraints=LinearConstraint(matrix, known, known) if relations else None,
        bounds=Bounds(limits[:, 0], limits[:, 1]),
        integrality=np.ones(len(unknown)),
    )
    return float(round(solved.fun)) if solved.success and isfinite(solved.fun) else -inf
