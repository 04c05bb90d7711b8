"""Bytes to text: which encoding a file is in, and text that was once read in the wrong one.

A file is read piece by piece, so that its size is not held in memory. What is in UTF-8 already, as
most files are, is not decoded at all.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from vpstats.errors import DataError
from vpstats.registry.code_pages import PAGES, likely_pages, taken_for_western, words_beyond_ascii

Content = bytes | Path
"""All of a file, or where it lies."""

PIECE = 1 << 20
"""Bytes that are looked at together: they stay in the processor's cache."""
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 4_000_000
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_SAYS_SOMETHING = re.compile(rb"[^ \t\r\n\x00\xef\xbb\xbf\xff\xfe]")
_LINE_END = re.compile(rb"[\r\n]")
_REPLACED = "\ufffd".encode()
_KINDS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive; set format = 'excel'"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; set format = 'excel'"),
    (b"%PDF", "a PDF document; export the table as CSV or Excel"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file.

    Parameters
    ----------
    text : str
        Without byte order mark and NUL characters.
    encoding : str
        Name of the encoding used.
    nul : int
        NUL characters removed.
    undecodable : int
        Characters that the encoding does not have, replaced by U+FFFD.
    """

    text: str
    encoding: str
    nul: int = 0
    undecodable: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first reading of a text file found.

    Parameters
    ----------
    encoding : str
        Name of the encoding.
    errors : str
        "strict" where every byte is one of its characters, else "replace".
    nul : int
        NUL characters, which are left out.
    undecodable : tuple of int
        Line of each character that the encoding does not have.
    quoted : bool
        Whether there is a quotation mark.
    """

    encoding: str
    errors: str
    nul: int = 0
    undecodable: tuple[int, ...] = ()
    quoted: bool = True

    @property
    def as_it_is(self) -> bool:
        """Whether the bytes need no change to be text in UTF-8, a byte order mark aside."""
        return _is_utf8(self.encoding) and self.errors == "strict" and not self.nul


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


# ------------------------------------------------------------------ pieces


def pieces(content: Content, size: int = 0) -> Iterator[bytes]:
    """The bytes of a file, one part after the other."""
    size = size or PIECE
    if isinstance(content, bytes):
        for start in range(0, len(content), size):
            yield content[start : start + size]
        return
    with content.open("rb") as file:
        while piece := file.read(size):
            yield piece


def beginning(content: Content, size: int) -> bytes:
    """The first bytes of a file."""
    return next(pieces(content, size), b"")


def utf8_pieces(content: Content, seen: Survey) -> Iterator[bytes]:
    """The text of a file in UTF-8, without byte order mark and NUL characters.

    Parameters
    ----------
    content : bytes or Path
        The file.
    seen : Survey
        What `survey` found.

    Yields
    ------
    bytes
        Parts of the text; a character may lie in two of them.
    """
    mark = codecs.BOM_UTF8
    for part in _transcoded(content, seen.encoding, seen.errors):
        text, mark = part.removeprefix(mark), b""
        yield text.replace(b"\x00", b"") if seen.nul else text


def _transcoded(content: Content, encoding: str, errors: str) -> Iterator[bytes]:
    if _is_utf8(encoding) and errors == "strict":
        yield from pieces(content)
        return
    decoder = _decoder(content, encoding, errors)
    for piece in pieces(content):
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _decoder(content: Content, encoding: str, errors: str) -> codecs.IncrementalDecoder:
    name = codecs.lookup(encoding).name
    marked = beginning(content, 4).startswith(tuple(mark for mark, _ in _BOMS))
    if name in ("utf-16", "utf-32") and not marked:
        name = f"{name}-le"  # what every computer writes today that says no more than the width
    return codecs.getincrementaldecoder(name)(errors)


# ------------------------------------------------------------------ the first reading


def survey(
    content: Content, *, declared: str | None, file: str, longest: int | None = None
) -> Survey:
    """Find out how to read a text export, and refuse what is none.

    Parameters
    ----------
    content : bytes or Path
        The file.
    declared : str, optional
        Encoding that the mapping names; it is believed, and must fit.
    file : str
        Name for messages.
    longest : int, optional
        Bytes that a line may have, more than a piece has: what lies within one is not looked at.

    Returns
    -------
    Survey
        What `utf8_pieces` needs.

    Raises
    ------
    DataError
        If the file is empty, is no text, is not in the encoding declared, or has an endless line.
    """
    if not any(_SAYS_SOMETHING.search(piece) for piece in pieces(content)):
        raise DataError("the file is empty; export it again.", file=file)
    start = beginning(content, 8)
    for signature_, kind in _KINDS:
        if start.startswith(signature_):
            raise DataError(f"expected text, found {kind}.", file=file)
    if declared is not None:
        _refuse_unknown(declared, file)
    encoding = declared or detect(content)
    proved = declared is None and encoding == "utf-8"
    misfit = None if proved else _misfit(content, encoding)
    if misfit is not None and declared:
        raise DataError(_mismatch(content, encoding, misfit), file=file)
    errors = "strict" if misfit is None else "replace"
    scan = _scan(content, encoding, errors, longest, file)
    return Survey(encoding, errors, scan.nul, tuple(scan.replaced), scan.quoted)


def decode(content: bytes, *, declared: str | None, file: str) -> Decoded:
    """Turn the bytes of a text export into text.

    Parameters
    ----------
    content : bytes
        The whole file.
    declared : str, optional
        Encoding that the mapping names; it is believed, and must fit.
    file : str
        Name for messages.

    Returns
    -------
    Decoded
        With the encoding that was used.

    Raises
    ------
    DataError
        If the file is empty, is no text, or is not in the encoding declared.
    """
    seen = survey(content, declared=declared, file=file)
    text = b"".join(utf8_pieces(content, seen)).decode("utf-8")
    return Decoded(text, seen.encoding, seen.nul, len(seen.undecodable))


def _refuse_unknown(encoding: str, file: str) -> None:
    try:
        b"a".decode(encoding)
    except UnicodeError:
        pass  # half a character of a wide encoding
    except LookupError:  # unknown, or no text encoding, such as base64
        raise DataError(
            f"encoding '{encoding}' is not known; try utf-8, cp1250, cp1252, iso-8859-2, "
            "cp1251, cp1254, cp1257, cp850, cp852 or mac-roman.",
            file=file,
        ) from None


def _misfit(content: Content, encoding: str) -> int | None:
    """Position of the first byte that is no character of an encoding; None where there is none."""
    decoder, plain = _decoder(content, encoding, "strict"), _is_utf8(encoding)
    read = pending = 0
    for piece in chain(pieces(content), (b"",)):
        if plain and not pending and piece and piece.isascii():
            read += len(piece)
            continue
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeError as error:
            return read - pending + getattr(error, "start", 0)
        read, pending = read + len(piece), len(decoder.getstate()[0])
    return None


def _mismatch(content: Content, encoding: str, position: int) -> str:
    line = 1
    for piece in pieces(content):
        line += piece.count(b"\n", 0, position)
        position -= len(piece)
        if position <= 0:
            break
    return (
        f"the file is not in the encoding declared, {encoding} (line {line}); it looks like "
        f"{detect(content)}. Correct encoding in registry.toml or leave it out."
    )


@dataclass(slots=True)
class _Scan:
    """What passes by while a text in UTF-8 is read."""

    nul: int = 0
    read: int = 0
    controls: int = 0
    unended: int = 0
    quoted: bool = False
    replaced: list[int] = field(default_factory=list)

    def take(self, part: bytes) -> None:
        """Look at the next part."""
        self.nul += part.count(b"\x00") if b"\x00" in part else 0
        self.quoted = self.quoted or b'"' in part
        if self.read < _SAMPLE:
            self.controls += len(part) - len(part.translate(None, _CONTROLS))
        last = max(part.rfind(b"\n"), part.rfind(b"\r"))
        self.unended = len(part) - last - 1 if last >= 0 else self.unended + len(part)
        self.read += len(part)

    def longest(self, part: bytes) -> int:
        """Length of the line that ends, or does not end, in the part to be taken next."""
        end = _LINE_END.search(part)
        return self.unended + (len(part) if end is None else end.start())

    @property
    def is_binary(self) -> bool:
        """Whether controls are as frequent as in no text."""
        return self.controls > 20 and self.controls * 50 > min(self.read, _SAMPLE)


def _scan(content: Content, encoding: str, errors: str, longest: int | None, file: str) -> _Scan:
    scan, line = _Scan(), 1
    for part in _transcoded(content, encoding, errors):
        if longest is not None and scan.longest(part) > longest:
            _refuse_endless(content, encoding, errors, scan.read - scan.unended, longest, file)
        if errors == "replace":
            scan.replaced += _lines_of(_REPLACED, part, line)
            line += part.count(b"\n")
        scan.take(part)
    if scan.is_binary:
        raise DataError("expected text, found a binary file.", file=file)
    return scan


def _lines_of(wanted: bytes, part: bytes, first: int) -> list[int]:
    lines = part.split(b"\n") if wanted in part else []
    return [first + i for i, line in enumerate(lines) for _ in range(line.count(wanted))]


def _refuse_endless(
    content: Content, encoding: str, errors: str, start: int, longest: int, file: str
) -> None:
    """A table has no line of megabytes; reading one would take the memory of many tables."""
    row, left, before = 1, start, b""
    for part in _transcoded(content, encoding, errors):
        above = part[:left]
        row += above.count(b"\n") + above.count(b"\r") - above.count(b"\r\n")
        row -= before.endswith(b"\r") and above.startswith(b"\n")
        left, before = left - len(above), above
        if left <= 0:
            break
    raise DataError(
        f"has a line of more than {longest:,} bytes; expected a table with a row on each line. "
        "Export it again.",
        file=file,
        row=row,
    )


# ------------------------------------------------------------------ the encoding


def detect(content: Content) -> str:
    """Guess the encoding: byte order mark, UTF-16 by its zero bytes, UTF-8, then code pages.

    Parameters
    ----------
    content : bytes or Path
        The file or its beginning.

    Returns
    -------
    str
        "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1250", "cp1252" or
        "iso-8859-2".

    Examples
    --------
    >>> detect("šećer".encode("cp1250")), detect("šećer".encode("iso-8859-2")), detect(b"plain")
    ('cp1250', 'iso-8859-2', 'utf-8')
    """
    sample = beginning(content, _SAMPLE)
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name
    wide = _wide(sample)
    if wide is not None:
        return wide
    return "utf-8" if _misfit(content, "utf-8") is None else _code_page(content)


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Latin text is zero."""
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd * 2 > half and even * 20 < half:
        return "utf-16-le"
    return "utf-16-be" if even * 2 > half and odd * 20 < half else None


def _code_page(content: Content) -> str:
    """The code page that the words with bytes above 127 speak for, wherever in the file."""
    return likely_pages(words_beyond_ascii(pieces(content)))[0]


# ------------------------------------------------------------------ text read wrongly before

_CROATIAN = frozenset("čćđšžČĆĐŠŽ")
_WRONG = frozenset("æðÆÐ")


def repair(text: str) -> str | None:
    """Undo a wrong reading of UTF-8 as a code page, where the text proves it.

    Text that is valid UTF-8 after going back through a code page was almost surely UTF-8: the
    letters of real words do not form its byte sequences.

    Parameters
    ----------
    text : str
        Text as read.

    Returns
    -------
    str or None
        The repaired text, or None where nothing is proved.

    Examples
    --------
    >>> repair("kraljeĹˇka"), repair("kralješka")
    ('kralješka', None)
    """
    if text.isascii():
        return None
    for page in ("cp1250", "cp1252", "latin-1"):
        try:
            repaired = text.encode(page).decode("utf-8")
        except UnicodeError:
            continue
        if repaired != text:
            return repaired
    return None


def repair_code_page(text: str) -> str:
    """Undo a wrong reading of cp1250 as cp1252 (``æ ð è`` for ``ć đ č``).

    Examples
    --------
    >>> repair_code_page("Vukoviæ")
    'Vuković'
    """
    try:
        return text.encode("cp1252").decode("cp1250")
    except UnicodeError:
        return text


def remedy(wrong: str, read: str) -> str:
    """What to write in registry.toml where text shows a wrong reading.

    Parameters
    ----------
    wrong : str
        Encoding that the text seems to be in, from `signature`.
    read : str
        Encoding that the file was read in, "" for a format that has none.

    Returns
    -------
    str
        The file was read wrongly here, or was written wrongly before.

    Examples
    --------
    >>> remedy("cp1250", "cp1252"), remedy("utf-8", "utf-8")
    ('write encoding = "cp1250"', 'write repair_encoding = true')
    """
    here = read in PAGES and wrong != read
    return f'write encoding = "{wrong}"' if here else "write repair_encoding = true"


def signature(texts: Iterable[str]) -> str | None:
    """Which wrong reading the texts of a column show.

    Parameters
    ----------
    texts : iterable of str
        Distinct spellings.

    Returns
    -------
    str or None
        "utf-8", "cp1250" (read as cp1252), or None.

    Examples
    --------
    >>> signature(["pušaè", "nikad"]), signature(["Vukoviæ"]), signature(["pušač"])
    ('cp1250', 'cp1250', None)
    """
    spoken = [text for text in texts if not text.isascii()]
    if any(repair(text) is not None for text in spoken):
        return "utf-8"
    letters = set("".join(spoken))
    if letters & (_CROATIAN - frozenset("šžŠŽ")):
        return None
    wrong = letters & _WRONG or (letters & frozenset("èÈ") and letters & frozenset("šžŠŽ"))
    return "cp1250" if wrong and taken_for_western(spoken) else None
