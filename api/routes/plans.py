"""POST /plan: the best plan, waited for or fetched later."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import openapi_of_plans, worked
from api.execution.base import Kind
from api.routes import answering
from api.service import Service
from models import Plan, PlanRequest

_PLAN = """
Answers which layers run on which node, at which operating point, and what that costs, with a proof.

Status **200** says that the request was understood; the field `status` says what came of it:
`optimal` (proven), `feasible` (the best plan found in time, with a proven bound and the gap to it), `infeasible`
(proven that no plan exists, with the limits in conflict and the smallest change of each that would help) or
`no_plan_found`.
Solving ends at `solver.time_limit_s` (10 s unless given).

The answer waits for the plan: as long as `Prefer: wait=N` says, else for the request's time limit, and never longer
than the service lets wait (GET /limits). Then, or at once with `Prefer: respond-async`, it is **202** with the plan's
address in `Location`, and the plan goes on. Every plan is kept under /plans/{id}.

Whoever closes the connection before the answer, and sent no `Idempotency-Key`, cancels the plan. A request that was
proven before is answered from there (`cached: true`), unless it says `Cache-Control: no-cache`.
The same endpoint answers at `/v1/plan`.
"""
_PLANS = worked.kept_answer("plan-optimal", "Two nodes by hand: proven optimal") | worked.kept_answer(
    "plan-infeasible", "Llama-2-7B on a phone and a tablet: proven infeasible, with reasons"
)


def router(service: Service) -> APIRouter:
    """The endpoint that plans."""
    routes = APIRouter(tags=["plan"])

    @routes.post("/v1/plan", include_in_schema=False)
    @routes.post(
        "/plan",
        operation_id="plan",
        summary="Find the best plan and prove it",
        description=_PLAN,
        openapi_extra=openapi_of_plans.submission(PlanRequest, worked.plan_requests()),
        responses=openapi_of_plans.answers_to_submission(Plan, "The plan, or why there is none", _PLANS),
    )
    async def plan(request: Request) -> Response:
        return await answering.submitted(service, request, Kind.PLAN)

    return routes
