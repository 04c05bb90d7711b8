"""Days that exports hold as moments: in UTC, in a zone that the mapping names, or in none."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from mapped_exports import read_export, source, table

from vpstats.errors import MappingError
from vpstats.registry.registry import Registry

VISITS = {"patient_id": "id", "visit_id": "id", "visit_date": "at"}
ZAGREB = "Europe/Zagreb"


def read(folder: Path, moments: list[str], zone: str | None = None) -> Registry:
    mapping = source("a", table("visits", **VISITS), timezone=zone)
    text = "id;at\n" + "".join(f"{i};{m}\n" for i, m in enumerate(moments))
    return read_export(folder, mapping, data_cut="2024-12-31", a=text)


def days(found: Registry, n: int) -> list[str]:
    """Day that was read of each cell; "" where none was."""
    keys = found.visits["visit_id"].astype(str).str.extract("([0-9]+)$")[0].astype(int)
    dates = pd.to_datetime(found.visits["visit_date"]).dt.strftime("%Y-%m-%d")
    return [str(day) for day in pd.Series(dates.array, keys).reindex(range(n)).fillna("")]


def unread(found: Registry) -> int:
    return int((found.findings["rule"] == "date.unreadable").sum())


WORKDAYS = [f"2022-{m:02d}-{d:02d}" for m in (2, 5, 7, 11) for d in (3, 9, 14, 24)]
EUROPE = [f"{day}T{8 + i % 7:02d}:{i * 7 % 60:02d}:11Z" for i, day in enumerate(WORKDAYS)]
PACIFIC = [f"{day}T{16 + i % 8:02d}:{i * 7 % 60:02d}:11Z" for i, day in enumerate(WORKDAYS)]


@pytest.mark.parametrize(
    ("usual", "odd", "doubted"),
    [
        (EUROPE, "2022-03-13T22:41:20Z", True),  # the 14th in Helsinki
        (EUROPE, "2022-03-13T18:02:20Z", False),
        (PACIFIC, "2022-03-14T01:41:20Z", True),  # the 13th in Seattle
        (PACIFIC, "2022-03-14T23:41:20Z", False),
        ([], "2022-03-13T22:41:20Z", True),
        ([], "2022-03-13T09:41:20Z", False),
    ],
)
def test_moments_in_utc_near_midnight(
    tmp_path: Path, usual: list[str], odd: str, doubted: bool
) -> None:
    found = read(tmp_path, [*usual, odd])
    assert days(found, len(usual)) == [moment[:10] for moment in usual]
    assert days(found, len(usual) + 1)[-1] == ("" if doubted else odd[:10])
    assert unread(found) == 2 * doubted


def test_midnights_beside_moments_that_were_typed_later(tmp_path: Path) -> None:
    midnights = [f"{day}T23:00:00Z" for day in WORKDAYS]
    found = read(tmp_path, [*midnights, "2022-03-14T09:41:20Z"])
    assert days(found, 17) == [""] * 16 + ["2022-03-14"]


def test_the_zone_of_the_mapping_says_which_day(tmp_path: Path) -> None:
    moments = ["2022-03-13T23:00:00Z", "2022-07-05 22:00:00+00:00", "2022-07-05T08:15:30Z"]
    found = read(tmp_path, [*moments, "2022-07-05T00:30:00+02:00", "2022-07-05"], ZAGREB)
    assert days(found, 5) == ["2022-03-14", "2022-07-06", "2022-07-05", "2022-07-05", "2022-07-05"]
    assert unread(found) == 0
    said = found.corrections.loc[found.corrections["rule"] == "date.zone"]
    assert said[["raw", "clean"]].values.tolist() == [["2022-03-13T23:00:00Z", "2022-03-14"]]


def test_days_that_are_midnights_of_utc_stay_with_a_zone(tmp_path: Path) -> None:
    moments = ["2022-03-13T00:00:00Z", "2022-07-05T00:00:00Z"]
    found = read(tmp_path, moments, "America/New_York")
    assert days(found, 2) == ["2022-03-13", "2022-07-05"]


def test_moments_without_a_zone_that_are_all_midnights_of_it(tmp_path: Path) -> None:
    moments = ["2022-03-13 23:00:00", "2022-07-05 22:00:00", "2022-12-01 23:00:00"]
    assert days(read(tmp_path, moments, ZAGREB), 3) == ["2022-03-14", "2022-07-06", "2022-12-02"]
    clock = [*moments[:2], "2022-12-01 22:00:00"]
    found = read(tmp_path, clock, ZAGREB)  # not to the hour of summer time: the clock of the ward
    assert days(found, 3) == [moment[:10] for moment in clock]
    assert unread(found) == 0


def test_a_zone_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="timezone': 'Zagreb' is no time zone that is known"):
        read(tmp_path, ["2022-03-13"], "Zagreb")


TOKYO = ["2022-03-13", "2022-03-14", "2022-04-05", "2022-05-11", "2022-09-18", "2022-11-09"]
SEASONS = ["2022-01-13", "2022-02-16", "2022-12-05", "2022-06-12", "2022-07-12", "2022-08-03"]


@pytest.mark.parametrize(
    ("moments", "doubted"),
    [
        ([f"{day} 15:00:00" for day in TOKYO], True),  # a Sunday among them
        # Eastern time, at the midnight of UTC
        ([f"{day} {19 + (i > 2)}:00:00" for i, day in enumerate(SEASONS)], True),
        (["2022-01-09 23:00:00"], True),
        (["2022-05-09 22:00:00", "2022-01-09 23:00:00"], True),
        # a clinic on workdays, Fridays among them; one that has two hours; one evening
        ([f"2022-03-{d:02d} 14:00:00" for d in (1, 2, 3, 4, 7, 8, 9, 10, 11, 14)], False),
        ([f"{day} {14 + i % 2}:00:00" for i, day in enumerate(SEASONS)], False),
        (["2022-01-09 23:00:00", "2022-01-10"], False),
        (["2022-01-09 21:40:00"], False),
        ([f"{day} 09:00:00" for day in TOKYO], False),
    ],
)
def test_moments_without_a_zone(tmp_path: Path, moments: list[str], doubted: bool) -> None:
    found = read(tmp_path, moments)
    assert days(found, len(moments)) == ["" if doubted else m[:10] for m in moments]
    assert unread(found) == (len(moments) + 1) * doubted


def test_rows_chosen_by_a_moment_are_chosen_by_its_day_in_the_zone(tmp_path: Path) -> None:
    made = {"made": {"from": dt.date(2022, 1, 1)}}
    mapping = source("a", table("visits", where=made, **VISITS), timezone=ZAGREB)
    rows = "1;2022-03-01;2021-12-31T23:00:00Z\n2;2022-03-02;2021-12-31T22:00:00Z\n"
    found = read_export(tmp_path, mapping, data_cut="2024-12-31", a="id;at;made\n" + rows)
    assert found.visits["visit_id"].tolist() == ["A/1"]
