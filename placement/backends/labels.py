"""Exact label setting in compiled code; see `placement.labelling`."""

from __future__ import annotations

import time
from importlib.metadata import version

import numpy as np

from placement.backends.base import Box, Claim, Outcome, Task
from placement.bounds import Memory, time_range
from placement.boxes import shape_of, within
from placement.feasibility import feasible_figures
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
        figures = None
        if task.hint is not None:
            figures = feasible_figures(task.problem, task.hint, task.limits, task.latency_model)
        best, value = (task.hint, task.goal.value(figures)) if figures is not None else (None, None)
        pricing = Pricing(graph, shape, box, [], Memory.none(graph), value)
        relaxed = pricing.improve(pricing.start(), value, STEPS, task.cancelled)
        sizes = {"sweeps": pricing.steps_taken, "labels": 0}
        most = FIRST_LABELS
        while relaxed is not None:
            labelled = Labelling(task, relaxed).run(
                value, most, stopped=lambda: task.cancelled() or time.monotonic() >= until
            )
            sizes["labels"] += labelled.labels
            for placement in labelled.plans:
                figures = feasible_figures(task.problem, placement, task.limits, task.latency_model)
                if figures is not None and (value is None or task.goal.value(figures) < value):
                    best, value = placement, task.goal.value(figures)
            if labelled.complete:
                break
            if most >= MOST_LABELS or task.cancelled() or time.monotonic() >= until:
                bound = min(labelled.bound if labelled.bound is not None else relaxed.bound, value or np.inf)
                return Claim(Outcome.STOPPED, best, max(bound, relaxed.bound), sizes)
            most *= 4
        return Claim(Outcome.INFEASIBLE if best is None else Outcome.OPTIMAL, best, value, sizes)
