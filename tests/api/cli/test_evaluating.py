from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli.engine import Engine
from models import EvaluateRequest, Evaluation
from tests.api.cli import samples
from tests.api.cli.runs import run


def score(answer: Evaluation) -> tuple[Engine, list[EvaluateRequest]]:
    asked: list[EvaluateRequest] = []

    def evaluate(request: EvaluateRequest) -> Evaluation:
        asked.append(request)
        return answer

    return Engine(evaluate=evaluate), asked


@pytest.mark.parametrize(("feasible", "code"), [(True, 0), (False, 3)])
def test_the_exit_code_says_whether_the_stages_are_allowed(tmp_path: Path, feasible: bool, code: int) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(samples.evaluate_body()))
    engine, asked = score(samples.evaluation(feasible=feasible))
    result = run("evaluate", str(file), engine=engine)
    assert result.exit_code == code
    assert result.stdout.startswith("FEASIBLE" if feasible else "INFEASIBLE")
    assert asked == [samples.evaluate_request()]


def test_stages_are_taken_from_an_answered_plan(request_file: str, tmp_path: Path) -> None:
    answered = tmp_path / "plan.json"
    answered.write_text(samples.plan().model_dump_json())
    engine, asked = score(samples.evaluation())
    result = run("evaluate", request_file, "--plan", str(answered), "--json", engine=engine)
    assert result.exit_code == 0
    assert Evaluation.model_validate_json(result.stdout) == samples.evaluation()
    assert [(s.node, s.level, s.first_layer, s.stop_layer) for s in asked[0].stages] == [
        ("phone", "default", 0, 21), ("jetson", "default", 21, 42), ("server", "default", 42, 64),
    ]  # fmt: skip


def test_an_infeasible_plan_has_no_stages_to_score(request_file: str, tmp_path: Path) -> None:
    answered = tmp_path / "plan.json"
    answered.write_text(samples.infeasible_plan().model_dump_json())
    result = run("evaluate", request_file, "--plan", str(answered))
    assert result.exit_code == 2
    assert "no stages in it (status: infeasible)" in result.stderr


def test_stages_in_the_request_and_a_plan_are_too_much(tmp_path: Path) -> None:
    file, answered = tmp_path / "request.json", tmp_path / "plan.json"
    file.write_text(json.dumps(samples.evaluate_body()))
    answered.write_text(samples.plan().model_dump_json())
    result = run("evaluate", str(file), "--plan", str(answered))
    assert result.exit_code == 2
    assert "leave out --plan, or the stages" in result.stderr


def test_two_documents_cannot_both_come_from_standard_input() -> None:
    assert run("evaluate", "-", "--plan", "-", stdin="{}").exit_code == 2
