"""Work side by side, in processes that begin with all that their parent has in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from threading import Event, Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

_SHARED: list[tuple[Callable[[Any], Any], Sequence[Any]]] = []
"""What forked processes find when they begin; empty at all other times."""

_LOOK = 0.2
"""Seconds after which a process sees that its parent was killed."""


def side_by_side(
    function: Callable[[Item], Made], items: Sequence[Item], workers: int
) -> Generator[Made, None, None]:
    """Call a function with each item, in forked processes where the system can fork.

    Parameters
    ----------
    function : callable
        Neither it nor the items need to travel; what it returns does.
    items : sequence
        Its arguments. Whoever is free takes the next one.
    workers : int
        Processes; with one, or one item, the work is done here.

    Yields
    ------
    object
        What the function returned, in the order of the items.

    Examples
    --------
    >>> list(side_by_side(lambda number: number**2, [1, 2, 3], workers=2))
    [1, 4, 9]
    """
    workers = min(workers, len(items))
    if workers < 2 or "fork" not in get_all_start_methods():
        yield from map(function, items)
        return
    _SHARED.append((function, items))
    try:
        with ProcessPoolExecutor(
            workers, mp_context=get_context("fork"), initializer=_end_with, initargs=(os.getpid(),)
        ) as pool:
            yield from pool.map(_call_shared, range(len(items)))
    finally:
        _SHARED.pop()


def _call_shared(number: int) -> Any:
    function, items = _SHARED[-1]
    return function(items[number])


def _end_with(parent: int) -> None:
    """End this process when its parent is gone: it would keep the parent's locks for ever."""
    Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    pause = Event()
    while os.getppid() == parent:
        pause.wait(_LOOK)
    os._exit(1)
