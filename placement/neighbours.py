"""Placements that differ from one by a single step: what a climb from a good plan tries next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from placement.problem import PlacedStage, Placement, Problem

SHIFTS = (-2, -1, 1, 2)
"""Layers by which a cut moves."""


def neighbours(problem: Problem, placement: Placement) -> Iterator[Placement]:
    """Cuts moved, stages swapped, moved to free nodes or other levels, joined, and halved; rules may refuse some."""
    yield from _moved_cuts(placement)
    yield from _swapped(placement)
    used = {problem.node_of(stage) for stage in placement}
    free = [o for o, option in enumerate(problem.options) if option.node not in used]
    for s, stage in enumerate(placement):
        levels = [o for o in problem.options_of_node[problem.node_of(stage)] if o != stage.option]
        for option in (*levels, *free):
            yield _with(placement, s, 1, PlacedStage(option, stage.first, stage.stop))
    for s, (one, other) in enumerate(pairwise(placement)):
        for option in (one.option, other.option):
            yield _with(placement, s, 2, PlacedStage(option, one.first, other.stop))
    for s, stage in enumerate(placement):
        middle = (stage.first + stage.stop) // 2
        if middle > stage.first:
            for option in free:
                for front, back in ((stage.option, option), (option, stage.option)):
                    halves = PlacedStage(front, stage.first, middle), PlacedStage(back, middle, stage.stop)
                    yield _with(placement, s, 1, *halves)


def _with(placement: Placement, at: int, count: int, *stages: PlacedStage) -> Placement:
    """The placement with `count` of its stages replaced."""
    return (*placement[:at], *stages, *placement[at + count :])


def _moved_cuts(placement: Placement) -> Iterator[Placement]:
    for s, (one, other) in enumerate(pairwise(placement)):
        for cut in (one.stop + by for by in SHIFTS):
            if one.first < cut < other.stop:
                moved = PlacedStage(one.option, one.first, cut), PlacedStage(other.option, cut, other.stop)
                yield _with(placement, s, 2, *moved)


def _swapped(placement: Placement) -> Iterator[Placement]:
    for s, one in enumerate(placement):
        for t, other in enumerate(placement[s + 1 :], s + 1):
            swapped = _with(placement, s, 1, PlacedStage(other.option, one.first, one.stop))
            yield _with(swapped, t, 1, PlacedStage(one.option, other.first, other.stop))
