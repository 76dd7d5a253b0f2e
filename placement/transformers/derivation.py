"""The public function: a model as requested -> a profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from models.base import Fault, InvalidInput, refuse
from models.profile import Layer, ModelSpec, Profile
from models.workload import Workload
from placement import catalogue
from placement.transformers import layers, payloads
from placement.transformers.architecture import Architecture, Block
from placement.transformers.choices import choose
from placement.transformers.config_reader import ConfigReader, shown
from placement.transformers.families import open_config
from placement.transformers.notes import profile_notes
from placement.transformers.setting import Setting


def profile(spec: ModelSpec, workload: Workload) -> Profile:
    """The layers of a model with their costs per pass, for inference or training.

    `spec.layers` are taken as they are; a Hugging Face config, given or from the catalogue, is turned into one
    embedding layer, one layer per block and one head layer. Raises `InvalidInput` with every fault that was found.
    """
    if spec.layers is not None:
        return Profile(
            name=spec.name or "custom",
            layers=spec.layers,
            input_bytes=spec.input_bytes or 0.0,
            label_bytes=spec.label_bytes or 0.0,
            result_bytes=spec.result_bytes or 0.0,
        )
    if spec.catalogue is not None:
        config = _from_catalogue(spec.catalogue)
        return _derive(spec, workload, config, spec.name or spec.catalogue)
    assert spec.huggingface_config is not None  # ModelSpec: exactly one of the three
    config = spec.huggingface_config
    given = next((text for key in ("_name_or_path", "model_type") if (text := shown(config.get(key)))), "transformer")
    return _derive(spec, workload, config, spec.name or str(given))


def _from_catalogue(name: str) -> Mapping[str, Any]:
    try:
        return catalogue.transformer(name).huggingface_config
    except InvalidInput as error:
        raise InvalidInput([fault.below("/model/catalogue") for fault in error.faults]) from None


def _derive(spec: ModelSpec, workload: Workload, config: Mapping[str, Any], name: str) -> Profile:
    family, head, reader = open_config(config)
    architecture = family.read(reader, head)
    _refuse(reader, [])
    setting, faults = choose(spec, workload, family, architecture, reader)
    _refuse(reader, faults)
    try:
        derived = _layers(architecture, setting)
    except (ValidationError, OverflowError):
        # The figures of a layer have limits (models.units); single keys within their own limits can multiply past them.
        message = "model: the costs of a layer exceed what a plan can hold; shorten the sequence or shrink the model"
        raise InvalidInput([Fault("/model", "too_large", message)]) from None
    return Profile(
        name=name,
        layers=derived,
        input_bytes=payloads.input_bytes(architecture, setting),
        label_bytes=payloads.label_bytes(architecture.head, setting) if setting.training else 0.0,
        result_bytes=0.0 if setting.training else payloads.result_bytes(architecture.head, setting),
        parameters=architecture.parameters,
        trainable_parameters=_trainable(architecture, setting),
        notes=tuple(profile_notes(spec, family, architecture, setting, reader)),
    )


def _refuse(reader: ConfigReader, faults: list[Fault]) -> None:
    """Raise when there are faults; a key that was read twice is reported once."""
    refuse(list({(fault.pointer, fault.code): fault for fault in [*reader.faults, *faults]}.values()))


def _trainable(architecture: Architecture, setting: Setting) -> int | None:
    """Tied parameters once; None in inference."""
    if setting.adaptation is None:
        return None
    if setting.adaptation.full:
        return architecture.parameters
    return sum(setting.adaptation.trainable(block) for block in architecture.blocks)


def _layers(architecture: Architecture, setting: Setting) -> tuple[Layer, ...]:
    read_by_head = architecture.head.tokens_read(setting.tokens_per_sequence, training=setting.training)
    first_needs = setting.adaptation is not None and setting.adaptation.full
    last = len(architecture.blocks) - 1
    made: dict[tuple[Block, bool, bool], Layer] = {}
    blocks = []
    for k, block in enumerate(architecture.blocks):
        input_needs = k > 0 or first_needs
        key = (block, input_needs, k == last)
        if key not in made:
            made[key] = layers.block_layer(
                block,
                setting,
                input_needs=input_needs,
                read_behind=read_by_head if k == last else setting.tokens_per_sequence,
                generates=architecture.generates,
            )
        blocks.append(made[key].model_copy(update={"name": f"block {k}"}))
    embedding = layers.embedding_layer(architecture.embedding, setting)
    return (embedding, *blocks, layers.head_layer(architecture.head, setting))
