"""What is known of a frontier: plans from above, proven empty corners from below, and the gap between the two.

A point (T, E) is a plan. An empty corner (x, y) is a proof that no plan has a latency below x and an energy below y.
Points that no other beats form a staircase, and so do the corners; every plan lies on or above the latter. The frontier
is complete when the two stairs meet: for neighbours A, B (T_A < T_B, E_A > E_B) a plan that neither covers has

    T < T_B / k  and  E < E_A / k,      k = 1 + epsilon (at least 1 + RESOLUTION)

so the gap between them is closed as soon as one empty corner reaches (T_B / k, E_A / k).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

import numpy as np

from models.constraints import Metric
from placement.constraints import LIMIT_TOLERANCE
from placement.evaluation import Figures
from placement.problem import Placement

TIE = 2 * LIMIT_TOLERANCE
"""Plans this close in a figure (relative) tie in it: twice what a limit and a proof may each be off."""
RESOLUTION = 2 * TIE
"""Distance (relative) to which a frontier is exact; limits one step below a point clear every tolerance."""


@dataclass(frozen=True, slots=True)
class Point:
    """A plan by its latency in s and its energy in J."""

    latency_s: float
    energy_j: float
    placement: Placement
    figures: Figures

    def covers(self, other: Point, factor: float) -> bool:
        """Whether neither figure is above the other plan's times `factor`."""
        return self.latency_s <= other.latency_s * factor and self.energy_j <= other.energy_j * factor


@dataclass(frozen=True, slots=True)
class Empty:
    """A proof that no plan has a latency below latency_s and an energy below energy_j.

    minimised: the figure that the proof bounded, if it did; the other was limited, so plans that meet its limit exactly
    are excluded too. ENERGY: latency <= latency_s implies energy >= energy_j; LATENCY: the other way round.
    """

    latency_s: float
    energy_j: float
    minimised: Metric | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a point that is not yet known may lie: low <= figure < high; left and right are its known neighbours."""

    latency_low_s: float
    latency_high_s: float
    energy_low_j: float
    energy_high_j: float
    left: Point | None
    right: Point | None


class Staircase:
    """Points and empty corners, growing towards each other."""

    def __init__(self, epsilon: float = 0.0) -> None:
        self.factor = 1 + max(epsilon, RESOLUTION)
        self._points: list[Point] = []
        self._empties: set[Empty] = set()
        self._corners = np.array([[0.0, inf], [inf, 0.0]])
        """Latency and energy by row. No plan has a figure below 0."""

    @property
    def points(self) -> tuple[Point, ...]:
        """From fastest to thriftiest; none ties with or beats another."""
        return tuple(self._points)

    @property
    def empties(self) -> tuple[Empty, ...]:
        """All proofs, in no order that matters."""
        return tuple(self._empties)

    def add_point(self, point: Point) -> bool:
        """Take a plan in, and those out that it beats; False if a known one ties with it or beats it."""
        for known in self._points:
            if known.covers(point, 1 + TIE) and not (point.covers(known, 1.0) and not known.covers(point, 1.0)):
                return False
        self._points = [known for known in self._points if not point.covers(known, 1 + TIE)]
        at = bisect_left([known.latency_s for known in self._points], point.latency_s)
        self._points.insert(at, point)
        return True

    def add_empty(self, empty: Empty) -> None:
        """Take a proof in."""
        if empty not in self._empties:
            self._empties.add(empty)
            self._corners = np.vstack([self._corners, [empty.latency_s, empty.energy_j]])

    def zones(self) -> Iterator[Zone]:
        """What is open, by latency."""
        for left, right in zip([None, *self._points], [*self._points, None], strict=True):
            latency = inf if right is None else right.latency_s / self.factor
            energy = inf if left is None else left.energy_j / self.factor
            as_high = self._corners[:, 1] >= energy
            as_late = self._corners[:, 0] >= latency
            latency_low = float(self._corners[as_high, 0].max())
            energy_low = float(self._corners[as_late, 1].max())
            if latency_low < latency and energy_low < energy:
                yield Zone(latency_low, latency, energy_low, energy, left, right)

    def least(self) -> tuple[float, float]:
        """Proven bounds on the latency and on the energy of any plan; infinite where none exists."""
        return (
            float(self._corners[self._corners[:, 1] == inf, 0].max()),
            float(self._corners[self._corners[:, 0] == inf, 1].max()),
        )

    def slack(self, point: Point) -> tuple[float, float]:
        """Shares by which latency and energy of a point might shrink, at most, without the other growing.

        Energy: 1 - y / E over corners whose proof admits latencies up to T, with latency the other way round.
        """
        latency, energy = point.latency_s, point.energy_j
        faster = thriftier = 1.0
        for empty in self._empties:
            if empty.latency_s > latency * (1 + TIE) or (
                empty.minimised is Metric.ENERGY and empty.latency_s >= latency / (1 + TIE)
            ):
                thriftier = min(thriftier, _share(energy, empty.energy_j))
            if empty.energy_j > energy * (1 + TIE) or (
                empty.minimised is Metric.LATENCY and empty.energy_j >= energy / (1 + TIE)
            ):
                faster = min(faster, _share(latency, empty.latency_s))
        return min(faster, _share(latency, 0.0)), min(thriftier, _share(energy, 0.0))

    def lower_bounds(self, zone: Zone) -> Iterator[tuple[float, float, float]]:
        """The zone as latency intervals (low, high, least energy), each with the best bound that holds in it."""
        inside = (
            (zone.latency_low_s < self._corners[:, 0])
            & (self._corners[:, 0] < zone.latency_high_s)
            & (zone.energy_low_j < self._corners[:, 1])
        )
        low = zone.latency_low_s
        ascending = self._corners[inside][np.argsort(self._corners[inside, 0])]
        for at, (high, _) in enumerate(ascending):
            best = float(ascending[at:, 1].max())
            if high > low and (at + 1 == len(ascending) or float(ascending[at + 1 :, 1].max()) < best):
                yield low, float(high), best
                low = float(high)
        yield low, zone.latency_high_s, zone.energy_low_j

    def thin(self, most: int) -> None:
        """Leave at most so many points, both ends among them; what lies between the others is open again.

        Goes first the point whose neighbours, without it, leave the smallest rectangle uncovered.
        """
        if len(self._points) <= most:
            return
        latency = np.array([point.latency_s for point in self._points])
        energy = np.array([point.energy_j for point in self._points])
        kept = np.arange(len(latency))
        while len(kept) > max(most, 2):
            area = (latency[kept[2:]] - latency[kept[:-2]]) * (energy[kept[:-2]] - energy[kept[2:]])
            kept = np.delete(kept, 1 + int(area.argmin()))
        self._points = [self._points[i] for i in kept]


def _share(value: float, bound: float) -> float:
    return max(0.0, 1 - bound / value) if value > 0 else 0.0
