"""POST /frontier: transport as for plans; what it answers is the planner's business."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

import examples
from examples import Purpose
from models import Frontier, InvalidInput
from models.base import Fault
from tests.api.clients import WAIT_S


@pytest.fixture
def trade_offs() -> dict[str, Any]:
    [example] = [e for e in examples.of(Purpose.FRONTIER) if e.name == "two-nodes-by-hand"]
    return json.loads(example.read())


def test_a_sound_request_is_answered_with_a_frontier(client, trade_offs):
    answer = client.post("/frontier", json=trade_offs)
    assert answer.status_code == 200
    assert Frontier.model_validate_json(answer.content).complete


def test_the_versioned_path_answers_the_same(client, trade_offs):
    assert (
        client.post("/v1/frontier", json=trade_offs).json()["id"]
        == client.post("/frontier", json=trade_offs).json()["id"]
    )


def test_the_example_by_hand_has_its_three_trade_offs(solving, trade_offs):
    """Phone 0.1 s at 5 W (1 W idle), 0.04 s of radio at 1 W, edge 2 W idle: 60 W for 0.2 s or 24 W for 0.4 s."""
    answer = solving.post("/frontier", json=trade_offs).json()
    full, eco, alone = ((point["latency_s"], point["energy_j"]) for point in answer["points"])
    radio = 0.04 + 0.00008
    assert full == pytest.approx((0.35008, 0.35008 + 0.4 + radio + 2 * 0.35008 + 58 * 0.2))
    assert eco == pytest.approx((0.55008, 0.55008 + 0.4 + radio + 2 * 0.55008 + 22 * 0.4))
    assert alone == pytest.approx((2.1, 10.5))
    assert answer["knee"]["index"] == 1
    assert (answer["status"], answer["complete"], answer["open_intervals"]) == ("optimal", True, [])


def test_a_request_of_plan_can_be_posted_as_it_is(solving, body):
    answer = solving.post("/frontier", json=body)
    assert answer.status_code == 200
    assert answer.json()["points"][0]["latency_s"] == pytest.approx(0.35008)


@pytest.mark.parametrize("example", examples.of(Purpose.FRONTIER), ids=lambda e: e.name)
def test_every_frontier_example_is_answered_complete_within_its_time_limit(solving, example):
    answer = solving.post("/frontier", content=example.read()).json()
    assert answer["complete"]
    assert len(answer["points"]) >= 3


def test_the_example_with_a_jetson_has_a_point_that_no_weight_finds(solving):
    [example] = [e for e in examples.of(Purpose.FRONTIER) if e.name == "vit-jetson-or-5g"]
    answer = solving.post("/frontier", content=example.read()).json()
    assert [point["supported"] for point in answer["points"]] == [True, False, True, True]


def test_stages_of_a_point_can_be_posted_to_evaluate(solving, trade_offs):
    client = solving
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


def test_infeasible_is_an_answer_with_reasons(solving, trade_offs):
    trade_offs["constraints"] = {"max_latency_s": 0.3}
    answer = solving.post("/frontier", json=trade_offs)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["points"]) == ("infeasible", [])
    assert "max_latency_s" in {reason["constraint"] for reason in answer.json()["infeasibility"]["reasons"]}


def test_a_caller_who_hangs_up_stops_the_search_and_frontiers_queue_with_plans(client_of, any_frontier, trade_offs):
    """One slot, no queue: while a frontier is traced, a plan is turned away; hanging up frees the slot."""
    inside, told = threading.Event(), threading.Event()

    def held(asked, *, cancelled=None):
        inside.set()
        while not cancelled():
            told.wait(0.005)
        told.set()
        return any_frontier(asked)

    client = client_of(frontier=held, solver_slots=1, queue_length=0)
    plan_body = {name: part for name, part in trade_offs.items() if name != "frontier"}
    with client.exchange("POST", "/frontier", json.dumps(trade_offs).encode()):
        assert inside.wait(WAIT_S)
        assert client.post("/plan", json=plan_body).status_code == 503
    assert told.wait(WAIT_S)
    while (answer := client.post("/plan", json=plan_body)).status_code == 503:  # the slot is freed in a moment
        pass
    assert answer.status_code == 200
