"""Requests that take as long as a test needs them to."""

from __future__ import annotations

import json
from typing import Any

import examples
from benchmarks.instances import heterogeneous

ENDLESS = heterogeneous(32, 8, seed=1) | {"solver": {"backend": "reference_cp_sat", "time_limit_s": 600.0}}
"""The textbook's formulation at a size for which it is not meant: has a plan at once, and no proof for many minutes."""
TOO_LARGE = heterogeneous(200, 100, seed=1) | {"solver": {"time_limit_s": 60.0}}
"""Needs more memory than `MEMORY_BYTES`, whoever solves it: its stage graph alone does, within seconds."""
MEMORY_BYTES = 960 * 2**20
LONGEST_BODY = 2**22
[_TINY] = [each for each in examples.of(examples.Purpose.PLAN) if each.name == "two-nodes-by-hand"]
TINY_OBJECTIVE = 0.35008


def tiny(seed: int = 0) -> dict[str, Any]:
    """Solved in milliseconds. Another seed is another question, to which no answer is known yet."""
    body = json.loads(_TINY.read())
    return {**body, "solver": {"seed": seed}}


def endless(seed: int = 0) -> dict[str, Any]:
    """Solved until it is cancelled."""
    return {**ENDLESS, "solver": {**ENDLESS["solver"], "seed": seed}}
