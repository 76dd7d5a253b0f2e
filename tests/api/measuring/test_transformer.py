from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from api.measuring.transformer import Embedding, Head, SplitTransformer
from models.base import InvalidInput
from models.profile import FineTuning, FineTuningMethod, LayerKind, ModelSpec, Profile
from models.workload import Inference, Training
from placement.transformers import profile
from tests.api.measuring.tiny import BLOCKS, CONFIGS, LAYERS
from tests.api.measuring.whole_model import parts, some_ids, whole_model

torch.set_num_threads(1)

FAMILIES = pytest.mark.parametrize("family", CONFIGS)
CUTS = [(1,), (2,), (1, 3), (1, 2, 3)]
INFERENCE = Inference(kind="inference", source="t", output_tokens=4)


def derived(config: dict[str, Any], *, lora_rank: int | None = None) -> Profile:
    tuned = None if lora_rank is None else FineTuning(method=FineTuningMethod.LORA, rank=lora_rank)
    workload = INFERENCE if lora_rank is None else Training(kind="training", source="t")
    return profile(
        ModelSpec(huggingface_config=config, dtype="float32", sequence_length=9, fine_tuning=tuned), workload
    )


@FAMILIES
def test_the_stack_computes_what_the_library_computes_with_the_same_weights(family: str) -> None:
    model = SplitTransformer(CONFIGS[family])
    stage = model.stage(0, LAYERS).eval()
    with torch.no_grad():
        torch.testing.assert_close(stage(some_ids()), whole_model(model, stage)(some_ids()).logits, rtol=0, atol=1e-6)


@FAMILIES
def test_decoding_from_caches_of_separate_stages_equals_the_full_forward_pass(family: str) -> None:
    model, ids = SplitTransformer(CONFIGS[family]), some_ids()
    stages = [model.stage(*span).eval() for span in ((0, 2), (2, 3), (3, 4))]
    caches = [stage.new_cache() for stage in stages]
    passes = []
    with torch.no_grad():
        for fed in (ids[:, :6], ids[:, 6:7], ids[:, 7:8], ids[:, 8:9]):
            x = fed
            for stage, cache in zip(stages, caches, strict=True):
                x = stage.step(x, cache)
            passes.append(x)
        whole = model.stage(0, LAYERS).eval()(ids)
    torch.testing.assert_close(torch.cat(passes, dim=1), whole[:, 5:], rtol=0, atol=1e-5)


@FAMILIES
def test_layers_are_those_of_the_profile_in_number_kind_and_weight(family: str) -> None:
    model, layers = SplitTransformer(CONFIGS[family]), derived(CONFIGS[family]).layers
    assert model.layer_count == len(layers) == LAYERS
    built = [model.layer(k) for k in range(LAYERS)]
    kinds = {Embedding: LayerKind.EMBEDDING, Head: LayerKind.HEAD}
    assert [kinds.get(type(layer), LayerKind.BLOCK) for layer in built] == [layer.kind for layer in layers]
    weights = [sum(4 * parameter.numel() for parameter in layer.parameters()) for layer in built]
    assert weights == [layer.weight_bytes for layer in layers]


@FAMILIES
def test_adapters_are_those_of_the_profile_and_change_nothing_before_they_are_trained(family: str) -> None:
    plain, adapted = (SplitTransformer(CONFIGS[family], lora_rank=rank) for rank in (None, 2))
    profiled = derived(CONFIGS[family], lora_rank=2).layers
    for k, layer in enumerate(profiled):
        trained = [parameter for parameter in adapted.layer(k).parameters() if parameter.requires_grad]
        assert sum(4 * parameter.numel() for parameter in trained) == layer.gradient_bytes
    with torch.no_grad():
        whole = [model.stage(0, LAYERS).eval()(some_ids()) for model in (plain, adapted)]
    assert torch.equal(*whole)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_any_split_has_the_logits_and_the_gradients_of_the_unsplit_model(family: str, cuts: tuple[int, ...]) -> None:
    model, ids = SplitTransformer(CONFIGS[family], lora_rank=2), some_ids()
    whole = model.stage(0, LAYERS)
    logits = whole(ids)
    _loss(logits, ids).backward()
    stages = [model.stage(*span) for span in pairwise((0, *cuts, LAYERS))]
    split_logits, gradients = _run_split(stages, ids, model, cuts)
    assert torch.equal(split_logits, logits)
    expected = [parameter.grad for parameter in whole.parameters() if parameter.requires_grad]
    assert len(gradients) == len(expected) > 0
    assert all(torch.equal(a, b) for a, b in zip(gradients, expected, strict=True))


def _loss(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits.flatten(0, 1), ids.flatten())


def _run_split(stages: Any, ids: torch.Tensor, model: SplitTransformer, cuts: tuple[int, ...]) -> tuple[Any, list[Any]]:
    """Forward, then backward with gradients handed over where the model says that one crosses."""
    received, sent, x = [], [], ids
    for stage, cut in zip(stages, (0, *cuts), strict=True):
        x = x.detach().requires_grad_(cut > 0 and model.gradient_crosses(cut))
        received.append(x)
        x = stage(x)
        sent.append(x)
    _loss(x, ids).backward()
    for out, after in list(zip(sent, received[1:], strict=False))[::-1]:
        if after.grad is not None:
            out.backward(after.grad)
    return x, [parameter.grad for stage in stages for parameter in stage.parameters() if parameter.requires_grad]


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2"])
def test_gradients_of_all_weights_equal_the_library_s(family: str) -> None:
    model, ids = SplitTransformer({**CONFIGS[family], "tie_word_embeddings": False}), some_ids()
    stage = model.stage(0, LAYERS).eval()
    witness = whole_model(model, stage)
    _loss(stage(ids), ids).backward()
    _loss(witness(ids).logits, ids).backward()
    for ours, theirs in parts(stage, witness):
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(own.grad, other.grad, rtol=0, atol=1e-6)


def test_weights_depend_on_seed_and_layer_alone() -> None:
    states = [SplitTransformer(CONFIGS["llama"], seed=seed).layer(2).state_dict() for seed in (1, 1, 2)]
    others = SplitTransformer(CONFIGS["llama"], seed=1).layer(1).state_dict()
    matrix = "mlp.up_proj.weight"
    assert torch.equal(states[0][matrix], states[1][matrix])
    assert not torch.equal(states[0][matrix], states[2][matrix])
    assert not torch.equal(states[0][matrix], others[matrix])


def test_tied_embeddings_begin_as_two_equal_matrices() -> None:
    tied, untied = (
        [SplitTransformer({**CONFIGS["llama"], "tie_word_embeddings": tied}).layer(k) for k in (0, LAYERS - 1)]
        for tied in (True, False)
    )
    assert torch.equal(tied[0].tokens.weight, tied[1].matrix.weight)
    assert tied[0].tokens.weight.data_ptr() != tied[1].matrix.weight.data_ptr()
    assert not torch.equal(untied[0].tokens.weight, untied[1].matrix.weight)


def test_only_the_last_token_s_state_leaves_the_last_block_in_generation() -> None:
    stage = SplitTransformer(CONFIGS["llama"]).stage(1, BLOCKS + 1)
    assert stage.step(torch.zeros(2, 5, 32), stage.new_cache()).shape == (2, 1, 32)
    earlier = SplitTransformer(CONFIGS["llama"]).stage(1, BLOCKS)
    assert earlier.step(torch.zeros(2, 5, 32), earlier.new_cache()).shape == (2, 5, 32)


def test_a_windowed_block_keeps_no_more_than_its_window() -> None:
    stage = SplitTransformer(CONFIGS["mistral"]).stage(1, 2)
    cache = stage.new_cache()
    stage.step(torch.zeros(1, 20, 32), cache)
    window_tokens, heads, head_size, values = 4, 2, 8, 4
    assert cache.stored_bytes == 2 * heads * head_size * window_tokens * values
    assert cache.seen == 20


@pytest.mark.parametrize("family", ["llama", "mistral"])
def test_a_kept_cache_is_as_before_so_that_a_pass_can_be_repeated(family: str) -> None:
    stage = SplitTransformer(CONFIGS[family]).stage(0, LAYERS).eval()
    cache = stage.new_cache()
    with torch.no_grad():
        stage.step(some_ids(), cache)
        before, seen = cache.stored_bytes, cache.seen
        with cache.kept():
            first = stage.step(some_ids(tokens=1), cache)
        assert (cache.stored_bytes, cache.seen) == (before, seen)
        assert torch.equal(stage.step(some_ids(tokens=1), cache), first)


def test_sixteen_bit_layers_and_adapters_are_sixteen_bit_throughout() -> None:
    layer = SplitTransformer(CONFIGS["llama"], dtype="bfloat16", lora_rank=2).layer(1)
    assert {parameter.dtype for parameter in layer.parameters()} == {torch.bfloat16}


def test_adapters_go_where_they_are_wanted() -> None:
    layer = SplitTransformer(CONFIGS["llama"], lora_rank=2, lora_targets=("down_proj",)).layer(1)
    trained = [name for name, parameter in layer.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2
    assert all(name.startswith("mlp.down_proj.lora_") for name in trained)


@pytest.mark.parametrize("family", [family for family in CONFIGS if family != "mixtral"])
def test_all_linear_adapts_the_matrices_that_the_profile_counts(family: str) -> None:
    tuned = FineTuning(method=FineTuningMethod.LORA, rank=2, target_modules=("all-linear",))
    spec = ModelSpec(huggingface_config=CONFIGS[family], dtype="float32", sequence_length=9, fine_tuning=tuned)
    block = profile(spec, Training(kind="training", source="t")).layers[1]
    layer = SplitTransformer(CONFIGS[family], lora_rank=2, lora_targets=("all-linear",)).layer(1)
    assert sum(4 * p.numel() for p in layer.parameters() if p.requires_grad) == block.gradient_bytes


@pytest.mark.parametrize("targets", [("all-linear",), ("q_proj", "w1")])
def test_experts_which_the_library_keeps_as_one_tensor_are_not_adapted_in_silence(targets: tuple[str, ...]) -> None:
    with pytest.raises(
        InvalidInput, match=r"cannot be adapted in a block as the library builds it; there are .*q_proj"
    ):
        SplitTransformer(CONFIGS["mixtral"], lora_rank=2, lora_targets=targets).layer(1)


def test_a_language_model_inside_a_multimodal_config_is_found() -> None:
    inner = {key: value for key, value in CONFIGS["gemma2"].items() if key != "tie_word_embeddings"}
    model = SplitTransformer({"model_type": "paligemma", "text_config": inner, "tie_word_embeddings": False})
    assert model.config.model_type == "gemma2"
    assert not model.config.tie_word_embeddings


@pytest.mark.parametrize(
    "config",
    [{"model_type": "bert"}, {"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}],
)
def test_what_is_no_language_model_is_refused_with_the_families_that_can_be_run(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"cannot be run layer by layer; .*llama, gpt2, qwen2"):
        SplitTransformer(config)


@pytest.mark.parametrize("index", [-1, LAYERS])
def test_a_layer_that_the_model_does_not_have_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match="the model has layers 0 to 3"):
        SplitTransformer(CONFIGS["llama"]).layer(index)
