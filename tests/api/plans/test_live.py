"""A plan's events over all attempts: whoever watches sees it get better, whatever happens to those who solve."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from api.execution.base import Event, Kind
from api.plans.answers import Asked
from api.plans.live import Live
from api.store.rows import StoredEvent


def live() -> Live:
    return Live("plan-1", "", Asked(Kind.PLAN, "content", 1.0), b"{}")


def report(objective: float, bound: float) -> dict[str, Any]:
    gap = (objective - bound) / objective
    return {"seconds": 1.0, "phase": "latency", "objective": objective, "bound": bound, "gap": gap, "stages": None}


def told(plan: Live) -> list[tuple[str, Any, Any]]:
    data = [(event.name, json.loads(event.data)) for event in plan.events]
    return [(name, said.get("objective"), said.get("bound")) for name, said in data]


def test_a_second_attempt_does_not_take_back_what_the_first_one_told():
    plan = live()
    for attempt in ([(9.0, 1.0), (6.0, 4.0)], [(8.0, 1.0), (7.0, 5.0), (5.0, 5.0)]):
        plan.heard(Event("started", {"queue_seconds": 0.0}))
        for figures in attempt:
            plan.heard(Event("incumbent", report(*figures)))
    started = ("started", None, None)
    first, second = [("incumbent", 9.0, 1.0), ("incumbent", 6.0, 4.0)], [("bound", 6.0, 5.0), ("incumbent", 5.0, 5.0)]
    assert told(plan) == [started, *first, started, *second]
    assert plan.known == report(5.0, 5.0)


def test_a_process_that_goes_on_with_a_plan_knows_what_the_one_before_told():
    plan = live()
    stored = [(1, "queued", {}), (2, "incumbent", report(6.0, 1.0)), (3, "bound", report(6.0, 4.0))]
    plan.recall([StoredEvent(seq, name, json.dumps(data), datetime.now(UTC)) for seq, name, data in stored])
    assert plan.known == report(6.0, 4.0)
    plan.heard(Event("incumbent", report(7.0, 2.0)))
    assert told(plan) == []
    plan.heard(Event("incumbent", report(5.0, 2.0)))
    assert [(event.seq, event.name) for event in plan.events] == [(4, "incumbent")]
    assert json.loads(plan.events[0].data) == report(5.0, 4.0)
