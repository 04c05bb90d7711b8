"""Turnbull's curve: what goes in, what is refused, what is said."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame
from vpstats.models.interval.npmle import find_mass, innermost
from vpstats.models.interval.turnbull import TurnbullCurve, turnbull

NAN = np.nan
VISITS = [30, 90, 180]


def rows(n: int = 40, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    edges = np.array([0.0, *VISITS, np.inf])
    cell = rng.integers(0, 4, n)
    first = np.maximum(cell - rng.integers(0, 2, n), 0)
    data = pd.DataFrame(
        {"left": edges[first], "right": edges[cell + 1], "sex": rng.choice(["f", "m"], n),
         "patient_id": np.arange(n) // 2}
    )  # fmt: skip
    return data[(data["left"] > 0) | np.isfinite(data["right"])].reset_index(drop=True)


def curve(data: pd.DataFrame | Frame | None = None, **more: Any) -> TurnbullCurve:
    return turnbull(rows() if data is None else data, left="left", right="right", **more)


def codes(result: Any) -> set[str]:
    return {c.code for c in result.caveats}


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [(5.0, 4.0, "lies after right"), (-1.0, 4.0, "negative"), (NAN, NAN, "both missing"),
     (np.inf, NAN, "infinite"), (NAN, -2.0, "negative")],
)  # fmt: skip
def test_impossible_intervals_are_refused(left: float, right: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        curve(pd.DataFrame({"left": [left, 0.0], "right": [right, 3.0]}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"visits": [90, 30]}, "ascending"),
        ({"visits": []}, "ascending"),
        ({"visits": [0, 30]}, "positive"),
        ({"visits": [30, 90]}, "no planned visit"),
        ({"by": "left_side"}, "no such column"),
        ({"by": "time"}, "rename"),
        ({"conf_type": "arcsin"}, "log-log"),
        ({"level": 0}, "level"),
        ({"start": "sex"}, "no dates"),
    ],
)
def test_a_request_that_is_wrong_raises(options: dict[str, Any], message: str) -> None:
    data = rows().assign(time=1)
    if "start" in options:
        data["left"] = pd.Timestamp("2020-01-01")
    with pytest.raises(UsageError, match=message):
        curve(data, **options)


def test_known_times_are_no_visits() -> None:
    data = pd.DataFrame({"left": [30.0, 30.0], "right": [30.0, 90.0]})
    with pytest.raises(UsageError, match="no time is known exactly"):
        curve(data, visits=VISITS)
    assert curve(data).ok


def test_errors_stand_at_fixed_visits_alone() -> None:
    assert curve().tidy()["std_error"].isna().all()
    assert curve().tidy()["conf_low"].isna().all()
    assert "no_errors" in codes(curve())
    fixed = curve(visits=VISITS)
    assert fixed.tidy()["std_error"].notna().all()
    assert fixed.tidy()["time"].tolist() == VISITS
    assert "no_errors" not in codes(fixed)


def test_without_visits_kept_by_anybody_the_mass_is_unknown() -> None:
    # nobody was seen at 90, so how (30, 180] splits is not determined
    data = pd.DataFrame({"left": [0.0, 30, 30, 180, 180], "right": [30.0, 180, 180, NAN, NAN]})
    fixed = curve(data, visits=VISITS)
    assert "not_unique" in codes(fixed)
    assert fixed.tidy()["std_error"].isna().all()


def test_what_the_curve_is_not_is_said() -> None:
    assert {"death_censored", "informative_visits"} <= codes(curve())


def test_no_events_and_no_rows() -> None:
    flat = curve(pd.DataFrame({"left": [30.0, 90.0], "right": [NAN, NAN]}))
    assert flat.tidy()["estimate"].tolist() == [1.0]
    assert flat.tidy()["time"].tolist() == [90.0]
    assert "no_events" in codes(flat)
    empty = curve(rows().head(0))
    assert empty.status == "no rows"
    assert empty.reason.endswith(".")
    assert curve(rows().assign(sex=None), by="sex").status == "no rows"


def test_groups_are_curves_of_their_own() -> None:
    data = rows()
    both = curve(data, by="sex")
    for name, part in both.groups():
        alone = curve(data[data["sex"] == name])
        np.testing.assert_allclose(part["estimate"], alone.tidy()["estimate"], atol=1e-9)
    assert both.cells.groupby("sex")["mass"].sum().tolist() == pytest.approx([1, 1])
    gap = data.assign(sex=data["sex"].where(data.index > 3))
    assert curve(gap, by="sex").n == len(data) - 4
    assert "dropped_rows" in codes(curve(gap, by="sex"))


def test_clusters_matter_for_the_errors() -> None:
    data = rows()
    doubled = pd.concat([data, data]).assign(patient_id=np.tile(np.arange(len(data)), 2))
    plain, robust = curve(data, visits=VISITS), curve(doubled, visits=VISITS, cluster="patient_id")
    np.testing.assert_allclose(robust.tidy()["estimate"], plain.tidy()["estimate"], atol=1e-9)
    naive = curve(doubled, visits=VISITS).tidy()["std_error"]
    np.testing.assert_allclose(naive, plain.tidy()["std_error"] / np.sqrt(2), rtol=1e-7)
    assert (robust.tidy()["std_error"] > naive).all()
    assert robust.n_clusters == len(data)
    one = curve(data.assign(patient_id=1), visits=VISITS, cluster="patient_id")
    assert one.tidy()["std_error"].isna().all()
    with pytest.raises(UsageError, match="cluster"):
        curve(Frame(data, unit="level"))


def test_dates_and_timedeltas_count_in_days() -> None:
    data, day = rows(), pd.Timestamp("2021-05-05")
    finite = data.assign(right=data["right"].where(np.isfinite(data["right"])))
    apart = finite.assign(**{c: pd.to_timedelta(finite[c], unit="D") for c in ("left", "right")})
    dates = apart.assign(day=day, left=day + apart["left"], right=day + apart["right"])
    expected = curve(data).tidy()["estimate"]
    for other in (curve(apart), curve(dates, start="day"), curve(finite.convert_dtypes())):
        np.testing.assert_allclose(other.tidy()["estimate"], expected, atol=1e-9)
    assert curve(apart).time_unit == "days"
    assert curve(data).time_unit == "the unit of right"


def test_a_curve_can_be_drawn_with_and_without_limits() -> None:
    for result in (curve(by="sex"), curve(visits=VISITS)):
        plt.close(result.plot().figure)


def test_the_conditions_of_a_maximum_hold_where_the_iteration_is_slow() -> None:
    # a mass that goes to zero: self-consistency alone takes its time
    rng = np.random.default_rng(8)
    time = rng.weibull(1.2, 400) * 300
    left = np.floor(time / 40) * 40 + rng.uniform(-15, 15, 400)
    right = left + 40 + rng.uniform(0, 30, 400)
    cells = innermost(np.maximum(left, 0), np.where(rng.random(400) < 0.2, np.inf, right))
    found = find_mass(cells)
    assert found.converged
    assert found.excess < 1e-11
    assert found.mass.sum() == pytest.approx(1, abs=1e-12)
    assert (found.mass >= 0).all()
