"""The textbook view of a problem: which layer runs where and which pair hands over at which cut, each with its price.

It shares only the compiled tables with the stage graph, so that the reference backends are independent witnesses.
docs/reference-formulations.md is the same page in symbols.

A `Run` says that a layer runs on an option; a `HandOver` that the layer before a cut runs on one node and the layer
behind it on another. Input, results and labels are priced on the runs of the first and the last layer. Every figure of
a placement is then a `Linear` sum over its choices, or the largest of several such sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from placement.constraints import LIMIT_TOLERANCE, MEMORY_TOLERANCE
from placement.problem import PlacedStage, Placement, Problem
from placement.routes import RouteTable

LIMIT_SLACK = LIMIT_TOLERANCE / 2
"""Half the referee's tolerance, so that what a solver accepts at its own tolerance the referee accepts too."""
MEMORY_SLACK = MEMORY_TOLERANCE
"""Bytes are whole or nearly so: the referee's own tolerance."""


class Run(NamedTuple):
    """Layer `layer` runs on option `option`."""

    layer: int
    option: int


class HandOver(NamedTuple):
    """`sender` runs layer cut - 1, `receiver` runs layer cut, and they differ."""

    cut: int
    sender: int
    receiver: int


Choice = Run | HandOver
Linear = dict[Choice, float]
"""The sum of the values of the choices made."""


@dataclass(frozen=True)
class Choices:
    """All choices that a placement may make, and linear figures over them.

    forward, backward: F and B in s (inference: F of the whole request).
    forward_busy, backward_busy: busy time in s per resource.   update: s per node.
    compute: F and B of the stages alone, in s.   joules: J per node and request or iteration, idle power apart.
    """

    problem: Problem
    runs: tuple[Run, ...]
    hand_overs: tuple[HandOver, ...]
    forward: Linear = field(default_factory=dict)
    backward: Linear = field(default_factory=dict)
    forward_busy: dict[int, Linear] = field(default_factory=dict)
    backward_busy: dict[int, Linear] = field(default_factory=dict)
    update: dict[int, Linear] = field(default_factory=dict)
    compute: Linear = field(default_factory=dict)
    joules: dict[int, Linear] = field(default_factory=dict)

    def weighted_joules(self) -> Linear:
        """J of the plan, each node's with its energy_weight."""
        return combined((float(self.problem.energy_weight[n]), own) for n, own in self.joules.items())

    def least(self, linear: Linear) -> float:
        """What no placement goes below: the cheapest run of each layer, and nothing or less at each cut."""
        cuts = (min([0.0, *values]) for values in self._per_cut(linear).values())
        return sum(min(values) for values in self._per_layer(linear).values()) + sum(cuts)

    def most(self, linear: Linear) -> float:
        """What no placement exceeds: the dearest run of each layer, and the dearest hand-over at each cut."""
        cuts = (max([0.0, *values]) for values in self._per_cut(linear).values())
        return sum(max(values) for values in self._per_layer(linear).values()) + sum(cuts)

    def _per_layer(self, linear: Linear) -> dict[int, list[float]]:
        values: dict[int, list[float]] = {}
        for run in self.runs:
            values.setdefault(run.layer, []).append(linear.get(run, 0.0))
        return values

    @staticmethod
    def _per_cut(linear: Linear) -> dict[int, list[float]]:
        values: dict[int, list[float]] = {}
        for choice, value in linear.items():
            if isinstance(choice, HandOver):
                values.setdefault(choice.cut, []).append(value)
        return values


def combined(parts: Iterable[tuple[float, Linear]]) -> Linear:
    """The weighted sum of linear figures, without zeros."""
    total: Linear = {}
    for weight, part in parts:
        for choice, value in part.items():
            total[choice] = total.get(choice, 0.0) + weight * value
    return {choice: value for choice, value in total.items() if value != 0}


def choices_of(problem: Problem) -> Choices | None:
    """Every choice that privacy, pins, memory and routes allow, priced; None where some layer can run nowhere."""
    runs = tuple(_runs(problem))
    if len({run.layer for run in runs}) < problem.layer_count:
        return None
    choices = Choices(problem, runs, tuple(_hand_overs(problem, runs)))
    for run in choices.runs:
        _price_run(choices, run)
    for hand_over in choices.hand_overs:
        j, n, m = hand_over
        payloads = problem.payloads
        _send(choices, hand_over, payloads.forward[j], n, m)
        _send(choices, hand_over, payloads.decode[j], n, m, times=problem.decode_passes)
        _send(choices, hand_over, payloads.backward[j], m, n, backward=True)
    return choices


def _runs(problem: Problem) -> Iterator[Run]:
    last, source, payloads, sizes = problem.layer_count - 1, problem.source, problem.payloads, problem.bytes
    alone = sizes.static + sizes.activations * problem.in_flight(1) + sizes.workspace
    for k in range(problem.layer_count):
        for o, option in enumerate(problem.options):
            n = option.node
            open_to_input = k > 0 or payloads.input.route(source, n) is not None
            open_to_results = k < last or (_reaches(payloads.result, n, source) and _reaches(payloads.label, source, n))
            fits = alone[k] <= problem.memory_bytes[n] * (1 + MEMORY_SLACK)
            if problem.allowed[n, k] and fits and open_to_input and open_to_results:
                yield Run(k, o)


def _hand_overs(problem: Problem, runs: Sequence[Run]) -> Iterator[HandOver]:
    payloads = problem.payloads
    on: list[list[int]] = [[] for _ in range(problem.layer_count)]
    for run in runs:
        n = problem.options[run.option].node
        if n not in on[run.layer]:
            on[run.layer].append(n)
    for j in range(1, problem.layer_count):
        for n in on[j - 1]:
            for m in on[j]:
                seen = problem.receives[m, j] and (payloads.backward[j] is None or problem.receives[n, j])
                open_pair = _reaches(payloads.forward[j], n, m) and _reaches(payloads.backward[j], m, n)
                decodes = problem.decode_passes == 0 or _reaches(payloads.decode[j], n, m)
                if n != m and seen and open_pair and decodes:
                    yield HandOver(j, n, m)


def _reaches(table: RouteTable | None, sender: int, receiver: int) -> bool:
    return table is None or table.route(sender, receiver) is not None


def _add(linear: Linear, choice: Choice, value: float) -> None:
    if value != 0:
        linear[choice] = linear.get(choice, 0.0) + value


def _price_run(choices: Choices, run: Run) -> None:
    problem = choices.problem
    k, o = run
    option = problem.options[o]
    n = option.node
    forward = float(problem.forward_s[o, k])
    backward = update = 0.0
    if problem.training:
        backward, update = float(problem.backward_s[o, k]), float(problem.update_s[o, k])
    elif problem.decode_passes:
        forward += problem.decode_passes * float(problem.decode_s[o, k])
    _add(choices.forward, run, forward)
    _add(choices.backward, run, backward)
    _add(choices.compute, run, forward + backward)
    _add(choices.forward_busy.setdefault(n, {}), run, forward)
    _add(choices.backward_busy.setdefault(n, {}), run, backward)
    _add(choices.update.setdefault(n, {}), run, update)
    above_idle_w = option.busy_power_w - option.idle_power_w
    own = choices.joules.setdefault(n, {})
    _add(own, run, above_idle_w * (problem.repetitions * (forward + backward) + update))
    payloads, source = problem.payloads, problem.source
    if k == 0:
        _send(choices, run, payloads.input, source, n)
    if k == problem.layer_count - 1:
        _send(choices, run, payloads.result, n, source, times=1 + problem.decode_passes)
        _send(choices, run, payloads.label, source, n, counts_for_latency=False)


def _send(
    choices: Choices,
    choice: Choice,
    table: RouteTable | None,
    sender: int,
    receiver: int,
    *,
    times: int = 1,
    backward: bool = False,
    counts_for_latency: bool = True,
) -> None:
    """Price one payload on a choice, hop by hop."""
    problem = choices.problem
    route = table.route(sender, receiver) if table is not None else None
    if table is None or not route or times == 0:
        return
    if counts_for_latency:
        seconds = sum(link.latency_s + table.busy_s(link) for link in route)
        _add(choices.backward if backward else choices.forward, choice, times * seconds)
    busy = choices.backward_busy if backward else choices.forward_busy
    for resource, seconds in problem.occupancy(table, route):
        _add(busy.setdefault(resource, {}), choice, times * seconds)
    for node, joules in problem.joules(table, route):
        _add(choices.joules.setdefault(node, {}), choice, times * problem.repetitions * joules)


def placement_of(problem: Problem, option_of_layer: Sequence[int]) -> Placement:
    """Neighbouring layers on the same option make a stage."""
    stages = []
    for option, group in groupby(range(problem.layer_count), key=lambda k: option_of_layer[k]):
        layers = list(group)
        stages.append(PlacedStage(option, layers[0], layers[-1] + 1))
    return tuple(stages)


def depth_matters(problem: Problem) -> bool:
    """Whether memory depends on how many stages follow: 1f1b with activations and several micro-batches."""
    return problem.in_flight(1) != problem.in_flight(problem.max_stages) and bool(problem.bytes.activations.any())


def awake_nodes(problem: Problem, *, weighted: bool) -> list[int]:
    """Nodes whose idle energy counts: in the plan's weighted energy, or in a budget of their own."""
    return [
        n
        for n, node in enumerate(problem.request.cluster.nodes)
        if node.energy_budget_j is not None or (weighted and problem.energy_weight[n] > 0)
    ]


def most_idle_w(problem: Problem) -> float:
    """Weighted idle power that no placement's nodes exceed together."""
    own_w = [
        max([float(problem.idle_power_w[n]), *(problem.options[o].idle_power_w for o in options)])
        for n, options in enumerate(problem.options_of_node)
    ]
    return sum(float(weight) * power for weight, power in zip(problem.energy_weight, own_w, strict=True))
