"""Figures and tables of one made-up audit beside what they were when somebody looked at them.

As in `test_golden_figures_tables`: the data of the funnel plot exactly and as an image, light
drawings as the text that they are. Run this file as a program to write the expected files anew,
and look at them before they are committed.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from vpstats.figures import (
    calibration_chart,
    cusum_chart,
    estimates_chart,
    funnel,
    learning_chart,
    save,
    vlad_chart,
)
from vpstats.tables import (
    TableModel,
    beside_table,
    case_mix_table,
    centers_table,
    follow_up_table,
    judged_lines,
    process_table,
)

BASE = runpy.run_path(str(Path(__file__).parent / "test_golden_figures_tables.py"))
EXPECTED: Path = BASE["EXPECTED"]
NAN = float("nan")


def judged(name: str, n: int, observed: float, expected: float, *hidden: str) -> dict[str, Any]:
    ratio = observed / expected
    return {
        "group": name, "label": f"Outcome of {name}", "n": float(n), "observed": observed,
        "expected": expected, "o_e": ratio, "o_e_low": 0.7 * ratio, "o_e_high": 1.4 * ratio,
        "rate": 100 * observed / n, "rate_low": 70 * observed / n,
        "rate_high": 140 * observed / n, "alert_low": 0.6, "alert_high": 1.5, "alarm_low": 0.4,
        "alarm_high": 1.9, "shrunken": (1 + ratio) / 2, "shrunken_low": 0.4 + ratio / 4,
        "shrunken_high": 0.6 + 3 * ratio / 4, "p_value": 0.04, "q_value": 0.3,
        "indirect": 10 * ratio, "indirect_low": 7 * ratio, "indirect_high": 14 * ratio,
        "hidden": set(hidden), "rounded": set(),
    }  # fmt: skip


CENTERS = [judged("C01", 300, 31, 29.5), judged("C02", 120, 0, 11.2), judged("C03", 410, 80, 39.0),
           judged("C04", 50, NAN, 5.0, "observed", "o_e", "rate"), judged("C05", 90, 14, 8.1),
           judged("C06", 260, 11, 26.3), judged("C07", 20, 9, 1.8)]  # fmt: skip
FLAGS = {"C03": ("alarm", "worse"), "C05": ("alert", "worse"), "C06": ("alarm", "better"),
         "C07": ("alarm", "worse")}  # fmt: skip
NETWORK = {**judged("network", 1250, 145, 145), "q1": 7.5, "median": 11.2, "q3": 14.0,
           "benchmark": 11.6}  # fmt: skip


def limits() -> list[dict[str, Any]]:
    found = []
    for at in (2.0, 4.0, 8.0, 16.0, 24.0, 32.0, 40.0):
        half = 1.9 / np.sqrt(at)
        found.append({"level": f"{at:g}", "alert_low": max(1 - half, 0), "alert_high": 1 + half,
                      "alarm_low": max(1 - 1.6 * half, 0), "alarm_high": 1 + 1.6 * half,
                      "alarm_high_plain": 1 + 1.3 * half, "hidden": set()})  # fmt: skip
    return found


def steps() -> pd.DataFrame:
    days = [date(2022, 3, 1) + timedelta(days=13 * i) for i in range(60)]
    worse = np.array([(i % 23) * 0.24 for i in range(60)])
    return pd.DataFrame({"date": days, "vlad": np.sin(np.arange(60) / 9) * 3, "worse": worse,
                         "better": np.arange(60) % 17 * 0.1, "limit_worse": 4.6,
                         "limit_better": 3.8,
                         "signal": np.where(worse > 4.6, "worse", "")})  # fmt: skip


def operators() -> pd.DataFrame:
    case = np.arange(1, 61, 10)
    return pd.DataFrame({"sequence": case, "estimate": 40 - case / 4, "conf_low": 30 - case / 4,
                         "conf_high": 52 - case / 4})  # fmt: skip


GROUPS = [{"n": 100.0, "observed": o, "expected": e} for o, e in ((4, 5), (11, 9), (20, 22))]
FUNNELS: dict[str, Callable[[], Figure]] = {
    "funnel": lambda: funnel(CENTERS, limits(), flags=FLAGS).figure,
    "funnel_rate": lambda: (
        funnel(CENTERS, limits(), flags=FLAGS, benchmark=11.6, y_label="Done, %").figure
    ),
}
DRAWINGS: dict[str, Callable[[], str]] = {
    "vlad": lambda: vlad_chart(steps(), title="Leaks", desc="A line.", id_prefix="a-"),
    "cusum": lambda: cusum_chart(steps(), title="Leaks", desc="Lines.", id_prefix="b-"),
    "estimates": lambda: estimates_chart(CENTERS, title="All", id_prefix="c-"),
    "learning": lambda: learning_chart(operators(), title="Leaks", id_prefix="d-"),
    "calibration": lambda: calibration_chart(GROUPS[:2], network=GROUPS, title="Leaks"),
}
TABLES: dict[str, Callable[[], TableModel]] = {
    "audit_center": lambda: beside_table(
        "Leaks",
        {"All": CENTERS[0], "Neoplastic": CENTERS[3], "Other": None},
        judged_lines("levels"),
        more=[("Verdict", "Within the limits", "Withheld", "–")],
    ),
    "audit_centers": lambda: centers_table(
        "Leaks",
        {r["group"]: r for r in CENTERS},
        {"C03": "Alarm: needs review", "C04": "Withheld"},
        unit="levels",
    ),
    "audit_process": lambda: process_table(
        "Done", [("CRP before", CENTERS[4], NETWORK, "No verdict"), ("CT", None, NETWORK, "")]
    ),
    "audit_follow_up": lambda: follow_up_table("Incidence", [("Death", CENTERS[3], NETWORK)]),
    "audit_mix": lambda: case_mix_table(
        "Case mix",
        [("Age (years)", {"mean": 71.2, "smd": -0.09}, {"mean": 72.0}),
         ("Sex: female", {"percent": NAN, "smd": NAN, "hidden": {"percent"}}, {"percent": 60.0})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNNELS)
def test_funnel_shows_the_same_data(name: str) -> None:
    wanted = (EXPECTED / f"figure_{name}.json").read_text("utf-8")
    assert BASE["data_of"](FUNNELS[name]()) == wanted


def test_funnel_looks_the_same(tmp_path: Path) -> None:
    actual = imread(save(FUNNELS["funnel"](), tmp_path / "funnel.png", dpi=BASE["DPI"]))
    wanted = imread(EXPECTED / "figure_funnel.png")
    assert actual.shape == wanted.shape
    difference = 255 * np.sqrt(np.mean((actual[..., :3] - wanted[..., :3]) ** 2))
    assert difference <= BASE["TOLERANCE"], f"see {tmp_path / 'funnel.png'}"


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_is_the_same(name: str) -> None:
    wanted = (EXPECTED / f"drawing_{name}.svg").read_text("utf-8")
    assert DRAWINGS[name]().replace("><", ">\n<") + "\n" == wanted


@pytest.mark.parametrize("name", TABLES)
def test_table_reads_the_same(name: str) -> None:
    wanted = (EXPECTED / f"table_{name}.txt").read_text("utf-8")
    assert BASE["text_of"](TABLES[name]()) == wanted


def write_expected() -> None:
    """Write every expected file anew."""
    for name, draw in FUNNELS.items():
        data = BASE["data_of"](draw())
        (EXPECTED / f"figure_{name}.json").write_text(data, "utf-8", newline="\n")
    save(FUNNELS["funnel"](), EXPECTED / "figure_funnel.png", dpi=BASE["DPI"])
    for name, made in DRAWINGS.items():
        text = made().replace("><", ">\n<") + "\n"
        (EXPECTED / f"drawing_{name}.svg").write_text(text, "utf-8", newline="\n")
    for name, build in TABLES.items():
        text = BASE["text_of"](build())
        (EXPECTED / f"table_{name}.txt").write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    write_expected()
