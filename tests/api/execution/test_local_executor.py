"""The contract, kept by processes on this machine."""

from __future__ import annotations

import pytest

from api.execution.supervisor import LocalExecutor
from tests.api.execution.contract import QUEUE_LENGTH, SLOTS, ExecutorContract
from tests.api.execution.local import doubled
from tests.api.execution.rig import rig_of


@pytest.fixture(scope="module")
def rig():
    with rig_of(LocalExecutor(doubled(slots=SLOTS, queue_length=QUEUE_LENGTH))) as rig:
        yield rig


class TestLocalExecutor(ExecutorContract):
    pass
