"""Work that stands in for solving, each with one habit; named by import path and run inside worker processes."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from api.execution.assignment import Assignment, Refused


def nothing() -> None:
    """A preparation that loads nothing."""


def work(body: bytes, assignment: Assignment) -> bytes:
    """Do what the body names, with the rest of the body as arguments."""
    asked = json.loads(body)
    return HABITS[asked.pop("do")](assignment, **asked)


def unfinished(body: bytes, assignment: Assignment) -> bytes:
    """Answer with what the clerk was told."""
    if json.loads(body).get("hopeless"):
        raise MemoryError
    return answer(id=assignment.order.id, **assignment.order.details)


def answer(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def echo(assignment: Assignment, text: str = "") -> bytes:
    order = assignment.order
    return answer(id=order.id, text=text, threads=order.threads, traceparent=order.traceparent)


def say_who(assignment: Assignment) -> bytes:
    """The process, its session and its folder for temporary files."""
    return answer(pid=os.getpid(), session=os.getsid(0), folder=tempfile.gettempdir())


def say_known(assignment: Assignment) -> bytes:
    """What an earlier attempt was known to have."""
    return answer(known=assignment.order.details.get("known"))


def report(assignment: Assignment, objective: float, bound: float | None = None) -> None:
    data = {"seconds": 0.1, "phase": "latency", "objective": objective, "bound": bound, "gap": None, "stages": None}
    assignment.tell(lambda: data)


def point(assignment: Assignment, latency_s: float) -> None:
    found = {"latency_s": latency_s, "energy_j": 1.0, "stages": [{"node": str(latency_s)}]}
    assignment.tell(lambda: {"seconds": 0.1, "points": 1, "open_share": 1.0, "latest": None, "found": [found]})


def improve(assignment: Assignment, until: str) -> bytes:
    """Report better and better values until cancelled, then answer; `until` exists once the first is on its way."""
    objective = 1e6
    while not assignment.cancelled():
        objective -= 1
        report(assignment, objective, bound=1.0)
        time.sleep(0.001)
        Path(until).touch()
    return answer(ended="cancelled", objective=objective)


def chatter(assignment: Assignment, reports: int, pause_s: float) -> bytes:
    """Report often: a new objective each time."""
    for number in range(reports):
        report(assignment, -number)
        time.sleep(pause_s)
    return answer(reports=reports)


def fall_silent(assignment: Assignment) -> bytes:
    """Report once at once, and again never; end when cancelled."""
    report(assignment, 3.0)
    report(assignment, 2.0, bound=1.0)
    while not assignment.cancelled():
        time.sleep(0.005)
    return answer(ended="cancelled")


def tighten(assignment: Assignment, bounds: int, pause_s: float) -> bytes:
    """One plan, and ever better bounds on it."""
    for number in range(bounds):
        report(assignment, 100.0, bound=float(number))
        time.sleep(pause_s)
    return answer()


def ask_late(assignment: Assignment, after_s: float) -> bytes:
    """Ask only once whether the job is cancelled."""
    time.sleep(after_s)
    return answer(cancelled=assignment.cancelled())


def trace(assignment: Assignment, latencies: list[float]) -> bytes:
    """Tell points of a frontier, then work on, whatever is said."""
    for latency_s in latencies:
        point(assignment, latency_s)
        time.sleep(0.1)
    return ignore(assignment)


def ignore(assignment: Assignment, objective: float | None = None) -> bytes:
    """Work on, whatever is said."""
    if objective is not None:
        report(assignment, objective)
    while True:
        time.sleep(0.05)


def hold_the_lock(assignment: Assignment, seconds: int, begun: str) -> bytes:
    """A long call in C that keeps the interpreter to itself."""
    Path(begun).touch()
    ctypes.PyDLL(None).sleep(seconds)
    return answer()


def eat(assignment: Assignment, objective: float | None = None, hopeless: bool = False) -> bytes:
    """Take memory until there is none."""
    if objective is not None:
        report(assignment, objective)
        time.sleep(0.2)
    held = []
    while True:
        held.append(bytearray(2**26))


def abort_for_memory(assignment: Assignment) -> bytes:
    """End as C++ does where nobody catches its bad_alloc."""
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def fail_for_memory(assignment: Assignment) -> bytes:
    """As PuLP does where HiGHS ended at its memory limit."""
    raise KeyError("<HighsModelStatus.kMemoryLimit: 18>")


def starve_of_threads(assignment: Assignment) -> bytes:
    """End as a C++ library does that finds no room for another thread's stack."""
    os.write(2, b"terminate called after throwing an instance of 'std::system_error'\n")
    os.write(2, b"  what():  Resource temporarily unavailable\n")
    os.abort()


def die(assignment: Assignment, objective: float | None = None) -> bytes:
    if objective is not None:
        report(assignment, objective)
        time.sleep(0.2)
    os._exit(3)


def crash(assignment: Assignment) -> bytes:
    os.abort()


def fail(assignment: Assignment) -> bytes:
    raise RuntimeError("the double fails")


def refuse(assignment: Assignment) -> bytes:
    raise Refused(b'{"status":422}')


def start_another(assignment: Assignment, tell: str) -> bytes:
    """Start a process, as CBC is started, say its number in the file `tell`, and wait for it."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    path = Path(tell)
    path.with_suffix(".part").write_text(str(program.pid))
    path.with_suffix(".part").rename(path)
    Path(tempfile.gettempdir(), "left-over.txt").write_text(tempfile.gettempdir())
    program.wait()
    return answer()


def wait_for(assignment: Assignment, path: str) -> bytes:
    """Work until the file exists."""
    while not Path(path).exists():
        time.sleep(0.005)
    return answer(waited=True)


HABITS = {
    habit.__name__: habit
    for habit in (
        echo, say_who, say_known, improve, chatter, fall_silent, tighten, ask_late, ignore, trace, hold_the_lock, eat,
        abort_for_memory, fail_for_memory, starve_of_threads, die, crash, fail, refuse, start_another, wait_for,
    )
}  # fmt: skip
