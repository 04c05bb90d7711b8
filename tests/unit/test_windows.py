"""One hazard ratio per window: what is fitted, what is refused, and what stands in for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.frames import Frame, Imputations
from vpstats.models.hazards import fit_cox
from vpstats.models.splitting import split_follow_up
from vpstats.models.windows import EventFloors, WindowEffects, fit_cox_by_window


def simulate(n: int = 300, seed: int = 8) -> pd.DataFrame:
    """A leak that raises the hazard in the first 60 days and not thereafter."""
    rng = np.random.default_rng(seed)
    leak, age = rng.integers(0, 2, n), rng.normal(70, 8, n)
    early = rng.exponential(np.where(leak, 80, 400))
    days = np.ceil(np.where(early < 60, early, 60 + rng.exponential(300, n)))
    end = rng.uniform(30, 700, n)
    return pd.DataFrame(
        {
            "leak": np.where(leak, "yes", "no"),
            "age": age,
            "days": np.ceil(np.minimum(days, end)),
            "event": np.where(days <= end, rng.choice([1, 1, 1, 2], n), 0),
            "patient_id": np.repeat(np.arange(n // 2), 2),
            "grade": rng.choice(["a", "b", "c", "d"], n),
        }
    )


ROWS = simulate()
ASKED: dict[str, Any] = {"exposure": "leak", "at": [60], "duration": "days", "event": "event"}


def codes(found: WindowEffects) -> set[str]:
    return {c.code for c in found.caveats}


def test_effects_are_those_of_the_interaction() -> None:
    found = fit_cox_by_window(ROWS, "age + leak", **ASKED, cluster="patient_id")
    parts = split_follow_up(ROWS, duration="days", event="event", at=[60])
    parts = parts.assign(
        early=(parts["leak"] == "yes") & (parts["window"] == "0-60"),
        late=(parts["leak"] == "yes") & (parts["window"] == "60+"),
    ).astype({"early": int, "late": int})
    fit = fit_cox(parts, "early + late + age", duration="days", event="event", entry="entry",
                  cluster="patient_id")  # fmt: skip
    table = found.tidy()
    np.testing.assert_allclose(table["estimate"], fit.coefficients[:2], rtol=1e-8)
    np.testing.assert_allclose(table["std_error"], fit.std_errors[:2], rtol=1e-8)
    gap = np.array([1, -1, 0])
    wald = (gap @ fit.coefficients) ** 2 / (gap @ fit.covariance @ gap)
    assert found.glance().loc[0, "statistic"] == pytest.approx(wald)
    assert found.equality.loc[0, "p_value"] < 0.05
    assert table["window"].tolist() == ["0-60", "60+"]
    assert table["term"].tolist() == ["leak[T.yes]"] * 2
    assert table["n_events"].sum() == (ROWS["event"] == 1).sum() == found.n_events
    assert table["person_time"].sum() == pytest.approx(ROWS["days"].sum())
    assert found.n == len(ROWS)
    ratios = found.tidy(exponentiate=True, level=0.9)
    np.testing.assert_allclose(ratios["estimate"], np.exp(table["estimate"]))
    assert (ratios["conf_low"] > np.exp(table["conf_low"])).all()


def test_a_window_with_few_events_is_refused_in_words() -> None:
    """A cut at day 5 leaves fewer than five events before it."""
    found = fit_cox_by_window(ROWS, "age", **(ASKED | {"at": [2, 60]}))
    table = found.tidy()
    assert table["status"].tolist() == ["too few events", "ok", "ok"]
    assert np.isnan(table["estimate"].iloc[0])
    assert found.ok
    reason = found.windows["reason"].iloc[0]
    assert "at least 5 are needed" in reason
    assert [c.term for c in found.caveats if c.code == "event_floor"] == ["0-2"]
    rates = found.rates.tidy()
    assert rates["group"].tolist()[:2] == ["0-2, leak no", "0-2, leak yes"]
    assert (rates["conf_high"] > rates["estimate"]).all()
    assert rates["n_events"].sum() == found.n_events
    rest = fit_cox_by_window(ROWS, "age", **ASKED)
    np.testing.assert_allclose(  # days 0-2 are left out of the model, and hold few events
        table["estimate"].iloc[1:], rest.tidy()["estimate"], atol=0.3
    )


def test_five_to_nine_events_need_firth_and_one_parameter() -> None:
    day = next(d for d in range(2, 30) if 5 <= (_events_by(d)) <= 9)
    found = fit_cox_by_window(ROWS, "age", **(ASKED | {"at": [day]}))
    assert found.fit.penalty == "firth"
    assert found.tidy()["status"].tolist() == ["ok", "ok"]
    assert found.fit.conf_low is not None
    with pytest.raises(UsageError, match="fit again with level"):
        found.tidy(level=0.9)
    three = fit_cox_by_window(ROWS, "age", **(ASKED | {"at": [day], "exposure": "grade"}))
    assert three.windows["status"].tolist() == ["too few events", "ok"]
    assert len(three.tidy()) == 6
    clustered = fit_cox_by_window(ROWS, "age", **(ASKED | {"at": [day]}), cluster="patient_id")
    assert clustered.fit.vcov == "CR0"


def _events_by(day: int) -> int:
    return int(((ROWS["event"] == 1) & (ROWS["days"] <= day)).sum())


def test_too_many_coefficients_for_all_windows() -> None:
    few = ROWS.head(26)
    found = fit_cox_by_window(
        few, "age + grade", **(ASKED | {"at": [150]}),
        floors=EventFloors(events=5, events_per_parameter=3),
    )  # fmt: skip
    assert found.status == "too few events"
    assert "all windows together" in found.reason
    assert found.tidy()["estimate"].isna().all()


def test_nothing_can_be_fitted() -> None:
    found = fit_cox_by_window(ROWS.assign(event=0), "age", **ASKED)
    assert found.status == "too few events"
    assert found.tidy()["estimate"].isna().all()
    assert np.isnan(found.glance().loc[0, "statistic"])
    assert (found.rates.tidy()["estimate"] == 0).all()
    nobody = fit_cox_by_window(ROWS.assign(age=np.nan), "age", **ASKED)
    assert not nobody.ok
    one = fit_cox_by_window(ROWS, "1", **(ASKED | {"at": [10_000]}))
    assert one.tidy()["status"].tolist() == ["ok", "too few events"]
    assert np.isnan(one.equality.loc[0, "statistic"])


def test_gaps_are_counted_once() -> None:
    gaps = ROWS.assign(age=ROWS["age"].where(ROWS.index % 10 > 0))
    found = fit_cox_by_window(gaps, "age", **ASKED)
    assert found.n == 270
    assert [c.code for c in found.caveats].count("dropped_rows") == 1


def test_a_frame_brings_its_cluster() -> None:
    frame = Frame(ROWS, unit="level", cluster="patient_id", duration="days")
    found = fit_cox_by_window(frame, "age", **ASKED)
    plain = fit_cox_by_window(ROWS, "age", **ASKED, cluster="patient_id")
    np.testing.assert_array_equal(found.fit.covariance, plain.fit.covariance)
    assert (found.unit, found.n_clusters) == ("level", 150)
    alone = fit_cox_by_window(ROWS.drop(columns="patient_id"), "age", **ASKED)
    assert "independent" not in codes(alone)
    said = fit_cox_by_window(frame, "age", **ASKED, independent="one level each")
    assert "independent" in codes(said)
    unsaid = fit_cox_by_window(ROWS, "age", **ASKED)  # a plain table carries no guard
    assert "independent" not in codes(unsaid)


def test_entry_and_strata_are_kept() -> None:
    rows = ROWS.assign(entry_day=np.where(ROWS.index % 3 == 0, 1.0, 0.0)).query("days > 1")
    found = fit_cox_by_window(rows, "age", **ASKED, entry="entry_day", strata="grade",
                              ties="breslow")  # fmt: skip
    assert found.ok
    assert found.fit.entry == "entry_day"
    assert found.fit.n_strata == 4


def test_cr1_is_cr0_with_its_factor() -> None:
    one, other = (
        fit_cox_by_window(ROWS, "age", **ASKED, cluster="patient_id", vcov=vcov)
        for vcov in ("CR1", "CR0")
    )
    np.testing.assert_allclose(one.fit.covariance, other.fit.covariance * 150 / 149, rtol=1e-12)
    assert one.equality.loc[0, "method"] == "Wald F"
    with pytest.raises(UsageError, match="needs cluster="):
        fit_cox_by_window(ROWS, "age", **ASKED, vcov="CR0")


@pytest.mark.parametrize("vcov", [None, "HC0"])
def test_the_parts_of_a_row_are_one_draw(vcov: Any) -> None:
    """Robust errors of rows do not change when follow-up is cut."""
    rows = ROWS.assign(w=np.where(ROWS.index % 3 == 0, 0.5, 1.5))
    found = fit_cox_by_window(rows, "age", **ASKED, weights="w", vcov=vcov).fit
    rows["row"] = np.arange(len(rows))
    clustered = fit_cox_by_window(rows, "age", **ASKED, weights="w", cluster="row").fit
    np.testing.assert_allclose(found.covariance, clustered.covariance, rtol=1e-12)
    assert (found.vcov, found.n_clusters, found.cluster) == ("HC0", None, None)


def test_columns_that_nothing_names_are_in_nobodys_way() -> None:
    rows = ROWS.assign(window="left", entry="front")
    found = fit_cox_by_window(rows, "age", **ASKED)
    pd.testing.assert_frame_equal(found.tidy(), fit_cox_by_window(ROWS, "age", **ASKED).tidy())


def test_a_window_in_which_all_are_alike_is_refused_alone() -> None:
    """Whoever had a leak is lost or has had the event by day 60."""
    rows = ROWS.assign(
        days=np.where(ROWS["leak"] == "yes", np.minimum(ROWS["days"], 60), ROWS["days"])
    )
    found = fit_cox_by_window(rows, "age", **ASKED)
    assert found.windows["status"].tolist() == ["ok", "not identified"]
    assert "nothing to compare" in found.windows["reason"].iloc[1]
    assert found.tidy()["estimate"].notna().tolist() == [True, False]


def test_a_measured_exposure_has_a_rate_per_window() -> None:
    found = fit_cox_by_window(ROWS, "leak", **(ASKED | {"exposure": "age"}))
    assert found.rates.tidy()["group"].tolist() == ["0-60", "60+"]
    assert found.tidy()["term"].tolist() == ["age", "age"]


def test_imputations_are_pooled() -> None:
    frames = tuple(
        Frame(ROWS.assign(age=ROWS["age"] + shift), unit="level", cluster="patient_id")
        for shift in (0.0, np.linspace(0, 3, 300), np.linspace(3, 0, 300))
    )
    pooled = fit_cox_by_window(Imputations(frames), "age", **ASKED)
    single = [fit_cox_by_window(f, "age", **ASKED).tidy()["estimate"] for f in frames]
    np.testing.assert_allclose(pooled.tidy()["estimate"], np.mean(single, axis=0))
    assert pooled.equality.loc[0, "method"] in ("Wald F", "Wald chi-squared")
    assert 0 <= pooled.equality.loc[0, "p_value"] <= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"exposure": "leak:age"}, "expected one column"),
        ({"formula": "age * leak"}, "lets the effect of the exposure vary already"),
        ({"at": [60, 30]}, "ascending"),
        ({"exposure": "leek"}, "did you mean 'leak'"),
    ],
)
def test_bad_requests(options: dict[str, Any], words: str) -> None:
    asked = {"formula": "age"} | ASKED | options
    with pytest.raises(UsageError, match=words):
        fit_cox_by_window(ROWS, **asked)
