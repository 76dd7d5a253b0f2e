"""What simple rules would do, under the same cost model: for comparison, and as first incumbents.

The head stays on the source and, where the request asks for one, the tail too. The split rules deal the layers between
them to all nodes in the order of the request (the source first), as fixed-order planners do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from placement.problem import PlacedStage, Placement, Problem
from placement.remembering import recalled
from placement.routes import FloatArray


@dataclass(frozen=True, slots=True)
class NamedPlacement:
    """A rule's placement; None where the rule has nothing to say (no other node, fewer layers than nodes)."""

    name: str
    placement: Placement | None


def baselines(problem: Problem) -> tuple[NamedPlacement, ...]:
    """terminal_only, best_single_edge candidates, even_split, memory_proportional, compute_proportional.

    Of interchangeable nodes, the first is the candidate for all.
    """
    return recalled(problem, baselines, lambda: _dealt_by_each(problem))


def _dealt_by_each(problem: Problem) -> tuple[NamedPlacement, ...]:
    fastest = fastest_options(problem)
    others = [n for n in range(problem.node_count) if n != problem.source]
    order = [problem.source, *others]
    standing = problem.classes.representative
    memory = problem.memory_bytes
    compute = np.array([1.0 / max(float(seconds), 1e-30) for seconds in _seconds(problem)[fastest]])
    return (
        NamedPlacement("terminal_only", _chain(fastest, [problem.source], [problem.layer_count])),
        *(NamedPlacement("best_single_edge", _head_and_one(problem, fastest, n)) for n in others if standing[n] == n),
        NamedPlacement("even_split", _dealt(problem, fastest, order, np.ones(problem.node_count))),
        NamedPlacement("memory_proportional", _dealt(problem, fastest, order, memory)),
        NamedPlacement("compute_proportional", _dealt(problem, fastest, order, compute)),
    )


def fastest_options(problem: Problem) -> list[int]:
    """Per node, the option with the least time for the whole model."""
    seconds = _seconds(problem).tolist()
    return [min(options, key=lambda o: seconds[o]) for options in problem.options_of_node]


def _seconds(problem: Problem) -> FloatArray:
    """(O,): compute seconds of all layers, all passes of one micro-batch."""
    total: FloatArray = (problem.forward_s + problem.backward_s + problem.decode_passes * problem.decode_s).sum(axis=1)
    return total


def _chain(fastest: list[int], nodes: list[int], counts: list[int]) -> Placement:
    """Stages on the nodes' fastest options with the given numbers of layers; empty ones are left out."""
    stages, first = [], 0
    for node, count in zip(nodes, counts, strict=True):
        if count > 0:
            stages.append(PlacedStage(fastest[node], first, first + count))
            first += count
    return tuple(_merged(stages))


def _merged(stages: list[PlacedStage]) -> Iterator[PlacedStage]:
    """Neighbouring stages on one option become one."""
    pending: PlacedStage | None = None
    for stage in stages:
        if pending is not None and pending.option == stage.option:
            pending = PlacedStage(pending.option, pending.first, stage.stop)
            continue
        if pending is not None:
            yield pending
        pending = stage
    if pending is not None:
        yield pending


def _head_and_one(problem: Problem, fastest: list[int], node: int) -> Placement:
    """The head on the source, the rest on one node, the tail back on the source."""
    head = min(problem.head_layers, problem.layer_count)
    tail = min(problem.tail_layers, problem.layer_count - head)
    return _chain(fastest, [problem.source, node, problem.source], [head, problem.layer_count - head - tail, tail])


def _dealt(problem: Problem, fastest: list[int], order: list[int], weights: FloatArray) -> Placement | None:
    """Layers dealt in proportion to the weights (largest remainders), never less than the head on the source."""
    if problem.node_count == 1:
        return None
    tail = problem.tail_layers
    dealt = problem.layer_count - tail
    share = dealt * weights[order] / weights[order].sum()
    whole = np.floor(share)
    counts = whole.astype(int).tolist()
    for k in np.argsort(whole - share, kind="stable")[: dealt - sum(counts)].tolist():
        counts[k] += 1
    short = problem.head_layers - counts[0]
    for k in range(1, len(counts)):
        moved = max(0, min(short, counts[k]))
        counts[0] += moved
        counts[k] -= moved
        short -= moved
    return _chain(fastest, [*order, problem.source], [*counts, tail])
