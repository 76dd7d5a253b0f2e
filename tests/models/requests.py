"""The smallest sound request, and what is wrong with changed ones."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import TypeAdapter, ValidationError

from models import EvaluateRequest, PlanRequest
from models.problem_details import Violation
from models.violations import violations_of

SMALLEST: dict[str, Any] = {
    "cluster": {
        "nodes": [
            {"id": "phone", "kind": "terminal", "compute_flops_per_s": 1e12, "memory_bytes": 1e9},
            {"id": "edge", "compute_flops_per_s": 1e13, "memory_bytes": 1e10},
        ],
        "links": [{"source": "phone", "target": "edge", "bandwidth_bits_per_s": 1e8}],
    },
    "model": {"layers": [{"forward": {"flops": 1e9}} for _ in range(4)]},
    "workload": {"kind": "inference", "source": "phone"},
}


def body(path: str = "", value: Any = None) -> dict[str, Any]:
    """The smallest request with the value at "a/0/b" replaced."""
    whole = copy.deepcopy(SMALLEST)
    if path:
        *parents, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
        place: Any = whole
        for part in parents:
            place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
        place[last] = value
    return whole


def faults(raw: Any, kind: type[PlanRequest] | TypeAdapter[Any] = PlanRequest) -> list[tuple[str, str]]:
    """Pointer and code of every fault; [] for a sound request."""
    return [(violation.pointer, violation.code) for violation in violations(raw, kind)]


def violations(raw: Any, kind: type[PlanRequest] | TypeAdapter[Any] = PlanRequest) -> list[Violation]:
    """Every fault; [] for a sound request."""
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        adapter.validate_python(raw)
    except ValidationError as error:
        return violations_of(error, raw)
    return []


def evaluate_faults(stages: Any) -> list[tuple[str, str]]:
    """Pointer and code of every fault of a placement on the smallest request."""
    return faults({**SMALLEST, "stages": stages}, EvaluateRequest)
