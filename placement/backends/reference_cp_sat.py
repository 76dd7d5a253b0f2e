"""The textbook constraint programme through OR-Tools CP-SAT: x[layer, node], exactly-one, and a circuit of stages.

It knows nothing of the stage graph, and starts from no hint: it is a witness, and the benchmark's yardstick.
docs/reference-formulations.md is the same page in symbols.
"""

from __future__ import annotations

from importlib.metadata import version

from ortools.sat.python import cp_model

from placement.backends.base import Claim, Outcome, Task
from placement.backends.cp_sat_running import solve
from placement.backends.reference_cp_sat_figures import TextbookFigures
from placement.backends.reference_cp_sat_model import TextbookOrder
from placement.reference_formulation import choices_of


class ReferenceCpSat:
    """The textbook formulation in integers, solved by CP-SAT."""

    name = "reference_cp_sat"
    version = f"OR-Tools {version('ortools')}"
    uses_graph = False
    sets_labels = False
    closes_columns = 0

    def __call__(self, task: Task) -> Claim:
        """Solve from scratch."""
        choices = choices_of(task.problem)
        if choices is None:
            return Claim(Outcome.INFEASIBLE)
        order = TextbookOrder(choices)
        figures = TextbookFigures(task, choices, order)
        solver, status = solve(task, order.model, figures.goal_value, order.placement)
        return _claim(task, order, figures, solver, status)


def _claim(
    task: Task,
    order: TextbookOrder,
    figures: TextbookFigures,
    solver: cp_model.CpSolver,
    status: cp_model.CpSolverStatus,
) -> Claim:
    proto = order.model.proto
    sizes = {"columns": len(proto.variables), "rows": len(proto.constraints)}
    if status == cp_model.INFEASIBLE:
        return Claim(Outcome.INFEASIBLE, sizes=sizes)
    bound = max(figures.goal_value(solver.best_objective_bound, as_bound=True), 0.0)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Claim(Outcome.STOPPED, None, bound, sizes)
    proven = status == cp_model.OPTIMAL and task.relative_gap == 0
    return Claim(Outcome.OPTIMAL if proven else Outcome.STOPPED, order.placement(solver.boolean_value), bound, sizes)
