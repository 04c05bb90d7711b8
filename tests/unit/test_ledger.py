"""The ledger: what it accepts, how it is read, how two runs are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import InternalError, UsageError
from vpstats.ledger import (
    COLUMNS,
    Ledger,
    Note,
    cell,
    compare_ledgers,
    curve_cells,
    fit_cells,
)
from vpstats.results import Caveat, CurveResult, FitResult


class Fit(FitResult):
    """A fit that answers only what the ledger asks."""

    def glance(self) -> pd.DataFrame:
        return pd.DataFrame({"n": [self.n]})

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        return data.copy()

    def predict(self, new: pd.DataFrame, *, times: Any = None) -> pd.DataFrame:
        return pd.DataFrame({"estimate": np.zeros(len(new))})


def total(value: float = 100, analysis: str = "leak") -> dict[str, Any]:
    return cell(analysis, "levels", "n", value, kind="total")


def events(value: float = 40) -> dict[str, Any]:
    return cell("leak", "leak", "n_events", value, kind="count", n=100, parent=total()["cell_id"])


def test_a_cell_is_named_by_its_parts() -> None:
    row = cell("leak", "region", "n", 3, kind="count", group="adjusted", level="lumbar")
    assert row["cell_id"] == "leak/adjusted/region/lumbar/n"
    assert tuple(row) == tuple(COLUMNS)
    assert np.isnan(row["n"])


def test_a_ledger_needs_exactly_its_columns() -> None:
    with pytest.raises(InternalError, match="does not have its columns"):
        Ledger(pd.DataFrame({"cell_id": ["a"]}))


def test_a_cell_stands_once() -> None:
    with pytest.raises(InternalError, match=r"twice.*leak//levels//n"):
        Ledger.from_rows([total(), total(7)])


def test_a_cell_has_a_known_kind() -> None:
    with pytest.raises(InternalError, match="unknown kind"):
        Ledger.from_rows([total() | {"kind": "guess"}])


def test_a_parent_must_be_in_the_ledger() -> None:
    with pytest.raises(InternalError, match="parents are not in the ledger"):
        Ledger.from_rows([events()])


def test_an_empty_ledger_is_a_ledger() -> None:
    ledger = Ledger.from_rows([])
    assert ledger.cells.empty
    assert ledger.notes == ()


def test_cells_are_selected_by_equality_in_ledger_order() -> None:
    ledger = Ledger.from_rows([total(), events()], [Note("leak", "finding", "Leaks were seen.")])
    assert ledger.select(stat="n_events", analysis="leak")["value"].tolist() == [40]
    assert ledger.select()["stat"].tolist() == ["n", "n_events"]
    assert ledger.notes[0].role == "finding"
    with pytest.raises(UsageError, match="no column colour"):
        ledger.select(colour="red")


def test_wide_has_one_column_per_statistic_and_keeps_the_order_of_rows() -> None:
    rows = [
        cell("t", v, s, value, kind="estimate", level=level)
        for v, level, s, value in [
            ("zeta", "", "mean", 2.0),
            ("zeta", "", "sd", 1.0),
            ("alpha", "b", "mean", 5.0),
            ("alpha", "a", "mean", np.nan),
        ]
    ]
    wide = Ledger.from_rows(rows).wide(analysis="t")
    assert wide["variable"].tolist() == ["zeta", "alpha", "alpha"]
    assert wide["level"].tolist() == ["", "b", "a"]
    assert wide["mean"].tolist()[:2] == [2.0, 5.0]
    assert np.isnan(wide["mean"].iloc[2])
    assert list(wide.columns) == ["group", "variable", "level", "label", "mean", "sd"]


def test_a_fit_becomes_five_cells_per_term_without_the_intercept() -> None:
    fit = Fit(
        title="Leakage",
        n=90,
        terms=("Intercept", "cement_ml"),
        coefficients=np.array([-1.0, np.log(2.0)]),
        covariance=np.diag([0.04, 0.01]),
        caveats=(
            Caveat("few_events", "few"),
            Caveat("few_events", "again"),
            Caveat("separation", "term only", term="cement_ml"),
        ),
    )
    rows = fit_cells(fit, "leak", group="adjusted", labels={"cement_ml": "Cement, mL"})
    assert [r["stat"] for r in rows] == [
        "estimate", "conf_low", "conf_high", "p_value", "std_error",
    ]  # fmt: skip
    assert rows[0]["value"] == pytest.approx(2.0)
    assert {r["label"] for r in rows} == {"Cement, mL"}
    assert {r["caveat"] for r in rows} == {"few_events"}
    assert [r["unit"] for r in rows] == ["odds ratio"] * 3 + ["", "log scale"]
    assert fit_cells(fit, "leak", group="crude")[0]["label"] == "cement_ml"


def test_a_curve_becomes_cells_whose_level_is_the_time() -> None:
    steps = pd.DataFrame(
        {
            "time": [0.5, 30.0],
            "n_risk": [4, 2],
            "n_event": [1, 0],
            "n_censor": [1, 2],
            "estimate": [0.25, 0.25],
            "std_error": [0.2, 0.2],
        }
    )
    curve = CurveResult(
        title="i", unit="patient", steps=steps, estimand="incidence", caveats=(
            Caveat("detection", "seen on CT"),
        ),
    )  # fmt: skip
    rows = curve_cells(curve, "infection", variable="incidence")
    assert {r["level"] for r in rows} == {"0.5", "30"}
    assert {r["kind"] for r in rows} == {"curve step"}
    first = {r["stat"]: r for r in rows if r["level"] == "0.5"}
    assert first["estimate"]["value"] == 0.25
    assert first["n_risk"]["unit"] == "patients"
    assert first["estimate"]["unit"] == "incidence"
    assert first["estimate"]["n"] == 4
    assert {r["caveat"] for r in rows} == {"detection"}
    assert {(r["group"], r["label"]) for r in rows} == {("", "")}


def test_a_grouped_curve_names_its_group() -> None:
    steps = pd.DataFrame(
        {
            "arm": ["a", "b"],
            "time": [1.0, 1.0],
            "n_risk": [4, 2],
            "n_event": [1, 0],
            "n_censor": [1, 2],
            "estimate": [0.25, 0.0],
            "std_error": [0.2, 0.0],
        }
    )
    curve = CurveResult(title="i", steps=steps, by="arm", estimand="incidence")
    rows = curve_cells(curve, "q", variable="incidence")
    assert {(r["group"], r["label"]) for r in rows} == {("a", "a"), ("b", "b")}


def test_equal_runs_do_not_differ() -> None:
    ledger = Ledger.from_rows([total(np.nan), events(0.1 + 0.2)])
    again = Ledger.from_rows([total(np.nan), events(0.3)])
    assert compare_ledgers(ledger, again).empty


def test_what_differs_between_runs_is_named() -> None:
    old = Ledger.from_rows([total(100), total(1, "gone"), total(5, "lost_value")])
    new = Ledger.from_rows([total(101), total(np.nan, "lost_value"), total(np.nan, "new")])
    changes = compare_ledgers(old, new).set_index("cell_id")["change"].to_dict()
    assert changes == {
        "leak//levels//n": "changed",
        "gone//levels//n": "vanished",
        "lost_value//levels//n": "changed",
        "new//levels//n": "appeared",
    }


def test_digits_set_how_close_two_runs_must_be() -> None:
    old, new = Ledger.from_rows([total(1.0)]), Ledger.from_rows([total(1.0001)])
    assert compare_ledgers(old, new, digits=3).empty
    assert len(compare_ledgers(old, new, digits=5)) == 1
