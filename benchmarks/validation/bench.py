"""The bench of this machine: emulated nodes that live through all settings, as `examples.split_runtime` makes them."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from benchmarks.validation.candidates import Candidate
from benchmarks.validation.inputs import LayerSeconds, LinkFigures, Measured
from benchmarks.validation.record import Ran
from benchmarks.validation.settings import LORA_RANK, SOURCE, Setting
from benchmarks.validation.statistics import median
from examples.split_runtime.fleet import Fleet, Ground, LinkShape, Shape
from examples.split_runtime.job import InferenceWork, Job, StageOf, TrainingWork
from examples.split_runtime.protocol import LayerSamples
from models.workload import Inference, Training

LAYERS_BUDGET_S = 4.0
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
    def links(self) -> str:
        """By what the links are slowed."""
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
        """Seconds of every layer on every node, all nodes at the same time; then the links, one after the other."""
        everything = (StageOf(SOURCE, 0, setting.layer_count),)
        samples = self._fleet.measure_layers(_job(setting, everything, 1, None), LAYERS_BUDGET_S)
        pairs = [(source, target) for source, target, _ in setting.links()]
        fits = self._fleet.measure_links(pairs, LINK_REPEATS)
        return Measured(
            {node.id: _layers(samples[node.id]) for node in setting.nodes},
            tuple(
                LinkFigures(source, target, fit.latency_s, fit.bandwidth_bits_per_s)
                for (source, target), fit in fits.items()
            ),
        )

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


def _layers(samples: LayerSamples) -> tuple[LayerSeconds, ...]:
    """Medians of the samples of each layer."""
    by_pass = {name: [median(layer) for layer in layers] for name, layers in samples.items()}
    count = len(by_pass["forward"])
    return tuple(
        LayerSeconds(**{name: layers[k] for name, layers in by_pass.items() if k < len(layers)}) for k in range(count)
    )
