"""The how-to pages' code is run against the real search."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.instances import heterogeneous
from models import PlanRequest
from placement import objectives
from placement.backends import base
from placement.backends.brute_force import BruteForce
from placement.baselines import baselines
from placement.constraints import limits_of
from placement.cost_model import compile_problem
from placement.evaluation import Figures
from placement.exports import CannotSay, facts_of_plans
from placement.exports import base as export_base
from placement.exports.findings import refuse_what_cannot_be_said, what_is_lost
from placement.exports.subject import subject_of
from placement.search import Search
from tests.placement.exports.plans import THREE, U_SHAPED, asked_of, request

HOWTO = Path(__file__).parents[2] / "docs" / "howto"


def block(page: str, label: str) -> str:
    text = (HOWTO / page).read_text()
    found = re.search(rf"```python {label}\n(.*?)```", text, flags=re.DOTALL)
    assert found is not None, f"{page} has no block labelled {label}"
    return found[1]


def search_with(solver: base.Solver) -> Search:
    problem = compile_problem(PlanRequest.model_validate(heterogeneous(6, 3, seed=1)))
    known = [named.placement for named in baselines(problem) if named.placement is not None]
    return Search(problem=problem, solver=solver, deadline_s=1e18, candidates=known)


def test_the_objective_of_the_howto_is_minimised() -> None:
    scope: dict[str, Any] = dict(vars(objectives))
    exec(block("add-an-objective.md", "objective"), scope)
    search = search_with(BruteForce())
    prices = SimpleNamespace(price_per_s=2.0, price_per_j=0.5)
    optimum = scope["priced"](search, prices, limits_of(search.problem))
    figures: Figures | None = optimum.result.figures
    assert figures is not None
    assert optimum.result.proven
    assert optimum.result.value == pytest.approx(2.0 * figures.latency_s + 0.5 * figures.energy_j)


def test_the_export_format_of_the_howto_refuses_loses_and_writes() -> None:
    scope: dict[str, Any] = {**vars(export_base), "facts_of_plans": facts_of_plans}
    exec(block("add-an-export-format.md", "export-format"), scope)
    made, shaped = (subject_of(asked_of("vllm", placed, request())) for placed in (THREE, U_SHAPED))
    assert scope["FORMAT"].write(made) == "phone 0 1\njetson 1 2\nedge 2 4\n"
    assert scope["FORMAT"].usage(made) == ("reader stages.txt, 3 lines",)
    assert what_is_lost(made, scope["FORMAT"].lost) == ()
    with pytest.raises(CannotSay, match="a node has one line"):
        refuse_what_cannot_be_said(shaped, scope["FORMAT"].refused)


def test_the_backend_of_the_howto_keeps_the_best_plan_known_and_claims_no_bound() -> None:
    scope: dict[str, Any] = dict(vars(base))
    exec(block("add-a-backend.md", "backend"), scope)
    search = search_with(scope["Cheapest"]())
    optimum = objectives.OBJECTIVES[objectives.ObjectiveKind.LATENCY](
        search, objectives.Objective(), limits_of(search.problem)
    )
    assert optimum.result.outcome is base.Outcome.STOPPED
    assert optimum.result.placement in search.candidates
    assert optimum.result.bound is None
    assert not optimum.result.proven
