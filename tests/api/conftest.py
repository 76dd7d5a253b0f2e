"""A service before a planner that answers at once, so that transport is tested apart from solving."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi import FastAPI

import examples
from api.app import create_app
from api.settings import Settings
from models import Frontier, FrontierRequest, Plan, PlanRequest
from models.constraints import ObjectiveKind
from models.frontier import FrontierTermination
from models.plan import SolverReport, Status, Termination
from tests.api.clients import Client
from tests.api.threads import ThreadExecutor


def any_plan_of(request: PlanRequest, *, cancelled: Callable[[], bool] | None = None) -> Plan:
    """The answer of a planner that does not plan: proven, unless it was told to stop."""
    stopped = cancelled is not None and cancelled()
    return Plan(
        id="any",
        status=Status.FEASIBLE if stopped else Status.OPTIMAL,
        termination=Termination.CANCELLED if stopped else Termination.OPTIMAL,
        objective_kind=ObjectiveKind.LATENCY,
        objective=0.32,
        latency_s=0.32,
        solver=SolverReport(backend="none", version="0", seed=0, threads=1, seconds={}, sizes={}),
    )


def any_frontier_of(request: FrontierRequest, *, cancelled: Callable[[], bool] | None = None) -> Frontier:
    return Frontier(
        id="any",
        status=Status.OPTIMAL,
        termination=FrontierTermination.OPTIMAL,
        complete=True,
        epsilon=request.frontier.epsilon,
        resolution=1e-6,
        solver=SolverReport(backend="none", version="0", seed=0, threads=1, seconds={}, sizes={}),
    )


ClientOf = Callable[..., Client]


def app_with(plan: Any = any_plan_of, frontier: Any = any_frontier_of, **settings: Any) -> FastAPI:
    """An application; `plan=` and `frontier=` stand in for the planner, other keywords are settings."""
    chosen = Settings(**{"database_url": "sqlite://", **settings})
    return create_app(chosen, ThreadExecutor(plan, frontier, chosen.solver_slots, chosen.queue_length))


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """Builds a client of an application, see `app_with`."""
    with ExitStack() as clients:

        def build(root_path: str = "", **wanted: Any) -> Client:
            return clients.enter_context(Client(app_with(**wanted), root_path))

        yield build


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A service that nobody changes."""
    with Client(app_with()) as started:
        yield started


@pytest.fixture(scope="session")
def solving() -> Iterator[Client]:
    """The service as it is, with solver processes."""
    with Client(create_app(Settings(database_url="sqlite://"))) as started:
        yield started


@pytest.fixture
def body() -> dict[str, Any]:
    """A sound request: a phone and an edge node, four layers."""
    [example] = [e for e in examples.of(examples.Purpose.PLAN) if e.name == "two-nodes-by-hand"]
    return json.loads(example.read())


@pytest.fixture
def any_plan() -> Callable[..., Plan]:
    return any_plan_of


@pytest.fixture
def any_frontier() -> Callable[..., Frontier]:
    return any_frontier_of
