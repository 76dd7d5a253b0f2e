"""Stages and schedule of torch.distributed.pipelining, with the order, the messages and the pace of a plan.

Why not ScheduleGPipe and Schedule1F1B themselves: they take one stage per rank (a U-shaped plan needs two on the
source), and they ask for a micro-batch's input only when they want to compute on it, or wait for a gradient before they
go on. gloo moves a message only once it was asked for, so nothing would be received while a node computes. Here the
actions of torch's multi-stage runtime (`_PipelineScheduleRuntime`) are given outright: all receives of an iteration
come first, then passes and sends in the planned order; on straight plans that is the order of torch's own schedules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.pipelining import PipelineStage
from torch.distributed.pipelining._utils import InferenceMode
from torch.distributed.pipelining.schedules import _Action, _ComputationType, _PipelineScheduleRuntime

from examples.split_runtime.job import Job, Kind
from examples.split_runtime.order import Step
from examples.split_runtime.sending import Courier
from examples.split_runtime.throttle import Throttle

Feed = Callable[[int], torch.Tensor]
"""Micro-batch to token ids; waits until they are there."""


class PlannedStage(PipelineStage):
    """A stage whose messages go through the courier and whose passes are throttled."""

    def __init__(
        self, job: Job, index: int, module: nn.Module, ends: tuple[torch.Tensor, torch.Tensor], rooms: Rooms
    ) -> None:
        super().__init__(
            module,
            index,
            len(job.stages),
            torch.device("cpu"),
            input_args=ends[0],
            output_args=ends[1],
            group=rooms.group,
        )
        self._job, self._rooms = job, rooms
        self.trains = any(parameter.requires_grad for parameter in module.parameters()) or job.gradient_crosses(
            job.stages[index].first
        )
        pay_at_layers(module, rooms.throttle)

    def forward_one_chunk(
        self, fwd_chunk_id: int, args: Any, kwargs: Any = None, save_forward_output: bool = True
    ) -> Any:
        """One forward pass, on the processor of this node."""
        if self.is_first:
            args = (self._rooms.feed(fwd_chunk_id),)
        with self._rooms.throttle.run_pass("forward", self.stage_index, fwd_chunk_id):
            return super().forward_one_chunk(fwd_chunk_id, args, kwargs, save_forward_output)

    def backward_one_chunk(self, bwd_chunk_id: int, *args: Any, **kwargs: Any) -> None:
        """One backward pass, likewise."""
        with self._rooms.throttle.run_pass("backward", self.stage_index, bwd_chunk_id):
            super().backward_one_chunk(bwd_chunk_id, *args, **kwargs)

    def get_fwd_send_ops(self, fwd_chunk_id: int) -> list[dist.P2POp]:
        """Send the output on; nothing is left for torch to send."""
        for tensor in self.fwd_cache[fwd_chunk_id][0]:
            self._rooms.courier.send(tensor, self._job.stages[self.stage_index + 1].node, Kind.ACTIVATION)
        return []

    def get_bwd_send_ops(self, bwd_chunk_id: int) -> list[dist.P2POp]:
        """Send the input's gradient back, likewise."""
        for gradient in self.bwd_cache.pop(bwd_chunk_id):
            if gradient is not None:
                self._rooms.courier.send(gradient, self._job.stages[self.stage_index - 1].node, Kind.GRADIENT)
        return []

    def get_fwd_recv_ops(self, fwd_chunk_id: int) -> list[dist.P2POp]:
        """Receives with the tag of their kind."""
        return self._tagged(super().get_fwd_recv_ops(fwd_chunk_id), self.stage_index - 1, Kind.ACTIVATION)

    def get_bwd_recv_ops(self, bwd_chunk_id: int) -> list[dist.P2POp]:
        """Receives with the tag of their kind."""
        return self._tagged(super().get_bwd_recv_ops(bwd_chunk_id), self.stage_index + 1, Kind.GRADIENT)

    def _tagged(self, operations: Sequence[dist.P2POp], peer: int, kind: Kind) -> list[dist.P2POp]:
        """The same operations in the world, where the courier sends, instead of the group of the stages."""
        rank = self._rooms.courier.ranks[self._job.stages[peer].node] if operations else 0
        return [dist.P2POp(dist.irecv, operation.tensor, rank, tag=kind.tag) for operation in operations]


class Rooms:
    """What the stages of one node share: its processor, its door, its group, its feed of token ids."""

    def __init__(self, throttle: Throttle, courier: Courier, group: dist.ProcessGroup | None, feed: Feed) -> None:
        self.throttle, self.courier, self.group, self.feed = throttle, courier, group, feed


class PlannedSchedule(_PipelineScheduleRuntime):
    """The runtime of torch's multi-stage schedules, driven by a node's planned steps.

    loss(output, micro-batch index) is a pass of its own: it belongs to the head's forward pass.
    """

    def __init__(
        self,
        job: Job,
        stages: list[PlannedStage],
        steps: Sequence[Step],
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        micro_batches: int,
    ) -> None:
        super().__init__(stages, micro_batches, loss_fn=loss)
        holders = list(dict.fromkeys(stage.node for stage in job.stages))
        self.stage_index_to_group_rank = {s: holders.index(stage.node) for s, stage in enumerate(job.stages)}
        for stage in stages:
            stage.stage_index_to_group_rank = self.stage_index_to_group_rank
        here = {stage.stage_index: stage for stage in stages}
        self.pipeline_order_with_comms = {self.rank: list(_actions(job, here, steps))}

    def _warmup_p2p(self, stages: Any, *_: Any) -> None:
        """All shapes are known: no vote on them crosses the wire."""
        for stage in stages:
            stage._inference_mode = InferenceMode.STATIC  # noqa: SLF001 - torch offers no other way


def _actions(job: Job, here: dict[int, PlannedStage], steps: Sequence[Step]) -> list[_Action]:
    last = len(job.stages) - 1
    receives, work = [], []
    for step in steps:
        s, m, stage = step.stage, step.micro_batch, here[step.stage]
        if not step.backward:
            if s > 0:
                receives.append(_Action(s, _ComputationType.RECV_F, m))
            work.append(_Action(s, _ComputationType.FORWARD, m))
            if s < last:
                work.append(_Action(s, _ComputationType.SEND_F, m))
        elif stage.trains:
            if s < last:
                receives.append(_Action(s, _ComputationType.RECV_B, m))
            work.append(_Action(s, _ComputationType.FULL_BACKWARD, m))
            if s > 0:
                work.append(_Action(s, _ComputationType.SEND_B, m))
    # Gradients of M micro-batches become those of their mean.
    return receives + work + [_Action(s, _ComputationType.REDUCE_GRAD, None) for s in here]


def pay_at_layers(module: nn.Module, throttle: Throttle) -> None:
    """Sleep behind every layer, in forward passes and, by hooks on what the layer was given, in backward passes."""
    layers = module.get_submodule("layers")
    assert isinstance(layers, nn.ModuleList)
    for layer in layers:
        layer.register_forward_hook(lambda *_: throttle.pay())
        layer.register_forward_pre_hook(lambda _, given: _pay_for_gradient(given[0], throttle))


def _pay_for_gradient(given: torch.Tensor, throttle: Throttle) -> None:
    if given.requires_grad and not given.is_leaf:
        given.register_hook(lambda _: throttle.pay())
