"""A lower bound on every plan in a box, by pricing what the dynamic programme cannot see; and what it lets us delete.

Relaxed are: "each node at most once" (of nodes that are not tracked), with a price l_n >= 0 per use; the quantities
q(P), sums over a plan's columns, with a price p_q >= 0 each:
    tau     the additive part of T, where T >= tau + k (sum of the peaks), k = peak_count
    loads   of resources that a micro-batch visits more than once (media, nodes that do not overlap): no more than the
            peak of their axis, or than T in inference
    spent   F or energy, where limited to b
With K = cycle_weight, every plan P in the box costs at least
    path cost under  latency_weight F + energy_weight (joules + awake t0) + l_node + sum(p_q q)
    + sum over axes of h(spare) - sum(l) - sum over limits of p b,      h(x) = x low for x >= 0, x high for x < 0
where spare is what the prices leave of an axis' weight: K - p_tau - loads on T; k p_tau - loads on that peak.
Subgradient steps (Polyak) raise the bound; any prices give a valid one. A column whose cheapest path costs more than
the incumbent occurs in no better plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from placement.backends.base import Axis, Box
from placement.bounds import Sweep, Tables
from placement.boxes import Shape
from placement.column_costs import IntArray
from placement.routes import FloatArray
from placement.stage_graph import StageGraph

PEAKS = (Axis.FORWARD_PEAK, Axis.BACKWARD_PEAK)


@dataclass(frozen=True)
class AdditiveLimit:
    """sum of `amount` over a plan's columns <= limit."""

    amount: FloatArray
    limit: float
    holds_idle: bool = False
    """Whether the amount counts idle power at the box's lowest T, and so would grow with T."""


@dataclass(frozen=True)
class Prices:
    """Multipliers: per node (N,), and per quantity (tau, then the loads, then the limits)."""

    node: FloatArray
    quantity: FloatArray

    @property
    def time(self) -> float:
        """Per second of tau."""
        return float(self.quantity[0])


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
    spare: FloatArray
    """(3,): what the bound would gain per second that an axis of a plan lies above the box's lowest, where positive."""
    per_cycle_s: float
    """What a second of T would add to the last of them through idle power of nodes beyond the source, in the goal."""
    cheapest_without_time: float
    """What any plan in the box costs at least apart from cycle_weight T."""


class Pricing:
    """The relaxation of one box; `tracked` nodes are used at most once, the others are priced."""

    def __init__(
        self, graph: StageGraph, shape: Shape, box: Box, limits: list[AdditiveLimit], tracked: tuple[int, ...]
    ) -> None:
        self._graph, self._shape, self._box = graph, shape, box
        self._sweep = Sweep(graph, tracked)
        base = shape.latency_weight * graph.forward_s + shape.energy_weight * graph.joules
        base[: graph.stage_count] += shape.energy_weight * shape.awake_w * box.low_s[Axis.CYCLE]
        self._base = base
        self._priced_nodes = len(tracked) < graph.problem.node_count - 1
        self._amounts = np.array([shape.through_s, *shape.shared_s, *(limit.amount for limit in limits)])
        self._load_axis = np.array([Axis.CYCLE, *shape.shared_axis])
        self._limit = np.array([limit.limit for limit in limits])
        self._holds_idle = np.array([float(limit.holds_idle) for limit in limits])
        weights = [shape.cycle_weight * (1.0 if axis == Axis.CYCLE else shape.peak_count) for axis in self._load_axis]
        fallback = max([weight for weight in weights if weight > 0], default=1.0)
        unit = [weight or fallback for weight in weights] + [
            fallback * max(box.low_s[Axis.CYCLE], 1e-9) / (abs(limit.limit) or 1.0) for limit in limits
        ]
        few = not self._priced_nodes and len(unit) <= MOST_MODELLED
        self._model = _Model(np.array(unit), self._constants) if few else None
        ends = np.array([box.high_s[axis] if np.isfinite(box.high_s[axis]) else 1.0 for axis in self._load_axis])
        self._units = np.concatenate([np.where(ends > 0, ends, 1.0), np.where(self._limit == 0, 1, abs(self._limit))])

    def start(self) -> Prices:
        """Nodes are free; time costs what T weighs, or all of an axis' weight lies on one shared resource."""
        nodes = np.zeros(self._graph.problem.node_count)
        plain = np.zeros(len(self._amounts))
        plain[0] = self._shape.cycle_weight
        starts = [plain]
        for index, axis in enumerate(self._load_axis[1:], start=1):
            loaded = plain.copy()
            loaded[index] = plain[0] * (1.0 if axis == Axis.CYCLE else self._shape.peak_count)
            loaded[0] = 0.0 if axis == Axis.CYCLE else plain[0]
            starts.append(loaded)
        candidates = [Prices(nodes, quantity) for quantity in starts]
        if len(candidates) == 1:
            return candidates[0]
        plain_sweep = Sweep(self._graph)
        return max(candidates, key=lambda prices: plain_sweep.shortest(self._cost(prices)) + self._constant(prices))

    @property
    def exact(self) -> bool:
        """Whether every node is tracked, so that cheapest paths use none twice (the source's ends apart)."""
        return not self._priced_nodes

    def cheapest_path(self, prices: Prices) -> IntArray | None:
        """Columns of the cheapest path under given prices."""
        cost = self._cost(prices)
        tables = self._sweep.from_start(cost)
        return self._sweep.backtrack(cost, tables) if np.isfinite(tables.leaving[-1].min(initial=np.inf)) else None

    def improve(
        self, prices: Prices, target: float | None, iterations: int, stopped: Callable[[], bool] = lambda: False
    ) -> Relaxed | None:
        """Raise the bound towards `target` (the incumbent); None where the box holds no path or only worse plans.

        stopped: asked after every step; True ends the rise early, with the bound reached so far.
        """
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
            assert not np.isnan(bound)
            stale = 0 if bound > best_bound + 1e-4 * abs(best_bound) else stale + 1
            if bound > best_bound:
                best_bound, best, best_tables = bound, prices, tables
            if target is not None and best_bound >= target:
                return None
            paths.append(self._sweep.backtrack(cost, tables))
            if stopped():
                break
            if self._model is None and stale >= PATIENCE:
                pace, stale, prices, direction = pace / 2, 0, best, None
                if pace < LAST_PACE:
                    break
                continue
            slope = self._slope(prices, paths[-1])
            if slope.norm == 0:
                break
            if self._model is not None:
                prices, promise = self._model.best_prices(best, [self._affine(path) for path in paths])
                if promise <= best_bound + CLOSE * abs(best_bound):
                    break
                continue
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
        awake = float(self._shape.awake_w[stages].sum()) * (
            self._shape.energy_weight + float(prices.quantity[len(self._load_axis) :] @ self._holds_idle)
        )
        apart = Sweep(self._graph).shortest(self._base) if self._base.any() else 0.0
        return Relaxed(
            bound,
            prices,
            cost,
            through,
            end.leaving,
            self._sweep,
            self._shape,
            paths,
            self._spare(prices),
            awake,
            apart,
        )

    def _affine(self, path: IntArray) -> FloatArray:
        """(1 + Q,): what a path costs without prices, and its quantities."""
        return np.concatenate([[self._base[path].sum()], self._amounts[:, path].sum(axis=1)])

    def _constants(self, quantity: FloatArray) -> FloatArray:
        """(G,): the part of the bound that does not depend on the path, for (G, Q) prices, nodes being free."""
        spare = np.zeros((len(quantity), len(Axis)))
        spare[:, Axis.CYCLE] = self._shape.cycle_weight
        spare[:, list(PEAKS)] = self._shape.peak_count * quantity[:, :1]
        for index, axis in enumerate(self._load_axis):
            spare[:, axis] -= quantity[:, index]
        ends = np.where(spare >= 0, self._box.low_s, self._box.high_s)
        axes = np.where(spare == 0, 0.0, spare * ends).sum(axis=1)
        return np.asarray(axes - quantity[:, len(self._load_axis) :] @ self._limit)

    def _cost(self, prices: Prices) -> FloatArray:
        cost: FloatArray = self._base + prices.quantity @ self._amounts
        cost[: self._graph.stage_count] += prices.node[self._graph.node]
        return cost

    def _spare(self, prices: Prices) -> FloatArray:
        """(3,): what is left of each axis' weight."""
        spare = np.array([self._shape.cycle_weight, *[self._shape.peak_count * prices.time] * len(PEAKS)])
        np.subtract.at(spare, self._load_axis, prices.quantity[: len(self._load_axis)])
        weight = self._shape.cycle_weight * max(1.0, self._shape.peak_count)
        return np.where(np.abs(spare) <= 1e-12 * weight, 0.0, spare)

    def _constant(self, prices: Prices) -> float:
        spare = self._spare(prices)
        ends = np.where(spare >= 0, self._box.low_s, self._box.high_s)
        axes = float((spare[spare != 0] * ends[spare != 0]).sum())
        axes -= ROUNDING * float(prices.node.sum() + prices.quantity @ self._units)
        return axes - float(prices.node.sum()) - float(prices.quantity[len(self._load_axis) :] @ self._limit)

    def _slope(self, prices: Prices, path: IntArray) -> _Slope:
        """The subgradient at the cheapest path: uses of nodes beyond one, and excess of the quantities; in shares.

        Prices at zero that would fall stay where they are.
        """
        graph, shape = self._graph, self._shape
        visits = np.bincount(graph.node[path[path < graph.stage_count]], minlength=graph.problem.node_count) - 1.0
        visits[graph.problem.source] = 0.0
        visits[list(self._sweep.tracked)] = 0.0
        amounts = self._amounts[:, path].sum(axis=1)
        spare = self._spare(prices)
        low, high = np.array(self._box.low_s), np.array(self._box.high_s)
        amounts[0] += shape.peak_count * float(np.where(spare >= 0, low, high)[list(PEAKS)].sum()) if (
            shape.peak_count) else 0.0  # fmt: skip
        loads = amounts[: len(self._load_axis)]
        axis = self._load_axis
        at_kink = loads - np.clip(loads, low[axis], high[axis])
        over_loads = np.where(
            spare[axis] > 0, loads - low[axis], np.where(spare[axis] < 0, loads - high[axis], at_kink)
        )
        over = np.concatenate([over_loads, amounts[len(axis) :] - self._limit]) / self._units
        over[0] *= TIME_SHARE
        return _Slope(
            np.where((prices.node <= 0) & (visits < 0), 0.0, visits),
            np.where((prices.quantity <= 0) & (over < 0), 0.0, over),
        )

    def _moved(self, prices: Prices, direction: _Slope, step: float) -> Prices:
        """A step along the direction; prices stay non-negative."""
        move = direction.quantity / self._units
        move[0] *= TIME_SHARE
        return Prices(
            np.maximum(0.0, prices.node + step * direction.node), np.maximum(0.0, prices.quantity + step * move)
        )


@dataclass(frozen=True)
class _Model:
    """The bound as a function of few prices, as far as the paths met so far tell: the cutting-plane method of Kelley.

    The bound at p is at most min over paths of (base + p amounts) + constants(p), which is concave; its maximum over a
    grid that closes in on the best point gives the next prices to try.
    """

    GRID: ClassVar = np.array([0.02, 0.1, 0.3, 0.7, 1.5, 4.0, 10.0])
    ZOOM: ClassVar = (1.0, 0.2, 0.04, 0.01)

    unit: FloatArray
    constants: Callable[[FloatArray], FloatArray]

    def best_prices(self, best: Prices, paths: list[FloatArray]) -> tuple[Prices, float]:
        """Where the model is highest, and how high."""
        cuts = np.array(paths)
        centre, steps = best.quantity, np.concatenate([[0.0], self.GRID, -self.GRID])
        value = -np.inf
        for shrink in self.ZOOM:
            axes = [
                np.unique(np.maximum(0.0, np.concatenate([c + u * shrink * steps, [0.0, u, c]])))
                for c, u in zip(centre, np.maximum(self.unit, centre), strict=True)
            ]
            grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
            heights = (cuts[:, :1] + cuts[:, 1:] @ grid.T).min(axis=0) + self.constants(grid)
            highest = int(heights.argmax())
            centre, value = grid[highest], float(heights[highest])
        return Prices(best.node, centre), value


@dataclass(frozen=True)
class _Slope:
    """A direction in the space of prices, in comparable units."""

    node: FloatArray
    quantity: FloatArray

    @property
    def norm(self) -> float:
        """Squared length."""
        return float((self.node**2).sum() + (self.quantity**2).sum())

    def plus(self, other: _Slope, share: float) -> _Slope:
        """The sum with a share of another direction."""
        return _Slope(self.node + share * other.node, self.quantity + share * other.quantity)


ROUNDING = 1e-12
"""A bound is a difference of terms as large as the prices: what their rounding may have added is taken off."""
FIRST_PACE, LAST_PACE = 1.0, 0.03
"""Polyak step factors, halved whenever the bound has not risen for PATIENCE steps."""
MOST_MODELLED = 3
"""Quantities up to which the prices are found by cutting planes instead of subgradient steps."""
CLOSE = 1e-4
"""Relative distance of the bound to its model at which more steps gain little."""
PATIENCE = 8
MOMENTUM = 0.5
"""Share of the last direction in the next one; damps zigzag."""
TIME_SHARE = 0.3
"""Weight of the time price among the prices: it acts on every column at once, so it moves less."""
