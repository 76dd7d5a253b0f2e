"""The witness: a placement replayed event by event. It shares the busy times with the formulas, and nothing else.

Every operation occupies its resources (a node, or a channel with those ends that do not overlap communication) for its
busy time, one operation at a time, first come first served. A transfer arrives latency_s after it left the channel, and
is forwarded hop by hop. Stages run their operations in the order of the schedule:
    sequential  micro-batch m + 1 starts when m has done its backward pass
    gpipe       all forwards, then all backwards
    1f1b        K_s forwards, then one backward and one forward in turn, then the remaining backwards
The update starts when every stage has done its last backward pass (gradient clipping and a consistent model need that
barrier), so sequential and gpipe agree with their formulas wherever no resource is visited twice by a micro-batch.
Labels are sent when their micro-batch sets out (with its input, or its first forward pass); the last stage waits for
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.workload import Schedule
from placement.evaluation import Sending, sendings_of, stage_seconds
from placement.events import Operation, run
from placement.problem import Placement, Problem


@dataclass(frozen=True)
class Replay:
    """What the simulator saw."""

    latency_s: float
    operations: tuple[Operation, ...]
    note: str | None = None


def replay(problem: Problem, placement: Placement) -> Replay | None:
    """Replay one request or one iteration; None where neighbours have no route."""
    sendings = sendings_of(problem, placement)
    if sendings is None:
        return None
    if problem.training is None:
        return _replay_request(problem, placement, sendings)
    operations = _Iteration(problem, placement, sendings).operations
    return Replay(run(operations), tuple(operations))


def _replay_request(problem: Problem, placement: Placement, sendings: Sequence[Sending]) -> Replay:
    """One prefill and one decode pass; later decode passes start on idle nodes and repeat it, one after another."""
    prefill = _pass(problem, placement, sendings, "forward", "activation", with_input=True)
    latency = run(prefill)
    if problem.decode_passes == 0:
        return Replay(latency, tuple(prefill))
    decode = _pass(problem, placement, sendings, "decode", "decode", with_input=False)
    once = run(decode)
    for operation in decode:
        operation.start_s += latency
    note = f"the timeline shows the prefill and the first of {problem.decode_passes} equal decode passes"
    return Replay(
        latency + problem.decode_passes * once, (*prefill, *decode), note if problem.decode_passes > 1 else None
    )


def _pass(
    problem: Problem, placement: Placement, sendings: Sequence[Sending], name: str, crossing: str, *, with_input: bool
) -> list[Operation]:
    chain: list[Operation] = []
    for sending in sendings if with_input else ():
        if sending.activity == "input":
            chain += _hops(problem, sending, None)
    for s, stage in enumerate(placement):
        chain.append(Operation(name, (problem.node_of(stage),), stage_seconds(problem, stage, name), s, None))
        for sending in sendings:
            if sending.activity == crossing and sending.stage == s:
                chain += _hops(problem, sending, None)
    for sending in sendings:
        if sending.activity == "result":
            chain += _hops(problem, sending, None)
    _link(chain)
    return chain


def _hops(problem: Problem, sending: Sending, micro_batch: int | None) -> list[Operation]:
    """The hops of one payload, in order and not yet linked."""
    return [
        Operation(
            sending.activity,
            tuple(resource for resource, _ in problem.occupancy(sending.table, (link,))),
            sending.table.busy_s(link),
            sending.stage,
            micro_batch,
            link.latency_s,
        )
        for link in sending.route
    ]


def _link(chain: list[Operation]) -> None:
    for earlier, later in pairwise(chain):
        earlier.before(later)


class _Iteration:
    """The operations of one training iteration, linked by data and by the order of the schedule."""

    def __init__(self, problem: Problem, placement: Placement, sendings: Sequence[Sending]) -> None:
        training = problem.training
        assert training is not None
        self._problem, self._placement, self._sendings = problem, placement, sendings
        self._schedule = training.schedule
        self._count = training.micro_batches
        self.operations: list[Operation] = []
        self._forward = [self._stage_operations("forward", s) for s in range(len(placement))]
        self._backward = [self._stage_operations("backward", s) for s in range(len(placement))]
        entries = [self._micro_batch(m) for m in range(self._count)]
        self._order(entries)
        self._update()

    def _stage_operations(self, name: str, s: int) -> list[Operation]:
        stage = self._placement[s]
        node, seconds = self._problem.node_of(stage), stage_seconds(self._problem, stage, name)
        made = [Operation(name, (node,), seconds, s, m) for m in range(self._count)]
        self.operations += made
        return made

    def _send(self, activity: str, s: int | None, m: int) -> list[Operation]:
        hops = [
            hop
            for sending in self._sendings
            if sending.activity == activity and sending.stage == s
            for hop in _hops(self._problem, sending, m)
        ]
        self.operations += hops
        return hops

    def _micro_batch(self, m: int) -> Operation:
        """Link one micro-batch along its way; returns its first operation."""
        stages = range(len(self._placement))
        chain = self._send("input", None, m)
        for s in stages:
            chain.append(self._forward[s][m])
            chain += self._send("activation", s, m)
        for s in reversed(stages):
            chain.append(self._backward[s][m])
            if s > 0:
                chain += self._send("gradient", s - 1, m)
        _link(chain)
        label = self._send("label", None, m)
        if label:
            _link(label)
            chain[0].before(label[0], at_start=True)
            label[-1].before(self._forward[-1][m])
        return chain[0]

    def _order(self, entries: list[Operation]) -> None:
        last = self._backward[0]
        for m in range(1, self._count):
            if self._schedule is Schedule.SEQUENTIAL:
                last[m - 1].before(entries[m])
            elif entries[m].activity == "input":
                entries[m - 1].before(entries[m], at_start=True)
        for s in range(len(self._placement)):
            warm = self._problem.in_flight(len(self._placement) - s)
            _link(_one_f_one_b(self._forward[s], self._backward[s], warm))

    def _update(self) -> None:
        ends = [operation for backwards in self._backward for operation in backwards[-1:]]
        for s, stage in enumerate(self._placement):
            seconds = stage_seconds(self._problem, stage, "update")
            update = Operation("update", (self._problem.node_of(stage),), seconds, s, None)
            for end in ends:
                end.before(update)
            self.operations.append(update)


def _one_f_one_b(forward: list[Operation], backward: list[Operation], warm: int) -> list[Operation]:
    """`warm` forwards, then a backward and a forward in turn, then the remaining backwards."""
    order = list(forward[:warm])
    for f, b in zip(forward[warm:], backward, strict=False):
        order += [b, f]
    return order + backward[len(forward) - warm :]
