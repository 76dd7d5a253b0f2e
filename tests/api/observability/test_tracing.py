"""Traces as a collector on the same machine receives them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from fastapi import FastAPI, Request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from api.envelope import Envelope
from api.execution.base import Ending, Job, Kind, Outcome
from api.observability.instruments import Instruments
from api.observability.tracing import NoTracing, Tracing, tracing_of
from api.settings import Settings

TRACE, CALLER = "a" * 32, "b" * 16


class Collector:
    """Keeps the spans that are sent to it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.paths: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                collector.paths.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}/v1/traces"

    def named(self, name: str) -> Span:
        [found] = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def seconds(span: Span) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def answer(tracing: Tracing, **headers: str) -> httpx.Response:
    """A request whose job waited for 1 s and was solved in 2 s."""
    app = FastAPI(openapi_url=None)
    instruments = Instruments(tracing)

    @app.post("/plan")
    async def plan(request: Request) -> dict[str, object]:
        job = Job("plan-1", Kind.PLAN, b"", 1.0, request.state.traceparent)
        ending = Ending(Outcome.ANSWERED, b"{}", queue_seconds=1.0, solve_seconds=2.0)
        instruments.job_ended(job, ending, "optimal", "labels")
        return {"traceparent": job.traceparent}

    app.add_middleware(Envelope, instruments=instruments)

    async def exchange() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.post("/plan", headers=headers)

    return asyncio.run(exchange())


def test_a_request_its_wait_and_its_solve_are_spans_of_the_callers_trace(collector):
    tracing = tracing_of(Settings(otlp_endpoint=collector.endpoint))
    told = answer(tracing, traceparent=f"00-{TRACE}-{CALLER}-01").json()["traceparent"]
    tracing.close()
    assert set(collector.paths) == {"/v1/traces"}
    request, queue, solve = (collector.named(name) for name in ("POST /plan", "queue", "solve"))
    assert {span.trace_id.hex() for span in (request, queue, solve)} == {TRACE}
    assert request.parent_span_id.hex() == CALLER
    assert queue.parent_span_id == solve.parent_span_id == request.span_id
    assert told == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert (round(seconds(queue), 6), round(seconds(solve), 6)) == (1.0, 2.0)
    assert queue.end_time_unix_nano == solve.start_time_unix_nano
    assert {a.key: a.value.string_value for a in solve.attributes} == {
        "placement.plan_id": "plan-1",
        "placement.status": "optimal",
    }


def test_a_trace_that_the_caller_does_not_record_is_not_recorded_here_either(collector):
    tracing = tracing_of(Settings(otlp_endpoint=collector.endpoint))
    answer(tracing, traceparent=f"00-{TRACE}-{CALLER}-00")
    tracing.close()
    assert collector.spans == []


def test_without_a_trace_of_the_caller_one_begins_here(collector):
    tracing = tracing_of(Settings(otlp_endpoint=collector.endpoint))
    answer(tracing, traceparent="nonsense")
    tracing.close()
    request = collector.named("POST /plan")
    assert request.parent_span_id == b""
    assert collector.named("solve").trace_id == request.trace_id


def test_without_an_endpoint_nothing_of_opentelemetry_is_imported_or_started():
    assert isinstance(tracing_of(Settings()), NoTracing)
    code = (
        "import sys, threading, api.observability.tracing as t; from api.settings import Settings; "
        "t.tracing_of(Settings()); print('opentelemetry' in sys.modules, threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "1"]
