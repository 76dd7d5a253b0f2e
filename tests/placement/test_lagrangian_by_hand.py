"""Bounds by prices on cases that can be checked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from placement.backends.base import Box, Task
from placement.bounds import Memory, Sweep, time_range, widened
from placement.boxes import shape_of
from placement.constraints import Limits
from placement.lagrangian import Relaxed
from placement.problem import Problem
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
from tests.placement.test_boxes import SLACK
from tests.placement.test_lagrangian import duals_of, pricing_of


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


def test_time_keeps_its_price_where_nothing_else_is_paid_for() -> None:
    """Walks longer than the box would have it dearer: with a price beyond its cost the bound never came back."""
    assert bound_of(task_of(zigzag()), everything(task_of(zigzag()), cycle_s=5.0)).duals.quantity[0] == 1.0


def one_idle_node() -> Task:
    """a computes 3 s at 2 W idle and 4 W busy: 6 J above idle, 6 J idle in T = 3 s."""
    node_a = node("a", idle_power_w=2.0, busy_power_w=4.0)
    return task_of(problem_of([node_a], [], [layer(3.0)], inference(concurrency=2)), ENERGY)


def priced(task: Task, low: tuple[float, float] = (0.0, 0.0), cycle_s: float | None = None, **parts: Any) -> Relaxed:
    """The bound under the given prices and no others."""
    box = everything(task, low, cycle_s)
    pricing = pricing_of(task, task.graph, shape_of(task), box, Memory.none(task.graph), counts_loads=True)
    relaxed = pricing.improve(duals_of(pricing, **parts), None, 1)
    assert relaxed is not None
    return relaxed


def test_idle_power_of_the_source_counts_for_the_boxs_shortest_cycle() -> None:
    task = one_idle_node()
    assert priced(task).bound == pytest.approx(6.0)
    assert priced(task, (2.0, 0.0)).bound == pytest.approx(6.0 + 2.0 * 2.0)


def test_priced_time_counts_what_t_is_no_less_than() -> None:
    """F / 2 = 1.5 s for two streams, or the node's own 3 s."""
    task = one_idle_node()
    assert priced(task, quantity=[2.0]).bound == pytest.approx(6.0 + 2.0 * 1.5)
    assert priced(task, load=[2.0]).bound == pytest.approx(12.0)


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
    relaxed = priced(task, (2.0, 0.0), 10.0, quantity=[1.0 + 8.0 * share], share=[share])
    assert (relaxed.pricing.terms.awake_low, relaxed.pricing.terms.awake_high) == pytest.approx((1.0, 9.0))
    assert relaxed.bound == pytest.approx(10.0)
    assert sorted(relaxed.through) == pytest.approx([10.0, 18.0])


@pytest.mark.parametrize(("share", "value"), [(0.0, 2.0), (0.5, -30.0), (1.0, -62.0)])
def test_cycle_without_a_price_counts_with_the_shortest_of_the_box(share: float, value: float) -> None:
    """On b, W = 1 W and T counted as 2 s: 2 W + 2 - 2 = 2 J; 10 W + 18 - 90 = -62 J; half and half -30 J."""
    assert priced(two_speeds(), (2.0, 0.0), 10.0, share=[share]).bound == pytest.approx(value)


def test_peak_counts_with_the_lowest_of_the_box() -> None:
    """Two stages of 2 + 2 s on b and c, M = 5, time priced with its weight: F + B = 8 s, and 4 times the peak more."""
    layers = [layer(2.0, backward=2.0, weight=600.0) for _ in range(2)]
    nodes = [node("a", memory_bytes=1.0), node("b"), node("c")]
    links = [link(*pair) for pair in ("ab", "bc", "ac")]
    task = task_of(problem_of(nodes, links, layers, training(5, "gpipe")))
    assert priced(task, quantity=[1.0]).bound == pytest.approx(8.0)
    assert priced(task, (0.0, 3.0), quantity=[1.0]).bound == pytest.approx(8.0 + 4 * 3.0)


def test_loads_share_the_weight_of_the_peak_among_the_nodes_that_cause_it() -> None:
    """The same: 4 z is at least b's 4 s at half of it and c's 4 s at the other half."""
    layers = [layer(2.0, backward=2.0, weight=600.0) for _ in range(2)]
    nodes = [node("a", memory_bytes=1.0), node("b"), node("c")]
    task = task_of(problem_of(nodes, [link(*pair) for pair in ("ab", "bc", "ac")], layers, training(5, "gpipe")))
    assert priced(task, quantity=[1.0], load=[0.0, 2.0, 2.0]).bound == pytest.approx(24.0)


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
