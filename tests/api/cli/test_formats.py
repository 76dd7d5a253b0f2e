from __future__ import annotations

import pytest

from api.cli import formats
from models.constraints import Metric, ObjectiveKind


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 s"),
        (2.5e-9, "2.50 ns"),
        (0.0000421, "42.1 µs"),
        (0.0123, "12.3 ms"),
        (0.99949, "999 ms"),
        (0.9996, "1.00 s"),
        (9.996, "10.0 s"),
        (119.0, "119 s"),
        (125.0, "2 min 5 s"),
        (7200.0, "2 h 0 min"),
        (None, "-"),
    ],
)
def test_seconds_are_written_in_the_unit_that_suits_them(value: float | None, text: str) -> None:
    assert formats.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 B"), (12.0, "12 B"), (1024.0, "1.00 KiB"), (16 * 2.0**30, "16.0 GiB"), (1.5e18, "1,332 PiB")],
)
def test_sizes_are_written_in_binary_multiples(value: float, text: str) -> None:
    assert formats.size(value) == text


def test_rates_flops_and_powers_are_written_in_decimal_multiples() -> None:
    assert formats.bit_rate(1e8) == "100 Mbit/s"
    assert formats.byte_rate(1.02e11) == "102 GB/s"
    assert formats.flop_rate(1.2e13) == "12.0 TFLOP/s"
    assert formats.flops(3.4e9) == "3.40 GFLOP"
    assert formats.watts(15.0) == "15.0 W"
    assert formats.joules(0.0005) == "500 µJ"
    assert formats.count(6_738_415_616) == "6.74 B"


def test_a_part_of_a_memory_writes_its_unit_once() -> None:
    assert formats.part_of(2.2 * 2**30, 4 * 2**30) == "2.20 / 4.00 GiB"
    assert formats.part_of(5 * 2**20, 4 * 2**30) == "5.00 MiB / 4.00 GiB"


def test_slow_rates_are_written_per_minute_and_per_hour() -> None:
    assert formats.rate(2.0, "requests") == "2.00 requests/s"
    assert formats.rate(0.05, "requests") == "3.00 requests/min"
    assert formats.rate(0.001) == "3.60/h"
    assert formats.rate(0.0) == "0/s"


def test_a_share_that_is_not_zero_is_not_written_as_zero() -> None:
    assert formats.percent(0.0) == "0 %"
    assert formats.percent(0.00001) == "0.001 %"
    assert formats.percent(0.0000001) == "< 0.001 %"
    assert formats.percent(0.000961) == "0.1 %"
    assert formats.percent(0.034) == "3.4 %"
    assert formats.percent(0.62) == "62 %"
    assert formats.percent(None) == "-"


def test_an_objective_is_written_in_the_unit_of_its_metric() -> None:
    assert formats.objective(ObjectiveKind.LATENCY, 0.25) == "250 ms"
    assert formats.objective(ObjectiveKind.ENERGY, 25.0) == "25.0 J"
    assert formats.objective(ObjectiveKind.THROUGHPUT, 4.0) == "4.00/s"
    assert formats.objective(ObjectiveKind.WEIGHTED, 1.0625) == "1.062"
    assert formats.objective(ObjectiveKind.LEXICOGRAPHIC, 25.0, Metric.ENERGY) == "25.0 J"
    assert formats.objective(ObjectiveKind.LATENCY, None) == "-"


def test_a_limit_is_written_in_the_unit_that_its_name_ends_with() -> None:
    assert formats.by_field("max_latency_s", 0.84) == "840 ms"
    assert formats.by_field("memory_bytes", 2.0**30) == "1.00 GiB"
    assert formats.by_field("energy_budget_j", 3.0) == "3.00 J"
    assert formats.by_field("min_throughput_per_s", 0.5) == "30.0/min"
    assert formats.by_field("max_stages", 4) == "4"
    assert formats.by_field("max_leakage", 0.25) == "0.25"
