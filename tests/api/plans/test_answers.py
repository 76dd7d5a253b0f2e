from __future__ import annotations

import json

import pytest

from api.execution.base import Kind
from api.plans.answers import Asked, head_of, renewed, without_plan
from models import Frontier, FrontierRequest, Plan, PlanRequest
from models.constraints import ObjectiveKind
from models.plan import Status, Termination
from tests.api.conftest import any_frontier_of, any_plan_of

ASKED = {
    Kind.PLAN: Asked(Kind.PLAN, "key", 10.0, objective=ObjectiveKind.ENERGY, backend="milp", seed=7),
    Kind.FRONTIER: Asked(Kind.FRONTIER, "key", 10.0, epsilon=0.25),
}
TYPES = {Kind.PLAN: Plan, Kind.FRONTIER: Frontier}


def answer_of(kind, body):
    if kind is Kind.PLAN:
        return any_plan_of(PlanRequest.model_validate(body)).model_dump_json().encode()
    return any_frontier_of(FrontierRequest.model_validate(body)).model_dump_json().encode()


@pytest.mark.parametrize("kind", TYPES)
def test_renewing_the_head_leaves_the_rest_as_it_is(kind, body):
    answer = answer_of(kind, body)
    changed = renewed(kind, answer, id="plan-7", cached=True, queue_seconds=0.25)
    assert json.loads(changed) == json.loads(answer) | {"id": "plan-7", "cached": True, "queue_seconds": 0.25}
    TYPES[kind].model_validate_json(changed)


@pytest.mark.parametrize("kind", TYPES)
def test_the_head_holds_what_is_listed(kind, body):
    head = head_of(kind, answer_of(kind, body))
    assert {"id", "status", "cached", "queue_seconds", "solve_seconds", "termination"} <= set(head)
    assert not any(isinstance(value, list | dict) for value in head.values())


def test_bytes_that_are_no_answer_are_not_taken_for_one():
    with pytest.raises(ValueError, match="no answer of kind plan"):
        head_of(Kind.PLAN, b'{"id": "plan-1"}')


@pytest.mark.parametrize("kind", TYPES)
def test_a_plan_that_is_not_there_yet_has_the_shape_of_one_that_is(kind):
    waiting = TYPES[kind].model_validate_json(without_plan(ASKED[kind], "plan-1", Status.QUEUED))
    assert (waiting.id, waiting.status, waiting.termination) == ("plan-1", "queued", None)
    assert not waiting.status.finished


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("why", [Termination.CANCELLED, Termination.MEMORY_LIMIT, Termination.WORKER_LOST])
def test_what_was_lost_is_said_in_the_shape_of_an_answer(kind, why):
    body = without_plan(ASKED[kind], "plan-1", Status.NO_PLAN_FOUND, termination=why, solve_seconds=1.5)
    lost = TYPES[kind].model_validate_json(body)
    assert (lost.status, lost.termination, lost.solve_seconds) == ("no_plan_found", why, 1.5)


def test_what_was_asked_for_is_said_before_a_solver_reports():
    plan = Plan.model_validate_json(without_plan(ASKED[Kind.PLAN], "plan-1", Status.RUNNING, objective=2.0, gap=0.5))
    assert (plan.objective_kind, plan.objective, plan.gap) == ("energy", 2.0, 0.5)
    assert (plan.solver.backend, plan.solver.seed, plan.solver.version) == ("milp", 7, None)
