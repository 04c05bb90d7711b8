"""Figures to bytes that are the same in every run: PNG, PDF, SVG files and SVG for a web page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vpstats.errors import UsageError
from vpstats.escaping import visible
from vpstats.figures.style import FONT, styled

_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""What matplotlib would write of the day and of itself, left out."""

FALLBACK = f"{FONT}, Verdana, sans-serif"
"""Fonts of SVG text, which stays text: Verdana runs as wide as the font that was measured."""


def save(figure: Figure | Axes, path: str | Path, *, dpi: float = 300) -> Path:
    """Write a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure or Axes
        What to write.
    path : path
        Ends in ``.svg``, ``.pdf`` or ``.png``.
    dpi : float
        Dots per inch of PNG files.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    UsageError
        If the file name ends otherwise.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from vpstats.figures.style import new_sheet
    >>> save(new_sheet(20, 10).figure, Path(mkdtemp()) / "empty.svg").name
    'empty.svg'
    """
    target = Path(path)
    kind = target.suffix.lower().lstrip(".")
    if kind not in _METADATA:
        raise UsageError(
            f"a figure cannot be written as '{target.name}'; "
            "expected a name that ends in .svg, .pdf or .png."
        )
    target.write_bytes(_render(_figure_of(figure), kind, dpi))
    return target


def figure_svg(figure: Figure | Axes, *, title: str, desc: str = "", id_prefix: str = "") -> str:
    """Render a figure as an SVG element to put into a web page.

    Text stays text. No style sheet and no style attribute is used, so that the element neither
    changes the page around it nor needs leave from its content security policy.

    Parameters
    ----------
    figure : Figure or Axes
        What to render.
    title : str
        Name of the figure for those who cannot see it.
    desc : str
        What it shows, in a sentence or two.
    id_prefix : str
        Put before every id, so that several figures can stand in one page; letters, digits,
        "-" and "_", a letter first.

    Returns
    -------
    str
        ``<svg …>…</svg>``.

    Raises
    ------
    UsageError
        If the prefix cannot be part of an id, or the title is empty.

    Examples
    --------
    >>> from vpstats.figures.style import new_sheet
    >>> text = figure_svg(new_sheet(20, 10).figure, title="Nothing", id_prefix="a-")
    >>> text[:4], ">Nothing</title>" in text
    ('<svg', True)
    """
    if not title.strip():
        raise UsageError("title is empty; name the figure for those who cannot see it.")
    if id_prefix and not re.fullmatch(r"[A-Za-z][\w-]*", id_prefix, re.ASCII):
        raise UsageError(
            f"id_prefix is '{id_prefix}'; expected letters, digits, '-' and '_', a letter first."
        )
    markup = _render(_figure_of(figure), "svg", 72).decode("utf-8")
    body = _prefixed(markup[markup.index("<svg") :].rstrip(), id_prefix)
    return _named(body, title, desc, id_prefix)


def _figure_of(figure: Figure | Axes) -> Figure:
    found = figure.get_figure(root=True) if isinstance(figure, Axes) else figure
    if not isinstance(found, Figure):
        raise UsageError("expected a matplotlib figure, or axes that belong to one.")
    return found


def _render(figure: Figure, kind: str, dpi: float) -> bytes:
    buffer = io.BytesIO()
    with styled():
        # every axes sits where its sheet put it: no tight box, which would follow the text
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_METADATA[kind])
    content = buffer.getvalue()
    return (
        visible(_plain_svg(content.decode("utf-8"))).encode("utf-8") if kind == "svg" else content
    )


def _plain_svg(markup: str) -> str:
    markup = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", markup, count=1, flags=re.S)
    markup = re.sub(r"<metadata>.*?</metadata>\s*", "", markup, flags=re.S)
    markup = _in_tags(markup, r' style="([^"]*)"', lambda found: _attributes(found[1]))
    # what the style sheet of the whole drawing said, as attributes that children inherit
    return markup.replace("<svg ", '<svg stroke-linejoin="round" stroke-linecap="butt" ', 1)


def _in_tags(markup: str, pattern: str, replace: Callable[[re.Match[str]], str]) -> str:
    # labels may say anything, an attribute in quotes included: only what is in a tag is changed
    return re.sub(r"<[^<>]+>", lambda tag: re.sub(pattern, replace, tag[0]), markup)


def _attributes(style: str) -> str:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    return "".join(f' {name.strip()}="{_value(name, text)}"' for name, text in pairs)


def _value(name: str, text: str) -> str:
    return FALLBACK if name.strip() == "font-family" else text.strip()


def _prefixed(markup: str, prefix: str) -> str:
    return _in_tags(markup, r' id="|url\(#|href="#', lambda found: found[0] + prefix)


def _named(markup: str, title: str, desc: str, prefix: str) -> str:
    names = f'role="img" aria-labelledby="{prefix}title"'
    inside = f'<title id="{prefix}title">{escape(title)}</title>'
    if desc:
        names += f' aria-describedby="{prefix}desc"'
        inside += f'<desc id="{prefix}desc">{escape(desc)}</desc>'
    start, end = markup.split(">", 1)
    return f"<svg {names}{start.removeprefix('<svg')}>{inside}{end}"
