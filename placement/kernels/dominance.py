"""Dominance: of two labels behind one cut and node, which one every completion is at least as good behind."""

from __future__ import annotations

import numpy as np

from placement.column_costs import IntArray
from placement.kernels.compiling import compiled
from placement.kernels.extension import uses_of
from placement.kernels.labels import (
    AWAKE,
    BASE,
    COLUMN,
    COUNT,
    FORWARD,
    HEAD,
    JOULES,
    ROOM,
    SLOT,
    TAU,
    UPDATE,
    Z_BACKWARD,
    Z_CYCLE,
    Z_FORWARD,
    Guide,
    Labels,
    Rules,
    Steps,
)
from placement.kernels.pricing import CYCLE
from placement.kernels.sweeps import Columns

RIVALS = 100
"""Labels that one label is compared with at most: the most promising ones behind the same cut and node."""


@compiled
def _source_allows(rules: Rules, steps: Steps, columns: Columns, labels: Labels, one: int, other: int) -> bool:
    """Whether what `other` may still do on the source, `one` may too; both have the source's bit, or neither."""
    mine, theirs = labels.whole[one, HEAD], labels.whole[other, HEAD]
    if theirs < 0:
        return True
    if mine < 0:
        return uses_of(rules, labels.bits[one], rules.source) == 0
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


@compiled
def undominated(
    columns: Columns,
    steps: Steps,
    rules: Rules,
    guide: Guide,
    labels: Labels,
    heads: IntArray,
    cut: int,
    cutoff: float,
    width: int,
    most: int,
) -> tuple[IntArray, bool, int]:
    """Labels behind a cut that none dominates: the `width` most promising ones.

    Also whether that left some out, and how many comparisons it took: after `most` of them the others are all kept.
    """
    size, label = 0, heads[cut]
    while label >= 0:
        size += labels.bound[label] < cutoff
        label = labels.following[label]
    waiting, key = np.empty(size, dtype=np.int64), np.empty(size)
    size, label = 0, heads[cut]
    while label >= 0:
        if labels.bound[label] < cutoff:
            waiting[size] = label
            figures = labels.figures[label]
            key[size] = labels.bound[label]
            if width == 0:
                key[size] = figures[BASE] + (rules.cycle_weight + rules.energy_weight * figures[AWAKE]) * figures[TAU]
            size += 1
        label = labels.following[label]
    last_of_cell = np.full(columns.cells, -1, dtype=np.int64)
    first_of_cell = np.full(columns.cells, -1, dtype=np.int64)
    next_kept = np.full(size, -1, dtype=np.int64)
    kept, total, compared = np.empty(size, dtype=np.int64), 0, 0
    for position in np.argsort(key, kind="mergesort"):
        label = waiting[position]
        cell = columns.cell[labels.whole[label, COLUMN]]
        other, dominated, tried = first_of_cell[cell], False, 0
        while other >= 0 and compared < most and tried < RIVALS:
            compared += 1
            tried += 1
            if dominates(rules, steps, columns, guide, labels, kept[other], label, cut):
                dominated = True
                break
            other = next_kept[other]
        if dominated:
            continue
        if width > 0 and total == width:
            return kept[:total], True, compared
        kept[total] = label
        if last_of_cell[cell] >= 0:
            next_kept[last_of_cell[cell]] = total
        else:
            first_of_cell[cell] = total
        last_of_cell[cell] = total
        total += 1
    return kept[:total], False, compared
