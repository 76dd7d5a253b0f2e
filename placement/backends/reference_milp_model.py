"""Columns and rows of the textbook mixed-integer formulation. docs/reference-formulations.md is the same in symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import pulp

from placement.backends.base import Task
from placement.problem import Placement
from placement.reference_formulation import (
    LIMIT_SLACK,
    Choice,
    Choices,
    HandOver,
    LatencyRule,
    Linear,
    Peak,
    Run,
    awake_nodes,
    depth_matters,
    latency_rules,
    longest_s,
    most_idle_w,
    placement_of,
    round_rules,
    shortest_s,
)

Terms = list[tuple[Any, float]]


class TextbookModel:
    """Columns per choice, and rows by the names of docs/reference-formulations.md; times in `_time_s`.

    Figures are scaled to be around 1, since the solver's tolerances are absolute. Hand-overs are 0-1 although the runs
    alone would make them so: HiGHS 1.12 restarted without any 0-1 column states a bound that is too low.
    """

    def __init__(self, task: Task, choices: Choices) -> None:
        self._task, self._choices, self._instance = task, choices, task.problem
        self.problem = pulp.LpProblem("reference", pulp.LpMinimize)
        self._column: dict[Choice, Any] = {run: self._binary(f"run_{run.layer}_{run.option}") for run in choices.runs}
        for hand_over in choices.hand_overs:
            self._column[hand_over] = self._binary("hand_over_{}_{}_{}".format(*hand_over))
        self._used: dict[int, Any] = {}
        self._each_layer_once()
        self._hand_over_follows()
        self._one_stage_per_node()
        self._one_level_per_node()
        self._memory()
        rules = latency_rules(choices, task.latency_model)
        self._time_s = shortest_s(choices, rules) or longest_s(choices, rules) or 1.0
        self.value_unit = self._figures(rules)

    def placement(self, value_of: Callable[[Any], float]) -> Placement:
        """The placement in a solution, by what that says of a column."""
        chosen = {run.layer: run.option for run in self._choices.runs if value_of(self._column[run]) > 0.5}
        return placement_of(self._instance, [chosen[k] for k in range(self._instance.layer_count)])

    def _binary(self, name: str) -> Any:
        return self.problem.add_variable(name, 0, 1, pulp.LpInteger)

    def _continuous(self, name: str, upper: float) -> Any:
        return self.problem.add_variable(name, 0, upper)

    def _row(self, name: str, terms: Iterable[tuple[Any, float]], sense: int, right: float) -> None:
        """Terms that repeat a column are summed: PuLP would keep the last."""
        total: dict[Any, float] = {}
        for column, value in terms:
            total[column] = total.get(column, 0.0) + value
        self.problem.addConstraint(pulp.LpConstraint(pulp.LpAffineExpression(total), sense, name, right))

    def _at_most(self, name: str, terms: Iterable[tuple[Any, float]], right: float) -> None:
        self._row(name, terms, pulp.LpConstraintLE, right)

    def _equal(self, name: str, terms: Iterable[tuple[Any, float]], right: float = 0.0) -> None:
        self._row(name, terms, pulp.LpConstraintEQ, right)

    def _of(self, linear: Linear, factor: float) -> Terms:
        """A linear figure over the columns."""
        return [(self._column[choice], value * factor) for choice, value in linear.items()]

    def _on(self, k: int, n: int, factor: float = 1.0) -> Terms:
        """y[k, n]: layer k runs on node n, at any level."""
        runs = (Run(k, o) for o in self._instance.options_of_node[n])
        return [(self._column[run], factor) for run in runs if run in self._column]

    def _hands_over(self, j: int, factor: float) -> Terms:
        """Whether a stage ends at cut j."""
        return [(self._column[h], factor) for h in self._hand_overs_at[j]]

    @cached_property
    def _hand_overs_at(self) -> list[list[HandOver]]:
        at: list[list[HandOver]] = [[] for _ in range(self._instance.layer_count)]
        for hand_over in self._choices.hand_overs:
            at[hand_over.cut].append(hand_over)
        return at

    def _each_layer_once(self) -> None:
        for k in range(self._instance.layer_count):
            terms = [(self._column[run], 1.0) for run in self._choices.runs if run.layer == k]
            self._equal(f"each_layer_once_{k}", terms, 1.0)

    def _hand_over_follows(self) -> None:
        """y[j - 1, n] = stay[j, n] + what n hands over;   y[j, n] = stay[j, n] + what n receives."""
        for j in range(1, self._instance.layer_count):
            for n in range(self._instance.node_count):
                before, behind = self._on(j - 1, n), self._on(j, n)
                stay = [(self._binary(f"stay_{j}_{n}"), -1.0)] if before and behind else []
                sent = [(self._column[h], -1.0) for h in self._hand_overs_at[j] if h.sender == n]
                received = [(self._column[h], -1.0) for h in self._hand_overs_at[j] if h.receiver == n]
                if before:
                    self._equal(f"leaves_{j}_{n}", [*before, *stay, *sent])
                if behind:
                    self._equal(f"enters_{j}_{n}", [*behind, *stay, *received])

    def _one_stage_per_node(self) -> None:
        """Each node is entered once; the source once more where it holds the first layer and the last."""
        last = self._instance.layer_count - 1
        for n in range(self._instance.node_count):
            entered = [(self._column[h], 1.0) for h in self._choices.hand_overs if h.receiver == n]
            if n == self._instance.source:
                self._at_most("one_later_stage_on_the_source", entered, 1.0)
                self._at_most("two_stages_are_both_ends", [*entered, *self._on(0, n), *self._on(last, n, -1.0)], 1.0)
            else:
                self._at_most(f"one_stage_per_node_{n}", [*entered, *self._on(0, n)], 1.0)
        every = [(self._column[h], 1.0) for h in self._choices.hand_overs]
        self._at_most("max_stages", every, self._instance.max_stages - 1.0)

    def _one_level_per_node(self) -> None:
        for n, options in enumerate(self._instance.options_of_node):
            if len(options) > 1:
                self._at_most(f"one_level_per_node_{n}", [(self._used_option(o), 1.0) for o in options], 1.0)

    def _used_option(self, option: int) -> Any:
        """A column that is 1 where some layer runs on the option."""
        if option not in self._used:
            used = self._used[option] = self._binary(f"used_{option}")
            runs = [run for run in self._choices.runs if run.option == option]
            for run in runs:
                self._at_most(f"used_{option}_{run.layer}", [(self._column[run], 1.0), (used, -1.0)], 0.0)
            self._at_most(f"unused_{option}", [(used, 1.0), *((self._column[run], -1.0) for run in runs)], 0.0)
        return self._used[option]

    def _memory(self) -> None:
        """Per node: static bytes + activations in flight + the largest workspace <= memory, as shares of it.

        The solver's own tolerance is as large as the referee's.
        """
        problem, sizes = self._instance, self._instance.bytes
        deeper = self._deeper() if depth_matters(problem) else {}
        for n in range(problem.node_count):
            unit = float(problem.memory_bytes[n]) or 1.0
            workspace = self._continuous(f"workspace_{n}", 1.0)
            terms: Terms = [(workspace, 1.0)]
            for k in range(problem.layer_count):
                on = self._on(k, n)
                kept = float(sizes.activations[k])
                least = float(sizes.static[k]) + kept * problem.in_flight(1)
                terms += [(column, least / unit) for column, _ in on]
                if on and sizes.workspace[k]:
                    largest = [(column, float(sizes.workspace[k]) / unit) for column, _ in on]
                    self._at_most(f"workspace_{n}_{k}", [*largest, (workspace, -1.0)], 0.0)
                if on and kept and deeper.get(k):
                    terms.append((self._further_in_flight(n, k, deeper[k]), kept / unit))
            self._at_most(f"memory_{n}", terms, 1.0)

    def _deeper(self) -> dict[int, Terms]:
        """Micro-batches in flight beyond in_flight(1), per layer: sum over d of the step at depth d x [depth >= d].

        [depth >= d] are nested 0-1 columns whose sum is the number of hand-overs behind the layer.
        """
        problem = self._instance
        deeper: dict[int, Terms] = {}
        for k in range(problem.layer_count - 1):
            deepest = min(problem.max_stages, problem.layer_count - k)
            at_least = [self._binary(f"depth_{k}_{d}") for d in range(2, deepest + 1)]
            for d, (shallow, deep) in enumerate(pairwise(at_least), start=3):
                self._at_most(f"depth_nested_{k}_{d}", [(deep, 1.0), (shallow, -1.0)], 0.0)
            behind = [term for j in range(k + 1, problem.layer_count) for term in self._hands_over(j, -1.0)]
            self._equal(f"depth_{k}", [*((column, 1.0) for column in at_least), *behind])
            steps = [problem.in_flight(d) - problem.in_flight(d - 1) for d in range(2, deepest + 1)]
            deeper[k] = [(column, float(step)) for column, step in zip(at_least, steps, strict=True) if step]
        return deeper

    def _further_in_flight(self, n: int, k: int, deeper: Terms) -> Any:
        """A column >= the sum of `deeper` if layer k runs on node n, else >= 0."""
        most = sum(step for _, step in deeper)
        further = self._continuous(f"in_flight_{n}_{k}", most)
        terms = [*deeper, *self._on(k, n, most), (further, -1.0)]
        self._at_most(f"in_flight_{n}_{k}", terms, most)
        return further

    def _figures(self, rules: Sequence[LatencyRule]) -> float:
        """The times and energies that goal and limits need; returns the goal value of one unit of the objective."""
        goal, limits, problem = self._task.goal, self._task.limits, self._instance
        budgets = [n for n, node in enumerate(problem.request.cluster.nodes) if node.energy_budget_j is not None]
        energy = bool(goal.energy) or limits.energy_j is not None
        round_limit_s = None if limits.cycle_s is None else limits.cycle_s * problem.concurrency
        both = (limits.latency_s, round_limit_s if problem.training else None)
        latency = self._time("latency", rules, min((limit for limit in both if limit is not None), default=None))
        objective = {latency: goal.latency * self._time_s}
        if energy or budgets or goal.cycle or limits.cycle_s is not None:
            rules = round_rules(self._choices, self._task.latency_model)
            turn = latency if problem.training else self._time("round", rules, round_limit_s)
            objective[turn] = objective.get(turn, 0.0) + goal.cycle * self._time_s / problem.concurrency
            idle = {n: self._idle_joules(n, turn, rules) for n in awake_nodes(problem, weighted=energy)}
            if energy:
                total, unit_j = self._energy(idle, longest_s(self._choices, rules) / problem.concurrency)
                objective[total] = goal.energy * unit_j
            for n in budgets:
                self._budget(n, idle[n])
        largest = max(objective.values())
        self.problem.setObjective(pulp.LpAffineExpression({c: v / largest for c, v in objective.items() if v}))
        return largest

    def _time(self, name: str, rules: Sequence[LatencyRule], limit: float | None) -> Any:
        """A column >= every rule (equal at the optimum, since nothing gains from more)."""
        longest = longest_s(self._choices, rules)
        upper = longest if limit is None else min(longest, limit)
        column = self._continuous(name, upper * (1 + LIMIT_SLACK) / self._time_s)
        for i, rule in enumerate(rules):
            terms = self._of(rule.through, 1 / self._time_s)
            for p, peak in enumerate(rule.peaks):
                terms.append((self._peak(f"{name}_{i}_{p}", peak), 1.0))
            if rule.last_stage:
                terms.append((self._last_stage(f"{name}_{i}", rule.last_stage), 1.0))
            self._at_most(f"{name}_{i}", [*terms, (column, -1.0)], 0.0)
        return column

    def _peak(self, name: str, peak: Peak) -> Any:
        most = max(self._choices.most(load) for load in peak)
        column = self._continuous(f"peak_{name}", most / self._time_s)
        for r, load in enumerate(peak):
            self._at_most(f"peak_{name}_{r}", [*self._of(load, 1 / self._time_s), (column, -1.0)], 0.0)
        return column

    def _last_stage(self, name: str, linear: Linear) -> Any:
        """A column >= the layers i.. of the last stage, for every i: a hand-over at j > i releases layers i..j."""
        column = self._continuous(f"last_stage_{name}", self._choices.most(linear) / self._time_s)
        last = self._instance.layer_count
        for i in range(last):
            behind: Linear = {run: v for run, v in linear.items() if isinstance(run, Run) and run.layer >= i}
            terms = self._of(behind, 1 / self._time_s)
            for j in range(i + 1, last):
                before: Linear = {run: v for run, v in behind.items() if isinstance(run, Run) and run.layer < j}
                terms += self._hands_over(j, -self._choices.most(before) / self._time_s)
            self._at_most(f"last_stage_{name}_{i}", [*terms, (column, -1.0)], 0.0)
        return column

    def _idle_joules(self, n: int, turn: Any, rules: Sequence[LatencyRule]) -> Terms:
        """Unweighted J: idle power x T at the level in use; the source without a stage draws its own idle power."""
        problem = self._instance
        runs = {run.option for run in self._choices.runs}
        powers = {o: problem.options[o].idle_power_w for o in problem.options_of_node[n] if o in runs}
        second = self._time_s / problem.concurrency
        if n != problem.source:
            return [(self._while_used(o, self._used_option(o), turn, rules), power * second)
                    for o, power in powers.items() if power]  # fmt: skip
        own = float(problem.idle_power_w[n])
        if set(powers.values()) <= {own}:
            return [(turn, own * second)]
        without = self._binary("source_without_stage")
        states = {o: self._used_option(o) for o in powers}
        self._equal("source_awake", [(without, 1.0), *((used, 1.0) for used in states.values())], 1.0)
        terms = [(self._while_used(o, used, turn, rules), powers[o] * second) for o, used in states.items()]
        return [*terms, (self._while_used("source", without, turn, rules), own * second)]

    def _while_used(self, name: object, used: Any, turn: Any, rules: Sequence[LatencyRule]) -> Any:
        """The product used x turn, linearised: awake >= turn - longest (1 - used), and >= shortest x used."""
        longest = turn.upBound
        shortest = shortest_s(self._choices, rules) / self._time_s
        awake = self._continuous(f"awake_{name}", longest)
        self._at_most(f"awake_{name}", [(turn, 1.0), (used, longest), (awake, -1.0)], longest)
        self._at_most(f"awake_{name}_shortest", [(used, min(shortest, longest)), (awake, -1.0)], 0.0)
        return awake

    def _energy(self, idle: dict[int, Terms], longest_cycle_s: float) -> tuple[Any, float]:
        """The weighted energy as a column, and its unit in J."""
        problem, limit = self._instance, self._task.limits.energy_j
        joules = self._choices.weighted_joules()
        most = self._choices.most(joules) + most_idle_w(problem) * longest_cycle_s
        unit = self._choices.least(joules) or most or 1.0
        column = self._continuous("energy", (most if limit is None else min(most, limit)) * (1 + LIMIT_SLACK) / unit)
        terms = self._of(joules, 1 / unit)
        for n, own in idle.items():
            terms += [(c, value * float(problem.energy_weight[n]) / unit) for c, value in own]
        self._at_most("energy", [*terms, (column, -1.0)], 0.0)
        return column, unit

    def _budget(self, n: int, idle: Terms) -> None:
        """The node's own joules stay within its budget."""
        budget = self._instance.request.cluster.nodes[n].energy_budget_j
        assert budget is not None  # the caller selects nodes with a budget
        terms = [*self._of(self._choices.joules.get(n, {}), 1.0), *idle]
        unit = max([budget, *(value for _, value in terms)])
        if unit > 0:
            scaled = [(column, value / unit) for column, value in terms]
            self._at_most(f"energy_budget_{n}", scaled, budget * (1 + LIMIT_SLACK) / unit)
