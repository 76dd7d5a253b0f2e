"""Split fine-tuning: a node's part of it, and the same training in one piece to compare with.

The source draws the text. Tokens enter where layer 0 is, labels where the head is: with the first stage on the source
no token leaves it, with the last stage there (U-shaped) no label does. Dropout is off, so that a split changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy

from api.measuring.transformer import SplitTransformer
from examples.split_runtime.job import Job, Kind, NodeReport, TrainingWork
from examples.split_runtime.order import orders
from examples.split_runtime.record import Record
from examples.split_runtime.schedule import PlannedSchedule, PlannedStage, Rooms
from examples.split_runtime.sending import Courier
from examples.split_runtime.text import Text
from examples.split_runtime.throttle import Throttle

WIRE_IDS = torch.int32
"""Token ids and labels cross links in 4 bytes each, as the cost model counts them."""


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy per token, in float32."""
    return cross_entropy(logits.flatten(0, 1).float(), labels.flatten())


def optimizer_of(parameters: Iterable[torch.Tensor], work: TrainingWork) -> torch.optim.Optimizer | None:
    """AdamW over what trains; None where nothing does."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    return torch.optim.AdamW(trained, lr=work.learning_rate) if trained else None


class _Corpus:
    """Inputs and labels of the current iteration: drawn on the source, received elsewhere."""

    def __init__(self, job: Job, vocabulary: int, courier: Courier) -> None:
        assert isinstance(job.work, TrainingWork)
        self._job, self._work, self._courier = job, job.work, courier
        self._text = Text(vocabulary, job.seed) if courier.me == job.source else None
        self._drawn: torch.Tensor = torch.empty(0)
        self._received: dict[tuple[Kind, int], tuple[dist.Work, torch.Tensor]] = {}

    def begin(self, iteration: int) -> None:
        """Draw the text and send out what has to leave; or start to receive it."""
        self._received = {}
        count, shape = self._work.micro_batches, (self._work.batch, self._work.sequence_length)
        goes = {
            Kind.INPUT: (self._job.tokens_leave, self._job.stages[0].node),
            Kind.LABEL: (self._job.labels_leave, self._job.stages[-1].node),
        }
        if self._text is not None:
            drawn = self._text.batch(iteration, count * shape[0], shape[1] + 1)
            self._drawn = drawn.view(count, shape[0], shape[1] + 1)
        for m in range(count):
            for kind, (leaves, target) in goes.items():
                if leaves and self._text is not None:
                    self._courier.send(self._own(kind, m).to(WIRE_IDS), target, kind)
                elif leaves and target == self._courier.me:
                    buffer = torch.empty(shape, dtype=WIRE_IDS)
                    self._received[kind, m] = (self._courier.expect(buffer, self._job.source, kind), buffer)

    def inputs(self, m: int) -> torch.Tensor:
        """Token ids of a micro-batch."""
        return self._take(Kind.INPUT, m)

    def labels(self, m: int) -> torch.Tensor:
        """The tokens that follow them."""
        return self._take(Kind.LABEL, m)

    def _take(self, kind: Kind, m: int) -> torch.Tensor:
        if self._text is not None:
            return self._own(kind, m)
        work, buffer = self._received.pop((kind, m))
        work.wait()
        return buffer.long()

    def _own(self, kind: Kind, m: int) -> torch.Tensor:
        return self._drawn[m, :, :-1] if kind is Kind.INPUT else self._drawn[m, :, 1:]


def train(job: Job, courier: Courier, throttle: Throttle, group: dist.ProcessGroup | None) -> NodeReport:
    """Run one node's part of all iterations."""
    work = job.work
    assert isinstance(work, TrainingWork)
    transformer = SplitTransformer(job.config, dtype=job.dtype, seed=job.seed, lora_rank=work.lora_rank)
    corpus = _Corpus(job, transformer.config.vocab_size, courier)
    rooms = Rooms(throttle, courier, group, corpus.inputs)
    stages = [
        PlannedStage(job, s, transformer.stage(stage.first, stage.stop).eval(), _ends(job, s, transformer), rooms)
        for s, stage in enumerate(job.stages)
        if stage.node == courier.me
    ]
    optimizer = optimizer_of((p for stage in stages for p in stage.submod.parameters()), work)
    head = len(job.stages) - 1

    def loss(logits: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        labels = corpus.labels(int(index))
        with throttle.run_pass("loss", head, int(index)):
            return loss_of(logits, labels)

    schedule = None
    if stages:
        schedule = PlannedSchedule(job, stages, orders(job)[courier.me], loss, work.micro_batches)
    return _iterate(job, courier, throttle, corpus, schedule, optimizer)


def _iterate(
    job: Job,
    courier: Courier,
    throttle: Throttle,
    corpus: _Corpus,
    schedule: PlannedSchedule | None,
    optimizer: torch.optim.Optimizer | None,
) -> NodeReport:
    work = job.work
    assert isinstance(work, TrainingWork)
    indices = torch.arange(work.micro_batches)
    inputs = (indices,) if job.stages[0].node == courier.me else ()
    record = Record(courier, throttle, work.warm_up)
    losses = []
    for iteration in range(work.warm_up + work.iterations):
        of_micro_batches: list[torch.Tensor] = []
        with record.iteration(iteration):
            corpus.begin(iteration)
            if schedule is not None:
                schedule.step(*inputs, target=indices, losses=of_micro_batches, return_outputs=False)
            if optimizer is not None:
                with throttle.run_pass("update", -1, -1):
                    optimizer.step()
                    optimizer.zero_grad()
        if of_micro_batches:
            losses.append(sum(value.item() for value in of_micro_batches) / work.micro_batches)
    return record.report(losses=tuple(losses))


def _ends(job: Job, s: int, transformer: SplitTransformer) -> tuple[torch.Tensor, torch.Tensor]:
    """What stage s takes in and gives out, as shapes: metadata that torch needs not infer by a trial run."""
    work, stage = job.work, job.stages[s]
    assert isinstance(work, TrainingWork)
    shape = (work.batch, work.sequence_length)

    def at(cut: int) -> torch.Tensor:
        if cut == 0:
            return torch.empty(shape, dtype=torch.long)
        width = transformer.config.vocab_size if cut == transformer.layer_count else transformer.config.hidden_size
        return torch.empty(*shape, width, dtype=transformer.dtype, requires_grad=job.gradient_crosses(cut))

    return at(stage.first), at(stage.stop)


def train_unsplit(job: Job) -> tuple[float, ...]:
    """Losses of the same training in one piece: same weights, same text, same micro-batches."""
    work = job.work
    assert isinstance(work, TrainingWork)
    transformer = SplitTransformer(job.config, dtype=job.dtype, seed=job.seed, lora_rank=work.lora_rank)
    model = transformer.stage(0, transformer.layer_count).eval()
    optimizer = optimizer_of(model.parameters(), work)
    text = Text(transformer.config.vocab_size, job.seed)
    losses = []
    for iteration in range(work.warm_up + work.iterations):
        drawn = text.batch(iteration, work.micro_batches * work.batch, work.sequence_length + 1)
        total = 0.0
        for tokens in drawn.chunk(work.micro_batches):
            loss = loss_of(model(tokens[:, :-1]), tokens[:, 1:])
            (loss / work.micro_batches).backward()
            total += loss.item()
        if optimizer is not None:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(total / work.micro_batches)
    return tuple(losses)
