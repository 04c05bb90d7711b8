"""A data-quality report of six procedures in two centers, worked out by hand.

Data cut 30 June 2024.

    center  patient  sex  CRP  day of procedure  entered     last contact      died
    A       1        f    5    2022-01-10        2022-01-12  2023-03-01
    A       2        m    –    2022-01-20        2022-03-21  2022-07-19
    A       3        f    –    2022-05-05        –           2023-05-05        2023-05-05
    A       4        ?    9    2024-06-20        2024-06-24  2024-06-30
    B       5        f    7    2023-02-01        2023-01-31  2024-06-30
    B       6        f    –    2023-02-01        2023-02-11  2024-01-31
"""

from __future__ import annotations

import math
from functools import cache

import pandas as pd
import pytest

from vpstats.quality import QualityResult, quality_report
from vpstats.registry import Registry

CUT = "2024-06-30"
COUNTS = [
    {"center": "A", "year": 2022, "n": 4},
    {"center": "B", "from": "2023-01-01", "to": "2023-12-31", "n": 2},
    {"center": "B", "year": 2024, "n": 1},  # not over at the data cut
]


def days(*texts: str | None) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts)))


@cache
def registry() -> Registry:
    patients = pd.DataFrame(
        {
            "patient_id": ["A/1", "A/2", "A/3", "A/4", "B/5", "B/6"],
            "center_id": list("AAAABB"),
            "sex": ["f", "m", "f", "unknown", "f", "f"],
            "last_contact_date": days("2023-03-01", "2022-07-19", "2023-05-05", CUT, CUT,
                                      "2024-01-31"),
            "death_date": days(None, None, "2023-05-05", None, None, None),
        }
    )  # fmt: skip
    procedures = pd.DataFrame(
        {
            "procedure_id": [f"{p}/s" for p in patients["patient_id"]],
            "patient_id": patients["patient_id"],
            "center_id": list("AAAABB"),
            "proc_date": days("2022-01-10", "2022-01-20", "2022-05-05", "2024-06-20",
                              "2023-02-01", "2023-02-01"),
            "entry_date": days("2022-01-12", "2022-03-21", None, "2024-06-24", "2023-01-31",
                               "2023-02-11"),
            "crp_mg_l": [5.0, None, None, 9.0, 7.0, None],
            "mri_pre": ["yes", "not_done", "unknown", None, "no", "not_applicable"],
            "ct_post_done": ["yes", "yes", "no", "no", "yes", None],
            "ct_post_reason": ["routine", "suspicion", None, None, None, None],
            "chest_imaging_modality": ["ct_full", "none", "xray", None, "ct_partial", "none"],
        }
    )  # fmt: skip
    tables = {"patients": patients, "procedures": procedures}
    return Registry.from_tables(tables, name="By hand", data_cut=CUT)


@cache
def report() -> QualityResult:
    return quality_report(registry(), hospital_counts=COUNTS)


def value(measure: str, center: str, column: str = "estimate", level: str = "") -> float:
    rows = report().tidy()
    own = (rows["measure"] == measure) & (rows["center_id"] == center) & (rows["level"] == level)
    (found,) = rows.loc[own, column]
    return float(found)


def test_completeness_is_known_over_applicable() -> None:
    # CRP: two of four at A, one of two at B
    assert value("procedures.crp_mg_l", "A") == 100 * 2 / 4
    assert value("procedures.crp_mg_l", "B") == 100 * 1 / 2
    # sex: "unknown" is an answer and no value
    assert value("patients.sex", "A") == 100 * 3 / 4
    # MRI: yes at A of four; no at B of one, since it does not apply to the other
    assert value("procedures.mri_pre", "A") == 100 * 1 / 4
    assert value("procedures.mri_pre", "B") == 100 * 1 / 1
    assert value("procedures.mri_pre", "network") == 100 * 2 / 5


def test_the_reason_for_a_ct_is_asked_where_there_may_have_been_one() -> None:
    # A: two CTs, both with a reason; two procedures without a CT are left out
    assert (value("procedures.ct_post_reason", "A", "n"), value("procedures.ct_post_reason", "A")) \
        == (2, 100.0)  # fmt: skip
    # B: one CT without a reason, and one procedure of which nobody knows
    assert (value("procedures.ct_post_reason", "B", "n"), value("procedures.ct_post_reason", "B")) \
        == (2, 0.0)  # fmt: skip


def test_kinds_of_missing_are_kept_apart() -> None:
    states = report().states
    mri = states[(states["variable"] == "procedures.mri_pre") & (states["center_id"] == "network")]
    assert dict(zip(mri["state"], mri["n"], strict=True)) == {
        "known": 2, "unknown": 1, "not_done": 1, "refused": 0, "blank": 1, "not_applicable": 1,
    }  # fmt: skip


def test_days_to_entry() -> None:
    # A: 2, 60 and 4 days, one not known; B: 10 days, and an entry one day before the procedure
    assert value("entry_median", "A") == 4
    assert value("entry_q3", "A") == (4 + 60) / 2
    assert (value("entry_in_time", "A", "n_events"), value("entry_in_time", "A", "n")) == (2, 3)
    assert value("entry_median", "B") == 10
    assert (value("entry_before", "B", "n_events"), value("entry_before", "B", "n")) == (1, 2)


def test_silence_and_gaps() -> None:
    assert value("silence", "A") == 10
    assert value("silence", "B") == 365 + 29 + 31 + 30 + 31 + 29  # from 1 February 2023 on
    # A: whole months from January 2022 to May 2024, procedures in January and May 2022
    assert value("months", "A") == 12 + 12 + 5
    assert value("months_empty", "A") == 29 - 2
    assert value("gap", "A") == 7 + 12 + 5  # June 2022 to May 2024
    # three procedures in the 5 months outside of that gap; it has 29 - 24 + 1 places
    assert value("gap_chance", "A") == pytest.approx(min(1, 6 * math.exp(-24 * 3 / 5)))


def test_follow_up() -> None:
    # A, days seen: 415, 180, 365 (died) and 10; days possible: 902, 892, 365 and 10
    assert value("clark_c", "A") == pytest.approx(100 * (415 + 180 + 365 + 10)
                                                  / (902 + 892 + 365 + 10))  # fmt: skip
    # reverse Kaplan-Meier at A: 3/4 from day 10, 2/4 from day 180 until 0 on day 415; where the
    # curve stands at a half the median is the middle of that stretch
    assert value("median", "A") == (180 + 415) / 2
    # B: 515 of 515 days, 364 of 515
    assert value("clark_c", "B") == pytest.approx(100 * (515 + 364) / (515 + 515))
    # a year is over for 1, 2, 3, 5 and 6; known: 1 (415 days), 3 (died), 5; not 2, not 6 (364 days)
    assert (value("known_1y", "A", "n_events"), value("known_1y", "A", "n")) == (2, 3)
    assert (value("known_1y", "B", "n_events"), value("known_1y", "B", "n")) == (1, 2)


def test_case_ascertainment() -> None:
    # 3 of 4 at A in 2022: Wilson limits by their formula, z = 1.959964
    z2 = 1.959963984540054**2
    centre, half = (3 + z2 / 2) / (4 + z2), math.sqrt(z2 * (0.75 * 0.25 * 4 + z2 / 4)) / (4 + z2)
    assert value("ascertained", "A", level="2022") == 75
    assert value("ascertained", "A", "conf_low", level="2022") == pytest.approx(
        100 * (centre - half)
    )
    assert value("ascertained", "A", "conf_high") == pytest.approx(100 * (centre + half))
    assert value("ascertained", "B", level="2023-01-01 to 2023-12-31") == 100
    assert value("ascertained", "network") == pytest.approx(100 * 5 / 6)
    assert "is not over at the data cut" in " ".join(report().findings["message"])


def test_imaging() -> None:
    assert value("ct", "A") == 50
    assert (value("ct_routine", "A"), value("ct_suspicion", "A"), value("ct_other", "A")) \
        == (25, 25, 0)  # fmt: skip
    assert value("ct_other", "B") == 50
    assert (value("chest_any", "A"), value("chest_ct", "A"), value("chest_xray", "A")) \
        == (50, 25, 25)  # fmt: skip


def test_the_network_is_the_median_and_the_range_of_the_centers() -> None:
    beside = [value("ct", "A", f"network_{k}") for k in ("median", "low", "high")]
    assert beside == [50, 50, 50]
    beside = [value("patients.sex", "B", f"network_{k}") for k in ("median", "low", "high")]
    assert beside == [(75 + 100) / 2, 75, 100]


def test_patterns_of_two_variables() -> None:
    only = registry().quality.model_copy(
        update={"variables": ("patients.sex", "procedures.crp_mg_l")}
    )
    rows = quality_report(registry(), rules=only).patterns
    found = rows[rows["center_id"] == "network"].set_index("pattern")["n"].to_dict()
    # 1 and 5 lack nothing; 2, 3 and 6 lack CRP; 4 lacks sex
    assert found == {"none": 2, "procedures.crp_mg_l": 3, "patients.sex": 1}
