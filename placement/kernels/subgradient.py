"""The rise of a box's bound: subgradient steps on the prices, one sweep each. Formulas: `placement.lagrangian`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement.column_costs import IntArray
from placement.kernels.compiling import compiled
from placement.kernels.pricing import CYCLE, PEAK, Duals, Terms, constant_of, cycle_weight_of, priced_costs, spare_of
from placement.kernels.sweeps import Alive, Columns, Walks, cheapest_walk, sweep_backward
from placement.routes import FloatArray

FIRST_PACE, LAST_PACE = 1.0, 0.03
"""Polyak step factors, halved whenever the bound has not risen for PATIENCE steps."""
PATIENCE = 8
MOMENTUM = 0.5
"""Share of the last direction in the next one; damps zigzag."""
TIME_SHARE = 0.3
"""Weight of the time price among the prices: it acts on every column at once, so it moves less."""


class Pace(NamedTuple):
    """Where the last run of steps left off, changed in place: step factor, steps without progress."""

    factor: FloatArray
    stale: IntArray


@compiled
def _slope(columns: Columns, terms: Terms, duals: Duals, walk: IntArray, slope: FloatArray, room: float) -> float:
    """The subgradient at a walk in comparable units, written as (nodes, quantities, share, loads); returns its square.

    room: how far the bound may still rise, which sets the unit of the share.
    """
    nodes, quantities = len(duals.node), len(duals.quantity)
    slope[:] = 0.0
    totals = np.zeros(quantities)
    loads = slope[nodes + quantities + 1 :]
    awake = 0.0
    for n in range(nodes):
        slope[n] = -float(terms.capacity[n])
    for c in walk:
        for index in range(quantities):
            totals[index] += terms.amounts[index, c]
        if c < columns.stage_count:
            awake += terms.awake[c]
            if terms.load_axis >= 0:
                loads[columns.node[c]] += terms.load[c]
            if terms.capacity[columns.node[c]] > 0:
                slope[columns.node[c]] += 1.0
    spare = spare_of(terms, duals)
    time = totals[0] + terms.peak_count * (terms.low[PEAK] if spare[PEAK] >= 0 else terms.high[PEAK])
    totals[0] = time
    for n in range(nodes):
        if duals.node[n] <= 0 and slope[n] < 0:
            slope[n] = 0.0
    for index in range(quantities):
        over = totals[index]
        if index < len(terms.axis):
            axis = terms.axis[index]
            low, high = terms.low[axis], terms.high[axis]
            if spare[axis] > 0:
                over -= low
            elif spare[axis] < 0:
                over -= high
            else:
                over -= min(max(over, low), high)
        else:
            over -= terms.limit[index - len(terms.axis)]
        over /= terms.unit[index]
        if index == 0:
            over = 0.0 if terms.time_is_all else over * TIME_SHARE
        slope[nodes + index] = 0.0 if duals.quantity[index] <= 0 and over < 0 else over
    if terms.energy_weight > 0:
        low, high = terms.low[CYCLE], terms.high[CYCLE]
        gain = awake * (high - low) + (terms.awake_high - terms.awake_low) * time
        gain -= terms.awake_high * high - terms.awake_low * low
        gain *= terms.energy_weight / room
        share = duals.share[0]
        at_end = (share <= 0 and gain < 0) or (share >= 1 and gain > 0)
        slope[nodes + quantities] = 0.0 if at_end else gain
    if terms.load_axis >= 0:
        low, high = terms.low[terms.load_axis], terms.high[terms.load_axis]
        largest = low if spare[terms.load_axis] > 0 else high
        if spare[terms.load_axis] == 0:
            weight, weighted = 0.0, 0.0
            for n in range(nodes):
                weight += duals.load[n] * terms.members[n]
                weighted += duals.load[n] * loads[n]
            largest = min(max(weighted / weight, low), high) if weight > 0 else low
        for n in range(nodes):
            over = (loads[n] - terms.members[n] * largest) / terms.load_unit
            loads[n] = 0.0 if duals.load[n] <= 0 and over < 0 else over
    return (slope**2).sum()


@compiled
def _moved(terms: Terms, duals: Duals, direction: FloatArray, step: float, room: float) -> None:
    """Take a step; prices stay non-negative, the share within 0..1, and what it adds to K goes to the price of tau."""
    nodes, quantities = len(duals.node), len(duals.quantity)
    for n in range(nodes):
        duals.node[n] = max(0.0, duals.node[n] + step * direction[n])
    before = cycle_weight_of(terms, duals.share[0])
    if terms.energy_weight > 0:
        duals.share[0] = min(1.0, max(0.0, duals.share[0] + step * direction[nodes + quantities] / room))
    for index in range(quantities):
        move = step * direction[nodes + index] / terms.unit[index]
        if index == 0:
            move = move * TIME_SHARE + cycle_weight_of(terms, duals.share[0]) - before
        duals.quantity[index] = max(0.0, duals.quantity[index] + move)
    if terms.load_axis >= 0:
        for n in range(nodes):
            move = step * direction[nodes + quantities + 1 + n] / terms.load_unit
            duals.load[n] = max(0.0, duals.load[n] + move)
        _shrink_loads(terms, duals)


@compiled
def _shrink_loads(terms: Terms, duals: Duals) -> None:
    """Lower the prices of loads in proportion where they exceed their axis' weight."""
    total = 0.0
    for n in range(len(terms.members)):
        total += duals.load[n] * terms.members[n]
    most = spare_of(terms, duals)[terms.load_axis] + total
    if total > most and total > 0:
        duals.load[:] *= max(0.0, most) / total


@compiled
def _copy(source: Duals, target: Duals) -> None:
    target.node[:] = source.node
    target.quantity[:] = source.quantity
    target.load[:] = source.load
    target.share[:] = source.share


@compiled
def raise_bound(
    columns: Columns,
    walks: Walks,
    alive: Alive,
    terms: Terms,
    duals: Duals,
    pace: Pace,
    target: float,
    known: float,
    steps: int,
    rounding: float,
    found: IntArray,
) -> tuple[float, int, int]:
    """Polyak steps towards `target` (infinite: no incumbent); (best bound, steps taken, walks found).

    duals: where to start; afterwards the best prices. known: their bound, -inf if it is not known yet. The bound is
    infinite where no walk exists. found (K, 2 L + 2): the last K walks met, each as a count, whether it uses no node
    more often than it allows, and its columns.
    """
    size = 2 * len(duals.node) + len(duals.quantity) + 1
    states = len(walks.follow)
    arriving, leaving = np.empty((columns.layers + 1, states)), np.empty((columns.layers + 1, states))
    cost, slope, direction = np.empty(len(terms.base)), np.empty(size), np.zeros(size)
    walk = np.empty(2 * columns.layers + 1, dtype=np.int64)
    now = Duals(duals.node.copy(), duals.quantity.copy(), duals.load.copy(), duals.share.copy())
    best, taken, kept, moving = known, 0, 0, False
    uses = np.zeros(columns.nodes, dtype=np.int64)
    while taken < steps:
        priced_costs(columns, terms, now, cost)
        length = sweep_backward(columns, walks, alive, cost, arriving, leaving)
        taken += 1
        if length == np.inf:
            return np.inf, taken, kept
        bound = length + constant_of(terms, now, terms.low, rounding)
        pace.stale[0] = 0 if bound > best + 1e-4 * abs(best) or best == -np.inf else pace.stale[0] + 1
        if bound > best:
            best = bound
            _copy(now, duals)
        if best >= target:
            return best, taken, kept
        count = cheapest_walk(columns, walks, cost, arriving, leaving, walk)
        uses[:] = 0
        for c in walk[:count]:
            if c < columns.stage_count:
                uses[columns.node[c]] += 1
        legal = True
        for n in range(columns.nodes):
            if terms.capacity[n] > 0 and uses[n] > terms.capacity[n]:
                legal = False
        row = kept % len(found)
        found[row, 0] = count
        found[row, 1] = 1 if legal else 0
        found[row, 2 : count + 2] = walk[:count]
        kept += 1
        if pace.stale[0] >= PATIENCE:
            pace.factor[0] /= 2
            pace.stale[0] = 0
            _copy(duals, now)
            moving = False
            if pace.factor[0] < LAST_PACE:
                return best, taken, kept
            continue
        goal = target if target < np.inf else bound + 0.05 * max(abs(bound), 1e-30)
        worth = max(abs(goal), 1e-30)
        room = max(goal - best, 1e-4 * worth)
        norm = _slope(columns, terms, now, walk[:count], slope, room)
        if norm == 0:
            return best, taken, kept
        if moving:
            direction = slope + MOMENTUM * direction
        else:
            direction[:] = slope
        moving = True
        step = pace.factor[0] * max(goal - bound, 1e-6 * worth) / max(norm, (direction**2).sum())
        _moved(terms, now, direction, step, room)
    return best, taken, kept
