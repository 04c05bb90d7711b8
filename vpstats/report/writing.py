"""A folder appears whole or not at all: it is written aside and then moved into place.

Four names lie beside the folder ``reports/demo`` while it is written, all hidden: the locks
``.demo.run`` (of a whole audit) and ``.demo.lock`` (of the writing), the new folder
``.demo.writing`` and, where two folders cannot be exchanged in one step, the replaced one
``.demo.old``. Whoever holds the lock of the writing owns the folders, so what a killed run left
behind is cleared by the next one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vpstats.errors import UsageError

_EXCHANGE = 2
"""RENAME_EXCHANGE of renameat2(2)."""

_HERE = -100
"""AT_FDCWD: paths are relative to the working directory."""

_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def replace_folder(
    out: Path,
    build: Callable[[Path], None],
    *,
    may_replace: Callable[[Path], None] = lambda folder: None,
) -> Path:
    """Build a folder aside and put it in the place of `out`.

    Parameters
    ----------
    out : Path
        Where the folder shall be; its parents are made where they are missing.
    build : callable
        Fills the empty folder that it is given.
    may_replace : callable
        Called with `out` where it exists and is not empty; raises if it must stay.

    Returns
    -------
    Path
        `out`, resolved.

    Raises
    ------
    UsageError
        If `out` is a file, or if another run is writing it.
    Exception
        Whatever `build` or `may_replace` raise; `out` is then as it was.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as parent:
    ...     folder = Path(parent) / "report"
    ...     _ = replace_folder(folder, lambda f: (f / "a.txt").touch())
    ...     sorted(os.listdir(parent)), os.listdir(folder)
    (['report'], ['a.txt'])
    """
    out = out.resolve()
    if not out.name:
        raise UsageError("this cannot be a report's folder; name a folder of its own.", file=out)
    if out.exists() and not out.is_dir():
        raise UsageError("this is a file; a folder was expected. Name another one.", file=out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _lock(_aside(out, "lock"), out):
        _recover(out)
        if out.exists() and any(out.iterdir()):
            may_replace(out)
        _build_and_move(out, build)
    return out


@contextmanager
def claim(out: Path) -> Iterator[None]:
    """Keep others from starting a run for the same folder, from before its data are read.

    Raises
    ------
    UsageError
        If another run is at work on it. A lock that a killed run left behind holds nobody up.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as parent, claim(Path(parent) / "audit"):
    ...     os.listdir(parent)
    ['.audit.run']
    """
    out = out.resolve()
    if not out.name:
        raise UsageError("this cannot be a report's folder; name a folder of its own.", file=out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _lock(_aside(out, "run"), out):
        yield


def _aside(out: Path, suffix: str) -> Path:
    return out.with_name(f".{out.name}.{suffix}")


def _recover(out: Path) -> None:
    """Clear what a killed run left; bring the old folder back if it had not been replaced."""
    old = _aside(out, "old")
    if old.exists() and not out.exists():
        old.rename(out)
    for leftover in (_aside(out, "writing"), old):
        if leftover.exists():
            shutil.rmtree(leftover)


def _build_and_move(out: Path, build: Callable[[Path], None]) -> None:
    new = _aside(out, "writing")
    new.mkdir()
    try:
        build(new)
        sync_tree(new)
        _move(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _move(new: Path, out: Path) -> None:
    if not out.exists():
        new.rename(out)
    elif not exchange(new, out):
        _swap_in_two_steps(new, out)
    _sync(out.parent)


def _swap_in_two_steps(new: Path, out: Path) -> None:
    old = _aside(out, "old")
    out.rename(old)
    try:
        new.rename(out)
    except BaseException:
        old.rename(out)
        raise
    shutil.rmtree(old)


def exchange(left: Path, right: Path) -> bool:
    """Exchange two existing folders in one step, where the system can.

    Returns
    -------
    bool
        False where the platform or the file system has no such step; nothing was done then.

    Raises
    ------
    OSError
        If the system can, but may not.
    """
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    paths = os.fsencode(left), os.fsencode(right)
    if rename(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(right))


def sync_tree(root: Path) -> None:
    """Make sure that every file below a folder has reached the disk before it is moved."""
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            _sync(Path(folder) / name)
        _sync(Path(folder))


def _sync(path: Path) -> None:
    if sys.platform == "win32" and path.is_dir():  # pragma: no cover (another system)
        return  # Windows cannot open a folder; its renames are journalled
    handle = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _lock(path: Path, out: Path) -> Iterator[None]:
    """Hold a lock that the system releases even if the process is killed."""
    handle = _open_lock(path, out)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _open_lock(path: Path, out: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(handle)
        except OSError:
            os.close(handle)
            raise UsageError(
                "another run is writing this report. Wait until it is done, or name another "
                "folder.",
                file=out,
            ) from None
        if _is_file_of(handle, path):
            return handle
        os.close(handle)  # its owner removed the file between our two steps


def _take(handle: int) -> None:
    if sys.platform == "win32":  # pragma: no cover (another system)
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_file_of(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
