from __future__ import annotations

import pytest

from api.measuring.memory_bandwidth import array_bytes, measure_numpy_bandwidth


@pytest.mark.parametrize(
    ("cache", "available", "expected"),
    [
        (32 * 2**20, 2**40, 128 * 2**20),
        (2**20, 2**40, 64 * 2**20),
        (None, 2**40, 64 * 2**20),
        (2**30, 2**40, 2**30),
        (32 * 2**20, 2**30, 64 * 2**20),
    ],
)
def test_arrays_are_four_times_the_cache_within_a_sixteenth_of_the_memory(
    cache: int | None, available: int, expected: int
) -> None:
    assert array_bytes(cache, available) == expected


def test_the_bytes_of_each_kernel_are_counted_as_documented() -> None:
    """With a clock that ticks a second per look, a call takes a second: the rate is the bytes moved."""
    ticks = iter(range(10**6))
    reports = measure_numpy_bandwidth(8 * 1024, 1024, 30.0, 2, clock=lambda: float(next(ticks)))
    per_element = {report.kernel: report.bytes_per_s.median / 1024 for report in reports}
    assert per_element["copy"] == 16
    assert per_element["triad"] == 40
    assert per_element["matrix_vector"] == pytest.approx(8, rel=0.05)
    assert all(report.beyond_cache for report in reports)


def test_arrays_that_may_fit_the_cache_are_said_to() -> None:
    for cache in (None, 2**20):
        assert not any(report.beyond_cache for report in measure_numpy_bandwidth(2**16, cache, 0.0, 1))
