"""Branching proves what enumeration finds, and its bound is true whenever it is asked.

With closes_columns at nothing and hardly any steps, small problems are cut into many boxes too; a coarser NARROW keeps
them countable.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement import branching
from placement.backends.base import Axis, Box, Claim, LatencyModel, Outcome, Solver, Task
from placement.backends.brute_force import BruteForce, placements
from placement.backends.labels import Labels
from placement.backends.milp import Milp
from placement.branching import branch_and_close
from placement.feasibility import feasible_figures
from placement.problem import Placement
from tests.placement.backends.contract import chain_of_choices
from tests.placement.examples_for_tests import CYCLE, ENERGY, LATENCY, layer, link, named, node, problem_of, task_of
from tests.placement.random_problems import SEEDS, examples
from tests.placement.test_merged_graph import random_task as fleet_task
from tests.placement.test_properties import random_task

ROUNDING = 1 + 1e-9
CUT = (12, 26, 47, 59, 64, 78, 79, 94, 102, 119, 128, 172, 187, 213, 227, 272, 299)
"""Seeds whose tasks are cut into several boxes, feasible and not, of every workload and kind of goal."""


class Enumeration:
    """Closes a box by trying every plan that its graph still holds: a plan lost by reduction stays lost."""

    name, version, uses_graph, sets_labels, closes_columns = "enumeration", "0", True, False, 200

    def __call__(self, task: Task) -> Claim:
        best: Placement | None = None
        least = None
        for placement in placements(task.problem):
            if task.graph.columns_of(placement) is not None:
                figures = feasible_figures(task.problem, placement, task.limits, task.latency_model)
                if figures is not None and (least is None or task.goal.value(figures) < least):
                    best, least = placement, task.goal.value(figures)
        return Claim(Outcome.OPTIMAL if best else Outcome.INFEASIBLE, best, least)


class GivingUp:
    """Closes nothing, and says so."""

    name, version, uses_graph, sets_labels, closes_columns = "giving_up", "0", True, False, 200

    def __call__(self, task: Task) -> Claim:
        return Claim(Outcome.STOPPED)


@pytest.fixture
def cuts_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in (Milp, Enumeration, GivingUp):
        monkeypatch.setattr(backend, "closes_columns", 0)
    monkeypatch.setattr(branching, "NARROW", 0.05)
    bounds_badly(monkeypatch)


def bounds_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few steps and few labels in search of plans, so that boxes stay open."""
    for name, value in (("FIRST_STEPS", 20), ("NEXT_STEPS", 5), ("FIRST_WIDTH", 1), ("NEXT_WIDTH", 1)):
        monkeypatch.setattr(branching, name, value)


def still() -> float:
    return 0.0


def value_of(task: Task, placement: Placement | None) -> float:
    assert placement is not None
    figures = feasible_figures(task.problem, placement, task.limits, task.latency_model)
    assert figures is not None, "the claimed placement breaks a rule"
    return task.goal.value(figures)


def is_true(task: Task, truth: Claim, claim: Claim) -> None:
    """No claim of more than enumeration finds: no false infeasible, no bound above the optimum, no false optimal."""
    if truth.placement is None:
        assert claim.placement is None
        assert claim.outcome is not Outcome.OPTIMAL
        return
    best = value_of(task, truth.placement)
    assert claim.outcome is not Outcome.INFEASIBLE
    assert claim.bound is None or claim.bound <= best * ROUNDING + 1e-12
    if claim.outcome is Outcome.OPTIMAL:
        assert value_of(task, claim.placement) == pytest.approx(best, rel=1e-6, abs=1e-12)
        assert claim.bound == pytest.approx(best, rel=1e-6, abs=1e-12)


# By hand


def test_plan_by_branching_is_the_one_found_by_hand() -> None:
    """Cut: 4 + 1 + 1 = 6 s, alone 8 s, away 10 + 2 = 12 s."""
    problem = problem_of(
        [node("a"), node("b", speed=4.0)], [link("a", "b")], [layer(4.0, out=1.0), layer(4.0)], input_bytes=10.0
    )
    claim = branch_and_close(task_of(problem), Enumeration(), still)
    assert claim.placement is not None
    assert named(problem, claim.placement) == [("a", 0, 1), ("b", 1, 2)]
    assert claim.outcome is Outcome.OPTIMAL


def test_graph_without_a_path_is_infeasible() -> None:
    problem = problem_of([node("a", memory_bytes=1.0)], [], [layer(weight=2.0)])
    assert branch_and_close(task_of(problem), Enumeration(), still).outcome is Outcome.INFEASIBLE


def test_sizes_tell_of_boxes_and_reduction() -> None:
    task = task_of(chain_of_choices(6, 4))
    sizes = branch_and_close(task, Milp(), still).sizes
    assert sizes["boxes"] >= sizes["closed_boxes"] >= 0
    assert sizes["reduced_stage_arcs"] < task.graph.stage_count


# Boxes


INTERVAL = st.floats(0.0, 1e6).flatmap(lambda low: st.tuples(st.just(low), st.floats(low, 1e7)))


@given(st.tuples(INTERVAL, INTERVAL), st.sampled_from(Axis), st.floats(0.0, 1.0), st.floats(0.0, 1e7))
def test_every_value_of_a_box_lies_in_one_of_its_parts_wherever_it_is_cut(
    ends: tuple[tuple[float, float], ...], axis: Axis, share: float, at_s: float
) -> None:
    lows, highs = zip(*ends, strict=True)
    box = Box(lows, highs, (0, 9))
    lower, upper = box.cut_at(axis, at_s)
    value = min(highs[axis], lows[axis] + share * box.width_s(axis))
    assert value <= lower.high_s[axis] or value >= upper.low_s[axis]
    assert lower.low_s == box.low_s
    assert upper.high_s == box.high_s
    assert all(part.low_s[axis] <= part.high_s[axis] for part in (lower, upper))
    assert all(part.low_s[other] == lows[other] and part.high_s[other] == highs[other]
               for part in (lower, upper) for other in Axis if other != axis)  # fmt: skip


@pytest.mark.parametrize(("fewest", "most"), [(0, 9), (2, 3), (5, 9)])
def test_every_head_of_a_box_lies_in_exactly_one_part(fewest: int, most: int) -> None:
    box = Box((0.0, 0.0), (1.0, 1.0), (fewest, most))
    for head in range(fewest, most):
        parts = box.split_heads(head)
        for h in range(fewest, most + 1):
            assert sum(part.heads[0] <= h <= part.heads[1] for part in parts) == 1


def test_ends_of_a_box_only_close_in() -> None:
    box = Box((2.0, 1.0), (6.0, 9.0), (0, 1))
    assert box.below(Axis.CYCLE, 5.0).high_s == (5.0, 9.0)
    assert box.above(Axis.PEAK, 4.0).low_s == (2.0, 4.0)
    assert box.below(Axis.CYCLE, 7.0) == box.above(Axis.PEAK, 0.5) == box
    assert box.below(Axis.CYCLE, 1.0).high_s == (2.0, 9.0)
    assert box.above(Axis.PEAK, 10.0).low_s == (2.0, 9.0)


# Random requests, every goal, near every limit


@examples(60)
@given(SEEDS)
def test_branching_proves_what_enumeration_finds(seed: int) -> None:
    task, truth = random_task(seed)
    claim = branch_and_close(task, Enumeration(), still)
    assert claim.outcome is truth.outcome
    is_true(task, truth, claim)


@pytest.mark.usefixtures("cuts_everything")
def test_branching_down_to_narrow_boxes_proves_what_enumeration_finds() -> None:
    cut = 0
    for seed in CUT:
        task, truth = random_task(seed)
        claim = branch_and_close(task, Enumeration(), still)
        assert claim.outcome is truth.outcome, seed
        is_true(task, truth, claim)
        cut += claim.sizes["boxes"] > 1
    assert cut >= len(CUT) / 2


@examples(80)
@given(SEEDS)
def test_labels_in_boxes_prove_what_enumeration_finds(seed: int) -> None:
    task, truth = random_task(seed)
    claim = branch_and_close(task, Labels(), still)
    assert claim.outcome is truth.outcome
    is_true(task, truth, claim)


@examples(60)
@given(SEEDS)
def test_labels_in_boxes_of_a_fleet_prove_what_enumeration_finds(seed: int) -> None:
    task = fleet_task(seed)
    truth, claim = BruteForce()(task), branch_and_close(task, Labels(), still)
    assert claim.outcome is truth.outcome
    is_true(task, truth, claim)


@pytest.mark.parametrize("seed", CUT)
def test_few_labels_at_a_time_and_narrow_boxes_prove_what_enumeration_finds(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempts fail, boxes are cut, walks remember more; then twice as many labels are allowed."""
    monkeypatch.setattr(branching, "FIRST_LABELS", 2)
    monkeypatch.setattr(branching, "NARROW", 0.05)
    bounds_badly(monkeypatch)
    task, truth = random_task(seed)
    claim = branch_and_close(replace(task, time_limit_s=60.0), Labels(), time.monotonic)
    assert claim.outcome is truth.outcome
    is_true(task, truth, claim)


@pytest.mark.usefixtures("cuts_everything")
@pytest.mark.parametrize("closing", [Enumeration(), Labels()], ids=["enumeration", "labels"])
@pytest.mark.parametrize("seed", CUT)
def test_bound_never_exceeds_the_optimum_on_the_way(seed: int, closing: Solver) -> None:
    task, truth = random_task(seed)
    reports: list[tuple[float | None, float | None]] = []
    branch_and_close(replace(task, on_progress=lambda v, b: reports.append((v, b))), closing, still)
    if truth.placement is not None:
        best = value_of(task, truth.placement)
        assert reports
        assert all(bound <= best * ROUNDING + 1e-12 for _, bound in reports if bound is not None)
        assert all(value >= best / ROUNDING - 1e-12 for value, _ in reports if value is not None)


@pytest.mark.usefixtures("cuts_everything")
@pytest.mark.parametrize("seed", CUT)
def test_boxes_that_no_backend_closes_leave_an_honest_bound(seed: int) -> None:
    task, truth = random_task(seed)
    claim = branch_and_close(task, GivingUp(), still)
    is_true(task, truth, claim)


@pytest.mark.usefixtures("cuts_everything")
@pytest.mark.parametrize("asked", [0, 1, 2, 3, 5, 9])
def test_cancellation_at_any_moment_leaves_an_honest_claim(asked: int) -> None:
    for seed in CUT:
        task, truth = random_task(seed)
        calls = count()
        claim = branch_and_close(
            replace(task, cancelled=lambda calls=calls: next(calls) >= asked), Enumeration(), still
        )
        is_true(task, truth, claim)


@pytest.mark.usefixtures("cuts_everything")
@pytest.mark.parametrize("ticks", [1.0, 2.0, 4.0, 8.0])
def test_time_limit_at_any_moment_leaves_an_honest_claim(ticks: float) -> None:
    for seed in CUT:
        task, truth = random_task(seed)
        clock = count()
        claim = branch_and_close(replace(task, time_limit_s=ticks), Enumeration(), lambda clock=clock: next(clock))
        is_true(task, truth, claim)


def test_cancelled_from_the_start_keeps_the_hint_and_claims_no_more() -> None:
    task = task_of(chain_of_choices(5, 3))
    hint = next(p for p in placements(task.problem) if feasible_figures(
        task.problem, p, task.limits, LatencyModel.FORMULA))  # fmt: skip
    claim = branch_and_close(replace(task, hint=hint, cancelled=lambda: True), GivingUp(), still)
    assert (claim.outcome, claim.placement) == (Outcome.STOPPED, hint)


@pytest.mark.parametrize("goal", [LATENCY, ENERGY, CYCLE])
def test_asked_gap_ends_the_search_with_a_bound_that_keeps_it(goal: object) -> None:
    task = task_of(chain_of_choices(6, 4), goal, relative_gap=0.5)
    proven = branch_and_close(replace(task, relative_gap=0.0), Milp(), still)
    claim = branch_and_close(task, Milp(), still)
    assert claim.bound is not None
    value, best = value_of(task, claim.placement), value_of(task, proven.placement)
    assert claim.bound <= best * ROUNDING
    assert (value - claim.bound) / (value or 1.0) <= 0.5
    assert claim.sizes["boxes"] <= proven.sizes["boxes"]


@pytest.mark.usefixtures("cuts_everything")
@examples(25)
@given(SEEDS)
def test_starting_at_any_plan_changes_no_proof(seed: int) -> None:
    task, truth = random_task(seed)
    if truth.placement is None:
        return
    feasible = [p for p in placements(task.problem) if feasible_figures(
        task.problem, p, task.limits, task.latency_model)]  # fmt: skip
    hint = Random(seed).choice(feasible)
    claim = branch_and_close(replace(task, hint=hint), Enumeration(), still)
    assert claim.outcome is Outcome.OPTIMAL
    is_true(task, truth, claim)
