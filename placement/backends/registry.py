"""Backends by their name on the wire. A new backend is one file and one line here; the contract suite does the rest."""

from __future__ import annotations

from collections.abc import Callable

from models.constraints import Backend
from placement.backends.auto import Auto
from placement.backends.base import Solver
from placement.backends.brute_force import BruteForce
from placement.backends.cp_sat import CpSat
from placement.backends.labels import Labels
from placement.backends.milp import Milp, MilpCbc
from placement.backends.reference_cp_sat import ReferenceCpSat
from placement.backends.reference_milp import ReferenceMilp

BACKENDS: dict[Backend, Callable[[], Solver]] = {
    Backend.AUTO: Auto,
    Backend.LABELS: Labels,
    Backend.MILP: Milp,
    Backend.MILP_CBC: MilpCbc,
    Backend.CP_SAT: CpSat,
    Backend.REFERENCE_MILP: ReferenceMilp,
    Backend.REFERENCE_CP_SAT: ReferenceCpSat,
    Backend.BRUTE_FORCE: BruteForce,
}
