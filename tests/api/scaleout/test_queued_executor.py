"""The contract of executors, kept by a queue in PostgreSQL and a worker."""

from __future__ import annotations

import pytest

from tests.api.execution.contract import QUEUE_LENGTH, SLOTS, ExecutorContract
from tests.api.scaleout.together import rig_on


@pytest.fixture(scope="module")
def rig(postgres):
    with postgres.scratch() as url, rig_on(url, SLOTS, QUEUE_LENGTH) as rig:
        yield rig


class TestQueuedExecutor(ExecutorContract):
    pass
