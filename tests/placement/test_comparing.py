"""Variants are planned like any request, and told apart by figures that can be checked by hand."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

import examples
from models import InvalidInput
from models.comparison import CompareRequest, Comparison
from models.constraints import Metric
from models.plan import Status
from models.request import PlanRequest
from placement.comparing import compare
from placement.solver import plan
from tests.placement.examples_for_tests import inference, layer, link, node, request_body

Body = dict[str, Any]


def two_servers(**parts: Any) -> Body:
    """Layers of 4 s on a, 1 s on b and 2 s on c; the first one stays on a, nothing takes time to send."""
    nodes = [node("a"), node("b", speed=4.0, busy_power_w=9.0), node("c", speed=2.0, busy_power_w=1.0)]
    links = [link("a", "b"), link("a", "c"), link("b", "c")]
    return request_body(nodes, links, [layer(4.0) for _ in range(3)], inference(), privacy={"head_layers": 1}, **parts)


def compared(body: Body, *variants: Body, **parts: Any) -> Comparison:
    return compare(CompareRequest.model_validate({"request": body, "variants": list(variants), **parts}), threads=1)


def test_a_lost_node_costs_what_the_next_best_takes_longer() -> None:
    answer = compared(two_servers(), {"name": "without b", "node_lost": "b"})
    assert answer.status is Status.OPTIMAL
    (found,) = answer.variants
    assert answer.base.latency_s == pytest.approx(6.0)
    assert found.latency_s == pytest.approx(8.0)
    (latency,) = [change for change in found.changes if change.figure is Metric.LATENCY]
    assert (latency.difference, latency.relative) == (pytest.approx(2.0), pytest.approx(1 / 3))
    assert found.objective_change == pytest.approx(2.0)
    assert (found.nodes_added, found.nodes_removed, found.same_stages) == (("c",), ("b",), False)
    assert found.keeping_the_plan is not None
    assert not found.keeping_the_plan.possible
    assert "the present plan cannot be kept (it uses b)" in found.message


def test_the_present_plan_is_scored_under_the_variant() -> None:
    """With b at a quarter of its speed the plan would take 4 s per layer everywhere."""
    slower = [
        {**one, "compute_flops_per_s": 1.0} if one["id"] == "b" else one for one in two_servers()["cluster"]["nodes"]
    ]
    (found,) = compared(two_servers(), {"name": "slow b", "patch": {"cluster": {"nodes": slower}}}).variants
    assert found.latency_s == pytest.approx(8.0)
    assert found.keeping_the_plan is not None
    assert found.keeping_the_plan.latency_s == pytest.approx(12.0)


def test_another_objective_is_compared_by_figures_not_by_its_value() -> None:
    (found,) = compared(two_servers(), {"name": "thrifty", "patch": {"objective": {"kind": "energy"}}}).variants
    assert found.objective_change is None
    assert found.energy_j is not None
    assert {change.figure for change in found.changes} == set(Metric)


def test_a_variant_without_a_plan_says_why() -> None:
    tight = {"constraints": {"max_latency_s": 1.0}}
    answer = compared(two_servers(), {"name": "hurry", "patch": tight})
    (found,) = answer.variants
    assert (found.status, found.proven, answer.status) == (Status.INFEASIBLE, True, Status.OPTIMAL)
    assert found.infeasibility is not None
    assert found.infeasibility.conflict is not None
    assert "max_latency_s" in found.message
    assert found.changes == ()


def test_variants_are_planned_as_if_they_had_been_asked_alone() -> None:
    variant = {"name": "no ab", "link_down": {"source": "a", "target": "b"}}
    request = CompareRequest.model_validate({"request": two_servers(), "variants": [variant]})
    alone = plan(request.variant_requests[0], threads=1)
    (found,) = compare(request, threads=1).variants
    assert (found.objective, found.latency_s, found.energy_j) == (alone.objective, alone.latency_s, alone.energy_j)


def four_pis() -> Body:
    """A request that takes some time to prove."""
    [found] = [one for one in examples.of(examples.Purpose.PLAN) if one.name == "gpt-2-raspberry-pis"]
    body: Body = json.loads(found.read())
    return body


def test_all_of_it_keeps_to_one_time_limit() -> None:
    """A clock on which every look takes a second: nothing is proven, and no variant is left out."""
    ticks = itertools.count()
    body = {**four_pis(), "solver": {"time_limit_s": 8.0}}
    variants = [{"name": f"without {name}", "node_lost": name} for name in ("pi-4-a", "pi-4-b")]
    request = CompareRequest.model_validate({"request": body, "variants": variants})
    answer = compare(request, clock=lambda: float(next(ticks)), threads=1)
    assert [found.name for found in answer.variants] == ["without pi-4-a", "without pi-4-b"]
    assert (answer.status, answer.base.proven) == (Status.FEASIBLE, False)


def test_a_cancelled_comparison_answers_what_it_has() -> None:
    request = CompareRequest.model_validate({"request": four_pis(), "variants": [{"name": "x", "node_lost": "pi-4-a"}]})
    answer = compare(request, cancelled=lambda: True, threads=1)
    assert [found.name for found in answer.variants] == ["x"]
    assert answer.status is Status.FEASIBLE


def test_faults_that_only_the_layers_show_are_told_at_their_variant() -> None:
    variants = [{"name": "many", "patch": {"model": {"layers": None, "catalogue": "gpt2", "sequence_length": 8},
                                           "privacy": {"head_layers": 4000}}}]  # fmt: skip
    with pytest.raises(InvalidInput) as error:
        compare(CompareRequest.model_validate({"request": two_servers(), "variants": variants}))
    assert error.value.faults[0].pointer == "/variants/0/patch/privacy/head_layers"


def test_keeping_layers_on_the_terminal_is_priced_for_every_count() -> None:
    """Each layer kept costs 3 s more; a tail as well; what is kept anyway is not solved twice."""
    view = compared(two_servers(), privacy_sweep={"head_layers": [0, 1, 2, 3], "tail_layers": [0, 1]}).privacy
    assert view is not None
    latencies = {(point.head_layers, point.tail_layers): point.latency_s for point in view.points}
    assert latencies == pytest.approx({(0, 0): 3.0, (1, 0): 6.0, (2, 0): 9.0, (3, 0): 12.0,
                                       (0, 1): 6.0, (1, 1): 9.0, (2, 1): 12.0, (3, 1): 12.0})  # fmt: skip
    assert [point.blocks_on_source for point in view.points[:4]] == [0, 1, 2, 3]
    assert "No number of layers" in view.statement
    assert all(finding.url.startswith("https://") for finding in view.findings)


@pytest.mark.parametrize("objective", [{"kind": "latency"}, {"kind": "weighted"},
                                       {"kind": "lexicographic", "tolerance": 0.5}])  # fmt: skip
def test_every_point_of_the_privacy_view_is_the_plan_of_that_split(objective: Body) -> None:
    body = two_servers(objective=objective)
    body["cluster"]["nodes"][0]["busy_power_w"] = 3.0
    view = compared(body, privacy_sweep={}).privacy
    assert view is not None
    for point in view.points:
        privacy = {"head_layers": point.head_layers, "tail_layers": point.tail_layers}
        alone = plan(PlanRequest.model_validate({**body, "privacy": privacy}), threads=1)
        assert (point.status, point.objective) == (alone.status, pytest.approx(alone.objective)), point
