"""POST /frontier: transport as for plans; what it answers is the planner's business."""

from __future__ import annotations

import json
import threading
from typing import Any

import anyio
import pytest

import examples
from api.app import create_app
from api.settings import Settings
from examples import Purpose
from models import Frontier, InvalidInput
from models.base import Fault

from .conftest import Client


@pytest.fixture
def trade_offs() -> dict[str, Any]:
    [example] = [e for e in examples.of(Purpose.FRONTIER) if e.name == "two-nodes-by-hand"]
    return json.loads(example.read())


def test_a_sound_request_is_answered_with_a_frontier(client, trade_offs):
    answer = client.post("/frontier", json=trade_offs)
    assert answer.status_code == 200
    assert Frontier.model_validate_json(answer.content).complete


def test_the_versioned_path_answers_the_same(client, trade_offs):
    assert client.post("/v1/frontier", json=trade_offs).content == client.post("/frontier", json=trade_offs).content


def test_the_example_by_hand_has_its_three_trade_offs(trade_offs):
    """Phone 0.1 s at 5 W (1 W idle), 0.04 s of radio at 1 W, edge 2 W idle: 60 W for 0.2 s or 24 W for 0.4 s."""
    answer = Client(create_app(Settings())).post("/frontier", json=trade_offs).json()
    full, eco, alone = ((point["latency_s"], point["energy_j"]) for point in answer["points"])
    radio = 0.04 + 0.00008
    assert full == pytest.approx((0.35008, 0.35008 + 0.4 + radio + 2 * 0.35008 + 58 * 0.2))
    assert eco == pytest.approx((0.55008, 0.55008 + 0.4 + radio + 2 * 0.55008 + 22 * 0.4))
    assert alone == pytest.approx((2.1, 10.5))
    assert answer["knee"]["index"] == 1
    assert (answer["status"], answer["complete"], answer["open_intervals"]) == ("optimal", True, [])


def test_a_request_of_plan_can_be_posted_as_it_is(body):
    answer = Client(create_app(Settings())).post("/frontier", json=body)
    assert answer.status_code == 200
    assert answer.json()["points"][0]["latency_s"] == pytest.approx(0.35008)


@pytest.mark.parametrize("example", examples.of(Purpose.FRONTIER), ids=lambda e: e.name)
def test_every_frontier_example_is_answered_complete_within_its_time_limit(example):
    answer = Client(create_app(Settings())).post("/frontier", content=example.read()).json()
    assert answer["complete"]
    assert len(answer["points"]) >= 3


def test_the_example_with_a_jetson_has_a_point_that_no_weight_finds():
    [example] = [e for e in examples.of(Purpose.FRONTIER) if e.name == "vit-jetson-or-5g"]
    answer = Client(create_app(Settings())).post("/frontier", content=example.read()).json()
    assert [point["supported"] for point in answer["points"]] == [True, False, True, True]


def test_stages_of_a_point_can_be_posted_to_evaluate(trade_offs):
    client = Client(create_app(Settings()))
    point = client.post("/frontier", json=trade_offs).json()["points"][1]
    score = client.post("/plan:evaluate", json=trade_offs | {"stages": point["stages"]}).json()
    assert (score["latency_s"], score["energy_j"]) == (point["latency_s"], point["energy_j"])


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"epsilon": -1}, "/frontier/epsilon"),
        ({"epsilon": "coarse"}, "/frontier/epsilon"),
        ({"max_points": 1}, "/frontier/max_points"),
        ({"max_points": 2.5}, "/frontier/max_points"),
        ({"points": 3}, "/frontier/points"),
        (7, "/frontier"),
    ],
)
def test_settings_out_of_range_are_refused_with_their_place(client, trade_offs, settings, pointer):
    answer = client.post("/frontier", json=trade_offs | {"frontier": settings})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [violation["pointer"] for violation in answer.json()["violations"]] == [pointer]


def test_plan_refuses_what_only_a_frontier_understands(client, body):
    answer = client.post("/plan", json=body | {"frontier": {"epsilon": 0.1}})
    assert answer.status_code == 422
    assert [violation["pointer"] for violation in answer.json()["violations"]] == ["/frontier"]


def test_faults_that_only_the_planner_sees_are_faults_of_the_request(client_of, trade_offs):
    def frontier(asked, *, cancelled=None):
        raise InvalidInput([Fault("/workload/source", "unfit", "the phone is no terminal", "phone", None)])

    answer = client_of(frontier=frontier).post("/frontier", json=trade_offs)
    assert answer.status_code == 422
    assert answer.json()["violations"][0]["pointer"] == "/workload/source"


def test_infeasible_is_an_answer_with_reasons(trade_offs):
    trade_offs["constraints"] = {"max_latency_s": 0.3}
    answer = Client(create_app(Settings())).post("/frontier", json=trade_offs)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["points"]) == ("infeasible", [])
    assert "max_latency_s" in {reason["constraint"] for reason in answer.json()["infeasibility"]["reasons"]}


def test_a_caller_who_hangs_up_stops_the_search_and_frontiers_queue_with_plans(app_of, any_frontier, trade_offs):
    """One solver thread, no queue: while a frontier is traced, a plan is turned away; hanging up frees the thread."""
    inside, told = threading.Event(), threading.Event()

    def held(asked, *, cancelled=None):
        inside.set()
        while not cancelled():
            told.wait(0.005)
        told.set()
        return any_frontier(asked)

    app = app_of(frontier=held, solver_slots=1, queue_length=0)
    plan_body = {name: part for name, part in trade_offs.items() if name != "frontier"}

    async def scenario() -> None:
        leave = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_leaving_client, app, trade_offs, leave)
            assert await anyio.to_thread.run_sync(inside.wait, 20.0)
            turned_away = await anyio.to_thread.run_sync(lambda: Client(app).post("/plan", json=plan_body).status_code)
            assert turned_away == 503
            leave.set()
        assert told.is_set()

    anyio.run(scenario)
    assert Client(app).post("/plan", json=plan_body).status_code == 200


async def _leaving_client(app, body, leave: anyio.Event) -> None:
    """An exchange whose caller hangs up once `leave` is set."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http", "method": "POST", "path": "/frontier", "raw_path": b"/frontier", "root_path": "",
        "query_string": b"", "headers": [], "scheme": "http", "server": ("service", 80), "client": ("here", 1),
        "http_version": "1.1",
    }  # fmt: skip
    await app(scope, receive, send)
