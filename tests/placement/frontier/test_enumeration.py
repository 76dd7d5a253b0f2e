"""Scoring every placement: the frontier, its proofs, and small covers of it."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from placement.frontier.enumeration import by_enumeration, cover, nothing_else
from placement.frontier.staircase import RESOLUTION, Staircase
from tests.placement.frontier.frontiers import THREE, one_node, point, search_of, wanted_of
from tests.placement.random_problems import examples


def test_every_level_is_scored_and_three_of_four_stay() -> None:
    search = search_of(one_node(*THREE))
    seen = []
    traced = by_enumeration(search, wanted_of(search, on_progress=seen.append))
    assert [(p.latency_s, p.energy_j) for p in traced.staircase.points] == list(THREE[:3])
    assert list(traced.staircase.zones()) == []
    assert traced.sizes == {"placements": 4}
    assert [progress.points for progress in seen] == [1, 2, 3, 3]
    assert seen[-1].open_share == 0.0


def test_stopped_on_the_way_it_keeps_what_it_has_and_proves_nothing() -> None:
    asked = count()
    search = search_of(one_node(*THREE), cancelled=lambda: next(asked) >= 2)
    traced = by_enumeration(search, wanted_of(search))
    assert [(p.latency_s, p.energy_j) for p in traced.staircase.points] == list(THREE[:2])
    assert len(list(traced.staircase.zones())) == 3
    assert not traced.infeasible


def test_nothing_found_in_the_end_is_a_proof_that_nothing_exists() -> None:
    search = search_of(one_node(*THREE, constraints={"max_latency_s": 0.5}))
    assert by_enumeration(search, wanted_of(search)).infeasible


@examples(200)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=40),
       st.sampled_from([0.0, 0.05, 0.3, 1.0]))  # fmt: skip
def test_a_cover_reaches_every_plan_keeps_both_ends_and_leaves_nothing_open(
    pairs: list[tuple[int, int]], epsilon: float
) -> None:
    plans = [point(float(latency), float(energy)) for latency, energy in pairs]
    everything = Staircase()
    for plan in plans:
        everything.add_point(plan)
    exact = Staircase(epsilon)
    for chosen in cover(everything.points, exact.factor):
        exact.add_point(chosen)
    for empty in nothing_else(everything.points):
        exact.add_empty(empty)
    assert all(any(p.covers(plan, 1 + max(epsilon, RESOLUTION)) for p in exact.points) for plan in plans)
    assert (exact.points[0], exact.points[-1]) == (everything.points[0], everything.points[-1])
    assert list(exact.zones()) == []
    assert all(exact.slack(p) == (0.0, 0.0) for p in exact.points)
    if epsilon == 0:
        assert exact.points == everything.points


def test_a_cover_takes_the_point_that_reaches_farthest() -> None:
    """Within 10 %: after (1, 10), the plan (2, 8) is covered from (2.2, 6), and that covers (2.3, 5.9) too."""
    plans = tuple(point(*pair) for pair in [(1, 10), (2, 8), (2.2, 6), (2.3, 5.9), (9, 1)])
    assert [p.latency_s for p in cover(plans, 1.1 + 1e-9)] == [1, 2.2, 9]
