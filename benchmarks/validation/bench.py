"""The bench of this machine: emulated nodes that live through all settings, as `examples.split_runtime` makes them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import chain
from statistics import mean
from types import TracebackType
from typing import Self

from benchmarks.validation.candidates import Candidate
from benchmarks.validation.inputs import Layers, LayerSeconds, LinkFigures, Measured
from benchmarks.validation.record import Ran
from benchmarks.validation.settings import LORA_RANK, SOURCE, Setting
from examples.split_runtime.fleet import Fleet, Ground, LinkShape, Shape
from examples.split_runtime.job import InferenceWork, Job, StageOf, TrainingWork
from examples.split_runtime.protocol import LayerSamples
from models.workload import Inference, Training

WINDOW_S = 1.5
LINK_REPEATS = 3
PATIENCE = 10.0
"""A run may take so many times what was predicted, and `PATIENCE_S` more, before its nodes are ended."""
PATIENCE_S = 30.0
NAMES = (SOURCE, *(f"edge-{k}" for k in range(1, 5)))
GROUNDS = {
    Ground.NAMESPACES: "the kernel (HTB between network namespaces)",
    Ground.LOOPBACK: "the process (in-process throttle on loopback)",
}


class FleetBench:
    """Context manager; `nodes` processes, of which a setting uses as many as it names."""

    def __init__(self, nodes: int) -> None:
        self._names = NAMES[:nodes]
        self._fleet = Fleet(self._names)
        self._setting: Setting | None = None

    @property
    def slowed_by(self) -> str:
        """What slows the links."""
        return GROUNDS[self._fleet.ground]

    def __enter__(self) -> Self:
        self._fleet.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fleet.close()

    def shape(self, setting: Setting) -> None:
        """Give the nodes their shares and the links their rates."""
        self._setting = setting
        links = [LinkShape(source, target, rate) for source, target, rate in setting.links()]
        self._fleet.shape({node.id: Shape(node.share) for node in setting.nodes}, links)

    def measure(self, setting: Setting) -> Measured:
        """Layers on every node and every directed link; layers before and after the links, some seconds apart."""
        first = self._sampled(setting)
        fits = self._fleet.measure_links([(a, b) for a, b, _ in setting.links()], LINK_REPEATS)
        second = self._sampled(setting)
        layers = {node.id: layers_of((first[node.id], second[node.id]), setting.blocks) for node in setting.nodes}
        return Measured(
            layers,
            tuple(
                LinkFigures(a, b, fit.latency_s + entry_s(layers[b], b), fit.bandwidth_bits_per_s)
                for (a, b), fit in fits.items()
            ),
        )

    def layers(self, setting: Setting) -> Layers:
        """The layers once more."""
        samples = self._sampled(setting)
        return {node.id: layers_of((samples[node.id],), setting.blocks) for node in setting.nodes}

    def _sampled(self, setting: Setting) -> dict[str, LayerSamples]:
        """Samples of every layer on every node, under its throttle, all nodes of the setting at the same time.

        So they take turns on the cores as in a run, and each finds the caches as the others left them.
        """
        sample = _sample_of(setting)
        job = _job(sample, (StageOf(SOURCE, 0, sample.layer_count),), 1, None)
        return self._fleet.measure_layers(job, WINDOW_S, [node.id for node in setting.nodes])

    def run(self, setting: Setting, candidate: Candidate, iterations: int) -> Ran:
        """Run a plan: one iteration that does not count, then as many as are said. Raises RuntimeError."""
        stages = tuple(StageOf(cut.node, cut.first_layer, cut.stop_layer) for cut in candidate.stages)
        expected_s = candidate.forecast.latency_s * (iterations + 1)
        job = _job(setting, stages, iterations, candidate)
        found = self._fleet.run(job, PATIENCE * expected_s + PATIENCE_S)
        return Ran(
            found.seconds,
            found.busy_s,
            {f"{a}>{b}": sum(kinds.values()) for (a, b), kinds in found.bytes_by_link().items()},
        )

    def revive(self) -> None:
        """New nodes, as slow as the old ones, after a failure ended those."""
        self._fleet.close()
        self._fleet = Fleet(self._names)
        self._fleet.__enter__()
        if self._setting is not None:
            self.shape(self._setting)


def _job(setting: Setting, stages: tuple[StageOf, ...], iterations: int, candidate: Candidate | None) -> Job:
    workload = setting.workload
    work: TrainingWork | InferenceWork
    if isinstance(workload, Training):
        work = TrainingWork(
            micro_batches=workload.micro_batches,
            batch=setting.micro_batch_size,
            sequence_length=setting.sequence_length,
            schedule=workload.schedule,
            warmup=workload.warmup,
            iterations=iterations,
            lora_rank=LORA_RANK,
            pass_seconds=None if candidate is None else candidate.pass_seconds,
            transfer_seconds=None if candidate is None else candidate.transfer_seconds,
        )
    else:
        assert isinstance(workload, Inference)
        work = InferenceWork(setting.micro_batch_size, setting.sequence_length, workload.output_tokens, iterations)
    return Job(setting.config, SOURCE, stages, work)


def _sample_of(setting: Setting) -> Setting:
    """The setting with its blocks shared out: the nodes go through all weights between them, as in a run."""
    return dataclasses.replace(setting, blocks=max(2, math.ceil(setting.blocks / len(setting.nodes))))


def layers_of(windows: Sequence[LayerSamples], blocks: int) -> tuple[LayerSeconds, ...]:
    """Seconds of all layers, from what was sampled in one or more windows of a model with fewer blocks.

    All blocks but the first are the same work (under LoRA the first needs no gradient of its input). What counts is
    their mean in a pass, for a throttled node that was kept from its core in one layer makes up for it in the next; and
    the mean over passes, because an iteration is the sum of many: now and then one takes much longer, and is paid for.
    """
    own = {}
    for name in windows[0]:
        layers = [list(chain.from_iterable(layer)) for layer in zip(*(window[name] for window in windows), strict=True)]
        others = [mean(together) for together in zip(*layers[2:-1], strict=True)]
        own[name] = [mean(layers[0]), mean(layers[1]), *[mean(others)] * (blocks - 1), mean(layers[-1])]
    return tuple(LayerSeconds(**{name: seconds[k] for name, seconds in own.items()}) for k in range(blocks + 2))


def entry_s(layers: Sequence[LayerSeconds], node: str) -> float:
    """What a stage on a node pays once per decode pass, whatever its layers: mask and rotary angles.

    It shows as the first block's time over that of the others, which do the same work. The cost model has no such term
    per stage; since a stage is entered once per pass, it is put to the latency of the links that lead to the node. The
    source's own stage has it in its first block.
    """
    first, second = layers[1].decode, layers[2].decode
    return 0.0 if node == SOURCE or first is None or second is None else max(0.0, first - second)
