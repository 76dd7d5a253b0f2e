from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.split_runtime.fleet import Fleet
from tests.examples.split_runtime.jobs import NODES


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Three nodes at full speed, in network namespaces where this machine makes them."""
    with Fleet(NODES) as running:
        yield running
