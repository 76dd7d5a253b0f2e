"""The bound of a box under prices: what it is made of, priced columns, and the part that no walk changes.

Formulas: `placement.lagrangian`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement.column_costs import IntArray
from placement.kernels.compiling import compiled
from placement.kernels.sweeps import Columns
from placement.routes import FloatArray

CYCLE, PEAK = 0, 1
AXES = 2


class Terms(NamedTuple):
    """What a box's bound is made of; see `placement.lagrangian` for the symbols."""

    base: FloatArray
    """(C,): latency_weight F + energy_weight joules."""
    amounts: FloatArray
    """(Q, C): tau, then the shared loads, then the limited amounts."""
    awake: FloatArray
    """(A,): W of a stage column."""
    axis: IntArray
    """(1 + R',): the axis of tau (the cycle) and of each load."""
    limit: FloatArray
    """(Q - 1 - R',)."""
    unit: FloatArray
    """(Q,): typical size of each amount."""
    low: FloatArray
    high: FloatArray
    """(2,): the box's ends by axis."""
    awake_low: float
    awake_high: float
    cycle_weight: float
    energy_weight: float
    peak_count: float
    capacity: IntArray
    """(N,): uses that a node allows; 0 for the source, whose uses are not priced."""
    load: FloatArray
    """(A,): what a stage puts on its node, as far as it bears on `load_axis`."""
    load_axis: int
    """Axis that is no less than any node's load; -1: none is counted."""
    members: IntArray
    """(N,): nodes that a node stands for, over which its loads are spread."""
    load_unit: float
    time_is_all: bool
    """Whether T costs the same in every plan and is the summed time and the peaks, no more: then the summed time is
    best priced at what T costs, unless loads take a share of it."""


class Duals(NamedTuple):
    """Prices, changed in place."""

    node: FloatArray
    """(N,)."""
    quantity: FloatArray
    """(Q,)."""
    load: FloatArray
    """(N,): per second of load on a node."""
    share: FloatArray
    """(1,): mu, the share of the upper estimate of W T."""


@compiled
def cycle_weight_of(terms: Terms, share: float) -> float:
    """K: what a second of T costs, by the goal and by the estimate of W T."""
    awake = (1 - share) * terms.awake_low + share * terms.awake_high
    return terms.cycle_weight + terms.energy_weight * awake


@compiled
def spare_of(terms: Terms, duals: Duals) -> FloatArray:
    """(2,): what the prices leave of each axis' weight; rounding is taken for zero."""
    spare = np.empty(AXES)
    total = cycle_weight_of(terms, duals.share[0])
    spare[CYCLE] = total
    spare[PEAK] = terms.peak_count * duals.quantity[0]
    for index in range(len(terms.axis)):
        spare[terms.axis[index]] -= duals.quantity[index]
    if terms.load_axis >= 0:
        for n in range(len(terms.members)):
            spare[terms.load_axis] -= duals.load[n] * terms.members[n]
    negligible = 1e-12 * total * max(1.0, terms.peak_count)
    for axis in range(AXES):
        if abs(spare[axis]) <= negligible:
            spare[axis] = 0.0
    return spare


@compiled
def constant_of(terms: Terms, duals: Duals, low: FloatArray, rounding: float) -> float:
    """The part of the bound that no walk changes, with `low` in the place of the box's lows."""
    spare = spare_of(terms, duals)
    total = 0.0
    for axis in range(AXES):
        if spare[axis] > 0:
            total += spare[axis] * low[axis]
        elif spare[axis] < 0:
            total += spare[axis] * terms.high[axis]
    priced = 0.0
    for n in range(len(terms.capacity)):
        priced += duals.node[n] * terms.capacity[n]
    size = priced
    for index in range(len(duals.quantity)):
        size += duals.quantity[index] * terms.unit[index]
    if terms.load_axis >= 0:
        for n in range(len(terms.members)):
            size += duals.load[n] * terms.members[n] * terms.load_unit
    for index in range(len(terms.limit)):
        priced += duals.quantity[len(terms.axis) + index] * terms.limit[index]
    if terms.energy_weight > 0:
        share = duals.share[0]
        corner = (1 - share) * terms.awake_low * terms.low[CYCLE] + share * terms.awake_high * terms.high[CYCLE]
        priced += terms.energy_weight * corner
        size += terms.energy_weight * corner
    return total - priced - rounding * size


@compiled
def priced_costs(columns: Columns, terms: Terms, duals: Duals, cost: FloatArray) -> None:
    """Write the priced cost of every column into `cost`."""
    cost[:] = terms.base
    for index in range(len(duals.quantity)):
        price = duals.quantity[index]
        if price > 0:
            for c in range(len(cost)):
                cost[c] += price * terms.amounts[index, c]
    awake = 0.0
    if terms.energy_weight > 0:
        share = duals.share[0]
        awake = terms.energy_weight * ((1 - share) * terms.low[CYCLE] + share * terms.high[CYCLE])
    for a in range(columns.stage_count):
        n = columns.node[a]
        cost[a] += duals.node[n] + awake * terms.awake[a]
        if terms.load_axis >= 0:
            cost[a] += duals.load[n] * terms.load[a]
