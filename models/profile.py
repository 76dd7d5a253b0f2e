"""The model to be placed: layers with their costs per pass, or a Transformer from which they are derived."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StrictBool, field_validator, model_validator

from models.base import DomainType, Fault, refuse
from models.units import Bytes, Count, Flops, Identifier, Seconds

MAX_LAYERS = 2048


class LayerKind(StrEnum):
    """What a layer is; the default head keeps everything up to the first block on the terminal."""

    EMBEDDING = "embedding"
    BLOCK = "block"
    HEAD = "head"
    OTHER = "other"


class Pass(DomainType):
    """The cost of one traversal of a layer by one micro-batch."""

    flops: Flops = 0.0
    """Floating-point operations."""
    traffic_bytes: Bytes = 0.0
    """Bytes of memory read and written."""
    output_bytes: Bytes = 0.0
    """Bytes that cross a cut behind this layer; for backward, the gradient that crosses the cut before it."""
    time_s: dict[Identifier, Seconds] | None = None
    """Measured seconds per node id, at the node's fastest level; overrides the estimate from FLOPs and traffic."""


class Layer(DomainType):
    """The atom that is placed. Sizes in bytes; passes cost one micro-batch."""

    name: Identifier | None = None
    kind: LayerKind = LayerKind.BLOCK
    weight_bytes: Bytes = 0.0
    gradient_bytes: Bytes = 0.0
    optimizer_bytes: Bytes = 0.0
    activation_bytes: Bytes = 0.0
    """Kept for the backward pass, per micro-batch in flight (training)."""
    kv_cache_bytes: Bytes = 0.0
    """Per concurrent request (inference)."""
    workspace_bytes: Bytes = 0.0
    """Scratch memory; the largest of a node's layers counts, once."""
    forward: Pass
    backward: Pass | None = None
    """Training; layers before the first one with a backward pass do none."""
    decode: Pass | None = None
    """Inference with output_tokens > 1: one generated token."""
    update: Pass | None = None
    """Training: the optimizer step, once per iteration."""


class Dtype(StrEnum):
    """Number format of activations, and of weights unless quantised."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class Quantization(StrEnum):
    """Weight-only quantisation: matrices of the blocks are stored in fewer bits, computation stays in `dtype`."""

    NONE = "none"
    INT8 = "int8"
    INT4 = "int4"


class Optimizer(StrEnum):
    """Optimizer whose state is kept for every trainable parameter."""

    ADAMW = "adamw"
    ADAMW_8BIT = "adamw_8bit"
    SGD_MOMENTUM = "sgd_momentum"
    SGD = "sgd"


class FineTuningMethod(StrEnum):
    """full: all parameters train; lora: low-rank adapters train, the rest is frozen."""

    FULL = "full"
    LORA = "lora"


class AttentionKernel(StrEnum):
    """eager: the s x s score matrix is materialised; fused: FlashAttention / SDPA, it is not."""

    EAGER = "eager"
    FUSED = "fused"


class FineTuning(DomainType):
    """How a Transformer is trained; used when the workload is training and the layers are derived."""

    method: FineTuningMethod = FineTuningMethod.FULL
    rank: Count = 8
    """LoRA rank r: an adapted d_in x d_out matrix gains r (d_in + d_out) parameters."""
    target_modules: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=16)] | None = None
    """LoRA: names of the adapted matrices, e.g. q_proj, v_proj (the default), or all-linear."""
    optimizer: Optimizer = Optimizer.ADAMW
    recompute_activations: StrictBool = False
    """Activation checkpointing: keep only each block's input, pay one more forward pass in backward."""


class ModelSpec(DomainType):
    """Exactly one of `layers`, `huggingface_config` and `catalogue`, with what that source needs."""

    name: Identifier | None = None
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=MAX_LAYERS)] | None = None
    """The layers outright, in execution order."""
    huggingface_config: dict[str, Any] | None = None
    """A Hugging Face config.json object, as it is."""
    catalogue: Identifier | None = None
    """Name of a model in the catalogue (GET /catalogue/models)."""

    input_bytes: Bytes | None = None
    """Raw input of one micro-batch, in bytes (with `layers`; default 0)."""
    label_bytes: Bytes | None = None
    """Labels of one micro-batch, in bytes (with `layers`; default 0)."""
    result_bytes: Bytes | None = None
    """Result of one forward or decode pass, in bytes (with `layers`; default 0)."""

    sequence_length: Count | None = None
    """Tokens per sequence: the prompt in inference, the sample in training (with a config or catalogue name)."""
    micro_batch_size: Count | None = None
    """Sequences per micro-batch (default 1)."""
    dtype: Dtype | None = None
    """Number format (default: the config's torch_dtype, else float16)."""
    quantization: Quantization | None = None
    """Weight-only quantisation (default none)."""
    attention: AttentionKernel | None = None
    """Attention kernel, for activation memory and FLOPs (default fused)."""
    fine_tuning: FineTuning | None = None
    """Training only (default: full fine-tuning with AdamW)."""

    @field_validator("huggingface_config")
    @classmethod
    def _finite(cls, config: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            json.dumps(config, allow_nan=False)
        except (ValueError, TypeError, RecursionError) as error:
            message = "huggingface_config holds what JSON has not (NaN, an infinity), or is nested too deeply"
            raise ValueError(message) from error
        return config

    @model_validator(mode="after")
    def _check(self) -> Self:
        sources = [name for name in ("layers", "huggingface_config", "catalogue") if getattr(self, name) is not None]
        faults = []
        if len(sources) != 1:
            given = " and ".join(sources) or "none of them"
            faults.append(
                Fault(
                    "",
                    "exactly_one",
                    f"model: give exactly one of layers, huggingface_config and catalogue, not {given}",
                    sources,
                )
            )
        outright = ("input_bytes", "label_bytes", "result_bytes")
        derived = ("sequence_length", "micro_batch_size", "dtype", "quantization", "attention", "fine_tuning")
        if sources:
            wrong = derived if sources == ["layers"] else outright if "layers" not in sources else ()
            faults += [
                Fault(f"/{name}", "not_applicable", f"model.{name}: has no meaning with {sources[0]}")
                for name in wrong
                if getattr(self, name) is not None
            ]
        refuse(faults)
        return self


class Profile(DomainType):
    """Layers outright with the payloads beside them: what the cost model reads."""

    name: str
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=MAX_LAYERS)]
    input_bytes: float = 0.0
    label_bytes: float = 0.0
    result_bytes: float = 0.0
    parameters: int | None = None
    """Parameters in all, where the layers were derived from a Transformer."""
    trainable_parameters: int | None = None
    notes: tuple[str, ...] = ()
    """Assumptions behind derived figures, and sources."""

    @property
    def first_backward_layer(self) -> int | None:
        """Index of the first layer with a backward pass; None when there is none."""
        return next((k for k, layer in enumerate(self.layers) if layer.backward is not None), None)
