"""Times and energies of the textbook constraint programme, in integers.

Times count in ticks, the energy in quanta. Every cost is rounded down and every limit up, so the integer model admits
whatever the true one admits, and its bound is a bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from placement.backends.base import Task
from placement.backends.reference_cp_sat_model import LARGEST, TextbookOrder
from placement.reference_formulation import LIMIT_SLACK, Choices, Linear, awake_nodes, most_idle_w
from placement.reference_latency import LatencyRule, Peak, latency_rules, longest_s, round_rules, shortest_s

FINEST = 2.0**29
"""Units of the least figure that a placement can have: rounding L costs down loses L / FINEST of it at most."""
COARSEST = 2.0**36
"""Units of the largest figure at most, since products of figures and coefficients must stay below LARGEST."""
PRECISION = 2.0**32
"""Coefficients are as fine as this part of their row, as far as LARGEST allows."""


@dataclass(frozen=True)
class Term:
    """coefficient x variable, which is at most `most`."""

    variable: Any
    coefficient: float
    most: int = 1


def unit_of(least: float, most: float) -> float:
    """A unit in which the least figure is fine and the largest not too large."""
    return max((least or most or 1.0) / FINEST, most / COARSEST)


class TextbookFigures:
    """What goal and limits need, and the objective, on top of an order of stages."""

    def __init__(self, task: Task, choices: Choices, order: TextbookOrder) -> None:
        self._task, self._choices, self._order = task, choices, order
        self._problem, self._model = task.problem, order.model
        self._lost = 0
        self._goal_unit = 1.0
        self._add_what_is_needed()

    def goal_value(self, objective: float, *, as_bound: bool = False) -> float:
        """An integer objective as a goal value; as a bound, less what rounding the energy up to a quantum may add."""
        return (objective - (self._lost if as_bound else 0)) * self._goal_unit

    def _add_what_is_needed(self) -> None:
        goal, limits, problem = self._task.goal, self._task.limits, self._problem
        budgets = [n for n, node in enumerate(problem.request.cluster.nodes) if node.energy_budget_j is not None]
        energy = bool(goal.energy) or limits.energy_j is not None
        cycles = energy or bool(budgets) or bool(goal.cycle) or limits.cycle_s is not None
        rules = latency_rules(self._choices, self._task.latency_model)
        turns = round_rules(self._choices, self._task.latency_model) if cycles else rules
        shortest, longest = shortest_s(self._choices, turns), longest_s(self._choices, turns)
        self._tick_s = unit_of(shortest, longest)
        latency = self._time("latency", rules, limits.latency_s)
        objective = [Term(latency.variable, goal.latency * self._tick_s, latency.most)]
        if cycles:
            limit = None if limits.cycle_s is None else limits.cycle_s * problem.concurrency
            turn = self._time("round", turns, limit) if not problem.training else latency
            if problem.training and limit is not None:
                self._model.add(turn.variable <= self._ticks_up(limit))
            objective.append(Term(turn.variable, goal.cycle * self._tick_s / problem.concurrency, turn.most))
            idle = {n: self._idle_joules(n, turn, shortest) for n in awake_nodes(problem, weighted=energy)}
            if energy:
                objective.append(self._energy(idle, longest / problem.concurrency))
            for n in budgets:
                self._budget(n, idle[n])
        self._minimise([term for term in objective if term.coefficient])

    def _minimise(self, objective: list[Term]) -> None:
        largest = max(term.coefficient for term in objective)
        reach = sum(term.coefficient / largest * term.most for term in objective)
        parts = 1.0 if len(objective) == 1 else 2.0 ** math.floor(math.log2(LARGEST / max(reach, 1.0)))
        self._goal_unit = largest / parts
        whole = [math.floor(term.coefficient / largest * parts) for term in objective]
        self._model.minimize(sum(c * term.variable for c, term in zip(whole, objective, strict=True)))
        if self._task.goal.energy:
            self._lost = whole[-1]

    def _ticks_up(self, seconds: float) -> int:
        return math.ceil(seconds * (1 + LIMIT_SLACK) / self._tick_s)

    def _ticks(self, linear: Linear) -> Any:
        """A linear figure in ticks, each cost rounded down."""
        return sum(
            math.floor(value / self._tick_s) * literal
            for choice, value in linear.items()
            for literal in self._order.literals(choice)
        )

    def _time(self, name: str, rules: Sequence[LatencyRule], limit: float | None) -> Term:
        """A variable >= every rule (equal at the optimum, since nothing gains from more)."""
        longest = longest_s(self._choices, rules)
        most = self._ticks_up(longest if limit is None else min(longest, limit))
        variable = self._model.new_int_var(0, most, name)
        for rule in rules:
            total = self._ticks(rule.through) + sum(self._peak(f"peak_{name}", peak) for peak in rule.peaks)
            if rule.last_stage:
                total += self._last_stage(rule.last_stage)
            self._model.add(variable >= total)
        return Term(variable, 1.0, most)

    def _peak(self, name: str, peak: Peak) -> Any:
        """A variable >= each load. With add_max_equality, presolve enumerates the sums, for minutes and gigabytes."""
        most = max(self._choices.most(load) for load in peak)
        variable = self._model.new_int_var(0, self._ticks_up(most), name)
        for load in peak:
            self._model.add(variable >= self._ticks(load))
        return variable

    def _last_stage(self, linear: Linear) -> Any:
        variable = self._model.new_int_var(0, self._ticks_up(self._choices.most(linear)), "last_stage")
        for is_last, runs in self._order.runs_of_last_stage():
            own = sum(math.floor(linear.get(run, 0.0) / self._tick_s) * literal for run, literal in runs)
            self._model.add(variable >= own).only_enforce_if(is_last)
        return variable

    def _idle_joules(self, n: int, turn: Term, shortest: float) -> list[Term]:
        """Unweighted J: idle power x T at the level in use; the source without a stage draws its own idle power."""
        problem = self._problem
        options = [(self._order.used(o), problem.options[o].idle_power_w) for o in problem.options_of_node[n]]
        states = [(used, power) for used, power in options if used is not None]
        tick_of_cycle_s = self._tick_s / problem.concurrency
        if n == problem.source:
            own = float(problem.idle_power_w[n])
            if all(power == own for _, power in states):
                return [Term(turn.variable, own * tick_of_cycle_s, turn.most)]
            without = self._model.new_bool_var("source_without_stage")
            self._model.add_exactly_one([without, *(used for used, _ in states)])
            states.append((without, own))
        awake = []
        for used, power in states:
            variable = self._model.new_int_var(0, turn.most, "awake")
            self._model.add(variable >= turn.variable).only_enforce_if(used)
            self._model.add(variable >= min(math.floor(shortest / self._tick_s), turn.most) * used)
            awake.append(Term(variable, power * tick_of_cycle_s, turn.most))
        return [term for term in awake if term.coefficient]

    def _joules(self, linear: Linear) -> list[Term]:
        return [Term(literal, value) for choice, value in linear.items() for literal in self._order.literals(choice)]

    def _energy(self, idle: dict[int, list[Term]], longest_cycle_s: float) -> Term:
        """The weighted energy in quanta, with its coefficient in the goal; a quantum too large at most."""
        problem, limit = self._problem, self._task.limits.energy_j
        joules = self._choices.weighted_joules()
        most_j = self._choices.most(joules) + most_idle_w(problem) * longest_cycle_s
        quantum_j = unit_of(self._choices.least(joules), most_j)
        most = math.ceil((most_j if limit is None else min(most_j, limit)) * (1 + LIMIT_SLACK) / quantum_j) + 1
        variable = self._model.new_int_var(0, most, "energy")
        terms = self._joules(joules)
        for n, own in idle.items():
            weight = float(problem.energy_weight[n])
            terms += [Term(term.variable, term.coefficient * weight, term.most) for term in own]
        scaled = [Term(term.variable, term.coefficient / quantum_j, term.most) for term in terms]
        self._at_most([*scaled, Term(variable, -1.0, most)], 0.0)
        return Term(variable, self._task.goal.energy * quantum_j, most)

    def _budget(self, n: int, idle: list[Term]) -> None:
        """The node's own joules stay within its budget."""
        budget = self._problem.request.cluster.nodes[n].energy_budget_j
        assert budget is not None  # the caller selects nodes with a budget
        terms = [*self._joules(self._choices.joules.get(n, {})), *idle]
        if sum(term.coefficient * term.most for term in terms) > budget:
            self._at_most(terms, budget * (1 + LIMIT_SLACK))

    def _at_most(self, terms: list[Term], right: float) -> None:
        """Sum of terms <= right, multiplied until the fractions of the coefficients hardly count."""
        reach = sum(abs(term.coefficient) * term.most for term in terms)
        if reach == 0:
            return
        factor = 2.0 ** math.floor(math.log2(min(LARGEST, PRECISION * sum(term.most for term in terms)) / reach))
        total = sum(math.floor(term.coefficient * factor) * term.variable for term in terms)
        self._model.add(total <= math.ceil(right * factor))
