"""Published shares of a center's rows: no small count may be worked out from them by trying all."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.audit import audit_centers
from vpstats.centers.cells import Cells, audit_cells, coarse_share
from vpstats.centers.result import AuditResult
from vpstats.disclosure import Relation, Released, ReleasePolicy, release
from vpstats.ledger import Ledger, cell
from vpstats.study import Seen

THRESHOLD = 5
SMALL = range(1, THRESHOLD)
SIZES = {"C01": 48, "C02": 61, "C03": 240, "C04": 333, "C05": 900, "C06": 75}
RARE = {"C01": 1, "C02": 58, "C03": 3, "C04": 0, "C05": 40, "C06": 12}
"""Rows with a rare property; at C02 all but three have it."""


def write_rows(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for name, n in SIZES.items():
        kinds = np.where(np.arange(n) < n // 3, "x", "y").astype(object)
        kinds[n - (1 + len(parts)) :] = "z"
        parts.append(pd.DataFrame({
            "center_id": name,
            "age": rng.normal(70, 8, n).round(),
            "rare": np.where(np.arange(n) < RARE[name], "yes", "no"),
            "kind": kinds,
            "leak": (rng.random(n) < 0.3).astype(float),
            "why": rng.choice(["routine", "suspicion", "none"], n, p=[0.9, 0.02, 0.08]),
        }))  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    rows["leak"] = rows["leak"].mask(rows["why"] == "none")
    return rows


@pytest.fixture(scope="module", params=[3, 4])
def audit(request: pytest.FixtureRequest) -> AuditResult:
    seen = Seen(examined="why", values=["routine", "suspicion"], reason="why")
    return audit_centers(
        write_rows(request.param), outcome="leak", adjust=["age", "rare", "kind"],
        ascertainment=seen,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(audit: AuditResult) -> Cells:
    return audit_cells(audit)


@pytest.fixture(scope="module")
def public(made: Cells) -> Released:
    ledger = Ledger.from_rows(made.rows, made.notes)
    relations = [Relation(total, parts) for total, parts in made.sums]
    return release(ledger, ReleasePolicy(threshold=THRESHOLD), relations=relations)


def consistent(percent: float, n: int, step: float) -> list[int]:
    """Every count whose percentage of `n` rounds to what is printed."""
    return [k for k in range(n + 1) if abs(100 * k / n - percent) <= step / 2 + 1e-9]


def mix(public: Released) -> pd.DataFrame:
    cells = public.cells
    return cells[cells["analysis"].str.startswith("audit_casemix_")]


def test_no_percentage_of_a_center_tells_a_small_count(public: Released) -> None:
    shown = mix(public)
    shown = shown[(shown["stat"] == "percent") & (shown["group"] != "network")]
    shown = shown[shown["value"].notna()]
    assert len(shown) > 10
    for row in shown.to_dict("records"):
        n = SIZES[row["group"]] if not row["n"] > 0 else int(row["n"])
        for step in (10 ** (np.floor(np.log10(max(row["value"], 1e-9))) - 3), 0.1):
            found = consistent(row["value"], n, step)
            assert not found or not set(found) <= set(SMALL), row["cell_id"]
            assert not found or not {n - k for k in found} <= set(SMALL), row["cell_id"]


def test_the_small_counts_are_there_to_be_found(made: Cells) -> None:
    """Without the gate the same trial finds them: it can fail."""
    found = set()
    for row in made.rows:
        if row["analysis"].startswith("audit_casemix_") and row["stat"] == "percent":
            counts = consistent(row["value"], int(row["n"]), 1e-3)
            if counts and set(counts) <= set(SMALL):
                found.add((row["group"], row["level"]))
    rare = {(c, v) for c, v in found if v == "yes"}
    assert rare & {("C01", "yes"), ("C03", "yes")}


def counts(public: Released, variable: str) -> dict[tuple[str, str], float]:
    own = mix(public)
    own = own[(own["variable"] == f"casemix:{variable}") & (own["stat"] == "n")]
    value = own["value"].mask(own["suppressed"] == "rounded")
    return dict(zip(zip(own["group"], own["level"], strict=True), value, strict=True))


@pytest.mark.parametrize("variable", ["rare", "kind"])
def test_no_subtraction_tells_a_small_count(public: Released, made: Cells, variable: str) -> None:
    """What all others of a sum leave over is never one small number, over centers or categories."""
    truth = {r["cell_id"]: r["value"] for r in made.rows}
    shown = counts(public, variable)
    groups = sorted({g for g, _ in shown})
    levels = sorted({v for _, v in shown if v})
    hidden = {place for place in product(groups, levels) if np.isnan(shown[place])}
    small = {p for p in hidden if truth[f"audit_casemix_row/{p[0]}/casemix:{variable}/{p[1]}/n"]
             in SMALL}  # fmt: skip
    assert small
    for group, level in small:
        others = {(group, v) for v in levels} - {(group, level)}
        column = {(g, level) for g in groups} - {(group, level)}
        assert others & hidden
        assert column & hidden or np.isnan(shown["network", level])


def test_a_difference_is_shown_only_beside_both_counts(public: Released) -> None:
    cells = mix(public)
    known = {(r["variable"], r["level"], r["group"]): r for r in
             cells[cells["stat"] == "n"].to_dict("records")}  # fmt: skip
    differences = cells[(cells["stat"] == "smd") & (cells["level"] != "")]
    assert len(differences) > 10
    for row in differences.to_dict("records"):
        both = [known[row["variable"], row["level"], g] for g in (row["group"], "network")]
        if any(np.isnan(b["value"]) for b in both):
            assert np.isnan(row["value"])


def test_a_difference_does_not_undo_a_rounded_network() -> None:
    """Everybody's count is rounded to protect one center's; the others' differences tell it not."""

    def rows(stat: str, value: float, group: str, **more: Any) -> dict[str, object]:
        return cell("audit_casemix_row", "casemix:rare", stat, value, group=group, label="Rare",
                    level="yes", unit="rows" if stat == "n" else "", **more)  # fmt: skip

    sizes, has = {"A": 600, "B": 500, "C": 700, "network": 1800}, [200, 3, 150, 353]
    made = []
    for (group, n), k in zip(sizes.items(), has, strict=True):
        made.append(cell("audit_casemix_row", "casemix:rare", "n", n, kind="total", group=group,
                         label="Rare", unit="rows"))  # fmt: skip
        whole = f"audit_casemix_row/{group}/casemix:rare//n"
        made.append(rows("n", k, group, kind="count", parent=whole, n=n))
        if group != "network":
            own = f"audit_casemix_row/{group}/casemix:rare/yes/n"
            made.append(rows("smd", 0.12345, group, kind="estimate", parent=own, n=n))
    public = release(Ledger.from_rows(made), ReleasePolicy(threshold=THRESHOLD)).cells
    found = public.set_index(["group", "stat", "level"])["value"]
    why = public.set_index(["group", "stat", "level"])["suppressed"]
    assert np.isnan(found["B", "n", "yes"])
    protected = {g for g in ("A", "C", "network") if why[g, "n", "yes"]}
    assert protected
    for group in ("A", "C"):
        if {group, "network"} & protected:
            assert found[group, "smd", "yes"] != pytest.approx(0.1235, abs=1e-6)


# --- shares that stand beside an outcome without their counts


@pytest.mark.parametrize("n", [40, 99, 100, 101, 250, 480, 2_000, 5_000])
def test_a_coarse_share_leaves_small_counts_open(n: int) -> None:
    step = min((s for s in (0.01, 0.05, 0.1, 0.2) if s * n >= 20), default=0.0)
    shown = [coarse_share(k / n, n) for k in range(n + 1)]
    if n < 100:
        assert np.isnan(shown).all()
        return
    found: dict[float, list[int]] = {}
    for k, share in enumerate(shown):
        assert abs(share - k / n) <= step / 2 + 1e-9
        found.setdefault(share, []).append(k)
    for counts_of in found.values():
        assert len(counts_of) >= 10
        assert not set(counts_of) <= set(SMALL)
        assert not {n - k for k in counts_of} <= set(SMALL)


def test_the_public_has_shares_in_steps_and_the_inside_all_digits(
    public: Released, made: Cells, audit: AuditResult
) -> None:
    exact = {r["cell_id"]: r["value"] for r in made.inside}
    table = audit.indicators[0].detection.set_index("center_id")
    coarse = public.select(analysis="audit_outcome", variable="detection", stat="routine")
    assert len(coarse) == len(SIZES)
    for row in coarse.to_dict("records"):
        share = table.loc[row["group"], "routine"]
        assert exact[row["cell_id"]] == pytest.approx(100 * share)
        if np.isfinite(row["value"]):
            assert (row["value"] / 5) % 1 == pytest.approx(0) or row["value"] % 1 == 0
    assert np.isnan(coarse.set_index("group").loc["C01", "value"])


def test_each_characteristic_is_of_one_set_of_rows(made: Cells) -> None:
    places = [(r["variable"], r["group"], r["level"], r["stat"]) for r in made.rows
              if r["analysis"].startswith("audit_casemix_")]  # fmt: skip
    assert len(places) == len(set(places))


def test_a_category_that_differs_a_little_from_its_stratum_stays_inside() -> None:
    """Whole: rows with a known age; the stratum, unadjusted, keeps the two without one."""
    rows = write_rows(5)
    rows["leak"] = rows["leak"].fillna(0.0)
    base = audit_cells(audit_centers(rows, outcome="leak", adjust=["age", "rare"],
                                     strata={"common": {"rare": ["no"]}}))  # fmt: skip
    assert {r["variable"] for r in base.rows} >= {"casemix:rare", "casemix:age"}
    lacking = rows.copy()
    lacking.loc[lacking.index[lacking["rare"] == "no"][:2], "leak"] = np.nan
    same = audit_cells(audit_centers(lacking, outcome="leak", adjust=["age", "rare"],
                                     strata={"common": {"rare": ["no"]}}))  # fmt: skip
    # both leave out the rows whose outcome is unknown, so that the counts are the same
    assert "casemix:rare" in {r["variable"] for r in same.rows}
    sums = {parts[0] for _, parts in same.sums if parts[0].startswith("audit_outcome_common/")}
    assert len(sums & {f"audit_outcome_common/{c}/outcome//n" for c in SIZES}) == len(SIZES)
