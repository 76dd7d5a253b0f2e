"""The real planner behind the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import examples
from models import Plan
from models.constraints import Backend
from models.plan import Status
from tests.api.cli.runs import run

BY_HAND = next(example for example in examples.EXAMPLES if example.name == "two-nodes-by-hand")


def test_the_example_to_check_by_hand_gives_its_figure() -> None:
    result = run("plan", "-", stdin=BY_HAND.read().decode())
    assert result.exit_code == 0
    assert result.stdout.startswith("OPTIMAL  latency 350 ms, bound 350 ms")


def test_every_backend_can_be_chosen_and_answers_alike() -> None:
    for backend in (Backend.MILP, Backend.MILP_CBC, Backend.CP_SAT, Backend.BRUTE_FORCE):
        result = run("plan", "-", "--json", "--backend", backend, stdin=BY_HAND.read().decode())
        plan = Plan.model_validate_json(result.stdout)
        assert (plan.status, round(plan.latency_s or 0, 8)) == (Status.OPTIMAL, 0.35008)


def test_an_answered_plan_is_scored_as_it_was_planned(tmp_path: Path) -> None:
    request, answered = tmp_path / "request.json", tmp_path / "plan.json"
    request.write_bytes(BY_HAND.read())
    run("plan", str(request), "--output", str(answered), "--quiet")
    result = run("evaluate", str(request), "--plan", str(answered), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["latency_s"] == json.loads(answered.read_text())["latency_s"]


def test_a_limit_that_cannot_be_met_ends_with_three_and_says_what_would_do() -> None:
    body = json.loads(BY_HAND.read())
    result = run("plan", "-", stdin=json.dumps({**body, "constraints": {"max_latency_s": 0.2}}))
    assert result.exit_code == 3
    assert result.stdout.startswith("INFEASIBLE")
    assert "max_latency_s" in result.stdout


def test_a_profile_printed_as_json_plans_like_its_config(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": "gpt2", "n_layer": 4, "n_embd": 64, "n_head": 4, "vocab_size": 1000}))
    body = json.loads(BY_HAND.read())
    piece = json.loads(run("profile", str(config), "--sequence-length", "32", "--json").stdout)
    derived = {"huggingface_config": json.loads(config.read_text()), "sequence_length": 32}
    plans = [
        json.loads(run("plan", "-", "--json", stdin=json.dumps({**body, "model": model})).stdout)
        for model in (piece, derived)
    ]
    assert plans[0]["latency_s"] == plans[1]["latency_s"]
