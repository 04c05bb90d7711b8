"""Limits, intervals, dispersion and shrinkage of the audit against R, on real data.

The numbers were written by `make_audit_limits.R`; R is not needed here. `manifest.json` beside them
says which R and which packages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from vpstats.centers.dispersion import additive, estimate_dispersion
from vpstats.centers.exact import poisson_binomial
from vpstats.centers.judge import Rules, judge
from vpstats.centers.limits import (
    Chance,
    chance_of,
    control_limits,
    intervals,
    read_tails,
    signed_scores,
    tail_functions,
)
from vpstats.centers.multiplicity import fdr
from vpstats.centers.shrinkage import shrink
from vpstats.centers.sums import CenterSums, Measure, Risks
from vpstats.centers.winsorised import expected_square, sample_square, winsorise

HERE = Path(__file__).parent / "audit_limits"
Agree = Callable[..., None]

EXACT = 1e-10
"""Exact distributions and their limits: only rounding can differ."""
QUADRATURE = 1e-4
"""In standard errors: both integrate numerically, and glmer stops at a flat top."""
WITH_RISKS = ("contraception", "cbpp")
TAILS = ("mid-p", "exact", "interpolated")


@cache
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "expected.json").read_text("utf-8"))
    return found


def gather(
    centers: Any, n: Any, observed: Any, mean: Any, variance: Any, risks: Any, measure: Measure
) -> CenterSums:
    k = len(centers)
    n, observed, mean, variance = (np.asarray(a, float) for a in (n, observed, mean, variance))
    zero = np.zeros(k)
    return CenterSums(
        tuple(centers),
        "patient",
        measure,
        n,
        n,
        observed,
        mean,
        variance,
        zero + 1,
        zero,
        0.1,
        risks,
    )


@cache
def sums_of(name: str) -> CenterSums:
    rows = pd.read_csv(HERE / f"{name}.csv")
    parts = [part for _, part in rows.groupby("center", sort=True)]
    risks = tuple(Risks(*np.unique(p["risk"], return_counts=True)) for p in parts)
    risks = tuple(Risks(r.values, r.counts.astype(float)) for r in risks)
    mean = [r.values @ r.counts for r in risks]
    own = [r.counts @ (r.values * (1 - r.values)) for r in risks]
    names = [p["center"].iloc[0] for p in parts]
    sizes, seen = [len(p) for p in parts], [p["y"].sum() for p in parts]
    return gather(names, sizes, seen, mean, own, risks, "proportion")


@cache
def sids(measure: Measure) -> CenterSums:
    rows = pd.read_csv(HERE / "sids.csv")
    mean = rows["n"] * expected()["rate"]
    variance = mean if measure == "incidence" else mean * (1 - expected()["rate"])
    return gather(rows["center"], rows["n"], rows["observed"], mean, variance, (), measure)


@cache
def law_of(name: str) -> Chance:
    return chance_of(sums_of(name))


def column(name: str, *keys: str) -> Any:
    found = []
    for row in expected()["rows"][name]:
        value: Any = row
        for key in keys:
            value = value[key]
        found.append(value)
    return np.asarray(found, float)


@pytest.mark.parametrize("name", WITH_RISKS)
def test_rows_are_those_of_r(agree: Agree, name: str) -> None:
    sums = sums_of(name)
    agree(f"rows {name}", "observed", sums.observed, column(name, "observed"), tolerance=0)
    agree(f"rows {name}", "expected", sums.expected, column(name, "expected"), tolerance=1e-12)


def test_distributions_are_those_of_all_subsets(agree: Agree) -> None:
    for name in WITH_RISKS:
        for risks, row in zip(sums_of(name).risks, expected()["rows"][name], strict=True):
            if row.get("subsets"):
                first, log_mass = poisson_binomial(risks)
                ours = np.exp(log_mass)
                theirs = np.atleast_1d(row["subsets"])[first : first + len(ours)]
                cell = f"all subsets {name} {row['center']}"
                agree(cell, "probabilities", ours, theirs, tolerance=1e-13)


@pytest.mark.parametrize("name", WITH_RISKS)
def test_tails(agree: Agree, name: str) -> None:
    chance, sums = law_of(name), sums_of(name)
    functions = tail_functions(chance.mass(), "mid-p")
    upper, lower = read_tails(chance.laws, functions, sums.observed)
    agree(f"tails {name}", "upper mid-p", upper, column(name, "upper"), tolerance=EXACT)
    agree(f"tails {name}", "lower mid-p", lower, column(name, "lower"), tolerance=EXACT)


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("name", WITH_RISKS)
def test_control_limits(agree: Agree, name: str, tail: Any) -> None:
    for limit, alpha in (("alert", 0.025), ("alarm", 0.001)):
        ours = np.column_stack(control_limits(law_of(name), alpha, tail=tail))
        theirs = column(name, limit, tail)
        agree(f"limits {name} {tail}", limit, ours, theirs, tolerance=EXACT)


@pytest.mark.parametrize("name", WITH_RISKS)
def test_intervals(agree: Agree, name: str) -> None:
    ours = np.column_stack(intervals(law_of(name), sums_of(name).observed))
    agree(f"interval {name}", "expected number", ours, column(name, "interval"), tolerance=EXACT)


@pytest.mark.parametrize(("measure", "known"), [("proportion", "binom"), ("incidence", "garwood")])
def test_intervals_of_equal_risks(agree: Agree, measure: Measure, known: str) -> None:
    sums = sids(measure)
    low, high = intervals(chance_of(sums), sums.observed)
    theirs = np.array([row[known] for row in expected()["equal"]])
    # binom.test and poisson.test give quantiles of the beta and gamma distribution
    agree(f"sids {known}", "limits", np.column_stack([low, high]), theirs, tolerance=EXACT)


def test_byars_intervals(agree: Agree) -> None:
    table = judge(sids("incidence"), Rules(interval="byar")).table.set_index("center_id")
    theirs = expected()["byar"]
    found = table.loc[theirs["center"]]
    agree("sids Byar", "low", found["o_e_low"], theirs["low"], tolerance=EXACT)
    agree("sids Byar", "high", found["o_e_high"], theirs["high"], tolerance=EXACT)
    assert found["method"].str.endswith("Byar").all()


@pytest.mark.parametrize(
    ("measure", "place", "mid"), [("proportion", 0, "mid_binom"), ("incidence", 1, "mid_pois")]
)
def test_limits_of_equal_risks(agree: Agree, measure: Measure, place: int, mid: str) -> None:
    sums, rows = sids(measure), expected()["equal"]
    chance = chance_of(sums)
    for j, alpha in ((0, 0.001), (1, 0.025)):
        low, high = control_limits(chance, alpha, tail="interpolated")
        for ours, at in ((low, j), (high, 3 - j)):
            theirs = np.array([row["drawn"][at][place] for row in rows])
            agree(f"sids {measure} as drawn", f"limit {at}", ours, theirs, tolerance=EXACT)
    functions = tail_functions(chance.mass(), "mid-p")
    ours = np.column_stack(read_tails(chance.laws, functions, sums.observed))
    agree(f"sids {measure}", "mid-p", ours, np.array([row[mid] for row in rows]), tolerance=EXACT)


@pytest.mark.parametrize("name", WITH_RISKS)
def test_dispersion(agree: Agree, name: str) -> None:
    theirs = expected()["dispersion"][name]
    z, variances = np.array(theirs["z"]), np.array(theirs["v"])
    chance, sums = law_of(name), sums_of(name)
    functions = tail_functions(chance.mass(), "mid-p")
    ours = signed_scores(*read_tails(chance.laws, functions, sums.observed))
    agree(f"dispersion {name}", "z", ours, z, tolerance=EXACT)
    found = estimate_dispersion(z, variances)
    # DerSimonian and Laird's tau from the same mean square, corrected for winsorising
    fair = np.mean(winsorise(z, 0.1) ** 2) / expected_square(0.1)
    ours = additive(float(fair), len(z), variances)
    agree(f"dispersion {name}", "tau, DerSimonian-Laird", ours, theirs["tau"], tolerance=EXACT)

    def off(square: float) -> float:
        scaled = winsorise(z / np.sqrt(1 + square / variances), 0.1)
        return float(np.mean(scaled**2) - sample_square(len(z), 0.1))

    root = optimize.brentq(off, 0.0, 100.0, xtol=1e-15, rtol=1e-14) if off(0.0) > 0 else 0.0
    # the search for tau ends at a relative step of 1e-12 of its square
    agree(f"dispersion {name}", "tau", found.tau, np.sqrt(root), tolerance=EXACT)
    for quantity in ("tau_raw", "statistic"):
        agree(
            f"dispersion {name}",
            quantity,
            getattr(found, quantity),
            theirs[quantity],
            tolerance=EXACT,
        )
    agree(f"dispersion {name}", "p_value", found.p_value, theirs["p"], tolerance=EXACT)
    low, high = theirs["interval"]
    # metafor stops its search of the root of Q at its own tolerance
    agree(
        f"dispersion {name}",
        "Q-profile",
        [found.tau_low, found.tau_high],
        [low, high],
        tolerance=1e-9,
    )
    if len(z) >= 20:
        agree(f"dispersion {name}", "phi", found.phi, theirs["phi"], tolerance=EXACT)
        agree(f"dispersion {name}", "phi_raw", found.phi_raw, theirs["phi_raw"], tolerance=1e-12)
    else:
        assert np.isnan(found.phi)
        assert "fewer than 20" in found.reason


@pytest.mark.parametrize("name", [*WITH_RISKS, "sids"])
def test_random_intercepts(agree: Agree, name: str) -> None:
    sums = sids("incidence") if name == "sids" else sums_of(name)
    theirs = expected()["mixed"][name]
    found = shrink(chance_of(sums), sums.observed, sums.expected)
    error = theirs["mu_se"]
    agree(f"glmer {name}", "mu", found.mu, theirs["mu"], scale=error, tolerance=QUADRATURE)
    agree(f"glmer {name}", "tau", found.tau, theirs["tau"], scale=error, tolerance=QUADRATURE)
    agree(
        f"glmer {name}",
        "effects",
        found.effect,
        theirs["effect"],
        scale=error,
        tolerance=QUADRATURE,
    )


@pytest.mark.parametrize("method", ["bh", "by"])
def test_false_discovery_rates(agree: Agree, method: Any) -> None:
    theirs = expected()["fdr"]
    agree(
        f"fdr {method}",
        "adjusted",
        fdr(theirs["p"], method=method),
        theirs[method],
        tolerance=1e-12,
    )
