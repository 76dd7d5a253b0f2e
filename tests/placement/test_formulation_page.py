"""docs/formulation.md speaks of rows and violations by the names that the code gives them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from placement.backends.base import LatencyModel
from placement.columns import scale_of
from placement.constraints import Limits
from placement.formulation import formulate
from placement.objectives import Goal
from tests.placement.examples_for_tests import task_of
from tests.placement.fleets import random_fleet
from tests.placement.random_problems import random_problem

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/formulation.md").read_text()
EVERYTHING = Goal(latency=1.0, energy=1.0, cycle=1.0)
LOOSE = Limits(latency_s=1e9, energy_j=1e9, cycle_s=1e9)


def test_every_row_is_on_the_page_by_its_name() -> None:
    names = set()
    problems = [random_problem(seed) for seed in range(60)] + [random_fleet(seed) for seed in range(60)]
    for problem in problems:
        for model in LatencyModel:
            task = task_of(problem, EVERYTHING, LOOSE, model, merge=True)
            scale = scale_of(task.graph)
            names |= set() if scale is None else {row.name for row in formulate(task, scale).rows}
    patterns = {re.sub(r"(_\d+)+", "(_[a-z])+", name) for name in names}
    assert len(patterns) > 38
    assert [pattern for pattern in sorted(patterns) if not re.search(rf"\b{pattern}\b", PAGE)] == []


def test_every_violation_is_on_the_page_by_its_name() -> None:
    source = (ROOT / "placement/constraints.py").read_text()
    names = set(re.findall(r'(?:constraint=|_over\(|rules\.append\()"(\w+)"', source))
    assert {"memory_bytes", "head_layers", "max_leakage", "max_latency_s", "route"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE and f"({name})" not in PAGE] == []


@pytest.mark.parametrize("page", ["formulation.md", "simulation.md"])
def test_pages_name_only_files_that_exist(page: str) -> None:
    named = re.findall(r"`(placement/[\w/]+\.py)`", (ROOT / "docs" / page).read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []
