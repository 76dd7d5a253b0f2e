"""GET /metrics: what Prometheus reads."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from api.observability.instruments import Instruments
from api.problems import Problem, ProblemType


def router(instruments: Instruments, *, served: bool) -> APIRouter:
    """The endpoint; answers 404 when the operator switched it off."""
    routes = APIRouter(tags=["service"])

    @routes.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        if not served:
            raise Problem(ProblemType.NOT_FOUND, "metrics are switched off (PLACEMENT_METRICS)")
        return Response(instruments.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return routes
