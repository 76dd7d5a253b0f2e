"""What branching, pricing and reduction answer is what the same backend proves on the whole graph.

These requests are larger than brute force can enumerate, so that boxes are really cut and columns really deleted. Seeds
1420, 1453 and 1454 once lost their optimum: peaks were trimmed as if no shared resource had a price.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import lru_cache
from random import Random

import pytest

from models import PlanRequest
from placement.backends.base import Claim, LatencyModel, Outcome, Solver, Task
from placement.backends.labels import Labels
from placement.backends.milp import Milp
from placement.branching import branch_and_close
from placement.constraints import Limits, limits_of
from placement.cost_model import compile_problem
from placement.evaluation import Figures
from placement.feasibility import feasible_figures
from placement.goals import Goal
from placement.problem import Placement
from placement.stage_graph import build_stage_graph
from tests.placement.instances import random_request

GOALS = (Goal(latency=1.0), Goal(energy=1.0), Goal(cycle=1.0), Goal(latency=1.0, energy=0.5))
MORE = int(os.environ.get("PLACEMENT_TEST_EXAMPLES", "1"))


@lru_cache(maxsize=32)
def random_task(seed: int) -> Task:
    """A task of up to 12 layers and 6 nodes, often with a limit near what its best plan needs."""
    rng = Random(seed)
    problem = compile_problem(PlanRequest.model_validate(random_request(rng, max_layers=14, max_nodes=6)))
    bound_only = problem.replays and rng.random() < 0.3
    task = Task(
        graph=build_stage_graph(problem),
        goal=rng.choice(GOALS),
        limits=limits_of(problem),
        latency_model=LatencyModel.REPLAY_BOUND if bound_only else LatencyModel.FORMULA,
    )
    best = branch_and_close(task, Milp(), time.monotonic).placement
    if best is not None and rng.random() < 0.6:
        figures = figures_of(task, best)
        limit = rng.choice(["latency_s", "energy_j", "cycle_s"])
        at = getattr(figures, limit) * rng.choice([0.9, 1.02, 1.2])
        task = replace(task, limits=Limits(**{limit: at}), goal=rng.choice(GOALS))
    return task


@lru_cache(maxsize=32)
def on_the_whole_graph(seed: int) -> Claim:
    return Milp()(random_task(seed))


def figures_of(task: Task, placement: Placement) -> Figures:
    figures = feasible_figures(task.problem, placement, task.limits, task.latency_model)
    assert figures is not None
    return figures


SEEDS = [1420, 1453, 1454, *range(5000, 5000 + 24 * MORE)]


@pytest.mark.parametrize("closing", [Milp(), Labels()], ids=["milp", "labels"])
@pytest.mark.parametrize("seed", SEEDS)
def test_reduced_boxes_prove_what_the_whole_graph_proves(seed: int, closing: Solver) -> None:
    task = random_task(seed)
    is_the_same(task, branch_and_close(task, closing, time.monotonic), on_the_whole_graph(seed))


@pytest.mark.parametrize("seed", SEEDS[1:12])
def test_labels_prove_on_the_whole_graph_what_milp_proves(seed: int) -> None:
    task = random_task(seed)
    is_the_same(task, Labels()(task), on_the_whole_graph(seed))


def is_the_same(task: Task, claim: Claim, whole: Claim) -> None:
    assert claim.outcome is whole.outcome
    if whole.outcome is Outcome.OPTIMAL:
        assert claim.placement is not None
        assert whole.placement is not None
        best = task.goal.value(figures_of(task, whole.placement))
        assert task.goal.value(figures_of(task, claim.placement)) == pytest.approx(best, rel=2e-6)
        assert claim.bound is not None
        assert claim.bound <= best * (1 + 1e-6)
