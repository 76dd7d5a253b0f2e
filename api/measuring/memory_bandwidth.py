"""How fast memory is read and written when caches do not help, after STREAM.

Kernels and bytes counted per element of float64, as STREAM counts (what a cache line fetched for a write costs is not):
copy a = b: 16; triad a = b + s c: 24. NumPy has no fused triad: it scales and adds in two passes, 16 + 24 = 40 bytes.
Also the product of a float32 matrix with a vector, which is what decoding does: 4 bytes per entry of the matrix.
Every array is at least four times the last-level cache. All threads work on parts of their own.
Reference: J. D. McCalpin, Memory Bandwidth and Machine Balance in Current High Performance Computers, IEEE TCCA
Newsletter 1995 (STREAM). STREAM states the best run; here the median counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

from api.measuring.matmul import Call, Clock, Library
from api.measuring.spread import Spread, spread_of
from models.base import DomainType

_CACHES = 4
_FEWEST_BYTES, _MOST_BYTES = 2**26, 2**30
_MEMORY_SHARE = 1 / 16
"""Of the available memory, for one array; there are four."""
_LEAST_CALLS = 5
_SCALE = 3.0


class BandwidthReport(DomainType):
    """The rate of one kernel."""

    kernel: str
    """copy, triad or matrix_vector."""
    library: Library
    device: str
    bytes_per_s: Spread
    array_bytes: int
    """Of each array."""
    beyond_cache: bool
    """Whether arrays are four times the last-level cache; false also where its size is not known."""


def array_bytes(cache_bytes: int | None, available_bytes: int) -> int:
    """Bytes of each array: four times the cache, within a sixteenth of the memory."""
    wanted = min(max(_CACHES * (cache_bytes or 0), _FEWEST_BYTES), _MOST_BYTES)
    return int(min(wanted, available_bytes * _MEMORY_SHARE)) // 64 * 64


def measure_numpy_bandwidth(
    size_bytes: int, cache_bytes: int | None, seconds: float, threads: int, clock: Clock = time.perf_counter
) -> tuple[BandwidthReport, ...]:
    """Copy, triad and matrix-vector product by NumPy; a third of the time each."""
    import numpy as np  # noqa: PLC0415 - threads are set before it is loaded

    count = size_bytes // 8
    a, b, c = (np.ones(count) for _ in range(3))
    parts = [slice(count * k // threads, count * (k + 1) // threads) for k in range(threads)]

    def triad(part: slice) -> None:
        np.multiply(c[part], _SCALE, out=a[part])
        np.add(a[part], b[part], out=a[part])

    side = math.isqrt(size_bytes // 4)
    matrix, vector = np.ones((side, side), np.float32), np.ones(side, np.float32)
    with ThreadPoolExecutor(threads) as pool:
        kernels: dict[str, tuple[int, Call]] = {
            "copy": (16 * count, lambda: _everywhere(pool, lambda part: np.copyto(a[part], b[part]), parts)),
            "triad": (40 * count, lambda: _everywhere(pool, triad, parts)),
            "matrix_vector": (4 * side * side, lambda: np.matmul(matrix, vector)),
        }
        return tuple(_reports(kernels, seconds, clock, Library.NUMPY, "cpu", size_bytes, cache_bytes))


def measure_torch_bandwidth(
    size_bytes: int, cache_bytes: int | None, seconds: float, device: str, clock: Clock = time.perf_counter
) -> tuple[BandwidthReport, ...]:
    """The same by torch, with a triad in one pass."""
    import torch  # noqa: PLC0415 - optional

    count = size_bytes // 8
    a, b, c = (torch.ones(count, dtype=torch.float64, device=device) for _ in range(3))
    side = math.isqrt(size_bytes // 4)
    matrix, vector = torch.ones(side, side, device=device), torch.ones(side, device=device)

    def waited(kernel: Call) -> Call:
        def call() -> None:
            kernel()
            if device != "cpu":
                torch.cuda.synchronize()

        return call

    kernels: dict[str, tuple[int, Call]] = {
        "copy": (16 * count, waited(lambda: a.copy_(b))),
        "triad": (24 * count, waited(lambda: torch.add(b, c, alpha=_SCALE, out=a))),
        "matrix_vector": (4 * side * side, waited(lambda: torch.mv(matrix, vector))),
    }
    return tuple(_reports(kernels, seconds, clock, Library.TORCH, device, size_bytes, cache_bytes))


def _everywhere(pool: Executor, work: Callable[[slice], object], parts: list[slice]) -> None:
    list(pool.map(work, parts))


def _reports(
    kernels: dict[str, tuple[int, Call]],
    seconds: float,
    clock: Clock,
    library: Library,
    device: str,
    size_bytes: int,
    cache_bytes: int | None,
) -> Iterator[BandwidthReport]:
    for name, (moved_bytes, call) in kernels.items():
        call()
        rates, deadline = list[float](), clock() + seconds / len(kernels)
        while len(rates) < _LEAST_CALLS or clock() < deadline:
            began = clock()
            call()
            rates.append(moved_bytes / max(clock() - began, 1e-9))
        yield BandwidthReport(
            kernel=name,
            library=library,
            device=device,
            bytes_per_s=spread_of(rates),
            array_bytes=size_bytes,
            beyond_cache=cache_bytes is not None and size_bytes >= _CACHES * cache_bytes,
        )
