"""In which order each node runs the passes of its stages in one training iteration.

A stage runs its passes in the order of the schedule (as the simulator does, and torch's own schedules):
    sequential  forward and backward of one micro-batch after the other
    gpipe       all forwards, then all backwards
    1f1b        K_s forwards, then one backward and one forward in turn, then the remaining backwards;
                K_s = min(M, S - s), with a deep warm-up min(M, 2 (S - s) - 1)
A node with two stages (the source of a U-shaped plan) merges two such orders: first come, first served, as foreseen
with the expected seconds of each pass. The order is fixed before the iteration starts, the same on all nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from examples.split_runtime.job import Job, TrainingWork
from models.workload import Schedule, Warmup
from placement.events import Operation, run

DEFAULT_PASS_SECONDS = (1.0, 2.0)
"""Forward and backward where nothing is known: a backward pass is about two forward passes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of one stage by one micro-batch."""

    stage: int
    micro_batch: int
    backward: bool


def orders(job: Job) -> dict[str, tuple[Step, ...]]:
    """Steps of every node that holds a stage."""
    work = job.work
    assert isinstance(work, TrainingWork)
    seconds = work.pass_seconds or (DEFAULT_PASS_SECONDS,) * len(job.stages)
    number = {node: i for i, node in enumerate(job.nodes)}
    micro_batches, stages = range(work.micro_batches), range(len(job.stages))
    operations = {
        Step(s, m, backward): Operation("", (number[job.stages[s].node],), seconds[s][backward], s, m)
        for backward in (False, True)
        for s in stages
        for m in micro_batches
    }
    sent: list[Operation] = []
    for m in micro_batches:
        way = [Step(s, m, False) for s in stages] + [Step(s, m, True) for s in reversed(stages)]
        for earlier, later in pairwise(way):
            crossing = _crossing(work, len(number), earlier, later)
            if crossing is None:
                operations[earlier].before(operations[later])
            else:
                operations[earlier].before(crossing)
                crossing.before(operations[later])
                sent.append(crossing)
    for s in stages:
        for earlier, later in pairwise(_stage_order(work, s, len(job.stages))):
            operations[earlier].before(operations[later])
    run((*operations.values(), *sent))
    by_start = sorted(operations, key=lambda step: operations[step].start_s)
    return {
        stage.node: tuple(step for step in by_start if job.stages[step.stage].node == stage.node)
        for stage in job.stages
    }


def _crossing(work: TrainingWork, nodes: int, earlier: Step, later: Step) -> Operation | None:
    """What is sent from one step to the next, on a channel of its own per cut and direction; None at the turning point.

    Channels are numbered behind the nodes.
    """
    if work.transfer_seconds is None or earlier.stage == later.stage:
        return None
    cut = min(earlier.stage, later.stage)
    seconds = work.transfer_seconds[cut][later.backward]
    return Operation("", (nodes + 2 * cut + later.backward,), seconds, earlier.stage, earlier.micro_batch)


def _stage_order(work: TrainingWork, s: int, stages: int) -> list[Step]:
    count = work.micro_batches
    depth = {
        Schedule.SEQUENTIAL: 1,
        Schedule.GPIPE: count,
        Schedule.ONE_F_ONE_B: stages - s if work.warmup is Warmup.CLASSIC else 2 * (stages - s) - 1,
    }
    warm = min(count, depth[work.schedule])
    order = [Step(s, m, False) for m in range(warm)]
    for m in range(count - warm):
        order += [Step(s, m, True), Step(s, warm + m, False)]
    return order + [Step(s, m, True) for m in range(count - warm, count)]
