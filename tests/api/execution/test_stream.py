"""Progress on its way out: the newest, not too often, and never lost for long."""

from __future__ import annotations

import time
from typing import Any

from api.execution.stream import SPACING_S, Stream
from tests.api.execution.rig import wait_until


def test_of_many_reports_at_once_only_the_newest_is_built_and_sent():
    sent: list[dict[str, Any]] = []
    built: list[int] = []
    stream = Stream(sent.append)

    def build(number: int) -> dict[str, Any]:
        built.append(number)
        return {"number": number}

    stream.begin()
    for number in range(100):
        stream.tell(lambda number=number: build(number))
    wait_until(lambda: bool(sent))
    assert sent == [{"number": 99}]
    assert built == [99]


def test_a_report_after_a_while_is_sent_by_the_solver_itself():
    sent: list[dict[str, Any]] = []
    stream = Stream(sent.append)
    stream.begin()
    time.sleep(SPACING_S)
    stream.tell(lambda: {"number": 1})
    assert sent == [{"number": 1}]


def test_a_report_that_its_job_did_not_live_to_see_is_dropped():
    sent: list[dict[str, Any]] = []
    stream = Stream(sent.append)
    stream.begin()
    stream.tell(lambda: {"number": 1})
    stream.end()
    time.sleep(3 * SPACING_S)
    assert sent == []
