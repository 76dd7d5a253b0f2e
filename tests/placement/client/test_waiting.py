"""Until a plan has ended: what is asked, how often, and when the client gives up."""

from __future__ import annotations

import httpx
import pytest

from models import Comparison, Frontier
from models.plan import Termination
from placement.client import Gone, Handle, NotFinished, PlanFailed, Retries, Timeouts, Unavailable
from tests.placement.client.world import PLAN_ID, SOLVER, World, ended, going_on, plan_of, problem


def prefers(world: World) -> list[str]:
    return [request.headers["prefer"] for request in world.asked]


def test_a_quick_plan_takes_one_exchange(world: World) -> None:
    world.says = [ended(latency_s=0.5)]
    assert world.call("plan", {}).latency_s == 0.5
    assert prefers(world) == ["respond-async, wait=20"]


def test_a_long_plan_is_looked_at_again_until_it_has_ended(world: World) -> None:
    world.says = [going_on("queued"), world.waited_for(going_on()), world.waited_for(going_on()), ended()]
    assert world.call("plan", {}).status == "optimal"
    assert [request.url.path for request in world.asked] == ["/plan", *[f"/plans/{PLAN_ID}"] * 3]
    assert world.slept_s == []


def test_an_unchanged_plan_is_not_sent_again(world: World) -> None:
    unchanged = httpx.Response(304, headers={"ETag": '"a"'})
    world.says = [
        going_on("queued"), world.waited_for(going_on(ETag='"a"')), world.waited_for(unchanged), ended(),
    ]  # fmt: skip
    assert world.call("plan", {}).status == "optimal"
    assert [request.headers.get("if-none-match") for request in world.asked] == [None, None, '"a"', '"a"']


def test_a_service_that_does_not_wait_is_not_asked_without_end(world: World) -> None:
    world.says = [going_on(), *[going_on()] * 5, ended()]
    world.call("plan", {})
    assert world.slept_s == [0.25, 0.5, 1, 2, 4]


def test_a_service_that_waits_as_long_as_it_may_is_asked_again_at_once(world: World) -> None:
    world.says = [going_on(), world.after(5, going_on(Preference_Applied="wait=5")), ended()]
    world.says[1] = world.after(
        5, httpx.Response(202, json=plan_of("running"), headers={"Preference-Applied": "wait=5"})
    )
    world.call("plan", {})
    assert world.slept_s == []


def test_who_waits_no_longer_is_told_how_far_the_plan_is(world: World) -> None:
    late = world.waited_for(httpx.Response(202, json=plan_of("running", bound=0.25)))
    world.says = [late]
    with pytest.raises(NotFinished, match="goes on") as caught:
        world.call("plan", {}, wait_s=30.5)
    assert (caught.value.plan_id, caught.value.plan.bound) == (PLAN_ID, 0.25)
    assert isinstance(caught.value, TimeoutError)
    assert prefers(world)[:2] == ["respond-async, wait=20", "wait=10"]
    assert world.seconds == pytest.approx(30.5)


def test_a_service_that_is_away_when_the_wait_ends_leaves_the_plan_unfinished(world: World) -> None:
    world.says = [going_on(), httpx.ConnectError("refused")]
    with pytest.raises(NotFinished) as caught:
        world.call("plan", {}, wait_s=5)
    assert isinstance(caught.value.__cause__, Unavailable)
    assert world.seconds <= 5


def test_a_service_that_stays_away_is_not_waited_for(world: World) -> None:
    world.says = [going_on(), httpx.ConnectError("refused")]
    with pytest.raises(Unavailable):
        world.call("plan", {}, client={"retries": Retries(deadline_s=30)})
    assert 15 < world.seconds <= 30


def test_the_length_of_a_poll_can_be_chosen(world: World) -> None:
    world.says = [going_on(), ended()]
    world.call("plan", {}, client={"timeouts": Timeouts(poll_s=5.9)})
    assert prefers(world) == ["respond-async, wait=5", "wait=5"]


def test_a_plan_that_is_submitted_is_not_waited_for(world: World) -> None:
    world.says = [going_on("queued")]
    handle = world.call("submit", {}, fresh=True)
    assert handle.id == PLAN_ID
    assert prefers(world) == ["respond-async, wait=0"]
    assert world.asked[0].headers["cache-control"] == "no-cache"


def test_cancelling_answers_the_best_plan_once_it_has_ended(world: World) -> None:
    world.says = [going_on(), ended(status="feasible", termination="cancelled", latency_s=0.4)]
    plan = world.call("cancel", PLAN_ID)
    assert [request.method for request in world.asked] == ["DELETE", "GET"]
    assert (plan.termination, plan.latency_s) == (Termination.CANCELLED, 0.4)


def test_a_handle_knows_what_it_is_answered_with(world: World) -> None:
    world.says = [httpx.Response(200, json={
        "id": "plan-2", "status": "optimal", "complete": True, "epsilon": 0, "resolution": 1e-6, "solver": SOLVER,
    })]  # fmt: skip
    handle = world.call("submit_frontier", {})
    assert handle == Handle("plan-2", Frontier)
    assert isinstance(world.call("wait", handle), Frontier)
    assert isinstance(world.call("get", handle), Frontier)


def test_comparisons_are_waited_for_like_plans(world: World) -> None:
    said = {"id": "plan-3", "status": "running", "solver": SOLVER}
    world.says = [httpx.Response(202, json=said), httpx.Response(200, json=said | {"status": "optimal"})]
    comparison = world.call("compare", {"request": {}})
    assert isinstance(comparison, Comparison)
    assert [request.url.path for request in world.asked] == ["/plan:compare", "/plans/plan-3"]


def test_a_plan_that_a_fault_ended_says_which_and_is_not_asked_for_again(world: World) -> None:
    world.says = [going_on(), problem("internal-error", 500, Content_Location=f"/prefix/plans/{PLAN_ID}")]
    with pytest.raises(PlanFailed) as caught:
        world.call("plan", {})
    assert (caught.value.plan_id, caught.value.request_id) == (PLAN_ID, "request-1")


def test_a_plan_that_is_no_longer_kept_is_gone(world: World) -> None:
    world.says = [problem("plan-gone", 410)]
    with pytest.raises(Gone):
        world.call("wait", "plan-0")


def test_an_id_is_one_part_of_the_address(world: World) -> None:
    world.says = [ended()]
    world.call("get", "../limits?x")
    assert world.asked[0].url.raw_path == b"/plans/..%2Flimits%3Fx"
