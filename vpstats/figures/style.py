"""What every figure shares: sizes, colours, type, and a sheet of paper measured in millimetres.

Figures are made with matplotlib's object interface alone, so that no figure outlives its caller
and threads do not meet in a global state. Settings apply while a figure is made or written and
are put back, one thread at a time.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath

from vpstats.escaping import visible

MM = 1 / 25.4
"""Inches in a millimetre."""

POINT = 25.4 / 72
"""Millimetres in a typographic point."""

SINGLE, DOUBLE = 85.0, 175.0
"""Widths of one and of two columns of a journal page, in millimetres."""

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that figures look alike on every machine."""

SMALL, TEXT, LARGE = 7.0, 7.5, 8.5
"""Type sizes in points at print width; nothing is set smaller than 7."""

INK, GREY, RULE, BAND, PAPER = "#1a1a1a", "#595959", "#8c8c8c", "#f3f3f3", "#ffffff"
"""Text, secondary text, lines, shading and background."""

PALETTE = ("#00609c", "#b84300", "#007357", "#8c3f74", "#5c5c00", "#404040")
"""Series colours: the hues of Okabe and Ito, dark enough to be read as text on white (4.5 : 1).

References
----------
Okabe M, Ito K. Color universal design: how to make figures and presentations that are friendly
to colorblind people. University of Tokyo, 2008.
"""

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
MARKERS = ("o", "s", "D", "^", "v", "P")

STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": FONT,
        "font.size": TEXT,
        "text.color": INK,
        "text.parse_math": False,  # a dollar sign in a label is a dollar sign
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.labelsize": TEXT,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "lines.linewidth": 1.2,
        "patch.linewidth": 0.6,
        "hatch.linewidth": 0.5,
        "hatch.color": RULE,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "vpstats",
    }
)
"""Settings of every figure; everything else is matplotlib's default, whatever the user set."""

_HINTING = 1.03
_LOCK = threading.RLock()
_ACTIVE: list[bool] = []
"""Holds something while the settings apply; guarded by the lock."""
_ROOT_SETTINGS: dict[Any, Any] = {
    k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply `STYLE` over matplotlib's defaults, then put back what was there.

    Examples
    --------
    >>> before = mpl.rcParams["svg.fonttype"]
    >>> with styled():
    ...     mpl.rcParams["svg.fonttype"]
    'none'
    >>> mpl.rcParams["svg.fonttype"] == before
    True
    """
    with _LOCK:
        if _ACTIVE:  # a page of figures sets them once
            yield
            return
        with mpl.rc_context(_ROOT_SETTINGS | dict(STYLE)), _any_letter():
            _ACTIVE.append(True)
            try:
                yield
            finally:
                _ACTIVE.pop()


@dataclass(frozen=True)
class Sheet:
    """A figure and one invisible pair of axes over all of it, in millimetres from the top left.

    Parameters
    ----------
    figure : Figure
        The figure.
    axes : Axes
        x from 0 to `width`, y from 0 (top) to `height`.
    width, height : float
        Size in millimetres.
    """

    figure: Figure
    axes: Axes
    width: float
    height: float

    def add_axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Put a pair of axes on the sheet; `x` and `y` name its top left corner."""
        box = (
            x / self.width,
            1 - (y + height) / self.height,
            width / self.width,
            height / self.height,
        )
        return self.figure.add_axes(box)

    def write(self, x: float, y: float, text: str, **how: Any) -> Text:
        """Write text; by default small type, to the right of `x`, centred on `y`."""
        settings = {"fontsize": TEXT, "va": "center_baseline", "ha": "left", **how}
        return self.axes.text(x, y, text, **settings)

    def rule(self, y: float, x0: float = 0.0, x1: float | None = None, width: float = 0.6) -> None:
        """Draw a horizontal line."""
        end = self.width if x1 is None else x1
        self.axes.plot([x0, end], [y, y], color=INK, lw=width, solid_capstyle="butt")


def new_sheet(width: float, height: float) -> Sheet:
    """Make an empty sheet.

    Parameters
    ----------
    width, height : float
        Size in millimetres.
    """
    figure = Figure(figsize=(width * MM, height * MM), facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return Sheet(figure, axes, width, height)


@contextmanager
def _any_letter() -> Iterator[None]:
    """Names may be written in letters that the font lacks: a box stands for them, in silence."""
    with _LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing|Matplotlib currently does not support")
        yield


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = TEXT, weight: str = "normal") -> float:
    """Width of a line of text in millimetres, with what hinting may add on a coarse screen.

    Examples
    --------
    >>> text_width("mm") == 2 * text_width("m")
    True
    """
    font = FontProperties(family=FONT, size=size, weight=weight)
    with _any_letter():
        points, _, _ = TextToPath().get_text_width_height_descent(visible(text), font, False)
    return float(points) * POINT * _HINTING


def widest(texts: Sequence[str], size: float = TEXT, weight: str = "normal") -> float:
    """Width of the widest text in millimetres; 0 for none."""
    return max((text_width(t, size, weight) for t in texts), default=0.0)


def wrap(text: str, width: float, size: float = TEXT, weight: str = "normal") -> list[str]:
    """Break text into lines that fit.

    Parameters
    ----------
    text : str
        One paragraph; line breaks in it are kept.
    width : float
        Room in millimetres.
    size : float
        Type size in points.
    weight : str
        "normal" or "bold".

    Returns
    -------
    list of str
        At least one line; a word that is wider than the room is broken.

    Examples
    --------
    >>> wrap("one two three", text_width("one two"))
    ['one two', 'three']
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += _wrap_words(paragraph.split(" "), width, size, weight)
    return lines


def _wrap_words(words: list[str], width: float, size: float, weight: str) -> list[str]:
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size, weight) <= width:
            lines[-1] = longer
            continue
        pieces = _break_word(word, width, size, weight)
        lines = [*lines, *pieces] if lines[-1] else pieces
    return lines


def _break_word(word: str, width: float, size: float, weight: str) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and text_width(pieces[-1] + letter, size, weight) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def line_height(size: float = TEXT) -> float:
    """Distance between lines of text in millimetres."""
    return size * 1.25 * POINT


def luminance(color: str) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white).

    References
    ----------
    W3C. Web Content Accessibility Guidelines 2.2, 2023.
    """
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21.

    Examples
    --------
    >>> round(contrast("white", "black"), 1)
    21.0
    """
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def bare_x(axes: Axes) -> None:
    """Keep only the horizontal axis of a pair of axes whose rows are labelled elsewhere."""
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False, labelleft=False)
    axes.set_facecolor("none")
