"""Errors: where, what and which exit code."""

from __future__ import annotations

import pytest

from vpstats import errors
from vpstats.errors import ExitCode, VpstatsError, locate


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({}, "wrong."),
        ({"file": "a.csv"}, "a.csv: wrong."),
        ({"file": "a.csv", "row": 3}, "a.csv, row 3: wrong."),
        ({"row": 3, "column": "datum"}, "row 3, column 'datum': wrong."),
        ({"file": "a.csv", "row": 0, "column": "x"}, "a.csv, row 0, column 'x': wrong."),
    ],
)
def test_a_message_says_where_as_far_as_it_is_known(
    place: dict[str, object], expected: str
) -> None:
    assert locate(**place, what="wrong.") == expected
    error = VpstatsError("wrong.", **place)
    assert str(error) == expected
    assert (error.file, error.row, error.column) == (
        place.get("file"), place.get("row"), place.get("column"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("UsageError", ExitCode.USAGE),
        ("DataError", ExitCode.BAD_DATA),
        ("PlanError", ExitCode.BAD_PLAN),
        ("MappingError", ExitCode.BAD_PLAN),
        ("FormulaError", ExitCode.BAD_PLAN),
        ("DisclosureError", ExitCode.USAGE),
        ("InternalError", ExitCode.INTERNAL),
    ],
)
def test_every_family_has_its_exit_code(name: str, code: ExitCode) -> None:
    assert getattr(errors, name)("x").exit_code is code


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    assert {c.name: int(c) for c in ExitCode} == {
        "OK": 0, "FINDINGS": 1, "USAGE": 2, "ALERT": 3, "ALARM": 4,
        "BAD_DATA": 5, "BAD_PLAN": 6, "INTERNAL": 70,
    }  # fmt: skip
