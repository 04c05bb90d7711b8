"""How much a number of events can be adjusted for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpstats.results import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MODEL_EVENTS, EVENTS_PER_PARAMETER = 10, 5
"""A model of several parameters needs so many events, and so many per parameter."""
FIRTH_EVENTS = 5
"""From so many events on one parameter may be fitted, by Firth's penalty."""
PLAIN_PER_PARAMETER = 10
"""From so many events per parameter on maximum likelihood needs no penalty."""


@dataclass(frozen=True)
class Adjustment:
    """How expectations are adjusted.

    Parameters
    ----------
    adjusts : bool
        Whether covariates are used at all.
    penalty : str or None
        "firth" or None.
    caveats : tuple of Caveat
        Why less than was asked for.
    """

    adjusts: bool
    penalty: str | None
    caveats: tuple[Caveat, ...] = ()


def choose_adjustment(
    n_events: int, n_others: int, n_parameters: int, penalty: str | None
) -> Adjustment:
    """Decide how far the events allow an adjustment.

    Parameters
    ----------
    n_events, n_others : int
        Rows with the outcome and without it; the rarer counts.
    n_parameters : int
        Slopes of the adjustment.
    penalty : {None, "firth"}
        What was asked for.

    Returns
    -------
    Adjustment

    References
    ----------
    Peduzzi P, Concato J, Kemper E, Holford TR, Feinstein AR. A simulation study of the number of
    events per variable in logistic regression analysis. J Clin Epidemiol 1996;49:1373-1379. van
    Smeden M, et al. No rationale for 1 variable per 10 events criterion for binary logistic
    regression analysis. BMC Med Res Methodol 2016;16:163.

    Examples
    --------
    >>> choose_adjustment(12, 400, 4, None).adjusts
    False
    >>> choose_adjustment(30, 400, 4, None).penalty
    'firth'
    """
    if not n_parameters:
        return Adjustment(False, None)
    rarer = min(n_events, n_others)
    enough = rarer >= max(MODEL_EVENTS, EVENTS_PER_PARAMETER * n_parameters)
    single = n_parameters == 1 and rarer >= FIRTH_EVENTS
    if not (enough or single):
        return Adjustment(False, None, (_too_few(rarer, n_parameters),))
    few = rarer < PLAIN_PER_PARAMETER * n_parameters
    return Adjustment(True, "firth" if few else penalty)


def _too_few(rarer: int, n_parameters: int) -> Caveat:
    return Caveat(
        "event_floor",
        f"There are {rarer} events for {n_parameters} parameters of the adjustment: too few. "
        "Expected numbers are those of the other centers' rate, without adjustment for case mix.",
    )


def learning_caveats(
    terms: Sequence[str], learnt: Iterable[bool], unlearnt: Iterable[bool], penalised: bool
) -> list[Caveat]:
    """Say which terms tell nothing within centers, and where a penalty had to help.

    Parameters
    ----------
    terms : sequence of str
        Names of the p columns.
    learnt, unlearnt : iterable of bool, length p
        Columns that vary within some center, and columns that do not once a center is left out.
    penalised : bool
        Whether the covariates decide the outcome once some center is left out.

    Returns
    -------
    list of Caveat

    Examples
    --------
    >>> [c.code for c in learning_caveats(["volume"], [False], [True], False)]
    ['between_only']
    """
    found = []
    for name, whole, fold in zip(terms, learnt, unlearnt, strict=True):
        if not whole:
            text = f"{name} does not vary within centers, so it is not adjusted for."
            found.append(Caveat("between_only", text, name))
        elif fold:
            text = f"{name} varies at one center alone, which cannot be adjusted for it."
            found.append(Caveat("extrapolation", text, name))
    if penalised:
        text = "Without one of the centers the covariates decide the outcome; penalised there."
        found.append(Caveat("separation", text))
    return found
