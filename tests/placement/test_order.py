"""Where the order of the middle stages is called free, plans keep their figures when these change places."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

import pytest

from placement.backends.base import LatencyModel
from placement.backends.brute_force import placements
from placement.backends.labels import Labels
from placement.constraints import Limits
from placement.feasibility import feasible_figures
from placement.order import middle_order
from placement.problem import PlacedStage, Placement, Problem
from tests.placement.examples_for_tests import task_of
from tests.placement.instances import GFLOP, MB, random_node
from tests.placement.random_problems import FACTOR, problem_from
from tests.placement.test_merged_graph import agrees
from tests.placement.test_properties import GOALS


def alike(rng: Random) -> Problem:
    """Nodes that differ, layers and links that do not, in all other respects any request but 1f1b."""
    ids = [f"n{n}" for n in range(rng.choice([3, 4]))]
    training = rng.random() < 0.5
    layer: dict[str, Any] = {
        "weight_bytes": 3 * MB, "forward": {"flops": GFLOP, "output_bytes": rng.choice([0, 0.5 * MB])},
        "kind": "block",
    }  # fmt: skip
    if training:
        layer |= {"activation_bytes": MB, "backward": {"flops": 2 * GFLOP, "output_bytes": 0.3 * MB}}
    else:
        layer["decode"] = {"flops": 0.1 * GFLOP, "output_bytes": 0.1 * MB}
    figures = {
        "bandwidth_bits_per_s": rng.uniform(50, 500) * 1e6, "latency_s": rng.choice([0.0, 0.003]),
        "duplex": rng.choice(["full", "half"]), "transmit_power_w": 2.0, "receive_power_w": 1.0,
    } | ({"medium": "wifi"} if rng.random() < 0.2 else {})  # fmt: skip
    nodes = [random_node(rng, name, 15 * MB) | {"relay": False} for name in ids]
    workload: dict[str, Any] = {"kind": "inference", "output_tokens": 2, "concurrency": rng.choice([1, 4])}
    if training:
        workload = {"kind": "training", "micro_batches": 4, "schedule": rng.choice(["sequential", "gpipe"])}
    return problem_from(
        {
            "cluster": {
                "nodes": nodes,
                "links": [{"source": p, "target": q, **figures} for i, p in enumerate(ids) for q in ids[i + 1 :]],
            },
            "model": {
                "layers": [layer | {"name": f"l{k}"} for k in range(rng.choice([4, 5]))],
                "input_bytes": rng.choice([0, MB]), "label_bytes": 0.1 * MB, "result_bytes": rng.choice([0, MB]),
            },
            "workload": workload | {"source": "n0"},
            "privacy": {"head_layers": rng.choice([0, 1]), "tail_layers": rng.choice([0, 0, 1])},
            "objective": {"kind": "latency"},
        }
    )  # fmt: skip


def reordered(placement: Placement) -> list[Placement]:
    """The placements with the same first and last stage and the middle ones in every other order."""
    first, *middle, last = placement
    found = []
    for order in permutations(middle):
        stages, begin = [first], first.stop
        for stage in order:
            size = stage.stop - stage.first
            stages.append(PlacedStage(stage.option, begin, begin + size))
            begin += size
        found.append((*stages, last))
    return found


def score(problem: Problem, placement: Placement) -> tuple[float, ...] | None:
    figures = feasible_figures(problem, placement, Limits(), LatencyModel.FORMULA)
    return None if figures is None else (figures.latency_s, figures.cycle_s, figures.energy_j)


@pytest.mark.parametrize("seed", [169, *range(60 * FACTOR)])  # 169: the source once counted as a middle stage
def test_figures_do_not_depend_on_the_order_of_middle_stages_where_it_is_free(seed: int) -> None:
    rng = Random(seed)
    problem = alike(rng)
    if middle_order(problem) is None:
        return
    long = [p for p in placements(problem) if len(p) >= 4 and score(problem, p) is not None]
    for placement in rng.sample(long, min(len(long), 40)):
        for other in reordered(placement):
            assert score(problem, other) == pytest.approx(score(problem, placement), rel=1e-9)


@pytest.mark.parametrize("seed", range(40 * FACTOR))
def test_labels_agree_with_the_oracle_where_layers_and_links_are_alike(seed: int) -> None:
    rng = Random(seed)
    problem = alike(rng)
    agrees(Labels(), task_of(problem, rng.choice(GOALS), merge=True))


def test_alike_problems_have_a_free_order() -> None:
    assert sum(middle_order(alike(Random(seed))) is not None for seed in range(60)) > 10
