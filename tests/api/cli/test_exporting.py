"""`placement export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli.consoles import Exit
from models.export import ExportFormat
from tests.api.cli.runs import run
from tests.placement.exports.plans import NODES, THREE, TRAINING, U_SHAPED, request


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the present one, with a request and plans that answer it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name, content in {
        "request": request(),
        "training": request(workload=TRAINING),
        "plan": {"id": "plan-1", "status": "optimal", "stages": THREE, "latency_s": 1.0},
        "u-shaped": {"id": "plan-2", "status": "feasible", "stages": U_SHAPED},
        "none": {"id": "plan-3", "status": "infeasible", "stages": []},
        "stranger": {"stages": [{"node": "moon", "first_layer": 0, "stop_layer": 6}]},
        "short": {"stages": THREE[:2]},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def export(plan: str, wanted: str, *options: str, asked: str = "request.json") -> Any:
    return run("export", plan, "--request", asked, "--format", wanted, *options)


def test_the_file_goes_to_stdout_and_what_is_lost_to_stderr(files: Path) -> None:
    ended = export("plan.json", "vllm")
    assert ended.exit_code == Exit.OK
    assert ended.stdout.splitlines()[-1] == "VLLM_PP_LAYER_PARTITION=1,1,2"
    assert "warning: node_order: rank 0 on phone, 1 on jetson, 2 on edge" in ended.stderr
    assert "--pipeline-parallel-size 3" in ended.stderr


def test_options_reach_the_file(files: Path) -> None:
    devices = [part for k, node in enumerate(NODES) for part in ("--device", f"{node}={k}")]
    ended = export("plan.json", "accelerate", *devices, "--output", "map.json")
    assert (ended.exit_code, ended.stdout) == (Exit.OK, "")
    assert set(json.loads((files / "map.json").read_text()).values()) == {0, 1, 2}
    addressed = export("plan.json", "llama-cpp", "--address", "jetson=10.0.0.2", "--address", "edge=10.0.0.3:9").stdout
    assert "--rpc 10.0.0.2:50052,10.0.0.3:9\n" in addressed


def test_json_is_the_answer_of_the_service(files: Path) -> None:
    answer = json.loads(export("plan.json", "petals", "--json").stdout or "{}")
    assert answer == {}
    answer = json.loads(export("u-shaped.json", "petals", "--json", "--model-name", "org/tiny").stdout)
    assert (answer["filename"], [one["code"] for one in answer["warnings"]]) == ("petals.sh", ["several_nodes"])


def test_a_plan_that_the_format_cannot_say_ends_with_every_reason(files: Path) -> None:
    ended = export("u-shaped.json", "dnet")
    assert (ended.exit_code, ended.stdout) == (Exit.INFEASIBLE, "")
    assert "u-shaped.json: dnet cannot say this plan" in ended.stderr
    assert "u_shape: phone runs layers 0..2 and 5..6; shards form a ring" in ended.stderr
    assert "head_alone: phone runs the head and no block" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["none.json", "--request", "request.json", "--format", "vllm"], "no stages in it (status: infeasible)"),
        (
            ["stranger.json", "--request", "request.json", "--format", "vllm"],
            "/plan/stages/0/node: stage 0: unknown node",
        ),
        (["short.json", "--request", "request.json", "--format", "vllm"], "ends before layer 3, but the model has 6"),
        (["plan.json", "--request", "request.json", "--format", "vllm", "--device", "phone"], "must be NODE=NAME"),
        (["plan.json", "--request", "request.json", "--format", "vllm", "--device", "moon=1"], "unknown node moon"),
        (["plan.json", "--request", "request.json", "--format", "vllm", "--address", "edge=a b"], "/addresses/edge"),
        (["-", "--request", "-", "--format", "vllm"], "only one of the request and the plan"),
        (["plan.json", "--format", "vllm"], "--request and --format are needed"),
        (["plan.json", "--request", "plan.json", "--format", "vllm"], "/cluster: this field is required"),
    ],
)
def test_bad_input_is_told_and_ends_with_2(files: Path, arguments: list[str], why: str) -> None:
    ended = run("export", *arguments)
    assert (ended.exit_code, ended.stdout) == (Exit.BAD_INPUT, "")
    assert why in ended.stderr


def test_every_format_is_listed_for_people_and_for_machines() -> None:
    listed = run("export", "--list").stdout
    assert all(name in listed for name in ExportFormat)
    entries = json.loads(run("export", "--list", "--json").stdout)["formats"]
    assert [entry["format"] for entry in entries] == list(ExportFormat)
