"""A table for publication: strings in rows, rendered as HTML, Markdown or CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from vpstats.errors import UsageError
from vpstats.escaping import defuse, in_markdown
from vpstats.formats import MINUS, NOT_ESTIMABLE

Align = Literal["left", "right", "center"]

_NUMBER = re.compile(rf"[-{MINUS}]?\d[\d,]*(\.\d+)?")


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows that share a heading: from `start` up to, not with, `stop`."""

    label: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class TableModel:
    """A table as it is printed: nothing but strings.

    Parameters
    ----------
    title : str
        The caption.
    header : tuple of str, length k
        Headings of the columns; the first column names the rows.
    rows : tuple of tuple of str, shape (m, k)
        The cells.
    footnotes : tuple of str
        Sentences under the table.
    align : tuple of {"left", "right", "center"}, length k
        Alignment of the columns; the first to the left and the rest to the right if empty.
    spanners : tuple of (str, int)
        Headings above the header and how many columns each spans; empty ones leave a gap. None
        or all k columns.
    row_groups : tuple of RowGroup
        Headings within the table, in order, not overlapping.

    Raises
    ------
    UsageError
        If the parts do not fit together.

    Examples
    --------
    >>> table = TableModel("Sex", ("", "n"), (("female", "812"), ("male", "398")))
    >>> print(table.to_csv(), end="")
    ,n
    female,812
    male,398
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...] = ()
    align: tuple[Align, ...] = ()
    spanners: tuple[tuple[str, int], ...] = ()
    row_groups: tuple[RowGroup, ...] = ()

    def __post_init__(self) -> None:
        width = len(self.header)
        if any(len(row) != width for row in self.rows):
            raise UsageError(f"table '{self.title}': a row does not have {width} cells.")
        if not self.align:
            # mypy widens the repeated literal to str
            usual: list[Align] = ["left", *["right"] * (width - 1)]  # type: ignore[list-item]
            object.__setattr__(self, "align", tuple(usual[:width]))
        if len(self.align) != width:
            raise UsageError(f"table '{self.title}': align does not have {width} entries.")
        if self.spanners and sum(n for _, n in self.spanners) != width:
            raise UsageError(f"table '{self.title}': spanners do not cover {width} columns.")
        _check_groups(self)

    def to_html(self) -> str:
        """Render as HTML: caption, header cells with their scope, every text escaped.

        Returns
        -------
        str
            A ``table``, and a ``div`` of class "notes" if there are footnotes. Classes: "group"
            on headings within the table, "indent" on the rows under them, "num" on columns
            aligned to the right, "mid" on centred ones.
        """
        body = "".join(_html_bodies(self))
        caption = f"<caption>{escape(self.title)}</caption>"
        paragraphs = "".join(f"<p>{escape(note)}</p>" for note in self.footnotes)
        notes = f'<div class="notes">{paragraphs}</div>' if paragraphs else ""
        return f"<table>{caption}<thead>{_html_head(self)}</thead>{body}</table>{notes}\n"

    def to_markdown(self) -> str:
        """Render as a Markdown table with the title above and the footnotes below."""
        lines = [f"**{in_markdown(self.title)}**", ""]
        header = [in_markdown(text) for text in _full_header(self)]
        lines += [_markdown_row(header), _markdown_rule(self.align)]
        for label, group in _grouped(self):
            if label is not None:
                lines.append(_markdown_row((f"**{in_markdown(label)}**",), len(self.header)))
            lines += [_markdown_row([in_markdown(c) for c in row]) for row in group]
        notes = [line for note in self.footnotes for line in ("", in_markdown(note))]
        return "\n".join([*lines, *notes]) + "\n"

    def to_csv(self) -> str:
        r"""Render as CSV; the headings within the table become a first column.

        Returns
        -------
        str
            Lines end in ``\n``. A cell that a spreadsheet would run as a formula starts with an
            apostrophe; numbers are written so that they are read as numbers.
        """
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        named = bool(self.row_groups)
        writer.writerow(
            [_csv_cell(c) for c in (*(["Section"] if named else []), *_full_header(self))]
        )
        for label, group in _grouped(self):
            first = [label or ""] if named else []
            writer.writerows([[_csv_cell(c) for c in (*first, *row)] for row in group])
        return buffer.getvalue()


def _check_groups(table: TableModel) -> None:
    end = 0
    for group in table.row_groups:
        if not end <= group.start < group.stop <= len(table.rows):
            raise UsageError(
                f"table '{table.title}': rows of '{group.label}' overlap, are empty or missing."
            )
        end = group.stop


def _grouped(
    table: TableModel,
) -> Iterable[tuple[str | None, tuple[tuple[str, ...], ...]]]:
    """Rows in order, those without a heading with None."""
    end = 0
    for group in table.row_groups:
        if group.start > end:
            yield None, table.rows[end : group.start]
        yield group.label, table.rows[group.start : group.stop]
        end = group.stop
    if end < len(table.rows):
        yield None, table.rows[end:]


def _full_header(table: TableModel) -> list[str]:
    above = [name for name, n in table.spanners for _ in range(n)] or [""] * len(table.header)
    return [": ".join(filter(None, pair)) for pair in zip(above, table.header, strict=True)]


def _class(align: Align, extra: str = "") -> str:
    name = " ".join(filter(None, ({"right": "num", "center": "mid"}.get(align, ""), extra)))
    return f' class="{name}"' if name else ""


def _html_head(table: TableModel) -> str:
    cells = list(zip(table.header, table.align, strict=True))
    if not table.spanners:
        return f"<tr>{''.join(_html_heading(text, align) for text, align in cells)}</tr>"
    upper, lower, at = "", "", 0
    for name, n in table.spanners:
        part = cells[at : at + n]
        at += n
        if name:
            upper += f'<th scope="colgroup" colspan="{n}" class="span">{escape(name)}</th>'
            lower += "".join(_html_heading(text, align) for text, align in part)
        else:
            upper += "".join(_html_heading(text, align, rows=2) for text, align in part)
    return f"<tr>{upper}</tr><tr>{lower}</tr>"


def _html_heading(text: str, align: Align, rows: int = 1) -> str:
    tall = f' rowspan="{rows}"' if rows > 1 else ""
    if not text:
        return f"<td{tall}></td>"
    return f'<th scope="col"{tall}{_class(align)}>{escape(text)}</th>'


def _html_bodies(table: TableModel) -> Iterable[str]:
    for label, rows in _grouped(table):
        heading = ""
        if label is not None:
            span = len(table.header)
            heading = (
                f'<tr class="group"><th scope="rowgroup" colspan="{span}">{escape(label)}</th></tr>'
            )
        indent = "indent" if label is not None else ""
        yield f"<tbody>{heading}{''.join(_html_row(r, table.align, indent) for r in rows)}</tbody>"


def _html_row(row: tuple[str, ...], align: Sequence[Align], indent: str) -> str:
    # a row without a name of its own goes on with the one above; an empty heading names nothing
    tag, scope = ("th", ' scope="row"') if row[0] else ("td", "")
    first = f"<{tag}{scope}{_class(align[0], indent)}>{escape(row[0])}</{tag}>"
    rest = (
        f"<td{_class(a)}>{escape(text)}</td>" for text, a in zip(row[1:], align[1:], strict=True)
    )
    return f"<tr>{first}{''.join(rest)}</tr>"


def _markdown_row(cells: Sequence[str], width: int = 0) -> str:
    padded = [*cells, *[""] * (width - len(cells))]
    return f"| {' | '.join(padded)} |"


def _markdown_rule(align: Sequence[Align]) -> str:
    marks = {"left": ":---", "right": "---:", "center": ":---:"}
    return _markdown_row([marks[a] for a in align])


def _csv_cell(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return text.replace(MINUS, "-").replace(",", "")
    return str(defuse(text))


def standing_notes(table: TableModel, mark: str) -> tuple[str, ...]:
    """Footnotes that explain the marks which a table holds.

    Parameters
    ----------
    table : TableModel
        The table without them.
    mark : str
        What stands for withheld numbers.

    Examples
    --------
    >>> standing_notes(TableModel("", ("", "n"), (("a", "*"), ("b", "n.e."))), "*")
    ('* withheld so that nobody can be recognised.', 'n.e., not estimable.')
    """
    texts = [cell for row in table.rows for cell in row[1:]] + list(table.header)
    notes = {
        mark: f"{mark} withheld so that nobody can be recognised.",
        NOT_ESTIMABLE: f"{NOT_ESTIMABLE}, not estimable.",
    }
    return tuple(note for sign, note in notes.items() if any(sign in text for text in texts))
