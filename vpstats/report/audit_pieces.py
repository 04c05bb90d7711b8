"""Pieces of an audit page as markup: paragraphs, tables, figures, verdicts, forms.

Whatever is put into a piece is escaped: names of centers come from files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vpstats.report.page import environment
from vpstats.tables import TableModel

Piece = str
"""Markup that a template may print as it is."""


@dataclass(frozen=True)
class Chapter:
    """A section of an audit page.

    Parameters
    ----------
    id, title : str
        Anchor and heading.
    pieces : tuple of str
        Its markup, in order.
    """

    id: str
    title: str
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A drawing with its title and caption; without a drawing the caption says why."""

    title: str
    caption: str
    svg: str = ""


@dataclass(frozen=True)
class FlagRow:
    """A line of the summary that leads to a page."""

    href: str
    name: str
    cells: tuple[str, ...]
    code: str
    words: str


def _macro(name: str, *arguments: Any) -> Piece:
    module = environment().get_template("audit_blocks.html.j2").module
    made: Piece = getattr(module, name)(*arguments)
    return made


def paragraphs(*texts: str) -> Piece:
    """Paragraphs of plain text; empty ones are left out."""
    return _macro("paragraphs", [text for text in texts if text])


def heading(text: str) -> Piece:
    """A heading within a section."""
    return _macro("heading", text)


def items(texts: Iterable[str]) -> Piece:
    """A plain list."""
    return _macro("items", list(texts))


def facts(pairs: Sequence[tuple[str, str]]) -> Piece:
    """A list of terms and what stands for them; those without words are left out."""
    return _macro("facts", [(term, text) for term, text in pairs if text])


def verdict(code: str, words: str, texts: Sequence[str] = ()) -> Piece:
    """A verdict: its words, and the sentences that belong to it."""
    return _macro("verdict", css_class(code), words, texts)


def table(model: TableModel) -> Piece:
    """A table that scrolls within itself where a screen is too narrow."""
    markup, end, notes = model.to_html().partition("</table>")
    return _macro("table", model.title, markup + end, notes)


def folded(summary: str, *inner: Piece) -> Piece:
    """Pieces that open on request; they are printed as they are opened."""
    from markupsafe import Markup

    return _macro("folded", summary, Markup("").join(inner))


def figures(drawn: Sequence[Figure]) -> Piece:
    """Figures beside one another where there is room."""
    return _macro("figures", drawn)


def flags(title: str, heads: Sequence[str], rows: Sequence[FlagRow]) -> Piece:
    """The table of what is flagged, each line with a link."""
    return _macro("flags", title, heads, rows)


def centers(rows: Sequence[tuple[str, str, str]]) -> Piece:
    """A list of links with a word beside each."""
    return _macro("centers", rows)


def response(
    center: str, flagged: Sequence[str], steps: Sequence[tuple[str, Sequence[str]]], contact: str
) -> Piece:
    """The form that a center fills in."""
    return _macro("response", center, flagged, steps, contact)


def css_class(code: str) -> str:
    """Class of a verdict.

    Examples
    --------
    >>> css_class("alarm, worse"), css_class("no verdict")
    ('alarm-worse', 'no-verdict')
    """
    return code.replace(", ", "-").replace(" ", "-")
