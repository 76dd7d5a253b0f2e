"""Measures one request on one backend, in a process of its own so that peak memory is that request's."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.families import Case
from benchmarks.instances import heterogeneous
from models.constraints import Backend
from models.request import PlanRequest
from placement.solver import plan

PATIENCE_S = 60.0
"""How far a run may overshoot its time limit before its process is ended."""
MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run took and answered. Times in s, memory in bytes; `error` says why there is no answer."""

    family: str
    instance: str
    seed: int
    backend: str
    status: str | None = None
    termination: str | None = None
    objective_kind: str | None = None
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    solve_s: float | None = None
    """plan.solver.seconds["solve"]: bounds, cuts and the backend's own search."""
    request_s: float | None = None
    """JSON in, plan, JSON out."""
    cpu_s: float | None = None
    """Processor time of the whole request, all threads: waits for a busy machine do not count."""
    peak_bytes: int | None = None
    """Largest resident set of the process, libraries included."""
    baselines: tuple[tuple[str, float | None], ...] = ()
    """Every simple rule with its objective, None where its placement breaks a limit."""
    error: str | None = None

    @property
    def proven(self) -> bool:
        """Whether the plan is proven optimal."""
        return self.status == "optimal"


def request_of(case: Case, backend: Backend, time_limit_s: float) -> bytes:
    """The case as the JSON that a caller would send."""
    settings = case.body.get("solver", {}) | {"backend": backend.value, "time_limit_s": time_limit_s, "seed": case.seed}
    return json.dumps(case.body | {"solver": settings}).encode()


def measure(case: Case, backend: Backend, time_limit_s: float) -> Measurement:
    """Plan in this process; whatever goes wrong is an exception."""
    sent = request_of(case, backend, time_limit_s)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    answer = plan(PlanRequest.model_validate_json(sent))
    answer.model_dump_json()
    request_s, cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu
    return Measurement(
        family=case.family,
        instance=case.instance,
        seed=case.seed,
        backend=backend.value,
        status=answer.status.value,
        termination=answer.termination.value,
        objective_kind=answer.objective_kind.value,
        objective=answer.objective,
        bound=answer.bound,
        gap=answer.gap,
        solve_s=answer.solver.seconds["solve"],
        request_s=request_s,
        cpu_s=cpu_s,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT_BYTES,
        baselines=tuple((row.name, row.objective if row.feasible else None) for row in answer.baselines),
    )


def measure_apart(case: Case, backend: Backend, time_limit_s: float) -> Measurement:
    """As `measure`, in a fresh process that has planned one tiny request before: a service is warm too."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.measuring"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, case, backend, time_limit_s))
    process.start()
    theirs.close()
    blank = Measurement(case.family, case.instance, case.seed, backend.value)
    try:
        if not ours.poll(time_limit_s + PATIENCE_S):
            return _failed(blank, f"no answer {PATIENCE_S:g} s after the time limit")
        return Measurement(**ours.recv())
    except EOFError:
        process.join()
        return _failed(blank, f"the process ended with exit code {process.exitcode}")
    finally:
        process.kill()
        process.join()
        ours.close()


def _answer(channel: Connection, case: Case, backend: Backend, time_limit_s: float) -> None:
    """In the child: warm up, measure, send the fields. HiGHS prints to standard output, which belongs to the report."""
    os.dup2(2, 1)
    try:
        measure(Case("warm-up", "4x2", 0, heterogeneous(4, 2, 0)), backend, time_limit_s)
        answer: dict[str, Any] = asdict(measure(case, backend, time_limit_s))
    except Exception as error:  # noqa: BLE001 - a benchmark reports what went wrong and goes on
        blank = Measurement(case.family, case.instance, case.seed, backend.value)
        answer = asdict(_failed(blank, f"{type(error).__name__}: {error}"))
    channel.send(answer)


def _failed(blank: Measurement, error: str) -> Measurement:
    return Measurement(blank.family, blank.instance, blank.seed, blank.backend, error=error)
