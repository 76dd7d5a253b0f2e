"""What no replay of a 1f1b placement can beat.

    bound = U + max( F + B,  M max_r (f_r + b_r),  F + B + (M - 1) (f + b of the last stage) )
F + B: one micro-batch passes everything. M (f_r + b_r): a resource serves one thing at a time. Last stage: it starts
after F without itself has passed, works M (f + b), and B without itself follows its last operation. U: the update waits
for every backward pass.
"""

from __future__ import annotations

from placement.evaluation import Traversal, busy_s, stage_seconds
from placement.problem import Placement, Problem


def replay_bound_s(problem: Problem, placement: Placement, traversal: Traversal) -> float:
    """The bound above, in s; see `placement.formulation` for the same in columns."""
    count = problem.repetitions
    last = stage_seconds(problem, placement[-1], "forward") + stage_seconds(problem, placement[-1], "backward")
    through = traversal.forward_s + traversal.backward_s
    return traversal.update_s + max(through + (count - 1) * last, count * max(busy_s(traversal).values()))
