"""Which files a source names: single ones, patterns, whole folders, and the members of a zip."""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from vpstats.errors import DataError
from vpstats.registry.decoding import Content, pieces
from vpstats.registry.mapping import SourceMap
from vpstats.registry.raw import SourceNote, unread_note

FORMATS = {
    "csv": ("*.csv", "*.tsv", "*.txt"),
    "redcap": ("*.csv",),
    "excel": ("*.xlsx", "*.xlsm", "*.xlsb", "*.xls", "*.ods"),
    "parquet": ("*.parquet",),
    "stata": ("*.dta",),
    "spss": ("*.sav", "*.zsav"),
    "sas": ("*.sas7bdat", "*.xpt"),
}
"""Format → patterns of its files."""

_MOST_MEMBERS = 10_000
_MOST_BYTES = 4 * 1024**3
_MOST_WHOLE = 4 * 1024**3
_MOST_TEXT = 64 * 1024**3
"""Bytes of a file, held whole or in pieces: a sparse one of terabytes takes no room on a disk."""
_MOST_RATIO = 200
_SMALL = 10_000_000
"""Up to this size a member may be packed as tightly as it likes: 10 MB harm nobody."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One file, which need not be in memory.

    Parameters
    ----------
    shown : str
        Name for messages: relative to registry.toml, with the member of a zip after a colon.
    held : bytes or Path
        All of it, or where it lies.
    notes : tuple of SourceNote
        What was found when it was opened.
    """

    shown: str
    held: Content
    notes: tuple[SourceNote, ...] = ()

    @property
    def content(self) -> bytes:
        """All of it."""
        return self.held if isinstance(self.held, bytes) else read_bytes(self.held, self.shown)

    def sha256(self) -> str:
        """Hash of its bytes."""
        digest = hashlib.sha256()
        for piece in pieces(self.held):
            digest.update(piece)
        return digest.hexdigest()


def open_files(mapping: SourceMap, folder: Path) -> Iterator[OpenFile]:
    """Open, one after the other, every file that a source names.

    Parameters
    ----------
    mapping : SourceMap
        Its ``file`` and ``member``.
    folder : Path
        Where registry.toml lies; files are relative to it.

    Yields
    ------
    OpenFile
        In the order of the list, by name within patterns, folders and archives.

    Raises
    ------
    DataError
        If there is no such file, it cannot be opened, or an archive is not safe to unpack.
    """
    seen: dict[Path, None] = {}
    for pattern in mapping.file:
        for path in _find(pattern, folder, mapping.name):
            if path not in seen:
                seen[path] = None
                yield from _open(path, mapping, folder)


def _open(path: Path, mapping: SourceMap, folder: Path) -> Iterator[OpenFile]:
    shown = shown_name(path, folder)
    if path.is_dir():
        yield from _folder(path, mapping, folder)
    elif path.suffix.lower() == ".zip":
        yield from _members(read_bytes(path, shown), mapping, shown)
    else:
        yield OpenFile(shown, _readable(path, shown))


def _find(pattern: str, folder: Path, name: str) -> list[Path]:
    try:
        found = _named(pattern, folder)
    except OSError as error:  # a name too long, a folder that is closed to us
        raise DataError(f"cannot be opened: {error.strerror}.", file=pattern) from None
    except ValueError:
        raise DataError(
            f"source '{name}': is no pattern; ** stands for folders and alone between slashes, "
            "as in exports/**/*.csv. Correct file = … in registry.toml.",
            file=pattern,
        ) from None
    if not found:
        raise DataError(
            f"source '{name}' names a file that is not there; expected it relative to "
            "registry.toml. Correct file = … or put the export there.",
            file=pattern,
        )
    return found


def _named(pattern: str, folder: Path) -> list[Path]:
    path = Path(pattern)
    if path.is_absolute() or not any(c in pattern for c in "*?["):
        return [folder / path] if (folder / path).exists() else []
    return sorted(p for p in folder.glob(pattern) if not p.is_dir())


def read_bytes(path: Path, shown: str) -> bytes:
    """Read a whole file.

    Raises
    ------
    DataError
        If it cannot be opened, or would fill the memory.
    """
    try:
        return path.read_bytes() if regular_size(path, shown, most=_MOST_WHOLE) else b""
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}.", file=shown) from None


def regular_size(path: Path, shown: str, *, most: int) -> int:
    """Bytes of a file, known before any of them is asked for.

    A pipe would be waited for, and a device read, without end. So would be what a system shows as
    a file although it is none, such as its running log: its size is 0, and 0 bytes are read of it.

    Parameters
    ----------
    path : Path
        Of the file.
    shown : str
        Name for messages.
    most : int
        Bytes that may be read.

    Returns
    -------
    int
        Its size.

    Raises
    ------
    DataError
        If it is neither file nor folder, or has more bytes than may be read.
    OSError
        If it cannot be looked at.
    """
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise DataError("is no file but a pipe or device; export to a file.", file=shown)
    if found.st_size > most:
        raise DataError(
            f"has {found.st_size / 1024**3:,.0f} GB; at most {most / 1024**3:.0f} GB are read. "
            "Export it in parts.",
            file=shown,
        )
    return found.st_size


def _readable(path: Path, shown: str) -> Content:
    """The path of a file that can be opened, which another process may be asked to read.

    A file whose name is not valid text, as archives of other systems leave them, is read at once:
    not every library can be told such a name.
    """
    if not str(path).isprintable() and any("\ud800" <= c <= "\udfff" for c in str(path)):
        return read_bytes(path, shown)
    try:
        if not regular_size(path, shown, most=_MOST_TEXT):
            return b""
        with path.open("rb"):
            return path.absolute()
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}.", file=shown) from None


def shown_name(path: Path, folder: Path) -> str:
    """Name of a file for messages, relative to registry.toml where it lies below it."""
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return path.name


# ------------------------------------------------------------------ folders and archives


def _folder(path: Path, mapping: SourceMap, folder: Path) -> Iterator[OpenFile]:
    inside = {p.relative_to(path).as_posix(): p for p in sorted(path.rglob("*")) if not p.is_dir()}
    below = path.is_relative_to(folder)
    names = {n: shown_name(p, folder) if below else p.as_posix() for n, p in inside.items()}
    wanted, notes = _wanted(names, mapping, shown_name(path, folder))
    for name in wanted:
        shown = shown_name(inside[name], folder)
        yield OpenFile(shown, _readable(inside[name], shown), notes)
        notes = ()


def _wanted(
    names: Mapping[str, str], mapping: SourceMap, shown: str
) -> tuple[list[str], tuple[SourceNote, ...]]:
    """Names that the patterns ask for, and a note on those that they do not.

    `names` says what each is called where other sources name the files that they read.
    """
    patterns = mapping.member or FORMATS[mapping.format]
    visible = [name for name in names if not _is_litter(name)]
    wanted = sorted(name for name in visible if _matches(name, patterns))
    if not wanted:
        raise DataError(
            f"holds no file that matches {' or '.join(patterns)}, among {len(visible)}. "
            "Correct member or format in registry.toml.",
            file=shown,
        )
    rest = sorted(set(visible) - set(wanted))
    unread = {names[name]: name for name in rest}
    note = unread_note("file.not_read", shown, "files that no source reads", unread)
    return wanted, (note,) if rest else ()


def _matches(name: str, patterns: Sequence[str]) -> bool:
    lower, last = name.lower(), PurePosixPath(name.lower()).name
    return any(fnmatchcase(lower, p.lower()) or fnmatchcase(last, p.lower()) for p in patterns)


def _is_litter(name: str) -> bool:
    """What systems leave behind beside the files of people: resource forks, locks, thumbnails."""
    parts = PurePosixPath(name).parts
    return any(p.startswith((".", "~$", "__MACOSX")) for p in parts) or parts[-1] == "Thumbs.db"


def _members(content: bytes, mapping: SourceMap, shown: str) -> Iterator[OpenFile]:
    archive = _archive(content, shown)
    with archive:
        refuse_unsafe(archive.infolist(), shown)
        infos = {i.filename: i for i in archive.infolist() if not i.is_dir()}
        inside_of = {name: f"{shown}:{name}" for name in infos}
        wanted, notes = _wanted(inside_of, mapping, shown)
        for name in wanted:
            inside = inside_of[name]
            yield OpenFile(inside, _unpack(archive, infos[name], inside), notes)
            notes = ()


def _archive(content: bytes, shown: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise DataError(
            "is no readable zip archive; it may be damaged or cut off. Pack it again.", file=shown
        ) from None


def refuse_unsafe(infos: Sequence[zipfile.ZipInfo], shown: str) -> None:
    """Refuse an archive whose members lie outside it, lack or share a name, or fill the memory.

    Parameters
    ----------
    infos : sequence of ZipInfo
        All members.
    shown : str
        Name for messages.

    Raises
    ------
    DataError
        Saying what is wrong.
    """
    total = sum(info.file_size for info in infos)
    problem = ""
    if len(infos) > _MOST_MEMBERS:
        problem = f"has {len(infos):,} members; at most {_MOST_MEMBERS:,} are read"
    elif total > _MOST_BYTES:
        problem = f"would unpack to {total / 1024**3:.0f} GB; at most 4 GB are unpacked"
    elif len({info.filename for info in infos}) < len(infos):
        problem = "has two members of one name"
    elif not all(PurePosixPath(info.filename).parts for info in infos):
        problem = "has a member without a name"
    elif any(_leaves(info.filename) for info in infos):
        problem = "has a member whose path leads out of the archive"
    elif any(_is_bomb(info) for info in infos):
        problem = f"has a member packed more than {_MOST_RATIO} times"
    if problem:
        raise DataError(f"{problem}; it was not unpacked. Pack the exports again.", file=shown)


def _leaves(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]


def _is_bomb(info: zipfile.ZipInfo) -> bool:
    return info.file_size > _SMALL and info.file_size > _MOST_RATIO * max(info.compress_size, 1)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, shown: str) -> bytes:
    if info.flag_bits & 1:
        raise DataError("is encrypted; pack it again without a password.", file=shown)
    if info.filename.lower().endswith((".zip", ".7z", ".rar", ".gz", ".tar")):
        raise DataError("is an archive within an archive; unpack it first.", file=shown)
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError, zlib.error):
        raise DataError(
            "cannot be unpacked; the archive may be damaged. Pack it again.", file=shown
        ) from None
