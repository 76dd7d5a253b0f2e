"""The facade: what an answered frontier says of itself."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest

from models.base import InvalidInput
from models.constraints import Backend, ObjectiveKind
from models.frontier import FrontierRequest, FrontierTermination
from models.plan import Status
from models.request import EvaluateRequest, PlanRequest
from placement.frontier.staircase import RESOLUTION
from placement.solver import FrontierProgress, evaluate, plan
from tests.placement.examples_for_tests import training
from tests.placement.frontier.frontiers import (
    THREE,
    answered,
    many_nodes,
    non_dominated,
    one_node,
    oracle,
    pairs,
    search_of,
)
from tests.placement.instances import random_request
from tests.placement.random_problems import FACTOR
from tests.placement.test_solver import phone_and_server, wide


def test_a_complete_frontier_says_so_with_every_point_proven() -> None:
    answer = answered(one_node(*THREE))
    assert pairs(answer) == list(THREE[:3])
    assert (answer.status, answer.termination, answer.complete) == (Status.OPTIMAL, FrontierTermination.OPTIMAL, True)
    assert all(point.proven and point.gap <= answer.resolution for point in answer.points)
    assert answer.open_intervals == ()
    assert [point.stages[0].level for point in answer.points] == ["level-0", "level-1", "level-2"]
    assert answer.knee is not None
    assert answer.knee.index == 1
    assert answer.ideal is not None
    assert answer.nadir is not None
    assert (answer.ideal.latency_s, answer.ideal.energy_j) == (1.0, 2.0)
    assert (answer.nadir.latency_s, answer.nadir.energy_j) == (4.0, 10.0)


def test_splitting_is_on_the_frontier_where_it_is_faster_and_running_alone_where_it_saves() -> None:
    answer = answered(phone_and_server())
    assert pairs(answer) == [(6.0, 28.0), (8.0, 16.0)]
    assert [[stage.node for stage in point.stages] for point in answer.points] == [["a", "b"], ["a"]]
    assert [point.throughput_per_s for point in answer.points] == [0.25, 0.125]


@pytest.mark.parametrize("backend", [Backend.AUTO, Backend.MILP, Backend.MILP_CBC, Backend.CP_SAT, Backend.BRUTE_FORCE])
def test_every_backend_traces_the_same_frontier(backend: Backend) -> None:
    answer = answered(one_node(*THREE, solver={"backend": backend.value}))
    assert pairs(answer) == [pytest.approx(pair) for pair in THREE[:3]]
    assert answer.complete
    assert answer.solver.backend == backend.value


@pytest.mark.parametrize("seed", range(12 * FACTOR))
def test_random_frontiers_are_those_of_all_placements(seed: int) -> None:
    """Every feature and schedule: 1f1b too, whose placements are replayed one by one."""
    body = random_request(Random(seed), max_layers=4, max_nodes=3)
    answer = answered(body)
    truth = non_dominated(oracle(search_of(body).problem))
    assert pairs(answer) == [pytest.approx(pair, rel=2 * RESOLUTION) for pair in truth]
    assert answer.status is (Status.OPTIMAL if truth else Status.INFEASIBLE)
    assert (answer.infeasibility is not None) is (not truth)


def test_the_weight_that_a_point_states_makes_plan_choose_it() -> None:
    body = one_node(*THREE)
    for point in answered(body).points:
        assert point.supported
        assert point.latency_weight is not None
        weight = (point.latency_weight.low + point.latency_weight.high) / 2
        request = PlanRequest.model_validate({**body, "objective": {"kind": "weighted", "latency_weight": weight}})
        assert plan(request, threads=1).latency_s == point.latency_s


def test_a_point_that_no_weight_finds_is_on_the_frontier_all_the_same() -> None:
    answer = answered(one_node((1.0, 10.0), (2.0, 8.0), (4.0, 2.0)))
    assert [point.supported for point in answer.points] == [True, False, True]
    assert answer.points[1].latency_weight is None
    assert answer.knee is None


def test_stages_of_a_point_evaluate_to_its_figures() -> None:
    body = phone_and_server()
    for point in answered(body).points:
        stages = [stage.model_dump() for stage in point.stages]
        score = evaluate(EvaluateRequest.model_validate({**body, "stages": stages}))
        assert score.feasible
        assert (score.latency_s, score.energy_j) == (point.latency_s, point.energy_j)


def test_infeasible_comes_with_reasons_and_what_would_help() -> None:
    answer = answered(phone_and_server(constraints={"max_latency_s": 5.0}))
    assert (answer.status, answer.termination) == (Status.INFEASIBLE, FrontierTermination.INFEASIBLE)
    assert (answer.complete, answer.points, answer.ideal, answer.nadir) == (False, (), None, None)
    assert answer.infeasibility is not None
    [relaxation] = answer.infeasibility.relaxations
    assert relaxation.required == pytest.approx(6.0)


def test_epsilon_thins_the_frontier_and_weights_are_then_unknown() -> None:
    answer = answered({**many_nodes(12), "frontier": {"epsilon": 0.6}})
    assert answer.complete
    assert answer.epsilon == 0.6
    assert pairs(answer)[0] == (1.0, 100.0)
    assert pairs(answer)[-1] == pytest.approx((12.0, 100 / 12))
    assert 3 <= len(answer.points) < 12
    for at in range(12):
        latency, energy = 1.0 + at, 100 / (1.0 + at)
        assert any(t <= 1.6 * latency * (1 + 1e-9) and e <= 1.6 * energy * (1 + 1e-9) for t, e in pairs(answer))
    assert {point.supported for point in answer.points} == {None}


def test_fewer_points_than_there_are_leave_open_what_lies_between_them() -> None:
    answer = answered({**many_nodes(12), "frontier": {"max_points": 4}})
    assert (answer.status, answer.termination) == (Status.FEASIBLE, FrontierTermination.MAX_POINTS)
    assert len(answer.points) == 4
    assert all(point.proven for point in answer.points)
    assert answer.open_intervals
    assert not answer.complete


def test_cancelled_it_answers_what_it_has_and_the_bounds_of_what_is_open() -> None:
    asked = count()
    answer = answered(wide(solver={"time_limit_s": 20.0}), cancelled=lambda: next(asked) > 60)
    assert answer.termination is FrontierTermination.CANCELLED
    assert answer.status in {Status.FEASIBLE, Status.NO_PLAN_FOUND}
    assert not answer.complete
    assert all(not point.proven or point.gap <= answer.resolution for point in answer.points)
    assert answer.open_intervals


def test_out_of_time_it_says_so() -> None:
    answer = answered(wide(solver={"time_limit_s": 0.5}))
    assert answer.termination is FrontierTermination.TIME_LIMIT
    assert answer.status in {Status.FEASIBLE, Status.NO_PLAN_FOUND}
    for interval in answer.open_intervals:
        assert interval.energy_low_j >= 0
        assert interval.latency_high_s is None or interval.latency_low_s < interval.latency_high_s
        assert interval.energy_high_j is None or interval.energy_low_j < interval.energy_high_j


def test_without_time_nothing_is_known_and_everything_is_open() -> None:
    """The clock moves on by 1 s whenever it is read, so time is up before the first search."""
    answer = answered(wide(solver={"time_limit_s": 1.0}), clock=count().__next__)
    assert (answer.status, answer.termination) == (Status.NO_PLAN_FOUND, FrontierTermination.TIME_LIMIT)
    [interval] = answer.open_intervals
    assert (interval.latency_low_s, interval.latency_high_s) == (0.0, None)
    assert (interval.energy_low_j, interval.energy_high_j) == (0.0, None)


def test_1f1b_that_is_small_is_replayed_as_a_whole_and_proven() -> None:
    answer = answered(random_1f1b())
    assert answer.complete
    assert pairs(answer) == [pytest.approx(pair) for pair in non_dominated(oracle(search_of(random_1f1b()).problem))]


def test_1f1b_through_a_backend_says_that_bounds_may_not_meet_replays() -> None:
    answer = answered({**random_1f1b(), "solver": {"backend": "milp"}})
    assert answer.termination in {FrontierTermination.REPLAY, FrontierTermination.OPTIMAL}
    assert answer.complete is not any("replayed" in note for note in answer.notes)
    assert answer.points


def random_1f1b() -> dict:
    body = phone_and_server()
    body["workload"] = training(4, "1f1b")
    for layer in body["model"]["layers"]:
        layer["backward"] = {"flops": 6.0, "output_bytes": 1.0}
    return body


def test_a_request_of_plan_is_taken_as_it_is_and_what_is_not_used_is_noted() -> None:
    body = phone_and_server(objective={"kind": "throughput"}, solver={"relative_gap": 0.1})
    answer = answered(body)
    assert pairs(answer) == pairs(answered(phone_and_server()))
    assert [note.split(" is not used")[0] for note in answer.notes if "not used" in note] == [
        f"objective {ObjectiveKind.THROUGHPUT}",
        "solver.relative_gap",
    ]
    assert not any("not used" in note for note in answered(phone_and_server()).notes)


def test_the_same_request_has_the_same_name_and_another_has_not() -> None:
    body = one_node(*THREE)
    assert answered(body).id == answered(body).id
    assert answered(body).id.startswith("frontier-")
    assert answered({**body, "frontier": {"epsilon": 0.5}}).id != answered(body).id


def test_too_many_placements_to_enumerate_are_refused() -> None:
    with pytest.raises(InvalidInput, match="brute_force enumerates at most"):
        answered(wide(solver={"backend": "brute_force"}))


def test_points_are_reported_as_they_are_found() -> None:
    seen: list[FrontierProgress] = []
    answered(one_node(*THREE, solver={"backend": "milp"}), on_progress=seen.append)
    assert {progress.latest for progress in seen if progress.latest is not None} >= {THREE[0], THREE[2]}
    assert seen[-1].open_share == 0.0


def test_sub_solves_and_their_time_are_reported() -> None:
    report = answered(one_node(*THREE, solver={"backend": "milp"})).solver
    assert report.sizes["sub_solves"] > 3
    assert set(report.seconds) == {"prepare", "solve", "total"}


@pytest.mark.parametrize(
    "settings", [{"epsilon": -0.1}, {"epsilon": 1.1}, {"max_points": 1}, {"max_points": 10_001}, {"k": 1}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="frontier"):
        FrontierRequest.model_validate({**one_node(*THREE), "frontier": settings})
