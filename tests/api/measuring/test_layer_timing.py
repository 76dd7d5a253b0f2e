from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Any

import pytest
import torch

from api.measuring.layer_passes import InferenceLayer, LayerWork, PassName, TrainingLayer
from api.measuring.layer_timing import Effort, median_error, time_layers, wall_clock
from api.measuring.transformer import SplitTransformer
from tests.api.measuring.tiny import CONFIGS, LAYERS

torch.set_num_threads(1)

TRAINING = LayerWork(sequences=2, tokens=6, training=True)
INFERENCE = LayerWork(sequences=2, tokens=6, output_tokens=4)
QUICK = Effort(budget_s=0.0, warm_up_rounds=0, minimum_rounds=2, maximum_rounds=2)


def clock(*seconds: float) -> Callable[[Callable[[], Any]], tuple[Any, float]]:
    """A timer that does the work and reports these times in turn, over and over."""
    reported = cycle(seconds)
    return lambda work: (work(), next(reported))


def passes_of(samples: dict[int, Any]) -> dict[int, set[PassName]]:
    return {index: set(of_layer) for index, of_layer in samples.items()}


def test_under_lora_the_embedding_only_goes_forward_and_the_head_updates_nothing() -> None:
    samples = time_layers(SplitTransformer(CONFIGS["llama"], lora_rank=2), range(LAYERS), TRAINING, effort=QUICK)
    forward, backward, update = PassName.FORWARD, PassName.BACKWARD, PassName.UPDATE
    trained = {forward, backward, update}
    assert passes_of(samples) == {0: {forward}, 1: trained, 2: trained, 3: {forward, backward}}


def test_in_full_fine_tuning_every_layer_has_every_pass_of_training() -> None:
    samples = time_layers(SplitTransformer(CONFIGS["gpt2"]), range(LAYERS), TRAINING, effort=QUICK)
    assert set(map(frozenset, samples.values())) == {frozenset({PassName.FORWARD, PassName.BACKWARD, PassName.UPDATE})}


def test_inference_with_more_than_one_token_decodes_in_every_layer() -> None:
    model = SplitTransformer(CONFIGS["llama"])
    several = time_layers(model, range(LAYERS), INFERENCE, effort=QUICK)
    single = time_layers(model, [1], LayerWork(2, 6), effort=QUICK)
    assert set(map(frozenset, several.values())) == {frozenset({PassName.FORWARD, PassName.DECODE})}
    assert passes_of(single) == {1: {PassName.FORWARD}}


def test_seconds_are_those_of_the_timer_that_was_handed_in() -> None:
    samples = time_layers(SplitTransformer(CONFIGS["llama"]), [1], INFERENCE, timer=clock(0.25, 0.5), effort=QUICK)
    assert samples == {1: {PassName.FORWARD: [0.25, 0.25], PassName.DECODE: [0.5, 0.5]}}


@pytest.mark.parametrize(("times", "rounds"), [((1.0,), 3), ((1.0, 5.0), 7)])
def test_timing_ends_once_the_median_is_known_or_the_rounds_are_used_up(times: Iterable[float], rounds: int) -> None:
    effort = Effort(budget_s=600.0, warm_up_rounds=0, minimum_rounds=3, maximum_rounds=7)
    samples = time_layers(SplitTransformer(CONFIGS["llama"]), [0], LayerWork(1, 4), timer=clock(*times), effort=effort)
    assert len(samples[0][PassName.FORWARD]) == rounds


def test_timing_ends_when_the_budget_is_spent_but_not_before_the_least_number_of_rounds() -> None:
    effort = Effort(budget_s=0.0, warm_up_rounds=1, minimum_rounds=4, maximum_rounds=9)
    samples = time_layers(SplitTransformer(CONFIGS["llama"]), [0], LayerWork(1, 4), timer=clock(1, 9), effort=effort)
    assert len(samples[0][PassName.FORWARD]) == 4


def test_the_error_of_a_median_follows_the_quartiles_and_the_number_of_samples() -> None:
    assert median_error([1.0, 2.0, 3.0]) == pytest.approx(0.93 * 1.0 / (3**0.5 * 2.0))
    assert median_error([2.0] * 4) == 0.0


def test_a_decode_pass_attends_to_the_mean_context_each_time() -> None:
    layer = InferenceLayer(SplitTransformer(CONFIGS["llama"]), 1, INFERENCE)
    for _ in range(3):
        layer.run(PassName.DECODE, wall_clock)
        assert layer.cache.seen == INFERENCE.decode_context - 1 == 6 + 4 // 2 - 1


def test_the_backward_pass_gives_gradients_to_adapters_and_to_the_input() -> None:
    layer = TrainingLayer(SplitTransformer(CONFIGS["llama"], lora_rank=2), 2, TRAINING)
    layer.run(PassName.FORWARD, wall_clock)
    layer.run(PassName.BACKWARD, wall_clock)
    assert layer.received.grad is not None
    assert layer.trained
    assert all(parameter.grad is not None for parameter in layer.trained)
    before = [parameter.detach().clone() for parameter in layer.trained]
    layer.run(PassName.UPDATE, wall_clock)
    assert any(not torch.equal(a, b) for a, b in zip(before, layer.trained, strict=True))
    assert all(parameter.grad is None for parameter in layer.trained)


def test_the_first_adapted_block_computes_no_gradient_of_its_input() -> None:
    layer = TrainingLayer(SplitTransformer(CONFIGS["llama"], lora_rank=2), 1, TRAINING)
    layer.run(PassName.FORWARD, wall_clock)
    layer.run(PassName.BACKWARD, wall_clock)
    assert layer.received.grad is None
