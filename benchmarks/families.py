"""What is measured: each family is one kind of request, at several sizes and seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.instances import Body, heterogeneous
from examples import Purpose, of

EXAMPLES = "examples"


@dataclass(frozen=True, slots=True)
class Size:
    """How many layers and nodes."""

    layers: int
    nodes: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """'32x8' as 32 layers and 8 nodes; raises ValueError for anything else."""
        layers, _, nodes = text.partition("x")
        size = cls(int(layers), int(nodes))
        if size.layers < 1 or size.nodes < 1:
            raise ValueError(text)
        return size

    def __str__(self) -> str:
        return f"{self.layers}x{self.nodes}"


SMALL = (Size(16, 4),)
MIDDLING = (*SMALL, Size(32, 8))
LARGE = (*MIDDLING, Size(64, 12), Size(80, 16))


@dataclass(frozen=True, slots=True)
class Case:
    """One request to be measured."""

    family: str
    instance: str
    seed: int
    body: Body


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of request; `make` builds it for a number of layers, a number of nodes and a seed."""

    name: str
    title: str
    make: Callable[[int, int, int], Body]
    sizes: tuple[Size, ...] = SMALL
    """Measured unless other sizes are asked for."""


def _with_objective(body: Body, kind: str) -> Body:
    return body | {"objective": {"kind": kind}}


def _inference(kind: str) -> Callable[[int, int, int], Body]:
    return lambda layers, nodes, seed: _with_objective(heterogeneous(layers, nodes, seed), kind)


def _training(layers: int, nodes: int, seed: int) -> Body:
    return heterogeneous(layers, nodes, seed, workload="training")


def _throughput(layers: int, nodes: int, seed: int) -> Body:
    body = heterogeneous(layers, nodes, seed)
    return _with_objective(body | {"workload": body["workload"] | {"concurrency": 4}}, "throughput")


def _u_shape(layers: int, nodes: int, seed: int) -> Body:
    body = _training(layers, nodes, seed)
    return body | {"privacy": body["privacy"] | {"tail_layers": 1}}


def _dvfs(layers: int, nodes: int, seed: int) -> Body:
    return _with_objective(heterogeneous(layers, nodes, seed, levels=3), "energy")


def _shared_medium(layers: int, nodes: int, seed: int) -> Body:
    return heterogeneous(layers, nodes, seed, workload="training", medium="channel")


def _one_f_one_b(layers: int, nodes: int, seed: int) -> Body:
    body = _training(layers, nodes, seed)
    return body | {"workload": body["workload"] | {"schedule": "1f1b"}}


FAMILIES = (
    Family("latency", "one request, least latency", _inference("latency"), MIDDLING),
    Family("energy", "one request, least energy", _inference("energy"), MIDDLING),
    Family(
        "weighted", "one request, latency and energy weighted 1 : 1 (three searches)", _inference("weighted"), MIDDLING
    ),
    Family("gpipe", "training, 8 micro-batches under gpipe, least time per iteration", _training, MIDDLING),
    Family("throughput", "four requests in flight, most requests per second", _throughput),
    Family("u_shape", "as gpipe, the last layer back on the terminal", _u_shape),
    Family("dvfs", "three operating points per node, least energy", _dvfs),
    Family("shared_medium", "as gpipe, all links one radio channel", _shared_medium),
    Family("1f1b", "training, 8 micro-batches under 1f1b, replayed", _one_f_one_b),
)
NAMES = (*(family.name for family in FAMILIES), EXAMPLES)
TITLES = {family.name: family.title for family in FAMILIES} | {
    EXAMPLES: "real models on real devices: the requests in examples/, each with its own objective"
}


def cases(names: tuple[str, ...], sizes: tuple[Size, ...] | None, seeds: int) -> Iterator[Case]:
    """The cases of the named families, always in the same order; without sizes, each family's own."""
    for family in FAMILIES:
        if family.name in names:
            for size in sizes or family.sizes:
                for seed in range(seeds):
                    yield Case(family.name, str(size), seed, family.make(size.layers, size.nodes, seed))
    if EXAMPLES in names:
        for example in of(Purpose.PLAN):
            yield Case(EXAMPLES, example.name, 0, json.loads(example.read()))
