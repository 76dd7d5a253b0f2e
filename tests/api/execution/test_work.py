"""What workers do, with the planner itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

import examples
from api.execution import unfinished, work
from api.execution.assignment import Assignment, Order, Refused
from api.execution.base import Kind, Outcome
from api.execution.supervisor import UNFINISHED, WORK, LocalExecutor, Provision
from api.execution.telling import Points, points_of, progress_of
from api.readiness import tiny_problem
from benchmarks.families import BY_NAME, Size
from models.constraints import Backend
from models.plan import Plan, Termination
from models.request import PlacedStage
from placement.frontier.method import FoundPoint
from placement.solver import FrontierProgress
from tests.api.execution.rig import Rig, rig_of, wait_until

TINY = tiny_problem(Backend.LABELS).model_dump_json(exclude_none=True).encode()


def assignment(*, cancelled: bool = False, told: list[dict[str, Any]] | None = None, **details: Any) -> Assignment:
    order = Order("plan-7", "", 30.0, 1, None, details)
    tell = (lambda build: None) if told is None else (lambda build: told.append(build()))
    return Assignment(order, lambda: cancelled, tell)


def tiny(**changes: Any) -> bytes:
    return json.dumps({**json.loads(TINY), **changes}).encode()


def refusal(kind: str, body: bytes) -> dict[str, Any]:
    with pytest.raises(Refused) as refused:
        getattr(work, kind)(body, assignment())
    return json.loads(refused.value.details)


def test_every_kind_of_job_names_work_that_exists():
    assert all(callable(getattr(work, name.partition(":")[2])) for name in WORK.values())
    assert all(callable(getattr(unfinished, name.partition(":")[2])) for name in UNFINISHED.values())
    assert set(WORK) == set(Kind)


def test_a_plan_is_named_as_its_job():
    answer = Plan.model_validate_json(work.plan(TINY, assignment()))
    assert (answer.id, answer.status, answer.latency_s) == ("plan-7", "optimal", pytest.approx(0.32))


def test_a_plan_tells_its_progress_with_stages_that_can_be_posted():
    told: list[dict[str, Any]] = []
    work.plan(TINY, assignment(told=told))
    assert told[-1]["objective"] == pytest.approx(0.32)
    assert told[-1]["stages"] == [
        {"node": "phone", "level": "default", "first_layer": 0, "stop_layer": 1},
        {"node": "edge", "level": "default", "first_layer": 1, "stop_layer": 2},
    ]
    scored = json.loads(work.evaluate(tiny(stages=told[-1]["stages"]), assignment()))
    assert scored["feasible"]
    assert progress_of(json.loads(json.dumps(told[-1]))).objective == pytest.approx(0.32)


def test_a_cancelled_plan_ends_with_what_it_has():
    body = json.dumps(BY_NAME["gpipe"].case(Size(32, 8), 0).body).encode()
    answer = Plan.model_validate_json(work.plan(body, assignment(cancelled=True)))
    assert answer.termination is Termination.CANCELLED


def test_a_frontier_is_named_as_its_job_and_tells_its_progress():
    told: list[dict[str, Any]] = []
    answer = json.loads(work.frontier(TINY, assignment(told=told)))
    assert (answer["id"], answer["status"]) == ("plan-7", "optimal")
    assert told[-1]["points"] == len(answer["points"])


def test_a_check_counts_what_is_asked():
    assert json.loads(work.validate(TINY, assignment()))["layers"] == 2


def test_a_profile_is_derived():
    body = examples.of(examples.Purpose.PROFILE)[0].read()
    assert json.loads(work.profile(body, assignment()))["layers"]


@pytest.mark.parametrize("kind", ["plan", "frontier", "evaluate", "validate", "profile"])
def test_a_body_that_is_no_json_is_refused_as_the_service_does(kind):
    details = refusal(kind, b"{")
    assert (details["status"], details["type"]) == (400, "/problems/malformed-json")


def test_faults_come_with_pointers_into_the_body():
    body = json.loads(TINY)
    body["cluster"]["nodes"][1]["memory_bytes"] = -1
    details = refusal("plan", json.dumps(body).encode())
    assert details["status"] == 422
    assert [violation["pointer"] for violation in details["violations"]] == ["/cluster/nodes/1/memory_bytes"]


def test_faults_that_show_late_come_with_pointers_too():
    stages = [{"node": "phone", "first_layer": 0, "stop_layer": 9}]
    details = refusal("evaluate", tiny(stages=stages))
    assert [violation["pointer"] for violation in details["violations"]] == ["/stages/0/stop_layer"]


def test_what_is_known_of_a_killed_plan_is_answered_under_its_name():
    told: list[dict[str, Any]] = []
    work.plan(TINY, assignment(told=told))
    order = assignment(termination="worker_lost", known=json.loads(json.dumps(told[-1])))
    answer = Plan.model_validate_json(unfinished.plan(TINY, order))
    assert (answer.id, answer.status, answer.termination) == ("plan-7", "feasible", Termination.WORKER_LOST)
    assert answer.latency_s == pytest.approx(0.32)


def test_a_killed_frontier_is_answered_under_its_name_with_the_points_that_it_told():
    told: list[dict[str, Any]] = []
    whole = json.loads(work.frontier(TINY, assignment(told=told)))
    known = json.loads(json.dumps({"found": [point for data in told for point in data["found"]]}))
    answer = json.loads(unfinished.frontier(TINY, assignment(termination="cancelled", known=known)))
    assert (answer["id"], answer["termination"], answer["complete"]) == ("plan-7", "cancelled", False)
    assert [point["stages"] for point in answer["points"]] == [point["stages"] for point in whole["points"]]
    nothing = json.loads(unfinished.frontier(TINY, assignment(termination="cancelled", known=None)))
    assert (nothing["id"], nothing["termination"]) == ("plan-7", "cancelled")


def test_a_report_that_is_sent_holds_the_points_of_those_that_were_not():
    stages = (PlacedStage(node="a", first_layer=0, stop_layer=1),)
    found = [FoundPoint(float(k), 1.0, stages) for k in range(4)]
    points = Points()
    points.reported(FrontierProgress(0.1, 1, 1.0, None, (found[0],)))
    sent = points.reported(FrontierProgress(0.2, 3, 1.0, None, (found[1], found[2])))()
    assert points_of(json.loads(json.dumps(sent))) == found[:3]
    assert sent["points"] == 3
    assert points_of(points.reported(FrontierProgress(0.3, 4, 1.0, None, (found[3],)))()) == found[3:]


def test_another_attempt_goes_on_where_the_first_one_was():
    told: list[dict[str, Any]] = []
    work.plan(TINY, assignment(told=told))
    best, again = told[-1] | {"bound": 0.1}, []
    work.plan(TINY, assignment(told=again, known=best))
    assert [data["objective"] for data in again] == [None, *[best["objective"]] * (len(again) - 1)]
    assert again[0]["bound"] == pytest.approx(0.1, rel=1e-5)
    points: list[dict[str, Any]] = []
    work.frontier(TINY, assignment(told=points))
    frontier = json.loads(work.frontier(TINY, assignment(known={"found": points[0]["found"]})))
    assert frontier["status"] == "optimal"


@pytest.fixture(scope="module")
def rig():
    """With the planner itself in its processes."""
    with rig_of(LocalExecutor(Provision(slots=1))) as rig:
        yield rig


def test_every_backend_works_in_a_forked_process(rig: Rig):
    """Twice in one process: solver libraries keep threads between their runs."""
    for _ in range(2):
        running = rig.start_body(b"", kind=Kind.READINESS)
        assert {check["backend"]: check["works"] for check in running.answer()["backends"]} == dict.fromkeys(
            Backend, True
        )


def test_a_plan_comes_back_from_its_process(rig: Rig):
    running = rig.start_body(TINY)
    assert (running.answer()["id"], running.answer()["status"]) == (running.id, "optimal")
    assert rig.start_body(b"[]").result().outcome is Outcome.REFUSED


@pytest.mark.parametrize("backend", [Backend.CP_SAT, Backend.REFERENCE_MILP])
def test_a_solver_is_stopped_wherever_it_is(rig: Rig, backend: Backend):
    """Right after the start, where CP-SAT forgets that it was asked to stop, and HiGHS does not ask."""
    hard = BY_NAME["gpipe"].case(Size(64, 12), 0).body
    body = json.dumps({**hard, "solver": {"backend": backend, "time_limit_s": 60.0}}).encode()
    running = rig.start_body(body)
    wait_until(lambda: bool(running.events))
    assert rig.cancel(running.id)
    assert running.answer()["termination"] == Termination.CANCELLED
