"""What the referee finds out about a placement is kept as long as its problem lives: it is asked for again and again.

A problem itself stays as it was compiled. What is known of it is kept here, and goes when the problem goes, which lives
for one request; so nothing that is kept may refer to the problem.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from placement.problem import Placement, Problem

Found = TypeVar("Found")
More = ParamSpec("More")
_UNKNOWN: Any = object()

MOST_REMEMBERED = 256
"""Results that are kept per problem: those of the simple rules' plans, and then some."""

_known: WeakKeyDictionary[Problem, dict[object, Any]] = WeakKeyDictionary()
"""By problem, as the object that it is: a request that is compiled anew is looked at anew."""


def remembered(
    find: Callable[Concatenate[Problem, Placement, More], Found],
) -> Callable[Concatenate[Problem, Placement, More], Found]:
    """The same function, which looks at a placement once: rules' plans are scored by the search and for the answer.

    What it takes beyond the placement must follow from the placement. Nobody may change what it returns.
    """

    @wraps(find)
    def known_or_found(problem: Problem, placement: Placement, /, *more: More.args, **named: More.kwargs) -> Found:
        return recalled(problem, (find, placement), lambda: find(problem, placement, *more, **named))

    return known_or_found


def recalled(problem: Problem, key: object, find: Callable[[], Found]) -> Found:
    """What is known of the problem under this key, or is found now."""
    known = _known.get(problem)
    if known is None:
        known = _known.setdefault(problem, {})
    found: Found = known.get(key, _UNKNOWN)
    if found is _UNKNOWN:
        found = find()
        if len(known) < MOST_REMEMBERED:
            known[key] = found
    return found
