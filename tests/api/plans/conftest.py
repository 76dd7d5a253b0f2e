"""Planners that wait to be told, so that a test decides when a plan ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.clients import WAIT_S, Client
from tests.api.conftest import ClientOf, any_plan_of


class HeldPlanner:
    """Plans only once it is let, or told to stop; tries out its backends at once."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.inside = threading.Semaphore(0)

    def __call__(self, asked: Any, *, cancelled: Callable[[], bool] | None = None) -> Any:
        if cancelled is not None:
            self.inside.release()
            while not self.go.wait(0.005) and not cancelled():
                pass
        return any_plan_of(asked, cancelled=cancelled)

    def entered(self, times: int = 1) -> None:
        """Wait until that many more plans have begun."""
        for _ in range(times):
            assert self.inside.acquire(timeout=WAIT_S)


@pytest.fixture
def held() -> HeldPlanner:
    return HeldPlanner()


@pytest.fixture
def slow(client_of: ClientOf, held: HeldPlanner) -> Client:
    """A service whose plans wait for `held.go`; one at a time."""
    return client_of(plan=held, solver_slots=1)


def numbered(body: dict[str, Any], number: int) -> dict[str, Any]:
    """The same request, but another one."""
    return body | {"solver": {"seed": number}}
