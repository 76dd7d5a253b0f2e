"""Any prices bound every plan in the box from below, and no column or state of a better plan is ever given up."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest

from placement.backends.base import Axis, Box, Task
from placement.bounds import Memory, widened
from placement.boxes import Shape, shape_of, within
from placement.cuts import additive_limits
from placement.kernels.pricing import Duals
from placement.lagrangian import Pricing
from placement.stage_graph import StageGraph
from tests.placement.test_boxes import ADMITTING, SLACK, Plan, admitting, random_box
from tests.placement.walks import ascends, random_memory, states_on_the_way


def pricing_of(
    task: Task,
    graph: StageGraph,
    shape: Shape,
    box: Box,
    memory: Memory,
    target: float | None = None,
    *,
    counts_loads: bool = False,
) -> Pricing:
    """The relaxation of a box, with the task's limits as branching prices them."""
    return Pricing(
        graph, shape, box, additive_limits(task, graph, shape, box), memory, target, counts_loads=counts_loads
    )


def random_duals(rng: Random, pricing: Pricing, worth: float) -> Duals:
    """Prices of any size and any share; the source's use is free, since it may hold both ends."""

    def drawn(scale: float) -> float:
        return rng.choice((0.0, scale * 10 ** rng.uniform(-2, 1)))

    nodes = np.array([drawn(worth) if capacity else 0.0 for capacity in pricing.terms.capacity])
    quantities = np.array([drawn(worth / unit) for unit in pricing.terms.unit])
    duals = duals_of(pricing, node=nodes, quantity=quantities, share=[rng.choice((0.0, 0.5, 1.0, rng.random()))])
    return duals._replace(load=np.array([drawn(worth / pricing.terms.load_unit) for _ in nodes]))


def duals_of(pricing: Pricing, **parts: Any) -> Duals:
    """Prices that are zero but for the given parts."""
    nothing = Duals(*(np.zeros_like(part) for part in pricing.start()))
    return nothing._replace(**{name: np.array(part, dtype=np.float64) for name, part in parts.items()})


@dataclass(frozen=True)
class Drawn:
    """A random task, a box that holds some plans, walks that remember something, and random prices there."""

    task: Task
    inside: list[Plan]
    pricing: Pricing
    duals: Duals
    graph: StageGraph

    @property
    def searched(self) -> list[tuple[Plan, list[int]]]:
        """Plans that walks may take, and their columns: their middle stages ascend where their order is free."""
        columns = [(plan, self.graph.columns_of(plan.placement) or []) for plan in self.inside]
        stages = self.graph.stage_count
        return [(plan, own) for plan, own in columns if ascends(self.graph, [c for c in own if c < stages])]

    @property
    def least(self) -> float:
        return min(plan.value for plan in self.inside)

    def slack(self, duals: Duals) -> float:
        """What rounding may be relative to: the largest terms of which a bound is the difference."""
        terms = self.pricing.terms
        worth = max(abs(plan.value) for plan in self.inside)
        priced = float(duals.node @ terms.capacity) + float(duals.quantity @ terms.unit)
        weight = duals.quantity.sum() + duals.load @ terms.members + terms.energy_weight * terms.awake_high
        reach = terms.high[: len(Axis)].max() * weight
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
    pricing = pricing_of(task, graph, shape, box, random_memory(rng, graph), counts_loads=rng.random() < 0.5)
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
    for plan, columns in case.searched:
        assert relaxed.through[columns].max() <= plan.value + case.slack(case.duals)


@pytest.mark.parametrize("seed", ADMITTING)
def test_states_that_a_cheaper_plan_passes_are_marked(seed: int) -> None:
    case = drawn(seed)
    relaxed = case.pricing.improve(case.duals, None, 1)
    assert relaxed is not None
    for plan, _ in case.searched:
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
    assert all(part.min() >= 0 for part in later.duals)


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
    remembering = pricing_of(
        case.task, graph, pricing.shape, pricing.box, wider, counts_loads=pricing.terms.load_axis >= 0
    )
    again = remembering.improve(case.duals, None, 1)
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
