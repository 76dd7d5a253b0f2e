"""What the search takes from a backend and what it refuses; what it keeps, and what it says while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from placement.backends.base import Claim, LatencyModel, Outcome, Solver, Task
from placement.backends.milp import Milp
from placement.constraints import Limits, limits_of
from placement.problem import Placement, Problem
from placement.reports import BOUND_TOLERANCE
from placement.search import PROOF_TOLERANCE, InternalError, Progress, Result, Search
from tests.placement.examples_for_tests import (
    ENERGY,
    LATENCY,
    layer,
    link,
    named,
    node,
    placed,
    problem_of,
    training,
)

ALONE, CUT, AWAY = (("a", 0, 2),), (("a", 0, 1), ("b", 1, 2)), (("b", 0, 2),)


@dataclass
class Fake:
    """A backend that claims what a test tells it to, and remembers its tasks."""

    claim: Claim | Callable[[Task], Claim]
    uses_graph: bool = False
    name: str = "fake"
    version: str = "0"
    tasks: list[Task] = field(default_factory=list)

    def __call__(self, task: Task) -> Claim:
        self.tasks.append(task)
        return self.claim(task) if callable(self.claim) else self.claim


def phone_and_server(**parts: Any) -> Problem:
    """Two layers of 4 FLOP, b four times as fast: alone 8 s, cut 4 + 1 + 1 = 6 s, away 10 + 2 = 12 s.

    a draws 2 W and b 20 W: 16 J, 8 + 20 = 28 J, 40 J.
    """
    return problem_of(
        [node("a", busy_power_w=2.0), node("b", speed=4.0, busy_power_w=20.0)],
        [link("a", "b")],
        [layer(4.0, out=1.0), layer(4.0)],
        **{"input_bytes": 10.0, **parts},
    )


def search_of(problem: Problem, solver: Solver, *candidates: Placement, seconds: float = 60.0, **fields: Any) -> Search:
    """A search at a clock that stands still unless said otherwise."""
    return Search(
        problem=problem, solver=solver, deadline_s=seconds, candidates=list(candidates), threads=1,
        **{"clock": lambda: 0.0, **fields},
    )  # fmt: skip


def searched(claim: Claim | Callable[[Task], Claim], *candidates: Placement, **fields: Any) -> Result:
    """The result of one latency search in which the backend makes this claim."""
    return search_of(phone_and_server(), Fake(claim), *candidates, **fields).minimise(LATENCY, Limits(), "latency")


def stages(*chosen: tuple[str, int, int]) -> Placement:
    return placed(phone_and_server(), *chosen)


# Claims that the referee refutes


def test_claim_that_skips_a_layer_is_refused() -> None:
    with pytest.raises(InternalError, match="breaks a rule"):
        searched(Claim(Outcome.OPTIMAL, stages(("a", 0, 1)), 4.0))


def test_claim_that_breaks_a_limit_is_refused() -> None:
    problem = phone_and_server(constraints={"max_energy_j": 20.0})
    search = search_of(problem, Fake(Claim(Outcome.OPTIMAL, placed(problem, *CUT), 6.0)))
    with pytest.raises(InternalError, match="breaks a rule"):
        search.minimise(LATENCY, limits_of(problem), "latency")


def test_claim_that_overfills_a_node_is_refused() -> None:
    problem = problem_of(
        [node("a", memory_bytes=10.0), node("b")], [link("a", "b")], [layer(1.0, weight=6.0), layer(1.0, weight=6.0)]
    )
    search = search_of(problem, Fake(Claim(Outcome.OPTIMAL, placed(problem, *ALONE), 2.0)))
    with pytest.raises(InternalError, match="breaks a rule"):
        search.minimise(LATENCY, limits_of(problem), "latency")


def test_bound_above_the_claims_own_plan_is_refused() -> None:
    with pytest.raises(InternalError, match=r"bound 6\.1 above its own plan's 6"):
        searched(Claim(Outcome.OPTIMAL, stages(*CUT), 6.1))


def test_infeasible_is_refused_where_a_known_plan_is_feasible() -> None:
    with pytest.raises(InternalError, match="calls a goal infeasible"):
        searched(Claim(Outcome.INFEASIBLE), stages(*ALONE))


def test_infeasible_is_taken_where_no_known_plan_keeps_the_limits() -> None:
    search = search_of(phone_and_server(), Fake(Claim(Outcome.INFEASIBLE)), stages(*ALONE))
    assert search.minimise(LATENCY, Limits(latency_s=1.0), "latency").outcome is Outcome.INFEASIBLE


# Claims that it takes


def test_value_is_the_referees_whatever_was_claimed() -> None:
    result = searched(Claim(Outcome.OPTIMAL, stages(*CUT), 5.9))
    assert (result.value, result.bound) == (6.0, 5.9)
    assert not result.proven


def test_bound_above_the_value_by_rounding_is_the_value() -> None:
    result = searched(Claim(Outcome.OPTIMAL, stages(*CUT), 6.0 * (1 + 5e-7)))
    assert (result.value, result.bound, result.gap) == (6.0, 6.0, 0.0)
    assert result.proven


def test_proven_plan_without_a_bound_is_its_own_bound() -> None:
    assert searched(Claim(Outcome.OPTIMAL, stages(*CUT))).bound == 6.0


def test_stopped_plan_without_a_bound_has_no_gap() -> None:
    result = searched(Claim(Outcome.STOPPED, stages(*CUT)))
    assert (result.value, result.bound, result.gap) == (6.0, None, None)
    assert not result.proven


# What is kept


def test_known_plan_is_kept_when_the_backend_stops_with_nothing() -> None:
    result = searched(Claim(Outcome.STOPPED, None, 5.0), stages(*AWAY), stages(*ALONE))
    assert (result.placement, result.value, result.bound) == (stages(*ALONE), 8.0, 5.0)
    assert result.outcome is Outcome.STOPPED


def test_known_plan_is_kept_when_the_backend_stops_with_a_worse_one() -> None:
    result = searched(Claim(Outcome.STOPPED, stages(*AWAY), 5.0), stages(*ALONE))
    assert (result.placement, result.value, result.bound) == (stages(*ALONE), 8.0, 5.0)


def test_backend_starts_from_the_best_known_plan() -> None:
    fake = Fake(Claim(Outcome.OPTIMAL, stages(*CUT), 6.0))
    search_of(phone_and_server(), fake, stages(*AWAY), stages(*ALONE)).minimise(LATENCY, Limits(), "latency")
    assert fake.tasks[0].hint == stages(*ALONE)


def test_backend_gets_no_start_where_no_known_plan_keeps_the_limits() -> None:
    fake = Fake(Claim(Outcome.OPTIMAL, stages(*CUT), 6.0))
    search = search_of(phone_and_server(), fake, stages(*AWAY), stages(*ALONE))
    search.minimise(LATENCY, Limits(latency_s=7.0), "latency")
    assert fake.tasks[0].hint is None


def test_plan_for_one_goal_is_a_start_for_the_next() -> None:
    fake = Fake(Claim(Outcome.STOPPED, stages(*CUT), 0.0))
    search = search_of(phone_and_server(), fake)
    search.minimise(LATENCY, Limits(), "latency")
    search.minimise(ENERGY, Limits(), "energy")
    assert [task.hint for task in fake.tasks] == [None, stages(*CUT)]


# Time, cancellation, progress


def test_backend_gets_the_seconds_that_are_left() -> None:
    fake = Fake(Claim(Outcome.STOPPED))
    ticks = count()
    search_of(phone_and_server(), fake, clock=lambda: float(next(ticks))).minimise(LATENCY, Limits(), "latency")
    assert 50.0 < fake.tasks[0].time_limit_s < 60.0


def test_share_of_the_seconds_never_exceeds_what_is_left() -> None:
    fake = Fake(Claim(Outcome.STOPPED))
    search = search_of(phone_and_server(), fake, seconds=5.0)
    search.minimise(LATENCY, Limits(), "latency", seconds=2.0)
    search.minimise(LATENCY, Limits(), "latency", seconds=9.0)
    assert [task.time_limit_s for task in fake.tasks] == [2.0, 5.0]


def test_deadline_in_the_past_leaves_no_seconds_rather_than_negative_ones() -> None:
    fake = Fake(Claim(Outcome.STOPPED))
    search = search_of(phone_and_server(), fake, seconds=-3.0)
    search.minimise(LATENCY, Limits(), "latency")
    assert fake.tasks[0].time_limit_s == 0.0
    assert search.out_of_time


def test_cancellation_reaches_the_backend() -> None:
    def stop_if_asked(task: Task) -> Claim:
        return Claim(Outcome.STOPPED if task.cancelled() else Outcome.OPTIMAL, stages(*CUT), 5.0)

    assert searched(stop_if_asked, cancelled=lambda: True).outcome is Outcome.STOPPED
    assert searched(stop_if_asked, cancelled=lambda: False).outcome is Outcome.OPTIMAL


def test_progress_names_the_phase_and_ends_with_the_result() -> None:
    reports: list[Progress] = []

    def improving(task: Task) -> Claim:
        task.on_incumbent(stages(*ALONE))
        task.on_progress(7.9, 4.0)
        return Claim(Outcome.OPTIMAL, stages(*CUT), 6.0)

    searched(improving, on_progress=reports.append)
    assert [(r.phase, r.objective, r.bound, r.gap) for r in reports] == [
        ("latency", 8.0, None, None),
        ("latency", 8.0, pytest.approx(4.0, rel=2 * BOUND_TOLERANCE), pytest.approx(0.5, rel=1e-5)),
        ("latency", 6.0, 6.0, 0.0),
    ]


def test_real_backend_reports_bounds_that_never_pass_its_plans() -> None:
    reports: list[Progress] = []
    search = search_of(phone_and_server(), Milp(), on_progress=reports.append)
    assert search.minimise(LATENCY, Limits(), "latency").value == 6.0
    assert (reports[-1].objective, reports[-1].gap) == (6.0, pytest.approx(0.0, abs=PROOF_TOLERANCE))
    assert all(r.objective is None or r.bound is None or r.bound <= r.objective for r in reports)


def test_what_was_proven_before_holds_still() -> None:
    reports: list[Progress] = []
    weak = Claim(Outcome.STOPPED, stages(*ALONE), 2.0)
    result = searched(weak, known_bounds={"latency": 5.0}, on_progress=reports.append)
    assert (result.value, result.bound) == (8.0, 5.0)
    assert [report.bound for report in reports] == [pytest.approx(5.0, rel=2 * BOUND_TOLERANCE), 5.0]
    assert searched(weak, known_bounds={"energy": 5.0}).bound == 2.0
    assert searched(Claim(Outcome.STOPPED, stages(*CUT), 2.0), known_bounds={"latency": 6.0 + 1e-9}).proven


# 1f1b: the formula ranks, the replay decides


def stalling(**parts: Any) -> Problem:
    """Three micro-batches: on a alone 3 (3 + 4) = 21 s; cut, the formula says 11 + 2 x 4 = 19 s, the replay 22 s."""
    layers = [layer(2.0, out=2.0, backward=1.0), layer(1.0, backward=3.0, gradient=2.0)]
    return problem_of([node("a"), node("b")], [link("a", "b")], layers, training(3, "1f1b"), **parts)


def test_best_replay_is_proven_although_the_formula_prefers_another_plan() -> None:
    result = search_of(stalling(), Milp()).minimise(LATENCY, Limits(), "latency")
    assert result.placement is not None
    assert named(stalling(), result.placement) == list(ALONE)
    assert (result.value, result.bound, result.outcome) == (21.0, pytest.approx(21.0), Outcome.OPTIMAL)


def test_backend_without_a_graph_has_its_plans_replayed_and_keeps_its_own_bound() -> None:
    problem = stalling()
    cut, alone = placed(problem, *CUT), placed(problem, *ALONE)
    fake = Fake(Claim(Outcome.OPTIMAL, cut, 18.0))
    result = search_of(problem, fake, alone).minimise(LATENCY, Limits(), "latency")
    assert (result.placement, result.value, result.bound) == (alone, 21.0, 18.0)
    assert result.outcome is Outcome.STOPPED
    assert not result.proven


def test_replay_that_reaches_the_bound_is_proven() -> None:
    problem = problem_of([node("a"), node("b")], [link("a", "b")], [layer(2.0, backward=1.0)], training(3, "1f1b"))
    result = search_of(problem, Milp()).minimise(LATENCY, Limits(), "latency")
    assert (result.value, result.outcome) == (9.0, Outcome.OPTIMAL)
    assert result.proven


def test_deadline_that_no_replay_keeps_is_infeasible() -> None:
    """The cut's formula keeps 20 s, its replay takes 22 s."""
    problem = stalling(constraints={"max_latency_s": 20.0})
    result = search_of(problem, Milp()).minimise(LATENCY, limits_of(problem), "latency")
    assert (result.outcome, result.placement) == (Outcome.INFEASIBLE, None)


def test_plan_that_keeps_a_deadline_by_a_weak_bound_only_is_not_answered() -> None:
    """By its pace the cut takes 11 + 2 x 4 s at least."""
    problem = stalling(constraints={"max_latency_s": 18.5})

    def claim(task: Task) -> Claim:
        bounds = task.latency_model is LatencyModel.REPLAY_BOUND
        return Claim(Outcome.OPTIMAL, placed(problem, *CUT), 18.0) if bounds else Claim(Outcome.INFEASIBLE)

    result = search_of(problem, Fake(claim)).minimise(LATENCY, limits_of(problem), "latency")
    assert (result.outcome, result.placement, result.bound) == (Outcome.STOPPED, None, 18.0)


def test_no_plan_by_the_replays_bound_is_infeasible_and_ends_the_search() -> None:
    problem = stalling(constraints={"max_latency_s": 18.0})
    fake = Fake(Claim(Outcome.INFEASIBLE))
    result = search_of(problem, fake).minimise(LATENCY, limits_of(problem), "latency")
    assert result.outcome is Outcome.INFEASIBLE
    assert [task.latency_model for task in fake.tasks] == [LatencyModel.REPLAY_BOUND]


def test_a_third_of_the_time_bounds_replays_and_half_of_the_rest_ranks_plans() -> None:
    problem = stalling()
    fake = Fake(Claim(Outcome.STOPPED))
    search_of(problem, fake, seconds=9.0).minimise(LATENCY, Limits(), "latency")
    assert [(task.latency_model, task.time_limit_s) for task in fake.tasks] == [
        (LatencyModel.REPLAY_BOUND, 3.0),
        (LatencyModel.FORMULA, 4.5),
    ]
