"""Flow diagrams: how many were read, left out and kept, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from vpstats.errors import UsageError
from vpstats.figures.style import (
    BAND,
    DOUBLE,
    INK,
    PAPER,
    SMALL,
    Sheet,
    line_height,
    new_sheet,
    styled,
    wrap,
)
from vpstats.formats import SUPPRESSED, count, sentence_case, show
from vpstats.rows import Record, is_hidden, records

_INSIDE, _GAP, _EDGE, _CHANNEL = 2.4, 1.4, 1.0, 6.0
_COUNTS = ("n_rows", "n_patients")
_EXCLUDED = ("excluded_rows", "excluded_patients")


class Step(Protocol):
    """A step of a flow, as cohorts record it."""

    @property
    def label(self) -> str:
        """What the step keeps or leaves out."""

    @property
    def n_rows(self) -> int:
        """Rows kept after the step."""

    @property
    def n_patients(self) -> int:
        """Patients kept after the step."""

    @property
    def excluded_rows(self) -> int:
        """Rows left out."""

    @property
    def excluded_patients(self) -> int:
        """Patients left out."""


@dataclass(frozen=True)
class Box:
    """What stands in a box: a heading and the numbers under it."""

    heading: str
    numbers: str
    main: bool


def flow_diagram(
    steps: pd.DataFrame | Sequence[Step],
    *,
    unit: str = "",
    labels: Literal["kept", "left out"] = "kept",
    width: float = DOUBLE,
    mark: str = SUPPRESSED,
) -> Figure:
    """Draw the way from what was read to what is analysed.

    Parameters
    ----------
    steps : DataFrame or sequence
        Ledger cells of a flow (variable "step"), or steps with `label`, `n_rows`, `n_patients`,
        `excluded_rows` and `excluded_patients`. The first one is where the flow begins.
    unit : str
        What one row is, in the plural; read from the ledger if empty.
    labels : {"kept", "left out"}
        What the labels after the first speak of: the rows kept at a step ("outcome recorded") or
        the rows left out ("opted out of research").
    width : float
        Width in millimetres.
    mark : str
        What stands for withheld numbers.

    Returns
    -------
    Figure
        A box for what was kept after each step, and one at the side for what was left out, with
        its zero if it is none.

    Raises
    ------
    UsageError
        If there is no step.

    References
    ----------
    von Elm E, et al. The Strengthening the Reporting of Observational Studies in Epidemiology
    (STROBE) statement. Ann Intern Med 2007;147:573-577, item 13c.

    Examples
    --------
    >>> rows = pd.DataFrame({"label": ["levels treated", "assessed by CT"], "n_rows": [120, 100],
    ...                      "n_patients": [80, 70], "excluded_rows": [0, 20],
    ...                      "excluded_patients": [0, 10]})
    >>> figure = flow_diagram(rows, unit="levels")
    >>> [t.get_text() for t in figure.axes[0].texts]
    ['Levels treated', '120 levels of 80 patients', 'Left out',
     '20 levels; 10 patients with none left', 'Assessed by CT', '100 levels of 70 patients']
    """
    found = _steps(steps)
    if not found:
        raise UsageError("there is no step to draw; expected at least where the flow begins.")
    units = unit or next((r["unit"] for r in found if r["unit"]), "rows")
    words = [sentence_case(r["label"]) for r in found]
    others = len(found) - 1
    kept_words = words if labels == "kept" else [words[0], *["Kept"] * others]
    out_words = ["Left out"] * others if labels == "kept" else words[1:]
    kept = [Box(w, _kept(r, units, mark), main=True)
            for w, r in zip(kept_words, found, strict=True)]  # fmt: skip
    out = [Box(w, _left_out(r, units, mark), main=False)
           for w, r in zip(out_words, found[1:], strict=True)]  # fmt: skip
    with styled():
        return _sheet(kept, out, width)


def _steps(steps: pd.DataFrame | Sequence[Step]) -> list[Record]:
    if isinstance(steps, pd.DataFrame):
        return [r for r in records(steps) if "n_rows" in r]
    names = ("label", *_COUNTS, *_EXCLUDED)
    return records(pd.DataFrame([{n: getattr(s, n) for n in names} for s in steps]))


def _kept(record: Record, unit: str, mark: str) -> str:
    rows, patients = (show(record, s, count, mark) for s in _COUNTS)
    if unit == "patients" or not patients:
        return f"{rows} {unit}"
    return f"{rows} {unit} of {patients} {_patients(patients)}"


def _left_out(record: Record, unit: str, mark: str) -> str:
    rows, patients = (show(record, s, count, mark) for s in _EXCLUDED)
    if unit == "patients" or not patients:
        return f"{rows} {unit}"
    if not is_hidden(record, "excluded_patients") and patients == "0":
        return f"{rows} {unit}"
    return f"{rows} {unit}; {patients} {_patients(patients)} with none left"


def _patients(shown: str) -> str:
    return "patient" if shown == "1" else "patients"


@dataclass(frozen=True)
class _Set:
    """A box set in type: its lines and its height."""

    box: Box
    lines: tuple[tuple[str, str], ...]

    @property
    def height(self) -> float:
        return len(self.lines) * line_height(SMALL) + 2 * 1.9


def _set(box: Box, width: float) -> _Set:
    room = width - 2 * _INSIDE
    heading = [(text, "bold") for text in wrap(box.heading, room, SMALL, "bold")]
    return _Set(box, (*heading, *((text, "normal") for text in wrap(box.numbers, room, SMALL))))


def _sheet(kept: list[Box], out: list[Box], width: float) -> Figure:
    left = (width - _CHANNEL) * 0.58
    right = width - left - _CHANNEL - 2 * _EDGE
    mains = [_set(box, left) for box in kept]
    sides = [_set(box, right) for box in out]
    height = sum(b.height for b in (*mains, *sides)) + 2 * _GAP * len(sides) + 2 * _EDGE
    sheet = new_sheet(width, height)
    y = _EDGE
    for i, main in enumerate(mains):
        _draw_box(sheet, main, _EDGE, y, left)
        y += main.height
        if i < len(sides):
            y = _draw_exit(sheet, sides[i], y, left, right)
    return sheet.figure


def _draw_box(sheet: Sheet, box: _Set, x: float, y: float, width: float) -> None:
    face = PAPER if box.box.main else BAND
    line = 0.9 if box.box.main else 0.5
    sheet.axes.add_patch(Rectangle((x, y), width, box.height, fc=face, ec=INK, lw=line))
    step = line_height(SMALL)
    for i, (text, weight) in enumerate(box.lines):
        sheet.write(x + _INSIDE, y + 1.9 + (i + 0.5) * step, text, fontsize=SMALL,
                    fontweight=weight)  # fmt: skip


def _draw_exit(sheet: Sheet, box: _Set, y: float, left: float, right: float) -> float:
    middle, bottom = _EDGE + left / 2, y + box.height + 2 * _GAP
    level = (y + bottom) / 2
    _arrow(sheet, (middle, y), (middle, bottom))
    _arrow(sheet, (middle, level), (_EDGE + left + _CHANNEL, level))
    _draw_box(sheet, box, _EDGE + left + _CHANNEL, y + _GAP, right)
    return bottom


def _arrow(sheet: Sheet, start: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=6, lw=0.8, color=INK,
                            shrinkA=0, shrinkB=0, joinstyle="miter", capstyle="butt")  # fmt: skip
    sheet.axes.add_patch(arrow)
