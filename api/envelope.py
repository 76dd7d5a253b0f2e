"""What every exchange gets: an id, safe headers, a line in the log, and an answer even when the service fails."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import problem_response, root_of
from api.observability.instruments import Instruments
from api.observability.logs import EXCHANGES, REQUEST_ID
from api.observability.tracing import RequestSpan
from api.problems import Problem, ProblemType
from api.security.headers import RawHeaders, headers_for

log = logging.getLogger("placement.api")
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
UNANSWERED = 499
"""The caller left before an answer began; nobody reads this status but the log and the metrics."""


class Envelope:
    """ASGI middleware around the whole application.

    Before: `request_id` and `traceparent` in the state of the request. After: whatever stands there as `plan_id`,
    `owner`, `key_id` and `problem` goes into the log, and `answer_headers` (raw pairs) onto the answer.
    """

    def __init__(self, app: ASGIApp, instruments: Instruments, clock: Callable[[], float] = time.perf_counter) -> None:
        self.app = app
        self._instruments = instruments
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Number the request (or keep the caller's number), and turn an unexpected exception into problem details."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered_id, offered_trace = _offered(scope)
        request_id = offered_id if _ACCEPTED_ID.fullmatch(offered_id) else secrets.token_hex(16)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        told = REQUEST_ID.set(request_id)
        exchange = _Exchange(send, state, request_id, self._clock)
        self._instruments.in_progress.inc()
        try:
            with self._instruments.tracing.request(scope["method"], offered_trace) as span:
                state["traceparent"] = span.traceparent
                try:
                    await self._answered(scope, receive, exchange)
                finally:
                    self._ended(scope, exchange, span)
        finally:
            self._instruments.in_progress.dec()
            REQUEST_ID.reset(told)

    async def _answered(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        try:
            await self.app(scope, receive, exchange.send)
        except Exception:  # the last line of defence: a fault of ours must not reach the caller as a stack trace
            request_id = exchange.request_id
            log.exception("request %s: %s %s failed", request_id, scope["method"], scope["path"])
            if exchange.status:
                raise
            problem = Problem(
                ProblemType.INTERNAL_ERROR, f"request {request_id} failed; the log of the service says why"
            )
            exchange.state["problem"] = problem.kind.value.slug
            await problem_response(problem, root_of(scope))(scope, receive, exchange.send)

    def _ended(self, scope: Scope, exchange: _Exchange, span: RequestSpan) -> None:
        route = str(getattr(scope.get("route"), "path", "other"))
        status = exchange.status or UNANSWERED
        problem = exchange.state.get("problem")
        span.answered(route, status)
        self._instruments.answered(route, scope["method"], status, exchange.seconds())
        if problem:
            self._instruments.rejected(problem)
        level = logging.DEBUG if scope["path"] in _QUIET and status < 400 else logging.INFO
        if EXCHANGES.isEnabledFor(level):
            # Not log(): it walks the stack for the name of this file.
            line = EXCHANGES.makeRecord(
                EXCHANGES.name, level, "", 0, "answered", (), None, extra=_line(scope, exchange)
            )
            EXCHANGES.handle(line)


class _Exchange:
    """What is known of one answer."""

    def __init__(self, send: Send, state: dict[str, Any], request_id: str, clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._began = clock()
        self._first_byte: float | None = None
        self.state = state
        self.request_id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._first_byte = self._clock()
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers(message)]
        await self._send(message)

    def seconds(self) -> float:
        """To the first byte of the answer: a stream is not slow because it is long."""
        return (self._clock() if self._first_byte is None else self._first_byte) - self._began

    def _headers(self, message: Message) -> RawHeaders:
        content_type = next((value for name, value in message.get("headers", ()) if name == b"content-type"), b"")
        return [
            (b"x-request-id", self.request_id.encode()),
            *headers_for(self.status, content_type),
            *self.state.get("answer_headers", ()),
        ]


def _offered(scope: Scope) -> tuple[str, str]:
    """The caller's X-Request-Id and traceparent, "" for what was not sent."""
    found = {b"x-request-id": b"", b"traceparent": b""}
    for name, value in scope["headers"]:
        if name in found:
            found[name] = value
    return found[b"x-request-id"].decode("latin-1"), found[b"traceparent"].decode("latin-1")


def _line(scope: Scope, exchange: _Exchange) -> dict[str, Any]:
    """Of the request's target the path alone: a query may hold what is nobody's business."""
    state, client = exchange.state, scope.get("client")
    return {
        "request_id": exchange.request_id,
        "plan_id": state.get("plan_id"),
        "owner": state.get("owner"),
        "key_id": state.get("key_id"),
        "method": scope["method"],
        "path": scope["path"],
        "status": exchange.status or UNANSWERED,
        "milliseconds": round(exchange.seconds() * 1000, 3),
        "client": client[0] if client else None,
        "problem": state.get("problem"),
    }
