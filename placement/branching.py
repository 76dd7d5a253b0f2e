"""Branch on boxes, bound and reduce each, and let a backend close what is left.

Best bound first: a box is priced (placement.lagrangian), searched for good plans by few labels per cut
(placement.labelling), and freed of columns that no better plan uses. When few columns are left a backend solves it, and
the label backend attempts every box with ever more labels; what stays open is cut in two, or, where its ends are close,
priced again with walks that forget less. The least bound of the boxes still open, or the incumbent, is a bound on every
plan. Every backend that works on the stage graph proves its optimum this way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from placement.backends.base import Axis, Box, Claim, Outcome, Solver, Task
from placement.bounds import Memory, projected, widened
from placement.boxes import Shape, ends_clash, restricted, shape_of, within
from placement.cuts import additive_limits, cut_of, everything, raised, trimmed
from placement.gaps import relative_gap
from placement.incumbent import CUTOFF, Incumbent
from placement.labelling import Labelling
from placement.lagrangian import Pricing, Relaxed
from placement.open_boxes import OpenBox, OpenBoxes

NARROW = 1e-3
"""Uncertainty of a box relative to the goal, below which cutting it further gains nothing."""
FIRST_STEPS, NEXT_STEPS = 300, 150
"""Subgradient steps at the root, and whenever a box is priced again."""
FIRST_WIDTH, NEXT_WIDTH = 20, 10
"""Labels per cut in the search for plans, likewise."""
RARE_WIDTH, OFTEN = 60, 8
"""Likewise in every OFTEN-th box."""
ROUNDS, WORTHWHILE = 6, 0.3
"""A box is priced again, at most so often, while it loses this share of its columns or a third of it in width."""
FIRST_LABELS = 2500
"""Labels that the first attempt to close a box may set; each further one may set twice as many."""
WIDEST = 4
"""Nodes that a walk remembers at most; each doubles the states of its node."""
WIDE = 1.3
"""Ratio of a box's ends from which on loads of nodes are priced too."""
MATTERS = 0.2
"""Share of the gap above which a box's uncertainty is worth cutting before walks are made to forget less."""


RESISTS = 3
"""Attempts by labels after which a box with few columns goes to the backend."""
MOST_ATTEMPTS = 9
MOST_LABELS = 1 << 20
"""Labels of one search for plans at most: about 200 MiB."""


def branch_and_close(task: Task, close: Solver, clock: Callable[[], float]) -> Claim:
    """Minimise the task's goal; `close` solves the reduced boxes. Claims the same as a backend would."""
    return _Branching(task, close, clock).run()


class _Branching:
    def __init__(self, task: Task, close: Solver, clock: Callable[[], float]) -> None:
        self._task, self._close, self._clock = task, close, clock
        self._until = clock() + task.time_limit_s
        self._incumbent = Incumbent(task, self._improved)
        self._sizes = {"boxes": 0, "sweeps": 0, "labels": 0, "closed_boxes": 0,
                       "reduced_stage_arcs": 0, "reduced_hand_over_arcs": 0}  # fmt: skip
        self._open = OpenBoxes()
        self._begun = False
        self._overload: np.ndarray | None = None
        self._too_many = np.inf
        """Stage columns from which on an attempt by labels has failed."""
        if task.hint is not None:
            self._incumbent.offer([task.hint])

    def run(self) -> Claim:
        """Until every box is closed, the asked gap is reached, time is up, or the task is cancelled."""
        shape = shape_of(self._task)
        root = self._root(shape)
        if root is not None:
            graph, shape = within(self._task.graph, shape, root)
            bound = shape.cycle_weight * root.low_s[Axis.CYCLE]
            self._open.push(bound, OpenBox(root, graph, shape, Memory.none(graph)))
        self._begun = True
        while self._open and not self._stopped():
            with self._open.least() as (bound, item):
                if bound >= self._incumbent.cutoff:
                    continue
                self._work(bound, item)
            self._report()
        return self._claim()

    def _improved(self) -> None:
        assert self._incumbent.placement is not None
        self._task.on_incumbent(self._incumbent.placement)
        self._report()

    def _report(self) -> None:
        self._task.on_progress(self._incumbent.value, self._bound())

    def _claim(self) -> Claim:
        bound = self._bound()
        if self._open.all_closed and self._incumbent.placement is None:
            return Claim(Outcome.INFEASIBLE, sizes=self._sizes)
        outcome = Outcome.OPTIMAL if self._open.all_closed else Outcome.STOPPED
        return Claim(outcome, self._incumbent.placement, bound, self._sizes)

    def _stopped(self) -> bool:
        if self._clock() >= self._until or self._task.cancelled():
            return True
        gap = relative_gap(self._incumbent.value, self._bound())
        return gap is not None and 0 < self._task.relative_gap >= gap

    def _bound(self) -> float | None:
        """The least bound of what is open or unfinished, at most the incumbent; None before the first box."""
        if not self._begun:
            return None
        least = min(self._open.bound, self._incumbent.cutoff)
        return float(least) if np.isfinite(least) else None

    def _root(self, shape: Shape) -> Box | None:
        """The box of all plans; None where there is none."""
        root = everything(self._task, shape)
        if root is not None and (shape.energy_weight > 0 or self._task.limits.energy_j is not None):
            shortest_s = self._shortest_cycle_s(shape, root)
            return None if shortest_s > root.high_s[Axis.CYCLE] else root.above(Axis.CYCLE, shortest_s)
        return root

    def _shortest_cycle_s(self, shape: Shape, root: Box) -> float:
        """A bound on T alone, priced like a box of its own; infinite where the root holds no plan."""
        alone = replace(shape, latency_weight=0.0, energy_weight=0.0, cycle_weight=1.0)
        box = replace(root, low_s=(0.0, 0.0))
        pricing = Pricing(self._task.graph, alone, box, [], Memory.none(self._task.graph))
        relaxed = pricing.improve(pricing.start(), None, FIRST_STEPS, self._stopped)
        self._sizes["sweeps"] += pricing.steps_taken
        return np.inf if relaxed is None else max(0.0, relaxed.bound * (1 - CUTOFF))

    def _work(self, known: float, item: OpenBox) -> None:
        """Bound, search, reduce, as often as that pays; then close or cut."""
        self._sizes["boxes"] += 1
        for turn in range(ROUNDS):
            known = max(known, item.bound)
            first = item.duals is None
            graph, shape = within(item.graph, item.shape, item.box)
            if not graph.stage_count:
                return
            item = replace(item, box=raised(item.box, graph, shape))
            limits = additive_limits(self._task, graph, shape, item.box)
            pricing = Pricing(graph, shape, item.box, limits, item.memory, self._incumbent.value, item.marks)
            steps = FIRST_STEPS if first else NEXT_STEPS
            priced = pricing.improve(pricing.start(item.duals), self._incumbent.target, steps, self._stopped)
            self._sizes["sweeps"] += pricing.steps_taken
            if priced is None:
                return
            relaxed, before = priced, self._incumbent.value
            limited = self._without_overload(item, relaxed)
            if limited is None:
                return
            item = limited
            if turn == 0:
                self._look(relaxed, FIRST_WIDTH if first else self._width)
            next_item, settled = self._next(item, relaxed)
            if not next_item.graph.stage_count:
                return
            item = next_item
            if self._stopped() or (settled and before == self._incumbent.value):
                break
        self._close_or_cut(item, relaxed, max(known, relaxed.bound, item.bound))

    def _next(self, item: OpenBox, relaxed: Relaxed) -> tuple[OpenBox, bool]:
        """The box as it stands after pricing, and whether pricing it again would gain little."""
        keep = (relaxed.through < self._incumbent.cutoff) & (True if self._overload is None else self._overload)
        graph, shape = restricted(relaxed.pricing.graph, relaxed.pricing.shape, keep)
        box = item.box if self._incumbent.value is None else trimmed(item.box, relaxed, self._incumbent.value)
        little = keep.mean() > 1 - WORTHWHILE
        little &= all(box.width_s(axis) >= (1 - WORTHWHILE / 3) * item.box.width_s(axis) for axis in Axis)
        marks = relaxed.below(self._incumbent.cutoff)
        return replace(item, box=box, graph=graph, shape=shape, duals=relaxed.duals, marks=marks), bool(little)

    @property
    def _width(self) -> int:
        """Labels per cut in the next search for plans: now and then many, since few may miss one plan each time."""
        return NEXT_WIDTH if self._sizes["boxes"] % OFTEN else RARE_WIDTH

    def _without_overload(self, item: OpenBox, relaxed: Relaxed) -> OpenBox | None:
        """Price a box with a wide peak once more, with the loads of nodes; None where that closes it."""
        self._overload = None
        axis = Axis.PEAK if relaxed.pricing.shape.peak_count > 0 else Axis.CYCLE
        if item.box.high_s[axis] < WIDE * item.box.low_s[axis]:
            return item
        pricing = Pricing(
            relaxed.pricing.graph, relaxed.pricing.shape, item.box, relaxed.pricing.limits, item.memory,
            self._incumbent.value, item.marks, counts_loads=True,
        )  # fmt: skip
        if pricing.terms.load_axis < 0:
            return item
        start = pricing.start(item.load_duals)
        loaded = pricing.improve(
            start, self._incumbent.target, FIRST_STEPS if item.load_duals is None else NEXT_STEPS, self._stopped
        )
        self._sizes["sweeps"] += pricing.steps_taken
        if loaded is None:
            return None
        self._overload = loaded.through < self._incumbent.cutoff
        self._look(loaded, NEXT_WIDTH)
        return replace(item, load_duals=loaded.duals, bound=max(item.bound, loaded.bound))

    def _close_or_cut(self, item: OpenBox, relaxed: Relaxed, bound: float) -> None:
        """Close the box, or push what it is to be replaced by."""
        if self._stopped():
            self._open.push(bound, item)
            return
        if self._close.sets_labels and (item.graph.stage_count < self._too_many or item.attempts > 0):
            reached = self._attempt(item, relaxed)
            if reached is None:
                return
            bound, item = max(bound, reached), replace(item, attempts=item.attempts + 1)
        resists = not self._close.sets_labels or item.attempts >= RESISTS
        if resists and item.graph.stage_count <= self._close.closes_columns:
            self._hand_to_backend(bound, item)
            return
        head = ends_clash(relaxed.pricing.graph, relaxed.pricing.shape, item.box, relaxed.walk)
        worth = abs(self._incumbent.value) if self._incumbent.value is not None else abs(bound)
        gap = max(self._incumbent.cutoff - bound, 0.0) if self._incumbent.value is not None else 0.05 * abs(bound)
        cut = cut_of(self._task, item.box, relaxed, gap)
        forgets = self._less_forgetful(item, relaxed)
        if head is not None and item.box.heads[0] < item.box.heads[1]:
            parts = item.box.split_heads(head)
        elif cut.excess > NARROW * worth and (forgets is None or cut.excess > MATTERS * gap):
            parts = item.box.cut_at(cut.axis, cut.at_s)
        elif forgets is not None:
            self._open.push(bound, self._remembering(item, forgets))
            return
        elif self._close.sets_labels:
            # Nothing left to cut or to remember: from now on labels are tried whatever its size.
            self._open.push(bound, replace(item, attempts=max(1, item.attempts)))
            return
        else:
            self._hand_to_backend(bound, item)
            return
        for part in parts:
            self._open.push(bound, replace(item, box=part, attempts=0))

    def _remembering(self, item: OpenBox, wider: Memory) -> OpenBox:
        """The box with walks that forget less."""
        marks = None if item.marks is None else projected(item.marks, item.memory, wider)
        return replace(item, memory=wider, marks=marks, attempts=0)

    def _attempt(self, item: OpenBox, relaxed: Relaxed) -> float | None:
        """Try to close a box by labels; None where that did it, else a bound on it."""
        graph, shape = item.graph, item.shape
        pricing = Pricing(
            graph,
            shape,
            item.box,
            additive_limits(self._task, graph, shape, item.box),
            item.memory,
            self._incumbent.value,
            item.marks,
        )
        priced = pricing.improve(relaxed.duals, self._incumbent.target, 1)
        self._sizes["sweeps"] += pricing.steps_taken
        if priced is None:
            return None
        labelled = Labelling(self._task, priced).run(
            self._incumbent.target, FIRST_LABELS << min(item.attempts, MOST_ATTEMPTS), stopped=self._stopped
        )
        self._sizes["labels"] += labelled.labels
        self._incumbent.offer(labelled.plans)
        if labelled.complete:
            self._too_many = max(self._too_many, 1.5 * graph.stage_count)
        else:
            self._too_many = min(self._too_many, graph.stage_count)
        return None if labelled.complete else labelled.bound

    def _less_forgetful(self, item: OpenBox, relaxed: Relaxed) -> Memory | None:
        """Memory that forbids the cycles of the cheapest walks; None where they have none, or it cannot grow."""
        walks = [relaxed.walk, *relaxed.cyclic]
        wider = widened(item.memory, walks, relaxed.pricing.graph, WIDEST + item.attempts)
        return None if wider.near == item.memory.near else wider

    def _look(self, relaxed: Relaxed, width: int) -> None:
        """Offer the walks that are plans, and what few labels per cut find."""
        graph = relaxed.pricing.graph
        walks = (walk[walk < graph.stage_count].tolist() for walk in relaxed.plans)
        self._incumbent.offer(map(graph.placement, walks))
        labelled = Labelling(self._task, relaxed).run(self._incumbent.target, MOST_LABELS, width)
        self._sizes["labels"] += labelled.labels
        self._incumbent.offer(labelled.plans)

    def _hand_to_backend(self, bound: float, item: OpenBox) -> None:
        """Solve what is left of the box exactly."""
        graph = item.graph
        self._sizes["closed_boxes"] += 1
        self._sizes["reduced_stage_arcs"] = max(self._sizes["reduced_stage_arcs"], graph.stage_count)
        self._sizes["reduced_hand_over_arcs"] = max(self._sizes["reduced_hand_over_arcs"], graph.hand_over_count)
        task = replace(
            self._task,
            graph=graph,
            box=item.box,
            hint=self._incumbent.placement,
            time_limit_s=max(0.0, self._until - self._clock()),
            on_progress=lambda _value, _bound: None,
        )
        claim = self._close(task)
        for name, size in claim.sizes.items():
            self._sizes[name] = max(self._sizes.get(name, 0), size)
        if claim.placement is not None:
            self._incumbent.offer([claim.placement])
        if claim.outcome is Outcome.STOPPED:
            reached = bound if claim.bound is None else max(bound, claim.bound)
            if reached < self._incumbent.cutoff:
                self._open.give_up(reached)
