"""What label setting needs to know of a box, as arrays; and the searches that use it.

A label holds a partial plan's F, joules, tau, awake power W, peaks z by axis, slowest update U, and the loads that
still add up (placement.loads). A complete plan is worth
    base + (cycle_weight + energy_weight W) T,    T = max(tau + peak_count (z1 + z2), z0) + U
docs/formulation.md proves when one label dominates another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from placement.backends.base import Axis, Task
from placement.bounds import Sweep, capacity_of
from placement.column_costs import IntArray
from placement.columns import LIMIT_SLACK
from placement.incumbent import CUTOFF
from placement.interruption import flag_when
from placement.kernels.labels import FULL, NARROWED, Guide, Rules, Steps
from placement.kernels.pricing import constant_of
from placement.kernels.setting import set_labels
from placement.lagrangian import ROUNDING, Relaxed
from placement.problem import Placement
from placement.routes import FloatArray
from placement.stage_graph import StageGraph

LONG = 20_000
"""Labels from which on a run may take long enough to be stopped: about a fifth of a second."""
PLANS = 12
"""Improvements that a run remembers."""


@dataclass(frozen=True)
class Labelled:
    """The outcome of a run. `bound` holds for every plan of the box that is not among `plans`."""

    complete: bool
    """Whether no plan below the cutoff was left out, but for those found."""
    plans: tuple[Placement, ...]
    """Ever better ones."""
    value: float | None
    """Of the last one."""
    bound: float | None
    """Of what was left out; None where nothing was, or where labels were dropped by width."""
    labels: int


class Labelling:
    """A relaxed box, ready for label setting."""

    def __init__(self, task: Task, relaxed: Relaxed) -> None:
        pricing = relaxed.pricing
        self._task, self._relaxed = task, relaxed
        self._graph, self._shape, self._box = pricing.graph, pricing.shape, pricing.box
        self._budgets = [
            (n, node.energy_budget_j)
            for n, node in enumerate(task.problem.request.cluster.nodes)
            if node.energy_budget_j is not None
        ]

    def run(
        self, cutoff: float | None, most: int, width: int = 0, stopped: Callable[[], bool] | None = None
    ) -> Labelled:
        """Search the box for plans below the cutoff; at most `most` labels, and per cut at most `width` (0: all).

        stopped: asked every now and then in a long run; True ends it as if it had met the most labels.
        """
        graph, sweep = self._graph, self._relaxed.pricing.sweep
        plans = np.zeros((PLANS, graph.problem.layer_count + 2), dtype=np.int64)
        below = np.inf if cutoff is None else cutoff
        with flag_when(stopped if most > LONG else None) as flag:
            ended, value, bound, labels, found = set_labels(
                sweep.columns, sweep.memory.walks, self.steps, self.rules, self.guide, below, width, most, plans, flag
            )
        recent = [plans[index % PLANS] for index in range(max(0, found - PLANS), found)]
        return Labelled(
            ended not in (FULL, NARROWED),
            tuple(graph.placement(row[1 : 1 + row[0]].tolist()) for row in recent),
            value if found else None,
            float(bound) if ended == FULL and not width else None,
            labels,
        )

    @cached_property
    def steps(self) -> Steps:
        """What each column adds."""
        graph, shape = self._graph, self._shape
        figures = np.zeros((len(graph.joules), 5))
        base = self._relaxed.pricing.terms.base
        for field, values in enumerate((base, shape.through_s, None, graph.joules, graph.forward_s)):
            if values is not None:
                figures[:, field] = values
        awake = shape.awake_w.copy()
        later = (graph.node == graph.problem.source) & (graph.first > 0)
        idle = np.array([option.idle_power_w for option in graph.problem.options])[graph.option]
        weight = graph.problem.energy_weight[graph.problem.source]
        awake[later] = weight * idle[later] - shape.least_idle_w - self._source_awake_w
        begin, slot, value, after, once, peak, shared = self._slots(idle)
        return Steps(
            graph.stage_count, figures, awake, graph.update_s, np.ascontiguousarray(shape.peaks_s.T), begin, slot,
            value, after, once, peak, shared, graph.max_depth, graph.option,
        )  # fmt: skip

    def _slots(self, idle: FloatArray) -> tuple[IntArray, IntArray, FloatArray, NDArray[np.bool_], NDArray[np.bool_],
                                                IntArray, int]:  # fmt: skip
        """Loads that add up, behind two slots per energy budget."""
        graph, adding = self._graph, self._shape.adding
        first = 2 * len(self._budgets)
        columns = np.repeat(np.arange(len(graph.joules)), np.diff(adding.begin))
        parts = [(columns, adding.slot + first, adding.value, adding.after, np.zeros(len(columns), dtype=np.bool_))]
        for b, (n, _) in enumerate(self._budgets):
            own = graph.node_joules.row == n
            column = graph.node_joules.column[own]
            size = len(column)
            no = np.zeros(size, dtype=np.bool_)
            parts.append((column, np.full(size, 2 * b), graph.node_joules.value[own], no, no))
            stages = np.flatnonzero(graph.node == n)
            power = idle[stages] - np.where((n == graph.problem.source) & (graph.first[stages] > 0),
                                            graph.problem.idle_power_w[n], 0.0)  # fmt: skip
            no = np.zeros(len(stages), dtype=np.bool_)
            parts.append((stages, np.full(len(stages), 2 * b + 1), power, no, ~no))
        column, slot, value, after, once = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.argsort(column, kind="stable")
        begin = np.searchsorted(column[order], np.arange(len(graph.joules) + 1))
        peak = np.concatenate([np.full(first, -1), adding.peak])
        return begin, slot[order], value[order], after[order], once[order], peak, first + adding.shared_slots

    @property
    def _source_awake_w(self) -> float:
        """Weighted idle power of a source without a stage, beyond its least."""
        problem = self._task.problem
        own = float(problem.energy_weight[problem.source] * problem.idle_power_w[problem.source])
        return max(0.0, own - self._shape.least_idle_w)

    @cached_property
    def rules(self) -> Rules:
        """What plans must keep, and their worth."""
        task, graph, shape, problem = self._task, self._graph, self._shape, self._task.problem
        limits = task.limits
        capacity = np.minimum(capacity_of(graph), problem.layer_count)
        bit = np.concatenate([[0], np.cumsum(capacity)])
        deepest = _deepest_pairs(graph)
        most = problem.max_stages
        binds = problem.request.constraints.max_stages is not None or bool((graph.max_depth < most).any())
        binds |= bool(((deepest >= 3) & (deepest < most)).any())
        latency = np.inf if limits.latency_s is None else limits.latency_s
        is_cycle = problem.training is not None or problem.concurrency == 1
        cycle = np.inf if limits.cycle_s is None else limits.cycle_s
        source_budget = [n == problem.source for n, _ in self._budgets]
        return Rules(
            source=problem.source,
            bit=bit[:-1],
            capacity=capacity,
            words=int(bit[-1] + 63) // 64,
            max_stages=most,
            counts_stages=binds,
            deepest=deepest,
            cycle_weight=float(shape.cycle_weight),
            energy_weight=float(shape.energy_weight),
            peak_count=float(shape.peak_count),
            has_cycle_peaks=bool(shape.peak_s[Axis.CYCLE].any()),
            least_idle_w=float(shape.least_idle_w),
            limit_cycle_s=float(min(cycle, latency) if is_cycle else cycle),
            limit_forward_s=float(np.inf if is_cycle else latency),
            limit_energy_j=float(np.inf if limits.energy_j is None else limits.energy_j),
            slack=1 + LIMIT_SLACK,
            margin=CUTOFF,
            budget_j=np.array([budget for _, budget in self._budgets], dtype=np.float64),
            budget_idle_w=np.where(source_budget, problem.idle_power_w[problem.source], 0.0).astype(np.float64),
            source_awake_w=self._source_awake_w,
        )

    @cached_property
    def guide(self) -> Guide:
        """Bounds on completions."""
        relaxed, graph, shape, rules = self._relaxed, self._graph, self._shape, self.rules
        pricing, terms = relaxed.pricing, relaxed.pricing.terms
        constant = constant_of(terms, relaxed.duals, terms.low, ROUNDING)
        spare = relaxed.spare
        axes = float(np.where(spare == 0, 0.0, spare * np.where(spare > 0, terms.low, terms.high)).sum())
        forgetful = Sweep.forgetful(graph)
        nothing = np.zeros((graph.problem.layer_count + 1, pricing.sweep.columns.cells))
        dearest = np.zeros(graph.problem.node_count)
        np.maximum.at(dearest, graph.node, shape.awake_w)
        relevant, matters = self._relevant()
        memory = pricing.sweep.memory
        return Guide(
            cost=relaxed.cost,
            arriving=relaxed.all_ends.arriving,
            leaving=relaxed.all_ends.leaving,
            near_begin=memory.near_begin,
            near=memory.near_nodes,
            tau_rest=forgetful.to_end(shape.through_s).leaving,
            forward_rest=forgetful.to_end(graph.forward_s).leaving if rules.limit_forward_s < np.inf else nothing,
            joules_rest=forgetful.to_end(graph.joules).leaving if rules.limit_energy_j < np.inf else nothing,
            relevant=relevant,
            source_matters=matters,
            constant=constant - axes,
            floor=constant,
            spare=spare,
            low=terms.low,
            high=terms.high,
            awake_most=float((dearest * rules.capacity).sum() + self._source_awake_w),
        )

    def _relevant(self) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Bits of nodes that may still begin a stage at or after each cut, and whether the source may.

        Of c interchangeable nodes behind which at most f stages can follow, using up to c - f makes no difference.
        """
        graph, rules = self._graph, self.rules
        layers = graph.problem.layer_count
        relevant = np.zeros((layers + 1, rules.words), dtype=np.uint64)
        last = np.full(graph.problem.node_count, -1)
        np.maximum.at(last, graph.node, graph.first)
        for n in np.unique(graph.node).tolist():
            for use in range(int(rules.capacity[n])):
                position = int(rules.bit[n]) + use
                until = min(int(last[n]), layers - (int(rules.capacity[n]) - use))
                if until >= 0:
                    relevant[: until + 1, position // 64] |= np.uint64(1 << (position % 64))
        return relevant, np.arange(layers + 1) <= last[graph.problem.source]


def _deepest_pairs(graph: StageGraph) -> IntArray:
    """The graph's own, 0 where it holds no such head or tail."""
    own = graph.node == graph.problem.source
    stops = np.unique(graph.stop[own & (graph.first == 0)])
    firsts = np.unique(graph.first[own & (graph.first > 0) & (graph.stop == graph.problem.layer_count)])
    table = np.zeros_like(graph.deepest_pairs)
    pairs = np.ix_(stops, firsts)
    table[pairs] = graph.deepest_pairs[pairs]
    return table
