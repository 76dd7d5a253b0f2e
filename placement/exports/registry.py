"""Formats by their name on the wire. A new format is one module and one line here."""

from __future__ import annotations

from models.export import ExportFormat
from placement.exports import (
    accelerate,
    deepspeed,
    dnet,
    exo,
    kubernetes,
    llama_cpp,
    petals,
    torch_pipelining,
    vllm,
)
from placement.exports.base import Format

FORMATS: dict[ExportFormat, Format] = {
    ExportFormat.ACCELERATE: accelerate.FORMAT,
    ExportFormat.TORCH_PIPELINING: torch_pipelining.FORMAT,
    ExportFormat.VLLM: vllm.FORMAT,
    ExportFormat.LLAMA_CPP: llama_cpp.FORMAT,
    ExportFormat.PETALS: petals.FORMAT,
    ExportFormat.EXO: exo.FORMAT,
    ExportFormat.DNET: dnet.FORMAT,
    ExportFormat.DEEPSPEED: deepspeed.FORMAT,
    ExportFormat.KUBERNETES: kubernetes.FORMAT,
}
