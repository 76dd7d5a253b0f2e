"""One type for each thing that a caller can do."""

from __future__ import annotations

import json
import pickle

import httpx
import pytest

from api.problems import ProblemType
from models import PlanRequest
from placement import client as package
from placement.client import (
    Gone,
    InvalidRequest,
    KeyReused,
    NotFinished,
    NotFound,
    Overloaded,
    PlacementError,
    ServiceFault,
    TryLater,
    Unauthorised,
    Unavailable,
    UnexpectedAnswer,
)
from tests.placement.client.world import World, plan_of, problem

MEND_THE_REQUEST = InvalidRequest
OTHERS = {
    ProblemType.KEY_NEEDED: Unauthorised,
    ProblemType.FOREIGN_PAGE: Unauthorised,
    ProblemType.NOT_FOUND: NotFound,
    ProblemType.PLAN_NOT_FOUND: NotFound,
    ProblemType.PLAN_GONE: Gone,
    ProblemType.METHOD_NOT_ALLOWED: UnexpectedAnswer,
    ProblemType.BODY_TOO_SLOW: Unavailable,
    ProblemType.MISDIRECTED: Unauthorised,
    ProblemType.TOO_MANY_REQUESTS: Overloaded,
    ProblemType.KEY_REUSED: KeyReused,
    ProblemType.INTERNAL_ERROR: ServiceFault,
    ProblemType.BUSY: Overloaded,
    ProblemType.DRAINING: Unavailable,
    ProblemType.STORE_UNAVAILABLE: Unavailable,
    ProblemType.NOT_READY: Unavailable,
}


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("kind", ProblemType, ids=lambda kind: kind.value.slug)
def test_each_problem_of_the_service_is_one_exception(world: World, kind: ProblemType) -> None:
    world.says = [problem(kind.value.slug, kind.value.status, Retry_After="3600")]
    with pytest.raises(PlacementError) as caught:
        world.call("limits")
    assert type(caught.value) is OTHERS.get(kind, MEND_THE_REQUEST)
    assert caught.value.status == kind.value.status
    assert caught.value.problem.detail == f"about {kind.value.slug}"
    assert caught.value.request_id == "request-1"


def test_every_violation_is_there_and_the_first_are_shown(world: World) -> None:
    faults = [{"pointer": f"/a/{k}", "code": "missing", "message": "is missing"} for k in range(8)]
    world.says = [problem("invalid-input", 422, faults)]
    with pytest.raises(InvalidRequest, match=r"/a/0: is missing; .* and 3 more$") as caught:
        world.call("plan", {})
    assert [fault.pointer for fault in caught.value.violations] == [f"/a/{k}" for k in range(8)]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<p>Please log in to this network"),
        httpx.Response(200, json={"id": "plan-1"}),
        httpx.Response(200, json=plan_of("a status of tomorrow")),
        httpx.Response(302, headers={"Location": "https://elsewhere.test/"}),
        httpx.Response(422, headers={"Content-Type": "application/problem+json"}, content=b"{"),
    ],
    ids=["a page", "half a plan", "another release", "a redirect", "half a problem"],
)
def test_what_the_service_would_not_say_is_unexpected(world: World, answer: httpx.Response) -> None:
    world.says = [answer]
    with pytest.raises(UnexpectedAnswer) as caught:
        world.call("plan", {})
    assert caught.value.status == answer.status_code
    assert len(world.asked) == 1


def test_fields_that_a_later_release_added_do_no_harm(world: World) -> None:
    said = plan_of(of_tomorrow=1)
    said["solver"] = said["solver"] | {"of_tomorrow": {}}
    world.says = [httpx.Response(200, json=said)]
    assert world.call("plan", {}).status == "optimal"


@pytest.mark.parametrize("key", ["", " ", "ä", "a\nb", "x" * 256])
def test_a_key_that_no_header_can_hold_is_refused_before_it_is_sent(world: World, key: str) -> None:
    with pytest.raises(InvalidRequest, match="idempotency_key"):
        world.call("plan", {}, idempotency_key=key)
    assert world.asked == []


def test_what_is_no_json_is_refused_before_it_is_sent(world: World) -> None:
    with pytest.raises(InvalidRequest, match="JSON"):
        world.call("plan", {"cluster": object()})
    assert world.asked == []


def test_of_a_domain_type_only_what_was_given_is_sent(world: World) -> None:
    body = {
        "cluster": {"nodes": [{"id": "a", "compute_flops_per_s": 1e12, "memory_bytes": 1e9}]},
        "model": {"layers": [{"forward": {"flops": 1e12}}]},
        "workload": {"kind": "inference", "source": "a"},
    }
    world.says = [httpx.Response(200, json=plan_of())]
    world.call("plan", PlanRequest.model_validate(body))
    assert json.loads(world.asked[0].content) == body


def test_exceptions_cross_processes() -> None:
    for error in [NotFinished("late", "plan-1"), Overloaded("full", None, 3.0), InvalidRequest("bad")]:
        copied = pickle.loads(pickle.dumps(error))
        assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))


def test_all_that_is_raised_is_of_one_tree() -> None:
    exceptions = [kind for kind in vars(package).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(exceptions) == 13
    assert all(issubclass(kind, PlacementError) for kind in exceptions)
    assert issubclass(Overloaded, TryLater)
    assert issubclass(Unavailable, TryLater)
