"""dnet: the body of POST /v1/prepare_topology_manual.

Each shard has its blocks in one round, all of them resident. The shard with block 0 embeds, the one with the last block
runs the head; `next_instance` makes a ring of them.
"""

from __future__ import annotations

from models.export import ExportFormat, OptionName
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import ARCHITECTURE, JSON, MODEL_NAME, Format, as_json
from placement.exports.subject import Run, Subject

HTTP_PORT = 8081
GRPC_PORT = 58081
"""Of dnet-shard in dnet's own example."""


def write(subject: Subject) -> str:
    """Devices with their ports, and which blocks each has."""
    names = [str(subject.device(run.node)) for run in subject.runs]
    following = [*names[1:], names[0]] if len(names) > 1 else [None]
    return as_json({
        "model": subject.model_name,
        "kv_bits": "fp16",
        "num_layers": subject.block_count,
        "devices": [_device(subject, run) for run in subject.runs],
        "assignments": [
            {
                "instance": name,
                "layers": [list(run.blocks)],
                "next_instance": after,
                "window_size": len(run.blocks),
                "residency_size": len(run.blocks),
            }
            for run, name, after in zip(subject.runs, names, following, strict=True)
        ],
    })  # fmt: skip


def _device(subject: Subject, run: Run) -> dict[str, str | int]:
    host, port = subject.host_and_port(run.node, HTTP_PORT)
    name = str(subject.device(run.node))
    return {"instance": name, "local_ip": host, "server_port": port, "shard_port": GRPC_PORT}


def usage(subject: Subject) -> tuple[str, ...]:
    """A shard on every node, then two requests."""
    shards = tuple(
        f"{run.node}: dnet-shard --http-port {subject.host_and_port(run.node, HTTP_PORT)[1]} --grpc-port {GRPC_PORT}"
        for run in subject.runs
    )
    return (
        *shards,
        "curl --json @dnet-topology.json http://API/v1/prepare_topology_manual",
        f'curl --json \'{{"model": "{subject.model_name}"}}\' http://API/v1/load_model',
    )


FORMAT = Format(
    name=ExportFormat.DNET,
    title="dnet",
    reads="the body of POST /v1/prepare_topology_manual",
    filename="dnet-topology.json",
    media_type=JSON,
    refused={
        plan.training: "dnet only serves",
        model.no_language_model: "dnet splits models that do",
        model.unknown_to_dnet: "of the families that are planned dnet knows llama and qwen3",
        model.enclosed: "dnet knows no such models",
        plan.no_blocks: "assignments list blocks",
        plan.cut_outside_blocks: "the first shard embeds, the last one runs the head",
        plan.u_shape: "shards form a ring, in which each is passed once",
        model.devices_shared: "names of shards are unique",
        plan.embedding_alone: "a shard without blocks is nothing that dnet provides for",
        plan.head_alone: "a shard without blocks is nothing that dnet provides for",
    },
    lost={
        model.class_unknown: "it is taken for a language model that dnet knows",
        model.addresses_not_given: "give the shard's host and HTTP port in options.addresses",
        plan.embedding_elsewhere: "dnet's API sends it the token ids",
        plan.ends_not_planned: "the first and the last shard run what is absent",
        model.model_not_named: "put it in the place of MODEL",
        plan.concurrency: "dnet serves one request at a time",
        plan.relays: "shards talk to each other directly; the network has to forward",
        plan.operating_points: "set it on the machine",
        plan.quantization: "choose a model that is stored so",
    },
    write=write,
    usage=usage,
    options={
        OptionName.DEVICES: "the name of its shard",
        OptionName.ADDRESSES: "host and HTTP port of its shard",
        OptionName.MODEL_NAME: MODEL_NAME,
        OptionName.ARCHITECTURE: ARCHITECTURE,
    },
)
