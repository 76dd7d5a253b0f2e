"""python -m benchmarks.load: what the service adds to solving, and what it holds; figures, not assertions.

Everything over loopback against `placement serve` in a process of its own, on SQLite unless told otherwise. The callers
run on the same machine and take their share of it.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil

from benchmarks.instances import heterogeneous
from benchmarks.recording import machine
from benchmarks.served import Served, wait_until
from benchmarks.soak.questions import endless, tiny

SETTINGS = {"solver_slots": "2", "queue_length": "64", "log_level": "warning"}
ASYNC = {"Prefer": "respond-async"}
FRESH = {"Cache-Control": "no-cache"}
QUIET_PERCENT = 20.0
Figures = dict[str, float]
_SLOTS = re.compile(
    r"^placement_slots_busy (\S+)$.*^placement_workers_respawned_total (\S+)$", re.MULTILINE | re.DOTALL
)


class Line:
    """One kept-alive connection, as cheap for the caller as the standard library allows."""

    def __init__(self, served: Served) -> None:
        self._connection = HTTPConnection("127.0.0.1", served.port)

    def post(self, body: bytes, **headers: str) -> tuple[float, int, bytes]:
        """Seconds, status and body of POST /plan."""
        began = time.perf_counter()
        self._connection.request("POST", "/plan", body, {"Content-Type": "application/json", **headers})
        answer = self._connection.getresponse()
        content = answer.read()
        return time.perf_counter() - began, answer.status, content


def overhead(served: Served, times: int, seed: int) -> Figures:
    """32 layers over 8 nodes, one caller: what a request takes beyond the planner's own time, in ms at p50."""
    line, random = Line(served), Random(seed)  # noqa: S311 - instances, not secrets
    beyond_planner, beyond_slot, accepted, known = [], [], [], []
    for _ in range(times):
        body = json.dumps(heterogeneous(32, 8, random.randrange(2**31)) | {"solver": {"time_limit_s": 30.0}}).encode()
        seconds, status, content = line.post(body)
        answer = _sound(status, content, 200)
        beyond_planner.append(seconds - answer["solver"]["seconds"]["total"])
        beyond_slot.append(seconds - answer["solve_seconds"] - answer["queue_seconds"])
        known.append(line.post(body)[0])
        seconds, status, content = line.post(body, **ASYNC, **FRESH)
        accepted.append(seconds)
        plan_id = _sound(status, content, 202)["id"]
        wait_until(lambda found=plan_id: _has_ended(served, found))  # type: ignore[misc]  # mypy cannot infer a default
    return {
        "accepted durably, 202 (ms)": _p50_ms(accepted),
        "solved: beyond queue and slot (ms)": _p50_ms(beyond_slot),
        "solved: beyond the planner itself (ms)": _p50_ms(beyond_planner),
        "answered from the cache (ms)": _p50_ms(known),
    }


def throughput(served: Served, seconds: float, seed: int) -> Figures:
    """Plans per second from four callers: known ones, and tiny ones that are solved and kept each."""
    numbers = count(10**6 * seed)
    same = json.dumps(tiny(0).body).encode()
    _sound(*Line(served).post(same)[1:], 200)

    def known(line: Line) -> int:
        return line.post(same)[1]

    def trivial(line: Line) -> int:
        return line.post(json.dumps(tiny(next(numbers)).body).encode(), **FRESH)[1]

    return {
        "known plans per s": _rate(served, known, seconds),
        "tiny plans solved per s": _rate(served, trivial, seconds),
    }


def crowd(served: Served, seconds: float, seed: int) -> Figures:
    """Eight callers at once, 32 x 8, two slots: how long they wait, and how much of it the queue explains."""
    random, lock = Random(-seed), threading.Lock()  # noqa: S311 - a repeatable draw, no secret
    waits: list[tuple[float, float]] = []
    until = time.monotonic() + seconds

    def caller(_: int) -> None:
        line = Line(served)
        while time.monotonic() < until:
            with lock:
                drawn = random.randrange(2**31)
            body = json.dumps(heterogeneous(32, 8, drawn) | {"solver": {"time_limit_s": 30.0}}).encode()
            took, status, content = line.post(body)
            answer = _sound(status, content, 200)
            with lock:
                waits.append((took, answer["queue_seconds"] + answer["solve_seconds"]))

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(caller, range(8)))
    took, explained = _p99_ms([wait[0] for wait in waits]), _p99_ms([wait[1] for wait in waits])
    return {"p99 (ms)": took, "p99 of queue and solve alone (ms)": explained, "ratio": round(took / explained, 3)}


def cancelling(served: Served, times: int) -> Figures:
    """DELETE of a plan that has been solved for a second."""
    random, took = Random(3), []  # noqa: S311 - a repeatable draw, no secret
    with served.client() as client:
        for _ in range(times):
            plan = client.post("/plan", json=endless(random).body, headers=ASYNC).json()["id"]
            time.sleep(1.0)
            began = time.perf_counter()
            answer = client.delete(f"/plans/{plan}").json()
            took.append(time.perf_counter() - began)
            if answer["termination"] != "cancelled":
                raise RuntimeError(f"{plan}: {answer['termination']}")
    return {"p50 (ms)": _p50_ms(took), "max (ms)": round(1000 * max(took), 1)}


def respawning(served: Served, times: int) -> Figures:
    """From kill -9 of a worker until all slots can take work again."""
    took = []
    with served.client() as client:
        for _ in range(times):
            wait_until(lambda: _slots(client)[0] == 0 and len(served.workers()) == 3)
            before = _slots(client)[1]
            began = time.perf_counter()
            min(served.workers(), key=lambda worker: worker.pid).kill()
            wait_until(lambda past=before: _slots(client)[1] > past and _slots(client)[0] == 0, 30.0)  # type: ignore[misc]  # mypy cannot infer a default
            wait_until(lambda: len(served.workers()) == 3)
            took.append(time.perf_counter() - began)
    return {"p50 (ms)": _p50_ms(took), "max (ms)": round(1000 * max(took), 1)}


def measured(served: Served, seed: int, *, quick: bool, patience_s: float) -> Iterator[tuple[str, Figures]]:
    """Every measurement, one after the other. Another seed asks other questions: no answer is known yet."""
    share = 5 if quick else 1
    measurements: tuple[tuple[str, Callable[[], Figures]], ...] = (
        ("overhead over the solve, 32 x 8", lambda: overhead(served, 100 // share, seed)),
        ("throughput of one API process, 4 callers", lambda: throughput(served, 15.0 / share, seed)),
        ("8 callers at once, 32 x 8, 2 slots", lambda: crowd(served, 20.0 / share, seed)),
        ("cancelled after a second", lambda: cancelling(served, 20 // share)),
        ("a killed worker's slot is back", lambda: respawning(served, 10 // share)),
    )
    for name, measure in measurements:
        busy = _quiet(patience_s)
        yield name, measure() | {"others' share of the machine before (%)": busy}


def main() -> int:
    """Print a table of medians over the rounds."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the service ends with us
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a fifth of the calls")
    parser.add_argument("--patience", type=float, default=60.0, metavar="S", help="longest wait for a quiet machine")
    parser.add_argument("--database-url")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    settings = SETTINGS | ({"database_url": given.database_url} if given.database_url else {})
    found: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory(prefix="load-") as folder, Served(Path(folder), settings) as served:
        for seed in range(1, given.rounds + 1):
            for name, figures in measured(served, seed, quick=given.quick, patience_s=given.patience):
                found.setdefault(name, []).append(figures)
                sys.stderr.write(f"{name}: {figures}\n")
                sys.stderr.flush()
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine(), "rounds": found}, indent=1) + "\n")
    sys.stdout.write("| measurement | figure | median of rounds | all rounds |\n|---|---|---|---|\n")
    for name, rounds in found.items():
        for figure in rounds[0]:
            values = [each[figure] for each in rounds]
            sys.stdout.write(f"| {name} | {figure} | {statistics.median(values):g} | {', '.join(map(str, values))} |\n")
    return 0


def _quiet(patience_s: float) -> float:
    """Wait until nobody else is at work, at most so long; the processors' use by others in percent."""
    until = time.monotonic() + patience_s
    while True:
        busy: float = psutil.cpu_percent(interval=1.0)
        if busy < QUIET_PERCENT or time.monotonic() > until:
            return busy


def _rate(served: Served, call: Callable[[Line], int], seconds: float) -> float:
    until = time.monotonic() + seconds

    def caller(_: int) -> int:
        line, done = Line(served), 0
        while time.monotonic() < until:
            done += call(line) == 200
        return done

    with ThreadPoolExecutor(4) as callers:
        return round(sum(callers.map(caller, range(4))) / seconds, 1)


def _sound(status: int, content: bytes, expected: int) -> dict[str, Any]:
    if status != expected:
        raise RuntimeError(f"{status}: {content[:300].decode()}")
    answer: dict[str, Any] = json.loads(content)
    return answer


def _has_ended(served: Served, plan_id: str) -> bool:
    with served.client() as client:
        return client.get(f"/plans/{plan_id}").status_code == 200


def _slots(client: httpx.Client) -> tuple[float, float]:
    """Busy slots, and workers replaced so far."""
    found = _SLOTS.search(client.get("/metrics").text)
    assert found is not None
    return float(found[1]), float(found[2])


def _p50_ms(seconds: list[float]) -> float:
    return round(1000 * statistics.median(seconds), 2)


def _p99_ms(seconds: list[float]) -> float:
    return round(1000 * sorted(seconds)[int(0.99 * (len(seconds) - 1))], 1)


if __name__ == "__main__":
    sys.exit(main())
