from __future__ import annotations

from typing import Any

import pytest
import torch

from api.measuring.layer_timing import Effort
from api.measuring.model import Measuring, config_of, measure_model
from api.measuring.model_merging import merged
from api.measuring.model_report import GroupReport, ModelMeasurement
from models.base import InvalidInput
from models.cluster import Node
from models.profile import AttentionKernel, Dtype, FineTuning, FineTuningMethod, ModelSpec, Optimizer, Quantization
from models.workload import Inference, Training, Workload
from placement.transformers import profile
from tests.api.measuring.tiny import CONFIGS, LAYERS

torch.set_num_threads(1)

LORA = FineTuning(method=FineTuningMethod.LORA, rank=2)
TRAINING = Training(kind="training", source="t")
INFERENCE = Inference(kind="inference", source="t", output_tokens=4)
QUICK = Effort(budget_s=0.0, warm_up_rounds=0, minimum_rounds=2, maximum_rounds=2)


def spec_of(family: str = "llama", **fields: Any) -> ModelSpec:
    given = {"sequence_length": 6, "micro_batch_size": 2, "dtype": Dtype.FLOAT32, **fields}
    return ModelSpec(huggingface_config=CONFIGS[family], **given)


def measured(spec: ModelSpec | None = None, workload: Workload = INFERENCE, **how: Any) -> ModelMeasurement:
    return measure_model(spec or spec_of(), workload, Measuring(**{"node": "pi", "effort": QUICK, **how}))


def group_with(measurement: ModelMeasurement, layer: int) -> GroupReport:
    return next(group for group in measurement.reports[0].groups if layer in group.layers)


@pytest.mark.parametrize(
    ("workload", "tuned"), [(INFERENCE, None), (TRAINING, LORA), (TRAINING, None)], ids=["inference", "lora", "full"]
)
def test_every_pass_that_the_profile_derives_has_a_time_and_keeps_its_derived_work(
    workload: Workload, tuned: FineTuning | None
) -> None:
    spec = spec_of(fine_tuning=tuned)
    derived = profile(spec, workload)
    model = measured(spec, workload).model
    assert model.layers is not None
    assert (model.name, model.input_bytes, model.label_bytes) == (
        derived.name,
        derived.input_bytes,
        derived.label_bytes,
    )
    for layer, expected in zip(model.layers, derived.layers, strict=True):
        for name in ("forward", "backward", "decode", "update"):
            cost, estimate = getattr(layer, name), getattr(expected, name)
            assert (cost is None) == (estimate is None)
            if cost is not None:
                assert list(cost.time_s) == ["pi"]
                assert cost.time_s["pi"] > 0
                assert (cost.flops, cost.traffic_bytes) == (estimate.flops, estimate.traffic_bytes)


def test_the_last_block_sends_one_token_on_and_the_others_all_of_them() -> None:
    layers = measured().model.layers
    assert layers is not None
    token_bytes = 2 * 32 * 4
    assert [layer.forward.output_bytes for layer in layers[:3]] == [6 * token_bytes, 6 * token_bytes, token_bytes]


def test_alike_layers_share_the_median_of_their_sample_unless_every_layer_is_wanted() -> None:
    def seconds(*, every_layer: bool) -> list[float]:
        count = iter(range(1, 1000))

        def timer(work: Any) -> tuple[Any, float]:
            return work(), float(next(count))

        layers = measured(workload=INFERENCE, timer=timer, every_layer=every_layer).model.layers
        return [layer.forward.time_s["pi"] for layer in layers or () if layer.forward.time_s]

    assert len(set(seconds(every_layer=False)[1:3])) == 1
    assert len(set(seconds(every_layer=True)[1:3])) == 2


def test_the_report_sets_rates_and_the_estimate_of_the_node_s_figures_beside_what_was_measured() -> None:
    node = Node(id="pi", compute_flops_per_s=1e9, memory_bytes=1e9, layer_overhead_s=1.0)
    measurement = measured(timer=lambda work: (work(), 0.5), figures=node)
    report = group_with(measurement, 1).passes["forward"]
    assert report.time_s.median == 0.5
    assert report.flops_per_s == report.flops / 0.5
    assert report.bytes_per_s == report.traffic_bytes / 0.5
    assert report.estimate_s == pytest.approx(1.0 + report.flops / 1e9)


def test_the_report_sets_derived_sizes_beside_measured_ones() -> None:
    sizes = group_with(measured(workload=TRAINING), LAYERS - 1).sizes
    labels_and_loss = 8 * 2 * 6 + 4
    kept = sizes["activation_bytes"]
    assert kept.measured_bytes - kept.derived_bytes == labels_and_loss
    assert sizes["weight_bytes"].measured_bytes == sizes["weight_bytes"].derived_bytes


def test_times_of_two_nodes_add_up_and_a_node_measured_again_is_replaced() -> None:
    first, second = (measured(timer=_constant(s), node=node) for node, s in (("pi", 1.0), ("jetson", 2.0)))
    again = measured(timer=_constant(3.0), node="pi")
    both = merged(merged(first, second), again)
    assert [report.node for report in both.reports] == ["jetson", "pi"]
    assert both.model.layers is not None
    for layer in both.model.layers:
        assert layer.forward.time_s == {"pi": 3.0, "jetson": 2.0}
        assert layer.decode is not None
        assert layer.decode.time_s == {"pi": 3.0, "jetson": 2.0}


def _constant(seconds: float) -> Any:
    return lambda work: (work(), seconds)


def test_measurements_of_different_uses_do_not_add_up() -> None:
    with pytest.raises(InvalidInput, match="the layers are not those measured"):
        merged(measured(), measured(spec_of(sequence_length=7)))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"quantization": Quantization.INT8}, "model.quantization"),
        ({"attention": AttentionKernel.EAGER}, "model.attention"),
        ({"fine_tuning": FineTuning(recompute_activations=True)}, "model.fine_tuning.recompute_activations"),
        ({"fine_tuning": FineTuning(optimizer=Optimizer.ADAMW_8BIT)}, "model.fine_tuning.optimizer"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    workload = TRAINING if "fine_tuning" in fields else INFERENCE
    with pytest.raises(InvalidInput, match=named):
        measured(spec_of(**fields), workload)


def test_layers_given_outright_have_nothing_to_run() -> None:
    with pytest.raises(InvalidInput, match="layers given outright cannot be run"):
        config_of(ModelSpec.model_validate({"layers": [{"forward": {}}]}))


def test_a_model_of_the_catalogue_is_built_from_its_config() -> None:
    assert config_of(ModelSpec(catalogue="gpt2"))["model_type"] == "gpt2"
