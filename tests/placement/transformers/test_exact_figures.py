"""Figures counted on instantiated models (see docs/transformers.md): 37 shapes, to the last parameter and FLOP."""

import json
from pathlib import Path

import pytest

from models import Inference, ModelSpec, Profile, Training
from placement import catalogue
from placement.transformers import profile

EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())
MEASURED = {name: row["measured"] for name, row in EXPECTED.items() if "measured" in row}
INFERENCE = Inference(kind="inference", source="phone")
TRAINING = Training(kind="training", source="phone")


def derive(name: str, workload: Inference | Training = INFERENCE, **choices: object) -> Profile:
    return profile(ModelSpec(catalogue=name, **choices), workload)


def image_model(name: str) -> bool:
    return name.startswith("vit")


def test_the_catalogue_holds_every_counted_model():
    assert {entry.id for entry in catalogue.transformers()} == set(EXPECTED)
    assert len(EXPECTED) == 37


@pytest.mark.parametrize("name", EXPECTED)
def test_parameters_come_out_exactly(name: str):
    assert derive(name).parameters == EXPECTED[name]["parameters"]


@pytest.mark.parametrize("name", EXPECTED)
def test_weights_of_blocks_and_of_the_rest_come_out_exactly(name: str):
    row, made = EXPECTED[name], derive(name, dtype="float16")
    blocks = made.layers[1:-1]
    assert {layer.weight_bytes for layer in blocks} == {2.0 * row["parameters_per_block"]}
    outside = made.layers[0].weight_bytes + made.layers[-1].weight_bytes
    shared = outside - 2 * row["parameters_outside_blocks"]
    tied = made.parameters * 2 - row["weight_bytes"] == 0 and shared > 0
    head_matrix = EXPECTED[name]["head_flops_per_token"]
    assert shared == (head_matrix if tied else 0)
    assert len(blocks) * row["parameters_per_block"] + row["parameters_outside_blocks"] == row["parameters"]


@pytest.mark.parametrize("name", [name for name in EXPECTED if not image_model(name)])
def test_block_flops_are_matrices_plus_attention(name: str):
    row, s = EXPECTED[name], 64
    block = derive(name, sequence_length=s, attention="eager").layers[1]
    expected = s * row["matmul_flops_per_token"] + s * s * row["attention_flops_per_token_and_context"]
    assert block.forward.flops == expected


@pytest.mark.parametrize("name", MEASURED)
def test_block_flops_equal_the_counted_ones(name: str):
    counted = MEASURED[name]
    length = {} if image_model(name) else {"sequence_length": counted["sequence_length"]}
    block = derive(name, TRAINING, attention="eager", **length).layers[2]
    assert block.forward.flops == counted["forward"]
    assert block.backward.flops == counted["backward"]
    entry = catalogue.transformer(name).measured_flops
    assert (entry.block_forward_flops, entry.block_backward_flops) == (counted["forward"], counted["backward"])


@pytest.mark.parametrize("name", [name for name, row in EXPECTED.items() if row["head_flops_per_token"]])
def test_the_lm_head_serves_one_token_in_prefill_and_all_in_training(name: str):
    per_token = EXPECTED[name]["head_flops_per_token"]
    assert derive(name, sequence_length=64).layers[-1].forward.flops == per_token
    assert derive(name, TRAINING, sequence_length=64).layers[-1].forward.flops == 64 * per_token


@pytest.mark.parametrize("name", EXPECTED)
def test_cache_and_cut_sizes_per_token_come_out_exactly(name: str):
    row = EXPECTED[name]
    block = derive(name, dtype="float16", **({} if image_model(name) else {"sequence_length": 99})).layers[1]
    tokens = 197 if image_model(name) else 99
    assert block.forward.output_bytes == tokens * row["boundary_bytes_per_token"]
    assert block.kv_cache_bytes == (tokens + 1) * row["kv_bytes_per_token"]
