"""What the envelope leaves behind of each exchange: a line, a count, a header, a span."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from api import answers
from api.envelope import Envelope
from api.observability.instruments import Instruments
from api.problems import Problem, ProblemType


class Counted(Instruments):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[object, ...]] = []
        self.reasons: list[str] = []

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        self.told.append((route, method, status, seconds))

    def rejected(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def instruments() -> Counted:
    return Counted()


@pytest.fixture
def ask(instruments):
    now = [0.0]
    app = FastAPI(openapi_url=None)
    answers.install(app)

    @app.get("/plans/{plan_id}")
    async def plan(plan_id: str, request: Request) -> dict[str, object]:
        request.state.plan_id = plan_id
        now[0] += 2.0
        return {"traceparent": request.state.traceparent}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks():
            yield b"a"
            now[0] += 100.0
            yield b"b"

        return StreamingResponse(chunks())

    @app.get("/busy")
    async def busy() -> None:
        raise Problem(ProblemType.BUSY, "full")

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret")

    @app.get("/healthz")
    async def healthz() -> None:
        return None

    app.add_middleware(Envelope, instruments=instruments, clock=lambda: now[0])

    def get(path: str, **headers: str) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(exchange())

    return get


def test_an_answer_is_one_line_with_ids_route_and_time_but_no_query(ask, caplog):
    with caplog.at_level(logging.DEBUG, "placement.access"):
        ask("/plans/plan-7?secret=s3cret", **{"x-request-id": "r-1"})
    [line] = [each for each in caplog.records if each.name == "placement.access"]
    assert (line.request_id, line.plan_id, line.method, line.path) == ("r-1", "plan-7", "GET", "/plans/plan-7")
    assert (line.status, line.milliseconds) == (200, 2000.0)
    assert "s3cret" not in str(line.__dict__)


def test_probes_are_logged_only_when_they_fail_or_somebody_looks(ask, caplog):
    with caplog.at_level(logging.INFO, "placement.access"):
        ask("/healthz")
    assert [record for record in caplog.records if record.name == "placement.access"] == []


def test_a_request_is_counted_under_its_route_and_not_under_its_path(ask, instruments):
    ask("/plans/plan-7")
    ask("/plans/plan-8")
    ask("/nothing/of/the/kind")
    assert instruments.told == [("/plans/{plan_id}", "GET", 200, 2.0)] * 2 + [("other", "GET", 404, 0.0)]


def test_a_stream_is_timed_to_its_first_byte(ask, instruments):
    assert ask("/stream").content == b"ab"
    assert instruments.told == [("/stream", "GET", 200, 0.0)]


def test_rejections_are_counted_by_reason(ask, instruments):
    for path in ("/busy", "/broken", "/nothing"):
        ask(path)
    assert instruments.reasons == ["busy", "internal-error", "not-found"]


def test_nothing_stays_in_progress(ask, instruments):
    for path in ("/busy", "/broken", "/stream"):
        ask(path)
    assert b"placement_http_requests_in_progress 0.0" in instruments.exposition()


def test_a_trace_of_the_caller_is_passed_on_and_nonsense_is_not(ask):
    sent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert ask("/plans/p", traceparent=sent).json() == {"traceparent": sent}
    for nonsense in ("", "00-xyz", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", sent.upper(), "ff" + sent[2:]):
        assert ask("/plans/p", traceparent=nonsense).json() == {"traceparent": None}
