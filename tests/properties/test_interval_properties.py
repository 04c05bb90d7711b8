"""What must hold of times between visits whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vpstats.models.curves import kaplan_meier
from vpstats.models.interval.illness_death import IllnessDeathFit, fit_illness_death
from vpstats.models.interval.interval_aft import fit_interval_aft
from vpstats.models.interval.turnbull import turnbull

SOLVER = 1e-6
"""Both fits stop within 1e-8 standard errors of the maximum; the errors are below 20 here."""
ROUNDING = 1e-9
few = settings(max_examples=15)
some = settings(max_examples=40)


@st.composite
def histories(draw: st.DrawFn, *, exact: bool = False) -> pd.DataFrame:
    """Patients with whole-day visits; at least three found ill and two who die healthy."""
    n = draw(st.integers(12, 30))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    end = rng.integers(2, 60, n).astype(float)
    left = np.floor(end * rng.choice([0, 0.3, 0.6, 1], n))
    ill = rng.random(n) < 0.5
    right = np.ceil(left + (end - left) * rng.random(n))
    ill &= (right > left) & (right <= end)
    if exact:
        left = np.where(ill, right, end)
    died = rng.integers(0, 2, n)
    assume(ill.sum() >= 3 and (died[~ill].sum() >= 2) and (died[ill].sum() >= 1))
    return pd.DataFrame(
        {
            "left": left,
            "right": np.where(ill, right, np.nan),
            "end": end,
            "died": died,
            "x": rng.integers(0, 3, n),
            "site": rng.integers(0, 6, n),
        }
    )


def fit(rows: pd.DataFrame, formula: str = "~ 1", **more: Any) -> IllnessDeathFit:
    asked = {"cuts": [20.0], "after_illness": "equal"} | more
    found = fit_illness_death(
        rows, formula, left="left", right="right", end="end", died="died", **asked
    )
    assume(found.ok)
    return found


def same(one: IllnessDeathFit, other: IllnessDeathFit, atol: float = SOLVER) -> None:
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=atol)
    np.testing.assert_allclose(one.std_errors, other.std_errors, rtol=1e-5, atol=atol)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-9)


@few
@given(rows=histories(), seed=st.integers(0, 99))
def test_order_and_labels_play_no_part(rows: pd.DataFrame, seed: int) -> None:
    shuffled = rows.sample(frac=1, random_state=seed).set_axis([0] * len(rows), axis=0)
    same(fit(rows, "~ x"), fit(shuffled, "~ x"))
    same(fit(rows, cluster="site"), fit(shuffled, cluster="site"))


@few
@given(rows=histories())
def test_the_unit_of_time_moves_intensities_alone(rows: pd.DataFrame) -> None:
    times = ["left", "right", "end"]
    days, weeks = fit(rows), fit(rows.assign(**rows[times] / 7), cuts=[20 / 7])
    np.testing.assert_allclose(weeks.coefficients, days.coefficients + np.log(7), atol=SOLVER)
    for at in (5.0, 20.0):
        one, other = days.incidence([at]), weeks.incidence([at / 7])
        np.testing.assert_allclose(one["estimate"], other["estimate"], atol=SOLVER)


@few
@given(rows=histories())
def test_clusters_of_one_row_twice_over_are_the_rows(rows: pd.DataFrame) -> None:
    twice = pd.concat([rows, rows]).assign(who=np.tile(np.arange(len(rows)), 2))
    once, again = fit(rows.assign(who=range(len(rows))), cluster="who"), fit(twice, cluster="who")
    np.testing.assert_allclose(once.coefficients, again.coefficients, atol=SOLVER)
    np.testing.assert_allclose(once.std_errors, again.std_errors, rtol=1e-5)
    plain = fit(twice)
    np.testing.assert_allclose(plain.std_errors, fit(rows).std_errors / np.sqrt(2), rtol=1e-5)


@few
@given(rows=histories(exact=True))
def test_known_times_are_events_over_time(rows: pd.DataFrame) -> None:
    found = fit(rows, cuts=[], after_illness="own")
    ill = rows["right"].notna()
    healthy, sick = rows["right"].fillna(rows["end"]), rows["end"] - rows["right"]
    assume(sick.sum() > 0)
    rates = [
        ill.sum() / healthy.sum(),
        rows["died"][~ill].sum() / healthy.sum(),
        rows["died"][ill].sum() / sick.sum(),
    ]
    np.testing.assert_allclose(np.exp(found.coefficients), rates, rtol=SOLVER)
    # nothing is unknown, so the three methods are one
    for other in found.naive_fits:
        np.testing.assert_allclose(other.coefficients, found.coefficients, atol=SOLVER)


@few
@given(rows=histories())
def test_equal_death_makes_death_a_matter_of_time_alone(rows: pd.DataFrame) -> None:
    found = fit(rows, cuts=[])
    rate = rows["died"].sum() / rows["end"].sum()
    assert np.exp(found.coefficients[1]) == pytest.approx(rate, rel=SOLVER)


@few
@given(rows=histories(), cut=st.floats(1, 15))
def test_a_cut_more_never_lowers_the_likelihood(rows: pd.DataFrame, cut: float) -> None:
    assert fit(rows, cuts=[cut, 20.0]).log_likelihood >= fit(rows).log_likelihood - 1e-8


@few
@given(rows=histories())
def test_states_add_up_and_the_incidence_never_falls(rows: pd.DataFrame) -> None:
    found, one = fit(rows), pd.DataFrame(index=[0])
    at = np.linspace(0, found.longest, 9)
    parts = {k: found.predict(one, times=at, kind=k)["estimate"].to_numpy()
             for k in ("healthy", "ill", "dead", "incidence")}  # fmt: skip
    np.testing.assert_allclose(parts["healthy"] + parts["ill"] + parts["dead"], 1, atol=ROUNDING)
    assert (np.diff(parts["incidence"]) >= -ROUNDING).all()
    assert (parts["incidence"] >= parts["ill"] - ROUNDING).all()


@st.composite
def intervals(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(2, 25))
    low = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    width = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    open_ = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    left = np.array(low, float)
    right = np.where(open_, np.nan, left + np.array(width))
    return pd.DataFrame({"left": left, "right": right, "site": np.arange(n) % 4})


def curve(rows: pd.DataFrame, **more: Any) -> Any:
    return turnbull(rows, left="left", right="right", **more)


@some
@given(rows=intervals(), seed=st.integers(0, 99))
def test_turnbull_is_a_distribution_whatever_the_order(rows: pd.DataFrame, seed: int) -> None:
    one, other = curve(rows), curve(rows.sample(frac=1, random_state=seed))
    assert one.converged
    estimate = one.tidy()["estimate"].to_numpy()
    assert (np.diff(np.append(1.0, estimate)) <= ROUNDING).all()
    assert ((estimate >= 0) & (estimate <= 1)).all()
    assert one.cells["mass"].sum() == pytest.approx(1, abs=1e-9)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)


@some
@given(rows=intervals())
def test_turnbull_beats_its_neighbours(rows: pd.DataFrame) -> None:
    """Moving mass between any two cells never makes the data more likely."""
    found = curve(rows)
    cells, mass = found.cells, found.cells["mass"].to_numpy()
    right = rows["right"].fillna(np.inf).to_numpy()[:, None]
    left = rows["left"].to_numpy()[:, None]
    low, high = cells["left"].to_numpy(), cells["right"].to_numpy()
    point = low == high
    inside = (high <= right) & np.where(left == right, point & (low == left),
                                        np.where(point, low > left, low >= left))  # fmt: skip
    covered = inside @ mass
    assert found.log_likelihood == pytest.approx(np.log(covered).sum(), abs=1e-8)
    slope = (inside / covered[:, None]).sum(axis=0)
    assert slope.max() <= len(rows) * (1 + 1e-8)


@some
@given(rows=intervals())
def test_known_times_make_kaplan_meier(rows: pd.DataFrame) -> None:
    rows = rows.assign(left=rows["left"] + 1)
    known = rows.assign(right=rows["left"].where(rows["right"].notna()))
    ours = curve(known)
    event = known["right"].notna().astype(int)
    theirs = kaplan_meier(known.assign(event=event), duration="left", event="event")
    for t in known["left"].unique():
        assert ours.at(t)["estimate"].iloc[0] == pytest.approx(
            theirs.at(t)["estimate"].iloc[0], abs=1e-9
        )


@some
@given(rows=intervals())
def test_every_visit_kept_makes_greenwood(rows: pd.DataFrame) -> None:
    """Found at the next visit or lost at one: a life table, whose errors are Greenwood's."""
    rows = rows.assign(right=(rows["left"] + 1).where(rows["right"].notna()))
    rows = rows[(rows["left"] > 0) | rows["right"].notna()]
    assume(len(rows) > 1)
    visits = list(range(1, 11))
    ours = curve(rows, visits=visits)
    time = rows["right"].fillna(rows["left"])
    table = rows.assign(time=time, event=rows["right"].notna().astype(int))
    # at a visit those found leave before those lost: lost at t were seen free at t
    theirs = kaplan_meier(table, duration="time", event="event")
    for t in [v for v in visits if v <= time.max()]:
        one, other = ours.at(t).iloc[0], theirs.at(t).iloc[0]
        assert one["estimate"] == pytest.approx(other["estimate"], abs=1e-9)
        if one["estimate"] > 0 and np.isfinite(one["std_error"]):
            assert one["std_error"] == pytest.approx(other["std_error"], abs=1e-7)


@few
@pytest.mark.parametrize("law", ["weibull", "loglogistic"])
@given(rows=histories(), seed=st.integers(0, 99))
def test_accelerated_times_scale_with_the_unit(law: str, rows: pd.DataFrame, seed: int) -> None:
    rows = rows[(rows["left"] > 0) | rows["right"].notna()]
    ask = {"left": "left", "right": "right", "distribution": law}
    days = fit_interval_aft(rows, "~ x", **ask)
    assume(days.ok and days.std_errors.max() < 5)
    weeks = fit_interval_aft(
        rows.assign(left=rows["left"] / 7, right=rows["right"] / 7), "~ x", **ask
    )
    shift = np.array([np.log(7), 0, 0])
    np.testing.assert_allclose(weeks.coefficients + shift, days.coefficients, atol=SOLVER)
    shuffled = fit_interval_aft(rows.sample(frac=1, random_state=seed), "~ x", **ask)
    np.testing.assert_allclose(shuffled.coefficients, days.coefficients, atol=SOLVER)
    np.testing.assert_allclose(shuffled.std_errors, days.std_errors, rtol=1e-5)


def test_one_stratum_of_clusters_is_the_sandwich_of_rows() -> None:
    """Clusters that are single rows give the same errors however they are named."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"left": rng.integers(1, 9, 40).astype(float), "x": rng.normal(size=40)})
    rows["right"] = rows["left"] + 2
    one = fit_interval_aft(rows.assign(g=range(40)), "~ x", left="left", right="right", cluster="g")
    names = [f"p{i}" for i in rng.permutation(40)]
    other = fit_interval_aft(rows.assign(g=names), "~ x", left="left", right="right", cluster="g")
    np.testing.assert_allclose(one.std_errors, other.std_errors, rtol=1e-9)
