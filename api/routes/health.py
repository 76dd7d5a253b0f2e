"""Whether the process lives, and whether its solvers work."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.openapi import answers
from api.plans.refusals import draining
from api.problems import ProblemType
from api.service import Service, json_response
from api.wire import Liveness, Readiness


def router(service: Service) -> APIRouter:
    """The probes."""
    routes = APIRouter(tags=["service"])

    @routes.get(
        "/healthz",
        operation_id="healthz",
        summary="Is the process alive?",
        description="Answers at once, also while plans are being solved.",
        responses=answers(Liveness, "It is", {"alive": {"value": {"status": "alive"}}}),
    )
    async def healthz() -> Response:
        return json_response(Liveness())

    @routes.get(
        "/readyz",
        operation_id="readyz",
        summary="Do all solvers work?",
        description="Solves a tiny problem of known optimum with every solver, once (the service does so at start). "
        "503 also while the service is being stopped, so that balancers send no more to it.",
        responses=answers(
            Readiness,
            "All of them do",
            None,
            (ProblemType.NOT_READY, ProblemType.DRAINING, ProblemType.INTERNAL_ERROR),
        ),
    )
    async def readyz() -> Response:
        if service.desk.draining:
            raise draining()
        return json_response(await service.readiness.result())

    return routes
