"""A client of the service: typed plans, waiting that survives restarts, events, retries, errors to act on.

`PlacementClient` blocks, `AsyncPlacementClient` awaits; they share everything but the I/O. Imports domain types and
httpx, and nothing of the planner: a program that only asks needs no solver in its process. Guide: docs/client.md.
"""

from placement.client.asynchronous import AsyncPlacementClient
from placement.client.blocking import PlacementClient
from placement.client.bodies import Handle, PlanPage
from placement.client.errors import (
    Gone,
    InvalidRequest,
    KeyReused,
    NotFinished,
    NotFound,
    Overloaded,
    PlacementError,
    PlanFailed,
    ServiceFault,
    TryLater,
    Unauthorised,
    Unavailable,
    UnexpectedAnswer,
)
from placement.client.listening import PlanEvent
from placement.client.retries import Retries, Surroundings, Timeouts

__all__ = [
    "AsyncPlacementClient", "Gone", "Handle", "InvalidRequest", "KeyReused", "NotFinished", "NotFound", "Overloaded",
    "PlacementClient", "PlacementError", "PlanEvent", "PlanFailed", "PlanPage", "Retries", "ServiceFault",
    "Surroundings", "Timeouts", "TryLater", "Unauthorised", "Unavailable", "UnexpectedAnswer",
]  # fmt: skip
