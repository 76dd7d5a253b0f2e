"""Spans sent by OTLP: one for each request, and in it one for the time a job waited and one for its solve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_EXPORT_S = 3.0
"""Longest wait for the collector; spans are lost when it does not answer, requests never wait for it."""
_S = 10**9
"""Nanoseconds in a second: spans are timed in nanoseconds."""


class _Recorded:
    def __init__(self, span: Span, traceparent: str | None, method: str) -> None:
        self._span = span
        self._method = method
        self.traceparent = traceparent

    def answered(self, route: str, status: int) -> None:
        """Name the span by its route; only faults of the service make it a failed one (semantic conventions)."""
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))


class ExportedTracing:
    """A tracer provider of its own, so that two applications in one process do not share it."""

    def __init__(self, endpoint: str | None, exporter: SpanExporter | None, now_ns: Callable[[], int]) -> None:
        exporter = exporter or OTLPSpanExporter(endpoint, timeout=_EXPORT_S)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "layer-placement"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("placement")
        self._propagator = TraceContextTextMapPropagator()
        self._now_ns = now_ns

    @contextmanager
    def request(self, method: str, offered: str) -> Iterator[_Recorded]:
        """A server span, child of the caller's."""
        span = self._tracer.start_span(method, self._context(offered), SpanKind.SERVER)
        span.set_attribute("http.request.method", method)
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, set_span_in_context(span, Context()))
        try:
            yield _Recorded(span, carrier.get("traceparent"), method)
        finally:
            span.end()

    def job_ended(
        self, traceparent: str | None, plan_id: str, status: str, queue_seconds: float, solve_seconds: float
    ) -> None:
        """Two spans, timed backwards from now; a job may outlive the request it came with."""
        parent = self._context(traceparent or "")
        ended = self._now_ns()
        taken = ended - int(solve_seconds * _S)
        for name, begin, end in (("queue", taken - int(queue_seconds * _S), taken), ("solve", taken, ended)):
            span = self._tracer.start_span(name, parent, start_time=begin)
            span.set_attribute("placement.plan_id", plan_id)
            span.set_attribute("placement.status", status)
            span.end(end)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _context(self, traceparent: str) -> Context:
        """The caller's trace; an invalid header leaves an empty context, in which a new trace begins."""
        return self._propagator.extract({"traceparent": traceparent}, Context())
