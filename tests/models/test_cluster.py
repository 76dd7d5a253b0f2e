from __future__ import annotations

import sys
from typing import Any

import pytest

from models import Cluster, LinkMatrix, Node
from tests.models.requests import body, faults, violations


def node(**fields: Any) -> Node:
    return Node.model_validate({"id": "n", "compute_flops_per_s": 1e12, "memory_bytes": 1e9} | fields)


def test_the_smallest_request_is_sound() -> None:
    assert faults(body()) == []


def test_a_terminal_is_trusted_and_others_are_not_unless_said_otherwise() -> None:
    assert node(kind="terminal").is_trusted
    assert not node(kind="edge").is_trusted
    assert not node(kind="terminal", trusted=False).is_trusted
    assert node(kind="cloud", trusted=True).is_trusted


def test_a_node_without_operating_points_has_one_level_with_its_own_figures() -> None:
    [level] = node(idle_power_w=2, busy_power_w=9, memory_bandwidth_bytes_per_s="10GB/s").levels
    assert (level.name, level.compute_flops_per_s, level.idle_power_w, level.busy_power_w) == ("default", 1e12, 2, 9)
    assert level.memory_bandwidth_bytes_per_s == 1e10


def test_without_a_busy_power_computing_costs_no_more_than_idling() -> None:
    assert node(idle_power_w=2).levels[0].busy_power_w == 2


def test_operating_points_take_the_nodes_figures_where_they_have_none() -> None:
    slow = {"name": "slow", "compute_flops_per_s": 1e11, "busy_power_w": 5}
    fast = {**slow, "name": "fast", "idle_power_w": 3, "memory_bandwidth_bytes_per_s": 2e9}
    first, second = node(idle_power_w=2, memory_bandwidth_bytes_per_s=1e9, operating_points=[slow, fast]).levels
    assert (first.idle_power_w, first.memory_bandwidth_bytes_per_s) == (2, 1e9)
    assert (second.idle_power_w, second.memory_bandwidth_bytes_per_s) == (3, 2e9)


def test_a_node_without_any_rate_is_refused() -> None:
    raw = body("cluster/nodes/1", {"id": "edge", "memory_bytes": 1})
    assert faults(raw) == [("/cluster/nodes/1/compute_flops_per_s", "missing")]


def test_busy_power_below_idle_power_is_refused_and_both_are_said() -> None:
    raw = body("cluster/nodes/0/busy_power_w", 3)
    raw["cluster"]["nodes"][0]["idle_power_w"] = 5
    [found] = violations(raw)
    assert (found.pointer, found.code, found.actual, found.limit) == (
        "/cluster/nodes/0/busy_power_w", "below_idle_power", 3.0, 5.0,
    )  # fmt: skip
    assert "node phone" in found.message


def test_levels_are_checked_like_nodes_and_named_once() -> None:
    point = {"name": "15W", "compute_flops_per_s": 1e11, "busy_power_w": 1}
    raw = body("cluster/nodes/0/operating_points", [point, {**point, "idle_power_w": 2}])
    raw["cluster"]["nodes"][0]["idle_power_w"] = 0.5
    assert faults(raw) == [
        ("/cluster/nodes/0/operating_points/1/busy_power_w", "below_idle_power"),
        ("/cluster/nodes/0/operating_points", "duplicate"),
    ]


def test_an_id_that_is_given_twice_is_refused_at_its_second_place() -> None:
    raw = body()
    raw["cluster"]["nodes"].append({**raw["cluster"]["nodes"][0]})
    [found] = violations(raw)
    assert (found.pointer, found.code, found.actual) == ("/cluster/nodes/2/id", "duplicate", "phone")


@pytest.mark.parametrize("end", ["source", "target"])
def test_a_link_to_an_unknown_node_is_refused(end: str) -> None:
    [found] = violations(body(f"cluster/links/0/{end}", "edge-9"))
    assert (found.pointer, found.code, found.actual) == (f"/cluster/links/0/{end}", "unknown_node", "edge-9")
    assert "edge-9" in found.message


def test_a_link_from_a_node_to_itself_is_refused() -> None:
    assert faults(body("cluster/links/0/target", "phone")) == [("/cluster/links/0/target", "self_link")]


def test_a_reverse_rate_of_a_one_way_link_is_refused() -> None:
    link = {"source": "phone", "target": "edge", "bandwidth_bits_per_s": 1, "bidirectional": False}
    raw = body("cluster/links/0", {**link, "reverse_bandwidth_bits_per_s": 1})
    assert faults(raw) == [("/cluster/links/0/reverse_bandwidth_bits_per_s", "one_way")]


def test_a_direction_that_two_links_give_is_refused() -> None:
    raw = body()
    raw["cluster"]["links"].append({"source": "edge", "target": "phone", "bandwidth_bits_per_s": 1})
    [first, second] = violations(raw)
    assert (first.pointer, first.code) == ("/cluster/links/1", "duplicate")
    assert "edge -> phone is already given by links/0" in first.message
    assert "phone -> edge is already given by links/0" in second.message


def test_two_one_way_links_in_opposite_directions_are_sound() -> None:
    one = {"source": "phone", "target": "edge", "bandwidth_bits_per_s": 1, "bidirectional": False}
    assert faults(body("cluster/links", [one, {**one, "source": "edge", "target": "phone"}])) == []


def test_links_and_a_matrix_together_are_refused() -> None:
    raw = body("cluster/link_matrix", {"bandwidth_bits_per_s": [[None, 1], [1, None]]})
    assert faults(raw) == [("/cluster/link_matrix", "either_or")]


def test_a_matrix_takes_units_and_null_for_no_link() -> None:
    matrix = LinkMatrix.model_validate({"bandwidth_bits_per_s": [[None, "1Gbit/s"], [None, None]]})
    assert matrix.bandwidth_bits_per_s == ((None, 1e9), (None, None))


@pytest.mark.parametrize("name", ["bandwidth_bits_per_s", "latency_s", "transmit_power_w", "receive_power_w"])
@pytest.mark.parametrize(("rows", "shape"), [([[1]], "1 x 1"), ([[1, 1], [1]], "2 x 1/2"), ([], "0 x 0")])
def test_a_matrix_of_another_shape_is_refused_with_the_shape_it_should_have(
    name: str, rows: list[list[float]], shape: str
) -> None:
    raw = body("cluster/link_matrix", {"bandwidth_bits_per_s": [[1, 1], [1, 1]], name: rows})
    del raw["cluster"]["links"]
    [found] = violations(raw)
    assert (found.pointer, found.code, found.actual, found.limit) == (
        f"/cluster/link_matrix/{name}", "shape", shape, "2 x 2",
    )  # fmt: skip


def test_an_empty_cluster_is_refused() -> None:
    assert faults(body("cluster", {"nodes": []})) == [("/cluster/nodes", "too_short")]


def test_one_node_needs_no_link() -> None:
    assert Cluster.model_validate({"nodes": [node().model_dump()]}).links == ()


def test_a_matrix_of_numbers_is_checked_without_a_python_call_per_number() -> None:
    count = 40
    nodes = [{"id": f"n{n}", "compute_flops_per_s": 1e12, "memory_bytes": 1e9} for n in range(count)]
    rows = [[1e9] * count for _ in range(count)]
    raw = {"nodes": nodes, "link_matrix": {"bandwidth_bits_per_s": rows, "latency_s": rows, "receive_power_w": rows}}
    Cluster.model_validate(raw)
    calls = 0

    def counted(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(counted)
    try:
        Cluster.model_validate(raw)
    finally:
        sys.setprofile(None)
    assert calls < 40 * count  # some per node and per row, against 3 x 40 x 40 numbers
