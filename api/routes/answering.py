"""How plans, frontiers and the work of clerks become HTTP answers; shared by their endpoints."""

from __future__ import annotations

import asyncio
import math
import re

from fastapi import Request
from starlette.responses import Response

from api.answers import refusal_response, root_of
from api.execution.base import Kind
from api.plans.desk import until_set
from api.plans.endings import FAILED, REFUSED
from api.plans.known import Order
from api.plans.live import Live, View
from api.plans.preferences import Preferences, preferences
from api.plans.refusals import bad_parameter
from api.requests import CallerLeft, read_body
from api.security.guard import owner_of
from api.service import Service
from models.problem_details import ProblemDetails

BEYOND_LIMIT_S = 2.0
"""A solve ends a little after its time limit; who says nothing else waits for that, too."""
UNWATCHED_S = 0.05
"""How long it is not looked whether the caller has left: most plans that are worth a look take longer."""
LONGEST_RETRY_S = 60
LONGEST_KEY = 255
_KEY = re.compile(rf"[\x21-\x7e](?:[\x20-\x7e]{{0,{LONGEST_KEY - 2}}}[\x21-\x7e])?")
_PROBLEMS = frozenset({REFUSED, FAILED})


async def submitted(service: Service, request: Request, kind: Kind) -> Response:
    """Take a plan or frontier in, and answer it when it has ended, or say where it will be."""
    wishes = preferences(request.headers.getlist("prefer"))
    key = _idempotency_key(request)
    raw = await body_of(service, request)
    state = request.scope["state"]
    order = Order(owner_of(request), kind, raw, key, _wants_fresh(request), state.get("traceparent"))
    taken = await service.desk.take(order)
    most_s = service.settings.max_wait_s
    if isinstance(taken, Live):
        seconds = wishes.seconds_to_wait(taken.asked.time_limit_s + BEYOND_LIMIT_S, most_s)
        await _wait(service, request, taken, seconds)
        view = await service.desk.outcome(taken)
    else:
        seconds = wishes.seconds_to_wait(most_s, most_s)
        view = taken if taken.finished else await service.desk.wait(order.owner, taken.plan_id, seconds)
    state["plan_id"] = view.plan_id
    return plan_response(service, request, view, wishes.applied(seconds, at_once=not view.finished))


def plan_response(service: Service, request: Request, view: View, headers: dict[str, str] | None = None) -> Response:
    """A plan as the answer to whoever asked for it: 200 when it has ended, else 202."""
    root = root_of(request.scope)
    place = f"{root}/plans/{view.plan_id}"
    said = {"Content-Location": place, **(headers or {})}
    if view.status in _PROBLEMS:
        return problem_of(view, root, said)
    if view.finished:
        return Response(view.body, media_type="application/json", headers=said)
    said |= {"Location": place, "Retry-After": str(retry_after_s(service))}
    return Response(view.body, status_code=202, media_type="application/json", headers=said)


def problem_of(view: View, root: str, headers: dict[str, str]) -> Response:
    """The answer to a plan that was refused or failed: what POST would have answered."""
    return refusal_response(ProblemDetails.model_validate_json(view.body), root, headers)


async def worked(service: Service, request: Request, kind: Kind) -> Response:
    """The answer of a clerk to the body."""
    raw = await body_of(service, request)
    answer = await service.desk.work(kind, raw, request.scope["state"].get("traceparent"))
    return Response(answer, media_type="application/json")


async def body_of(service: Service, request: Request) -> bytes:
    """The raw body, within the limits of the settings."""
    return await read_body(request, service.settings.max_body_bytes, service.settings.body_timeout_s)


def retry_after_s(service: Service) -> int:
    """When a plan that is not done yet is worth asking for."""
    load = service.executor.load()
    seconds = (load.queued + 1) * load.recent_solve_seconds / max(1, load.slots)  # workers may all be away
    return min(LONGEST_RETRY_S, max(1, math.ceil(seconds)))


def preferences_of(request: Request) -> Preferences:
    """What the caller prefers."""
    return preferences(request.headers.getlist("prefer"))


async def _wait(service: Service, request: Request, live: Live, seconds: float) -> None:
    """Until the plan has ended, or the time is over; raises `CallerLeft`."""
    if await until_set(live.ended, min(seconds, UNWATCHED_S)) or seconds <= UNWATCHED_S:
        return
    seconds -= UNWATCHED_S
    ended, left = asyncio.create_task(live.ended.wait()), asyncio.create_task(_left(request))
    try:
        await asyncio.wait({ended, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.cancel()
        left.cancel()
    if left.done() and not left.cancelled() and not live.ended.is_set():
        service.desk.abandon(live)
        raise CallerLeft


async def _left(request: Request) -> None:
    """Returns when the caller closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        message = f"must be 1 to {LONGEST_KEY} printable ASCII characters"
        raise bad_parameter("Idempotency-Key", message, "pattern", limit=LONGEST_KEY)
    return key


def _wants_fresh(request: Request) -> bool:
    return "no-cache" in request.headers.get("cache-control", "").lower()
