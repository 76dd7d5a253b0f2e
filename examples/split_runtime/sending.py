"""The one door through which tensors leave a node: entered in the ledger, slowed like a link, handed to gloo.

A lane emulates one directed link where the kernel does not: a message occupies it for 8 x bytes / rate, one after the
other, and arrives latency_s later. The thread of the lane sleeps until then and sends; loopback takes next to no time.
Where tc shapes the rate the lane has no rate of its own, and adds the latency alone (kernels without netem).
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable

import torch
import torch.distributed as dist

from examples.split_runtime.job import Crossing, Kind
from examples.split_runtime.protocol import Pace

SEGMENT_BYTES = 1448
"""Payload of a TCP segment on Ethernet."""


class _Parcel:
    """A message on its way to gloo; `wait` returns when gloo has taken it over to the other side."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.due_s = 0.0
        self._works: queue.SimpleQueue[dist.Work | BaseException] = queue.SimpleQueue()

    def sent(self, work: dist.Work | BaseException) -> None:
        self._works.put(work)

    def wait(self) -> None:
        work = self._works.get()
        if isinstance(work, BaseException):
            raise work
        work.wait()


class _Lane:
    """One directed link; a thread that ends with the process."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._free_s = self._due_s = 0.0
        self._parcels: queue.SimpleQueue[tuple[_Parcel, Callable[[], dist.Work]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._carry, daemon=True).start()

    def put(self, parcel: _Parcel, send: Callable[[], dist.Work]) -> None:
        size_bytes = parcel.tensor.numel() * parcel.tensor.element_size()
        self._free_s = max(self._free_s, time.monotonic()) + 8 * size_bytes / self.pace.bits_per_s
        first_s = 8 * min(size_bytes, SEGMENT_BYTES) / self.pace.first_bits_per_s
        parcel.due_s = self._due_s = max(self._due_s, self._free_s + first_s + self.pace.latency_s)
        self._parcels.put((parcel, send))

    def close(self) -> None:
        self._parcels.put(None)

    def _carry(self) -> None:
        while (item := self._parcels.get()) is not None:
            parcel, send = item
            time.sleep(max(parcel.due_s - time.monotonic(), 0.0))
            try:
                parcel.sent(send())
            except RuntimeError as error:
                parcel.sent(error)


class Courier:
    """Sends and receives for one node; names are node names, which `ranks` maps to ranks of the world."""

    def __init__(self, me: str, ranks: dict[str, int]) -> None:
        self.me, self.ranks = me, ranks
        self._lanes: dict[str, _Lane] = {}
        self._counts: Counter[tuple[str, Kind, str, tuple[int, ...]]] = Counter()
        self._parcels: list[_Parcel] = []

    def shape(self, paces: dict[str, Pace]) -> None:
        """Emulate the links to these nodes from now on; the others are as fast as they are."""
        for lane in self._lanes.values():
            lane.close()
        self._lanes = {node: _Lane(pace) for node, pace in paces.items() if pace.needs_lane}

    def send(self, tensor: torch.Tensor, target: str, kind: Kind) -> None:
        """Send without waiting; `flush` waits. The tensor must not change until then."""
        tensor = tensor.detach().contiguous()
        self._counts[target, kind, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)] += 1
        parcel = _Parcel(tensor)
        rank = self.ranks[target]

        def hand_over() -> dist.Work:
            work = dist.isend(tensor, rank, tag=kind.tag)
            assert work is not None  # this process is a member of the world
            return work

        lane = self._lanes.get(target)
        if lane is None:
            parcel.sent(hand_over())
        else:
            lane.put(parcel, hand_over)
        self._parcels.append(parcel)

    def expect(self, tensor: torch.Tensor, source: str, kind: Kind) -> dist.Work:
        """Start to receive into `tensor`. gloo moves nothing before this was called, so call it early."""
        work = dist.irecv(tensor, self.ranks[source], tag=kind.tag)
        assert work is not None
        return work

    def flush(self) -> None:
        """Wait until everything sent has been taken."""
        for parcel in self._parcels:
            parcel.wait()
        self._parcels = []

    def take_ledger(self) -> tuple[Crossing, ...]:
        """What was sent since the last time."""
        counts, self._counts = self._counts, Counter()
        return tuple(
            Crossing(self.me, target, kind, dtype, shape, count, count * math.prod(shape) * _item_bytes(dtype))
            for (target, kind, dtype, shape), count in counts.items()
        )


def _item_bytes(dtype: str) -> int:
    item: torch.dtype = getattr(torch, dtype)
    return item.itemsize
