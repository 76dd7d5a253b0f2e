"""Figures of a placement that keeps every rule: what a candidate is worth under a latency model, or replayed."""

from __future__ import annotations

from placement.backends.base import LatencyModel
from placement.constraints import (
    Limits,
    layers_in_order,
    limit_violations,
    one_stage_per_node,
    placing_violations,
    structural_violations,
)
from placement.evaluation import Figures, figures_of, traverse
from placement.problem import Placement, Problem
from placement.remembering import recalled
from placement.replay_bound import replay_bound_s
from placement.simulation import replay


def feasible_figures(
    problem: Problem, placement: Placement, limits: Limits, latency_model: LatencyModel
) -> Figures | None:
    """The figures of a placement that keeps every rule and the limits; None otherwise."""
    key = (feasible_figures, placement, limits, latency_model)
    return recalled(problem, key, lambda: _feasible_figures(problem, placement, limits, latency_model))


def _feasible_figures(
    problem: Problem, placement: Placement, limits: Limits, latency_model: LatencyModel
) -> Figures | None:
    if any(layers_in_order(problem, placement)) or any(one_stage_per_node(problem, placement)):
        return None
    if placing_violations(problem, placement):
        return None
    traversal = traverse(problem, placement)
    if traversal is None:  # no route: the last of the structural rules
        return None
    latency = None
    if latency_model is LatencyModel.REPLAY_BOUND:
        latency = replay_bound_s(problem, placement, traversal)
    figures = figures_of(problem, placement, traversal, latency)
    return None if limit_violations(problem, placement, figures, limits) else figures


def replayed_figures(problem: Problem, placement: Placement, limits: Limits) -> Figures | None:
    """The figures of a placement with its replayed latency, if it keeps every rule and the limits; None otherwise."""
    if structural_violations(problem, placement) or placing_violations(problem, placement):
        return None
    traversal, seen = traverse(problem, placement), replay(problem, placement)
    if traversal is None or seen is None:
        return None
    figures = figures_of(problem, placement, traversal, seen.latency_s)
    return None if limit_violations(problem, placement, figures, limits) else figures
