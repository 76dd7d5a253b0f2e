"""Passes, cache and quantisation in inference, with numbers to check by hand."""

import pytest

from models import Inference, ModelSpec, Profile
from placement.transformers import profile

S, T = 100, 9


def llama(output_tokens: int = 1, **choices: object) -> Profile:
    workload = Inference(kind="inference", source="phone", output_tokens=output_tokens)
    return profile(ModelSpec(catalogue="llama-2-7b", **({"sequence_length": S} | choices)), workload)


def config(output_tokens: int = 1, *, spec: dict | None = None, **keys: object) -> Profile:
    workload = Inference(kind="inference", source="phone", output_tokens=output_tokens)
    return profile(ModelSpec(huggingface_config=keys, **(spec or {"sequence_length": S})), workload)


def test_layers_are_an_embedding_the_blocks_and_a_head():
    made = llama()
    assert [layer.kind for layer in made.layers] == ["embedding", *["block"] * 32, "head"]
    assert [layer.name for layer in made.layers[:2]] == ["embedding", "block 0"]
    assert made.name == "llama-2-7b"
    assert all(layer.backward is None and layer.update is None and layer.decode is None for layer in made.layers)


def test_fused_causal_attention_skips_the_masked_half():
    eager, fused = llama(attention="eager").layers[1].forward.flops, llama().layers[1].forward.flops
    matrices = S * 404_750_336
    assert eager - matrices == 4 * S * S * 4096
    assert fused - matrices == 2 * S * (S + 1) * 4096


def test_encoders_attend_to_everything_whatever_the_kernel():
    eager, fused = (
        config(model_type="bert", spec={"sequence_length": S, "attention": kernel}).layers[1].forward.flops
        for kernel in ("eager", "fused")
    )
    assert eager == fused


def test_a_window_caps_pairs_cache_and_decode_context():
    plain = config(T, model_type="mistral", sliding_window=None)
    windowed = config(T, model_type="mistral", sliding_window=10)
    pairs = 10 * 11 // 2 + (S - 10) * 10
    block, full = windowed.layers[1], plain.layers[1]
    assert full.forward.flops - block.forward.flops == 4 * 4096 * (S * (S + 1) // 2 - pairs)
    assert full.decode.flops - block.decode.flops == 4 * 4096 * (S + T / 2 - 10)
    assert full.kv_cache_bytes == (S + T) * 4096
    assert block.kv_cache_bytes == 10 * 4096


def test_a_window_reached_during_decoding_caps_only_the_later_passes():
    windowed = config(T, model_type="mistral", sliding_window=S + 3).layers[1].decode.flops
    contexts = [min(S + j, S + 3) for j in range(1, T)]
    plain = config(T, model_type="mistral", sliding_window=None).layers[1].decode.flops
    assert plain - windowed == pytest.approx(4 * 4096 * (S + T / 2 - sum(contexts) / len(contexts)))


def test_a_decode_pass_costs_the_mean_of_all_decode_passes():
    decode = llama(T).layers[1].decode
    each = [404_750_336 + 4 * (S + j) * 4096 for j in range(1, T)]
    assert decode.flops == sum(each) / len(each) == 404_750_336 + 4 * (S + T / 2) * 4096


def test_a_decode_pass_reads_the_weights_and_the_cache():
    short, long = llama(T).layers[1].decode, llama(T, sequence_length=2 * S).layers[1].decode
    assert long.traffic_bytes - short.traffic_bytes == 2 * 4096 * 2 * S
    assert short.traffic_bytes > 2 * 202_383_360


def test_two_sequences_share_the_weights_but_not_the_cache():
    one, two = llama(T), llama(T, micro_batch_size=2)
    assert two.layers[1].kv_cache_bytes == 2 * one.layers[1].kv_cache_bytes
    assert two.layers[1].forward.flops == 2 * one.layers[1].forward.flops
    assert two.layers[1].decode.flops == 2 * one.layers[1].decode.flops
    assert two.layers[1].decode.traffic_bytes < 1.1 * one.layers[1].decode.traffic_bytes
    assert two.layers[1].weight_bytes == one.layers[1].weight_bytes


def test_only_the_last_token_crosses_the_cut_before_the_lm_head():
    made = llama(T, dtype="float16")
    assert {layer.forward.output_bytes for layer in made.layers[:-2]} == {S * 4096 * 2.0}
    assert made.layers[-2].forward.output_bytes == 4096 * 2
    assert {layer.decode.output_bytes for layer in made.layers[:-1]} == {4096 * 2.0}


def test_tokens_travel_as_int32():
    made = llama(T, micro_batch_size=3)
    assert made.input_bytes == 3 * S * 4
    assert made.result_bytes == 3 * 4
    assert made.label_bytes == 0


def test_an_image_travels_as_raw_pixels_and_comes_back_as_class_scores():
    made = profile(
        ModelSpec(catalogue="vit-base-patch16-224", micro_batch_size=2, dtype="float16"),
        Inference(kind="inference", source="phone"),
    )
    assert made.input_bytes == 2 * 3 * 224 * 224
    assert made.result_bytes == 2 * 1000 * 2
    assert made.layers[0].forward.flops == 2 * 2 * 196 * 768 * 768
    assert made.layers[-2].forward.output_bytes == 2 * 768 * 2


def test_bert_without_a_task_head_returns_one_pooled_vector():
    made = config(model_type="bert", spec={"sequence_length": S, "dtype": "float32"})
    assert made.result_bytes == 768 * 4
    assert made.layers[-1].forward.flops == 2 * 768 * 768
    assert made.layers[1].kv_cache_bytes == 0


def test_tied_embeddings_are_one_matrix_in_the_count_and_two_in_memory():
    made = profile(ModelSpec(catalogue="gpt2", dtype="float16"), Inference(kind="inference", source="phone"))
    matrix = 50257 * 768
    assert made.parameters == 124_439_808
    assert sum(layer.weight_bytes for layer in made.layers) == 2 * (124_439_808 + matrix)
    assert any("both layers carry it" in note for note in made.notes)


@pytest.mark.parametrize(("quantization", "bytes_each"), [("int8", 1 + 2 / 128), ("int4", 0.5 + 4 / 128)])
def test_quantisation_shrinks_the_matrices_of_blocks_only(quantization: str, bytes_each: float):
    plain, small = llama(dtype="float16"), llama(dtype="float16", quantization=quantization)
    matrices = 202_383_360 - 2 * 4096
    assert small.layers[1].weight_bytes == matrices * bytes_each + 2 * 2 * 4096
    assert small.layers[0].weight_bytes == plain.layers[0].weight_bytes
    assert small.layers[-1].weight_bytes == plain.layers[-1].weight_bytes
    assert small.layers[1].kv_cache_bytes == plain.layers[1].kv_cache_bytes
    saved = plain.layers[1].forward.traffic_bytes - small.layers[1].forward.traffic_bytes
    assert saved == matrices * (2 - bytes_each)
    assert small.layers[1].forward.flops == plain.layers[1].forward.flops


def test_experts_fill_memory_by_all_and_compute_by_the_active_ones():
    made = profile(
        ModelSpec(catalogue="mixtral-8x7b-v0.1", sequence_length=1, dtype="float16", attention="eager"),
        Inference(kind="inference", source="phone", output_tokens=2),
    )
    block = made.layers[1]
    assert block.weight_bytes == 2 * 1_451_270_144
    assert block.forward.flops == 788_594_688 + 4 * 4096


@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_traffic_counts_the_expected_number_of_distinct_experts(tokens: int):
    """E (1 - (1 - k/E)^T): 2 of 8 experts for one token, 3.5 for two, 8 (1 - 0.75^5) for five."""
    spec = {"sequence_length": tokens, "dtype": "float16"}
    few = config(model_type="mixtral", spec=spec).layers[1].forward.traffic_bytes
    # With k = E every expert is read; the difference in activations is counted by hand.
    every = config(model_type="mixtral", num_experts_per_tok=8, spec=spec).layers[1].forward.traffic_bytes
    expert, per_token = 3 * 4096 * 14336, 3 * (4096 + 14336) + 3 * 14336
    distinct = 8 * (1 - 0.75**tokens)
    assert every - few == pytest.approx(2 * (expert * (8 - distinct) + 6 * tokens * per_token), rel=1e-12)


def test_eager_attention_needs_room_for_the_scores():
    eager, fused = llama(attention="eager", sequence_length=2048), llama(sequence_length=2048)
    in_and_out = 2 * 2048 * 4096
    assert fused.layers[1].workspace_bytes == 2 * (in_and_out + 2048 * 3 * 11008)
    assert eager.layers[1].workspace_bytes == 2 * (in_and_out + 2048 * 4 * 4096) + 32 * 2048 * 2048 * (2 + 4)


def test_the_dtype_scales_weights_cache_and_cuts():
    half, single = llama(T, dtype="bfloat16"), llama(T, dtype="float32")
    for layer, wide in zip(half.layers, single.layers, strict=True):
        assert wide.weight_bytes == 2 * layer.weight_bytes
        assert wide.kv_cache_bytes == 2 * layer.kv_cache_bytes
    assert single.layers[1].forward.output_bytes == 2 * half.layers[1].forward.output_bytes


def test_every_other_gemma_2_block_has_the_window():
    made = profile(ModelSpec(catalogue="gemma-2-2b", sequence_length=5000), Inference(kind="inference", source="phone"))
    per_token = 4096
    assert [layer.kv_cache_bytes / per_token for layer in made.layers[1:5]] == [4096, 5001, 4096, 5001]


def test_qwen_blocks_slide_from_max_window_layers_on():
    keys = {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 16, "max_window_layers": 2}
    made = config(num_hidden_layers=4, **keys)
    sizes = [layer.kv_cache_bytes for layer in made.layers[1:-1]]
    assert sizes[0] == sizes[1] == sizes[2] * (S + 1) / 16 == sizes[3] * (S + 1) / 16


def test_layers_given_outright_are_only_wrapped():
    layers = [{"forward": {"flops": 1.0}}, {"forward": {"flops": 2.0}}]
    made = profile(ModelSpec(layers=layers, input_bytes=7.0), Inference(kind="inference", source="phone"))
    assert made.name == "custom"
    assert [layer.forward.flops for layer in made.layers] == [1.0, 2.0]
    assert (made.input_bytes, made.result_bytes, made.parameters) == (7.0, 0.0, None)


def test_the_same_request_gives_the_same_profile():
    assert llama(T) == llama(T)
