"""POST /plan:compare: the same request under variants, and what keeping layers on the terminal costs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import openapi_of_plans, worked
from api.execution.base import Kind
from api.routes import answering
from api.service import Service
from models import CompareRequest, Comparison

_COMPARE = """
Plans `request` and each of its `variants`, and answers how they differ: latency, energy, throughput, stages and nodes
used, whether a plan exists and if not why, and what becomes of the present plan if nobody changes it
(`keeping_the_plan`). Each outcome is proven, or says its gap.

A variant is a shorthand (`node_lost`, `link_down`), a JSON Merge Patch of the request
([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)), or both. What is wrong with a variant is answered 422 with
pointers into `/variants/i`.

`privacy_sweep` asks for latency and energy by how many layers have to stay on the terminal, plain and U-shaped, beside
what is published about attacks. No cut is a guarantee, and the answer says so.

`request.solver.time_limit_s` holds for all plans together. Waiting, 202, headers, cancelling and caching are those of
POST /plan: a comparison is kept under /plans/{id}, too, as one of kind `compare`. The same endpoint answers at
`/v1/plan:compare`.
"""
_COMPARISONS = worked.kept_answer("comparison", "Two nodes by hand under four variants, and the price of privacy")


def router(service: Service) -> APIRouter:
    """The endpoint for comparisons."""
    routes = APIRouter(tags=["plan"])

    @routes.post("/v1/plan:compare", include_in_schema=False)
    @routes.post(
        "/plan:compare",
        operation_id="compare",
        summary="Plan the same request under variants and tell the differences",
        description=_COMPARE,
        openapi_extra=openapi_of_plans.submission(CompareRequest, worked.compare_requests()),
        responses=openapi_of_plans.answers_to_submission(Comparison, "The differences", _COMPARISONS),
    )
    async def compare(request: Request) -> Response:
        return await answering.submitted(service, request, Kind.COMPARE)

    return routes
