"""Figures and tables of one made-up ledger beside what they were when somebody looked at them.

The data of every figure are compared exactly, as text; five figures also as images, since a shape
can be wrong with its data right. Run this file as a program to write the expected files anew, and
look at the images before they are committed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from vpstats.figures import (
    SINGLE,
    curves,
    flow_diagram,
    forest,
    quality_heat,
    rates,
    save,
    spine_map,
)
from vpstats.ledger import Ledger, Note, cell
from vpstats.rows import estimate_rows
from vpstats.tables import (
    TableModel,
    estimates_table,
    flow_table,
    incidence_table,
    quality_table,
    rates_table,
    spine_table,
    table_one,
)

EXPECTED = Path(__file__).parent / "expected"
DPI = 72
TOLERANCE = 2.0
"""Root mean square of the difference in grey levels of 255: what another build of FreeType changes
in the edges of letters. A line that moves by a pixel gives more than 4."""

NAN = float("nan")
Cell = dict[str, Any]


def many(analysis: str, variable: str, values: dict[str, float], **words: Any) -> list[Cell]:
    return [cell(analysis, variable, s, v, kind="count", **words) for s, v in values.items()]


def leak_rows() -> list[Cell]:
    regions = {"upper_thoracic": (210, 72), "tl_junction": (980, 300), "lumbar": (480, 126)}
    rows: list[Cell] = []
    for level, (n, events) in regions.items():
        rows += many("leak", "region", {"n": n, "n_events": events, "percent": 100 * events / n},
                     level=level, label=f"Region: {level.replace('_', ' ')}")  # fmt: skip
    terms = [
        ("region[T.tl_junction]", "Region: tl junction", (0.84, 0.61, 1.15, 0.27), ""),
        ("region[T.lumbar]", "Region: lumbar", (0.71, 0.49, 1.02, 0.064), ""),
        ("cement", "Cement volume, per mL", (1.42, 1.21, 1.67, 0.00003), ""),
        ("cleft[T.yes]", "Intravertebral cleft or vacuum phenomenon on CT before the procedure",
         (0.55, 0.38, 0.79, 0.0012), ""),
        ("ckd[T.yes]", "Chronic kidney disease", (18.2, 1.4, 240.0, 0.03), ""),
        ("tumour[T.yes]", "Metastasis", (NAN, NAN, NAN, NAN), "separation"),
    ]  # fmt: skip
    for group, factor in (("crude", 1.0), ("adjusted", 1.08)):
        for term, label, values, caveat in terms:
            scaled = [v * factor for v in values[:3]] + [values[3]]
            names = ("estimate", "conf_low", "conf_high", "p_value")
            rows += many("leak", term, dict(zip(names, scaled, strict=True)), group=group,
                         label=label, unit="odds ratio", caveat=caveat)  # fmt: skip
        sizes = {"n": 1670, "n_events": 498, "n_clusters": 1102, "n_missing": 61}
        rows += many("leak", "model", sizes, group=group, label=group.capitalize(), unit="levels")
    return rows


def description_rows() -> list[Cell]:
    rows: list[Cell] = []
    for group, n in (("All", 1210), ("Indication: metastasis", 110)):
        rows += many("table1", "patients", {"n": n}, group=group, label="Patients")
        rows += many(
            "table1",
            "age",
            {"mean": 71.23, "sd": 9.84, "q1": 63, "median": 72.5, "q3": 79, "n_missing": 3},
            group=group,
            label="age, years",
        )
        for level, share in (("female", 0.6), ("male", 0.4)):
            rows += many(
                "table1",
                "sex",
                {"n": n * share, "percent": 100 * share},
                group=group,
                level=level,
                label="sex",
            )
        rows += many(
            "table1",
            "dm",
            {"n": n // 90, "percent": 100 / 90},
            group=group,
            level="yes",
            label="diabetes",
        )
    return rows  # fmt: skip


def flow_rows() -> list[Cell]:
    steps = [("treated levels in the registry", 3120, 2010, NAN, NAN),
             ("assessed for leakage by CT after the procedure", 1410, 980, 1710, 1030),
             ("outcome recorded", 1391, 975, 19, 5)]  # fmt: skip
    names = ("n_rows", "n_patients", "excluded_rows", "excluded_patients")
    return [
        cell("flow", "step", name, value, kind="count", level=str(i), label=label, unit="levels")
        for i, (label, *values) in enumerate(steps)
        for name, value in zip(names, values, strict=True)
        if not np.isnan(value)
    ]


def spine_rows() -> list[Cell]:
    rows: list[Cell] = []
    found = {"T6": 4, "T8": 30, "T11": 29, "T12": 60, "L1": 24, "L2": 110, "L4": 0}
    for i, (level, events) in enumerate(found.items()):
        n = 40 + 60 * i
        rate = 100 * events / n
        rows += many("spine", "level", {"n": n, "n_events": events, "percent": rate,
                                        "conf_low": 0.7 * rate, "conf_high": 1.4 * rate},
                     level=level, label=level)  # fmt: skip
    return rows


def complication_rows() -> list[Cell]:
    rows: list[Cell] = []
    found = [("mild", "pain or fever", 210, 3012), ("mild", "hypotension", 92, 3012),
             ("moderate", "rib fracture", 7, 3012), ("moderate", "pneumothorax", 2, 3012),
             ("severe", "infection", 5, 3012), ("severe", "perforation", 0, 3012)]  # fmt: skip
    for group, name, events, n in found:
        rate = 100 * events / n
        rows += many("harm", name, {"n": n, "n_events": events, "percent": rate,
                                    "conf_low": 0.5 * rate, "conf_high": 1.8 * rate + 0.1},
                     group=group, label=name)  # fmt: skip
    return rows


def quality_rows() -> list[Cell]:
    rows: list[Cell] = []
    for m, label in enumerate(("CRP recorded", "Chest seen by CT", "Status known at one year")):
        for c in range(12):
            share = {"percent": (37 * c + 23 * m) % 101 if (c, m) != (4, 2) else NAN}
            rows += many("quality", f"m{m}", share, group=f"C{c + 1:02d}", label=label)
        rows += many("quality", f"m{m}", {"percent": 55.5}, group="network", label=label)
    return rows


def incidence_rows() -> list[Cell]:
    rows: list[Cell] = []
    for g, group in enumerate(("osteoporotic", "metastasis")):
        for i in range(1, 15):
            estimate = 0.004 * i * (g + 1)
            rows += many(
                "fracture",
                "incidence",
                {
                    "estimate": estimate,
                    "conf_low": 0.7 * estimate,
                    "conf_high": 1.4 * estimate,
                    "n_risk": 900 - 30 * i - 300 * g,
                    "n_event": 5,
                    "n_censor": 9,
                },
                group=group,
                level=str(60 * i),
                unit="incidence",
            )
        for horizon, estimate in (("365", 2.41), ("730", 4.9)):
            rows += many(
                "fracture",
                "incidence_at",
                {
                    "estimate": estimate,
                    "conf_low": 0.7 * estimate,
                    "conf_high": 1.4 * estimate,
                },
                group=group,
                level=horizon,
                unit="%",
            )
    return rows  # fmt: skip


class Release:
    """The made-up ledger with what a release would have withheld of it."""

    mark = "*"
    notes = (Note("leak", "refusal", "With mediators: refused, fewer than 10 events."),)
    hidden = (
        "leak/adjusted/ckd[T.yes]", "leak//region/upper_thoracic/n_events",
        "spine//level/T6/n_events", "spine//level/T6/percent", "spine//level/T6/conf",
        "harm/moderate/pneumothorax//n_events",
        "harm/moderate/pneumothorax//percent", "harm/moderate/pneumothorax//conf",
        "quality/C08/m0", "table1/Indication: metastasis/dm/yes",
    )  # fmt: skip

    def __init__(self) -> None:
        rows = [*leak_rows(), *description_rows(), *flow_rows(), *spine_rows(),
                *complication_rows(), *quality_rows(), *incidence_rows()]  # fmt: skip
        cells = Ledger.from_rows(rows).cells
        gone = cells["cell_id"].str.startswith(self.hidden)
        self.cells = cells.assign(
            value=cells["value"].mask(gone), suppressed=np.where(gone, "primary", "")
        )

    def select(self, **where: str) -> pd.DataFrame:
        cells = self.cells
        for column, value in where.items():
            cells = cells[cells[column] == value]
        return cells


RELEASE = Release()
FIGURES: dict[str, Callable[[], Figure]] = {
    "forest": lambda: forest(
        estimate_rows(RELEASE, "leak"), label_heading="Term", directions=("fewer", "more leaks")
    ),
    "curves": lambda: curves(
        RELEASE.select(analysis="fracture", variable="incidence"), since="the procedure",
        width=SINGLE, height=45,
    ),
    "spine": lambda: spine_map(RELEASE.select(analysis="spine")),
    "flow": lambda: flow_diagram(RELEASE.select(analysis="flow")),
    "rates": lambda: rates(RELEASE.select(analysis="harm")),
    "quality": lambda: quality_heat(RELEASE.select(analysis="quality")),
}  # fmt: skip
IMAGES = ("forest", "curves", "spine", "flow", "rates")
TABLES: dict[str, Callable[[], TableModel]] = {
    "estimates": lambda: estimates_table(RELEASE, "leak"),
    "table_one": lambda: table_one(RELEASE),
    "flow": lambda: flow_table(RELEASE, "flow"),
    "spine": lambda: spine_table(RELEASE, "spine"),
    "rates": lambda: rates_table(RELEASE, "harm", title="Complications"),
    "quality": lambda: quality_table(RELEASE),
    "incidence": lambda: incidence_table(RELEASE, "fracture"),
}


def data_of(figure: Figure) -> str:
    """What a figure shows, as text: axes, their labels and limits, lines and writing."""
    axes = [
        {
            "labels": [ax.get_xlabel(), ax.get_ylabel()],
            "scale": ax.get_xscale(),
            "limits": rounded([*ax.get_xlim(), *ax.get_ylim()]),
            "ticks": [t.get_text() for t in ax.get_xticklabels()],
            "lines": [
                [str(line.get_marker()), rounded(line.get_xdata()), rounded(line.get_ydata())]
                for line in ax.lines
            ],
            "texts": [[t.get_text(), *rounded(t.get_position())] for t in ax.texts],
        }
        for ax in figure.axes
    ]
    body = ",\n".join(
        "{" + ",\n".join(f' "{k}": {json.dumps(v, ensure_ascii=False)}' for k, v in a.items()) + "}"
        for a in axes
    )
    return f"[{body}]\n"


def rounded(values: Any) -> list[float]:
    return [float(f"{v:.6g}") for v in np.asarray(values, dtype=float)]


def text_of(table: TableModel) -> str:
    return f"{table.to_markdown()}\n{table.to_csv()}\n{table.to_html()}"


@pytest.mark.parametrize("name", FIGURES)
def test_figure_shows_the_same_data(name: str) -> None:
    assert data_of(FIGURES[name]()) == (EXPECTED / f"figure_{name}.json").read_text("utf-8")


@pytest.mark.parametrize("name", IMAGES)
def test_figure_looks_the_same(name: str, tmp_path: Path) -> None:
    actual = imread(save(FIGURES[name](), tmp_path / f"{name}.png", dpi=DPI))
    wanted = imread(EXPECTED / f"figure_{name}.png")
    assert actual.shape == wanted.shape
    difference = 255 * np.sqrt(np.mean((actual[..., :3] - wanted[..., :3]) ** 2))
    assert difference <= TOLERANCE, f"see {tmp_path / name}.png"


def test_the_tolerance_sees_a_line_that_moved(tmp_path: Path) -> None:
    wanted = imread(EXPECTED / "figure_curves.png")
    moved = np.roll(wanted, 1, axis=0)
    assert 255 * np.sqrt(np.mean((moved[..., :3] - wanted[..., :3]) ** 2)) > 4


@pytest.mark.parametrize("name", TABLES)
def test_table_reads_the_same(name: str) -> None:
    assert text_of(TABLES[name]()) == (EXPECTED / f"table_{name}.txt").read_text("utf-8")


def write_expected() -> None:
    """Write every expected file anew."""
    EXPECTED.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        (EXPECTED / f"figure_{name}.json").write_text(data_of(draw()), "utf-8", newline="\n")
    for name in IMAGES:
        save(FIGURES[name](), EXPECTED / f"figure_{name}.png", dpi=DPI)
    for name, build in TABLES.items():
        (EXPECTED / f"table_{name}.txt").write_text(text_of(build()), "utf-8", newline="\n")


if __name__ == "__main__":
    write_expected()
