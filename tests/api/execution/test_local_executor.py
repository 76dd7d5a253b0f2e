"""The contract, kept by processes on this machine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.execution.base import Job, Kind
from api.execution.supervisor import LocalExecutor
from tests.api.execution.contract import QUEUE_LENGTH, SLOTS, ExecutorContract
from tests.api.execution.local import doubled
from tests.api.execution.rig import Rig, rig_of


@pytest.fixture(scope="module")
def rig():
    with rig_of(LocalExecutor(doubled(slots=SLOTS, queue_length=QUEUE_LENGTH))) as rig:
        yield rig


class TestLocalExecutor(ExecutorContract):
    @pytest.mark.parametrize("known", [None, {"found": []}])
    def test_a_worker_is_told_what_an_earlier_attempt_had(self, rig: Rig, known: dict[str, Any] | None):
        job = Job("begun-before", Kind.PLAN, b'{"do": "say_known"}', 30.0, known=known)
        ending = rig.portal.call(rig.executor.run, job, lambda _: None)
        assert ending.body is not None
        assert json.loads(ending.body) == {"known": known}
