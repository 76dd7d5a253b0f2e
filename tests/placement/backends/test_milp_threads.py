"""HiGHS has one scheduler per process, so the number of threads asked for must not decide whether it runs."""

from __future__ import annotations

import pytest

from benchmarks.instances import heterogeneous
from models import PlanRequest
from placement.backends.base import Outcome, Solver, Task
from placement.backends.milp import Milp
from placement.backends.reference_milp import ReferenceMilp
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.goals import Goal
from placement.stage_graph import build_stage_graph


@pytest.mark.parametrize("backend", [Milp(), ReferenceMilp()])
def test_any_number_of_threads_is_served_in_one_process(backend: Solver) -> None:
    problem = compile_problem(PlanRequest.model_validate(heterogeneous(5, 3, seed=0)))
    task = Task(build_stage_graph(problem), Goal(latency=1.0), limits_of(problem), time_limit_s=60.0)
    claims = [backend(Task(task.graph, task.goal, task.limits, threads=threads)) for threads in (1, 2, 3)]
    assert [claim.outcome for claim in claims] == [Outcome.OPTIMAL] * 3
