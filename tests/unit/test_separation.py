"""Separation: which data have no finite estimate, and which columns are to blame."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from vpstats.errors import InternalError
from vpstats.models.separation import detect_separation


def design(*columns: list[float]) -> np.ndarray:
    return np.column_stack([np.ones(len(columns[0])), *columns])


def names(X: np.ndarray) -> list[str]:
    return ["Intercept", *"abcdefg"[: X.shape[1] - 1]]


@pytest.mark.parametrize(
    ("columns", "y", "kind", "blamed"),
    [
        # a threshold between 2 and 3 tells everything
        ([[1, 2, 3, 4]], [0, 0, 1, 1], "complete", {"a"}),
        # everything but the tie at 2
        ([[1, 2, 2, 3]], [0, 0, 1, 1], "quasi-complete", {"a"}),
        # an empty cell of the 2 x 2 table: all exposed have the event
        ([[0, 0, 0, 1, 1]], [0, 1, 0, 1, 1], "quasi-complete", {"a"}),
        # two events on either side
        ([[0, 0, 1, 1]], [0, 1, 0, 1], "none", set()),
        ([[1, 2, 3, 4, 5]], [0, 1, 0, 1, 0], "none", set()),
        # b is innocent
        ([[0, 0, 0, 1, 1], [1, 2, 3, 1, 2]], [0, 1, 0, 1, 1], "quasi-complete", {"a"}),
        # neither alone, but their difference
        ([[1, 2, 3, 4], [2, 1, 4, 3]], [0, 1, 0, 1], "complete", {"a", "b"}),
        # two separate empty cells
        (
            [[1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0]],
            [1, 0, 1, 0, 0, 1],
            "quasi-complete",
            {"a", "b"},
        ),
    ],
)
def test_small_tables(
    columns: list[list[float]], y: list[int], kind: str, blamed: set[str]
) -> None:
    X = design(*columns)
    found = detect_separation(X, np.array(y, dtype=float), names(X))
    assert found.kind == kind
    assert set(found.columns) - {"Intercept"} == blamed
    assert found.found == (kind != "none")


def test_scale_and_origin_do_not_matter() -> None:
    year = np.array([2019.0, 2020.0, 2021.0, 2022.0])
    y = np.array([0.0, 0.0, 1.0, 1.0])
    for column in (year, year * 1e6, year / 1e6):
        assert detect_separation(design(list(column)), y, ["Intercept", "a"]).kind == "complete"
    overlap = np.array([0.0, 1.0, 0.0, 1.0])
    assert not detect_separation(design(list(year * 1e6)), overlap, ["Intercept", "a"]).found


def test_one_exception_among_many_rows_is_found() -> None:
    # 9,001 distinct rows, of which the programme sees a part at first
    x = np.linspace(-1, 1, 9_001)
    y = (x > 0).astype(float)
    X = np.column_stack([np.ones(len(x)), x, np.sin(40 * x)])
    assert detect_separation(X, y, names(X)).kind == "complete"
    for exception in (1, 2_346, 8_888):
        one = y.copy()
        one[exception] = 1 - one[exception]
        found = detect_separation(X, one, names(X))
        assert found.kind == "none", exception


def test_without_an_intercept() -> None:
    X = np.array([[1.0], [2.0], [-1.0], [-3.0]])
    assert detect_separation(X, np.array([1.0, 1.0, 0.0, 0.0]), ["a"]).kind == "complete"
    assert detect_separation(X, np.array([1.0, 0.0, 0.0, 1.0]), ["a"]).kind == "none"


def test_an_outcome_that_never_varies_is_separated_by_the_intercept() -> None:
    X = design([1.0, 2.0, 3.0])
    found = detect_separation(X, np.ones(3), ["Intercept", "a"])
    assert found.kind == "complete"
    assert "Intercept" in found.columns


def test_a_programme_that_fails_is_not_taken_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = SimpleNamespace(x=None, message="out of time")
    monkeypatch.setattr("scipy.optimize.linprog", lambda *_, **__: failed)
    with pytest.raises(InternalError, match="out of time"):
        detect_separation(design([1.0, 2.0]), np.array([0.0, 1.0]), ["Intercept", "a"])
