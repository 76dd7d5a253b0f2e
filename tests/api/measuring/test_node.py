from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

from api.measuring import node_process, overhead
from api.measuring.matmul import Library, NumberFormat
from api.measuring.node import Wish, measure
from api.measuring.node_process import NodeFault, measured, node_of
from api.measuring.node_report import NodeReport, PowerReport
from api.measuring.power import Meter
from models.cluster import Cluster, NodeKind
from placement import catalogue

LITTLE = Wish(
    seconds=0.2,
    number_format=NumberFormat.FLOAT64,
    threads=1,
    device="cpu",
    with_torch=False,
    most_array_bytes=2**20,
)


@pytest.fixture(scope="module")
def report() -> NodeReport:
    """Of a process of its own, in a hurry."""
    return measured(LITTLE)


def test_a_measured_node_is_a_piece_of_a_request(report: NodeReport) -> None:
    piece = json.loads(node_of(report, "edge-1").model_dump_json(exclude_unset=True))["node"]
    [node] = Cluster.model_validate_json(json.dumps({"nodes": [piece]})).nodes
    assert (node.id, node.kind) == ("edge-1", NodeKind.EDGE)
    rate = report.rates[0]
    assert (rate.library, rate.number_format) == (Library.NUMPY, NumberFormat.FLOAT64)
    assert node.compute_flops_per_s == rate.sustained_flops_per_s.median > 1e6
    assert node.memory_bytes == report.memory.available_bytes > 2**20
    triad = next(each for each in report.bandwidths if each.kernel == "triad")
    assert node.memory_bandwidth_bytes_per_s == triad.bytes_per_s.median > 1e6
    assert 0 < node.layer_overhead_s == report.overhead.seconds.median < 1


def test_every_other_rate_is_in_the_report(report: NodeReport) -> None:
    assert [rate.number_format for rate in report.rates] == [NumberFormat.FLOAT64, NumberFormat.FLOAT32]
    assert report.machine.threads == 1
    assert any("torch is not installed or not wanted" in note for note in report.notes)


def with_power(report: NodeReport, idle_w: float, busy_w: float) -> NodeReport:
    power = PowerReport(idle_power_w=idle_w, busy_power_w=busy_w, source="RAPL", sees="processor: package", samples=9)
    return report.model_copy(update={"power": power})


def test_power_that_the_machine_tells_is_the_nodes_with_what_it_leaves_out(report: NodeReport) -> None:
    answer = node_of(with_power(report, 3.0, 20.0), "a", device=catalogue.device("raspberry-pi-5"))
    assert (answer.node.idle_power_w, answer.node.busy_power_w) == (3.0, 20.0)
    assert any("power is that of processor: package" in note for note in answer.report.notes)


def test_meters_that_read_less_at_work_than_in_rest_do_not_spoil_the_request(report: NodeReport) -> None:
    answer = node_of(with_power(report, 5.0, 4.0), "a")
    assert (answer.node.idle_power_w, answer.node.busy_power_w) == (5.0, 5.0)
    assert any("less at work" in note for note in answer.report.notes)


def test_power_that_the_machine_hides_is_the_catalogues_and_that_is_told(report: NodeReport) -> None:
    hidden = report.model_copy(update={"power": None})
    answer = node_of(hidden, "pi", device=catalogue.device("raspberry-pi-5"))
    assert (answer.node.idle_power_w, answer.node.busy_power_w) == (2.8, 13.9)
    assert any("it is the catalogue's of raspberry-pi-5" in note for note in answer.report.notes)


def test_without_any_power_the_node_says_not_to_plan_for_energy(report: NodeReport) -> None:
    answer = node_of(report.model_copy(update={"power": None}), "a")
    assert "idle_power_w" not in answer.node.model_fields_set
    assert any("do not plan for energy" in note for note in answer.report.notes)


def test_power_is_watched_in_rest_and_at_work() -> None:
    readings = iter([*[2.0] * 2, *[9.0] * 10**6])
    steps: list[str] = []
    found = [Meter("meter", "all of it", lambda: next(readings))]
    report = measure(LITTLE.model_copy(update={"seconds": 0.6}), steps.append, found)
    assert report.power is not None
    assert (report.power.idle_power_w, report.power.busy_power_w) == (pytest.approx(5.5, abs=3.6), 9.0)
    assert report.power.source == "meter"
    assert steps == [
        "power at rest",
        "dispatch of a layer",
        "memory bandwidth",
        "float32 by numpy on cpu",
        "float64 by numpy on cpu",
    ]


def test_a_process_that_breaks_is_told_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_process, "_MODULE", "api.measuring.no_such_module")
    with pytest.raises(NodeFault, match=r"ended with code 1: .*No module named"):
        measured(LITTLE)


def test_a_process_that_is_killed_is_told() -> None:
    assert "want of memory" in node_process._why(-9, "")
    assert "it said nothing" in node_process._why(3, "\n")


def test_the_threads_are_those_of_the_libraries_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environment = node_process._environment(3)
    assert {environment[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")} == {"3"}
    assert environment["PYTHONPATH"].split(os.pathsep) == [entry for entry in sys.path if entry]


def test_a_tiny_layer_is_timed_per_layer() -> None:
    ticks = iter(range(10**6))
    named = {"library": Library.NUMPY, "device": "cpu", "stands_for": overhead.STANDS_FOR[Library.NUMPY]}
    report = overhead.measure_overhead(overhead.numpy_layer(), 0.0, named, clock=lambda: 8.0 * next(ticks))
    assert report.seconds.median == 1.0  # eight layers in a row took eight seconds
    assert np.isfinite(np.asarray(overhead.numpy_layer()())).all()
