"""The mixed 0-1 formulation on the stage graph; docs/formulation.md is the same page in symbols.

Columns are binary (stages, hand-overs, levels in use) or continuous (time and energy, in the units of `Scale`). Rows
are linear. A conditional row holds only while its binary column is 1: MILP turns it into a big-M row from the bounds of
its columns, CP-SAT takes it as it is.
"""

from __future__ import annotations

import numpy as np

from placement.backends.base import Task
from placement.columns import Formulation, Scale, Terms, added
from placement.figure_columns import FigureColumns
from placement.stage_graph import StageGraph


def formulate(task: Task, scale: Scale) -> Formulation:
    """The formulation of a task: a path through the stage graph, with the goal's and the limits' figures on top."""
    formulation = Formulation(scale, task.graph.stage_count)
    _path(formulation, task.graph)
    _source_holds_two(formulation, task.graph)
    _depth(formulation, task.graph)
    FigureColumns(formulation, task).build()
    formulation.goal_unit = max((value for _, value in formulation.objective), default=1.0)
    formulation.objective = [(column, value / formulation.goal_unit) for column, value in formulation.objective]
    return formulation


def _path(formulation: Formulation, graph: StageGraph) -> None:
    """Flow through the cuts; each node once, a class as often as it has members; no more stages than allowed."""
    problem = graph.problem
    for a in range(graph.stage_count):
        formulation.binary(f"stage_{a}")
    for h in range(graph.hand_over_count):
        formulation.binary(f"hand_over_{h}")
    ends: dict[tuple[int, int], Terms] = {}
    begins: dict[tuple[int, int], Terms] = {}
    per_node: dict[int, Terms] = {}
    for a, (n, i, j) in enumerate(zip(graph.node.tolist(), graph.first.tolist(), graph.stop.tolist(), strict=True)):
        begins.setdefault((i, n), []).append((a, 1.0))
        ends.setdefault((j, n), []).append((a, 1.0))
        per_node.setdefault(n, []).append((a, 1.0))
    leaving: dict[tuple[int, int], Terms] = {}
    entering: dict[tuple[int, int], Terms] = {}
    hand_overs = zip(graph.cut.tolist(), graph.sender.tolist(), graph.receiver.tolist(), strict=True)
    for h, (j, n, m) in enumerate(hand_overs, start=graph.stage_count):
        leaving.setdefault((j, n), []).append((h, -1.0))
        entering.setdefault((j, m), []).append((h, -1.0))
    begin_terms = [term for (i, _), terms in begins.items() if i == 0 for term in terms]
    formulation.row("begin", begin_terms, lower=1.0, upper=1.0)
    for name, stages, passing, end in (("end", ends, leaving, problem.layer_count), ("begin", begins, entering, 0)):
        for j, n in sorted(set(stages) | set(passing)):
            if j != end:
                terms = stages.get((j, n), []) + passing.get((j, n), [])
                formulation.row(f"flow_{name}_{j}_{n}", terms, lower=0.0, upper=0.0)
    for n, terms in sorted(per_node.items()):
        if n != problem.source:
            formulation.row(f"one_stage_per_node_{n}", terms, upper=float(graph.capacity[n]))
    every = [(a, 1.0) for a in range(graph.stage_count)]
    formulation.row("max_stages", every, lower=1.0, upper=float(problem.max_stages))


def _source_holds_two(formulation: Formulation, graph: StageGraph) -> None:
    """The source may hold the first and the last stage: at one level, and within its memory together."""
    problem = graph.problem
    own = np.flatnonzero(graph.node == problem.source)
    heads = [int(a) for a in own if graph.first[a] == 0]
    tails = [int(a) for a in own if graph.first[a] > 0 and graph.stop[a] == problem.layer_count]
    middles = [int(a) for a in own if graph.first[a] > 0 and graph.stop[a] < problem.layer_count]
    formulation.row("source_later_stage", [(a, 1.0) for a in tails + middles], upper=1.0)
    formulation.row("source_middle_stage", [(a, 1.0) for a in heads + middles], upper=1.0)
    for option in problem.options_of_node[problem.source] if tails else ():
        terms = [(a, 1.0) for a in tails if graph.option[a] == option]
        terms += [(a, 1.0) for a in heads if graph.option[a] != option]
        formulation.row(f"one_level_per_node_{option}", terms, upper=1.0)
    most = problem.max_stages
    stops = sorted({int(graph.stop[a]) for a in heads})
    firsts = sorted({int(graph.first[a]) for a in tails})
    for stop in stops:
        deepest = {first: int(graph.deepest_pairs[stop, first]) for first in firsts}
        for depth in sorted({d for d in deepest.values() if d < most}):
            # Longer heads and longer tails need no less memory, so the row may take them all together.
            together = [(a, float(most - depth)) for a in heads if graph.stop[a] >= stop]
            together += [(a, float(most - depth)) for a in tails if deepest[int(graph.first[a])] <= depth]
            if depth < 3:  # a head and a tail make three stages at least: this pair never fits
                formulation.row(f"source_memory_{stop}", [(a, 1.0) for a, _ in together], upper=1.0)
            else:
                terms = added(together, [(a, 1.0) for a in range(graph.stage_count)])
                formulation.row(f"source_memory_{stop}_{depth}", terms, upper=float(2 * most - depth))


def _depth(formulation: Formulation, graph: StageGraph) -> None:
    """1f1b: a stage that fits only `depth` places from the end has fewer than `depth` stages after it.

    For each cut j and depth d < most: (most - d) sum(stages that end at j and fit d at the deepest)
    + sum(stages that begin at or after j) <= most - 1.
    """
    most = graph.problem.max_stages
    for j in sorted(set(graph.stop[graph.max_depth < most].tolist())):
        ending = np.flatnonzero(graph.stop == j)
        after = [(int(a), 1.0) for a in np.flatnonzero(graph.first >= j)]
        for depth in sorted(set(graph.max_depth[ending].tolist())):
            if depth < most:
                shallow = ending[graph.max_depth[ending] <= depth]
                terms = [(int(a), float(most - depth)) for a in shallow] + after
                formulation.row(f"in_flight_{j}_{depth}", terms, upper=float(most - 1))
