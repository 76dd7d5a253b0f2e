"""No replay of a 1f1b placement beats its bound."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given

from placement.evaluation import busy_s
from placement.paces import paces_s
from placement.problem import Problem
from placement.replay_bound import replay_bound_s
from placement.stage_graph import build_stage_graph
from tests.placement.examples_for_tests import (
    layer,
    link,
    node,
    passing,
    placed,
    problem_of,
    replayed,
    training,
)
from tests.placement.random_problems import SEEDS, examples, random_problem, some_placements

AB = (("a", 0, 1), ("b", 1, 2))


def two_stages(micro_batches: int, a: tuple[float, float], b: tuple[float, float], wire: float, **more: Any) -> Problem:
    """Forward and backward seconds of both stages; the wire takes `wire` seconds in each direction; U = 0.5 s."""
    layers = [layer(a[0], out=wire, backward=a[1], update=0.5), layer(b[0], backward=b[1], gradient=wire)]
    workload = training(micro_batches, "1f1b", **more)
    return problem_of([node("a"), node("b")], [link("a", "b")], layers, workload)


def bound(problem: Problem) -> float:
    placement = placed(problem, *AB)
    return replay_bound_s(problem, placement, passing(problem, placement))


def test_last_stage_works_without_a_break_at_best() -> None:
    """It begins after 2 + 1 s, works 4 (1 + 3) s, and 1 + 1 s follow."""
    problem = two_stages(4, (2.0, 1.0), (1.0, 3.0), 1.0)
    assert bound(problem) == 3.0 + 16.0 + 2.0 + 0.5


def test_busiest_resource_serves_every_micro_batch() -> None:
    """a: 4 (5 + 4) s, more than 5 + 4 + 4 x 2 s through the last stage."""
    problem = two_stages(4, (5.0, 4.0), (1.0, 1.0), 0.0)
    assert bound(problem) == 36.0 + 0.5


def test_one_micro_batch_passes_everything() -> None:
    problem = two_stages(1, (2.0, 1.0), (1.0, 3.0), 1.0)
    assert bound(problem) == 4.0 + 5.0 + 0.5


@pytest.mark.parametrize(("warmup", "latency"), [("classic", 22.0), ("deep", 19.0)])
def test_deep_warmup_can_reach_the_bound_where_the_classic_one_does_not(warmup: str, latency: float) -> None:
    problem = two_stages(3, (2.0, 1.0), (1.0, 3.0), 2.0, warmup=warmup)
    assert replayed(problem, placed(problem, *AB)).latency_s == latency + 0.5
    assert bound(problem) == 19.0 + 0.5


def test_other_stage_lets_part_of_its_shorter_pass_be_hidden() -> None:
    """a has both micro-batches in flight before its first backward: 10 + (5 + 4) - 1/2 x 4 s each, M = 3, K = 2."""
    problem = two_stages(3, (5.0, 4.0), (2.0, 2.0), 2.0)
    assert bound(problem) == 17.0 + 2 * (9.0 - 4.0 / 2) + 0.5


def test_hop_is_a_pace_of_its_own() -> None:
    """20 s each way over a full-duplex link, 4 micro-batches: 41 + 3 x 20 s."""
    problem = two_stages(4, (0.25, 0.25), (0.25, 0.25), 20.0)
    assert bound(problem) == 41.0 + 3 * 20.0 + 0.5


@examples(120)
@given(SEEDS)
def test_columns_and_referee_know_the_same_bound(seed: int) -> None:
    problem = random_problem(seed, training=True, schedule="1f1b")
    graph, count = build_stage_graph(problem, merge=False), problem.repetitions
    paces = paces_s(graph)
    for placement in some_placements(problem, Random(seed), 6):
        columns = graph.columns_of(placement)
        if columns is not None:
            passed = passing(problem, placement)
            paced = passed.forward_s + passed.backward_s + (count - 1) * paces[columns].max()
            expected = passed.update_s + max(paced, count * max(busy_s(passed).values()))
            assert replay_bound_s(problem, placement, passed) == pytest.approx(expected, rel=1e-12)


@examples(120)
@given(SEEDS)
def test_no_replay_beats_the_bound(seed: int) -> None:
    problem = random_problem(seed, training=True, schedule="1f1b")
    for placement in some_placements(problem, Random(seed), 6):
        below = replay_bound_s(problem, placement, passing(problem, placement))
        assert replayed(problem, placement).latency_s >= below * (1 - 1e-12)
