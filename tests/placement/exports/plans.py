"""Small plans to export: a phone, a Jetson and an edge server, and tiny Transformers of every family."""

from __future__ import annotations

from typing import Any

from models.export import Export, ExportFormat, ExportRequest
from placement.exports import CannotSay, export

NODES = ("phone", "jetson", "edge")
BLOCKS = 4
LAYERS = BLOCKS + 2
TINY = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 32,
    "image_size": 16, "patch_size": 8,
}  # fmt: skip
TINY_GPT2 = {"vocab_size": 64, "n_embd": 32, "n_head": 4, "n_layer": BLOCKS, "n_positions": 32}
SERVING = {"kind": "inference", "source": "phone", "output_tokens": 4}
TRAINING = {"kind": "training", "source": "phone", "micro_batches": 4, "schedule": "1f1b"}


def config(model_type: str = "llama", class_name: str | None = None, **changes: Any) -> dict[str, Any]:
    """A config.json of four small blocks, as the library reads it, with untied embeddings unless told otherwise."""
    sizes = TINY_GPT2 if model_type == "gpt2" else TINY
    named = {} if class_name is None else {"architectures": [class_name]}
    return {"model_type": model_type, **sizes, "tie_word_embeddings": False, **named, **changes}


def stages(*spans: tuple[str, int, int], **more: Any) -> list[dict[str, Any]]:
    """Stages on these nodes, first..stop."""
    return [{"node": node, "first_layer": first, "stop_layer": stop, **more} for node, first, stop in spans]


THREE = stages(("phone", 0, 2), ("jetson", 2, 3), ("edge", 3, 6))
"""Blocks 0 | 1 | 2, 3; embedding on the phone, head on the edge server."""
U_SHAPED = stages(("phone", 0, 2), ("edge", 2, 5), ("phone", 5, 6))
"""Blocks 0 | 1, 2, 3; embedding and head on the phone."""
ALONE = stages(("phone", 0, 1), ("jetson", 1, 5), ("edge", 5, 6))
"""Embedding | all blocks | head."""


def request(
    model: dict[str, Any] | None = None,
    workload: dict[str, Any] | None = None,
    nodes: tuple[str, str, str] = NODES,
    **more: Any,
) -> dict[str, Any]:
    """A request over three nodes, each linked with each; the first is the source."""
    kinds = ("terminal", "edge", "edge")
    return {
        "cluster": {
            "nodes": [
                {"id": node, "kind": kind, "compute_flops_per_s": 1e12, "memory_bytes": "64GiB"}
                for node, kind in zip(nodes, kinds, strict=True)
            ],
            "links": [
                {"source": a, "target": b, "bandwidth_bits_per_s": 1e8, "latency_s": 0.001}
                for a, b in zip(nodes, (*nodes[1:], nodes[0]), strict=True)
            ],
        },
        "model": model or {"huggingface_config": config(), "sequence_length": 8},
        "workload": workload or SERVING,
        **more,
    }


def exported(
    wanted: ExportFormat | str,
    placed: list[dict[str, Any]],
    asked: dict[str, Any] | None = None,
    **options: Any,
) -> Export:
    """The export of stages of one's own."""
    return export(asked_of(wanted, placed, asked or request(), **options))


def asked_of(
    wanted: ExportFormat | str, placed: list[dict[str, Any]], asked: dict[str, Any], **options: Any
) -> ExportRequest:
    """What asks for the export of stages of one's own."""
    body = {"format": wanted, "options": options, "request": asked, "stages": placed}
    return ExportRequest.model_validate(body)


def refusals(wanted: ExportFormat | str, placed: list[dict[str, Any]], asked: dict[str, Any] | None = None) -> set[str]:
    """Codes of why a format cannot say a plan; none where it can."""
    try:
        exported(wanted, placed, asked)
    except CannotSay as cannot:
        return {fault.code for fault in cannot.faults}
    return set()


def losses(made: Export) -> set[str]:
    """Codes of what was lost."""
    return {warning.code for warning in made.warnings}
