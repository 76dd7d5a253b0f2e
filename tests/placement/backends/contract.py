"""What every backend must do, as a class to inherit: `class TestMine(BackendContract): solver = Mine()`.

The cases have two or three nodes and can be checked by hand; agreement with the oracle on random requests over all
features is in tests/placement/test_properties.py.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from placement.backends.base import Claim, LatencyModel, Outcome, Solver, Task
from placement.constraints import Limits
from placement.feasibility import feasible_figures
from placement.objectives import Goal
from placement.problem import Problem
from tests.placement.examples_for_tests import (
    CYCLE,
    ENERGY,
    LATENCY,
    inference,
    layer,
    link,
    named,
    node,
    placed,
    problem_of,
    task_of,
    training,
)

RELATIVE = 1e-6
ALONE, CUT, AWAY = [("a", 0, 2)], [("a", 0, 1), ("b", 1, 2)], [("b", 0, 2)]


def phone_and_server(**parts: object) -> Problem:
    """Two layers of 4 FLOP; b is four times as fast and draws ten times the power.

    alone: 8 s, 16 J, a busy 8 s.   cut: 4 + 1 + 1 + 1 = 7 s, 8 + 20 = 28 J, a busy 4 s.
    away: 10 + 2 + 1 = 13 s, 40 J, the uplink busy 10 s. With two requests in flight T is 8, max(4, 7 / 2) = 4 and 10.
    """
    a_fields, b_fields = parts.pop("a", {}), parts.pop("b", {})
    return problem_of(
        [node("a", busy_power_w=2.0, **a_fields), node("b", speed=4.0, busy_power_w=20.0, **b_fields)],
        [link("a", "b")],
        [layer(4.0, out=1.0, weight=600.0), layer(4.0, out=1.0, weight=600.0)],
        inference(concurrency=2),
        **{"input_bytes": 10.0, "result_bytes": 1.0, **parts},
    )


AMPLE = {"memory_bytes": 2000.0}


def pipeline(micro_batches: int, schedule: str, **parts: object) -> Problem:
    """Two equal nodes, two layers of 2 s in each direction, 1 s for the activation and for its gradient."""
    layers = [layer(2.0, out=1.0, backward=2.0, gradient=1.0, activation_bytes=100.0) for _ in range(2)]
    return problem_of([node("a"), node("b")], [link("a", "b")], layers, training(micro_batches, schedule), **parts)


def chain_of_choices(layers: int, nodes: int) -> Problem:
    """A problem with many plans of different latencies: no two nodes, layers or links are alike."""
    names = "abcdefgh"[:nodes]
    return problem_of(
        [node(name, speed=1.0 + 0.37 * n, memory_bytes=3.0 + n) for n, name in enumerate(names)],
        [
            link(p, q, byte_per_s=3.0 + (5 * i + 3 * j) % 7, latency_s=0.01 * (i + j))
            for i, p in enumerate(names)
            for j, q in enumerate(names[:i])
        ],
        [
            layer(1.0 + 0.1 * (k * 7 % 5), out=0.4 + 0.1 * (k % 3), backward=2.0, gradient=0.4, weight=1.0)
            for k in range(layers)
        ],
        training(4, "gpipe"),
    )


class BackendContract:
    """Inherit and set `solver`."""

    solver: Solver
    large = (6, 4)
    """Layers and nodes of a problem that takes the backend a while."""

    def solve(self, problem: Problem, goal: Goal = LATENCY, limits: Limits | None = None, **fields: object) -> Claim:
        return self.solver(task_of(problem, goal, limits, **fields))

    def proves(self, task: Task, value: float, plan: list[tuple[str, int, int]] | None = None) -> None:
        """The claim is optimal, its plan keeps every rule and has this value, and its bound says so and no more."""
        claim = self.solver(task)
        assert claim.outcome is Outcome.OPTIMAL
        assert self.value(task, claim) == pytest.approx(value, rel=RELATIVE)
        assert claim.bound is not None
        assert value * (1 - RELATIVE) <= claim.bound <= value * (1 + RELATIVE)
        if plan is not None:
            assert claim.placement is not None
            assert named(task.problem, claim.placement) == plan

    @staticmethod
    def value(task: Task, claim: Claim) -> float:
        """The goal at the claimed placement, by the referee."""
        assert claim.placement is not None
        figures = feasible_figures(task.problem, claim.placement, task.limits, task.latency_model)
        assert figures is not None, "the claimed placement breaks a rule"
        return task.goal.value(figures)

    # Every goal

    def test_latency_cuts_where_the_faster_node_saves_more_than_the_transfers_cost(self) -> None:
        self.proves(task_of(phone_and_server(a=AMPLE, b=AMPLE)), 7.0, CUT)

    def test_energy_stays_on_the_frugal_node(self) -> None:
        self.proves(task_of(phone_and_server(a=AMPLE, b=AMPLE), ENERGY), 16.0, ALONE)

    def test_throughput_halves_the_bottleneck(self) -> None:
        self.proves(task_of(phone_and_server(a=AMPLE, b=AMPLE), CYCLE), 4.0, CUT)

    @pytest.mark.parametrize(("energy", "value", "plan"), [(0.5, 16.0, ALONE), (0.01, 7.28, CUT)])
    def test_weights_decide_between_latency_and_energy(
        self, energy: float, value: float, plan: list[tuple[str, int, int]]
    ) -> None:
        self.proves(task_of(phone_and_server(a=AMPLE, b=AMPLE), Goal(latency=1.0, energy=energy)), value, plan)

    # Every schedule

    @pytest.mark.parametrize(
        ("schedule", "latency_model", "value"),
        [
            ("sequential", LatencyModel.FORMULA, 24.0),  # cut: 3 (5 + 5) = 30, alone: 3 x 8
            ("gpipe", LatencyModel.FORMULA, 18.0),  # cut: 5 + 2 x 2 + 5 + 2 x 2
            ("1f1b", LatencyModel.FORMULA, 18.0),  # cut: 10 + 2 x 4
            ("1f1b", LatencyModel.REPLAY_BOUND, 18.0),  # cut: max(10 + 2 x 4, 3 x 4)
        ],
    )
    def test_training_is_scored_by_its_schedule(self, schedule: str, latency_model: LatencyModel, value: float) -> None:
        self.proves(task_of(pipeline(3, schedule), latency_model=latency_model), value)

    @pytest.mark.parametrize(("memory", "outcome"), [(399.0, Outcome.INFEASIBLE), (400.0, Outcome.OPTIMAL)])
    def test_1f1b_keeps_two_micro_batches_at_the_first_of_two_stages(self, memory: float, outcome: Outcome) -> None:
        layers = [layer(2.0, out=1.0, backward=2.0, gradient=1.0, activation_bytes=150.0, weight=100.0)] * 2
        problem = problem_of(
            [node("a", memory_bytes=memory), node("b")], [link("a", "b")], layers, training(3, "1f1b"),
            constraints={"pinned": [{"layer": 0, "node": "a"}]},
        )  # fmt: skip
        assert self.solve(problem).outcome is outcome  # 100 + 2 x 150 bytes; alone it would be 2 (100 + 150)

    @pytest.mark.parametrize(("memory", "outcome"), [(499.0, Outcome.INFEASIBLE), (500.0, Outcome.OPTIMAL)])
    def test_1f1b_head_and_tail_share_the_memory_of_the_source(self, memory: float, outcome: Outcome) -> None:
        layers = [layer(1.0, backward=1.0, activation_bytes=100.0, weight=50.0) for _ in range(3)]
        problem = problem_of(
            [node("a", memory_bytes=memory), node("b", memory_bytes=250.0)], [link("a", "b")], layers,
            training(4, "1f1b"), privacy={"head_layers": 1, "tail_layers": 1}, constraints={"pinned": {"1": "b"}},
        )  # fmt: skip
        # head at depth 3: 50 + 3 x 100; tail at depth 1: 50 + 100; b at depth 2: 50 + 2 x 100
        assert self.solve(problem).outcome is outcome

    # Every structure

    def test_u_shape_returns_to_the_source(self) -> None:
        problem = problem_of(
            [node("a"), node("b", speed=10.0)],
            [link("a", "b")],
            [layer(1.0, out=1.0), layer(10.0, out=2.0), layer(1.0)],
            privacy={"head_layers": 1, "tail_layers": 1},
        )
        self.proves(task_of(problem), 1.0 + 1.0 + 1.0 + 2.0 + 1.0, [("a", 0, 1), ("b", 1, 2), ("a", 2, 3)])

    def test_each_node_holds_one_stage(self) -> None:
        """Layer 1 is quick on b alone and layers 0 and 2 on c alone, but c may not hold both."""
        times = [{"a": 9.0, "b": 9.0, "c": 1.0}, {"a": 9.0, "b": 1.0, "c": 9.0}, {"a": 9.0, "b": 9.0, "c": 1.0}]
        problem = problem_of(
            [node("a"), node("b"), node("c")],
            [link("a", "b"), link("a", "c"), link("b", "c")],
            [{"forward": {"time_s": time}} for time in times],
        )
        self.proves(task_of(problem), 11.0)  # two layers in 1 s each, one in 9 s

    def test_one_operating_point_is_chosen_per_node(self) -> None:
        """Slow: 4 s x 1 W; fast: 2 s x 3 W. With at most 3 s the fast one is needed."""
        points = [
            {"name": "slow", "compute_flops_per_s": 1.0, "busy_power_w": 1.0},
            {"name": "fast", "compute_flops_per_s": 2.0, "busy_power_w": 3.0},
        ]
        problem = problem_of([node("a", operating_points=points)], [], [layer(2.0), layer(2.0)])
        self.proves(task_of(problem, ENERGY), 4.0)
        self.proves(task_of(problem, ENERGY, Limits(latency_s=3.0)), 6.0)

    def test_idle_power_lasts_as_long_as_the_whole_request(self) -> None:
        """Alone: 8 s x 1 W = 8 J. Cut: 7 s x (1 + 1) W = 14 J."""
        idle = {**AMPLE, "idle_power_w": 1.0, "busy_power_w": 1.0}
        problem = problem_of(
            [node("a", **idle), node("b", speed=4.0, **idle)],
            [link("a", "b")],
            [layer(4.0, out=1.0), layer(4.0)],
            input_bytes=10.0,
            result_bytes=1.0,
        )
        self.proves(task_of(problem, ENERGY), 8.0, ALONE)
        self.proves(task_of(problem, ENERGY, Limits(latency_s=7.5)), 14.0, CUT)

    # Limits

    def test_memory_forces_the_cut(self) -> None:
        self.proves(task_of(phone_and_server(), ENERGY), 28.0)

    @pytest.mark.parametrize(
        ("goal", "limits", "value"),
        [
            (ENERGY, Limits(latency_s=7.0), 28.0),
            (ENERGY, Limits(cycle_s=4.0), 28.0),
            (LATENCY, Limits(energy_j=16.0), 8.0),
            (CYCLE, Limits(energy_j=27.0), 8.0),
        ],
    )
    def test_limit_on_one_figure_moves_the_optimum_of_another(self, goal: Goal, limits: Limits, value: float) -> None:
        self.proves(task_of(phone_and_server(a=AMPLE, b=AMPLE), goal, limits), value)

    def test_energy_budget_moves_work_off_the_battery(self) -> None:
        """Either layer may leave: 28 J both ways."""
        self.proves(task_of(phone_and_server(a={**AMPLE, "energy_budget_j": 15.0}, b=AMPLE), ENERGY), 28.0)

    def test_max_stages_forbids_the_cut(self) -> None:
        problem = phone_and_server(a=AMPLE, b=AMPLE, constraints={"max_stages": 1})
        self.proves(task_of(problem), 8.0, ALONE)

    # Infeasible

    @pytest.mark.parametrize(
        "limits", [Limits(latency_s=6.9), Limits(energy_j=15.9), Limits(cycle_s=3.9)], ids=["latency", "energy", "T"]
    )
    def test_limit_below_the_optimum_is_proven_infeasible(self, limits: Limits) -> None:
        claim = self.solve(phone_and_server(a=AMPLE, b=AMPLE), ENERGY, limits)
        assert (claim.outcome, claim.placement) == (Outcome.INFEASIBLE, None)

    def test_layers_that_fit_no_node_are_proven_infeasible(self) -> None:
        problem = phone_and_server(a={"memory_bytes": 500.0}, b={"memory_bytes": 500.0})
        assert task_of(problem).graph.stage_count == 0
        assert self.solve(problem).outcome is Outcome.INFEASIBLE

    def test_nodes_without_a_path_between_them_are_proven_infeasible(self) -> None:
        problem = problem_of(
            [node("a"), node("b"), node("c")],
            [link("a", "c"), link("c", "b", bidirectional=False)],
            [layer(1.0), layer(1.0)],
            constraints={"pinned": {"0": "a", "1": "b"}},
        )
        assert self.solve(problem).outcome is Outcome.INFEASIBLE

    # Honesty

    def test_bound_is_honest_and_incumbent_is_kept_when_the_search_is_stopped_at_its_first_plan(self) -> None:
        problem = chain_of_choices(*self.large)
        optimum = self.value(task_of(problem), self.solve(problem))
        seen: list[float | None] = []
        asked = count()
        task = task_of(
            problem,
            on_progress=lambda objective, bound: seen.append(objective),
            cancelled=lambda: bool(seen) or next(asked) > 1000,
        )
        self.is_honest(task, self.solver(task), optimum)

    def test_no_time_at_all_yields_an_honest_claim(self) -> None:
        problem = chain_of_choices(*self.large)
        optimum = self.value(task_of(problem), self.solve(problem))
        task = task_of(problem, time_limit_s=1e-3)
        self.is_honest(task, self.solver(task), optimum)

    def test_cancelled_before_the_start_yields_an_honest_claim(self) -> None:
        problem = chain_of_choices(*self.large)
        optimum = self.value(task_of(problem), self.solve(problem))
        task = task_of(problem, cancelled=lambda: True)
        self.is_honest(task, self.solver(task), optimum)

    def test_asked_gap_is_met_and_not_called_a_proof(self) -> None:
        problem = chain_of_choices(*self.large)
        optimum = self.value(task_of(problem), self.solve(problem))
        task = task_of(problem, relative_gap=0.3)
        claim = self.solver(task)
        self.is_honest(task, claim, optimum)
        assert claim.bound is not None
        assert self.value(task, claim) - claim.bound <= (0.3 + RELATIVE) * self.value(task, claim)

    def test_progress_never_contradicts_the_optimum(self) -> None:
        problem = chain_of_choices(*self.large)
        reports: list[tuple[float | None, float | None]] = []
        task = task_of(problem, on_progress=lambda objective, bound: reports.append((objective, bound)))
        optimum = self.value(task, self.solver(task))
        assert all(objective is None or objective >= optimum * (1 - RELATIVE) for objective, _ in reports)
        assert all(bound is None or bound <= optimum * (1 + RELATIVE) for _, bound in reports)

    def is_honest(self, task: Task, claim: Claim, optimum: float) -> None:
        """The bound holds; a claimed plan keeps every rule and is not better than the optimum; a proof is one."""
        assert claim.outcome is not Outcome.INFEASIBLE
        assert claim.bound is None or claim.bound <= optimum * (1 + RELATIVE)
        if claim.placement is not None:
            assert self.value(task, claim) >= optimum * (1 - RELATIVE)
        if claim.outcome is Outcome.OPTIMAL:
            assert self.value(task, claim) == pytest.approx(optimum, rel=RELATIVE)

    # Starts and repetition

    @pytest.mark.parametrize("hint", [[("a", 0, 2)], [("a", 0, 1), ("b", 1, 2)], [("b", 0, 1), ("a", 1, 2)]])
    def test_no_hint_changes_the_optimum(self, hint: list[tuple[str, int, int]]) -> None:
        problem = phone_and_server(a=AMPLE, b=AMPLE)
        self.proves(task_of(problem, hint=placed(problem, *hint)), 7.0, CUT)

    def test_hint_that_the_graph_lacks_is_passed_over(self) -> None:
        problem = phone_and_server()  # either layer fits, both do not
        self.proves(task_of(problem, hint=placed(problem, *ALONE)), 7.0, CUT)

    def test_same_seed_gives_the_same_answer(self) -> None:
        task = task_of(chain_of_choices(*self.large), seed=7)
        first, second = self.solver(task), self.solver(task)
        assert (first.placement, first.bound) == (second.placement, second.bound)

    def test_every_seed_proves_the_same_optimum(self) -> None:
        task = task_of(chain_of_choices(*self.large))
        values = {round(self.value(task, self.solver(replace(task, seed=seed))), 6) for seed in (1, 2)}
        assert len(values) == 1

    # Scale

    @pytest.mark.parametrize("unit_s", [1e-9, 1e-6, 1e-3, 1e3])
    def test_proof_does_not_depend_on_the_unit_of_time(self, unit_s: float) -> None:
        """Costs of microseconds once fell below the solvers' absolute tolerances."""
        layers = [layer(1.0 + 0.13 * k, out=0.1 + 0.01 * k) for k in range(6)]
        speeds = {"a": 1.0, "b": 2.37, "c": 2.4}
        problem = problem_of(
            [node(name, speed=speed / unit_s) for name, speed in speeds.items()],
            [link(p, q, byte_per_s=1.0 / unit_s) for p, q in (("a", "b"), ("b", "c"), ("a", "c"))],
            layers,
        )
        self.proves(task_of(problem), sum(1.0 + 0.13 * k for k in range(6)) / 2.4 * unit_s, [("c", 0, 6)])
