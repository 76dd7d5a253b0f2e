"""Answers as bytes: what the service says about one stands in front, and is renewed without reading the rest.

A solver's process writes the whole answer. Its first fields, up to the first that is not a number or a word, are the
head (`models.plan.Envelope` and what follows it): that alone is read here, whatever the length of the answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from api.execution.base import Kind
from models import Comparison, Frontier, Plan
from models.constraints import ObjectiveKind
from models.frontier import FrontierTermination
from models.plan import SolverReport, Status, Termination

_BEHIND_HEAD = {Kind.PLAN: b',"objective_terms":', Kind.FRONTIER: b',"points":', Kind.COMPARE: b',"base":'}
"""The first field of each answer that may hold more than a number or a word."""
_STATUS = b'"status":"'
RESOLUTION = 4e-6
"""As `models.frontier.Frontier.resolution`, of a frontier that is not solved yet."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the service knows of a request, beside its bytes."""

    kind: Kind
    content_key: str
    """Of the kind, the release of the planner and the request as it was understood: the same key, the same answer."""
    time_limit_s: float
    name: str | None = None
    """The model's."""
    objective: ObjectiveKind = ObjectiveKind.LATENCY
    backend: str = "auto"
    seed: int = 0
    epsilon: float = 0.0


def head_of(kind: Kind, answer: bytes) -> dict[str, Any]:
    """The head of an answer: id, status and what is proven, by name; `ValueError` if these bytes are none."""
    return _parted(kind, answer)[0]


def status_of(answer: bytes) -> str:
    """The status in the head of an answer, without reading the rest of it; nothing but an id stands before it."""
    begin = answer.index(_STATUS) + len(_STATUS)
    return answer[begin : answer.index(b'"', begin)].decode()


def renewed(kind: Kind, answer: bytes, **said: Any) -> bytes:
    """The answer with these fields of its head replaced."""
    return renewed_with_head(kind, answer, **said)[0]


def renewed_with_head(kind: Kind, answer: bytes, **said: Any) -> tuple[bytes, dict[str, Any]]:
    """The answer with these fields of its head replaced, and that head."""
    head, rest = _parted(kind, answer)
    head |= said
    return _joined(head, rest), head


def _parted(kind: Kind, answer: bytes) -> tuple[dict[str, Any], bytes]:
    end = answer.find(_BEHIND_HEAD[kind])
    if end < 0:
        raise ValueError(f"these bytes are no answer of kind {kind}")
    head: dict[str, Any] = json.loads(answer[:end] + b"}")
    return head, answer[end:]


def _joined(head: dict[str, Any], rest: bytes) -> bytes:
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + rest


def without_plan(asked: Asked, plan_id: str, status: Status, **said: Any) -> bytes:
    """An answer that holds no plan: it is not solved yet, or whoever solved it was lost."""
    solver = SolverReport(backend=asked.backend, seed=asked.seed, threads=0, seconds={}, sizes={})
    termination = said.pop("termination", None)
    if asked.kind is Kind.FRONTIER:
        frontier = Frontier(
            id=plan_id,
            status=status,
            termination=termination and FrontierTermination(termination),
            complete=False,
            epsilon=asked.epsilon,
            resolution=RESOLUTION,
            solver=solver,
        )
        return renewed(
            asked.kind, frontier.model_dump_json().encode(), **_known(said, "queue_seconds", "solve_seconds")
        )
    if asked.kind is Kind.COMPARE:
        comparison = Comparison(
            id=plan_id, status=status, termination=termination and Termination(termination), solver=solver
        )
        return renewed(
            asked.kind, comparison.model_dump_json().encode(), **_known(said, "queue_seconds", "solve_seconds")
        )
    plan = Plan(
        id=plan_id,
        status=status,
        termination=termination and Termination(termination),
        objective_kind=asked.objective,
        solver=solver,
    )
    return renewed(asked.kind, plan.model_dump_json().encode(), **said)


def _known(said: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: said[name] for name in names if name in said}
