"""Whether the solvers work: each is tried once on a tiny problem whose optimum can be computed by hand."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

import anyio

from api.execution.base import Executor, Full, Job, Kind, Outcome
from api.problems import Problem, ProblemType
from api.store.ids import new_plan_id
from api.wire import BackendCheck, Readiness
from models import PlanRequest
from models.constraints import Backend
from models.plan import Plan, Status
from models.problem_details import Violation

log = logging.getLogger("placement.api")

Planner = Callable[[PlanRequest], Plan]
CHECK_S = 120.0
"""Most time that trying all backends may take."""
TRIED_AGAIN_S = 5.0
"""How long broken backends are taken for broken: probes come every few seconds, and each try takes a worker's time."""

OPTIMUM_S = 0.32
"""Latency of the best plan of `tiny_problem`: 0.1 s for the first layer on the phone, 0.01 s to send its 125,000 bytes
at 100 Mbit/s, 0.2 s for the second layer on the edge node, 0.01 s for the result's way back. The phone alone takes
2.1 s."""


def tiny_problem(backend: Backend) -> PlanRequest:
    """Two layers, a slow phone and an edge node ten times as fast."""
    payload = {"output_bytes": 125_000}
    return PlanRequest.model_validate(
        {
            "cluster": {
                "nodes": [
                    {"id": "phone", "kind": "terminal", "compute_flops_per_s": 1e9, "memory_bytes": 1e9},
                    {"id": "edge", "compute_flops_per_s": 1e10, "memory_bytes": 1e9},
                ],
                "links": [{"source": "phone", "target": "edge", "bandwidth_bits_per_s": 1e8}],
            },
            "model": {
                "layers": [
                    {"weight_bytes": 1e6, "forward": {"flops": 1e8, **payload}},
                    {"weight_bytes": 1e6, "forward": {"flops": 2e9, **payload}},
                ],
                "result_bytes": 125_000,
            },
            "workload": {"kind": "inference", "source": "phone"},
            "solver": {"backend": backend, "time_limit_s": 30.0},
        }
    )


class ReadinessCheck:
    """Has every backend tried at the first question; a good result is kept, a bad one for `TRIED_AGAIN_S`."""

    def __init__(self, executor: Executor, clock: Callable[[], float] = time.monotonic) -> None:
        self._executor = executor
        self._clock = clock
        self._running = anyio.Lock()
        self._found: Readiness | None = None
        self._tried_again_at = float("-inf")

    async def result(self) -> Readiness:
        """Every backend works; raises `Problem` (not ready), naming each that does not."""
        async with self._running:
            if self._found is None or (_broken(self._found) and self._clock() >= self._tried_again_at):
                self._found = await self._tried()
                self._tried_again_at = self._clock() + TRIED_AGAIN_S
            broken = _broken(self._found)
            if broken:
                raise Problem(
                    ProblemType.NOT_READY,
                    "broken solvers: " + ", ".join(check.backend for check in broken),
                    [
                        Violation(pointer="", code=f"{check.backend}_broken", message=check.problem or "")
                        for check in broken
                    ],
                )
            return self._found

    async def _tried(self) -> Readiness:
        job = Job(new_plan_id(), Kind.READINESS, b"", CHECK_S)
        try:
            ending = await self._executor.run(job, lambda _: None)
        except Full:
            raise Problem(ProblemType.NOT_READY, "the solvers were not tried yet, and all are busy") from None
        if ending.outcome is not Outcome.ANSWERED or ending.body is None:
            log.error("the solvers could not be tried: %s %s", ending.outcome, ending.message)
            raise Problem(ProblemType.NOT_READY, "the solvers could not be tried")
        return Readiness.model_validate_json(ending.body)


def _broken(found: Readiness) -> list[BackendCheck]:
    return [check for check in found.backends if not check.works]


def try_all(planner: Planner) -> list[BackendCheck]:
    """Whether each backend works."""
    return [_tried(planner, backend) for backend in Backend]


def _tried(planner: Planner, backend: Backend) -> BackendCheck:
    try:
        plan = planner(tiny_problem(backend))
    except Exception as error:  # a broken installation fails in ways nobody can list
        log.exception("backend %s does not work", backend)
        return BackendCheck(backend=backend, works=False, problem=f"raised {type(error).__name__}")
    found = plan.latency_s
    if plan.status is not Status.OPTIMAL or found is None or not math.isclose(found, OPTIMUM_S, rel_tol=1e-6):
        problem = f"answered {plan.status} with latency {found} s, expected optimal with {OPTIMUM_S} s"
        log.error("backend %s %s", backend, problem)
        return BackendCheck(backend=backend, works=False, problem=problem)
    return BackendCheck(backend=backend, works=True)
