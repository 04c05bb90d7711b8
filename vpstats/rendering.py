"""How a result shows itself: in a notebook, and in a terminal.

Only what the result itself holds is shown; the line "internal: not released" stays until a number
has passed the disclosure gate.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

NOT_RELEASED = "internal: not released"

_ROWS_SHOWN = 30


class Showable(Protocol):
    """What a result shows of itself."""

    @property
    def title(self) -> str:
        """One line that says what was estimated."""

    @property
    def unit(self) -> str:
        """What one row is."""

    @property
    def n(self) -> int:
        """Rows analysed."""

    @property
    def n_events(self) -> int | None:
        """Rows with the event."""

    @property
    def n_clusters(self) -> int | None:
        """Clusters."""

    @property
    def caveats(self) -> Sequence[Any]:
        """Records with a `message`."""

    @property
    def ok(self) -> bool:
        """Whether there is an estimate."""

    @property
    def status(self) -> str:
        """Either "ok" or why not."""

    @property
    def reason(self) -> str:
        """What to do about it."""

    def tidy(self) -> pd.DataFrame:
        """The numbers."""

    def beside(self) -> Sequence[tuple[str, pd.DataFrame]]:
        """Further tables, each with its heading."""


def render_html(result: Showable) -> str:
    """Render a result for a notebook: title, counts, tidy table, caveats, and a warning."""
    table = _html_table(result.tidy())
    beside = "".join(f"<p>{escape(h)}</p>{_html_table(rows)}" for h, rows in result.beside())
    caveats = "".join(f"<li>{escape(c.message)}</li>" for c in result.caveats)
    scale = f"<p>{escape(_scale(result))}</p>" if _scale(result) else ""
    status = "" if result.ok else f"<p><b>{escape(result.status)}</b>: {escape(result.reason)}</p>"
    return (
        f"<div><p><b>{escape(result.title)}</b><br>{escape(_counts(result))}</p>"
        f"{status}{table}{scale}{beside}{f'<ul>{caveats}</ul>' if caveats else ''}"
        f"<p><small>{NOT_RELEASED}</small></p></div>"
    )


def render_text(result: Showable) -> str:
    """Render a result for a terminal: the same as in a notebook."""
    tables = [_text_table(result.tidy()), _scale(result)]
    for heading, rows in result.beside():
        tables += [heading, _text_table(rows)]
    status = "" if result.ok else f"{result.status}: {result.reason}"
    caveats = [f"- {c.message}" for c in result.caveats]
    lines = [result.title, _counts(result), status, *tables, *caveats, NOT_RELEASED]
    return "\n".join(line for line in lines if line)


def _scale(result: Showable) -> str:
    """Say that coefficients are logarithms of ratios, which the table does not show."""
    measure = getattr(result, "measure", "").replace("_", " ")
    if getattr(result, "kind", "") != "fit" or not result.ok or not measure.endswith(" ratio"):
        return ""
    return (
        f"Estimates and limits are logarithms of {measure}s; "
        f"tidy(exponentiate=True) gives the {measure}s."
    )


def _html_table(rows: pd.DataFrame) -> str:
    table: str = rows.head(_ROWS_SHOWN).to_html(index=False, float_format="{:.4g}".format, border=0)
    return table + (f"<p>{_more(rows)}</p>" if _more(rows) else "")


def _text_table(rows: pd.DataFrame) -> str:
    if not len(rows):
        return ""
    table = rows.head(_ROWS_SHOWN).to_string(index=False, float_format="{:.4g}".format)
    return "\n".join(part for part in (table, _more(rows)) if part)


def _counts(result: Showable) -> str:
    units = {"vertebra": "vertebrae"}.get(result.unit, f"{result.unit}s")
    counts = [f"{result.n:,} {units}"]
    if result.n_events is not None:
        counts.append(f"{result.n_events:,} events")
    if result.n_clusters is not None:
        counts.append(f"{result.n_clusters:,} clusters")
    return " · ".join(counts)


def _more(rows: pd.DataFrame) -> str:
    left = len(rows) - _ROWS_SHOWN
    return f"… and {left:,} more rows." if left > 0 else ""
