"""Bytes of a real layer: what it holds, what it keeps between its passes, and what it sends across a cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from api.measuring.layer_passes import (
    InferenceLayer,
    LayerWork,
    PassedLayer,
    PassName,
    TrainingLayer,
    layer_input,
)
from api.measuring.transformer import SplitTransformer, Stage


@dataclass(frozen=True, slots=True)
class LayerSizes:
    """Measured bytes, named as in a profile; None where the layer has no such thing or it cannot be seen."""

    weight_bytes: float
    gradient_bytes: float | None = None
    optimizer_bytes: float | None = None
    activation_bytes: float | None = None
    kv_cache_bytes: float | None = None
    forward_output_bytes: float | None = None
    backward_output_bytes: float | None = None
    decode_output_bytes: float | None = None


def layer_sizes(model: SplitTransformer, layer: PassedLayer, work: LayerWork) -> LayerSizes:
    """Sizes of a layer, seen while it runs each of its passes once."""
    if isinstance(layer, TrainingLayer):
        return _training_sizes(model, layer)
    return _inference_sizes(model, layer, work)


def _training_sizes(model: SplitTransformer, layer: TrainingLayer) -> LayerSizes:
    """Activations kept are all storages that autograd saves in one forward pass, each once.

    Not counted are the layer's own parameters and what the blocks of a stage share (rotary angles, masks).
    """
    kept = _KeptStorages()
    with torch.autograd.graph.saved_tensors_hooks(kept.note, lambda tensor: tensor):
        layer.run(PassName.FORWARD, _untimed)
    activations = kept.bytes_beyond((*layer.stage.parameters(), *layer.shared))
    out, received = layer.sent, layer.received
    passes = tuple(layer.passes())
    gradients = None
    if PassName.BACKWARD in passes:
        layer.run(PassName.BACKWARD, _untimed)
        gradients = sum(_bytes(parameter.grad) for parameter in layer.trained if parameter.grad is not None)
    if PassName.UPDATE in passes:
        layer.run(PassName.UPDATE, _untimed)
    head = layer.index == model.layer_count - 1
    return LayerSizes(
        weight_bytes=_weights(layer.stage),
        gradient_bytes=gradients if layer.trained else None,
        optimizer_bytes=None if layer.optimizer is None else layer.optimizer.state_bytes,
        activation_bytes=activations if PassName.BACKWARD in passes else None,
        forward_output_bytes=None if head else _bytes(out),
        backward_output_bytes=None if received.grad is None else _bytes(received.grad),
    )


@torch.no_grad()
def _inference_sizes(model: SplitTransformer, layer: InferenceLayer, work: LayerWork) -> LayerSizes:
    """The cache at the end of a request: all tokens but the last generated one have passed."""
    stage, head = layer.stage, layer.index == model.layer_count - 1
    if head:
        return LayerSizes(weight_bytes=_weights(stage))
    cache = stage.new_cache()
    sent = stage.step(layer_input(model, layer.index, work.sequences, work.tokens), cache)
    decoded = None
    if work.decodes:
        for tokens in (work.output_tokens - 2, 1):
            if tokens:
                decoded = stage.step(layer_input(model, layer.index, work.sequences, tokens), cache)
    return LayerSizes(
        weight_bytes=_weights(stage),
        kv_cache_bytes=cache.stored_bytes if layer.index else None,
        forward_output_bytes=_bytes(sent),
        decode_output_bytes=None if decoded is None else _bytes(decoded),
    )


class _KeptStorages:
    """Storages of the tensors that autograd saves. Held here, so that none is freed and its address used again."""

    def __init__(self) -> None:
        self._storages: dict[int, Any] = {}

    def note(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        self._storages[storage.data_ptr()] = storage
        return tensor

    def bytes_beyond(self, others: tuple[torch.Tensor, ...]) -> int:
        """Bytes of the storages that are none of these tensors'."""
        known = {tensor.untyped_storage().data_ptr() for tensor in others}
        return sum(storage.nbytes() for address, storage in self._storages.items() if address not in known)


def _untimed(work: Any) -> tuple[Any, float]:
    return work(), 0.0


def _weights(stage: Stage) -> int:
    return sum(_bytes(parameter) for parameter in stage.parameters())


def _bytes(tensor: torch.Tensor) -> int:
    return int(tensor.numel() * tensor.element_size())
