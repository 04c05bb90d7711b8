"""Several lists of a session's vertebrae: what one lacks is doubted where it should have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapped_exports import read_export, source, table

from vpstats.registry.registry import Registry

KEY = {"procedure_id": "nr", "level": "level"}
OPS = source("op", table("procedures", patient_id="pat", procedure_id="nr", proc_date="day"))
LIST = source("lev", table("levels", **KEY, cement_ml="ml"))
MEASURES = {"HEIGHT": "height_loss_pct", "PRE": "kyphosis_deg_pre", "POST": "kyphosis_deg_post"}
MEASURED = source(
    "m",
    *(
        table("levels", where={"what": what}, **KEY, **{field: "value"})
        for what, field in MEASURES.items()
    ),
)
SESSIONS = 12


def measured(without: dict[tuple[int, str], set[str]], levels: dict[int, str]) -> str:
    rows = [
        f"{nr};{level};{what};12"
        for nr in range(1, SESSIONS + 1)
        for level in ("T12", levels.get(nr, "L1"))
        for what in MEASURES
        if what not in without.get((nr, level), ())
    ]
    return "\n".join(["nr;level;what;value", *rows]) + "\n"


def read(folder: Path, sources: str, m: str) -> Registry:
    days = [f"{nr};{nr};2022-03-{nr:02}" for nr in range(1, SESSIONS + 1)]
    rows = [f"{nr};{level};4" for nr in range(1, SESSIONS + 1) for level in ("T12", "L1")]
    op = "\n".join(["pat;nr;day", *days]) + "\n"
    lev = "\n".join(["nr;level;ml", *rows]) + "\n"
    return read_export(folder, sources, op=op, lev=lev, m=m)


def doubted(registry: Registry) -> set[str]:
    found = registry.findings
    return set(found.loc[found["rule"].eq("level.files_differ"), "key"])


@pytest.mark.parametrize("sources", [OPS + LIST + MEASURED, OPS + MEASURED])
def test_a_vertebra_without_one_of_the_measurements_is_not_doubted(
    tmp_path: Path, sources: str
) -> None:
    without = {(2, "L1"): {"HEIGHT"}, (5, "T12"): {"PRE"}, (5, "L1"): {"HEIGHT"}}
    if LIST in sources:
        without[9, "L1"] = {*MEASURES}
    registry = read(tmp_path, sources, measured(without | {(7, "T12"): {"PRE"}}, {}))
    assert len(registry.levels) == 2 * SESSIONS
    assert doubted(registry) == set()


def test_a_measured_vertebra_that_no_list_has_is_doubted(tmp_path: Path) -> None:
    registry = read(tmp_path, OPS + LIST + MEASURED, measured({}, {4: "L2"}))
    assert doubted(registry) == {"A/4/L1", "A/4/L2"}


def test_measurements_of_different_vertebrae_alone_are_doubted(tmp_path: Path) -> None:
    text = "".join(
        line
        for line in measured({}, {}).splitlines(keepends=True)
        if not line.startswith(("4;T12;H", "4;L1;P"))
    )
    registry = read(tmp_path, OPS + MEASURED, text)
    assert doubted(registry) == {"A/4/L1", "A/4/T12"}


def test_a_short_list_beside_two_whole_ones_is_doubted_where_they_are_usually_the_same(
    tmp_path: Path,
) -> None:
    third = source("m", table("levels", **KEY, height_loss_pct="value"))
    again = source("n", table("levels", **KEY, kyphosis_deg_pre="value"), file="m.csv")
    text = measured({(4, "L1"): {*MEASURES}}, {})
    whole = "".join(line for line in text.splitlines(keepends=True) if "P" not in line)
    assert doubted(read(tmp_path, OPS + LIST + third + again, whole)) == {"A/4/L1"}
