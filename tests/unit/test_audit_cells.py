"""From an audit to the ledger and through the gate: what adds up, and what words may say."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vpstats.centers.audit import audit_centers
from vpstats.centers.cells import audit_cells, coarse_q, term_words
from vpstats.centers.funnel import FINE
from vpstats.centers.result import AuditResult
from vpstats.disclosure import Relation, Released, ReleasePolicy, Rests, release
from vpstats.ledger import Ledger
from vpstats.study import Audit, Seen

SIZES = {"C01": (200, 40), "C02": (180, 30), "C03": (150, 33), "C04": (90, 3), "C05": (160, 80)}


@pytest.fixture(scope="module")
def audit() -> AuditResult:
    rng = np.random.default_rng(5)
    parts = [
        pd.DataFrame({"center_id": name, "leak": (np.arange(n) < k).astype(float)})
        for name, (n, k) in SIZES.items()
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows["age"] = rng.normal(70, 8, len(rows)).round()
    rows["kind"] = rng.choice(["x", "y", "z"], len(rows))
    rows["why"] = np.where(rng.random(len(rows)) < 0.9, "routine", "suspicion")
    strata = {name: {"kind": [name]} for name in ("x", "y")}
    seen = Seen(examined="why", values=["routine", "suspicion"], reason="why")
    return audit_centers(
        rows, outcome="leak", adjust=["age"], strata=strata, ascertainment=seen, limits="A limit."
    )


@pytest.fixture(scope="module")
def ledger(audit: AuditResult) -> Ledger:
    made = audit_cells(audit)
    return Ledger.from_rows(made.rows, made.notes)


def relations(audit: AuditResult) -> list[Relation | Rests]:
    made = audit_cells(audit)
    return [
        *(Relation(total, parts) for total, parts in made.sums),
        *(Rests(estimates, counts) for counts, estimates in made.rests),
    ]


@pytest.fixture(scope="module")
def public(audit: AuditResult, ledger: Ledger) -> Released:
    return release(ledger, ReleasePolicy(), relations=relations(audit))


def values(ledger: Ledger) -> dict[str, float]:
    return dict(zip(ledger.cells["cell_id"], ledger.cells["value"], strict=True))


def test_counts_are_the_audit_s(audit: AuditResult, ledger: Ledger) -> None:
    found = values(ledger)
    for row in audit.indicators[0].table.to_dict("records"):
        place = f"audit_outcome/{row['center_id']}/outcome/"
        assert found[f"{place}/n"] == row["n"]
        assert found[f"{place}/observed"] == row["observed"]
        assert found[f"{place}/rate"] == pytest.approx(100 * row["rate"])


def test_what_is_given_to_the_gate_adds_up(audit: AuditResult, ledger: Ledger) -> None:
    found, sums = values(ledger), audit_cells(audit).sums
    # the third kind is in no stratum: what the parts leave over is protected like a cell
    assert all(found[total] >= sum(found[p] for p in parts) for total, parts in sums)
    network = [s for s in sums if s[0].startswith("audit_outcome/network/")]
    over_centers = [s for s in network if s[1][0].split("/")[1] in SIZES]
    assert len(over_centers) == 2
    assert all(found[total] == sum(found[p] for p in parts) for total, parts in over_centers)
    by_risk = [s for s in network if "calibration" in s[1][0]]
    assert {s[0].rpartition("/")[2] for s in by_risk} == {"n", "observed"}
    centers = [s for s in sums if "/network/" not in s[0]]
    strata = [s for s in centers if "/detection/" not in s[0]]
    assert len(strata) == 2 * len(SIZES)
    # the examined are mostly the rows whose outcome is judged
    examined = {parts for total, parts in centers if "/detection/" in total}
    assert examined >= {(f"audit_outcome/{c}/outcome//n",) for c in SIZES}


def test_one_group_of_risk_is_the_network(audit: AuditResult) -> None:
    """Its total would stand beside the hidden one of the network."""
    whole = audit.indicators[0]
    counts = whole.table[["n", "observed"]].sum()
    one = pd.DataFrame({"variable": ["risk_group"], "level": ["1"], "n": [counts["n"]],
                        "observed": [counts["observed"]], "expected": [9.0]})  # fmt: skip
    made = audit_cells(replace(audit, indicators=(replace(whole, calibration=one),)))
    assert (
        "audit_outcome/network/outcome//observed",
        ("audit_outcome/network/calibration/1/observed",),
    ) in made.sums


def test_what_tells_of_other_counts_falls_with_them(audit: AuditResult, ledger: Ledger) -> None:
    """Expected numbers give the network's total away, quartiles and spread every center's."""
    rests = audit_cells(audit).rests
    of_network = {name for counts, names in rests for name in names
                  if "audit_outcome/network/outcome//observed" in counts}  # fmt: skip
    assert {f"audit_outcome/C01/outcome//{s}" for s in ("expected", "o_e", "z")} <= of_network
    for center in SIZES:
        of_center = {name for counts, names in rests for name in names
                     if f"audit_outcome/{center}/outcome//observed" in counts}  # fmt: skip
        assert {f"audit_outcome/network/outcome//{s}" for s in ("q1", "median", "q3", "tau")} <= (
            of_center
        )
        assert {f"audit_outcome/C01/outcome//{s}" for s in ("z_tau", "shrunken", "rank_low")} <= (
            of_center
        )
        of_rows = {name for counts, names in rests for name in names
                   if f"audit_outcome/{center}/outcome//n" in counts}  # fmt: skip
        assert of_rows == {f"audit_outcome/network/outcome//{s}" for s in ("q1", "median", "q3")}
    limits = ledger.select(analysis="audit_outcome", group="limits")
    assert set(limits["parent"]) == {"audit_outcome/network/outcome//observed"}


def test_the_funnels_grid_tells_nothing_of_the_network(audit: AuditResult) -> None:
    """Its places are round, and its ends too: 1, 2 or 5 times a power of ten."""
    whole = audit.indicators[0]
    rows = [r for r in audit_cells(audit).rows
            if r["analysis"] == "audit_outcome" and r["group"] == "limits"]  # fmt: skip
    at = np.array(sorted({float(r["level"]) for r in rows}))
    assert len(at) >= 20
    assert all(float(f"{x:.3g}") == x for x in at)
    # a point of the grid lies within 3 % of any number
    ends = [x / 10 ** np.floor(np.log10(x) + 0.02) for x in (at[0], at[-1])]
    assert all(min(abs(np.log(e / r)) for r in FINE) < 0.03 for e in ends)
    assert at[-1] > whole.table["expected"].max()


def test_funnels_of_rare_outcomes_have_the_same_ends() -> None:
    """Ends that fit the network would leave a total of three 2, 3 or 4."""
    ends = set()
    for events in (2, 3, 9, 20):
        rows = pd.DataFrame({"center_id": np.repeat(["A", "B", "C"], [400, 500, 600])})
        rows["leak"] = (np.arange(1500) % (1500 // events) == 7).astype(float)
        made = audit_cells(audit_centers(rows, outcome="leak", adjust=[])).rows
        at = [float(r["level"]) for r in made if r["group"] == "limits" and r["level"]]
        ends.add((min(at), max(at)))
    assert len([e for e in ends if e[1] < 10]) == 1


def test_a_center_with_every_event_is_not_told_by_the_end_of_the_funnel() -> None:
    """Nothing is expected of it: the others' risks alone are the network's mix."""
    ends = set()
    for at in ("A", "B"):
        rows = pd.DataFrame({"center_id": np.repeat(["A", "B", "C"], [700, 500, 300])})
        rows["leak"] = (rows["center_id"].eq(at) & (rows.groupby("center_id").cumcount() < 2)) * 1.0
        made = audit_cells(audit_centers(rows, outcome="leak", adjust=[])).rows
        found = [float(r["level"]) for r in made if r["group"] == "limits" and r["level"]]
        ends.add((min(found), max(found)))
    assert len(ends) == 1


@pytest.mark.parametrize("dispersion", ["none", "tau"])
def test_what_allows_for_the_spread_of_centers_falls_with_any_count(dispersion: str) -> None:
    """C04's count is small: with one shown limit under tau the others' would be solved for it."""
    parts = [pd.DataFrame({"center_id": c, "leak": (np.arange(n) < k).astype(float)})
             for c, (n, k) in SIZES.items()]  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    found = audit_centers(rows, outcome="leak", adjust=[], audit=Audit(dispersion=dispersion))
    made = audit_cells(found)
    kept = release(Ledger.from_rows(made.rows, made.notes), ReleasePolicy(),
                   relations=relations(found))  # fmt: skip
    cells = kept.cells[kept.cells["value"].notna()]
    own = set(cells.loc[cells["group"] == "C05", "stat"])
    funnel = set(cells.loc[cells["group"] == "limits", "stat"])
    assert {"observed", "o_e", "z"} <= own
    assert not own & {"z_tau", "p_tau", "shrunken", "rank_low", "exceedance"}
    widened = dispersion == "tau"
    assert (own & {"p_value", "q_value", "alert_low"} == set()) == widened
    assert ("alert_high" in funnel) != widened
    assert not {s for s in funnel if s.endswith("_tau")}


def test_adjusted_p_values_are_coarse_in_public_and_exact_inside(audit: AuditResult) -> None:
    """In all digits they count the withheld p-values below them."""
    made = audit_cells(audit, q_limit=0.03)
    public, inside = ({r["cell_id"]: r["value"] for r in rows if r["stat"] == "q_value"}
                      for rows in (made.rows, made.inside))  # fmt: skip
    assert public.keys() == inside.keys()
    exact = pd.Series(inside).dropna()
    coarse = pd.Series(public).dropna()
    assert len(exact) >= 10
    assert exact.round(3).nunique() > coarse.nunique()
    assert (coarse >= exact - 1e-12).all()
    assert ((coarse <= 0.03) == (exact <= 0.03)).all()
    assert [coarse_q(q) for q in (0.0, 0.05, 0.050001, 1.0)] == [0.0, 0.05, 0.1, 1.0]


def test_a_flag_that_owes_itself_to_another_center_says_so() -> None:
    """Where all rows of D have it, A to C lie below an average that D lifts."""

    def told(events: dict[str, int]) -> dict[str, tuple[str, ...]]:
        parts = [pd.DataFrame({"center_id": c, "leak": (np.arange(200) < k) * 1.0})
                 for c, k in events.items()]  # fmt: skip
        found = audit_centers(pd.concat(parts, ignore_index=True), outcome="leak", adjust=[])
        notes = [n for n in audit_cells(found).notes if "part of what" in n.text]
        assert all({f"audit_outcome/{c}/outcome//observed" for c in (n.group, "D")}
                   <= set(n.rests_on) for n in notes)  # fmt: skip
        return {n.group: n.text.split()[0] for n in notes}

    alike = {"A": 20, "B": 20, "C": 20}
    assert told({**alike, "D": 200}) == dict.fromkeys("ABC", "D")
    assert told({**alike, "D": 20}) == {}
    # 8 of 200 are few beside the others' 20 as well
    assert told({"A": 8, "B": 20, "C": 20, "D": 200}).keys() == {"B", "C"}


def test_every_estimate_of_a_center_rests_on_its_count(ledger: Ledger) -> None:
    cells = ledger.select(analysis="audit_outcome", variable="outcome", kind="estimate")
    own = cells[cells["group"].isin(SIZES)]
    assert len(own) > 100
    expected = "audit_outcome/" + own["group"] + "/outcome//observed"
    assert (own["parent"] == expected).all()


def test_the_funnel_and_the_model_are_there(ledger: Ledger) -> None:
    assert len(ledger.select(analysis="audit_outcome", group="limits", stat="alarm_high")) >= 20
    model = ledger.select(analysis="audit_outcome", variable="model", stat="estimate")
    assert model["level"].tolist() == ["age"]
    assert set(ledger.select(variable="detection")["group"]) == set(SIZES)
    assert set(ledger.select(variable="casemix:age")["group"]) == {*SIZES, "network"}


def test_a_hidden_count_takes_estimates_and_words_with_it(public: Released) -> None:
    small = "audit_outcome/C04/outcome/"
    cells = public.cells.set_index("cell_id")
    own = cells[cells.index.str.startswith(small)]
    shown = own[~own["value"].isna()]
    assert set(shown["stat"]) <= {"n", "n_patients"}
    notes = [n for n in public.notes if n.group == "C04" and n.analysis == "audit_outcome"]
    assert {n.role for n in notes} >= {"verdict"}
    assert {n.text for n in notes} == {"withheld"}


def test_words_about_shown_counts_stay(public: Released, audit: AuditResult) -> None:
    told = {n.group: n.text for n in public.notes
            if (n.analysis, n.role) == ("audit_outcome", "verdict")}  # fmt: skip
    hidden = public.select(analysis="audit_outcome", variable="outcome", stat="observed")
    withheld = set(hidden.loc[hidden["suppressed"] != "", "group"])
    table = audit.indicators[0].table.set_index("center_id")
    for center, text in told.items():
        side = table.loc[center, "side"]
        word = f"{table.loc[center, 'verdict']}{', ' + side if side else ''}"
        assert text == ("withheld" if center in withheld else word)
    assert "withheld" in told.values()
    assert set(told.values()) > {"withheld"}


def test_no_sentence_holds_a_number_of_its_own(audit: AuditResult) -> None:
    made = audit_cells(audit)
    literal = [re.sub(r"\{[^{}]*\}", "", n.text) for n in made.notes if n.group]
    counts = {f"{k}" for _, k in SIZES.values()}
    assert not [text for text in literal if set(re.findall(r"\d+", text)) & counts]


def test_the_internal_edition_says_every_verdict(ledger: Ledger) -> None:
    inside = release(ledger, ReleasePolicy(audience="internal"))
    told = [n.text for n in inside.notes if n.role == "verdict"]
    assert "withheld" not in told
    assert len(told) == 3 * len(SIZES)


def test_a_rounded_release_keeps_its_verdicts(audit: AuditResult, ledger: Ledger) -> None:
    rounded = release(ledger, ReleasePolicy(rounding=5), relations=relations(audit))
    told = {n.group: n.text for n in rounded.notes
            if (n.analysis, n.role) == ("audit_outcome", "verdict")}  # fmt: skip
    assert told["C05"] == "alarm, worse"
    assert told["C04"] == "withheld"


@pytest.mark.parametrize(
    ("term", "words"), [("diabetes[T.yes]", "Diabetes"), ("C_x[T.b]", "C x: b")]
)
def test_terms_are_words(term: str, words: str) -> None:
    assert term_words(term) == words
