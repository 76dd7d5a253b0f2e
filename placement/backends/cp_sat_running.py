"""How both CP-SAT formulations are run: parameters, progress, and an end soon after a cancellation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ortools.sat.python import cp_model

from placement.backends.base import Task
from placement.problem import Placement

ASK_EVERY_S = 0.02
"""How often a task is asked whether it is cancelled."""


def solve(
    task: Task,
    model: cp_model.CpModel,
    goal_value: Callable[..., float],
    placement_of: Callable[[Callable[[Any], bool]], Placement] | None = None,
) -> tuple[cp_model.CpSolver, cp_model.CpSolverStatus]:
    """Solve the model within the task's limits. goal_value(integer objective, as_bound=...): in units of the goal.

    placement_of: from what says whether a literal is true to the plan; with it, better plans are told on the way.
    Raises ValueError for a model that CP-SAT refuses.
    """
    solver = cp_model.CpSolver()
    # Ctrl-C is the caller's to handle: OR-Tools would take the signal and leave the default handler behind.
    solver.parameters.catch_sigint_signal = False
    solver.parameters.max_time_in_seconds = max(task.time_limit_s, 0.01)
    solver.parameters.num_workers = task.threads
    solver.parameters.random_seed = task.seed
    solver.parameters.relative_gap_limit = task.relative_gap
    # OR-Tools 9.15: inclusion detection in presolve may cut off the optimum and call a worse plan optimal
    # (google/or-tools#5293, open). To be deleted with the release that fixes it.
    solver.parameters.presolve_inclusion_work_limit = 0
    with _stopped_when_cancelled(task, solver):
        status = solver.solve(model, _Listener(task, goal_value, placement_of))
    if status == cp_model.MODEL_INVALID:
        raise ValueError(f"CP-SAT refuses the model: {model.validate()}")
    return solver, status


class _Listener(cp_model.CpSolverSolutionCallback):
    """Passes incumbents on."""

    def __init__(
        self,
        task: Task,
        goal_value: Callable[..., float],
        placement_of: Callable[[Callable[[Any], bool]], Placement] | None,
    ) -> None:
        super().__init__()
        self._task, self._goal_value, self._placement_of = task, goal_value, placement_of

    def on_solution_callback(self) -> None:
        """Called by CP-SAT at every better plan."""
        if self._placement_of is not None:
            self._task.on_incumbent(self._placement_of(self.boolean_value))
        bound = self._goal_value(self.best_objective_bound, as_bound=True)
        self._task.on_progress(self._goal_value(self.objective_value), max(bound, 0.0))


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
