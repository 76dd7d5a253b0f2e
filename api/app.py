"""The application: everything put together, and nothing decided."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import anyio
import anyio.to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import answers
from api.envelope import Envelope
from api.facade import Facade
from api.observability.instruments import Instruments
from api.observability.tracing import tracing_of
from api.openapi import describe
from api.problems import Problem
from api.routes import (
    catalogue,
    frontier,
    health,
    landing,
    metrics,
    pages,
    plans,
    problem_pages,
    profiles,
    worked_examples,
)
from api.service import Service
from api.settings import MetricsAccess, Settings

log = logging.getLogger("placement.api")

CHECK_S = 3.0
"""Longest wait for the solvers' check before the socket opens; if it takes longer, it goes on beside the requests."""
LONG_S = 5.0
"""From when on a warm-up deserves a word: with kept code it takes a second."""


def create_app(settings: Settings | None = None, facade: Facade | None = None) -> FastAPI:
    """The service with these settings (default: from the environment) before this planner (default: `placement`)."""
    service = Service(settings or Settings(), facade or Facade())
    instruments = Instruments(tracing_of(service.settings))
    app = FastAPIOffline(
        title="Layer placement",
        docs_url=None,
        redoc_url=None,
        static_url="/docs-assets",
        redirect_slashes=False,
        lifespan=partial(_lifespan, service),
    )
    app.add_middleware(Envelope, instruments=instruments)
    answers.install(app)
    for router in (
        plans.router(service),
        frontier.router(service),
        profiles.router(service),
        catalogue.router(),
        worked_examples.router(),
        health.router(service),
        problem_pages.router(),
        landing.router(),
        pages.router(),
        metrics.router(instruments, served=service.settings.metrics is not MetricsAccess.OFF),
    ):
        app.include_router(router)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(service: Service, _: FastAPI) -> AsyncIterator[None]:
    """Warm up before the socket opens; and try the solvers: a broken one is in the log, a slow one holds nobody up."""
    await _warm(service.facade.warm_up)

    async def check() -> None:
        with suppress(Problem):
            await service.readiness.result()
        checked.set()

    checked = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(check)
        with anyio.move_on_after(CHECK_S):
            await checked.wait()
        yield
        group.cancel_scope.cancel()


async def _warm(warm_up: Callable[[], object]) -> None:
    """Let no request wait for the compiler. A failure is logged: whether the solvers work, readiness says."""

    async def say_why() -> None:
        await anyio.sleep(LONG_S)
        log.warning("compiling the search for this machine, about a minute; later starts load what is kept")

    async with anyio.create_task_group() as group:
        group.start_soon(say_why)
        try:
            await anyio.to_thread.run_sync(warm_up, abandon_on_cancel=True)
        except Exception:  # a broken installation fails in ways nobody can list
            log.exception("the warm-up failed")
        group.cancel_scope.cancel()
