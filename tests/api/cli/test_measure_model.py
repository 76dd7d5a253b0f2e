from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from models import ModelSpec
from tests.api.cli.runs import run
from tests.api.measuring.tiny import CONFIGS, LAYERS

ARGUMENTS = ("--dtype", "float32", "--sequence-length", "4", "--seconds", "0.1", "--threads", "1", "--quiet")


@pytest.fixture
def config_file(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIGS["llama"]))
    return str(path)


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    node = {"id": "phone", "kind": "terminal", "compute_flops_per_s": 1e9, "memory_bytes": 1e9}
    model = {"huggingface_config": CONFIGS["llama"], "sequence_length": 4, "dtype": "float32"}
    workload = {"kind": "inference", "source": "phone"}
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"cluster": {"nodes": [node], "links": []}, "model": model, "workload": workload}))
    return str(path)


@pytest.fixture(scope="module")
def measured_on_pi(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the command prints for a node called pi."""
    path = tmp_path_factory.mktemp("model") / "config.json"
    path.write_text(json.dumps(CONFIGS["llama"]))
    result = run("measure", "model", str(path), "--node", "pi", "--output-tokens", "3", *ARGUMENTS, "--json")
    assert result.exit_code == 0
    return result.stdout


def times(model: dict[str, Any], name: str = "forward") -> set[frozenset[str]]:
    return {frozenset(layer[name]["time_s"]) for layer in model["layers"] if name in layer}


def test_a_config_becomes_a_model_object_with_this_node_s_times_and_a_report_beside_it(measured_on_pi: str) -> None:
    answer = json.loads(measured_on_pi)
    assert len(ModelSpec.model_validate(answer["model"]).layers or ()) == LAYERS
    assert times(answer["model"]) == times(answer["model"], "decode") == {frozenset({"pi"})}
    (report,) = answer["reports"]
    assert (report["node"], report["dtype"], report["threads"]) == ("pi", "float32", 1)


def test_the_table_names_passes_rates_and_the_sizes_that_differ(config_file: str) -> None:
    result = run("measure", "model", config_file, "--node", "pi", "--workload", "training", "--lora", "2", *ARGUMENTS)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    passes = [row[:3] for row in rows if len(row) > 5 and row[1] in {"embedding", "block", "head"}]
    assert passes == [
        ["0", "embedding", "forward"],
        *(["1", "block", name] for name in ("forward", "backward", "update")),
        *(["2", "block", name] for name in ("forward", "backward", "update")),
        *(["3", "head", name] for name in ("forward", "backward")),
    ]
    assert any(row[:2] == ["3", "activation"] for row in rows)


@pytest.mark.parametrize("bare", [False, True])
def test_a_second_node_s_times_are_added_to_the_file_in_its_own_form(
    config_file: str, measured_on_pi: str, tmp_path: Path, bare: bool
) -> None:
    into = tmp_path / "measured.json"
    written = json.loads(measured_on_pi)
    into.write_text(json.dumps(written["model"] if bare else written))
    same_use = ("--output-tokens", "3", *ARGUMENTS)
    second = run("measure", "model", config_file, "--node", "jetson", *same_use, "--into", str(into))
    assert second.exit_code == 0
    both = json.loads(into.read_text())
    assert times(both if bare else both["model"]) == {frozenset({"pi", "jetson"})}
    assert bare or [report["node"] for report in both["reports"]] == ["pi", "jetson"]
    assert [path.name for path in tmp_path.iterdir() if "measured" in path.name] == ["measured.json"]


def test_times_of_another_use_are_not_added_and_the_file_stays_as_it_is(
    config_file: str, measured_on_pi: str, tmp_path: Path
) -> None:
    into = tmp_path / "measured.json"
    into.write_text(measured_on_pi)
    result = run("measure", "model", config_file, "--node", "jetson", *ARGUMENTS, "--into", str(into))
    assert result.exit_code == 2
    assert "the layers are not those measured" in result.stderr
    assert into.read_text() == measured_on_pi


def test_a_request_says_itself_what_to_measure_and_its_node_s_figures_are_compared(request_file: str) -> None:
    result = run("measure", "model", request_file, "--node", "phone", "--seconds", "0.1", "--threads", "1", "--json")
    assert result.exit_code == 0
    block = json.loads(result.stdout)["reports"][0]["groups"][1]["passes"]["forward"]
    assert block["estimate_s"] == pytest.approx(block["flops"] / 1e9)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--node", "phone", "--sequence-length", "8"), "leave out --sequence-length"),
        (("--node", "tablet"), "tablet is none of the request's nodes"),
    ],
)
def test_options_that_contradict_a_request_are_refused(request_file: str, options: tuple[str, ...], said: str) -> None:
    result = run("measure", "model", request_file, *options)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("content", ["{}", '{"layers": []}'])
def test_a_file_that_holds_no_layers_cannot_be_added_to(config_file: str, tmp_path: Path, content: str) -> None:
    into = tmp_path / "other.json"
    into.write_text(content)
    result = run("measure", "model", config_file, "--node", "pi", *ARGUMENTS, "--into", str(into))
    assert result.exit_code == 2
    assert "other.json" in result.stderr.replace("\n", "")


def test_an_encoder_is_refused_with_the_families_that_can_be_run(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "bert"}')
    result = run("measure", "model", str(path), "--node", "pi")
    assert result.exit_code == 2
    assert "language models of these types can: llama, gpt2" in result.stderr


def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    config_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run("measure", "model", config_file, "--node", "pi")
    assert result.exit_code == 2
    assert "torch is not installed; the extra [measure] of layer-placement brings it" in result.stderr
