"""Measured figures become the request's; nothing else does."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.validation.candidates import choose
from benchmarks.validation.inputs import LayerSeconds, LinkFigures, Measured, derived_profile, nominal, request_of
from benchmarks.validation.settings import SETTINGS, Setting
from models.plan import Status
from tests.benchmarks.validation.made_up import SETTING


def measured(setting: Setting) -> Measured:
    own = tuple(LayerSeconds(1.0 + k, 2.0 + k, None, 0.5) for k in range(setting.layer_count))
    links = tuple(LinkFigures(a, b, 0.001, 2 * rate) for a, b, rate in setting.links())
    return Measured({node.id: own for node in setting.nodes}, links)


def test_every_pass_carries_the_seconds_that_each_node_took() -> None:
    layers = request_of(SETTING, measured(SETTING)).model.layers
    assert layers is not None
    assert layers[3].forward.time_s == dict.fromkeys(["terminal", "edge-1", "edge-2"], 4.0)
    assert layers[3].backward is not None
    assert layers[3].backward.time_s == dict.fromkeys(["terminal", "edge-1", "edge-2"], 5.0)


def test_a_layer_that_does_no_backward_pass_gets_none_by_being_measured() -> None:
    layers = request_of(SETTING, measured(SETTING)).model.layers
    assert layers is not None
    assert layers[0].backward is None  # the embedding is frozen


def test_links_are_as_measured_and_one_way_each() -> None:
    links = request_of(SETTING, measured(SETTING)).cluster.links
    assert len(links) == 6
    assert {(link.latency_s, link.bandwidth_bits_per_s, link.bidirectional) for link in links} == {(0.001, 1e8, False)}


def test_sizes_are_those_that_the_planner_derives_from_the_config() -> None:
    request, derived = request_of(SETTING, measured(SETTING)), derived_profile(SETTING)
    assert request.model.layers is not None
    assert [layer.forward.output_bytes for layer in request.model.layers] == [
        layer.forward.output_bytes for layer in derived.layers
    ]
    assert request.model.label_bytes == derived.label_bytes > 0


def test_ten_settings_mix_schedules_families_and_sizes_and_fit_on_two_cores() -> None:
    assert len(SETTINGS) == len({setting.name for setting in SETTINGS}) == 10
    assert {setting.family.value for setting in SETTINGS} == {"llama", "gpt2"}
    assert {len(setting.nodes) for setting in SETTINGS} == {3, 4, 5}
    assert sum(not setting.trains for setting in SETTINGS) >= 2
    assert any(setting.tail_layers for setting in SETTINGS)
    assert all(sum(node.share for node in setting.nodes) <= 1.5 for setting in SETTINGS)
    assert all(setting.nodes[0].id == setting.workload.source for setting in SETTINGS)


@pytest.mark.parametrize("setting", [SETTINGS[0], SETTINGS[-1]], ids=lambda setting: setting.name)
def test_a_setting_has_an_optimal_plan_and_three_baselines_at_nominal_rates(setting: Setting) -> None:
    found = choose(request_of(setting, nominal(setting)), seed=1)
    assert found.status is Status.OPTIMAL
    assert len(found.candidates) == 7


def test_a_pass_that_some_node_did_not_measure_keeps_its_estimate() -> None:
    whole = measured(SETTING)
    gap = tuple(dataclasses.replace(layer, update=None) for layer in whole.layers["edge-1"])
    layers = request_of(SETTING, Measured({**whole.layers, "edge-1": gap}, whole.links)).model.layers
    assert layers is not None
    assert layers[3].update is not None
    assert layers[3].update.time_s is None
