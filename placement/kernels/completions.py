"""Completions of a label: what they cost at least, whether all break a limit; and what a complete plan is worth."""

from __future__ import annotations

import numpy as np

from placement.kernels.compiling import compiled
from placement.kernels.labels import (
    AWAKE,
    BASE,
    FORWARD,
    JOULES,
    SLOT,
    TAU,
    UPDATE,
    Z_BACKWARD,
    Z_CYCLE,
    Z_FORWARD,
    Guide,
    Rules,
)
from placement.kernels.pricing import CYCLE, PEAK
from placement.routes import FloatArray


@compiled
def _cycle_s(rules: Rules, figures: FloatArray) -> float:
    """T = max(tau + peak_count (z1 + z2), z0) + U."""
    pipelined = figures[TAU] + rules.peak_count * (figures[Z_FORWARD] + figures[Z_BACKWARD])
    return max(pipelined, figures[Z_CYCLE]) + figures[UPDATE]


@compiled
def hopeless(rules: Rules, guide: Guide, figures: FloatArray, cut: int, cell: int) -> bool:
    """Whether every completion breaks a limit or leaves the box."""
    least = _cycle_s(rules, figures) + (guide.tau_rest[cut, cell] if not rules.has_cycle_peaks else 0.0)
    if rules.has_cycle_peaks:
        least = max(least, figures[TAU] + guide.tau_rest[cut, cell] + figures[UPDATE])
    least = max(least, guide.low[CYCLE])
    if least > min(rules.limit_cycle_s * rules.slack, guide.high[CYCLE] * (1 + 1e-9)):
        return True
    if figures[Z_FORWARD] + figures[Z_BACKWARD] > guide.high[PEAK] * (1 + 1e-9):
        return True
    if figures[FORWARD] + guide.forward_rest[cut, cell] > rules.limit_forward_s * rules.slack:
        return True
    if rules.limit_energy_j < np.inf:
        awake = max(0.0, figures[AWAKE] - rules.source_awake_w)
        joules = figures[JOULES] + guide.joules_rest[cut, cell] + (rules.least_idle_w + awake) * least
        if joules > rules.limit_energy_j * rules.slack:
            return True
    for b in range(len(rules.budget_j)):
        idle = figures[SLOT + 2 * b + 1] - rules.budget_idle_w[b]  # a stage may still take the place of idling without
        if figures[SLOT + 2 * b] + max(0.0, idle) * least > rules.budget_j[b] * rules.slack:
            return True
    return False


@compiled
def bound_of(rules: Rules, guide: Guide, figures: FloatArray, priced: float, rest: float, tau_rest: float) -> float:
    """What every completion costs at least: the box's bound, with the label's own peaks in the place of its lows."""
    total = priced + rest + guide.constant
    peak = max(guide.low[PEAK], figures[Z_FORWARD] + figures[Z_BACKWARD])
    pipelined = figures[TAU] + tau_rest + rules.peak_count * peak
    cycle = max(max(pipelined, figures[Z_CYCLE]) + figures[UPDATE], guide.low[CYCLE])
    spare = guide.spare[CYCLE]
    total += spare * cycle if spare > 0 else (spare * guide.high[CYCLE] if spare < 0 else 0.0)
    spare = guide.spare[PEAK]
    total += spare * peak if spare > 0 else (spare * guide.high[PEAK] if spare < 0 else 0.0)
    return total


@compiled
def value_of(rules: Rules, figures: FloatArray) -> float:
    """What a complete plan is worth; infinite where it breaks a limit."""
    cycle = _cycle_s(rules, figures)
    if cycle > rules.limit_cycle_s * rules.slack or figures[FORWARD] > rules.limit_forward_s * rules.slack:
        return np.inf
    if figures[JOULES] + (rules.least_idle_w + figures[AWAKE]) * cycle > rules.limit_energy_j * rules.slack:
        return np.inf
    for b in range(len(rules.budget_j)):
        if figures[SLOT + 2 * b] + figures[SLOT + 2 * b + 1] * cycle > rules.budget_j[b] * rules.slack:
            return np.inf
    return figures[BASE] + (rules.cycle_weight + rules.energy_weight * figures[AWAKE]) * cycle
