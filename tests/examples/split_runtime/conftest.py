from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.split_runtime.fleet import Fleet
from models.request import PlanRequest
from tests.examples.split_runtime.jobs import NODES


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Three nodes at full speed, in network namespaces where this machine makes them."""
    with Fleet(NODES) as running:
        yield running


@pytest.fixture(scope="session")
def three_boxes() -> PlanRequest:
    """The example of this runtime."""
    example = Path(__file__).parents[3] / "examples" / "split_runtime" / "three-boxes.json"
    return PlanRequest.model_validate_json(example.read_bytes())
