"""The awkward layouts of the mapping page: each example is written out, checked and read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mapped_exports import write_mapping

from vpstats.registry import read_registry
from vpstats.registry.registry import Registry

PAGE = Path(__file__).parents[2] / "docs" / "mapping-an-export.md"


def examples() -> dict[str, tuple[list[str], str, str]]:
    """Heading → the exports, their mapping, and what is counted."""
    part = PAGE.read_text("utf-8").split("## Examples of awkward layouts")[1].split("\n## ")[0]
    found = {}
    for section in part.split("\n### ")[1:]:
        blocks = re.findall(r"```(\w*)\n(.*?)```", section, re.DOTALL)
        exports = [text for kind, text in blocks if not kind]
        (mapping,), (counts,) = ([t for k, t in blocks if k == kind] for kind in ("toml", "text"))
        found[section.splitlines()[0]] = (exports, mapping, counts.strip())
    return found


EXAMPLES = examples()
SIDE, EACH, LONG, DATES = EXAMPLES


def written(folder: Path, name: str) -> Path:
    exports, mapping, _ = EXAMPLES[name]
    (folder / "exports").mkdir()
    for file, text in zip(re.findall(r'file = "(.*?)"', mapping), exports, strict=True):
        (folder / file).write_text(text, "utf-8")
    write_mapping(folder, mapping)
    return folder


def registry_of(folder: Path, name: str) -> Registry:
    return read_registry(written(folder, name))


def days(frame: pd.DataFrame, name: str) -> list[str]:
    return [str(day.date()) for day in frame[name]]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_is_clean_and_counts_what_the_page_says(
    call_cli: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    said = call_cli("check", str(written(tmp_path, name)))
    assert said.code == 0, said.out
    assert EXAMPLES[name][2] in said.out


def test_visits_side_by_side(tmp_path: Path) -> None:
    visits = registry_of(tmp_path, SIDE).visits
    assert days(visits, "visit_date") == ["2022-06-20", "2022-06-23", "2023-03-21"]
    assert visits["visit_type"].tolist() == ["month_3", "month_3", "month_12"]
    assert visits["vas_0_10"].tolist() == [3.0, 4.0, 2.0]
    assert visits["odi_pct"].tolist() == [28.0, 35.0, 22.0]


def test_leaks_in_a_column_for_each_vertebra(tmp_path: Path) -> None:
    leaks = registry_of(tmp_path, EACH).leaks
    present = leaks[leaks["state"] == "present"]
    names = [key.rsplit("/", 1)[1] for key in present["level_id"]]
    assert list(zip(names, present["site"], strict=True)) == [
        ("T12", "venous"),
        ("L3", "epidural"),
        ("L3", "disc_sup"),
    ]
    assert (leaks["state"] == "absent").sum() == 3 * 8 - 3


def test_a_list_with_a_row_for_each_leak(tmp_path: Path) -> None:
    leaks = registry_of(tmp_path, LONG).leaks
    found = leaks[["level_id", "modality", "site", "state"]].to_numpy().tolist()
    day = "C06/0471/2022-03-14"
    assert found == [
        [f"{day}/T12", "ct", "venous", "present"],
        [f"{day}/T12", "ct", "epidural", "absent"],
        [f"{day}/L1", "fluoro", "disc_sup", "present"],
    ]


def test_dates_written_in_several_ways(tmp_path: Path) -> None:
    procedures = registry_of(tmp_path, DATES).procedures
    operated = ["2022-03-14", "2022-04-05", "2022-04-20", "2022-05-03"]
    assert days(procedures, "proc_date") == operated
    taken = ["2022-03-13", "2022-04-04", "2022-04-19", "2022-05-02"]
    assert days(procedures, "crp_date") == taken
