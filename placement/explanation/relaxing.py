"""The smallest relaxation of each kind, and where no single one does, the smallest combinations.

Only members of a conflict can resolve it, so only they, and for combinations what goes with one of them, are tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from models.infeasibility import Combination, Relaxation
from models.request import PlanRequest
from placement.explanation.changes import unchanged
from placement.explanation.existence import Existence, Smallest, Verdict
from placement.explanation.knobs import Knob, scaled

ONE_PERCENT = 0.01
MOST_COMBINATIONS = 3
"""Combinations answered at most."""


def relaxations_of(
    existence: Existence, request: PlanRequest, knobs: list[Knob], conflict: tuple[Knob, ...]
) -> Iterator[Relaxation]:
    """Kind by kind: the members of the conflict that do on their own; where none does, all of the kind together."""
    for kind in dict.fromkeys(knob.constraint for knob in conflict):
        found = False
        for knob in (knob for knob in conflict if knob.constraint == kind):
            smallest = existence.smallest(knob, request)
            if smallest is not None:
                found = True
                yield relaxation(knob, smallest)
        whole = [knob for knob in knobs if knob.constraint == kind]
        if not found and len(whole) > 1:
            yield from _together(existence, request, kind, whole)


def _together(existence: Existence, request: PlanRequest, kind: str, whole: list[Knob]) -> Iterator[Relaxation]:
    """All of one kind: a common factor on sizes, or the fewest entries without which a plan exists."""
    if whole[0].used is not None:
        knob = scaled(kind, whole)
        smallest = existence.smallest(knob, request)
        if smallest is not None:
            yield relaxation(knob, smallest)
        return
    dropped = _fewest(existence, request, whole)
    if dropped:
        change = unchanged(request)
        for knob in dropped:
            change = change.then(knob.drop(change.request))
        names = " and ".join(knob.words for knob in dropped)
        yield Relaxation(
            constraint=kind, message=f"without {names} a plan exists", verified=True, smallest=True, patch=change.patch
        )


def _fewest(existence: Existence, request: PlanRequest, knobs: list[Knob]) -> list[Knob]:
    """Knobs without which a plan exists, none of which can be put back; none where all of them do not do."""

    def does(dropped: list[Knob]) -> bool:
        changed = request
        for knob in dropped:
            changed = knob.dropped(changed)
        return existence.ask(changed).verdict is Verdict.EXISTS

    if not does(knobs):
        return []
    dropped = list(knobs)
    for knob in knobs:
        fewer = [other for other in dropped if other is not knob]
        if fewer and does(fewer):
            dropped = fewer
    return dropped


def relaxation(knob: Knob, smallest: Smallest) -> Relaxation:
    """A knob's smallest relaxation in the answer's terms."""
    required, available, not_enough = smallest.value, knob.available, smallest.not_enough
    proven = smallest.not_enough is not None
    if required is not None and available is not None and not_enough is not None and not knob.steps:
        proven = abs(required - not_enough) <= ONE_PERCENT * abs(required - available) * (1 - 1e-9)
    return Relaxation(
        constraint=knob.constraint,
        subject=knob.subject,
        message=_sentence(knob, smallest, proven=proven),
        required=required,
        available=None if required is None else available,
        not_enough=not_enough,
        verified=True,
        smallest=proven or required is None,
        patch=smallest.change.patch,
    )


def _sentence(knob: Knob, smallest: Smallest, *, proven: bool) -> str:
    required, available = smallest.value, knob.available
    if required is None or available is None:
        return f"without {knob.words} a plan exists"
    words = knob.value_words
    doubt = "" if proven else " (less may do: not proven)"
    if knob.constraint == "memory_bytes" and knob.subject is not None:
        return f"{knob.subject} needs {words(required - available)} more memory: {words(required)}{doubt}"
    if knob.subject is None and knob.used is not None:
        return f"{words(required)} of {knob.words} would do{doubt}"
    sign = ">=" if required > available else "<="
    return f"{knob.words} {sign} {words(required)} would do{doubt}; it is {words(available)}"


def combinations_of(
    existence: Existence, request: PlanRequest, knobs: list[Knob], conflict: tuple[Knob, ...]
) -> tuple[Combination, ...]:
    """Pairs of kinds that do together, the least change first; where no pair does, one larger combination."""
    every = _by_kind(knobs)
    needed = dict.fromkeys(knob.constraint for knob in conflict)
    found: list[Combination] = []
    for one, other in combinations(every, 2):
        if (one.constraint in needed or other.constraint in needed) and len(found) < MOST_COMBINATIONS:
            combined = _combined(existence, request, [one, other])
            if combined is not None:
                found.append(combined)
    if not found:
        combined = _combined(existence, request, _fewest(existence, request, every))
        found += [] if combined is None else [combined]
    return tuple(sorted(found, key=_amount))


def _by_kind(knobs: list[Knob]) -> list[Knob]:
    """One knob per kind: sizes by a common factor, entries all at once."""
    merged = []
    for kind in dict.fromkeys(knob.constraint for knob in knobs):
        own = [knob for knob in knobs if knob.constraint == kind]
        if len(own) == 1:
            merged += own
        elif own[0].used is not None:
            merged.append(scaled(kind, own))
        else:
            merged.append(_all_of(kind, own))
    return merged


def _all_of(kind: str, own: list[Knob]) -> Knob:
    return Knob(kind, None, f"all of {kind}", scaled(kind, own).drop)


def _combined(existence: Existence, request: PlanRequest, knobs: list[Knob]) -> Combination | None:
    """Each in turn as small as it can be while the later ones are dropped and the earlier ones are where they are."""
    dropped = request
    for knob in knobs:
        dropped = knob.dropped(dropped)
    if not knobs or existence.ask(dropped).verdict is not Verdict.EXISTS:
        return None
    change, parts = unchanged(request), []
    for index, knob in enumerate(knobs):
        context = change.request
        for later in knobs[index + 1 :]:
            context = later.dropped(context)
        smallest = existence.smallest(knob, context)
        if smallest is None:
            return None
        parts.append(relaxation(knob, smallest))
        if knob.to is not None and smallest.value is not None:
            change = change.then(knob.to(change.request, smallest.value))
        else:
            change = change.then(knob.drop(change.request))
    if existence.ask(change.request).verdict is not Verdict.EXISTS:
        return None
    message = "; and ".join(part.message for part in parts)
    return Combination(parts=tuple(parts), message=message, patch=change.patch)


def _amount(combination: Combination) -> float:
    """Sum of the relative changes; a dropped rule counts as a change by its whole."""
    return sum(
        1.0
        if part.required is None or not part.available
        else abs(part.required - part.available) / abs(part.available)
        for part in combination.parts
    )
