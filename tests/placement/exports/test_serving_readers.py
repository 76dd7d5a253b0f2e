"""Exports for serving runtimes, read as these runtimes read them.

None of them installs here. Each reader below is the runtime's own rule, written down again from its source: vLLM's
`get_pp_indices` (vllm/distributed/utils.py), llama.cpp's `load_tensors` (src/llama-model.cpp), the options of Petals'
`run_server` (src/petals/cli/run_server.py, server/server.py), exo's `PipelineShardMetadata` and `ShardAssignments`
(src/exo/shared/types/worker), dnet's `PrepareTopologyManualRequest` (src/dnet/api/models.py).
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from tests.placement.exports.plans import ALONE, BLOCKS, SERVING, THREE, U_SHAPED, exported, losses, request, stages

NAMED = {"model_name": "org/tiny-llama"}


def pp_indices(text: str, blocks: int, rank: int, size: int) -> tuple[int, int]:
    """vLLM: blocks of a rank, from the value of VLLM_PP_LAYER_PARTITION."""
    parts = [int(part) for part in text.split(",")]
    if len(parts) != size or sum(parts) != blocks:
        raise ValueError(text)
    return sum(parts[:rank]), sum(parts[: rank + 1])


def sourced(text: str, folder: Path) -> Mapping[str, str]:
    """What a shell has in its environment after reading an env file."""
    (folder / "file.env").write_text(text)
    printed = subprocess.run(
        ["sh", "-c", "set -a; . ./file.env; env"], cwd=folder, env={}, check=True, capture_output=True, text=True
    ).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())


def test_vllm_gives_every_rank_the_blocks_of_its_stage(tmp_path: Path) -> None:
    made = exported("vllm", THREE)
    found = sourced(made.content, tmp_path)["VLLM_PP_LAYER_PARTITION"]
    assert [pp_indices(found, BLOCKS, rank, 3) for rank in range(3)] == [(0, 1), (1, 2), (2, 4)]
    assert "--pipeline-parallel-size 3" in made.usage[-1]
    assert {"node_order", "raw_input"} <= losses(made)


def test_a_name_cannot_break_out_of_a_comment(tmp_path: Path) -> None:
    evil = "edge\nVLLM_PP_LAYER_PARTITION=1,1,2"
    asked = request(nodes=("phone", "jetson", evil))
    placed = [stage | {"node": evil if stage["node"] == "edge" else stage["node"]} for stage in THREE]
    found = sourced(exported("vllm", placed, asked).content, tmp_path)
    assert found["VLLM_PP_LAYER_PARTITION"] == "1,1,2"
    assert exported("vllm", placed, asked).content.count("\n") == 4


def llama_devices(text: str, blocks: int) -> list[str]:
    """llama.cpp: where each block and, behind them, the output go: main, or an RPC server by its address."""
    reader = argparse.ArgumentParser(exit_on_error=False)
    reader.add_argument("--rpc", type=lambda value: value.split(","), default=[])
    reader.add_argument(
        "--tensor-split", type=lambda value: [float(part) for part in re.split("[,/]+", value)], default=[]
    )
    reader.add_argument("--split-mode", choices=["none", "layer", "row"])
    reader.add_argument("--n-gpu-layers", type=int, required=True)
    reader.add_argument("--parallel", type=int)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    options = reader.parse_args(shlex.split(" ".join(lines)))
    shares = np.array([*options.tensor_split, 0.0], dtype=np.float32)  # a GPU of the main host comes last, unnamed
    ends = np.cumsum(shares, dtype=np.float32)
    first, offloaded = max(blocks + 1 - options.n_gpu_layers, 0), min(options.n_gpu_layers, blocks + 1)
    found = []
    for layer in range(blocks + 1):
        if layer < first or not options.rpc:
            found.append("main")
            continue
        share = np.float32(layer - first) / np.float32(offloaded)
        found.append([*options.rpc, "a GPU of the main host"][bisect.bisect_right(list(ends / ends[-1]), share)])
    return found


ADDRESSES = {"addresses": {"jetson": "10.0.0.2", "edge": "[fd00::3]:6000"}}
JETSON, EDGE = "10.0.0.2:50052", "[fd00::3]:6000"


@pytest.mark.parametrize(
    ("placed", "devices"),
    [
        (THREE, ["main", JETSON, EDGE, EDGE, EDGE]),
        (ALONE, [JETSON] * 4 + [EDGE]),
        (stages(("phone", 0, 1), ("edge", 1, 6)), [EDGE] * 5),
        (stages(("phone", 0, 6)), ["main"] * 5),
    ],
)
def test_llama_cpp_offloads_every_block_to_the_server_of_its_stage(placed: Any, devices: list[str]) -> None:
    assert llama_devices(exported("llama-cpp", placed, **ADDRESSES).content, BLOCKS) == devices


def test_llama_cpp_serves_as_many_requests_at_once_as_planned() -> None:
    made = exported("llama-cpp", THREE, request(workload=SERVING | {"concurrency": 3}), **ADDRESSES)
    assert "--parallel 3\n" in made.content
    assert "concurrency" not in losses(made)


def test_llama_cpp_takes_counts_for_shares_without_rounding_a_block_away() -> None:
    blocks = 80
    asked = request({"catalogue": "llama-3-70b", "sequence_length": 8})
    for first, second in itertools.product(range(2, 78, 7), range(3, 81, 5)):
        if first < second:
            placed = stages(("phone", 0, first), ("jetson", first, second), ("edge", second, blocks + 2))
            wanted = ["main"] * (first - 1) + [JETSON] * (second - first) + [EDGE] * (blocks + 2 - second)
            assert llama_devices(exported("llama-cpp", placed, asked, **ADDRESSES).content, blocks) == wanted


def servers_of(text: str, node: str, folder: Path) -> list[argparse.Namespace]:
    """Petals: the servers that the script starts on a node, by the options of run_server."""
    (folder / "petals.sh").write_text(text)
    python = folder / "python"
    python.write_text('#!/bin/sh\nfor part in "$@"; do printf "%s\\037" "$part" >>calls.$$; done\n')
    python.chmod(0o755)
    told = {"PATH": f"{folder}:{os.environ['PATH']}", "INITIAL_PEERS": "/ip4/10.0.0.1/tcp/31337/p2p/Qm"}
    subprocess.run(["sh", "petals.sh", node], cwd=folder, env=told, check=True, timeout=60)
    reader = argparse.ArgumentParser(exit_on_error=False)
    reader.add_argument("model")
    reader.add_argument("--block_indices", type=lambda text: tuple(int(index.strip()) for index in text.split(":")))
    reader.add_argument("--quant_type", choices=["none", "int8", "nf4"])
    reader.add_argument("--torch_dtype", choices=["bfloat16", "float16", "float32", "auto"])
    swarm = reader.add_mutually_exclusive_group()
    swarm.add_argument("--new_swarm", action="store_true")
    swarm.add_argument("--initial_peers", nargs="+")
    found = []
    for call in folder.glob("calls.*"):
        module, *options = call.read_text().split("\037")[:-1][1:]
        assert module == "petals.cli.run_server"
        found.append(reader.parse_args(options))
        call.unlink()
    return sorted(found, key=lambda server: server.block_indices)


def test_petals_serves_every_block_once_where_the_plan_has_it(tmp_path: Path) -> None:
    made = exported("petals", stages(("phone", 0, 2), ("edge", 2, 4), ("phone", 4, 6)), **NAMED)
    phone, edge = (servers_of(made.content, node, tmp_path) for node in ("phone", "edge"))
    assert [server.block_indices for server in phone] == [(0, 1), (3, 4)]
    assert [server.block_indices for server in edge] == [(1, 3)]
    assert [server.new_swarm for server in (*phone, *edge)] == [True, False, False]
    assert {server.model for server in (*phone, *edge)} == {"org/tiny-llama"}
    assert losses(made) == {"second_range", "several_nodes"}


def test_petals_is_told_how_weights_are_stored_as_its_default_depends_on_the_machine(tmp_path: Path) -> None:
    asked = request()
    asked["model"] |= {"quantization": "int8", "dtype": "float16"}
    made = exported("petals", U_SHAPED, asked, **NAMED)
    [server] = servers_of(made.content, "edge", tmp_path)
    assert (server.quant_type, server.torch_dtype) == ("int8", "float16")
    assert "quantization" in losses(made)


def test_petals_script_refuses_a_node_that_is_not_in_the_plan(tmp_path: Path) -> None:
    (tmp_path / "petals.sh").write_text(exported("petals", U_SHAPED, **NAMED).content)
    ended = subprocess.run(["sh", "petals.sh", "jetson"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (2, "usage: sh petals.sh NODE\n")


class Frozen(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid", strict=True)


class PipelineShard(Frozen):
    device_rank: int
    world_size: int
    start_layer: int = Field(ge=0)
    end_layer: int = Field(ge=0)
    n_layers: int = Field(ge=0)


class Tagged(Frozen):
    pipeline: PipelineShard = Field(alias="PipelineShardMetadata")


class ShardAssignments(Frozen):
    model_id: str
    runner_to_shard: dict[str, Tagged]
    node_to_runner: dict[str, str]

    @model_validator(mode="after")
    def _runners_exist(self) -> ShardAssignments:
        assert set(self.node_to_runner.values()) == set(self.runner_to_shard)
        return self


def test_exo_reads_half_open_ranges_that_follow_one_another() -> None:
    made = exported("exo", THREE, devices={"phone": "12D3Ko-a", "jetson": "12D3Ko-b", "edge": "12D3Ko-c"}, **NAMED)
    read = ShardAssignments.model_validate_json(made.content)
    shards = [read.runner_to_shard[read.node_to_runner[f"12D3Ko-{name}"]].pipeline for name in "abc"]
    assert [(shard.device_rank, shard.start_layer, shard.end_layer) for shard in shards] == [
        (0, 0, 1),
        (1, 1, 2),
        (2, 2, 4),
    ]
    assert {(shard.world_size, shard.n_layers) for shard in shards} == {(3, BLOCKS)}
    assert losses(made) == {"several_nodes", "raw_input"}


class ManualDevice(BaseModel):
    instance: str
    local_ip: str
    server_port: int
    shard_port: int


class LayerAssignment(BaseModel):
    instance: str
    layers: list[list[int]]
    next_instance: str | None
    window_size: int
    residency_size: int


class PrepareTopologyManual(BaseModel):
    model: str
    kv_bits: Literal["4bit", "8bit", "fp16"]
    devices: list[ManualDevice]
    assignments: list[LayerAssignment]
    num_layers: int

    @model_validator(mode="after")
    def _as_the_server_checks(self) -> PrepareTopologyManual:
        names = [device.instance for device in self.devices]
        assert len(names) == len(set(names))
        assert {one.instance for one in self.assignments} <= set(names)
        return self


def test_dnet_reads_a_ring_of_shards_with_the_blocks_of_their_stages() -> None:
    addresses = {"phone": "10.0.0.1", "jetson": "10.0.0.2:9001", "edge": "10.0.0.3"}
    made = exported("dnet", THREE, addresses=addresses, **NAMED)
    read = PrepareTopologyManual.model_validate_json(made.content)
    assert [(device.local_ip, device.server_port) for device in read.devices] == [
        ("10.0.0.1", 8081),
        ("10.0.0.2", 9001),
        ("10.0.0.3", 8081),
    ]
    assert [(one.layers, one.next_instance, one.window_size) for one in read.assignments] == [
        ([[0]], "jetson", 1),
        ([[1]], "edge", 1),
        ([[2, 3]], "phone", 2),
    ]
    assert read.num_layers == BLOCKS
    assert losses(made) == set()
