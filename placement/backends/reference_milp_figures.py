"""Times and energies of the textbook mixed-integer formulation, and its objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulp

from placement.backends.base import Task
from placement.backends.reference_milp_model import Terms, TextbookModel
from placement.reference_formulation import LIMIT_SLACK, Choices, Linear, Run, awake_nodes, most_idle_w
from placement.reference_latency import LatencyRule, Peak, latency_rules, longest_s, round_rules, shortest_s


class TextbookFigures:
    """What goal and limits need, and the objective, on top of who runs what; times in `_time_s`."""

    def __init__(self, task: Task, choices: Choices, model: TextbookModel) -> None:
        self._task, self._choices, self._model, self._problem = task, choices, model, task.problem
        rules = latency_rules(choices, task.latency_model)
        self._time_s = shortest_s(choices, rules) or longest_s(choices, rules) or 1.0
        self.value_unit = self._figures(rules)

    def _figures(self, rules: Sequence[LatencyRule]) -> float:
        """The times and energies that goal and limits need; returns the goal value of one unit of the objective."""
        goal, limits, problem = self._task.goal, self._task.limits, self._problem
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
        self._model.problem.setObjective(pulp.LpAffineExpression({c: v / largest for c, v in objective.items() if v}))
        return largest

    def _time(self, name: str, rules: Sequence[LatencyRule], limit: float | None) -> Any:
        """A column >= every rule (equal at the optimum, since nothing gains from more)."""
        longest = longest_s(self._choices, rules)
        upper = longest if limit is None else min(longest, limit)
        column = self._model.continuous(name, upper * (1 + LIMIT_SLACK) / self._time_s)
        for i, rule in enumerate(rules):
            terms = self._model.of(rule.through, 1 / self._time_s)
            for p, peak in enumerate(rule.peaks):
                terms.append((self._peak(f"{name}_{i}_{p}", peak), 1.0))
            if rule.last_stage:
                terms.append((self._last_stage(f"{name}_{i}", rule.last_stage), 1.0))
            self._model.at_most(f"{name}_{i}", [*terms, (column, -1.0)], 0.0)
        return column

    def _peak(self, name: str, peak: Peak) -> Any:
        most = max(self._choices.most(load) for load in peak)
        column = self._model.continuous(f"peak_{name}", most / self._time_s)
        for r, load in enumerate(peak):
            self._model.at_most(f"peak_{name}_{r}", [*self._model.of(load, 1 / self._time_s), (column, -1.0)], 0.0)
        return column

    def _last_stage(self, name: str, linear: Linear) -> Any:
        """A column >= the layers i.. of the last stage, for every i: a hand-over at j > i releases layers i..j."""
        column = self._model.continuous(f"last_stage_{name}", self._choices.most(linear) / self._time_s)
        last = self._problem.layer_count
        for i in range(last):
            behind: Linear = {run: v for run, v in linear.items() if isinstance(run, Run) and run.layer >= i}
            terms = self._model.of(behind, 1 / self._time_s)
            for j in range(i + 1, last):
                before: Linear = {run: v for run, v in behind.items() if isinstance(run, Run) and run.layer < j}
                terms += self._model.hands_over(j, -self._choices.most(before) / self._time_s)
            self._model.at_most(f"last_stage_{name}_{i}", [*terms, (column, -1.0)], 0.0)
        return column

    def _idle_joules(self, n: int, turn: Any, rules: Sequence[LatencyRule]) -> Terms:
        """Unweighted J: idle power x T at the level in use; the source without a stage draws its own idle power."""
        problem = self._problem
        runs = {run.option for run in self._choices.runs}
        powers = {o: problem.options[o].idle_power_w for o in problem.options_of_node[n] if o in runs}
        second = self._time_s / problem.concurrency
        if n != problem.source:
            return [(self._while_used(o, self._model.used(o), turn, rules), power * second)
                    for o, power in powers.items() if power]  # fmt: skip
        own = float(problem.idle_power_w[n])
        if set(powers.values()) <= {own}:
            return [(turn, own * second)]
        without = self._model.binary("source_without_stage")
        states = {o: self._model.used(o) for o in powers}
        self._model.equal("source_awake", [(without, 1.0), *((used, 1.0) for used in states.values())], 1.0)
        terms = [(self._while_used(o, used, turn, rules), powers[o] * second) for o, used in states.items()]
        return [*terms, (self._while_used("source", without, turn, rules), own * second)]

    def _while_used(self, name: object, used: Any, turn: Any, rules: Sequence[LatencyRule]) -> Any:
        """The product used x turn, linearised: awake >= turn - longest (1 - used), and >= shortest x used."""
        longest = turn.upBound
        shortest = shortest_s(self._choices, rules) / self._time_s
        awake = self._model.continuous(f"awake_{name}", longest)
        self._model.at_most(f"awake_{name}", [(turn, 1.0), (used, longest), (awake, -1.0)], longest)
        self._model.at_most(f"awake_{name}_shortest", [(used, min(shortest, longest)), (awake, -1.0)], 0.0)
        return awake

    def _energy(self, idle: dict[int, Terms], longest_cycle_s: float) -> tuple[Any, float]:
        """The weighted energy as a column, and its unit in J."""
        problem, limit = self._problem, self._task.limits.energy_j
        joules = self._choices.weighted_joules()
        most = self._choices.most(joules) + most_idle_w(problem) * longest_cycle_s
        unit = self._choices.least(joules) or most or 1.0
        upper = most if limit is None else min(most, limit)
        column = self._model.continuous("energy", upper * (1 + LIMIT_SLACK) / unit)
        terms = self._model.of(joules, 1 / unit)
        for n, own in idle.items():
            terms += [(c, value * float(problem.energy_weight[n]) / unit) for c, value in own]
        self._model.at_most("energy", [*terms, (column, -1.0)], 0.0)
        return column, unit

    def _budget(self, n: int, idle: Terms) -> None:
        """The node's own joules stay within its budget."""
        budget = self._problem.request.cluster.nodes[n].energy_budget_j
        assert budget is not None  # the caller selects nodes with a budget
        terms = [*self._model.of(self._choices.joules.get(n, {}), 1.0), *idle]
        unit = max([budget, *(value for _, value in terms)])
        if unit > 0:
            scaled = [(column, value / unit) for column, value in terms]
            self._model.at_most(f"energy_budget_{n}", scaled, budget * (1 + LIMIT_SLACK) / unit)
