"""Extension of a label by a hand-over and a stage: what each adds to its figures, and whether its node is free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placement.kernels.compiling import compiled
from placement.kernels.labels import AWAKE, PEAKS, SLOT, UPDATE, Z_CYCLE, Guide, Labels, Rules, Steps
from placement.kernels.sweeps import Columns, Walks
from placement.routes import FloatArray


@compiled
def uses_of(rules: Rules, bits: NDArray[np.uint64], node: int) -> int:
    """How often a node has been used."""
    count = 0
    for position in range(rules.bit[node], rules.bit[node] + rules.capacity[node]):
        if (bits[position >> 6] >> np.uint64(position & 63)) & np.uint64(1) == 0:
            return count
        count += 1
    return count


@compiled
def mark_use(rules: Rules, bits: NDArray[np.uint64], node: int, uses: int) -> None:
    """Set the bit of one more use of a node."""
    position = rules.bit[node] + uses
    bits[position >> 6] |= np.uint64(1) << np.uint64(position & 63)


@compiled
def goes_with(rules: Rules, steps: Steps, columns: Columns, head: int, stage: int, count: int) -> bool:
    """Whether the source may run a stage besides its first one: the last, at one level, within its memory."""
    if columns.stop[stage] != columns.layers or steps.option[head] != steps.option[stage]:
        return False
    return count <= rules.deepest[columns.stop[head], columns.first[stage]]


@compiled
def state_of(rules: Rules, walks: Walks, guide: Guide, bits: NDArray[np.uint64], cell: int) -> int:
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
def begin_stage(
    steps: Steps, rules: Rules, labels: Labels, parent: int, hand: int, receiver: int, figures: FloatArray
) -> None:
    """Figures before a stage on the receiver: the parent's with the hand-over, or those of a plan that begins there."""
    if parent >= 0:
        figures[:] = labels.figures[parent]
        _hand_over(steps, figures, steps.stage_count + hand)
        return
    figures[:] = 0.0
    if receiver != rules.source:
        figures[AWAKE] = rules.source_awake_w
        for b in range(len(rules.budget_j)):
            figures[SLOT + 2 * b + 1] = rules.budget_idle_w[b]


@compiled
def add_stage(steps: Steps, figures: FloatArray, stage: int, head: int) -> None:
    """Add a stage column. head: the first stage, where it shares its node, the source, with this one; else -1."""
    for field in range(5):
        figures[field] += steps.figures[stage, field]
    update = steps.update[stage]
    if head < 0:
        figures[AWAKE] += steps.awake[stage]
    else:
        update += steps.update[head]
    figures[UPDATE] = max(figures[UPDATE], update)
    for peak in range(PEAKS):
        figures[Z_CYCLE + peak] = max(figures[Z_CYCLE + peak], steps.peak[stage, peak])
    for index in range(steps.slot_begin[stage], steps.slot_begin[stage + 1]):
        if steps.slot_once[index] and head >= 0:
            continue
        _load(steps, figures, index)
