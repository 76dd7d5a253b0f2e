"""`placement profile`: from a Transformer's configuration to what each layer costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from api.cli import formats, inputs, placement_view
from api.cli.consoles import output
from api.cli.engine import Engine, engine_of
from api.cli.names import plain
from api.cli.tables import add_figures, add_names, table
from models import InvalidInput, ModelSpec, Profile
from models.profile import AttentionKernel, Dtype, FineTuningMethod, Layer, Optimizer, Quantization
from models.profile_request import ProfileRequest
from models.workload import Training

_TERMINAL = "terminal"
"""Some source is needed for a workload; the layers do not depend on it."""
_WIDE = 120


def profile(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: typer.Context,
    config: Annotated[
        str, typer.Argument(metavar="CONFIG.json|-", help="A Hugging Face config.json, as it is; - reads stdin.")
    ],
    workload: Annotated[str, typer.Option(help="inference or training; decides which passes the layers have.")] = (
        "inference"
    ),
    sequence_length: Annotated[
        int | None, typer.Option(help="Tokens: of the prompt in inference, of a sample in training.")
    ] = None,
    output_tokens: Annotated[int | None, typer.Option(help="Inference: tokens generated per request.")] = None,
    micro_batch_size: Annotated[int | None, typer.Option(help="Sequences per micro-batch.")] = None,
    dtype: Annotated[Dtype | None, typer.Option(help="Number format of activations and weights.")] = None,
    quantization: Annotated[Quantization | None, typer.Option(help="Weight-only quantisation of the blocks.")] = None,
    attention: Annotated[AttentionKernel | None, typer.Option(help="Attention kernel.")] = None,
    lora: Annotated[int | None, typer.Option(metavar="RANK", help="Training: fine-tune by LoRA of this rank.")] = None,
    target_modules: Annotated[
        str | None, typer.Option(metavar="NAMES", help="LoRA: adapted matrices, e.g. q_proj,v_proj, or all-linear.")
    ] = None,
    optimizer: Annotated[Optimizer | None, typer.Option(help="Training: whose state is kept.")] = None,
    recompute: Annotated[bool, typer.Option(help="Training: keep block inputs only, recompute in backward.")] = False,
    every_layer: Annotated[bool, typer.Option("--all", help="One row per layer, equal ones too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the layers as the `model` object of a request, and nothing else.")
    ] = False,
) -> None:
    """Derive what each layer of a Transformer costs: weights, operations, memory traffic, and what crosses a cut.

    Exit codes: 0 a profile, 2 bad input (an unknown architecture is answered with the known ones).
    """
    raw = inputs.read(config)
    spec: dict[str, Any] = {
        "sequence_length": sequence_length,
        "micro_batch_size": micro_batch_size,
        "dtype": dtype,
        "quantization": quantization,
        "attention": attention,
        "fine_tuning": fine_tuning(lora, target_modules, optimizer, recompute=recompute),
    }
    task = {"kind": workload, "source": _TERMINAL, "output_tokens": output_tokens}
    body = json.dumps(
        {
            "huggingface_config": inputs.object_of(raw, config),
            **{name: value for name, value in spec.items() if value is not None},
            "workload": {name: value for name, value in task.items() if value is not None},
        }
    ).encode()
    request = inputs.request_of(ProfileRequest, body, config)
    answer = inputs.done(lambda: _profiled(engine_of(context), request), config, body)
    if as_json:
        typer.echo(json.dumps(model_piece(answer), indent=2))
    else:
        show_profile(answer, output(), training=isinstance(request.workload, Training), every_layer=every_layer)


def _profiled(engine: Engine, request: ProfileRequest) -> Profile:
    try:
        return engine.profile(request, request.workload)
    except InvalidInput as error:  # its pointers are those of a plan request, which holds all this under `model`
        faults = [replace(fault, pointer=fault.pointer.removeprefix("/model")) for fault in error.faults]
        raise InvalidInput(faults) from None


def fine_tuning(
    rank: int | None, target_modules: str | None, optimizer: Optimizer | None, *, recompute: bool
) -> dict[str, Any] | None:
    """The `fine_tuning` object, None when no option speaks of it."""
    given: dict[str, Any] = {}
    if rank is not None or target_modules is not None:
        given["method"] = FineTuningMethod.LORA
    if rank is not None:
        given["rank"] = rank
    if target_modules is not None:
        given["target_modules"] = [name.strip() for name in target_modules.split(",")]
    if optimizer is not None:
        given["optimizer"] = optimizer
    if recompute:
        given["recompute_activations"] = True
    return given or None


def model_piece(profile: Profile) -> dict[str, Any]:
    """The profile as the `model` object of a request."""
    payloads = profile.model_dump(include={"name", "input_bytes", "label_bytes", "result_bytes"})
    layers = [layer.model_dump(mode="json", exclude_none=True) for layer in profile.layers]
    piece = {**payloads, "layers": layers}
    ModelSpec.model_validate(piece)
    return piece


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive layers that cost the same."""

    first: int
    stop: int
    layer: Layer


def _runs(layers: tuple[Layer, ...], *, every_layer: bool) -> Iterator[_Run]:
    first = 0
    for k in range(1, len(layers) + 1):
        same = k < len(layers) and not every_layer
        if not (
            same and layers[k].model_copy(update={"name": None}) == layers[first].model_copy(update={"name": None})
        ):
            yield _Run(first, k, layers[first])
            first = k


def show_profile(profile: Profile, console: Console, *, training: bool, every_layer: bool = False) -> None:
    """Print the layers, equal neighbours in one row, and the totals."""
    for part in _parts(profile, console, training=training, every_layer=every_layer):
        console.print(part)


def _parts(profile: Profile, console: Console, *, training: bool, every_layer: bool) -> Iterator[RenderableType]:
    layers = profile.layers
    counts = [f"{len(layers)} layers", f"weights {formats.size(sum(layer.weight_bytes for layer in layers))}"]
    if profile.parameters is not None:
        counts.insert(0, f"{formats.count(profile.parameters)} parameters ({profile.parameters:,})")
    if training and profile.trainable_parameters is not None:
        counts.append(f"trainable {formats.count(profile.trainable_parameters)}")
    yield Text.assemble((plain(profile.name), "bold"), f"  {', '.join(counts)}")
    payloads = (("input", profile.input_bytes), ("labels", profile.label_bytes), ("result", profile.result_bytes))
    sizes = [f"{name} {formats.size(value)}" for name, value in payloads if value]
    if sizes:
        yield Text(f"per micro-batch: {', '.join(sizes)}")
    yield ""
    yield _layers(profile, console, training=training, every_layer=every_layer)
    yield Text("per pass of one micro-batch; output is what a cut behind the layer sends on", "dim")
    yield ""
    yield from placement_view.notes(profile.notes)


def _layers(profile: Profile, console: Console, *, training: bool, every_layer: bool) -> RenderableType:
    wide = console.width >= _WIDE
    decodes = any(layer.decode is not None for layer in profile.layers)
    shown = table(ascii_only=console.options.ascii_only)
    add_figures(shown, "layers")
    add_names(shown, "kind")
    add_figures(shown, "weights", "forward", *(["traffic"] if wide else []), "output")
    if training:
        add_figures(shown, "backward", "kept", *(["gradients", "optimizer"] if wide else []))
    if decodes:
        add_figures(shown, "decode", "KV cache")
    for run in _runs(profile.layers, every_layer=every_layer):
        layer = run.layer
        row = [formats.size(layer.weight_bytes), formats.flops(layer.forward.flops)]
        row += [formats.size(layer.forward.traffic_bytes)] if wide else []
        row.append(formats.size(layer.forward.output_bytes))
        if training:
            row += [
                formats.flops(layer.backward.flops if layer.backward else None),
                formats.size(layer.activation_bytes),
            ]
            row += [formats.size(layer.gradient_bytes), formats.size(layer.optimizer_bytes)] if wide else []
        if decodes:
            row += [formats.flops(layer.decode.flops if layer.decode else None), formats.size(layer.kv_cache_bytes)]
        alike = run.stop - run.first
        span = f"{run.first}..{run.stop}" if alike > 1 else str(run.first)
        shown.add_row(span, f"{alike} x {layer.kind}" if alike > 1 else str(layer.kind), *row)
    return shown
