from __future__ import annotations

from typing import Any

import pytest
import torch

from api.measuring.layer_passes import LayerWork, passed_layer
from api.measuring.layer_sizes import LayerSizes, layer_sizes
from api.measuring.transformer import SplitTransformer
from models.profile import FineTuning, FineTuningMethod, Layer, ModelSpec
from models.workload import Inference, Training, Workload
from placement.transformers import profile
from tests.api.measuring.tiny import CONFIGS, LAYERS

torch.set_num_threads(1)

SEQUENCES, TOKENS, OUTPUT_TOKENS = 2, 6, 4
TRAINING = Training(kind="training", source="t")


def derived(family: str, workload: Workload, tuned: FineTuning | None = None) -> tuple[Layer, ...]:
    spec = ModelSpec(
        huggingface_config=CONFIGS[family],
        dtype="float32",
        sequence_length=TOKENS,
        micro_batch_size=SEQUENCES,
        fine_tuning=tuned,
    )
    return profile(spec, workload).layers


def measured(family: str, index: int, **work: Any) -> LayerSizes:
    model = SplitTransformer(CONFIGS[family], lora_rank=work.pop("lora_rank", None))
    use = LayerWork(SEQUENCES, TOKENS, **work)
    return layer_sizes(model, passed_layer(model, index, use), use)


@pytest.mark.parametrize("index", [1, 2])
@pytest.mark.parametrize("lora_rank", [None, 2])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_training_block_holds_keeps_and_sends_what_the_profile_derives(
    family: str, lora_rank: int | None, index: int
) -> None:
    tuned = None if lora_rank is None else FineTuning(method=FineTuningMethod.LORA, rank=lora_rank)
    layer = derived(family, TRAINING, tuned)[index]
    assert layer.backward is not None
    sizes = measured(family, index, training=True, lora_rank=lora_rank)
    assert sizes == LayerSizes(
        weight_bytes=layer.weight_bytes,
        gradient_bytes=layer.gradient_bytes,
        optimizer_bytes=layer.optimizer_bytes,
        activation_bytes=layer.activation_bytes,
        forward_output_bytes=layer.forward.output_bytes,
        backward_output_bytes=layer.backward.output_bytes or None,
    )


def test_the_head_keeps_its_labels_and_the_loss_beyond_what_the_profile_derives() -> None:
    layer = derived("llama", TRAINING)[LAYERS - 1]
    labels_and_loss = 8 * SEQUENCES * TOKENS + 4
    assert measured("llama", LAYERS - 1, training=True).activation_bytes == layer.activation_bytes + labels_and_loss


def test_the_cache_ends_one_token_short_of_what_the_profile_sizes_it_for() -> None:
    workload = Inference(kind="inference", source="t", output_tokens=OUTPUT_TOKENS)
    layer = derived("llama", workload)[1]
    kept = measured("llama", 1, output_tokens=OUTPUT_TOKENS).kv_cache_bytes
    assert kept == layer.kv_cache_bytes * (TOKENS + OUTPUT_TOKENS - 1) / (TOKENS + OUTPUT_TOKENS)


@pytest.mark.parametrize("index", range(LAYERS - 1))
def test_what_crosses_a_cut_in_inference_is_what_the_profile_derives(index: int) -> None:
    workload = Inference(kind="inference", source="t", output_tokens=OUTPUT_TOKENS)
    layer = derived("gpt2", workload)[index]
    sizes = measured("gpt2", index, output_tokens=OUTPUT_TOKENS)
    assert layer.decode is not None
    assert sizes.forward_output_bytes == layer.forward.output_bytes
    assert sizes.decode_output_bytes == layer.decode.output_bytes


def test_a_single_forward_pass_has_no_decode_and_the_head_sends_no_activation() -> None:
    assert measured("llama", 1).decode_output_bytes is None
    assert measured("llama", LAYERS - 1).forward_output_bytes is None
