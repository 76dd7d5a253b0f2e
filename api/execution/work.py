"""What workers do with a body, by kind of job: from JSON to JSON, with the planner in between.

Each function is a `Work` and named as its kind.
"""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel

from api.execution.assignment import Assignment, Refused
from api.execution.telling import Build, Points, points_of, progress_of, reported
from api.problems import Problem, ProblemType
from api.readiness import try_all
from api.requests import parse, refused
from api.summary import checked, summary_of
from api.wire import Readiness
from models import CompareRequest, EvaluateRequest, Fault, Frontier, FrontierRequest, InvalidInput, Plan, PlanRequest
from models.base import DomainType
from models.comparison import Comparison
from models.export import ExportRequest
from models.profile_request import ProfileRequest
from models.violations import violations_of
from placement import comparing, exports, solver, warm_up
from placement.transformers import profile as derived

log = logging.getLogger("placement.execution")

COLLECT_AFTER = 20_000
"""New objects after which garbage is looked for: a request makes many that live as long as it does."""

RequestType = TypeVar("RequestType", bound=DomainType)


def prepare() -> None:
    """Load the search, or compile it where no code is kept. A failure is logged: readiness will name what is broken.

    Kernels only: a solver library that has run keeps threads, which do not live on in forked processes.
    """
    logging.basicConfig()
    try:
        warm_up()
    except Exception:  # a broken installation fails in ways nobody can list
        log.exception("the warm-up failed")
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def plan(body: bytes, assignment: Assignment) -> bytes:
    """PlanRequest -> Plan."""
    known = assignment.order.details.get("known")
    solve = solver.plan if known is None else partial(solver.plan, known=progress_of(known))
    return _solved(solve, PlanRequest, reported, body, assignment)


def frontier(body: bytes, assignment: Assignment) -> bytes:
    """FrontierRequest -> Frontier."""
    known = points_of(assignment.order.details.get("known"))
    solve = partial(solver.frontier, known=known) if known else solver.frontier
    return _solved(solve, FrontierRequest, Points().reported, body, assignment)


def compare(body: bytes, assignment: Assignment) -> bytes:
    """CompareRequest -> Comparison."""
    return _solved(comparing.compare, CompareRequest, reported, body, assignment)


def _solved(
    solve: Callable[..., Plan | Frontier | Comparison],
    kind: type[DomainType],
    report: Callable[[Any], Build],
    body: bytes,
    assignment: Assignment,
) -> bytes:
    """The answer to a request of some kind, under the job's id; what is to `report` of each progress is streamed."""
    with refusals(body):
        answer = solve(
            parse(kind, body),
            on_progress=lambda progress: assignment.tell(report(progress)),
            cancelled=assignment.cancelled,
            threads=assignment.order.threads,
        )
    return to_json(answer.model_copy(update={"id": assignment.order.id}))


def evaluate(body: bytes, _: Assignment) -> bytes:
    """EvaluateRequest -> Evaluation."""
    with refusals(body):
        return to_json(solver.evaluate(parse(EvaluateRequest, body)))


def validate(body: bytes, _: Assignment) -> bytes:
    """PlanRequest -> RequestSummary."""
    with refusals(body):
        return to_json(summary_of(parse(PlanRequest, body)))


def check_plan(body: bytes, _: Assignment) -> bytes:
    """PlanRequest -> Checked."""
    with refusals(body):
        return to_json(checked(parse(PlanRequest, body)))


def check_frontier(body: bytes, _: Assignment) -> bytes:
    """FrontierRequest -> Checked."""
    with refusals(body):
        return to_json(checked(parse(FrontierRequest, body)))


def check_compare(body: bytes, _: Assignment) -> bytes:
    """CompareRequest -> Checked."""
    with refusals(body):
        return to_json(checked(parse(CompareRequest, body)))


def profile(body: bytes, _: Assignment) -> bytes:
    """ProfileRequest -> Profile."""
    with refusals(body):
        asked = parse(ProfileRequest, body)
        try:
            return to_json(derived(asked, asked.workload))
        except InvalidInput as invalid:
            raise InvalidInput([_beside_workload(fault) for fault in invalid.faults]) from None


def export(body: bytes, _: Assignment) -> bytes:
    """ExportRequest -> Export."""
    with refusals(body):
        try:
            return to_json(exports.export(parse(ExportRequest, body)))
        except exports.CannotSay as cannot:
            detail = f"the format cannot say this plan, for {len(cannot.faults)} reason(s)"
            violations = violations_of(cannot, json.loads(body))
            raise Problem(ProblemType.NOT_EXPORTABLE, detail, violations) from None


def export_kept(body: bytes, assignment: Assignment) -> bytes:
    """ExportRequest, its plan whatever was answered once -> Export; frontiers and comparisons have no stages."""
    answer = json.loads(body)["plan"]
    with refusals(body):
        if not answer.get("stages"):
            detail = f"the answer has no stages (status: {answer.get('status')})"
            raise Problem(ProblemType.NOTHING_TO_EXPORT, detail)
    return export(body, assignment)


def readiness(_: bytes, assignment: Assignment) -> bytes:
    """Readiness: every backend solves a tiny problem; each check says whether it works."""
    checks = try_all(partial(solver.plan, threads=assignment.order.threads))
    return to_json(Readiness(backends=tuple(checks)))


@contextmanager
def refusals(body: bytes) -> Iterator[None]:
    """Faults of the input, found early or late, as what the caller is to be told."""
    try:
        yield
    except InvalidInput as invalid:
        raise Refused(to_json(refused(invalid, body).details())) from None
    except Problem as problem:
        raise Refused(to_json(problem.details())) from None


def to_json(answer: BaseModel) -> bytes:
    """An answer as it is sent."""
    return answer.model_dump_json().encode()


def _beside_workload(fault: Fault) -> Fault:
    """The fault in a body whose fields are those of a plan request's `model`."""
    return replace(fault, pointer=fault.pointer.removeprefix("/model"))
