from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from api.measuring.matmul import SIZES, Library, NumberFormat, RateReport, measure_rate, numpy_matmul

NAMED = {"library": Library.NUMPY, "device": "cpu", "number_format": NumberFormat.FLOAT32}


@dataclass
class Machine:
    """Multiplies in time of its own, at a rate that depends on the size and on how long it has run."""

    rate: Callable[[int, float], float]
    now_s: float = 0.0

    def multiplying(self, n: int) -> Callable[[], None]:
        def call() -> None:
            self.now_s += 2 * n**3 / self.rate(n, self.now_s)

        return call

    def measured(self, seconds: float = 10.0, longest: float = 3.0) -> RateReport:
        return measure_rate(
            self.multiplying, seconds, NAMED, 2, longest, clock=lambda: self.now_s, processor_clock=lambda: self.now_s
        )


def test_a_machine_that_keeps_its_pace_has_its_rate() -> None:
    machine = Machine(lambda n, now_s: 50e9)
    report = machine.measured()
    assert report.sustained_flops_per_s.median == pytest.approx(50e9)
    assert report.steady
    assert report.seconds == pytest.approx(10, rel=0.1)
    assert report.processor_share == pytest.approx(0.5)  # one of two threads


def test_what_a_machine_keeps_up_counts_not_its_first_rate() -> None:
    report = Machine(lambda n, now_s: 80e9 if now_s < 4 else 60e9).measured()
    assert report.first_flops_per_s == pytest.approx(80e9)
    assert report.sustained_flops_per_s.median == pytest.approx(60e9)
    assert report.steady


def test_a_machine_that_slows_down_late_is_watched_for_longer() -> None:
    report = Machine(lambda n, now_s: 80e9 if now_s < 8 else 60e9).measured()
    assert report.sustained_flops_per_s.median == pytest.approx(60e9)
    assert 10 < report.seconds < 31


def test_a_machine_that_never_settles_is_left_after_three_times_the_time_and_that_is_told() -> None:
    report = Machine(lambda n, now_s: 80e9 * 0.95**now_s).measured()
    assert not report.steady
    assert report.seconds == pytest.approx(30, rel=0.1)


def test_the_largest_of_the_fast_sizes_is_kept_up() -> None:
    rates = {64: 1e9, 128: 10e9, 256: 50e9, 512: 48e9, 1024: 30e9}
    report = Machine(lambda n, now_s: rates.get(n, 20e9)).measured()
    assert report.n == 512
    assert [size.n for size in report.sweep] == list(SIZES)[: len(report.sweep)]


def test_sizes_that_would_take_too_long_are_left_out() -> None:
    machine = Machine(lambda n, now_s: 1e6)
    report = machine.measured(seconds=1.0)
    assert [size.n for size in report.sweep] == [64]
    assert machine.now_s < 10


@pytest.mark.parametrize("number_format", [NumberFormat.FLOAT32, NumberFormat.FLOAT64])
def test_numpy_multiplies_in_the_format_that_was_asked_for(number_format: NumberFormat) -> None:
    product = numpy_matmul(number_format, 8)()
    assert isinstance(product, np.ndarray)
    assert (product.shape, product.dtype) == ((8, 8), np.dtype(number_format.value))
