"""Who is measured: our backends, the textbook formulations, and other planners' rules; all by name."""

from __future__ import annotations

from benchmarks.peers import PEERS
from models.constraints import Backend

AUTO = Backend.AUTO.value
OURS = (AUTO, Backend.MILP.value, Backend.CP_SAT.value)
TEXTBOOK = (Backend.REFERENCE_MILP.value, Backend.REFERENCE_CP_SAT.value)
BACKENDS = tuple(backend.value for backend in Backend)
RULES = tuple(PEERS)
NAMES = (*BACKENDS, *RULES)

MOST_TEXTBOOK_PAIRS = 80 * 32
"""Layers times nodes up to which the textbook formulations are asked: beyond, building them alone takes minutes and
gigabytes (a transfer variable per cut and pair of nodes)."""
