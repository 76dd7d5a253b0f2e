"""Label setting on cases that can be checked by hand: each is lost by a rule of dominance that forgets something."""

from __future__ import annotations

from typing import Any

import pytest

from placement.backends.base import Task
from placement.bounds import Memory
from placement.boxes import shape_of
from placement.constraints import Limits
from placement.labelling import Labelling
from tests.placement.examples_for_tests import (
    CYCLE,
    ENERGY,
    inference,
    layer,
    link,
    named,
    node,
    problem_of,
    scored,
    task_of,
    training,
)
from tests.placement.test_boxes import plans_of
from tests.placement.test_labelling import MANY, everything
from tests.placement.test_lagrangian import pricing_of


def solved(task: Task) -> tuple[list[tuple[str, int, int]], float]:
    pricing = pricing_of(task, task.graph, shape_of(task), everything(task), Memory.none(task.graph))
    relaxed = pricing.improve(pricing.start(), None, 30)
    assert relaxed is not None
    found = Labelling(task, relaxed).run(None, MANY)
    assert found.complete
    assert found.value is not None
    return named(task.problem, found.plans[-1]), found.value


def triangle(layers: list[dict[str, Any]], workload: dict[str, Any] | None = None, **fields: Any) -> Any:
    """Nodes a (the source), b and c, all linked; fields by node name."""
    rules = fields.pop("rules", {})
    nodes = [node(name, **fields.get(name, {})) for name in "abc"]
    return problem_of(nodes, [link(p, q) for p, q in ("ab", "bc", "ac")], layers, workload or inference(), **rules)


SMALL = {"memory_bytes": 1.0}
UNIFORM = [layer(1.0, weight=1.0) for _ in range(3)]
PINNED_TO_C = {"constraints": {"pinned": {"1": "c"}}, "privacy": {"tail_layers": 1}}


def test_idle_power_of_a_tail_that_shares_the_heads_node_is_paid_once() -> None:
    """Behind c, b - c draws 0.5 W and a - c 1 W. With the tail on a it is 1.5 W against 1 W, over T = 3 s.

    c has memory for the layer pinned to it only.
    """
    level = {"name": "on", "compute_flops_per_s": 1.0, "idle_power_w": 1.0, "busy_power_w": 1.0}
    problem = triangle(
        UNIFORM, a={"operating_points": [level], "idle_power_w": 0.0}, b={"idle_power_w": 0.5, "busy_power_w": 0.5},
        c=SMALL, rules=PINNED_TO_C,
    )  # fmt: skip
    assert scored(problem, ("b", 0, 1), ("c", 1, 2), ("a", 2, 3)).energy_j == pytest.approx(4.5)
    assert solved(task_of(problem, ENERGY)) == ([("a", 0, 1), ("c", 1, 2), ("a", 2, 3)], pytest.approx(3.0))


def test_cheaper_start_that_uses_up_the_better_node_does_not_dominate() -> None:
    """Behind the source's middle layer b is quick and c slow: starting on b saves 1 s and costs 8 s."""
    times = [{"a": 9.0, "b": 1.0, "c": 2.0}, {"a": 1.0, "b": 50.0, "c": 50.0}, {"a": 50.0, "b": 1.0, "c": 10.0}]
    problem = triangle([{"forward": {"time_s": time}} for time in times])
    assert solved(task_of(problem)) == ([("c", 0, 1), ("a", 1, 2), ("b", 2, 3)], 4.0)


@pytest.mark.parametrize(("micro_batches", "start", "value"), [(1, "b", 16.0), (2, "d", 22.0), (11, "d", 58.0)])
def test_earlier_start_with_a_higher_peak_pays_for_it_in_every_further_micro_batch(
    micro_batches: int, start: str, value: float
) -> None:
    """Layer 0 takes 4 + 4 s on b, or 2 + 2 s on d and 3 + 3 s on its way from there; layers 1 and 2 2 + 2 s on c, e.

    From b 16 + (M - 1) (4 + 4) s, from d 18 + (M - 1) (2 + 2) s.
    """
    nodes = [node(name, memory_bytes=size) for name, size in (("a", 0.5), ("b", 1.0), ("c", 1.0), ("e", 1.0))]
    nodes += [node("d", memory_bytes=1.0, speed=2.0)]
    links = [link("a", name) for name in "bcde"]
    links += [link("b", "c"), link("d", "c", latency_s=3.0), link("c", "e")]
    layers = [layer(size, backward=size, weight=1.0) for size in (4.0, 2.0, 2.0)]
    rules = {"constraints": {"pinned": {"1": "c", "2": "e"}}}
    problem = problem_of(nodes, links, layers, training(micro_batches, "gpipe"), **rules)
    assert solved(task_of(problem)) == ([(start, 0, 1), ("c", 1, 2), ("e", 2, 3)], pytest.approx(value))


def test_quicker_start_of_more_stages_does_not_dominate_where_head_and_tail_would_not_fit_any_more() -> None:
    """1f1b, 50 bytes a layer and 100 per micro-batch in flight. a holds head and tail for S = 3: 350 + 150, not S = 4.

    b has memory for one layer, c for two at depth 2. By b and c layers 1 and 2 take 0.1 + 1 s, but S = 4.
    """
    layers = [layer(1.0, backward=1.0, activation_bytes=100.0, weight=50.0) for _ in range(4)]
    nodes = [node("a", memory_bytes=500.0), node("b", memory_bytes=350.0, speed=10.0), node("c", memory_bytes=500.0)]
    links = [link(*pair) for pair in ("ab", "ac", "bc")]
    rules = {"privacy": {"head_layers": 1, "tail_layers": 1}}
    problem = problem_of(nodes, links, layers, training(4, "1f1b"), **rules)
    assert [named(problem, plan.placement) for plan in plans_of(task_of(problem))] == [
        [("a", 0, 1), ("c", 1, 3), ("a", 3, 4)]
    ]
    assert solved(task_of(problem))[0] == [("a", 0, 1), ("c", 1, 3), ("a", 3, 4)]


def test_energy_budget_keeps_a_dearer_start_that_spares_the_battery() -> None:
    """a may spend 1.5 J at 1 W busy: the head of 1 s and the tail of 1 s are too much; b draws 10 W for its second."""
    problem = triangle(
        UNIFORM, a={"busy_power_w": 1.0, "energy_budget_j": 1.5}, b={"busy_power_w": 10.0}, c=SMALL, rules=PINNED_TO_C
    )  # fmt: skip
    assert solved(task_of(problem, ENERGY)) == ([("b", 0, 1), ("c", 1, 2), ("a", 2, 3)], pytest.approx(11.0))


def test_slower_start_of_less_energy_survives_a_limit_on_energy() -> None:
    """Latency is sought, 12 J are allowed: b takes 0.5 s at 20 W, a 1 s at 1 W; layer 1 on c costs 5 J either way."""
    problem = triangle(
        UNIFORM, a={"busy_power_w": 1.0}, b={"busy_power_w": 20.0, "speed": 2.0}, c={"busy_power_w": 5.0, **SMALL},
        rules=PINNED_TO_C,
    )  # fmt: skip
    plan = [("a", 0, 1), ("c", 1, 2), ("a", 2, 3)]
    assert solved(task_of(problem)) == ([("b", 0, 1), ("c", 1, 2), ("a", 2, 3)], 2.5)
    assert solved(task_of(problem, limits=Limits(energy_j=12.0))) == (plan, 3.0)


def test_medium_remembers_what_every_hand_over_left_on_it() -> None:
    """Many streams: T = max_r f_r is 3 + 3 s by radio all the way, 3 s by cable first and radio then."""
    radio, cable = {"medium": "wifi"}, {}
    pairs = [("a", "b", radio), ("b", "d", radio), ("a", "c", cable), ("c", "d", radio), ("a", "d", cable)]
    nodes = [node(name, memory_bytes=1.0) for name in "abcd"]
    layers = [layer(1.0, out=size, weight=1.0) for size in (3.0, 3.0, 0.0)]
    rules = {"constraints": {"pinned": {"0": "a", "2": "d"}}}
    links = [link(p, q, **kind) for p, q, kind in pairs]
    problem = problem_of(nodes, links, layers, inference(concurrency=100), **rules)
    assert scored(problem, ("a", 0, 1), ("b", 1, 2), ("d", 2, 3)).cycle_s == 6.0
    assert solved(task_of(problem, CYCLE)) == ([("a", 0, 1), ("c", 1, 2), ("d", 2, 3)], pytest.approx(3.0))
