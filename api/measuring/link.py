"""What a link between two machines carries: round trip and rate each way, as a piece of a request.

Round trip: the median of many small echoes; `latency_s` is its half, as if both ways took the same.
Rate: payloads of several sizes are sent over one open connection, and a line is put through their times (`fit`). Slow
start does not count: sizes first grow until the largest takes a fair share of the time, which opens TCP's window and is
thrown away; after that, sizes come in blocks, and the first transfer of each block is thrown away too.
All rates are of payload bytes over one TCP connection, which is what a pipeline's tensors get.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from api.measuring.fit import NoSlope, TransferFit, fit_transfers
from api.measuring.peer import LinkFault, Peer
from api.measuring.spread import Spread, spread_of
from models.base import DomainType
from models.cluster import Link
from models.units import Bytes, Seconds

ECHO_BYTES = 16
_EXCHANGES = (20, 2000)
"""Fewest and most round trips."""
_SMALLEST_BYTES = 2**10
_STEP = 4
_LARGEST_BYTES = 2**28
_BLOCK = 3
"""Transfers of one size in a row; the first is thrown away."""
_TOP_SHARE = 1 / 64
"""Sizes grow until one transfer takes this share of its direction's time."""
_SLOW_START = 1.3
_TOP_OF_BUDGET = 12
"""The largest payload fits so often into the bytes: growing takes 2 x 4/3 of it, each round 3 x 4/3."""
_SCATTERED = 0.25
"""Relative residual, or half the 10-90 range, from which a figure deserves a warning."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how much."""

    seconds: float = 10.0
    max_bytes: int = 2**30


class SizeReport(DomainType):
    """All timed transfers of one payload size."""

    payload_bytes: Bytes
    seconds: Spread


class DirectionReport(DomainType):
    """One direction: the line's figures, and what it went through."""

    bandwidth_bits_per_s: float
    """Of the line; the request's figure."""
    at_largest_payload_bits_per_s: Spread
    """Rates of the single largest transfers, the line's intercept taken off."""
    intercept_s: Seconds
    """Of the line: a round trip and what a command costs."""
    relative_residual: float
    largest_residual: float
    """Root mean square and largest magnitude of (median time - line) / line, over sizes."""
    first_of_block_ratio: float
    """Median time of the first large transfer after small ones / line: above 1 where a link starts slowly."""
    transfers: tuple[SizeReport, ...]


class LinkReport(DomainType):
    """How a link's figures came about."""

    round_trip_s: Spread
    fastest_round_trip_s: Seconds
    forward: DirectionReport
    """From source to target."""
    reverse: DirectionReport
    used_bytes: Bytes
    used_s: Seconds
    notes: tuple[str, ...] = ()


class LinkMeasurement(DomainType):
    """A measured link: `link` goes into `cluster.links`, `report` says how far to trust it."""

    link: Link
    report: LinkReport


Progress = Callable[[str], None]
Clock = Callable[[], float]


@dataclass(slots=True)
class _Direction:
    """One direction's transfers, within its share of time and bytes."""

    transfer: Callable[[int], float]
    seconds: float
    left_bytes: int
    clock: Clock
    times: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    firsts: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def _timed(self, size: int) -> float:
        self.left_bytes -= size
        return self.transfer(size)

    def run(self, round_trip_s: float) -> None:
        """Grow, then go through the sizes round by round until time or bytes are used up; two rounds at least."""
        deadline = self.clock() + self.seconds
        sizes = self._ladder(round_trip_s)
        whole_round = _BLOCK * sum(sizes)
        rounds = 0
        while self.left_bytes >= whole_round and (rounds < 2 or self.clock() < deadline):
            for size in sizes:
                first, *rest = [self._timed(size) for _ in range(_BLOCK)]
                self.firsts[size].append(first)
                self.times[size] += rest
            rounds += 1

    def _ladder(self, round_trip_s: float) -> list[int]:
        """Sizes from small to large, the largest one long enough to show the rate and small enough for two rounds."""
        sizes = [_SMALLEST_BYTES]
        largest = min(self.left_bytes // _TOP_OF_BUDGET, _LARGEST_BYTES)
        enough_s, deadline = round_trip_s + self.seconds * _TOP_SHARE, self.clock() + self.seconds / 2
        while sizes[-1] * _STEP <= largest and self.clock() < deadline:
            if min(self._timed(sizes[-1]), self._timed(sizes[-1])) >= enough_s:
                break
            sizes.append(sizes[-1] * _STEP)
        while len(sizes) < 3:  # so slow that the first was enough: two smaller ones give the line its slope
            sizes.insert(0, max(sizes[0] // _STEP, 1))
        return sizes[-6:]

    def report(self) -> DirectionReport:
        pairs = [(size, seconds) for size, times in sorted(self.times.items()) for seconds in times]
        fit = fit_transfers([size for size, _ in pairs], [seconds for _, seconds in pairs])
        largest = max(self.times)
        return DirectionReport(
            bandwidth_bits_per_s=fit.bandwidth_bits_per_s,
            at_largest_payload_bits_per_s=spread_of(_rates(fit, largest, self.times[largest])),
            intercept_s=fit.latency_s,
            relative_residual=fit.relative_residual,
            largest_residual=fit.largest_residual,
            first_of_block_ratio=median(self.firsts[largest]) / fit.seconds(largest),
            transfers=tuple(
                SizeReport(payload_bytes=size, seconds=spread_of(times)) for size, times in sorted(self.times.items())
            ),
        )


def _rates(fit: TransferFit, size: int, times: Sequence[float]) -> list[float]:
    """Rates of single transfers of one size; the intercept is at most nine tenths of each time."""
    return [8 * size / max(seconds - fit.latency_s, seconds / 10) for seconds in times]


def measure_link(
    peer: Peer,
    source: str,
    target: str,
    effort: Effort = Effort(),
    on_progress: Progress = lambda _: None,
    clock: Clock = time.perf_counter,
) -> LinkMeasurement:
    """Measure the link to a peer; this machine is `source`. Raises `LinkFault`."""
    began, allowed = clock(), peer.left_bytes
    seconds = min(effort.seconds, 0.8 * peer.session_s)
    budget = min(effort.max_bytes, allowed)
    on_progress("round trips")
    round_trips = _round_trips(peer, 0.1 * seconds, int(0.1 * budget), clock)
    round_trip_s = median(round_trips)
    reports = []
    for name, transfer in (("sending", peer.send), ("receiving", peer.receive)):
        on_progress(name)
        direction = _Direction(transfer, 0.45 * seconds, int(0.45 * budget), clock)
        direction.run(round_trip_s)
        try:
            reports.append(direction.report())
        except NoSlope as reason:
            raise LinkFault(f"{name}: the rate does not show ({reason}); allow more seconds or bytes") from None
    forward, reverse = reports
    return LinkMeasurement(
        link=Link(
            source=source,
            target=target,
            bandwidth_bits_per_s=forward.bandwidth_bits_per_s,
            reverse_bandwidth_bits_per_s=reverse.bandwidth_bits_per_s,
            latency_s=round_trip_s / 2,
        ),
        report=LinkReport(
            round_trip_s=spread_of(round_trips),
            fastest_round_trip_s=min(round_trips),
            forward=forward,
            reverse=reverse,
            used_bytes=allowed - peer.left_bytes,
            used_s=clock() - began,
            notes=tuple(_notes(source, target, forward, reverse)),
        ),
    )


def _round_trips(peer: Peer, seconds: float, max_bytes: int, clock: Clock) -> list[float]:
    """Times of small exchanges; the first ones, which find caches and routes cold, are thrown away."""
    for _ in range(3):
        peer.echo(ECHO_BYTES)
    fewest, most = _EXCHANGES
    most = min(most, max_bytes // (2 * ECHO_BYTES))
    deadline, times = clock() + seconds, list[float]()
    while len(times) < fewest or (len(times) < most and clock() < deadline):
        times.append(peer.echo(ECHO_BYTES))
    return times


def _notes(source: str, target: str, forward: DirectionReport, reverse: DirectionReport) -> list[str]:
    notes = ["latency_s is half the round trip; a link whose ways differ in delay is not told apart"]
    for way, report in ((f"{source} -> {target}", forward), (f"{target} -> {source}", reverse)):
        rates = report.at_largest_payload_bits_per_s
        if report.relative_residual > _SCATTERED or rates.p90 - rates.p10 > 2 * _SCATTERED * rates.median:
            notes.append(f"{way}: the times scatter; measure again, for longer, or plan with the lower rate too")
        if report.first_of_block_ratio > _SLOW_START:
            notes.append(
                f"{way}: the first large transfer takes {report.first_of_block_ratio:.1f} times as long as the next"
            )
    notes.append("powers of the link are not measured: transmit_power_w and receive_power_w count as 0 W")
    return notes
