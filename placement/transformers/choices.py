"""Fills in what a request leaves open about a Transformer, and reports what does not fit it."""

from __future__ import annotations

from typing import Any

from models.base import Fault
from models.profile import (
    AttentionKernel,
    Dtype,
    FineTuning,
    FineTuningMethod,
    ModelSpec,
    Quantization,
)
from models.workload import Inference, Training, Workload
from placement.transformers.adaptation import Adaptation, target_faults
from placement.transformers.architecture import Architecture
from placement.transformers.config_reader import ConfigReader
from placement.transformers.families.family import Family
from placement.transformers.numerics import Numerics
from placement.transformers.setting import Setting

DEFAULT_SEQUENCE = 512
_DTYPES = {name: dtype for dtype in Dtype for name in (dtype.value, f"torch.{dtype.value}")}


def choose(
    spec: ModelSpec, workload: Workload, family: Family, architecture: Architecture, reader: ConfigReader
) -> tuple[Setting, list[Fault]]:
    """The setting, and every fault in what was chosen."""
    training = isinstance(workload, Training)
    fine_tuning = spec.fine_tuning or FineTuning()
    quantization, faults = _quantization(spec, reader)
    output_tokens = workload.output_tokens if isinstance(workload, Inference) else 1
    sequence = _sequence(spec, architecture)
    faults += _sequence_faults(spec, architecture, sequence, output_tokens)
    adaptation = None
    if training:
        adaptation = _adaptation(fine_tuning, family)
        faults += _training_faults(fine_tuning, architecture, quantization)
    setting = Setting(
        sequences=spec.micro_batch_size or 1,
        tokens_per_sequence=sequence,
        output_tokens=output_tokens,
        numerics=Numerics(_dtype(spec, reader), quantization, fine_tuning.optimizer),
        kernel=spec.attention or AttentionKernel.FUSED,
        adaptation=adaptation,
        recompute=training and fine_tuning.recompute_activations,
    )
    return setting, faults


def _dtype(spec: ModelSpec, reader: ConfigReader) -> Dtype:
    """The request's, else the config's, else float16."""
    if spec.dtype is not None:
        return spec.dtype
    for key in ("dtype", "torch_dtype"):
        value = reader.raw(key, inherit=True)
        if value is None or value == "auto":
            continue
        if not isinstance(value, str) or value not in _DTYPES:
            reader.fault(key, "unsupported", f"must be one of {', '.join(Dtype)}; or give model.dtype", [*Dtype])
            break
        return _DTYPES[value]
    return Dtype.FLOAT16


def _quantization(spec: ModelSpec, reader: ConfigReader) -> tuple[Quantization, list[Fault]]:
    """The request's, else 4 or 8 bits as the config's `quantization_config` says, else none."""
    if spec.quantization is not None:
        return spec.quantization, []
    config = reader.raw("quantization_config", inherit=True)
    if config is None:
        return Quantization.NONE, []
    bits: Any = None
    if isinstance(config, dict):
        bits = 4 if config.get("load_in_4bit") is True else 8 if config.get("load_in_8bit") is True else None
        bits = config.get("bits", bits)
    if isinstance(bits, int) and bits in (4, 8):
        return (Quantization.INT4 if bits == 4 else Quantization.INT8), []
    reader.fault(
        "quantization_config", "unsupported", "only 4 or 8 bits are covered; or give model.quantization", [4, 8]
    )
    return Quantization.NONE, []


def _sequence(spec: ModelSpec, architecture: Architecture) -> int:
    if architecture.embedding.patches is not None:
        return architecture.embedding.patches.count + architecture.embedding.class_tokens
    return spec.sequence_length or min(architecture.max_positions or DEFAULT_SEQUENCE, DEFAULT_SEQUENCE)


def _sequence_faults(spec: ModelSpec, architecture: Architecture, sequence: int, output_tokens: int) -> list[Fault]:
    faults = []
    if spec.sequence_length is not None and architecture.embedding.patches is not None:
        message = f"model.sequence_length: the image and patch size decide it ({sequence} tokens)"
        faults.append(Fault("/model/sequence_length", "not_applicable", message, spec.sequence_length, sequence))
    if output_tokens > 1 and not architecture.generates:
        message = "workload.output_tokens: this model does not generate tokens; its result is one forward pass"
        faults.append(Fault("/workload/output_tokens", "not_applicable", message, output_tokens, 1))
    # A learned table has rows for so many positions; rotary positions have no such end.
    learned = architecture.max_positions if architecture.embedding.positions else None
    needed = sequence + output_tokens - 1
    if learned is not None and learned < needed and not faults:
        pointer = "/workload/output_tokens" if sequence <= learned else "/model/sequence_length"
        message = f"{pointer[1:].replace('/', '.')}: {needed} positions are needed, the model has learned {learned}"
        faults.append(Fault(pointer, "out_of_range", message, needed, learned))
    return faults


def _adaptation(fine_tuning: FineTuning, family: Family) -> Adaptation:
    if fine_tuning.method is FineTuningMethod.FULL:
        return Adaptation(full=True)
    return Adaptation(False, fine_tuning.rank, frozenset(fine_tuning.target_modules or family.lora_targets))


def _training_faults(fine_tuning: FineTuning, architecture: Architecture, quantization: Quantization) -> list[Fault]:
    if fine_tuning.method is FineTuningMethod.LORA:
        return target_faults(fine_tuning.target_modules or (), architecture.blocks[0])
    faults = []
    if fine_tuning.target_modules is not None:
        message = "model.fine_tuning.target_modules: has no meaning with method full; did you mean method lora?"
        faults.append(Fault("/model/fine_tuning/target_modules", "not_applicable", message))
    if quantization is not Quantization.NONE:
        message = f"model.quantization: {quantization} weights cannot be trained in full; use method lora, or none"
        faults.append(Fault("/model/quantization", "not_applicable", message, quantization.value, "none"))
    return faults
