"""Backends by their name on the wire. A new backend is one file and one line here; the contract suite does the rest."""

from __future__ import annotations

from collections.abc import Callable

from models.constraints import Backend
from placement.backends.auto import Auto
from placement.backends.base import Solver
from placement.backends.brute_force import BruteForce
from placement.backends.cp_sat import CpSat
from placement.backends.milp import Milp, MilpCbc

BACKENDS: dict[Backend, Callable[[], Solver]] = {
    Backend.AUTO: Auto,
    Backend.MILP: Milp,
    Backend.MILP_CBC: MilpCbc,
    Backend.CP_SAT: CpSat,
    Backend.BRUTE_FORCE: BruteForce,
}
