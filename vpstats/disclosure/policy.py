"""What a release may show: the rules as an object, and the same rules in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vpstats.errors import UsageError

Audience = Literal["public", "internal"]
Zeros = Literal["show", "suppress"]

WITHHELD = "withheld"
"""What a sentence says for a number that is hidden to protect another."""

NOT_ESTIMABLE = "not estimable"
"""What a sentence says for a number that the data cannot give."""

MARK = "*"
"""What a table shows for any hidden number."""

LEAST_BASES = 10
"""How many times its base a rounded count must be, so that it still says something."""

DIGITS = 4
"""Significant digits of released estimates.

An estimate with all its digits is a fingerprint of the rows behind it: with a known denominator
its last digits single out one table among all that are possible.
"""

INTERNAL = "internal: not released"
"""Label of everything that has not passed the gate."""


@dataclass(frozen=True, slots=True)
class ReleasePolicy:
    """The rules of one release.

    Parameters
    ----------
    audience : {"public", "internal"}
        "internal" hides nothing and labels everything as not released.
    threshold : int
        Smallest count that is shown: counts of 1 to ``threshold - 1`` are hidden, and so are
        counts that leave 1 to ``threshold - 1`` of their total over. 1 hides nothing.
    zeros : {"show", "suppress"}
        Whether a count of 0 is shown. A count that equals its total leaves 0 over and is treated
        alike: where zeros are shown it says of everybody that they have the property.
    rounding : int
        Base to which released counts are rounded; 1 for none. Totals are rounded on their own.
    min_at_risk : int, optional
        Curves are cut where fewer are at risk; never less than the threshold, which is also the
        default.
    curve_step : float
        Width of the grid on which curves are released, in the unit of their time.

    Raises
    ------
    UsageError
        If a rule is not one of those above.

    Examples
    --------
    >>> policy = ReleasePolicy(threshold=5)
    >>> [policy.is_small(n) for n in (0, 1, 4, 5)]
    [False, True, True, False]
    """

    audience: Audience = "public"
    threshold: int = 5
    zeros: Zeros = "show"
    rounding: int = 1
    min_at_risk: int | None = None
    curve_step: float = 30.0

    def __post_init__(self) -> None:
        _require(self.audience in ("public", "internal"), "audience", "'public' or 'internal'")
        _require(self.zeros in ("show", "suppress"), "zeros", "'show' or 'suppress'")
        _require(_whole(self.threshold), "threshold", "a whole number from 1")
        _require(_whole(self.rounding), "rounding", "a whole number from 1")
        at_risk = self.min_at_risk
        _require(at_risk is None or _whole(at_risk), "min_at_risk", "a whole number from 1")
        _require(0 < self.curve_step < float("inf"), "curve_step", "a positive number")

    @property
    def at_risk(self) -> int:
        """Fewest at risk for whom a curve is drawn."""
        return max(self.threshold, self.min_at_risk or 0)

    @property
    def lowest(self) -> int:
        """Smallest value that a hidden count may have."""
        return 1 if self.zeros == "show" else 0

    @property
    def width(self) -> int:
        """How many values must remain possible for a hidden count: as many as its mark leaves."""
        return max(self.threshold - self.lowest, 2)

    @property
    def marks_small(self) -> bool:
        """Whether "fewer than" leaves more than one value open."""
        return self.threshold - self.lowest >= 2

    @property
    def small_words(self) -> str:
        """What a sentence says for a small count."""
        return f"fewer than {self.threshold}" if self.marks_small else WITHHELD

    def is_small(self, count: float) -> bool:
        """Whether a count, a complement or a difference is too small to be known.

        Parameters
        ----------
        count : float
            A number of persons or rows.
        """
        return self.lowest <= count < self.threshold

    @property
    def bands(self) -> tuple[int, ...]:
        """Bases to which single large counts may be rounded where they would give others away."""
        return tuple(2 * self.threshold * k for k in (1, 2, 5, 10))

    def rounded(self, count: float) -> float:
        """Round a count to the base; half goes up, and what is not 0 never becomes 0.

        Parameters
        ----------
        count : float
            A number of persons or rows.

        Examples
        --------
        >>> [ReleasePolicy(rounding=5).rounded(n) for n in (0, 7, 8, 12.0)]
        [0.0, 5.0, 10.0, 10.0]
        """
        if self.rounding == 1 or count == 0:
            return float(count)
        nearest = self.rounding * ((2 * count + self.rounding) // (2 * self.rounding))
        return float(max(nearest, self.rounding))


def is_bandable(count: float, policy: ReleasePolicy) -> bool:
    """Whether a count can be rounded so that changes as large as a mark leaves open do not show.

    Examples
    --------
    >>> policy = ReleasePolicy(threshold=5)
    >>> is_bandable(3004, policy), is_bandable(165, policy), is_bandable(12, policy)
    (True, False, False)
    """
    slack = policy.width - 1
    return any(
        count >= LEAST_BASES * base + slack
        and in_band(count - slack, base) == in_band(count + slack, base)
        for base in policy.bands
    )


def in_band(count: float, base: int) -> float:
    """Round a count to a base; half goes up.

    Examples
    --------
    >>> in_band(3004, 10), in_band(3005, 10)
    (3000.0, 3010.0)
    """
    return float(base * ((2 * count + base) // (2 * base)))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _require(right: bool, name: str, expected: str) -> None:
    if not right:
        raise UsageError(f"the release policy's {name} is wrong; expected {expected}.")


def policy_text(policy: ReleasePolicy) -> str:
    """Say in words what a release hides and how.

    Parameters
    ----------
    policy : ReleasePolicy
        The rules.

    Returns
    -------
    str
        Sentences for the methods section.

    Examples
    --------
    >>> policy_text(ReleasePolicy(audience="internal"))
    'Nothing is hidden in this edition. Internal: not released.'
    """
    if policy.audience == "internal":
        return "Nothing is hidden in this edition. Internal: not released."
    parts = (_counts_text(policy), _protection_text(policy), _rounding_text(policy))
    return " ".join(p for p in (*parts, _curve_text(policy), _mark_text(policy)) if p)


def _counts_text(policy: ReleasePolicy) -> str:
    if policy.threshold == 1 and policy.zeros == "show":
        return "The plan hides no count."
    first = policy.lowest
    zeros = "Zeros are shown." if policy.zeros == "show" else "Zeros are hidden like small counts."
    return (
        f"Counts of {first} to {policy.threshold - 1} persons or rows are hidden, and so are "
        f"counts that leave as few of their total over. {zeros} Estimates that rest on fewer than "
        f"{policy.threshold} rows or events are hidden with them."
    )


def _protection_text(policy: ReleasePolicy) -> str:
    return (
        "Further cells are hidden so that no table, flow, curve or sentence of this report, nor "
        "all of them together, narrows a hidden count to fewer than "
        f"{policy.width} possible values (Hundepool et al., Statistical Disclosure Control, "
        "Wiley 2012). A large count that would give a small one away is rounded to a multiple of "
        f"{policy.bands[0]} or more instead of being hidden, with the percentages and curves that "
        "rest on it; tables then show “≈” and sentences say “about”. Other estimates are given to "
        f"{DIGITS} significant digits."
    )


def _rounding_text(policy: ReleasePolicy) -> str:
    if policy.rounding == 1:
        return ""
    return (
        f"Counts are rounded to multiples of {policy.rounding}, totals on their own, so that sums "
        "may not add up; percentages are computed from rounded counts and have no intervals."
    )


def _curve_text(policy: ReleasePolicy) -> str:
    return (
        f"Curves are read on a grid of {policy.curve_step:g} time units, coarser where fewer than "
        f"{policy.threshold} events or departures would fall between two readings, and end where "
        f"fewer than {policy.at_risk} are at risk."
    )


def _mark_text(policy: ReleasePolicy) -> str:
    return (
        f"Tables show “{MARK}” for a hidden number; sentences say “{policy.small_words}” for a "
        f"small count and “{WITHHELD}” for anything else that is hidden."
    )
