"""Measures a real Transformer on this machine, layer by layer: times for the node, sizes for the profile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import transformers

from api.measuring.layer_groups import LayerGroup, groups_of
from api.measuring.layer_passes import LayerWork, Timer, layer_input, passed_layer
from api.measuring.layer_sizes import LayerSizes, layer_sizes
from api.measuring.layer_timing import Effort, LayerSamples, time_passes, wall_clock
from api.measuring.model_figures import group_report, pooled, with_sizes, with_times
from api.measuring.model_report import GroupReport, ModelMeasurement, ModelReport
from api.measuring.spread import Spread, spread_of
from api.measuring.transformer import SplitTransformer, StagePass
from models.base import Fault, refuse
from models.cluster import Node
from models.profile import AttentionKernel, Layer, ModelSpec, Profile, Quantization
from models.workload import Workload
from placement import catalogue
from placement.transformers import profile
from placement.transformers.choices import choose
from placement.transformers.families import open_config
from placement.transformers.setting import Setting

Progress = Callable[[str], None]
_OVERHEAD_SAMPLES = 25


@dataclass(frozen=True, slots=True)
class Measuring:
    """How to measure. node: its id; figures: its rates, to compare estimates with; every_layer: no samples."""

    node: str
    figures: Node | None = None
    every_layer: bool = False
    effort: Effort = field(default_factory=Effort)
    """Its budget is for the whole model."""
    timer: Timer[Any] = wall_clock
    seed: int = 0


def measure_model(
    spec: ModelSpec, workload: Workload, how: Measuring, progress: Progress = lambda _: None
) -> ModelMeasurement:
    """Measure the layers that `placement.transformers.profile` derives for the same model and workload.

    Raises `InvalidInput` with every fault of the request, and where the model cannot be run (encoders, quantised
    weights, eager attention, recomputation, 8-bit AdamW).
    """
    started_s = time.monotonic()
    derived = profile(spec, workload)
    config = config_of(spec)
    setting = _setting(spec, workload, config)
    refuse(list(_unrunnable(setting)))
    model = split_transformer(config, setting, how.seed)
    work = layer_work(setting)
    layers, groups = _measure(model, derived, work, how, progress)
    report = ModelReport(
        node=how.node,
        threads=torch.get_num_threads(),
        torch=str(torch.__version__),
        transformers=str(transformers.__version__),
        dtype=setting.numerics.dtype.value,
        stage_overhead_s=_stage_overhead(model, work),
        seconds=time.monotonic() - started_s,
        groups=tuple(groups),
        notes=derived.notes,
    )
    payloads = derived.model_dump(include={"name", "input_bytes", "label_bytes", "result_bytes"})
    return ModelMeasurement(model=ModelSpec(layers=tuple(layers), **payloads), reports=(report,))


def config_of(spec: ModelSpec) -> dict[str, Any]:
    """The Hugging Face config behind a specification. Raises `InvalidInput` where the layers were given outright."""
    if spec.catalogue is not None:
        return dict(catalogue.transformer(spec.catalogue).huggingface_config)
    if spec.huggingface_config is None:
        message = "model.layers: layers given outright cannot be run; a huggingface_config or a catalogue name can"
        refuse([Fault("/model/layers", "not_applicable", message)])
    assert spec.huggingface_config is not None  # ModelSpec: exactly one of the three
    return spec.huggingface_config


def _setting(spec: ModelSpec, workload: Workload, config: dict[str, Any]) -> Setting:
    """The choices that the derivation made; `profile` has refused every fault in them."""
    family, head, reader = open_config(config)
    setting, _ = choose(spec, workload, family, family.read(reader, head), reader)
    return setting


def _unrunnable(setting: Setting) -> Iterator[Fault]:
    asked = (
        (setting.numerics.quantization is not Quantization.NONE, "quantization", "weights are measured as they are"),
        (setting.kernel is not AttentionKernel.FUSED, "attention", "blocks are measured with fused attention"),
        (setting.recompute, "fine_tuning/recompute_activations", "activations are measured as they are kept"),
    )
    for wrong, place, reason in asked:
        if wrong:
            yield Fault(f"/model/{place}", "unsupported", f"model.{place.replace('/', '.')}: {reason}")


def split_transformer(config: dict[str, Any], setting: Setting, seed: int = 0) -> SplitTransformer:
    """The model in a setting: its dtype, its adapters."""
    adaptation, dtype = setting.adaptation, setting.numerics.dtype.value
    if adaptation is None or adaptation.full:
        return SplitTransformer(config, dtype=dtype, seed=seed)
    targets = tuple(sorted(adaptation.targets))
    return SplitTransformer(config, dtype=dtype, seed=seed, lora_rank=adaptation.rank, lora_targets=targets)


def layer_work(setting: Setting) -> LayerWork:
    """What a setting asks of every layer."""
    return LayerWork(
        setting.sequences,
        setting.tokens_per_sequence,
        setting.output_tokens,
        setting.training,
        setting.numerics.optimizer,
    )


def _measure(
    model: SplitTransformer, derived: Profile, work: LayerWork, how: Measuring, progress: Progress
) -> tuple[list[Layer], list[GroupReport]]:
    """Every layer with measured sizes and times, and the report on every group."""
    groups = groups_of(model, derived.layers)
    parts = sum(1 for group in groups for _ in group.parts(every_layer=how.every_layer))
    how = replace(how, effort=replace(how.effort, budget_s=how.effort.budget_s / parts))
    layers, reports = list(derived.layers), []
    for number, group in enumerate(groups, 1):
        first = derived.layers[group.layers[0]]
        progress(f"{number} of {len(groups)}: {first.name}, {len(group.layers)} alike")
        samples = _time_group(model, group, work, how)
        together = pooled(samples.values())
        sizes: dict[float, LayerSizes] = {}
        for index in group.layers:
            # The last block sends less on than the others, and is like them otherwise.
            sent = layers[index].forward.output_bytes
            if sent not in sizes:
                sizes[sent] = layer_sizes(model, passed_layer(model, index, work), work)
            seconds = samples[index] if how.every_layer else together
            layers[index] = with_times(with_sizes(layers[index], sizes[sent]), how.node, seconds)
        of_first = sizes[first.forward.output_bytes]
        reports.append(group_report(first, group.layers, of_first, samples, how.figures))
    return layers, reports


def _time_group(model: SplitTransformer, group: LayerGroup, work: LayerWork, how: Measuring) -> dict[int, LayerSamples]:
    samples: dict[int, LayerSamples] = {}
    for part in group.parts(every_layer=how.every_layer):
        built = [passed_layer(model, index, work) for index in part]
        samples |= time_passes(built, how.timer, how.effort)
        del built  # else the next part would be built while this one is held
    return samples


def _stage_overhead(model: SplitTransformer, work: LayerWork) -> Spread:
    """Seconds of what a stage does once per pass for all its blocks: positions, rotary angles, causal mask."""
    stage = model.stage(1, 2)
    x = layer_input(model, 1, work.sequences, work.tokens)
    seconds = [wall_clock(lambda: StagePass(stage, x).prepare(1, x))[1] for _ in range(_OVERHEAD_SAMPLES)]
    return spread_of(seconds)
