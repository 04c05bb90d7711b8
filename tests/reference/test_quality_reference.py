"""Follow-up of the data-quality report against R: from a registry's days to the tidy table."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from vpstats.quality import QualityResult, quality_report
from vpstats.registry import Registry

HERE = Path(__file__).parent / "quality"
EXPECTED = pd.read_csv(HERE / "expected.csv", keep_default_na=True)
CUT = pd.Timestamp("2025-12-31")

EXACT = 1e-10
"""Days are whole and the shares are sums of them: nothing is iterated."""


@cache
def report(data: str) -> QualityResult:
    """A registry in which everybody was treated as long before the data cut as could be seen."""
    rows = pd.read_csv(HERE / f"{data}.csv")
    patient = rows["center"] + "/" + rows.index.astype(str)
    start = CUT - pd.to_timedelta(rows["potential"], unit="D")
    end = start + pd.to_timedelta(rows["time"], unit="D")
    died = rows["died"] == 1
    patients = pd.DataFrame(
        {
            "patient_id": patient,
            "center_id": rows["center"],
            "last_contact_date": end,
            "death_date": end.where(died),
            "status": died.map({True: "dead", False: "alive"}),
        }
    )
    procedures = pd.DataFrame(
        {
            "procedure_id": patient + "/1",
            "patient_id": patient,
            "center_id": rows["center"],
            "proc_date": start,
        }
    )
    tables = {"patients": patients, "procedures": procedures}
    return quality_report(Registry.from_tables(tables, name=data, data_cut=CUT))


@pytest.mark.parametrize(
    ("data", "center"), list(EXPECTED[["data", "center"]].itertuples(index=False, name=None))
)
def test_follow_up_agrees_with_r(agree: Callable[..., None], data: str, center: str) -> None:
    theirs = EXPECTED[(EXPECTED["data"] == data) & (EXPECTED["center"] == center)].iloc[0]
    rows = report(data).tidy()
    own = rows[rows["center_id"] == center].set_index("measure")
    assert own.loc["median", "n"] == theirs["n"]
    cell = f"follow-up of {data}, {center}"
    for ours, name in (
        ("estimate", "median"),
        ("conf_low", "conf_low"),
        ("conf_high", "conf_high"),
    ):
        agree(cell, name, own.loc["median", ours], theirs[name], tolerance=EXACT)
    agree(cell, "Clark's C", own.loc["clark_c", "estimate"], theirs["clark_c"], tolerance=EXACT)


def test_every_data_set_is_read() -> None:
    assert set(EXPECTED["data"]) == {p.stem for p in HERE.glob("*.csv")} - {"expected"}
    assert len(EXPECTED) == 27
