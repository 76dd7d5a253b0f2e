"""Measurements through the service itself: the frontier, and the first requests after start."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import uvicorn

from api.app import create_app
from api.settings import Settings
from benchmarks.apart import Failed, apart, peak_bytes
from benchmarks.families import Case
from benchmarks.measuring import Measurement, blank_of

READY_S = 120.0
"""Longest wait for the service to start and to be ready."""
FRONTIER = "frontier"
REQUESTS = 10
LARGEST_BODY_BYTES = 2**30


def frontier(case: Case, time_limit_s: float) -> Measurement:
    """POST /frontier in a fresh process, after a tiny one; proven where every point is and none is missing."""
    try:
        return apart(_frontier, (case, time_limit_s), 2 * time_limit_s)
    except Failed as failure:
        return replace(blank_of(case, FRONTIER), error=str(failure))


def _frontier(case: Case, time_limit_s: float) -> Measurement:
    with _service() as service:
        tiny = {**case.body, "model": {**case.body["model"], "layers": case.body["model"]["layers"][-3:]}}
        _post(service, "/frontier", tiny, time_limit_s)
        seconds, answer = _post(service, "/frontier", case.body, time_limit_s)
    points = answer["points"]
    complete = answer["complete"] and all(point["proven"] for point in points)
    return replace(
        blank_of(case, FRONTIER),
        status="optimal" if complete else "feasible",
        termination=answer["termination"],
        gap=max((point["gap"] for point in points), default=None),
        solve_s=answer["solver"]["seconds"]["total"],
        request_s=seconds,
        peak_bytes=peak_bytes(),
        stages=len(points),
        sizes=tuple(answer["solver"]["sizes"].items()),
    )


def first_requests(case: Case, time_limit_s: float) -> list[float]:
    """Seconds of ten times POST /plan, the first as soon as the service is ready; raises Failed."""
    return apart(_first_requests, (case, time_limit_s), REQUESTS * time_limit_s)


def _first_requests(case: Case, time_limit_s: float) -> list[float]:
    """Each request has a solver seed of its own, so that no answer can be kept from an earlier one."""
    with _service() as service:
        return [_post(service, "/plan", case.body, time_limit_s, seed)[0] for seed in range(REQUESTS)]


@contextmanager
def _service() -> Iterator[HTTPConnection]:
    """A connection to the service, which listens on a free loopback port and says that it is ready."""
    app = create_app(Settings(max_body_bytes=LARGEST_BODY_BYTES, database_url="sqlite://"))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        _await(lambda: server.started)
        connection = HTTPConnection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])
        _await(lambda: _exchange(connection, "GET", "/readyz")[0] == 200)
        yield connection
        connection.close()
    finally:
        server.should_exit = True
        thread.join()


def _await(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"the service is not ready {READY_S:g} s after its start")
        time.sleep(0.01)


def _exchange(connection: HTTPConnection, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes]:
    connection.request(method, path, content, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read()


def _post(
    connection: HTTPConnection, path: str, body: dict[str, Any], time_limit_s: float, seed: int = 0
) -> tuple[float, Any]:
    """Seconds of the whole request over HTTP, and the answer."""
    content = json.dumps(body | {"solver": {"time_limit_s": time_limit_s, "seed": seed}}).encode()
    begin = time.perf_counter()
    status, answer = _exchange(connection, "POST", path, content)
    seconds = time.perf_counter() - begin
    if status != 200:
        raise RuntimeError(f"POST {path} answers {status}: {answer[:200].decode()}")
    return seconds, json.loads(answer)
