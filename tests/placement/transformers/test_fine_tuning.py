"""Backward passes, kept activations and optimizer states; measured figures where there are some."""

import pytest

from models import ModelSpec, Profile, Training
from models.profile import AttentionKernel, Dtype
from placement.transformers import profile
from placement.transformers.adaptation import Adaptation
from placement.transformers.families import open_config
from placement.transformers.numerics import Numerics
from placement.transformers.setting import Setting
from placement.transformers.stash import block_stash

TRAINING = Training(kind="training", source="phone", micro_batches=4)
LLAMA = {
    "model_type": "llama", "hidden_size": 512, "num_attention_heads": 8, "intermediate_size": 1408,
    "num_hidden_layers": 3,
}  # fmt: skip
GROUPED = LLAMA | {"num_key_value_heads": 2, "intermediate_size": 1792}
GPT2 = {"model_type": "gpt2", "n_embd": 512, "n_head": 8, "n_layer": 3}
ALL = ["all-linear"]


def tune(config: dict, *, length: int = 128, **choices: object) -> Profile:
    fine_tuning = {key: choices.pop(key) for key in ("rank", "target_modules", "optimizer", "recompute_activations")
                   if key in choices}  # fmt: skip
    if {"rank", "target_modules"} & set(fine_tuning):
        fine_tuning["method"] = "lora"
    spec = {"sequence_length": length, "dtype": "bfloat16", "fine_tuning": fine_tuning} | choices
    return profile(ModelSpec(huggingface_config=config, **spec), TRAINING)


# Bytes per b s d that automatic differentiation kept per block (bfloat16, saved-tensor hooks, d = 512, a = 8):
# full fine-tuning, LoRA on q and v, LoRA on all matrices, frozen but passed by the gradient.
MEASURED = [
    (LLAMA, "eager", 256, 70.015625, 56.578125, 66.234375, 54.515625),
    (LLAMA, "eager", 512, 94.015625, 80.578125, 90.234375, 78.515625),
    (LLAMA, "fused", 256, 46.078125, 34.640625, 42.296875, 32.578125),
    (LLAMA, "fused", 512, 46.078125, 34.640625, 42.296875, 32.578125),
    (GROUPED, "eager", 256, 76.015625, 61.078125, 72.234375, 59.015625),
    (GROUPED, "eager", 512, 100.015625, 85.078125, 96.234375, 83.015625),
    (GROUPED, "fused", 256, 49.078125, 36.140625, 45.296875, 34.078125),
    (GROUPED, "fused", 512, 49.078125, 36.140625, 45.296875, 34.078125),
]


@pytest.mark.parametrize("row", MEASURED)
def test_kept_activations_of_llama_blocks_equal_the_measured_ones(row: tuple):
    config, kernel, s, *measured = row
    common = {"length": s, "attention": kernel}
    kept = [
        tune(config, **common).layers[2].activation_bytes,
        tune(config, rank=8, **common).layers[2].activation_bytes,
        tune(config, rank=8, target_modules=ALL, **common).layers[2].activation_bytes,
        passed_through(config, kernel, s),
    ]
    assert [size / (s * 512) for size in kept] == measured


@pytest.mark.parametrize(("s", "full", "frozen"), [(256, 84.015625, 70.015625), (512, 108.015625, 94.015625)])
def test_kept_activations_of_gpt2_blocks_equal_the_measured_ones(s: int, full: float, frozen: float):
    assert tune(GPT2, length=s, attention="eager").layers[2].activation_bytes == full * s * 512
    assert passed_through(GPT2, "eager", s) == frozen * s * 512


def passed_through(config: dict, kernel: str, s: int) -> float:
    """Bytes kept by a block in which nothing trains but through which the gradient passes."""
    family, head, reader = open_config(config)
    block = family.read(reader, head).blocks[1]
    nothing = Adaptation(full=False)
    setting = Setting(1, s, 1, Numerics(Dtype.BFLOAT16), AttentionKernel(kernel), nothing)
    return block_stash(block, setting, nothing, input_needs=True)


def test_full_fine_tuning_goes_back_at_twice_the_forward_cost():
    made = tune(LLAMA)
    for layer in made.layers[1:]:
        assert layer.backward.flops == 2 * layer.forward.flops
    assert made.first_backward_layer == 0
    assert made.trainable_parameters == made.parameters


WIDE = LLAMA | {"hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 16}


@pytest.mark.parametrize(
    ("rank", "targets", "ratio"), [(8, ["q_proj", "v_proj"], 1.022), (8, ALL, 1.032), (64, ALL, 1.106)]
)
def test_lora_blocks_go_back_at_the_measured_ratio(rank: int, targets: list[str], ratio: float):
    layer = tune(WIDE, rank=rank, target_modules=targets, attention="eager").layers[2]
    assert layer.backward.flops / layer.forward.flops == pytest.approx(ratio, abs=5e-4)


@pytest.mark.parametrize(("targets", "ratio"), [(["q_proj", "v_proj"], 0.77), (ALL, 0.79)])
def test_the_first_lora_block_saves_the_gradients_of_its_input(targets: list[str], ratio: float):
    made = tune(WIDE, rank=8, target_modules=targets, attention="eager")
    first, second = made.layers[1], made.layers[2]
    assert first.backward.flops / first.forward.flops == pytest.approx(ratio, abs=5e-3)
    assert first.backward.output_bytes == 0
    assert second.backward.output_bytes == 128 * 1024 * 2
    assert first.activation_bytes < second.activation_bytes


def test_lora_on_the_last_matrix_of_the_first_block_needs_nothing_before_it():
    made = tune(WIDE, rank=8, target_modules=["down_proj"])
    adapters = 8 * (1024 + 2816)
    assert made.layers[1].backward.flops == 128 * (2 * adapters + 2 * 8 * 1024)
    assert made.layers[1].activation_bytes == 128 * 2 * (2816 + 8)


def test_the_embedding_does_nothing_backward_under_lora():
    made = tune(LLAMA, rank=8)
    embedding = made.layers[0]
    assert embedding.backward is None
    assert embedding.update is None
    assert made.first_backward_layer == 1
    assert embedding.activation_bytes == embedding.gradient_bytes == embedding.optimizer_bytes == 0


@pytest.mark.parametrize(
    ("config", "targets", "per_block"),
    [
        (LLAMA, ["q_proj", "v_proj"], 2 * (512 + 512)),
        (GROUPED, ["q_proj", "v_proj"], (512 + 512) + (512 + 128)),
        (LLAMA, ALL, 4 * (512 + 512) + 3 * (512 + 1408)),
        (GPT2, None, 512 + 1536),
        (GPT2, ["c_proj"], (512 + 512) + (2048 + 512)),
        (GPT2, ["c_attn", "c_fc"], (512 + 1536) + (512 + 2048)),
        ({"model_type": "phi3"}, None, 3072 + 3 * 3072),
        ({"model_type": "phi3"}, ["gate_up_proj"], 3072 + 2 * 8192),
        ({"model_type": "phi"}, ["dense", "fc1", "fc2"], (2048 + 2048) + 2 * (2048 + 8192)),
        ({"model_type": "bert"}, None, 2 * (768 + 768)),
        ({"model_type": "mixtral"}, ["w1"], 8 * (4096 + 14336)),
    ],
)
def test_lora_adds_rank_times_inputs_plus_outputs(config: dict, targets: list[str] | None, per_block: int):
    made = tune(config, rank=4, target_modules=targets) if targets else tune(config, rank=4)
    blocks = made.layers[1:-1]
    assert made.trainable_parameters == 4 * per_block * len(blocks)
    assert {layer.gradient_bytes for layer in blocks} == {2.0 * 4 * per_block}
    assert {layer.optimizer_bytes for layer in blocks} == {12.0 * 4 * per_block}
    assert made.layers[-1].gradient_bytes == made.layers[-1].optimizer_bytes == 0


def test_an_old_name_of_a_vit_matrix_adapts_it_too():
    old = profile(vit(["query", "value"]), TRAINING)
    new = profile(vit(["q_proj", "v_proj"]), TRAINING)
    assert old.layers == new.layers


def vit(targets: list[str]) -> ModelSpec:
    return ModelSpec(catalogue="vit-base-patch16-224", fine_tuning={"method": "lora", "target_modules": targets})


@pytest.mark.parametrize(
    ("optimizer", "mixed", "single"), [("adamw", 12, 8), ("adamw_8bit", 6, 2), ("sgd_momentum", 8, 4), ("sgd", 4, 0)]
)
def test_sixteen_bit_training_keeps_a_float32_master_copy(optimizer: str, mixed: int, single: int):
    half, full = tune(LLAMA, optimizer=optimizer), tune(LLAMA, optimizer=optimizer, dtype="float32")
    parameters = half.layers[1].weight_bytes / 2
    assert half.layers[1].optimizer_bytes == mixed * parameters
    assert full.layers[1].optimizer_bytes == single * parameters
    assert half.layers[1].gradient_bytes == 2 * parameters
    assert full.layers[1].gradient_bytes == 4 * parameters
    assert half.layers[1].update.traffic_bytes == (2 + 2 * (2 + mixed)) * parameters


def test_recomputation_keeps_the_input_and_pays_one_more_forward_pass():
    plain, again = tune(LLAMA), tune(LLAMA, recompute_activations=True)
    layer, saved = plain.layers[2], again.layers[2]
    assert saved.activation_bytes == 2 * 128 * 512
    assert saved.backward.flops == layer.backward.flops + layer.forward.flops
    assert saved.workspace_bytes == layer.workspace_bytes + layer.activation_bytes


def test_quantised_weights_stay_frozen_under_lora():
    made = tune(LLAMA, rank=8, quantization="int4", dtype="float16")
    matrices = 4 * 512 * 512 + 3 * 512 * 1408
    adapters = 8 * 2 * (512 + 512)
    assert made.layers[1].weight_bytes == matrices * 0.53125 + 2 * (2 * 512 + adapters)


def test_labels_and_gradients_have_the_size_of_what_they_answer():
    made = tune(LLAMA, micro_batch_size=3)
    assert made.label_bytes == made.input_bytes == 3 * 128 * 4
    assert made.result_bytes == 0
    for layer in made.layers[1:]:
        assert layer.backward.output_bytes == 3 * 128 * 512 * 2
    assert made.layers[0].backward.output_bytes == 0


def test_a_classifier_sends_one_token_to_its_head_and_one_gradient_back():
    made = tune({"model_type": "bert", "architectures": ["BertForSequenceClassification"]}, micro_batch_size=2)
    assert made.label_bytes == 2 * 4
    assert made.layers[-2].forward.output_bytes == made.layers[-1].backward.output_bytes == 2 * 768 * 2
    assert made.layers[-3].forward.output_bytes == 2 * 128 * 768 * 2


def test_training_keeps_logits_of_every_token():
    head = tune(LLAMA, length=100).layers[-1]
    assert head.activation_bytes == 100 * (4 * 512 + 4 + 2 * 512 + 2 * 512 + 4 * 32000)
    assert head.workspace_bytes == 100 * (2 * 512 + 6 * 32000)


def test_the_patch_matrix_needs_no_gradient_of_the_pixels():
    made = profile(ModelSpec(catalogue="vit-base-patch16-224"), TRAINING)
    assert made.layers[0].backward.flops == made.layers[0].forward.flops


def test_nothing_is_generated_or_cached_in_training():
    made = tune(LLAMA)
    assert all(layer.decode is None and layer.kv_cache_bytes == 0 for layer in made.layers)
