"""What must hold of residuals, split follow-up and frailties, whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vpstats.models.concordance import concordance
from vpstats.models.frailty_fit import predicted_frailties
from vpstats.models.hazards import fit_cox
from vpstats.models.newton import maximise
from vpstats.models.partial import penalised_likelihood
from vpstats.models.proportional import test_proportional_hazards
from vpstats.models.residuals import residuals
from vpstats.models.risksets import HazardRows, find_risk_sets
from vpstats.models.splitting import split_follow_up
from vpstats.models.varying import fit_time_varying
from vpstats.models.windows import EventFloors, fit_cox_by_window

SOLVER = 1e-6
"""Fits stop within 1e-8 standard errors of the maximum; standard errors are below 20 here."""
TIMES: dict[str, Any] = {"duration": "days", "event": "event"}
KINDS = ("martingale", "deviance", "score", "dfbeta")


@st.composite
def follow_up(draw: st.DrawFn) -> pd.DataFrame:
    """Rows with many ties, several per patient, some of which enter late."""
    n = draw(st.integers(8, 28))

    def column(low: int, high: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    days, share = column(1, 9), column(0, 9) / 10
    return pd.DataFrame(
        {
            "days": days,
            "event": column(0, 2),
            "entry": np.floor(days * share),
            "patient": column(0, 5),
            "x": column(0, 3),
            "w": column(1, 3),
            "z": column(0, 1),
        }
    )


OPTIONS = [{}, {"entry": "entry", "weights": "w"}, {"strata": "z", "cluster": "patient"}]
options = pytest.mark.parametrize("more", OPTIONS, ids=["plain", "entry", "strata"])


def fitted(rows: pd.DataFrame, **more: Any) -> Any:
    fit = fit_cox(rows, "x", **TIMES, **more)
    assume(fit.ok and fit.terms == ("x",) and 1e-6 < fit.std_errors[0] < 20)
    return fit


@options
@settings(max_examples=30)
@given(rows=follow_up(), seed=st.integers(0, 99))
def test_order_plays_no_part(more: dict[str, str], rows: pd.DataFrame, seed: int) -> None:
    fit = fitted(rows, **more)
    order = np.random.default_rng(seed).permutation(len(rows))
    for kind in KINDS:
        one = residuals(fit, rows, kind).to_numpy()[order]
        other = residuals(fit, rows.iloc[order], kind).to_numpy()
        np.testing.assert_allclose(one, other, atol=SOLVER)
    pair = [concordance(fit, r).tidy().iloc[0, 1:] for r in (rows, rows.iloc[order])]
    np.testing.assert_allclose(*[p.astype(float) for p in pair], atol=1e-9)


@options
@settings(max_examples=30)
@given(rows=follow_up())
def test_residuals_add_up(more: dict[str, str], rows: pd.DataFrame) -> None:
    fit = fitted(rows, **more)
    assert abs(residuals(fit, rows, "martingale", weighted=True).sum().iloc[0]) < SOLVER
    assert abs(residuals(fit, rows, "score", weighted=True).sum().iloc[0]) < 1e-5
    raw = residuals(fit, rows, "martingale")["martingale"]
    assert (raw <= 1 + SOLVER).all()
    by_patient = residuals(fit, rows, "martingale", collapse="patient")["martingale"]
    np.testing.assert_allclose(by_patient, raw.groupby(rows["patient"]).sum(), atol=1e-12)
    snell = residuals(fit, rows, "cox_snell")["cox_snell"]
    np.testing.assert_allclose(snell + raw, rows["event"] == 1, atol=1e-12)


@options
@settings(max_examples=30)
@given(rows=follow_up(), cuts=st.sets(st.integers(1, 9), min_size=1, max_size=4))
def test_splitting_follow_up_changes_no_fit(
    more: dict[str, str], rows: pd.DataFrame, cuts: set[int]
) -> None:
    fit = fitted(rows, **more)
    parts = split_follow_up(rows, **TIMES, at=sorted(cuts), entry=more.get("entry"),
                            id="row") if "entry" in more else split_follow_up(
        rows.drop(columns="entry"), **TIMES, at=sorted(cuts), id="row")  # fmt: skip
    again = fit_cox(parts, "x", **TIMES, **(more | {"entry": "entry"}))
    np.testing.assert_allclose(again.coefficients, fit.coefficients, atol=SOLVER)
    np.testing.assert_allclose(again.log_likelihood, fit.log_likelihood, atol=1e-8)
    if "cluster" in more:
        np.testing.assert_allclose(again.covariance, fit.covariance, rtol=1e-5, atol=1e-9)
    for kind in ("martingale", "score"):
        of_parts = residuals(again, parts, kind, collapse="row").to_numpy()
        np.testing.assert_allclose(of_parts, residuals(fit, rows, kind), atol=1e-5)


@settings(max_examples=30)
@given(rows=follow_up())
def test_whole_weights_are_repeated_rows(rows: pd.DataFrame) -> None:
    # a row does not compare with its own copies, so for concordance events have no copies
    rows = rows.assign(w=np.where(rows["event"] == 1, 1, rows["w"]))
    fit = fitted(rows, weights="w", ties="breslow")
    copies = rows.loc[rows.index.repeat(rows["w"])]
    again = fit_cox(copies, "x", **TIMES, ties="breslow")
    pair = [concordance(f, r).tidy()["estimate"].iloc[0] for f, r in ((fit, rows), (again, copies))]
    np.testing.assert_allclose(*pair, atol=1e-9)
    tests = [
        test_proportional_hazards(f, r, transform="identity").tidy()["statistic"].iloc[0]
        for f, r in ((fit, rows), (again, copies))
    ]
    np.testing.assert_allclose(*tests, atol=1e-5)


@settings(max_examples=30)
@given(rows=follow_up(), factor=st.sampled_from([0.5, 7.0, 30.0]))
def test_the_unit_of_time_plays_no_part(rows: pd.DataFrame, factor: float) -> None:
    fit = fitted(rows)
    scaled = rows.assign(days=rows["days"] * factor)
    again = fit_cox(scaled, "x", **TIMES)
    for transform in ("km", "rank", "identity"):
        pair = [
            test_proportional_hazards(f, r, transform=transform, robust=robust).tidy()["statistic"]
            for robust in (False, True)
            for f, r in ((fit, rows), (again, scaled))
        ]
        np.testing.assert_allclose(pair[0], pair[1], atol=1e-5)
        np.testing.assert_allclose(pair[2], pair[3], atol=1e-5)


@settings(max_examples=30)
@given(rows=follow_up())
def test_firth_with_weight_zero_is_maximum_likelihood(rows: pd.DataFrame) -> None:
    fit = fitted(rows)
    exit_, dead = rows["days"].to_numpy(float), (rows["event"] == 1).to_numpy()
    X = np.ascontiguousarray(rows[["x"]].to_numpy(float) - rows["x"].mean())
    sets = find_risk_sets(HazardRows(X, exit_, dead), "efron")
    found = maximise(penalised_likelihood(sets, penalty=0.0), np.zeros(1))
    np.testing.assert_allclose(found.estimate, fit.coefficients, atol=SOLVER)
    np.testing.assert_allclose(found.covariance, fit.covariance, rtol=1e-6)
    np.testing.assert_allclose(found.value, fit.log_likelihood, atol=1e-10)


@options
@settings(max_examples=8)
@given(rows=follow_up(), seed=st.integers(0, 99))
def test_firth_does_not_know_order_labels_units_or_copies(
    more: dict[str, str], rows: pd.DataFrame, seed: int
) -> None:
    asked = {k: v for k, v in more.items() if k != "cluster"} | {"penalty": "firth"}
    fit = fitted(rows, **asked)
    shuffled = rows.sample(frac=1, random_state=seed)
    shuffled.index = pd.Index(["level"] * len(rows))
    years = rows.assign(days=rows["days"] / 365.25, entry=rows["entry"] / 365.25)
    one = fit_cox(rows.assign(one="a"), "x", **TIMES, **({"strata": "one"} | asked))
    for again in (fitted(shuffled, **asked), fitted(years, **asked), one):
        for column in ("estimate", "std_error", "conf_low", "conf_high"):
            np.testing.assert_allclose(
                again.tidy()[column], fit.tidy()[column], rtol=1e-5, atol=SOLVER
            )


def changing(rows: pd.DataFrame, unit: float = 1.0) -> np.ndarray:
    """Effects by window, and of x g(t) at one time, with their errors."""
    asked: dict[str, Any] = {"exposure": "x", **TIMES, "entry": "entry", "cluster": "patient"}
    floors = EventFloors(events=0, events_per_parameter=0, single_parameter_events=0)
    parts = fit_cox_by_window(rows, "1", **asked, at=[4 * unit], floors=floors)
    line = fit_time_varying(rows, "x", **asked, function="sqrt")
    assume(parts.ok and line.ok and (parts.fit.std_errors < 20).all())
    assume((line.fit.std_errors * [1, np.sqrt(unit)] < 20).all())
    ratio = line.ratio_at([3 * unit])[["estimate", "std_error"]].to_numpy()[0]
    return np.concatenate([parts.fit.coefficients, parts.fit.std_errors, np.log(ratio[:1]), ratio])


@settings(max_examples=12)
@given(rows=follow_up(), seed=st.integers(0, 99))
def test_changing_effects_do_not_know_order_labels_or_units(rows: pd.DataFrame, seed: int) -> None:
    found = changing(rows)
    shuffled = rows.sample(frac=1, random_state=seed)
    shuffled = shuffled.set_index(pd.Index([7] * len(rows))).assign(
        patient=lambda r: "P" + (9 - r["patient"]).astype(str)
    )
    np.testing.assert_allclose(changing(shuffled), found, rtol=1e-5, atol=1e-5)
    weeks = rows.assign(days=rows["days"] * 7, entry=rows["entry"] * 7)
    np.testing.assert_allclose(changing(weeks, 7.0), found, rtol=1e-5, atol=1e-5)


@settings(max_examples=30)
@given(rows=follow_up(), theta=st.sampled_from([0.05, 0.5, 3.0]), seed=st.integers(0, 99))
def test_frailties(rows: pd.DataFrame, theta: float, seed: int) -> None:
    fit = fitted(rows, frailty="patient", theta=theta) if rows["patient"].nunique() > 1 else None
    assume(fit is not None)
    found = predicted_frailties(fit, rows)
    assert found["estimate"].mean() == pytest.approx(1, abs=SOLVER)
    raw = residuals(fit, rows, "martingale", collapse="patient")["martingale"]
    np.testing.assert_allclose(raw, (found["estimate"] - 1) / theta, atol=1e-5)
    order = np.random.default_rng(seed).permutation(len(rows))
    renamed = rows.iloc[order].assign(patient=lambda r: "P" + (9 - r["patient"]).astype(str))
    again = fit_cox(renamed, "x", **TIMES, frailty="patient", theta=theta)
    np.testing.assert_allclose(again.coefficients, fit.coefficients, atol=SOLVER)
    np.testing.assert_allclose(again.covariance, fit.covariance, rtol=1e-5)
    parts = split_follow_up(rows.drop(columns="entry"), **TIMES, at=[2, 5])
    split = fit_cox(parts, "x", **TIMES, frailty="patient", theta=theta, entry="entry")
    np.testing.assert_allclose(split.coefficients, fit.coefficients, atol=SOLVER)
    np.testing.assert_allclose(
        split.integrated_log_likelihood, fit.integrated_log_likelihood, atol=1e-7
    )
