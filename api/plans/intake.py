"""From the bytes of a request to what the service must know of it; where checking is costly, in another process."""

from __future__ import annotations

import asyncio
import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from api.execution.base import Ending, Executor, Full, Job, Kind, Outcome
from api.plans.answers import Asked
from api.plans.cache import AskedBefore
from api.plans.refusals import busy, draining, lost
from api.problems import Problem, ProblemType, Refusal
from api.requests import check_weight, invalid, name_of, parse, sha256_of
from api.settings import Settings
from api.store.ids import new_plan_id
from api.wire import Checked
from models import CompareRequest, FrontierRequest, PlanRequest
from models.constraints import ObjectiveKind, SolverSettings
from models.problem_details import ProblemDetails, Violation

AT_ONCE_BYTES = 2**15
"""Bodies up to this length are checked on the event loop: a millisecond or so."""
IN_PROCESS_BYTES = 2**18
"""Up to this length they are checked in a thread; longer ones, which may hold the interpreter for long, by a clerk."""
MOST_ATTEMPTS = 2
"""How often work of milliseconds is begun."""
DRAINING = "draining"
"""What the executor says of jobs that it drops as it is being stopped."""
CHECK_LIMIT_S = 30.0
"""Longest time for a clerk to check a body."""
_REQUESTS: dict[Kind, type[PlanRequest] | type[CompareRequest]] = {
    Kind.PLAN: PlanRequest,
    Kind.FRONTIER: FrontierRequest,
    Kind.COMPARE: CompareRequest,
}

_BY_CLERK = {
    Kind.PLAN: Kind.CHECK_PLAN,
    Kind.FRONTIER: Kind.CHECK_FRONTIER,
    Kind.COMPARE: Kind.CHECK_COMPARE,
}


class Intake:
    """Checks requests for plans and frontiers, each once while it is remembered."""

    def __init__(self, executor: Executor, settings: Settings) -> None:
        self._executor = executor
        self._settings = settings
        self._before = AskedBefore()

    def digest(self, kind: Kind, raw: bytes) -> bytes:
        """What these bytes are remembered by."""
        return hashlib.sha256(kind.encode() + b"\n" + raw).digest()

    def known(self, digest: bytes) -> Asked | None:
        """What the request of this digest asks for, if it was found sound lately."""
        return self._before.get(digest)

    async def asked(self, kind: Kind, raw: bytes, digest: bytes) -> Asked:
        """What a request asks for; raises `Problem` or `Refusal` with every fault."""
        asked = self.known(digest)
        if asked is not None:
            return asked
        check_weight(raw)
        if len(raw) <= AT_ONCE_BYTES:
            asked = _read(kind, raw)
        elif len(raw) <= IN_PROCESS_BYTES:
            asked = await asyncio.to_thread(_read, kind, raw)
        else:
            asked = await self._by_clerk(kind, raw)
        self._check_time_limit(kind, asked.time_limit_s)
        self._before.put(digest, asked)
        return asked

    async def _by_clerk(self, kind: Kind, raw: bytes) -> Asked:
        job = Job(new_plan_id(), _BY_CLERK[kind], raw, CHECK_LIMIT_S)
        found = Checked.model_validate_json(answer_of(await done_by_clerk(self._executor, job)))
        return _asked(
            kind,
            found.sha256,
            found.solver,
            found.name,
            objective=ObjectiveKind(found.objective),
            epsilon=found.epsilon,
        )

    def _check_time_limit(self, kind: Kind, time_limit_s: float) -> None:
        limit = self._settings.max_time_limit_s
        if time_limit_s > limit:
            message = f"this service solves for at most {limit:g} s"
            raise invalid([
                Violation(
                    pointer=f"{'/request' if kind is Kind.COMPARE else ''}/solver/time_limit_s",
                    code="less_than_equal",
                    message=message,
                    actual=time_limit_s,
                    limit=limit,
                )
            ])  # fmt: skip


async def done_by_clerk(executor: Executor, job: Job) -> Ending:
    """The end of work of milliseconds; done again when its process was lost, as its neighbour may have killed it."""
    try:
        for _ in range(MOST_ATTEMPTS):
            ending = await executor.run(job, lambda _: None)
            if ending.outcome is not Outcome.LOST or ending.message == DRAINING:
                break
    except Full as full:
        raise busy(full) from None
    return ending


def answer_of(ending: Ending) -> bytes:
    """The body of work that must end with an answer; raises `Refusal` or `Problem` when it did not."""
    if ending.outcome is Outcome.ANSWERED and ending.body is not None:
        return ending.body
    if ending.outcome is Outcome.REFUSED and ending.body is not None:
        raise Refusal(ProblemDetails.model_validate_json(ending.body))
    if ending.outcome is Outcome.MEMORY:
        raise Problem(ProblemType.BODY_TOO_LARGE, "the request needs more memory than a solver's process may use")
    if ending.outcome is Outcome.LOST:
        raise draining() if ending.message == DRAINING else lost()
    raise RuntimeError(f"{ending.outcome}: {ending.message}")


def _read(kind: Kind, raw: bytes) -> Asked:
    posted = parse(_REQUESTS[kind], raw)
    request = posted.request if isinstance(posted, CompareRequest) else posted
    epsilon = request.frontier.epsilon if isinstance(request, FrontierRequest) else 0.0
    return _asked(
        kind,
        sha256_of(posted),
        request.solver,
        name_of(request),
        objective=request.objective.kind,
        epsilon=epsilon,
    )


def _asked(
    kind: Kind,
    sha256: str,
    solver: SolverSettings,
    name: str | None,
    objective: ObjectiveKind,
    epsilon: float = 0.0,
) -> Asked:
    return Asked(
        kind=kind,
        content_key=hashlib.sha256(json.dumps([kind, _release(), sha256]).encode()).hexdigest(),
        time_limit_s=solver.time_limit_s,
        name=name,
        objective=objective,
        backend=solver.backend,
        seed=solver.seed,
        epsilon=epsilon,
    )


@cache
def _release() -> str:
    """Another release of the planner may know another cost model: its answers are not this one's."""
    try:
        return version("layer-placement")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0+checkout"
