"""GET /plans/{id}/events: a plan's life as it happens."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from api import openapi_of_plans
from api.plans.streams import stream
from api.problems import ProblemType
from api.security.guard import owner_of
from api.service import Service

_EVENTS = """
Server-sent events: `queued`, `started`, `incumbent` (a better plan: seconds, objective, bound, gap, stages), `bound` (a
better proof) and `done` (status, termination, objective, bound, gap), behind which the stream ends. Figures on the way
belong to the goal in hand (`phase`), smaller is better; the plan itself is at /plans/{id}.

Every event has a number (`id`): a client that lost the connection sends the last one as `Last-Event-ID` and goes on
behind it, also after the end of the plan and after a restart of the service; **204** says that nothing follows. Where
nothing happens a comment comes every 15 s. When the service stops, the stream ends with an event `closing`.
"""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""No proxy shall collect events before it passes them on (the second is nginx's)."""
_UNKNOWN = (ProblemType.PLAN_NOT_FOUND, ProblemType.PLAN_GONE, ProblemType.STORE_UNAVAILABLE)


def router(service: Service) -> APIRouter:
    """The endpoint for events."""
    routes = APIRouter(tags=["plans"])
    desk = service.desk

    @routes.get(
        "/plans/{id}/events",
        operation_id="watchPlan",
        summary="Watch a plan being solved",
        description=_EVENTS,
        openapi_extra=openapi_of_plans.parameters(openapi_of_plans.LAST_EVENT_ID),
        responses=openapi_of_plans.answers_with_events(*_UNKNOWN),
    )
    async def events(id: str, request: Request) -> Response:  # noqa: A002 - the name on the wire
        owner = owner_of(request)
        await desk.check_known(owner, id)
        last = request.headers.get("last-event-id", "")
        after = int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else 0
        if after and (await desk.events(owner, id, after))[1]:
            return Response(status_code=204)
        return StreamingResponse(stream(desk, owner, id, after), media_type="text/event-stream", headers=_HEADERS)

    return routes
