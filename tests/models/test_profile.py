from __future__ import annotations

from typing import Any

import pytest

from models import Layer, Profile
from tests.models.requests import body, faults, violations

LAYERS = [{"forward": {"flops": 1}}]


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"layers": LAYERS, "catalogue": "gpt2"},
        {"huggingface_config": {}, "catalogue": "gpt2"},
        {"layers": LAYERS, "huggingface_config": {}, "catalogue": "gpt2"},
    ],
)
def test_a_model_comes_from_exactly_one_place(model: dict[str, Any]) -> None:
    assert ("/model", "exactly_one") in faults(body("model", model))


@pytest.mark.parametrize(
    "field", ["sequence_length", "micro_batch_size", "dtype", "quantization", "attention", "fine_tuning"]
)
def test_what_derives_layers_has_no_meaning_for_given_ones(field: str) -> None:
    values = {"dtype": "float16", "quantization": "int8", "attention": "eager", "fine_tuning": {}}
    raw = body("model", {"layers": LAYERS, field: values.get(field, 1)})
    assert faults(raw) == [(f"/model/{field}", "not_applicable")]


@pytest.mark.parametrize("field", ["input_bytes", "label_bytes", "result_bytes"])
def test_payloads_have_no_meaning_for_derived_layers(field: str) -> None:
    assert faults(body("model", {"catalogue": "gpt2", field: "1kB"})) == [(f"/model/{field}", "not_applicable")]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_config_holds_what_json_can_hold(number: float) -> None:
    raw = body("model", {"huggingface_config": {"text_config": {"rope_theta": number}}})
    assert faults(raw) == [("/model/huggingface_config", "value_error")]


def test_a_config_that_is_nested_without_end_is_refused() -> None:
    config: dict[str, Any] = {}
    for _ in range(100_000):
        config = {"text_config": config}
    [found] = violations(body("model", {"huggingface_config": config}))
    assert (found.pointer, found.actual) == ("/model/huggingface_config", None)


def test_a_model_without_layers_is_refused() -> None:
    assert faults(body("model", {"layers": []})) == [("/model/layers", "too_short")]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("forward/flops", -1),
        ("forward/flops", float("nan")),
        ("forward/output_bytes", "5 flops"),
        ("forward/time_s", {"phone": -1}),
        ("weight_bytes", "a lot"),
        ("kind", "attention"),
        ("speed", 1),
    ],
)
def test_a_layer_with_an_impossible_figure_is_refused_at_its_place(path: str, value: Any) -> None:
    [(pointer, _)] = faults(body(f"model/layers/2/{path}", value))
    assert pointer.startswith(f"/model/layers/2/{path}")


def test_the_first_layer_that_learns_is_found() -> None:
    frozen, learning = Layer.model_validate({"forward": {}}), Layer.model_validate({"forward": {}, "backward": {}})
    assert Profile(name="m", layers=(frozen, frozen, learning, learning)).first_backward_layer == 2
    assert Profile(name="m", layers=(frozen,)).first_backward_layer is None
