"""The curves of a funnel plot: limits of O/E over a grid of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vpstats.centers.limits import Chance, chance_of, limits_from, risks_of, tail_functions
from vpstats.centers.rules import Rules, law_of, side_share
from vpstats.centers.sums import CenterSums, Risks, choose_centers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Columns = dict[str, Any]

GRID = 40
"""Points of the funnel."""
STEPS, DISTINCT = 2000, 100
"""Steps through the network's risks, and distinct ones in a center of the funnel."""


def funnel(sums: CenterSums, chance: Chance | None, rules: Rules, network: Columns) -> pd.DataFrame:
    """Limits of O/E over a grid of expected numbers, at the network's own mix of risks.

    Returns
    -------
    DataFrame
        ``expected, n, alert_low, alert_high, alarm_low, alarm_high``.
    """
    names = ["expected", "n", "alert_low", "alert_high", "alarm_low", "alarm_high"]
    if chance is None or not np.any(sums.expected > 0):
        return pd.DataFrame({name: np.empty(0) for name in names})
    typical = _typical(sums)
    at = chance_of(typical, law=law_of(sums, rules))
    tau = network["tau"] if network["dispersion"] == "tau" else 0.0
    factor = np.sqrt(network["phi"]) if network["dispersion"] == "phi" else 1.0
    functions = tail_functions((at.widened(tau) if tau > 0 else at).mass(), rules.tail)
    columns = {"expected": typical.expected, "n": typical.n}
    for name, level in (("alert", rules.alert), ("alarm", rules.alarm)):
        low, high = limits_from(at.laws, functions, side_share(level, factor))
        columns[f"{name}_low"], columns[f"{name}_high"] = (
            low / typical.expected,
            high / typical.expected,
        )
    return pd.DataFrame(columns)[names]


def _typical(sums: CenterSums) -> CenterSums:
    """Centers of all sizes with the network's mix of risks, design effect and benchmark error."""
    used = sums.expected > 0
    total_n, total = float(sums.n[used].sum()), float(sums.expected[used].sum())
    least = max(1.0, min(float(sums.n[used].min()), total_n / total))
    most = 1.05 * float(sums.n[used].max())
    n = np.asarray(np.unique(np.round(np.geomspace(least, most, GRID))), float)
    risks: tuple[Risks, ...] = ()
    if sums.measure == "proportion":
        pooled = _pooled(risks_of(sums))
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
