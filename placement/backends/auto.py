"""The portfolio: labels, and HiGHS for the few boxes with few columns that resist them."""

from __future__ import annotations

from placement.backends.base import Claim, Task
from placement.backends.labels import Labels
from placement.backends.milp import Milp


class Auto:
    """Sets labels; boxes that stay open although few columns are left go to HiGHS."""

    name = "auto"
    version = f"labels, {Labels.version}; {Milp.version}"
    uses_graph = True
    sets_labels = True
    closes_columns = 100

    def __call__(self, task: Task) -> Claim:
        """Solve a box that labels left open."""
        return Milp()(task)
