"""The bench of this machine: emulated nodes that live through all settings, as `examples.split_runtime` makes them."""

from __future__ import annotations

import dataclasses
from statistics import mean
from types import TracebackType
from typing import Self

from benchmarks.validation.candidates import Candidate
from benchmarks.validation.inputs import Layers, LayerSeconds, LinkFigures
from benchmarks.validation.record import Ran
from benchmarks.validation.settings import LORA_RANK, SOURCE, Setting
from benchmarks.validation.statistics import middle_mean
from examples.split_runtime.fleet import Fleet, Ground, LinkShape, Shape
from examples.split_runtime.job import InferenceWork, Job, StageOf, TrainingWork
from examples.split_runtime.protocol import LayerSamples
from models.workload import Inference, Training

LAYERS_BUDGET_S = 4.0
SAMPLED_BLOCKS = 4
"""Layers are timed in a model of so many blocks: what a node then holds and goes through is about as large as a stage.
In one with all blocks, every pass would find the caches filled with the weights of all others, as in no run."""
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

    def layers(self, setting: Setting) -> Layers:
        """Seconds of every layer on every node, under its throttle.

        In training all nodes are timed at the same time, as they work in a run; in inference one after the other, since
        of a single stream no two nodes work at once.
        """
        sample = dataclasses.replace(setting, blocks=min(setting.blocks, SAMPLED_BLOCKS))
        job = _job(sample, (StageOf(SOURCE, 0, sample.layer_count),), 1, None)
        names = [node.id for node in setting.nodes]
        samples: dict[str, LayerSamples] = {}
        for together in [names] if setting.trains else [[name] for name in names]:
            samples |= self._fleet.measure_layers(job, LAYERS_BUDGET_S / (1 if setting.trains else 2), nodes=together)
        return {name: layers_of(samples[name], setting.blocks) for name in names}

    def links(self, setting: Setting) -> tuple[LinkFigures, ...]:
        """Every directed link, one after the other."""
        fits = self._fleet.measure_links([(a, b) for a, b, _ in setting.links()], LINK_REPEATS)
        return tuple(LinkFigures(a, b, fit.latency_s, fit.bandwidth_bits_per_s) for (a, b), fit in fits.items())

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
            pass_seconds=candidate.pass_seconds if candidate is not None and candidate.pass_seconds else None,
        )
    else:
        assert isinstance(workload, Inference)
        work = InferenceWork(setting.micro_batch_size, setting.sequence_length, workload.output_tokens, iterations)
    return Job(setting.config, SOURCE, stages, work)


def layers_of(samples: LayerSamples, blocks: int) -> tuple[LayerSeconds, ...]:
    """Seconds of all layers from samples of a model with fewer blocks.

    All blocks but the first are the same work (under LoRA the first needs no gradient of its input). What counts is their
    mean in a pass, for a throttled node that was kept from its core in one layer makes up for it in the next. And as an
    iteration sums many passes, their mean counts too, not their median, which lies below it where times have a tail; a
    tenth at either end is left out, for a host that pauses.
    """
    own: dict[str, list[float]] = {}
    for name, layers in samples.items():
        embedding, first, head = layers[0], layers[1], layers[-1]
        others = [mean(together) for together in zip(*layers[2:-1], strict=True)]
        own[name] = [
            middle_mean(embedding),
            middle_mean(first),
            *[middle_mean(others)] * (blocks - 1),
            middle_mean(head),
        ]
    return tuple(LayerSeconds(**{name: seconds[k] for name, seconds in own.items()}) for k in range(blocks + 2))
