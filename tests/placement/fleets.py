"""Random small requests with interchangeable nodes, over all features: a random request, its nodes a few times each."""

from __future__ import annotations

from random import Random
from typing import Any

from placement.problem import Problem
from tests.placement.instances import random_link, random_request
from tests.placement.random_problems import problem_from

MOST_NODES = 5


def fleet_request(rng: Random, *, training: bool | None = None) -> dict[str, Any]:
    """Two or three kinds besides the source n0, up to five nodes together."""
    body = random_request(rng, max_layers=4, max_nodes=3, training=training)
    while "links" not in body["cluster"] or len(body["cluster"]["nodes"]) < 2:
        body = random_request(rng, max_layers=4, max_nodes=3, training=training)
    kinds = [node["id"] for node in body["cluster"]["nodes"]]
    copies = {name: [name] for name in kinds}
    room = MOST_NODES - len(kinds)
    for name in rng.sample(kinds[1:], len(kinds) - 1):
        more = rng.randint(0 if room < 2 else 1, min(2, room))
        room -= more
        copies[name] += [f"{name}{letter}" for letter in "xy"[:more]]
    return spread_out(rng, body, copies)


def spread_out(rng: Random, body: dict[str, Any], copies: dict[str, list[str]]) -> dict[str, Any]:
    """Every node of the request several times, with the same figures, links and rules; n1, n1x and n1y are one kind."""
    cluster = body["cluster"]
    for node in cluster["nodes"]:
        node["relay"] = node["relay"] and len(copies[node["id"]]) == 1
        if rng.random() < 0.7:
            node.pop("energy_budget_j", None)
    links = [
        link | {"source": p, "target": q}
        for link in cluster["links"]
        for p in copies[link["source"]]
        for q in copies[link["target"]]
    ]
    for own in copies.values():
        between = random_link(rng, "", "")
        between.pop("reverse_bandwidth_bits_per_s", None)
        if rng.random() < 0.8:
            links += [between | {"source": p, "target": q} for i, p in enumerate(own) for q in own[i + 1 :]]
    body["cluster"] = {
        "nodes": [node | {"id": name} for node in cluster["nodes"] for name in copies[node["id"]]],
        "links": links,
    }
    for layer in body["model"]["layers"]:
        for name in ("forward", "backward", "decode", "update"):
            measured = layer.get(name, {}).get("time_s")
            if measured is not None:
                layer[name]["time_s"] = {copy: s for kind, s in measured.items() for copy in copies.get(kind, [kind])}
    for rule in ("allowed_nodes", "forbidden_nodes"):
        for entry in body["constraints"].get(rule, []):
            entry["nodes"] = [copy for kind in entry["nodes"] for copy in copies[kind]]
    return body


def random_fleet(seed: int, *, training: bool | None = None, **workload: Any) -> Problem:
    """The compiled problem of a random fleet; `workload` overrides fields of the workload."""
    body = fleet_request(Random(seed), training=training)
    body["workload"].update(workload)
    return problem_from(body)
