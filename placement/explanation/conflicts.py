"""A minimal set of constraints that no plan keeps together: a deletion filter, kinds first, then their entries.

Every constraint is taken away in turn. Where still no plan exists the conflict does not need it, and it stays away;
where one does, it belongs to the conflict (J. Chinneck and E. Dravnieks, ORSA Journal on Computing 3, 1991). What is
left is irreducible: without any one of its members a plan exists.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.request import PlanRequest
from placement.explanation.existence import Existence, Verdict
from placement.explanation.knobs import Knob


@dataclass(frozen=True)
class Minimal:
    """A conflict, the request with nothing else restricted, and whether every member is proven necessary."""

    knobs: tuple[Knob, ...]
    request: PlanRequest
    irreducible: bool


def minimal_conflict(existence: Existence, request: PlanRequest, knobs: list[Knob]) -> Minimal:
    """Take away what the infeasibility of `request` does not need."""
    left, irreducible = list(knobs), True
    kinds = dict.fromkeys(knob.constraint for knob in knobs)
    needed: set[str] = set()
    for kind in kinds:
        own = [knob for knob in left if knob.constraint == kind]
        verdict, without = _without(existence, request, own)
        if verdict is Verdict.NONE:
            request, left = without, [knob for knob in left if knob not in own]
        elif verdict is Verdict.EXISTS:
            needed.add(kind)
        elif len(own) == 1:
            irreducible = False
    for knob in list(left):
        alone = sum(other.constraint == knob.constraint for other in left) == 1
        if alone and knob.constraint in needed:
            continue
        verdict, without = _without(existence, request, [knob])
        if verdict is Verdict.NONE:
            request = without
            left.remove(knob)
        elif verdict is Verdict.UNKNOWN:
            irreducible = False
    return Minimal(tuple(left), request, irreducible)


def _without(existence: Existence, request: PlanRequest, knobs: list[Knob]) -> tuple[Verdict, PlanRequest]:
    for knob in knobs:
        request = knob.dropped(request)
    return existence.ask(request).verdict, request
