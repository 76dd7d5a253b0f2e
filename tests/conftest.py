"""What tests of several rooms share."""

from __future__ import annotations

import pytest

from tests.postgres import postgres, postgres_url, private_postgres

__all__ = ["postgres", "postgres_url", "private_postgres", "pytest_collection_modifyitems"]

WAITING = frozenset({"browser", "faults", "house", "scaleout"})
"""Rooms whose tests wait for pages and processes for most of their time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait come first: one process waits while others compute, and none is left with them at the end."""
    items.sort(key=lambda item: WAITING.isdisjoint(item.path.parts))
