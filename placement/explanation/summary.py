"""The explanation of a plan in sentences, the weightiest first."""

from __future__ import annotations

from models.explanation import LimitSlack, LinkContribution, NodeContribution
from placement.evaluation import Figures, Traversal, busy_s
from placement.explanation import quantities as say
from placement.problem import Problem

Contributions = tuple[tuple[NodeContribution, ...], tuple[LinkContribution, ...]]
MOST_LIMITS = 4
"""Binding limits that are named."""


def summary_of(
    problem: Problem,
    traversal: Traversal,
    figures: Figures,
    contributions: Contributions,
    limits: tuple[LimitSlack, ...],
) -> tuple[str, ...]:
    """Where time and energy go, what the bottleneck is and which limits bind."""
    nodes, links = contributions
    said = [_time(figures, nodes, links)]
    if figures.energy_j > 0:
        said.append(_energy(figures, nodes))
    said.append(_bottleneck(problem, traversal, figures))
    said += _binding(limits)
    return tuple(said)


def _time(figures: Figures, nodes: tuple[NodeContribution, ...], links: tuple[LinkContribution, ...]) -> str:
    parts = [(node.latency_share, node.latency_s, f"node {node.id}") for node in nodes if node.latency_s > 0]
    parts += [(a.latency_share, a.latency_s, f"link {a.source} -> {a.target}") for a in links if a.latency_s > 0]
    largest = sorted(parts, key=lambda part: -part[0])[:3]
    listed = ", ".join(f"{say.percent(share)} ({say.seconds(took)}) {name}" for share, took, name in largest)
    return f"Of the latency of {say.seconds(figures.latency_s)}, most is: {listed}." if listed else "It takes no time."


def _energy(figures: Figures, nodes: tuple[NodeContribution, ...]) -> str:
    largest = sorted(nodes, key=lambda node: -node.energy_j)[:2]
    listed = ", ".join(f"{say.percent(node.energy_share)} {node.id}" for node in largest if node.energy_j > 0)
    return f"Of the energy of {say.joules(figures.energy_j)}, most is spent by: {listed}."


def _bottleneck(problem: Problem, traversal: Traversal, figures: Figures) -> str:
    busy = busy_s(traversal)
    ranked = sorted(busy, key=lambda r: -busy[r])
    thing = "micro-batch" if problem.training else "request"
    said = f"The bottleneck is {_name(problem, ranked[0])}: busy {say.seconds(figures.period_s)} per {thing}"
    if len(ranked) > 1 and busy[ranked[1]] > 0:
        said += f"; next is {_name(problem, ranked[1])} with {say.seconds(busy[ranked[1]])}"
    return said + "."


def _name(problem: Problem, resource: int) -> str:
    if resource < problem.node_count:
        return f"node {problem.node_ids[resource]}"
    channel = problem.network.channel_named(resource - problem.node_count)
    return f"{channel.kind.value} {channel.id}"


def _binding(limits: tuple[LimitSlack, ...]) -> list[str]:
    binding = [limit.message for limit in limits if limit.binding]
    if not binding:
        return ["No limit is reached."] if limits else []
    more = len(binding) - MOST_LIMITS
    said = [f"At its limit: {message}." for message in binding[:MOST_LIMITS]]
    return said + ([f"And {more} more."] if more > 0 else [])
