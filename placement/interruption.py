"""Stopping a kernel from outside: it runs without the interpreter's lock and looks at a flag now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import numpy as np

from placement.column_costs import IntArray

EVERY_S = 0.05
"""How often the question is asked."""


@contextmanager
def flag_when(stopped: Callable[[], bool] | None) -> Iterator[IntArray]:
    """(1,): becomes 1 soon after `stopped` says so, which is asked in a thread of its own; None: never."""
    flag = np.zeros(1, dtype=np.int64)
    if stopped is None:
        yield flag
        return
    done = Event()

    def ask() -> None:
        while not done.wait(EVERY_S):
            if stopped():
                flag[0] = 1
                return

    thread = Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield flag
    finally:
        done.set()
        thread.join()
