"""The textbook formulations: cases to check by hand, agreement with the oracle, and independence."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import placement
from placement.backends.base import LatencyModel, Outcome, Solver, Task
from placement.backends.brute_force import BruteForce
from placement.backends.reference_cp_sat import ReferenceCpSat
from placement.backends.reference_milp import ReferenceMilp
from placement.constraints import Limits
from placement.feasibility import feasible_figures
from placement.objectives import Goal
from placement.reference_formulation import choices_of
from placement.reference_latency import latency_rules, longest_s, round_rules, shortest_s
from tests.placement.examples_for_tests import (
    CYCLE,
    ENERGY,
    LATENCY,
    inference,
    layer,
    link,
    named,
    node,
    problem_of,
    task_of,
    training,
)
from tests.placement.random_problems import random_problem

both = pytest.mark.parametrize("solver", [ReferenceMilp(), ReferenceCpSat()], ids=lambda solver: solver.name)
RELATIVE = 1e-6


def proves(solver: Solver, task: Task, value: float, plan: list[tuple[str, int, int]] | None = None) -> None:
    """The claim is optimal at this value by the referee, with a bound that says so, and perhaps with this plan."""
    claim = solver(task)
    assert claim.outcome is Outcome.OPTIMAL
    assert claim.placement is not None
    figures = feasible_figures(task.problem, claim.placement, task.limits, task.latency_model)
    assert figures is not None
    assert task.goal.value(figures) == pytest.approx(value, rel=RELATIVE)
    assert claim.bound == pytest.approx(value, rel=RELATIVE)
    if plan is not None:
        assert named(task.problem, claim.placement) == plan


@both
def test_relay_is_paid_hop_by_hop_and_occupied_without_overlap(solver: Solver) -> None:
    """a - relay - b: 2 + 2 s to b, 1 + 1 s for the result; the relay receives and sends for 6 s, b computes for 1 s."""
    problem = problem_of(
        [node("a"), node("r", relay=True, overlaps_communication=False), node("b")],
        [link("a", "r"), link("r", "b")],
        [layer(1.0, out=2.0), layer(1.0)],
        inference(concurrency=100),
        result_bytes=1.0,
        constraints={"pinned": {"0": "a", "1": "b"}},
    )
    plan = [("a", 0, 1), ("b", 1, 2)]
    proves(solver, task_of(problem), 1.0 + 4.0 + 1.0 + 2.0, plan)
    proves(solver, task_of(problem, CYCLE), 6.0, plan)


@both
@pytest.mark.parametrize(("medium", "cycle_s"), [(None, 3.0), ("wifi", 5.0)])
def test_shared_medium_adds_up_what_its_links_carry(solver: Solver, medium: str | None, cycle_s: float) -> None:
    """3 s from a to b and 2 s from b to c, apart or on one channel."""
    shared = {} if medium is None else {"medium": medium}
    problem = problem_of(
        [node("a"), node("b"), node("c")],
        [link("a", "b", **shared), link("b", "c", **shared), link("a", "c")],
        [layer(1.0, out=3.0), layer(1.0, out=2.0), layer(1.0)],
        inference(concurrency=100),
        constraints={"pinned": {"0": "a", "1": "b", "2": "c"}},
    )
    proves(solver, task_of(problem, CYCLE), cycle_s)


@both
def test_last_stage_of_a_u_shape_bounds_the_replay_by_its_own_layers_only(solver: Solver) -> None:
    """a: head of 6 s and tail of 1 s, b: 2 s in between, 4 micro-batches. 9 + 3 x 1 < 4 x 7 of the source."""
    layers = [layer(4.0, backward=2.0), layer(1.0, backward=1.0), layer(0.5, backward=0.5)]
    problem = problem_of(
        [node("a"), node("b")], [link("a", "b")], layers, training(4, "1f1b"),
        privacy={"head_layers": 1, "tail_layers": 1}, constraints={"pinned": {"1": "b"}},
    )  # fmt: skip
    proves(solver, task_of(problem, latency_model=LatencyModel.REPLAY_BOUND), 28.0)


@both
def test_last_stage_works_alone_at_the_end_of_every_replay(solver: Solver) -> None:
    """b: layers 1 and 2, 4 s in both directions; 10 s to pass, then 3 x 4 s at b, and a is busy for 4 x 2 s."""
    problem = problem_of(
        [node("a"), node("b")],
        [link("a", "b", latency_s=2.0)],
        [layer(1.0, backward=1.0), layer(1.0, backward=1.0), layer(1.0, backward=1.0)],
        training(4, "1f1b"),
        constraints={"pinned": {"0": "a", "1": "b", "2": "b"}},
    )
    proves(solver, task_of(problem, latency_model=LatencyModel.REPLAY_BOUND), 10.0 + 3 * 4.0)


@both
def test_source_without_a_stage_draws_its_own_idle_power(solver: Solver) -> None:
    """10 s upwards and 1 s at b. The source idles at 2 W without a stage; its saving level idles at 0.5 W."""
    point = {"name": "saving", "compute_flops_per_s": 1.0, "busy_power_w": 0.5, "idle_power_w": 0.5}
    problem = problem_of(
        [node("a", idle_power_w=2.0, operating_points=[point]), node("b")],
        [link("a", "b")],
        [layer(1.0)],
        input_bytes=10.0,
    )
    proves(solver, task_of(problem, ENERGY), 0.5, [("a", 0, 1)])
    away = replace(problem, allowed=problem.allowed & [[False], [True]])
    proves(solver, task_of(away, ENERGY), 22.0, [("b", 0, 1)])


@both
def test_head_and_tail_run_at_one_level(solver: Solver) -> None:
    """2 s at 3 W, or 1 s at 8 W. With 1 s at b in between, a deadline of 2.5 s asks for fast at both ends."""
    points = [
        {"name": "slow", "compute_flops_per_s": 1.0, "busy_power_w": 3.0},
        {"name": "fast", "compute_flops_per_s": 2.0, "busy_power_w": 8.0},
    ]
    problem = problem_of(
        [node("a", operating_points=points), node("b")],
        [link("a", "b")],
        [layer(1.0), layer(1.0), layer(1.0)],
        privacy={"head_layers": 1, "tail_layers": 1},
        constraints={"pinned": {"1": "b"}},
    )
    proves(solver, task_of(problem, ENERGY), 6.0)
    proves(solver, task_of(problem, ENERGY, Limits(latency_s=2.5)), 8.0)


@both
def test_leaking_layer_is_not_shown_to_an_untrusted_node(solver: Solver) -> None:
    """b is ten times as fast, but the output of layer 0 may not reach it."""
    problem = problem_of(
        [node("a", trusted=True), node("b", speed=10.0, trusted=False)],
        [link("a", "b")],
        [layer(1.0), layer(10.0), layer(10.0)],
        privacy={"head_layers": 1, "leakage": [0.9, 0.1, 0.1], "max_leakage": 0.5},
    )
    proves(solver, task_of(problem), 1.0 + 10.0 + 1.0, [("a", 0, 2), ("b", 2, 3)])


@both
@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize("schedule", ["sequential", "gpipe", "1f1b"])
def test_every_schedule_agrees_with_the_oracle_under_mixed_goals(solver: Solver, schedule: str, seed: int) -> None:
    problem = random_problem(seed, training=True, schedule=schedule)
    task = task_of(problem, (LATENCY, Goal(latency=0.1, energy=0.2, cycle=1.0))[seed % 2])
    truth = BruteForce()(task)
    if truth.bound is None:
        assert solver(task).outcome is Outcome.INFEASIBLE
    else:
        proves(solver, task, truth.bound)


@pytest.mark.parametrize("seed", range(20, 40))
def test_every_plan_lies_between_the_shortest_and_the_longest_time(seed: int) -> None:
    task = task_of(random_problem(seed))
    choices = choices_of(task.problem)
    truth = BruteForce()(task)
    if truth.placement is None or choices is None:
        assert truth.placement is None
        return
    figures = feasible_figures(task.problem, truth.placement, task.limits, task.latency_model)
    assert figures is not None
    rules, turns = latency_rules(choices, task.latency_model), round_rules(choices, task.latency_model)
    assert shortest_s(choices, rules) <= figures.latency_s * (1 + RELATIVE)
    assert figures.latency_s <= longest_s(choices, rules) * (1 + RELATIVE)
    assert figures.cycle_s * task.problem.concurrency <= longest_s(choices, turns) * (1 + RELATIVE)


def test_witnesses_know_nothing_of_the_stage_graph() -> None:
    """Neither imports the stage graph nor what is built on it; backends.base names its type only."""
    room = Path(placement.__file__).parent
    allowed = {"backends.base", "constraints", "problem", "routes", "objectives"}
    allowed |= {"reference_formulation", "reference_latency"}
    allowed |= {"backends.milp_running", "backends.cp_sat_running"}
    foreign = {}
    backends = room / "backends"
    files = [*room.glob("reference_*.py"), *backends.glob("reference_*.py"), *backends.glob("*_running.py")]
    for file in sorted(files):
        imported = {
            (statement.module or "").removeprefix("placement.")
            for statement in ast.walk(ast.parse(file.read_text()))
            if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("placement.")
        }
        own = {name for name in imported if name.startswith("backends.reference_")}
        foreign[file.name] = sorted(imported - own - allowed)
    assert {name: modules for name, modules in foreign.items() if modules} == {}
