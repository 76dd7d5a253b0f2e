"""Traces by OpenTelemetry, when an endpoint is set. Without one nothing is imported, started or sent."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from api.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, version 00 and whatever follows it in the same shape."""


class RequestSpan(Protocol):
    """One request on its way."""

    traceparent: str | None
    """What goes with the job: this span if traces are made, else what the caller sent, else nothing."""

    def answered(self, route: str, status: int) -> None:
        """Name the span by its route, and note how it ended."""


class Tracing(Protocol):
    """Makes spans, or only passes on what the caller sent."""

    def request(self, method: str, offered: str) -> AbstractContextManager[RequestSpan]:
        """The span of one request, in the trace of this `traceparent` header if it is a valid one."""

    def job_ended(
        self, traceparent: str | None, plan_id: str, status: str, queue_seconds: float, solve_seconds: float
    ) -> None:
        """A job of this trace has just ended: one span for the time it waited, one for the time it was solved."""

    def close(self) -> None:
        """Send what is not yet sent; takes seconds at most."""


class _PassedOn:
    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def answered(self, route: str, status: int) -> None:
        """Nobody asks."""


class NoTracing:
    """Passes the caller's trace on to the worker, and makes no span."""

    def request(self, method: str, offered: str) -> AbstractContextManager[RequestSpan]:  # noqa: ARG002 - as the tracer takes it
        """What the caller sent, if it is a valid trace context."""
        return nullcontext(_PassedOn(valid(offered)))

    def job_ended(
        self, traceparent: str | None, plan_id: str, status: str, queue_seconds: float, solve_seconds: float
    ) -> None:
        """Nothing to tell."""

    def close(self) -> None:
        """Nothing to send."""


def valid(offered: str) -> str | None:
    """The header as it came if it is a trace context, else None: a broken one starts a new trace (W3C, 3.2.2.3)."""
    return offered if _TRACEPARENT.fullmatch(offered) else None


def tracing_of(settings: Settings, exporter: SpanExporter | None = None) -> Tracing:
    """Tracing as set; `exporter` takes the place of OTLP over HTTP."""
    if settings.otlp_endpoint is None and exporter is None:
        return NoTracing()
    from api.observability.spans import ExportedTracing  # noqa: PLC0415 - nobody pays for what is off

    return ExportedTracing(settings.otlp_endpoint, exporter, time.time_ns)
