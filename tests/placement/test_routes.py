"""Links become channels and least-time transfers."""

from __future__ import annotations

import math
from functools import reduce
from itertools import pairwise, permutations
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from models.cluster import Cluster
from placement.network import Channel, ChannelKind, Network, build_network
from placement.routes import RouteTable, route_table
from tests.placement.examples_for_tests import link, node
from tests.placement.random_problems import SEEDS, examples

LINK, MEDIUM = ChannelKind.LINK, ChannelKind.MEDIUM


def network(nodes: str, *links: dict[str, object], relays: str = "") -> Network:
    """Nodes by their letters, those in `relays` forwarding."""
    cluster = {"nodes": [node(name, relay=name in relays) for name in nodes], "links": list(links)}
    return build_network(Cluster.model_validate(cluster))


def path(table: RouteTable, source: int, target: int) -> list[tuple[int, int]] | None:
    route = table.route(source, target)
    return None if route is None else [(hop.source, hop.target) for hop in route]


def test_transfer_takes_latency_plus_bits_over_bandwidth() -> None:
    table = route_table(network("ab", link("a", "b", byte_per_s=5.0, latency_s=0.5)), 10.0)
    assert table.seconds[0, 1] == 0.5 + 10.0 / 5.0


def test_propagation_does_not_occupy_the_channel() -> None:
    net = network("ab", link("a", "b", byte_per_s=5.0, latency_s=0.5))
    assert route_table(net, 10.0).busy_s(net.links[0]) == 2.0


def test_empty_payload_still_takes_the_latency() -> None:
    assert route_table(network("ab", link("a", "b", latency_s=0.5)), 0.0).seconds[0, 1] == 0.5


def test_nothing_is_sent_from_a_node_to_itself() -> None:
    table = route_table(network("ab", link("a", "b", latency_s=0.5)), 10.0)
    assert (table.seconds[1, 1], table.route(1, 1)) == (0.0, ())


def test_reverse_direction_has_its_own_bandwidth() -> None:
    table = route_table(network("ab", link("a", "b", byte_per_s=10.0, reverse_bandwidth_bits_per_s=16.0)), 20.0)
    assert (table.seconds[0, 1], table.seconds[1, 0]) == (2.0, 10.0)


def test_one_way_link_has_no_way_back() -> None:
    table = route_table(network("ab", link("a", "b", bidirectional=False)), 1.0)
    assert (table.route(1, 0), math.isinf(table.seconds[1, 0])) == (None, True)


def test_full_duplex_directions_are_separate_channels() -> None:
    assert network("ab", link("a", "b")).channels == (Channel(LINK, "a -> b"), Channel(LINK, "b -> a"))


def test_half_duplex_directions_are_one_channel() -> None:
    net = network("ab", link("b", "a", duplex="half"))
    assert net.channels == (Channel(LINK, "a <-> b"),)
    assert [one_way.channel for one_way in net.links] == [0, 0]


def test_two_one_way_links_in_half_duplex_are_one_channel() -> None:
    """So a matrix, which spells out each direction, means the same as a list."""
    one_way: dict[str, Any] = {"duplex": "half", "bidirectional": False}
    assert len(network("ab", link("a", "b", **one_way), link("b", "a", **one_way)).channels) == 1


def test_links_of_a_medium_share_one_channel() -> None:
    net = network("abc", link("a", "b", medium="wifi"), link("b", "c", medium="wifi"), link("a", "c"))
    assert net.channels == (Channel(MEDIUM, "wifi"), Channel(LINK, "a -> c"), Channel(LINK, "c -> a"))
    assert [one_way.channel for one_way in net.links] == [0, 0, 0, 0, 1, 2]


def test_medium_and_link_of_the_same_name_are_different_channels() -> None:
    assert len(network("abc", link("a", "b", medium="a -> c"), link("a", "c", bidirectional=False)).channels) == 2


def test_route_through_a_relay_counts_every_hop() -> None:
    net = network("abc", link("a", "b", byte_per_s=2.0, latency_s=0.25), link("b", "c", latency_s=0.5), relays="b")
    table = route_table(net, 10.0)
    assert path(table, 0, 2) == [(0, 1), (1, 2)]
    assert table.seconds[0, 2] == (0.25 + 5.0) + (0.5 + 10.0)


def test_node_that_is_no_relay_forwards_nothing() -> None:
    table = route_table(network("abc", link("a", "b"), link("b", "c"), relays="ac"), 1.0)
    assert (path(table, 0, 2), math.isinf(table.seconds[0, 2])) == (None, True)


def test_direct_link_is_taken_even_where_a_relay_would_be_faster() -> None:
    net = network(
        "abc", link("a", "c", byte_per_s=1.0), link("a", "b", byte_per_s=100.0), link("b", "c", byte_per_s=100.0),
        relays="b",
    )  # fmt: skip
    table = route_table(net, 100.0)
    assert (path(table, 0, 2), table.seconds[0, 2]) == ([(0, 2)], 100.0)


def test_best_route_depends_on_the_payload() -> None:
    """Through b: 0.1 s + x / 1; through c: 2 s + x / 10, twice each."""
    quick, wide = {"latency_s": 0.1, "byte_per_s": 1.0}, {"latency_s": 2.0, "byte_per_s": 10.0}
    net = network(
        "abcd", link("a", "b", **quick), link("b", "d", **quick), link("a", "c", **wide), link("c", "d", **wide),
        relays="bc",
    )  # fmt: skip
    small, large = route_table(net, 1.0), route_table(net, 100.0)
    assert (path(small, 0, 3), small.seconds[0, 3]) == ([(0, 1), (1, 3)], pytest.approx(2.2))
    assert (path(large, 0, 3), large.seconds[0, 3]) == ([(0, 2), (2, 3)], 24.0)


def test_routes_may_differ_by_direction() -> None:
    net = network(
        "abc", link("a", "b", bidirectional=False), link("b", "c", bidirectional=False),
        link("c", "a", bidirectional=False), relays="ab",
    )  # fmt: skip
    table = route_table(net, 1.0)
    assert (path(table, 0, 2), path(table, 2, 0)) == ([(0, 1), (1, 2)], [(2, 0)])


def test_equally_fast_routes_go_by_fewer_hops_then_by_earlier_nodes() -> None:
    net = network(
        "abcde", link("a", "b"), link("b", "e"), link("a", "c"), link("c", "e"), link("a", "d"), link("d", "b"),
        relays="bcd",
    )  # fmt: skip
    assert path(route_table(net, 0.0), 0, 4) == [(0, 1), (1, 4)]


def test_relays_can_follow_each_other() -> None:
    net = network("abcd", link("a", "b"), link("b", "c"), link("c", "d"), relays="bc")
    assert route_table(net, 2.0).seconds[0, 3] == 6.0


def test_matrix_says_the_same_as_the_list_of_its_links() -> None:
    body = {
        "nodes": [node("a"), node("b"), node("c")],
        "link_matrix": {
            "bandwidth_bits_per_s": [[None, 8.0, None], [16.0, None, 24.0], [None, None, None]],
            "latency_s": [[0, 0.1, 0], [0.2, 0, 0.3], [0, 0, 0]],
            "transmit_power_w": [[0, 1, 0], [2, 0, 3], [0, 0, 0]],
            "receive_power_w": [[0, 4, 0], [5, 0, 6], [0, 0, 0]],
        },
    }
    spelled_out = network(
        "abc",
        *(
            link(s, t, byte_per_s=rate, latency_s=delay, transmit_power_w=tx, receive_power_w=rx, bidirectional=False)
            for s, t, rate, delay, tx, rx in (
                ("a", "b", 1.0, 0.1, 1.0, 4.0), ("b", "a", 2.0, 0.2, 2.0, 5.0), ("b", "c", 3.0, 0.3, 3.0, 6.0)
            )
        ),
    )  # fmt: skip
    net = build_network(Cluster.model_validate(body))
    assert (net.links, net.channels) == (spelled_out.links, spelled_out.channels)


def test_matrix_without_delays_and_powers_has_none() -> None:
    body = {"nodes": [node("a"), node("b")], "link_matrix": {"bandwidth_bits_per_s": [[None, 8.0], [None, None]]}}
    (only,) = build_network(Cluster.model_validate(body)).links
    assert (only.latency_s, only.transmit_power_w, only.receive_power_w) == (0.0, 0.0, 0.0)


def test_diagonal_of_a_matrix_is_no_link() -> None:
    body = {"nodes": [node("a"), node("b")], "link_matrix": {"bandwidth_bits_per_s": [[8.0, 8.0], [8.0, 8.0]]}}
    assert [(one.source, one.target) for one in build_network(Cluster.model_validate(body)).links] == [(0, 1), (1, 0)]


def test_matrix_can_be_one_medium() -> None:
    rates = [[None, 8.0], [8.0, None]]
    body = {"nodes": [node("a"), node("b")], "link_matrix": {"bandwidth_bits_per_s": rates, "medium": "wifi"}}
    assert build_network(Cluster.model_validate(body)).channels == (Channel(MEDIUM, "wifi"),)


def test_every_pair_without_a_route_is_infinite() -> None:
    table = route_table(network("abc", link("a", "b")), 1.0)
    assert np.isinf(table.seconds).tolist() == [[False, False, True], [False, False, True], [True, True, False]]


def best_path(net: Network, payload: float, source: int, target: int) -> tuple[float, int, tuple[int, ...]] | None:
    """The least of all simple paths through relays, by time, hops and nodes; of the direct link where there is one."""
    steps = {(w.source, w.target): w.latency_s + 8.0 * payload / w.bandwidth_bits_per_s for w in net.links}
    if (source, target) in steps:
        return steps[source, target], 1, (source, target)
    others = [n for n in np.flatnonzero(net.relays).tolist() if n not in (source, target)]
    found = []
    for count in range(len(others) + 1):
        for middle in permutations(others, count):
            way = (source, *middle, target)
            if all(edge in steps for edge in pairwise(way)):
                found.append((reduce(lambda total, edge: total + steps[edge], pairwise(way), 0.0), len(way) - 1, way))
    return min(found, default=None)


@examples(60)
@given(SEEDS)
def test_routes_are_the_least_of_all_simple_paths(seed: int) -> None:
    rng = Random(seed)
    names = "abcdef"[: rng.randint(2, 6)]
    pairs = [(p, q) for p in names for q in names if p != q and rng.random() < 0.4]
    fields = [{"byte_per_s": rng.choice((1.0, 4.0)), "latency_s": rng.choice((0.0, 0.0, 0.1))} for _ in pairs]
    links = [link(p, q, bidirectional=False, **own) for (p, q), own in zip(pairs, fields, strict=True)]
    net = network(names, *links, relays="".join(name for name in names if rng.random() < 0.6))
    for payload in (0.0, 3.0):
        table = route_table(net, payload)
        for a, b in permutations(range(len(names)), 2):
            best = best_path(net, payload, a, b)
            assert bool(net.connected[a, b]) is (best is not None)
            if best is None:
                assert (table.route(a, b), math.isinf(table.seconds_between(a, b))) == (None, True)
            else:
                assert (float(table.seconds_between(a, b)), path(table, a, b)) == (best[0], list(pairwise(best[2])))


def test_network_of_a_thousand_nodes_is_arrays_without_an_object_per_link() -> None:
    count = 1000
    rates = [[8.0] * count for _ in range(count)]
    body = {"nodes": [node(f"n{n}") for n in range(count)], "link_matrix": {"bandwidth_bits_per_s": rates}}
    net = build_network(Cluster.model_validate(body))
    table = route_table(net, 2.0)
    assert table.seconds_between(np.arange(3), 999).tolist() == [2.0] * 3
    assert path(table, 0, 999) == [(0, 999)]
    assert (net.link_count, net.channel_count, len(net._views)) == (count * (count - 1), count * (count - 1), 1)
    assert net.channel_named(net.link_count - 1) == Channel(LINK, "n999 -> n998")


def test_routes_through_a_relay_are_searched_only_from_nodes_that_are_asked_for() -> None:
    spokes = [link("a", name) for name in "bcdef"]
    table = route_table(network("abcdef", *spokes, relays="a"), 1.0)
    assert table.seconds_between(1, 2) == 2.0
    assert list(table._relayed) == [1]


def test_a_trip_takes_as_long_as_the_table_says_whichever_way_it_goes() -> None:
    links = [link("a", "b", latency_s=0.5), link("b", "c", byte_per_s=3.0), link("d", "a", bidirectional=False)]
    table = route_table(network("abcd", *links, relays="b"), 10.0)
    trips = [[table.trip_s(n, m) for m in range(4)] for n in range(4)]
    assert trips == table.seconds.tolist()
    assert (trips[0][0], trips[0][3]) == (0.0, math.inf)
