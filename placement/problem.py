"""The compiled problem: everything that the search, the referee and the simulator read, as numbers.

Indices: nodes n = 0..N-1 in the order of the request; options o = 0..O-1 are (node, level) pairs; layers k = 0..L-1;
cuts j = 0..L (cut j lies before layer j); resources r = the N nodes, then the channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.profile import Profile
from models.request import PlanRequest
from models.workload import Inference, Schedule, Training, Warmup
from placement.network import DirectedLink, FloatArray, Network
from placement.routes import RouteTable
from placement.symmetry import Classes, classes_of


@dataclass(frozen=True, slots=True)
class Option:
    """A node at one of its levels."""

    node: int
    level: str
    idle_power_w: float
    busy_power_w: float


class PlacedStage(NamedTuple):
    """Layers `first`..`stop` (half-open) on an option. A tuple: placements are looked up thousands of times."""

    option: int
    first: int
    stop: int


Placement = tuple[PlacedStage, ...]


@dataclass(frozen=True)
class LayerBytes:
    """Memory of the layers, in bytes, each (L,)."""

    weights: FloatArray
    gradients: FloatArray
    optimizer: FloatArray
    activations: FloatArray
    """Per micro-batch in flight; zero in inference, where nothing is kept for a backward pass."""
    kv_cache: FloatArray
    """Of all concurrent requests together; zero in training."""
    workspace: FloatArray

    @cached_property
    def static(self) -> FloatArray:
        """What does not depend on the micro-batches in flight: weights + gradients + optimizer + KV cache, (L,)."""
        return self.weights + self.gradients + self.optimizer + self.kv_cache


@dataclass(frozen=True)
class Payloads:
    """What is sent, as route tables. Cuts without a transfer hold None."""

    forward: tuple[RouteTable | None, ...]
    """Per cut j = 0..L: the output of layer j - 1 (None at both ends)."""
    backward: tuple[RouteTable | None, ...]
    """Per cut: the gradient of layer j's input; None where no gradient crosses."""
    decode: tuple[RouteTable | None, ...]
    input: RouteTable
    label: RouteTable | None
    result: RouteTable | None


@dataclass(frozen=True, eq=False)
class Problem:
    """One request, compiled. Times in s, (O, L); bytes as given; powers in W. Equal to itself alone."""

    request: PlanRequest
    profile: Profile
    node_ids: tuple[str, ...]
    options: tuple[Option, ...]
    options_of_node: tuple[tuple[int, ...], ...]
    source: int
    head_layers: int
    tail_layers: int
    allowed: NDArray[np.bool_]
    """(N, L): whether a node may run a layer (head, tail, pins, allowed and forbidden nodes, trust)."""
    receives: NDArray[np.bool_]
    """(N, L + 1): whether a node may see what crosses cut j (leakage)."""
    forward_s: FloatArray
    backward_s: FloatArray
    decode_s: FloatArray
    update_s: FloatArray
    bytes: LayerBytes
    memory_bytes: FloatArray
    """(N,)."""
    idle_power_w: FloatArray
    """(N,): of a source that runs no stage."""
    energy_weight: FloatArray
    overlaps: NDArray[np.bool_]
    network: Network
    payloads: Payloads

    @cached_property
    def layer_count(self) -> int:
        """L."""
        return len(self.profile.layers)

    @property
    def node_count(self) -> int:
        """N."""
        return len(self.node_ids)

    @property
    def resource_count(self) -> int:
        """Nodes and channels."""
        return self.node_count + self.network.channel_count

    @cached_property
    def classes(self) -> Classes:
        """Interchangeable nodes."""
        return classes_of(self)

    # The referee asks for the next four thousands of times for one request: found once.
    @cached_property
    def training(self) -> Training | None:
        """The workload, if it is training."""
        return self.request.workload if isinstance(self.request.workload, Training) else None

    @cached_property
    def inference(self) -> Inference | None:
        """The workload, if it is inference."""
        return self.request.workload if isinstance(self.request.workload, Inference) else None

    @cached_property
    def repetitions(self) -> int:
        """Times the forward pass runs per request or iteration: 1, or M micro-batches."""
        return self.training.micro_batches if self.training else 1

    @cached_property
    def decode_passes(self) -> int:
        """output_tokens - 1; 0 in training."""
        return self.inference.output_tokens - 1 if self.inference else 0

    @property
    def concurrency(self) -> int:
        """Requests in flight; 1 in training."""
        return self.inference.concurrency if self.inference else 1

    @property
    def replays(self) -> bool:
        """Whether the schedule is 1f1b, whose latency is the replayed one."""
        return self.training is not None and self.training.schedule is Schedule.ONE_F_ONE_B

    @property
    def max_stages(self) -> int:
        """Most stages that any plan can have: nodes (and a tail on the source), layers, the caller's limit."""
        limit = self.request.constraints.max_stages
        most = min(self.node_count + 1, self.layer_count)
        return most if limit is None else min(most, limit)

    def in_flight(self, depth: int) -> int:
        """Micro-batches whose activations a stage keeps; `depth` = S - s counts stages from the end, the last is 1.

        sequential: 1; gpipe: M; 1f1b: classic min(M, depth), deep min(M, 2 depth - 1); inference: 0.
        """
        training = self.training
        if training is None:
            return 0
        if training.schedule is Schedule.SEQUENTIAL:
            return 1
        if training.schedule is Schedule.GPIPE:
            return training.micro_batches
        reach = depth if training.warmup is Warmup.CLASSIC else 2 * depth - 1
        return min(training.micro_batches, reach)

    def node_of(self, stage: PlacedStage) -> int:
        """The node that runs a stage."""
        return self.options[stage.option].node

    def occupancy(self, table: RouteTable, route: tuple[DirectedLink, ...]) -> list[tuple[int, float]]:
        """(resource, seconds) of a transfer: its channels, and those ends of each hop that do not overlap."""
        occupied = []
        for link in route:
            busy_s = table.busy_s(link)
            occupied.append((self.node_count + link.channel, busy_s))
            occupied += [(end, busy_s) for end in (link.source, link.target) if not self.overlaps[end]]
        return occupied

    def joules(self, table: RouteTable, route: tuple[DirectedLink, ...]) -> list[tuple[int, float]]:
        """(node, J) of a transfer: transmit power at each sender, receive power at each receiver, times busy time."""
        spent = []
        for link in route:
            busy_s = table.busy_s(link)
            spent += [(link.source, link.transmit_power_w * busy_s), (link.target, link.receive_power_w * busy_s)]
        return spent
