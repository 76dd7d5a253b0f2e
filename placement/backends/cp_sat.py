"""Constraint programming through OR-Tools CP-SAT, on the stage-graph formulation in integers.

CP-SAT knows integers only. A continuous column z becomes Z = z * TICKS; every row is rounded so that no placement is
lost (coefficients of >= rows up, of <= rows down), which makes the integer model a relaxation and its bound a bound.
Where a row divides, the smallest integer that satisfies it may lie one tick above the true figure; the bound gives that
back.
"""

from __future__ import annotations

import math
from importlib.metadata import version

from ortools.sat.python import cp_model

from placement.backends.base import Claim, Outcome, Task
from placement.backends.cp_sat_running import solve
from placement.columns import Formulation, Row, scale_of
from placement.formulation import formulate

TICKS = 1e6
"""Integer steps per scaled unit; a plan has about 1,000 units, so a tick is about 1e-9 of it."""
FRACTION_BITS = 26
LARGEST = 2.0**58
"""CP-SAT wants sums well within 63 bits."""
SLACK_TICKS = 2
"""More than the tick that rounding up to whole ticks can add to a figure."""


class CpSat:
    """The stage-graph formulation in integers, solved by CP-SAT."""

    name = "cp_sat"
    version = f"OR-Tools {version('ortools')}"
    uses_graph = True
    sets_labels = False
    closes_columns = 40

    def __call__(self, task: Task) -> Claim:
        """Solve; conditional rows are enforced by their literal."""
        scale = scale_of(task.graph)
        if scale is None:
            return Claim(Outcome.INFEASIBLE)
        formulation = formulate(task, scale)
        model = _Model(formulation)
        hinted = task.graph.columns_of(task.hint) if task.hint is not None else None
        if hinted is not None:
            model.hint(hinted, task.graph.stage_count + task.graph.hand_over_count)
        solver, status = solve(task, model.model, model.goal_value)
        return _claim(task, model, solver, status)


class _Model:
    """The CP-SAT model of a formulation."""

    def __init__(self, formulation: Formulation) -> None:
        self.formulation = formulation
        self.model = cp_model.CpModel()
        self.variables: list[cp_model.IntVar] = [
            self.model.new_bool_var(column.name)
            if column.binary
            else self.model.new_int_var(0, math.ceil(column.upper * TICKS) + SLACK_TICKS, column.name)
            for column in formulation.columns
        ]
        for row in formulation.rows:
            self._add(row)
        reach = sum(value * formulation.columns[c].upper for c, value in formulation.objective) * TICKS
        single = len(formulation.objective) == 1
        smallest = min((value for _, value in formulation.objective), default=1.0)
        bits = math.ceil(FRACTION_BITS - math.log2(smallest))
        parts = 1.0 if single else 2.0 ** min(bits, math.floor(math.log2(LARGEST / reach)))
        self._unit = formulation.goal_unit / parts
        coefficients = [(c, math.floor(value * parts)) for c, value in formulation.objective]
        self.model.minimize(sum(value * self.variables[c] for c, value in coefficients))
        self._lost = SLACK_TICKS * sum(value for _, value in coefficients)

    def goal_value(self, objective: float, *, as_bound: bool = False) -> float:
        """An integer objective as a goal value; as a bound, less what rounding may have added."""
        return (objective - (self._lost if as_bound else 0)) * self._unit / TICKS

    def hint(self, ones: list[int], binaries: int) -> None:
        """Start from the stage and hand-over columns of a known plan."""
        chosen = set(ones)
        for c in range(binaries):
            self.model.add_hint(self.variables[c], c in chosen)

    def _add(self, row: Row) -> None:
        """One row in integers: continuous columns count in ticks, the row is multiplied until its fractions vanish."""
        columns = self.formulation.columns
        continuous = [abs(value) for c, value in row.terms if not columns[c].binary]
        whole = all(value.is_integer() for value in continuous)
        factor = 1.0 if whole else 2.0 ** math.ceil(FRACTION_BITS - math.log2(min(continuous)))
        if continuous:
            reach = sum(abs(value) * columns[c].upper for c, value in row.terms) * TICKS
            factor = min(factor, 2.0 ** math.floor(math.log2(LARGEST / reach))) if reach > 0 else factor
        scale = factor * TICKS if continuous else self._whole_scale(row)
        up = row.lower is not None
        if up and row.upper is not None:
            # Coefficients of rows with both ends are whole: flows, counts, and sums of peaks.
            assert all(value.is_integer() for _, value in row.terms)

        def rounded(value: float) -> int:
            return math.ceil(value - 1e-12) if up else math.floor(value + 1e-12)

        terms = [
            rounded(value * (scale if columns[c].binary else factor)) * self.variables[c] for c, value in row.terms
        ]
        total = sum(terms)
        constraints = []
        if row.lower is not None:
            constraints.append(self.model.add(total >= math.floor(row.lower * scale + 1e-9)))
        if row.upper is not None:
            constraints.append(self.model.add(total <= math.ceil(row.upper * scale - 1e-9)))
        if row.condition is not None:
            for constraint in constraints:
                constraint.only_enforce_if(self.variables[row.condition])

    @staticmethod
    def _whole_scale(row: Row) -> float:
        """1 for rows in whole numbers over 0-1 columns; ticks for those with measured figures (energy budgets)."""
        whole = all(value.is_integer() for _, value in row.terms)
        return 1.0 if whole else TICKS


def _claim(task: Task, model: _Model, solver: cp_model.CpSolver, status: cp_model.CpSolverStatus) -> Claim:
    sizes = {"columns": len(model.variables), "rows": len(model.formulation.rows)}
    if status == cp_model.INFEASIBLE:
        return Claim(Outcome.INFEASIBLE, sizes=sizes)
    bound = model.goal_value(solver.best_objective_bound, as_bound=True)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Claim(Outcome.STOPPED, None, max(bound, 0.0), sizes)
    chosen = [a for a in range(model.formulation.stage_count) if solver.boolean_value(model.variables[a])]
    proven = status == cp_model.OPTIMAL and task.relative_gap == 0
    return Claim(Outcome.OPTIMAL if proven else Outcome.STOPPED, task.graph.placement(chosen), max(bound, 0.0), sizes)
