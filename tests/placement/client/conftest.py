"""Both clients in a world of their own: every rule holds for the one that blocks and the one that awaits."""

from __future__ import annotations

import pytest

from tests.placement.client.world import World


@pytest.fixture(params=["blocking", "awaiting"])
def world(request: pytest.FixtureRequest) -> World:
    return World(awaits=request.param == "awaiting")
