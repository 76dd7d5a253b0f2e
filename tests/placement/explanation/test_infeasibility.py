"""Every relaxation is true: under it a plan exists; and of the numeric ones, 1 % less does not do."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest

from models.infeasibility import Infeasibility, Relaxation
from models.patch import patched
from models.plan import Plan, Status
from models.request import PlanRequest
from placement.backends.auto import Auto
from placement.backends.brute_force import BruteForce
from placement.backends.milp import Milp
from placement.cost_model import compile_problem
from placement.explanation.conflicts import minimal_conflict
from placement.explanation.existence import Existence
from placement.explanation.infeasibility import explain_infeasibility
from placement.explanation.knobs import Knob, knobs_of
from placement.search import Search
from placement.solver import plan
from tests.placement.examples_for_tests import inference, layer, link, node, request_body, task_of, training
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


def members(infeasibility: Infeasibility) -> dict[str, float | None]:
    """What a proven minimal conflict consists of, and what each member would have to allow."""
    assert infeasibility.conflict is not None
    assert infeasibility.conflict.irreducible
    return {
        f"{member.constraint} {' '.join(member.nodes)}".strip(): member.required
        for member in infeasibility.conflict.constraints
    }


def test_layer_that_no_node_may_run_is_named_with_its_rules() -> None:
    """The head belongs on a, and a is forbidden."""
    body = phone_and_server(constraints={"forbidden_nodes": ["a"]}, privacy={"head_layers": 1})
    infeasibility = explained(body)
    assert infeasibility.reasons[0].message == "no node may run layer 0: forbidden_nodes, head_layers"
    assert members(infeasibility) == {"forbidden_nodes": None, "head_layers": 0.0}
    assert [found.constraint for found in infeasibility.relaxations] == ["forbidden_nodes", "head_layers"]


def test_memory_that_no_single_node_can_make_up_for_is_scaled_as_a_whole() -> None:
    """6 bytes are pinned to each node, which has 1."""
    body = phone_and_server(
        a={"memory_bytes": 1.0}, b={"memory_bytes": 1.0}, constraints={"pinned": {"0": "a", "1": "b"}}
    )
    infeasibility = explained(body)
    assert (infeasibility.reasons[0].required, infeasibility.reasons[0].available) == (12.0, 2.0)
    (found,) = [r for r in infeasibility.relaxations if r.constraint == "memory_bytes"]
    assert (found.subject, found.required, found.available) == (None, pytest.approx(6.0), 1.0)
    assert [operation.value for operation in found.patch] == pytest.approx([6.0, 6.0])


def test_limits_that_have_to_be_relaxed_together_are_answered_as_a_pair() -> None:
    """The fastest plan takes 6 s and 28 J, the thriftiest 8 s and 16 J."""
    body = limited("max_latency_s", 5.0)
    body["constraints"]["max_energy_j"] = 3.0
    infeasibility = explained(body)
    assert infeasibility.relaxations == ()
    assert "max_" in infeasibility.reasons[0].message
    (pair,) = infeasibility.combinations
    assert {part.constraint: part.required for part in pair.parts} == pytest.approx(
        {"max_energy_j": 16.0, "max_latency_s": 8.0}
    )
    assert exists(patched(body, pair.patch))


def test_a_conflict_leaves_out_what_has_nothing_to_do_with_it() -> None:
    """5 s are too few whatever else is asked; a deadline of 7 s only goes with less than 28 J where a may run all."""
    alone = explained(phone_and_server(constraints={"max_latency_s": 5.0, "max_energy_j": 50.0, "max_stages": 2}))
    assert members(alone) == {"max_latency_s": pytest.approx(6.0)}
    both = explained(phone_and_server(constraints={"max_latency_s": 7.0, "max_energy_j": 20.0, "max_stages": 2}))
    assert members(both) == {"max_energy_j": pytest.approx(28.0), "max_latency_s": pytest.approx(8.0)}


@pytest.mark.parametrize("count", [2, 3])
def test_of_a_list_only_the_entries_in_conflict_are_named(count: int) -> None:
    """Layers pinned to b, which has room for one of them; of two pins it is enough to drop either."""
    pins = [{"layer": k, "node": "b"} for k in range(count)]
    body = request_body([node("a"), node("b", memory_bytes=7.0)], [link("a", "b")],
                        [layer(1.0, weight=6.0) for _ in range(count + 1)], constraints={"pinned": pins})  # fmt: skip
    infeasibility = explained(body)
    assert infeasibility.conflict is not None
    assert [member.constraint for member in infeasibility.conflict.constraints].count("pinned") == 2
    found = [r for r in infeasibility.relaxations if r.constraint == "pinned"]
    assert all(exists(patched(body, relaxation.patch)) for relaxation in found)
    left = [len(relaxation.patch[-1].value) for relaxation in found]
    assert left == ([1, 1] if count == 2 else [1])


def test_1f1b_deadline_is_relaxed_to_a_replayed_time() -> None:
    """The cut's replay takes 22 s, a alone 21 s."""
    layers = [layer(2.0, out=2.0, backward=1.0), layer(1.0, backward=3.0, gradient=2.0)]
    body = request_body([node("a"), node("b")], [link("a", "b")], layers, training(3, "1f1b"),
                        constraints={"max_latency_s": 18.0})  # fmt: skip
    found = relaxation_of(body, "max_latency_s")
    assert found.required == pytest.approx(21.0)
    assert found.message == "max_latency_s >= 21 s would do; it is 18 s"
    body["constraints"]["max_latency_s"] = found.required
    assert exists(body)


# Random requests


def one_percent_less(body: Body, found: Relaxation) -> Body:
    """The request under a relaxation of sizes or limits, but for one percent of every change."""
    before = PlanRequest.model_validate(body).model_dump(mode="json")
    operations = []
    for operation in found.patch:
        had: Any = before
        for part in operation.path.split("/")[1:]:
            had = had[int(part)] if isinstance(had, list) else had[part]
        operations.append(operation.model_copy(update={"value": had + 0.99 * (operation.value - had)}))
    return patched(body, operations)


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


STEPS = ("max_stages", "head_layers", "tail_layers", "max_leakage")


@pytest.mark.parametrize("seed", range(8 * FACTOR))
def test_plan_exists_under_every_relaxation_and_not_under_one_percent_less(seed: int) -> None:
    body = infeasible_request(seed)
    if body is None:
        return
    infeasibility = explained(body)
    for found in infeasibility.relaxations:
        assert found.verified
        assert found.smallest
        assert exists(patched(body, found.patch)), found
        if found.constraint in STEPS:
            before = [operation.model_copy(update={"value": found.not_enough if found.constraint == "max_leakage"
                      else int(found.not_enough or 0)}) for operation in found.patch[:1]]  # fmt: skip
            if isinstance(found.patch[0].value, int | float):
                assert not exists(patched(body, before)), found
        elif found.required is not None:
            assert not exists(one_percent_less(body, found)), found
    for combination in infeasibility.combinations:
        assert exists(patched(body, combination.patch)), combination


@pytest.mark.parametrize("seed", range(8 * FACTOR))
def test_a_conflict_is_infeasible_and_loses_that_with_any_member(seed: int) -> None:
    """Against every placement of the request without what is not in the conflict."""
    body = infeasible_request(seed)
    if body is None:
        return
    problem = compile_problem(PlanRequest.model_validate(body))
    knobs = knobs_of(problem)
    search = Search(problem=problem, solver=Auto(), deadline_s=time.monotonic() + 60, threads=1)
    minimal = minimal_conflict(Existence(search), problem.request, knobs)
    assert minimal.irreducible

    def any_plan(dropped: list[Knob]) -> bool:
        request = problem.request
        for knob in dropped:
            request = knob.dropped(request)
        return BruteForce()(task_of(compile_problem(request))).placement is not None

    others = [knob for knob in knobs if knob not in minimal.knobs]
    assert not any_plan(others)
    for member in minimal.knobs:
        assert any_plan([*others, member]), member


def test_a_search_that_found_no_plan_in_time_says_what_it_tried() -> None:
    """The terminal alone spends 16 J; the time is over before anything else is tried."""
    body = limited("max_energy_j", 15.0)
    ticks = iter(range(10**6))
    answer = plan(PlanRequest.model_validate({**body, "solver": {"time_limit_s": 0.5}}), clock=lambda: next(ticks))
    assert answer.status is Status.NO_PLAN_FOUND
    assert answer.attempt is not None
    assert "solve" in answer.attempt.phases
    nearest = answer.attempt.nearest
    assert nearest is not None
    assert exists(patched(body, nearest.patch))
    assert [(part.constraint, part.required) for part in nearest.parts] == [("max_energy_j", 16.0)]


def test_explanation_that_ran_out_of_time_says_so() -> None:
    problem = compile_problem(PlanRequest.model_validate(limited("max_latency_s", 5.0)))
    infeasibility = explain_infeasibility(Search(problem=problem, solver=Milp(), deadline_s=0.0, clock=lambda: 1.0))
    assert infeasibility.relaxations == ()
    assert "before the time limit" in infeasibility.reasons[-1].message
