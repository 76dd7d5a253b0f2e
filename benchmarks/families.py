"""What is measured: each family is one kind of request, at several sizes and seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.instances import Body, Recipe, request_body
from benchmarks.real_models import on_identical_nodes
from examples import Purpose, of

EXAMPLES = "examples"


@dataclass(frozen=True, slots=True, order=True)
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


def sizes_of(text: str) -> tuple[Size, ...]:
    """'16x4 32x8' as two sizes."""
    return tuple(map(Size.parse, text.split()))


@dataclass(frozen=True, slots=True)
class Case:
    """One request to be measured; `size` is None where the request is none of a generated size."""

    family: str
    instance: str
    seed: int
    body: Body
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of request; `make` builds it for a number of layers, a number of nodes and a seed."""

    name: str
    title: str
    make: Callable[[int, int, int], Body]
    sizes: tuple[Size, ...]
    """Measured by default."""
    full_sizes: tuple[Size, ...]
    """Measured in full."""
    real: bool = False
    """Whether the layers are a real model's, one model per seed: then sizes count nodes only."""

    def instance(self, size: Size) -> str:
        """What a size is called."""
        return f"{size.nodes} nodes" if self.real else str(size)

    def case(self, size: Size, seed: int) -> Case:
        """One request."""
        body = self.make(size.layers, size.nodes, seed)
        return Case(self.name, self.instance(size), seed, body, None if self.real else size)


SMALL = sizes_of("16x4")
LADDER = sizes_of("16x4 32x8 64x12 80x16")
MIXED = sizes_of("80x16 80x32 80x64")
FLEETS = sizes_of("80x1000")

_TABLE: tuple[tuple[str, str, Recipe, str, tuple[Size, ...]], ...] = (
    ("latency", "one request, least latency", Recipe(), "16x4 32x8", (*LADDER, *sizes_of("80x32 126x64"))),
    ("energy", "one request, least energy, idle power counted", Recipe(objective="energy"), "16x4 32x8", LADDER),
    ("weighted", "one request, latency and energy weighted 1 : 1 (three searches)", Recipe(objective="weighted"),
     "16x4", LADDER),
    ("gpipe", "training, 8 micro-batches under gpipe, least time per iteration", Recipe(workload="training"),
     "16x4 32x8", (*LADDER, *sizes_of("80x32"))),
    ("throughput", "four requests in flight, most requests per second", Recipe(objective="throughput", concurrency=4),
     "16x4", LADDER),
    ("u_shape", "as gpipe, the last layer back on the terminal", Recipe(workload="training", tail_layers=1),
     "16x4", LADDER),
    ("dvfs", "three operating points per node, least energy", Recipe(objective="energy", levels=3), "16x4", LADDER),
    ("shared_medium", "as gpipe, all links one radio channel", Recipe(workload="training", medium="channel"),
     "16x4", LADDER),
    ("no_overlap", "as gpipe, nodes compute or communicate, one at a time", Recipe(workload="training", overlaps=False),
     "16x4", LADDER),
    ("1f1b", "training, 8 micro-batches under 1f1b, activations kept by depth, replayed",
     Recipe(workload="training", schedule="1f1b", activation_share=0.05), "16x4", sizes_of("16x4 32x8")),
    ("loose_latency", "as latency, memory of all nodes 4 times the model", Recipe(tightness=4.0), "16x4", LADDER),
    ("loose_gpipe", "as gpipe, memory of all nodes 4 times the model", Recipe(workload="training", tightness=4.0),
     "16x4", LADDER),
    ("classes_latency", "as latency, four classes of identical nodes and links", Recipe(classes=4),
     "32x8", sizes_of("32x8 64x12 80x16 80x32")),
    ("classes_gpipe", "as gpipe, four classes of identical nodes and links", Recipe(workload="training", classes=4),
     "32x8", sizes_of("32x8 64x12 80x16 80x32")),
    ("identical", "identical nodes, links and blocks, least latency",
     Recipe(classes=1, identical_blocks=True), "32x8", sizes_of("32x8 80x16 80x64")),
    ("identical_gpipe", "identical nodes, links and blocks, training under gpipe",
     Recipe(workload="training", classes=1, identical_blocks=True), "32x8", sizes_of("32x8 80x16 80x64")),
    ("mixed", "mixed nodes, identical blocks, one rate for all links, least latency",
     Recipe(identical_blocks=True, uniform_links=True), "80x16", MIXED),
    ("fleet_latency", "a fleet in 20 classes, one node of each together holds 1.6 times the model, least latency",
     Recipe(classes=20, tight_per_class=True, radio_power=False), "80x100", sizes_of("80x100 80x1000")),
    ("fleet_gpipe", "the same fleet, training under gpipe",
     Recipe(workload="training", classes=20, tight_per_class=True, radio_power=False),
     "80x100", sizes_of("80x100 80x1000")),
)  # fmt: skip
FAMILIES = (
    *(Family(name, title, partial(request_body, recipe), sizes_of(small), full)
      for name, title, recipe, small, full in _TABLE),
    Family("real", "catalogued Transformers on identical nodes, one model per seed, least latency",
           lambda _layers, nodes, seed: on_identical_nodes(nodes, seed),
           sizes_of("1x8"), sizes_of("1x8 1x16 1x32"), real=True),
)  # fmt: skip
BY_NAME = {family.name: family for family in FAMILIES}
NAMES = (*BY_NAME, EXAMPLES)
TITLES = {family.name: family.title for family in FAMILIES} | {
    EXAMPLES: "real models on real devices: the requests in examples/, each with its own objective"
}


def cases(name: str, sizes: tuple[Size, ...], seeds: range) -> Iterator[Case]:
    """The cases of one family, always in the same order, made one at a time: a fleet's request is large."""
    if name == EXAMPLES:
        for example in of(Purpose.PLAN):
            yield Case(EXAMPLES, example.name, 0, json.loads(example.read()))
        return
    for size in sizes:
        for seed in seeds:
            yield BY_NAME[name].case(size, seed)
