"""A mixed 0-1 formulation on the stage graph, independent of any solver. docs/formulation.md is the same page in symbols.

Columns are binary (stages, hand-overs, levels in use) or continuous (time and energy, in the units of `Scale`). Rows are
linear. A conditional row holds only while its binary column is 1: MILP turns it into a big-M row from the column bounds,
CP-SAT takes it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from models.workload import Schedule
from placement.backends.base import Axis, LatencyModel, Task
from placement.bounds import Sweep, time_range
from placement.stage_graph import Entries, StageGraph, deepest_pair

Terms = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Column:
    """A variable from 0 to `upper`; continuous unless binary."""

    name: str
    upper: float
    binary: bool


@dataclass(frozen=True, slots=True)
class Row:
    """lower <= sum of terms <= upper; None is no bound. Conditional rows hold while column `condition` is 1."""

    name: str
    terms: Terms
    lower: float | None
    upper: float | None
    condition: int | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """Units of the continuous columns, chosen so that figures are around 1,000 and tolerances relative.

    shortest_s <= every plan's latency; no plan needs more than longest_s for anything, nor more than most_j.
    """

    time_s: float
    energy_j: float
    shortest_s: float
    longest_s: float
    most_j: float


def scale_of(graph: StageGraph) -> Scale | None:
    """Units from the cheapest path that may reuse nodes; None where the graph has no path at all."""
    problem = graph.problem
    times = time_range(graph)
    if times is None:
        return None
    sweep = Sweep(graph)
    weight = problem.energy_weight
    idle = np.array([max(problem.options[o].idle_power_w for o in own) for own in problem.options_of_node])
    most = sweep.longest(graph.joules) + times.longest_s * float(
        (weight * np.maximum(idle, problem.idle_power_w)).sum()
    )
    own = float(weight[problem.source] * problem.idle_power_w[problem.source]) * times.shortest_s / problem.concurrency
    least = sweep.shortest(graph.joules) + own
    return Scale(
        time_s=(times.shortest_s or times.longest_s or 1.0) / 1000,
        energy_j=(least or most or 1.0) / 1000,
        shortest_s=times.shortest_s,
        longest_s=times.longest_s,
        most_j=most,
    )


@dataclass
class Formulation:
    """min goal_unit * sum of objective terms subject to rows; columns 0..stage_count-1 are the graph's stages, in order.

    The objective's largest coefficient is 1, since solvers' gaps and dual tolerances are absolute.
    """

    scale: Scale
    stage_count: int
    columns: list[Column] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    objective: Terms = field(default_factory=list)
    goal_unit: float = 1.0

    def binary(self, name: str) -> int:
        """A new 0-1 column."""
        return self._column(Column(name, 1.0, binary=True))

    def continuous(self, name: str, upper: float) -> int:
        """A new column in 0..upper."""
        return self._column(Column(name, upper, binary=False))

    def _column(self, column: Column) -> int:
        self.columns.append(column)
        return len(self.columns) - 1

    def row(
        self,
        name: str,
        terms: Iterable[tuple[int, float]],
        *,
        lower: float | None = None,
        upper: float | None = None,
        condition: int | None = None,
    ) -> None:
        """A new row; terms of zero are dropped."""
        kept = [(column, float(value)) for column, value in terms if value != 0]
        self.rows.append(Row(name, kept, lower, upper, condition))


def formulate(task: Task, scale: Scale) -> Formulation:
    """The formulation of a task: a path through the stage graph, with the goal's and the limits' figures on top."""
    formulation = Formulation(scale, task.graph.stage_count)
    _path(formulation, task.graph)
    _source_holds_two(formulation, task.graph)
    _depth(formulation, task.graph)
    _Figures(formulation, task).build()
    formulation.goal_unit = max((value for _, value in formulation.objective), default=1.0)
    formulation.objective = [(column, value / formulation.goal_unit) for column, value in formulation.objective]
    return formulation


def _path(formulation: Formulation, graph: StageGraph) -> None:
    """Flow through the cuts; each node once; no more stages than allowed."""
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
            formulation.row(f"one_stage_per_node_{n}", terms, upper=1.0)
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
        deepest = {first: deepest_pair(graph.problem, stop, first) for first in firsts}
        for depth in sorted({d for d in deepest.values() if d < most}):
            # Longer heads and longer tails need no less memory, so the row may take them all together.
            together = [(a, float(most - depth)) for a in heads if graph.stop[a] >= stop]
            together += [(a, float(most - depth)) for a in tails if deepest[int(graph.first[a])] <= depth]
            if depth < 3:  # a head and a tail make three stages at least: this pair never fits
                formulation.row(f"source_memory_{stop}", [(a, 1.0) for a, _ in together], upper=1.0)
            else:
                terms = _added(together, [(a, 1.0) for a in range(graph.stage_count)])
                formulation.row(f"source_memory_{stop}_{depth}", terms, upper=float(2 * most - depth))


def _added(first: Terms, second: Terms) -> Terms:
    total: dict[int, float] = {}
    for column, value in [*first, *second]:
        total[column] = total.get(column, 0.0) + value
    return sorted(total.items())


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


class _Figures:
    """Time and energy columns over the path, as far as the goal and the limits need them."""

    def __init__(self, formulation: Formulation, task: Task) -> None:
        self._f, self._task, self._graph = formulation, task, task.graph
        self._problem = task.problem
        self._time, self._energy = formulation.scale.time_s, formulation.scale.energy_j

    def build(self) -> None:
        """Add what is needed and set the objective."""
        goal, limits = self._task.goal, self._task.limits
        budgets = [n for n, node in enumerate(self._problem.request.cluster.nodes) if node.energy_budget_j is not None]
        energy = goal.energy != 0 or limits.energy_j is not None
        cycles = goal.cycle != 0 or limits.cycle_s is not None or energy or bool(budgets)
        latency = self._latency(limits.latency_s)
        self._f.objective = [(latency, goal.latency * self._time)] if goal.latency else []
        if not cycles:
            return
        cycle = self._cycle(latency, limits.cycle_s)
        if goal.cycle:
            self._f.objective = _added(self._f.objective, [(cycle, goal.cycle * self._time)])
        if not (energy or budgets):
            return
        awake = self._awake(cycle)
        if energy:
            total = self._total_energy(awake, limits.energy_j)
            if goal.energy:
                self._f.objective.append((total, goal.energy * self._energy))
        for n in budgets:
            self._budget(n, awake)

    def _time_limit(self, limit: float | None) -> float:
        """Upper bound of a time: what no plan exceeds, or the limit with half the referee's tolerance."""
        longest = self._f.scale.longest_s * (1 + LIMIT_SLACK)
        return (longest if limit is None else min(longest, limit * (1 + LIMIT_SLACK))) / self._time

    def _cycle_range(self, limit: float | None) -> tuple[float, float]:
        """Ends of the cycle time: of the task's box, else what no plan goes beyond, and the limit."""
        box = self._task.box
        shortest = self._f.scale.shortest_s / self._problem.concurrency if box is None else box.low_s[Axis.CYCLE]
        longest = self._time_limit(limit)
        if box is not None:
            longest = min(longest, box.high_s[Axis.CYCLE] * (1 + LIMIT_SLACK) / self._time)
        return shortest * (1 - LIMIT_SLACK) / self._time, longest

    def _through(self, forward: float, backward: float) -> Terms:
        """Forward * F + backward * B in scaled time."""
        weights = (forward * self._graph.forward_s + backward * self._graph.backward_s) / self._time
        return [(int(c), float(weights[c])) for c in np.flatnonzero(weights)]

    def _latency(self, limit: float | None) -> int:
        """Latency >= its formula (equal at the optimum, since nothing gains from more)."""
        training = self._problem.training
        if training is None:
            column = self._f.continuous("latency", self._time_limit(limit))
            self._at_least("latency", column, self._through(1, 1))
            return column
        shortest, longest = self._cycle_range(limit)
        column = self._f.continuous("latency", longest)
        self._f.row("latency_shortest", [(column, 1.0)], lower=shortest)
        count = training.micro_batches
        update = self._peak("update", [self._update_entries()], 1.0)
        if training.schedule is Schedule.SEQUENTIAL:
            self._at_least("latency", column, [*self._through(count, count), *update])
        elif training.schedule is Schedule.GPIPE:
            forward = self._peak("forward", [self._graph.busy_forward], count - 1)
            backward = self._peak("backward", [self._graph.busy_backward], count - 1)
            peaks = self._within_box(Axis.FORWARD_PEAK, forward) + self._within_box(Axis.BACKWARD_PEAK, backward)
            self._at_least("latency", column, [*self._through(1, 1), *peaks, *update])
        else:
            both = [self._graph.busy_forward, self._graph.busy_backward]
            if self._task.latency_model is LatencyModel.FORMULA:
                peak = self._within_box(Axis.FORWARD_PEAK, self._peak("busy", both, count - 1))
                self._at_least("latency", column, [*self._through(1, 1), *peak, *update])
            else:
                self._replay_bounds(column, both, update, count)
        return column

    def _within_box(self, axis: Axis, peak: Terms) -> Terms:
        """low <= peak <= high of the box; plans below its low only look dearer here, and belong to other boxes."""
        box = self._task.box
        if box is not None and peak:
            low, high = box.low_s[axis] * (1 - LIMIT_SLACK), box.high_s[axis] * (1 + LIMIT_SLACK)
            terms = [(column, 1.0) for column, _ in peak]
            self._f.row(f"box_{axis.name.lower()}", terms, lower=low / self._time, upper=high / self._time)
        return peak

    def _replay_bounds(self, column: int, both: list[Entries], update: Terms, count: int) -> None:
        """What no 1f1b replay can beat: F + B, M busy_r of every resource, F + B + (M-1) busy of the last stage; + U."""
        self._at_least("latency_unloaded", column, [*self._through(1, 1), *update])
        self._at_least("latency_busy", column, [*self._peak("busy", both, count), *update])
        last = self._graph.stop == self._problem.layer_count
        busy = (self._graph.compute_forward_s + self._graph.compute_backward_s) / self._time * (count - 1) * last
        own = [(int(a), float(busy[a])) for a in np.flatnonzero(busy)]
        self._at_least("latency_last_stage", column, [*_added(self._through(1, 1), own), *update])

    def _at_least(self, name: str, column: int, terms: Terms, condition: int | None = None) -> None:
        """Column >= sum of terms."""
        self._f.row(name, [(column, 1.0), *((c, -v) for c, v in terms)], lower=0.0, condition=condition)

    def _update_entries(self) -> Entries:
        stages = np.arange(self._graph.stage_count)
        return Entries(stages, self._graph.node, self._graph.update_s)

    def _peak(self, name: str, entries: list[Entries], weight: float) -> Terms:
        """Weight * (a new column >= the load of every resource); no terms where nothing is ever loaded."""
        loads = self._loads(entries)
        if not loads or weight == 0:
            return []
        column = self._f.continuous(f"peak_{name}", self._time_limit(None))
        for resource, terms in sorted(loads.items()):
            self._at_least(f"peak_{name}_{resource}", column, terms)
        return [(column, float(weight))]

    def _loads(self, entries: list[Entries]) -> dict[int, Terms]:
        loads: dict[int, dict[int, float]] = {}
        for sparse in entries:
            triples = zip(
                sparse.column.tolist(), sparse.row.tolist(), (sparse.value / self._time).tolist(), strict=True
            )
            for column, resource, value in triples:
                load = loads.setdefault(resource, {})
                load[column] = load.get(column, 0.0) + value
        return {
            resource: sorted(terms.items())
            for resource, terms in loads.items()
            if any(value != 0 for value in terms.values())
        }

    def _cycle(self, latency: int, limit: float | None) -> int:
        """T: the latency in training, max(period, latency / concurrency) in inference."""
        if self._problem.training is not None:
            if limit is not None:
                self._f.row("min_throughput", [(latency, 1.0)], upper=self._time_limit(limit))
            return latency
        shortest, longest = self._cycle_range(limit)
        column = self._f.continuous("cycle", longest)
        self._f.row("cycle_shortest", [(column, 1.0)], lower=shortest)
        self._at_least("cycle_latency", column, [(latency, 1.0 / self._problem.concurrency)])
        if self._problem.concurrency > 1:
            period = self._peak("period", [self._graph.busy_forward], 1.0)
            self._at_least("cycle_period", column, period)
        return column

    def _awake(self, cycle: int) -> dict[int, Terms]:
        """Per node, the idle power x T (in J / energy unit, unweighted) that it draws for the level it is used at."""
        graph, problem = self._graph, self._problem
        awake: dict[int, Terms] = {}
        for n, options in enumerate(problem.options_of_node):
            stages = {o: [int(a) for a in np.flatnonzero(graph.option == o)] for o in options}
            powers = {o: problem.options[o].idle_power_w for o in options if stages[o]}
            if problem.energy_weight[n] == 0 and problem.request.cluster.nodes[n].energy_budget_j is None:
                continue
            terms: Terms = []
            if n == problem.source and set(powers.values()) <= {float(problem.idle_power_w[n])}:
                terms.append((cycle, float(problem.idle_power_w[n]) * self._time / self._energy))
            elif n == problem.source:
                terms += self._source_awake(cycle, stages, powers)
            else:
                for o, power in powers.items():
                    if power > 0:
                        used = self._used(o, stages[o])
                        terms.append((self._while_used(cycle, used, f"{o}"), power * self._time / self._energy))
            awake[n] = [(column, value) for column, value in terms if value != 0]
        return awake

    def _used(self, option: int, stages: list[int]) -> int:
        used = self._f.binary(f"used_{option}")
        self._f.row(f"used_{option}", [(used, 1.0), *((a, -1.0) for a in stages)], lower=0.0, upper=0.0)
        return used

    def _while_used(self, cycle: int, used: int, name: str) -> int:
        """A new column that is at least T while `used` is 1 (and 0 at the optimum otherwise)."""
        column = self._f.continuous(f"awake_{name}", self._time_limit(None))
        self._at_least(f"awake_{name}", column, [(cycle, 1.0)], condition=used)
        self._at_least(f"awake_{name}_shortest", column, [(used, self._cycle_range(None)[0])])
        return column

    def _source_awake(self, cycle: int, stages: dict[int, list[int]], powers: dict[int, float]) -> Terms:
        """The source is awake in any case: at the level of its stages, or at its own idle power without any."""
        factor = self._time / self._energy
        states: Terms = []
        terms: Terms = []
        for o, power in powers.items():
            used = self._f.binary(f"used_{o}")
            states.append((used, 1.0))
            for a in stages[o]:
                self._f.row(f"used_{o}_{a}", [(used, 1.0), (a, -1.0)], lower=0.0)
            self._f.row(f"used_{o}", [(used, 1.0), *((a, -1.0) for a in stages[o])], upper=0.0)
            terms.append((self._while_used(cycle, used, f"{o}"), power * factor))
        without = self._f.binary("source_without_stage")
        self._f.row("source_level", [*states, (without, 1.0)], lower=1.0, upper=1.0)
        idle = float(self._problem.idle_power_w[self._problem.source])
        terms.append((self._while_used(cycle, without, "source"), idle * factor))
        return terms

    def _total_energy(self, awake: dict[int, Terms], limit: float | None) -> int:
        most = self._f.scale.most_j if limit is None else min(limit, self._f.scale.most_j)
        column = self._f.continuous("energy", most / self._energy * (1 + LIMIT_SLACK))
        joules = self._graph.joules / self._energy
        terms = [(int(c), float(joules[c])) for c in np.flatnonzero(joules)]
        for n, own in awake.items():
            weight = float(self._problem.energy_weight[n])
            terms += [(c, weight * value) for c, value in own]
        self._at_least("energy", column, terms)
        return column

    def _budget(self, node: int, awake: dict[int, Terms]) -> None:
        budget = self._problem.request.cluster.nodes[node].energy_budget_j
        assert budget is not None  # the caller selects nodes with a budget
        entries = self._graph.node_joules
        own = entries.row == node
        spent = np.bincount(entries.column[own], weights=entries.value[own], minlength=len(self._graph.joules))
        scale = max(budget, float(spent.max(initial=0.0)), 1e-30) / 1000
        terms = [(int(c), float(spent[c]) / scale) for c in np.flatnonzero(spent)]
        terms += [(c, value * self._energy / scale) for c, value in awake[node]]
        self._f.row(f"energy_budget_{node}", terms, upper=budget / scale * (1 + LIMIT_SLACK))


LIMIT_SLACK = 0.5e-6
"""Half the referee's tolerance, so that what a solver accepts at its own tolerance the referee accepts too."""
