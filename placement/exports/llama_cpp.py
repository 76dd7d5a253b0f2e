"""llama.cpp: which blocks stay on the main host and which go to its RPC servers.

With n blocks, `--n-gpu-layers` g keeps the embedding and the first n + 1 - g blocks on the main host's CPU (releases
since the end of 2025; earlier ones count one block less). The others, and the output as number n, go to the devices:
layer i to the first device whose share of `--tensor-split`, added up, exceeds (i - n - 1 + g) / g. Counts of layers
whose sum is g say so exactly. Devices are the RPC servers in the order of `--rpc`, then those of the main host, whose
share is 0 as they are not named (src/llama.cpp, src/llama-model.cpp: load_tensors).
"""

from __future__ import annotations

from models.export import ExportFormat, OptionName
from models.workload import Inference
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import ARCHITECTURE, TEXT, Format, described
from placement.exports.subject import Subject

PORT = 50052
"""Of rpc-server, unless told otherwise."""


def write(subject: Subject) -> str:
    """One option per line, with comments that say which node is which device."""
    first, *others = subject.runs
    lines = [f"# main host: {described(first)}"]
    lines += [f"# RPC{device}: {described(run)}" for device, run in enumerate(others)]
    shares = [len(run.blocks) for run in others]
    if others:
        shares[-1] += 1  # the output
        servers = (subject.host_and_port(run.node, PORT) for run in others)
        lines += [f"--rpc {','.join(f'{host}:{port}' for host, port in servers)}", "--split-mode layer"]
        lines += [f"--tensor-split {','.join(map(str, shares))}"]
    lines += [f"--n-gpu-layers {sum(shares)}"]
    workload = subject.request.workload
    if isinstance(workload, Inference) and workload.concurrency > 1:
        lines += [f"--parallel {workload.concurrency}"]
    return "\n".join(lines) + "\n"


def usage(subject: Subject) -> tuple[str, ...]:
    """Servers first, then the main host."""
    servers = tuple(
        f"{run.node}: rpc-server --host 0.0.0.0 --port {subject.host_and_port(run.node, PORT)[1]}, with one device"
        for run in subject.runs[1:]
    )
    return (
        *servers,
        f"{subject.runs[0].node}: llama-server --model FILE.gguf $(grep -v '^#' llama-cpp.args)",
    )


FORMAT = Format(
    name=ExportFormat.LLAMA_CPP,
    title="llama.cpp with RPC servers",
    reads="the options --n-gpu-layers, --rpc, --tensor-split and --parallel",
    filename="llama-cpp.args",
    media_type=TEXT,
    refused={
        plan.training: "llama.cpp with RPC servers only serves",
        model.no_language_model: "llama.cpp splits models that do",
        plan.no_blocks: "the options count blocks",
        plan.cut_outside_blocks: "the embedding is on the main host, the output behind the last block",
        plan.u_shape: "devices follow one another, and the main host's CPU comes first only",
    },
    lost={
        model.class_unknown: "it is taken for a language model that llama.cpp knows",
        model.servers_without_address: "give host and port of its RPC server in options.addresses",
        plan.embedding_elsewhere: "that node is the main host: prompts are sent there, and results come from there",
        plan.blocks_on_first_node: "the main host's CPU computes them; a GPU of its own takes no part",
        plan.head_elsewhere: "the scores of the whole vocabulary come back from it, where the plan counts a token",
        plan.ends_not_planned: "the embedding is on the main host, the output behind the last block",
        model.enclosed: "llama.cpp keeps the other parts (--mmproj) on the main host",
        plan.relays: "the main host talks to every server directly; the network has to forward",
        plan.operating_points: "set it on the machine",
        plan.quantization: "the GGUF file decides",
    },
    write=write,
    usage=usage,
    options={
        OptionName.ADDRESSES: "host and port of its RPC server; the first node is the main host and needs none",
        OptionName.ARCHITECTURE: ARCHITECTURE,
    },
)
