"""A service that says what a test wants, in a time that passes only when the client sleeps or the service waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx

from placement.client import AsyncPlacementClient, PlacementClient, Surroundings

URL = "http://service.test"
PLAN_ID = "plan-1"
BEGIN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOLVER = {"backend": "none", "seed": 0, "threads": 1, "seconds": {}, "sizes": {}}

Said = httpx.Response | Exception


def plan_of(status: str = "optimal", **fields: Any) -> dict[str, Any]:
    return {"id": PLAN_ID, "status": status, "objective_kind": "latency", "solver": SOLVER, **fields}


def ended(**fields: Any) -> httpx.Response:
    return httpx.Response(200, json=plan_of(**fields))


def going_on(status: str = "running", **headers: str) -> httpx.Response:
    headers = {"Location": f"/plans/{PLAN_ID}", "Retry-After": "1", **headers}
    return httpx.Response(202, json=plan_of(status), headers=headers)


def problem(slug: str, status: int, violations: list[dict[str, Any]] | None = None, **headers: str) -> httpx.Response:
    details = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": f"about {slug}"}
    if violations is not None:
        details["violations"] = violations
    headers = {"Content-Type": "application/problem+json", "X-Request-Id": "request-1"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return httpx.Response(status, content=json.dumps(details).encode(), headers=headers)


@dataclass
class World:
    """What the service will say, in order (the last for ever), and what it was asked."""

    awaits: bool = False
    says: list[Said | Callable[[httpx.Request], Said]] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    seconds: float = 0.0
    chance: float = 0.0

    def after(self, seconds: float, said: Said) -> Callable[[httpx.Request], Said]:
        """Said by a service that takes its time."""

        def late(_: httpx.Request) -> Said:
            self.seconds += seconds
            return said

        return late

    def waited_for(self, said: Said) -> Callable[[httpx.Request], Said]:
        """Said by a service that first waits as long as it is asked to."""

        def late(request: httpx.Request) -> Said:
            self.seconds += float(request.headers["prefer"].rpartition("wait=")[2])
            return said

        return late

    def call(self, operation: str, *args: Any, **options: Any) -> Any:
        """What the client of this world returns; what it iterates over, as a list. `client` in options are its own."""
        settings = options.pop("client", {})
        surroundings = Surroundings(
            clock=lambda: self.seconds,
            now=lambda: BEGIN + timedelta(seconds=self.seconds),
            chance=lambda: self.chance,
        )
        settings = {"surroundings": surroundings, "transport": httpx.MockTransport(self._answer), **settings}
        if self.awaits:
            return anyio.run(self._awaited, settings, operation, args, options)
        with PlacementClient(URL, sleep=self._sleep, **settings) as client:
            result = getattr(client, operation)(*args, **options)
            return list(result) if isinstance(result, Iterator) else result

    async def _awaited(self, settings: Any, operation: str, args: Any, options: Any) -> Any:
        async def sleep(seconds: float) -> None:
            self._sleep(seconds)

        async with AsyncPlacementClient(URL, sleep=sleep, **settings) as client:
            result = getattr(client, operation)(*args, **options)
            return [value async for value in result] if hasattr(result, "__aiter__") else await result

    def _sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.seconds += seconds

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        said = said(request) if callable(said) else said
        if isinstance(said, Exception):
            raise said
        return httpx.Response(said.status_code, headers=said.headers, content=said.content)
