"""A service before a planner that answers at once, so that transport is tested apart from solving."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

import examples
from api.app import create_app
from api.facade import Facade
from api.settings import Settings
from models import Frontier, FrontierRequest, Plan, PlanRequest
from models.constraints import ObjectiveKind
from models.frontier import FrontierTermination
from models.plan import SolverReport, Status, Termination


def _any_plan(request: PlanRequest, *, cancelled: Callable[[], bool] | None = None) -> Plan:
    return Plan(
        id="any",
        status=Status.OPTIMAL,
        termination=Termination.OPTIMAL,
        objective_kind=ObjectiveKind.LATENCY,
        latency_s=0.32,
        solver=SolverReport(backend="none", version="0", seed=0, threads=1, seconds={}, sizes={}),
    )


def _any_frontier(request: FrontierRequest, *, cancelled: Callable[[], bool] | None = None) -> Frontier:
    return Frontier(
        id="any",
        status=Status.OPTIMAL,
        termination=FrontierTermination.OPTIMAL,
        complete=True,
        epsilon=request.frontier.epsilon,
        resolution=1e-6,
        solver=SolverReport(backend="none", version="0", seed=0, threads=1, seconds={}, sizes={}),
    )


class Client:
    """Asks an application without a network in between, one exchange at a time."""

    def __init__(self, app: FastAPI, root_path: str = "") -> None:
        self.app = app
        self.transport = httpx.ASGITransport(app, raise_app_exceptions=False, root_path=root_path)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def exchange() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url="http://service") as client:
                return await client.request(method, path, **options)

        return anyio.run(exchange)


ClientOf = Callable[..., Client]


@pytest.fixture
def app_of() -> Callable[..., FastAPI]:
    """Builds an application; `plan=` and `frontier=` stand in for the planner, other keywords are settings."""

    def build(plan: Any = _any_plan, frontier: Any = _any_frontier, **settings: Any) -> FastAPI:
        return create_app(Settings(**settings), Facade(plan=plan, frontier=frontier))

    return build


@pytest.fixture
def client_of(app_of: Callable[..., FastAPI]) -> ClientOf:
    """Builds a client of an application, see `app_of`."""

    def build(root_path: str = "", **wanted: Any) -> Client:
        return Client(app_of(**wanted), root_path)

    return build


@pytest.fixture
def client(client_of: ClientOf) -> Client:
    return client_of()


@pytest.fixture
def body() -> dict[str, Any]:
    """A sound request: a phone and an edge node, four layers."""
    [example] = [e for e in examples.of(examples.Purpose.PLAN) if e.name == "two-nodes-by-hand"]
    return json.loads(example.read())


@pytest.fixture
def any_plan() -> Callable[..., Plan]:
    return _any_plan


@pytest.fixture
def any_frontier() -> Callable[..., Frontier]:
    return _any_frontier
