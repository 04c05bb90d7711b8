"""What must hold of Fine–Gray models whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vpstats.models.fine_gray import FineGrayFit, fit_fine_gray
from vpstats.models.hazards import fit_cox

SOLVER = 5e-7
"""Both fits stop within 1e-8 standard errors of the maximum; a standard error is below 20 here."""
TIMES = {"duration": "days", "event": "event"}

OPTIONS: list[dict[str, Any]] = [
    {},
    {"entry": "entry"},
    {"entry": "entry", "strata": "z", "cluster": "patient", "weights": "w"},
]
options = pytest.mark.parametrize("more", OPTIONS, ids=lambda more: ", ".join(more) or "plain")


@st.composite
def follow_up(draw: st.DrawFn) -> pd.DataFrame:
    """Rows with many ties, several per patient, some of which enter late."""
    n = draw(st.integers(10, 30))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n, max_size=n))

    days = np.array(column(1, 9))
    share = np.array(column(0, 9)) / 10
    return pd.DataFrame(
        {
            "days": days,
            "event": column(0, 3),
            "entry": np.floor(days * share),
            "patient": column(0, 7),
            "x": column(0, 3),
            "z": [0, 1, *column(0, 1)[2:]],
            "w": column(1, 3),
        }
    )


def fit(rows: pd.DataFrame, **more: Any) -> FineGrayFit:
    """A fit with an estimate that is not far out, where all digits count."""
    found = fit_fine_gray(rows, "x", **(TIMES | more))
    assume(found.ok and abs(found.coefficients[0]) < 5 and found.std_errors[0] < 20)
    return found


NEW = pd.DataFrame({"x": [0, 2], "z": [0, 1], "one": "a"})


def numbers(found: FineGrayFit, unit: float = 1.0) -> np.ndarray:
    risk = found.predict(NEW, times=np.array([2, 5, 9]) / unit)
    at = np.array([found.coefficients[0], found.std_errors[0]])
    return np.concatenate([at, risk["estimate"], risk["std_error"]])


def the_same(one: FineGrayFit, other: FineGrayFit, unit: float = 1.0) -> None:
    np.testing.assert_allclose(numbers(one), numbers(other, unit), rtol=SOLVER, atol=SOLVER)


@options
@given(rows=follow_up(), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_order_and_labels_of_the_rows_play_no_part(
    more: dict[str, Any], rows: pd.DataFrame, seed: int
) -> None:
    shuffled = rows.sample(frac=1, random_state=seed).set_index(np.zeros(len(rows)))
    the_same(fit(rows, **more), fit(shuffled, **more))


@options
@given(rows=follow_up())
@settings(max_examples=10)
def test_the_unit_of_time_plays_no_part(more: dict[str, Any], rows: pd.DataFrame) -> None:
    years = rows.assign(days=rows["days"] / 365.25, entry=rows["entry"] / 365.25)
    the_same(fit(rows, **more), fit(years, **more), unit=365.25)


@options
@given(rows=follow_up())
@settings(max_examples=10)
def test_names_of_the_causes_play_no_part(more: dict[str, Any], rows: pd.DataFrame) -> None:
    renamed = rows.assign(event=rows["event"].map({0: 0, 1: 5, 2: 1, 3: 1}))
    the_same(fit(rows, **more), fit(renamed, cause=5, **more))


@options
@given(rows=follow_up())
@settings(max_examples=10)
def test_place_and_scale_of_a_covariate_play_no_part(
    more: dict[str, Any], rows: pd.DataFrame
) -> None:
    one, other = fit(rows, **more), fit_fine_gray(
        rows.assign(x=10 - 4 * rows["x"]), "x", **(TIMES | more)
    )  # fmt: skip
    np.testing.assert_allclose(-4 * other.coefficients, one.coefficients, atol=SOLVER)
    np.testing.assert_allclose(4 * other.std_errors, one.std_errors, rtol=SOLVER)


@given(rows=follow_up())
@settings(max_examples=10)
def test_an_entry_of_0_is_none_and_one_stratum_is_none(rows: pd.DataFrame) -> None:
    rows = rows.assign(start=0, one="a")
    plain = fit(rows)
    for more in ({"entry": "start"}, {"strata": "one"}, {"censoring": "one"}, {"censoring": ()}):
        the_same(plain, fit(rows, **more))


@pytest.mark.parametrize("more", [{}, {"entry": "entry"}, {"strata": "z"}])
@given(rows=follow_up())
@settings(max_examples=10)
def test_a_weight_counts_repeated_rows(more: dict[str, Any], rows: pd.DataFrame) -> None:
    repeated = rows.loc[rows.index.repeat(rows["w"])]
    the_same(fit(rows, weights="w", **more), fit(repeated, **more))


@options
@given(rows=follow_up())
@settings(max_examples=10)
def test_incidence_stays_between_0_and_1_and_never_falls(
    more: dict[str, Any], rows: pd.DataFrame
) -> None:
    found = fit(rows, **more).predict(rows.head(2), times=np.arange(10))
    for _, part in found.groupby(np.repeat([0, 1], 10)):
        known = part.dropna()
        assert (np.diff(known["estimate"]) >= 0).all()
        assert known["estimate"].between(0, 1).all()
        assert (known["conf_low"] <= known["estimate"]).all()
        assert (known["estimate"] <= known["conf_high"]).all()


@given(rows=follow_up())
@settings(max_examples=15)
def test_without_losses_competing_events_are_a_follow_up_without_end(rows: pd.DataFrame) -> None:
    """Then every weight is 1, and the model is Cox's with competing events at risk for ever."""
    rows = rows[rows["event"] > 0]
    assume(len(rows) > 5 and (rows["event"] == 1).any())
    found = fit(rows)
    waiting = rows.assign(
        days=rows["days"].where(rows["event"] == 1, 99), event=(rows["event"] == 1).astype(int)
    )
    cox = fit_cox(waiting, "x", **TIMES, ties="breslow", vcov="HC0")
    np.testing.assert_allclose(found.coefficients, cox.coefficients, atol=SOLVER)
    np.testing.assert_allclose(found.std_errors, cox.std_errors, rtol=SOLVER)
    np.testing.assert_allclose(found.baseline.hazard, cox.baseline.hazard, rtol=SOLVER)
    assert found.log_likelihood == pytest.approx(cox.log_likelihood, abs=1e-9)


@given(rows=follow_up())
@settings(max_examples=10)
def test_losses_after_the_last_event_play_no_part(rows: pd.DataFrame) -> None:
    late = pd.DataFrame([rows.iloc[0].to_dict() | {"days": 99, "event": 0, "x": 1, "entry": 50}])
    known = fit(rows, entry="entry")
    more = fit(pd.concat([rows, late], ignore_index=True), entry="entry")
    assert more.coefficients[0] == pytest.approx(known.coefficients[0], abs=SOLVER)
    assert more.std_errors[0] == pytest.approx(known.std_errors[0], rel=SOLVER)


@settings(max_examples=10)
@given(rows=follow_up())
def test_without_competing_events_it_is_a_cox_model(rows: pd.DataFrame) -> None:
    """With Breslow's ties and the sandwich of rows; nobody is carried, whatever the losses."""
    rows = rows.assign(event=rows["event"] == 1)
    for more in ({}, {"strata": "z"}, {"entry": "entry"}, {"cluster": "patient"}):
        found = fit(rows, **more)
        how = {} if "cluster" in more else {"vcov": "HC0"}
        cox = fit_cox(rows, "x", **TIMES, **more, **how, ties="breslow")
        np.testing.assert_allclose(found.coefficients, cox.coefficients, atol=SOLVER)
        np.testing.assert_allclose(found.std_errors, cox.std_errors, rtol=1e-6)
        ours, theirs = found.baseline, cox.baseline
        np.testing.assert_allclose(ours.hazard, theirs.hazard, rtol=1e-6)
