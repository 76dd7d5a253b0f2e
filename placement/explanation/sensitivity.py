"""What a little more of each resource that the plan uses would save, found by solving again.

    saves_at_least  bound of the request - objective found under the change
    saves_at_most   objective of the plan  - bound under the change
The true saving, the difference of the two optima, lies between them, whatever was left unproven.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.constraints import Metric
from models.explanation import ChangeKind, Effect
from models.request import PlanRequest
from placement.evaluation import node_memory, sendings_of
from placement.explanation import quantities as say
from placement.explanation.changes import Change, with_link, with_nodes, with_part, with_power, with_speed
from placement.explanation.yardstick import Questioner, within_tolerance
from placement.problem import Placement, Problem
from placement.search import PROOF_TOLERANCE

MORE, LESS = 1.1, 0.9
MORE_MEMORY_BYTES = 2.0**30


@dataclass(frozen=True)
class Possibility:
    """A change worth asking about."""

    kind: ChangeKind
    subject: str
    words: str
    change: Change


def sensitivity_of(questioner: Questioner, seconds: float) -> tuple[Effect, ...]:
    """Effects of every possibility, the greatest saving first; those for which there was no time say so."""
    asked = list(possibilities(questioner))
    until = questioner.search.clock() + seconds
    effects = []
    for number, possibility in enumerate(asked):
        questioner.tell(f"sensitivity {number + 1} of {len(asked)}")
        left = until - questioner.search.clock()
        effects.append(_effect(questioner, possibility, left / (len(asked) - number)))
    return tuple(sorted(effects, key=lambda effect: -effect.saves_at_least))


def possibilities(questioner: Questioner) -> Iterator[Possibility]:
    """What an operator may change about the plan: its links, its nodes, the request's own limits."""
    problem, placement = questioner.problem, questioner.placement
    yield from _of_links(problem, placement)
    yield from _of_nodes(questioner)
    yield from _of_limits(problem.request)
    yield from _of_privacy(problem)


def used_links(problem: Problem, placement: Placement) -> list[tuple[str, str, float]]:
    """(source, target, bandwidth in bit/s) of every directed link that carries bytes."""
    found = {}
    for sending in sendings_of(problem, placement) or []:
        for link in sending.route if sending.table.payload_bytes > 0 else ():
            ends = problem.node_ids[link.source], problem.node_ids[link.target]
            found[ends] = (*ends, link.bandwidth_bits_per_s)
    return [found[ends] for ends in sorted(found)]


def _of_links(problem: Problem, placement: Placement) -> Iterator[Possibility]:
    request = problem.request
    for source, target, _ in used_links(problem, placement):
        name = f"{source} -> {target}"
        more = with_link(request, source, target, bandwidth=MORE)
        yield Possibility(ChangeKind.BANDWIDTH, name, f"+10 % bandwidth on {name}", more)
    for source, target in _delayed(problem, placement):
        both_ways = request.cluster.link_matrix is None and _is_bidirectional(request, source, target)
        name = f"{source} {'<->' if both_ways else '->'} {target}"
        less = with_link(request, source, target, latency_s=LESS)
        yield Possibility(ChangeKind.DELAY, name, f"10 % less delay on {name}", less)


def _delayed(problem: Problem, placement: Placement) -> list[tuple[str, str]]:
    """Directed links in use that have a delay; of the two directions of one link of the list, which share it, one."""
    found: dict[tuple[str, str], None] = {}
    for sending in sendings_of(problem, placement) or []:
        for link in sending.route:
            ends = problem.node_ids[link.source], problem.node_ids[link.target]
            shared = problem.request.cluster.link_matrix is None and _is_bidirectional(problem.request, *ends)
            if link.latency_s > 0 and not (shared and ends[::-1] in found):
                found[ends] = None
    return sorted(found)


def _is_bidirectional(request: PlanRequest, source: str, target: str) -> bool:
    return any(link.bidirectional and {link.source, link.target} == {source, target} for link in request.cluster.links)


def _of_nodes(questioner: Questioner) -> Iterator[Possibility]:
    problem, request = questioner.problem, questioner.problem.request
    goal, energy_limits = questioner.yardstick.goal, questioner.yardstick.limits(questioner.problem).energy_j
    spends = goal.energy > 0 or energy_limits is not None
    for n in sorted(node_memory(problem, questioner.placement)):
        name = problem.node_ids[n]
        faster = with_speed(request, n, MORE)
        yield Possibility(ChangeKind.SPEED, name, f"10 % more speed of {name}", faster)
        larger = with_nodes(request, {n: {"memory_bytes": float(problem.memory_bytes[n]) + MORE_MEMORY_BYTES}})
        yield Possibility(ChangeKind.MEMORY, name, f"+1 GiB of memory on {name}", larger)
        if spends:
            yield Possibility(ChangeKind.POWER, name, f"10 % less power of {name}", with_power(request, n, LESS))


def _of_limits(request: PlanRequest) -> Iterator[Possibility]:
    given = request.constraints
    for name, factor in (("max_latency_s", MORE), ("max_energy_j", MORE), ("min_throughput_per_s", LESS)):
        limit = getattr(given, name)
        if limit is not None:
            words = f"{name} of {limit * factor:.4g} instead of {limit:.4g}"
            yield Possibility(
                ChangeKind.LIMIT, name, words, with_part(request, "constraints", **{name: limit * factor})
            )
    if given.max_stages is not None:
        words = f"max_stages of {given.max_stages + 1} instead of {given.max_stages}"
        change = with_part(request, "constraints", max_stages=given.max_stages + 1)
        yield Possibility(ChangeKind.LIMIT, "max_stages", words, change)
    for n, node in enumerate(request.cluster.nodes):
        if node.energy_budget_j is not None:
            change = with_nodes(request, {n: {"energy_budget_j": node.energy_budget_j * MORE}})
            yield Possibility(ChangeKind.LIMIT, node.id, f"+10 % of the energy budget of {node.id}", change)


def _of_privacy(problem: Problem) -> Iterator[Possibility]:
    for name, count in (("head_layers", problem.head_layers), ("tail_layers", problem.tail_layers)):
        if count > 0:
            words = f"{name} of {count - 1} instead of {count} (one layer less that has to stay on the source)"
            change = with_part(problem.request, "privacy", **{name: count - 1})
            yield Possibility(ChangeKind.PRIVACY, name, words, change)


def _effect(questioner: Questioner, possibility: Possibility, seconds: float) -> Effect:
    yardstick = questioner.yardstick
    answer = questioner.best_of(possibility.change.request, seconds)
    result = answer.result
    found, bound = result.value, result.bound
    at_least = 0.0 if found is None else yardstick.worse_by(questioner.bound, found)
    at_most = None if bound is None else yardstick.worse_by(questioner.value, bound)
    proven = questioner.proven and found is not None and bound is not None and within_tolerance(found, bound)
    if proven:
        assert found is not None
        # Both ends are the same number but for the tolerance of a proof; below it a change changes nothing.
        changed = questioner.value - found > PROOF_TOLERANCE * questioner.value
        at_least = at_most = yardstick.worse_by(questioner.value, found) if changed else 0.0
    return Effect(
        kind=possibility.kind,
        subject=possibility.subject,
        message=f"{possibility.words} {_saves(questioner, at_least, at_most, proven=proven)}",
        patch=possibility.change.patch,
        objective=None if found is None else yardstick.stated(found),
        bound=None if bound is None else yardstick.stated(bound),
        saves_at_least=at_least,
        saves_at_most=at_most,
        proven=proven,
        same_stages=None if result.placement is None else result.placement == questioner.placement,
    )


def _saves(questioner: Questioner, at_least: float, at_most: float | None, *, proven: bool) -> str:
    yardstick = questioner.yardstick
    verb = "gains" if yardstick.metric is Metric.THROUGHPUT else "saves"
    if proven:
        if at_least == 0.0:
            return "changes nothing."
        share = at_least / abs(yardstick.stated(questioner.value) or 1.0)
        return f"{verb} {yardstick.amount(at_least)} ({say.percent(share)})."
    if at_most is None:
        return f"{verb} at least {yardstick.amount(at_least)}; nothing more was proven in the time left."
    return f"{verb} between {yardstick.amount(at_least)} and {yardstick.amount(at_most)} (not proven further in time)."
