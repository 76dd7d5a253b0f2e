"""Time and energy in the formulation: latency, peaks, cycle time, idle power and energy as columns over the path."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from models.workload import Schedule
from placement.backends.base import Axis, LatencyModel, Task
from placement.columns import LIMIT_SLACK, Formulation, Terms, added
from placement.paces import paces_s
from placement.private_loads import PrivateLoads, private_loads
from placement.stage_graph import Entries


class FigureColumns:
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
            self._f.objective = added(self._f.objective, [(cycle, goal.cycle * self._time)])
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
            peaks = self._within_box([*forward, *backward])
            self._at_least("latency", column, [*self._through(1, 1), *peaks, *update])
        else:
            both = [self._graph.busy_forward, self._graph.busy_backward]
            if self._task.latency_model is LatencyModel.FORMULA:
                peak = self._within_box(self._peak("busy", both, count - 1))
                self._at_least("latency", column, [*self._through(1, 1), *peak, *update])
            else:
                self._replay_bounds(column, both, update, count)
        return column

    def _within_box(self, peak: Terms) -> Terms:
        """Low <= peak <= high of the box; plans below its low only look dearer here, and belong to other boxes."""
        box = self._task.box
        if box is not None and peak:
            low, high = box.low_s[Axis.PEAK] * (1 - LIMIT_SLACK), box.high_s[Axis.PEAK] * (1 + LIMIT_SLACK)
            terms = [(column, 1.0) for column, _ in peak]
            self._f.row("box_peak", terms, lower=low / self._time, upper=high / self._time)
        return peak

    def _replay_bounds(self, column: int, both: list[Entries], update: Terms, count: int) -> None:
        """What no 1f1b replay can beat: U + max(F + B + (M-1) pace, M busy_r), see `placement.replay_bound`."""
        pace = self._within_box(self._pace(count - 1))
        self._at_least("latency_pace", column, [*self._through(1, 1), *pace, *update])
        self._at_least("latency_busy", column, [*self._peak("busy", both, count), *update])

    def _pace(self, weight: float) -> Terms:
        """Weight * (a new column >= the pace of every column in use); no terms where none has any."""
        paces = paces_s(self._graph) / self._time
        if weight == 0 or not paces.any():
            return []
        column = self._f.continuous("pace", self._time_limit(None))
        for place, terms in self._by_place({int(c): float(paces[c]) for c in np.flatnonzero(paces)}).items():
            self._at_least(f"pace_{place}", column, terms)
        return [(column, float(weight))]

    def _by_place(self, values: dict[int, float]) -> dict[str, Terms]:
        """Values of columns, by the cut where their stage begins or that they cross: a plan uses one of each."""
        stages = self._graph.stage_count
        rows: dict[str, Terms] = {}
        for c, value in sorted(values.items()):
            place = f"from_{self._graph.first[c]}" if c < stages else f"over_{self._graph.cut[c - stages]}"
            rows.setdefault(place, []).append((c, value))
        return rows

    def _at_least(self, name: str, column: int, terms: Terms, condition: int | None = None) -> None:
        """Column >= sum of terms."""
        self._f.row(name, [(column, 1.0), *((c, -v) for c, v in terms)], lower=0.0, condition=condition)

    def _update_entries(self) -> Entries:
        stages = np.arange(self._graph.stage_count)
        return Entries(stages, self._graph.node, self._graph.update_s)

    def _peak(self, name: str, entries: list[Entries], weight: float) -> Terms:
        """Weight * (a new column >= the load of every resource); no terms where nothing is ever loaded."""
        loads, private = self._loads(entries), private_loads(self._graph, entries)
        if not (loads or private.alone) or weight == 0:
            return []
        column = self._f.continuous(f"peak_{name}", self._time_limit(None))
        for resource, terms in sorted(loads.items()):
            self._at_least(f"peak_{name}_{resource}", column, terms)
        self._private_peaks(name, column, private)
        return [(column, float(weight))]

    def _private_peaks(self, name: str, column: int, private: PrivateLoads) -> None:
        """One stage begins at a cut and one hand-over crosses it, so those of a cut share a row."""
        for place, terms in self._by_place({c: load / self._time for c, load in private.alone.items()}).items():
            self._at_least(f"peak_{name}_{place}", column, terms)
        for a, resource, loads in private.together:
            own = loads.get(a, 0.0) / self._time
            terms = [(c, -load / self._time) for c, load in sorted(loads.items()) if c != a]
            self._f.row(f"peak_{name}_stage_{a}_{resource}", [(column, 1.0), *terms], lower=own, condition=a)

    def _loads(self, entries: list[Entries]) -> dict[int, Terms]:
        """Loads that add up, by resource."""
        loads: dict[int, dict[int, float]] = {}
        for sparse in entries:
            adds = ~self._graph.private_rows[sparse.row]
            triples = zip(
                sparse.column[adds].tolist(), sparse.row[adds].tolist(), (sparse.value[adds] / self._time).tolist(),
                strict=True,
            )  # fmt: skip
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
                        for name, used in self._used(o, stages[o], int(graph.capacity[n])):
                            terms.append((self._while_used(cycle, used, name), power * self._time / self._energy))
            awake[n] = [(column, value) for column, value in terms if value != 0]
        return awake

    def _used(self, option: int, stages: list[int], capacity: int) -> list[tuple[str, int]]:
        """One binary column per member that may be used at the option, in turn: (name, column)."""
        names = [f"{option}", *(f"{option}_{count}" for count in range(2, min(capacity, len(stages)) + 1))]
        columns = [self._f.binary(f"used_{name}") for name in names]
        every = [(used, 1.0) for used in columns]
        self._f.row(f"used_{option}", [*every, *((a, -1.0) for a in stages)], lower=0.0, upper=0.0)
        for earlier, later in pairwise(columns):
            self._f.row(f"used_{option}_in_turn", [(earlier, 1.0), (later, -1.0)], lower=0.0)
        return list(zip(names, columns, strict=True))

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
