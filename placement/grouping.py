"""The columns of a stage graph by cut and cell, as the compiled sweeps read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from placement.column_costs import IntArray
from placement.kernels.sweeps import Columns

if TYPE_CHECKING:  # the graph keeps its own grouping
    from placement.stage_graph import StageGraph


def cells_of(graph: StageGraph) -> IntArray:
    """(cells,): the node of each cell: the nodes; where their order is free, as middle, last, and first stage."""
    standing = np.flatnonzero(graph.capacity > 0)
    return standing if graph.order is None else np.tile(standing, 3)


def group_columns(graph: StageGraph) -> Columns:
    """The columns of a graph by cut and cell."""
    layers, nodes = graph.problem.layer_count, graph.problem.node_count
    cell_node = cells_of(graph)
    cells = len(cell_node)
    place = np.cumsum(graph.capacity > 0) - 1
    cell, outof, into = place[graph.node], place[graph.sender], place[graph.receiver]
    hand_over = np.arange(graph.hand_over_count)
    if graph.order is not None:
        standing = cells // 3
        cell = cell + standing * np.where(graph.first == 0, 2, np.where(graph.stop == layers, 1, 0))
        hand_over, outof, into = _ordered_ways(graph, cell, outof, into, standing)
    places = np.arange(layers * cells + 1)
    begins, leaves = graph.first * cells + cell, graph.cut[hand_over] * cells + outof
    beginning, handing = np.argsort(begins, kind="stable"), np.argsort(leaves, kind="stable")
    return Columns(
        layers=layers,
        nodes=nodes,
        cells=cells,
        cell_node=cell_node,
        stage_count=graph.stage_count,
        begin=np.searchsorted(begins[beginning], places),
        beginning=beginning,
        stop=graph.stop,
        node=graph.node,
        first=graph.first,
        cell=cell,
        leave=np.searchsorted(leaves[handing], places),
        handing=hand_over[handing],
        into=into[handing],
    )


def _ordered_ways(
    graph: StageGraph, cell: IntArray, sender: IntArray, receiver: IntArray, standing: int
) -> tuple[IntArray, IntArray, IntArray]:
    """(hand-over, sending cell, receiving cell): between middle stages only upwards in the order of the nodes."""
    assert graph.order is not None  # the caller asks only then
    ends = np.zeros((graph.problem.layer_count + 1, 3 * standing), dtype=np.bool_)
    begins = np.zeros_like(ends)
    ends[graph.stop, cell] = True
    begins[graph.first, cell] = True
    upwards = graph.order[graph.sender] <= graph.order[graph.receiver]
    ways = []
    for sending in (0, 2):
        for receiving in (0, 1):
            outof, into = sender + sending * standing, receiver + receiving * standing
            open_way = ends[graph.cut, outof] & begins[graph.cut, into]
            if sending == 0 and receiving == 0:
                open_way &= upwards
            some = np.flatnonzero(open_way)
            ways.append((some, outof[some], into[some]))
    hand_over, outof, into = (np.concatenate(parts) for parts in zip(*ways, strict=True))
    return hand_over, outof, into
