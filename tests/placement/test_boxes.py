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
from placement.paces import paces_s
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


SLACK = 1e-9

ADMITTING = range(40 * FACTOR)
"""Seeds of the properties."""


@dataclass(frozen=True)
class Plan:
    """A feasible placement with what boxes confine."""

    placement: Placement
    value: float
    axes_s: tuple[float, float]
    """T and the peak."""
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
            plans.append(Plan(placement, task.goal.value(figures), axes_of(task, placement, figures, traversal), head))
    return plans


def axes_of(task: Task, placement: Placement, figures: Figures, traversal: Traversal) -> tuple[float, float]:
    """T, and max f_r + max b_r in gpipe, max (f_r + b_r) in 1f1b by formula, the pace in the bound of its replays."""
    training = task.problem.training
    forward, backward = traversal.forward_busy_s, traversal.backward_busy_s
    if training is not None and training.schedule is Schedule.GPIPE:
        return figures.cycle_s, max(forward.values()) + max(backward.values())
    if task.problem.replays and task.latency_model is LatencyModel.FORMULA:
        return figures.cycle_s, max(busy_s(traversal).values())
    if task.problem.replays:
        return figures.cycle_s, float(paces_s(task.graph)[task.graph.columns_of(placement)].max())
    return figures.cycle_s, 0.0


def random_box(rng: Random, plans: list[Plan]) -> Box:
    """A box around one of the plans, each end at random at the plan, a little off, or far away."""
    plan = rng.choice(plans)
    low = [value * rng.choice((0.0, 0.5, 0.9, 1.0)) for value in plan.axes_s]
    high = [value * rng.choice((1.0, 1.1, 2.0, 100.0)) for value in plan.axes_s]
    fewest = rng.randint(0, plan.head)
    return Box((low[0], low[1]), (high[0], high[1]), (fewest, rng.randint(plan.head, plan.head + 3)))


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
    axis = rng.choice(tuple(Axis))
    for part in box.cut_at(axis, rng.choice(plans).axes_s[axis] * rng.choice((0.9, 1.0, 1.1))):
        smaller, _ = within(graph, shape, part)
        assert all(smaller.columns_of(plan.placement) is not None for plan in plans if plan.lies_in(part))


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


def box_of(cycle: float, peak: float, heads: tuple[int, int] = (0, 3)) -> Box:
    return Box((0.0, 0.0), (cycle, peak), heads)


def kept(task: Task, box: Box) -> set[tuple[str, int, int]]:
    graph, _ = within(task.graph, shape_of(task), box)
    names = task.problem.node_ids
    return {(names[n], int(i), int(j)) for n, i, j in zip(graph.node, graph.first, graph.stop, strict=True)}


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
def test_stage_above_the_peak_is_deleted(schedule: str) -> None:
    """Two layers take 4 + 8 s, all three 6 + 12."""
    stages = kept(pipeline(schedule), box_of(1e3, 12.0))
    assert ("b", 1, 3) in stages
    assert ("b", 0, 3) not in stages
    assert ("b", 1, 3) not in kept(pipeline(schedule), box_of(1e3, 11.9))


def test_stage_that_alone_exceeds_the_cycle_is_deleted() -> None:
    """Under the bound of 1f1b's replay T is at least 3 (2 + 4) s per layer."""
    task = replace(pipeline("1f1b"), latency_model=LatencyModel.REPLAY_BOUND)
    stages = kept(task, box_of(18.0, 1e3))
    assert ("b", 2, 3) in stages
    assert ("b", 1, 3) not in stages


def test_first_stages_outside_the_heads_are_deleted() -> None:
    firsts = {stage for stage in kept(pipeline(), box_of(1e3, 1e3, (1, 2))) if stage[1] == 0}
    assert firsts == {("a", 0, 1), ("a", 0, 2)}


def test_head_of_no_layers_stands_for_first_stages_elsewhere() -> None:
    firsts = {stage for stage in kept(pipeline(), box_of(1e3, 1e3, (0, 0))) if stage[1] == 0}
    assert firsts == {("b", 0, 1), ("b", 0, 2), ("b", 0, 3)}


def test_tail_that_exceeds_the_peak_with_the_smallest_head_is_deleted() -> None:
    """Head and tail on a: 6 + 6 s, more than 11."""
    assert ("a", 2, 3) in kept(pipeline(), box_of(1e3, 12.0, (1, 1)))
    assert ("a", 2, 3) not in kept(pipeline(), box_of(1e3, 11.0, (1, 1)))
    assert ("a", 2, 3) in kept(pipeline(), box_of(1e3, 11.0, (0, 1)))


def test_tail_that_does_not_fit_beside_the_smallest_head_is_deleted() -> None:
    small = pipeline(memory_bytes=7.0)
    assert ("a", 2, 3) not in kept(small, box_of(1e3, 1e3, (1, 1)))
    assert ("a", 2, 3) in kept(small, box_of(1e3, 1e3, (0, 1)))


@pytest.mark.parametrize(("peak", "clash"), [(11.0, 1), (12.0, None)])
def test_head_and_tail_clash_where_together_they_exceed_the_peak(peak: float, clash: int | None) -> None:
    task = pipeline()
    path = task.graph.columns_of(placed(task.problem, ("a", 0, 1), ("b", 1, 2), ("a", 2, 3)))
    assert ends_clash(task.graph, shape_of(task), box_of(1e3, peak), np.array(path)) == clash


def test_path_with_one_end_on_the_source_never_clashes() -> None:
    task = pipeline(memory_bytes=8.0)
    path = task.graph.columns_of(placed(task.problem, ("a", 0, 2), ("b", 2, 3)))
    assert ends_clash(task.graph, shape_of(task), box_of(1e3, 1.0), np.array(path)) is None


# What every shape says of every plan


@pytest.mark.parametrize("seed", ADMITTING)
def test_no_column_makes_more_of_a_peak_than_any_plan_with_it_reaches(seed: int) -> None:
    """Also where the least that its hand-overs add to its own node is counted with a stage."""
    task, plans = admitting(seed)
    shape = shape_of(task)
    for plan in plans:
        columns = task.graph.columns_of(plan.placement)
        assert columns is not None
        for axis in Axis:
            assert shape.peak_s[axis, columns].max() <= plan.axes_s[axis] * (1 + SLACK)


@pytest.mark.parametrize("seed", ADMITTING)
def test_goal_is_made_of_additive_parts_the_cycle_and_idle_power(seed: int) -> None:
    """value = base + (cycle weight + energy weight x awake W) x T; a tail beside a head is awake already."""
    task, plans = admitting(seed)
    graph, shape = task.graph, shape_of(task)
    base = shape.latency_weight * graph.forward_s + shape.energy_weight * graph.joules
    for plan in plans:
        columns = np.array(graph.columns_of(plan.placement))
        if task.problem.source not in {task.problem.node_of(stage) for stage in plan.placement}:
            continue  # the source's own idle power without a stage: tests/placement/test_labelling.py
        awake = shape.awake_w[columns[columns < graph.stage_count]].sum()
        later = [s for s in plan.placement[1:] if task.problem.node_of(s) == task.problem.source]
        least = base[columns].sum() + (shape.cycle_weight + shape.energy_weight * awake) * plan.axes_s[Axis.CYCLE]
        assert least <= plan.value * (1 + SLACK)
        if not later:
            assert least == pytest.approx(plan.value, rel=SLACK)


@pytest.mark.parametrize("seed", ADMITTING)
def test_cycle_is_no_shorter_than_its_additive_part_and_the_peaks(seed: int) -> None:
    task, plans = admitting(seed)
    shape = shape_of(task)
    for plan in plans:
        columns = task.graph.columns_of(plan.placement)
        least = shape.through_s[columns].sum() + shape.peak_count * plan.axes_s[Axis.PEAK]
        assert least <= plan.axes_s[Axis.CYCLE] * (1 + SLACK)
