"""What one family of architectures has to say about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from placement.transformers.architecture import Architecture, HeadKind
from placement.transformers.config_reader import ConfigReader


@dataclass(frozen=True, slots=True)
class Family:
    """One `model_type` and how to read its config."""

    model_type: str
    title: str
    heads: Mapping[str, HeadKind]
    """Class names as in `architectures`, with their heads; the first is the default."""
    read: Callable[[ConfigReader, HeadKind], Architecture]
    lora_targets: tuple[str, ...]
    """Matrices that LoRA adapts unless told otherwise."""


def decoder_heads(prefix: str, language: str = "ForCausalLM") -> dict[str, HeadKind]:
    """Class names of a decoder: generating (the default), classifying, and bare."""
    return {
        f"{prefix}{language}": HeadKind.LANGUAGE,
        f"{prefix}ForSequenceClassification": HeadKind.SEQUENCE_CLASSES,
        f"{prefix}Model": HeadKind.HIDDEN,
    }
