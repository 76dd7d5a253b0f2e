"""A label: a partial plan's figures and marks, and what label setting knows of a box. The rules: `placement.labelling`.

A label stands behind a stage that ends at (cut, node). It is discarded when its bound reaches the cutoff or it breaks a
limit whatever follows (`completions`), or when another label behind the same cut and node is at least as good in every
completion (`dominance`); else it is extended by one stage (`extension`), cut by cut (`setting`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placement.column_costs import IntArray
from placement.kernels.compiling import compiled
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
def grown(labels: Labels) -> Labels:
    """The same labels, with room for twice as many."""
    size = len(labels.priced)
    larger = empty_labels(2 * size, labels.figures.shape[1], labels.bits.shape[1])
    larger.figures[:size] = labels.figures
    larger.whole[:size] = labels.whole
    larger.bits[:size] = labels.bits
    larger.priced[:size] = labels.priced
    larger.bound[:size] = labels.bound
    larger.following[:size] = labels.following
    return larger
