"""Why no plan exists, and the smallest change of each kind that makes one exist, found and verified by solving."""

from __future__ import annotations

from collections.abc import Iterator

from models.infeasibility import Conflict, Infeasibility, Relaxation, Violation
from placement.constraints import refusing_rules
from placement.explanation.conflicts import Minimal, minimal_conflict
from placement.explanation.existence import Existence, Smallest
from placement.explanation.knobs import Knob, knobs_of
from placement.explanation.relaxing import combinations_of, relaxation, relaxations_of
from placement.problem import Problem
from placement.search import Search


def explain_infeasibility(search: Search) -> Infeasibility:
    """A minimal conflict, and verified relaxations, for a request that was proven infeasible."""
    problem = search.problem
    existence, knobs = Existence(search), knobs_of(problem)
    request = problem.request
    minimal = minimal_conflict(existence, request, knobs)
    conflict = _conflict(existence, minimal)
    relaxations = tuple(relaxations_of(existence, request, knobs, minimal.knobs))
    combinations = () if relaxations else combinations_of(existence, request, knobs, minimal.knobs)
    late = existence.stopped and not (relaxations and conflict.irreducible)
    reasons = [*_layers_without_node(problem), *_too_large(problem), *map(_reason, relaxations)]
    if not relaxations:
        reasons.append(_several(conflict, late="before the time limit" if late else ""))
    return Infeasibility(reasons=tuple(reasons), conflict=conflict, relaxations=relaxations, combinations=combinations)


def _conflict(existence: Existence, minimal: Minimal) -> Conflict:
    """The conflict, each member with what it would have to allow if all other members are kept."""
    members = []
    for knob in minimal.knobs:
        smallest = existence.smallest(knob, minimal.request) if minimal.irreducible else None
        members.append(_member(knob, smallest))
    names = ", ".join(knob.words for knob in minimal.knobs)
    proven = "" if minimal.irreducible else "; some of them may not be needed for that (not proven in time)"
    alone = len(minimal.knobs) == 1
    said = f"no plan keeps {names}" if alone else f"no plan keeps all of these: {names}"
    return Conflict(constraints=tuple(members), irreducible=minimal.irreducible, message=said + proven)


def _member(knob: Knob, smallest: Smallest | None) -> Violation:
    own: Relaxation | None = None if smallest is None else relaxation(knob, smallest)
    return Violation(
        constraint=knob.constraint,
        message=knob.words if own is None else own.message,
        required=None if own is None else own.required,
        available=knob.available,
        nodes=(knob.subject,) if knob.used is not None and knob.subject is not None else (),
    )


def _reason(found: Relaxation) -> Violation:
    return Violation(
        constraint=found.constraint,
        message=f"no plan exists under {found.constraint} as it is: {found.message}",
        required=found.required,
        available=found.available,
    )


def _layers_without_node(problem: Problem) -> Iterator[Violation]:
    """Layers that the rules keep off every node."""
    for k in range(problem.layer_count):
        if not problem.allowed[:, k].any():
            rules = sorted({rule for n in range(problem.node_count) for rule in refusing_rules(problem, n, k)})
            yield Violation(constraint=rules[0], message=f"no node may run layer {k}: {', '.join(rules)}")


def _too_large(problem: Problem) -> Iterator[Violation]:
    needed, held = float(problem.bytes.static.sum()), float(problem.memory_bytes.sum())
    if needed > held:
        yield Violation(
            constraint="memory_bytes",
            message=f"the model needs {needed / 2**30:.4g} GiB, all nodes together have {held / 2**30:.4g} GiB",
            required=needed,
            available=held,
        )


def _several(conflict: Conflict, late: str) -> Violation:
    kinds = ", ".join(dict.fromkeys(member.constraint for member in conflict.constraints))
    return Violation(
        constraint="several",
        message=f"no relaxation of one kind was found to make a plan exist{late and ' ' + late}; in conflict: {kinds}",
    )
