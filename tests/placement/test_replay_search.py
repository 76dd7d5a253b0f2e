"""The search for the best replay agrees with replaying every placement, and its bounds hold wherever it stops."""

from __future__ import annotations

from random import Random

import pytest

from placement.backends.base import LatencyModel, Task
from placement.backends.brute_force import placements
from placement.constraints import Limits
from placement.evaluation import Figures
from placement.feasibility import replayed_figures
from placement.goals import Goal
from placement.neighbours import neighbours
from placement.pipeline import Pipeline
from placement.problem import Problem
from placement.replay_search import ReplaySearch
from placement.stage_graph import build_stage_graph
from tests.placement.examples_for_tests import (
    LATENCY,
    layer,
    link,
    named,
    node,
    placed,
    problem_of,
    replayed,
    task_of,
    training,
)
from tests.placement.random_problems import FACTOR, random_problem

GOALS = (Goal(latency=1.0), Goal(energy=1.0), Goal(cycle=1.0), Goal(latency=1.0, energy=0.5))
SEEDS = range(100 * FACTOR)


def replays(problem: Problem, limits: Limits) -> list[Figures]:
    return [seen for p in placements(problem) if (seen := replayed_figures(problem, p, limits)) is not None]


def random_task(seed: int) -> tuple[Task, float | None]:
    """A 1f1b task, classes merged or not, half of them near a limit; and the best replay of all placements."""
    rng = Random(seed)
    problem, goal, limits = random_problem(seed, training=True, schedule="1f1b"), rng.choice(GOALS), Limits()
    known = replays(problem, limits)
    if known and rng.random() < 0.5:
        name = rng.choice(("latency_s", "energy_j", "cycle_s"))
        limits = Limits(**{name: getattr(rng.choice(known), name) * rng.choice((0.9, 1.0, 1.1))})
    best = min((goal.value(figures) for figures in replays(problem, limits)), default=None)
    return task_of(problem, goal, limits, LatencyModel.REPLAY_BOUND, merge=rng.random() < 0.5), best


@pytest.mark.parametrize("seed", SEEDS)
def test_best_replay_is_that_of_all_placements(seed: int) -> None:
    task, best = random_task(seed)
    search = ReplaySearch(task)
    search.run(100_000, lambda: False)
    assert search.settled
    assert search.value == (None if best is None else pytest.approx(best, rel=1e-9))


@pytest.mark.parametrize("seed", SEEDS)
def test_bound_holds_after_every_step(seed: int) -> None:
    task, best = random_task(seed)
    search = ReplaySearch(task)
    for _ in range(40):
        assert best is None or search.bound <= best * (1 + 1e-12)
        search.run(1, lambda: False)


def chain(micro_batches: int, warmup: str) -> Problem:
    """Three nodes and layers; full-duplex links take 1 s forwards, 2 s backwards and 0.5 s of propagation."""
    layers = [layer(2.0, out=1.0, backward=3.0, gradient=2.0, update=1.0) for _ in range(3)]
    links = [link(*pair, latency_s=0.5) for pair in ("ab", "bc", "ac")]
    workload = training(micro_batches, "1f1b", warmup=warmup)
    return problem_of([node("a"), node("b", speed=2.0), node("c")], links, layers, workload)


@pytest.mark.parametrize("warmup", ["classic", "deep"])
@pytest.mark.parametrize("micro_batches", [1, 2, 5, 9])
def test_pipeline_of_a_whole_plan_without_contention_is_its_replay(micro_batches: int, warmup: str) -> None:
    problem = chain(micro_batches, warmup)
    graph = build_stage_graph(problem, merge=False)
    placement = placed(problem, ("a", 0, 1), ("b", 1, 2), ("c", 2, 3))
    columns = graph.columns_of(placement)
    assert columns is not None
    stages, hand_overs = ([c for c in columns if (c < graph.stage_count) == own] for own in (True, False))
    hand_overs.sort(key=lambda c: int(graph.cut[c - graph.stage_count]))
    stages.sort(key=lambda c: int(graph.first[c]))
    ends = Pipeline(graph).end_s(tuple(stages), tuple(hand_overs))
    assert replayed(problem, placement).latency_s == pytest.approx(ends + 1.0)


def test_pipeline_of_two_stages_by_hand() -> None:
    """docs/simulation.md: transfers of 2 s and classic warm-up, 22 s and the update of 2 s."""
    layers = [layer(2.0, out=2.0, backward=1.0), layer(1.0, backward=3.0, gradient=2.0)]
    problem = problem_of([node("a"), node("b")], [link("a", "b")], layers, training(3, "1f1b"))
    graph = build_stage_graph(problem, merge=False)
    columns = graph.columns_of(placed(problem, ("a", 0, 1), ("b", 1, 2)))
    assert columns is not None
    stages = sorted((c for c in columns if c < graph.stage_count), key=lambda c: int(graph.first[c]))
    crossed = tuple(c for c in columns if c >= graph.stage_count)
    assert Pipeline(graph).end_s(tuple(stages), crossed) == 22.0


def test_offered_placements_are_replayed_once() -> None:
    problem = chain(3, "classic")
    search = ReplaySearch(task_of(problem, LATENCY, latency_model=LatencyModel.REPLAY_BOUND))
    alone = placed(problem, ("a", 0, 3))
    search.offer([alone, alone])
    assert search.sizes == {"ends": 0, "replays": 1}
    assert search.value == replayed(problem, alone).latency_s


def test_stopped_search_follows_nothing() -> None:
    search = ReplaySearch(task_of(chain(3, "classic"), LATENCY, latency_model=LatencyModel.REPLAY_BOUND))
    search.run(100, lambda: True)
    assert (search.best, search.sizes["ends"], search.settled) == (None, 0, False)


def test_search_without_room_ends_with_a_bound_that_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placement.replay_search.MOST_ENDS", 2)
    problem = chain(3, "classic")
    search = ReplaySearch(task_of(problem, LATENCY, latency_model=LatencyModel.REPLAY_BOUND))
    search.run(100_000, lambda: False)
    best = min(figures.latency_s for figures in replays(problem, Limits()))
    assert not search.settled
    assert search.sizes["ends"] < 100
    assert 0 < search.bound <= best


def test_neighbours_are_other_placements_of_the_same_layers() -> None:
    problem = chain(3, "classic")
    placement = placed(problem, ("a", 0, 1), ("b", 1, 3))
    found = {tuple(named(problem, near)) for near in neighbours(problem, placement)}
    assert {
        (("a", 0, 2), ("b", 2, 3)),  # the cut moved
        (("b", 0, 1), ("a", 1, 3)),  # swapped
        (("a", 0, 1), ("c", 1, 3)),  # on a free node
        (("b", 0, 3),),  # joined
        (("a", 0, 1), ("b", 1, 2), ("c", 2, 3)),  # halved
    } <= found
    for stages in found:
        edges = [edge for _, first, stop in stages for edge in (first, stop)]
        assert (edges[0], edges[-1]) == (0, 3)
        assert edges[1:-1:2] == edges[2::2]


def test_climb_reaches_the_best_replay_of_its_neighbours() -> None:
    problem = chain(3, "classic")
    search = ReplaySearch(task_of(problem, LATENCY, latency_model=LatencyModel.REPLAY_BOUND))
    search.offer([placed(problem, ("a", 0, 1), ("c", 1, 3))])
    search.climb(lambda: False)
    assert search.best is not None
    near = neighbours(problem, search.best.placement)
    seen = [figures for p in near if (figures := replayed_figures(problem, p, Limits())) is not None]
    assert search.best.value <= min(figures.latency_s for figures in seen)
