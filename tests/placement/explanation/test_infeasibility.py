"""Every relaxation is true: under it a plan exists; and of the numeric ones, 1 % less does not do."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest

from models.plan import Infeasibility, Plan, Relaxation, Status
from models.request import PlanRequest
from placement.backends.milp import Milp
from placement.cost_model import compile_problem
from placement.explanation.infeasibility import explain_infeasibility
from placement.search import Search
from placement.solver import plan
from tests.placement.examples_for_tests import inference, layer, link, node, request_body, training
from tests.placement.instances import random_request
from tests.placement.random_problems import FACTOR

Body = dict[str, Any]


def answered(body: Body, *, limit_s: float = 60.0, **settings: Any) -> Plan:
    return plan(PlanRequest.model_validate({**body, "solver": {"time_limit_s": limit_s}}), threads=1, **settings)


def exists(body: Body) -> bool:
    """Whether a plan exists: found, or proven not to be."""
    answer = answered(body)
    assert answer.status is not Status.NO_PLAN_FOUND
    return answer.status is not Status.INFEASIBLE


def explained(body: Body) -> Infeasibility:
    answer = answered(body)
    assert answer.status is Status.INFEASIBLE
    assert answer.infeasibility is not None
    return answer.infeasibility


def relaxation_of(body: Body, constraint: str) -> Relaxation:
    return next(r for r in explained(body).relaxations if r.constraint == constraint)


def phone_and_server(**parts: Any) -> Body:
    """Two layers of 4 FLOP and 6 bytes, b four times as fast: alone 8 s and 16 J, cut 6 s and 28 J, away 12 s, 40 J.

    Two requests in flight: T is 8, 4 and 10 s.
    """
    nodes = [node("a", busy_power_w=2.0), node("b", speed=4.0, busy_power_w=20.0)]
    for machine in nodes:
        machine.update(parts.pop(machine["id"], {}))
    return request_body(
        nodes, [link("a", "b")], [layer(4.0, out=1.0, weight=6.0), layer(4.0, weight=6.0)], inference(concurrency=2),
        **{"input_bytes": 10.0, **parts},
    )  # fmt: skip


FIELD = {"max_latency_s": 6.0, "max_energy_j": 16.0, "min_throughput_per_s": 0.25}
"""The best that any plan reaches."""


def limited(name: str, value: float) -> Body:
    return phone_and_server(constraints={name: value})


@pytest.mark.parametrize(("name", "asked"), [("max_latency_s", 5.0), ("max_energy_j", 3.0),
                                             ("min_throughput_per_s", 1.0)])  # fmt: skip
def test_limit_that_no_plan_meets_is_relaxed_to_the_best_that_one_reaches(name: str, asked: float) -> None:
    (found,) = explained(limited(name, asked)).relaxations
    assert (found.constraint, found.available, found.verified) == (name, asked, True)
    assert found.required == pytest.approx(FIELD[name])
    slightly = 0.99 if name.startswith("max") else 1.01
    assert exists(limited(name, found.required))
    assert not exists(limited(name, found.required * slightly))


def test_node_that_lacks_memory_is_told_how_much() -> None:
    """The head of 6 bytes must be on a, which has 5."""
    body = phone_and_server(a={"memory_bytes": 5.0}, privacy={"head_layers": 1})
    found = relaxation_of(body, "memory_bytes")
    assert found.message.startswith("a needs")
    assert (found.required, found.available) == (pytest.approx(6.0), 5.0)


def test_each_node_whose_memory_alone_would_do_is_named() -> None:
    """12 bytes in all, 7 on a and 5 on b: a needs 12 for itself, or b 6 for one layer."""
    body = phone_and_server(a={"memory_bytes": 7.0}, b={"memory_bytes": 5.0})
    found = [r for r in explained(body).relaxations if r.constraint == "memory_bytes"]
    assert [(r.message[0], r.required) for r in found] == [("a", pytest.approx(12.0)), ("b", pytest.approx(6.0))]


def test_fewest_stages_that_do_are_named() -> None:
    """Three layers of 6 bytes on three nodes of 7."""
    layers = [layer(1.0, weight=6.0) for _ in range(3)]
    nodes = [node(name, memory_bytes=7.0) for name in "abc"]
    body = request_body(nodes, [link("a", "b"), link("b", "c"), link("a", "c")], layers, constraints={"max_stages": 1})
    found = relaxation_of(body, "max_stages")
    assert (found.required, found.available) == (3, 1)


DROPPED: list[tuple[str, Body, Body]] = [
    (
        "energy_budget_j",
        phone_and_server(a={"energy_budget_j": 1.0}, privacy={"head_layers": 1}),
        phone_and_server(privacy={"head_layers": 1}),
    ),
    (
        "pinned",
        phone_and_server(b={"memory_bytes": 1.0}, constraints={"pinned": {"1": "b"}}),
        phone_and_server(b={"memory_bytes": 1.0}),
    ),
    (
        "allowed_nodes",
        phone_and_server(b={"memory_bytes": 1.0}, constraints={"allowed_nodes": ["b"]}),
        phone_and_server(b={"memory_bytes": 1.0}),
    ),
    (
        "forbidden_nodes",
        phone_and_server(b={"memory_bytes": 1.0}, constraints={"forbidden_nodes": ["a"]}),
        phone_and_server(b={"memory_bytes": 1.0}),
    ),
    (
        "untrusted_forbidden_layers",
        phone_and_server(a={"memory_bytes": 7.0, "trusted": True}, privacy={"untrusted_forbidden_layers": [0, 1]}),
        phone_and_server(a={"memory_bytes": 7.0, "trusted": True}),
    ),
    (
        "max_leakage",
        phone_and_server(
            a={"memory_bytes": 7.0}, b={"memory_bytes": 7.0}, privacy={"leakage": [0.9, 0.0], "max_leakage": 0.5}
        ),
        phone_and_server(a={"memory_bytes": 7.0}, b={"memory_bytes": 7.0}),
    ),
    ("head_layers", phone_and_server(a={"memory_bytes": 1.0}, privacy={"head_layers": 1}),
     phone_and_server(a={"memory_bytes": 1.0})),
    ("tail_layers", phone_and_server(a={"memory_bytes": 1.0}, privacy={"tail_layers": 1}),
     phone_and_server(a={"memory_bytes": 1.0})),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "body", "relaxed"), DROPPED, ids=[rule for rule, *_ in DROPPED])
def test_rule_without_which_a_plan_exists_is_named(rule: str, body: Body, relaxed: Body) -> None:
    infeasibility = explained(body)
    assert rule in [r.constraint for r in infeasibility.relaxations]
    assert rule in [reason.constraint for reason in infeasibility.reasons]
    assert exists(relaxed)


def test_layer_that_no_node_may_run_is_named_with_its_rules() -> None:
    """The head belongs on a, and a is forbidden."""
    body = phone_and_server(constraints={"forbidden_nodes": ["a"]}, privacy={"head_layers": 1})
    infeasibility = explained(body)
    assert [reason.message for reason in infeasibility.reasons] == [
        "no node may run layer 0: forbidden_nodes, head_layers"
    ]
    assert infeasibility.relaxations == ()


def test_model_larger_than_all_memory_is_said_in_figures_when_no_single_node_helps() -> None:
    body = phone_and_server(
        a={"memory_bytes": 1.0}, b={"memory_bytes": 1.0}, constraints={"pinned": {"0": "a", "1": "b"}}
    )
    size, several = explained(body).reasons
    assert (size.constraint, size.required, size.available) == ("memory_bytes", 12.0, 2.0)
    assert several.constraint == "several"
    assert "pinned" in several.message


def test_conflict_of_several_kinds_is_called_one() -> None:
    body = limited("max_latency_s", 5.0)
    body["constraints"]["max_energy_j"] = 3.0
    (reason,) = explained(body).reasons
    assert reason.constraint == "several"
    assert "max_energy_j" in reason.message
    assert "max_latency_s" in reason.message


def test_1f1b_deadline_is_relaxed_to_a_replayed_time() -> None:
    """The cut's replay takes 22 s, a alone 21 s."""
    layers = [layer(2.0, out=2.0, backward=1.0), layer(1.0, backward=3.0, gradient=2.0)]
    body = request_body([node("a"), node("b")], [link("a", "b")], layers, training(3, "1f1b"),
                        constraints={"max_latency_s": 18.0})  # fmt: skip
    found = relaxation_of(body, "max_latency_s")
    assert found.required == pytest.approx(21.0)
    assert found.message == "max_latency_s >= 21 s would do; it is 18"
    body["constraints"]["max_latency_s"] = found.required
    assert exists(body)


# Random requests


def relaxed(body: Body, found: Relaxation, share: float = 1.0) -> Body:
    """The request under a relaxation; of a numeric one, only that share of the change."""
    changed = copy.deepcopy(body)
    name, privacy, constraints = found.constraint, changed["privacy"], changed["constraints"]
    if name == "memory_bytes":
        assert found.required is not None
        assert found.available is not None
        machine = next(n for n in changed["cluster"]["nodes"] if found.message.startswith(f"{n['id']} "))
        machine["memory_bytes"] = found.available + share * (found.required - found.available)
    elif found.required is not None and found.available is not None:
        reached = found.available + share * (found.required - found.available)
        constraints[name] = int(reached) if name == "max_stages" else reached
    elif name == "energy_budget_j":
        for machine in changed["cluster"]["nodes"]:
            machine.pop("energy_budget_j", None)
    elif name == "head_layers":
        privacy["head_layers"] = 0
    elif name == "max_leakage":
        del privacy["leakage"], privacy["max_leakage"]
    else:
        (privacy if name in privacy else constraints).pop(name)
    return changed


def infeasible_request(seed: int) -> Body | None:
    """A small request, perhaps with a limit or small memories, if it is infeasible."""
    rng = Random(seed)
    body = random_request(rng, max_layers=4, max_nodes=3)
    body["objective"] = {"kind": "latency"}
    if body["workload"].get("schedule") == "1f1b":
        body["workload"]["schedule"] = "gpipe"  # where a replay may lie above every proven bound, nothing is proven
    answer = answered(body)
    if answer.latency_s is not None:
        limit = rng.choice(("max_latency_s", "max_energy_j", "memory"))
        if limit == "memory":
            for machine in body["cluster"]["nodes"]:
                machine["memory_bytes"] *= 0.4
        else:
            figure = answer.latency_s if limit == "max_latency_s" else answer.energy_j
            body["constraints"][limit] = 0.5 * (figure or 0.0)
    return None if exists(body) else body


@pytest.mark.parametrize("seed", range(8 * FACTOR))
def test_plan_exists_under_every_relaxation_and_not_under_one_percent_less(seed: int) -> None:
    body = infeasible_request(seed)
    if body is None:
        return
    for found in explained(body).relaxations:
        assert found.verified
        assert exists(relaxed(body, found)), found
        if found.required is not None and found.constraint != "max_stages":
            assert not exists(relaxed(body, found, share=0.99)), found


def test_explanation_that_ran_out_of_time_says_so() -> None:
    problem = compile_problem(PlanRequest.model_validate(limited("max_latency_s", 5.0)))
    infeasibility = explain_infeasibility(Search(problem=problem, solver=Milp(), deadline_s=0.0, clock=lambda: 1.0))
    assert infeasibility.relaxations == ()
    assert "before the time limit" in infeasibility.reasons[-1].message
