"""How long risk-adjusted charts run in control: the figures of docs/methods/monitoring.md.

``python benchmarks/run_lengths.py [runs]`` simulates 20 charts against their Markov chains, the
spread of run lengths when the risk model is estimated, and a case mix that changes.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vpstats.centers.monitoring import average_run_length, cusum_limit, simulate_run_lengths
from vpstats.models.logistic import fit_logistic

Vector = NDArray[np.float64]

WANTED = 5_000.0


def charts(wanted: float = WANTED) -> list[tuple[str, Vector, float]]:
    """Ten case mixes, each charted for worse and for better: name, risks, odds ratio."""
    rng = np.random.default_rng(2024)
    mixes = {
        "one risk, 5 %": np.full(300, 0.05),
        "one risk, 30 %": np.full(300, 0.3),
        "two risks, 2 and 10 %": np.repeat([0.02, 0.1], [210, 90]),
        "five risks, 1 to 40 %": np.repeat([0.01, 0.03, 0.1, 0.2, 0.4], 60),
        "rare, mean 0.5 %": rng.beta(1, 200, 300),
        "mean 1.5 %": rng.beta(0.7, 46, 300),
        "mean 3 %, skewed": rng.beta(0.4, 13, 300),
        "mean 10 %": rng.beta(2, 18, 300),
        "mean 30 %": rng.beta(3, 7, 300),
        "mean 50 %, wide": rng.beta(1, 1, 300),
    }
    return [(name, risks, ratio) for name, risks in mixes.items() for ratio in (2.0, 0.5)]


def in_control(runs: int, wanted: float = WANTED) -> pd.DataFrame:
    """Run length of every chart by its chain and by simulation."""
    found = []
    for seed, (name, risks, ratio) in enumerate(charts()):
        limit = cusum_limit(risks, odds_ratio=ratio, in_control_run_length=wanted)
        lengths = simulate_run_lengths(risks, limit.limit, odds_ratio=ratio, runs=runs, seed=seed)
        found.append(
            {
                "case mix": name,
                "odds ratio": ratio,
                "limit": limit.limit,
                "chain": limit.run_length,
                "simulated": lengths.mean(),
                "error": lengths.std() / np.sqrt(runs),
                "off, %": 100 * (lengths.mean() / wanted - 1),
            }
        )
    return pd.DataFrame(found)


def _network(n: int, intercept: float, rng: np.random.Generator) -> tuple[pd.DataFrame, Vector]:
    X = rng.normal(size=(n, 4))
    risk = 1 / (1 + np.exp(-(intercept + X @ [0.6, 0.4, -0.3, 0.2])))
    rows = pd.DataFrame(X, columns=list("abcd"))
    return rows.assign(y=(rng.random(n) < risk).astype(int)), risk


def estimated(replicates: int = 200, wanted: float = WANTED) -> pd.DataFrame:
    """Real run length in control where the risks come from a model of n procedures."""
    found = []
    for intercept, rate in ((-3.8, "3 %"), (-2.4, "10 %")):
        for n in (1_000, 5_000, 20_000, 100_000):
            lengths = [
                _with_estimated_risks(n, intercept, wanted, np.random.default_rng([n, r]))
                for r in range(replicates)
            ]
            low, middle, high = np.quantile(lengths, (0.1, 0.5, 0.9))
            found.append(
                {"rate": rate, "procedures": n, "10 %": low, "median": middle, "90 %": high}
            )
    return pd.DataFrame(found)


def _with_estimated_risks(
    n: int, intercept: float, wanted: float, rng: np.random.Generator
) -> float:
    rows, _ = _network(n, intercept, rng)
    fit = fit_logistic(rows, "y ~ a + b + c + d")
    center, true = _network(400, intercept, rng)
    assumed = fit.predict(center)["estimate"].to_numpy()
    limit = cusum_limit(assumed, in_control_run_length=wanted)
    return average_run_length(assumed, limit.limit, true_risks=true, states=120)


def changing_mix(runs: int, wanted: float = WANTED) -> pd.DataFrame:
    """The limit of one case mix kept while the case mix changes."""
    rng = np.random.default_rng(5)
    early = rng.beta(2, 38, 400)
    found = []
    for name, factor in (("half the odds", 0.5), ("as before", 1.0), ("twice the odds", 2.0),
                         ("four times the odds", 4.0)):  # fmt: skip
        late = factor * early / (1 + (factor - 1) * early)
        for ratio in (2.0, 0.5):
            kept = cusum_limit(early, odds_ratio=ratio, in_control_run_length=wanted).limit
            lengths = simulate_run_lengths(late, kept, odds_ratio=ratio, runs=runs, seed=1)
            found.append(
                {
                    "case mix later": name,
                    "odds ratio": ratio,
                    "limit kept": kept,
                    "limit of the new mix": cusum_limit(
                        late, odds_ratio=ratio, in_control_run_length=wanted
                    ).limit,
                    "run length, chain": average_run_length(late, kept, odds_ratio=ratio),
                    "simulated": lengths.mean(),
                    "error": lengths.std() / np.sqrt(runs),
                }
            )
    return pd.DataFrame(found)


def to_detection(wanted: float = WANTED) -> pd.DataFrame:
    """Mean procedures, and expected events, until doubled odds are signalled."""
    found = []
    for name, risks, ratio in charts():
        if ratio == 2.0:
            for share in (0.0, 0.5):
                limit = cusum_limit(risks, in_control_run_length=wanted, head_start=share)
                length = average_run_length(
                    risks, limit.limit, true_odds_ratio=2.0, head_start=share
                )
                found.append(
                    {
                        "case mix": name,
                        "head start": share,
                        "limit": limit.limit,
                        "procedures": length,
                        "expected events": length * risks.mean(),
                    }
                )
    return pd.DataFrame(found)


def main() -> None:
    """Print the four tables."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for title, table in (
        ("In control, wanted 5,000", in_control(runs)),
        ("Risks estimated", estimated()),
        ("Case mix changes", changing_mix(runs)),
        ("Doubled odds", to_detection()),
    ):
        sys.stdout.write(f"\n{title}\n{table.round(2).to_string(index=False)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
