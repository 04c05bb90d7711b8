"""Rows of text read in blocks by pyarrow: columns of distinct spellings, never all of the text.

What a block gives is kept as codes and distinct spellings, so memory grows with the rows' codes and
the spellings, not with the text: a byte for each cell of most columns. Rows that do not have the
usual number of cells are cut one by one, as Python's csv cuts them, and handed back beside the
columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vpstats.registry.cells import trim
from vpstats.registry.decoding import PIECE, Content, Survey, utf8_pieces
from vpstats.registry.raw import TextColumn, first_rows, merged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpstats.registry.raw import Codes, Rows

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.signedinteger[Any]]

OddRows = list[tuple[int, list[str]]]
"""Number of each row that has another width than most, and its cells."""
BLOCK = 4 * PIECE
"""Bytes that are cut at a time: in larger blocks the spellings of a column are met more seldom."""
_SPACE, _TILDE = 0x20, 0x7E


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a text stand in it.

    Parameters
    ----------
    delimiter : str
        What stands between cells.
    width : int
        Cells of a row; rows of another width are cut one by one.
    skip : int
        Lines up to the header's last.
    first : int
        Number of the row below it.
    unlike : frozenset of int
        Columns whose first cells do not come back: their spellings are found when asked for.
    """

    delimiter: str
    width: int
    skip: int
    first: int
    unlike: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Parsed:
    """What stands below a header.

    Parameters
    ----------
    columns : list of TextColumn
        The rows of the usual width.
    numbers : ndarray of int
        Their numbers, counted as a spreadsheet does.
    odd : list of (int, list of str)
        The other rows: number and cells.
    lines : list of (int, int, str)
        Distinct cells that hold several lines: row of the first, column and text.
    """

    columns: list[TextColumn]
    numbers: Rows
    odd: OddRows = field(default_factory=list)
    lines: list[tuple[int, int, str]] = field(default_factory=list)


def parse(content: Content, seen: Survey, layout: Layout) -> Parsed | None:
    """Cut a text into columns.

    Parameters
    ----------
    content : bytes or Path
        The file.
    seen : Survey
        How it is encoded.
    layout : Layout
        How its rows stand in it.

    Returns
    -------
    Parsed or None
        None where the text cannot be cut in blocks, since one row is longer than a block.

    Notes
    -----
    A field is quoted where its first character is a quote, a doubled quote within stands for one,
    and what follows the closing quote belongs to the field: as Python's csv reads it.
    """
    import pyarrow as pa

    odd: list[tuple[int, str]] = []
    try:
        blocks = [
            [_slice(column) for column in b.columns] for b in _batches(content, seen, layout, odd)
        ]
    except pa.ArrowInvalid:
        return None
    cut = _cut(odd, layout.delimiter, layout.width)
    if cut is None:
        return None
    regular = sum(len(block[0]) for block in blocks)
    numbers = _numbers(layout.first, regular, [number for number, _ in cut])
    columns: list[TextColumn] = []
    lines = []
    for i in range(layout.width):
        slices = [block[i] for block in blocks]
        column: TextColumn = LaterColumn(slices)
        # a line end stands in quoted cells alone
        if seen.quoted and any(_has_line_end(part.spellings) for part in slices):
            column, several = text_of(slices)
            lines += [(int(numbers[row]), i, text) for row, text in several]
        columns.append(column)
    return Parsed(columns, numbers, cut, lines)


def _batches(
    content: Content, seen: Survey, layout: Layout, odd: list[tuple[int, str]]
) -> Iterator[Any]:
    """Blocks of rows; rows of another width are put into `odd`, with their numbers."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    def set_aside(row: Any) -> str:
        odd.append((row.number - layout.skip - 1 + layout.first, row.text))
        return "skip"

    coded, plain = pa.dictionary(pa.int32(), pa.string()), pa.string()
    kinds = {str(i): plain if i in layout.unlike else coded for i in range(layout.width)}
    with pacsv.open_csv(
        _stream(content, seen),
        read_options=pacsv.ReadOptions(
            column_names=list(kinds), skip_rows=layout.skip, block_size=BLOCK, use_threads=False
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char='"' if seen.quoted else False,
            newlines_in_values=seen.quoted,  # looking for them takes time
            ignore_empty_lines=False,
            invalid_row_handler=set_aside,
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=kinds,
            strings_can_be_null=False,
            null_values=[],
            check_utf8=False,  # the survey has
        ),
        memory_pool=_memory(),
    ) as reader:
        yield from reader


def _cut(odd: Sequence[tuple[int, str]], delimiter: str, width: int) -> OddRows | None:
    """Cells of rows of another width; None where Python's csv would not have them so."""
    found: OddRows = []
    for number, text in odd:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        if len(rows) != 1 or len(rows[0]) == width:
            return None
        found.append((number, [one_newline(cell) for cell in rows[0]]))
    return found


def _numbers(first: int, regular: int, odd: Sequence[int]) -> Rows:
    """Numbers of the regular rows: all that the others leave free."""
    every = np.arange(first, first + regular + len(odd), dtype=np.int64)
    return np.delete(every, np.asarray(odd, np.int64) - first) if odd else every


def one_newline(text: str) -> str:
    """Line ends of one kind, whichever the file has.

    Examples
    --------
    >>> one_newline(chr(13) + chr(10) + chr(13)) == chr(10) * 2
    True
    """
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


# ------------------------------------------------------------------ spellings


@dataclass(frozen=True, slots=True)
class Slice:
    """A column within one block.

    Parameters
    ----------
    spellings : pyarrow.StringArray
        What its cells say: each once, or every cell in turn where they were not told apart.
    codes : ndarray of unsigned int, optional
        Position of each cell's spelling, in the narrowest type that holds it.
    """

    spellings: Any
    codes: Codes | None = None

    def __len__(self) -> int:
        return len(self.spellings if self.codes is None else self.codes)


def _slice(column: Any) -> Slice:
    """A column of a block: its codes are made narrow, since they outlive the block."""
    if not hasattr(column, "dictionary"):
        return Slice(column)
    narrow = np.min_scalar_type(max(len(column.dictionary) - 1, 0))
    return Slice(column.dictionary, column.indices.to_numpy().astype(narrow))


def text_of(slices: Sequence[Slice]) -> tuple[TextColumn, list[tuple[int, str]]]:
    """A column of text from those of its blocks.

    Parameters
    ----------
    slices : sequence of Slice
        The column within each block, in order.

    Returns
    -------
    tuple
        The column, its spellings in the order of their first row; and those of them that hold
        several lines, as they were before they were trimmed, with their first row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not any(map(len, slices)):
        return TextColumn(np.empty(0, np.int32), ()), []
    every = pa.chunked_array([part.spellings for part in slices])
    once = pc.dictionary_encode(every, memory_pool=_memory())
    spellings = once.chunk(once.num_chunks - 1).dictionary
    codes = _gathered(slices, np.concatenate([chunk.indices.to_numpy() for chunk in once.chunks]))
    texts = spellings.to_pylist()
    doubtful = {place: one_newline(texts[place]) for place in _to_trim(spellings).tolist()}
    lines = {place: text for place, text in doubtful.items() if "\n" in text}
    first = first_rows(codes, len(texts)) if lines else codes
    column = merged(codes, texts, {place: trim(text) for place, text in doubtful.items()})
    return column, [(int(first[place]), text) for place, text in lines.items()]


def _gathered(slices: Sequence[Slice], places: Codes) -> Codes:
    """Codes of all rows, from the place of each block's spellings among those of the column."""
    if all(part.codes is None for part in slices):
        return places
    codes, row, first = np.empty(sum(map(len, slices)), np.int32), 0, 0
    for part in slices:
        of_part = places[first : first + len(part.spellings)]
        rows = codes[row : row + len(part)]
        if part.codes is not None and len(of_part):
            np.take(of_part, part.codes, out=rows, mode="clip")  # else it works in a copy
        row, first = row + len(rows), first + len(of_part)
    return codes


def _to_trim(spellings: Any) -> Places:
    """Spellings that are empty or may not be trimmed, seen from their bytes.

    Only plain characters from space to tilde, with no space at either end, are surely trimmed.
    """
    starts, data = _buffers(spellings)
    lengths = np.diff(starts)
    empty = lengths == 0
    first, last = data[starts[:-1] - empty], data[starts[1:] - 1]
    odd = empty | (first == _SPACE) | (last == _SPACE)
    strange = (data < _SPACE) | (data > _TILDE)
    if strange.any():
        before = np.concatenate([[0], np.cumsum(strange)])
        odd |= before[starts[1:]] > before[starts[:-1]]
    return np.flatnonzero(odd)


def _buffers(spellings: Any) -> tuple[Places, Bytes]:
    """Where each spelling begins, the end of the last one, and all of their bytes."""
    _, offsets, data = spellings.buffers()
    starts = np.frombuffer(offsets, np.int32)[spellings.offset :][: len(spellings) + 1]
    # a byte stands in where there is none, so that the empty spelling has a first one
    return starts, np.frombuffer(data or b"~", np.uint8)[: max(starts[-1], 1)]


def _has_line_end(spellings: Any) -> bool:
    _, data = _buffers(spellings)
    return bool(((data == ord("\n")) | (data == ord("\r"))).any())


class LaterColumn(TextColumn):
    """A column whose blocks are put together when it is first looked at.

    A column of keys or free text has as many spellings as rows, and often nobody asks for it.

    Parameters
    ----------
    slices : sequence of Slice
        The column within each block.
    """

    __slots__ = ("_made", "_slices")
    _slices: Sequence[Slice] | None
    _made: TextColumn | None

    def __init__(self, slices: Sequence[Slice]) -> None:
        object.__setattr__(self, "_slices", slices)
        object.__setattr__(self, "_made", None)

    def __len__(self) -> int:
        return len(self._column) if self._slices is None else sum(map(len, self._slices))

    def __reduce__(self) -> tuple[Any, ...]:
        return TextColumn, (self.codes, self.spellings)

    @property
    def _column(self) -> TextColumn:
        made = self._made
        if made is None:
            made, _ = text_of(self._slices or ())
            object.__setattr__(self, "_made", made)
            object.__setattr__(self, "_slices", None)
        return made

    @property
    def codes(self) -> Codes:
        """Position of each row's spelling."""
        return self._column.codes

    @property
    def spellings(self) -> tuple[str, ...]:
        """Distinct spellings, trimmed."""
        return self._column.spellings

    @property
    def weight(self) -> int:
        """How much there is to look at: spellings, of blocks where they stand apart."""
        if self._slices is not None:
            return sum(len(part.spellings) for part in self._slices)
        return self._column.weight

    def counts(self) -> NDArray[np.int64]:
        """Number of rows of each spelling."""
        return self._column.counts()

    def foreign(self) -> list[str]:
        """Spellings with a character beyond ASCII."""
        if self._slices is not None and not any(map(_is_foreign, self._slices)):
            return []
        return self._column.foreign()


def _is_foreign(part: Slice) -> bool:
    return bool((_buffers(part.spellings)[1] > _TILDE).any())


def _memory() -> Any:
    """The system's own: beside Arrow's, which keeps huge pages, those of NumPy have to be made.

    On a machine whose memory is in pieces that takes the kernel as long as all the rest.
    """
    import pyarrow as pa

    return pa.system_memory_pool()


# ------------------------------------------------------------------ the file


def _stream(content: Content, seen: Survey) -> Any:
    """What pyarrow reads from: the file itself where nothing in it has to be changed."""
    import pyarrow as pa

    if not seen.as_it_is:
        return pa.PythonFile(_Reader(utf8_pieces(content, seen)), mode="r")
    return pa.BufferReader(content) if isinstance(content, bytes) else pa.OSFile(str(content))


class _Reader(io.RawIOBase):
    """A file that is made while it is read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most so many."""
        while len(self._rest) < size and (part := next(self._parts, None)) is not None:
            self._rest += part
        found, self._rest = self._rest[:size], self._rest[size:]
        return found
