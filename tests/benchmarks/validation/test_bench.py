"""From samples of few blocks to seconds of all layers."""

from __future__ import annotations

import pytest

from benchmarks.validation.bench import entry_s, layers_of
from benchmarks.validation.inputs import LayerSeconds
from examples.split_runtime.protocol import LayerSamples


def window(scale: float) -> LayerSamples:
    """Embedding, first block, two further ones, head; three passes."""
    forward = ((1.0, 1.0, 1.0), (4.0, 4.0, 4.0), (2.0, 9.0, 2.0), (6.0, 1.0, 6.0), (3.0, 3.0, 3.0))
    return {"forward": tuple(tuple(scale * value for value in layer) for layer in forward)}


def test_every_further_block_takes_the_mean_of_those_sampled() -> None:
    # Passes: (2 + 6) / 2 = 4, (9 + 1) / 2 = 5, 4; their mean is 13 / 3.
    assert [layer.forward for layer in layers_of((window(1.0),), blocks=4)] == pytest.approx(
        [1.0, 4.0, 13 / 3, 13 / 3, 13 / 3, 3.0]
    )


def test_windows_are_one_heap() -> None:
    layers = layers_of((window(1.0), window(2.0)), blocks=2)
    # Six passes: 4, 5, 4, 8, 10, 8.
    assert layers[2].forward == pytest.approx(6.5)
    assert layers[2].backward is None


def test_what_a_stage_pays_once_per_decode_pass_is_the_first_blocks_time_over_the_others() -> None:
    layers = [LayerSeconds(0.1, decode=0.1), LayerSeconds(5.0, decode=3.0), LayerSeconds(4.0, decode=2.5)]
    assert entry_s(layers, "edge-1") == pytest.approx(0.5)
    assert entry_s(layers, "terminal") == 0.0  # there it is part of the first stage
    assert entry_s([LayerSeconds(1.0, 1.0), LayerSeconds(5.0, 1.0), LayerSeconds(4.0, 1.0)], "edge-1") == 0.0
