"""The clients against the service itself, over a socket: the whole way of a plan, through breaks and a restart."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest

import examples
from models import PlanRequest
from placement.client import (
    AsyncPlacementClient,
    InvalidRequest,
    KeyReused,
    NotFinished,
    NotFound,
    Overloaded,
    PlacementClient,
    Retries,
)
from tests.api.conftest import any_plan_of, app_with
from tests.api.served import DrainingServer, served

HANG_S = 60.0
"""Far longer than anything here takes."""
QUICK = Retries(first_pause_s=0.02, longest_pause_s=0.2)


class Held:
    """A planner that plans once it is let, or told to stop; a seed of 0 is planned at once."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.inside = threading.Semaphore(0)

    def __call__(self, asked: PlanRequest, *, cancelled: Callable[[], bool] | None = None) -> Any:
        if cancelled is not None and asked.solver.seed:
            self.inside.release()
            while not self.go.wait(0.005) and not cancelled():
                pass
        return any_plan_of(asked, cancelled=cancelled)

    def entered(self) -> None:
        assert self.inside.acquire(timeout=HANG_S)


class Door(httpx.BaseTransport):
    """The way to a service that may move: after a restart it listens at another port. Nobody there: refused."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self.closed = threading.Event()
        self._through = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.url is None:
            self.closed.set()
            raise httpx.ConnectError("nobody listens", request=request)
        place = httpx.URL(self.url)
        request.url = request.url.copy_with(host=place.host, port=place.port)
        return self._through.handle_request(request)

    def close(self) -> None:
        self._through.close()


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    [example] = [e for e in examples.of(examples.Purpose.PLAN) if e.name == "two-nodes-by-hand"]
    return json.loads(example.read())


def held_back(body: dict[str, Any], seed: int) -> dict[str, Any]:
    """A request that is planned only when the planner is let."""
    return body | {"solver": {"seed": seed}}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app_with()) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[PlacementClient]:
    with PlacementClient(url) as client:
        yield client


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_a_request_becomes_a_typed_plan(client: PlacementClient, body: dict[str, Any]) -> None:
    plan = client.plan(PlanRequest.model_validate(body))
    assert (plan.status, plan.latency_s) == ("optimal", 0.32)
    assert client.get(plan.id) == plan
    assert PlanRequest.model_validate(client.request_of(plan.id)) == PlanRequest.model_validate(body)


def test_a_key_stands_for_one_plan(client: PlacementClient, body: dict[str, Any]) -> None:
    first = client.plan(body, idempotency_key="one")
    assert client.plan(body, idempotency_key="one").id == first.id
    assert client.plan(body, idempotency_key="two").id != first.id
    with pytest.raises(KeyReused):
        client.plan(held_back(body, 5), idempotency_key="one")


def test_what_is_wrong_is_told_by_place(client: PlacementClient, body: dict[str, Any]) -> None:
    body = json.loads(json.dumps(body))
    body["cluster"]["nodes"][0]["memory_bytes"] = float("nan")
    body["solver"] = {"time_limit_s": -1}
    for ask in (client.plan, client.validate, client.frontier):
        with pytest.raises(InvalidRequest) as caught:
            ask(body)
        assert {fault.pointer for fault in caught.value.violations} == {
            "/cluster/nodes/0/memory_bytes",
            "/solver/time_limit_s",
        }


def test_plans_are_listed_page_by_page(url: str, body: dict[str, Any]) -> None:
    with served(app_with()) as own, PlacementClient(own) as client:
        asked = [client.plan(body, idempotency_key=str(k)).id for k in range(5)]
        client.frontier(body)
        page = client.list_plans(kind="plan", limit=2)
        assert [entry.id for entry in page.plans] == asked[:-3:-1]
        assert [entry.id for entry in client.list_plans(kind="plan", limit=2, cursor=page.next_cursor).plans] == asked[
            2:0:-1
        ]
        assert [entry.id for entry in client.iterate_plans(kind=["plan"], limit=2)] == asked[::-1]
        first = page.plans[-1].created_at
        assert len(list(client.iterate_plans(created_after=first, status=("optimal", "feasible")))) == 3


def test_a_placement_is_scored_and_a_profile_derived(client: PlacementClient, body: dict[str, Any]) -> None:
    stages = [{"node": "phone", "first_layer": 0, "stop_layer": 2}, {"node": "edge", "first_layer": 2, "stop_layer": 4}]
    scored = client.evaluate(PlanRequest.model_validate(body), stages)
    assert (scored.feasible, scored.latency_s) == (True, pytest.approx(0.35008))
    assert client.evaluate(body, scored.stages) == client.evaluate(body | {"stages": stages}) == scored
    profile = client.profile({"catalogue": "gpt2", "sequence_length": 8, "workload": body["workload"]})
    assert len(profile.layers) == 14
    assert client.validate(body).layers == 4


def test_what_the_service_knows_is_typed(client: PlacementClient) -> None:
    assert client.health().status == "alive"
    assert client.readiness().status == "ready"
    assert client.limits().max_idempotency_key_chars == 255
    assert "llama-2-7b" in {model.id for model in client.catalogue_models()}
    assert all(kind.id for kind in (*client.catalogue_nodes(), *client.catalogue_links()))
    with pytest.raises(NotFound):
        client.get("plan-of-somebody")


def test_events_are_heard_and_a_plan_is_cancelled(body: dict[str, Any]) -> None:
    held = Held()
    with served(app_with(plan=held, solver_slots=1)) as url, PlacementClient(url) as client:
        handle = client.submit(held_back(body, 1))
        events = client.events(handle)
        assert [next(events).name, next(events).name] == ["queued", "started"]
        plan = client.cancel(handle)
        assert plan.termination == "cancelled"
        assert [event.name for event in events] == ["done"]
        assert [event.number for event in client.events(handle, after=1)] == [2, 3]
        assert list(client.events(handle, after=3)) == []
        assert client.cancel(handle) == plan


def test_who_waits_in_vain_is_told_so_and_may_wait_on(body: dict[str, Any]) -> None:
    held = Held()
    with served(app_with(plan=held)) as url, PlacementClient(url, retries=QUICK) as client:
        handle = client.submit(held_back(body, 1))
        with pytest.raises(NotFinished) as caught:
            client.wait(handle, wait_s=0.2)
        assert caught.value.plan_id == handle.id
        held.go.set()
        assert client.wait(caught.value.plan_id, wait_s=HANG_S).status == "optimal"


def test_a_full_queue_sends_away_with_its_estimate(body: dict[str, Any]) -> None:
    held = Held()
    settings = {"solver_slots": 1, "queue_length": 1}
    with served(app_with(plan=held, **settings)) as url, PlacementClient(url, retries=Retries(deadline_s=1)) as client:
        handles = [client.submit(held_back(body, 1 + k)) for k in range(2)]
        with pytest.raises(Overloaded) as caught:
            client.submit(held_back(body, 9))
        assert caught.value.retry_after_s == 7  # what the executor of these tests says
        held.go.set()
        assert [client.wait(handle).status for handle in handles] == ["optimal"] * 2


def test_callers_go_on_through_a_restart(tmp_path: Any, body: dict[str, Any], pool: ThreadPoolExecutor) -> None:
    """One waits, one listens; the next process serves both as if nothing had happened."""
    where = {"database_url": f"sqlite:///{tmp_path / 'plans.sqlite3'}", "solver_slots": 1, "drain_grace_s": 0}
    where["allowed_hosts"] = ("service.test",)
    held, door = Held(), Door(None)
    with PlacementClient("http://service.test", retries=QUICK, transport=door) as client:
        with served(app_with(plan=held, **where), DrainingServer) as door.url:
            waiting = pool.submit(client.plan, held_back(body, 1), idempotency_key="night")
            held.entered()
            while not (entries := client.list_plans().plans):  # solving may begin before the plan is listed
                pass
            [entry] = entries
            events = client.events(entry.id)
            heard = [next(events), next(events)]
            listening = pool.submit(list, events)
        door.url = None
        assert door.closed.wait(HANG_S)
        held.go.set()
        with served(app_with(plan=held, **where)) as door.url:
            plan = waiting.result(HANG_S)
            heard += listening.result(HANG_S)
            assert (plan.id, plan.status) == (entry.id, "optimal")
            assert client.plan(held_back(body, 1), idempotency_key="night").id == entry.id
    assert [event.name for event in heard] == ["queued", "started", "queued", "started", "done"]
    assert [event.number for event in heard] == [1, 2, 3, 4, 5]


def test_many_tasks_share_one_client(url: str, body: dict[str, Any]) -> None:
    async def ask() -> set[str]:
        async with AsyncPlacementClient(url) as client:
            ids = set()

            async def one() -> None:
                plan = await client.plan(body, idempotency_key="shared")
                ids.add(plan.id)
                assert [event.name async for event in client.events(plan.id)][-1] == "done"

            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(one)
            assert plan_ids(await client.list_plans(limit=1))
            return ids

    def plan_ids(page: Any) -> list[str]:
        return [entry.id for entry in page.plans]

    assert len(anyio.run(ask)) == 1
