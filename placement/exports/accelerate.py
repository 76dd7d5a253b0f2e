"""Hugging Face accelerate: `device_map`, from module paths to devices."""

from __future__ import annotations

from models.export import ExportFormat, OptionName
from placement.exports import facts_of_models as model
from placement.exports import facts_of_plans as plan
from placement.exports.base import ARCHITECTURE, JSON, MODEL_NAME, Format, as_json
from placement.exports.subject import Subject


def write(subject: Subject) -> str:
    """Every module with weights under exactly one path, in the order in which modules run.

    What a model was planned without (an embedding, a head) runs with the stage beside it.
    """
    paths = subject.transformer.modules
    assert paths is not None  # class_unknown is refused
    blocks = paths.blocks(subject.block_count)
    placed = dict.fromkeys(paths.embedding, subject.device(subject.runs[0].node))
    for run in subject.runs:
        placed |= dict.fromkeys(blocks[run.blocks.start : run.blocks.stop], subject.device(run.node))
    placed |= dict.fromkeys(paths.head, subject.device(subject.runs[-1].node))
    return as_json(placed)


def usage(subject: Subject) -> tuple[str, ...]:
    """Three lines of Python."""
    name = subject.transformer.class_name
    return (
        f"from transformers import {name}",
        'device_map = json.loads(Path("device_map.json").read_text())',
        f"model = {name}.from_pretrained({subject.model_name!r}, device_map=device_map)",
    )


FORMAT = Format(
    name=ExportFormat.ACCELERATE,
    title="Hugging Face accelerate",
    reads="device_map of from_pretrained, load_checkpoint_and_dispatch and dispatch_model",
    filename="device_map.json",
    media_type=JSON,
    refused={
        model.class_unknown: "name the class in options.architecture",
        model.enclosed: "its modules have other names there, and the other parts have no place in the plan",
        plan.no_blocks: "modules are an embedding, numbered blocks and a head",
        plan.cut_outside_blocks: "they are one module, or modules in no fixed order",
        model.tied_apart: "accelerate ties them again on one device; untie them, or plan with both on one node",
    },
    lost={
        model.devices_not_given: "torch knows no such device; say in options.devices which it is",
        plan.several_nodes: "accelerate runs one process, and takes them for devices of one machine",
        plan.ends_not_planned: "what is absent runs beside the first or last block",
        plan.schedule: "accelerate runs one after the other, each on one device at a time: slower than planned",
        plan.concurrency: "accelerate runs one batch at a time",
        plan.operating_points: "set it on the machine",
        plan.quantization: "load the model with such a quantization_config",
        plan.adapters: "load the model first, then put the adapters in",
    },
    write=write,
    usage=usage,
    options={
        OptionName.DEVICES: "a device of the machine: 0, cuda:1, cpu or disk",
        OptionName.MODEL_NAME: MODEL_NAME,
        OptionName.ARCHITECTURE: ARCHITECTURE,
    },
)
