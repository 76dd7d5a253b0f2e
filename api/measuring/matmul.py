"""The rate at which a machine multiplies matrices for as long as it is asked to: 2 n^3 operations each.

First a sweep finds the largest size that is within a tenth of the fastest one. Then that size runs without a pause, and
the rate is taken in windows: what counts is the median of the second half, after clocks have fallen to what heat and
power allow. While the rate still changes the run goes on, up to `longest` times as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from statistics import median
from typing import Any

from api.measuring.spread import Spread, spread_of
from models.base import DomainType

Clock = Callable[[], float]
Call = Callable[[], object]
SIZES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
_SWEEP_SHARE = 0.02
"""Share of the time that one size may take in the sweep."""
_LEAST_CALLS = 3
_NEARLY = 0.9
_WINDOWS = 20
_STEADY = 0.05
"""Quarters of the run that differ by less are the same."""


class NumberFormat(StrEnum):
    """What is multiplied."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


class Library(StrEnum):
    """Who multiplies."""

    NUMPY = "numpy"
    TORCH = "torch"


class SizeRate(DomainType):
    """Rate of n x n matrices in the sweep: of the fastest call, for the sweep only chooses the size."""

    n: int
    flops_per_s: float


class RateReport(DomainType):
    """A sustained rate, and how it came about."""

    library: Library
    device: str
    """cpu, or cuda."""
    number_format: NumberFormat
    n: int
    """Size of the matrices."""
    sustained_flops_per_s: Spread
    """Over the windows of the run's second half."""
    first_flops_per_s: float
    """Median of the first tenth of the windows."""
    steady: bool
    """Whether the last two quarters of the run agree within 5 %."""
    seconds: float
    processor_share: float | None = None
    """Processor time of this process / (time x threads); under 1 others computed too. Only on cpu."""
    sweep: tuple[SizeRate, ...]


def measure_rate(
    multiplying: Callable[[int], Call],
    seconds: float,
    named: dict[str, Any],
    threads: int | None = None,
    longest: float = 1.0,
    clock: Clock = time.perf_counter,
    processor_clock: Clock = time.process_time,
) -> RateReport:
    """The rate of what `multiplying(n)` does; `named`: library, device and number format; `threads`: of a cpu."""
    sweep = _sweep(multiplying, seconds, clock)
    fastest = max(size.flops_per_s for size in sweep)
    n = max(size.n for size in sweep if size.flops_per_s >= _NEARLY * fastest)
    began, computed = clock(), processor_clock()
    rates = _windows(multiplying(n), n, (seconds, longest * seconds), clock)
    elapsed = clock() - began
    return RateReport(
        **named,
        n=n,
        sustained_flops_per_s=spread_of(rates[len(rates) // 2 :]),
        first_flops_per_s=median(rates[: max(1, len(rates) // 10)]),
        steady=_is_steady(rates),
        seconds=elapsed,
        processor_share=None if threads is None else (processor_clock() - computed) / (elapsed * threads),
        sweep=tuple(sweep),
    )


def _sweep(multiplying: Callable[[int], Call], seconds: float, clock: Clock) -> list[SizeRate]:
    """Sizes as far as one call takes a fair share of the time."""
    allowed, found = seconds * _SWEEP_SHARE, list[SizeRate]()
    for n in SIZES:
        call = multiplying(n)
        call()
        times, deadline = list[float](), clock() + allowed
        while len(times) < _LEAST_CALLS or clock() < deadline:
            began = clock()
            call()
            times.append(clock() - began)
        found.append(SizeRate(n=n, flops_per_s=2 * n**3 / max(min(times), 1e-9)))
        if 8 * min(times) > allowed:  # what the next size would take
            break
    return found


def _windows(call: Call, n: int, times_s: tuple[float, float], clock: Clock) -> list[float]:
    """Rates of consecutive windows without a pause; for the first time if they are steady by then, else the second."""
    seconds, longest_s = times_s
    began, rates = clock(), list[float]()
    while clock() - began < (seconds if _is_steady(rates) else longest_s):
        start, calls = clock(), 0
        while calls == 0 or clock() - start < seconds / _WINDOWS:
            call()
            calls += 1
        rates.append(2 * n**3 * calls / max(clock() - start, 1e-9))
    return rates


def _is_steady(rates: list[float]) -> bool:
    quarter = len(rates) // 4
    if not quarter:
        return False
    third, last = median(rates[-2 * quarter : -quarter]), median(rates[-quarter:])
    return abs(last - third) <= _STEADY * third


def numpy_matmul(number_format: NumberFormat, n: int) -> Call:
    """Multiplies by NumPy's BLAS."""
    import numpy as np  # noqa: PLC0415 - threads are set before it is loaded

    chance = np.random.default_rng(0)
    left, right = (chance.random((n, n)).astype(number_format.value) for _ in range(2))
    out = np.empty_like(left)
    return lambda: np.matmul(left, right, out=out)


def torch_matmul(number_format: NumberFormat, device: str, n: int) -> Call:
    """Multiplies by torch, and waits until the device has done so."""
    import torch  # noqa: PLC0415 - optional

    kind = getattr(torch, number_format.value)
    left, right = (torch.rand(n, n, device=device).to(kind) for _ in range(2))
    out = torch.empty_like(left)

    def call() -> None:
        torch.matmul(left, right, out=out)
        if device != "cpu":
            torch.cuda.synchronize()

    return call
