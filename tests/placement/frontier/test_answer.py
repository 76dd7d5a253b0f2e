"""The answer's knee and weights, by hand."""

from __future__ import annotations

from math import sqrt

import pytest

from placement.frontier.answer import knee, supporting_weights
from tests.placement.frontier.frontiers import point


def points(*pairs: tuple[float, float]) -> tuple:
    return tuple(point(*pair) for pair in pairs)


def test_the_knee_lies_farthest_from_the_line_between_the_ends() -> None:
    """Scaled to the ends, (2, 3) is (1/3, 1/8) and (3, 2.9) is (2/3, 0.9/8): 13/24 and 53/240 before the line."""
    found = knee(points((1, 10), (2, 3), (3, 2.9), (4, 2)))
    assert found is not None
    assert (found.index, found.distance) == (1, pytest.approx(13 / 24 / sqrt(2)))


def test_two_points_have_no_knee() -> None:
    assert knee(points((1, 10), (4, 2))) is None


def test_points_behind_the_line_or_on_it_are_no_knee() -> None:
    assert knee(points((1, 10), (2, 8), (4, 2))) is None
    assert knee(points((1, 10), (2.5, 6), (4, 2))) is None


def test_weights_meet_where_two_neighbours_are_equally_good() -> None:
    """T* = 1, E* = 2: scaled (1, 5), (2, 1.5), (4, 1); w = h / (d + h) = 3.5 / 4.5 and 0.5 / 2.5."""
    ranges = [(r.low, r.high) for r in supporting_weights(points((1, 10), (2, 3), (4, 2))) if r is not None]
    assert ranges == [pytest.approx(r) for r in [(3.5 / 4.5, 1.0), (0.2, 3.5 / 4.5), (0.0, 0.2)]]


def test_a_point_behind_the_hull_has_no_weight_and_one_on_its_edge_has_exactly_one() -> None:
    first, behind, last = supporting_weights(points((1, 10), (2, 8), (4, 2)))
    assert behind is None
    assert first is not None
    assert last is not None
    assert first.low == last.high
    _, edge, _ = supporting_weights(points((1, 10), (2.5, 6), (4, 2)))
    assert edge is not None
    assert edge.low == pytest.approx(edge.high)


def test_a_single_point_is_best_for_every_weight() -> None:
    [alone] = supporting_weights(points((0, 0)))
    assert alone is not None
    assert (alone.low, alone.high) == (0.0, 1.0)
    assert supporting_weights(()) == []
