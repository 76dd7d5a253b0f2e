"""Exports for accelerate and torch.distributed.pipelining are read by accelerate and torch."""

from __future__ import annotations

import json
import logging
import warnings
from typing import Any

import pytest
import torch
import transformers
from accelerate import dispatch_model
from accelerate.utils import check_device_map
from accelerate.utils.modeling import check_tied_parameters_on_same_device
from torch.distributed import pipelining
from torch.distributed.pipelining import SplitPoint, pipeline

from placement.exports.modules import known_classes, paths_of
from placement.transformers.families import FAMILIES
from tests.placement.exports.plans import (
    ALONE,
    BLOCKS,
    THREE,
    TRAINING,
    U_SHAPED,
    config,
    exported,
    losses,
    refusals,
    request,
)

torch.set_num_threads(1)

CLASSES = [(family.model_type, name) for family in FAMILIES for name in family.heads]
CPU_AND_DISK = {"phone": "cpu", "jetson": "disk", "edge": "cpu"}


def asked_for(model_type: str, class_name: str, **more: Any) -> dict[str, Any]:
    return request(
        {"huggingface_config": config(model_type, class_name)}, {"kind": "inference", "source": "phone"}, **more
    )


def gpt2(**changes: Any) -> dict[str, Any]:
    return request({"huggingface_config": config("gpt2", **changes), "sequence_length": 8})


def built(model_type: str, class_name: str) -> torch.nn.Module:
    """The library's own class, of the same config."""
    sizes = {name: value for name, value in config(model_type).items() if name != "model_type"}
    read = transformers.AutoConfig.for_model(model_type, pad_token_id=0, bos_token_id=0, eos_token_id=0, **sizes)
    return getattr(transformers, class_name)(read).eval()


def some_ids() -> torch.Tensor:
    return torch.randint(0, 64, (2, 8), generator=torch.Generator().manual_seed(1))


def test_the_modules_of_every_class_that_can_be_planned_are_known() -> None:
    assert {name for _, name in CLASSES} == set(known_classes())


@pytest.mark.parametrize(("model_type", "class_name"), CLASSES)
def test_a_device_map_has_every_module_of_a_class_in_the_order_in_which_they_run(
    model_type: str, class_name: str
) -> None:
    device_map = json.loads(exported("accelerate", THREE, asked_for(model_type, class_name)).content)
    model = built(model_type, class_name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a path that leads nowhere is a warning of accelerate's
        check_device_map(model, device_map)
    ran: list[str] = []
    for path in device_map:
        model.get_submodule(path).register_forward_hook(lambda *_, path=path: ran.append(path))
    with torch.no_grad():
        model(torch.rand(2, 3, 16, 16) if model_type == "vit" else some_ids())
    paths = paths_of(class_name)
    assert paths is not None
    assert set(ran[: len(paths.embedding)]) == set(paths.embedding)
    assert ran[len(paths.embedding) :] == [*paths.blocks(BLOCKS), *paths.head]
    assert [device_map[path] for path in paths.blocks(BLOCKS)] == ["phone", "jetson", "edge", "edge"]


def test_a_model_dispatched_by_the_device_map_computes_what_it_did_before(tmp_path: Any) -> None:
    torch.manual_seed(0)
    model = built("llama", "LlamaForCausalLM")
    with torch.no_grad():
        before = model(some_ids()).logits
    made = exported("accelerate", THREE, devices=CPU_AND_DISK)
    device_map = json.loads(made.content)
    dispatched = dispatch_model(model, device_map, main_device="cpu", offload_dir=tmp_path)
    on_disk = {name.rpartition(".")[0] for name in json.loads((tmp_path / "index.json").read_text())}
    assert all(name.startswith("model.layers.1.") for name in on_disk)
    with torch.no_grad():
        torch.testing.assert_close(dispatched(some_ids()).logits, before, rtol=0, atol=1e-6)
    assert losses(made) == {"several_nodes"}


def test_what_is_refused_as_tied_apart_is_what_accelerate_warns_of(caplog: pytest.LogCaptureFixture) -> None:
    tied = gpt2(tie_word_embeddings=True)
    assert refusals("accelerate", THREE, tied) == {"tied_apart"}
    assert refusals("accelerate", U_SHAPED, tied) == set()
    untied = json.loads(exported("accelerate", THREE, gpt2()).content)
    with caplog.at_level(logging.WARNING):
        check_tied_parameters_on_same_device([["transformer.wte.weight", "lm_head.weight"]], untied)
    assert "Tied parameters are on different devices" in caplog.text


def test_torch_splits_a_model_at_the_modules_of_the_plan_and_computes_the_same() -> None:
    torch.manual_seed(0)
    model, ids = built("llama", "LlamaForCausalLM"), some_ids()
    plan = json.loads(exported("torch-pipelining", ALONE).content)
    with torch.no_grad():
        spec = {path: SplitPoint[point] for path, point in plan["split_spec"].items()}
        pipe = pipeline(model, (ids,), {"use_cache": False}, split_spec=spec)
        whole = model(ids, use_cache=False).logits
        split = pipe(ids, use_cache=False)[0]
    assert pipe.num_stages == len(plan["stage_index_to_group_rank"]) == 3
    weights = [
        {".".join(name.split(".")[:3]) for name, _ in pipe.get_stage_module(stage).named_parameters()}
        for stage in range(3)
    ]
    assert weights == [
        {"model.embed_tokens.weight"},
        {f"model.layers.{k}" for k in range(BLOCKS)},
        {"model.norm.weight", "lm_head.weight"},
    ]
    torch.testing.assert_close(split, whole, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("schedule", "name", "batches", "times"),
    [("sequential", "ScheduleGPipe", 1, 4), ("gpipe", "ScheduleGPipe", 4, 1), ("1f1b", "Schedule1F1B", 4, 1)],
)
def test_the_schedule_is_one_of_torchs_own_with_as_many_micro_batches(
    schedule: str, name: str, batches: int, times: int
) -> None:
    made = exported("torch-pipelining", THREE, request(workload=TRAINING | {"schedule": schedule}))
    plan = json.loads(made.content)
    assert getattr(pipelining, plan["schedule"]).__name__ == name
    assert (plan["n_microbatches"], plan["steps_per_iteration"]) == (batches, times)
    assert plan["nodes_by_rank"] == ["phone", "jetson", "edge"]


def test_a_u_shaped_plan_has_two_stages_on_rank_0_and_a_warning_that_no_schedule_of_torchs_has() -> None:
    made = exported("torch-pipelining", U_SHAPED, request(workload=TRAINING))
    plan = json.loads(made.content)
    assert plan["split_spec"] == {"model.layers.1": "BEGINNING", "model.norm": "BEGINNING"}
    assert plan["stage_index_to_group_rank"] == {"0": 0, "1": 1, "2": 0}
    assert plan["schedule"] is None
    assert losses(made) == {"u_shape"}


def test_split_points_of_gpt2_are_in_its_own_modules() -> None:
    plan = json.loads(exported("torch-pipelining", ALONE, gpt2()).content)
    assert plan["split_spec"] == {"transformer.h.0": "BEGINNING", "transformer.ln_f": "BEGINNING"}
