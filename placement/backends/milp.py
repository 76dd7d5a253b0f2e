"""Mixed-integer linear programming through PuLP: HiGHS, and CBC."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pulp

from placement.backends.base import Claim, Outcome, Task
from placement.backends.milp_running import TOLERANCE, Highs, bound_of, options
from placement.columns import Formulation, Row, scale_of
from placement.formulation import formulate
from placement.problem import Placement

MEETS = 1e-6
"""Relative distance within which a value and its bound prove each other."""


class Milp:
    """The stage-graph formulation as a MILP, solved by HiGHS in this process."""

    name = "milp"
    version = f"HiGHS {version('highspy')} through PuLP {version('pulp')}"
    uses_graph = True
    sets_labels = False
    closes_columns = 200

    def __call__(self, task: Task) -> Claim:
        """Solve; conditional rows become big-M rows from the bounds of their columns."""
        scale = scale_of(task.graph)
        if scale is None:
            return Claim(Outcome.INFEASIBLE)
        formulation = formulate(task, scale)
        model = _Model.of(formulation)
        highs = _Highs(**options(task, model.goal_unit))
        highs.start = _start(task)
        status = model.problem.solve(highs)
        bound = model.problem.solverModel.getInfo().mip_dual_bound
        return _claim(task, model, status, bound)


class MilpCbc:
    """The same formulation, solved by the CBC program that PuLP carries, as a process of its own."""

    name = "milp_cbc"
    version = f"CBC of PuLP {version('pulp')}"
    uses_graph = True
    sets_labels = False
    closes_columns = 200

    def __call__(self, task: Task) -> Claim:
        """Solve. CBC cannot be interrupted before its time limit; it reports its bound in its log."""
        scale = scale_of(task.graph)
        if scale is None:
            return Claim(Outcome.INFEASIBLE)
        formulation = formulate(task, scale)
        model = _Model.of(formulation)
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "cbc.log"
            solver = pulp.COIN_CMD(
                path=pulp.PULP_CBC_CMD.pulp_cbc_path,
                msg=False,
                timeLimit=max(task.time_limit_s, 0.01),
                threads=task.threads,
                gapRel=task.relative_gap,
                gapAbs=TOLERANCE,
                options=["primalTolerance 1e-9", "integerTolerance 1e-9", f"randomCbcSeed {task.seed + 1}"],
                logPath=str(log),
            )
            solver.tmpDir = folder
            status = model.problem.solve(solver)
            report = log.read_text()
        if status == pulp.LpStatusInfeasible and not finished_in_time(report, solver.timeLimit):
            status = pulp.LpStatusNotSolved
        lower = re.findall(r"^Lower bound:\s+(\S+)", report, flags=re.MULTILINE)
        return _claim(task, model, status, float(lower[-1]) if lower else None)


def finished_in_time(report: str, limit_s: float) -> bool:
    """Whether CBC ended before its time limit, by its own log, which counts in hundredths of a second.

    CBC 2.10.3 calls a problem infeasible when its preprocessing runs out of time. To be deleted when PuLP carries a
    release that does not.
    """
    elapsed = re.findall(r"\(Wallclock seconds\):\s+(\S+)", report)
    return bool(elapsed) and float(elapsed[-1]) + 0.01 < limit_s


@dataclass(frozen=True)
class _Model:
    """A PuLP problem and its variables in the order of the formulation's columns."""

    problem: Any
    variables: tuple[Any, ...]
    stage_count: int
    goal_unit: float

    @staticmethod
    def of(formulation: Formulation) -> _Model:
        problem = pulp.LpProblem("placement", pulp.LpMinimize)
        variables = tuple(
            problem.add_variable(
                f"x{index}_{column.name}", 0, column.upper, pulp.LpBinary if column.binary else pulp.LpContinuous
            )
            for index, column in enumerate(formulation.columns)
        )
        problem.setObjective(pulp.LpAffineExpression([(variables[c], value) for c, value in formulation.objective]))
        for index, row in enumerate(formulation.rows):
            for sense, terms, bound in _inequalities(formulation, row):
                expression = pulp.LpAffineExpression([(variables[c], value) for c, value in terms])
                constraint = pulp.LpConstraint(expression, sense, f"r{index}_{sense}_{row.name}", bound)
                problem.addConstraint(constraint)
        return _Model(problem, variables, formulation.stage_count, formulation.goal_unit)

    def chosen(self, values: Any) -> list[int]:
        """Stage columns that are 1 in a solution."""
        return [a for a in range(self.stage_count) if values[a] is not None and values[a] > 0.5]


def _inequalities(formulation: Formulation, row: Row) -> list[tuple[int, list[tuple[int, float]], float]]:
    """A row as PuLP constraints (sense, terms, right side); conditional rows with the smallest valid big M."""
    if row.condition is None:
        if row.lower is not None and row.lower == row.upper:
            return [(pulp.LpConstraintEQ, row.terms, row.lower)]
        below = [] if row.upper is None else [(pulp.LpConstraintLE, row.terms, row.upper)]
        above = [] if row.lower is None else [(pulp.LpConstraintGE, row.terms, row.lower)]
        return below + above
    assert row.lower is not None  # conditional rows are lower bounds
    assert row.upper is None
    least = sum(value * formulation.columns[c].upper for c, value in row.terms if value < 0)
    big_m = row.lower - least
    return [(pulp.LpConstraintGE, [*row.terms, (row.condition, -big_m)], least)]


def _start(task: Task) -> list[int] | None:
    """Stage and hand-over columns of the hint; the solver completes the continuous ones."""
    if task.hint is None:
        return None
    return task.graph.columns_of(task.hint)


class _Highs(Highs):
    """HiGHS with a start: the 0-1 columns of a known plan."""

    start: list[int] | None = None

    def callSolver(self, lp: Any) -> None:  # noqa: N802 (PuLP's name)
        """Hand the start over, then run."""
        if self.start is not None:
            ones = {f"x{c}" for c in self.start}
            path = [v for v in lp.variables() if v.name.split("_")[1] in {"stage", "hand"}]
            values = [1.0 if v.name.split("_")[0] in ones else 0.0 for v in path]
            lp.solverModel.setSolution(len(path), [v.index for v in path], values)
        super().callSolver(lp)


def _claim(task: Task, model: _Model, status: int, bound: float | None) -> Claim:
    """Read what PuLP says: `sol_status` is the one to trust, `status` says optimal on a time limit.

    Optimal within an asked gap is no proof, and neither is an optimum that the solver's own bound does not reach: HiGHS
    1.12 has been seen to stop at one 2 % above its bound when presolve leaves no integer column.
    """
    problem = model.problem
    sizes = {"columns": len(model.variables), "rows": len(problem.constraints())}
    if status == pulp.LpStatusInfeasible:
        return Claim(Outcome.INFEASIBLE, sizes=sizes)
    placement: Placement | None = None
    if problem.sol_status in {pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible}:
        chosen = model.chosen([v.varValue for v in model.variables])
        placement = task.graph.placement(chosen) if chosen else None
    proven = problem.sol_status == pulp.LpSolutionOptimal and placement is not None and task.relative_gap == 0
    if proven:
        value = float(pulp.value(problem.objective))
        proven = bound is None or bound >= value - MEETS * abs(value)
        bound = value if proven else bound
    bound = None if bound is None else bound_of(bound, model.goal_unit)
    return Claim(Outcome.OPTIMAL if proven else Outcome.STOPPED, placement, bound, sizes)
