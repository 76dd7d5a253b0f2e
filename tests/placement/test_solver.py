"""The facade: what a plan says about itself, and what it says when time is short."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

import pytest

from models.base import InvalidInput
from models.constraints import Metric, ObjectiveKind
from models.plan import Plan, Status, Termination
from models.request import EvaluateRequest, PlanRequest
from placement.answer import PRIVACY_NOTE
from placement.search import PROOF_TOLERANCE
from placement.solver import Progress, evaluate, plan
from tests.placement.examples_for_tests import inference, layer, link, node, request_body, training
from tests.placement.instances import random_request
from tests.placement.random_problems import FACTOR
from tests.placement.test_metamorphic import renamed, slower_world

Body = dict[str, Any]
AB = (("a", 0, 1), ("b", 1, 2))


def phone_and_server(**parts: Any) -> Body:
    """Two layers of 4 FLOP, b four times as fast: alone 8 s and 16 J, cut 6 s and 28 J, away 12 s and 40 J.

    Two requests in flight: T is 8, max(4, 6 / 2) = 4 and 10 s.
    """
    return request_body(
        [node("a", busy_power_w=2.0), node("b", speed=4.0, busy_power_w=20.0)],
        [link("a", "b")],
        [layer(4.0, out=1.0), layer(4.0)],
        inference(concurrency=2),
        **{"input_bytes": 10.0, **parts},
    )


def answered(body: Body, **settings: Any) -> Plan:
    return plan(PlanRequest.model_validate(body), threads=1, **settings)


def stages_of(answer: Plan) -> list[tuple[str, int, int]]:
    return [(stage.node, stage.first_layer, stage.stop_layer) for stage in answer.stages]


def wide(layers: int = 40, nodes: int = 10, **parts: Any) -> Body:
    """Too many plans to prove anything in a moment: no two nodes, layers or links are alike."""
    names = ["a", *(f"n{n}" for n in range(1, nodes))]
    return request_body(
        [node(name, speed=1.0 + 0.37 * n, memory_bytes=8.0 + n % 4, busy_power_w=1.0 + n)
         for n, name in enumerate(names)],
        [link(p, q, byte_per_s=3.0 + (5 * i + 3 * j) % 7, latency_s=0.01 * (i + j))
         for i, p in enumerate(names) for j, q in enumerate(names[:i])],
        [layer(1.0 + 0.1 * (k * 7 % 5), out=0.4 + 0.1 * (k % 3), backward=2.0, gradient=0.4, weight=1.0)
         for k in range(layers)],
        training(8, "gpipe"), **parts,
    )  # fmt: skip


# Objectives


@pytest.mark.parametrize(
    ("kind", "stages", "objective"),
    [("latency", AB, 6.0), ("energy", (("a", 0, 2),), 16.0), ("throughput", AB, 0.25)],
)
def test_single_objective_is_stated_in_its_own_unit(kind: str, stages: object, objective: float) -> None:
    answer = answered(phone_and_server(objective={"kind": kind}))
    assert (answer.status, answer.termination) == (Status.OPTIMAL, Termination.OPTIMAL)
    assert stages_of(answer) == list(stages)
    assert answer.objective == objective
    assert answer.bound == pytest.approx(objective, rel=PROOF_TOLERANCE)
    assert answer.gap == pytest.approx(0.0, abs=PROOF_TOLERANCE)
    assert answer.objective_terms == ()


def test_throughput_is_bounded_from_above() -> None:
    answer = answered(phone_and_server(objective={"kind": "throughput"}))
    assert answer.bound is not None
    assert answer.objective is not None
    assert answer.bound >= answer.objective


def test_gap_of_a_throughput_is_that_of_the_rates() -> None:
    body = wide(16, 6, objective={"kind": "throughput"}, solver={"relative_gap": 0.5, "time_limit_s": 60.0})
    answer = answered(body)
    assert answer.objective is not None
    assert answer.bound is not None
    assert answer.bound > answer.objective
    assert answer.gap == pytest.approx((answer.bound - answer.objective) / answer.objective)


@pytest.mark.parametrize(("weight", "stages", "value"), [
    (0.9, AB, 0.9 * 1 + 0.1 * 28 / 16),
    (0.1, (("a", 0, 2),), 0.1 * 8 / 6 + 0.9 * 1),
])  # fmt: skip
def test_weighted_objective_is_measured_against_both_single_optima(weight: float, stages: object, value: float) -> None:
    answer = answered(phone_and_server(objective={"kind": "weighted", "latency_weight": weight}))
    assert stages_of(answer) == list(stages)
    assert answer.objective == pytest.approx(value)
    latency, energy = answer.objective_terms
    assert (latency.metric, latency.reference, latency.value) == (Metric.LATENCY, 6.0, answer.latency_s)
    assert (energy.metric, energy.reference, energy.value) == (Metric.ENERGY, 16.0, answer.energy_j)
    assert latency.proven
    assert energy.proven


def test_weight_defaults_to_one_half() -> None:
    given = answered(phone_and_server(objective={"kind": "weighted", "latency_weight": 0.5}))
    assert answered(phone_and_server(objective={"kind": "weighted"})).objective == given.objective


def test_metric_whose_optimum_is_zero_is_normalised_by_one() -> None:
    body = phone_and_server(objective={"kind": "weighted"})
    for machine in body["cluster"]["nodes"]:
        machine["energy_weight"] = 0.0
    answer = answered(body)
    assert [term.reference for term in answer.objective_terms] == [6.0, 1.0]
    assert answer.objective == pytest.approx(0.5)


@pytest.mark.parametrize(("tolerance", "stages", "energy"), [(0.0, AB, 28.0), (0.3, AB, 28.0),
                                                             (0.34, (("a", 0, 2),), 16.0)])  # fmt: skip
def test_lexicographic_spends_the_tolerance_on_the_next_metric(tolerance: float, stages: object, energy: float) -> None:
    """Alone takes 8 s, a third more than 6 s."""
    objective = {"kind": "lexicographic", "order": ["latency", "energy"], "tolerance": tolerance}
    answer = answered(phone_and_server(objective=objective))
    assert stages_of(answer) == list(stages)
    assert answer.objective == energy
    assert answer.status is Status.OPTIMAL
    first, second = answer.objective_terms
    assert (first.metric, first.reference, first.value) == (Metric.LATENCY, 6.0, answer.latency_s)
    assert (second.metric, second.reference, second.value) == (Metric.ENERGY, energy, energy)


def test_lexicographic_order_may_begin_with_throughput() -> None:
    objective = {"kind": "lexicographic", "order": ["throughput", "energy"], "tolerance": 0.0}
    answer = answered(phone_and_server(objective=objective))
    assert [(term.metric, term.reference) for term in answer.objective_terms] == [
        (Metric.THROUGHPUT, 0.25), (Metric.ENERGY, 28.0)]  # fmt: skip


@pytest.mark.parametrize("kind", ObjectiveKind)
def test_infeasible_request_has_reasons_whatever_the_objective(kind: ObjectiveKind) -> None:
    answer = answered(phone_and_server(objective={"kind": kind.value}, constraints={"max_latency_s": 5.0}))
    assert (answer.status, answer.termination) == (Status.INFEASIBLE, Termination.INFEASIBLE)
    assert (answer.objective, answer.bound, answer.gap, answer.stages) == (None, None, None, ())
    assert answer.infeasibility is not None
    assert [reason.constraint for reason in answer.infeasibility.reasons] == ["max_latency_s"]


# What the plan says about itself


def test_same_request_has_the_same_plan_id_and_another_one_another() -> None:
    first, again = answered(phone_and_server()), answered(phone_and_server())
    other = answered(phone_and_server(result_bytes=1.0))
    assert first.id == again.id
    assert first.id != other.id
    assert first.id.startswith("plan-")


def test_equal_requests_in_other_units_have_the_same_plan_id() -> None:
    spelled = phone_and_server()
    spelled["cluster"]["links"][0]["bandwidth_bits_per_s"] = "8bit/s"
    assert answered(spelled).id == answered(phone_and_server()).id


def test_privacy_note_stands_wherever_there_is_another_node() -> None:
    assert PRIVACY_NOTE in answered(phone_and_server()).notes
    assert answered(request_body([node("a")], [], [layer(1.0)])).notes == ()


def test_planned_iterations_are_noted() -> None:
    body = request_body([node("a")], [], [layer(1.0, backward=1.0)], training(1, "gpipe", iterations=7))
    assert answered(body).notes == ("figures are per iteration; 7 are planned",)


def test_solver_reports_who_solved_for_how_long_and_what() -> None:
    ticks = count()
    answer = answered(phone_and_server(solver={"backend": "milp", "seed": 5}), clock=lambda: float(next(ticks)) / 100)
    assert (answer.solver.backend, answer.solver.seed, answer.solver.threads) == ("milp", 5, 1)
    assert set(answer.solver.seconds) == {"compile", "graph", "solve", "report", "total"}
    assert answer.solver.seconds["total"] >= answer.solver.seconds["solve"] > 0
    assert {"stage_arcs", "hand_over_arcs", "boxes"} <= set(answer.solver.sizes)


def test_progress_names_each_phase_of_a_weighted_objective() -> None:
    phases: list[Progress] = []
    answered(phone_and_server(objective={"kind": "weighted"}), on_progress=phases.append)
    assert list(dict.fromkeys(report.phase for report in phases)) == ["best latency", "best energy", "weighted"]
    assert all(report.seconds >= 0 for report in phases)


def test_baselines_stand_beside_the_plan_in_the_unit_of_the_objective() -> None:
    answer = answered(phone_and_server(objective={"kind": "throughput"}))
    alone = next(row for row in answer.baselines if row.name == "terminal_only")
    assert (alone.feasible, alone.objective, alone.throughput_per_s) == (True, 0.125, 0.125)


def test_enumeration_of_too_many_placements_is_refused_where_it_was_asked_for() -> None:
    with pytest.raises(InvalidInput) as refused:
        answered(wide(solver={"backend": "brute_force"}))
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.code) == ("/solver/backend", "too_large")


# Short of time


def test_tiny_time_limit_is_answered_with_a_plan_and_an_honest_bound() -> None:
    """Few seconds later the optimum is known, and the bound was true."""
    answer = answered(wide(10, 4, solver={"time_limit_s": 0.01}))
    proven = answered(wide(10, 4, solver={"time_limit_s": 60.0}))
    assert proven.status is Status.OPTIMAL
    assert proven.objective is not None
    assert answer.status in {Status.FEASIBLE, Status.OPTIMAL, Status.NO_PLAN_FOUND}
    assert answer.objective is None or answer.objective >= proven.objective * (1 - PROOF_TOLERANCE)
    assert answer.bound is None or answer.bound <= proven.objective * (1 + PROOF_TOLERANCE)


def late() -> Any:
    """A clock on which every look takes ten seconds: whatever is asked first, time is up."""
    ticks = count()
    return lambda: 10.0 * next(ticks)


def test_best_baseline_is_answered_when_time_is_up_at_once() -> None:
    answer = answered(wide(10, 4), clock=late())
    feasible = [row.objective for row in answer.baselines if row.feasible and row.objective is not None]
    assert (answer.status, answer.termination) == (Status.FEASIBLE, Termination.TIME_LIMIT)
    assert answer.objective == pytest.approx(min(feasible))


def test_no_plan_is_said_to_be_found_when_time_is_up_and_no_baseline_is_feasible() -> None:
    """Ten nodes of 8 to 11 bytes hold 40 layers, but no simple rule deals them so: the tail must not be on a."""
    body = wide(40, 5, constraints={"forbidden_nodes": [{"nodes": ["n1"], "first_layer": 0}]})
    answer = answered(body, clock=late())
    assert (answer.status, answer.termination) == (Status.NO_PLAN_FOUND, Termination.TIME_LIMIT)
    assert (answer.objective, answer.gap, answer.infeasibility, answer.stages) == (None, None, None, ())


def test_cancelled_request_keeps_the_best_plan_so_far_and_says_why_it_stopped() -> None:
    answer = answered(wide(10, 4), cancelled=lambda: True)
    assert (answer.status, answer.termination) == (Status.FEASIBLE, Termination.CANCELLED)
    assert answer.stages


def test_asked_gap_ends_the_search_and_is_kept() -> None:
    answer = answered(wide(16, 6, solver={"relative_gap": 0.5, "time_limit_s": 60.0}))
    assert (answer.status, answer.termination) == (Status.FEASIBLE, Termination.GAP)
    assert answer.gap is not None
    assert PROOF_TOLERANCE < answer.gap <= 0.5


def test_weighted_plan_is_not_called_optimal_unless_both_single_optima_are_proven() -> None:
    body = wide(16, 6, objective={"kind": "weighted"}, solver={"relative_gap": 0.5, "time_limit_s": 60.0})
    answer = answered(body)
    assert not all(term.proven for term in answer.objective_terms)
    assert answer.status is Status.FEASIBLE


STALLING = [layer(2.0, out=2.0, backward=1.0), layer(1.0, backward=3.0, gradient=2.0)]


def test_best_replay_of_1f1b_is_optimal() -> None:
    """Alone 3 (3 + 4) = 21 s, cut 22 s."""
    answer = answered(request_body([node("a"), node("b")], [link("a", "b")], STALLING, training(3, "1f1b")))
    assert (answer.status, answer.objective, answer.bound) == (Status.OPTIMAL, 21.0, pytest.approx(21.0))


def test_replay_above_its_bound_is_the_reason_why_1f1b_is_not_optimal() -> None:
    """The best replay takes 21 s, and the textbook formulation knows no bound above 19 s."""
    textbook = {"backend": "reference_milp", "time_limit_s": 60.0}
    body = request_body([node("a"), node("b")], [link("a", "b")], STALLING, training(3, "1f1b"), solver=textbook)
    answer = answered(body)
    assert (answer.status, answer.termination) == (Status.FEASIBLE, Termination.REPLAY)
    assert (answer.objective, answer.bound) == (21.0, pytest.approx(19.0, rel=PROOF_TOLERANCE))
    assert answer.gap == pytest.approx(2 / 21, rel=1e-5)


# Random requests


def small(seed: int) -> Body:
    body = random_request(Random(seed), max_layers=4, max_nodes=3)
    return {**body, "solver": {"time_limit_s": 60.0}}


@pytest.mark.parametrize("seed", range(40 * FACTOR))
def test_evaluating_the_answered_stages_gives_the_plans_figures_exactly(seed: int) -> None:
    body = small(seed)
    answer = answered(body)
    if not answer.stages:
        return
    stages = [stage.model_dump(mode="json") for stage in answer.stages]
    scored = evaluate(EvaluateRequest.model_validate({**body, "stages": stages}))
    assert scored.feasible
    for name in type(scored).model_fields.keys() & {"stages", "nodes", "links", "latency_s", "energy_j",
                                                    "throughput_per_s", "period_s", "bottleneck", "simulated",
                                                    "timeline", "timeline_note"}:  # fmt: skip
        assert getattr(scored, name) == getattr(answer, name), name
    if answer.objective_kind not in {ObjectiveKind.WEIGHTED, ObjectiveKind.LEXICOGRAPHIC}:
        assert scored.objective == answer.objective


def without_relays(seed: int) -> Body:
    """Equally fast routes over relays go by the order of the nodes, and may differ in energy."""
    body = small(seed)
    for machine in body["cluster"]["nodes"]:
        machine["relay"] = False
    return body


@pytest.mark.parametrize("seed", range(14 * FACTOR))
def test_renaming_and_reordering_the_nodes_changes_neither_status_nor_objective(seed: int) -> None:
    body = without_relays(seed)
    other = renamed(body, Random(seed))
    first, second = answered(body), answered(other)
    if body["workload"].get("schedule") == "1f1b":
        assert first.status is second.status  # replays take equal events in the order of the nodes
    else:
        assert (first.status, first.termination) == (second.status, second.termination)
        assert (first.objective is None) is (second.objective is None)
        assert first.objective is None or second.objective == pytest.approx(first.objective, rel=3e-6)


@pytest.mark.parametrize("seed", range(14 * FACTOR))
def test_slower_world_has_the_same_plan_at_a_slower_pace(seed: int) -> None:
    """All times a thousand times as long, powers as they are: joules grow likewise, a throughput shrinks."""
    body = small(seed)
    slow = slower_world(body, 1000.0)
    slow["solver"] = body["solver"]
    first, second = answered(body), answered(slow)
    assert first.status is second.status
    if first.objective is not None:
        kind, order = body["objective"]["kind"], body["objective"].get("order", [None])
        factor = 1.0 if kind == "weighted" else 1e-3 if "throughput" in {kind, order[-1]} else 1e3
        assert second.objective == pytest.approx(factor * first.objective, rel=3e-6)


@pytest.mark.parametrize("seed", range(10 * FACTOR))
def test_same_seed_gives_the_same_answer_twice(seed: int) -> None:
    first, second = answered(small(seed)), answered(small(seed))
    ignored = {"solver"}
    assert first.model_dump(exclude=ignored) == second.model_dump(exclude=ignored)
