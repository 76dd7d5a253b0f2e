"""DeepSpeed: a `PipelineModule` whose stages are the plan's.

`partition_method` only names ways to balance (uniform, parameters, type:REGEX), none of which takes boundaries. What
they lead to is `self.parts`, the first layer of each stage and the end, and `_set_bounds`; both are set in a subclass.
Layers are those of the plan: one LayerSpec each.
"""

from __future__ import annotations

from itertools import pairwise

from models.export import ExportFormat, OptionName
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import Format, described, printable
from placement.exports.subject import Subject

_MODULE = '''"""{title}: {count} layers on {stages} pipeline stages, as planned. For DeepSpeed 0.19 and its like."""

from deepspeed.pipe import PipelineModule

PARTS = {parts}
"""First layer of each stage, and the end. {ranks}."""


class PlannedPipelineModule(PipelineModule):
    """Takes one LayerSpec per layer of the plan; num_stages is {stages}."""

    def _partition_layers(self, method="planned"):
        if len(self._layer_specs) != PARTS[-1] or self.num_stages != len(PARTS) - 1:
            raise ValueError(f"the plan is for {{PARTS[-1]}} layers on {{len(PARTS) - 1}} stages")
        stage = self._topo.get_coord(self.global_rank).pipe
        self.parts = list(PARTS)
        self._set_bounds(start=PARTS[stage], stop=PARTS[stage + 1])
'''


def write(subject: Subject) -> str:
    """The subclass, with the boundaries in layers of the plan."""
    parts = (0, *(run.stop_layer for run in subject.runs))
    ranks = "; ".join(f"stage {run.index} is {described(run)}" for run in subject.runs)
    return _MODULE.format(
        title=_quotable(subject.model_name),
        count=parts[-1],
        stages=len(subject.runs),
        parts=parts,
        ranks=_quotable(ranks),
    )


def _quotable(text: str) -> str:
    """Text that can stand within a docstring, whatever names are in it."""
    return printable(text).replace("\\", "/").replace('"', "'")


def uniform(parts: tuple[int, ...]) -> bool:
    """Whether DeepSpeed's own partition_method="uniform" leads to the same: sizes that differ by one, larger first."""
    sizes = [stop - start for start, stop in pairwise(parts)]
    return sizes == sorted(sizes, reverse=True) and sizes[0] - sizes[-1] <= 1


def usage(subject: Subject) -> tuple[str, ...]:
    """A hostfile in the order of the stages, and the module in the place of PipelineModule."""
    parts = (0, *(run.stop_layer for run in subject.runs))
    alike = ('the same as PipelineModule(..., partition_method="uniform")',) if uniform(parts) else ()
    return (
        *(f"hostfile: {subject.device(run.node)} slots=1" for run in subject.runs),
        f"model = PlannedPipelineModule(layers=specs, num_stages={len(subject.runs)}, loss_fn=loss)",
        *alike,
    )


FORMAT = Format(
    name=ExportFormat.DEEPSPEED,
    title="DeepSpeed",
    reads="a subclass of PipelineModule",
    filename="planned_pipeline.py",
    media_type="text/x-python",
    refused={
        plan.u_shape: "a stage has one run of layers, and a rank one stage",
        plan.decoding: "the pipeline engine keeps no KV cache",
        plan.sequential_micro_batches: "the engine has several in flight, which takes memory that was not planned",
    },
    lost={
        plan.node_order: "the class names no nodes: list them in this order in the hostfile",
        plan.gpipe: "the engine runs them by 1F1B",
        plan.deep_warmup: "the engine begins with fewer micro-batches: less memory, and slower than planned",
        plan.concurrency: "make them the micro-batches of one batch",
        model.tied_apart: "with TiedLayerSpec both nodes have it, and gradients are added up between them",
        plan.raw_input: "the first and last stage load the data: give them loaders of their own",
        plan.relays: "ranks talk to each other directly; the network has to forward",
        plan.operating_points: "set it on the machine",
        plan.quantization: "build the model so",
        plan.adapters: "put them into the layers that the specs build",
    },
    write=write,
    usage=usage,
    options={
        OptionName.DEVICES: "its host in the hostfile",
        OptionName.MODEL_NAME: "said in a comment: the specs build the model",
    },
)
