"""GET /plans/{id}/events: as it happens, again from any point, and after a restart."""

from __future__ import annotations

import json

import pytest

from api.execution.base import Event
from api.plans import streams
from tests.api.clients import events_of

ASYNC = {"prefer": "respond-async"}


def names(text):
    return [event["event"] for event in events_of(text)]


def test_a_stream_tells_the_life_of_a_plan_and_ends_with_it(client_of, body):
    client = client_of()
    answer = client.post("/plan", json=body)
    told = client.get(answer.headers["content-location"] + "/events")
    assert told.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert told.headers["cache-control"] == "no-store"
    events = events_of(told.text)
    assert [event["event"] for event in events] == ["queued", "started", "done"]
    assert [event["id"] for event in events] == ["1", "2", "3"]
    done = json.loads(events[-1]["data"])
    assert (done["status"], done["termination"], done["objective"]) == ("optimal", "optimal", 0.32)


def test_events_come_while_the_plan_is_solved(slow, held, body):
    place = slow.post("/plan", json=body, headers=ASYNC).headers["location"]
    with slow.exchange("GET", f"{place}/events") as stream:
        assert stream.status() == 200
        seen = b""
        while b"event: started" not in seen:
            seen += stream.chunk()
        held.go.set()
        while (chunk := stream.chunk()) is not None:
            seen += chunk
    assert names(seen.decode()) == ["queued", "started", "done"]


def test_incumbents_and_bounds_are_told_as_they_came(client_of, body, monkeypatch):
    client = client_of()
    executor = client.app.state.service.executor
    run = executor.run
    data = {"seconds": 0.1, "phase": "latency", "objective": 2.0, "bound": 1.0, "gap": 0.5, "stages": None}

    async def improving(job, on_event):
        ending = await run(job, on_event)
        on_event(Event("incumbent", data))
        on_event(Event("bound", data | {"bound": 1.5}))
        return ending

    monkeypatch.setattr(executor, "run", improving)
    place = client.post("/plan", json=body).headers["content-location"]
    events = events_of(client.get(f"{place}/events").text)
    assert [event["event"] for event in events] == ["queued", "started", "incumbent", "bound", "done"]
    assert json.loads(events[2]["data"]) == data


@pytest.mark.parametrize(
    ("last", "expected"), [("1", ["started", "done"]), ("2", ["done"]), ("x", ["queued", "started", "done"])]
)
def test_a_stream_goes_on_behind_the_last_event_that_was_received(client_of, body, last, expected):
    client = client_of()
    place = client.post("/plan", json=body).headers["content-location"]
    assert names(client.get(f"{place}/events", headers={"last-event-id": last}).text) == expected


def test_nothing_follows_the_last_event(client_of, body):
    client = client_of()
    place = client.post("/plan", json=body).headers["content-location"]
    client.get("/plans")  # what has ended is kept by now
    answer = client.get(f"{place}/events", headers={"last-event-id": "3"})
    assert (answer.status_code, answer.content) == (204, b"")


def test_where_nothing_happens_a_comment_comes(slow, held, body, monkeypatch):
    monkeypatch.setattr(streams, "PING_S", 0.01)
    place = slow.post("/plan", json=body, headers=ASYNC).headers["location"]
    held.entered()
    with slow.exchange("GET", f"{place}/events") as stream:
        assert stream.status() == 200
        while stream.chunk() != b": ping\n\n":
            pass
    held.go.set()


def test_a_stream_of_a_plan_that_another_process_solves_is_as_complete(client_of, body, tmp_path, held):
    where = {"database_url": f"sqlite:///{tmp_path / 'shared.sqlite3'}"}
    one, two = client_of(plan=held, instance="one", **where), client_of(instance="two", **where)
    place = one.post("/plan", json=body, headers=ASYNC).headers["location"]
    held.entered()
    with two.exchange("GET", f"{place}/events") as stream:
        assert stream.status() == 200
        held.go.set()
        seen = b""
        while (chunk := stream.chunk()) is not None:
            seen += chunk
    assert names(seen.decode()) == ["queued", "started", "done"]


def test_a_cancelled_plan_is_told_to_its_watchers(slow, held, body):
    place = slow.post("/plan", json=body, headers=ASYNC).headers["location"]
    held.entered()
    slow.delete(place)
    events = events_of(slow.get(f"{place}/events").text)
    assert json.loads(events[-1]["data"])["termination"] == "cancelled"


def test_a_plan_of_very_many_events_keeps_its_end(client_of, body, monkeypatch):
    monkeypatch.setattr("api.plans.live.MOST_EVENTS", 3)
    client = client_of()
    executor = client.app.state.service.executor
    run = executor.run

    async def restless(job, on_event):
        for k in range(10):
            on_event(Event("bound", {"objective": None, "bound": k}))
        return await run(job, on_event)

    monkeypatch.setattr(executor, "run", restless)
    place = client.post("/plan", json=body).headers["content-location"]
    assert names(client.get(f"{place}/events").text) == ["queued", "bound", "bound", "started", "done"]
