from __future__ import annotations

import random

import pytest

from api.measuring.fit import NoSlope, fit_transfers

SIZES = [2**power for power in range(10, 24, 2)]


def line(size: float, latency_s: float = 5e-3, bits_per_s: float = 100e6) -> float:
    return latency_s + 8 * size / bits_per_s


def test_transfers_on_a_line_give_its_latency_and_rate() -> None:
    fit = fit_transfers(SIZES, [line(size) for size in SIZES])
    assert fit.latency_s == pytest.approx(5e-3)
    assert fit.bandwidth_bits_per_s == pytest.approx(100e6)
    assert fit.relative_residual < 1e-9
    assert fit.seconds(1e6) == pytest.approx(0.085)


def test_scatter_of_a_fifth_moves_latency_and_rate_by_a_few_percent() -> None:
    chance = random.Random(1)
    sizes = SIZES * 15
    fit = fit_transfers(sizes, [line(size) * chance.uniform(0.9, 1.1) for size in sizes])
    assert fit.latency_s == pytest.approx(5e-3, rel=0.05)
    assert fit.bandwidth_bits_per_s == pytest.approx(100e6, rel=0.05)
    assert 0 < fit.relative_residual <= fit.largest_residual < 0.1


def test_a_few_transfers_that_hung_do_not_count() -> None:
    sizes = SIZES * 5
    times = [line(size) for size in sizes]
    times[0] = times[len(SIZES) + 2] = times[3 * len(SIZES) - 1] = 3.0
    fit = fit_transfers(sizes, times)
    assert fit.bandwidth_bits_per_s == pytest.approx(100e6, rel=1e-6)


def test_a_size_that_lies_off_the_line_shows_in_the_residual_and_moves_the_rate_little() -> None:
    times = [line(size) * (1.5 if size == 2**16 else 1.0) for size in SIZES]
    fit = fit_transfers(SIZES, times)
    assert fit.bandwidth_bits_per_s == pytest.approx(100e6, rel=0.1)
    assert fit.largest_residual == pytest.approx(0.4, rel=0.2)


def test_where_the_line_bends_the_largest_payload_is_not_thrown_out() -> None:
    """Small ones stay in buffers: all but the largest go at three times its rate."""
    times = [line(size, 1e-4, 1e9 if size == max(SIZES) else 3e9) for size in SIZES]
    fit = fit_transfers(SIZES, times)
    assert 0.9e9 < fit.bandwidth_bits_per_s < 2e9
    assert fit.largest_residual > 0.3


def test_a_latency_is_never_negative() -> None:
    fit = fit_transfers([1e6, 2e6, 4e6], [0.07, 0.15, 0.33])
    assert fit.latency_s == 0
    assert fit.bandwidth_bits_per_s == pytest.approx(108e6, rel=0.05)


@pytest.mark.parametrize(("sizes", "seconds"), [([], []), ([8, 8], [1, 2]), ([1, 1000], [0.1, 0.1])])
def test_without_a_slope_there_is_no_rate(sizes: list[float], seconds: list[float]) -> None:
    with pytest.raises(NoSlope, match="needed"):
        fit_transfers(sizes, seconds)


def test_a_time_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        fit_transfers([1, 2], [0.0, 1.0])
