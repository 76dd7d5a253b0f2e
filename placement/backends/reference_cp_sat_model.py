"""Which layer runs where, as a constraint programme: booleans, exactly-one, a circuit of stages, enforced memory rows.

docs/reference-formulations.md is the same page in symbols; placement.backends.reference_cp_sat_figures adds the costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from placement.problem import Placement, Problem
from placement.reference_formulation import (
    MEMORY_SLACK,
    Choice,
    Choices,
    HandOver,
    Run,
    depth_matters,
    placement_of,
)

LARGEST = 2.0**61
"""CP-SAT wants sums within 63 bits."""
BYTE_PARTS = 1024.0
"""Parts of a byte, where bytes are not whole."""


class TextbookOrder:
    """Vertices 0..N-1 are the nodes; vertex N, if any, is the second stage of the source: its tail."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._instance: Problem = choices.problem
        self.model = cp_model.CpModel()
        every: tuple[Choice, ...] = choices.runs + choices.hand_overs
        self._literals: dict[Choice, list[Any]] = {choice: [] for choice in every}
        self._nodes = list(range(choices.problem.node_count))
        if any(run.layer == 0 and self._node(run) == choices.problem.source for run in choices.runs):
            self._nodes.append(choices.problem.source)
        self._unused = [self._literal(f"unused_{v}") for v in self._vertices]
        self._placed: list[list[tuple[Run, Any]]] = [[] for _ in self._vertices]
        self._on: list[dict[int, Any]] = [self._runs_of(v) for v in self._vertices]
        self._each_layer_once()
        self._next: dict[tuple[int, int], Any] = {}
        self._hand_over_follows()
        self._one_stage_per_vertex()
        self._used = {o: self._one_level(o) for o in sorted({run.option for run in choices.runs})}
        for options in choices.problem.options_of_node:
            self.model.add_at_most_one(self._used[o] for o in options if o in self._used)
        self._memory()

    def placement(self, is_true: Callable[[Any], bool]) -> Placement:
        """The placement in a solution, by what that says of a literal."""
        chosen = {run.layer: run.option for run in self._choices.runs
                  if any(is_true(literal) for literal in self._literals[run])}  # fmt: skip
        return placement_of(self._instance, [chosen[k] for k in range(self._instance.layer_count)])

    def literals(self, choice: Choice) -> list[Any]:
        """True, at most one of them, where the choice is made: by the node's first stage or by the tail."""
        return self._literals[choice]

    def used(self, option: int) -> Any | None:
        """True where some layer runs on the option; None where none ever can."""
        return self._used.get(option)

    def runs_of_last_stage(self) -> list[tuple[Any, list[tuple[Run, Any]]]]:
        """Per vertex that may be last: true where it is, and its runs with their literals."""
        last = self._instance.layer_count - 1
        return [(on[last], self._placed[v]) for v, on in enumerate(self._on) if last in on]

    @property
    def _vertices(self) -> range:
        return range(len(self._nodes))

    @property
    def _has_tail(self) -> bool:
        return len(self._nodes) > self._instance.node_count

    def _node(self, run: Run) -> int:
        return self._instance.options[run.option].node

    def _literal(self, name: str) -> Any:
        return self.model.new_bool_var(name)

    def _runs_of(self, v: int) -> dict[int, Any]:
        """x[k, v, o] for every run of the vertex's node; returns y[k, v], true where layer k runs on the vertex."""
        tail = v == self._instance.node_count
        by_layer: dict[int, list[Any]] = {}
        for run in self._choices.runs:
            if self._node(run) == self._nodes[v] and (not tail or run.layer >= 2):
                literal = self._literal(f"run_{run.layer}_{v}_{run.option}")
                self._literals[run].append(literal)
                self._placed[v].append((run, literal))
                by_layer.setdefault(run.layer, []).append(literal)
        on = {}
        for k, literals in by_layer.items():
            on[k] = literals[0] if len(literals) == 1 else self._literal(f"on_{k}_{v}")
            if len(literals) > 1:
                self.model.add_exactly_one([~on[k], *literals])
        return on

    def _each_layer_once(self) -> None:
        for k in range(self._instance.layer_count):
            self.model.add_exactly_one(on[k] for on in self._on if k in on)

    def _hand_over_follows(self) -> None:
        """Behind a layer on u comes the next layer on u, or one hand-over; likewise before a layer."""
        tail = self._instance.node_count
        allowed = set(self._choices.hand_overs)
        crossings: dict[tuple[int, int], list[Any]] = {}
        for j in range(1, self._instance.layer_count):
            leaving: dict[int, list[Any]] = {u: [] for u in self._vertices}
            entering: dict[int, list[Any]] = {v: [] for v in self._vertices}
            for u in self._vertices:
                for v in self._vertices:
                    hand_over = HandOver(j, self._nodes[u], self._nodes[v])
                    possible = u == v or (hand_over in allowed and u != tail)
                    if possible and j - 1 in self._on[u] and j in self._on[v]:
                        literal = self._literal(f"cross_{j}_{u}_{v}")
                        leaving[u].append(literal)
                        entering[v].append(literal)
                        if u != v:
                            self._literals[hand_over].append(literal)
                            crossings.setdefault((u, v), []).append(literal)
            for v in self._vertices:
                if j - 1 in self._on[v]:
                    self.model.add_exactly_one([~self._on[v][j - 1], *leaving[v]])
                if j in self._on[v]:
                    self.model.add_exactly_one([~self._on[v][j], *entering[v]])
        for (u, v), literals in crossings.items():
            self._next[u, v] = self._literal(f"next_{u}_{v}")
            self.model.add_exactly_one([~self._next[u, v], *literals])

    def _one_stage_per_vertex(self) -> None:
        """Stages are a circuit through a depot; vertices aside of it loop. A tail needs a head."""
        depot, last = len(self._nodes), self._instance.layer_count - 1
        arcs = [(u, v, literal) for (u, v), literal in self._next.items()]
        arcs += [(v, v, unused) for v, unused in enumerate(self._unused)]
        arcs += [(depot, v, self._on[v][0]) for v in self._vertices if 0 in self._on[v]]
        arcs += [(v, depot, self._on[v][last]) for v in self._vertices if last in self._on[v]]
        self.model.add_circuit(arcs)
        if self._has_tail:
            self.model.add_bool_or([self._unused[-1], self._on[self._instance.source][0]])
        self.model.add(sum(self._next.values()) <= self._instance.max_stages - 1)

    def _one_level(self, option: int) -> Any:
        """True where some layer runs on the option, and only there."""
        used = self._literal(f"used_{option}")
        runs = [x for run in self._choices.runs if run.option == option for x in self._literals[run]]
        self.model.add_bool_or([~used, *runs])
        for literal in runs:
            self.model.add_implication(literal, used)
        return used

    def _memory(self) -> None:
        """Per node: static bytes + activations in flight + the largest workspace <= memory; by depth."""
        problem, sizes = self._instance, self._instance.bytes
        parts = self._parts_of_a_byte()
        static, kept, work = (
            [math.floor(float(value) * parts) for value in values]
            for values in (sizes.static, sizes.activations, sizes.workspace)
        )
        depths = self._depths() if depth_matters(problem) else None
        for n in range(problem.node_count):
            room = math.floor(float(problem.memory_bytes[n]) * (1 + MEMORY_SLACK) * parts)
            vertices = [v for v in self._vertices if self._nodes[v] == n]
            held = [(k, literal) for v in vertices for k, literal in self._on[v].items()]
            if not held:
                continue
            workspace = self.model.new_int_var(0, max(work), f"workspace_{n}")
            for k, literal in held:
                self.model.add(workspace >= work[k] * literal)
            fixed = workspace + sum(static[k] * literal for k, literal in held)
            # The tail is last: its activations are those of depth 1.
            tail = sum(kept[k] * problem.in_flight(1) * x for v in vertices[1:] for k, x in self._on[v].items())
            own = sum(kept[k] * literal for k, literal in self._on[n].items())
            if depths is None:
                self.model.add(fixed + tail + problem.in_flight(1) * own <= room)
            else:
                for d, literal in depths[n].items():
                    self.model.add(fixed + tail + problem.in_flight(d) * own <= room).only_enforce_if(literal)

    def _parts_of_a_byte(self) -> float:
        """1 where bytes are whole, more where they are not, less where sums would not fit integers."""
        problem, sizes = self._instance, self._instance.bytes
        each = np.concatenate([sizes.static, sizes.activations, sizes.workspace])
        reach = float(problem.memory_bytes.max() + each.sum() * problem.in_flight(problem.max_stages) + 1)
        most = 2.0 ** math.floor(math.log2(LARGEST / reach))
        return min(most, 1.0 if np.array_equal(each, np.floor(each)) else BYTE_PARTS)

    def _depths(self) -> list[dict[int, Any]]:
        """Per vertex the literals of being the d-th stage from the end, the last being the first."""
        deepest, last = self._instance.max_stages, self._instance.layer_count - 1
        depths = [{d: self._literal(f"depth_{v}_{d}") for d in range(1, deepest + 1)} for v in self._vertices]
        for v, literals in enumerate(depths):
            self.model.add_exactly_one([self._unused[v], *literals.values()])
            if last in self._on[v]:
                self.model.add_implication(self._on[v][last], literals[1])
        for (u, v), literal in self._next.items():
            for d in range(1, deepest + 1):
                before = [depths[u][d + 1]] if d < deepest else []
                self.model.add_bool_or([~literal, ~depths[v][d], *before])
        return depths
