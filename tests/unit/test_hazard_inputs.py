"""Impossible and useless data: every hazard model refuses them in one sentence or says why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vpstats.errors import UsageError
from vpstats.models.fine_gray import fit_fine_gray
from vpstats.models.hazards import fit_cox
from vpstats.models.varying import fit_time_varying
from vpstats.models.windows import fit_cox_by_window

TIMES: dict[str, Any] = {"duration": "days", "event": "event"}
Fit = Callable[..., Any]


def _frailty(data: pd.DataFrame, *, cluster: str = "id", **options: Any) -> Any:
    return fit_cox(data, "x + age", **TIMES, frailty=cluster, **options)


FITS: dict[str, Fit] = {
    "Cox": lambda data, **more: fit_cox(data, "x + age", **TIMES, **more),
    "Firth": lambda data, **more: fit_cox(data, "x + age", **TIMES, penalty="firth", **more),
    "Fine–Gray": lambda data, **more: fit_fine_gray(data, "x + age", **TIMES, **more),
    "frailty": _frailty,
    "x g(t)": lambda data, **more: fit_time_varying(
        data, "x + age", exposure="x", function="sqrt", **TIMES, **more
    ),
    "windows": lambda data, **more: fit_cox_by_window(
        data, "age", exposure="x", at=[60], **TIMES, **more
    ),
}
every_model = pytest.mark.parametrize("fit", FITS.values(), ids=FITS)


def simulate(n: int = 160) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "x": rng.integers(0, 2, n),
            "age": rng.normal(70, 8, n).round(1),
            "days": np.ceil(rng.exponential(100, n)),
            "event": rng.choice([0, 1, 1, 2], n),
            "id": np.repeat(np.arange(n // 2), 2),
            "start": 0.0,
            "group": pd.Categorical(rng.choice(["a", "b"], n), categories=["a", "b", "never"]),
        }
    )


ROWS = simulate()
FOURTH = np.arange(len(ROWS)) == 3


@every_model
@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"days": np.where(FOURTH, -1.0, ROWS["days"])}, {}, "negative .* in 1 rows"),
        ({"days": np.where(FOURTH, np.inf, ROWS["days"])}, {}, "in 1 rows"),
        ({"start": np.where(FOURTH, ROWS["days"], 0.0)}, {"entry": "start"}, "in 1 rows"),
        ({"start": np.where(FOURTH, ROWS["days"] + 1, 0.0)}, {"entry": "start"}, "in 1 rows"),
        ({"start": -1.0}, {"entry": "start"}, "expected 0 <= entry < duration"),
        ({"event": np.where(FOURTH, 1.5, ROWS["event"])}, {}, "not a code in 1 rows"),
        ({"event": np.where(FOURTH, -1, ROWS["event"])}, {}, "not a code in 1 rows"),
        ({"event": ROWS["event"].map({0: "no", 1: "yes", 2: "died"})}, {}, "column 'event'"),
        ({"id": ROWS["id"].where(ROWS["id"] != 4)}, {"cluster": "id"}, "missing cluster ids"),
        ({"days": pd.Timestamp("2024-01-01")}, {}, "holds dates.*Subtract the date"),
        ({"age": np.where(FOURTH, np.inf, ROWS["age"])}, {}, "infinite"),
    ],
    ids=["negative time", "endless time", "entry at the end", "entry after the end",
         "negative entry", "half a code", "negative code", "words for codes",
         "missing cluster", "dates", "infinite covariate"],
)  # fmt: skip
def test_impossible_data_are_refused(
    fit: Fit, change: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        fit(ROWS.assign(**change), **options)


NOTHING = {"no events", "no rows", "too few events"}
NO_MAXIMUM = {"monotone likelihood"}


@every_model
@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (ROWS.assign(event=ROWS["event"].replace(1, 0)), NOTHING),
        (ROWS.assign(event=0), NOTHING),
        (ROWS.assign(event=2), NOTHING),
        (ROWS.iloc[:0], NOTHING),
        (ROWS.assign(x=np.nan), NOTHING),
        (ROWS.assign(x=np.where(ROWS["event"] == 1, 1, ROWS["x"])), NO_MAXIMUM),
        (ROWS.assign(x=(ROWS["event"] == 1).astype(int)), NO_MAXIMUM),
    ],
    ids=["no events", "all censored", "other events alone", "no rows", "empty column",
         "one value among the events", "events and value go together"],
)  # fmt: skip
def test_what_cannot_be_estimated_says_so(fit: Fit, data: pd.DataFrame, statuses: set[str]) -> None:
    found = fit(data)
    inner = getattr(found, "fit", found)
    if getattr(inner, "penalty", None) == "firth" and statuses is NO_MAXIMUM:
        assert found.ok
        assert "monotone" in {c.code for c in found.caveats}
        return
    assert found.status in statuses
    assert found.reason.endswith(".")
    assert np.isnan(inner.coefficients).all()
    assert found.tidy()["estimate"].isna().all()
    assert found.glance().loc[0, "status"] == found.status
    assert found._repr_html_()


@every_model
def test_a_constant_is_left_out_or_refused(fit: Fit) -> None:
    found = fit(ROWS.assign(x=1))
    assert "aliased" in {c.code for c in found.caveats} or found.status == "not identified"
    if found.status == "not identified":
        assert found.tidy()["estimate"].isna().all()
        assert found.glance()["p_value"].isna().all()
        assert found._repr_html_()


@every_model
def test_one_cluster_is_refused(fit: Fit) -> None:
    assert fit(ROWS.assign(id=1), cluster="id").status == "too few clusters"


@every_model
def test_an_empty_group_and_a_time_of_zero_change_nothing_else(fit: Fit) -> None:
    plain = fit(ROWS.assign(group=ROWS["group"].astype(str)), strata="group")
    empty = fit(ROWS, strata="group")
    pd.testing.assert_frame_equal(plain.tidy(), empty.tidy())
    at_once = fit(ROWS.assign(days=np.where(FOURTH, 0.0, ROWS["days"])))
    assert at_once.ok
    assert at_once.n == len(ROWS)


@every_model
def test_timedeltas_are_read_in_days(fit: Fit) -> None:
    late = ROWS.assign(days=ROWS["days"] + 1, start=np.arange(len(ROWS)) % 3 * 0.5)
    durations = late.assign(
        **{name: pd.to_timedelta(late[name], unit="D") for name in ("days", "start")}
    )
    for options in ({}, {"entry": "start"}):
        days, found = fit(late, **options), fit(durations, **options)
        np.testing.assert_allclose(
            found.tidy()["estimate"], days.tidy()["estimate"], rtol=1e-9, atol=1e-12
        )


@every_model
def test_a_missing_time_leaves_out_the_row_and_is_counted(fit: Fit) -> None:
    found = fit(ROWS.assign(days=ROWS["days"].where(~FOURTH)))
    assert found.n == len(ROWS) - 1
    assert [c.code for c in found.caveats].count("dropped_rows") == 1
