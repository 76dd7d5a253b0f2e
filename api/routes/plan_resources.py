"""GET /plans, and each plan: as it is now, as it was asked for, and cancelled."""

from __future__ import annotations

import hashlib
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import openapi, openapi_of_plans, worked
from api.answers import root_of
from api.plans.refusals import bad_parameter
from api.problems import ProblemType
from api.routes import answering
from api.routes.plan_query import PlanQuery, query_of
from api.security.guard import owner_of
from api.service import Service
from api.store.errors import BadCursor
from api.store.rows import PlanRow
from api.wire import PlanEntry, PlanList, PlanState

_LIST = """
Newest first. `status` and `kind` may be given several times, or as a list with commas. `next` is the address of the
next page, with the same filters; null on the last one.
"""
_GET = """
The plan as it is now: **200** when it has ended, **202** with `Retry-After` while it has not; then `objective`, `bound`
and `gap` are the best known so far (objectives latency and energy). `Prefer: wait=N` waits up to N seconds for its end.
A plan that has ended never changes: ask with `If-None-Match`, and the answer is **304**.
"""
_DELETE = """
Ends the solve soon and answers the best plan so far, with termination `cancelled`; the plan stays under its address. A
plan that has ended is answered as it is. May be repeated.
"""


_PLANS = worked.kept_answer("plan-optimal", "Two nodes by hand: proven optimal")
_UNKNOWN = (ProblemType.PLAN_NOT_FOUND, ProblemType.PLAN_GONE, ProblemType.STORE_UNAVAILABLE)


def router(service: Service) -> APIRouter:
    """The endpoints of plans that were taken in."""
    routes = APIRouter(tags=["plans"])
    desk = service.desk

    @routes.get(
        "/plans",
        operation_id="listPlans",
        summary="List your plans",
        description=_LIST,
        openapi_extra=openapi_of_plans.parameters(*openapi_of_plans.query_parameters(PlanQuery)),
        responses=openapi.answers(
            PlanList,
            "Plans, newest first",
            None,
            (ProblemType.INVALID_PARAMETER, ProblemType.STORE_UNAVAILABLE, ProblemType.INTERNAL_ERROR),
        ),
    )
    async def listed(request: Request) -> Response:
        query = query_of(request)
        try:
            page = await desk.page(owner_of(request), query.filters, query.cursor, query.limit)
        except BadCursor:
            raise bad_parameter("cursor", "is not one that this service handed out", "cursor") from None
        root = root_of(request.scope)
        following = _address_of_next(request, root, page.next_cursor) if page.next_cursor else None
        answer = PlanList(plans=tuple(_entry(row, root) for row in page.rows), next=following)
        headers = {"Link": f'<{following}>; rel="next"'} if following else {}
        return Response(answer.model_dump_json(), media_type="application/json", headers=headers)

    @routes.get(
        "/plans/{id}",
        operation_id="getPlan",
        summary="Get a plan, or how far it is",
        description=_GET,
        openapi_extra=openapi_of_plans.parameters(openapi_of_plans.IF_NONE_MATCH, openapi_of_plans.PREFER_WAIT),
        responses=openapi_of_plans.answers_with_plan("The plan, or why there is none", _PLANS, *_UNKNOWN),
    )
    async def plan(id: str, request: Request) -> Response:  # noqa: A002 - the name on the wire
        wishes = answering.preferences_of(request)
        owner = owner_of(request)
        seconds = wishes.seconds_to_wait(0.0, service.settings.max_wait_s)
        view = await (desk.wait(owner, id, seconds) if seconds else desk.view(owner, id))
        etag = f'"{hashlib.sha256(view.body).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache", **wishes.applied(seconds, at_once=True)}
        if _matches(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=304, headers=headers)
        return answering.plan_response(service, request, view, headers)

    @routes.get(
        "/plans/{id}/request",
        operation_id="getPlanRequest",
        summary="Get the request of a plan",
        description="The body as it was posted, byte for byte.",
        responses=openapi.answers_of_any_shape("The request", *_UNKNOWN),
    )
    async def asked(id: str, request: Request) -> Response:  # noqa: A002 - the name on the wire
        return Response(await desk.request(owner_of(request), id), media_type="application/json")

    @routes.delete(
        "/plans/{id}",
        operation_id="cancelPlan",
        summary="Cancel a plan",
        description=_DELETE,
        responses=openapi_of_plans.answers_with_plan("The plan as it ended", _PLANS, *_UNKNOWN),
    )
    async def cancelled(id: str, request: Request) -> Response:  # noqa: A002 - the name on the wire
        return answering.plan_response(service, request, await desk.cancel(owner_of(request), id))

    return routes


_KINDS: dict[str, Literal["plan", "frontier", "compare"]] = {
    "plan": "plan",
    "frontier": "frontier",
    "compare": "compare",
}


def _entry(row: PlanRow, root: str) -> PlanEntry:
    return PlanEntry(
        id=row.id,
        href=f"{root}/plans/{row.id}",
        status=PlanState(row.status),
        kind=_KINDS[row.kind],
        name=row.name,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        termination=row.termination,
        objective_kind=row.objective,
        objective=row.value,
        bound=row.bound,
        gap=row.gap,
    )


def _address_of_next(request: Request, root: str, cursor: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{root}/plans?{urlencode([*kept, ('cursor', cursor)])}"


def _matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison, as RFC 9110 asks of If-None-Match."""
    offered = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in offered or offered == ["*"]
