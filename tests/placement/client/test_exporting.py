"""Plans as runtimes read them, through both clients: one that the service keeps, and one that is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

import examples
from models import Plan, PlanRequest
from models.export import ExportFormat, OptionName
from placement import solver
from placement.client import AsyncPlacementClient, Handle, InvalidRequest, NotFound, PlacementClient
from tests.api.conftest import app_with
from tests.api.served import served
from tests.placement.client.world import World

Ask = Callable[..., Any]
ADDRESSES = {"edge": "10.0.0.3:50052"}


def planner(request: PlanRequest, *, cancelled: Callable[[], bool] | None = None) -> Plan:
    return solver.plan(request, cancelled=cancelled)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app_with(plan=planner)) as url:
        yield url


@pytest.fixture(params=["blocking", "awaiting"])
def ask(request: pytest.FixtureRequest, url: str) -> Ask:
    """What the operation of a client returns."""

    def blocking(operation: str, *args: Any, **options: Any) -> Any:
        with PlacementClient(url) as client:
            return getattr(client, operation)(*args, **options)

    def awaiting(operation: str, *args: Any, **options: Any) -> Any:
        async def answer() -> Any:
            async with AsyncPlacementClient(url) as client:
                return await getattr(client, operation)(*args, **options)

        return anyio.run(answer)

    return blocking if request.param == "blocking" else awaiting


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    [example] = [e for e in examples.of(examples.Purpose.PLAN) if e.name == "two-nodes-by-hand"]
    return json.loads(example.read())


@pytest.fixture
def plan(url: str, body: dict[str, Any]) -> Plan:
    with PlacementClient(url) as client:
        return client.plan(body, idempotency_key="one")


def test_a_plan_that_is_kept_is_named_in_any_way(ask: Ask, plan: Plan) -> None:
    made = ask("export", plan, "vllm")
    assert (made.filename, made.content.splitlines()[-1]) == ("vllm.env", "VLLM_PP_LAYER_PARTITION=1,1")
    assert "node_order" in {warning.code for warning in made.warnings}
    assert ask("export", plan.id, ExportFormat.VLLM) == ask("export", Handle(plan.id, Plan), "vllm") == made


def test_options_reach_the_file_with_and_without_the_request(ask: Ask, plan: Plan, body: dict[str, Any]) -> None:
    kept = ask("export", plan, "llama-cpp", addresses=ADDRESSES)
    assert "--rpc 10.0.0.3:50052\n" in kept.content
    assert ask("export", plan, "llama-cpp", request=body, addresses=ADDRESSES) == kept
    named = {"devices": {"phone": 0, "edge": "cuda:1"}, "architecture": "LlamaForCausalLM", "model_name": "org/tiny"}
    kept = ask("export", plan, "accelerate", **named)
    assert set(json.loads(kept.content).values()) == {0, "cuda:1"}
    assert ask("export", plan, "accelerate", request=PlanRequest.model_validate(body), **named) == kept


def test_stages_need_no_plan(ask: Ask, plan: Plan, body: dict[str, Any]) -> None:
    spans = [{"node": "phone", "first_layer": 0, "stop_layer": 3}, {"node": "edge", "first_layer": 3, "stop_layer": 4}]
    content = ask("export", spans, "deepspeed", request=body).content
    assert content != ask("export", plan.stages, "deepspeed", request=body).content
    assert "(0, 3, 4)" in content
    image = {"image": "stage:1"}
    memories = [
        json.loads(ask("export", stages, "kubernetes", request=body, **image).content)
        for stages in (plan.stages, spans)
    ]
    assert ["requests" in json.dumps(written) for written in memories] == [True, False]  # what stages fill goes along


def test_what_a_format_cannot_say_is_told_with_every_reason(ask: Ask, plan: Plan, body: dict[str, Any]) -> None:
    for more in ({}, {"request": body}):
        with pytest.raises(InvalidRequest) as caught:
            ask("export", plan, "accelerate", **more)
        assert caught.value.problem.type == "/problems/not-exportable"
        assert {fault.code for fault in caught.value.violations} == {"class_unknown"}


def test_names_that_nobody_knows_are_told(ask: Ask, plan: Plan, body: dict[str, Any]) -> None:
    for unknown in ("moon", "../../limits"):
        with pytest.raises(NotFound):
            ask("export", plan, unknown)
    with pytest.raises(NotFound):
        ask("export", "plan-of-somebody", "vllm")
    with pytest.raises(InvalidRequest, match="moon"):
        ask("export", plan, "vllm", devices={"moon": 1})
    with pytest.raises(InvalidRequest) as caught:
        ask("export", plan, "moon", request=body)
    assert [fault.pointer for fault in caught.value.violations] == ["/format"]


def test_every_format_is_listed_with_its_options(ask: Ask) -> None:
    formats = {entry.format: entry for entry in ask("export_formats")}
    assert list(formats) == list(ExportFormat)
    assert OptionName.ADDRESSES in {option.name for option in formats[ExportFormat.LLAMA_CPP].options}


@pytest.mark.parametrize(
    ("plan", "options", "said"),
    [
        ("plan-1", {"request": {}}, "give the plan itself, or stages"),
        (Handle("plan-1", Plan), {"request": {}}, "give the plan itself, or stages"),
        ([{"node": "phone"}], {}, "must be given with stages"),
        ("plan-1", {"devices": {"phone": "a=b"}}, "devices: phone: a name with ="),
    ],
)
def test_what_cannot_be_asked_is_refused_before_it_is(world: World, plan: Any, options: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        world.call("export", plan, "vllm", **options)
    assert world.asked == []
