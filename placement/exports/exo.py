"""exo (0.3): the shard assignments of an instance, as POST /instance takes them.

`startLayer`..`endLayer` is half-open (`PipelineShardMetadata`). Every node has the embedding and the head: the last
hidden states are gathered on all of them. The `modelCard` of each shard is exo's own and left out.
"""

from __future__ import annotations

from models.export import ExportFormat, OptionName
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import ARCHITECTURE, JSON, MODEL_NAME, Format, as_json
from placement.exports.subject import Subject


def write(subject: Subject) -> str:
    """Shards by runner, and runners by node; one runner per stage."""
    shards = {
        f"stage-{run.index}": {
            "PipelineShardMetadata": {
                "deviceRank": run.index,
                "worldSize": len(subject.runs),
                "startLayer": run.blocks.start,
                "endLayer": run.blocks.stop,
                "nLayers": subject.block_count,
            }
        }
        for run in subject.runs
    }
    nodes = {str(subject.device(run.node)): f"stage-{run.index}" for run in subject.runs}
    return as_json({"modelId": subject.model_name, "runnerToShard": shards, "nodeToRunner": nodes})


def usage(subject: Subject) -> tuple[str, ...]:
    """What has to be added by hand."""
    return (
        f"take an instance of {len(subject.runs)} nodes from exo: GET /instance/previews?model_id={subject.model_name}",
        "put these layers into its shardAssignments, where each shard keeps its modelCard",
        "send it to exo: POST /instance",
    )


FORMAT = Format(
    name=ExportFormat.EXO,
    title="exo",
    reads="shardAssignments of an instance",
    filename="exo-shards.json",
    media_type=JSON,
    refused={
        plan.training: "exo only serves",
        model.no_language_model: "exo splits models that do",
        plan.no_blocks: "shards count blocks",
        plan.cut_outside_blocks: "shards count blocks",
        plan.u_shape: "a node has one shard",
        model.devices_shared: "each node has a shard of its own",
        plan.embedding_alone: "a shard without blocks is nothing that exo provides for",
        plan.head_alone: "a shard without blocks is nothing that exo provides for",
    },
    lost={
        model.class_unknown: "it is taken for a language model that exo knows",
        model.devices_not_given: "exo knows nodes by ids of its own; say in options.devices which they are",
        plan.several_nodes: "each of them also holds the embedding, and runs the head",
        plan.raw_input: "exo tells all nodes the token ids",
        plan.ends_not_planned: "every node of exo runs them",
        model.enclosed: "exo decides where the other parts run",
        model.model_not_named: "put it in the place of MODEL",
        plan.concurrency: "exo batches by itself",
        plan.relays: "nodes talk to each other directly; the network has to forward",
        plan.operating_points: "set it on the machine",
        plan.quantization: "choose a model that is stored so",
    },
    write=write,
    usage=usage,
    options={
        OptionName.DEVICES: "the id by which exo knows it",
        OptionName.MODEL_NAME: MODEL_NAME,
        OptionName.ARCHITECTURE: ARCHITECTURE,
    },
)
