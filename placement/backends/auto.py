"""The portfolio: each task goes to the method that proves it soonest."""

from __future__ import annotations

from placement.backends.base import Claim, Task
from placement.backends.brute_force import BruteForce, placement_count
from placement.backends.milp import Milp

ENUMERABLE = 300
"""Placements up to which enumeration beats the set-up of any solver (about 20 microseconds each)."""


class Auto:
    """Enumerates what is tiny, and gives the rest to HiGHS, which proves stage graphs soonest."""

    name = "auto"
    version = f"{Milp.version}; enumeration up to {ENUMERABLE} placements"
    uses_graph = True
    sets_labels = False
    closes_columns = 200

    def __call__(self, task: Task) -> Claim:
        """Solve by the method chosen for the task's size."""
        return (BruteForce() if placement_count(task.problem) <= ENUMERABLE else Milp())(task)
