"""Worked requests and answers as they appear in the published description."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import examples
from examples import Purpose


def plan_requests() -> dict[str, Any]:
    """Requests for POST /plan, the infeasible one last."""
    return _requests(Purpose.PLAN) | _requests(Purpose.INFEASIBLE)


def frontier_requests() -> dict[str, Any]:
    """Requests for POST /frontier."""
    return _requests(Purpose.FRONTIER)


def compare_requests() -> dict[str, Any]:
    """Requests for POST /plan:compare."""
    return _requests(Purpose.COMPARE)


def evaluate_requests() -> dict[str, Any]:
    """Requests for POST /plan:evaluate."""
    return _requests(Purpose.EVALUATE)


def export_requests() -> dict[str, Any]:
    """Requests for POST /plan:export."""
    return _requests(Purpose.EXPORT)


def profile_requests() -> dict[str, Any]:
    """Requests for POST /profiles."""
    return _requests(Purpose.PROFILE)


@cache
def _requests(purpose: Purpose) -> dict[str, Any]:
    return {
        example.name: {
            "summary": example.title,
            "description": example.description,
            "value": json.loads(example.read()),
        }
        for example in examples.of(purpose)
    }


@cache
def kept_answer(name: str, summary: str) -> dict[str, Any]:
    """An answer that this service once gave, kept as a file; a test holds it against the answer given now."""
    value = json.loads(files("api").joinpath("kept_answers", f"{name}.json").read_bytes())
    return {name: {"summary": summary, "value": value}}
