"""Branch on boxes, bound and reduce each, and let a backend close what is left.

Best bound first: a box is priced (placement.lagrangian), searched for good plans (placement.beam), and freed of columns
that no better plan uses. When few columns are left, or its ends are close, a backend solves it; otherwise it is cut in
two. The least bound of the boxes still open, or the incumbent, is a bound on every plan. Every backend that works on
the stage graph proves its optimum this way.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from placement.backends.base import Axis, Box, Claim, Outcome, Solver, Task
from placement.beam import beam
from placement.bounds import Sweep, most_reused, time_range
from placement.boxes import Shape, ends_clash, restricted, shape_of, within
from placement.feasibility import feasible_figures, relative_gap
from placement.lagrangian import PEAKS, AdditiveLimit, Prices, Pricing, Relaxed
from placement.problem import Placement
from placement.stage_graph import StageGraph

CUTOFF = 1e-7
"""Plans must beat the incumbent by this relative margin to be looked for; within the tolerance of a proof."""
NARROW = 1e-3
"""Uncertainty of a box relative to the goal, below which cutting it further gains nothing."""
FIRST_STEPS, NEXT_STEPS = 120, 40
"""Subgradient steps at the root, and in every box after it."""
FIRST_WIDTH, NEXT_WIDTH = 60, 15
"""Beam widths likewise."""
ROUNDS, WORTHWHILE = 6, 0.3
"""A box is priced again, at most so often, while it loses this share of its columns or a third of it in width."""
DESCENT, DESCENT_FACTOR = 16, 0.9
"""Caps on the peak that the first search for plans tries, each a share of the one before."""
OFFERED = 12
"""Most promising plans of a box that the referee scores."""
ALL_TRACKED, SOME_TRACKED = 8, 5
"""Nodes besides the source up to which the dynamic programme remembers the use of all, else of how many; each doubles
its work."""


@dataclass(frozen=True)
class _Open:
    """A box waiting for its turn, with the columns and prices that its parent left."""

    box: Box
    graph: StageGraph
    shape: Shape
    prices: Prices | None
    tracked: tuple[int, ...]
    depth: int


def branch_and_close(task: Task, close: Solver, clock: Callable[[], float]) -> Claim:
    """Minimise the task's goal; `close` solves the reduced boxes. Claims the same as a backend would."""
    return _Branching(task, close, clock).run()


class _Branching:
    def __init__(self, task: Task, close: Solver, clock: Callable[[], float]) -> None:
        self._task, self._close, self._clock = task, close, clock
        self._until = clock() + task.time_limit_s
        self._best: Placement | None = None
        self._value: float | None = None
        self._seen: set[Placement] = set()
        self._sizes = {"boxes": 0, "closed_boxes": 0, "reduced_stage_arcs": 0, "reduced_hand_over_arcs": 0}
        self._open: list[tuple[float, int, _Open]] = []
        self._number = count()
        self._in_work = np.inf
        """Bound of the box in work."""
        self._unproven = np.inf
        """Least bound of boxes that a backend had to leave unfinished."""
        if task.hint is not None:
            self._offer(task.hint)

    def run(self) -> Claim:
        """Until every box is closed, the asked gap is reached, time is up, or the task is cancelled."""
        shape = shape_of(self._task)
        root = self._root(shape)
        if root is not None:
            graph, shape = within(self._task.graph, shape, root)
            self._push(
                shape.cycle_weight * root.low_s[Axis.CYCLE], _Open(root, graph, shape, None, self._all_nodes(), 0)
            )
        while self._open and not self._stopped():
            bound, _, item = heapq.heappop(self._open)
            if bound >= self._cutoff():
                continue
            self._in_work = bound
            self._work(bound, item)
            self._in_work = np.inf
            self._task.on_progress(self._value, self._bound())
        return self._claim()

    def _claim(self) -> Claim:
        self._in_work = np.inf
        bound = self._bound()
        finished = not self._open and not np.isfinite(self._unproven)
        if finished and self._best is None:
            return Claim(Outcome.INFEASIBLE, sizes=self._sizes)
        outcome = Outcome.OPTIMAL if finished else Outcome.STOPPED
        return Claim(outcome, self._best, bound, self._sizes)

    def _stopped(self) -> bool:
        if self._clock() >= self._until or self._task.cancelled():
            return True
        gap = relative_gap(self._value, self._bound())
        return gap is not None and 0 < self._task.relative_gap >= gap

    def _cutoff(self) -> float:
        return np.inf if self._value is None else self._value - CUTOFF * abs(self._value)

    def _bound(self) -> float | None:
        """The least bound of what is open or unfinished, and never more than the incumbent."""
        least = min([self._unproven, self._in_work, *(bound for bound, *_ in self._open)])
        least = min(least, self._cutoff())
        return float(least) if np.isfinite(least) else None

    def _push(self, bound: float, item: _Open) -> None:
        heapq.heappush(self._open, (bound, next(self._number), item))

    def _offer(self, placement: Placement) -> None:
        """Take a placement as incumbent if the referee finds it feasible and better."""
        if placement in self._seen:
            return
        self._seen.add(placement)
        figures = feasible_figures(self._task.problem, placement, self._task.limits, self._task.latency_model)
        if figures is not None:
            value = self._task.goal.value(figures)
            if self._value is None or value < self._value:
                self._best, self._value = placement, value
                self._task.on_progress(value, self._bound())

    def _root(self, shape: Shape) -> Box | None:
        """Everything that any plan can be; None where the graph holds no path."""
        times = time_range(self._task.graph)
        if times is None:
            return None
        matters = shape.energy_weight > 0 or self._task.limits.energy_j is not None
        shortest = Sweep(self._task.graph).shortest(shape.through_s)
        if matters:
            shortest = max(shortest, self._shortest_cycle_s(shape, times.longest_s))
        limits = self._task.limits
        longest = times.longest_s
        if limits.cycle_s is not None:
            longest = min(longest, limits.cycle_s * (1 + 1e-6))
        if limits.latency_s is not None and (self._task.problem.training or self._task.problem.concurrency == 1):
            longest = min(longest, limits.latency_s * (1 + 1e-6))
        if longest < shortest:
            return None
        everything = (0, self._task.problem.layer_count)
        return Box((shortest, 0.0, 0.0), (longest, times.longest_s, times.longest_s), everything)

    def _work(self, known: float, item: _Open) -> None:
        """Bound, search, reduce, as often as that pays; then close or cut."""
        self._sizes["boxes"] += 1
        root = item.depth == 0
        steps, width = (FIRST_STEPS, FIRST_WIDTH) if root else (NEXT_STEPS, NEXT_WIDTH)
        for turn in range(ROUNDS):
            graph, shape = within(item.graph, item.shape, item.box)
            if not graph.stage_count:
                return
            limits = self._additive_limits(graph, shape, item.box)
            pricing = Pricing(graph, shape, item.box, limits, item.tracked)
            priced = pricing.improve(item.prices or pricing.start(), self._target(), steps, self._stopped)
            if priced is None:
                return
            relaxed, before = priced, self._value
            self._look(graph, relaxed, 0 if pricing.exact and not root else width)
            if root and turn == 0:
                self._descend(item.box, graph, shape, relaxed)
            next_item, settled = self._next(item, graph, shape, relaxed)
            if not next_item.graph.stage_count:
                return
            item, steps = next_item, NEXT_STEPS
            if self._stopped():
                break
            if settled and before == self._value:
                break
        self._close_or_cut(item, relaxed, max(known, relaxed.bound))

    def _next(self, item: _Open, graph: StageGraph, shape: Shape, relaxed: Relaxed) -> tuple[_Open, bool]:
        """The box as it stands after pricing, and whether pricing it again would gain little."""
        keep = relaxed.through < self._cutoff()
        graph, shape = restricted(graph, shape, keep)
        box = self._trimmed(item.box, shape, relaxed)
        tracked = item.tracked or most_reused(relaxed.paths, graph, SOME_TRACKED)
        little = keep.mean() > 1 - WORTHWHILE and tracked == item.tracked
        little &= all(box.width_s(axis) >= (1 - WORTHWHILE / 3) * item.box.width_s(axis) for axis in Axis)
        return replace(item, box=box, graph=graph, shape=shape, prices=relaxed.prices, tracked=tracked), bool(little)

    def _shortest_cycle_s(self, shape: Shape, longest_s: float) -> float:
        """A bound on T alone, priced like a box of its own; infinite where no plan takes longest_s or less."""
        alone = replace(shape, latency_weight=0.0, energy_weight=0.0, cycle_weight=1.0)
        box = Box((0.0, 0.0, 0.0), (longest_s, longest_s, longest_s), (0, self._task.problem.layer_count))
        pricing = Pricing(self._task.graph, alone, box, [], self._all_nodes())
        relaxed = pricing.improve(pricing.start(), None, FIRST_STEPS, self._stopped)
        return np.inf if relaxed is None else max(0.0, relaxed.bound * (1 - CUTOFF))

    def _target(self) -> float | None:
        return None if self._value is None else self._cutoff()

    def _close_or_cut(self, item: _Open, relaxed: Relaxed, bound: float) -> None:
        if self._stopped():
            self._push(bound, item)
            return
        spread, axis = self._spread(item, relaxed)
        worth = abs(self._value) if self._value is not None else abs(bound)
        head = ends_clash(relaxed.sweep.graph, relaxed.shape, item.box, relaxed.paths[-1])
        clash = head is not None and item.box.heads[0] < item.box.heads[1]
        if item.graph.stage_count <= self._close.closes_columns or (spread <= NARROW * worth and not clash):
            self._hand_to_backend(bound, item.box, item.graph)
            return
        for half in item.box.split_heads(head) if clash and head is not None else item.box.halves(axis):
            self._push(bound, replace(item, box=half, depth=item.depth + 1))

    def _trimmed(self, box: Box, shape: Shape, relaxed: Relaxed) -> Box:
        """The box without cycle times and peaks that would cost more than the incumbent."""
        if self._value is None:
            return box
        room = max(0.0, self._value - relaxed.bound)
        for axis in Axis:
            if relaxed.spare[axis] > 0:
                box = box.below(axis, box.low_s[axis] + room / float(relaxed.spare[axis]))
        rest = self._value - relaxed.cheapest_without_time
        if shape.cycle_weight > 0 and np.isfinite(rest):
            box = box.below(Axis.CYCLE, rest / shape.cycle_weight)
        return box

    def _descend(self, box: Box, graph: StageGraph, shape: Shape, relaxed: Relaxed) -> None:
        """Plans under ever lower peaks: each peak in turn is capped below what the cheapest path reaches."""
        path = relaxed.paths[-1]
        for turn in range(DESCENT):
            if self._stopped():
                return
            reached = shape.peak_s[:, path].max(axis=1)
            axes = np.flatnonzero(reached)
            if not len(axes):
                return
            axis = axes[turn % len(axes)]
            graph, shape = restricted(graph, shape, shape.peak_s[axis] <= reached[axis] * DESCENT_FACTOR)
            if not graph.stage_count:
                return
            pricing = Pricing(graph, shape, box, self._additive_limits(graph, shape, box), relaxed.sweep.tracked)
            if pricing.exact:
                cheapest = pricing.cheapest_path(relaxed.prices)
                if cheapest is None:
                    return
                path = cheapest
                self._offer(graph.placement(path[path < graph.stage_count].tolist()))
            else:
                lower = pricing.improve(relaxed.prices, None, 1)
                if lower is None:
                    return
                path = lower.paths[-1]
                self._look(graph, lower, NEXT_WIDTH)

    def _look(self, graph: StageGraph, relaxed: Relaxed, width: int) -> None:
        """Offer the paths that are plans, and what the beam finds."""
        for path in relaxed.paths[-OFFERED:]:
            self._offer(graph.placement(path[path < graph.stage_count].tolist()))
        if width:
            for placement in beam(graph, relaxed, width)[:OFFERED]:
                self._offer(placement)

    def _all_nodes(self) -> tuple[int, ...]:
        """All nodes but the source, where they are few enough to remember; else none at first."""
        problem = self._task.problem
        others = tuple(n for n in range(problem.node_count) if n != problem.source)
        return others if len(others) <= ALL_TRACKED else ()

    def _additive_limits(self, graph: StageGraph, shape: Shape, box: Box) -> list[AdditiveLimit]:
        """Limits that T does not cover: on F with several streams, and on energy."""
        limits, problem = self._task.limits, self._task.problem
        additive = []
        if limits.latency_s is not None and problem.concurrency > 1:
            additive.append(AdditiveLimit(graph.forward_s, limits.latency_s * (1 + 1e-6)))
        if limits.energy_j is not None:
            spent = graph.joules.copy()
            spent[: graph.stage_count] += shape.awake_w * box.low_s[Axis.CYCLE]
            source = problem.source
            idle = [problem.idle_power_w[source]] + [
                problem.options[o].idle_power_w for o in problem.options_of_node[source]
            ]
            least = float(min(idle) * problem.energy_weight[source])
            spent += least * shape.through_s
            allowed = limits.energy_j * (1 + 1e-6) - least * shape.peak_count * sum(box.low_s[axis] for axis in PEAKS)
            additive.append(AdditiveLimit(spent, allowed, holds_idle=True))
        return additive

    def _spread(self, item: _Open, relaxed: Relaxed) -> tuple[float, Axis]:
        """What the goal may gain across the box by its most uncertain term, and the axis of that."""
        box, shape = item.box, item.shape
        gains = {axis: shape.cycle_weight * shape.peak_count * box.width_s(axis) for axis in PEAKS}
        gains[Axis.CYCLE] = relaxed.per_cycle_s * box.width_s(Axis.CYCLE)
        if self._task.problem.training is None and self._task.problem.concurrency > 1:
            gains[Axis.CYCLE] += shape.cycle_weight * box.width_s(Axis.CYCLE)
        axis = max(gains, key=lambda a: gains[a])
        return gains[axis], axis

    def _hand_to_backend(self, bound: float, box: Box, graph: StageGraph) -> None:
        """Solve what is left of the box exactly."""
        self._sizes["closed_boxes"] += 1
        self._sizes["reduced_stage_arcs"] = max(self._sizes["reduced_stage_arcs"], graph.stage_count)
        self._sizes["reduced_hand_over_arcs"] = max(self._sizes["reduced_hand_over_arcs"], graph.hand_over_count)
        task = replace(
            self._task,
            graph=graph,
            box=box,
            hint=self._best,
            time_limit_s=max(0.0, self._until - self._clock()),
            on_progress=lambda _value, _bound: None,
        )
        claim = self._close(task)
        for name, size in claim.sizes.items():
            self._sizes[name] = max(self._sizes.get(name, 0), size)
        if claim.placement is not None:
            self._offer(claim.placement)
        if claim.outcome is Outcome.STOPPED:
            reached = bound if claim.bound is None else max(bound, claim.bound)
            if reached < self._cutoff():
                self._unproven = min(self._unproven, reached)
