"""The textbook mixed-integer formulation through PuLP and HiGHS: x[layer, option] and one hand-over per cut.

It knows nothing of the stage graph, and starts from no hint: it is a witness, and the benchmark's yardstick.
docs/reference-formulations.md is the same page in symbols.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pulp
from highspy import SolutionStatus, cb

from placement.backends.base import Claim, Outcome, Task
from placement.backends.reference_milp_model import TextbookModel
from placement.reference_formulation import choices_of

TOLERANCE = 1e-9
"""Absolute gap and feasibility tolerance; figures are scaled to be around 1."""
PROOF_TOLERANCE = 1e-6
"""Relative distance of objective and bound up to which `optimal` is believed."""
INFINITE = 1e100


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
        model = TextbookModel(task, choices)
        listener = _Listener(task, model)
        highs = _Highs(
            msg=False,
            timeLimit=max(task.time_limit_s, 0.01),
            gapRel=task.relative_gap,
            gapAbs=TOLERANCE,
            random_seed=task.seed,
            mip_feasibility_tolerance=TOLERANCE,
            primal_feasibility_tolerance=TOLERANCE,
            callbackTuple=(listener, None),
            callbacksToActivate=[
                cb.HighsCallbackType.kCallbackSimplexInterrupt,
                cb.HighsCallbackType.kCallbackMipInterrupt,
                cb.HighsCallbackType.kCallbackMipImprovingSolution,
            ],
        )
        status = model.problem.solve(highs)
        return _claim(task, model, status)


class _Highs(pulp.HiGHS):  # type: ignore[misc]
    """PuLP's HiGHS, for searches that stop before any solution: PuLP reads values then that are not there."""

    def findSolutionValues(self, lp: Any) -> tuple[int, int]:  # noqa: N802 (PuLP's name)
        """No solution is no solution, whatever stopped the search."""
        if lp.solverModel.getSolution().col_value:
            found: tuple[int, int] = super().findSolutionValues(lp)
            return found
        return pulp.LpStatusNotSolved, pulp.LpSolutionNoSolutionFound


class _Listener:
    """HiGHS calls this during the search: it passes on progress and asks whether to stop."""

    def __init__(self, task: Task, model: TextbookModel) -> None:
        self._task, self._model = task, model

    def __call__(self, kind: Any, message: str, out: Any, into: Any, user: Any) -> None:  # noqa: ARG002
        if kind == cb.HighsCallbackType.kCallbackMipImprovingSolution:
            unit = self._model.value_unit
            self._task.on_progress(out.objective_function_value * unit, _bound(out.mip_dual_bound, unit))
        elif self._task.cancelled():
            into.user_interrupt = True


def _bound(dual_bound: float, unit: float) -> float | None:
    """The bound in units of the goal; None before HiGHS has one."""
    return dual_bound * unit if abs(dual_bound) < INFINITE else None


def _claim(task: Task, model: TextbookModel, status: int) -> Claim:
    """Read what PuLP says: `sol_status` is the one to trust, `status` says optimal on a time limit."""
    problem = model.problem
    sizes = {"columns": problem.numVariables(), "rows": problem.numConstraints()}
    if status == pulp.LpStatusInfeasible:
        return Claim(Outcome.INFEASIBLE, sizes=sizes)
    found = problem.solverModel.getInfo()
    bound = _bound(found.mip_dual_bound, model.value_unit)
    if found.primal_solution_status != SolutionStatus.kSolutionStatusFeasible:
        return Claim(Outcome.STOPPED, None, bound, sizes)
    value = found.objective_function_value
    met = value - found.mip_dual_bound <= PROOF_TOLERANCE * abs(value) + TOLERANCE
    proven = met and problem.sol_status == pulp.LpSolutionOptimal and task.relative_gap == 0
    return Claim(Outcome.OPTIMAL if proven else Outcome.STOPPED, model.placement(), bound, sizes)
