"""Somebody with the public audit of the demonstration registry and an integer program.

The relations are written here from what a reader knows, and not taken from the gate: centers are
parts of the network, strata parts of all rows, groups of risk are the rows with a risk, who is
judged was examined, and events are among the rows. A hidden count must leave as many values as the
policy promises.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from vpstats.disclosure import ReleasePolicy
from vpstats.pipeline import run_audit

DEMO = Path(__file__).parents[2] / "data" / "demo"
POLICY = ReleasePolicy()
NETWORK = "network"
STRATA = ("_osteoporotic", "_neoplastic")

Relation = tuple[dict[str, int], float, float]
"""Coefficients by cell, and the bounds of their sum."""


@pytest.fixture(scope="module")
def ledger() -> pd.DataFrame:
    return run_audit(DEMO).public.cells.set_index("cell_id")


def place(analysis: str, group: str, stat: str, variable: str = "outcome", level: str = "") -> str:
    return "/".join([analysis, group, variable, level, stat])


def relations(cells: pd.DataFrame, indicator: str) -> Iterator[Relation]:
    names = [f"{indicator}{s}" for s in ("", *STRATA) if (cells["analysis"] == indicator + s).any()]
    own = {a: cells[(cells["analysis"] == a) & (cells["variable"] == "outcome")] for a in names}
    for analysis, rows in own.items():
        centers = sorted(set(rows["group"]) - {NETWORK})
        for stat in ("n", "observed"):
            parts = {place(analysis, c, stat): -1 for c in centers}
            yield {place(analysis, NETWORK, stat): 1, **parts}, 0, 0
            levels = set(cells.loc[(cells["analysis"] == analysis)
                                   & (cells["variable"] == "calibration"), "level"])  # fmt: skip
            groups = [place(analysis, NETWORK, stat, "calibration", g) for g in levels]
            if groups and all(g in cells.index for g in groups):
                yield {place(analysis, NETWORK, stat): 1, **dict.fromkeys(groups, -1)}, 0, np.inf
        for center in centers:
            yield (
                {place(analysis, center, "n"): 1, place(analysis, center, "observed"): -1},
                0,
                np.inf,
            )
            examined = place(analysis, center, "observed", "detection")
            if examined in cells.index:
                yield {examined: 1, place(analysis, center, "n"): -1}, 0, np.inf
    for group in set(own[names[0]]["group"]):
        for stat in ("n", "observed"):
            inside = {place(a, group, stat): -1 for a in names[1:]}
            yield {place(names[0], group, stat): 1, **inside}, 0, np.inf


def known(cells: pd.DataFrame, name: str) -> tuple[float, float]:
    """What the release says of a count."""
    if name not in cells.index:
        return 0, np.inf
    value, reason = float(cells.loc[name, "value"]), cells.loc[name, "suppressed"]
    if reason == "primary":
        return 1, POLICY.threshold - 1
    if np.isfinite(value) and reason == "":
        return value, value
    base = max((b for b in POLICY.bands if value % b == 0), default=1)
    return (value - base / 2, value + base / 2) if reason == "rounded" else (1, np.inf)


def ranges(cells: pd.DataFrame, indicator: str) -> Iterator[tuple[str, float]]:
    """Hidden counts of an indicator, and how many values they may have."""
    rows = list(relations(cells, indicator))
    names = sorted({name for coefficients, *_ in rows for name in coefficients})
    at = {name: i for i, name in enumerate(names)}
    matrix = np.zeros((len(rows), len(names)))
    for i, (coefficients, *_) in enumerate(rows):
        for name, c in coefficients.items():
            matrix[i, at[name]] = c
    held = LinearConstraint(matrix, [r[1] for r in rows], [r[2] for r in rows])
    box = Bounds(*np.array([known(cells, name) for name in names], float).T)
    for name in names:
        if name not in cells.index or cells.loc[name, "suppressed"] not in ("primary", "secondary"):
            continue
        ends = []
        for sign in (1.0, -1.0):
            goal = np.where(np.arange(len(names)) == at[name], sign, 0.0)
            found = milp(goal, constraints=held, bounds=box, integrality=np.ones(len(names)))
            ends.append(sign * found.fun if found.success else sign * -np.inf)
        yield name, ends[1] - ends[0] + 1


def test_no_hidden_count_can_be_worked_out(ledger: pd.DataFrame) -> None:
    names = {a for a in ledger["analysis"] if a.startswith("audit_") and not a.endswith(STRATA)}
    indicators = sorted(a for a in names if (ledger.loc[ledger["analysis"] == a, "variable"]
                                             == "outcome").any())  # fmt: skip
    found = dict(pair for indicator in indicators for pair in ranges(ledger, indicator))
    assert len(found) > 100
    narrow = {name: width for name, width in found.items() if width < POLICY.width}
    assert not narrow


def test_nothing_is_said_of_a_network_whose_total_is_hidden(ledger: pd.DataFrame) -> None:
    """A center's expected number is its share of the total, and so is a place on the funnel."""
    totals = ledger[(ledger["group"] == NETWORK) & (ledger["variable"] == "outcome")
                    & (ledger["stat"] == "observed")]  # fmt: skip
    hidden = set(totals.loc[totals["value"].isna(), "analysis"])
    assert hidden
    told = ledger[ledger["analysis"].isin(hidden) & ledger["value"].notna()]
    told = told[told["variable"] != "detection"]  # of which the expected are examined rows
    ratios = told[told["stat"].isin(["expected", "o_e", "z", "q1", "median", "q3"])]
    assert ratios.empty, ratios["value"]
    assert told[told["group"] == "limits"].empty


def test_rates_beside_who_was_examined_do_not_tell_the_outcome(ledger: pd.DataFrame) -> None:
    """The lower bound is the outcome's count over all rows, whatever table it stands in."""
    hidden = ledger[(ledger["variable"] == "outcome") & (ledger["stat"] == "observed")
                    & (ledger["suppressed"].isin(["primary", "secondary"]))]  # fmt: skip
    places = set(zip(hidden["analysis"], hidden["group"], strict=True))
    rates = ledger["stat"].str.startswith(("weighted", "standardised", "bound"))
    beside = ledger[(ledger["variable"] == "detection") & rates & ledger["value"].notna()]
    assert len(beside) > 50
    told = [name for name, row in beside.iterrows() if (row["analysis"], row["group"]) in places]
    assert not told


def test_what_rests_on_the_spread_of_centers_is_shown_where_all_counts_are(
    ledger: pd.DataFrame,
) -> None:
    """A shrunken estimate or a rank of one center is a function of the others' counts."""
    counts = ledger[(ledger["variable"] == "outcome") & (ledger["stat"] == "observed")
                    & (ledger["group"] != NETWORK)]  # fmt: skip
    partly = set(counts.loc[counts["suppressed"] != "", "analysis"])
    spread = ledger[ledger["stat"].isin(["shrunken", "z_tau", "rank_low", "exceedance"])
                    & ledger["value"].notna()]  # fmt: skip
    assert not set(spread["analysis"]) & partly
    assert len(set(spread["analysis"])) >= 5


def test_adjusted_p_values_are_steps(ledger: pd.DataFrame) -> None:
    """In all digits they would count the withheld p-values below each, and be one of them."""
    q = ledger.loc[(ledger["stat"] == "q_value") & ledger["value"].notna(), "value"]
    assert len(q) > 50
    first = {f"{x:.3e}".split("e")[0] for x in q}
    assert first <= {"1.000", "2.000", "5.000"}
