"""Best-first search for the best replay of 1f1b: plans grow from their last stage towards the first.

A stage's place from the end decides how many forwards it does before its first backward, so what grows from the end is
known completely. Its pipeline without contention (`placement.pipeline`), behind the cheapest way that leads there,
bounds the replay of every plan that ends like it; ends are followed in the order of these bounds. A whole plan is
replayed; where nothing contends, its bound is its replay. The least bound that has not been followed holds for every
plan that has not been replayed, so the search is proven when it reaches the best replay, and says how far it came when
it is stopped. docs/formulation.md has the proof.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

import numpy as np

from placement.backends.base import Task
from placement.boxes import shape_of
from placement.column_costs import IntArray
from placement.evaluation import Figures
from placement.feasibility import replayed_figures
from placement.neighbours import neighbours
from placement.pipeline import Pipeline
from placement.problem import Placement
from placement.replay_bound import hidden_shares
from placement.routes import FloatArray
from placement.stage_graph import StageGraph

MOST_ENDS = 400_000
"""Ends of plans that wait at most: about 200 MiB (measured)."""
FEW = 5
"""Replays from which a climb starts."""
MOST_CLIMBED = 3000
"""Replays from which on no climb goes on."""
LIMIT_SLACK = 2e-6
"""Twice the referee's tolerance for limits."""
ROUNDING = 1e-9
"""Relative; a bound may exceed the replay it belongs to by what rounding makes of it."""


@dataclass(frozen=True, slots=True)
class _End:
    """The last stages of a plan, from the first of them on, and the hand-overs between them."""

    stages: tuple[int, ...]
    hand_overs: tuple[int, ...]
    busy_s: float
    """Of its pipeline; a lower bound on that as long as `priced` is false."""
    priced: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """A plan with its replayed figures, and their value under the goal."""

    placement: Placement
    figures: Figures
    value: float


class ReplaySearch:
    """Seeks the best replay under a task's goal and limits; may be run again to go on."""

    def __init__(self, task: Task, on_better: Callable[[Replayed], None] = lambda _: None) -> None:
        """`on_better` is called with each replay that is better than all before."""
        self._task, self._graph, self._on_better = task, task.graph, on_better
        graph, problem = task.graph, task.problem
        shape = shape_of(task)
        self._awake_w, self._least_idle_w = shape.awake_w, shape.least_idle_w
        self._through = graph.forward_s + graph.backward_s
        self._least_s, self._least_j = (_cheapest_ways(graph, cost) for cost in (self._through, graph.joules))
        self._pipeline = Pipeline(graph)
        self._hidden = hidden_shares(problem)
        self._ways: dict[tuple[int, int], tuple[IntArray, IntArray]] = {}
        self._open: list[tuple[float, int, _End]] = []
        self._number = count()
        self._seen: set[Placement] = set()
        self._followed = 0
        self._good: list[Replayed] = []
        """The best few, best first."""
        self._lost = np.inf
        """Least bound of ends that found no room."""
        self._begun = False

    @property
    def best(self) -> Replayed | None:
        """The best replay so far."""
        return self._good[0] if self._good else None

    @property
    def value(self) -> float | None:
        """Of the best replay so far."""
        return None if self.best is None else self.best.value

    @property
    def bound(self) -> float:
        """What no replay of a plan that keeps the limits is below; infinite when there is none."""
        return float(min(self._left, np.inf if self.best is None else self.best.value))

    @property
    def settled(self) -> bool:
        """Whether nothing is left to follow: the best replay is proven, or that there is none."""
        return self._left >= self._cutoff()

    @property
    def sizes(self) -> dict[str, int]:
        """Counted work."""
        return {"ends": self._followed, "replays": len(self._seen)}

    @property
    def _left(self) -> float:
        """Least bound of what has not been followed."""
        if not self._begun:
            return -np.inf
        return min(self._lost, self._open[0][0] if self._open else np.inf)

    def run(self, steps: int, stopped: Callable[[], bool]) -> None:
        """Follow ends, at most so many, until settled or stopped, or until one was lost that keeps the bound down."""
        if not self._begun:
            self._begun = True
            last = np.flatnonzero(self._graph.stop == self._graph.problem.layer_count)
            self._push(last, np.full(len(last), -1), _End((), (), 0.0, priced=True))
        for _ in range(steps):
            if not self._open or self.settled or self._lost <= self._open[0][0] or stopped():
                return
            self._followed += 1
            self._follow(heapq.heappop(self._open)[2])

    def offer(self, placements: Iterable[Placement]) -> None:
        """Replay placements, unless that has been done."""
        for placement in placements:
            if placement not in self._seen:
                self._seen.add(placement)
                self._replay(placement)

    def climb(self, stopped: Callable[[], bool]) -> None:
        """From the best replays so far, step to better neighbours until there are none."""
        for start in tuple(self._good):
            self._climb_from(start, stopped)

    def _climb_from(self, start: Replayed, stopped: Callable[[], bool]) -> None:
        at: Replayed | None = start
        while at is not None:
            here, at = at, None
            for placement in neighbours(self._task.problem, here.placement):
                if stopped() or len(self._seen) >= MOST_CLIMBED:
                    return
                if placement not in self._seen:
                    self._seen.add(placement)
                    found = self._replay(placement)
                    if found is not None and found.value < here.value:
                        at = found
                        break

    def _replay(self, placement: Placement) -> Replayed | None:
        figures = replayed_figures(self._task.problem, placement, self._task.limits)
        if figures is not None:
            value = self._task.goal.value(figures)
            found, best = Replayed(placement, figures, value), self.value
            self._good = sorted([*self._good, found], key=lambda good: good.value)[:FEW]
            if best is None or value < best:
                self._on_better(found)
            return found
        return None

    def _cutoff(self) -> float:
        return np.inf if self.best is None else self.best.value - ROUNDING * abs(self.best.value)

    def _follow(self, end: _End) -> None:
        """Price an end; one that is priced is replayed where it is a whole plan, else grown by one stage."""
        graph, front = self._graph, end.stages[0]
        if not end.priced:
            busy_s = self._pipeline.end_s(end.stages, end.hand_overs)
            priced = _End(end.stages, end.hand_overs, busy_s, priced=True)
            bound = self._values(end.stages[1:], np.array([front]), end.hand_overs, np.array([busy_s]))[0]
            self._keep(float(bound), priced)
        elif graph.first[front] == 0:
            self.offer([graph.placement(end.stages)])
        elif len(end.stages) < graph.problem.max_stages:
            stages, hand_overs = self._ways_to(int(graph.first[front]), int(graph.node[front]))
            self._push(stages, hand_overs, end)

    def _push(self, stages: IntArray, hand_overs: IntArray, end: _End) -> None:
        """Every end that one more stage makes, with a bound that takes no pipeline."""
        graph, depth = self._graph, len(end.stages) + 1
        fits = (graph.max_depth[stages] >= depth) & ((graph.first[stages] == 0) | (depth < graph.problem.max_stages))
        used = np.bincount(graph.node[list(end.stages)], minlength=graph.problem.node_count)
        free = used[graph.node[stages]] < graph.capacity[graph.node[stages]]
        free |= (graph.node[stages] == graph.problem.source) & (graph.first[stages] == 0) & (depth > 2)
        free &= np.isfinite(self._least_s[graph.first[stages], graph.node[stages]])
        stages, hand_overs = stages[fits & free], hand_overs[fits & free]
        forward, backward = graph.compute_forward_s[stages], graph.compute_backward_s[stages]
        added = forward + backward
        crossing = np.where(hand_overs >= 0, self._through[hand_overs], 0.0)
        own = list(end.stages)
        inner = graph.compute_forward_s[own].sum() + graph.compute_backward_s[own].sum()
        inner += self._through[list(end.hand_overs)].sum()
        waiting = added - self._hidden[depth] * np.minimum(forward, backward)
        busy = np.maximum(
            end.busy_s + crossing + added, inner + crossing + added + (self._task.problem.repetitions - 1) * waiting
        )
        cheap = self._values(end.stages, stages, end.hand_overs, busy, hand_overs)
        for i in np.flatnonzero(cheap < self._cutoff()).tolist():
            crossed = (int(hand_overs[i]), *end.hand_overs) if depth > 1 else ()
            self._keep(float(cheap[i]), _End((int(stages[i]), *end.stages), crossed, float(busy[i]), priced=False))

    def _keep(self, bound: float, end: _End) -> None:
        if bound >= self._cutoff():
            return
        if len(self._open) >= MOST_ENDS:
            self._lost = min(self._lost, bound)
        else:
            heapq.heappush(self._open, (bound, next(self._number), end))

    def _values(
        self, behind: tuple[int, ...], fronts: IntArray, crossed: tuple[int, ...], busy_s: FloatArray,
        hand_overs: IntArray | None = None,
    ) -> FloatArray:  # fmt: skip
        """The goal, at least, of plans that end in a front with `behind` behind it and a pipeline of busy_s.

        Infinite where such plans cannot keep a limit.
        """
        graph, goal, limits = self._graph, self._task.goal, self._task.limits
        first, node, own = graph.first[fronts], graph.node[fronts], list(behind)
        entry = self._through[fronts] - graph.compute_forward_s[fronts] - graph.compute_backward_s[fronts]
        update = np.maximum(graph.update_s[fronts], graph.update_s[own].max(initial=0.0))
        cycle = busy_s + np.where(first == 0, entry, 0.0) + self._least_s[first, node] + update
        awake_w = self._least_idle_w + self._awake_w[fronts] + self._awake_w[own].sum()
        joules = graph.joules[fronts] + graph.joules[[*behind, *crossed]].sum() + self._least_j[first, node]
        if hand_overs is not None:
            joules = joules + np.where(hand_overs >= 0, graph.joules[hand_overs], 0.0)
        energy = joules + awake_w * cycle
        value = (goal.latency + goal.cycle) * cycle + goal.energy * energy
        value = value - ROUNDING * np.abs(value)
        for figure, limit in ((cycle, limits.latency_s), (cycle, limits.cycle_s), (energy, limits.energy_j)):
            if limit is not None:
                value = np.where(figure > limit + LIMIT_SLACK * abs(limit), np.inf, value)
        return np.asarray(value)

    def _ways_to(self, cut: int, node: int) -> tuple[IntArray, IntArray]:
        """(stages, hand-overs) that may lead to a stage on a node that begins at a cut, in pairs."""
        if (cut, node) not in self._ways:
            graph = self._graph
            crossing = np.flatnonzero((graph.cut == cut) & (graph.receiver == node))
            ending = np.flatnonzero(graph.stop == cut)
            h, a = np.nonzero(graph.sender[crossing][:, None] == graph.node[ending][None, :])
            self._ways[cut, node] = ending[a], crossing[h] + graph.stage_count
        return self._ways[cut, node]


def _cheapest_ways(graph: StageGraph, cost: FloatArray) -> FloatArray:
    """(L + 1, N): the least cost of stages and hand-overs in front of a stage that begins at a cut on a node."""
    layers, nodes = graph.problem.layer_count, graph.problem.node_count
    arrive, leave = np.full((layers + 1, nodes), np.inf), np.full((layers + 1, nodes), np.inf)
    arrive[0] = 0.0
    for cut in range(1, layers):
        a, h = np.flatnonzero(graph.stop == cut), np.flatnonzero(graph.cut == cut)
        np.minimum.at(leave[cut], graph.node[a], arrive[graph.first[a], graph.node[a]] + cost[a])
        np.minimum.at(arrive[cut], graph.receiver[h], leave[cut, graph.sender[h]] + cost[graph.stage_count + h])
    return arrive
