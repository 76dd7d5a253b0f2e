"""Points from above, proofs from below: what is open between them, and what counts as proven."""

from __future__ import annotations

from math import inf

import pytest

from models.constraints import Metric
from placement.frontier.staircase import RESOLUTION, TIE, Empty, Staircase
from tests.placement.frontier.frontiers import point


def stairs(*points: tuple[float, float], empties: tuple[Empty, ...] = (), epsilon: float = 0.0) -> Staircase:
    found = Staircase(epsilon)
    for latency, energy in points:
        found.add_point(point(latency, energy))
    for empty in empties:
        found.add_empty(empty)
    return found


def corners(found: Staircase) -> list[tuple[float, float]]:
    return [(p.latency_s, p.energy_j) for p in found.points]


ENDS = (Empty(1.0, inf, Metric.LATENCY), Empty(inf, 2.0, Metric.ENERGY))
"""No plan takes less than 1 s or needs less than 2 J."""


def test_points_stand_from_fastest_to_thriftiest() -> None:
    assert corners(stairs((4, 2), (1, 10), (2, 3))) == [(1, 10), (2, 3), (4, 2)]


def test_a_beaten_plan_is_no_point_and_a_point_that_is_beaten_goes() -> None:
    found = stairs((2, 3))
    assert not found.add_point(point(3, 4))
    assert found.add_point(point(2, 1))
    assert corners(found) == [(2, 1)]


def test_a_plan_that_only_ties_in_one_figure_is_weakly_beaten() -> None:
    assert corners(stairs((2, 3), (5, 3), (2, 9))) == [(2, 3)]


def test_ties_count_once_up_to_rounding_and_the_better_of_two_stays() -> None:
    found = stairs((2, 3))
    assert not found.add_point(point(2 * (1 + TIE / 2), 3 * (1 - TIE / 2)))
    assert found.add_point(point(2 * (1 - TIE / 2), 3))
    assert len(found.points) == 1


def test_a_clear_gain_in_one_figure_takes_a_point_that_is_faster_by_rounding_only() -> None:
    assert corners(stairs((2, 3), (2 * (1 + TIE / 2), 1))) == [(2 * (1 + TIE / 2), 1)]


def test_everything_is_open_before_anything_is_known() -> None:
    [zone] = Staircase().zones()
    assert (zone.latency_low_s, zone.latency_high_s, zone.energy_low_j, zone.energy_high_j) == (0, inf, 0, inf)
    assert (zone.left, zone.right) == (None, None)


def test_between_two_proven_ends_only_the_rectangle_between_them_is_open() -> None:
    [zone] = stairs((1, 10), (4, 2), empties=ENDS).zones()
    below = pytest.approx((1, 4, 2, 10), rel=2 * RESOLUTION)
    assert (zone.latency_low_s, zone.latency_high_s, zone.energy_low_j, zone.energy_high_j) == below
    assert zone.latency_high_s < 4
    assert zone.energy_high_j < 10


def test_a_corner_that_reaches_below_both_neighbours_closes_the_zone() -> None:
    found = stairs((1, 10), (4, 2), empties=ENDS)
    found.add_empty(Empty(3.0, 10.0, Metric.ENERGY))
    [zone] = found.zones()
    assert zone.latency_low_s == 3.0
    found.add_empty(Empty(4 / (1 + RESOLUTION), 10 * (1 - 1e-6), Metric.ENERGY))
    assert list(found.zones()) == []


def test_a_proof_counts_once() -> None:
    found = stairs((1, 10), (4, 2), empties=(*ENDS, *ENDS))
    assert set(found.empties) == set(ENDS)
    assert found.least() == (1.0, 2.0)


def test_with_epsilon_neighbours_close_enough_to_cover_all_between_leave_nothing_open() -> None:
    assert list(stairs((1, 10), (1.09, 2), empties=ENDS, epsilon=0.1).zones()) == []
    assert list(stairs((1, 2.19), (4, 2), empties=ENDS, epsilon=0.1).zones()) == []
    [zone] = stairs((1, 10), (4.4, 2), empties=ENDS, epsilon=0.1).zones()
    assert (zone.latency_high_s, zone.energy_high_j) == pytest.approx((4, 10 / 1.1))


def test_a_point_is_proven_once_neither_figure_can_shrink_alone() -> None:
    found = stairs((1, 10))
    assert found.slack(found.points[0]) == (1.0, 1.0)
    found.add_empty(Empty(0.9, inf, Metric.LATENCY))
    assert found.slack(found.points[0]) == pytest.approx((0.1, 1.0))
    found.add_empty(Empty(1.0, 8.0, Metric.ENERGY))
    assert found.slack(found.points[0]) == pytest.approx((0.1, 0.2))


def test_a_least_energy_says_nothing_about_faster_plans_of_the_same_energy() -> None:
    found = stairs((10, 5), empties=(Empty(10.0, 5.0, Metric.ENERGY),))
    assert found.slack(found.points[0]) == (1.0, 0.0)
    found.add_empty(Empty(10.0, 5.0, Metric.LATENCY))
    assert found.slack(found.points[0]) == (0.0, 0.0)


def test_a_figure_of_zero_cannot_shrink() -> None:
    found = stairs((1, 0), empties=(Empty(1.0, inf, Metric.LATENCY),))
    assert found.slack(found.points[0]) == (0.0, 0.0)
    assert list(found.zones()) == []


def test_every_open_interval_has_the_best_bound_that_holds_in_it() -> None:
    found = stairs((1, 10), (4, 2), empties=(*ENDS, Empty(2.0, 7.0, Metric.ENERGY), Empty(3.0, 5.0, Metric.ENERGY),
                                            Empty(2.5, 4.0, Metric.ENERGY)))  # fmt: skip
    [zone] = found.zones()
    expected = [(1, 2, 7), (2, 3, 5), (3, 4, 2)]
    for bound, truth in zip(found.lower_bounds(zone), expected, strict=True):
        assert bound == pytest.approx(truth, rel=2 * RESOLUTION)


def test_thinning_keeps_the_ends_and_opens_what_it_leaves_out() -> None:
    found = stairs((1, 10), (2, 9.9), (3, 4), (5, 2), empties=ENDS)
    found.thin(3)
    assert corners(found) == [(1, 10), (3, 4), (5, 2)]
    found.thin(2)
    assert corners(found) == [(1, 10), (5, 2)]
    assert len(list(found.zones())) == 1
