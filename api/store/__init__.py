"""What was promised, kept: plans, their events, keys. Knows nothing of HTTP nor of who solves."""

from __future__ import annotations

from api.store.database import Database
from api.store.engines import default_url
from api.store.errors import BadCursor, SchemaTooNew, StoreUnavailable
from api.store.ids import new_plan_id
from api.store.keys import KeyRow, KeyStore
from api.store.plans import PlanStore
from api.store.rows import Filters, Inserted, Page, PlanRow, Result, Retention, StoredEvent

__all__ = [
    "BadCursor",
    "Database",
    "Filters",
    "Inserted",
    "KeyRow",
    "KeyStore",
    "Page",
    "PlanRow",
    "PlanStore",
    "Result",
    "Retention",
    "SchemaTooNew",
    "StoreUnavailable",
    "StoredEvent",
    "default_url",
    "new_plan_id",
]
