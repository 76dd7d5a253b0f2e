"""Devices of the catalogue: sources, sustained against peak rates, nodes that can be pasted."""

import pytest

from models import InvalidInput, Node
from models.base import DomainType
from models.catalogue import DeviceEntry, Figure, Provenance
from placement import catalogue

DEVICES = catalogue.devices()
WITH_NODE = [device for device in DEVICES if device.node is not None]


def provenances(value: object) -> list[Provenance]:
    """Every figure anywhere in an entry."""
    found = [value] if isinstance(value, Provenance) else []
    children = [child for _, child in value] if isinstance(value, DomainType) else ()
    inner = value if isinstance(value, tuple) else children
    return found + [figure for child in inner for figure in provenances(child)]


def test_fifty_devices_have_distinct_names():
    assert len({device.id for device in DEVICES}) == len(DEVICES) == 50


@pytest.mark.parametrize("entry", [*DEVICES, *catalogue.links(), *catalogue.transformers()], ids=lambda entry: entry.id)
def test_every_figure_has_a_source_or_says_why_it_is_weak(entry):
    figures = provenances(entry)
    assert figures
    for figure in figures:
        assert figure.sources or figure.weak
        if any(source.key == "BG" for source in figure.sources):
            assert figure.weak


def test_a_figure_without_source_or_weakness_is_refused():
    with pytest.raises(ValueError, match="needs a source"):
        Figure(value=1.0)


@pytest.mark.parametrize("device", WITH_NODE, ids=lambda device: device.id)
def test_a_node_can_be_pasted_once_it_has_an_id(device: DeviceEntry):
    pasted = Node.model_validate({"id": "mine", **device.node.model_dump(mode="json")})
    assert pasted == device.node.as_node("mine")
    assert pasted.kind == device.kind
    assert device.node_missing is None


def test_devices_without_enough_figures_say_what_is_missing():
    without = {device.id: device.node_missing for device in DEVICES if device.node is None}
    assert without["apple-a14"] == "not known: memory size, idle power, busy power"
    assert without["apple-m1-max"] == "not known: idle power, busy power"
    assert all(without.values())
    assert len(without) == 11


@pytest.mark.parametrize("device", WITH_NODE, ids=lambda device: device.id)
def test_what_is_sustained_stays_below_the_peak(device: DeviceEntry):
    if device.peak_flops_per_s and "prefill" not in (device.sustained_flops_per_s.how or ""):
        assert device.node.compute_flops_per_s < max(peak.value for peak in device.peak_flops_per_s)
    if device.peak_memory_bandwidth_bytes_per_s is not None:
        assert device.node.memory_bandwidth_bytes_per_s < device.peak_memory_bandwidth_bytes_per_s.value
    assert device.node.memory_bytes < device.memory_bytes.value
    assert device.node.idle_power_w < device.node.busy_power_w


def test_a_calibrated_gpu_sustains_its_own_share_of_the_tensor_peak():
    t4 = catalogue.device("t4")
    assert t4.node.compute_flops_per_s == pytest.approx(0.43 * 65.13e12)
    assert t4.node.memory_bandwidth_bytes_per_s == pytest.approx(0.73 * 320e9)
    assert t4.node.idle_power_w == pytest.approx(0.15 * 70)
    assert {source.key for source in t4.sustained_flops_per_s.sources} == {"D17", "D24"}
    assert t4.sustained_flops_per_s.weak is None


def test_a_device_without_calibration_takes_its_class_and_is_weak_for_it():
    jetson = catalogue.device("jetson-orin-nx-16")
    assert jetson.node.compute_flops_per_s == pytest.approx(0.5 * 3.76e12)
    assert any(note.startswith("sustained_flops_per_s:") for note in jetson.weak)


def test_measured_rates_win_over_peaks():
    phone = catalogue.device("snapdragon-8-gen-3")
    assert phone.node.compute_flops_per_s == pytest.approx(238.9 * 2 * 1.5e9)
    assert "prefill" in phone.sustained_flops_per_s.how
    assert catalogue.device("raspberry-pi-4").node.memory_bandwidth_bytes_per_s == 2.74e9


def test_an_open_gpu_context_adds_to_idle_power_where_it_was_measured():
    assert catalogue.device("l40s").node.idle_power_w == pytest.approx(0.15 * 300 + 66)


def test_power_modes_become_operating_points_only_where_their_rate_was_measured():
    orin = catalogue.device("jetson-orin-nano-super").node
    fast, slow = orin.operating_points
    assert (fast.name, fast.busy_power_w, slow.name, slow.busy_power_w) == ("25W", 25, "15W", 15)
    assert fast.compute_flops_per_s / slow.compute_flops_per_s == pytest.approx(1.415, abs=1e-3)
    assert [device.id for device in DEVICES if device.operating_points] == ["jetson-orin-nano-super"]
    assert [mode.value for mode in catalogue.device("jetson-agx-orin-32").power_modes_w] == [15, 30, 40]


def test_an_unknown_device_is_answered_with_near_ones():
    with pytest.raises(InvalidInput, match="raspberry-pi-4"):
        catalogue.device("raspberry-pi-3")
    with pytest.raises(InvalidInput, match="known: snapdragon"):
        catalogue.device("zzz")
