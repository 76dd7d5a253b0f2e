"""The frontier of a small problem: every placement scored once. Exact for 1f1b too, since each one is replayed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import inf

from models.constraints import Metric
from placement.backends.brute_force import placements
from placement.frontier.method import FrontierProgress, Traced, Wanted, figures_of_candidate, found_point, point_of
from placement.frontier.staircase import Empty, Point, Staircase
from placement.search import Search


def by_enumeration(search: Search, wanted: Wanted) -> Traced:
    """Score every placement, keep what no other beats. Proves nothing unless it comes to the end."""
    begin = search.clock()
    found = Staircase(wanted.epsilon)
    scored = 0
    for placement in placements(search.problem):
        if search.out_of_time or search.cancelled():
            found.thin(wanted.max_points)
            return Traced(found, sizes={"placements": scored})
        scored += 1
        figures = figures_of_candidate(search, placement, wanted.limits)
        if figures is not None and found.add_point(point := point_of(placement, figures)):
            seconds, latest = search.clock() - begin, (figures.latency_s, figures.energy_j)
            told = (found_point(search, point),)
            wanted.on_progress(FrontierProgress(seconds, len(found.points), 1.0, latest, told))
    everything = found.points
    exact = Staircase(wanted.epsilon)
    for point in cover(everything, exact.factor):
        exact.add_point(point)
    for empty in nothing_else(everything):
        exact.add_empty(empty)
    exact.thin(wanted.max_points)
    wanted.on_progress(FrontierProgress(search.clock() - begin, len(exact.points), 0.0))
    return Traced(exact, not everything, {"placements": scored}, gave_up=len(everything) > wanted.max_points)


def nothing_else(points: tuple[Point, ...]) -> Iterable[Empty]:
    """The proofs that a frontier known to be complete implies. points: from fastest to thriftiest, all of them."""
    if not points:
        yield Empty(inf, inf, Metric.LATENCY)
        return
    yield Empty(points[0].latency_s, inf, Metric.LATENCY)
    yield Empty(inf, points[-1].energy_j, Metric.ENERGY)
    for point in points:
        yield Empty(point.latency_s, point.energy_j, Metric.LATENCY)
        yield Empty(point.latency_s, point.energy_j, Metric.ENERGY)
    for left, right in pairwise(points):
        yield Empty(right.latency_s, left.energy_j)


def cover(points: tuple[Point, ...], factor: float) -> Iterable[Point]:
    """Few of the points, both ends among them, so that each point has one that is at most `factor` above it.

    points: a complete frontier, from fastest to thriftiest. After the last point chosen, the next one to be covered is
    the first that it does not cover; the slowest point that does cover that one is chosen, for it reaches farthest.
    """
    chosen: Point | None = None
    at = 0
    while at < len(points):
        if chosen is not None and chosen.covers(points[at], factor) and at + 1 < len(points):
            at += 1
            continue
        reach = at
        while chosen is not None and reach + 1 < len(points) and points[reach + 1].covers(points[at], factor):
            reach += 1
        chosen = points[reach]
        yield chosen
        at = reach + 1
