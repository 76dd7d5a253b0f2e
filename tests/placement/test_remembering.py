"""What is found out about a placement is kept as long as its problem: found once, whatever it is, not without end."""

from __future__ import annotations

import gc
import weakref

from placement import remembering
from placement.backends.base import LatencyModel
from placement.baselines import baselines
from placement.constraints import Limits
from placement.feasibility import feasible_figures
from placement.problem import PlacedStage, Placement, Problem
from placement.remembering import MOST_REMEMBERED, remembered
from tests.placement.examples_for_tests import inference, layer, link, node, placed, problem_of

AB = [("a", 0, 1), ("b", 1, 2)]


def two_nodes() -> Problem:
    return problem_of([node("a"), node("b")], [link("a", "b")], [layer(1.0), layer(1.0)], inference())


def test_nothing_is_looked_for_twice_not_even_what_is_not_there() -> None:
    looked: list[Placement] = []

    @remembered
    def absent(_: Problem, placement: Placement) -> None:
        looked.append(placement)

    problem = two_nodes()
    for _ in range(2):
        assert absent(problem, placed(problem, *AB)) is None
    absent(problem, placed(problem, ("a", 0, 2)))
    assert looked == [placed(problem, *AB), placed(problem, ("a", 0, 2))]


def test_another_problem_knows_nothing_of_it() -> None:
    @remembered
    def names(problem: Problem, _: Placement) -> tuple[str, ...]:
        return problem.node_ids

    first = two_nodes()
    other = problem_of([node("c")], [], [layer(1.0), layer(1.0)], inference(source="c"))
    whole = placed(first, ("a", 0, 2))
    assert (names(first, whole), names(other, whole)) == (("a", "b"), ("c",))


def test_a_search_through_many_placements_keeps_only_so_many() -> None:
    @remembered
    def length(_: Problem, placement: Placement) -> int:
        return placement[0].stop

    problem = two_nodes()
    for stop in range(2 * MOST_REMEMBERED):
        assert length(problem, (PlacedStage(0, 0, stop),)) == stop
    assert len(remembering._known[problem]) == MOST_REMEMBERED


def test_what_is_known_of_a_problem_leaves_it_as_it_was_and_ends_with_it() -> None:
    problem = two_nodes()
    baselines(problem)
    assert feasible_figures(problem, placed(problem, *AB), Limits(), LatencyModel.FORMULA) is not None
    assert remembering._known[problem]
    assert [name for name, value in vars(problem).items() if isinstance(value, dict | list | set)] == []
    alive, count = weakref.ref(problem), len(remembering._known)
    del problem
    gc.collect()
    assert alive() is None
    assert len(remembering._known) < count


def test_a_placement_is_judged_anew_under_other_limits() -> None:
    problem = two_nodes()
    placement = placed(problem, *AB)
    figures = feasible_figures(problem, placement, Limits(), LatencyModel.FORMULA)
    assert figures is not None
    tight = Limits(latency_s=figures.latency_s / 2)
    assert feasible_figures(problem, placement, tight, LatencyModel.FORMULA) is None
    assert feasible_figures(problem, placement, Limits(), LatencyModel.FORMULA) == figures
