"""Facts about stages and workloads that not every format can say."""

from __future__ import annotations

from collections.abc import Iterator

from models.profile import FineTuningMethod, LayerKind, Quantization
from models.workload import Inference, Schedule, Training, Warmup
from placement.exports.findings import Fact
from placement.exports.subject import Run, Subject


def _at(subject: Subject, clause: str, *runs: Run) -> Fact:
    pointer = f"{subject.place}/{runs[-1].index}" if runs else subject.place
    return Fact(clause, pointer, tuple(run.index for run in runs))


def u_shape(subject: Subject) -> Iterator[Fact]:
    """The source runs the first layers and the last ones."""
    first, last = subject.runs[0], subject.runs[-1]
    if first is not last and first.node == last.node:
        yield _at(subject, f"{first.node} runs layers {first.span} and {last.span}", first, last)


def second_range(subject: Subject) -> Iterator[Fact]:
    """The source runs blocks at both ends."""
    first, last = subject.runs[0], subject.runs[-1]
    if first is not last and first.node == last.node and first.blocks and last.blocks:
        yield _at(subject, f"{first.node} runs blocks at both ends of the model", first, last)


def embedding_alone(subject: Subject) -> Iterator[Fact]:
    """The first stage ends before the first block."""
    first = subject.runs[0]
    if not first.blocks:
        yield _at(subject, f"{first.node} runs the embedding and no block", first)


def head_alone(subject: Subject) -> Iterator[Fact]:
    """The last stage begins behind the last block."""
    last = subject.runs[-1]
    if not last.blocks and len(subject.runs) > 1:
        yield _at(subject, f"{last.node} runs the head and no block", last)


def embedding_elsewhere(subject: Subject) -> Iterator[Fact]:
    """What comes before the first block does not run on the source."""
    first = subject.runs[0]
    if first.embedding and first.node != subject.source:
        yield _at(subject, f"the embedding runs on {first.node}, not on the source {subject.source}", first)


def head_elsewhere(subject: Subject) -> Iterator[Fact]:
    """What comes behind the last block does not run on the source."""
    last = subject.runs[-1]
    if last.head and last.node != subject.source:
        yield _at(subject, f"the head runs on {last.node}, not on the source {subject.source}", last)


def no_blocks(subject: Subject) -> Iterator[Fact]:
    """Layers that are not embedding, blocks, head, in this order."""
    order = {LayerKind.EMBEDDING: 0, LayerKind.BLOCK: 1, LayerKind.HEAD: 2}
    due = 0
    for k, layer in enumerate(subject.layers):
        if layer.kind not in order or order[layer.kind] < due:
            clause = f"layer {layer.name or k} is of kind {layer.kind}, where none of it is expected"
            yield Fact(clause, f"/request/model/layers/{k}/kind")
            return
        due = order[layer.kind]
    if not subject.block_count:
        yield Fact("the model has no block", "/request/model")


def cut_outside_blocks(subject: Subject) -> Iterator[Fact]:
    """A cut between two layers before the first block, or between two behind the last one."""
    kinds = [layer.kind for layer in subject.layers]
    for run in subject.runs[1:]:
        before, behind = kinds[run.first_layer - 1], kinds[run.first_layer]
        if before is behind and before is not LayerKind.BLOCK:
            yield _at(subject, f"the plan cuts between two layers of kind {before}", run)


def ends_not_planned(subject: Subject) -> Iterator[Fact]:
    """The request's model has no embedding, or no head, but a runtime's has."""
    kinds = {layer.kind for layer in subject.layers}
    absent = [kind.value for kind in (LayerKind.EMBEDDING, LayerKind.HEAD) if kind not in kinds]
    if absent:
        yield Fact(f"the model was planned without {' and '.join(absent)}", "/request/model/layers")


def several_nodes(subject: Subject) -> Iterator[Fact]:
    """The plan has more than one node."""
    if len(subject.nodes) > 1:
        yield _at(subject, f"the plan has the nodes {', '.join(subject.nodes)}", *subject.runs)


def node_order(subject: Subject) -> Iterator[Fact]:
    """Ranks have to be started on the right nodes."""
    if len(subject.nodes) > 1:
        ranks = ", ".join(f"{rank} on {run.node}" for rank, run in enumerate(subject.runs))
        yield _at(subject, f"rank {ranks}", *subject.runs)


def operating_points(subject: Subject) -> Iterator[Fact]:
    """A node has levels to choose from, and the plan chose one."""
    choices = {node.id: node.operating_points for node in subject.request.cluster.nodes}
    for run in subject.runs:
        if choices[run.node] and run.level is not None:
            yield _at(subject, f"{run.node} runs at the level {run.level}", run)


def relays(subject: Subject) -> Iterator[Fact]:
    """What crosses a cut goes through further nodes."""
    for run in subject.runs:
        if len(run.route) > 2:
            yield _at(subject, f"from {run.node} the way leads over {', '.join(run.route[1:-1])}", run)


def raw_input(subject: Subject) -> Iterator[Fact]:
    """The input must not leave the source, and nodes that are not trusted take part."""
    trusted = {node.id: node.is_trusted for node in subject.request.cluster.nodes}
    strangers = [node for node in subject.nodes if node != subject.source and not trusted[node]]
    if subject.request.privacy.head_layers_of(subject.layers) and strangers:
        clause = f"the raw input stays on {subject.source}, and {', '.join(strangers)} is not trusted"
        yield Fact(clause, "/request/privacy")


def training(subject: Subject) -> Iterator[Fact]:
    """The workload is training."""
    if isinstance(subject.request.workload, Training):
        yield Fact("the workload is training", "/request/workload/kind")


def decoding(subject: Subject) -> Iterator[Fact]:
    """Tokens are generated one by one."""
    workload = subject.request.workload
    if isinstance(workload, Inference) and workload.output_tokens > 1:
        yield Fact(f"{workload.output_tokens} tokens are generated one by one", "/request/workload/output_tokens")


def concurrency(subject: Subject) -> Iterator[Fact]:
    """Several requests are in flight."""
    workload = subject.request.workload
    if isinstance(workload, Inference) and workload.concurrency > 1:
        yield Fact(f"{workload.concurrency} requests are in flight at once", "/request/workload/concurrency")


def schedule(subject: Subject) -> Iterator[Fact]:
    """Micro-batches overlap."""
    workload = subject.request.workload
    if isinstance(workload, Training) and workload.micro_batches > 1 and workload.schedule is not Schedule.SEQUENTIAL:
        clause = f"{workload.micro_batches} micro-batches flow by the schedule {workload.schedule}"
        yield Fact(clause, "/request/workload/schedule")


def gpipe(subject: Subject) -> Iterator[Fact]:
    """All micro-batches go forward before any goes back."""
    workload = subject.request.workload
    if isinstance(workload, Training) and workload.micro_batches > 1 and workload.schedule is Schedule.GPIPE:
        clause = f"{workload.micro_batches} micro-batches all go forward before any goes back"
        yield Fact(clause, "/request/workload/schedule")


def deep_warmup(subject: Subject) -> Iterator[Fact]:
    """1f1b begins with twice as many micro-batches."""
    workload = subject.request.workload
    if isinstance(workload, Training) and workload.schedule is Schedule.ONE_F_ONE_B and workload.warmup is Warmup.DEEP:
        yield Fact("the warm-up of 1f1b is deep", "/request/workload/warmup")


def quantization(subject: Subject) -> Iterator[Fact]:
    """Weights are stored in fewer bits."""
    chosen = subject.request.model.quantization
    if chosen is not None and chosen is not Quantization.NONE:
        yield Fact(f"the plan counts on weights in {chosen}", "/request/model/quantization")


def adapters(subject: Subject) -> Iterator[Fact]:
    """The model is fine-tuned by LoRA."""
    tuning = subject.request.model.fine_tuning
    if tuning is not None and tuning.method is FineTuningMethod.LORA:
        yield Fact(f"the model is fine-tuned by LoRA of rank {tuning.rank}", "/request/model/fine_tuning")


def sequential_micro_batches(subject: Subject) -> Iterator[Fact]:
    """Micro-batches follow one another, each forward and back."""
    workload = subject.request.workload
    if isinstance(workload, Training) and workload.micro_batches > 1 and workload.schedule is Schedule.SEQUENTIAL:
        clause = f"{workload.micro_batches} micro-batches follow one another, one in flight"
        yield Fact(clause, "/request/workload/schedule")


def blocks_on_first_node(subject: Subject) -> Iterator[Fact]:
    """The first stage has blocks."""
    first = subject.runs[0]
    if first.blocks:
        yield _at(subject, f"{first.node} runs {len(first.blocks)} of the blocks", first)


def memory_unknown(subject: Subject) -> Iterator[Fact]:
    """The caller's own stages do not say how much memory they fill."""
    silent = [run for run in subject.runs if run.memory_bytes is None]
    if silent:
        clause = f"stage {', '.join(str(run.index) for run in silent)} does not say what memory it fills"
        yield _at(subject, clause, *silent)
