"""Petals: a server per run of blocks, each with its `--block_indices first:stop` (stop excluded).

Embedding and head are the client's, which runs on the source.
"""

from __future__ import annotations

import shlex

from models.export import ExportFormat, OptionName
from models.profile import Quantization
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import ARCHITECTURE, MODEL_NAME, TEXT, Format, described
from placement.exports.subject import Run, Subject

_STORED = {Quantization.INT8: "int8", Quantization.INT4: "nf4"}
_HEAD = """#!/bin/sh
# A private Petals swarm: on each node, sh petals.sh NODE. The first server prints its address (multiaddr);
# for all others set INITIAL_PEERS to it.
set -eu
case "${1:-}" in
"""
_TAIL = """*)
    echo "usage: sh petals.sh NODE" >&2
    exit 2
    ;;
esac
"""


def write(subject: Subject) -> str:
    """A script that starts the servers of the node that it is told."""
    first = subject.serving[0]
    cases = []
    for node in dict.fromkeys(run.node for run in subject.serving):
        runs = [run for run in subject.serving if run.node == node]
        commands = [_server(subject, run, alone=run is first) for run in runs]
        cases += [f"# {described(run)}\n" for run in runs]
        cases += [f"{shlex.quote(node)})\n", *(f"    {command} &\n" for command in commands), "    wait\n    ;;\n"]
    return _HEAD + "".join(cases) + _TAIL


def _server(subject: Subject, run: Run, *, alone: bool) -> str:
    """The command for one run of blocks; how weights are stored is said, as the default depends on the machine."""
    stored = _STORED.get(subject.request.model.quantization or Quantization.NONE, "none")
    dtype = subject.request.model.dtype or "auto"
    options = f"--block_indices {run.blocks.start}:{run.blocks.stop} --quant_type {stored} --torch_dtype {dtype}"
    swarm = "--new_swarm" if alone else '--initial_peers "${INITIAL_PEERS:?}"'
    return f"python -m petals.cli.run_server {shlex.quote(subject.model_name)} {options} {swarm}"


def usage(subject: Subject) -> tuple[str, ...]:
    """Servers first, then the client."""
    lines = (f"{node}: sh petals.sh {shlex.quote(node)}" for node in dict.fromkeys(run.node for run in subject.serving))
    name = subject.model_name
    client = f"AutoDistributedModelForCausalLM.from_pretrained({name!r}, initial_peers=[INITIAL_PEERS])"
    return (*lines, f"{subject.source}: {client}")


FORMAT = Format(
    name=ExportFormat.PETALS,
    title="Petals",
    reads="--block_indices of each server",
    filename="petals.sh",
    media_type=TEXT,
    refused={
        plan.training: "Petals' servers keep their blocks as they are; only what the client has can be trained",
        model.no_language_model: "Petals serves models that do",
        model.unknown_to_petals: "of the families that are planned Petals knows llama and mixtral",
        model.enclosed: "Petals knows no such models",
        plan.no_blocks: "servers have blocks",
        plan.cut_outside_blocks: "the client has what is not a block",
        plan.embedding_elsewhere: "Petals' client has the embedding, and runs on the source",
        plan.head_elsewhere: "Petals' client has the head, and runs on the source",
    },
    lost={
        model.class_unknown: "it is taken for a language model that Petals knows",
        plan.second_range: "it runs two servers",
        plan.several_nodes: "every server also answers the client, which the plan does not count",
        plan.ends_not_planned: "Petals' client runs what is absent",
        model.model_not_named: "put it in the place of MODEL",
        plan.concurrency: "servers batch by themselves",
        plan.relays: "servers talk to each other directly; the network has to forward",
        plan.operating_points: "set it on the machine",
        plan.quantization: "servers use int8 or nf4 of bitsandbytes, which take about as many bytes",
    },
    write=write,
    usage=usage,
    options={
        OptionName.MODEL_NAME: MODEL_NAME,
        OptionName.ARCHITECTURE: ARCHITECTURE,
    },
)
