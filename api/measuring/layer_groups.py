"""Which layers are alike, and how many of them are measured.

A sample is as large as it takes for its weights to fill twice the processor's last cache, or the whole group where that
is less: gone through in turn, its layers then find in the cache what a stage of such layers would find there. Where
memory is short the sample is smaller, down to one layer: a model of any size can be measured if one of its layers fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.measuring.room import available_bytes, cache_bytes
from api.measuring.transformer import SplitTransformer
from models.profile import Layer, LayerKind

_SHARE_OF_MEMORY = 0.5
"""Of the memory that is free: as much may a sample's layers take."""


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers that cost the same, and how many of them are held at once."""

    layers: tuple[int, ...]
    at_once: int

    def parts(self, *, every_layer: bool) -> Iterator[tuple[int, ...]]:
        """What is built and timed together: one sample, or all layers bit by bit."""
        stop = len(self.layers) if every_layer else self.at_once
        for first in range(0, stop, self.at_once):
            yield self.layers[first : first + self.at_once]


def groups_of(model: SplitTransformer, layers: Sequence[Layer]) -> list[LayerGroup]:
    """Layers are alike that are derived alike, but for what the last block sends on, and that have the same mask."""
    alike: dict[tuple[str, bool], list[int]] = {}
    for k, layer in enumerate(layers):
        slides = layer.kind is LayerKind.BLOCK and model.family.slides(model.config, k - 1)
        forward = layer.forward.model_copy(update={"output_bytes": 0.0})
        bare = layer.model_copy(update={"name": None, "forward": forward})
        alike.setdefault((bare.model_dump_json(), slides), []).append(k)
    return [LayerGroup(tuple(group), sample_size(layers[group[0]], len(group))) for group in alike.values()]


def sample_size(layer: Layer, alike: int) -> int:
    """Layers whose weights fill twice the last cache, if memory has room for so many; one at least."""
    weights = max(layer.weight_bytes, 1.0)
    held = weights + layer.gradient_bytes + layer.optimizer_bytes + layer.activation_bytes + layer.kv_cache_bytes
    wanted = -(-2 * cache_bytes() // weights)
    fitting = (_SHARE_OF_MEMORY * available_bytes() - layer.workspace_bytes) // held
    return int(max(1, min(alike, wanted, fitting)))
