"""What is to be run: a Transformer, its stages on nodes, and a workload; and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from models.workload import Schedule, Warmup


class NotRunnable(ValueError):
    """The plan says something that this runtime cannot execute; the message names it."""


class Kind(StrEnum):
    """What a message carries; each kind has a tag of its own, so kinds between two nodes never mix."""

    INPUT = "input"
    LABEL = "label"
    ACTIVATION = "activation"
    GRADIENT = "gradient"
    RESULT = "result"

    @property
    def tag(self) -> int:
        """Tag of the message on the wire."""
        return list(Kind).index(self) + 1


@dataclass(frozen=True, slots=True)
class StageOf:
    """Layers first..stop (half-open) on a node; layer 0 is the embedding, the last one is the head."""

    node: str
    first: int
    stop: int


@dataclass(frozen=True, slots=True)
class TrainingWork:
    """Split fine-tuning: every iteration runs M micro-batches of `batch` sequences forward and backward, then updates.

    warm_up iterations are run and learnt from, but not timed (allocators, connections). lora_rank None: all weights
    train. pass_seconds: expected (forward, backward) seconds per stage, transfer_seconds: of what crosses the cut
    behind each but the last (activation, gradient); they only decide in which order a node works that holds two stages.
    """

    micro_batches: int
    batch: int
    sequence_length: int
    schedule: Schedule = Schedule.GPIPE
    warmup: Warmup = Warmup.CLASSIC
    iterations: int = 1
    warm_up: int = 1
    lora_rank: int | None = 8
    learning_rate: float = 1e-3
    pass_seconds: tuple[tuple[float, float], ...] | None = None
    transfer_seconds: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class InferenceWork:
    """Split generation: requests one after the other, each one prefill and output_tokens - 1 decode passes (greedy)."""

    batch: int
    prompt_tokens: int
    output_tokens: int
    requests: int = 1
    warm_up: int = 1


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a node must know to play its part; the same on all nodes.

    source: the node on which text and labels originate and to which results return.
    """

    config: dict[str, Any]
    source: str
    stages: tuple[StageOf, ...]
    work: TrainingWork | InferenceWork
    dtype: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        layers = [stage.first for stage in self.stages] + [self.stages[-1].stop]
        if layers[0] != 0 or any(a >= b for a, b in pairwise(layers)):
            raise NotRunnable(f"stages must cover the layers from 0 on without gaps, not {layers}")
        if any(a.stop != b.first for a, b in pairwise(self.stages)):
            raise NotRunnable("stages must follow one another without gaps")
        holders = [stage.node for stage in self.stages]
        twice = {node for node in holders if holders.count(node) > 1}
        if twice and not (twice == {self.source} and holders[0] == holders[-1] == self.source and len(holders) > 2):
            raise NotRunnable(f"only the source may hold two stages, the first and the last: {', '.join(holders)}")

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes that take part, each once: holders of stages in order, and the source."""
        return tuple(dict.fromkeys((*(stage.node for stage in self.stages), self.source)))

    @property
    def tokens_leave(self) -> bool:
        """Whether raw tokens have to leave the source: it does not hold the first stage."""
        return self.stages[0].node != self.source

    @property
    def labels_leave(self) -> bool:
        """Whether labels have to leave the source: training, and it does not hold the last stage."""
        return isinstance(self.work, TrainingWork) and self.stages[-1].node != self.source

    def gradient_crosses(self, cut: int) -> bool:
        """Whether a gradient is sent back over the cut before layer `cut`: something before it trains."""
        if not isinstance(self.work, TrainingWork):
            return False
        return cut > (0 if self.work.lora_rank is None else 1)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Messages of one kind, dtype and shape that went from one node to another."""

    source: str
    target: str
    kind: Kind
    dtype: str
    shape: tuple[int, ...]
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Span:
    """One pass of one stage on its node; seconds from the start of its iteration or request."""

    activity: str
    stage: int
    micro_batch: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What one node saw. started_s, ended_s: its clock at each timed iteration or request."""

    node: str
    started_s: tuple[float, ...]
    ended_s: tuple[float, ...]
    busy_s: tuple[float, ...]
    """Compute seconds, throttling included, per timed iteration or request."""
    cpu_s: tuple[float, ...]
    """CPU seconds behind them."""
    crossings: tuple[Crossing, ...]
    losses: tuple[float, ...] = ()
    """Mean loss per iteration, warm-up included; on the node with the last stage."""
    tokens: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """Generated tokens by request, sequence, position; on the source."""
    spans: tuple[Span, ...] = ()
    """Passes of the last iteration or request."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a job took. runs: iterations or requests in all, warm-up included; crossings count all of them."""

    seconds: tuple[float, ...]
    """Per timed iteration or request."""
    busy_s: dict[str, float]
    """Mean compute seconds per iteration or request, by node."""
    cpu_s: dict[str, float]
    crossings: tuple[Crossing, ...]
    runs: int
    losses: tuple[float, ...] = ()
    tokens: tuple[tuple[tuple[int, ...], ...], ...] = ()
    spans: dict[str, tuple[Span, ...]] = field(default_factory=dict)

    def bytes_by_link(self) -> dict[tuple[str, str], dict[Kind, float]]:
        """Bytes per iteration or request on every directed link, by kind."""
        total: dict[tuple[str, str], dict[Kind, float]] = {}
        for crossing in self.crossings:
            by_kind = total.setdefault((crossing.source, crossing.target), {})
            by_kind[crossing.kind] = by_kind.get(crossing.kind, 0.0) + crossing.bytes / self.runs
        return total


def gather(job: Job, reports: dict[str, NodeReport]) -> Measured:
    """One measurement from the reports of all nodes, whose clocks are one (processes of one machine).

    An iteration or request starts when the source starts it and ends when the last node is done with it.
    """
    entry = reports[job.source]
    ends = [max(report.ended_s[i] for report in reports.values()) for i in range(len(entry.started_s))]
    runs = len(ends) + job.work.warm_up
    return Measured(
        seconds=tuple(end - start for start, end in zip(entry.started_s, ends, strict=True)),
        busy_s={node: _mean(report.busy_s) for node, report in reports.items()},
        cpu_s={node: _mean(report.cpu_s) for node, report in reports.items()},
        crossings=tuple(crossing for report in reports.values() for crossing in report.crossings),
        runs=runs,
        losses=reports[job.stages[-1].node].losses,
        tokens=entry.tokens,
        spans={node: report.spans for node, report in reports.items()},
    )


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values) if values else 0.0
