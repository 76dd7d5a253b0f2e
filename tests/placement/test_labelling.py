"""Label setting: plans are priced as by the referee, dominance and bounds lose no optimum, early ends stay honest."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest

from placement import labelling
from placement.backends.base import Axis, Box, Task
from placement.bounds import Memory, time_range
from placement.boxes import restricted, shape_of, within
from placement.feasibility import feasible_figures
from placement.kernels import dominance, setting
from placement.kernels.dominance import dominates
from placement.kernels.labels import COLUMN, PARENT
from placement.labelling import Labelled, Labelling
from placement.lagrangian import Relaxed
from placement.problem import Placement
from placement.stage_graph import StageGraph
from tests.placement.examples_for_tests import (
    task_of,
)
from tests.placement.fleets import random_fleet
from tests.placement.test_boxes import ADMITTING, SLACK, Plan, admitting, plans_of, random_goal_task
from tests.placement.test_lagrangian import pricing_of
from tests.placement.walks import random_memory

MANY = 1 << 20


def everything(task: Task) -> Box:
    times = time_range(task.graph)
    assert times is not None
    return Box((0.0, 0.0), (times.longest_s, 2 * times.longest_s), (0, task.problem.layer_count))


def relaxed_of(task: Task, box: Box, rng: Random, graph: StageGraph | None = None) -> Relaxed | None:
    """A box priced for a few steps, or many, with walks that remember something; None where it holds no walk."""
    graph, shape = within(graph or task.graph, shape_of(task), box)
    if not graph.stage_count:
        return None
    pricing = pricing_of(task, graph, shape, box, random_memory(rng, graph))
    return pricing.improve(pricing.start(), None, rng.choice((1, 10, 60)))


def labelled(task: Task, box: Box, rng: Random, cutoff: float | None = None, most: int = MANY) -> Labelled | None:
    relaxed = relaxed_of(task, box, rng)
    return None if relaxed is None else Labelling(task, relaxed).run(cutoff, most)


def value_of(task: Task, placement: Placement) -> float:
    figures = feasible_figures(task.problem, placement, task.limits, task.latency_model)
    assert figures is not None, "labels found a plan that breaks a rule"
    return task.goal.value(figures)


@cache
def fleet_task(seed: int) -> tuple[Task, list[Plan]]:
    """As `admitting`, on the merged graph of a fleet."""
    rng = Random(seed)
    while True:
        task = random_goal_task(rng, random_fleet(rng.randrange(2**32)))
        plans = plans_of(task)
        if plans:
            return task_of(task.problem, task.goal, task.limits, latency_model=task.latency_model, merge=True), plans


def drawn_task(seed: int, *, fleet: bool) -> tuple[Task, list[Plan]]:
    return fleet_task(seed) if fleet else admitting(seed)


def random_parts(rng: Random, box: Box, plans: list[Plan]) -> list[Box]:
    """The box cut a few times at or near what plans take, and between heads."""
    parts = [box]
    for _ in range(4):
        part = parts.pop(rng.randrange(len(parts)))
        plan, axis = rng.choice(plans), rng.choice(tuple(Axis))
        if rng.random() < 0.3 and part.heads[0] < part.heads[1]:
            parts += part.split_heads(rng.randint(part.heads[0], part.heads[1] - 1))
        else:
            parts += part.cut_at(axis, plan.axes_s[axis] * rng.choice((1 - 4e-9, 1.0, 1.05)))
    return parts


both = pytest.mark.parametrize("fleet", [False, True], ids=["nodes", "classes"])
seeds = pytest.mark.parametrize("seed", ADMITTING)


# What a plan is worth


@both
@seeds
def test_labels_price_every_plan_as_the_referee_does(seed: int, fleet: bool) -> None:
    """The graph is reduced to the columns of one plan at a time."""
    task, plans = drawn_task(seed, fleet=fleet)
    graph, shape = task.graph, shape_of(task)
    for plan in Random(seed).sample(plans, min(8, len(plans))):
        columns = graph.columns_of(plan.placement)
        if columns is None:
            continue
        keep = np.zeros(len(graph.joules), dtype=np.bool_)
        keep[columns] = True
        alone, its_shape = restricted(graph, shape, keep)
        pricing = pricing_of(task, alone, its_shape, everything(task), Memory.none(alone))
        relaxed = pricing.improve(pricing.start(), None, 20)
        assert relaxed is not None
        assert relaxed.bound <= plan.value * (1 + SLACK) + 1e-12
        found = Labelling(task, relaxed).run(None, MANY)
        assert found.value == pytest.approx(plan.value, rel=SLACK)
        assert value_of(task, found.plans[-1]) == pytest.approx(plan.value, rel=SLACK)


# Nothing is lost


@both
@seeds
def test_all_boxes_together_hold_the_optimum(seed: int, fleet: bool) -> None:
    """A plan that another dominates may lie in another box, which then has the better one, or one better still."""
    rng = Random(seed)
    task, plans = drawn_task(seed, fleet=fleet)
    best = min(plan.value for plan in plans)
    values = [np.inf]
    for part in random_parts(rng, everything(task), plans):
        found = labelled(task, part, rng)
        if found is not None:
            assert found.complete
            assert found.bound is None
            for placement in found.plans:
                value_of(task, placement)
            values.append(np.inf if found.value is None else found.value)
    assert min(values) == pytest.approx(best, rel=1e-6)


@both
@seeds
def test_cutoff_just_above_the_optimum_keeps_it_and_below_leaves_nothing(seed: int, fleet: bool) -> None:
    task, plans = drawn_task(seed, fleet=fleet)
    best = min(plan.value for plan in plans)
    above = labelled(task, everything(task), Random(seed), best * (1 + 1e-6) + 1e-12)
    assert above is not None
    assert above.value == pytest.approx(best, rel=1e-6)
    below = labelled(task, everything(task), Random(seed), best * (1 - 1e-6))
    assert below is None or (below.complete, below.value, below.plans) == (True, None, ())


class Recorder:
    """Stands in for `dominates`: remembers who dominated whom, as stage columns."""

    def __init__(self) -> None:
        self.pairs: list[tuple[list[int], list[int]]] = []

    def __call__(self, rules: Any, steps: Any, columns: Any, guide: Any, labels: Any, *at: int) -> bool:
        one, other, cut = at
        if not dominates(rules, steps, columns, guide, labels, one, other, cut):
            return False
        self.pairs.append((self.stages(labels, one), self.stages(labels, other)))
        return True

    @staticmethod
    def stages(labels: Any, label: int) -> list[int]:
        chain = []
        while label >= 0:
            chain.append(int(labels.whole[label, COLUMN]))
            label = labels.whole[label, PARENT]
        return chain[::-1]


def interpreted(monkeypatch: pytest.MonkeyPatch, dominates: Any) -> None:
    """Label setting as plain Python with another rule of dominance; the steps it calls stay compiled."""
    monkeypatch.setattr(dominance, "dominates", dominates)
    monkeypatch.setattr(setting, "undominated", dominance.undominated.py_func)
    monkeypatch.setattr(labelling, "set_labels", setting.set_labels.py_func)


@both
@pytest.mark.parametrize("seed", ADMITTING[::2])
def test_without_dominance_the_optimum_is_the_same(seed: int, fleet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    task, plans = drawn_task(seed, fleet=fleet)
    interpreted(monkeypatch, lambda *_: False)
    found = labelled(task, everything(task), Random(seed))
    assert found is not None
    assert found.value == pytest.approx(min(plan.value for plan in plans), rel=1e-6)


def refuted(task: Task, graph: StageGraph, plans: list[Plan], pairs: list[tuple[list[int], list[int]]]) -> list[Any]:
    """Plans that begin like a dominated label and get worse, or illegal, by beginning like the other one."""
    stages_of = {}
    for plan in plans:
        columns = graph.columns_of(plan.placement)
        if columns is not None:
            stages_of[tuple(c for c in columns if c < graph.stage_count)] = plan.value
    wrong = []
    for one, other in pairs:
        for stages, value in stages_of.items():
            if list(stages[: len(other)]) == other:
                instead = (*one, *stages[len(other) :])
                if instead not in stages_of or stages_of[instead] > value * (1 + 1e-7) + 1e-12:
                    wrong.append((one, other, stages, stages_of.get(instead), value))
    return wrong


@both
@seeds
def test_every_completion_of_a_dominated_label_is_as_good_behind_the_other(
    seed: int, fleet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, plans = drawn_task(seed, fleet=fleet)
    recorder = Recorder()
    interpreted(monkeypatch, recorder)
    relaxed = relaxed_of(task, everything(task), Random(seed))
    assert relaxed is not None
    Labelling(task, relaxed).run(None, MANY)
    assert refuted(task, relaxed.pricing.graph, plans, recorder.pairs) == []


# Ends before the end


@both
@seeds
def test_run_that_sets_too_many_labels_leaves_a_true_bound(seed: int, fleet: bool) -> None:
    task, plans = drawn_task(seed, fleet=fleet)
    best = min(plan.value for plan in plans)
    relaxed = relaxed_of(task, everything(task), Random(seed))
    assert relaxed is not None
    for most in (1, 2, 5, 20):
        found = Labelling(task, relaxed).run(None, most)
        assert found.labels <= most + task.graph.stage_count  # the children of the last label
        for placement in found.plans:
            assert value_of(task, placement) >= best * (1 - SLACK)
        if found.complete:
            assert found.value == pytest.approx(best, rel=1e-6)
        else:
            assert found.bound is not None
            assert min(found.bound, np.inf if found.value is None else found.value) <= best * (1 + 1e-6) + 1e-12


@both
@seeds
@pytest.mark.parametrize("most", [3, MANY])
def test_few_labels_per_cut_give_plans_and_nothing_else(seed: int, fleet: bool, most: int) -> None:
    """No bound; and a proof only where nothing was dropped."""
    task, plans = drawn_task(seed, fleet=fleet)
    best = min(plan.value for plan in plans)
    relaxed = relaxed_of(task, everything(task), Random(seed))
    assert relaxed is not None
    for width in (1, 3):
        found = Labelling(task, relaxed).run(None, most, width)
        for placement in found.plans:
            assert value_of(task, placement) >= best * (1 - SLACK)
        if found.complete:
            assert found.value == pytest.approx(best, rel=1e-6)
        assert found.bound is None
