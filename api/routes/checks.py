"""POST /plan:validate and /plan:evaluate: check a request, or score a placement of the caller's own."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import worked
from api.execution.base import Kind
from api.openapi import answers_to_body, body
from api.problems import ProblemType
from api.routes import answering
from api.service import Service
from api.wire import RequestSummary
from models import EvaluateRequest, Evaluation, PlanRequest

_VALIDATE = """
Checks everything that /plan checks before it solves, and names all faults. Solves nothing: whether a sound request can
be met is only known to /plan.
"""
_EVALUATE = """
Scores a placement of the caller's own with the cost model that /plan optimises: latency, energy, throughput, memory,
and every limit that it breaks. The body is a plan request with `stages` beside it: `node`, half-open
`first_layer`..`stop_layer` and optionally `level` of each; the stages of an answered plan can be pasted as they are.
"""
_SUMMARIES = worked.kept_answer("validation", "A sound request")
_EVALUATIONS = worked.kept_answer("evaluation", "A placement that breaks the latency limit")
_UNAVAILABLE = (ProblemType.BUSY, ProblemType.DRAINING)


def router(service: Service) -> APIRouter:
    """The endpoints that answer in milliseconds and keep nothing."""
    routes = APIRouter(tags=["plan"])

    @routes.post(
        "/plan:validate",
        operation_id="validatePlan",
        summary="Check a request without solving it",
        description=_VALIDATE,
        openapi_extra=body(PlanRequest, worked.plan_requests()),
        responses=answers_to_body(RequestSummary, "The request is sound", _SUMMARIES, *_UNAVAILABLE),
    )
    async def validate(request: Request) -> Response:
        return await answering.worked(service, request, Kind.VALIDATE)

    @routes.post(
        "/plan:evaluate",
        operation_id="evaluatePlan",
        summary="Score your own placement",
        description=_EVALUATE,
        openapi_extra=body(EvaluateRequest, worked.evaluate_requests()),
        responses=answers_to_body(Evaluation, "What the placement costs", _EVALUATIONS, *_UNAVAILABLE),
    )
    async def evaluate(request: Request) -> Response:
        return await answering.worked(service, request, Kind.EVALUATE)

    return routes
