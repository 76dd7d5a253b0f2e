"""A lower bound on every plan in a box, by pricing what the dynamic programme cannot see; and what it lets us delete.

Relaxed are: "each node at most once" (walks may use a node again once they have forgotten it), with a price l_n >= 0
per use; and the quantities q(P), sums over a plan's columns, with a price p_q >= 0 each:
    tau     the additive part of T, where T >= tau + k (sum of the peaks), k = peak_count
    loads   of resources that a micro-batch visits more than once (media, nodes that do not overlap): no more than the
            peak of their axis, or than T in inference
    spent   F or energy, where limited to b
Idle power x T, the product of W(P) = sum of awake_w and T, is estimated from below over the box (McCormick 1976): with
w0 <= W <= w1 and t0 <= T <= t1, for every mu in 0..1,
    W T >= (1 - mu) (W t0 + w0 T - w0 t0) + mu (W t1 + w1 T - w1 t1)
With K = cycle_weight + energy_weight ((1 - mu) w0 + mu w1), every plan P in the box costs at least
    path cost under  latency_weight F + energy_weight (joules + awake_w ((1 - mu) t0 + mu t1)) + l_node + sum(p_q q)
    + sum over axes of h(spare) - sum(l capacity) - sum over limits of p b - energy_weight ((1 - mu) w0 t0 + mu w1 t1)
where h(x) = x low for x >= 0, x high for x < 0, and spare is what the prices leave of an axis' weight:
    K - p_tau - loads on T;   k p_tau - loads on that peak.
Subgradient steps (Polyak) raise the bound over l, p and mu; any of them give a valid one. A column whose cheapest walk
costs more than the incumbent occurs in no better plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from placement.backends.base import Axis, Box
from placement.bound_terms import AdditiveLimit, terms_of
from placement.bounds import Marks, Memory, Sweep, Tables
from placement.boxes import Shape
from placement.column_costs import IntArray
from placement.kernels.pricing import Duals, constant_of, cycle_weight_of, priced_costs, spare_of
from placement.kernels.subgradient import Pace, raise_bound
from placement.routes import FloatArray
from placement.stage_graph import StageGraph

ROUNDING = 1e-12
"""A bound is a difference of terms as large as the prices: what their rounding may have added is taken off."""
BETWEEN_QUESTIONS = 20
"""Steps between two looks at the clock."""
LONG_SWEEP = 3e6
"""Work of a sweep from which on the clock is looked at five times as often: some ten milliseconds."""
REMEMBERED = 12
"""Cheapest walks kept that are plans."""


@dataclass(frozen=True)
class Relaxed:
    """The outcome of pricing: a bound, its prices, and what they say of every column and every state."""

    bound: float
    pricing: Pricing
    duals: Duals
    cost: FloatArray
    """(C,): priced cost per column."""
    end: Tables
    """Cheapest priced completions."""
    plans: tuple[IntArray, ...]
    """Cheapest walks met on the way, as columns: those that use no node too often, and the others."""
    cyclic: tuple[IntArray, ...]
    spare: FloatArray
    """(2,): what the bound would gain per second that an axis of a plan lies above the box's lowest, where positive."""

    @cached_property
    def walk(self) -> IntArray:
        """Columns of the cheapest walk."""
        walk = self.pricing.sweep.cheapest(self.cost, self.end)
        assert walk is not None  # a box without one is not relaxed
        return walk

    @property
    def cycle_weight(self) -> float:
        """K."""
        return cycle_weight_of(self.pricing.terms, self.duals.share[0])

    @property
    def taken(self) -> FloatArray:
        """(2,): what the bound counts for each axis, on the cheapest walk: h(spare), and the priced loads."""
        terms = self.pricing.terms
        ends = np.where(self.spare > 0, terms.low, terms.high)
        taken = np.where(self.spare == 0, 0.0, self.spare * ends)
        loads = slice(1, len(terms.axis))
        if terms.load_axis >= 0:
            stages = self.walk[self.walk < self.pricing.graph.stage_count]
            priced = self.duals.load[self.pricing.graph.node[stages]] * terms.load[stages]
            taken[terms.load_axis] += float(priced.sum())
        np.add.at(taken, terms.axis[loads], self.duals.quantity[loads] * terms.amounts[loads][:, self.walk].sum(axis=1))
        return taken

    @cached_property
    def _constant(self) -> float:
        return constant_of(self.pricing.terms, self.duals, self.pricing.terms.low, ROUNDING)

    @cached_property
    def _start(self) -> Tables:
        return self.pricing.sweep.from_start(self.cost)

    @cached_property
    def through(self) -> FloatArray:
        """(C,): the bound for plans that use the column."""
        through: FloatArray = self.pricing.sweep.through(self.cost, self._start, self.end) + self._constant
        return through

    def below(self, cutoff: float) -> Marks:
        """States that a plan cheaper than the cutoff may pass."""
        room = cutoff - self._constant
        return Marks(self._start.arriving + self.end.arriving < room, self._start.leaving + self.end.leaving < room)

    @cached_property
    def all_ends(self) -> Tables:
        """Cheapest priced completions from every state, whether or not a walk worth following passes it."""
        sweep = self.pricing.sweep
        return self.end if sweep.marks is None else Sweep(sweep.graph, sweep.memory).to_end(self.cost)


class Pricing:
    """The relaxation of one box."""

    def __init__(
        self,
        graph: StageGraph,
        shape: Shape,
        box: Box,
        limits: list[AdditiveLimit],
        memory: Memory,
        target: float | None = None,
        marks: Marks | None = None,
        *,
        counts_loads: bool = False,
    ) -> None:
        """`target`: plans that cost more are of no interest, which bounds W from above. marks: states to sweep.

        counts_loads: also price what all visits of a walk put on one node, which no peak is below. That helps where the
        ends of the peak are far apart; where they are close the ends themselves say more.
        """
        self.graph, self.shape, self.box, self.limits = graph, shape, box, limits
        self.sweep = Sweep(graph, memory, marks)
        self.terms = terms_of(graph, shape, box, limits, target, counts_loads=counts_loads)
        self.steps_taken = 0

    def _even_loads(self, weight: float) -> FloatArray:
        """(N,): prices that make a layer's work cost the same on every node, and use up an axis' weight."""
        terms, graph = self.terms, self.graph
        work, layers = np.zeros((2, graph.problem.node_count))
        np.add.at(work, graph.node, terms.load)
        np.add.at(layers, graph.node, graph.stop - graph.first)
        rate = np.divide(layers, work, out=np.zeros_like(work), where=work > 0)
        total = float((rate * terms.members).sum())
        return rate * (weight / total) if total > 0 else rate

    def start(self, known: Duals | None = None) -> Duals:
        """The best of a few prices.

        Those known of a larger box; and, with its nodes' prices (at first none), time at what T weighs, or all of an
        axis' weight on one shared resource, or spread over the loads of nodes.
        """
        nodes = np.zeros(self.graph.problem.node_count) if known is None else known.node
        quantities = len(self.terms.unit)
        starts = [] if known is None else [known]
        for share in (0.5, 0.0, 1.0) if self.shape.energy_weight > 0 else (0.0,):
            awake = (1 - share) * self.terms.awake_low + share * self.terms.awake_high
            weight = self.shape.cycle_weight + self.shape.energy_weight * awake
            for index, axis in enumerate(self.terms.axis.tolist()):
                quantity = np.zeros(quantities)
                quantity[0] = weight
                if index > 0:
                    quantity[index] = weight * (1.0 if axis == Axis.CYCLE else self.shape.peak_count)
                    quantity[0] = 0.0 if axis == Axis.CYCLE else weight
                loads = np.zeros(len(nodes))
                starts.append(Duals(nodes, quantity, loads, np.array([share])))
                if self.terms.load_axis >= 0 and index == 0:
                    whole = weight * (1.0 if self.terms.load_axis == Axis.CYCLE else self.shape.peak_count)
                    evenly = quantity.copy()
                    evenly[0] = 0.0 if self.terms.load_axis == Axis.CYCLE else weight
                    starts.append(Duals(nodes, evenly, self._even_loads(whole), np.array([share])))
        if len(starts) == 1:
            return starts[0]
        plain = Sweep.forgetful(self.graph)
        return max(starts, key=lambda duals: plain.shortest(self._cost(duals)) + self._constant(duals))

    def _cost(self, duals: Duals) -> FloatArray:
        cost = np.empty(len(self.terms.base))
        priced_costs(self.sweep.columns, self.terms, duals, cost)
        return cost

    def shortest(self, cost: FloatArray) -> float:
        """Cost of the cheapest walk that forgets everything."""
        return Sweep.forgetful(self.graph).shortest(cost)

    def _constant(self, duals: Duals) -> float:
        return constant_of(self.terms, duals, self.terms.low, ROUNDING)

    def improve(
        self, duals: Duals, target: float | None, steps: int, stopped: Callable[[], bool] = lambda: False
    ) -> Relaxed | None:
        """Raise the bound towards `target` (the incumbent); None where the box holds no walk or only worse plans.

        stopped: asked now and then; True ends the rise early, with the bound reached so far.
        """
        if self.terms.awake_high < self.terms.awake_low:
            return None
        duals = Duals(*(part.copy() for part in duals))
        pace = Pace(np.ones(1), np.zeros(1, dtype=np.int64))
        goal = np.inf if target is None else target
        found = np.zeros((REMEMBERED, 2 * self.graph.problem.layer_count + 3), dtype=np.int64)
        walks: tuple[list[IntArray], list[IntArray]] = ([], [])
        bound, taken = -np.inf, 0
        between = BETWEEN_QUESTIONS if self.sweep.work < LONG_SWEEP else BETWEEN_QUESTIONS // 5
        while taken < steps and not (taken and stopped()):
            chunk = min(between, steps - taken)
            bound, run, kept = raise_bound(
                self.sweep.columns, self.sweep.memory.walks, self.sweep.alive, self.terms, duals, pace, goal, bound,
                chunk, ROUNDING, found,
            )  # fmt: skip
            taken += run
            self.steps_taken += run
            if not np.isfinite(bound) or bound >= goal:
                return None
            for row in found[: min(kept, REMEMBERED)]:
                walks[row[1]].append(row[2 : 2 + row[0]].copy())
            if run < chunk:
                break
        cost = self._cost(duals)
        end = self.sweep.to_end(cost)
        cyclic, plans = (tuple(kept[-REMEMBERED:]) for kept in walks)
        return Relaxed(bound, self, duals, cost, end, plans, cyclic, spare_of(self.terms, duals))
