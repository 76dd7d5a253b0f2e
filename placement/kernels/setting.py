"""The run over all cuts: labels are set, discarded, extended. See `placement.kernels.labels`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement.column_costs import IntArray
from placement.kernels.compiling import compiled
from placement.kernels.labels import (
    AWAKE,
    BASE,
    COLUMN,
    COUNT,
    FINISHED,
    FULL,
    HEAD,
    NARROWED,
    PARENT,
    PEAKS,
    ROOM,
    SLOT,
    TAU,
    UPDATE,
    Z_CYCLE,
    Guide,
    Labels,
    Rules,
    Steps,
    _bound,
    _grown,
    _hand_over,
    _hopeless,
    _load,
    _mark,
    _state,
    _uses,
    _value,
    dominates,
    empty_labels,
)
from placement.kernels.sweeps import Columns, Walks
from placement.routes import FloatArray


@compiled
def _goes_with(rules: Rules, steps: Steps, columns: Columns, head: int, stage: int, count: int) -> bool:
    """Whether the source may run a stage besides its first one: the last, at one level, within its memory."""
    if columns.stop[stage] != columns.layers or steps.option[head] != steps.option[stage]:
        return False
    return count <= rules.deepest[columns.stop[head], columns.first[stage]]


@compiled
def _arrive(
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
def _run_stage(steps: Steps, figures: FloatArray, stage: int, head: int) -> None:
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


class _Best(NamedTuple):
    """The least bounds seen behind each cut: (L + 1, twice the width), and the largest of each row."""

    least: FloatArray
    worst: FloatArray


@compiled
def _among(few: _Best, cut: int, bound: float) -> bool:
    """Whether a bound is among the least behind its cut; if so it takes the place of the largest of them."""
    if bound >= few.worst[cut]:
        return False
    row = few.least[cut]
    row[row.argmax()] = bound
    few.worst[cut] = row.max()
    return True


@compiled
def set_labels(
    columns: Columns,
    walks: Walks,
    steps: Steps,
    rules: Rules,
    guide: Guide,
    cutoff: float,
    width: int,
    most: int,
    plans: IntArray,
    flag: IntArray,
) -> tuple[int, float, float, int, int]:
    """Search all plans of the graph that cost less than `cutoff`.

    width: labels kept per cut (0: all). most: labels set before giving up. plans (K, L + 1): the last improvements
    found, each as a count and stage columns from the last on. flag (1,): set from outside, it ends the run like `most`.
    Returns (how it ended, best value or infinity, least bound of labels not extended, labels set, plans found).
    """
    layers = columns.layers
    labels = empty_labels(1024, SLOT + len(steps.slot_peak), rules.words)
    heads = np.full(layers + 1, -1, dtype=np.int64)
    count, found, best, dropped, comparisons = 0, 0, np.inf, False, 0
    few = _Best(np.full((layers + 1, 2 * width), np.inf), np.full(layers + 1, np.inf))
    figures, passed = np.zeros(labels.figures.shape[1]), np.zeros(labels.figures.shape[1])
    bits = np.zeros(rules.words, dtype=np.uint64)
    for cut in range(layers):
        chosen = np.empty(1, dtype=np.int64)
        if cut == 0:
            chosen[0] = -1
        else:
            chosen, narrowed, compared = _kept(
                columns, steps, rules, guide, labels, heads, cut, cutoff, width, COMPARED * most - comparisons
            )
            comparisons += compared
            dropped = dropped or narrowed
        for position in range(len(chosen)):
            parent = chosen[position]
            if count >= most or comparisons >= COMPARED * most or flag[0] != 0:
                return FULL, best, _least_bound(labels, heads, chosen[position:], cut), count, found
            cell = 0 if parent < 0 else cut * columns.cells + columns.cell[labels.whole[parent, COLUMN]]
            begin = 0 if parent < 0 else columns.leave[cell]
            end = columns.cells if parent < 0 else columns.leave[cell + 1]
            for way in range(begin, end):
                hand, place, uses = -1, way, 0
                if parent >= 0:
                    hand, place = columns.handing[way], columns.into[way]
                receiver = columns.cell_node[place]
                if parent >= 0:
                    uses = _uses(rules, labels.bits[parent], receiver)
                fresh = uses < rules.capacity[receiver]
                if not fresh and (receiver != rules.source or labels.whole[parent, HEAD] < 0):
                    continue
                priced, depth, room, head = 0.0, 1, rules.max_stages, -1
                if parent >= 0:
                    priced = labels.priced[parent] + guide.cost[columns.stage_count + hand]
                    state = _state(rules, walks, guide, labels.bits[parent], place)
                    if priced + guide.arriving[cut, state] + guide.floor >= cutoff:
                        continue
                    depth, room = labels.whole[parent, COUNT] + 1, labels.whole[parent, ROOM]
                    head = labels.whole[parent, HEAD]
                    bits[:] = labels.bits[parent]
                else:
                    bits[:] = 0
                if fresh:
                    _mark(rules, bits, receiver, uses)
                state = _state(rules, walks, guide, bits, place)
                arrived = False
                for index in range(
                    columns.begin[cut * columns.cells + place], columns.begin[cut * columns.cells + place + 1]
                ):
                    stage = columns.beginning[index]
                    stop = columns.stop[stage]
                    price = priced + guide.cost[stage]
                    rest = guide.leaving[stop, state]
                    if price + rest + guide.floor >= min(cutoff, few.worst[stop]):
                        dropped = dropped or price + rest + guide.floor < cutoff
                        continue
                    room_now = min(room, steps.max_depth[stage] + depth - 1)
                    if room_now < depth + (0 if stop == layers else 1):
                        continue
                    if not fresh and not _goes_with(rules, steps, columns, head, stage, depth):
                        continue
                    if not arrived:
                        _arrive(steps, rules, labels, parent, hand, receiver, passed)
                        arrived = True
                    figures[:] = passed
                    _run_stage(steps, figures, stage, -1 if fresh else head)
                    bound = _bound(rules, guide, figures, price, rest, guide.tau_rest[stop, place])
                    if bound >= cutoff or _hopeless(rules, guide, figures, stop, place):
                        continue
                    if stop == layers:
                        value = _value(rules, figures)
                        if value >= cutoff:
                            continue
                        best, cutoff = value, value - abs(value) * rules.margin
                        _write_plan(labels, parent, stage, plans, found)
                        found += 1
                        continue
                    if width > 0 and not _among(few, stop, bound):
                        dropped = True
                        continue
                    if count == len(labels.priced):
                        labels = _grown(labels)
                    labels.figures[count] = figures
                    labels.bits[count] = bits
                    labels.priced[count] = price
                    labels.bound[count] = bound
                    labels.whole[count, COLUMN] = stage
                    labels.whole[count, PARENT] = parent
                    labels.whole[count, HEAD] = stage if parent < 0 and receiver == rules.source else head
                    labels.whole[count, COUNT] = depth
                    labels.whole[count, ROOM] = room_now
                    labels.following[count] = heads[stop]
                    heads[stop] = count
                    count += 1
    return NARROWED if dropped else FINISHED, best, np.inf, count, found


RIVALS = 100
"""Labels that one label is compared with at most: the most promising ones behind the same cut and node."""
COMPARED = 200
"""Comparisons of two labels per label that may be set, before a run gives up."""


@compiled
def _write_plan(labels: Labels, parent: int, stage: int, plans: IntArray, found: int) -> None:
    if len(plans) == 0:
        return
    row = found % len(plans)
    plans[row, 1] = stage
    size, label = 1, parent
    while label >= 0:
        size += 1
        plans[row, size] = labels.whole[label, COLUMN]
        label = labels.whole[label, PARENT]
    plans[row, 0] = size


@compiled
def _least_bound(labels: Labels, heads: IntArray, waiting: IntArray, cut: int) -> float:
    """Least bound of the labels that were not extended: those of this cut still waiting, all of the later ones."""
    least = np.inf
    for label in waiting:
        if label >= 0:
            least = min(least, labels.bound[label])
    for later in range(cut + 1, len(heads)):
        label = heads[later]
        while label >= 0:
            least = min(least, labels.bound[label])
            label = labels.following[label]
    return least


@compiled
def _kept(
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
