"""What it costs to give an unused node at least one layer.

Plans that use node n are split by the cut i at which n's stage begins: they are the paths of the stage graph that pass
from cut i on through n, so deleting every other way across cut i leaves exactly them. One pricing of the whole graph
bounds all of these parts at once (a column's cheapest walk through it); those that a known plan with the node beats are
never looked at, the others are searched, the most promising first, for plans that are better still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from models.explanation import UnusedNode, UnusedReason
from placement.backends.base import LatencyModel, Outcome, Task
from placement.bounds import Memory
from placement.boxes import shape_of, within
from placement.branching import FIRST_STEPS, branch_and_close
from placement.constraints import refusing_rules
from placement.cuts import additive_limits, everything, raised
from placement.explanation.yardstick import Questioner, spans, within_tolerance
from placement.feasibility import feasible_figures, replayed_figures
from placement.incumbent import CUTOFF
from placement.lagrangian import Pricing
from placement.network import FloatArray
from placement.problem import PlacedStage, Placement, Problem
from placement.search import PROOF_TOLERANCE
from placement.stage_graph import StageGraph, build_stage_graph


def unused_nodes_of(questioner: Questioner, seconds: float) -> tuple[UnusedNode, ...]:
    """Every node without a stage, in the order of the request."""
    problem = questioner.problem
    used = {problem.node_of(stage) for stage in questioner.placement}
    unused = [n for n in range(problem.node_count) if n not in used]
    if not unused:
        return ()
    until = questioner.search.clock() + seconds
    forcing = _Forcing(questioner)
    standing = problem.classes.representative
    equals = {int(standing[n]): n for n in sorted(used, reverse=True)}
    left = sorted({int(standing[n]) for n in unused} - equals.keys())
    found: dict[int, _Forced] = {}
    for number, n in enumerate(left):
        questioner.tell(f"unused node {number + 1} of {len(left)}")
        now = questioner.search.clock()
        found[n] = forcing.force(n, now + (until - now) / (len(left) - number))
    return tuple(
        _interchangeable(questioner, n, equals[int(standing[n])])
        if int(standing[n]) in equals
        else _told(questioner, n, found[int(standing[n])], int(standing[n]))
        for n in unused
    )


@dataclass(frozen=True)
class _Forced:
    """Goal value and placement of the best plan known that uses the node, and a bound on all of them (inf: none)."""

    value: float | None
    placement: Placement | None
    bound: float


class _Forcing:
    def __init__(self, questioner: Questioner) -> None:
        self._questioner, self._problem = questioner, questioner.problem
        self._limits = questioner.yardstick.limits(self._problem)
        classes = self._problem.classes
        present = np.array([1 if own else 0 for own in classes.members], dtype=np.int64)
        self._graph: StageGraph | None = None
        self._through: FloatArray | None = None
        if not questioner.stopped:
            wide = replace(classes, capacity=np.maximum(classes.capacity, present))
            self._price(build_stage_graph(self._problem, classes=wide))

    def _price(self, graph: StageGraph) -> None:
        task = self._task(graph, None, 0.0)
        shape = shape_of(task)
        box = everything(task, shape)
        if box is None:
            return
        graph, shape = within(graph, shape, box)
        box = raised(box, graph, shape)
        pricing = Pricing(graph, shape, box, additive_limits(task, graph, shape, box), Memory.none(graph))
        priced = pricing.improve(pricing.start(), None, FIRST_STEPS, lambda: self._questioner.stopped)
        self._graph = graph
        self._through = np.full(len(graph.joules), inf) if priced is None else priced.through

    def _task(self, graph: StageGraph, hint: Placement | None, seconds: float) -> Task:
        search = self._questioner.search
        return Task(
            graph=graph,
            goal=self._questioner.yardstick.goal,
            limits=self._limits,
            latency_model=LatencyModel.REPLAY_BOUND if self._problem.replays else LatencyModel.FORMULA,
            time_limit_s=max(0.0, seconds),
            seed=search.seed,
            threads=search.threads,
            hint=None if self._problem.replays else hint,
            cancelled=search.cancelled,
        )

    def force(self, n: int, until: float) -> _Forced:
        """The cheapest plan with a stage on n: parts by where its stage begins, cheapest bound first."""
        best, placement = self._best(self._insertions(n))
        graph, through = self._graph, self._through
        if graph is None or through is None:
            return _Forced(best, placement, max(self._questioner.bound, -inf))
        bounds = {}
        for first in np.unique(graph.first[graph.node == n]).tolist():
            own = np.flatnonzero((graph.node == n) & (graph.first == first))
            bounds[first] = float(through[own].min())
        lowest = inf
        clock = self._questioner.search.clock
        pending = sorted(bounds, key=lambda first: bounds[first])
        for number, first in enumerate(pending):
            if bounds[first] == inf or (best is not None and bounds[first] >= best - CUTOFF * abs(best)):
                lowest = min(lowest, *(bounds[later] for later in pending[number:]))
                break
            seconds = (until - clock()) / (len(pending) - number)
            if seconds <= 0 or self._questioner.stopped:
                lowest = min(lowest, *(bounds[later] for later in pending[number:]))
                break
            part = _passing(graph, n, first, None if best is None else through < best)
            claim = branch_and_close(self._task(part, placement, seconds), self._questioner.solver, clock)
            if claim.placement is not None:
                found, better = self._best([claim.placement])
                if found is not None and (best is None or found < best):
                    best, placement = found, better
            if claim.outcome is not Outcome.INFEASIBLE:
                lowest = min(lowest, max(bounds[first], -inf if claim.bound is None else claim.bound))
        if best is not None:
            lowest = min(lowest, best)
        return _Forced(best, placement, max(lowest, self._questioner.bound))

    def _best(self, placements: Iterator[Placement] | list[Placement]) -> tuple[float | None, Placement | None]:
        """The best of those that keep every rule."""
        best: tuple[float | None, Placement | None] = (None, None)
        for placement in placements:
            if self._problem.replays:
                figures = replayed_figures(self._problem, placement, self._limits)
            else:
                figures = feasible_figures(self._problem, placement, self._limits, LatencyModel.FORMULA)
            value = None if figures is None else self._questioner.yardstick.goal.value(figures)
            if value is not None and (best[0] is None or value < best[0]):
                best = value, placement
        return best

    def _insertions(self, n: int) -> Iterator[Placement]:
        """The plan with n in the place of a stage, or taking a few layers from one end of it; and plans met before."""
        plan = self._questioner.placement
        options = self._problem.options_of_node[n]
        if self._problem.node_of(plan[0]) == n:
            return
        for s, stage in enumerate(plan):
            before, behind = plan[:s], plan[s + 1 :]
            for option in options:
                yield (*before, PlacedStage(option, stage.first, stage.stop), *behind)
                for count in _few(stage.stop - stage.first):
                    at = stage.first + count
                    yield (
                        *before,
                        PlacedStage(option, stage.first, at),
                        PlacedStage(stage.option, at, stage.stop),
                        *behind,
                    )
                    at = stage.stop - count
                    yield (
                        *before,
                        PlacedStage(stage.option, stage.first, at),
                        PlacedStage(option, at, stage.stop),
                        *behind,
                    )
        yield from (known for known in self._questioner.known if n in map(self._problem.node_of, known))


def _few(layers: int) -> list[int]:
    """1, 2, 4, ... layers, fewer than there are."""
    return [2**power for power in range(layers.bit_length()) if 2**power < layers]


def _passing(graph: StageGraph, n: int, first: int, keep: np.ndarray | None) -> StageGraph:
    """The graph of the plans in which a stage on n begins at a cut, without columns that are not to be kept."""
    crosses = (graph.first < first) & (graph.stop > first)
    stages = ~crosses & ~((graph.first == first) & (graph.node != n))
    hand_overs = (graph.cut != first) | (graph.receiver == n)
    if keep is not None:
        stages &= keep[: graph.stage_count]
        hand_overs &= keep[graph.stage_count :]
    return graph.keeping(stages, hand_overs)


def _interchangeable(questioner: Questioner, n: int, used: int) -> UnusedNode:
    names, value = questioner.problem.node_ids, questioner.yardstick.stated(questioner.value)
    return UnusedNode(
        id=names[n],
        reason=UnusedReason.INTERCHANGEABLE,
        message=f"{names[n]} is equal to {names[used]} in every figure: either would do.",
        objective=value,
        bound=questioner.yardstick.stated(questioner.bound),
        costs_at_least=0.0,
        costs_at_most=0.0,
        proven=True,
        stages=spans(questioner.problem, _swapped(questioner.problem, questioner.placement, used, n)),
    )


def _swapped(problem: Problem, placement: Placement, one: int, other: int) -> Placement:
    """The placement with two interchangeable nodes in each other's place."""
    swap = {one: other, other: one}
    stages = []
    for stage in placement:
        node = problem.node_of(stage)
        level = problem.options_of_node[node].index(stage.option)
        option = problem.options_of_node[swap.get(node, node)][level]
        stages.append(PlacedStage(option, stage.first, stage.stop))
    return tuple(stages)


def _told(questioner: Questioner, n: int, forced: _Forced, standing: int) -> UnusedNode:
    """What was found out, for a node; `standing` is the interchangeable one that was forced in its place."""
    problem, yardstick = questioner.problem, questioner.yardstick
    name = problem.node_ids[n]
    if forced.bound == inf:
        return UnusedNode(
            id=name, reason=UnusedReason.IMPOSSIBLE, message=f"{name} cannot be used: {_why(problem, n)}.", proven=True
        )
    at_least = yardstick.worse_by(forced.bound, questioner.value)
    if forced.value is None or forced.placement is None:
        least = f"would cost at least {yardstick.amount(at_least)}" if at_least > 0 else "is not settled"
        return UnusedNode(
            id=name,
            reason=UnusedReason.NOT_SETTLED,
            message=f"Using {name} {least}; no plan with it was found in the time left.",
            bound=yardstick.stated(forced.bound),
            costs_at_least=at_least,
            proven=False,
        )
    at_most = yardstick.worse_by(forced.value, questioner.bound)
    proven = questioner.proven and within_tolerance(forced.value, forced.bound)
    nothing = proven and forced.value - questioner.value <= PROOF_TOLERANCE * questioner.value
    if proven:
        at_least = at_most = 0.0 if nothing else yardstick.worse_by(forced.value, questioner.value)
    reason = UnusedReason.COSTS_NOTHING if nothing else UnusedReason.COSTS_MORE
    if not proven and at_least == 0.0:
        reason = UnusedReason.NOT_SETTLED
    return UnusedNode(
        id=name,
        reason=reason,
        message=_sentence(questioner, name, at_least, at_most, proven=proven, nothing=nothing),
        objective=yardstick.stated(forced.value),
        bound=yardstick.stated(forced.bound),
        costs_at_least=at_least,
        costs_at_most=at_most,
        proven=proven,
        stages=spans(problem, _swapped(problem, forced.placement, standing, n)),
    )


def _sentence(
    questioner: Questioner, name: str, at_least: float, at_most: float, *, proven: bool, nothing: bool
) -> str:
    yardstick = questioner.yardstick
    if nothing:
        return f"{name} could be used at no cost: a plan with it is just as good."
    if proven:
        best = yardstick.amount(yardstick.stated(questioner.value))
        return f"Giving {name} at least one layer would cost {yardstick.amount(at_least)} on top of {best}."
    between = f"between {yardstick.amount(at_least)} and {yardstick.amount(at_most)}"
    return f"Giving {name} at least one layer would cost {between} (not proven further in time)."


def _why(problem: Problem, n: int) -> str:
    """What keeps a node out of every plan."""
    layers = range(problem.layer_count)
    if not problem.allowed[n].any():
        return f"{', '.join(sorted({rule for k in layers for rule in refusing_rules(problem, n, k)}))} keeps it out"
    smallest = float((problem.bytes.static + problem.bytes.workspace)[problem.allowed[n]].min())
    if smallest > problem.memory_bytes[n]:
        return "no layer that it may run fits its memory"
    if not (problem.network.connected[problem.source, n] and problem.network.connected[n, problem.source]):
        return "it is not connected to the source both ways"
    return "no plan with it keeps every rule and limit"
