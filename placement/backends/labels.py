"""Exact label setting in compiled code; see `placement.labelling`."""

from __future__ import annotations

import time
from importlib.metadata import version

from placement.backends.base import Box, Claim, Outcome, Task
from placement.bounds import Memory, time_range
from placement.boxes import shape_of, within
from placement.incumbent import Incumbent
from placement.labelling import Labelling
from placement.lagrangian import Pricing

STEPS = 100
"""Subgradient steps before the labels."""
FIRST_LABELS, MOST_LABELS = 1 << 17, 1 << 22
"""Labels of the first run, and of the last: about 1 GiB. Each run may set four times as many as the one before."""


class Labels:
    """Label setting with dominance and completion bounds."""

    name = "labels"
    version = f"compiled by numba {version('numba')}"
    uses_graph = True
    sets_labels = True
    closes_columns = 0

    def __call__(self, task: Task) -> Claim:
        """Search all plans of the task's graph and box."""
        until = time.monotonic() + task.time_limit_s
        times = time_range(task.graph)
        if times is None:
            return Claim(Outcome.INFEASIBLE)
        ends = (times.longest_s, 2 * times.longest_s)
        box = task.box or Box((0.0, 0.0), ends, (0, task.problem.layer_count))
        graph, shape = within(task.graph, shape_of(task), box)
        best = Incumbent(task, lambda: None)
        best.offer([] if task.hint is None else [task.hint])
        pricing = Pricing(graph, shape, box, [], Memory.none(graph), best.value)
        relaxed = pricing.improve(pricing.start(), best.value, STEPS, task.cancelled)
        sizes = {"sweeps": pricing.steps_taken, "labels": 0}
        most = FIRST_LABELS
        while relaxed is not None:
            labelled = Labelling(task, relaxed).run(
                best.value, most, stopped=lambda: task.cancelled() or time.monotonic() >= until
            )
            sizes["labels"] += labelled.labels
            best.offer(labelled.plans)
            if labelled.complete:
                break
            if most >= MOST_LABELS or task.cancelled() or time.monotonic() >= until:
                bound = relaxed.bound if labelled.bound is None else labelled.bound
                bound = bound if best.value is None else min(bound, best.value)
                return Claim(Outcome.STOPPED, best.placement, max(bound, relaxed.bound), sizes)
            most *= 4
        outcome = Outcome.INFEASIBLE if best.placement is None else Outcome.OPTIMAL
        return Claim(outcome, best.placement, best.value, sizes)
