"""A node's figures: sustained rates, memory bandwidth, dispatch time, memory, power.

Runs in a process of its own (`python -m api.measuring.node`), for libraries read the number of threads once, when they
are loaded. It reads a `Wish` from standard input, writes a line of progress per step and the report as the last line.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata, util
from typing import Any

from api.measuring import matmul, memory_bandwidth, overhead
from api.measuring.machine import Processors, available_memory, last_level_cache_bytes, processors
from api.measuring.matmul import Library, NumberFormat, RateReport
from api.measuring.node_report import MachineReport, MemoryReport, NodeReport, PowerReport
from api.measuring.power import Meter, Watch, meters, watching
from models.base import DomainType

REPORT = "report "
"""How the last line begins; others are progress."""
_CPU, _CUDA = "cpu", "cuda"
_OTHERS_SHARE = 0.2
"""Part of the time for each rate that the request does not take."""
_LONGEST = 3.0
"""Times the seconds that were asked for, while the rate has not settled."""
_IDLE_S = 3.0
_DISTURBED = 0.9
"""Share of processor time under which others are said to have computed too."""
_SCATTERED = 0.2
_THROTTLED = 0.9


class Wish(DomainType):
    """What to measure."""

    seconds: float
    """Of the run that gives the request's rate; all of it takes about three times as long."""
    number_format: NumberFormat
    threads: int
    device: str
    with_torch: bool
    most_array_bytes: int = 2**30
    """Of each array whose memory bandwidth is measured."""


def torch_is_installed() -> bool:
    """Whether torch could be loaded; it is not."""
    return util.find_spec("torch") is not None


Progress = Callable[[str], None]


def measure(wish: Wish, on_progress: Progress, found: Sequence[Meter] | None = None) -> NodeReport:
    """Measure this machine, in this process."""
    known = list(meters()) if found is None else list(found)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    idle = Watch()
    if known:
        on_progress("power at rest")
        with watching(known) as idle:
            time.sleep(min(_IDLE_S, wish.seconds))
    if wish.with_torch:
        import torch  # noqa: PLC0415 - optional

        torch.set_num_threads(wish.threads)
    memory, cache_bytes = available_memory(), last_level_cache_bytes()
    free_bytes = memory.available_bytes if wish.device == _CPU else _free_device_memory()
    on_progress("dispatch of a layer")
    dispatch = _overhead(wish)
    on_progress("memory bandwidth")
    bandwidths = tuple(_bandwidths(wish, cache_bytes, memory.available_bytes))
    others = [_rate(wish, way, _OTHERS_SHARE * wish.seconds, on_progress) for way in _other_ways(wish)]
    with watching(known) as busy:  # the last one, on a machine that is warm by now
        rate = _rate(wish, _way(wish), wish.seconds, on_progress, longest=_LONGEST)
    power = _power(known, idle, busy)
    machine = _machine(processors(), wish, load)
    return NodeReport(
        machine=machine,
        rates=(rate, *others),
        bandwidths=bandwidths,
        overhead=dispatch,
        memory=MemoryReport(
            available_bytes=free_bytes, how=memory.how if wish.device == _CPU else "free memory of the device"
        ),
        power=power,
        notes=tuple(_notes(machine, rate, bandwidths, wish)),
    )


Way = tuple[Library, str, NumberFormat]
"""Who multiplies, where, what."""


def _way(wish: Wish) -> Way:
    """By torch where it is: it is what runs a plan."""
    return Library.TORCH if wish.with_torch else Library.NUMPY, wish.device, wish.number_format


def _other_ways(wish: Wish) -> Iterator[Way]:
    for number_format in (NumberFormat.FLOAT32, NumberFormat.FLOAT64):
        yield from _different((Library.NUMPY, _CPU, number_format), wish)
    if wish.with_torch:
        for number_format in (NumberFormat.FLOAT32, NumberFormat.BFLOAT16, NumberFormat.FLOAT16):
            yield from _different((Library.TORCH, wish.device, number_format), wish)


def _different(way: Way, wish: Wish) -> Iterator[Way]:
    if way != _way(wish):
        yield way


def _rate(wish: Wish, way: Way, seconds: float, on_progress: Progress, longest: float = 1.0) -> RateReport:
    library, device, number_format = way
    on_progress(f"{number_format} by {library} on {device}")

    def multiplying(n: int) -> matmul.Call:
        if library is Library.NUMPY:
            return matmul.numpy_matmul(number_format, n)
        return matmul.torch_matmul(number_format, device, n)

    named: dict[str, Any] = {"library": library, "device": device, "number_format": number_format}
    return matmul.measure_rate(multiplying, seconds, named, wish.threads if device == _CPU else None, longest)


def _bandwidths(
    wish: Wish, cache_bytes: int | None, available_bytes: int
) -> Iterator[memory_bandwidth.BandwidthReport]:
    """By torch first where it is there: its triad is fused, as STREAM's."""
    size_bytes = min(memory_bandwidth.array_bytes(cache_bytes, available_bytes), wish.most_array_bytes)
    seconds = _OTHERS_SHARE * wish.seconds
    if wish.with_torch:
        yield from memory_bandwidth.measure_torch_bandwidth(size_bytes, cache_bytes, seconds, wish.device)
    if wish.device == _CPU:
        yield from memory_bandwidth.measure_numpy_bandwidth(size_bytes, cache_bytes, seconds, wish.threads)


def _overhead(wish: Wish) -> overhead.OverheadReport:
    library = Library.TORCH if wish.with_torch else Library.NUMPY
    call = overhead.torch_layer(wish.device) if wish.with_torch else overhead.numpy_layer()
    named: dict[str, Any] = {"library": library, "device": wish.device, "stands_for": overhead.STANDS_FOR[library]}
    return overhead.measure_overhead(call, 0.05 * wish.seconds, named)


def _free_device_memory() -> int:
    import torch  # noqa: PLC0415 - optional

    return int(torch.cuda.mem_get_info()[0])


def _power(found: Sequence[Meter], idle: Watch, busy: Watch) -> PowerReport | None:
    if idle.mean_w is None or busy.mean_w is None:
        return None
    return PowerReport(
        idle_power_w=idle.mean_w,
        busy_power_w=busy.mean_w,
        source=" + ".join(meter.name for meter in found),
        sees=" + ".join(meter.sees for meter in found),
        samples=min(idle.samples, busy.samples),
    )


def _machine(known: Processors, wish: Wish, load: float | None) -> MachineReport:
    return MachineReport(
        processor=known.name,
        allowed_processors=known.allowed,
        physical_cores=known.physical,
        quota=known.quota,
        threads=wish.threads,
        load_average=load,
        torch=metadata.version("torch") if wish.with_torch else None,
    )


def _notes(
    machine: MachineReport, rate: RateReport, bandwidths: Sequence[memory_bandwidth.BandwidthReport], wish: Wish
) -> Iterator[str]:
    """What makes these figures weaker than they look."""
    spread = rate.sustained_flops_per_s
    if machine.load_average is not None and machine.load_average > 0.2 * machine.allowed_processors:
        yield f"the machine was not at rest before (load average {machine.load_average:.1f}): measure again when it is"
    disturbed = rate.processor_share is not None and rate.processor_share < _DISTURBED
    if disturbed:
        yield f"only {rate.processor_share:.0%} of the processors' time was had: others computed, or a quota held"
    if spread.p90 - spread.p10 > _SCATTERED * spread.median:
        yield "the rate scatters by more than a fifth between 10 % and 90 %"
    if not rate.steady:
        yield f"the rate had not settled after {rate.seconds:.0f} s; give more --seconds"
    if spread.median < _THROTTLED * rate.first_flops_per_s and not disturbed:
        yield f"the machine slows down under load, to {spread.median / rate.first_flops_per_s:.0%} of its first rate"
    if machine.physical_cores is not None and machine.threads > machine.physical_cores:
        yield "threads share cores; matrix products gain nothing from that, and one thread per core may be faster"
    if not all(bandwidth.beyond_cache for bandwidth in bandwidths):
        yield "arrays may fit the last-level cache in part: the memory bandwidth may be too high"
    if not wish.with_torch:
        yield "torch is not installed or not wanted: rates are NumPy's, and the overhead stands for a lean runtime"


def main() -> None:
    """Serve one wish."""
    wish = Wish.model_validate_json(sys.stdin.read())

    def progress(said: str) -> None:
        print(said, flush=True)  # noqa: T201 - the line is the protocol

    print(REPORT + measure(wish, progress).model_dump_json(), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
