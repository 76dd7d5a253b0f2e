"""The plans that run in a setting: the planner's, the best three of the simple rules, three drawn at random.

All are feasible by the referee (`placement.solver.evaluate`), and no two are the same. Of the rules, those of least
predicted time are taken: the strongest competition. Random plans are drawn from all stage counts, node orders and cuts
alike; those predicted to take more than `SLOWEST` times the planner's time are put back, for they would fill the time
that all the others need.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from examples.split_runtime.planned_job import pass_seconds, transfer_seconds
from models.plan import Evaluation, Status, Termination
from models.request import EvaluateRequest, PlacedStage, PlanRequest
from placement import solver
from placement.baselines import baselines
from placement.cost_model import compile_problem
from placement.problem import Placement, Problem

RULES = 3
RANDOM = 3
SLOWEST = 2.5
MOST_DRAWS = 2000


class Role(StrEnum):
    """Who made a plan."""

    OPTIMAL = "optimal"
    BASELINE = "baseline"
    RANDOM = "random"


@dataclass(frozen=True)
class Cut:
    """Layers `first_layer`..`stop_layer` (half-open) on a node."""

    node: str
    first_layer: int
    stop_layer: int


Stages = tuple[Cut, ...]


@dataclass(frozen=True)
class Forecast:
    """What the cost model says about a plan before it runs, per iteration (inference: per request)."""

    latency_s: float
    busy_s: dict[str, float]
    """Compute time by node, every node of the setting."""
    link_bytes: dict[str, float]
    """By directed link, "source>target"; links that carry nothing are left out."""


@dataclass(frozen=True)
class Candidate:
    """A plan that is to run."""

    name: str
    role: Role
    stages: Stages
    forecast: Forecast
    pass_seconds: tuple[tuple[float, float], ...] = ()
    """Predicted forward and backward seconds of each stage (training), and ..."""
    transfer_seconds: tuple[tuple[float, float], ...] = ()
    """... of the activation and the gradient that cross the cut behind each but the last: from these a node with two
    stages decides in which order it works on them."""


@dataclass(frozen=True)
class Choice:
    """What is run in a setting, and what was left out and why."""

    candidates: tuple[Candidate, ...]
    status: Status
    termination: Termination | None
    gap: float | None
    notes: tuple[str, ...] = field(default=())


class NothingToRunError(RuntimeError):
    """The planner found no plan; the message says what it said instead."""


def choose(request: PlanRequest, seed: int) -> Choice:
    """The plans to run. Raises `NothingToRunError` where there is none."""
    best = solver.plan(request)
    if not best.stages:
        raise NothingToRunError(f"the planner answered {best.status.value}")
    optimum = tuple(Cut(stage.node, stage.first_layer, stage.stop_layer) for stage in best.stages)
    chosen = [_candidate("optimal", Role.OPTIMAL, optimum, _scored(request, optimum))]
    notes: list[str] = []
    _add_rules(request, chosen, notes)
    _add_random(request, chosen, notes, seed)
    return Choice(tuple(chosen), best.status, best.termination, best.gap, tuple(notes))


def _add_rules(request: PlanRequest, chosen: list[Candidate], notes: list[str]) -> None:
    problem = compile_problem(request)
    found: list[Candidate] = []
    for named in baselines(problem):
        stages = None if named.placement is None else _stages(problem, named.placement)
        if stages is None or (score := _scored(request, stages)).latency_s is None or not score.feasible:
            broken = "" if stages is None else "; ".join(dict.fromkeys(rule.message for rule in score.violations))
            notes.append(f"{named.name} cannot run: {broken or 'there is no such plan'}")
        else:
            found.append(_candidate(named.name, Role.BASELINE, stages, score))
    found.sort(key=lambda candidate: candidate.forecast.latency_s)
    taken = {candidate.stages: candidate.name for candidate in chosen}
    added = 0
    for candidate in found:
        if candidate.stages in taken:
            if taken[candidate.stages] != candidate.name:
                notes.append(f"{candidate.name} is the same plan as {taken[candidate.stages]}")
        elif added == RULES:
            notes.append(f"{candidate.name} fits too, and is predicted to take {candidate.forecast.latency_s:.2f} s")
        elif candidate.name in taken.values():
            continue  # a worse single edge than one that runs already
        else:
            chosen.append(candidate)
            taken[candidate.stages] = candidate.name
            added += 1


def _add_random(request: PlanRequest, chosen: list[Candidate], notes: list[str], seed: int) -> None:
    known = {candidate.stages for candidate in chosen}
    slowest_s = SLOWEST * chosen[0].forecast.latency_s
    found = 0
    for stages in drawn(compile_problem(request), seed):
        if stages in known:
            continue
        known.add(stages)
        score = _scored(request, stages)
        if score.feasible and score.latency_s is not None and score.latency_s <= slowest_s:
            found += 1
            chosen.append(_candidate(f"random {found}", Role.RANDOM, stages, score))
            if found == RANDOM:
                return
    notes.append(f"{MOST_DRAWS} draws gave {found} random plans that fit and are not too slow")


def drawn(problem: Problem, seed: int) -> Iterator[Stages]:
    """Plans by chance: how many stages, which nodes in which order, where the cuts are. They may break rules.

    The head is on the source. With a tail that must return, and else in one draw of four, the source has
    the last stage too.
    """
    dice = random.Random(seed)  # noqa: S311 - a repeatable draw, no secret
    layers, source = problem.layer_count, problem.node_ids[problem.source]
    others = [node for node in problem.node_ids if node != source]
    head = max(1, problem.head_layers)
    for _ in range(MOST_DRAWS):
        nodes = [source, *dice.sample(others, dice.randint(1, len(others)))]
        returns = problem.tail_layers > 0 or dice.random() < 0.25
        nodes += [source] if returns else []
        last = layers - max(1, problem.tail_layers) if returns else layers - 1
        places = range(head, last + 1)
        if len(nodes) - 1 > len(places):
            continue
        cuts = [0, *sorted(dice.sample(places, len(nodes) - 1)), layers]
        yield tuple(Cut(node, a, b) for node, a, b in zip(nodes, cuts, cuts[1:], strict=False))


def _stages(problem: Problem, placement: Placement) -> Stages:
    return tuple(Cut(problem.node_ids[problem.node_of(stage)], stage.first, stage.stop) for stage in placement)


def _scored(request: PlanRequest, stages: Stages) -> Evaluation:
    placed = tuple(PlacedStage(node=c.node, first_layer=c.first_layer, stop_layer=c.stop_layer) for c in stages)
    fields = {name: getattr(request, name) for name in PlanRequest.model_fields}
    return solver.evaluate(EvaluateRequest(**fields, stages=placed))


def foreseen(request: PlanRequest, stages: Stages) -> Forecast:
    """What the cost model says about a plan that has been found feasible."""
    return _forecast(_scored(request, stages))


def _forecast(score: Evaluation) -> Forecast:
    """The replay's latency counts: where the source has two stages the formula of gpipe is above it."""
    assert score.simulated is not None  # every placement with figures is replayed
    return Forecast(
        latency_s=score.simulated.latency_s,
        busy_s={node.id: node.busy_s for node in score.nodes},
        link_bytes={f"{link.source}>{link.target}": link.bytes for link in score.links},
    )


def _candidate(name: str, role: Role, stages: Stages, score: Evaluation) -> Candidate:
    return Candidate(name, role, stages, _forecast(score), pass_seconds(score.stages), transfer_seconds(score.stages))
