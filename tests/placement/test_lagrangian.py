"""Any prices bound every plan in the box from below, and no column or state of a better plan is ever given up."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest

from placement.backends.base import Axis, Box, Task
from placement.bounds import Memory, Sweep, time_range, widened
from placement.boxes import Shape, shape_of, within
from placement.branching import _Branching
from placement.constraints import Limits
from placement.kernels.pricing import Duals
from placement.lagrangian import Pricing, Relaxed
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
from tests.placement.test_boxes import ADMITTING, SLACK, Plan, admitting, random_box
from tests.placement.walks import random_memory, states_on_the_way


def pricing_of(
    task: Task, graph: StageGraph, shape: Shape, box: Box, memory: Memory, target: float | None = None
) -> Pricing:
    """The relaxation of a box, with the task's limits as branching prices them."""
    limits = _Branching(task, close=None, clock=lambda: 0.0)._additive_limits(graph, shape, box)
    return Pricing(graph, shape, box, limits, memory, target)


def random_duals(rng: Random, pricing: Pricing, worth: float) -> Duals:
    """Prices of any size and any share; the source's use is free, since it may hold both ends."""

    def drawn(scale: float) -> float:
        return rng.choice((0.0, scale * 10 ** rng.uniform(-2, 1)))

    nodes = np.array([drawn(worth) if capacity else 0.0 for capacity in pricing.terms.capacity])
    quantities = np.array([drawn(worth / unit) for unit in pricing.terms.unit])
    return Duals(nodes, quantities, np.array([rng.choice((0.0, 0.5, 1.0, rng.random()))]))


@dataclass(frozen=True)
class Drawn:
    """A random task, a box that holds some plans, walks that remember something, and random prices there."""

    task: Task
    inside: list[Plan]
    pricing: Pricing
    duals: Duals
    graph: StageGraph

    @property
    def least(self) -> float:
        return min(plan.value for plan in self.inside)

    def slack(self, duals: Duals) -> float:
        """What rounding may be relative to: the largest terms of which a bound is the difference."""
        terms = self.pricing.terms
        worth = max(abs(plan.value) for plan in self.inside)
        priced = float(duals.node @ terms.capacity) + float(duals.quantity @ terms.unit)
        reach = terms.high[: len(Axis)].max() * (duals.quantity.sum() + terms.energy_weight * terms.awake_high)
        return SLACK * (worth + priced + float(reach))


def drawn(seed: int, *, restricted: bool = True) -> Drawn:
    """The seed's task with a box, its graph restricted to the box or not."""
    rng = Random(seed)
    task, plans = admitting(seed)
    box = random_box(rng, plans)
    inside = [plan for plan in plans if plan.lies_in(box)]
    graph, shape = task.graph, shape_of(task)
    if restricted:
        graph, shape = within(graph, shape, box)
    pricing = pricing_of(task, graph, shape, box, random_memory(rng, graph))
    worth = max(abs(plan.value) for plan in inside) or 1.0
    return Drawn(task, inside, pricing, random_duals(rng, pricing, worth), graph)


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("seed", ADMITTING)
def test_any_prices_bound_every_plan_in_the_box(seed: int, restricted: bool) -> None:
    case = drawn(seed, restricted=restricted)
    relaxed = case.pricing.improve(case.duals, None, 1)
    assert relaxed is not None, "the box holds a plan"
    assert relaxed.bound <= case.least + case.slack(case.duals)


@pytest.mark.parametrize("seed", ADMITTING)
def test_no_column_of_a_plan_is_priced_above_the_plan(seed: int) -> None:
    case = drawn(seed)
    relaxed = case.pricing.improve(case.duals, None, 1)
    assert relaxed is not None
    for plan in case.inside:
        columns = case.graph.columns_of(plan.placement)
        assert columns is not None
        assert relaxed.through[columns].max() <= plan.value + case.slack(case.duals)


@pytest.mark.parametrize("seed", ADMITTING)
def test_states_that_a_cheaper_plan_passes_are_marked(seed: int) -> None:
    case = drawn(seed)
    relaxed = case.pricing.improve(case.duals, None, 1)
    assert relaxed is not None
    for plan in case.inside:
        marks = relaxed.below(plan.value + case.slack(case.duals))
        for side, cut, state in states_on_the_way(case.graph, case.pricing.sweep.memory, plan.placement):
            assert getattr(marks, side)[cut, state]


@pytest.mark.parametrize("seed", ADMITTING)
def test_improved_prices_bound_every_plan_no_less_than_the_first(seed: int) -> None:
    case = drawn(seed)
    first = case.pricing.improve(case.pricing.start(), None, 1)
    later = case.pricing.improve(case.pricing.start(), None, 60)
    assert first is not None
    assert later is not None
    assert first.bound <= later.bound <= case.least + case.slack(later.duals)
    assert 0 <= later.duals.share[0] <= 1
    assert min(later.duals.node.min(), later.duals.quantity.min()) >= 0


@pytest.mark.parametrize("seed", ADMITTING)
def test_box_is_given_up_only_where_no_plan_beats_the_target(seed: int) -> None:
    """The target also bounds W from above, and with it the estimate of W T."""
    rng = Random(seed)
    case = drawn(seed)
    target = case.least * rng.choice((0.7, 0.99, 1.01, 1.5))
    pricing = pricing_of(case.task, case.graph, case.pricing.shape, case.pricing.box, case.pricing.sweep.memory, target)
    relaxed = pricing.improve(pricing.start(), target, 60)
    if target > case.least + case.slack(case.duals):
        assert relaxed is not None
        assert relaxed.bound <= case.least + case.slack(relaxed.duals)


@pytest.mark.parametrize("seed", ADMITTING)
def test_walks_that_remember_more_bound_no_less_under_the_same_prices(seed: int) -> None:
    case = drawn(seed)
    graph, pricing = case.graph, case.pricing
    relaxed = pricing.improve(case.duals, None, 1)
    assert relaxed is not None
    wider = widened(pricing.sweep.memory, [relaxed.walk, *relaxed.cyclic], graph, 8)
    again = pricing_of(case.task, graph, pricing.shape, pricing.box, wider).improve(case.duals, None, 1)
    assert again is not None
    assert relaxed.bound - case.slack(case.duals) <= again.bound <= case.least + case.slack(case.duals)


@pytest.mark.parametrize("seed", ADMITTING)
def test_walks_that_are_plans_use_no_node_too_often(seed: int) -> None:
    case = drawn(seed)
    relaxed = case.pricing.improve(case.pricing.start(), None, 60)
    assert relaxed is not None
    graph, source = case.graph, case.task.problem.source
    for walks, legal in ((relaxed.plans, True), (relaxed.cyclic, False)):
        for walk in walks:
            uses = np.bincount(graph.node[walk[walk < graph.stage_count]], minlength=len(graph.capacity))
            uses[source] = 0
            assert (uses <= graph.capacity).all() == legal


# By hand


def everything(task: Task, low: tuple[float, float] = (0.0, 0.0), cycle_s: float | None = None) -> Box:
    times = time_range(task.graph)
    assert times is not None
    high = times.longest_s if cycle_s is None else cycle_s
    return Box(low, (high, 2 * times.longest_s), (0, task.problem.layer_count))


def bound_of(task: Task, box: Box, memory: Memory | None = None, steps: int = 300) -> Relaxed:
    shape = shape_of(task)
    pricing = pricing_of(task, task.graph, shape, box, memory or Memory.none(task.graph))
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
    assert relaxed.duals.node[:2].max() > 0


def test_neighbourhoods_that_forbid_the_zigzag_make_the_bound_the_optimum() -> None:
    """a remembers b and b remembers a: what is left of the walks are plans."""
    task = task_of(zigzag())
    memory = Memory.none(task.graph)
    memory = widened(memory, [bound_of(task, everything(task), steps=1).walk], task.graph, 8)
    assert memory.near == ((1,), (0,), ())
    assert bound_of(task, everything(task), memory).bound == pytest.approx(13.0)


def one_idle_node() -> Task:
    """a computes 3 s at 2 W idle and 4 W busy: 6 J above idle, 6 J idle in T = 3 s."""
    node_a = node("a", idle_power_w=2.0, busy_power_w=4.0)
    return task_of(problem_of([node_a], [], [layer(3.0)], inference(concurrency=2)), ENERGY)


def test_idle_power_of_the_source_counts_for_the_boxs_shortest_cycle() -> None:
    task = one_idle_node()
    free = bound_of(task, everything(task), steps=1)
    assert free.bound == pytest.approx(9.0)  # T >= F / 2 = 1.5 s by the first price
    assert bound_of(task, everything(task, (3.0, 0.0))).bound == pytest.approx(12.0)


def two_speeds() -> Task:
    """Source a draws nothing and may run nothing. b takes 10 s at 1 W, idle or busy, c 2 s at 9 W: 10 or 18 J."""
    times = [{"a": 1000.0, "b": 10.0, "c": 2.0}]
    problem = problem_of(
        [node("a"), node("b", idle_power_w=1.0, busy_power_w=1.0), node("c", idle_power_w=9.0, busy_power_w=9.0)],
        [link("a", "b"), link("a", "c")], [{"forward": {"time_s": time}} for time in times],
        constraints={"forbidden_nodes": [{"nodes": ["a"]}]},
    )  # fmt: skip
    return task_of(problem, ENERGY)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_product_of_idle_power_and_cycle_is_estimated_from_two_corners_of_the_box(share: float) -> None:
    """T in 2..10 s and W in 1..9 W, T priced with all that it weighs, so that the walk's own T counts.

    mu = 0: 2 W + T - 2: 2 + 10 - 2 = 10 J on b, 18 + 2 - 2 = 18 J on c.
    mu = 1: 10 W + 9 T - 90: 10 + 90 - 90 = 10 J on b, 90 + 18 - 90 = 18 J on c.
    Both plans lie on corners of the box, where every estimate is exact.
    """
    task = two_speeds()
    pricing = pricing_of(task, task.graph, shape_of(task), everything(task, (2.0, 0.0), 10.0), Memory.none(task.graph))
    assert (pricing.terms.awake_low, pricing.terms.awake_high) == pytest.approx((1.0, 9.0))
    relaxed = pricing.improve(Duals(np.zeros(3), np.array([1.0 + 8.0 * share]), np.array([share])), None, 1)
    assert relaxed is not None
    assert relaxed.bound == pytest.approx(10.0)
    assert sorted(relaxed.through) == pytest.approx([10.0, 18.0])


@pytest.mark.parametrize(("share", "value"), [(0.0, 2.0), (0.5, -30.0), (1.0, -62.0)])
def test_cycle_without_a_price_counts_with_the_shortest_of_the_box(share: float, value: float) -> None:
    """On b, W = 1 W and T counted as 2 s: 2 W + 2 - 2 = 2 J; 10 W + 18 - 90 = -62 J; half and half -30 J."""
    task = two_speeds()
    pricing = pricing_of(task, task.graph, shape_of(task), everything(task, (2.0, 0.0), 10.0), Memory.none(task.graph))
    relaxed = pricing.improve(Duals(np.zeros(3), np.zeros(1), np.array([share])), None, 1)
    assert relaxed is not None
    assert relaxed.bound == pytest.approx(value)


def test_peak_counts_with_the_lowest_of_the_box() -> None:
    """Two stages of 2 + 2 s on b and c, M = 5: F + B = 8 s, and 4 times the peak more."""
    layers = [layer(2.0, backward=2.0, weight=600.0) for _ in range(2)]
    nodes = [node("a", memory_bytes=1.0), node("b"), node("c")]
    links = [link(*pair) for pair in ("ab", "bc", "ac")]
    task = task_of(problem_of(nodes, links, layers, training(5, "gpipe")))
    assert bound_of(task, everything(task)).bound == pytest.approx(8.0)
    assert bound_of(task, everything(task, (0.0, 4.0))).bound == pytest.approx(24.0)


def test_load_of_the_source_is_priced_since_its_two_stages_add_up() -> None:
    """Two stages of 2 + 2 s on a and b, M = 5: the load of a alone stands for the peak, in any box."""
    layers = [layer(2.0, backward=2.0, weight=600.0) for _ in range(2)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training(5, "gpipe"))
    task = task_of(problem)
    assert bound_of(task, everything(task)).bound == pytest.approx(24.0)


def shared_medium(**workload: object) -> Problem:
    """Cut in three, each cut of 4 s over the same radio: it is busy for 8 s per request."""
    nodes = [node(name, memory_bytes=10.0) for name in "abc"]
    links = [link("a", "b", medium="wifi"), link("b", "c", medium="wifi"), link("a", "c", medium="wifi")]
    layers = [layer(1.0, out=4.0, weight=10.0), layer(1.0, out=4.0, weight=10.0), layer(1.0, weight=10.0)]
    return problem_of(nodes, links, layers, inference(**workload))


def test_medium_that_carries_both_hand_overs_bounds_the_cycle_by_their_sum() -> None:
    """F = 11 s over four streams would be 2.75 s; the medium alone takes 8 s."""
    task = task_of(shared_medium(concurrency=4), CYCLE)
    assert bound_of(task, everything(task), Memory.all(task.graph)).bound == pytest.approx(8.0, rel=1e-3)


def test_limit_is_priced_until_the_dearer_plan_shows() -> None:
    """Alone 8 s and 16 J; cut 6 s and 28 J. At most 20 J: a mixture of both reaches 8 - 2 x 4 / 12 s, no plan does."""
    problem = problem_of(
        [node("a", busy_power_w=2.0), node("b", speed=4.0, busy_power_w=20.0)], [link("a", "b")],
        [layer(4.0, out=1.0), layer(4.0)], input_bytes=100.0,
    )  # fmt: skip
    task = task_of(problem, LATENCY, Limits(energy_j=20.0))
    relaxed = bound_of(task, everything(task, (6.0, 0.0)), Memory.all(task.graph))
    assert relaxed.bound == pytest.approx(8.0 - 2.0 * 4.0 / 12.0, rel=1e-2)


def test_no_path_is_no_relaxation() -> None:
    problem = problem_of([node("a", memory_bytes=1.0)], [], [layer(weight=2.0)])
    task = task_of(problem)
    box = Box((0.0, 0.0), (9.0, 9.0), (0, 1))
    pricing = pricing_of(task, task.graph, shape_of(task), box, Memory.none(task.graph))
    assert pricing.improve(pricing.start(), None, 5) is None


def test_rise_that_is_stopped_keeps_a_true_bound() -> None:
    task = task_of(zigzag())
    shape = shape_of(task)
    pricing = pricing_of(task, task.graph, shape, everything(task), Memory.none(task.graph))
    relaxed = pricing.improve(pricing.start(), None, 300, stopped=lambda: True)
    assert relaxed is not None
    assert relaxed.bound <= 13.0 + SLACK
    assert Sweep.forgetful(task.graph).shortest(relaxed.cost) > 0
    assert pricing.steps_taken <= 20
