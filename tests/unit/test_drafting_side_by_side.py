"""Drafts of exports with numbered columns: vertebrae, visits and sessions side by side."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from vpstats.drafting.draft import draft_mapping
from vpstats.registry.read import read_registry
from vpstats.registry.registry import Registry

LEVELS = """
MRN;Op date;Level1;Cement1;Level2;Cement2
001;14/03/2022;L1;4,5;;
002;16/03/2022;T12;3,5;L1;4,0
003;18/03/2022;L2;5,5;L3;4,0
"""
VISITS = """
MRN;Op date;Level;Visit date 1;VAS 1;ODI 1;Visit date 2;VAS 2;ODI 2
001;14/03/2022;L1;20/06/2022;3;20;21/03/2023;2;18
002;16/03/2022;T12;23/06/2022;4;24;25/03/2023;1;12
003;18/03/2022;L2;24/06/2022;4;26;;;
"""
SESSIONS = """
MRN;Sex;Op date 1;Level 1;Cement 1;Op date 2;Level 2;Cement 2
001;F;14/03/2022;L1;4,5;;;
002;M;16/03/2022;T12;3,5;18/05/2023;L1;4,0
003;F;18/03/2022;L2;5,5;19/07/2023;L3;4,0
"""
BOTH = """
MRN;Op date;Level1;Cement1;Level2;Cement2;Date FU1;VAS1;Date FU2;VAS2
001;14/03/2022;L1;4,5;;;20/06/2022;3;21/03/2023;2
002;16/03/2022;T12;3,5;L1;4,0;23/06/2022;4;25/03/2023;1
003;18/03/2022;L2;5,5;L3;4,0;24/06/2022;4;;
"""
STRAY = """
MRN;Op date;Level 1;Cement 1;Level 2;Cement 2;Visit date 1;Visit date 2
001;14/03/2022;L1;4,5;;;20/06/2022;
002;16/03/2022;T12;3,5;L1;4,0;23/06/2022;
003;18/03/2022;L2;5,5;L3;4,0;24/06/2022;25/03/2023
"""


def read(folder: Path, text: str) -> Registry:
    """The registry of a draft, once all of it is confirmed."""
    (folder / "a.csv").write_text(text.strip() + "\n")
    cut = dt.date(2023, 12, 31)
    draft = draft_mapping([folder / "a.csv"], folder=folder, center="A", data_cut=cut)
    (folder / "registry.toml").write_text(draft.toml.replace("confirmed = false\n", ""))
    return read_registry(folder)


def counts(found: Registry) -> tuple[int, int, int, int]:
    return len(found.patients), len(found.procedures), len(found.levels), len(found.visits)


def test_two_vertebrae_side_by_side(tmp_path: Path) -> None:
    found = read(tmp_path, LEVELS)
    assert counts(found) == (3, 3, 5, 0)
    assert sorted(found.levels["cement_ml"]) == [3.5, 4.0, 4.0, 4.5, 5.5]


def test_two_visits_side_by_side(tmp_path: Path) -> None:
    found = read(tmp_path, VISITS)
    assert counts(found) == (3, 3, 3, 5)
    told = found.visits.sort_values("visit_date")[["vas_0_10", "odi_pct"]]
    assert told.values.tolist() == [[3, 20], [4, 24], [4, 26], [2, 18], [1, 12]]


def test_two_sessions_side_by_side(tmp_path: Path) -> None:
    found = read(tmp_path, SESSIONS)
    assert counts(found) == (3, 5, 5, 0)
    assert sorted(found.levels["level_id"]) == [
        "A/001/2022-03-14/L1",
        "A/002/2022-03-16/T12",
        "A/002/2023-05-18/L1",
        "A/003/2022-03-18/L2",
        "A/003/2023-07-19/L3",
    ]


def test_vertebrae_and_visits_side_by_side(tmp_path: Path) -> None:
    assert counts(read(tmp_path, BOTH)) == (3, 3, 5, 5)


def test_vertebrae_are_not_those_of_visits(tmp_path: Path) -> None:
    assert counts(read(tmp_path, STRAY)) == (3, 3, 5, 4)
