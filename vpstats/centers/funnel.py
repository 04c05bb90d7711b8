"""The curves of a funnel plot: limits of O/E over a grid of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vpstats.centers.dispersion import Dispersion
from vpstats.centers.limits import Chance, chance_of, limits_from, risks_of, tail_functions
from vpstats.centers.rules import Rules, Widening, law_of, widenings_at
from vpstats.centers.sums import CenterSums, Risks, choose_centers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

GRID = 40
"""Points of the funnel."""
STEPS, DISTINCT = 2000, 100
"""Steps through the network's risks, and distinct ones in a center of the funnel."""


LIMITS = ("alert_low", "alert_high", "alarm_low", "alarm_high")
BESIDE = {"none": "plain", "tau": "tau", "phi": "phi"}
"""Choice of what limits allow for, and the ending of its columns where another was chosen."""


def funnel(
    sums: CenterSums, chance: Chance | None, rules: Rules, used: str, spread: Dispersion
) -> pd.DataFrame:
    """Limits of O/E over a grid of expected numbers, at the network's own mix of risks.

    Parameters
    ----------
    sums : CenterSums
        The centers.
    chance : Chance, optional
        None where there are none.
    rules : Rules
    used : {"none", "tau", "phi"}
        What the limits of the flags allow for.
    spread : Dispersion
        Variation between centers.

    Returns
    -------
    DataFrame
        ``expected, n, alert_low, alert_high, alarm_low, alarm_high``; with the same names and
        ``_plain`` the limits for chance alone, ``_tau`` and ``_phi`` those with either variation,
        as far as they can be estimated and are not the ones in use.
    """
    if chance is None or not np.any(sums.expected > 0):
        return pd.DataFrame({name: np.empty(0) for name in ("expected", "n", *LIMITS)})
    typical = _typical(sums)
    at = chance_of(typical, law=law_of(sums, rules))
    own = at.cumulants.variance(np.zeros((len(typical), 1)))[:, 0]
    total = np.maximum(typical.variance + typical.benchmark_variance, own)
    columns = {"expected": typical.expected, "n": typical.n}
    errors = np.divide(total, own**2, out=np.full(len(own), np.inf), where=own > 0)
    for name, more in widenings_at(spread, errors).items():
        ending = "" if name == used else f"_{BESIDE[name]}"
        for limit, values in _limits(at, typical.expected, rules, more).items():
            columns[f"{limit}{ending}"] = values
    first = ["expected", "n", *LIMITS]
    return pd.DataFrame(columns)[first + [c for c in columns if c not in first]]


def _limits(at: Chance, expected: Vector, rules: Rules, more: Widening) -> dict[str, Vector]:
    wide = at if more.tau is None else at.widened(more.tau)
    functions = tail_functions(wide.mass(), rules.tail)
    found = {}
    for name, level in (("alert", rules.alert), ("alarm", rules.alarm)):
        low, high = limits_from(at.laws, functions, more.side_share(level))
        found[f"{name}_low"], found[f"{name}_high"] = low / expected, high / expected
    return found


def _typical(sums: CenterSums) -> CenterSums:
    """Centers of all sizes with the network's mix of risks, design effect and benchmark error."""
    used = sums.expected > 0
    total_n, total = float(sums.n[used].sum()), float(sums.expected[used].sum())
    each = total_n / total  # rows for one expected event
    # for rare outcomes the same ends whatever the total: any that fit would narrow it down
    most = max(round_bound(1.05 * float(sums.n[used].max()) / each, 1), SHORTEST)
    places = np.geomspace(max(1.0, 0.8 * LOWEST * each), 1.02 * most * each, GRID)
    n = np.asarray(np.unique(np.round(places)), float)
    risks: tuple[Risks, ...] = ()
    if sums.measure == "proportion":
        pooled = _pooled(risks_of(choose_centers(sums, used)))
        risks = tuple(_sample(pooled, int(m)) for m in n)
        expected = np.array([float(r.counts @ r.values) for r in risks])
        own = np.array([float(r.counts @ (r.values * (1 - r.values))) for r in risks])
    else:
        expected = own = np.asarray(n * total / total_n, float)
    effect = float(np.median(sums.design_effect[used]))
    error = float(np.median(sums.benchmark_variance[used] / sums.expected[used] ** 2))
    positive = expected > 0
    names = tuple(str(i) for i in range(len(n)))
    typical = CenterSums(
        names, sums.unit, sums.measure, n, n, np.floor(expected), expected, own * max(effect, 1.0),
        np.full(len(n), effect), error * expected**2, sums.benchmark, risks,
    )  # fmt: skip
    return choose_centers(typical, positive)


LOWEST, SHORTEST = 0.1, 5.0
"""Expected events at which every funnel begins, and up to which every one reaches."""

COARSE = (1.0, 2.0, 5.0, 10.0)
FINE = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0, 10.0)
MANY = 20.0
"""Expected events from which a bound may be finer: a quarter of so many are many, too."""


def round_bound(value: float, side: int) -> float:
    """The next round number at or beyond another: an exact end would tell of the total.

    Examples
    --------
    >>> round_bound(3.1, 1), round_bound(3.1, -1), round_bound(0.7, -1), round_bound(31.0, 1)
    (5.0, 2.0, 0.5, 32.0)
    """
    scale = 10.0 ** np.floor(np.log10(value))
    series = np.array(COARSE if value < MANY else FINE) * scale
    if side > 0:
        return float(series[series >= value * (1 - 1e-9)][0])
    return float(series[series <= value * (1 + 1e-9)][-1])


def _pooled(risks: tuple[Risks, ...]) -> Vector:
    """The network's risks at equal steps through their distribution, shape (`STEPS`,)."""
    values, counts = (np.concatenate([getattr(r, f) for r in risks]) for f in ("values", "counts"))
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(counts[order])
    places = (np.arange(STEPS) + 0.5) / STEPS * ends[-1]
    return np.asarray(values[order][np.searchsorted(ends, places)])


def _sample(pooled: Vector, n: int) -> Risks:
    """Rows at equal steps through the network's distribution of risks."""
    m = min(n, DISTINCT)
    values = pooled[((np.arange(m) + 0.5) / m * STEPS).astype(int)]
    return Risks(values, np.diff(np.floor(np.linspace(0, n, m + 1))))
