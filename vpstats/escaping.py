"""Text from anywhere, made harmless for whoever opens it: spreadsheets, terminals, pages.

Cells, and the names of columns, files, sheets and centers, come from exports, and exports hold
anything. What is dangerous is marked so that it can be read, and taken back; all else stays.

References
----------
OWASP Foundation. CSV injection. https://owasp.org/www-community/attacks/CSV_Injection
Unicode Technical Report 36. Unicode security considerations.
https://www.unicode.org/reports/tr36/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = "=+@＝＋－＠﹢﹣﹦﹫-"
"""What spreadsheets start a formula with, and the wide and small forms that some read alike."""

_UNSEEN = "\u00ad\u034f\u200b-\u200d\u2060\ufeff"
# what may stand before a formula holds no cut itself, so that no character is looked at twice
_BEFORE = rf"(?:^|[;\t\n])(?:[^\S\t\n]|[\"'{_UNSEEN}])*"
# a file opened with ';' as its separator is cut there, whatever the quotes of a ',' file say
_STARTS = re.compile(rf"({_BEFORE})([{_FORMULA}])")
_MARKED = re.compile(rf"({_BEFORE})'([{_FORMULA}])")
_NUMBER = re.compile(r"-[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")

_OBEYED = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Controls but tab and line end; what turns the direction of letters; half letters."""

_CONTROL = re.compile(f"[{_OBEYED}]")
_HARMLESS = re.compile(rf"[^\W_][^;\t\n\\{_OBEYED}]*")

_TAKEN = re.compile(r"\\(?=u[0-9a-f]{4})")
_SHOWN = re.compile(r"\\u([0-9a-f]{4})")


def visible(text: str) -> str:
    r"""Show what a terminal would obey, or what would turn the letters around it.

    Parameters
    ----------
    text : str
        Any text, of one line or of many; it may be a JSON document.

    Returns
    -------
    str
        Controls other than tabs and line ends, and characters that change the direction of
        writing, as ``\u001b``: within a string of JSON or TOML that is the same character again.

    Examples
    --------
    >>> print(visible("C01" + chr(27) + "[31m"))
    C01\u001b[31m
    """
    return text if text.isprintable() else _CONTROL.sub(_code, text)


def _code(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def in_markdown(text: str) -> str:
    r"""Text as a part of a line of Markdown: no markup, no tag, no cell of a table of its own.

    Examples
    --------
    >>> print(in_markdown("a|b <b>"))
    a\|b &lt;b>
    """
    marked = re.sub(r"([\\`*_\[\]|])", r"\\\1", text)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", marked).replace("\n", " ")


def defuse(value: object) -> object:
    r"""A cell of a CSV file that no spreadsheet will run, and no terminal obey.

    Parameters
    ----------
    value : object
        Anything; only text is changed, and only where it is dangerous.

    Returns
    -------
    object
        Text with an apostrophe before whatever would start a formula: at its beginning, or after
        a semicolon, a tab or a line end within it, behind spaces and quotes too. Controls stand
        as in `visible`, and a backslash that could be mistaken for one of them as ``\u005c``.
        Negative numbers as programs write them, and everything else, as they are.

    Examples
    --------
    >>> defuse("=1+1"), defuse("-oko 3"), defuse("Th8"), defuse("-2.5"), defuse(-3)
    ("'=1+1", "'-oko 3", 'Th8', '-2.5', -3)
    >>> defuse("x; =1+1"), defuse("'=1+1")
    ("x; '=1+1", "''=1+1")
    """
    if not isinstance(value, str) or _HARMLESS.fullmatch(value) or _NUMBER.fullmatch(value):
        return value
    marked = _STARTS.sub(r"\1'\2", visible(_TAKEN.sub(r"\\u005c", value)))
    return f"'{marked}" if marked.lstrip("'").startswith(("\t", "\n")) else marked


def restore(text: str) -> str:
    r"""The text that `defuse` was given.

    Parameters
    ----------
    text : str
        A cell of a CSV file that vpstats wrote.

    Returns
    -------
    str
        It without the marks.

    Examples
    --------
    >>> restore("'=1+1"), restore("''=1+1"), restore("-2.5"), restore("Th8")
    ('=1+1', "'=1+1", '-2.5', 'Th8')
    """
    if text.startswith("'") and text.lstrip("'").startswith(("\t", "\n")):
        text = text[1:]
    return _SHOWN.sub(lambda m: chr(int(m[1], 16)), _MARKED.sub(r"\1\2", text))


def to_csv(frame: pd.DataFrame) -> str:
    r"""Write a frame as CSV whose cells and headings no spreadsheet will run as a formula.

    Every table that vpstats writes for a spreadsheet goes through here or through `defuse`.

    Parameters
    ----------
    frame : DataFrame
        Any table.

    Returns
    -------
    str
        Comma-separated, one header line, ``\n`` line ends, missing values empty. Text is written
        as `defuse` says.

    Examples
    --------
    >>> import pandas as pd
    >>> print(to_csv(pd.DataFrame({"raw": ["=1+1", "-2,5", "Th8"], "n": [-1, 2, 3]})), end="")
    raw,n
    '=1+1,-1
    "'-2,5",2
    Th8,3
    """
    import pandas as pd

    safe = {i: _defused(frame.iloc[:, i]) for i in range(frame.shape[1])}
    made = pd.DataFrame(safe, index=frame.index)
    heads = [defuse(name) for name in frame.columns]
    return str(made.to_csv(index=False, header=heads, lineterminator="\n"))


def _defused(column: pd.Series) -> pd.Series:
    """Each spelling once: a log of cleaning has millions of cells and few spellings."""
    import pandas as pd

    if column.dtype.kind != "O":
        return column
    known: dict[str, object] = {}

    def cell(value: object) -> object:
        if not isinstance(value, str):
            return value
        if value not in known:
            known[value] = defuse(value)
        return known[value]

    return pd.Series([cell(value) for value in column], column.index, dtype=object)
