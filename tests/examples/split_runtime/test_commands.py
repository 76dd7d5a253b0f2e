from __future__ import annotations

from pathlib import Path

import pytest

from examples.split_runtime import __main__ as on_one_machine
from examples.split_runtime import node
from models.request import PlanRequest
from placement.solver import plan

EXAMPLE = Path(__file__).parents[3] / "examples" / "split_runtime" / "three-boxes.json"


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    file = tmp_path / "plan.json"
    file.write_text(plan(PlanRequest.model_validate_json(EXAMPLE.read_bytes())).model_dump_json())
    return file


def test_a_machine_that_has_no_part_in_the_plan_is_told_who_has(
    plan_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = node.main(["--me", "laptop", "--rendezvous", "127.0.0.1:1", str(plan_file), str(EXAMPLE)])
    assert code == 2
    assert "laptop has no part in this plan; its nodes are phone, edge-1, edge-2" in capsys.readouterr().err


def test_layers_without_a_model_behind_them_are_refused_before_anything_starts(
    plan_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = PlanRequest.model_validate_json(EXAMPLE.read_bytes()).model_dump(exclude_none=True, mode="json")
    request["model"] = {"layers": [{"forward": {}, "backward": {}}]}
    request["privacy"] = {"head_layers": 0, "tail_layers": 0}
    file = tmp_path / "request.json"
    file.write_text(PlanRequest.model_validate(request).model_dump_json(exclude_none=True))
    assert on_one_machine.main([str(plan_file), str(file)]) == 2
    assert "layers given outright have no weights" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(plan_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert on_one_machine.main([str(plan_file), "nowhere.json"]) == 2
    assert "nowhere.json" in capsys.readouterr().err
