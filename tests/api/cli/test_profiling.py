from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli.engine import Engine
from models import Layer, ModelSpec, PlanRequest, Profile
from models.workload import Inference, Training
from tests.api.cli import samples
from tests.api.cli.runs import run

BLOCK = {"weight_bytes": 1e9, "forward": {"flops": 1e12, "traffic_bytes": 1e9, "output_bytes": 1e6}}


def profiler(**parts: Any) -> tuple[Engine, list[tuple[ModelSpec, Inference | Training]]]:
    """Thirty-two equal blocks between an embedding and a head."""
    asked: list[tuple[ModelSpec, Inference | Training]] = []
    block = {**BLOCK, **parts}
    layers = [
        Layer.model_validate({**block, "name": "embedding", "kind": "embedding"}),
        *(Layer.model_validate({**block, "name": f"block-{k}"}) for k in range(32)),
        Layer.model_validate({**block, "name": "head", "kind": "head"}),
    ]

    def profile(spec: ModelSpec, workload: Inference | Training) -> Profile:
        asked.append((spec, workload))
        return Profile(
            name="llama", layers=tuple(layers), parameters=6_738_415_616, notes=("an assumption",), input_bytes=2048.0
        )

    return Engine(profile=profile), asked


@pytest.fixture
def config_file(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "llama", "hidden_size": 4096}))
    return str(path)


def test_equal_layers_share_a_row(config_file: str) -> None:
    engine, _ = profiler()
    result = run("profile", config_file, engine=engine)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["1..33", "32", "x", "block", "954", "MiB", "1.00", "TFLOP", "977", "KiB"] in rows
    assert "llama  6.74 B parameters (6,738,415,616), 34 layers, weights 31.7 GiB" in result.stdout
    assert "- an assumption" in result.stdout


def test_all_gives_each_layer_its_row(config_file: str) -> None:
    engine, _ = profiler()
    result = run("profile", config_file, "--all", engine=engine)
    assert sum("block" in line for line in result.stdout.splitlines()) == 32


def test_json_is_a_model_that_a_request_accepts(config_file: str) -> None:
    engine, _ = profiler()
    piece = json.loads(run("profile", config_file, "--json", engine=engine).stdout)
    request = PlanRequest.model_validate({**samples.request_body(), "model": piece, "workload": INFERENCE})
    assert request.model.layers is not None
    assert len(request.model.layers) == 34


INFERENCE = {"kind": "inference", "source": "phone"}


def test_options_of_inference_reach_the_profile(config_file: str) -> None:
    engine, asked = profiler(decode={"flops": 1e9}, kv_cache_bytes=2.0**20)
    options = ("--sequence-length", "512", "--output-tokens", "64", "--quantization", "int4", "--dtype", "float16")
    result = run("profile", config_file, *options, "--micro-batch-size", "2", "--attention", "eager", engine=engine)
    [(spec, workload)] = asked
    assert isinstance(workload, Inference)
    assert workload.output_tokens == 64
    said = (spec.sequence_length, spec.quantization, spec.dtype, spec.micro_batch_size, spec.attention)
    assert said == (512, "int4", "float16", 2, "eager")
    assert "KV cache" in result.stdout


def test_options_of_lora_reach_the_profile(config_file: str) -> None:
    engine, asked = profiler(backward={"flops": 2e12}, activation_bytes=2.0**30)
    options = ("--workload", "training", "--lora", "16", "--target-modules", "q_proj, v_proj", "--recompute")
    result = run("profile", config_file, *options, "--optimizer", "adamw_8bit", engine=engine)
    [(spec, workload)] = asked
    assert isinstance(workload, Training)
    tuning = spec.fine_tuning
    assert tuning is not None
    assert (tuning.method, tuning.rank, tuning.target_modules) == ("lora", 16, ("q_proj", "v_proj"))
    assert (tuning.optimizer, tuning.recompute_activations) == ("adamw_8bit", True)
    assert "backward" in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--workload", "dreaming"), "/workload/kind: must be one of 'inference', 'training'"),
        (("--sequence-length", "0"), "/sequence_length: must be at least 1"),
        (("--workload", "training", "--output-tokens", "3"), "/workload/output_tokens: there is no such field"),
    ],
)
def test_profile_options_that_make_no_sense_are_refused(config_file: str, options: tuple[str, ...], said: str) -> None:
    engine, asked = profiler()
    result = run("profile", config_file, *options, engine=engine)
    assert (result.exit_code, asked) == (2, [])
    assert said in result.stderr


def test_a_config_that_is_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("[]")
    result = run("profile", str(path))
    assert result.exit_code == 2
    assert "it is not a JSON object" in result.stderr
