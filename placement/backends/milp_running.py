"""How both MILP formulations are run by HiGHS through PuLP: options, progress, cancellation, missing values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulp
from highspy import HighsModelStatus, cb

from placement.backends.base import Task
from placement.problem import Placement

TOLERANCE = 1e-9
"""Absolute gap and feasibility tolerance, in scaled units."""
INFINITE = 1e100
"""What HiGHS calls a bound that it does not have yet is larger."""


class Highs(pulp.HiGHS):  # type: ignore[misc]  # PuLP has no types
    """PuLP's HiGHS, for searches that stop before any solution: PuLP reads values then that are not there."""

    def findSolutionValues(self, lp: Any) -> tuple[int, int]:  # noqa: N802 (PuLP's name)
        """No solution is no solution, whatever stopped the search."""
        if lp.solverModel.getSolution().col_value:
            found: tuple[int, int] = super().findSolutionValues(lp)
            return found
        infeasible = lp.solverModel.getModelStatus() == HighsModelStatus.kInfeasible
        return (pulp.LpStatusInfeasible if infeasible else pulp.LpStatusNotSolved), pulp.LpSolutionNoSolutionFound


def options(
    task: Task, unit: float, placement_of: Callable[[Callable[[Any], float]], Placement] | None = None
) -> dict[str, Any]:
    """Arguments of `Highs` for a task whose objective counts in `unit` of the goal.

    placement_of: from what says a column's value to the plan; with it, better plans are told on the way.

    HiGHS keeps its own choice of threads: its scheduler is one per process, and a run that asks for another number than
    the first one ends at once without a solution.
    """

    # The signature is HiGHS's.
    def listen(kind: Any, message: str, out: Any, into: Any, user: Any) -> None:  # noqa: ARG001 - as HiGHS calls it
        if kind == cb.HighsCallbackType.kCallbackMipImprovingSolution:
            if placement_of is not None:
                task.on_incumbent(placement_of(lambda column: float(out.mip_solution[column.index])))
            task.on_progress(out.objective_function_value * unit, bound_of(out.mip_dual_bound, unit))
        elif task.cancelled():
            into.user_interrupt = True

    return {
        "msg": False,
        "timeLimit": max(task.time_limit_s, 0.01),
        "gapRel": task.relative_gap,
        "gapAbs": TOLERANCE,
        "random_seed": task.seed,
        "mip_feasibility_tolerance": TOLERANCE,
        "primal_feasibility_tolerance": TOLERANCE,
        "callbackTuple": (listen, None),
        "callbacksToActivate": [
            cb.HighsCallbackType.kCallbackSimplexInterrupt,
            cb.HighsCallbackType.kCallbackMipInterrupt,
            cb.HighsCallbackType.kCallbackMipImprovingSolution,
        ],
    }


def bound_of(dual_bound: float, unit: float) -> float | None:
    """The bound in units of the goal; None before HiGHS has one."""
    return dual_bound * unit if abs(dual_bound) < INFINITE else None
