"""A lower bound on every plan in a box, by pricing what the dynamic programme cannot see; and what it lets us delete.

Relaxed: "each node at most once", with a price l_n >= 0 per use of node n (not of the source); T between t0 and t1,
with a price m >= 0 per second of the additive part tau(P) of T; limits on latency and energy, with prices of their own.
With K = cycle_weight, a plan P in the box costs at least
    path cost under   latency_weight F + energy_weight joules + energy_weight awake t0 + m tau + l_node + sum(v d)
    + h(m) - sum(l) - sum(v b),      h(m) = (K - m) t0 for m <= K,  -(m - K) t1 above,
since T >= tau(P) and t0 <= T <= t1. Subgradient steps (Polyak) raise the bound; any prices give a valid one. A column
whose cheapest path costs more than the incumbent occurs in no better plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placement.backends.base import Axis, Box
from placement.bounds import Sweep, Tables
from placement.boxes import Shape
from placement.routes import FloatArray
from placement.stage_graph import IntArray, StageGraph


@dataclass(frozen=True)
class AdditiveLimit:
    """sum of `amount` over a plan's columns <= limit."""

    amount: FloatArray
    limit: float


@dataclass(frozen=True)
class Prices:
    """Multipliers: per node (N,), per second of tau, per additive limit."""

    node: FloatArray
    time: float
    limits: FloatArray


@dataclass(frozen=True)
class Relaxed:
    """The outcome of pricing: a bound, its prices, and what they say of every column and every state."""

    bound: float
    prices: Prices
    cost: FloatArray
    """(C,): priced cost per column."""
    through: FloatArray
    """(C,): the bound for plans that use the column."""
    completion: FloatArray
    """(L + 1, N, 2^q): cheapest priced completion behind a stage that ends at (cut, node), by tracked nodes used."""
    sweep: Sweep
    shape: Shape
    paths: tuple[IntArray, ...]
    """Cheapest paths met on the way; those that use no node twice are plans."""
    awake_w: float
    """Idle power of the nodes on the last of them beyond the source's, in W."""
    cheapest_without_time: float
    """What any plan in the box costs at least apart from cycle_weight T."""


class Pricing:
    """The relaxation of one box; `tracked` nodes are used at most once, the others are priced."""

    def __init__(
        self, graph: StageGraph, shape: Shape, box: Box, limits: list[AdditiveLimit], tracked: tuple[int, ...]
    ) -> None:
        self._graph, self._shape, self._box, self._limits = graph, shape, box, limits
        self._sweep = Sweep(graph, tracked)
        base = shape.latency_weight * graph.forward_s + shape.energy_weight * graph.joules
        base[: graph.stage_count] += shape.energy_weight * shape.awake_w * box.low_s[Axis.CYCLE]
        self._base = base
        self._peaks_s = shape.peak_count * (box.low_s[Axis.FORWARD_PEAK] + box.low_s[Axis.BACKWARD_PEAK])
        self._unit_s = box.low_s[Axis.CYCLE] or box.high_s[Axis.CYCLE] or 1.0
        self._priced_nodes = len(tracked) < graph.problem.node_count - 1
        self._limit_units = np.array([abs(limit.limit) or 1.0 for limit in limits])

    def start(self) -> Prices:
        """Nodes are free, time costs what T weighs."""
        return Prices(np.zeros(self._graph.problem.node_count), self._shape.cycle_weight, np.zeros(len(self._limits)))

    @property
    def exact(self) -> bool:
        """Whether every node is tracked, so that cheapest paths use none twice (the source's ends apart)."""
        return not self._priced_nodes

    def cheapest_path(self, prices: Prices) -> IntArray | None:
        """Columns of the cheapest path under given prices."""
        cost = self._cost(prices)
        tables = self._sweep.from_start(cost)
        return self._sweep.backtrack(cost, tables) if np.isfinite(tables.leaving[-1].min(initial=np.inf)) else None

    def improve(self, prices: Prices, target: float | None, iterations: int) -> Relaxed | None:
        """Raise the bound towards `target` (the incumbent); None where the box holds no path or only worse plans."""
        best_bound, best = -np.inf, prices
        best_tables: Tables | None = None
        pace, stale = FIRST_PACE, 0
        direction: _Slope | None = None
        paths: list[IntArray] = []
        for _ in range(iterations):
            cost = self._cost(prices)
            tables = self._sweep.from_start(cost)
            length = float(tables.leaving[-1].min(initial=np.inf))
            if not np.isfinite(length):
                return None
            bound = length + self._constant(prices)
            stale = 0 if bound > best_bound + 1e-4 * abs(best_bound) else stale + 1
            if bound > best_bound:
                best_bound, best, best_tables = bound, prices, tables
            if target is not None and best_bound >= target:
                return None
            paths.append(self._sweep.backtrack(cost, tables))
            if stale >= (PATIENCE if self._priced_nodes else PATIENCE // 4):
                pace, stale, prices, direction = pace / 2, 0, best, None
                if pace < LAST_PACE:
                    break
                continue
            slope = self._slope(prices, paths[-1])
            if slope.norm == 0:
                break
            direction = slope if direction is None else slope.plus(direction, MOMENTUM)
            goal = target if target is not None else bound + 0.05 * (abs(bound) or 1.0)
            step = pace * max(goal - bound, 1e-6 * abs(goal)) / max(slope.norm, direction.norm)
            prices = self._moved(prices, direction, step)
        return None if best_tables is None else self._outcome(best, best_tables, tuple(paths))

    def _outcome(self, prices: Prices, start: Tables, paths: tuple[IntArray, ...]) -> Relaxed:
        cost, constant = self._cost(prices), self._constant(prices)
        end = self._sweep.to_end(cost)
        through = self._sweep.through(cost, start, end) + constant
        bound = float(start.leaving[-1].min()) + constant
        stages = paths[-1][paths[-1] < self._graph.stage_count]
        awake = float(self._shape.awake_w[stages].sum())
        apart = Sweep(self._graph).shortest(self._base) if self._base.any() else 0.0
        return Relaxed(bound, prices, cost, through, end.leaving, self._sweep, self._shape, paths, awake, apart)

    def _cost(self, prices: Prices) -> FloatArray:
        cost = self._base + prices.time * self._shape.through_s
        cost[: self._graph.stage_count] += prices.node[self._graph.node]
        for price, limit in zip(prices.limits, self._limits, strict=True):
            if price > 0:
                cost = cost + price * limit.amount
        return cost

    def _constant(self, prices: Prices) -> float:
        weight, box = self._shape.cycle_weight, self._box
        spare = weight - prices.time
        rest = spare * (box.low_s[Axis.CYCLE] if spare > 0 else box.high_s[Axis.CYCLE]) if spare != 0 else 0.0
        limits = sum(price * limit.limit for price, limit in zip(prices.limits, self._limits, strict=True))
        return float(rest + prices.time * self._peaks_s - prices.node.sum() - limits)

    def _slope(self, prices: Prices, path: IntArray) -> _Slope:
        """The subgradient at the cheapest path: uses of nodes beyond one, lateness, excess over limits; in shares.

        Prices at zero that would fall stay where they are.
        """
        graph = self._graph
        visits = np.bincount(graph.node[path[path < graph.stage_count]], minlength=graph.problem.node_count) - 1.0
        visits[graph.problem.source] = 0.0
        through = float(self._shape.through_s[path].sum()) + self._peaks_s
        late = TIME_SHARE * self._lateness(prices.time, through) / self._unit_s
        over = np.array([limit.amount[path].sum() - limit.limit for limit in self._limits]) / self._limit_units
        return _Slope(
            np.where((prices.node <= 0) & (visits < 0), 0.0, visits),
            0.0 if prices.time <= 0 and late < 0 else late,
            np.where((prices.limits <= 0) & (over < 0), 0.0, over),
        )

    def _lateness(self, price: float, through_s: float) -> float:
        """Derivative of the bound by the time price: tau - t0 below K, tau - t1 above; at K 0 between the two."""
        early, late = through_s - self._box.low_s[Axis.CYCLE], through_s - self._box.high_s[Axis.CYCLE]
        if price == self._shape.cycle_weight:
            return late if late > 0 else min(early, 0.0)
        return early if price < self._shape.cycle_weight else late

    def _moved(self, prices: Prices, direction: _Slope, step: float) -> Prices:
        """A step along the direction; prices stay non-negative."""
        return Prices(
            np.maximum(0.0, prices.node + step * direction.node),
            max(0.0, prices.time + step * TIME_SHARE * direction.time / self._unit_s),
            np.maximum(0.0, prices.limits + step * direction.limits / self._limit_units),
        )


@dataclass(frozen=True)
class _Slope:
    """A direction in the space of prices, in comparable units."""

    node: FloatArray
    time: float
    limits: FloatArray

    @property
    def norm(self) -> float:
        """Squared length."""
        return float((self.node**2).sum() + self.time**2 + (self.limits**2).sum())

    def plus(self, other: _Slope, share: float) -> _Slope:
        """The sum with a share of another direction."""
        return _Slope(
            self.node + share * other.node, self.time + share * other.time, self.limits + share * other.limits
        )


FIRST_PACE, LAST_PACE = 1.0, 0.03
"""Polyak step factors, halved whenever the bound has not risen for PATIENCE steps."""
PATIENCE = 8
MOMENTUM = 0.5
"""Share of the last direction in the next one; damps zigzag."""
TIME_SHARE = 0.3
"""Weight of the time price among the prices: it acts on every column at once, so it moves less."""
