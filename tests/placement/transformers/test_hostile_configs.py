"""Any JSON object is either profiled or refused with faults; nothing else comes out."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Fault, Inference, InvalidInput, ModelSpec, Profile, Training
from placement.transformers import profile
from placement.transformers.families import FAMILIES

KEYS = [
    "model_type", "architectures", "hidden_size", "n_embd", "num_hidden_layers", "n_layer", "num_attention_heads",
    "n_head", "num_key_value_heads", "head_dim", "intermediate_size", "n_inner", "vocab_size", "n_positions",
    "max_position_embeddings", "tie_word_embeddings", "torch_dtype", "dtype", "hidden_act", "activation_function",
    "hidden_activation", "sliding_window", "use_sliding_window", "max_window_layers", "layer_types", "image_size",
    "patch_size", "num_channels", "id2label", "num_labels", "num_local_experts", "num_experts_per_tok", "qkv_bias",
    "attention_bias", "attention_dropout", "resid_pdrop", "quantization_config", "text_config", "_name_or_path",
    "type_vocab_size", "pooler_output_size", "qk_layernorm", "is_decoder", "a/b~c",
]  # fmt: skip

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=1, max_value=64)
    | st.sampled_from([0, -1, 10**18, 10**400, 2**31, 1e308, -0.0, 0.5])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["llama", "silu", "float16", "full_attention"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
model_types = st.sampled_from([family.model_type for family in FAMILIES])
class_names = st.sampled_from([name for family in FAMILIES for name in family.heads])
objects = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=10), values, max_size=8)
configs = st.builds(
    lambda anything, known: anything | known,
    objects,
    st.fixed_dictionaries(
        {},
        optional={
            "model_type": model_types,
            "architectures": st.lists(class_names, max_size=2),
            "text_config": objects,
        },
    ),
)
workloads = st.sampled_from(
    [
        Inference(kind="inference", source="phone"),
        Inference(kind="inference", source="phone", output_tokens=1_000_000),
        Training(kind="training", source="phone"),
    ]
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "sequence_length": st.sampled_from([1, 7, 1_000_000]),
        "micro_batch_size": st.sampled_from([1, 1_000_000]),
        "attention": st.sampled_from(["eager", "fused"]),
        "quantization": st.sampled_from(["int4", "none"]),
        "fine_tuning": st.sampled_from(
            [{"method": "lora"}, {"recompute_activations": True}, {"method": "lora", "rank": 10**6}]
        ),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config=configs, workload=workloads, chosen=choices)
def test_any_object_gives_a_profile_or_faults(config: dict, workload: Inference | Training, chosen: dict):
    outcome = derived_or_refused(config, workload, chosen)
    if isinstance(outcome, Profile):
        assert Profile.model_validate_json(outcome.model_dump_json()) == outcome
        assert outcome.parameters > 0
    else:
        assert outcome
        assert all(fault.pointer.startswith(("/model", "/workload")) and fault.message for fault in outcome)


def derived_or_refused(config: dict, workload: Inference | Training, chosen: dict) -> Profile | list[Fault]:
    try:
        return profile(ModelSpec(huggingface_config=config, **chosen), workload)
    except InvalidInput as refused:
        return refused.faults
