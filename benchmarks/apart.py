"""Runs work in a process of its own, so that its peak memory and its failures are its own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

PATIENCE_S = 60.0
"""How far work may overshoot its time limit before its process is ended."""
MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
_T = TypeVar("_T")


class Failed(Exception):
    """The work raised, its process died, or it took too long; the message says which."""


def peak_bytes() -> int:
    """Largest resident set of this process so far, libraries included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT_BYTES


def apart(work: Callable[..., _T], arguments: tuple[Any, ...], time_limit_s: float) -> _T:
    """What a function of some module returns in a fresh process; raises Failed where it returns nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.measuring"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    try:
        if not ours.poll(time_limit_s + PATIENCE_S):
            raise Failed(f"no answer {PATIENCE_S:g} s after the time limit")
        returned, failure = ours.recv()
    except EOFError:
        process.join()
        raise Failed(f"the process ended with exit code {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if failure is not None:
        raise Failed(failure)
    found: _T = returned
    return found


def _answer(channel: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In the child: work and send. HiGHS prints to standard output, which belongs to the report."""
    os.dup2(2, 1)
    try:
        channel.send((work(*arguments), None))
    except Exception as error:  # noqa: BLE001 - a benchmark reports what went wrong and goes on
        channel.send((None, f"{type(error).__name__}: {error}"))
