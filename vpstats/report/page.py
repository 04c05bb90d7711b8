"""Sections become one self-contained HTML page, and the figures and tables beside it become files.

The page holds no script, asks for nothing from anywhere, and says so in a content security policy
that admits its own style sheet by hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vpstats.errors import InternalError, UsageError
from vpstats.escaping import in_markdown, visible
from vpstats.report.parts import Listing, Picture, Section

if TYPE_CHECKING:
    from jinja2 import Environment

DPI = 150
"""Dots per inch of the PNG files: sharp in a document, small in a folder."""


EMS_PER_POINT = 0.1125
"""Root ems per point of a figure: its 7-point print text then reads like 12 pixels."""

WIDTHS = (("wide", 46.0), ("medium", 30.0))
"""Class of a figure, and the width in root ems from which it has it."""


@dataclass(frozen=True)
class Page:
    """The frame of a report page.

    Parameters
    ----------
    title, description : str
        Heading and abstract.
    edition, edition_short : str
        Which edition this is, and whether it may leave.
    internal, synthetic : bool
        Which banners the page carries.
    key : tuple of (term, text)
        Registry, data cut and the like, below the heading.
    fingerprint, version : str
        Of the plan and of vpstats.
    up : str
        Link to the page that this one belongs to; empty where it stands alone.
    """

    title: str
    description: str
    edition: str
    edition_short: str
    internal: bool
    synthetic: bool
    key: tuple[tuple[str, str], ...]
    fingerprint: str
    version: str
    up: str = ""


@dataclass(frozen=True)
class Shown:
    """A table or a figure as markup."""

    title: str
    table: str = ""
    notes: str = ""
    svg: str = ""
    caption: str = ""


class Titled(Protocol):
    """What the contents of a page name: a section."""

    @property
    def id(self) -> str:
        """Anchor."""

    @property
    def title(self) -> str:
        """Heading."""


def render(
    page: Page,
    sections: Sequence[Titled],
    shown: Mapping[str, Shown],
    *,
    template: str = "report.html.j2",
    styles: Sequence[str] = ("report.css",),
) -> str:
    """Write the page.

    Parameters
    ----------
    page : Page
        Its frame.
    sections : sequence of Section
        In order.
    shown : mapping of str to Shown
        Markup of every picture and listing, by key.
    template : str
        Which of the templates lays the sections out.
    styles : sequence of str
        Style sheets, in order.

    Returns
    -------
    str
        An HTML document; equal content gives equal bytes.
    """
    css = "".join(map(_resource, styles))
    text = (
        environment()
        .get_template(template)
        .render(page=page, sections=sections, shown=shown, css=css, policy=security_policy(css))
    )
    return f"{text}\n"


def security_policy(css: str) -> str:
    """Forbid the page everything but its own style sheet.

    Examples
    --------
    >>> security_policy("").split("; ")[0]
    "default-src 'none'"
    """
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    rules = ("default-src 'none'", f"style-src 'sha256-{digest}'", "img-src data:",
             "base-uri 'none'", "form-action 'none'")  # fmt: skip
    return "; ".join(rules)


@cache
def environment() -> Environment:
    """Make the environment of all templates: what is put into them is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=False,
    )


@cache
def _resource(name: str) -> str:
    return files("vpstats.report").joinpath("templates", name).read_text(encoding="utf-8")


def write_blocks(sections: Sequence[Section], folder: Path) -> dict[str, Shown]:
    """Draw every figure and write every table once, to files and to markup.

    Parameters
    ----------
    sections : sequence of Section
        Whose blocks are written.
    folder : Path
        Gets ``figures/*.svg``, ``figures/*.png``, ``tables/*.csv`` and ``tables.md``.

    Returns
    -------
    dict of str to Shown
        Markup by the key of its block.
    """
    (folder / "figures").mkdir()
    (folder / "tables").mkdir()
    blocks = [block for section in sections for block in section.blocks]
    write_text(folder / "tables.md", "\n\n".join(_markdown(sections)))
    return {
        block.key: _write_listing(block, folder / "tables")
        if isinstance(block, Listing)
        else _write_picture(block, folder / "figures")
        for block in blocks
    }


def _markdown(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        found = [b.table.to_markdown().strip() for b in section.blocks if isinstance(b, Listing)]
        if found:
            yield "\n\n".join([f"## {in_markdown(section.title)}", *found])


def _write_listing(block: Listing, folder: Path) -> Shown:
    write_text(folder / f"{block.name}.csv", block.table.to_csv())
    table, end, notes = block.table.to_html().partition("</table>")
    return Shown(block.table.title, table=table + end, notes=notes)


def _write_picture(block: Picture, folder: Path) -> Shown:
    from vpstats.figures.style import styled

    with styled():
        return _draw_picture(block, folder)


def _draw_picture(block: Picture, folder: Path) -> Shown:
    from vpstats.figures import figure_svg, save

    try:
        figure = block.draw()
    except UsageError as error:  # a release may leave nothing to draw; the reader is told why
        return Shown(block.title, caption=f"Not drawn: {error}")
    svg = figure_svg(figure, title=block.title, desc=block.description, id_prefix=f"{block.key}-")
    write_text(folder / f"{block.name}.svg", svg)
    save(figure, folder / f"{block.name}.png", dpi=DPI)
    return Shown(block.title, svg=enlarge(svg), caption=block.caption)


def enlarge(svg: str) -> str:
    """Set a figure made for print to a size that can be read on a screen.

    Parameters
    ----------
    svg : str
        An ``<svg>`` element with its width and height in points.

    Returns
    -------
    str
        The same drawing, its width in root ems, so that it follows the page's type when printed;
        wide ones carry a class, so that on a phone they scroll rather than shrink.

    Raises
    ------
    InternalError
        If the drawing does not say how wide it is.

    Examples
    --------
    >>> enlarge('<svg width="480pt" height="144pt" viewBox="0 0 480 144"/>')
    '<svg class="wide" width="54rem" viewBox="0 0 480 144"/>'
    """
    start, end = svg.split(">", 1)
    width = re.search(r' width="([\d.]+)pt"', start)
    if width is None:
        raise InternalError("a figure does not say how wide it is in points.")
    ems = float(width[1]) * EMS_PER_POINT
    start = re.sub(r' (?:width|height)="[^"]*"', "", start).removeprefix("<svg")
    name = next((f' class="{name}"' for name, least in WIDTHS if ems >= least), "")
    return f'<svg{name} width="{ems:.4g}rem"{start}>{end}'


def write_text(path: Path, text: str) -> None:
    r"""Write UTF-8 with ``\n`` line ends on every platform and one at the end; no controls."""
    path.write_text(visible(text).rstrip("\n") + "\n", encoding="utf-8", newline="\n")
