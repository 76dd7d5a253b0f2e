"""What CBC says is believed only where it can know."""

from __future__ import annotations

import pytest

from placement.backends.milp import finished_in_time

REPORT = """Cgl0000I Cut generators found to be infeasible! (or unbounded)
Pre-processing says infeasible or unbounded
Total time (CPU seconds):       0.01   (Wallclock seconds):       {elapsed}
"""


@pytest.mark.parametrize(
    ("elapsed", "limit_s", "expected"),
    [("0.02", 0.01, False), ("0.00", 0.01, False), ("1.00", 1.0, False), ("0.02", 1.0, True), ("59.90", 60.0, True)],
)
def test_infeasible_at_the_time_limit_is_no_proof(elapsed: str, limit_s: float, expected: bool) -> None:
    assert finished_in_time(REPORT.format(elapsed=elapsed), limit_s) is expected


def test_report_that_broke_off_proves_nothing() -> None:
    assert not finished_in_time("Continuous objective value is 2379.98 - 0.00 seconds", 60.0)
