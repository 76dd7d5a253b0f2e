"""What is known of a job: over all attempts plans only get better, and no point of a frontier is lost."""

from __future__ import annotations

from typing import Any

import pytest

from api.execution.base import Event
from api.execution.known import Known


def report(objective: float | None, bound: float | None = None, phase: str = "latency") -> dict[str, Any]:
    gap = None if objective is None or bound is None else (objective - bound) / objective
    stages = None if objective is None else [{"node": f"n{objective}"}]
    return {"seconds": 1.0, "phase": phase, "objective": objective, "bound": bound, "gap": gap, "stages": stages}


def point(latency_s: float, node: str) -> dict[str, Any]:
    return {"latency_s": latency_s, "energy_j": 1 / latency_s, "stages": [{"node": node}]}


def told(*reports: dict[str, Any]) -> tuple[Known, list[Event | None]]:
    known = Known()
    return known, [known.learn(one) for one in reports]


def names(events: list[Event | None]) -> list[str | None]:
    return [None if event is None else event.name for event in events]


def test_a_better_plan_is_an_incumbent_and_a_better_proof_a_bound():
    known, events = told(report(8.0), report(8.0, 4.0), report(6.0, 4.0), report(6.0, 6.0))
    assert names(events) == ["incumbent", "bound", "incumbent", "bound"]
    assert known.data == report(6.0, 6.0)


def test_an_attempt_that_begins_worse_tells_nothing_until_it_is_better():
    known, events = told(report(6.0, 4.0), report(9.0, 1.0), report(None, 2.0), report(6.0, 4.0), report(5.0, 3.0))
    assert names(events) == ["incumbent", None, None, None, "incumbent"]
    assert known.data == report(5.0, 4.0)
    assert events[-1] == Event("incumbent", report(5.0, 4.0))


def test_a_better_bound_on_a_worse_plan_is_one_on_the_best():
    known, events = told(report(6.0, 4.0), report(9.0, 5.0))
    assert events[-1] == Event("bound", report(6.0, 5.0))
    assert known.data == report(6.0, 5.0)


def test_a_bound_before_any_plan_is_kept_and_no_plan():
    known, events = told(report(None, 3.0))
    assert (known.data, names(events)) == (None, ["bound"])
    assert known.learn(report(6.0)) == Event("incumbent", report(6.0, 3.0))


def test_an_objective_of_zero_has_a_gap_of_its_own():
    known, _ = told(report(1.0, 0.0), report(0.0, None))
    assert known.data is not None
    assert (known.data["objective"], known.data["bound"], known.data["gap"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("phase", ["weighted", "best energy"])
def test_goals_that_build_on_earlier_ones_may_be_others_in_another_attempt(phase):
    known, events = told(report(6.0, 4.0, phase), report(9.0, 1.0, phase))
    assert names(events) == ["incumbent", "incumbent"]
    assert known.data == report(9.0, 1.0, phase)


def test_the_last_phase_that_was_reached_counts_though_another_attempt_begins_anew():
    known, _ = told(report(6.0, 6.0, "best latency"), report(3.0, 2.0, "weighted"), report(7.0, 2.0, "best latency"))
    assert known.data == report(3.0, 2.0, "weighted")


def test_phases_of_a_comparison_are_told_apart():
    known, events = told(report(6.0, 6.0, "base: latency"), report(9.0, 9.0, "lost: latency"))
    assert names(events) == ["incumbent", "incumbent"]
    assert known.data == report(9.0, 9.0, "lost: latency")


def test_points_of_a_frontier_are_gathered_once_each():
    one, two, three = point(1.0, "a"), point(2.0, "b"), point(3.0, "c")
    known, events = told(
        {"points": 2, "found": [one, two]}, {"points": 2, "found": []}, {"points": 3, "found": [two, three]}
    )
    assert names(events) == ["incumbent", "bound", "incumbent"]
    assert [event.data["found"] for event in events if event] == [[one, two], [], [three]]
    assert known.data == {"found": [one, two, three]}


def test_of_nothing_told_nothing_is_known():
    assert Known().data is None
    assert told({"points": 0, "found": []})[0].data is None
