from __future__ import annotations

from pathlib import Path

import pytest

from api.measuring import layer_groups
from api.measuring.layer_groups import LayerGroup, groups_of, sample_size
from api.measuring.room import DEFAULT_CACHE_BYTES, DEFAULT_MEMORY_BYTES, available_bytes, cache_bytes
from api.measuring.transformer import SplitTransformer
from models.profile import FineTuning, FineTuningMethod, Layer, ModelSpec, Pass
from models.workload import Inference, Training
from placement.transformers import profile
from tests.api.measuring.tiny import CONFIGS

LORA = FineTuning(method=FineTuningMethod.LORA, rank=2)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of 1000 bytes, and 100 000 bytes of memory."""
    monkeypatch.setattr(layer_groups, "cache_bytes", lambda: 1000)
    monkeypatch.setattr(layer_groups, "available_bytes", lambda: 100_000)


def layer(weight_bytes: float, **held: float) -> Layer:
    return Layer(weight_bytes=weight_bytes, forward=Pass(), **held)


def layers_of_groups(family: str, workload: Inference | Training, tuned: FineTuning | None) -> list[tuple[int, ...]]:
    config = {**CONFIGS[family], "num_hidden_layers": 4}
    derived = profile(ModelSpec(huggingface_config=config, sequence_length=9, fine_tuning=tuned), workload)
    return [group.layers for group in groups_of(SplitTransformer(config), derived.layers)]


def test_all_blocks_of_a_plain_model_are_alike_although_the_last_one_sends_less_on() -> None:
    inference = Inference(kind="inference", source="t", output_tokens=4)
    assert layers_of_groups("llama", inference, None) == [(0,), (1, 2, 3, 4), (5,)]


def test_the_first_adapted_block_is_not_like_the_others() -> None:
    training = Training(kind="training", source="t")
    assert layers_of_groups("llama", training, LORA) == [(0,), (1,), (2, 3, 4), (5,)]


def test_windowed_blocks_are_apart_from_those_that_see_everything() -> None:
    inference = Inference(kind="inference", source="t")
    assert layers_of_groups("gemma2", inference, None) == [(0,), (1, 3), (2, 4), (5,)]


def test_a_sample_fills_the_cache_twice() -> None:
    assert sample_size(layer(300.0), alike=100) == 7


def test_a_sample_is_no_larger_than_its_group() -> None:
    assert sample_size(layer(300.0), alike=3) == 3


def test_a_sample_fits_into_half_of_the_memory_with_all_that_its_layers_hold() -> None:
    held = layer(100.0, gradient_bytes=100.0, optimizer_bytes=800.0, activation_bytes=9000.0, workspace_bytes=10_000.0)
    assert sample_size(held, alike=20) == 4


def test_a_layer_that_fills_the_memory_is_measured_alone() -> None:
    assert sample_size(layer(1e6), alike=20) == 1


def test_every_layer_is_measured_bit_by_bit_where_no_sample_is_wanted() -> None:
    group = LayerGroup((1, 2, 3, 4, 5), at_once=2)
    assert list(group.parts(every_layer=False)) == [(1, 2)]
    assert list(group.parts(every_layer=True)) == [(1, 2), (3, 4), (5,)]


def test_memory_and_cache_are_read_where_linux_tells_them(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  64 kB\nMemAvailable:     48 kB\n")
    for number, size in enumerate(("32K", "512K", "4M", "odd")):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(f"{size}\n")
    assert available_bytes(meminfo) == 48 * 1024
    assert cache_bytes(tmp_path) == 4 * 2**20


def test_cautious_figures_stand_in_where_nothing_is_told(tmp_path: Path) -> None:
    assert available_bytes(tmp_path / "absent") == DEFAULT_MEMORY_BYTES
    assert cache_bytes(tmp_path) == DEFAULT_CACHE_BYTES
