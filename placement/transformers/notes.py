"""What a profile rests on, in sentences: assumptions, sources, weak spots."""

from __future__ import annotations

from collections.abc import Iterator

from models.profile import AttentionKernel, ModelSpec, Quantization
from placement.transformers.architecture import Architecture, HeadKind, Role
from placement.transformers.choices import DEFAULT_SEQUENCE
from placement.transformers.config_reader import ConfigReader
from placement.transformers.families.family import Family
from placement.transformers.numerics import GROUP_SIZE, QUANTISED_BYTES
from placement.transformers.setting import Setting

_MEASURED_STASH = ("llama", "gpt2")


def profile_notes(
    spec: ModelSpec, family: Family, architecture: Architecture, setting: Setting, reader: ConfigReader
) -> Iterator[str]:
    """Notes in a fixed order; the same request gives the same notes."""
    yield f"{family.title}: keys that the config leaves out have the defaults of the transformers library."
    if reader.pointer.endswith("text_config"):
        yield "Only the language model in text_config is profiled; vision or audio towers are not."
    yield from _shape_notes(spec, architecture, setting)
    yield from _figure_notes(architecture, setting)
    if setting.training:
        yield from _training_notes(family, architecture, setting)
    elif spec.fine_tuning is not None:
        yield "fine_tuning is not used: the workload is inference."


def _shape_notes(spec: ModelSpec, architecture: Architecture, setting: Setting) -> Iterator[str]:
    sequence = setting.tokens_per_sequence
    if architecture.embedding.patches is not None:
        yield f"{sequence} tokens per image: its patches and the class token. Input: uint8 pixels, not compressed."
    else:
        if spec.sequence_length is None:
            yield f"sequence_length was not given: {sequence} (the lesser of {DEFAULT_SEQUENCE} and all positions)."
        yield "Input: int32 token ids; attention masks and token types are not counted."
    longest = sequence + setting.output_tokens - 1
    if architecture.max_positions is not None and longest > architecture.max_positions:
        yield (
            f"{longest} tokens exceed the config's {architecture.max_positions} positions; rotary positions allow it, "
            "the quality of the output is another matter."
        )
    if architecture.head.tied_weights:
        yield (
            "The head shares the embedding's matrix: parameters count it once, but both layers carry it in "
            "weight_bytes (and in training its gradient and states), because they may run on different nodes."
        )


def _figure_notes(architecture: Architecture, setting: Setting) -> Iterator[str]:
    yield "FLOPs count matrix products and attention, not normalisations and nonlinearities."
    causal = architecture.blocks[0].attention.causal
    if causal and setting.kernel is AttentionKernel.FUSED:
        yield "Fused causal attention skips the masked half: s (s + 1) / 2 pairs per sequence (fewer with a window)."
    elif causal:
        yield "Eager attention computes all s^2 pairs, masked ones and those outside a window included."
    if setting.decodes:
        yield (
            "A decode pass costs the mean of all: one token at a context of sequence_length + output_tokens / 2 (less "
            "with a window). The KV cache is sized for sequence_length + output_tokens."
        )
    if architecture.head.kind is HeadKind.LANGUAGE and not setting.training:
        yield "In prefill the head reads the last token only: only its hidden state crosses the cut before the head."
    if any(matrix.role is Role.ROUTER for matrix in architecture.blocks[0].matrices):
        yield (
            "Experts: FLOPs of the active ones, memory of all, traffic of the expected number of distinct ones under "
            "uniform, independent routing (real routers are less even)."
        )
    quantization = setting.numerics.quantization
    if quantization is not Quantization.NONE:
        yield (
            f"{quantization}: {QUANTISED_BYTES[quantization]:g} bytes per weight of the blocks' matrices, with scales "
            f"for groups of {GROUP_SIZE}; biases, normalisations, routers, embedding and head stay in dtype."
        )
    yield "Memory traffic is an estimate for kernels that are not fused with one another."


def _training_notes(family: Family, architecture: Architecture, setting: Setting) -> Iterator[str]:
    adaptation = setting.adaptation
    assert adaptation is not None  # the caller has asked for training
    numerics = setting.numerics
    yield (
        f"Per trainable parameter: {numerics.value_bytes} bytes of gradient and {numerics.optimizer_bytes} of "
        "optimizer state (a float32 master copy included where dtype has 16 bits)."
    )
    if not adaptation.full:
        yield (
            f"LoRA of rank {adaptation.rank} on {', '.join(sorted(adaptation.targets))} of the blocks; embedding and "
            "head are frozen. parameters counts the model without adapters. The embedding has no backward pass, and "
            "the first block computes no gradient of its input."
        )
    if setting.recompute:
        yield "Recomputation: a block keeps its input only and runs its forward pass again within its backward pass."
    if family.model_type in _MEASURED_STASH:
        yield "activation_bytes follow rules that agree to the byte with measurements on this family (bfloat16)."
    else:
        yield "Weak: activation_bytes follow rules that were measured on Llama and GPT-2 blocks, not on this family."
    if architecture.head.kind is HeadKind.HIDDEN:
        yield "Weak: the model has no task head; one int32 label per sequence is assumed and its loss is not counted."
    if architecture.head.tied_weights and adaptation.full:
        yield "The exchange of the tied matrix's gradients between two nodes is not counted."
