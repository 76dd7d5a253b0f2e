"""The end of a served process, with connections open: who is told what, and in which order."""

from __future__ import annotations

import gc
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
import uvicorn

from api.cli.server import COLLECT_AFTER, DrainingServer
from benchmarks.served import PLAIN
from tests.api.clients import WAIT_S
from tests.api.conftest import any_plan_of, app_with

ASYNC = {"prefer": "respond-async"}


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The process of the tests collects its garbage as before."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Held:
    """A planner that plans once it is let."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, asked, *, cancelled=None):
        while cancelled is not None and not self.go.wait(0.005) and not cancelled():
            pass
        return any_plan_of(asked, cancelled=cancelled)


@contextmanager
def serving(held: Held, **settings) -> Iterator[tuple[DrainingServer, str, threading.Thread]]:
    app = app_with(plan=held, **settings)
    server = DrainingServer(
        uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=30), app.state.service
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            thread.join(timeout=0.02)
            assert thread.is_alive()
        with suppress(KeyboardInterrupt):
            yield server, f"http://127.0.0.1:{listening.getsockname()[1]}", thread
        held.go.set()
        server.should_exit = True
        thread.join(WAIT_S)


def told_to_end(server: DrainingServer, number: int) -> None:
    """As the interpreter does it, but the tests' process shall not be signalled once more at the end."""
    server.handle_exit(number, None)
    server._captured_signals.clear()


def test_streams_end_with_an_event_and_the_process_follows(body):
    held = Held()
    with serving(held, drain_notice_s=0, drain_grace_s=0) as (server, address, thread):
        place = httpx.post(f"{address}/plan", json=body, headers=ASYNC, verify=PLAIN).headers["location"]
        with httpx.stream("GET", f"{address}{place}/events", timeout=WAIT_S, verify=PLAIN) as stream:
            lines = stream.iter_lines()
            while next(lines) != "event: started":
                pass
            told_to_end(server, signal.SIGTERM)
            assert 'data: {"reason":"draining"}' in list(lines)
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_a_process_that_is_not_ready_any_more_still_says_so_until_the_notice_is_over(body):
    held = Held()
    closing = {"connection": "close"}
    with (
        serving(held, drain_notice_s=60, drain_grace_s=0) as (server, address, _),
        httpx.Client(base_url=address, verify=PLAIN, headers=closing) as client,
    ):
        assert client.get("/readyz").status_code == 200
        told_to_end(server, signal.SIGTERM)
        while (status := client.get("/readyz").status_code) == 200:
            time.sleep(0.005)
        assert status == 503
        assert client.get("/healthz").status_code == 200
        assert client.post("/plan", json=body).json()["type"] == "/problems/draining"


def test_whoever_waits_is_answered_when_the_plan_ends_within_the_grace(body):
    held = Held()
    answers: list[httpx.Response] = []
    with serving(held, drain_notice_s=0, drain_grace_s=60) as (server, address, thread):
        asking = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{address}/plan", json=body, timeout=WAIT_S, verify=PLAIN))
        )
        asking.start()
        while not httpx.get(f"{address}/plans", verify=PLAIN).json()["plans"]:
            time.sleep(0.005)
        told_to_end(server, signal.SIGINT)
        while not server.should_exit:
            time.sleep(0.005)
        held.go.set()
        asking.join(WAIT_S)
        thread.join(WAIT_S)
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "optimal")]


def test_what_was_made_before_the_socket_opened_is_no_garbage():
    with serving(Held()):
        until = time.monotonic() + WAIT_S
        while gc.get_threshold()[0] != COLLECT_AFTER and time.monotonic() < until:
            time.sleep(0.005)
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[0] == COLLECT_AFTER
