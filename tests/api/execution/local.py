"""Provisions whose work are the doubles."""

from __future__ import annotations

from typing import Any

from api.execution.base import Kind
from api.execution.supervisor import Provision

DOUBLES = "tests.api.execution.doubles"


def doubled(**settings: Any) -> Provision:
    """Small processes that load no solver, with 512 MiB each."""
    return Provision(
        **{"memory_bytes": 2**29, **settings},
        preparation=f"{DOUBLES}:nothing",
        work=dict.fromkeys(Kind, f"{DOUBLES}:work"),
        unfinished=dict.fromkeys((Kind.PLAN, Kind.FRONTIER), f"{DOUBLES}:unfinished"),
    )
