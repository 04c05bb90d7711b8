"""What of an audit needs days in calendar order, where a registry has its dates moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vpstats.ledger import Note

if TYPE_CHECKING:
    from vpstats.registry import Registry
    from vpstats.study import Indicator


def without_calendar(specs: Sequence[Indicator], registry: Registry) -> tuple[Indicator, ...]:
    """The indicators that can be audited, without what needs days in their order.

    Parameters
    ----------
    specs : sequence of Indicator
        As the plan has them.
    registry : Registry
        Where its dates are true, nothing is left out. Where they were moved, each patient's by
        other days, lengths of time are true and days are not: charts, learning curves, and
        indicators with a period go.

    Returns
    -------
    tuple of Indicator
    """
    if not registry.shifted_days:
        return tuple(specs)
    quiet = {"monitor": None, "learning": False}
    return tuple(s.model_copy(update=quiet) for s in specs if not _has_period(s))


def _has_period(spec: Indicator) -> bool:
    return spec.period.start is not None or spec.period.end is not None


def calendar_notes(specs: Sequence[Indicator], registry: Registry) -> Iterator[Note]:
    """Say what was left out, and why; nothing where dates are true."""
    if not registry.shifted_days:
        return
    why = (
        f"The dates of this registry are moved by up to {registry.shifted_days} days, each "
        "patient's by other ones. Times between the days of a patient are true; the order of "
        "procedures is not known. So there are no charts over time, no learning curves and no list "
        "of cases, and time counts as passed only where it has surely passed for everybody."
    )
    left = [spec.title for spec in specs if _has_period(spec)]
    more = f" Not audited, since they are of a period: {', '.join(left)}." if left else ""
    yield Note("audit", "calendar", why + more)
