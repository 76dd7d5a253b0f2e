"""The answers shown in the published description are answers this service gives."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

import examples

ONE_BLOCK = {
    "huggingface_config": {
        "model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 1, "n_positions": 1024, "vocab_size": 50257,
    },
    "name": "GPT-2, one block",
    "sequence_length": 128,
    "workload": {"kind": "inference", "source": "phone", "output_tokens": 16},
}  # fmt: skip


def example(purpose: examples.Purpose, name: str) -> Any:
    [found] = [one for one in examples.of(purpose) if one.name == name]
    return json.loads(found.read())


SHOWN = {
    "plan-optimal": ("/plan", example(examples.Purpose.PLAN, "two-nodes-by-hand")),
    "plan-infeasible": ("/plan", example(examples.Purpose.INFEASIBLE, "llama-2-7b-phone-and-tablet")),
    "frontier": ("/frontier", example(examples.Purpose.FRONTIER, "two-nodes-by-hand")),
    "comparison": ("/plan:compare", example(examples.Purpose.COMPARE, "two-nodes-by-hand")),
    "validation": ("/plan:validate", example(examples.Purpose.PLAN, "two-nodes-by-hand")),
    "evaluation": ("/plan:evaluate", example(examples.Purpose.EVALUATE, "two-nodes-too-much-on-the-phone")),
    "export": ("/plan:export", example(examples.Purpose.EXPORT, "llama-2-7b-three-nodes")),
    "profile": ("/profiles", ONE_BLOCK),
}


PASSING = {"solver", "id", "cached", "queue_seconds", "solve_seconds", "sha256"}


def lasting(answer: Any) -> Any:
    """The answer without what differs from run to run: ids, times, the solver; figures rounded."""
    if isinstance(answer, dict):
        return {name: lasting(value) for name, value in answer.items() if name not in PASSING}
    if isinstance(answer, list):
        return [lasting(value) for value in answer]
    return float(f"{answer:.6g}") if isinstance(answer, float) else answer


@pytest.mark.parametrize("name", SHOWN)
def test_a_published_answer_is_the_one_given_now(solving, name):
    path, body = SHOWN[name]
    answer = solving.post(path, json=body)
    kept = json.loads(files("api").joinpath("kept_answers", f"{name}.json").read_bytes())
    assert lasting(kept) == lasting(answer.json())
