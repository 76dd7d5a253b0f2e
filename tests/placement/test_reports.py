"""What a search tells on its way: plans as the referee scores them, ever better, and bounds that hold, ever higher."""

from __future__ import annotations

from itertools import groupby, pairwise
from random import Random
from typing import Any

import pytest

import placement.search
import placement.solver
from models.constraints import Backend
from models.plan import Plan, Status
from models.request import EvaluateRequest, PlanRequest
from placement.problem import PlacedStage
from placement.reports import BOUND_TOLERANCE, Reports
from placement.search import Progress
from placement.solver import evaluate, plan
from tests.placement.examples_for_tests import layer, link, node, request_body
from tests.placement.instances import random_request
from tests.placement.random_problems import FACTOR

SINGLE = ("latency", "energy", "throughput")


def told(body: dict[str, Any]) -> tuple[Plan, list[Progress]]:
    """A plan, and what was told of it before."""
    reports: list[Progress] = []
    answer = plan(PlanRequest.model_validate(body), on_progress=reports.append, threads=1)
    return answer, [report for report in reports if not report.phase.startswith("reasons")]


def check(answer: Plan, reports: list[Progress], body: dict[str, Any]) -> None:
    """In each phase objectives fall and bounds rise; the last report is the answer; plans are worth what was said."""
    for _, phase in groupby(reports, lambda report: report.phase):
        steps = list(phase)
        last = steps[-1]
        assert all(step.bound is None or last.objective is None or step.bound <= last.objective for step in steps)
        for before, after in pairwise(steps):
            assert before.objective is None or (after.objective is not None and after.objective <= before.objective)
            assert before.bound is None or (after.bound is not None and after.bound >= before.bound)
            assert (before.objective, before.bound) != (after.objective, after.bound)
            assert before.stages == after.stages or before.objective != after.objective
    kind = body.get("objective", {"kind": "latency"})["kind"]
    if answer.status in {Status.OPTIMAL, Status.FEASIBLE} and kind in SINGLE:
        last = reports[-1]
        assert last.stages is not None
        assert [stage.first_layer for stage in last.stages] == [stage.first_layer for stage in answer.stages]
        if kind != "throughput":
            assert (last.objective, last.bound) == (answer.objective, answer.bound)
        for report in reports:
            if report.stages is not None and kind != "throughput":
                own = {**body, "stages": [stage.model_dump() for stage in report.stages]}
                assert evaluate(EvaluateRequest.model_validate(own)).objective == report.objective


@pytest.fixture(autouse=True)
def _no_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks here why a problem is infeasible."""
    monkeypatch.setattr(placement.solver, "EXPLANATION_S", 0.0)


def random_body(seed: int, training: bool | None = None, **workload: Any) -> dict[str, Any]:
    rng = Random(seed)
    body = random_request(rng, training=training)
    body["workload"].update(workload)
    body["objective"] = {"kind": rng.choice([*SINGLE, "weighted", "lexicographic"])}
    return body


@pytest.mark.parametrize("first_ends", [5, 3000])
@pytest.mark.parametrize("seed", range(40 * FACTOR))
def test_objectives_of_1f1b_fall_to_that_of_the_plan(
    seed: int, first_ends: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement.search, "FIRST_ENDS", first_ends)
    body = random_body(seed, training=True, schedule="1f1b")
    check(*told(body), body)


@pytest.mark.parametrize("backend", Backend)
@pytest.mark.parametrize("seed", range(4, 4 + 6 * FACTOR))
def test_whoever_searches_objectives_fall_to_that_of_the_plan(seed: int, backend: Backend) -> None:
    body = random_body(seed) | {"solver": {"backend": backend}}
    check(*told(body), body)


@pytest.mark.parametrize("backend", [Backend.REFERENCE_MILP, Backend.REFERENCE_CP_SAT])
def test_plans_of_the_textbook_formulations_are_told_on_the_way(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement.solver, "baselines", lambda _: [])  # simple rules might find the optimum at once
    body = request_body(
        [node("a"), node("b", speed=2.0), node("c", speed=3.0)],
        [link("a", "b"), link("b", "c"), link("a", "c")],
        [layer(3.0, out=1.0), layer(5.0, out=2.0), layer(4.0, out=0.5), layer(6.0)],
        solver={"backend": backend},
    )
    answer, reports = told(body)
    assert answer.status is Status.OPTIMAL
    assert any(report.stages is not None and report.bound != answer.bound for report in reports[:-1])
    check(answer, reports, body)


def sent() -> tuple[Reports, list[tuple[float | None, float | None]]]:
    """Reports, and what they sent."""
    seen: list[tuple[float | None, float | None]] = []
    return Reports(lambda value, bound, _: seen.append((value, bound))), seen


def test_only_what_is_better_is_told() -> None:
    reports, seen = sent()
    plan_of = (PlacedStage(0, 0, 1),)
    reports.found(plan_of, 8.0)
    reports.found(plan_of, 9.0)
    reports.found(plan_of, 8.0)
    reports.proven(4.0)
    reports.proven(3.0)
    reports.proven(None)
    reports.found(plan_of, 6.0)
    reports.end(plan_of, 6.0, 6.0)
    reports.end(plan_of, 6.0, 6.0)
    low = 4.0 * (1 - BOUND_TOLERANCE)
    assert seen == [(8.0, None), (8.0, low), (6.0, low), (6.0, 6.0)]


def test_a_bound_on_the_way_is_not_above_a_plan_that_a_proof_allows_below_it() -> None:
    reports, seen = sent()
    reports.proven(5.0)
    reports.end((PlacedStage(0, 0, 1),), 5.0 - 4e-6, 5.0 - 4e-6)
    early, late = [bound for _, bound in seen]
    assert early is not None
    assert late == 5.0 - 4e-6
    assert early < late
