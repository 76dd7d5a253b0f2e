"""Columns and rows of the textbook mixed-integer formulation: who runs what, in which order, and within its memory.

docs/reference-formulations.md is the same page in symbols; placement.backends.reference_milp_figures adds the costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any

import pulp

from placement.problem import Placement
from placement.reference_formulation import (
    Choice,
    Choices,
    HandOver,
    Linear,
    Run,
    depth_matters,
    placement_of,
)

Terms = list[tuple[Any, float]]


class TextbookModel:
    """Columns per choice, and rows by the names of docs/reference-formulations.md.

    Figures are scaled to be around 1, since the solver's tolerances are absolute. Hand-overs are 0-1 although the runs
    alone would make them so: HiGHS 1.12 restarted without any 0-1 column states a bound that is too low.
    """

    def __init__(self, choices: Choices) -> None:
        self._choices, self._instance = choices, choices.problem
        self.problem = pulp.LpProblem("reference", pulp.LpMinimize)
        self._column: dict[Choice, Any] = {run: self.binary(f"run_{run.layer}_{run.option}") for run in choices.runs}
        for hand_over in choices.hand_overs:
            self._column[hand_over] = self.binary("hand_over_{}_{}_{}".format(*hand_over))
        self._used: dict[int, Any] = {}
        self._each_layer_once()
        self._hand_over_follows()
        self._one_stage_per_node()
        self._one_level_per_node()
        self._memory()

    def placement(self, value_of: Callable[[Any], float]) -> Placement:
        """The placement in a solution, by what that says of a column."""
        chosen = {run.layer: run.option for run in self._choices.runs if value_of(self._column[run]) > 0.5}
        return placement_of(self._instance, [chosen[k] for k in range(self._instance.layer_count)])

    def binary(self, name: str) -> Any:
        """A 0-1 column."""
        return self.problem.add_variable(name, 0, 1, pulp.LpInteger)

    def continuous(self, name: str, upper: float) -> Any:
        """A column from 0 to `upper`."""
        return self.problem.add_variable(name, 0, upper)

    def _row(self, name: str, terms: Iterable[tuple[Any, float]], sense: int, right: float) -> None:
        """Terms that repeat a column are summed: PuLP would keep the last."""
        total: dict[Any, float] = {}
        for column, value in terms:
            total[column] = total.get(column, 0.0) + value
        self.problem.addConstraint(pulp.LpConstraint(pulp.LpAffineExpression(total), sense, name, right))

    def at_most(self, name: str, terms: Iterable[tuple[Any, float]], right: float) -> None:
        """A row: the sum of the terms is no more than `right`."""
        self._row(name, terms, pulp.LpConstraintLE, right)

    def equal(self, name: str, terms: Iterable[tuple[Any, float]], right: float = 0.0) -> None:
        """A row: the sum of the terms is `right`."""
        self._row(name, terms, pulp.LpConstraintEQ, right)

    def of(self, linear: Linear, factor: float) -> Terms:
        """A linear figure over the columns."""
        return [(self._column[choice], value * factor) for choice, value in linear.items()]

    def _on(self, k: int, n: int, factor: float = 1.0) -> Terms:
        """y[k, n]: layer k runs on node n, at any level."""
        runs = (Run(k, o) for o in self._instance.options_of_node[n])
        return [(self._column[run], factor) for run in runs if run in self._column]

    def hands_over(self, j: int, factor: float) -> Terms:
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
            self.equal(f"each_layer_once_{k}", terms, 1.0)

    def _hand_over_follows(self) -> None:
        """y[j - 1, n] = stay[j, n] + what n hands over;   y[j, n] = stay[j, n] + what n receives."""
        for j in range(1, self._instance.layer_count):
            for n in range(self._instance.node_count):
                before, behind = self._on(j - 1, n), self._on(j, n)
                stay = [(self.binary(f"stay_{j}_{n}"), -1.0)] if before and behind else []
                sent = [(self._column[h], -1.0) for h in self._hand_overs_at[j] if h.sender == n]
                received = [(self._column[h], -1.0) for h in self._hand_overs_at[j] if h.receiver == n]
                if before:
                    self.equal(f"leaves_{j}_{n}", [*before, *stay, *sent])
                if behind:
                    self.equal(f"enters_{j}_{n}", [*behind, *stay, *received])

    def _one_stage_per_node(self) -> None:
        """Each node is entered once; the source once more where it holds the first layer and the last."""
        last = self._instance.layer_count - 1
        for n in range(self._instance.node_count):
            entered = [(self._column[h], 1.0) for h in self._choices.hand_overs if h.receiver == n]
            if n == self._instance.source:
                self.at_most("one_later_stage_on_the_source", entered, 1.0)
                self.at_most("two_stages_are_both_ends", [*entered, *self._on(0, n), *self._on(last, n, -1.0)], 1.0)
            else:
                self.at_most(f"one_stage_per_node_{n}", [*entered, *self._on(0, n)], 1.0)
        every = [(self._column[h], 1.0) for h in self._choices.hand_overs]
        self.at_most("max_stages", every, self._instance.max_stages - 1.0)

    def _one_level_per_node(self) -> None:
        for n, options in enumerate(self._instance.options_of_node):
            if len(options) > 1:
                self.at_most(f"one_level_per_node_{n}", [(self.used(o), 1.0) for o in options], 1.0)

    def used(self, option: int) -> Any:
        """A column that is 1 where some layer runs on the option."""
        if option not in self._used:
            used = self._used[option] = self.binary(f"used_{option}")
            runs = [run for run in self._choices.runs if run.option == option]
            for run in runs:
                self.at_most(f"used_{option}_{run.layer}", [(self._column[run], 1.0), (used, -1.0)], 0.0)
            self.at_most(f"unused_{option}", [(used, 1.0), *((self._column[run], -1.0) for run in runs)], 0.0)
        return self._used[option]

    def _memory(self) -> None:
        """Per node: static bytes + activations in flight + the largest workspace <= memory, as shares of it.

        The solver's own tolerance is as large as the referee's.
        """
        problem, sizes = self._instance, self._instance.bytes
        deeper = self._deeper() if depth_matters(problem) else {}
        for n in range(problem.node_count):
            unit = float(problem.memory_bytes[n]) or 1.0
            workspace = self.continuous(f"workspace_{n}", 1.0)
            terms: Terms = [(workspace, 1.0)]
            for k in range(problem.layer_count):
                on = self._on(k, n)
                kept = float(sizes.activations[k])
                least = float(sizes.static[k]) + kept * problem.in_flight(1)
                terms += [(column, least / unit) for column, _ in on]
                if on and sizes.workspace[k]:
                    largest = [(column, float(sizes.workspace[k]) / unit) for column, _ in on]
                    self.at_most(f"workspace_{n}_{k}", [*largest, (workspace, -1.0)], 0.0)
                if on and kept and deeper.get(k):
                    terms.append((self._further_in_flight(n, k, deeper[k]), kept / unit))
            self.at_most(f"memory_{n}", terms, 1.0)

    def _deeper(self) -> dict[int, Terms]:
        """Micro-batches in flight beyond in_flight(1), per layer: sum over d of the step at depth d x [depth >= d].

        [depth >= d] are nested 0-1 columns whose sum is the number of hand-overs behind the layer.
        """
        problem = self._instance
        deeper: dict[int, Terms] = {}
        for k in range(problem.layer_count - 1):
            deepest = min(problem.max_stages, problem.layer_count - k)
            at_least = [self.binary(f"depth_{k}_{d}") for d in range(2, deepest + 1)]
            for d, (shallow, deep) in enumerate(pairwise(at_least), start=3):
                self.at_most(f"depth_nested_{k}_{d}", [(deep, 1.0), (shallow, -1.0)], 0.0)
            behind = [term for j in range(k + 1, problem.layer_count) for term in self.hands_over(j, -1.0)]
            self.equal(f"depth_{k}", [*((column, 1.0) for column in at_least), *behind])
            steps = [problem.in_flight(d) - problem.in_flight(d - 1) for d in range(2, deepest + 1)]
            deeper[k] = [(column, float(step)) for column, step in zip(at_least, steps, strict=True) if step]
        return deeper

    def _further_in_flight(self, n: int, k: int, deeper: Terms) -> Any:
        """A column >= the sum of `deeper` if layer k runs on node n, else >= 0."""
        most = sum(step for _, step in deeper)
        further = self.continuous(f"in_flight_{n}_{k}", most)
        terms = [*deeper, *self._on(k, n, most), (further, -1.0)]
        self.at_most(f"in_flight_{n}_{k}", terms, most)
        return further
