"""vLLM: VLLM_PP_LAYER_PARTITION, the blocks of each pipeline rank.

`vllm.distributed.utils.get_pp_indices` reads whole numbers between commas: as many as `--pipeline-parallel-size`,
`num_hidden_layers` together. The embedding runs on the first rank, norm and head on the last.
"""

from __future__ import annotations

import shlex

from models.export import ExportFormat, OptionName
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import ARCHITECTURE, MODEL_NAME, TEXT, Format, described
from placement.exports.subject import Subject


def write(subject: Subject) -> str:
    """An env file: comments that say which node is which rank, and the variable."""
    ranks = "".join(f"# rank {rank}: {described(run)}\n" for rank, run in enumerate(subject.runs))
    return f"{ranks}VLLM_PP_LAYER_PARTITION={','.join(str(len(run.blocks)) for run in subject.runs)}\n"


def usage(subject: Subject) -> tuple[str, ...]:
    """The variable has to be set on every node."""
    return (
        "set -a; . ./vllm.env; set +a",
        f"vllm serve {shlex.quote(subject.model_name)} --pipeline-parallel-size {len(subject.runs)}",
    )


FORMAT = Format(
    name=ExportFormat.VLLM,
    title="vLLM",
    reads="the environment variable VLLM_PP_LAYER_PARTITION",
    filename="vllm.env",
    media_type=TEXT,
    refused={
        plan.training: "vLLM only serves",
        model.no_language_model: "the partition is for models that do",
        plan.no_blocks: "the variable counts blocks",
        plan.cut_outside_blocks: "the embedding is on the first rank, the head on the last",
        plan.u_shape: "a rank has one run of blocks",
        plan.embedding_alone: "a rank without blocks is nothing that vLLM provides for",
        plan.head_alone: "a rank without blocks is nothing that vLLM provides for",
    },
    lost={
        model.class_unknown: "it is taken for a language model that vLLM knows",
        plan.node_order: "the variable names no nodes: start the ranks in this order",
        plan.raw_input: "vLLM sends the token ids of every request to all ranks",
        plan.ends_not_planned: "vLLM runs what is absent on the first or last rank",
        model.enclosed: "vLLM runs the other parts on the first rank",
        plan.concurrency: "vLLM batches by itself; --max-num-seqs bounds it",
        plan.relays: "ranks talk to each other directly; the network has to forward",
        plan.operating_points: "set it on the machine",
        plan.quantization: "serve a checkpoint that is stored so",
    },
    write=write,
    usage=usage,
    options={
        OptionName.MODEL_NAME: MODEL_NAME,
        OptionName.ARCHITECTURE: ARCHITECTURE,
    },
)
