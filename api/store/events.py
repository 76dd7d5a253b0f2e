"""The log of a plan's life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from api.store.changes import notify
from api.store.lean import run_all
from api.store.rows import StoredEvent
from api.store.tables import plan_events, plans
from api.store.upserts import insert_new

_PLAN_EXISTS = select(plans.c.id).where(plans.c.id == bindparam("plan"))
_AFTER = (
    select(plan_events.c.seq, plan_events.c.name, plan_events.c.data, plan_events.c.at)
    .where(plan_events.c.plan_id == bindparam("plan"), plan_events.c.seq > bindparam("after"))
    .order_by(plan_events.c.seq)
    .limit(bindparam("most"))
)


def append(connection: Connection, plan_id: str, events: Sequence[tuple[int, str, str]], now: datetime) -> None:
    """Add the events, if the plan is (still) there."""
    if events and connection.execute(_PLAN_EXISTS, {"plan": plan_id}).first():
        insert_all(connection, plan_id, events, now)
        notify(connection, plan_id)


def insert_all(connection: Connection, plan_id: str, events: Sequence[tuple[int, str, str]], now: datetime) -> None:
    """Add events of a plan that is there."""
    if events:
        rows = [{"plan_id": plan_id, "seq": seq, "name": name, "data": data, "at": now} for seq, name, data in events]
        run_all(connection, insert_new(connection, plan_events), rows)


def after(connection: Connection, plan_id: str, after_seq: int, limit: int) -> list[StoredEvent]:
    """Up to `limit` events with higher sequence numbers, in order."""
    found = connection.execute(_AFTER, {"plan": plan_id, "after": after_seq, "most": limit})
    return [StoredEvent(row.seq, row.name, row.data, row.at) for row in found]
