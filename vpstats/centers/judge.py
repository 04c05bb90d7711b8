"""From sums by center to what may be said of each: O/E, limits, flags, shrunken estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from vpstats.centers.dispersion import FEWEST_FOR_PHI, Dispersion, estimate_dispersion
from vpstats.centers.funnel import funnel
from vpstats.centers.limits import (
    Chance,
    byar,
    chance_of,
    intervals,
    limits_from,
    read_tails,
    signed_scores,
    tail_functions,
)
from vpstats.centers.rules import SMALL_RISK, Rules, law_of, student_tail, widening_of
from vpstats.centers.shrinkage import Shrinkage, no_shrinkage, shrink
from vpstats.centers.sums import CenterSums, choose_centers
from vpstats.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]
    Columns = dict[str, Any]

__all__ = ["COLUMNS", "Judged", "Rules", "judge"]


@dataclass(frozen=True)
class Judged:
    """What may be said of the centers of one indicator.

    Parameters
    ----------
    table : DataFrame
        A row per center.
    network : DataFrame
        One row.
    limits : DataFrame
        Limits of O/E over a grid of expected numbers, for drawing; see `centers.funnel`.
    """

    table: pd.DataFrame
    network: pd.DataFrame
    limits: pd.DataFrame


def judge(sums: CenterSums, rules: Rules | None = None) -> Judged:
    """Hold what was observed at each center against what is to be expected there.

    Parameters
    ----------
    sums : CenterSums
        Sums of one indicator. A center whose sums are not all known gets NaN and no verdict.
    rules : Rules, optional
        How to judge.

    Returns
    -------
    Judged
        ``table``: ``center_id, n, n_patients, observed, expected, o_e, o_e_low, o_e_high, rate,
        adjusted_rate, z, p_upper, p_lower, p_value, alert_low, alert_high, alarm_low, alarm_high``
        (of O/E), ``z_tau, p_tau, z_phi, p_phi, shrunken, shrunken_low, shrunken_high, exceedance,
        rank_low, rank_high, flag, side, method, small, reason``. `p_upper`, `p_lower` and `z` are
        about chance alone; the limits, the flags and the two-sided `p_value` carry the variation
        beyond chance that the rules choose. `z` and its kin are mid-p whatever the tail. `rate` is
        NaN for an incidence, `adjusted_rate` is O/E times the benchmark.

    Raises
    ------
    UsageError
        If more outcomes were observed than there are rows, a number is negative or a risk is no
        probability.

    Examples
    --------
    >>> import numpy as np
    >>> n, observed = np.full(4, 200.0), np.array([20.0, 18.0, 45.0, 21.0])
    >>> expected = np.full(4, 20.0)
    >>> sums = CenterSums(centers=("A", "B", "C", "D"), unit="patient", measure="proportion", n=n,
    ...                   n_patients=n, observed=observed, expected=expected,
    ...                   variance=expected * 0.9, design_effect=np.ones(4),
    ...                   benchmark_variance=np.zeros(4), benchmark=0.1)
    >>> table = judge(sums).table.set_index("center_id")
    >>> table.loc[["A", "C"], ["o_e", "flag", "side"]]
                o_e   flag   side
    center_id
    A          1.00
    C          2.25  alarm  worse
    """
    rules = rules or Rules()
    _check(sums)
    known = _complete(sums)
    part = choose_centers(sums, known)
    columns, network, chance, spread = _judge_complete(part, rules)
    table = pd.DataFrame(_spread(columns, known)).assign(
        center_id=list(sums.centers), n=sums.n, n_patients=sums.n_patients
    )
    table["observed"], table["expected"] = sums.observed, sums.expected
    table["small"] = ~(table["expected"] >= rules.min_expected) | ~(table["n"] >= rules.min_n)
    table["reason"] = [_reason(row, rules) for row in table.to_dict("records")]
    _flag(table, rules)
    return Judged(
        table[list(COLUMNS)],
        pd.DataFrame([{**network, "n_centers": len(sums)}]),
        funnel(part, chance, rules, network["dispersion"], spread),
    )


COLUMNS = (
    "center_id", "n", "n_patients", "observed", "expected", "o_e", "o_e_low", "o_e_high", "rate",
    "adjusted_rate", "z", "p_upper", "p_lower", "p_value", "alert_low", "alert_high", "alarm_low",
    "alarm_high", "z_tau", "p_tau", "z_phi", "p_phi", "shrunken", "shrunken_low", "shrunken_high",
    "exceedance", "rank_low", "rank_high", "flag", "side", "method", "small", "reason",
)  # fmt: skip
"""Columns of `Judged.table`."""


def _check(sums: CenterSums) -> None:
    for name in ("n", "observed", "expected", "variance", "benchmark_variance"):
        if np.any(getattr(sums, name) < 0):
            raise UsageError(f"'{name}' is negative for a center; expected a sum of at least 0.")
    if sums.measure == "proportion" and np.any(sums.observed > sums.n):
        raise UsageError("a center has more rows with the outcome than rows; count them again.")
    for risks, expected in zip(sums.risks, sums.expected, strict=False):
        total = float(np.sum(risks.values * risks.counts))
        if abs(total - expected) > 1e-6 * (1 + total):
            raise UsageError(
                f"the risks of a center sum to {total:.6g}, its expected number is "
                f"{expected:.6g}; both must come from the same predictions."
            )


def _complete(sums: CenterSums) -> NDArray[np.bool_]:
    parts = (sums.observed, sums.expected, sums.variance, sums.benchmark_variance, sums.n)
    return np.asarray(np.logical_and.reduce([np.isfinite(a) for a in parts]))


def _spread(columns: Columns, known: NDArray[np.bool_]) -> Columns:
    """Columns of complete centers as columns of all, NaN or empty elsewhere."""
    full: Columns = {}
    for name, column in columns.items():
        values = np.asarray(column)
        empty = "" if values.dtype.kind in "UO" else np.nan
        full[name] = np.full(len(known), empty, dtype=object if empty == "" else float)
        full[name][known] = values
    return full


def _judge_complete(
    sums: CenterSums, rules: Rules
) -> tuple[Columns, Columns, Chance | None, Dispersion]:
    if not len(sums):
        return _no_center()
    law = law_of(sums, rules)
    chance = chance_of(sums, law=law)
    functions = tail_functions(chance.mass(), "mid-p")
    z = signed_scores(*read_tails(chance.laws, functions, sums.observed))
    own = chance.cumulants.variance(np.zeros((len(sums), 1)))[:, 0]
    # where nothing can vary there is no score for what should not be
    z = np.where((own == 0) & (np.abs(sums.observed - sums.expected) > 0.5), np.nan, z)
    total = np.maximum(sums.variance + sums.benchmark_variance, own)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(own > 0, total / own**2, np.nan)
    spread = estimate_dispersion(z, errors, winsorised=rules.winsorise)
    columns = {
        **_ratios(sums, chance, rules, law),
        "z": z,
        **_tails_and_limits(sums, chance, rules, spread),
        **_dispersed(sums, chance, z, spread),
        "method": [_method(sums, rules, law, d) for d in chance.spread],
    }
    shrunken = _shrink(sums, chance, rules)
    columns |= {
        "shrunken": shrunken.shrunken,
        "shrunken_low": shrunken.low,
        "shrunken_high": shrunken.high,
        "exceedance": shrunken.exceedance,
        "rank_low": shrunken.rank_low,
        "rank_high": shrunken.rank_high,
    }
    return columns, _network(sums, spread, shrunken, rules), chance, spread


def _no_center() -> tuple[Columns, Columns, None, Dispersion]:
    worded = {"method", "flag", "side", "reason", "center_id", "small"}
    columns: Columns = {name: np.empty(0) for name in COLUMNS if name not in worded}
    spread = estimate_dispersion(np.empty(0), np.empty(0))
    empty = np.empty(0)
    sums = CenterSums((), "", "proportion", *(empty,) * 7, benchmark=np.nan)
    network = _network(sums, spread, no_shrinkage(0, "no center has sums."), Rules())
    return {**columns, "method": np.empty(0, dtype=object)}, network, None, spread


def _shrink(sums: CenterSums, chance: Chance, rules: Rules) -> Shrinkage:
    exceed = rules.exceed if rules.direction == "lower" else 1 / rules.exceed
    return shrink(
        chance, sums.observed, sums.expected, exceed=exceed, level=rules.level, seed=rules.seed
    )


def _over(count: Vector, expected: Vector) -> Vector:
    positive = expected > 0
    return np.asarray(
        np.divide(count, expected, out=np.full(len(count), np.nan), where=positive), float
    )


def _ratios(sums: CenterSums, chance: Chance, rules: Rules, law: str) -> Columns:
    """O/E with its interval, and rates."""
    if rules.interval == "byar" and law == "poisson":
        wide = np.sqrt(np.maximum(_over(_total(sums), sums.expected), 1.0))
        low, high = (sums.observed + wide * (a - sums.observed) for a in _byar(sums, rules))
        low = np.maximum(low, 0.0)
    else:
        low, high = intervals(chance, sums.observed, rules.level, tail=rules.tail)
    o_e = _over(sums.observed, sums.expected)
    known = sums.measure == "proportion"
    return {
        "o_e": o_e,
        "o_e_low": _over(low, sums.expected),
        "o_e_high": _over(high, sums.expected),
        "rate": _over(sums.observed, sums.n) if known else np.full(len(sums), np.nan),
        "adjusted_rate": o_e * sums.benchmark,
    }


def _total(sums: CenterSums) -> Vector:
    return sums.variance + sums.benchmark_variance


def _byar(sums: CenterSums, rules: Rules) -> tuple[Vector, Vector]:
    return byar(sums.observed, rules.level)


def _tails_and_limits(
    sums: CenterSums, chance: Chance, rules: Rules, spread: Dispersion
) -> Columns:
    """One-sided tails for chance alone; limits and p-value with the variation that rules choose."""
    plain = tail_functions(chance.mass(), rules.tail)
    upper, lower = read_tails(chance.laws, plain, sums.observed)
    more, wide = widening_of(rules, spread), plain
    if more.tau is not None:
        wide = tail_functions(chance.widened(more.tau).mass(), rules.tail)
    found = read_tails(chance.laws, wide, sums.observed)
    columns: Columns = {
        "p_upper": upper,
        "p_lower": lower,
        "p_value": _two_sided(*(more.tail(one) for one in found)),
    }
    for name, level in (("alert", rules.alert), ("alarm", rules.alarm)):
        low, high = limits_from(chance.laws, wide, more.side_share(level))
        columns[f"{name}_low"] = _over(low, sums.expected)
        columns[f"{name}_high"] = _over(high, sums.expected)
    return columns


def _two_sided(upper: Vector, lower: Vector) -> Vector:
    return np.asarray(np.minimum(1.0, 2 * np.minimum(upper, lower)))


def _dispersed(sums: CenterSums, chance: Chance, z: Vector, spread: Dispersion) -> Columns:
    """z-scores and two-sided p-values under either variation beyond chance."""
    z_tau = np.full(len(sums), np.nan)
    if np.isfinite(spread.tau):
        functions = tail_functions(chance.widened(spread.tau_others).mass(), "mid-p")
        found = read_tails(chance.laws, functions, sums.observed)
        z_tau = signed_scores(*(student_tail(one, spread.freedom) for one in found))
    z_phi = z / np.sqrt(spread.phi)
    return {
        "z_tau": z_tau,
        "p_tau": 2 * stats.norm.sf(np.abs(z_tau)),
        "z_phi": z_phi,
        "p_phi": 2 * stats.norm.sf(np.abs(z_phi)),
    }


TAILS = {
    "mid-p": "mid-p",
    "exact": "the observed count in both tails",
    "interpolated": "interpolated limits",
}


def _method(sums: CenterSums, rules: Rules, law: str, spread: float) -> str:
    if law == "exact":
        name = "Poisson-binomial, exact by convolution" if sums.risks else "binomial, exact"
    elif sums.measure == "incidence":
        name = "Poisson, events against cumulative hazard"
    else:
        name = f"Poisson, since every risk is at most {SMALL_RISK:g}"
    mixed = "; widened for correlated rows and the benchmark's error" if spread > 0 else ""
    bounds = "exact" if rules.tail == "exact" else "mid-p"
    if rules.interval == "byar" and law == "poisson":
        bounds = "Byar"
    return f"{name}{mixed}; {TAILS[rules.tail]}; interval of O/E: {bounds}"


def _network(sums: CenterSums, spread: Dispersion, shrunken: Shrinkage, rules: Rules) -> Columns:
    words = [reason for reason in (spread.reason, shrunken.reason) if reason]
    used = rules.dispersion
    if used == "phi" and np.isnan(spread.phi):
        used = "none"
        words.append(
            f"The plan asks for phi, which needs {FEWEST_FOR_PHI} centers: limits are not widened."
        )
    if used == "tau" and np.isnan(spread.tau):
        used = "none"
    return {
        "n_centers": len(sums),
        "benchmark": sums.benchmark,
        "total_observed": float(np.sum(sums.observed)),
        "total_expected": float(np.sum(sums.expected)),
        "dispersion": used,
        "tau": spread.tau,
        "tau_low": spread.tau_low,
        "tau_high": spread.tau_high,
        "tau_raw": spread.tau_raw,
        "phi": spread.phi,
        "phi_raw": spread.phi_raw,
        "statistic": spread.statistic,
        "df": spread.df,
        "p_dispersion": spread.p_value,
        "mu": shrunken.mu,
        "tau_ml": shrunken.tau,
        "rankability": shrunken.rankability,
        "reason": " ".join(words),
    }


def _reason(row: Columns, rules: Rules) -> str:
    if not np.isfinite(row["expected"]) or not np.isfinite(row["observed"]):
        return "Observed or expected numbers are not known: no verdict."
    if row["expected"] < rules.min_expected:
        return (
            f"{row['expected']:.1f} outcomes were to be expected, fewer than "
            f"{rules.min_expected:g}: too few for a verdict."
        )
    if not row["n"] >= rules.min_n:
        return f"{row['n']:g} rows, fewer than {rules.min_n:g}: too few for a verdict."
    return ""


def _flag(table: pd.DataFrame, rules: Rules) -> None:
    """Which limits of O/E each center lies outside of, and on which side."""
    o_e, flag = table["o_e"].to_numpy(float), np.full(len(table), "", dtype=object)
    side = np.full(len(table), "", dtype=object)
    above, below = ("worse", "better") if rules.direction == "lower" else ("better", "worse")
    judged = ~table["small"].to_numpy(bool)
    for name in ("alert", "alarm"):
        low, high = (table[f"{name}_{s}"].to_numpy(float) for s in ("low", "high"))
        over, under = judged & (o_e > high) & (o_e > 1), judged & (o_e < low) & (o_e < 1)
        flag[over | under] = name
        side[over], side[under] = above, below
    table["flag"], table["side"] = flag, side
