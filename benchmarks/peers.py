"""What other planners do, each an implementation of our own after the published descriptions.

fixed_order       contiguous split over the nodes in the order of the request, by dynamic programming; a node may be
                  left out; memory per stage is respected (as in EdgeShard and PipeDream).
fixed_order_best  the best of three such orders: as given, fastest first, largest memory first.
ring              the same in the order given, every node holding a layer (as ring planners do).
greedy            fastest node first, each filled up to its memory.

Each minimises what such planners publish, not our objective (`Form`), and knows our cost model's tables only. All use
each node's fastest operating point, keep the head (and a tail) on the source, and count no idle power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from benchmarks.peer_costs import Chain, chain_costs
from models.constraints import Metric, ObjectiveKind
from placement.baselines import fastest_options
from placement.evaluation import figures_of, traverse
from placement.goals import GOAL_OF
from placement.problem import PlacedStage, Placement, Problem
from placement.routes import FloatArray

CAPS = 48
"""Values of the bottleneck that the pipelined form tries."""
MOST_NODES = 128
"""Larger clusters would take these rules minutes; they are not asked."""


class Form(Enum):
    """What is minimised: the sum over stages and transfers, the largest of them, or sum + (M - 1) largest."""

    SUM = "sum"
    BOTTLENECK = "bottleneck"
    PIPELINE = "pipeline"


def form_of(problem: Problem) -> Form:
    """Latency and energy are sums, throughput is a bottleneck, pipelined training is both."""
    if problem.training is not None:
        return Form.PIPELINE if problem.training.micro_batches > 1 else Form.SUM
    return Form.BOTTLENECK if problem.request.objective.kind is ObjectiveKind.THROUGHPUT else Form.SUM


@dataclass(frozen=True)
class _Split:
    """Stages as (position in the order, first layer, stop layer), and the form's value."""

    value: float
    stages: tuple[tuple[int, int, int], ...]


def fixed_order(problem: Problem) -> Placement | None:
    """The nodes in the order of the request, the source first."""
    return _best_of(problem, [_given(problem)])


def ring(problem: Problem) -> Placement | None:
    """The same, no node left out."""
    return _best_of(problem, [_given(problem)], every_node=True)


def fixed_order_best(problem: Problem) -> Placement | None:
    """The best of three orders: given, fastest first, largest memory first; compared by the objective itself."""
    speed = _speeds(problem)
    by_speed = _given(problem, key=lambda n: -float(speed[n]))
    by_memory = _given(problem, key=lambda n: -float(problem.memory_bytes[n]))
    return _best_of(problem, [_given(problem), by_speed, by_memory])


def greedy(problem: Problem) -> Placement | None:
    """The source takes its head, then the fastest node fills its memory, then the next; the source is asked last.

    None where the nodes are full before the layers are placed.
    """
    speed = _speeds(problem)
    chain = chain_costs(problem, _given(problem, key=lambda n: -float(speed[n])))
    stages: list[tuple[int, int, int]] = []
    at = 0
    for position in range(len(chain.order)):
        fits = np.flatnonzero(np.isfinite(chain.stage_s[position][at]))
        if position == 0:
            fits = fits[fits <= max(problem.head_layers, 1)]
        if fits.size and at < chain.stop:
            stages.append((position, at, int(fits[-1])))
            at = int(fits[-1])
    return _placement(problem, chain, tuple(stages)) if at == chain.stop else None


PEERS: dict[str, Callable[[Problem], Placement | None]] = {
    "fixed_order": fixed_order,
    "fixed_order_best": fixed_order_best,
    "ring": ring,
    "greedy": greedy,
}


def _given(problem: Problem, key: Callable[[int], float] | None = None) -> tuple[int, ...]:
    others = [n for n in range(problem.node_count) if n != problem.source]
    return (problem.source, *(others if key is None else sorted(others, key=key)))


def _speeds(problem: Problem) -> FloatArray:
    """(N,): one over the seconds of the whole model on the node's fastest level."""
    seconds = (problem.forward_s + problem.backward_s + problem.decode_passes * problem.decode_s).sum(axis=1)
    speeds: FloatArray = 1.0 / np.maximum(seconds[fastest_options(problem)], 1e-30)
    return speeds


def _best_of(problem: Problem, orders: list[tuple[int, ...]], *, every_node: bool = False) -> Placement | None:
    found = []
    for order in dict.fromkeys(orders):
        chain = chain_costs(problem, order)
        split = _split(problem, chain, every_node=every_node)
        if split is not None:
            found.append(_placement(problem, chain, split.stages))
    return min(found, key=lambda placement: _worth(problem, placement), default=None)


def _worth(problem: Problem, placement: Placement) -> float:
    """The objective by formula; of objectives made of several, the latency."""
    kind = problem.request.objective.kind
    goal = GOAL_OF[Metric(kind.value) if kind.value in set(Metric) else Metric.LATENCY]
    traversal = traverse(problem, placement)
    return np.inf if traversal is None else goal.value(figures_of(problem, placement, traversal))


def _split(problem: Problem, chain: Chain, *, every_node: bool) -> _Split | None:
    form = form_of(problem)
    if form is not Form.PIPELINE:
        return _shortest(chain, form, np.inf, every_node=every_node)
    assert problem.training is not None
    return _pipelined(chain, problem.training.micro_batches - 1, every_node=every_node)


def _pipelined(chain: Chain, more: int, *, every_node: bool) -> _Split | None:
    """Least sum + more x cap over caps on the largest stage or transfer, from the least possible one upwards."""
    narrowest = _shortest(chain, Form.BOTTLENECK, np.inf, every_node=every_node)
    widest = _shortest(chain, Form.SUM, np.inf, every_node=every_node)
    if narrowest is None or widest is None:
        return None
    best: _Split | None = None
    highest = max(narrowest.value, chain.largest(widest.stages))
    for cap in np.geomspace(max(narrowest.value, 1e-12), max(highest, 1e-12), CAPS):
        split = _shortest(chain, Form.SUM, float(cap) * (1 + 1e-9), every_node=every_node)
        if split is not None:
            value = split.value + more * chain.largest(split.stages)
            if best is None or value < best.value:
                best = _Split(value, split.stages)
    return best


def _shortest(chain: Chain, form: Form, cap: float, *, every_node: bool) -> _Split | None:
    """The dynamic programme: g[p, j] is the best value of layers 0..j whose last stage is at position p.

    g[p, j] = min over i < j of join(h[p, i], stage[p, i, j])
    h[p, i] = min over q < p of join(g[q, i], hand[q, p, i])        (an input sent to p, where no stage comes before)
    join is + or max. With a cap, stages and transfers that take longer are left out.
    """
    join = np.add if form is Form.SUM else np.maximum
    count, cuts = len(chain.order), chain.stop + 1
    best = np.full((count, cuts), np.inf)
    origin = np.zeros((count, cuts), dtype=np.intp)
    before = np.full((count, cuts), -1, dtype=np.intp)
    stage_s = np.where(chain.stage_s <= cap, chain.stage_s, np.inf)
    hand_s = np.where(chain.hand_s <= cap, chain.hand_s, np.inf)
    for p in range(count):
        entry = np.full(cuts, np.inf)
        entry[0] = chain.input_s[p] if p == 0 or not every_node else np.inf
        first = max(p - 1, 0) if every_node else 0
        if p > first:
            reached = join(best[first:p], hand_s[first:p, p])
            via = reached.argmin(axis=0)
            better = reached[via, np.arange(cuts)] < entry
            entry = np.where(better, reached[via, np.arange(cuts)], entry)
            before[p] = np.where(better, via + first, -1)
        ended = join(entry[:, None], stage_s[p])
        origin[p] = ended.argmin(axis=0)
        best[p] = ended[origin[p], np.arange(cuts)]
    ends = join(best[:, chain.stop], chain.end_s)
    ends = ends if not every_node else np.where(np.arange(count) == count - 1, ends, np.inf)
    last = int(ends.argmin())
    if not np.isfinite(ends[last]):
        return None
    return _Split(float(ends[last]), _stages(origin, before, last, chain.stop))


def _stages(origin: np.ndarray, before: np.ndarray, last: int, stop: int) -> tuple[tuple[int, int, int], ...]:
    """Back from the end to the first layer."""
    stages = []
    position = last
    while position >= 0:
        first = int(origin[position, stop])
        stages.append((position, first, stop))
        position, stop = int(before[position, first]), first
    return tuple(reversed(stages))


def _placement(problem: Problem, chain: Chain, stages: tuple[tuple[int, int, int], ...]) -> Placement:
    """Positions as options; the tail goes back to the source."""
    options = fastest_options(problem)
    placed = [PlacedStage(options[chain.order[p]], first, stop) for p, first, stop in stages]
    if problem.tail_layers and chain.stop < problem.layer_count:
        home = options[problem.source]
        if placed and placed[-1].option == home:
            placed[-1] = PlacedStage(home, placed[-1].first, problem.layer_count)
        else:
            placed.append(PlacedStage(home, chain.stop, problem.layer_count))
    return tuple(placed)
