"""The pipeline of a 1f1b plan's last stages when nothing contends: a longest path, which no replay beats.

Stages do their passes in the order of the schedule. Of a hand-over a payload needs its whole time; the next one follows
no sooner than its longest hop allows. Contention on channels and nodes, labels and the input's pace are left out.
"""

from __future__ import annotations

import numpy as np

from placement.stage_graph import Entries, StageGraph


class Pipeline:
    """Prices ends of plans on one stage graph."""

    def __init__(self, graph: StageGraph) -> None:
        problem = graph.problem
        self._count = problem.repetitions
        self._forward_s, self._backward_s = graph.compute_forward_s.tolist(), graph.compute_backward_s.tolist()
        there, back = ((s, _longest(graph, e)) for s, e in (
            (graph.forward_s, graph.busy_forward), (graph.backward_s, graph.busy_backward)))  # fmt: skip
        self._there, self._back = ([part.tolist() for part in parts] for parts in (there, back))
        self._orders = [_order(self._count, problem.in_flight(max(1, d))) for d in range(problem.max_stages + 1)]

    def end_s(self, stages: tuple[int, ...], hand_overs: tuple[int, ...]) -> float:
        """From the start of the first of these stages to the end of its last backward pass, in s."""
        count, last = self._count, len(stages) - 1
        orders = [self._orders[last + 1 - s] for s in range(last + 1)]
        # By direction and stage: when a micro-batch arrives; negative while it has not.
        arrives = [[[-1.0] * count for _ in stages] for _ in (0, 1)]
        arrives[0][0] = [0.0] * count
        took = [[self._forward_s[a] for a in stages], [self._backward_s[a] for a in stages]]
        sent = [[-np.inf] * (last + 1), [-np.inf] * (last + 1)]
        clock, done = [0.0] * (last + 1), [0] * (last + 1)
        waiting = [0]
        while waiting:
            s = waiting.pop()
            order = orders[s]
            while done[s] < 2 * count:
                way, m = order[done[s]]
                arrived = arrives[way][s][m]
                if arrived < 0:
                    break
                clock[s] = ends = max(clock[s], arrived) + took[way][s]
                done[s] += 1
                if way == 0 and s == last:
                    arrives[1][s][m] = ends
                elif way == 0 or s > 0:
                    to = s + 1 if way == 0 else s - 1
                    through, hop = self._back if way else self._there
                    h = hand_overs[min(s, to)]
                    sent[way][s] = out = max(ends + through[h], sent[way][s] + hop[h])
                    arrives[way][to][m] = out
                    waiting.append(to)
        return clock[0]


def _longest(graph: StageGraph, entries: Entries) -> np.ndarray:
    """(C,): the longest time for which a column occupies something at once."""
    longest = np.zeros(len(graph.joules))
    np.maximum.at(longest, entries.column, entries.value)
    return longest


def _order(count: int, warm: int) -> list[tuple[int, int]]:
    """(0 forwards or 1 backwards, micro-batch) in the order of the schedule."""
    order = [(0, m) for m in range(warm)]
    for m in range(count - warm):
        order += [(1, m), (0, warm + m)]
    return order + [(1, m) for m in range(count - warm, count)]
