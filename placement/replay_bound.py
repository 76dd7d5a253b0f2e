"""What no replay of a 1f1b placement can beat.

    bound = U + max( F + B + (M - 1) max_o pace_o,  M max_r (f_r + b_r) )
    pace  = f + b - h min(f, b)            h = (K - 1) / (M - 1)

o ranges over the stages (f, b: their passes) and, at every cut, over the pairs of a hop forwards and a hop backwards
that occupy one resource (a hop without partner has the other time 0). K: the forwards that the stage, or the sender at
the cut, does before its first backward if it stands as far from the end as its layers and max_stages allow; it never
does more. M (f_r + b_r): a resource serves one thing at a time. U: the update waits for every backward pass.

Why F + B + (M - 1) pace holds, at a stage (docs/formulation.md has hops too):
    Its first backward follows all that lies before it, then come M backwards and M - K forwards, one at a time, a
    backward at the end, and what lies behind that:                               F + B + (M - 1) b + (M - K) f.
    Before its last forward come what lies before a forward, M - 1 forwards and M - K backwards, one at a time, and its
    micro-batch has to pass all the rest:                                         F + B + (M - 1) f + (M - K) b.
The larger of the two is the pace, M - 1 times.
"""

from __future__ import annotations

import numpy as np

from placement.evaluation import Traversal, busy_s, stage_seconds
from placement.network import FloatArray, IntArray
from placement.problem import Placement, Problem


def replay_bound_s(problem: Problem, placement: Placement, traversal: Traversal) -> float:
    """The bound above, in s; see `placement.figure_columns` for the same in columns."""
    count = problem.repetitions
    hidden = hidden_shares(problem)
    pace = 0.0
    for s, stage in enumerate(placement):
        forward, backward = stage_seconds(problem, stage, "forward"), stage_seconds(problem, stage, "backward")
        share = float(hidden[deepest_place(problem, np.array(stage.first), np.array(stage.stop))])
        pace = max(pace, forward + backward - share * min(forward, backward))
        share = float(hidden[deepest_place(problem, np.array(0), np.array(stage.stop))])
        there, back = (_longest_hops(problem, traversal, name, s) for name in ("activation", "gradient"))
        for resource in there.keys() | back.keys():
            forward, backward = there.get(resource, 0.0), back.get(resource, 0.0)
            pace = max(pace, forward + backward - share * min(forward, backward))
    through = traversal.forward_s + traversal.backward_s
    return traversal.update_s + max(through + (count - 1) * pace, count * max(busy_s(traversal).values()))


def _longest_hops(problem: Problem, traversal: Traversal, activity: str, s: int) -> dict[int, float]:
    """By resource, the longest hop of what crosses the cut behind stage s."""
    longest: dict[int, float] = {}
    for sending in traversal.sendings:
        if sending.activity == activity and sending.stage == s:
            for resource, seconds in problem.occupancy(sending.table, sending.route):
                longest[resource] = max(longest.get(resource, 0.0), seconds)
    return longest


def deepest_place(problem: Problem, first: IntArray, stop: IntArray) -> IntArray:
    """The farthest from the end, the last place being 1, that stages of layers first..stop can stand."""
    layers, most = problem.layer_count, problem.max_stages
    behind = np.minimum(layers - stop, most - (first > 0) - 1)
    return np.where(stop == layers, 1, 1 + np.maximum(behind, 0))


def hidden_shares(problem: Problem) -> FloatArray:
    """(max_stages + 1,) by place from the end: h = (K - 1) / (M - 1); 0 for one micro-batch."""
    forwards = np.array([1, *(problem.in_flight(depth) for depth in range(1, problem.max_stages + 1))])
    return (forwards - 1) / max(1, problem.repetitions - 1)
