"""Any prices bound every plan in the box from below, and no column of a better plan is ever given up."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest

from placement.backends.base import Box, Task
from placement.bounds import time_range
from placement.boxes import Shape, shape_of, within
from placement.branching import _Branching
from placement.constraints import Limits
from placement.lagrangian import Prices, Pricing, Relaxed
from placement.problem import Problem
from placement.stage_graph import StageGraph
from tests.placement.examples_for_tests import (
    CYCLE,
    ENERGY,
    LATENCY,
    inference,
    layer,
    link,
    node,
    problem_of,
    task_of,
    training,
)
from tests.placement.test_boxes import ADMITTING, Plan, admitting, random_box

SLACK = 1e-9


def pricing_of(task: Task, graph: StageGraph, shape: Shape, box: Box, tracked: tuple[int, ...] = ()) -> Pricing:
    """The relaxation of a box, with the task's limits as branching prices them."""
    limits = _Branching(task, close=None, clock=lambda: 0.0)._additive_limits(graph, shape, box)
    return Pricing(graph, shape, box, limits, tracked)


def random_prices(rng: Random, task: Task, pricing: Pricing, worth: float) -> Prices:
    """Prices of any size; the source's use is free, since it may hold both ends."""

    def drawn(scale: float) -> float:
        return rng.choice((0.0, scale * 10 ** rng.uniform(-2, 1)))

    nodes = np.array([drawn(worth) for _ in range(task.problem.node_count)])
    nodes[task.problem.source] = 0.0
    return Prices(nodes, np.array([drawn(worth / unit) for unit in pricing._units]))


def some_tracked(rng: Random, problem: Problem) -> tuple[int, ...]:
    others = [n for n in range(problem.node_count) if n != problem.source]
    return tuple(rng.sample(others, rng.randint(0, len(others))))


@dataclass(frozen=True)
class Drawn:
    """A random task, a box that holds some plans, and random prices there."""

    task: Task
    inside: list[Plan]
    pricing: Pricing
    prices: Prices
    graph: StageGraph

    @property
    def least(self) -> float:
        return min(plan.value for plan in self.inside)

    def slack(self, prices: Prices) -> float:
        """What rounding may be relative to: the largest terms of which a bound is the difference."""
        worth = max(abs(plan.value) for plan in self.inside)
        return SLACK * (worth + float(prices.node.sum()) + float(prices.quantity @ self.pricing._units))


def drawn(seed: int, *, restricted: bool = True) -> Drawn:
    """The seed's task with a box, its graph restricted to the box or not."""
    rng = Random(seed)
    task, plans = admitting(seed)
    box = random_box(rng, plans)
    inside = [plan for plan in plans if plan.lies_in(box)]
    graph, shape = task.graph, shape_of(task)
    if restricted:
        graph, shape = within(graph, shape, box)
    pricing = pricing_of(task, graph, shape, box, some_tracked(rng, task.problem))
    worth = max(abs(plan.value) for plan in inside) or 1.0
    return Drawn(task, inside, pricing, random_prices(rng, task, pricing, worth), graph)


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("seed", ADMITTING)
def test_any_prices_bound_every_plan_in_the_box(seed: int, restricted: bool) -> None:
    case = drawn(seed, restricted=restricted)
    relaxed = case.pricing.improve(case.prices, None, 1)
    assert relaxed is not None, "the box holds a plan"
    assert relaxed.bound <= case.least + case.slack(case.prices)


@pytest.mark.parametrize("seed", ADMITTING)
def test_no_column_of_a_plan_is_priced_above_the_plan(seed: int) -> None:
    case = drawn(seed)
    relaxed = case.pricing.improve(case.prices, None, 1)
    assert relaxed is not None
    for plan in case.inside:
        columns = case.graph.columns_of(plan.placement)
        assert columns is not None
        assert relaxed.through[columns].max() <= plan.value + case.slack(case.prices)
        assert relaxed.cheapest_without_time <= plan.value + case.slack(case.prices)


@pytest.mark.parametrize("seed", ADMITTING)
def test_improved_prices_bound_every_plan_no_less_than_the_first(seed: int) -> None:
    case = drawn(seed)
    first = case.pricing.improve(case.pricing.start(), None, 1)
    later = case.pricing.improve(case.pricing.start(), None, 30)
    assert first is not None
    assert later is not None
    assert first.bound <= later.bound <= case.least + case.slack(later.prices)


@pytest.mark.parametrize("seed", ADMITTING)
def test_box_is_given_up_only_where_no_plan_beats_the_target(seed: int) -> None:
    case = drawn(seed)
    target = case.least * Random(seed).choice((0.7, 0.99, 1.01, 1.5))
    if case.pricing.improve(case.pricing.start(), target, 30) is None:
        assert target <= case.least + case.slack(case.prices)


# By hand


def everything(task: Task, low: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Box:
    times = time_range(task.graph)
    assert times is not None
    return Box(low, (times.longest_s,) * 3, (0, task.problem.layer_count))


def bound_of(task: Task, box: Box, tracked: tuple[int, ...] = (), steps: int = 120) -> Relaxed:
    shape = shape_of(task)
    pricing = pricing_of(task, task.graph, shape, box, tracked)
    relaxed = pricing.improve(pricing.start(), None, steps)
    assert relaxed is not None
    return relaxed


def zigzag() -> Problem:
    """On a 1, 10, 1, 10 s, on b 10, 1, 10, 1 s, on the source c 100 s each, nothing to send.

    A walk a-b-a-b takes 4 s, but a plan uses each node once: 1 s on a, then 1 + 10 + 1 s on b.
    """
    times = [{"a": 1.0, "b": 10.0, "c": 100.0}, {"a": 10.0, "b": 1.0, "c": 100.0}] * 2
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    return problem_of(
        [node("a"), node("b"), node("c")], [link(*pair) for pair in pairs],
        [{"forward": {"time_s": time}} for time in times], {"kind": "inference", "source": "c"},
    )  # fmt: skip


def test_without_prices_the_bound_is_the_cheapest_walk() -> None:
    task = task_of(zigzag())
    assert bound_of(task, everything(task), steps=1).bound == pytest.approx(4.0)


def test_prices_on_nodes_lift_the_bound_towards_the_plan() -> None:
    task = task_of(zigzag())
    relaxed = bound_of(task, everything(task))
    assert 6.0 <= relaxed.bound <= 13.0 + SLACK
    assert relaxed.prices.node[:2].max() > 0


def test_remembering_every_node_makes_the_bound_the_optimum() -> None:
    task = task_of(zigzag())
    assert bound_of(task, everything(task), tracked=(0, 1)).bound == pytest.approx(13.0)


def test_idle_power_counts_for_the_boxs_shortest_cycle() -> None:
    """a computes 3 s at 2 W idle and 4 W busy: 6 J above idle; at T >= 3 s idle costs 6 J, in a box from 0 nothing."""
    problem = problem_of([node("a", idle_power_w=2.0, busy_power_w=4.0)], [], [layer(3.0)], inference(concurrency=2))
    task = task_of(problem, ENERGY)
    free = bound_of(task, everything(task), steps=1)
    assert free.bound == pytest.approx(9.0)  # T >= F / 2 = 1.5 s by the first price
    assert bound_of(task, everything(task, (3.0, 0.0, 0.0))).bound == pytest.approx(12.0)


def test_peak_counts_with_the_lowest_of_the_box() -> None:
    """Two stages of 2 + 2 s, M = 5: F + B = 8 s, and 4 (low + low) s more."""
    layers = [layer(2.0, backward=2.0, weight=600.0) for _ in range(2)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training(5, "gpipe"))
    task = task_of(problem)
    assert bound_of(task, everything(task)).bound == pytest.approx(8.0)
    assert bound_of(task, everything(task, (0.0, 2.0, 2.0))).bound == pytest.approx(24.0)


def shared_medium(**workload: object) -> Problem:
    """Cut in three, each cut of 4 s over the same radio: it is busy for 8 s per request."""
    nodes = [node(name, memory_bytes=10.0) for name in "abc"]
    links = [link("a", "b", medium="wifi"), link("b", "c", medium="wifi"), link("a", "c", medium="wifi")]
    layers = [layer(1.0, out=4.0, weight=10.0), layer(1.0, out=4.0, weight=10.0), layer(1.0, weight=10.0)]
    return problem_of(nodes, links, layers, inference(**workload))


def test_medium_that_carries_both_hand_overs_bounds_the_cycle_by_their_sum() -> None:
    """F = 11 s over four streams would be 2.75 s; the medium alone takes 8 s."""
    task = task_of(shared_medium(concurrency=4), CYCLE)
    assert bound_of(task, everything(task), tracked=(1, 2)).bound == pytest.approx(8.0, rel=1e-3)


def test_limit_is_priced_until_the_dearer_plan_shows() -> None:
    """Alone 8 s and 16 J; cut 6 s and 28 J. At most 20 J: a mixture of both reaches 8 - 2 x 4 / 12 s, no plan does."""
    problem = problem_of(
        [node("a", busy_power_w=2.0), node("b", speed=4.0, busy_power_w=20.0)], [link("a", "b")],
        [layer(4.0, out=1.0), layer(4.0)], input_bytes=100.0,
    )  # fmt: skip
    task = task_of(problem, LATENCY, Limits(energy_j=20.0))
    relaxed = bound_of(task, everything(task, (6.0, 0.0, 0.0)), tracked=(1,))
    assert relaxed.bound == pytest.approx(8.0 - 2.0 * 4.0 / 12.0, rel=1e-2)


def test_no_path_is_no_relaxation() -> None:
    problem = problem_of([node("a", memory_bytes=1.0)], [], [layer(weight=2.0)])
    task = task_of(problem)
    pricing = pricing_of(task, task.graph, shape_of(task), Box((0.0,) * 3, (9.0,) * 3, (0, 1)))
    assert pricing.improve(pricing.start(), None, 5) is None
    assert pricing.cheapest_path(pricing.start()) is None
