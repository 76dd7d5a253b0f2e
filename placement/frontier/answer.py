"""From a staircase to the answer: knee, weights of supported points, open intervals, status."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import hypot, inf, sqrt

from models.frontier import (
    Corner,
    Frontier,
    FrontierPoint,
    FrontierRequest,
    FrontierStage,
    FrontierTermination,
    Knee,
    OpenInterval,
    WeightRange,
)
from models.infeasibility import Infeasibility
from models.plan import SolverReport, Status
from placement.evaluation import throughput_per_s
from placement.frontier.method import Traced
from placement.frontier.staircase import RESOLUTION, Point, Staircase
from placement.problem import Problem

REPLAY_NOTE = (
    "1f1b: latencies and energies are those of replayed plans, bounds hold for every replay; what was neither found "
    "nor excluded by a bound may lie in the open intervals"
)


def frontier_answer(
    request: FrontierRequest,
    problem: Problem,
    traced: Traced,
    stopped: FrontierTermination | None,
    *,
    name: str,
    solver: SolverReport,
    infeasibility: Infeasibility | None,
    notes: tuple[str, ...],
) -> Frontier:
    """The answer of POST /frontier. stopped: what ended the search from outside, if anything did."""
    found = traced.staircase
    slacks = [max(found.slack(point)) for point in found.points]
    open_intervals = tuple(_open_intervals(found))
    complete = bool(found.points) and not open_intervals and all(slack <= RESOLUTION for slack in slacks)
    exact = complete and request.frontier.epsilon == 0
    weights = supporting_weights(found.points) if exact else [None] * len(found.points)
    status, termination = _status(traced, request, problem, stopped, complete=complete)
    return Frontier(
        id=name,
        status=status,
        termination=termination,
        complete=complete,
        epsilon=request.frontier.epsilon,
        resolution=RESOLUTION,
        points=tuple(
            _point(problem, point, slack, weight, exact=exact)
            for point, slack, weight in zip(found.points, slacks, weights, strict=True)
        ),
        knee=knee(found.points),
        ideal=_ideal(found),
        nadir=_nadir(found.points),
        open_intervals=open_intervals,
        infeasibility=infeasibility,
        solver=solver,
        notes=(*notes, REPLAY_NOTE) if problem.replays and not complete else notes,
    )


def _status(
    traced: Traced,
    request: FrontierRequest,
    problem: Problem,
    stopped: FrontierTermination | None,
    *,
    complete: bool,
) -> tuple[Status, FrontierTermination]:
    if traced.infeasible:
        return Status.INFEASIBLE, FrontierTermination.INFEASIBLE
    if complete:
        return Status.OPTIMAL, FrontierTermination.OPTIMAL
    points = len(traced.staircase.points)
    if stopped is not None and not traced.gave_up:
        why = stopped
    elif points >= request.frontier.max_points:
        why = FrontierTermination.MAX_POINTS
    else:
        why = FrontierTermination.REPLAY if problem.replays else FrontierTermination.UNPROVEN
    return (Status.FEASIBLE if points else Status.NO_PLAN_FOUND), why


def _point(problem: Problem, point: Point, slack: float, weight: WeightRange | None, *, exact: bool) -> FrontierPoint:
    return FrontierPoint(
        latency_s=point.latency_s,
        energy_j=point.energy_j,
        throughput_per_s=throughput_per_s(problem, point.figures),
        proven=slack <= RESOLUTION,
        gap=slack,
        supported=weight is not None if exact else None,
        latency_weight=weight,
        stages=tuple(
            FrontierStage(
                node=problem.node_ids[problem.node_of(stage)],
                level=problem.options[stage.option].level,
                first_layer=stage.first,
                stop_layer=stage.stop,
            )
            for stage in point.placement
        ),
    )


def knee(points: tuple[Point, ...]) -> Knee | None:
    """The point farthest below the chord between both ends, both figures scaled to 0..1 between the ends.

        distance = (1 - (T - T_first) / (T_last - T_first) - (E - E_last) / (E_first - E_last)) / sqrt 2

    I. Das: On characterizing the "knee" of the Pareto curve based on normal-boundary intersection, Structural
    Optimization 18 (1999). None where no point lies below the chord.
    """
    if len(points) < 3:
        return None
    first, last = points[0], points[-1]
    width, height = last.latency_s - first.latency_s, first.energy_j - last.energy_j
    distances = [
        (1 - (point.latency_s - first.latency_s) / width - (point.energy_j - last.energy_j) / height) / sqrt(2)
        for point in points
    ]
    best = max(distances)
    return Knee(index=distances.index(best), distance=best) if best > RESOLUTION else None


def supporting_weights(points: tuple[Point, ...]) -> list[WeightRange | None]:
    """For each point of a complete frontier the weights w for which it minimises w T/T* + (1 - w) E/E*; None: none.

    T*, E*: the least of each (1 where that is 0). Against a slower, thriftier point the weight must be at least
    h / (d + h), d = difference in T/T*, h = difference in E/E*; against a faster one at most that. Points on the lower
    left convex hull have such weights, so the hull's neighbours are all that has to be looked at.
    """
    if not points:
        return []
    scale = (points[0].latency_s or 1.0, points[-1].energy_j or 1.0)
    scaled = [(point.latency_s / scale[0], point.energy_j / scale[1]) for point in points]
    hull = _lower_hull(scaled)
    between = [_indifferent(scaled[a], scaled[b]) for a, b in pairwise(hull)]
    ranges: list[WeightRange | None] = [None] * len(points)
    for at, index in enumerate(hull):
        low = between[at] if at < len(between) else 0.0
        high = between[at - 1] if at > 0 else 1.0
        ranges[index] = WeightRange(low=min(low, high), high=high)
    return ranges


def _indifferent(fast: tuple[float, float], slow: tuple[float, float]) -> float:
    width, height = slow[0] - fast[0], fast[1] - slow[1]
    return height / (width + height)


def _lower_hull(points: list[tuple[float, float]]) -> list[int]:
    """Indices on the lower left hull of points in order of latency, points on its edges included (A. Andrew, 1979)."""
    hull: list[int] = []
    for index, (x, y) in enumerate(points):
        while len(hull) >= 2:
            (ax, ay), (bx, by) = points[hull[-2]], points[hull[-1]]
            turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
            if turn >= -1e-12 * hypot(bx - ax, by - ay) * hypot(x - ax, y - ay):
                break
            hull.pop()
        hull.append(index)
    return hull


def _ideal(found: Staircase) -> Corner | None:
    """Both ends; the proven bounds where an end is not proven."""
    if not found.points:
        return None
    (latency, energy), first, last = found.least(), found.points[0], found.points[-1]
    return Corner(
        latency_s=first.latency_s if latency * (1 + RESOLUTION) >= first.latency_s else latency,
        energy_j=last.energy_j if energy * (1 + RESOLUTION) >= last.energy_j else energy,
    )


def _nadir(points: tuple[Point, ...]) -> Corner | None:
    return Corner(latency_s=points[-1].latency_s, energy_j=points[0].energy_j) if points else None


def _open_intervals(found: Staircase) -> Iterator[OpenInterval]:
    """What is open, each latency once: left of a zone's left neighbour the zone before it is open, and wider."""
    for zone in found.zones():
        begin = 0.0 if zone.left is None else zone.left.latency_s
        for low, high, least in found.lower_bounds(zone):
            if high > begin:
                yield OpenInterval(
                    latency_low_s=max(low, begin),
                    latency_high_s=None if high == inf else high,
                    energy_low_j=least,
                    energy_high_j=None if zone.energy_high_j == inf else zone.energy_high_j,
                )
