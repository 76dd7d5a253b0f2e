"""The application: everything put together, and nothing decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import answers
from api.envelope import Envelope
from api.execution.base import Executor
from api.observability.instruments import Instruments
from api.observability.tracing import tracing_of
from api.openapi import describe
from api.routes import (
    catalogue,
    checks,
    compare,
    exports,
    frontier,
    health,
    limits,
    metrics,
    pages,
    plan_events,
    plan_resources,
    plans,
    problem_pages,
    profiles,
    viewer,
    worked_examples,
)
from api.security.guard import Guard
from api.service import Service, local_executor
from api.settings import MetricsAccess, Settings


def create_app(settings: Settings | None = None, executor: Executor | None = None) -> FastAPI:
    """The service with these settings (default: the environment's) before this executor (default: own processes)."""
    settings = settings or Settings()
    instruments = Instruments(tracing_of(settings))
    service = Service(settings, executor or local_executor(settings), instruments)
    app = FastAPIOffline(
        title="Layer placement",
        docs_url=None,
        redoc_url=None,
        static_url="/docs-assets",
        redirect_slashes=False,
        lifespan=partial(_lifespan, service),
    )
    app.state.service = service
    app.add_middleware(Guard, settings=settings, keyring=service.keyring)
    app.add_middleware(Envelope, instruments=instruments)
    answers.install(app)
    for router in (
        plans.router(service),
        frontier.router(service),
        compare.router(service),
        plan_resources.router(service),
        plan_events.router(service),
        checks.router(service),
        exports.router(service),
        profiles.router(service),
        catalogue.router(),
        worked_examples.router(),
        health.router(service),
        limits.router(service),
        problem_pages.router(),
        viewer.router(),
        pages.router(),
        metrics.router(instruments, served=settings.metrics is not MetricsAccess.OFF),
    ):
        app.include_router(router)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return app


@asynccontextmanager
async def _lifespan(service: Service, _: FastAPI) -> AsyncIterator[None]:
    """Servers open their socket once the service is open, and close it before the service."""
    await service.open()
    try:
        yield
    finally:
        await service.close()
