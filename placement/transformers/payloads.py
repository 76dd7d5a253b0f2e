"""Bytes that enter and leave the model: raw input, labels, results, and what a cut behind a layer carries."""

from __future__ import annotations

from placement.transformers.architecture import Architecture, Head, HeadKind
from placement.transformers.numerics import TOKEN_BYTES
from placement.transformers.setting import Setting


def input_bytes(architecture: Architecture, setting: Setting) -> float:
    """Token ids (int32) without attention masks and token types; or pixels (uint8) at the model's resolution."""
    if architecture.embedding.patches is not None:
        return float(setting.sequences * architecture.embedding.patches.image_values)
    return float(TOKEN_BYTES * setting.tokens)


def label_bytes(head: Head, setting: Setting) -> float:
    """Labels as int32: one per token predicted; one per sequence for classes or no known task; two for spans."""
    per_token = head.kind in (HeadKind.LANGUAGE, HeadKind.MASKED_LANGUAGE, HeadKind.TOKEN_CLASSES)
    labels = setting.tokens if per_token else setting.sequences * (2 if head.kind is HeadKind.SPAN else 1)
    return float(TOKEN_BYTES * labels)


def result_bytes(head: Head, setting: Setting) -> float:
    """Of one pass: the next token's id; ids per token; start and end; class scores or one vector in dtype."""
    if head.kind is HeadKind.LANGUAGE:
        return float(TOKEN_BYTES * setting.sequences)
    if head.kind is HeadKind.SPAN:
        return float(2 * TOKEN_BYTES * setting.sequences)
    if head.kind in (HeadKind.MASKED_LANGUAGE, HeadKind.TOKEN_CLASSES):
        return float(TOKEN_BYTES * setting.tokens)
    return float(setting.sequences * head.outputs * setting.numerics.value_bytes)


def hidden_bytes(hidden: int, setting: Setting, tokens_per_sequence: int) -> float:
    """Hidden states (or their gradient) of t tokens of every sequence: b t d v."""
    return float(setting.sequences * tokens_per_sequence * hidden * setting.numerics.value_bytes)
