"""How a format says what it cannot say: facts about a plan, each of which it refuses or reports as lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from models.base import Fault, InvalidInput
from models.export import ExportWarning
from placement.exports.subject import Subject


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that the plan says: a clause, and where in the request or plan it is said."""

    clause: str
    pointer: str
    stages: tuple[int, ...] = ()


Rule = Callable[[Subject], Iterator[Fact]]
"""Finds the facts of one kind; its name, without an underscore at the end, is the code on the wire."""
Reasons = Mapping[Rule, str]
"""What a format has to say to a fact: why it cannot be said, or what happens instead."""


class CannotSay(InvalidInput):
    """The format would run something else than the plan; carries every reason."""


def code_of(rule: Rule) -> str:
    """The name of a rule on the wire."""
    return rule.__name__


def refuse_what_cannot_be_said(subject: Subject, reasons: Reasons) -> None:
    """Raise `CannotSay` where facts are found that the format has no words for."""
    faults = [
        Fault(fact.pointer, code_of(rule), f"{fact.clause}; {reason}")
        for rule, reason in reasons.items()
        for fact in rule(subject)
    ]
    if faults:
        raise CannotSay(faults)


def what_is_lost(subject: Subject, reasons: Reasons) -> tuple[ExportWarning, ...]:
    """A warning for every fact that the format leaves out without running anything else."""
    return tuple(
        ExportWarning(code=code_of(rule), message=f"{fact.clause}; {reason}", stages=fact.stages)
        for rule, reason in reasons.items()
        for fact in rule(subject)
    )
