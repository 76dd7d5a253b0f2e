"""One node's life: it joins the others once, and then runs jobs and measurements, one after the other."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from examples.split_runtime.inference import generate, generate_unsplit
from examples.split_runtime.job import Job, Kind, NodeReport, TrainingWork
from examples.split_runtime.layer_times import time_layers
from examples.split_runtime.protocol import LayerQuestion, LayerSamples, Pace, TransferTest
from examples.split_runtime.sending import Courier
from examples.split_runtime.throttle import Throttle
from examples.split_runtime.training import train, train_unsplit

PATIENCE = timedelta(minutes=10)
"""How long gloo waits for a message before it gives the run up."""


class Member:
    """A node that has joined. names: of all nodes, in the order of their ranks."""

    def __init__(self, me: str, names: tuple[str, ...], store: dist.Store, interface: str, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        os.environ["GLOO_SOCKET_IFNAME"] = interface
        dist.init_process_group("gloo", store=store, rank=names.index(me), world_size=len(names), timeout=PATIENCE)
        self.me, self.names = me, names
        self._throttle = Throttle()
        self._courier = Courier(me, {name: rank for rank, name in enumerate(names)})
        self._groups: dict[tuple[int, ...], dist.ProcessGroup | None] = {}

    def shape(self, share: float, paces: dict[str, Pace]) -> None:
        """Be as slow as this, from now on."""
        self._throttle.share = share
        self._courier.shape(paces)

    def run(self, job: Job) -> NodeReport:
        """Play this node's part; nodes without one only keep step."""
        holders = tuple(dict.fromkeys(self.names.index(stage.node) for stage in job.stages))
        group = self._group(holders)
        dist.barrier()
        if self.me not in job.nodes:
            return NodeReport(self.me, (), (), (), (), ())
        if isinstance(job.work, TrainingWork):
            return train(job, self._courier, self._throttle, group)
        return generate(job, self._courier, self._throttle)

    def run_in_one_piece(self, job: Job) -> tuple[Any, ...]:
        """What the model gives without any split: losses per iteration, or tokens per request."""
        return train_unsplit(job) if isinstance(job.work, TrainingWork) else generate_unsplit(job)

    def time_layers(self, question: LayerQuestion) -> LayerSamples:
        """Seconds per layer and pass on this node."""
        return time_layers(question, self._throttle)

    def transfer(self, test: TransferTest) -> tuple[float, ...]:
        """The moments at which this end sent, or had received, each message."""
        sizes = [size for _ in range(test.repeats) for size in test.payload_bytes]
        answer = torch.zeros(4, dtype=torch.uint8)
        moments = []
        if self.me == test.source:
            peer = self._courier.ranks[test.target]
            for size in sizes:
                payload = torch.zeros(size, dtype=torch.uint8)
                dist.recv(answer, peer)
                moments.append(time.monotonic())
                self._courier.send(payload, test.target, Kind.ACTIVATION)
                self._courier.flush()
        elif self.me == test.target:
            for size in sizes:
                payload = torch.zeros(size, dtype=torch.uint8)
                work = self._courier.expect(payload, test.source, Kind.ACTIVATION)
                dist.send(answer, self._courier.ranks[test.source])
                work.wait()
                moments.append(time.monotonic())
        self._courier.take_ledger()
        return tuple(moments)

    def _group(self, holders: tuple[int, ...]) -> dist.ProcessGroup | None:
        if holders not in self._groups:
            self._groups[holders] = dist.new_group(list(holders), timeout=PATIENCE)
        return self._groups[holders]

    def leave(self) -> None:
        """Close the connections."""
        dist.destroy_process_group()
