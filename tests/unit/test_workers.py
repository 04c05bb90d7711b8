"""Work side by side gives what it gives one after the other, and ends with whoever began it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_all_start_methods

import pytest

from vpstats.errors import UsageError
from vpstats.workers import side_by_side

FORKS = "fork" in get_all_start_methods()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_what_is_made_comes_in_the_order_of_the_items(workers: int) -> None:
    base = 10
    assert list(side_by_side(lambda n: base * n, [3, 1, 2], workers)) == [30, 10, 20]
    assert list(side_by_side(lambda n: base * n, [], workers)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_raised_where_the_work_was_asked_for(workers: int) -> None:
    def refuse(number: int) -> int:
        if number == 2:
            raise UsageError("two is too many.")
        return number

    with pytest.raises(UsageError, match="two is too many"):
        list(side_by_side(refuse, [1, 2, 3], workers))
    # and nothing is left behind for the next work
    assert list(side_by_side(str, [1, 2], workers)) == ["1", "2"]


@pytest.mark.skipif(not FORKS, reason="needs a system that can fork")
def test_work_is_done_in_other_processes() -> None:
    found = set(side_by_side(lambda _: os.getpid(), range(8), 2))
    assert os.getpid() not in found


ORPHANS = """
import os, time
from vpstats.workers import side_by_side

def work(number):
    os.write(1, f"{os.getpid()}\\n".encode())  # at once: two processes share the line
    time.sleep(60)

list(side_by_side(work, [1, 2], 2))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the state of processes from /proc")
def test_processes_end_when_whoever_began_them_is_killed() -> None:
    command = [sys.executable, "-c", ORPHANS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        told = [parent.stdout.readline() for _ in range(2)]
        parent.send_signal(signal.SIGKILL)
    children = [int(line) for line in told]
    deadline = time.monotonic() + 30
    while any(map(_lives, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_lives, children))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process}/stat") as state:
        return state.read().rsplit(")", 1)[1].split()[0] != "Z"
