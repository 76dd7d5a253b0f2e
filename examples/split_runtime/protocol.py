"""What driver and nodes say to each other. Nothing here imports torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LayerSamples = dict[str, tuple[tuple[float, ...], ...]]
"""Pass (forward, backward, update, decode) to samples of seconds per layer: [layer][sample]."""


class Ground(StrEnum):
    """Where links are emulated: in network namespaces by the kernel, or on loopback in the nodes' processes."""

    NAMESPACES = "namespaces"
    LOOPBACK = "loopback"


@dataclass(frozen=True, slots=True)
class Join:
    """The first command: meet the others through a file."""

    me: str
    names: tuple[str, ...]
    store: str
    interface: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call a method of the member."""

    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer to a command that failed: the traceback."""

    text: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How a lane slows its messages.

    bits_per_s: rate at which a message occupies the lane; infinite where the kernel shapes the link.
    first_bits_per_s: rate for the first segment of a message alone, which a token bucket lets pass at once and a wire
    does not.
    latency_s: delay that does not occupy the lane.
    """

    bits_per_s: float = math.inf
    first_bits_per_s: float = math.inf
    latency_s: float = 0.0

    @property
    def needs_lane(self) -> bool:
        """Whether there is anything to emulate."""
        return self.latency_s > 0 or math.isfinite(self.bits_per_s) or math.isfinite(self.first_bits_per_s)


@dataclass(frozen=True, slots=True)
class LayerQuestion:
    """What to time: the whole model on micro-batches of `batch` sequences of `length` tokens.

    decode_tokens: 0 for training (forward, backward, update); else prefill and so many decode passes per run.
    micro_batches: per run, of training.
    in_flight: of these, as many go forward before the first goes backward; from then on passes alternate. So a pass
    finds caches and memory as in the run: all of them for gpipe, for 1f1b what a stage holds. Runs go on for
    `budget_s`, and for three at least; the first one is left out.
    """

    config: dict[str, Any]
    dtype: str
    seed: int
    lora_rank: int | None
    batch: int
    length: int
    decode_tokens: int
    micro_batches: int
    in_flight: int
    budget_s: float


@dataclass(frozen=True, slots=True)
class TransferTest:
    """Messages of each size, `repeats` times, from one node to another; the other one answers each with four bytes."""

    source: str
    target: str
    payload_bytes: tuple[int, ...]
    repeats: int
