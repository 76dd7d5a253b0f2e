"""What is to be run: a Transformer, its stages on nodes, and a workload. Made from a request and its answered plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from models.plan import Plan, Stage
from models.profile import FineTuningMethod, ModelSpec, Optimizer, Quantization
from models.request import PlanRequest
from models.workload import Inference, Schedule, Training, Warmup
from placement.catalogue import transformer
from placement.transformers import profile


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
class Runs:
    """How often a plan is run to be measured."""

    iterations: int = 3
    warm_up: int = 1
    learning_rate: float = 1e-3
    seed: int = 0


def job_of(request: PlanRequest, plan: Plan, runs: Runs | None = None, model: ModelSpec | None = None) -> Job:
    """The job that executes `plan`, an answer to `request`. Raises NotRunnable for what cannot be executed.

    model: the Transformer behind a request whose layers are given outright, because they were measured.
    """
    runs, model = runs or Runs(), model or request.model
    config = _config_of(model)
    if model.quantization not in {None, Quantization.NONE}:
        raise NotRunnable("model.quantization: weights are run as they are")
    if not plan.stages:
        raise NotRunnable(f"the plan has no stages (status {plan.status.value})")
    for stage in plan.stages:
        if stage.transfer_to_next is not None and len(stage.transfer_to_next.route) > 2:
            raise NotRunnable(f"stage on {stage.node}: its output goes over relays; neighbours must be linked directly")
    stages = tuple(StageOf(stage.node, stage.first_layer, stage.stop_layer) for stage in plan.stages)
    derived = profile(model, request.workload)
    if stages[-1].stop != len(derived.layers):
        raise NotRunnable(f"the plan ends at layer {stages[-1].stop}, the model has {len(derived.layers)} layers")
    batch, length = model.micro_batch_size or 1, model.sequence_length or 512
    workload = request.workload
    work: TrainingWork | InferenceWork
    if isinstance(workload, Training):
        work = TrainingWork(
            workload.micro_batches,
            batch,
            length,
            workload.schedule,
            workload.warmup,
            runs.iterations,
            runs.warm_up,
            _lora_rank(model),
            runs.learning_rate,
            tuple((stage.busy_s.forward, stage.busy_s.backward or 0.0) for stage in plan.stages),
            transfer_seconds(plan.stages),
        )
    else:
        work = _inference_work(workload, batch, length, runs)
    return Job(config, workload.source, stages, work, _dtype_of(model, config), runs.seed)


def _config_of(model: ModelSpec) -> dict[str, Any]:
    if model.catalogue is not None:
        return dict(transformer(model.catalogue).huggingface_config)
    if model.huggingface_config is None:
        raise NotRunnable("model.layers: layers given outright have no weights; say which model they were measured on")
    return model.huggingface_config


def _dtype_of(model: ModelSpec, config: dict[str, Any]) -> str:
    """As the profile takes it (docs/transformers.md): the request's, else the config's, else float16."""
    if model.dtype is not None:
        return model.dtype.value
    return str(config.get("dtype") or config.get("torch_dtype") or "float16")


def transfer_seconds(stages: Sequence[Stage]) -> tuple[tuple[float, float], ...]:
    """Predicted (activation, gradient) seconds of what crosses the cut behind each stage but the last."""
    return tuple((sent.forward_s, sent.backward_s or 0.0) for stage in stages if (sent := stage.transfer_to_next))


def _inference_work(workload: Inference, batch: int, length: int, runs: Runs) -> InferenceWork:
    if workload.concurrency > 1:
        raise NotRunnable("workload.concurrency: requests are run one after the other")
    return InferenceWork(batch, length, workload.output_tokens, runs.iterations, runs.warm_up)


def _lora_rank(model: ModelSpec) -> int | None:
    tuning = model.fine_tuning
    if tuning is None:
        return None
    if tuning.optimizer is not Optimizer.ADAMW:
        raise NotRunnable(f"model.fine_tuning.optimizer: {tuning.optimizer.value} is not run, only adamw")
    if tuning.target_modules is not None or tuning.recompute_activations:
        raise NotRunnable("model.fine_tuning: target_modules and recompute_activations are not run")
    return tuning.rank if tuning.method is FineTuningMethod.LORA else None


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
