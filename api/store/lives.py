"""The steps of a plan's life as statements: accepted, started, ended, taken over from the dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Update, bindparam, delete, func, insert, or_, select, update

from api.store import queries
from api.store.changes import notify
from api.store.events import insert_all
from api.store.lean import run
from api.store.rows import RUNNING, Inserted, PlanRow, Result
from api.store.tables import instances, plan_answers, plan_requests, plans
from api.store.upserts import insert_new, insert_or_replace

Events = Sequence[tuple[int, str, str]]

_INSERT_REQUEST = insert(plan_requests)
_INSERT_ANSWER = insert(plan_answers)
_RESULT = ("status", "proven", "objective", "value", "bound", "gap", "termination")


def _of_an_unfinished_plan() -> Update:
    return update(plans).where(plans.c.id == bindparam("plan"), plans.c.ended_at.is_(None))


_START = _of_an_unfinished_plan().values(status=RUNNING, started_at=bindparam("now"), attempts=plans.c.attempts + 1)
_STARTED_AT = bindparam("new_started_at", type_=plans.c.started_at.type)
_FINISH = _of_an_unfinished_plan().values(
    {"ended_at": bindparam("now"), "started_at": func.coalesce(_STARTED_AT, plans.c.started_at)}
    | {name: bindparam(f"new_{name}") for name in _RESULT}
)
_CANCEL = _of_an_unfinished_plan().values(cancel_requested=True)
_NOW = select(func.now())
_LEAVE = delete(instances).where(instances.c.name == bindparam("instance"))

_ALIVE = select(instances.c.name).where(instances.c.seen_at > bindparam("alive_since"))
_OTHERS_PLANS = plans.c.instance.is_not(None) & (plans.c.instance != bindparam("me"))
_ORPHANED = _OTHERS_PLANS & plans.c.instance.not_in(_ALIVE)
_UNFINISHED = select(plans.c.id).where(plans.c.ended_at.is_(None)).order_by(plans.c.id)
# Skipping what another process is claiming at this moment; SQLite, which has one writer, ignores the clause.
_CLAIMABLE = {
    True: _UNFINISHED.where(or_(plans.c.instance == bindparam("me"), _ORPHANED)).with_for_update(skip_locked=True),
    False: _UNFINISHED.where(_ORPHANED).with_for_update(skip_locked=True),
}
_CLAIM = update(plans).where(plans.c.id == bindparam("plan")).values(instance=bindparam("new_instance"))


def insert_plan(
    connection: Connection, row: PlanRow, instance: str | None, events: Events, *, unless_proven: bool = False
) -> Inserted:
    """Add the plan unless its id or its owner's key is taken; which one it is then is for the database to say.

    `unless_proven`: nor where the owner has a proven answer to this very question.
    """
    if unless_proven and (proven := queries.proven_by_content(connection, row.owner, row.content_key)):
        return Inserted(proven, created=False, proven=True)
    row = replace(row, instance=instance, name=queries.storable(row.name))
    values = {column.name: getattr(row, column.name) for column in plans.columns}
    while not run(connection, insert_new(connection, plans), values):
        # Absent after all: it expired between the two statements, and its key is free again.
        if kept := queries.same_id_or_key(connection, row):
            return Inserted(kept, created=False)
    run(connection, _INSERT_REQUEST, {"plan_id": row.id, "body": row.request})
    if row.answer is not None:
        run(connection, _INSERT_ANSWER, {"plan_id": row.id, "body": row.answer})
    insert_all(connection, row.id, events, row.created_at)
    return Inserted(row, created=True)


def start(connection: Connection, plan_id: str, now: datetime, events: Events) -> bool:
    """Set the plan running, unless it has ended."""
    found = run(connection, _START, {"plan": plan_id, "now": now}) == 1
    if found:
        insert_all(connection, plan_id, events, now)
        notify(connection, plan_id)
    return found


def finish(connection: Connection, plan_id: str, result: Result, now: datetime, events: Events) -> bool:
    """End the plan, unless it has ended."""
    values = {f"new_{name}": getattr(result, name) for name in (*_RESULT, "started_at")}
    found = run(connection, _FINISH, {"plan": plan_id, "now": now, **values}) == 1
    if found:
        if result.answer is not None:
            run(connection, _INSERT_ANSWER, {"plan_id": plan_id, "body": result.answer})
        insert_all(connection, plan_id, events, now)
        notify(connection, plan_id)
    return found


def request_cancel(connection: Connection, plan_id: str) -> bool:
    """Mark the plan as unwanted, unless it has ended."""
    found = connection.execute(_CANCEL, {"plan": plan_id}).rowcount == 1
    if found:
        notify(connection, plan_id)
    return found


def beat(connection: Connection, instance: str) -> None:
    """A sign of life."""
    values = {"name": instance, "seen_at": _shared_clock(connection)}
    connection.execute(insert_or_replace(connection, instances, "seen_at"), values)


def leave(connection: Connection, instance: str) -> None:
    """No further sign of life will come."""
    connection.execute(_LEAVE, {"instance": instance})


def claim(connection: Connection, instance: str, lease_s: float, own: bool) -> list[PlanRow]:
    """Make unfinished plans of dead instances (`own`: and of this one) this instance's, and return them."""
    parameters = {"me": instance, "alive_since": _shared_clock(connection) - timedelta(seconds=lease_s)}
    ids = connection.execute(_CLAIMABLE[own], parameters).scalars().all()
    if ids:
        connection.execute(_CLAIM, [{"plan": plan_id, "new_instance": instance} for plan_id in ids])
    rows = (queries.get(connection, plan_id, owner=None, with_request=True) for plan_id in ids)
    return [row for row in rows if row is not None]


def _shared_clock(connection: Connection) -> datetime:
    """The time that all instances agree on: the server's, whatever their own clocks say."""
    if connection.dialect.name == "postgresql":
        now: datetime = connection.execute(_NOW).scalar_one()
        return now
    return datetime.now(UTC)
