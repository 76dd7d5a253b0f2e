"""What tests of several rooms share."""

from __future__ import annotations

import os

import pytest

from tests.postgres import postgres, postgres_url, private_postgres

__all__ = ["postgres", "postgres_url", "private_postgres", "pytest_collection_modifyitems"]

SLOW = ("tests/faults/", "tests/browser/", "tests/house/test_deploy_guide.py")
"""Tests that wait for services and browsers most of the time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests go first, each kind on a process of its own: short ones are left for whoever ends early to steal.

    pytest-xdist deals the tests out in as many equal parts as there are processes.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [[item for item in items if item.nodeid.startswith(kind)] for kind in SLOW]
    if processes < len(SLOW) or len(items) < 1000:
        return
    taken = {id(item) for kind in slow for item in kind}
    others = [item for item in items if id(item) not in taken]
    part = len(items) // processes
    ordered: list[pytest.Item] = []
    for kind in slow:
        rest = max(part - len(kind), 0)
        ordered += [*kind, *others[:rest]]
        others = others[rest:]
    items[:] = ordered + others
