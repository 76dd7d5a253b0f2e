"""Label setting: partial plans, cut by cut, pruned by bound and by dominance. The rules: `placement.labelling`.

A label stands behind a stage that ends at (cut, node). It is discarded when its bound reaches the cutoff, when it
breaks a limit whatever follows, or when another label behind the same cut and node is at least as good in every
completion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement.column_costs import IntArray
from placement.kernels.compiling import compiled
from placement.kernels.pricing import CYCLE, PEAK
from placement.kernels.sweeps import Columns, Walks
from placement.routes import FloatArray

BASE, TAU, AWAKE, JOULES, FORWARD, UPDATE, Z_CYCLE, Z_FORWARD, Z_BACKWARD, SLOT = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
"""Fields of a label's figures: sums, the slowest update, the three peaks z, then the slots."""
PEAKS = 3
COLUMN, PARENT, HEAD, COUNT, ROOM = 0, 1, 2, 3, 4
"""Fields of a label's integers."""
FINISHED, FULL, NARROWED = 0, 1, 2
"""How a run ended: nothing is left, or it met the most labels allowed, or it dropped labels beyond its width."""


class Steps(NamedTuple):
    """What each column adds to a label."""

    stage_count: int
    figures: FloatArray
    """(C, 5): BASE .. FORWARD."""
    awake: FloatArray
    """(A,): W of a stage column; for a later stage on the source, what it adds to `source_awake_w`."""
    update: FloatArray
    """(A,)."""
    peak: FloatArray
    """(C, 3)."""
    slot_begin: IntArray
    """(C + 1,): loads of column c are slot_begin[c] .. slot_begin[c + 1] of the next three."""
    slot: IntArray
    slot_value: FloatArray
    slot_after: NDArray[np.bool_]
    """Whether the load falls on the receiver, after the sender's own slots are closed."""
    slot_once: NDArray[np.bool_]
    """Whether the load counts once for the source's two stages (its idle power)."""
    slot_peak: IntArray
    """Per slot, the peak that it bears on; -1: none (an energy budget)."""
    shared_slots: int
    """The first slots belong to all nodes; the others to the node at hand, and are closed when it hands over."""
    max_depth: IntArray
    """(A,)."""
    option: IntArray
    """(A,)."""


class Rules(NamedTuple):
    """What plans must keep, and what they are worth: base + (cycle_weight + energy_weight W) T."""

    source: int
    bit: IntArray
    """(N,): the node's first bit."""
    capacity: IntArray
    """(N,)."""
    words: int
    max_stages: int
    counts_stages: bool
    """Whether the number of stages can bind, through max_stages or memory by depth."""
    deepest: IntArray
    """(L + 1, L + 1): most stages of a plan whose source runs ..stop and first..; see `StageGraph.deepest_pairs`."""
    cycle_weight: float
    energy_weight: float
    peak_count: float
    has_cycle_peaks: bool
    least_idle_w: float
    limit_cycle_s: float
    limit_forward_s: float
    limit_energy_j: float
    slack: float
    """1 + the relative tolerance of limits."""
    margin: float
    """Plans must beat the best known by this share."""
    budget_j: FloatArray
    """(B,): limits of nodes b; their joules are slot 2 b, their idle power slot 2 b + 1."""
    budget_idle_w: FloatArray
    """(B,): idle power without a stage: that of the source, else 0."""
    source_awake_w: float
    """W of a source without a stage, beyond its least."""


class Guide(NamedTuple):
    """Bounds on completions, in a box, under prices."""

    cost: FloatArray
    """(C,)."""
    arriving: FloatArray
    """(L + 1, S), and leaving: of `sweep_backward`."""
    leaving: FloatArray
    near_begin: IntArray
    """(cells + 1,): the neighbourhood of c is near[near_begin[c] .. near_begin[c + 1]], in the order of its bits."""
    near: IntArray
    tau_rest: FloatArray
    """(L + 1, cells): least tau behind a stage that ends there; likewise the next two, unpriced."""
    forward_rest: FloatArray
    joules_rest: FloatArray
    relevant: NDArray[np.uint64]
    """(L + 1, words): bits of nodes whose use still matters behind a cut."""
    source_matters: NDArray[np.bool_]
    """(L + 1,): whether a stage of the source may still begin at or after the cut."""
    constant: float
    """Of the bound, apart from the axes."""
    floor: float
    """Constant, and the least that the axes add."""
    spare: FloatArray
    low: FloatArray
    high: FloatArray
    awake_most: float


class Labels(NamedTuple):
    """Storage, by label."""

    figures: FloatArray
    whole: IntArray
    bits: NDArray[np.uint64]
    priced: FloatArray
    bound: FloatArray
    following: IntArray
    """Next label behind the same cut; -1."""


@compiled
def empty_labels(size: int, figures: int, words: int) -> Labels:
    """Room for labels."""
    return Labels(
        np.empty((size, figures)),
        np.empty((size, 5), dtype=np.int64),
        np.empty((size, words), dtype=np.uint64),
        np.empty(size),
        np.empty(size),
        np.empty(size, dtype=np.int64),
    )


@compiled
def _grown(labels: Labels) -> Labels:
    size = len(labels.priced)
    grown = empty_labels(2 * size, labels.figures.shape[1], labels.bits.shape[1])
    grown.figures[:size] = labels.figures
    grown.whole[:size] = labels.whole
    grown.bits[:size] = labels.bits
    grown.priced[:size] = labels.priced
    grown.bound[:size] = labels.bound
    grown.following[:size] = labels.following
    return grown


@compiled
def _uses(rules: Rules, bits: NDArray[np.uint64], node: int) -> int:
    """How often a node has been used."""
    count = 0
    for position in range(rules.bit[node], rules.bit[node] + rules.capacity[node]):
        if (bits[position >> 6] >> np.uint64(position & 63)) & np.uint64(1) == 0:
            return count
        count += 1
    return count


@compiled
def _mark(rules: Rules, bits: NDArray[np.uint64], node: int, uses: int) -> None:
    position = rules.bit[node] + uses
    bits[position >> 6] |= np.uint64(1) << np.uint64(position & 63)


@compiled
def _state(rules: Rules, walks: Walks, guide: Guide, bits: NDArray[np.uint64], cell: int) -> int:
    """The walk's state of a label that stands in a cell: all its used neighbours are remembered."""
    state = 0
    first = guide.near_begin[cell]
    for index in range(first, guide.near_begin[cell + 1]):
        position = rules.bit[guide.near[index]]
        if (bits[position >> 6] >> np.uint64(position & 63)) & np.uint64(1):
            state |= 1 << (index - first)
    return walks.offset[cell] + state


@compiled
def _load(steps: Steps, figures: FloatArray, index: int) -> None:
    """Add a load to its slot, and to the peak that it bears on."""
    slot = steps.slot[index]
    figures[SLOT + slot] += steps.slot_value[index]
    peak = steps.slot_peak[slot]
    if peak >= 0:
        figures[Z_CYCLE + peak] = max(figures[Z_CYCLE + peak], figures[SLOT + slot])


@compiled
def _hand_over(steps: Steps, figures: FloatArray, column: int) -> None:
    """Add a hand-over column: the sender's loads, then its own slots are closed, then the receiver's loads."""
    for field in range(5):
        figures[field] += steps.figures[column, field]
    for peak in range(PEAKS):
        figures[Z_CYCLE + peak] = max(figures[Z_CYCLE + peak], steps.peak[column, peak])
    for index in range(steps.slot_begin[column], steps.slot_begin[column + 1]):
        if not steps.slot_after[index]:
            _load(steps, figures, index)
    figures[SLOT + steps.shared_slots :] = 0.0
    for index in range(steps.slot_begin[column], steps.slot_begin[column + 1]):
        if steps.slot_after[index]:
            _load(steps, figures, index)


@compiled
def _cycle_s(rules: Rules, figures: FloatArray) -> float:
    """T = max(tau + peak_count (z1 + z2), z0) + U."""
    pipelined = figures[TAU] + rules.peak_count * (figures[Z_FORWARD] + figures[Z_BACKWARD])
    return max(pipelined, figures[Z_CYCLE]) + figures[UPDATE]


@compiled
def _hopeless(rules: Rules, guide: Guide, figures: FloatArray, cut: int, cell: int) -> bool:
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
def _bound(rules: Rules, guide: Guide, figures: FloatArray, priced: float, rest: float, tau_rest: float) -> float:
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
def _value(rules: Rules, figures: FloatArray) -> float:
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


@compiled
def _source_allows(rules: Rules, steps: Steps, columns: Columns, labels: Labels, one: int, other: int) -> bool:
    """Whether what `other` may still do on the source, `one` may too; both have the source's bit, or neither."""
    mine, theirs = labels.whole[one, HEAD], labels.whole[other, HEAD]
    if theirs < 0:
        return True
    if mine < 0:
        return _uses(rules, labels.bits[one], rules.source) == 0
    if rules.counts_stages and labels.whole[one, COUNT] > labels.whole[other, COUNT]:
        return False  # a tail beside the head limits the number of all stages
    return steps.option[mine] == steps.option[theirs] and columns.stop[mine] <= columns.stop[theirs]


@compiled
def dominates(
    rules: Rules, steps: Steps, columns: Columns, guide: Guide, labels: Labels, one: int, other: int, cut: int
) -> bool:
    """Whether every completion of `other` completes `one` too, and costs no more there; both on one node."""
    for word in range(rules.words):
        if labels.bits[one, word] & guide.relevant[cut, word] & ~labels.bits[other, word]:
            return False
    if rules.counts_stages and (
        labels.whole[one, ROOM] - labels.whole[one, COUNT] < labels.whole[other, ROOM] - labels.whole[other, COUNT]
    ):
        return False
    if guide.source_matters[cut] and not _source_allows(rules, steps, columns, labels, one, other):
        return False
    mine, theirs = labels.figures[one], labels.figures[other]
    over = (
        max(0.0, mine[Z_CYCLE] - theirs[Z_CYCLE]),
        max(0.0, mine[Z_FORWARD] - theirs[Z_FORWARD]),
        max(0.0, mine[Z_BACKWARD] - theirs[Z_BACKWARD]),
    )
    for slot in range(len(steps.slot_peak)):
        excess = mine[SLOT + slot] - theirs[SLOT + slot]
        if excess > 0:
            peak = steps.slot_peak[slot]
            if peak < 0:
                return False
            over = (
                max(over[0], excess if peak == 0 else 0.0),
                max(over[1], excess if peak == 1 else 0.0),
                max(over[2], excess if peak == 2 else 0.0),
            )
    later = mine[TAU] - theirs[TAU] + rules.peak_count * (over[1] + over[2])
    if rules.has_cycle_peaks:
        later = max(later, over[0])
    later += max(0.0, mine[UPDATE] - theirs[UPDATE])
    limited = rules.limit_cycle_s < np.inf or len(rules.budget_j) > 0
    if later > 0 and limited:
        return False
    if rules.limit_forward_s < np.inf and mine[FORWARD] > theirs[FORWARD]:
        return False
    awake = mine[AWAKE] - theirs[AWAKE]
    if guide.source_matters[cut] and labels.whole[one, HEAD] < 0 and labels.whole[other, HEAD] >= 0:
        # A tail would wake the source for `one`, while the head of `other` has woken it already.
        awake += max(0.0, steps.awake[labels.whole[other, HEAD]] - rules.source_awake_w)
    awake_j = awake * (guide.high[CYCLE] if awake > 0 else guide.low[CYCLE])
    power = guide.awake_most if later > 0 else max(0.0, mine[AWAKE] - rules.source_awake_w)
    if rules.limit_energy_j < np.inf:
        dearer_j = mine[JOULES] - theirs[JOULES] + (rules.least_idle_w + power) * later + awake_j
        if dearer_j > 0:
            return False
    dearer = mine[BASE] - theirs[BASE] + (rules.cycle_weight + rules.energy_weight * power) * later
    dearer += rules.energy_weight * awake_j
    traded = later > 0 or over[0] > 0 or over[1] > 0 or over[2] > 0
    return dearer <= (-1e-9 * abs(labels.bound[other]) if traded else 0.0)
