"""Walks for the tests of what searches over them: random memories, and the states that a plan passes."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np

from placement.bounds import Memory, Neighbourhoods
from placement.grouping import group_columns
from placement.problem import Placement
from placement.stage_graph import StageGraph


def may_be_remembered(graph: StageGraph) -> list[int]:
    """Nodes that a plan uses at most once: not the source, not a class of which it may use several members."""
    return [n for n in np.unique(graph.node).tolist() if n != graph.problem.source and graph.capacity[n] == 1]


def random_memory(rng: Random, graph: StageGraph, more: Memory | None = None) -> Memory:
    """Random neighbourhoods; `more`: each a part of those of another memory."""
    single = may_be_remembered(graph)
    near = []
    for n in range(graph.problem.node_count):
        others = [m for m in single if m != n] if more is None else list(more.near[n])
        near.append(tuple(rng.sample(others, rng.randint(0, len(others)))))
    return Memory.of(tuple(near), graph)


def states_on_the_way(graph: StageGraph, memory: Memory, placement: Placement) -> Iterator[tuple[str, int, int]]:
    """(side of the tables, cut, state) of a plan, before and behind each of its stages."""
    columns = graph.columns_of(placement)
    assert columns is not None
    return states_of(graph, memory, [c for c in columns if c < graph.stage_count])


def states_of(graph: StageGraph, memory: Memory, stages: list[int]) -> Iterator[tuple[str, int, int]]:
    """Likewise of stage columns in order, which must be a walk."""
    cell = group_columns(graph).cell
    state = int(memory.walks.offset[cell[stages[0]]])
    for position, a in enumerate(stages):
        if position:
            state = int(memory.walks.follow[state, cell[a]])
            assert state >= 0, "a plan is a walk, whatever is remembered"
        yield "arriving", int(graph.first[a]), state
        yield "leaving", int(graph.stop[a]), state


def ascends(graph: StageGraph, stages: list[int]) -> bool:
    """Whether the nodes of the middle stages ascend, where order is free; another plan stands for those that do not."""
    if graph.order is None:
        return True
    ranks = graph.order[graph.node[stages[1:-1]]].tolist()
    return ranks == sorted(ranks)


def all_walks(graph: StageGraph, near: Neighbourhoods) -> list[list[int]]:
    """Every walk as columns in order, from the definition: which nodes it remembers, as sets."""
    stages_at: dict[tuple[int, int], list[int]] = {}
    for a, start in enumerate(zip(graph.first.tolist(), graph.node.tolist(), strict=True)):
        stages_at.setdefault(start, []).append(a)
    ways: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for h, leave in enumerate(zip(graph.cut.tolist(), graph.sender.tolist(), strict=True)):
        ways.setdefault(leave, []).append((graph.stage_count + h, int(graph.receiver[h])))
    layers, found = graph.problem.layer_count, []

    def extend(cut: int, node: int, remembered: frozenset[int], columns: list[int]) -> None:
        for a in stages_at.get((cut, node), []):
            stop = int(graph.stop[a])
            if stop == layers:
                found.append([*columns, a])
                continue
            for h, receiver in ways.get((stop, node), []):
                if receiver not in remembered and (receiver != node or graph.capacity[node] > 1):
                    extend(stop, receiver, (remembered | {node}) & set(near[receiver]), [*columns, a, h])

    for n in range(graph.problem.node_count):
        extend(0, n, frozenset(), [])
    return [walk for walk in found if ascends(graph, [c for c in walk if c < graph.stage_count])]
