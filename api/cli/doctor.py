"""`placement doctor`: whether everything that solving needs works on this machine."""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Callable
from importlib import metadata

import typer
from rich.text import Text

from api.cli import formats, surroundings
from api.cli.consoles import Exit, messages, output
from api.cli.engine import Planner, engine_of
from api.cli.findings import Finding, Verdict, fails, ok
from api.cli.names import plain
from api.cli.tables import add_names, add_sentences, table
from models.constraints import Backend
from models.plan import Status

_OLDEST_PYTHON = (3, 11)
_PACKAGES = ("pulp", "highspy", "ortools", "numpy", "numba", "pydantic", "fastapi", "uvicorn", "typer", "rich",
             "sqlalchemy", "alembic", "psycopg", "prometheus-client")  # fmt: skip
_SOLVERS = {
    Backend.AUTO: "the default",
    Backend.LABELS: "label setting in compiled code",
    Backend.MILP: "PuLP with HiGHS",
    Backend.MILP_CBC: "PuLP with CBC",
    Backend.CP_SAT: "OR-Tools CP-SAT",
    Backend.REFERENCE_MILP: "textbook MILP, for cross-checks",
    Backend.REFERENCE_CP_SAT: "textbook CP-SAT, for cross-checks",
    Backend.BRUTE_FORCE: "all placements, for cross-checks",
}


def doctor(context: typer.Context) -> None:
    """Check Python, packages, every solver on a tiny problem, and what the service needs: settings, store, processes.

    Changes nothing. Exit codes: 0 all is well (notes are no failures), 1 something does not work.
    """
    console, progress = output(), messages()
    findings = [_python(), *(_package(name) for name in _PACKAGES)]
    with progress.status("solving a tiny problem with every backend", spinner="line"):
        findings += [_backend(backend, engine_of(context).plan) for backend in Backend]
    with progress.status("looking at the service's store and starting a solver process", spinner="line"):
        findings += surroundings.surroundings()
    shown = table(ascii_only=console.options.ascii_only)
    add_names(shown, "check", "")
    add_sentences(shown, "found")
    for finding in findings:
        shown.add_row(finding.what, finding.verdict.value, plain(finding.said, 500))
    console.print(shown)
    broken = sum(finding.verdict is Verdict.FAILS for finding in findings)
    console.print()
    console.print(Text("all is well", "green") if not broken else Text(f"{broken} of {len(findings)} fail", "bold red"))
    raise typer.Exit(Exit.INTERNAL if broken else Exit.OK)


def _python() -> Finding:
    wanted = ".".join(map(str, _OLDEST_PYTHON))
    works = sys.version_info >= _OLDEST_PYTHON
    return (ok if works else fails)("Python", platform.python_version() + ("" if works else f", {wanted} is needed"))


def _package(name: str) -> Finding:
    try:
        return ok(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return fails(name, "not installed")


def _backend(backend: Backend, plan: Planner, clock: Callable[[], float] = time.perf_counter) -> Finding:
    what = f"backend {backend}"
    try:
        from api.readiness import OPTIMUM_S, tiny_problem  # a broken solver must not stop the others

        started = clock()
        found = plan(tiny_problem(backend))
    except Exception as error:  # noqa: BLE001 - a broken installation fails in ways nobody can list
        return fails(what, f"{_SOLVERS[backend]}: raised {type(error).__name__}: {error}")
    took = formats.seconds(clock() - started)
    right = found.latency_s is not None and math.isclose(found.latency_s, OPTIMUM_S, rel_tol=1e-6)
    if found.status is not Status.OPTIMAL or not right:
        said = f"answered {found.status} with {formats.seconds(found.latency_s)} instead of optimal with {OPTIMUM_S} s"
        return fails(what, f"{_SOLVERS[backend]}: {said}")
    return ok(what, f"proved the optimum in {took} ({found.solver.version})")
