"""Bytes to text: which encoding a file is in, and text that was once read in the wrong one."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass

from vpstats.errors import DataError

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 4_000_000
# š ž Š Ž sit at other places in ISO 8859-2 than in the Windows code pages
_ISO_ONLY = bytes([0xB9, 0xBE, 0xA9, 0xAE])
_WINDOWS_ONLY = bytes(range(0x80, 0xA0))
# ć đ Đ Ć in cp1250 are æ ð Ð Æ in cp1252, which the languages of cp1252 here do not use
_CENTRAL = bytes([0xE6, 0xF0, 0xD0, 0xC6])
# ß ä ö ü é are the same in both; è à ò ù ì ê ñ ç are what the Western languages need besides
_WESTERN = bytes([0xE0, 0xF2, 0xF9, 0xEC, 0xEA, 0xF1, 0xE2, 0xFB])
_CONTROLS = [chr(code) for code in range(32) if chr(code) not in "\t\n\r"]
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
    if not content.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise DataError("the file is empty; export it again.", file=file)
    for signature, kind in _KINDS:
        if content.startswith(signature):
            raise DataError(f"expected text, found {kind}.", file=file)
    encoding = declared or detect(content)
    text, undecodable = _decode_as(content, encoding, declared is not None, file)
    nul = text.count("\x00")
    sample = text[:_SAMPLE]
    odd = sum(sample.count(sign) for sign in _CONTROLS)
    if odd > 20 and odd * 50 > len(sample):
        raise DataError("expected text, found a binary file.", file=file)
    return Decoded(text.replace("\x00", "").removeprefix("\ufeff"), encoding, nul, undecodable)


def _decode_as(content: bytes, encoding: str, declared: bool, file: str) -> tuple[str, int]:
    try:
        b"a".decode(encoding)
    except UnicodeError:
        pass  # half a character of a wide encoding
    except LookupError:  # unknown, or no text encoding, such as base64
        raise DataError(
            f"encoding '{encoding}' is not known; try utf-8, cp1250, cp1252 or iso-8859-2.",
            file=file,
        ) from None
    try:
        return content.decode(encoding), 0
    except UnicodeError as error:
        if declared:
            raise DataError(_mismatch(content, encoding, error), file=file) from None
    text = content.decode(encoding, errors="replace")
    return text, text.count("\ufffd")


def _mismatch(content: bytes, encoding: str, error: UnicodeError) -> str:
    row = ""
    if isinstance(error, UnicodeDecodeError):
        row = f" (line {content.count(bytes([10]), 0, error.start) + 1})"
    return (
        f"the file is not in the encoding declared, {encoding}{row}; it looks like "
        f"{detect(content)}. Correct encoding in registry.toml or leave it out."
    )


def detect(content: bytes) -> str:
    """Guess the encoding: byte order mark, UTF-16 by its zero bytes, UTF-8, then code pages.

    Parameters
    ----------
    content : bytes
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
    for mark, name in _BOMS:
        if content.startswith(mark):
            return name
    sample = content[:_SAMPLE]
    wide = _wide(sample)
    if wide is not None:
        return wide
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _code_page(sample)
    return "utf-8"


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Latin text is zero."""
    if len(sample) < 4:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd * 2 > half and even * 20 < half:
        return "utf-16-le"
    return "utf-16-be" if even * 2 > half and odd * 20 < half else None


def _count(sample: bytes, wanted: bytes) -> int:
    return sum(sample.count(bytes([value])) for value in wanted)


def _code_page(sample: bytes) -> str:
    if not _count(sample, _WINDOWS_ONLY) and _count(sample, _ISO_ONLY):
        return "iso-8859-2"
    central = _count(sample, _CENTRAL)
    western = _count(sample, _WESTERN)
    czech_s_z = _count(sample, bytes([0x9A, 0x9E, 0x8A, 0x8E]))
    return "cp1250" if central + czech_s_z > western else "cp1252"


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
    return "cp1250" if wrong else None
