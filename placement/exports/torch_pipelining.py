"""torch.distributed.pipelining: where `pipeline()` splits a model, and which rank runs which stage."""

from __future__ import annotations

from models.export import ExportFormat, OptionName
from models.workload import Schedule, Training
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import ARCHITECTURE, JSON, Format, as_json
from placement.exports.subject import Run, Subject

_SCHEDULES = {
    Schedule.SEQUENTIAL: "ScheduleGPipe",
    Schedule.GPIPE: "ScheduleGPipe",
    Schedule.ONE_F_ONE_B: "Schedule1F1B",
}


def write(subject: Subject) -> str:
    """`split_spec` (path: name of a SplitPoint), ranks by stage, and the schedule with its micro-batches.

    Micro-batches that follow one another are a schedule of one, several times: gradients add up between them.
    """
    ranks = {node: rank for rank, node in enumerate(subject.nodes)}
    workload = subject.request.workload
    batches, times, schedule = 1, 1, None
    if isinstance(workload, Training):
        one_by_one = workload.schedule is Schedule.SEQUENTIAL
        batches, times = (1, workload.micro_batches) if one_by_one else (workload.micro_batches, 1)
        schedule = _SCHEDULES[workload.schedule]
    elif len(subject.nodes) == len(subject.runs):
        schedule = "ScheduleGPipe"
    return as_json({
        "split_spec": {_first_module(subject, run): "BEGINNING" for run in subject.runs[1:]},
        "stage_index_to_group_rank": {str(run.index): ranks[run.node] for run in subject.runs},
        "nodes_by_rank": list(subject.nodes),
        "schedule": schedule if len(subject.nodes) == len(subject.runs) else None,
        "n_microbatches": batches,
        "steps_per_iteration": times,
    })  # fmt: skip


def _first_module(subject: Subject, run: Run) -> str:
    """The module with which a stage begins."""
    paths = subject.transformer.modules
    assert paths is not None  # class_unknown is refused
    return paths.block.format(run.blocks.start) if run.blocks else paths.head[0]


def usage(subject: Subject) -> tuple[str, ...]:
    """From the file to a stage on every rank."""
    return (
        'plan = json.loads(Path("pipeline.json").read_text())',
        'split_spec = {path: SplitPoint[point] for path, point in plan["split_spec"].items()}',
        "with torch.no_grad():  # or torch.export wraps rotary positions in a way that pipeline() cannot split",
        "    pipe = pipeline(model, mb_args=(input_ids,), split_spec=split_spec)",
        *(f"rank {rank}: {node}" for rank, node in enumerate(subject.nodes)),
    )


FORMAT = Format(
    name=ExportFormat.TORCH_PIPELINING,
    title="torch.distributed.pipelining",
    reads="split_spec of pipeline(), stage_index_to_group_rank, the schedule's class and n_microbatches",
    filename="pipeline.json",
    media_type=JSON,
    refused={
        model.class_unknown: "name the class in options.architecture",
        model.enclosed: "its modules have other names there, and the other parts have no place in the plan",
        plan.no_blocks: "modules are an embedding, numbered blocks and a head",
        plan.cut_outside_blocks: "they are one module, or modules in no fixed order",
    },
    lost={
        plan.u_shape: "torch's ready schedules run as many stages on every rank; this one needs a list of actions",
        plan.ends_not_planned: "what is absent runs beside the first or last block",
        plan.deep_warmup: "Schedule1F1B begins with fewer micro-batches: less memory, and slower than planned",
        plan.decoding: "stages of pipeline() keep no KV cache; the caller has to",
        plan.concurrency: "make them the micro-batches of one schedule",
        model.tied_apart: "each stage gets a matrix of its own, and training lets them drift apart",
        plan.relays: "ranks talk to each other directly; the network has to forward",
        plan.operating_points: "set it on the machine",
        plan.quantization: "build the model so",
        plan.adapters: "split before they are put in, or begin each path with base_model.model.",
    },
    write=write,
    usage=usage,
    options={OptionName.ARCHITECTURE: ARCHITECTURE},
)
