"""Every backend keeps the contract."""

from __future__ import annotations

from placement.backends.auto import Auto
from placement.backends.brute_force import BruteForce
from placement.backends.cp_sat import CpSat
from placement.backends.labels import Labels
from placement.backends.milp import Milp, MilpCbc
from placement.backends.reference_cp_sat import ReferenceCpSat
from placement.backends.reference_milp import ReferenceMilp
from placement.backends.registry import BACKENDS
from tests.placement.backends.contract import BackendContract


class TestAuto(BackendContract):
    solver = Auto()
    large = (6, 3)


class TestBruteForce(BackendContract):
    solver = BruteForce()
    large = (5, 3)


class TestLabels(BackendContract):
    solver = Labels()


class TestMilp(BackendContract):
    solver = Milp()


class TestMilpCbc(BackendContract):
    solver = MilpCbc()


class TestCpSat(BackendContract):
    solver = CpSat()


class TestReferenceMilp(BackendContract):
    solver = ReferenceMilp()
    large = (5, 3)


class TestReferenceCpSat(BackendContract):
    solver = ReferenceCpSat()
    large = (5, 3)


def test_every_registered_backend_runs_the_contract() -> None:
    tested = {type(contract.solver) for contract in BackendContract.__subclasses__()}
    assert [name for name, make in BACKENDS.items() if type(make()) not in tested] == []
