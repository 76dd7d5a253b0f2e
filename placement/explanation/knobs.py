"""What a request restricts, one by one, and how each restriction is relaxed: the parts of every conflict.

In the order in which a conflict is freed of what it does not need: entries of lists and privacy first, then budgets and
limits, the nodes' memory last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from models.constraints import LayerRange, Metric, NodesForLayers, Pin
from models.request import PlanRequest
from placement.evaluation import Figures, node_memory
from placement.explanation import quantities as say
from placement.explanation.changes import Change, unchanged, with_nodes, with_part
from placement.problem import Placement, Problem

UNLIMITED = 1e18
"""Bytes or joules that stand for no limit."""
Relax = Callable[[PlanRequest], Change]
RelaxTo = Callable[[PlanRequest, float], Change]
Used = Callable[[Problem, Placement, Figures], float]


@dataclass(frozen=True, eq=False)
class Knob:
    """One restriction: an entry of a list, a limit, a node's memory or budget.

    A knob with a `metric` bounds that figure of the plan; one with `steps` takes one of these values, the smallest
    change first; one with `used` takes any; one with none of them is kept or dropped.
    """

    constraint: str
    subject: str | None
    words: str
    """What is dropped or relaxed, in a sentence."""
    drop: Relax
    to: RelaxTo | None = None
    available: float | None = None
    metric: Metric | None = None
    steps: tuple[float, ...] = ()
    used: Used | None = None
    value_words: Callable[[float], str] = str

    def dropped(self, request: PlanRequest) -> PlanRequest:
        """The request without the restriction."""
        return self.drop(request).request


def knobs_of(problem: Problem) -> list[Knob]:
    """Every restriction of a request."""
    return [
        *_entries(problem.request),
        *_privacy(problem),
        *_budgets(problem.request),
        *_limits(problem),
        *_memory(problem.request),
    ]


def _part(part: str, field: str, value: Any) -> Relax:
    """Sets one field of a part of the request."""
    return lambda request: with_part(request, part, **{field: value})


def _part_to(part: str, field: str, kind: Callable[[float], float] = float) -> RelaxTo:
    """Sets one field of a part of the request to a figure."""
    return lambda request, value: with_part(request, part, **{field: kind(value)})


def _node(n: int, field: str, value: Any) -> Relax:
    """Sets one field of the n-th node."""
    return lambda request: with_nodes(request, {n: {field: value}})


def _node_to(n: int, field: str) -> RelaxTo:
    """Sets one field of the n-th node to a figure."""
    return lambda request, value: with_nodes(request, {n: {field: value}})


def _joules_of(n: int) -> Used:
    return lambda _problem, _placement, figures: figures.node_j(n)


def _bytes_of(n: int) -> Used:
    return lambda problem, placement, _figures: node_memory(problem, placement).get(n, 0.0)


def _entries(request: PlanRequest) -> Iterator[Knob]:
    for field in ("pinned", "allowed_nodes", "forbidden_nodes"):
        for index, entry in enumerate(getattr(request.constraints, field)):
            yield _entry("constraints", field, index, entry, _described(entry))
    for index, layer in enumerate(request.privacy.untrusted_forbidden_layers):
        yield _entry("privacy", "untrusted_forbidden_layers", index, layer, f"layer {layer}")


def _entry(part: str, field: str, index: int, entry: Any, description: str) -> Knob:
    def drop(request: PlanRequest) -> Change:
        current = getattr(getattr(request, part), field)
        kept = tuple(other for other in current if other is not entry and other != entry)
        return unchanged(request) if len(kept) == len(current) else with_part(request, part, **{field: kept})

    return Knob(field, f"{field}/{index}", f"{field}[{index}] ({description})", drop)


def _described(entry: LayerRange) -> str:
    stop = "" if entry.stop_layer is None else entry.stop_layer
    layers = f"layers {entry.first_layer}..{stop}"
    if isinstance(entry, Pin):
        return f"{layers} on {entry.node}"
    assert isinstance(entry, NodesForLayers)
    more = "" if len(entry.nodes) <= 3 else f" and {len(entry.nodes) - 3} more"
    return f"{layers}: {', '.join(entry.nodes[:3])}{more}"


def _privacy(problem: Problem) -> Iterator[Knob]:
    privacy = problem.request.privacy
    if privacy.leakage is not None and privacy.max_leakage is not None:
        yield Knob(
            "max_leakage",
            None,
            "max_leakage",
            lambda request: with_part(request, "privacy", max_leakage=None, leakage=None),
            _part_to("privacy", "max_leakage"),
            available=privacy.max_leakage,
            steps=tuple(sorted({score for score in privacy.leakage if score > privacy.max_leakage})),
            value_words=lambda value: f"{value:.4g}",
        )
    for name, count in (("head_layers", problem.head_layers), ("tail_layers", problem.tail_layers)):
        if count > 0:
            yield Knob(
                name,
                None,
                name,
                _part("privacy", name, 0),
                _part_to("privacy", name, int),
                available=count,
                steps=tuple(range(count - 1, -1, -1)),
                value_words=lambda value: f"{value:.0f}",
            )


def _budgets(request: PlanRequest) -> Iterator[Knob]:
    for n, node in enumerate(request.cluster.nodes):
        if node.energy_budget_j is not None:
            yield Knob(
                "energy_budget_j",
                node.id,
                f"the energy budget of {node.id}",
                _node(n, "energy_budget_j", None),
                _node_to(n, "energy_budget_j"),
                available=node.energy_budget_j,
                used=_joules_of(n),
                value_words=say.joules,
            )


def _limits(problem: Problem) -> Iterator[Knob]:
    constraints = problem.request.constraints
    if constraints.max_stages is not None:
        most = min(problem.node_count + 1, problem.layer_count)
        yield Knob(
            "max_stages",
            None,
            "max_stages",
            _part("constraints", "max_stages", None),
            _part_to("constraints", "max_stages", int),
            available=constraints.max_stages,
            steps=tuple(range(constraints.max_stages + 1, most + 1)),
            value_words=lambda value: f"{value:.0f}",
        )
    figures: tuple[tuple[str, Metric, Callable[[float], str]], ...] = (
        ("min_throughput_per_s", Metric.THROUGHPUT, say.rate),
        ("max_energy_j", Metric.ENERGY, say.joules),
        ("max_latency_s", Metric.LATENCY, say.seconds),
    )
    for name, metric, words in figures:
        limit = getattr(constraints, name)
        if limit is not None:
            yield Knob(
                name,
                None,
                name,
                _part("constraints", name, None),
                _part_to("constraints", name),
                available=limit,
                metric=metric,
                value_words=words,
            )


def _memory(request: PlanRequest) -> Iterator[Knob]:
    for n, node in enumerate(request.cluster.nodes):
        yield Knob(
            "memory_bytes",
            node.id,
            f"the memory of {node.id}",
            _node(n, "memory_bytes", UNLIMITED),
            _node_to(n, "memory_bytes"),
            available=node.memory_bytes,
            used=_bytes_of(n),
            value_words=say.size,
        )


def scaled(constraint: str, knobs: list[Knob]) -> Knob:
    """All knobs of one kind (every node's memory, or budget) as one, which multiplies them by a factor."""

    def drop(request: PlanRequest) -> Change:
        change = unchanged(request)
        for knob in knobs:
            change = change.then(knob.drop(change.request))
        return change

    def to(request: PlanRequest, factor: float) -> Change:
        change = unchanged(request)
        for knob in knobs:
            assert knob.to is not None
            change = change.then(knob.to(change.request, (knob.available or 0.0) * factor))
        return change

    def used(problem: Problem, placement: Placement, figures: Figures) -> float:
        return max(
            knob.used(problem, placement, figures) / knob.available
            for knob in knobs
            if knob.used is not None and knob.available
        )

    what = "memory" if constraint == "memory_bytes" else "energy budget"
    return Knob(
        constraint, None, f"the {what} of every node", drop, to, available=1.0, used=used,
        value_words=lambda factor: f"{factor:.4g} times as much",
    )  # fmt: skip
