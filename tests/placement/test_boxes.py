"""A box's graph still holds every plan that lies in the box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from random import Random

import numpy as np
import pytest

from models.workload import Schedule
from placement.backends.base import Axis, Box, LatencyModel, Task
from placement.backends.brute_force import placements
from placement.boxes import ends_clash, shape_of, within
from placement.constraints import Limits
from placement.evaluation import Figures, Traversal, busy_s, traverse
from placement.feasibility import feasible_figures
from placement.goals import Goal
from placement.problem import Placement, Problem
from tests.placement.examples_for_tests import layer, link, node, placed, problem_of, task_of, training
from tests.placement.random_problems import FACTOR, random_problem

GOALS = (
    Goal(latency=1.0),
    Goal(energy=1.0),
    Goal(cycle=1.0),
    Goal(latency=1.0, energy=0.3),
    Goal(latency=0.2, energy=0.5, cycle=1.0),
)


ADMITTING = range(40 * FACTOR)
"""Seeds of the properties."""


@dataclass(frozen=True)
class Plan:
    """A feasible placement with what boxes confine."""

    placement: Placement
    value: float
    axes_s: tuple[float, float, float]
    """T and the peaks."""
    head: int

    def lies_in(self, box: Box) -> bool:
        confined = zip(box.low_s, self.axes_s, box.high_s, strict=True)
        return all(low <= value <= high for low, value, high in confined) and box.heads[0] <= self.head <= box.heads[1]


@cache
def admitting(seed: int) -> tuple[Task, list[Plan]]:
    """A task that admits plans, and these; every second one has a limit near what some plan takes."""
    rng = Random(seed)
    while True:
        task = random_goal_task(rng, random_problem(rng.randrange(2**32)))
        plans = plans_of(task)
        if plans:
            return task, plans


def random_goal_task(rng: Random, problem: Problem) -> Task:
    """Any goal, by formula or by the replay's bound, perhaps under a limit on latency or energy."""
    replays = problem.replays and rng.random() < 0.5
    model = LatencyModel.REPLAY_BOUND if replays else LatencyModel.FORMULA
    task = task_of(problem, rng.choice(GOALS), latency_model=model)
    known = [figures for p in placements(problem) if (figures := feasible_figures(problem, p, Limits(), model))]
    if known and rng.random() < 0.5:
        figures = rng.choice(known)
        name = rng.choice(("latency_s", "energy_j"))
        task = replace(task, limits=Limits(**{name: getattr(figures, name) * rng.choice((1.0, 1.2))}))
    return task


def plans_of(task: Task) -> list[Plan]:
    """All feasible plans, from the oracle's enumeration and the referee's figures."""
    plans = []
    for placement in placements(task.problem):
        figures = feasible_figures(task.problem, placement, task.limits, task.latency_model)
        traversal = traverse(task.problem, placement)
        if figures is not None and traversal is not None:
            first = placement[0]
            head = first.stop if task.problem.node_of(first) == task.problem.source else 0
            plans.append(Plan(placement, task.goal.value(figures), axes_of(task, figures, traversal), head))
    return plans


def axes_of(task: Task, figures: Figures, traversal: Traversal) -> tuple[float, float, float]:
    """T, and max f_r and max b_r in gpipe, max (f_r + b_r) in 1f1b by formula."""
    training = task.problem.training
    forward, backward = traversal.forward_busy_s, traversal.backward_busy_s
    if training is not None and training.schedule is Schedule.GPIPE:
        return figures.cycle_s, max(forward.values()), max(backward.values())
    if task.problem.replays and task.latency_model is LatencyModel.FORMULA:
        return figures.cycle_s, max(busy_s(traversal).values()), 0.0
    return figures.cycle_s, 0.0, 0.0


def random_box(rng: Random, plans: list[Plan]) -> Box:
    """A box around one of the plans, each end at random at the plan, a little off, or far away."""
    plan = rng.choice(plans)
    low = [value * rng.choice((0.0, 0.5, 0.9, 1.0)) for value in plan.axes_s]
    high = [value * rng.choice((1.0, 1.1, 2.0, 100.0)) for value in plan.axes_s]
    fewest = rng.randint(0, plan.head)
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]), (fewest, rng.randint(plan.head, plan.head + 3)))


@pytest.mark.parametrize("seed", ADMITTING)
def test_no_column_of_a_plan_in_the_box_is_deleted(seed: int) -> None:
    rng = Random(seed)
    task, plans = admitting(seed)
    for _ in range(8):
        box = random_box(rng, plans)
        graph, _ = within(task.graph, shape_of(task), box)
        assert all(graph.columns_of(plan.placement) is not None for plan in plans if plan.lies_in(box))


@pytest.mark.parametrize("seed", ADMITTING)
def test_box_of_a_box_deletes_no_column_of_a_plan_either(seed: int) -> None:
    rng = Random(seed)
    task, plans = admitting(seed)
    box = random_box(rng, plans)
    graph, shape = within(task.graph, shape_of(task), box)
    for half in box.halves(rng.choice(tuple(Axis))):
        smaller, _ = within(graph, shape, half)
        assert all(smaller.columns_of(plan.placement) is not None for plan in plans if plan.lies_in(half))


@pytest.mark.parametrize("seed", ADMITTING)
def test_ends_of_a_plan_in_the_box_never_clash(seed: int) -> None:
    task, plans = admitting(seed)
    box = random_box(Random(seed), plans)
    for plan in plans:
        if plan.lies_in(box):
            columns = task.graph.columns_of(plan.placement)
            assert ends_clash(task.graph, shape_of(task), box, np.array(columns)) is None


# By hand: a and b take 2 s forward and 4 s backward for each of two layers


def pipeline(schedule: str = "gpipe", **source: object) -> Task:
    layers = [layer(2.0, backward=4.0, weight=4.0) for _ in range(3)]
    return task_of(problem_of([node("a", **source), node("b")], [link("a", "b")], layers, training(3, schedule)))


def box_of(cycle: float, forward: float, backward: float, heads: tuple[int, int] = (0, 3)) -> Box:
    return Box((0.0, 0.0, 0.0), (cycle, forward, backward), heads)


def kept(task: Task, box: Box) -> set[tuple[str, int, int]]:
    graph, _ = within(task.graph, shape_of(task), box)
    names = task.problem.node_ids
    return {(names[n], int(i), int(j)) for n, i, j in zip(graph.node, graph.first, graph.stop, strict=True)}


def test_stage_above_the_forward_peak_is_deleted() -> None:
    stages = kept(pipeline(), box_of(1e3, 4.0, 1e3))
    assert ("b", 1, 3) in stages
    assert ("b", 0, 3) not in stages


def test_stage_above_the_backward_peak_is_deleted() -> None:
    stages = kept(pipeline(), box_of(1e3, 1e3, 4.0))
    assert ("b", 2, 3) in stages
    assert ("b", 1, 3) not in stages


def test_peak_of_1f1b_is_forward_and_backward_together() -> None:
    stages = kept(pipeline("1f1b"), box_of(1e3, 6.0, 1e3))
    assert ("b", 2, 3) in stages
    assert ("b", 1, 3) not in stages


def test_first_stages_outside_the_heads_are_deleted() -> None:
    firsts = {stage for stage in kept(pipeline(), box_of(1e3, 1e3, 1e3, (1, 2))) if stage[1] == 0}
    assert firsts == {("a", 0, 1), ("a", 0, 2)}


def test_head_of_no_layers_stands_for_first_stages_elsewhere() -> None:
    firsts = {stage for stage in kept(pipeline(), box_of(1e3, 1e3, 1e3, (0, 0))) if stage[1] == 0}
    assert firsts == {("b", 0, 1), ("b", 0, 2), ("b", 0, 3)}


def test_tail_that_exceeds_the_peak_with_the_smallest_head_is_deleted() -> None:
    """Head and tail on a: 2 + 2 s forward, more than 3."""
    assert ("a", 2, 3) in kept(pipeline(), box_of(1e3, 4.0, 1e3, (1, 1)))
    assert ("a", 2, 3) not in kept(pipeline(), box_of(1e3, 3.0, 1e3, (1, 1)))
    assert ("a", 2, 3) in kept(pipeline(), box_of(1e3, 3.0, 1e3, (0, 1)))


def test_tail_that_does_not_fit_beside_the_smallest_head_is_deleted() -> None:
    small = pipeline(memory_bytes=7.0)
    assert ("a", 2, 3) not in kept(small, box_of(1e3, 1e3, 1e3, (1, 1)))
    assert ("a", 2, 3) in kept(small, box_of(1e3, 1e3, 1e3, (0, 1)))


@pytest.mark.parametrize(("forward", "clash"), [(3.0, 1), (4.0, None)])
def test_head_and_tail_clash_where_together_they_exceed_the_peak(forward: float, clash: int | None) -> None:
    task = pipeline()
    path = task.graph.columns_of(placed(task.problem, ("a", 0, 1), ("b", 1, 2), ("a", 2, 3)))
    assert ends_clash(task.graph, shape_of(task), box_of(1e3, forward, 1e3), np.array(path)) == clash


def test_path_with_one_end_on_the_source_never_clashes() -> None:
    task = pipeline(memory_bytes=8.0)
    path = task.graph.columns_of(placed(task.problem, ("a", 0, 2), ("b", 2, 3)))
    assert ends_clash(task.graph, shape_of(task), box_of(1e3, 1.0, 1e3), np.array(path)) is None
