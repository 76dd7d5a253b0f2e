"""One pass of the dynamic programme over all states of a walk, forwards or backwards.

A walk is a path that remembers only some of the nodes it has used (an ng-route: Baldacci, Mingozzi & Roberti 2011).
At a cut it stands on a node n and remembers a subset of the neighbourhood of n; (n, subset) is a state s of that cut.
`Walks.follow[s, d]` is the state after handing over to cell d, or -1 where its node is remembered. With empty
neighbourhoods walks may use nodes again at will; with all nodes in every neighbourhood they are plans.

arriving[j, s]: before a stage at cut j;  leaving[j, s]: after a stage that ends at cut j. Columns are numbered as in
the stage graph: stages first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement.column_costs import IntArray
from placement.kernels.compiling import compiled
from placement.routes import FloatArray

BoolArray = NDArray[np.bool_]


class Columns(NamedTuple):
    """A stage graph's columns grouped for sweeping."""

    layers: int
    nodes: int
    cells: int
    """Places per cut: the nodes, or several for each where the order of stages does not matter (placement.order)."""
    cell_node: IntArray
    """(cells,)."""
    stage_count: int
    begin: IntArray
    """(L cells + 1,): stages from (cut i, cell c) on are beginning[begin[i cells + c] .. begin[i cells + c + 1]]."""
    beginning: IntArray
    stop: IntArray
    """(A,): where a stage ends."""
    node: IntArray
    first: IntArray
    cell: IntArray
    """(A,): where a stage stands."""
    leave: IntArray
    """(L cells + 1,): ways from (cut j, cell c), likewise in the next two."""
    handing: IntArray
    """Per way, its hand-over, numbered from 0."""
    into: IntArray
    """Per way, the receiving cell."""


class Walks(NamedTuple):
    """States: those of cell c are offset[c] .. offset[c + 1]; the first of them remembers nothing."""

    offset: IntArray
    follow: IntArray
    """(S, cells)."""


@compiled
def follow_table(
    near_begin: IntArray, near: IntArray, offset: IntArray, cell_node: IntArray, capacity: IntArray
) -> IntArray:
    """(S, cells): `Walks.follow` for neighbourhoods near[near_begin[c] .. near_begin[c + 1]], in the order of bits."""
    cells = len(cell_node)
    follow = np.full((offset[cells], cells), -1, dtype=np.int64)
    remembered = np.zeros(len(capacity), dtype=np.bool_)
    for c in range(cells):
        n = cell_node[c]
        for s in range(offset[c], offset[c + 1]):
            remembered[:] = False
            for bit in range(near_begin[c + 1] - near_begin[c]):
                remembered[near[near_begin[c] + bit]] = (s - offset[c]) >> bit & 1
            for d in range(cells):
                m = cell_node[d]
                if (m == n and capacity[n] < 2) or remembered[m]:
                    continue
                state = 0
                for bit in range(near_begin[d + 1] - near_begin[d]):
                    other = near[near_begin[d] + bit]
                    if other == n or remembered[other]:
                        state |= 1 << bit
                follow[s, d] = offset[d] + state
    return follow


class Alive(NamedTuple):
    """States that are swept: before a stage and behind one, those of (cut j, node n) from begin[j N + n] on."""

    arriving_begin: IntArray
    """(L N + 1,)."""
    arriving: IntArray
    leaving_begin: IntArray
    leaving: IntArray


@compiled
def alive_states(columns: Columns, walks: Walks, may_arrive: BoolArray, may_leave: BoolArray) -> Alive:
    """The states to sweep, of (L + 1, S) marks each."""
    cells = columns.layers * columns.cells
    begins = np.zeros((2, cells + 1), dtype=np.int64)
    states = np.empty((2, may_arrive.sum() + may_leave.sum()), dtype=np.int64)
    for side in range(2):
        may = may_arrive if side == 0 else may_leave
        count = 0
        for j in range(columns.layers):
            for n in range(columns.cells):
                begins[side, j * columns.cells + n] = count
                for s in range(walks.offset[n], walks.offset[n + 1]):
                    if may[j, s]:
                        states[side, count] = s
                        count += 1
        begins[side, cells] = count
    return Alive(begins[0], states[0, : begins[0, cells]], begins[1], states[1, : begins[1, cells]])


@compiled
def sweep_forward(
    columns: Columns, walks: Walks, alive: Alive, cost: FloatArray, arriving: FloatArray, leaving: FloatArray
) -> float:
    """Cheapest way from cut 0 to every state; returns the cheapest way to cut L."""
    arriving[:] = np.inf
    leaving[:] = np.inf
    for n in range(columns.cells):
        arriving[0, walks.offset[n]] = 0.0
    for j in range(columns.layers):
        for n in range(columns.cells):
            cell = j * columns.cells + n
            for position in range(alive.leaving_begin[cell], alive.leaving_begin[cell + 1]):
                s = alive.leaving[position]
                here = leaving[j, s]
                if here < np.inf:
                    for index in range(columns.leave[cell], columns.leave[cell + 1]):
                        h = columns.handing[index]
                        t = walks.follow[s, columns.into[index]]
                        if t >= 0:
                            reached = here + cost[columns.stage_count + h]
                            arriving[j, t] = min(arriving[j, t], reached)
        for n in range(columns.cells):
            cell = j * columns.cells + n
            for position in range(alive.arriving_begin[cell], alive.arriving_begin[cell + 1]):
                s = alive.arriving[position]
                here = arriving[j, s]
                if here < np.inf:
                    for index in range(columns.begin[cell], columns.begin[cell + 1]):
                        a = columns.beginning[index]
                        reached = here + cost[a]
                        leaving[columns.stop[a], s] = min(leaving[columns.stop[a], s], reached)
    return leaving[columns.layers].min()


@compiled
def sweep_backward(
    columns: Columns, walks: Walks, alive: Alive, cost: FloatArray, arriving: FloatArray, leaving: FloatArray
) -> float:
    """Cheapest completion to cut L from every state; returns the cheapest from cut 0."""
    arriving[:] = np.inf
    leaving[:] = np.inf
    leaving[columns.layers] = 0.0
    shortest = np.inf
    for j in range(columns.layers - 1, -1, -1):
        for n in range(columns.cells):
            cell = j * columns.cells + n
            for position in range(alive.arriving_begin[cell], alive.arriving_begin[cell + 1]):
                s = alive.arriving[position]
                best = np.inf
                for index in range(columns.begin[cell], columns.begin[cell + 1]):
                    a = columns.beginning[index]
                    completed = leaving[columns.stop[a], s] + cost[a]
                    best = min(best, completed)
                arriving[j, s] = best
            if j == 0:
                shortest = min(shortest, arriving[0, walks.offset[n]])
        for n in range(columns.cells):
            cell = j * columns.cells + n
            for position in range(alive.leaving_begin[cell], alive.leaving_begin[cell + 1]):
                s = alive.leaving[position]
                best = np.inf
                for index in range(columns.leave[cell], columns.leave[cell + 1]):
                    h = columns.handing[index]
                    t = walks.follow[s, columns.into[index]]
                    if t >= 0:
                        completed = arriving[j, t] + cost[columns.stage_count + h]
                        best = min(best, completed)
                leaving[j, s] = best
    return shortest


@compiled
def least_peak(columns: Columns, follow: IntArray, peak: FloatArray) -> float:
    """Least value of the largest `peak` on any walk that forgets everything, which `follow` describes."""
    arriving = np.full((columns.layers + 1, columns.cells), np.inf)
    leaving = np.full((columns.layers + 1, columns.cells), np.inf)
    arriving[0] = 0.0
    for j in range(columns.layers):
        for n in range(columns.cells):
            for index in range(columns.leave[j * columns.cells + n], columns.leave[j * columns.cells + n + 1]):
                h = columns.handing[index]
                m = columns.into[index]
                if follow[n, m] >= 0:
                    arriving[j, m] = min(arriving[j, m], max(leaving[j, n], peak[columns.stage_count + h]))
        for n in range(columns.cells):
            for index in range(columns.begin[j * columns.cells + n], columns.begin[j * columns.cells + n + 1]):
                a = columns.beginning[index]
                stop = columns.stop[a]
                leaving[stop, n] = min(leaving[stop, n], max(arriving[j, n], peak[a]))
    return leaving[columns.layers].min()


@compiled
def cheapest_walk(
    columns: Columns, walks: Walks, cost: FloatArray, arriving: FloatArray, leaving: FloatArray, into: IntArray
) -> int:
    """Columns of the cheapest walk, from the first stage on, written into `into`; returns how many.

    arriving, leaving: of `sweep_backward` under the same cost. -1 where there is no walk.
    """
    n, s, best = -1, -1, np.inf
    for m in range(columns.cells):
        if arriving[0, walks.offset[m]] < best:
            n, s, best = m, walks.offset[m], arriving[0, walks.offset[m]]
    if n < 0:
        return -1
    j, count = 0, 0
    while True:
        chosen, best = -1, np.inf
        for index in range(columns.begin[j * columns.cells + n], columns.begin[j * columns.cells + n + 1]):
            a = columns.beginning[index]
            completed = leaving[columns.stop[a], s] + cost[a]
            if completed < best:
                chosen, best = a, completed
        into[count] = chosen
        count += 1
        j = columns.stop[chosen]
        if j == columns.layers:
            return count
        chosen, best = -1, np.inf
        for index in range(columns.leave[j * columns.cells + n], columns.leave[j * columns.cells + n + 1]):
            h = columns.handing[index]
            t = walks.follow[s, columns.into[index]]
            if t >= 0:
                completed = arriving[j, t] + cost[columns.stage_count + h]
                if completed < best:
                    chosen, best = index, completed
        into[count] = columns.stage_count + columns.handing[chosen]
        count += 1
        n = columns.into[chosen]
        s = walks.follow[s, n]


@compiled
def cheapest_through(
    columns: Columns,
    walks: Walks,
    cost: FloatArray,
    to_arrive: FloatArray,
    to_leave: FloatArray,
    from_arriving: FloatArray,
    from_leaving: FloatArray,
) -> FloatArray:
    """(C,): cost of the cheapest walk through each column, from the tables of both sweeps."""
    offset = walks.offset
    through = np.full(len(cost), np.inf)
    for a in range(columns.stage_count):
        c = columns.cell[a]
        best = np.inf
        for s in range(offset[c], offset[c + 1]):
            best = min(best, to_arrive[columns.first[a], s] + from_leaving[columns.stop[a], s])
        through[a] = best + cost[a]
    for j in range(columns.layers):
        for c in range(columns.cells):
            for index in range(columns.leave[j * columns.cells + c], columns.leave[j * columns.cells + c + 1]):
                h = columns.stage_count + columns.handing[index]
                for s in range(offset[c], offset[c + 1]):
                    t = walks.follow[s, columns.into[index]]
                    if t >= 0:
                        through[h] = min(through[h], to_leave[j, s] + from_arriving[j, t] + cost[h])
    return through
