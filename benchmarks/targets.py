"""The table of targets: what each instance should take on two cores, and what it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.apart import Failed
from benchmarks.contestants import AUTO
from benchmarks.families import BY_NAME, Size
from benchmarks.measuring import Measurement, measure_apart
from benchmarks.service import FRONTIER, first_requests, frontier
from benchmarks.summary import largest, median

SEEDS = 10
TIME_LIMIT_S = 60.0
PEAK_BYTES = 1.5 * 2**30
FIRST_REQUEST = ("latency", Size(32, 8))
FIRST_REQUEST_TOLERANCE = 1.5
"""How many times the tenth request's seconds the first may take and still count as the same."""


@dataclass(frozen=True, slots=True)
class Target:
    """A family at a size, and within how many solver seconds (median over the seeds) the gap is to be reached."""

    family: str
    size: Size
    within_s: float
    gap: float = 0.0
    """0: the proof."""
    contestant: str = AUTO

    @property
    def title(self) -> str:
        """What is to be done: '80x16 latency', '126x64 latency, gap 1 %', 'frontier of 32x8', '8 nodes real'."""
        if self.contestant == FRONTIER:
            return f"frontier of {self.instance}"
        return f"{self.instance} {self.family}" + (f", gap {self.gap * 100:g} %" if self.gap else "")

    @property
    def instance(self) -> str:
        """As in a measurement."""
        return BY_NAME[self.family].instance(self.size)

    def seconds(self, run: Measurement) -> float | None:
        """When the run got there; None where it never did."""
        if run.proven:
            return run.trace.seconds_to(self.gap) if self.gap and run.trace.entries else run.solve_s
        return run.trace.seconds_to(self.gap) if self.gap else None


def _targets(*rows: tuple[str, str, float]) -> Iterator[Target]:
    for names, size, within_s in rows:
        for name in names.split():
            yield Target(name, Size.parse(size), within_s)


TARGETS = (
    *_targets(
        ("latency energy throughput gpipe", "32x8", 0.030),
        ("latency", "80x16", 0.2),
        ("gpipe", "80x16", 0.5),
        ("energy weighted dvfs", "80x16", 2.0),
        ("latency", "80x32", 5.0),
        ("gpipe", "80x32", 15.0),
    ),
    Target("latency", Size(126, 64), 10.0, gap=0.01),
    Target("latency", Size(126, 64), 60.0, gap=0.003),
    *_targets(
        ("fleet_latency", "80x1000", 5.0),
        ("fleet_gpipe", "80x1000", 15.0),
        ("real", "1x8", 0.010),
        ("mixed", "80x16", 0.050),
        ("mixed", "80x32", 0.050),
        ("mixed", "80x64", 0.050),
    ),
    Target("latency", Size(32, 8), 2.0, contestant=FRONTIER),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A target with its runs."""

    target: Target
    runs: tuple[Measurement, ...]

    @property
    def reached(self) -> int:
        """Runs that got there."""
        return sum(self.target.seconds(run) is not None for run in self.runs)

    @property
    def median_s(self) -> float | None:
        """Over all seeds, those that never got there counted as later than all others; None where it is one of them."""
        times = sorted((self.target.seconds(run) for run in self.runs), key=lambda s: float("inf") if s is None else s)
        if not times:
            return None
        low, high = times[(len(times) - 1) // 2], times[len(times) // 2]
        return None if low is None or high is None else (low + high) / 2

    @property
    def slowest_s(self) -> float | None:
        """None where a run never got there."""
        times = [self.target.seconds(run) for run in self.runs]
        return None if None in times else largest(times)

    @property
    def is_met(self) -> bool:
        """Whether the median got there in time."""
        return self.median_s is not None and self.median_s <= self.target.within_s

    @property
    def widest_gap(self) -> float | None:
        """Of the runs without proof."""
        return largest(run.gap for run in self.runs if not run.proven)

    @property
    def median_request_s(self) -> float | None:
        """JSON in, plan, JSON out."""
        return median(run.request_s for run in self.runs)

    @property
    def peak_bytes(self) -> float | None:
        """Largest of the runs."""
        return largest(run.peak_bytes for run in self.runs)


def rows_of(runs: list[Measurement]) -> list[Row]:
    """Each target with the runs that belong to it."""
    return [Row(target, tuple(run for run in runs if _belongs(run, target))) for target in TARGETS]


def _belongs(run: Measurement, target: Target) -> bool:
    return (run.family, run.instance, run.contestant) == (target.family, target.instance, target.contestant)


def measure_targets(
    wanted: Callable[[Target], bool], seeds: int = SEEDS, time_limit_s: float = TIME_LIMIT_S
) -> Iterator[Measurement]:
    """Every run that the wanted targets need, once each."""
    done: set[tuple[str, Size, str]] = set()
    for target in filter(wanted, TARGETS):
        key = (target.family, target.size, target.contestant)
        if key in done:
            continue
        done.add(key)
        for seed in range(seeds):
            case = BY_NAME[target.family].case(target.size, seed)
            if target.contestant == FRONTIER:
                yield frontier(case, time_limit_s)
            else:
                yield measure_apart(case, target.contestant, time_limit_s)


def first_request_line(time_limit_s: float = TIME_LIMIT_S) -> str:
    """The first request after the start against the tenth, in a sentence."""
    family, size = FIRST_REQUEST
    try:
        seconds = first_requests(BY_NAME[family].case(size, 0), time_limit_s)
    except Failed as failure:
        return f"First request after start: not measured ({failure})."
    verdict = "as fast" if seconds[0] <= FIRST_REQUEST_TOLERANCE * seconds[-1] else "SLOWER"
    each = ", ".join(f"{second:.3f}" for second in seconds)
    return f"First request after start ({size} {family}): {verdict} (requests 1 to {len(seconds)} took {each} s)."
