from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import pytest

from api.measuring.link import Effort, LinkMeasurement, measure_link
from api.measuring.peer import LinkFault, Peer
from models.cluster import Cluster, Link
from tests.api.measuring.far_ends import serving, throttled

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with serving() as port:
        yield port


@dataclass
class SimulatedPeer:
    """A link of known figures in time of its own: windows open by slow start, and close when a transfer is smaller."""

    latency_s: float
    up_bits_per_s: float
    down_bits_per_s: float
    slow_start: bool = False
    left_bytes: int = 2**40
    session_s: float = 1e6
    now_s: float = 0.0
    window_bytes: float = 14_600.0
    used_bytes: int = 0

    def _carried(self, count: int, bits_per_s: float) -> float:
        seconds = 2 * self.latency_s + 8 * count / bits_per_s
        if self.slow_start:
            while self.window_bytes < min(count, 2 * self.latency_s * bits_per_s / 8):
                seconds += 2 * self.latency_s
                self.window_bytes *= 2
            self.window_bytes = min(self.window_bytes, max(2 * count, 14_600))
        self.now_s += seconds
        self.used_bytes += count
        return seconds

    def echo(self, count: int) -> float:
        return self._carried(2 * count, 1e12)

    def send(self, count: int) -> float:
        return self._carried(count, self.up_bits_per_s)

    def receive(self, count: int) -> float:
        return self._carried(count, self.down_bits_per_s)

    def measured(self, effort: Effort) -> LinkMeasurement:
        return measure_link(self, "a", "b", effort, clock=lambda: self.now_s)


@pytest.mark.parametrize("rate", [1e5, 1e7, 1e9, 1e11])
@pytest.mark.parametrize("latency_s", [1e-5, 1e-3, 0.05])
@pytest.mark.parametrize("slow_start", [False, True])
def test_the_figures_of_a_simulated_link_are_found(rate: float, latency_s: float, slow_start: bool) -> None:
    peer = SimulatedPeer(latency_s, rate, 3 * rate, slow_start)
    measured = peer.measured(Effort(seconds=10, max_bytes=2**40))
    assert measured.link.latency_s == pytest.approx(latency_s, rel=0.01)
    assert measured.link.bandwidth_bits_per_s == pytest.approx(rate, rel=0.02)
    assert measured.link.reverse_bandwidth_bits_per_s == pytest.approx(3 * rate, rel=0.02)
    assert measured.report.forward.relative_residual < 0.01
    assert peer.now_s < 25


def test_a_link_that_starts_slowly_after_small_transfers_is_said_to() -> None:
    notes = SimulatedPeer(0.05, 1e9, 1e9, slow_start=True).measured(Effort(max_bytes=2**40)).report.notes
    assert sum("first large transfer takes" in note for note in notes) == 2
    assert not any("scatter" in note for note in notes)


@pytest.mark.parametrize("max_bytes", [10**5, 10**7, 10**9])
def test_bytes_are_bounded_whatever_the_rate(max_bytes: int) -> None:
    peer = SimulatedPeer(1e-3, 1e7, 1e10)
    measured = peer.measured(Effort(seconds=100, max_bytes=max_bytes))
    assert peer.used_bytes <= max_bytes
    assert measured.link.bandwidth_bits_per_s == pytest.approx(1e7, rel=0.02)


def is_of_the_throttle(link: Link) -> bool:
    """10 Mbit/s up, 30 Mbit/s down, 8 ms."""
    return (
        link.bandwidth_bits_per_s == pytest.approx(10e6, rel=0.25)
        and link.reverse_bandwidth_bits_per_s == pytest.approx(30e6, rel=0.25)
        and link.latency_s == pytest.approx(8e-3, rel=0.5)
    )


def test_the_figures_of_a_throttled_link_are_those_of_the_throttle(server: int) -> None:
    """On a busy machine the throttle itself is held up now and then: one of a few measurements has to be true."""
    steps: list[str] = []
    found: list[LinkMeasurement] = []
    with throttled(server, 10e6, 30e6, 8e-3) as port:
        for _ in range(8):
            with suppress(LinkFault), Peer(HOST, port) as peer:
                found.append(measure_link(peer, "phone", "edge", Effort(seconds=1.5), steps.append))
            if found and is_of_the_throttle(found[-1].link):
                break
    measured = found[-1]
    assert is_of_the_throttle(measured.link), [each.link for each in found]
    assert steps[:3] == ["round trips", "sending", "receiving"]
    assert measured.report.fastest_round_trip_s >= 16e-3
    assert len(measured.report.forward.transfers) >= 3
    piece = json.loads(measured.model_dump_json(exclude_unset=True))["link"]
    nodes = ({"id": name, "memory_bytes": 1, "compute_flops_per_s": 1} for name in ("phone", "edge"))
    assert Cluster.model_validate({"nodes": tuple(nodes), "links": (Link(**piece),)}).links == (measured.link,)


def test_a_measurement_keeps_within_what_the_server_allows() -> None:
    peer = SimulatedPeer(1e-3, 1e7, 1e7, left_bytes=2**20, session_s=2.0)
    peer.measured(Effort(seconds=100))
    assert peer.used_bytes <= 2**20
    assert peer.now_s < 4


def test_too_few_bytes_for_a_rate_are_told(server: int) -> None:
    with Peer(HOST, server) as peer, pytest.raises(LinkFault, match="allow more seconds or bytes"):
        measure_link(peer, "a", "b", Effort(seconds=0.5, max_bytes=2000))


def test_nobody_there_is_told_with_what_to_start() -> None:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
        with pytest.raises(LinkFault, match="start `placement measure serve` there"), Peer(HOST, port):
            pass


def test_an_unknown_host_is_told() -> None:
    with pytest.raises(LinkFault, match="no known host"), Peer("nowhere.invalid", 1):
        pass


@pytest.fixture
def stranger() -> Iterator[tuple[int, list[bytes]]]:
    """Something else that listens: it answers the first line with what the test put into the list, or not at all."""
    answers: list[bytes] = []
    with socket.create_server((HOST, 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(ConnectionError):
                connection.recv(1024)
                connection.sendall(answers[0])
                connection.recv(1024)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], answers
        thread.join(30)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak placement-measure/1"),
        (b"x" * 5000, "does not speak placement-measure/1"),
        (b"placement-measure/2 ok 5 5\n", "does not speak placement-measure/1"),
        (b"no \x1b[31mred\n", r"refused: \[31mred"),
        (b"", "was silent for 0.2 s"),
    ],
)
def test_something_else_that_listens_is_told(stranger: tuple[int, list[bytes]], answer: bytes, said: str) -> None:
    port, answers = stranger
    answers.append(answer)
    with pytest.raises(LinkFault, match=said), Peer(HOST, port, timeout_s=0.2):
        pass


def test_a_server_that_goes_away_is_told() -> None:
    with ExitStack() as server:
        port = server.enter_context(serving())
        with Peer(HOST, port) as peer:
            peer.echo(1)
            server.close()
            with pytest.raises(LinkFault, match=r"broke|closed"):
                peer.receive(2**20)
