"""OR-Tools and highspy both ship HiGHS: they must load and solve in one process, whichever comes first.

See docs/decisions/highspy-pinned-beside-ortools.md.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOLVE_WITH_BOTH = """
import pulp
from ortools.sat.python import cp_model

assert pulp.HiGHS(msg=False).available(), "PuLP does not see HiGHS"
problem = pulp.LpProblem("knapsack", pulp.LpMaximize)
few, many = (problem.add_variable(name, 0, 3, cat="Integer") for name in ("few", "many"))
problem += 2 * few + 3 * many
problem += 2 * few + 2 * many <= 7
problem.solve(pulp.HiGHS(msg=False))
assert problem.sol_status == pulp.LpSolutionOptimal and round(pulp.value(problem.objective)) == 9, problem

model = cp_model.CpModel()
few, many = (model.new_int_var(0, 3, name) for name in ("few", "many"))
model.add(2 * few + 2 * many <= 7)
model.maximize(2 * few + 3 * many)
solver = cp_model.CpSolver()
solver.parameters.num_workers = 1
assert solver.solve(model) == cp_model.OPTIMAL and round(solver.objective_value) == 9, solver.status_name()
print("both solved")
"""


@pytest.mark.parametrize(
    "modules",
    [
        ("ortools.sat.python.cp_model", "highspy"),
        ("highspy", "ortools.sat.python.cp_model"),
        ("placement.backends.milp", "placement.backends.cp_sat"),
        ("placement.backends.cp_sat", "placement.backends.milp"),
    ],
    ids=" then ".join,
)
def test_highs_and_cp_sat_solve_in_one_process_in_either_import_order(modules: tuple[str, str], root: Path) -> None:
    imports = "\n".join(f"import {module}" for module in modules)
    run = subprocess.run(
        [sys.executable, "-c", imports + SOLVE_WITH_BOTH],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (run.returncode, run.stdout.strip()[-11:]) == (0, "both solved"), run.stdout + run.stderr
