"""POST /plan and its companions: check a request, or score a placement of the caller's own."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import worked
from api.openapi import answers_to_body, body
from api.problems import ProblemType
from api.service import Service
from api.summary import summary_of
from api.wire import RequestSummary
from api.work_queue import Cancelled
from models import EvaluateRequest, Evaluation, Plan, PlanRequest

_PLAN = """
Answers which layers run on which node, at which operating point, and what that costs, with a proof.

Status **200** says that the request was understood; the field `status` says what came of it:
`optimal` (proven), `feasible` (the best plan found in time, with a proven bound and the gap to it), `infeasible`
(proven that no plan exists, with the limits in conflict and the smallest change of each that would help) or
`no_plan_found`.
Solving ends at `solver.time_limit_s` (10 s unless given). Closing the connection stops it.
The same endpoint answers at `/v1/plan`.
"""
_VALIDATE = """
Checks everything that /plan checks before it solves, and names all faults. Solves nothing: whether a sound request can
be met is only known to /plan.
"""
_EVALUATE = """
Scores a placement of the caller's own with the cost model that /plan optimises: latency, energy, throughput, memory,
and every limit that it breaks. The body is a plan request with `stages` beside it: `node`, half-open
`first_layer`..`stop_layer` and optionally `level` of each; the stages of an answered plan can be pasted as they are.
"""

_PLANS = worked.kept_answer("plan-optimal", "Two nodes by hand: proven optimal") | worked.kept_answer(
    "plan-infeasible", "Llama-2-7B on a phone and a tablet: proven infeasible, with reasons"
)
_SUMMARIES = worked.kept_answer("validation", "A sound request")
_EVALUATIONS = worked.kept_answer("evaluation", "A placement that breaks the latency limit")


def router(service: Service) -> APIRouter:
    """The endpoints around plans."""
    routes = APIRouter(tags=["plan"])

    def solve(asked: PlanRequest, cancelled: Cancelled) -> Plan:
        return service.facade.plan(asked, cancelled=cancelled)

    def evaluated(asked: EvaluateRequest, _: Cancelled) -> Evaluation:
        return service.facade.evaluate(asked)

    def validated(asked: PlanRequest, _: Cancelled) -> RequestSummary:
        return summary_of(asked)

    @routes.post("/v1/plan", include_in_schema=False)
    @routes.post(
        "/plan",
        operation_id="plan",
        summary="Find the best plan and prove it",
        description=_PLAN,
        openapi_extra=body(PlanRequest, worked.plan_requests()),
        responses=answers_to_body(Plan, "The plan, or why there is none", _PLANS, ProblemType.BUSY),
    )
    async def plan(request: Request) -> Response:
        return await service.answer(request, PlanRequest, service.solves, solve)

    @routes.post(
        "/plan:validate",
        operation_id="validatePlan",
        summary="Check a request without solving it",
        description=_VALIDATE,
        openapi_extra=body(PlanRequest, worked.plan_requests()),
        responses=answers_to_body(RequestSummary, "The request is sound", _SUMMARIES, ProblemType.BUSY),
    )
    async def validate(request: Request) -> Response:
        return await service.answer(request, PlanRequest, service.short_work, validated)

    @routes.post(
        "/plan:evaluate",
        operation_id="evaluatePlan",
        summary="Score your own placement",
        description=_EVALUATE,
        openapi_extra=body(EvaluateRequest, worked.evaluate_requests()),
        responses=answers_to_body(Evaluation, "What the placement costs", _EVALUATIONS, ProblemType.BUSY),
    )
    async def evaluate(request: Request) -> Response:
        return await service.answer(request, EvaluateRequest, service.short_work, evaluated)

    return routes
