"""All nodes of an emulated cluster on this machine: processes that live through many jobs, as slow as asked.

Nodes are processes of one thread. Their processors are throttled in the process (throttle), their links by the kernel
in network namespaces (network) or, where those cannot be made, in the process too (sending).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from api.measuring.fit import NoSlope, TransferFit, fit_transfers
from examples.split_runtime.job import Job, Measured, NotRunnable, TrainingWork, gather
from examples.split_runtime.network import INTERFACE, Network, NoNamespaces
from examples.split_runtime.protocol import Call, Failure, Ground, Join, LayerQuestion, LayerSamples, Pace, TransferTest
from models.workload import Schedule

__all__ = ["Fleet", "Ground", "LinkShape", "NodeFailed", "Shape"]

KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
"""glibc gives freed memory back to the kernel and takes page faults when it wants it again; a node keeps it, as
runtimes with an allocator of their own do. Read when the process starts; other C libraries ignore it."""
START_S = 300.0
"""Longest start of a node; importing torch takes seconds, on a busy machine many."""
PAYLOAD_BYTES = (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000)
LONGEST_TRANSFER_S = 0.5
"""Payloads that would take longer on a link are not measured on it."""
MOST_SERIES = 4
"""So often are messages timed where other work on the machine hides that large ones take longer."""


class NodeFailed(RuntimeError):
    """A node's process failed or ended; the message has its traceback. The fleet is closed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A node's processor: its share of one core, 0 < share <= 1. The sum over nodes should leave cores to spare."""

    share: float


@dataclass(frozen=True, slots=True)
class LinkShape:
    """A directed link between two nodes."""

    source: str
    target: str
    bits_per_s: float
    latency_s: float = 0.0


class Fleet:
    """Context manager. names: of the nodes. ground: None takes namespaces where they can be made, else loopback."""

    def __init__(self, names: Sequence[str], ground: Ground | None = None) -> None:
        self.names = tuple(names)
        self._stack = contextlib.ExitStack()
        self._connections: dict[str, Connection] = {}
        self._network = self._make_network(ground)
        self.ground = Ground.LOOPBACK if self._network is None else Ground.NAMESPACES

    def _make_network(self, ground: Ground | None) -> Network | None:
        if ground is Ground.LOOPBACK:
            return None
        try:
            return self._stack.enter_context(Network())
        except NoNamespaces:
            if ground is Ground.NAMESPACES:
                raise
            return None

    def __enter__(self) -> Self:
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="split-runtime-")))
            self._start()
            pids = self._answers(self.names, START_S)
            if self._network is not None:
                for name in self.names:
                    self._network.connect(pids[name])
            interface = "lo" if self._network is None else INTERFACE
            store = str(folder / "store")
            self._ask({name: Join(name, self.names, store, interface) for name in self.names}, START_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all nodes; the network goes with them."""
        for connection in self._connections.values():
            connection.close()
        self._connections = {}
        self._stack.close()

    def shape(self, nodes: Mapping[str, Shape], links: Sequence[LinkShape]) -> None:
        """Make nodes and links as slow as this from now on; links that are not named are as fast as this machine."""
        kernel = self._network is not None
        paces: dict[str, dict[str, Pace]] = {name: {} for name in self.names}
        rates: dict[str, dict[int, float]] = {name: {} for name in self.names}
        for link in links:
            rates[link.source][self.names.index(link.target)] = link.bits_per_s
            paces[link.source][link.target] = (
                Pace(first_bits_per_s=link.bits_per_s, latency_s=link.latency_s)
                if kernel
                else Pace(link.bits_per_s, latency_s=link.latency_s)
            )
        if self._network is not None:
            for number, name in enumerate(self.names):
                self._network.shape(number, rates[name])
        shares = {name: nodes[name].share if name in nodes else 1.0 for name in self.names}
        self._call({name: ("shape", shares[name], paces[name]) for name in self.names}, START_S)

    def run(self, job: Job, timeout_s: float = 600.0) -> Measured:
        """Run a job on the nodes that it names. Raises NodeFailed, also when it takes longer than the timeout."""
        unknown = set(job.nodes) - set(self.names)
        if unknown:
            raise NotRunnable(f"no such nodes in the fleet: {', '.join(sorted(unknown))}")
        reports = self._call(dict.fromkeys(self.names, ("run", job)), timeout_s)
        return gather(job, {name: report for name, report in reports.items() if name in job.nodes})

    def run_in_one_piece(self, job: Job, timeout_s: float = 600.0) -> Any:
        """What the model gives without any split, computed by the source: losses per iteration, or tokens."""
        return self._call({job.source: ("run_in_one_piece", job)}, timeout_s)[job.source]

    def measure_layers(
        self, job: Job, budget_s: float = 3.0, nodes: Sequence[str] | None = None, timeout_s: float = 600.0
    ) -> dict[str, LayerSamples]:
        """Samples of seconds per layer and pass for the model and workload of `job`, on `nodes` (all) at once."""
        work, asked = job.work, nodes or self.names
        question = LayerQuestion(
            config=job.config,
            dtype=job.dtype,
            seed=job.seed,
            lora_rank=work.lora_rank if isinstance(work, TrainingWork) else None,
            batch=work.batch,
            length=work.sequence_length if isinstance(work, TrainingWork) else work.prompt_tokens,
            decode_tokens=0 if isinstance(work, TrainingWork) else max(work.output_tokens - 1, 1),
            micro_batches=work.micro_batches if isinstance(work, TrainingWork) else 0,
            in_flight=_in_flight(work, len(asked)) if isinstance(work, TrainingWork) else 0,
            budget_s=budget_s,
        )
        return self._call(dict.fromkeys(asked, ("time_layers", question)), timeout_s)

    def measure_links(
        self, pairs: Sequence[tuple[str, str]] | None = None, repeats: int = 5, timeout_s: float = 120.0
    ) -> dict[tuple[str, str], TransferFit]:
        """Latency and rate of every directed pair, from timed messages of the runtime itself, one pair at a time.

        Raises NoSlope where a machine is so busy that even `MOST_SERIES` series of messages do not show a rate.
        """
        return {
            (source, target): self._measure_link(source, target, repeats, timeout_s)
            for source, target in pairs or [(a, b) for a in self.names for b in self.names if a != b]
        }

    def _measure_link(self, source: str, target: str, repeats: int, timeout_s: float) -> TransferFit:
        quickest_s = min(self.time_transfers(source, target, PAYLOAD_BYTES[2:3], 3, timeout_s))
        longest = LONGEST_TRANSFER_S / quickest_s * PAYLOAD_BYTES[2]
        sizes = tuple(size for size in PAYLOAD_BYTES if size <= longest) or PAYLOAD_BYTES[:3]
        # The first series finds connections idle; it does not count.
        seconds = self.time_transfers(source, target, sizes, repeats + 1, timeout_s)[len(sizes) :]
        for _ in range(MOST_SERIES - 1):
            with contextlib.suppress(NoSlope):
                return fit_transfers(sizes * (len(seconds) // len(sizes)), seconds)
            seconds += self.time_transfers(source, target, sizes, repeats, timeout_s)
        return fit_transfers(sizes * (len(seconds) // len(sizes)), seconds)

    def time_transfers(
        self, source: str, target: str, payload_bytes: Sequence[int], repeats: int = 1, timeout_s: float = 120.0
    ) -> list[float]:
        """Seconds from sending to having received messages of these sizes, one after the other, `repeats` times."""
        test = TransferTest(source, target, tuple(payload_bytes), repeats)
        moments = self._call(dict.fromkeys((source, target), ("transfer", test)), timeout_s)
        return [end - start for start, end in zip(moments[source], moments[target], strict=True)]

    def _start(self) -> None:
        pairs = [socket.socketpair() for _ in self.names]
        theirs = [end.fileno() for _, end in pairs]
        command = [sys.executable, "-m", "examples.split_runtime.worker", self.ground.value, *map(str, theirs)]
        if self._network is not None:
            command = self._network.command(command)
        process = subprocess.Popen(  # noqa: S603  (our own module)
            command, pass_fds=theirs, stdin=subprocess.DEVNULL, env=os.environ | KEEP_MEMORY
        )
        self._stack.callback(_reap, process)
        for name, (ours, end) in zip(self.names, pairs, strict=True):
            end.close()
            self._connections[name] = Connection(ours.detach())

    def _call(self, calls: Mapping[str, tuple[Any, ...]], timeout_s: float) -> dict[str, Any]:
        return self._ask({name: Call(call[0], call[1:]) for name, call in calls.items()}, timeout_s)

    def _ask(self, commands: Mapping[str, Join | Call], timeout_s: float) -> dict[str, Any]:
        for name, command in commands.items():
            self._connections[name].send(command)
        return self._answers(tuple(commands), timeout_s)

    def _answers(self, names: Sequence[str], timeout_s: float) -> dict[str, Any]:
        waiting = {self._connections[name]: name for name in names}
        answers: dict[str, Any] = {}
        end_s = time.monotonic() + timeout_s
        while waiting:
            ready = wait(list(waiting), max(end_s - time.monotonic(), 0.0))
            if not ready:
                self._fail(f"no answer from {', '.join(waiting.values())} after {timeout_s:g} s")
            for connection in ready:
                assert isinstance(connection, Connection)
                name = waiting.pop(connection)
                try:
                    answers[name] = connection.recv()
                except (EOFError, OSError):
                    self._fail(f"node {name}: its process ended")
                if isinstance(answers[name], Failure):
                    self._fail(f"node {name}: {answers[name].text}")
        return answers

    def _fail(self, message: str) -> None:
        self.close()
        raise NodeFailed(message)


def _in_flight(work: TrainingWork, stages: int) -> int:
    """Micro-batches that a stage holds at once; for 1f1b, where stage s of S holds S - s, the mean over stages."""
    if work.schedule is Schedule.GPIPE:
        return work.micro_batches
    return min(work.micro_batches, (stages + 2) // 2) if work.schedule is Schedule.ONE_F_ONE_B else 1


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Nodes end when their connections are closed, and their parent with them; the parent that does not is killed."""
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
