"""Over which bandwidths of a link the plan stays the best.

Parametric: where every plan's objective v is linear in x = 1 / bandwidth and what is allowed does not depend on x, the
optimum is the least of lines, a concave function of x. A plan that is the best at two bandwidths is the best between
them, and where another one is better at x, their lines cross at one point between; asking again there (Newton's method
for parametric optima, M. Eisner and D. Severance, Journal of the ACM 23, 1976) ends at the exact end of the range. It
holds for one stream of requests and for sequential training, without limits on figures, budgets or relays.

Bisection: otherwise. Both ends, and the bandwidths tested between them, are proven.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from models.explanation import RangeEnd, RangeMethod, Stability
from models.workload import Schedule
from placement.backends.base import LatencyModel
from placement.constraints import Limits
from placement.explanation import quantities as say
from placement.explanation.changes import with_link
from placement.explanation.sensitivity import used_links
from placement.explanation.yardstick import Answer, Questioner, spans, within_tolerance
from placement.feasibility import feasible_figures, replayed_figures
from placement.problem import Placement, Problem
from placement.search import PROOF_TOLERANCE

FURTHEST = 1000.0
"""Factor up to which a bandwidth is followed."""
MOST_QUESTIONS = 40
"""Solves per end of a range."""


def stability_of(questioner: Questioner, seconds: float, resolution: float) -> tuple[Stability, ...]:
    """One range per directed link that carries bytes; empty where the plan itself is not proven."""
    if not questioner.proven:
        return ()
    links = used_links(questioner.problem, questioner.placement)
    until = questioner.search.clock() + seconds
    found = []
    for number, (source, target, bandwidth) in enumerate(links):
        questioner.tell(f"stability {number + 1} of {len(links)}")
        now = questioner.search.clock()
        link = _Link(questioner, source, target, resolution, now + (until - now) / (len(links) - number))
        low, high = link.end(1 / FURTHEST, link.halfway), link.end(FURTHEST, link.until)
        found.append(_told(questioner, (source, target, bandwidth), low, high, link))
    return tuple(found)


@dataclass(frozen=True)
class _End:
    """How far the plan stays the best, as a factor of the bandwidth, and what is known beyond."""

    factor: float
    kind: RangeEnd
    other: Placement | None = None


def linear(problem: Problem) -> bool:
    """Whether every plan's objective is linear in 1 / bandwidth, and no rule depends on it."""
    constraints = problem.request.constraints
    limited = (constraints.max_latency_s, constraints.max_energy_j, constraints.min_throughput_per_s)
    if any(limit is not None for limit in limited) or problem.network.relays_matter:
        return False
    if any(node.energy_budget_j is not None for node in problem.request.cluster.nodes):
        return False
    if problem.training is not None:
        return problem.training.schedule is Schedule.SEQUENTIAL or problem.training.micro_batches == 1
    return problem.concurrency == 1


class _Link:
    def __init__(self, questioner: Questioner, source: str, target: str, resolution: float, until: float) -> None:
        self._questioner, self._ends, self.resolution, self.until = questioner, (source, target), resolution, until
        now = questioner.search.clock()
        self.halfway = now + (until - now) / 2
        self.parametric = linear(questioner.problem) and not questioner.yardstick.held
        self._limits: Callable[[Problem], Limits] = questioner.yardstick.limits

    def end(self, furthest: float, until: float) -> _End:
        """The end of the range on one side."""
        return self._crossing(furthest, until) if self.parametric else self._bisected(furthest, until)

    def _crossing(self, furthest: float, until: float) -> _End:
        """Where the plan's line meets the lowest of the others, from the far end inwards."""
        factor, other = furthest, None
        for _ in range(MOST_QUESTIONS):
            best, answer = self._holds(factor, until)
            if best is None:
                return _End(1.0, RangeEnd.UNPROVEN)
            if best:
                return _End(factor, RangeEnd.SEARCHED if other is None else RangeEnd.OTHER_PLAN, other)
            placement = answer.result.placement
            assert placement is not None
            if placement == other:
                # Rounding: where both lines cross, the other plan is better by no more than that.
                return _End(factor, RangeEnd.OTHER_PLAN, other)
            other = placement
            factor = self._meet(other, factor, answer.problem)
        return _End(1.0, RangeEnd.UNPROVEN)

    def _meet(self, other: Placement, factor: float, there: Problem) -> float:
        """The factor at which both plans cost the same: lines through their values here and there, over 1 / factor."""
        here = self._questioner.problem
        now = self._value(here, other) - self._value(here, self._questioner.placement)
        then = self._value(there, other) - self._value(there, self._questioner.placement)
        share = max(0.0, min(1.0, now / (now - then))) if now > then else 0.0
        return 1.0 / (1.0 + share * (1.0 / factor - 1.0))

    def _value(self, problem: Problem, placement: Placement) -> float:
        figures = feasible_figures(problem, placement, Limits(), LatencyModel.FORMULA)
        assert figures is not None  # what is allowed does not depend on a bandwidth
        return self._questioner.yardstick.goal.value(figures)

    def _bisected(self, furthest: float, until: float) -> _End:
        """Halving, on a logarithmic scale, between what holds and what does not."""
        best, answer = self._holds(furthest, until)
        if best:
            return _End(furthest, RangeEnd.SEARCHED)
        inside, outside = 1.0, furthest
        known, other = best is not None, answer.result.placement if best is False else None
        for _ in range(MOST_QUESTIONS):
            if max(inside / outside, outside / inside) <= 1 + self.resolution:
                break
            middle = sqrt(inside * outside)
            best, answer = self._holds(middle, until)
            if best:
                inside = middle
            else:
                outside, known = middle, best is not None
                other = answer.result.placement if known else None
            if best is None and self._questioner.search.clock() >= until:
                break
        near = max(inside / outside, outside / inside) <= 1 + self.resolution
        return _End(inside, RangeEnd.OTHER_PLAN if known and near else RangeEnd.UNPROVEN, other)

    def _holds(self, factor: float, until: float) -> tuple[bool | None, Answer]:
        """Whether the plan is the best at a factor of the bandwidth; None: not known."""
        questioner, (source, target) = self._questioner, self._ends
        request = with_link(questioner.problem.request, source, target, bandwidth=factor).request
        answer = questioner.best_of(request, until - questioner.search.clock())
        own, result = self._own_value(answer.problem), answer.result
        if own is None:
            return (False if result.placement is not None else None), answer
        if result.value is not None and result.value < own - PROOF_TOLERANCE * abs(own):
            return False, answer
        if result.bound is not None and within_tolerance(own, result.bound):
            return True, answer
        return None, answer

    def _own_value(self, problem: Problem) -> float | None:
        """The plan's value on a changed problem; None where a limit forbids it there."""
        placement, limits = self._questioner.placement, self._limits(problem)
        if problem.replays:
            figures = replayed_figures(problem, placement, limits)
        else:
            figures = feasible_figures(problem, placement, limits, LatencyModel.FORMULA)
        return None if figures is None else self._questioner.yardstick.goal.value(figures)


def _told(questioner: Questioner, link: tuple[str, str, float], low: _End, high: _End, asked: _Link) -> Stability:
    source, target, bandwidth = link
    others = [() if end.other is None else spans(questioner.problem, end.other) for end in (low, high)]
    method = RangeMethod.PARAMETRIC if asked.parametric else RangeMethod.BISECTION
    return Stability(
        source=source,
        target=target,
        bandwidth_bits_per_s=bandwidth,
        low_bits_per_s=bandwidth * low.factor,
        high_bits_per_s=bandwidth * high.factor,
        low_end=low.kind,
        high_end=high.kind,
        below=others[0],
        above=others[1],
        method=method,
        resolution=0.0 if asked.parametric else asked.resolution,
        message=f"{source} -> {target} at {say.bit_rate(bandwidth)}: the plan stays the best "
        f"{_side('down to', bandwidth, low)} and {_side('up to', bandwidth, high)}.",
    )


def _side(word: str, bandwidth: float, end: _End) -> str:
    rate = say.bit_rate(bandwidth * end.factor)
    if end.kind is RangeEnd.SEARCHED:
        return f"{word} {rate}, as far as was searched"
    if end.kind is RangeEnd.OTHER_PLAN:
        return f"{word} {rate}, where another plan takes over"
    return f"{word} {rate} at least"
