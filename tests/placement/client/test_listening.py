"""Events: each once, in order, whatever becomes of the stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from placement.client import PlanEvent, Retries, Unavailable, UnexpectedAnswer
from placement.client.listening import EventReader
from tests.placement.client.world import World, problem

SHORT = {"retries": Retries(deadline_s=10.0, first_pause_s=1.0)}


def told(number: int, name: str) -> str:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps({'n': number})}\n\n"


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A stream that ends, or breaks, behind its text."""

    def __init__(self, text: str, broken: Exception | None = None) -> None:
        self._text, self._broken = text, broken

    def __iter__(self) -> Iterator[bytes]:
        yield self._text.encode()
        if self._broken is not None:
            raise self._broken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


def streaming(world: World, *streams: str | httpx.Response | Stream) -> Any:
    """Settings of a client that is given these streams one after the other, the last for ever."""
    left = list(streams)

    def answer(request: httpx.Request) -> httpx.Response:
        world.asked.append(request)
        said = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(said, httpx.Response):
            return httpx.Response(said.status_code, headers=said.headers, content=said.content)
        stream = Stream(said) if isinstance(said, str) else said
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=stream)

    return {**SHORT, "transport": httpx.MockTransport(answer)}


def names(events: list[PlanEvent]) -> list[tuple[int, str]]:
    return [(event.number, event.name) for event in events]


def asked_behind(world: World) -> list[str | None]:
    return [request.headers.get("last-event-id") for request in world.asked]


WHOLE = [(1, "queued"), (2, "started"), (3, "done")]


def test_a_life_is_told_to_its_end(world: World) -> None:
    text = "retry: 2000\n\n" + told(1, "queued") + ": ping\n\n" + told(2, "started") + told(3, "done") + told(4, "no")
    events = world.call("events", "plan-1", client=streaming(world, text))
    assert names(events) == WHOLE
    assert events[1].data == {"n": 2}
    assert asked_behind(world) == [None]


@pytest.mark.parametrize("broken", [httpx.ReadError("reset"), httpx.RemoteProtocolError("incomplete"), None])
def test_a_stream_that_breaks_is_taken_up_behind_the_last_event(world: World, broken: Exception | None) -> None:
    first = Stream("retry: 2000\n\n" + told(1, "queued") + told(2, "started"), broken)
    settings = streaming(world, first, told(2, "started") + told(3, "done"))
    assert names(world.call("events", "plan-1", client=settings)) == WHOLE
    assert asked_behind(world) == [None, "2"]
    assert world.slept_s == [2]  # as the service wished


def test_half_an_event_is_none(world: World) -> None:
    settings = streaming(world, told(1, "queued") + "id: 2\nevent: star", told(2, "started") + told(3, "done"))
    assert names(world.call("events", "plan-1", client=settings)) == WHOLE


def test_a_service_that_stops_is_listened_to_again_when_it_is_back(world: World) -> None:
    closing = told(1, "queued") + 'event: closing\ndata: {"reason":"draining"}\n\n'
    away = problem("draining", 503, Retry_After="5")
    events = world.call(
        "events", "plan-1", client=streaming(world, closing, away, told(2, "started") + told(3, "done"))
    )
    assert names(events) == WHOLE
    assert asked_behind(world) == [None, "1", "1"]
    assert world.slept_s == [0.5, 5]


def test_behind_the_end_there_is_nothing(world: World) -> None:
    assert world.call("events", "plan-1", after=3, client=streaming(world, httpx.Response(204))) == []
    assert asked_behind(world) == ["3"]


def test_a_stream_that_never_tells_anything_is_given_up(world: World) -> None:
    with pytest.raises(Unavailable, match="broke"):
        world.call("events", "plan-1", client=streaming(world, "retry: 2000\n\n"))
    assert world.seconds < 10


def test_a_quiet_stream_that_lives_is_taken_up_without_end(world: World) -> None:
    quiet = [": ping\n\n"] * 30
    settings = streaming(world, told(1, "queued"), *quiet, told(2, "started") + told(3, "done"))
    assert names(world.call("events", "plan-1", client=settings)) == WHOLE


def test_an_event_that_is_no_json_is_said_to_be_none(world: World) -> None:
    with pytest.raises(UnexpectedAnswer):
        world.call("events", "plan-1", client=streaming(world, "id: 1\nevent: queued\ndata: {\n\n"))


def test_data_of_several_lines_belong_together() -> None:
    reader = EventReader()
    lines = ["id:7", "event: later", "data: {", 'data: "a": 1}', "unknown: x", ""]
    assert [reader.read(line) for line in lines][-1] == PlanEvent(7, "later", {"a": 1})
