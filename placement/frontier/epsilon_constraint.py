"""The frontier by single-objective searches: one figure is minimised while the other is limited.

"min energy, latency <= c" finds a plan and proves the corner (c, least energy) empty; "min latency, energy <= c" the
other way round. Both ends come first. Then, always in the zone that leaves the largest rectangle open, a search one
step below its right neighbour finds the point next to that one, or proves that there is none; while what is left of the
zone is large, every second search cuts it in the middle, so that an early end leaves the frontier evenly covered. The
searches that close the zones on both sides of a point prove it; what they leave unproven has its second figure
minimised in the end, or at once where a point turns out to be beaten: then plans tie, and there may be many that do.

Y. Haimes, L. Lasdon, D. Wismer: On a bicriterion formulation of the problems of integrated system identification and
system optimization, IEEE Trans. Systems, Man, and Cybernetics 1 (1971). Cuts in the middle: N. Boland, H. Charkhgard,
M. Savelsbergh: A criterion space search algorithm for biobjective integer programming: the balanced box method,
INFORMS J. on Computing 27 (2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from models.constraints import Metric
from placement.backends.base import Outcome
from placement.constraints import Limits
from placement.frontier.method import (
    FoundPoint,
    FrontierProgress,
    Traced,
    Wanted,
    figures_of_candidate,
    found_point,
    point_of,
)
from placement.frontier.staircase import RESOLUTION, Empty, Point, Staircase, Zone
from placement.goals import GOAL_OF, tightened
from placement.problem import Placement
from placement.search import Result, Search

LARGE = 1 / 100
"""Share of the rectangle between both ends above which a zone is cut in the middle: about ten even steps."""
FIRST_SHARE = 0.25
"""Share of the remaining time that one search may take, until every zone has had its turn; then all of it. Searches
that used half of theirs or more without a proof are taken up again then (1f1b: half is for bounds, half for plans)."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One search: minimise `metric` while the other figure is at most `limit`."""

    metric: Metric
    limit: float = inf
    left: Point | None = field(default=None, compare=False)
    """The left neighbour of the zone that it is meant for."""
    cuts: bool = field(default=False, compare=False)
    """Whether the limit lies in the middle of that zone."""


def by_epsilon_constraint(search: Search, wanted: Wanted) -> Traced:
    """Trace the frontier with whatever backend the search has; see `placement.frontier.method.FrontierMethod`."""
    return _Tracing(search, wanted).run()


class _Tracing:
    def __init__(self, search: Search, wanted: Wanted) -> None:
        self._search, self._wanted = search, wanted
        self._begin = search.clock()
        self._found = Staircase(wanted.epsilon)
        self._tried: set[_Step] = set()
        self._cut_next: set[Point] = set()
        """Left neighbours of zones that were closed from the right last."""
        self._beating: set[Point] = set()
        """Points that took the place of others."""
        self._unfinished: set[_Step] = set()
        self._share = FIRST_SHARE
        self._seen: set[Placement] = set()
        self._infeasible = False
        self._sizes = {"sub_solves": 0}

    def run(self) -> Traced:
        """Until nothing is left to do that could change the answer, or the search has to end."""
        gave_up = False
        while not self._ended():
            step = next((step for step in self._steps() if step not in self._tried), None)
            if step is not None:
                self._take(step)
            elif self._unfinished and self._share < 1:
                self._tried -= self._unfinished
                self._unfinished, self._share = set(), 1.0
            else:
                gave_up = True
                break
        self._found.thin(self._wanted.max_points)
        return Traced(self._found, self._infeasible, self._sizes, gave_up)

    def _ended(self) -> bool:
        return self._infeasible or self._search.out_of_time or self._search.cancelled()

    def _steps(self) -> Iterator[_Step]:
        """What would help, most urgent first: ends, points that beat others, zones by area, points not yet proven."""
        zones = list(self._found.zones())
        for zone in zones:
            if zone.left is None:
                yield _Step(Metric.LATENCY)
            if zone.right is None:
                yield _Step(Metric.ENERGY)
        points = self._found.points
        for point in points:
            if point in self._beating:
                yield from self._completing(point)
        if len(points) < self._wanted.max_points:
            inner = [zone for zone in zones if zone.left is not None and zone.right is not None]
            for zone in sorted(inner, key=self._area, reverse=True):
                yield from self._closing(zone)
        for point in points:
            yield from self._completing(point)

    def _completing(self, point: Point) -> Iterator[_Step]:
        """Prove a point, or find the one that beats it in one figure and equals it in the other."""
        faster, thriftier = self._found.slack(point)
        if thriftier > RESOLUTION:
            yield _Step(Metric.ENERGY, point.latency_s)
        if faster > RESOLUTION:
            yield _Step(Metric.LATENCY, point.energy_j)

    def _closing(self, zone: Zone) -> Iterator[_Step]:
        """Close a zone from its right end; when that found a point and the rest is large, cut the rest."""
        if self._area(zone) > LARGE and zone.left in self._cut_next:
            yield _Step(Metric.ENERGY, (zone.latency_low_s + zone.latency_high_s) / 2, zone.left, cuts=True)
        yield _Step(Metric.ENERGY, zone.latency_high_s, zone.left)
        yield _Step(Metric.LATENCY, zone.energy_high_j, zone.left)

    def _area(self, zone: Zone) -> float:
        """The open rectangle as a share of the one between both ends."""
        points = self._found.points
        width, height = points[-1].latency_s - points[0].latency_s, points[0].energy_j - points[-1].energy_j
        if width <= 0 or height <= 0:
            return 0.0
        return (zone.latency_high_s - zone.latency_low_s) / width * (zone.energy_high_j - zone.energy_low_j) / height

    def _take(self, step: _Step) -> None:
        """Search, and learn from what was found and proven."""
        self._tried.add(step)
        if step.left is not None:
            (self._cut_next.discard if step.cuts else self._cut_next.add)(step.left)
        before, allowance = self._search.clock(), self._search.seconds_left * self._share
        result = self._search.minimise(
            GOAL_OF[step.metric], self._limits(step), f"frontier: {self._sizes['sub_solves']}", allowance
        )
        self._sizes["sub_solves"] += 1
        if result.outcome is Outcome.STOPPED and self._search.clock() - before >= allowance / 2:
            self._unfinished.add(step)
        self._learn(step, result)
        found = self._harvest()
        latest = (found[-1].latency_s, found[-1].energy_j) if found else None
        seconds = self._search.clock() - self._begin
        self._wanted.on_progress(
            FrontierProgress(seconds, len(self._found.points), self._open_share(), latest, tuple(found))
        )

    def _limits(self, step: _Step) -> Limits:
        if step.limit == inf:
            return self._wanted.limits
        other = Metric.ENERGY if step.metric is Metric.LATENCY else Metric.LATENCY
        return tightened(self._wanted.limits, other, step.limit)

    def _learn(self, step: _Step, result: Result) -> None:
        bound = inf if result.outcome is Outcome.INFEASIBLE else result.bound
        if bound is None:
            return
        if bound == step.limit == inf:
            self._infeasible = True
        latency, energy = (bound, step.limit) if step.metric is Metric.LATENCY else (step.limit, bound)
        self._found.add_empty(Empty(latency, energy, step.metric))

    def _harvest(self) -> list[FoundPoint]:
        """Learn from every plan that the search has met; those that no plan known before beats."""
        new, before = [], set(self._found.points)
        for placement in self._search.candidates:
            if placement in self._seen:
                continue
            self._seen.add(placement)
            figures = figures_of_candidate(self._search, placement, self._wanted.limits)
            if figures is not None and self._found.add_point(point := point_of(placement, figures)):
                new.append(found_point(self._search, point))
        after = set(self._found.points)
        if not before <= after:
            self._beating |= after - before
        return new

    def _open_share(self) -> float:
        zones = list(self._found.zones())
        if any(zone.left is None or zone.right is None for zone in zones):
            return 1.0
        return min(1.0, sum(map(self._area, zones)))
