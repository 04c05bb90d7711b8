"""Illness–death models: what goes in, what is refused, what is said."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from vpstats.errors import FormulaError, UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.interval.illness_death import IllnessDeathFit, fit_illness_death
from vpstats.models.interval.panel import bracket_visits

NAN = np.nan


def rows(n: int = 60, seed: int = 3) -> pd.DataFrame:
    """Patients seen every hundred days or so; some fall ill, some die."""
    rng = np.random.default_rng(seed)
    end = rng.integers(60, 900, n).astype(float)
    onset = rng.exponential(900, n)
    found = np.ceil(onset / 100) * 100
    ill = found <= end
    return pd.DataFrame(
        {
            "left": np.where(ill, found - 100, np.floor(end / 100) * 100),
            "right": np.where(ill, found, NAN),
            "end": end,
            "died": rng.integers(0, 2, n),
            "age": rng.normal(70, 8, n).round(),
            "sex": rng.choice(["f", "m"], n),
            "patient_id": np.arange(n) // 2,
        }
    )


def fit(data: Any = None, formula: Any = "~ 1", **more: Any) -> IllnessDeathFit:
    asked = {"left": "left", "right": "right", "end": "end", "died": "died", "cuts": [365]}
    return fit_illness_death(rows() if data is None else data, formula, **(asked | more))


def codes(result: Any) -> set[str]:
    return {c.code for c in result.caveats}


# --- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left": [5.0, NAN], "right": [4.0, 50.0]}, "lies after right"),
        ({"left": [-1.0, 0.0]}, "is negative"),
        ({"right": [-5.0, NAN], "left": [NAN, 0]}, "is negative"),
        ({"left": [NAN, 0.0], "right": [NAN, NAN]}, "both missing"),
        ({"left": [np.inf, 0.0]}, "infinite"),
        ({"left": [200.0, 0.0], "right": [NAN, NAN]}, "left='left' lies after end"),
        ({"right": [150.0, NAN]}, "right='right' lies after end"),
        ({"right": [0.0, NAN], "left": [0.0, 0.0]}, "does not lie after the start"),
        ({"end": [-3.0, 100.0], "left": [0.0, 0.0]}, "negative or infinite"),
        ({"end": [np.inf, 100.0]}, "negative or infinite"),
    ],
)
def test_times_that_contradict_each_other_are_refused(
    change: dict[str, list[float]], message: str
) -> None:
    data = pd.DataFrame({"left": [0.0, 0.0], "right": [50.0, NAN], "end": 100.0, "died": [0, 1]})
    with pytest.raises(UsageError, match=message) as error:
        fit(data.assign(**change))
    assert "1 rows" in str(error.value)


def test_illness_before_late_entry_is_not_new() -> None:
    data = rows().assign(entry=0.0)
    data.loc[data["right"].first_valid_index(), "entry"] = data["right"].dropna().iloc[0]
    with pytest.raises(UsageError, match="does not lie after the start"):
        fit(data, entry="entry")
    with pytest.raises(UsageError, match="0 <= entry <= end"):
        fit(rows().assign(entry=1000.0), entry="entry")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"after_illness": "shared"}, "'own', 'ratio' or 'equal'"),
        ({"cuts": [365, 60]}, "ascending order"),
        ({"cuts": [0]}, "ascending order"),
        ({"cuts": [np.inf]}, "ascending order"),
        ({"formula": {"infection": "~ age"}}, "names the transition 'infection'"),
        ({"formula": {"death_ill": "~ age"}, "after_illness": "equal"}, "takes the covariates"),
        ({"level": 95}, "level"),
        ({"left": "last_negative"}, "no such column"),
        ({"end": "sex"}, "expected numbers"),
        ({"died": "end"}, "other numbers than 0 and 1"),
        ({"start": "age", "left": "when"}, "no dates"),
        ({"left": "when"}, "holds dates"),
    ],
)
def test_a_request_that_is_wrong_raises(options: dict[str, Any], message: str) -> None:
    data = rows().assign(when=pd.Timestamp("2020-01-01"))
    with pytest.raises(UsageError, match=message):
        fit(data, **options)


def test_formulas_are_data() -> None:
    with pytest.raises(FormulaError):
        fit(formula="~ __import__('os')")
    with pytest.raises(FormulaError, match="left side"):
        fit(formula="died ~ age")


def test_rows_that_repeat_patients_must_be_clustered() -> None:
    frame = Frame(rows(), unit="vertebra")
    with pytest.raises(UsageError, match="cluster"):
        fit(frame)
    assert fit(frame, cluster="patient_id").vcov == "CR0"
    assert "independent" in codes(fit(frame, independent="one vertebra each was drawn"))


# --- what cannot be estimated


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (rows().assign(right=NAN, left=0.0), "no events"),
        (rows().assign(died=None), "no rows"),
        (rows().head(0), "no rows"),
    ],
)
def test_what_cannot_be_estimated_says_so(data: pd.DataFrame, status: str) -> None:
    result = fit(data)
    assert result.status == status
    assert result.reason.endswith(".")
    assert result.tidy()["estimate"].isna().all()
    assert result.incidence([30])["estimate"].isna().all()


def test_one_cluster_is_too_few() -> None:
    assert fit(rows().assign(site="A"), cluster="site").status == "too few clusters"


def test_an_infinite_hazard_ratio_is_not_printed() -> None:
    data = rows()
    result = fit(data.assign(marker=data["right"].notna().astype(int)), "~ marker")
    assert result.status == "monotone likelihood"
    assert "illness:marker" in result.reason


def test_nobody_dying_healthy_leaves_no_ratio() -> None:
    data = rows()
    result = fit(data.assign(died=data["died"].where(data["right"].notna(), 0)),
                 after_illness="ratio", cuts=[])  # fmt: skip
    assert result.status in ("not identified", "ok")
    nobody = fit(data.assign(died=0), after_illness="ratio", cuts=[])
    assert nobody.status == "not identified"
    assert "'own' or 'equal'" in nobody.reason


# --- intensities of zero


def test_a_window_without_events_has_an_intensity_of_zero_and_an_upper_limit() -> None:
    data = rows()
    result = fit(data, cuts=[0.5, 365])  # nobody can be found ill within half a day
    table = result.intensities().set_index(["transition", "window"])
    first = table.loc[("illness", "0-0.5")]
    assert first["estimate"] == 0
    assert np.isfinite(first["conf_high"])
    assert first["conf_high"] > 0
    assert "zero_intensity" in codes(result)
    with pytest.raises(UsageError, match="fit again"):
        result.tidy(level=0.8)
    early = result.incidence([0.25]).iloc[0]
    assert early["estimate"] == 0
    assert np.isnan(early["std_error"])


def test_nobody_at_risk_is_not_a_zero() -> None:
    result = fit(cuts=[365, 2000])
    assert np.isnan(result.tidy().set_index("term").loc["illness[2000+]", "estimate"])
    assert "nobody_at_risk" in codes(result)
    assert result.incidence([500.0])["estimate"].notna().all()
    assert result.incidence([5000.0])["estimate"].isna().all()  # beyond the longest follow-up


# --- what is said


def test_assumptions_are_stated() -> None:
    assert "informative_visits" in codes(fit())
    assert "after_illness" in codes(fit(after_illness="equal"))
    assert "few_events" in codes(fit(rows(20), cuts=[]))
    late = rows().assign(left=0.0)
    assert "unseen_events" in codes(fit(late))


def test_incomplete_rows_are_left_out_and_counted() -> None:
    data = rows()
    data.loc[:4, "age"] = NAN
    data.loc[5:6, "end"] = NAN
    result = fit(data, {"death": "~ age"})
    assert result.n_missing == 7
    assert result.n == len(data) - 7
    assert "dropped_rows" in codes(result)


def test_simpler_analyses_stand_beside() -> None:
    result = fit()
    assert result.naive["method"].unique().tolist() == ["interval", "midpoint", "date found"]
    assert list(result.naive.columns) == ["method", *result.tidy().columns]
    assert "date found" in repr(result)
    assert "date found" in result._repr_html_()
    incidence = result.incidence([100, 365])
    assert list(incidence.columns[:3]) == ["method", "time", "estimate"]
    assert len(incidence) == 6


def test_probabilities_add_up_and_wider_levels_are_wider() -> None:
    result = fit(formula="~ age + C(sex)")
    new = rows().head(3)
    parts = [result.predict(new, times=[50, 400], kind=k) for k in ("healthy", "ill", "dead")]
    np.testing.assert_allclose(sum(p["estimate"] for p in parts), 1.0, atol=1e-12)
    assert (result.predict(new, times=[400])["estimate"] >= parts[1]["estimate"].iloc[1::2]).all()
    narrow, wide = (result.predict(new, times=[400], level=v) for v in (0.5, 0.99))
    assert (wide["conf_low"] < narrow["conf_low"]).all()
    assert (wide["conf_high"] > narrow["conf_high"]).all()
    assert result.predict(new, times=[0])["estimate"].eq(0).all()
    unknown: Any = "sick"
    with pytest.raises(UsageError, match="kind"):
        result.predict(new, kind=unknown)
    with pytest.raises(UsageError, match="at least 0"):
        result.predict(new, times=[-1])
    with pytest.raises(UsageError, match=r"predict\(new"):
        result.incidence([30])


def test_intensities_of_given_covariates() -> None:
    result = fit(formula="~ age")
    table = result.intensities(per=365.25, at=pd.DataFrame({"age": [70.0]}))
    slope = result.tidy().set_index("term").loc["illness:age", "estimate"]
    base = result.intensities(per=365.25)
    np.testing.assert_allclose(
        table["estimate"][:2], base["estimate"][:2] * np.exp(70 * slope), rtol=1e-10
    )
    with pytest.raises(UsageError, match="one row"):
        result.intensities(at=rows().head(2))
    with pytest.raises(UsageError, match="positive"):
        result.intensities(per=0)


def test_augment_says_how_probable_unseen_illness_is() -> None:
    data = rows()
    result = fit(data)
    added = result.augment(data)
    found = data["right"].notna()
    assert (added.loc[found, ".ill"] == 1).all()
    assert added.loc[~found, ".ill"].between(0, 1, inclusive="left").all()
    assert added.loc[~found, ".ill"].sum() == pytest.approx(result.unseen, rel=1e-9)


def test_a_result_can_be_drawn() -> None:
    axes = fit(formula="~ age").plot()
    plt.close(axes.figure)


# --- types of columns


def test_dates_timedeltas_and_nullable_columns_say_the_same() -> None:
    data, day = rows(), pd.Timestamp("2020-03-01")
    plain = fit(data)
    times = ["left", "right", "end"]
    apart = data.assign(**{c: pd.to_timedelta(data[c], unit="D") for c in times})
    dates = data.assign(day=day, **{c: day + apart[c] for c in times})
    nullable = data.convert_dtypes().assign(died=data["died"].astype("boolean"))
    python = dates.assign(end=[d.date() for d in dates["end"]])
    assert plain.time_unit == "the unit of end"
    for other, more in (
        (apart, {}), (dates, {"start": "day"}), (nullable, {}), (python, {"start": "day"}),
    ):  # fmt: skip
        found = fit(other, **more)
        np.testing.assert_allclose(found.coefficients, plain.coefficients, rtol=1e-9)
    assert fit(apart).time_unit == "days"
    with pytest.raises(UsageError, match="time zone"):
        fit(dates.assign(end=dates["end"].dt.tz_localize("UTC")), start="day")


def test_nothing_handed_in_is_changed_and_labels_play_no_part() -> None:
    data = rows()
    before = data.copy(deep=True)
    plain = fit(data, "~ age")
    pd.testing.assert_frame_equal(data, before)
    doubled = data.set_axis([0] * len(data), axis=0)
    np.testing.assert_array_equal(fit(doubled, "~ age").coefficients, plain.coefficients)


def test_an_infinite_right_was_never_found() -> None:
    data = rows()
    same = fit(data.assign(right=data["right"].fillna(np.inf)))
    np.testing.assert_array_equal(same.coefficients, fit(data).coefficients)


# --- imputations


def imputed(m: int = 3) -> Imputations:
    rng = np.random.default_rng(5)
    gap = np.arange(60) % 4 == 0
    frames = []
    for _ in range(m):
        data = rows()
        data["age"] = np.where(gap, rng.normal(70, 8, 60), data["age"])
        frames.append(Frame(data, unit="patient", independent="one row each"))
    return Imputations(tuple(frames))


def test_imputations_are_pooled_by_every_method() -> None:
    copies = imputed()
    pooled = fit(copies, "~ age")
    each = [fit(frame, "~ age") for frame in copies]
    np.testing.assert_allclose(
        pooled.coefficients, np.mean([f.coefficients for f in each], axis=0), rtol=1e-12
    )
    assert (pooled.std_errors >= np.min([f.std_errors for f in each], axis=0)).all()
    assert pooled.naive["method"].nunique() == 3
    assert np.isnan(pooled.log_likelihood)


def test_zeros_survive_pooling() -> None:
    pooled = fit(imputed(), "~ age", cuts=[0.5, 365])
    term = pooled.tidy().set_index("term").loc["illness[0-0.5]"]
    assert np.isneginf(term["estimate"])
    assert np.isfinite(pooled.tidy().set_index("term").loc["illness:age", "std_error"])


# --- visits, one row each


def visits() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "who": ["a", "a", "a", "b", "b", "c", "c", "c"],
            "day": [0, 30, 90, 0, 400, 10, 50, 80],
            "state": [1, 1, 2, 1, 3, 1, None, 1],
            "age": [60, 61, 62, 70, 71, 80, 81, 82],
        }
    )


def test_visits_become_one_row_per_subject() -> None:
    table = bracket_visits(visits(), subject="who", time="day", state="state")
    assert table["left"].tolist() == [30, 0, 80]
    assert table["right"].isna().tolist() == [False, True, True]
    assert table["end"].tolist() == [90, 400, 80]
    assert table["died"].tolist() == [0, 1, 0]
    assert table["entry"].tolist() == [0, 0, 10]
    assert table["age"].tolist() == [60, 70, 80]
    shuffled = visits().sample(frac=1, random_state=1)
    again = bracket_visits(shuffled, subject="who", time="day", state="state")
    pd.testing.assert_frame_equal(
        again.sort_values("who", ignore_index=True), table, check_dtype=False
    )


@pytest.mark.parametrize(
    ("row", "value", "message"),
    [(0, 2, "not healthy on their first"), (1, 2, "healthy after illness"),
     (1, 3, "record after death")],
)  # fmt: skip
def test_histories_that_cannot_be_are_refused(row: int, value: int, message: str) -> None:
    data = visits().astype({"state": float})
    data.loc[row, "state"] = value
    data.loc[2, "state"] = 1
    with pytest.raises(UsageError, match=f"1 subjects .*{message}"):
        bracket_visits(data, subject="who", time="day", state="state")
    with pytest.raises(UsageError, match="is missing"):
        bracket_visits(visits().assign(day=NAN), subject="who", time="day", state="state")
