"""How configs are read: dispatch, defaults, nesting, and every fault with its place."""

import pytest

from models import Inference, InvalidInput, ModelSpec, Profile, Training
from placement.transformers import profile
from placement.transformers.families import FAMILIES

INFERENCE = Inference(kind="inference", source="phone")
TRAINING = Training(kind="training", source="phone")
ROOT = "/model/huggingface_config"


def derive(config: dict, workload: Inference | Training = INFERENCE, **choices: object) -> Profile:
    return profile(ModelSpec(huggingface_config=config, **choices), workload)


def faults(config: dict, workload: Inference | Training = INFERENCE, **choices: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        derive(config, workload, **choices)
    return {fault.pointer: fault.code for fault in caught.value.faults}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.model_type)
def test_every_family_has_the_defaults_of_its_config_class(family):
    """Totals of models built from config classes without arguments, by the formulas of docs/transformers.md."""
    expected = {
        "gpt2": 124_439_808,
        "bert": 109_482_240,
        "vit": 86_567_656 - 998 * (768 + 1),
        "llama": 6_738_415_616,
        "mistral": 7_241_732_096,
        "mixtral": 46_702_792_704,
        "qwen2": 32 * (4 * 4096**2 + 3 * 4096 * 22016 + 2 * 4096 + 3 * 4096) + 2 * 151936 * 4096 + 4096,
        "qwen3": 32 * (4 * 4096**2 + 3 * 4096 * 22016 + 2 * 4096 + 2 * 128) + 2 * 151936 * 4096 + 4096,
        "gemma": 8_537_680_896,
        "gemma2": 2_614_341_888,
        "phi": 24 * (4 * 2048**2 + 2 * 2048 * 8192 + 7 * 2048 + 8192) + 2 * 51200 * 2048 + 51200 + 2 * 2048,
        "phi3": 3_821_079_552,
    }
    assert derive({"model_type": family.model_type}).parameters == expected[family.model_type]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.model_type)
def test_a_class_name_alone_finds_the_family(family):
    for name in family.heads:
        by_class = derive({"architectures": [name]})
        both = derive({"model_type": family.model_type, "architectures": [name]})
        assert by_class.layers == both.layers


def test_an_unknown_architecture_names_the_known_ones():
    with pytest.raises(InvalidInput) as caught:
        derive({"model_type": "rwkv"})
    (fault,) = caught.value.faults
    assert fault.pointer == f"{ROOT}/model_type"
    assert "rwkv" in fault.message
    assert all(family.model_type in fault.message for family in FAMILIES)


@pytest.mark.parametrize("config", [{}, {"model_type": 7}, {"model_type": ["llama"]}, {"architectures": "LlamaModel"}])
def test_a_config_that_names_no_architecture_is_refused(config: dict):
    assert faults(config) == {f"{ROOT}/model_type": "unknown_architecture"}


def test_the_language_model_of_a_multimodal_config_is_read():
    text = {"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 4}
    nested = derive({"model_type": "llava", "hidden_size": 9999, "text_config": text, "torch_dtype": "float32"})
    plain = derive(text, dtype="float32")
    assert nested.layers == plain.layers
    assert any("text_config" in note for note in nested.notes)


def test_what_the_inner_config_leaves_out_about_tying_comes_from_the_outer_one():
    text = {"model_type": "llama", "num_hidden_layers": 1}
    untied = derive({"model_type": "llava", "text_config": text})
    tied = derive({"model_type": "llava", "text_config": text, "tie_word_embeddings": True})
    assert untied.parameters - tied.parameters == 32000 * 4096


def test_faults_in_a_nested_config_point_into_it():
    config = {"model_type": "llava", "text_config": {"model_type": "llama", "hidden_size": 0}}
    assert faults(config) == {f"{ROOT}/text_config/hidden_size": "out_of_range"}
    config = {"model_type": "llava", "text_config": {"model_type": "rwkv"}}
    assert faults(config) == {f"{ROOT}/text_config/model_type": "unknown_architecture"}


def test_all_faults_are_reported_at_once():
    config = {
        "model_type": "llama", "hidden_size": -1, "num_hidden_layers": 2.5, "vocab_size": "many",
        "intermediate_size": True, "tie_word_embeddings": "yes", "hidden_act": "magic",
    }  # fmt: skip
    assert faults(config) == {
        f"{ROOT}/hidden_size": "out_of_range",
        f"{ROOT}/num_hidden_layers": "wrong_type",
        f"{ROOT}/vocab_size": "wrong_type",
        f"{ROOT}/intermediate_size": "wrong_type",
        f"{ROOT}/tie_word_embeddings": "wrong_type",
        f"{ROOT}/hidden_act": "unsupported",
    }


@pytest.mark.parametrize(
    ("config", "key", "code"),
    [
        ({"model_type": "llama", "num_attention_heads": 33}, "num_attention_heads", "not_divisible"),
        ({"model_type": "llama", "num_key_value_heads": 5}, "num_key_value_heads", "not_divisible"),
        ({"model_type": "llama", "hidden_size": None}, "hidden_size", "wrong_type"),
        ({"model_type": "llama", "num_hidden_layers": 10**30}, "num_hidden_layers", "out_of_range"),
        ({"model_type": "llama", "hidden_size": 10**4000}, "hidden_size", "out_of_range"),
        ({"model_type": "llama", "torch_dtype": "float8"}, "torch_dtype", "unsupported"),
        ({"model_type": "llama", "architectures": ["LlamaForArt"]}, "architectures", "unknown_architecture"),
        ({"model_type": "llama", "quantization_config": {"bits": 3}}, "quantization_config", "unsupported"),
        ({"model_type": "llama", "quantization_config": "int4"}, "quantization_config", "unsupported"),
        ({"model_type": "gpt2", "n_embd": 0}, "n_embd", "out_of_range"),
        ({"model_type": "gpt2", "n_head": 7}, "n_head", "not_divisible"),
        ({"model_type": "gpt2", "add_cross_attention": True}, "add_cross_attention", "unsupported"),
        ({"model_type": "gpt2", "resid_pdrop": 2}, "resid_pdrop", "out_of_range"),
        ({"model_type": "bert", "is_decoder": True}, "is_decoder", "unsupported"),
        ({"model_type": "vit", "patch_size": 500}, "patch_size", "out_of_range"),
        ({"model_type": "vit", "image_size": [224, "x"]}, "image_size", "out_of_range"),
        ({"model_type": "vit", "id2label": []}, "id2label", "wrong_type"),
        ({"model_type": "mixtral", "num_experts_per_tok": 9}, "num_experts_per_tok", "out_of_range"),
        ({"model_type": "gemma2", "layer_types": ["full_attention"]}, "layer_types", "shape"),
        ({"model_type": "qwen2", "layer_types": ["linear"] * 32}, "layer_types", "unsupported"),
        ({"model_type": "gemma", "use_bidirectional_attention": True}, "use_bidirectional_attention", "unsupported"),
    ],
)
def test_a_faulty_key_is_named(config: dict, key: str, code: str):
    assert faults(config) == {f"{ROOT}/{key}": code}


def test_keys_that_one_wrong_value_makes_inconsistent_are_not_blamed():
    assert faults({"model_type": "llama", "num_attention_heads": 0}) == {f"{ROOT}/num_attention_heads": "out_of_range"}


def test_the_dtype_is_the_requests_else_the_configs_else_float16():
    config = {"model_type": "llama", "num_hidden_layers": 1}
    sizes = {
        "request": derive(config | {"torch_dtype": "float16"}, dtype="float32").layers[1].weight_bytes,
        "config": derive(config | {"torch_dtype": "torch.float32"}).layers[1].weight_bytes,
        "newer key": derive(config | {"dtype": "float32"}).layers[1].weight_bytes,
    }
    assert set(sizes.values()) == {2 * derive(config).layers[1].weight_bytes}


@pytest.mark.parametrize("said", [{"bits": 4}, {"load_in_4bit": True}, {"bits": 4, "quant_method": "gptq"}])
def test_a_quantised_checkpoint_says_so_itself(said: dict):
    config = {"model_type": "llama", "num_hidden_layers": 1}
    assert derive(config | {"quantization_config": said}).layers == derive(config, quantization="int4").layers
    assert derive(config | {"quantization_config": said}, quantization="none").layers == derive(config).layers


def test_layer_types_override_the_rule_of_the_family():
    layer_types = ["full_attention", "sliding_attention", "full_attention"]
    made = derive({"model_type": "gemma2", "num_hidden_layers": 3, "layer_types": layer_types}, sequence_length=5000)
    assert [layer.kv_cache_bytes / 4096 for layer in made.layers[1:-1]] == [5001, 4096, 5001]


def test_an_image_may_be_higher_than_wide():
    made = derive({"model_type": "vit", "image_size": [32, 64], "patch_size": 16, "num_labels": 10})
    assert made.input_bytes == 3 * 32 * 64
    assert made.layers[0].forward.output_bytes == (2 * 4 + 1) * 768 * 2
    assert made.result_bytes == 10 * 2


def test_biases_of_attention_and_mlp_are_counted():
    config = {"model_type": "llama", "num_hidden_layers": 1}
    biases = derive(config | {"attention_bias": True, "mlp_bias": True}).parameters - derive(config).parameters
    assert biases == 4 * 4096 + 2 * 11008 + 4096


def test_a_classifier_counts_its_classes_by_labels():
    config = {"model_type": "llama", "architectures": ["LlamaForSequenceClassification"], "num_hidden_layers": 1}
    two, five = derive(config), derive(config | {"id2label": {str(k): "x" for k in range(5)}})
    assert five.parameters - two.parameters == 3 * 4096
    assert five.result_bytes == 5 * 2


def test_a_sequence_is_512_tokens_or_as_long_as_positions_allow_unless_given():
    assert derive({"model_type": "llama"}).input_bytes == 4 * 512
    assert derive({"model_type": "bert", "max_position_embeddings": 300}).input_bytes == 4 * 300


def test_the_length_of_an_image_sequence_cannot_be_chosen():
    assert faults({"model_type": "vit"}, sequence_length=100) == {"/model/sequence_length": "not_applicable"}


def test_an_encoder_generates_nothing():
    asked = Inference(kind="inference", source="phone", output_tokens=2)
    assert faults({"model_type": "bert"}, asked) == {"/workload/output_tokens": "not_applicable"}
    assert faults({"architectures": ["LlamaModel"]}, asked) == {"/workload/output_tokens": "not_applicable"}


def test_learned_positions_cannot_be_exceeded_but_rotary_ones_can():
    assert faults({"model_type": "gpt2"}, sequence_length=1025) == {"/model/sequence_length": "out_of_range"}
    asked = Inference(kind="inference", source="phone", output_tokens=26)
    assert derive({"model_type": "gpt2"}, asked, sequence_length=999).parameters == 124_439_808
    assert faults({"model_type": "gpt2"}, asked, sequence_length=1000) == {"/workload/output_tokens": "out_of_range"}
    assert any("exceed" in note for note in derive({"model_type": "llama"}, sequence_length=4096).notes)


@pytest.mark.parametrize(
    ("choices", "pointer", "code"),
    [
        (
            {"fine_tuning": {"method": "lora", "target_modules": ["q_proj", "c_attn"]}},
            "/model/fine_tuning/target_modules/1",
            "unknown_target_module",
        ),
        ({"fine_tuning": {"target_modules": ["q_proj"]}}, "/model/fine_tuning/target_modules", "not_applicable"),
        ({"quantization": "int4"}, "/model/quantization", "not_applicable"),
    ],
)
def test_choices_that_do_not_fit_the_model_are_named(choices: dict, pointer: str, code: str):
    assert faults({"model_type": "llama"}, TRAINING, **choices) == {pointer: code}


def test_an_unknown_target_module_is_answered_with_the_known_ones():
    with pytest.raises(InvalidInput, match=r"c_attn, c_fc, c_proj, all-linear"):
        derive({"model_type": "gpt2"}, TRAINING, fine_tuning={"method": "lora", "target_modules": ["q_proj"]})


def test_an_unknown_catalogue_name_is_answered_with_near_ones():
    with pytest.raises(InvalidInput, match="llama-2-7b") as caught:
        profile(ModelSpec(catalogue="llama2-7b"), INFERENCE)
    assert [fault.pointer for fault in caught.value.faults] == ["/model/catalogue"]


def test_costs_beyond_what_a_plan_can_hold_are_refused():
    config = {
        "model_type": "llama",
        "hidden_size": 1 << 20,
        "intermediate_size": 1 << 20,
        "num_attention_heads": 1 << 14,
    }
    assert faults(config, sequence_length=1_000_000, micro_batch_size=1_000_000) == {"/model": "too_large"}


def test_a_profile_is_named_by_the_request_or_the_config():
    assert derive({"model_type": "gpt2"}).name == "gpt2"
    assert derive({"model_type": "gpt2", "_name_or_path": "me/mine"}).name == "me/mine"
    assert derive({"model_type": "gpt2", "_name_or_path": "x" * 5000}).name == "gpt2"
    assert derive({"model_type": "gpt2"}, name="ours").name == "ours"
