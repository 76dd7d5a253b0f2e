"""The run over all cuts: labels are set, discarded, extended. See `placement.kernels.labels`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from placement.column_costs import IntArray
from placement.kernels.compiling import compiled
from placement.kernels.completions import bound_of, hopeless, value_of
from placement.kernels.dominance import undominated
from placement.kernels.extension import add_stage, begin_stage, goes_with, mark_use, state_of, uses_of
from placement.kernels.labels import (
    COLUMN,
    COUNT,
    FINISHED,
    FULL,
    HEAD,
    NARROWED,
    PARENT,
    ROOM,
    SLOT,
    Guide,
    Labels,
    Rules,
    Steps,
    empty_labels,
    grown,
)
from placement.kernels.sweeps import Columns, Walks
from placement.routes import FloatArray

COMPARED = 200
"""Comparisons of two labels per label that may be set, before a run gives up."""


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
            chosen, narrowed, compared = undominated(
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
                    uses = uses_of(rules, labels.bits[parent], receiver)
                fresh = uses < rules.capacity[receiver]
                if not fresh and (receiver != rules.source or labels.whole[parent, HEAD] < 0):
                    continue
                priced, depth, room, head = 0.0, 1, rules.max_stages, -1
                if parent >= 0:
                    priced = labels.priced[parent] + guide.cost[columns.stage_count + hand]
                    state = state_of(rules, walks, guide, labels.bits[parent], place)
                    if priced + guide.arriving[cut, state] + guide.floor >= cutoff:
                        continue
                    depth, room = labels.whole[parent, COUNT] + 1, labels.whole[parent, ROOM]
                    head = labels.whole[parent, HEAD]
                    bits[:] = labels.bits[parent]
                else:
                    bits[:] = 0
                if fresh:
                    mark_use(rules, bits, receiver, uses)
                state = state_of(rules, walks, guide, bits, place)
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
                    if not fresh and not goes_with(rules, steps, columns, head, stage, depth):
                        continue
                    if not arrived:
                        begin_stage(steps, rules, labels, parent, hand, receiver, passed)
                        arrived = True
                    figures[:] = passed
                    add_stage(steps, figures, stage, -1 if fresh else head)
                    bound = bound_of(rules, guide, figures, price, rest, guide.tau_rest[stop, place])
                    if bound >= cutoff or hopeless(rules, guide, figures, stop, place):
                        continue
                    if stop == layers:
                        value = value_of(rules, figures)
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
                        labels = grown(labels)
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
