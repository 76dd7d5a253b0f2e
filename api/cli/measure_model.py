"""`placement measure model`: what real layers take on this machine, as the `model` of a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from api.cli import inputs
from api.cli.consoles import messages, output
from api.cli.measured import Output, Quiet, hand_over
from api.cli.planning import AsJson, check_writable, write
from api.cli.profiling import fine_tuning
from models import InvalidInput, ModelSpec, PlanRequest
from models.base import DomainType
from models.cluster import Node
from models.profile import Dtype, Optimizer
from models.profile_request import ProfileRequest
from models.workload import Workload

if TYPE_CHECKING:
    from api.measuring.model import Measuring
    from api.measuring.model_report import ModelMeasurement

INTERRUPTED = 130
_EXTRAS = {"torch": "measure", "transformers": "measure", "peft": "run"}
"""Optional packages, and the extra that brings them."""


def model(  # noqa: PLR0913, PLR0917 - one parameter per option
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="A Hugging Face config.json, or a request; - reads stdin.")
    ],
    node: Annotated[str, typer.Option(help="This machine's id in the cluster.")],
    workload: Annotated[
        str | None, typer.Option(help="inference (the default) or training; decides which passes the layers have.")
    ] = None,
    sequence_length: Annotated[
        int | None, typer.Option(help="Tokens: of the prompt in inference, of a sample in training.")
    ] = None,
    output_tokens: Annotated[int | None, typer.Option(help="Inference: tokens generated per request.")] = None,
    micro_batch_size: Annotated[int | None, typer.Option(help="Sequences per micro-batch.")] = None,
    dtype: Annotated[Dtype | None, typer.Option(help="Number format of activations and weights.")] = None,
    lora: Annotated[int | None, typer.Option(metavar="RANK", help="Training: fine-tune by LoRA of this rank.")] = None,
    target_modules: Annotated[
        str | None, typer.Option(metavar="NAMES", help="LoRA: adapted matrices, e.g. q_proj,v_proj, or all-linear.")
    ] = None,
    optimizer: Annotated[Optimizer | None, typer.Option(help="Training: the optimizer of the update.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="Threads of torch (its own choice).")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=86400, help="Time for timed passes, about.")] = 60.0,
    every_layer: Annotated[bool, typer.Option("--all", help="Time every layer, not a sample of those alike.")] = False,
    into: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add the times to this measurement or `model` object, in place.")
    ] = None,
    as_json: AsJson = False,
    out: Output = None,
    quiet: Quiet = False,
) -> None:
    """Measure every layer of a Transformer with random weights: times on this node, real sizes. Nothing is downloaded.

    FILE is a config.json, described further by the options, or a request, whose `model` and `workload` are measured and
    whose figures of the node are compared with what was measured.

    Exit codes: 0 a measurement, 2 bad input or a model that cannot be run, 130 ended by Ctrl-C.
    """
    given: dict[str, Any] = {
        "sequence_length": sequence_length,
        "micro_batch_size": micro_batch_size,
        "dtype": dtype,
        "fine_tuning": fine_tuning(lora, target_modules, optimizer, recompute=False),
    }
    task = {"kind": workload, "output_tokens": output_tokens}
    check_writable(out)
    raw = inputs.read(file)
    body = inputs.object_of(raw, file)
    spec, used, figures = (_requested if "cluster" in body else _configured)(
        body, file, node, _given(given), _given(task)
    )
    known = None if into is None else _known(into)
    measured = _measured(file, spec, used, threads, quiet=quiet, how=lambda: _how(node, figures, seconds, every_layer))
    if known is not None:
        measured = _added(known, measured)
    hand_over(_json_of(measured), out, as_json=as_json)
    if not as_json:
        from api.cli.measured_model_view import shown_model  # needs the optional packages

        for part in shown_model(measured.reports[-1], output()):
            output().print(part)


@dataclass(frozen=True, slots=True)
class _Known:
    """A measurement in a file; bare: the file holds its `model` object alone."""

    file: Path
    measurement: ModelMeasurement
    bare: bool


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _configured(
    config: dict[str, Any], file: str, node: str, given: dict[str, Any], task: dict[str, Any]
) -> tuple[ModelSpec, Workload, Node | None]:
    """A config.json with the options beside it."""
    whole = {"huggingface_config": config, **given, "workload": {"kind": "inference", **task, "source": node}}
    request = inputs.request_of(ProfileRequest, json.dumps(whole).encode(), file)
    spec = ModelSpec.model_validate(request.model_dump(exclude={"workload"}, exclude_none=True))
    return spec, request.workload, None


def _requested(
    body: dict[str, Any], file: str, node: str, given: dict[str, Any], task: dict[str, Any]
) -> tuple[ModelSpec, Workload, Node | None]:
    """A request: it says everything about the model itself."""
    request = inputs.request_of(PlanRequest, json.dumps(body).encode(), file)
    options = [f"--{name.replace('_', '-')}" for name in (*given, *task)]
    if options:
        inputs.refuse(file, f"the request itself says what to measure; leave out {', '.join(options)}")
    named = next((one for one in request.cluster.nodes if one.id == node), None)
    if named is None:
        inputs.refuse("--node", f"{node} is none of the request's nodes")
    return request.model, request.workload, named


def _how(node: str, figures: Node | None, seconds: float, every_layer: bool) -> Measuring:
    from api.measuring.layer_timing import Effort
    from api.measuring.model import Measuring

    return Measuring(node, figures, every_layer, Effort(seconds))


def _measured(
    file: str,
    spec: ModelSpec,
    workload: Workload,
    threads: int | None,
    *,
    quiet: bool,
    how: Callable[[], Measuring],
) -> ModelMeasurement:
    """The measurement; missing packages, faults of the request and Ctrl-C end the command with a sentence."""
    console = messages()
    try:
        import torch
        import transformers

        from api.measuring.model import measure_model

        transformers.logging.set_verbosity_error()
        if threads is not None:
            torch.set_num_threads(threads)
        with console.status("building the model", spinner="line") as status:
            return measure_model(spec, workload, how(), lambda said: None if quiet else status.update(f"layers {said}"))
    except InvalidInput as error:
        inputs.refuse(file, str(error))
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        extra = _EXTRAS[error.name]
        inputs.refuse(file, f"{error.name} is not installed; the extra [{extra}] of layer-placement brings it")
    except KeyboardInterrupt:
        console.print("ended; nothing was measured to the end")
        raise typer.Exit(INTERRUPTED) from None


def _known(into: Path) -> _Known:
    from api.measuring.model_report import ModelMeasurement

    body = inputs.object_of(inputs.read(str(into)), str(into))
    bare = "layers" in body
    try:
        measurement = ModelMeasurement.model_validate({"model": body, "reports": ()} if bare else body)
    except ValidationError as error:
        inputs.refuse(str(into), f"it is neither a measured model nor layers: {error.errors()[0]['msg']}")
    return _Known(into, measurement, bare)


def _added(known: _Known, measured: ModelMeasurement) -> ModelMeasurement:
    """The file's measurement with this one's times added; the file is replaced at once or not at all."""
    from api.measuring.model_merging import merged

    try:
        both = merged(known.measurement, measured)
    except InvalidInput as error:
        inputs.refuse(str(known.file), str(error))
    beside = known.file.with_name(f"{known.file.name}.new")
    write(beside, _json_of(both.model if known.bare else both) + "\n")
    beside.replace(known.file)
    return both


def _json_of(value: DomainType) -> str:
    return value.model_dump_json(indent=2, exclude_none=True)
