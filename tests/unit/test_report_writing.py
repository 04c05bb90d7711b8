"""A report folder is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vpstats.errors import UsageError
from vpstats.report import writing
from vpstats.report.writing import exchange, replace_folder, sync_tree


class KilledError(Exception):
    """Stands for anything that ends a run."""


def fill(text: str) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        (folder / "sub").mkdir()
        (folder / "sub" / "first.txt").write_text(text)
        (folder / "second.txt").write_text(text)

    return build


def content(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()
    }


def whole(text: str) -> dict[str, str]:
    return {"sub/first.txt": text, "second.txt": text}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "reports" / "demo"


@pytest.fixture(params=["one step", "two steps"])
def swap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to replace a folder: exchanged at once, or by two renames."""
    if request.param == "two steps":
        monkeypatch.setattr(writing, "exchange", lambda new, old: False)
    return str(request.param)


def test_a_new_folder_appears_with_its_parents_and_nothing_beside_it(out: Path) -> None:
    assert replace_folder(out, fill("new")) == out
    assert content(out) == whole("new")
    assert os.listdir(out.parent) == ["demo"]


@pytest.mark.usefixtures("swap")
def test_an_old_folder_is_replaced_entirely(out: Path) -> None:
    replace_folder(out, fill("old"))
    (out / "third.txt").write_text("old")
    replace_folder(out, fill("new"))
    assert content(out) == whole("new")
    assert os.listdir(out.parent) == ["demo"]


def fail(*_: object) -> None:
    raise KilledError


def fail_on_second_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    rename, calls = Path.rename, []

    def sometimes(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise KilledError
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", sometimes)


STEPS = {
    "sync": lambda patch: patch.setattr(writing, "sync_tree", fail),
    "move": lambda patch: patch.setattr(writing, "_move", fail),
    "exchange": lambda patch: patch.setattr(writing, "exchange", fail),
    "second rename": fail_on_second_rename,
}


@pytest.mark.parametrize("step", STEPS)
def test_an_error_at_any_step_leaves_the_old_folder(
    step: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_folder(out, fill("old"))
    if step == "second rename":
        monkeypatch.setattr(writing, "exchange", lambda new, old: False)
    STEPS[step](monkeypatch)
    with pytest.raises(KilledError):
        replace_folder(out, fill("new"))
    assert content(out) == whole("old")
    assert os.listdir(out.parent) == ["demo"]


def test_an_error_while_building_leaves_the_old_folder(out: Path) -> None:
    replace_folder(out, fill("old"))

    def half(folder: Path) -> None:
        (folder / "half.txt").write_text("new")
        raise KilledError

    with pytest.raises(KilledError):
        replace_folder(out, half)
    assert content(out) == whole("old")
    assert os.listdir(out.parent) == ["demo"]


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from vpstats.report import writing

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def build(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "first.txt").write_text("new")
    if step == "build":
        die()
    (folder / "second.txt").write_text("new")

step, out = sys.argv[1], Path(sys.argv[2])
if step == "sync":
    writing.sync_tree = die
if step == "before move":
    writing._move = die
if step.endswith("rename") or step == "clear":
    writing.exchange = lambda new, old: False
if step == "first rename":
    Path.rename = die
if step == "second rename":
    rename = Path.rename
    Path.rename = lambda self, to: rename(self, to) if self == out else die()
if step == "clear":
    writing.shutil.rmtree = die
if step == "after exchange":
    done = writing.exchange
    writing.exchange = lambda new, old: done(new, old) and die()
writing.replace_folder(out, build)
"""

AFTER_A_KILL = {
    "build": "old",
    "sync": "old",
    "before move": "old",
    "first rename": "old",
    "second rename": None,  # between two renames: the folder is aside, whole, until the next run
    "clear": "new",
    "after exchange": "new",
}


@pytest.mark.parametrize("step", AFTER_A_KILL)
def test_a_kill_at_any_step_leaves_the_old_folder_or_the_new_one(step: str, out: Path) -> None:
    replace_folder(out, fill("old"))
    run = subprocess.run(  # this interpreter, a program written above
        [sys.executable, "-c", KILLED_RUN, step, str(out)], check=False, capture_output=True
    )
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()
    expected = AFTER_A_KILL[step]
    if expected is None:
        assert content(out.with_name(".demo.old")) == whole("old")
    else:
        assert content(out) == whole(expected)

    seen = []
    replace_folder(out, fill("newest"), may_replace=lambda folder: seen.append(content(folder)))
    assert seen == [whole(expected or "old")]
    assert content(out) == whole("newest")
    assert os.listdir(out.parent) == ["demo"]


def test_two_runs_at_once_are_refused_and_the_lock_is_given_back(out: Path) -> None:
    def intrude(folder: Path) -> None:
        fill("first")(folder)
        with pytest.raises(UsageError, match=r"another run is writing this report\. Wait"):
            replace_folder(out, fill("second"))

    replace_folder(out, intrude)
    assert content(out) == whole("first")
    replace_folder(out, fill("third"))
    assert content(out) == whole("third")


def test_a_lock_file_that_its_owner_removed_meanwhile_is_not_taken(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taken = writing._take, []

    def take_late(handle: int) -> None:
        taken.append(handle)
        if len(taken) == 1:  # the owner finished between our opening and our locking
            out.with_name(".demo.lock").unlink()
        take(handle)

    monkeypatch.setattr(writing, "_take", take_late)
    replace_folder(out, fill("new"))
    assert len(taken) == 2
    assert os.listdir(out.parent) == ["demo"]


def test_a_folder_that_must_stay_is_left_untouched(out: Path) -> None:
    out.mkdir(parents=True)
    (out / "thesis.txt").write_text("mine")

    def refuse(folder: Path) -> None:
        raise UsageError("not a report", file=folder)

    with pytest.raises(UsageError, match="not a report"):
        replace_folder(out, fill("new"), may_replace=refuse)
    assert content(out) == {"thesis.txt": "mine"}
    assert os.listdir(out.parent) == ["demo"]


def test_an_empty_folder_is_filled_without_asking(out: Path) -> None:
    out.mkdir(parents=True)
    replace_folder(out, fill("new"), may_replace=fail)
    assert content(out) == whole("new")


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(UsageError, match="this is a file; a folder was expected"):
        replace_folder(tmp_path / "demo", fill("new"))
    assert (tmp_path / "demo").read_text() == "mine"


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path, out: Path) -> None:
    out.mkdir(parents=True)
    (tmp_path / "link").symlink_to(out, target_is_directory=True)
    replace_folder(tmp_path / "link", fill("new"))
    assert (tmp_path / "link").is_symlink()
    assert content(out) == whole("new")


def two_folders(parent: Path) -> tuple[Path, Path]:
    for name in ("left", "right"):
        (parent / name).mkdir()
        (parent / name / "name.txt").write_text(name)
    return parent / "left", parent / "right"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux exchanges in one step")
def test_exchange_swaps_two_folders(tmp_path: Path) -> None:
    left, right = two_folders(tmp_path)
    assert exchange(left, right)
    assert (left / "name.txt").read_text() == "right"
    assert (right / "name.txt").read_text() == "left"


class Library:
    """A C library whose renameat2 fails with a given error, or is not there."""

    def __init__(self, code: int | None) -> None:
        if code is not None:
            self.renameat2 = lambda *_: self._fail(code)

    @staticmethod
    def _fail(code: int) -> int:
        writing.ctypes.set_errno(code)
        return -1


@pytest.mark.parametrize("code", [None, errno.ENOSYS, errno.EINVAL])
def test_exchange_says_no_where_the_system_cannot(
    code: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing.ctypes, "CDLL", lambda *_, **__: Library(code))
    left, right = two_folders(tmp_path)
    assert not exchange(left, right)
    assert (left / "name.txt").read_text() == "left"


def test_exchange_says_no_on_other_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing.sys, "platform", "darwin")
    assert not exchange(*two_folders(tmp_path))


def test_exchange_raises_where_the_system_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing.ctypes, "CDLL", lambda *_, **__: Library(errno.EACCES))
    with pytest.raises(PermissionError):
        exchange(*two_folders(tmp_path))


def test_every_file_and_folder_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(writing, "_sync", lambda path: synced.append(path))
    fill("new")(tmp_path)
    sync_tree(tmp_path)
    names = {"sub/first.txt", "second.txt", "sub", "."}
    assert {p.relative_to(tmp_path).as_posix() for p in synced} == names


def test_the_new_folder_has_ordinary_permissions(out: Path) -> None:
    replace_folder(out, fill("new"))
    plain = out.parent / "plain"
    plain.mkdir()
    assert out.stat().st_mode == plain.stat().st_mode
    shutil.rmtree(plain)


def test_a_root_is_no_report_folder() -> None:
    with pytest.raises(UsageError, match="name a folder of its own"):
        replace_folder(Path("/"), lambda folder: None, may_replace=lambda folder: None)
