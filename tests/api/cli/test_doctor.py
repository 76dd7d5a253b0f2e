from __future__ import annotations

import re
from typing import Any

import pytest

from api.cli import doctor, surroundings
from api.cli.engine import Engine
from api.cli.findings import note
from api.readiness import OPTIMUM_S
from models import Plan, PlanRequest
from models.constraints import Backend
from tests.api.cli import samples
from tests.api.cli.runs import run


@pytest.fixture(autouse=True)
def sound_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """One finding about the service; what is really found there is tested in test_surroundings."""
    monkeypatch.setattr(surroundings, "surroundings", lambda: [note("store", "in memory")])


def tiny(request: PlanRequest, **_: Any) -> Plan:
    """The known optimum of doctor's problem, from every backend but CBC."""
    latency_s = 2.1 if request.solver.backend is Backend.MILP_CBC else OPTIMUM_S
    return samples.plan(latency_s=latency_s)


def test_doctor_fails_when_one_solver_answers_wrong() -> None:
    result = run("doctor", engine=Engine(plan=tiny))
    assert result.exit_code == 1
    [row] = [line for line in result.stdout.splitlines() if line.startswith("backend milp_cbc")]
    assert "FAILS" in row
    assert f"1 of {1 + len(doctor._PACKAGES) + len(Backend) + 1} fail" in result.stdout


def test_doctor_is_content_when_every_solver_proves_the_optimum() -> None:
    result = run("doctor", engine=Engine(plan=lambda request, **_: samples.plan(latency_s=OPTIMUM_S)))
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("all is well")
    assert re.search(r"^store +note +in memory *$", result.stdout, flags=re.MULTILINE)
    assert "Python" in result.stdout
    assert all(f"backend {backend} " in result.stdout for backend in Backend)


def test_doctor_goes_on_when_a_solver_raises() -> None:
    def broken(request: PlanRequest, **_: Any) -> Plan:
        raise ImportError("libhighs.so: cannot open shared object file")

    result = run("doctor", engine=Engine(plan=broken))
    assert result.exit_code == 1
    assert "libhighs.so" in result.stdout


def test_doctor_misses_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PACKAGES", ("a-package-that-nobody-has",))
    result = run("doctor", engine=Engine(plan=lambda request, **_: samples.plan(latency_s=OPTIMUM_S)))
    assert result.exit_code == 1
    assert "not installed" in result.stdout
