"""The textbook mixed-integer formulation through PuLP and HiGHS: x[layer, option] and one hand-over per cut.

It knows nothing of the stage graph, and starts from no hint: it is a witness, and the benchmark's yardstick.
docs/reference-formulations.md is the same page in symbols.
"""

from __future__ import annotations

from importlib.metadata import version

import pulp
from highspy import SolutionStatus

from placement.backends.base import Claim, Outcome, Task
from placement.backends.milp_running import TOLERANCE, Highs, bound_of, options
from placement.backends.reference_milp_figures import TextbookFigures
from placement.backends.reference_milp_model import TextbookModel
from placement.reference_formulation import choices_of

PROOF_TOLERANCE = 1e-6
"""Relative distance of objective and bound up to which `optimal` is believed."""


class ReferenceMilp:
    """The textbook formulation as a MILP, solved by HiGHS in this process."""

    name = "reference_milp"
    version = f"HiGHS {version('highspy')} through PuLP {version('pulp')}"
    uses_graph = False
    sets_labels = False
    closes_columns = 0

    def __call__(self, task: Task) -> Claim:
        """Solve from scratch."""
        choices = choices_of(task.problem)
        if choices is None:
            return Claim(Outcome.INFEASIBLE)
        model = TextbookModel(choices)
        value_unit = TextbookFigures(task, choices, model).value_unit
        status = model.problem.solve(Highs(**options(task, value_unit, model.placement)))
        return _claim(task, model, value_unit, status)


def _claim(task: Task, model: TextbookModel, value_unit: float, status: int) -> Claim:
    """Read what PuLP says: `sol_status` is the one to trust, `status` says optimal on a time limit."""
    problem = model.problem
    sizes = {"columns": problem.numVariables(), "rows": problem.numConstraints()}
    if status == pulp.LpStatusInfeasible:
        return Claim(Outcome.INFEASIBLE, sizes=sizes)
    found = problem.solverModel.getInfo()
    bound = bound_of(found.mip_dual_bound, value_unit)
    if found.primal_solution_status != SolutionStatus.kSolutionStatusFeasible:
        return Claim(Outcome.STOPPED, None, bound, sizes)
    value = found.objective_function_value
    met = value - found.mip_dual_bound <= PROOF_TOLERANCE * abs(value) + TOLERANCE
    proven = met and problem.sol_status == pulp.LpSolutionOptimal and task.relative_gap == 0
    placement = model.placement(lambda column: float(column.varValue))
    return Claim(Outcome.OPTIMAL if proven else Outcome.STOPPED, placement, bound, sizes)
