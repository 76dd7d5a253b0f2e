from __future__ import annotations

import pytest

from api.readiness import OPTIMUM_S, TRIED_AGAIN_S, ReadinessCheck, tiny_problem
from models.constraints import Backend
from placement import solver


def test_the_service_lives(client):
    assert client.get("/healthz").json() == {"status": "alive"}


def test_a_service_whose_solvers_give_the_right_answer_is_ready(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert [check["backend"] for check in answer.json()["backends"]] == [backend.value for backend in Backend]


@pytest.mark.parametrize("backend", Backend)
def test_every_backend_solves_the_tiny_problem(backend):
    assert solver.plan(tiny_problem(backend)).latency_s == pytest.approx(OPTIMUM_S)


def test_a_solver_that_fails_makes_the_service_not_ready_and_is_named(client_of, any_plan):
    def plan(asked, *, cancelled=None):
        if asked.solver.backend is Backend.CP_SAT:
            raise ImportError("libsecret.so is missing")
        return any_plan(asked)

    answer = client_of(plan=plan).get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert [violation["code"] for violation in answer.json()["violations"]] == ["cp_sat_broken"]
    assert "libsecret" not in answer.text


def test_a_solver_with_a_wrong_answer_makes_the_service_not_ready(client_of, any_plan):
    def plan(asked, *, cancelled=None):
        return any_plan(asked).model_copy(update={"latency_s": 0.33})

    answer = client_of(plan=plan).get("/readyz")
    assert answer.status_code == 503
    assert len(answer.json()["violations"]) == len(Backend)


def test_success_is_remembered_and_failure_only_for_a_while(client_of, any_plan, monkeypatch):
    calls = []
    now = [0.0]
    monkeypatch.setattr(ReadinessCheck.__init__, "__defaults__", (lambda: now[0],))

    def plan(asked, *, cancelled=None):
        calls.append(asked)
        if len(calls) == 1:
            raise RuntimeError("once")
        return any_plan(asked)

    client = client_of(plan=plan)
    assert len(calls) == len(Backend)  # at start, when the first one fails
    assert [client.get("/readyz").status_code for _ in range(3)] == [503, 503, 503]
    assert len(calls) == len(Backend)
    now[0] += TRIED_AGAIN_S
    assert [client.get("/readyz").status_code for _ in range(3)] == [200, 200, 200]
    assert len(calls) == 2 * len(Backend)
