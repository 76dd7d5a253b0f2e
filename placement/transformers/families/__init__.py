"""The known families: one entry each. `find` picks by `model_type`, else by the class name in `architectures`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.base import Fault, InvalidInput
from placement.transformers.architecture import HeadKind
from placement.transformers.config_reader import ConfigReader, shown
from placement.transformers.families import bert, gemma, gpt2, llama, mistral, mixtral, phi, phi3, qwen, vit
from placement.transformers.families.family import Family

FAMILIES: tuple[Family, ...] = (
    gpt2.FAMILY,
    bert.FAMILY,
    vit.FAMILY,
    llama.FAMILY,
    mistral.FAMILY,
    mixtral.FAMILY,
    qwen.FAMILY_2,
    qwen.FAMILY_3,
    gemma.FAMILY_1,
    gemma.FAMILY_2,
    phi.FAMILY,
    phi3.FAMILY,
)

CONFIG = "/model/huggingface_config"


def known_model_types() -> list[str]:
    """Every `model_type` that can be profiled."""
    return [family.model_type for family in FAMILIES]


def open_config(config: Mapping[str, Any]) -> tuple[Family, HeadKind, ConfigReader]:
    """The family and head of a config, and a reader on the object that describes the language model.

    A multimodal config keeps the language model in `text_config`; that object is read, and what it
    leaves out about dtype and tying comes from the enclosing one.
    """
    family, reader = _family(config), ConfigReader(config, CONFIG)
    inner = config.get("text_config")
    if family is None and isinstance(inner, dict):
        family, reader = _family(inner), ConfigReader(inner, f"{CONFIG}/text_config", config)
    if family is None:
        raise InvalidInput([_unknown(reader)])
    return family, _head(family, reader), reader


def _family(config: Mapping[str, Any]) -> Family | None:
    model_type = config.get("model_type")
    if model_type is not None:
        return next((family for family in FAMILIES if family.model_type == model_type), None)
    names = _class_names(config)
    return next((family for family in FAMILIES for name in names if name in family.heads), None)


def _class_names(config: Mapping[str, Any]) -> list[str]:
    names = config.get("architectures")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _head(family: Family, reader: ConfigReader) -> HeadKind:
    names = reader.raw("architectures")
    if names is None or names == []:
        return next(iter(family.heads.values()))
    if not isinstance(names, list) or not isinstance(names[0], str) or names[0] not in family.heads:
        reader.fault(
            "architectures", "unknown_architecture", f"must be one of {', '.join(family.heads)}", [*family.heads]
        )
        return next(iter(family.heads.values()))
    return family.heads[names[0]]


def _unknown(reader: ConfigReader) -> Fault:
    model_type, names = reader.raw("model_type"), reader.raw("architectures")
    named = model_type if model_type is not None else names[0] if isinstance(names, list) and names else None
    what = "no model_type and no architectures" if named is None else f"unknown architecture {shown(named)}"
    known = known_model_types()
    message = f"model.huggingface_config: {what}; known model types: {', '.join(known)}"
    return Fault(f"{reader.pointer}/model_type", "unknown_architecture", message, shown(model_type), known)
