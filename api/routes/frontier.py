"""POST /frontier: not one plan, but every trade-off of latency and energy that is worth choosing."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import openapi_of_plans, worked
from api.execution.base import Kind
from api.routes import answering
from api.service import Service
from models import Frontier, FrontierRequest

_FRONTIER = """
Answers all plans that no other plan beats in both latency and energy, from fastest to thriftiest, each proven. A
request of /plan can be posted as it is: its constraints hold for every point, its objective is not used.

Status **200** says that the request was understood; the field `status` says what came of it:
`optimal` (`complete`: every point is proven and there is no other), `feasible` (points, and in `open_intervals` the
latencies between which others may lie, each with a proven lower bound on the energy), `infeasible` (proven that no
plan exists, with reasons) or `no_plan_found`.

`frontier.epsilon` asks for fewer points, such that every plan is within a factor 1 + epsilon of one of them in both
figures. `knee` names the point that lies farthest from the line between the ends. The stages of a point can be posted
to /plan:evaluate for all of its figures.
Solving ends at `solver.time_limit_s` (10 s unless given) and leaves the frontier evenly covered. Waiting, 202, headers,
cancelling and caching are those of POST /plan: a frontier is kept under /plans/{id}, too, as one of kind `frontier`.
The same endpoint answers at `/v1/frontier`.
"""
_FRONTIERS = worked.kept_answer("frontier", "Two nodes by hand: three trade-offs, complete")


def router(service: Service) -> APIRouter:
    """The endpoint for frontiers."""
    routes = APIRouter(tags=["plan"])

    @routes.post("/v1/frontier", include_in_schema=False)
    @routes.post(
        "/frontier",
        operation_id="frontier",
        summary="Find every trade-off of latency and energy and prove it",
        description=_FRONTIER,
        openapi_extra=openapi_of_plans.submission(FrontierRequest, worked.frontier_requests()),
        responses=openapi_of_plans.answers_to_submission(Frontier, "The frontier, or why there is none", _FRONTIERS),
    )
    async def frontier(request: Request) -> Response:
        return await answering.submitted(service, request, Kind.FRONTIER)

    return routes
