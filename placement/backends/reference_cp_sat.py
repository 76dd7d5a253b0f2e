"""The textbook constraint programme through OR-Tools CP-SAT: x[layer, node], exactly-one, and a circuit of stages.

It knows nothing of the stage graph, and starts from no hint: it is a witness, and the benchmark's yardstick.
docs/reference-formulations.md is the same page in symbols.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from ortools.sat.python import cp_model

from placement.backends.base import Claim, Outcome, Task
from placement.backends.reference_cp_sat_figures import TextbookFigures
from placement.backends.reference_cp_sat_model import TextbookOrder
from placement.reference_formulation import choices_of

ASK_EVERY_S = 0.02
"""How often a task is asked whether it is cancelled."""


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
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = max(task.time_limit_s, 0.01)
        solver.parameters.num_workers = task.threads
        solver.parameters.random_seed = task.seed
        solver.parameters.relative_gap_limit = task.relative_gap
        # OR-Tools 9.15: inclusion detection in presolve may cut off the optimum and call a worse plan optimal
        # (google/or-tools#5293, open). To be deleted with the release that fixes it.
        solver.parameters.presolve_inclusion_work_limit = 0
        with _stopped_when_cancelled(task, solver):
            status = solver.solve(order.model, _Listener(task, figures))
        return _claim(task, order, figures, solver, status)


class _Listener(cp_model.CpSolverSolutionCallback):
    """Passes incumbents on."""

    def __init__(self, task: Task, figures: TextbookFigures) -> None:
        super().__init__()
        self._task, self._figures = task, figures

    def on_solution_callback(self) -> None:
        """Called by CP-SAT at every better placement."""
        bound = self._figures.goal_value(self.best_objective_bound, as_bound=True)
        self._task.on_progress(self._figures.goal_value(self.objective_value), max(bound, 0.0))


@contextmanager
def _stopped_when_cancelled(task: Task, solver: cp_model.CpSolver) -> Iterator[None]:
    """A stop before the search begins is lost, so it keeps asking."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(ASK_EVERY_S):
            if task.cancelled():
                solver.stop_search()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


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
    if status == cp_model.MODEL_INVALID:
        raise ValueError(f"CP-SAT refuses the model: {order.model.validate()}")
    bound = max(figures.goal_value(solver.best_objective_bound, as_bound=True), 0.0)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Claim(Outcome.STOPPED, None, bound, sizes)
    proven = status == cp_model.OPTIMAL and task.relative_gap == 0
    return Claim(Outcome.OPTIMAL if proven else Outcome.STOPPED, order.placement(solver), bound, sizes)
