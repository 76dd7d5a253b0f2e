"""Single-objective searches, one after the other: they find what enumeration finds, and say where they stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given

from placement.backends.base import Claim, Outcome, Task
from placement.backends.brute_force import BruteForce
from placement.frontier.epsilon_constraint import by_epsilon_constraint
from placement.frontier.method import FrontierProgress, Traced
from placement.frontier.staircase import RESOLUTION, Point
from tests.placement.frontier.frontiers import THREE, many_nodes, non_dominated, one_node, oracle, search_of, wanted_of
from tests.placement.instances import random_request
from tests.placement.random_problems import SEEDS, examples

WITHIN = 2 * RESOLUTION


@dataclass
class Counting:
    """Enumeration, and how often it was asked; `claim` replaces its claim from the `honest` + 1st search on."""

    honest: int = 1000
    claim: Callable[[Task], Claim] = field(default=lambda _task: Claim(Outcome.STOPPED))
    asked: int = 0
    uses_graph: bool = False
    name: str = "counting"
    version: str = "0"
    closes_columns: int = 0

    def __call__(self, task: Task) -> Claim:
        self.asked += 1
        return BruteForce()(task) if self.asked <= self.honest else self.claim(task)


def found(traced: Traced) -> list[tuple[float, float]]:
    return [(point.latency_s, point.energy_j) for point in traced.staircase.points]


def steps(count: int) -> tuple[tuple[float, float], ...]:
    """The frontier of `many_nodes`."""
    return tuple((1.0 + v, 100.0 / (1.0 + v)) for v in range(count))


def proven(traced: Traced) -> bool:
    stairs = traced.staircase
    return not list(stairs.zones()) and all(max(stairs.slack(point)) <= RESOLUTION for point in stairs.points)


def test_three_levels_by_hand_in_five_searches() -> None:
    """Both ends; (2, 3) one step before the right one; then a cut in the middle and the closing find nothing."""
    solver = Counting()
    search = search_of(one_node(*THREE), solver)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert found(traced) == list(THREE[:3])
    assert proven(traced)
    assert solver.asked == traced.sizes["sub_solves"] == 5


@examples(20)
@given(SEEDS)
def test_it_finds_what_every_placement_scored_gives(seed: int) -> None:
    rng = Random(seed)
    body = random_request(rng, max_layers=rng.choice((3, 4)), max_nodes=3, training=rng.random() < 0.3)
    body["workload"].pop("schedule", None)
    search = search_of(body)
    truth = non_dominated(oracle(search.problem))
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert traced.infeasible is (not truth)
    assert proven(traced)
    assert found(traced) == [pytest.approx(pair, rel=WITHIN) for pair in truth]
    assert all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(found(traced)))


@examples(15)
@given(SEEDS)
def test_limits_of_the_request_cut_the_frontier_to_what_they_allow(seed: int) -> None:
    rng = Random(seed)
    body = random_request(rng, max_layers=4, max_nodes=3, training=False)
    plans = oracle(search_of(body).problem)
    if plans:
        some = rng.choice(plans)
        limit = rng.choice(("max_latency_s", "max_energy_j"))
        body["constraints"][limit] = (some.latency_s if limit == "max_latency_s" else some.energy_j) * 1.001
    search = search_of(body)
    truth = non_dominated(oracle(search.problem))
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert found(traced) == [pytest.approx(pair, rel=WITHIN) for pair in truth]
    assert proven(traced) is True


@examples(15)
@given(SEEDS)
def test_with_epsilon_every_plan_is_within_that_factor_of_a_point(seed: int) -> None:
    rng = Random(seed)
    body, epsilon = random_request(rng, max_layers=4, max_nodes=3, training=False), rng.choice((0.01, 0.1, 0.5))
    search = search_of(body)
    plans = oracle(search.problem)
    traced = by_epsilon_constraint(search, wanted_of(search, epsilon=epsilon))
    points = traced.staircase.points
    assert all(any(point.covers(plan, (1 + epsilon) * (1 + WITHIN)) for point in points) for plan in plans)
    assert all(any(close(point, pair) for pair in non_dominated(plans)) for point in points)
    assert proven(traced)


def close(point: Point, pair: tuple[float, float]) -> bool:
    return (point.latency_s, point.energy_j) == pytest.approx(pair, rel=WITHIN)


@examples(20)
@given(SEEDS)
def test_1f1b_points_are_replayed_plans_and_no_plan_is_excluded_by_a_bound(seed: int) -> None:
    body = random_request(Random(seed), max_layers=4, max_nodes=3, training=True)
    body["workload"]["schedule"] = "1f1b"
    search = search_of(body)
    plans = oracle(search.problem)
    traced = by_epsilon_constraint(search, wanted_of(search))
    stairs = traced.staircase
    for plan in plans:
        for empty in stairs.empties:
            assert not (
                plan.latency_s < empty.latency_s * (1 - WITHIN) and plan.energy_j < empty.energy_j * (1 - WITHIN)
            )
        covered = any(point.covers(plan, 1 + WITHIN) for point in stairs.points)
        assert covered or any(
            zone.latency_low_s <= plan.latency_s <= zone.latency_high_s and plan.energy_j <= zone.energy_high_j
            for zone in stairs.zones()
        )
    for point in stairs.points:
        assert any(close(point, (plan.latency_s, plan.energy_j)) for plan in plans)
        if max(stairs.slack(point)) <= RESOLUTION:
            assert any(close(point, pair) for pair in non_dominated(plans))


def test_no_plan_within_the_limits_is_a_proof_after_one_search() -> None:
    solver = Counting()
    search = search_of(one_node(*THREE, constraints={"max_latency_s": 0.5}), solver)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert (traced.infeasible, found(traced), solver.asked) == (True, [], 1)


def test_energies_of_zero_leave_one_point_the_fastest() -> None:
    body = one_node((1.0, 10.0), (2.0, 3.0))
    body["cluster"]["nodes"][0]["energy_weight"] = 0.0
    search = search_of(body)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert found(traced) == [(1.0, 0.0)]
    assert proven(traced)


def test_plans_that_tie_cost_no_search_each() -> None:
    """Twenty nodes, all of 2 J, in 1 to 20 s: only the fastest is a point, and it is not reached step by step."""
    body = many_nodes(20)
    for n, machine in enumerate(body["cluster"]["nodes"]):
        machine["busy_power_w"] = 2.0 / (1 + n)
    solver = Counting()
    search = search_of(body, solver)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert found(traced) == [pytest.approx((1.0, 2.0))]
    assert proven(traced)
    assert solver.asked <= 5


def test_cancelled_after_the_ends_it_leaves_the_rectangle_between_them_open() -> None:
    solver = Counting()
    search = search_of(one_node(*THREE), solver, cancelled=lambda: solver.asked >= 3)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert found(traced) == [THREE[0], THREE[2]]
    assert [(z.left, z.right) for z in traced.staircase.zones()] == [traced.staircase.points]
    assert not traced.gave_up


def test_an_early_end_leaves_a_long_frontier_evenly_covered() -> None:
    """40 levels: after 16 searches no open zone is wider and higher than a third of the way between the ends."""
    solver = Counting()
    search = search_of(many_nodes(40), solver, cancelled=lambda: solver.asked >= 16)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert len(found(traced)) >= 12
    for zone in traced.staircase.zones():
        assert (
            min((zone.latency_high_s - zone.latency_low_s) / 39, (zone.energy_high_j - zone.energy_low_j) / 97.5)
            < 1 / 3
        )


def test_the_whole_of_a_long_frontier_takes_at_most_three_searches_for_two_points() -> None:
    solver = Counting()
    search = search_of(many_nodes(40), solver)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert found(traced) == [pytest.approx(step) for step in steps(40)]
    assert proven(traced)
    assert solver.asked <= 60


def test_so_many_points_and_no_more_with_both_ends_among_them() -> None:
    search = search_of(many_nodes(40), Counting())
    traced = by_epsilon_constraint(search, wanted_of(search, max_points=7))
    assert len(found(traced)) == 7
    assert (found(traced)[0], found(traced)[-1]) == (pytest.approx(steps(40)[0]), pytest.approx(steps(40)[-1]))
    assert list(traced.staircase.zones())
    assert traced.gave_up


def test_a_backend_that_stops_proving_leaves_open_what_it_did_not_prove() -> None:
    """After both ends it claims only that energies are at least 2.5 J: that bound stands in the interval."""
    solver = Counting(honest=2, claim=lambda _: Claim(Outcome.STOPPED, None, 2.5))
    search = search_of(one_node(*THREE), solver)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert found(traced) == [THREE[0], THREE[2]]
    [zone] = traced.staircase.zones()
    assert zone.energy_low_j == 2.5
    assert zone.latency_low_s >= 2.5
    assert traced.gave_up


def test_searches_cut_short_are_taken_up_again_with_all_the_time_that_is_left() -> None:
    """A proof takes 8 of 30 s, and at first each search may take a quarter of what is left."""
    clock = [0.0]
    allowed: list[float] = []

    def slow(task: Task) -> Claim:
        allowed.append(task.time_limit_s)
        clock[0] += min(task.time_limit_s, 8.0)
        claim = BruteForce()(task)
        return claim if task.time_limit_s >= 8 else Claim(Outcome.STOPPED, claim.placement, None)

    solver = Counting(honest=0, claim=slow)
    search = search_of(one_node((1.0, 10.0)), solver, clock=lambda: clock[0], deadline_s=30.0)
    traced = by_epsilon_constraint(search, wanted_of(search))
    assert allowed[:5] == pytest.approx([7.5, 7.5 * 0.75, 7.5 * 0.75**2, 7.5 * 0.75**3, 30 * 0.75**4])
    assert traced.staircase.least() == (1.0, 0.0)
    assert found(traced) == [(1.0, 10.0)]


def test_progress_counts_points_and_ends_with_nothing_open() -> None:
    seen: list[FrontierProgress] = []
    search = search_of(one_node(*THREE), Counting())
    by_epsilon_constraint(search, wanted_of(search, on_progress=seen.append))
    assert seen[0].latest == THREE[0]
    assert [progress.points for progress in seen] == sorted(progress.points for progress in seen)
    assert (seen[-1].points, seen[-1].open_share) == (3, 0.0)
    assert all(0 <= progress.open_share <= 1 for progress in seen)
