"""Random problems for the properties, from seeds that Hypothesis draws.

The examples are the same in every run. PLACEMENT_TEST_EXAMPLES=20 runs twenty times as many, fresh ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from models.request import PlanRequest
from placement.backends.brute_force import placements
from placement.constraints import structural_violations
from placement.cost_model import compile_problem
from placement.problem import Placement, Problem
from tests.placement.instances import random_request, with_levels

FACTOR = int(os.environ.get("PLACEMENT_TEST_EXAMPLES", "1"))
SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


def examples(count: int) -> settings:
    """Settings of a property: `count` fixed examples, or FACTOR times as many fresh ones."""
    return settings(max_examples=count * FACTOR, derandomize=FACTOR == 1, deadline=None, database=None)


def problem_from(body: dict[str, Any]) -> Problem:
    """The compiled problem of a body that is valid."""
    return compile_problem(PlanRequest.model_validate(body))


def random_problem(seed: int, *, training: bool | None = None, **workload: Any) -> Problem:
    """A random problem over all features; `workload` overrides fields of the workload."""
    body = random_request(Random(seed), training=training)
    body["workload"].update(workload)
    return problem_from(body)


def random_levels(seed: int) -> Problem:
    """A random problem most of whose nodes have two levels that idle differently, the source too."""
    rng = Random(seed)
    return problem_from(with_levels(rng, random_request(rng)))


def some_placements(problem: Problem, rng: Random, count: int) -> Iterator[Placement]:
    """Up to `count` placements whose stages can reach each other, wherever memory and privacy stand."""
    possible = list(islice(placements(problem), 4000))
    rng.shuffle(possible)
    return islice((p for p in possible if not structural_violations(problem, p)), count)
