"""What happens before the socket opens: servers open it once the application's start-up is complete."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from api import app as application
from api.app import create_app
from api.facade import Facade
from api.settings import Settings


def started(warm_up: Callable[[], object], plan: Any, then: Callable[[], object]) -> Any:
    """The result of `then`, called as soon as a service that plans so is up."""

    async def run() -> Any:
        app = create_app(Settings(), Facade(plan=plan, warm_up=warm_up))
        async with app.router.lifespan_context(app):
            return then()

    return anyio.run(run)


def test_the_search_is_warm_before_the_first_request(any_plan: Any) -> None:
    warmed: list[bool] = []
    assert started(lambda: warmed.append(True), any_plan, lambda: list(warmed)) == [True]


def test_the_solvers_are_tried_before_the_first_request(any_plan: Any) -> None:
    tried: list[str] = []

    def plan(asked: Any, *, cancelled: Any = None) -> Any:
        tried.append(asked.solver.backend)
        return any_plan(asked)

    assert "auto" in started(lambda: None, plan, lambda: list(tried))


def test_a_slow_solver_does_not_hold_up_the_start(any_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "CHECK_S", 0.1)
    up = threading.Event()
    waited: list[bool] = []

    def plan(asked: Any, *, cancelled: Any = None) -> Any:
        waited.append(up.wait(60.0))
        return any_plan(asked)

    started(lambda: None, plan, up.set)
    assert False not in waited  # the first solver is let go once the service is up, or else gives up after a minute


def test_a_service_whose_warm_up_fails_starts_and_says_so(any_plan: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ImportError("llvmlite is missing")

    assert started(fail, any_plan, lambda: "up") == "up"
    assert "the warm-up failed" in caplog.text


def test_who_waits_for_the_compiler_is_told_why(
    any_plan: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "LONG_S", 0.0)

    def slow() -> None:
        until = time.monotonic() + 60.0
        while "about a minute" not in caplog.text and time.monotonic() < until:
            time.sleep(0.01)

    with caplog.at_level(logging.WARNING):
        started(slow, any_plan, lambda: None)
    assert "compiling the search for this machine" in caplog.text


def test_a_quick_start_is_a_quiet_one(any_plan: Any, caplog: pytest.LogCaptureFixture) -> None:
    started(lambda: None, any_plan, lambda: None)
    assert "compiling" not in caplog.text
