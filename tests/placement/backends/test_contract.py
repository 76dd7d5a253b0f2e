"""Every backend keeps the contract."""

from __future__ import annotations

from placement.backends.brute_force import BruteForce
from placement.backends.cp_sat import CpSat
from placement.backends.milp import Milp, MilpCbc
from tests.placement.backends.contract import BackendContract


class TestBruteForce(BackendContract):
    solver = BruteForce()
    large = (5, 3)


class TestMilp(BackendContract):
    solver = Milp()


class TestMilpCbc(BackendContract):
    solver = MilpCbc()
    large = (6, 4)


class TestCpSat(BackendContract):
    solver = CpSat()
