"""What is not kept for ever: ended plans, too old or too many, and the memory of those."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select

from api.store.queries import storable
from api.store.rows import Retention
from api.store.tables import expired_plans, plans

AT_ONCE = 200
"""Plans deleted in one transaction: bounds how long the writer is kept from its other work."""

_TOO_OLD = (
    select(plans.c.id, plans.c.owner)
    .where(plans.c.ended_at < bindparam("cutoff"))
    .order_by(plans.c.ended_at)
    .limit(AT_ONCE)
)
_ENDED = plans.c.ended_at.is_not(None)
_CROWDED = (
    select(plans.c.owner, func.count().label("kept")).group_by(plans.c.owner).having(func.count() > bindparam("count"))
)
_OLDEST = (
    select(plans.c.id, plans.c.owner)
    .where(_ENDED, plans.c.owner == bindparam("owner"))
    .order_by(plans.c.id)
    .limit(bindparam("most"))
)
_DELETE = delete(plans).where(plans.c.id == bindparam("plan"))
_BURY = insert(expired_plans)
_OLDEST_TOMBSTONES = delete(expired_plans).where(
    expired_plans.c.id.in_(
        select(expired_plans.c.id)
        .order_by(expired_plans.c.expired_at.desc(), expired_plans.c.id.desc())
        .offset(bindparam("kept"))
    )
)
_TOMBSTONE = select(expired_plans.c.id).where(
    expired_plans.c.id == bindparam("plan"),
    or_(bindparam("anyone"), expired_plans.c.owner == bindparam("owner")),
)


def expire(connection: Connection, cutoff: datetime, retention: Retention) -> list[str]:
    """Delete up to `AT_ONCE` plans and what belongs to them, and remember that they were; their ids."""
    doomed = [tuple(found) for found in connection.execute(_TOO_OLD, {"cutoff": cutoff})]
    if not doomed:
        for owner, kept in connection.execute(_CROWDED, {"count": retention.count}).all():
            room = AT_ONCE - len(doomed)
            excess = {"owner": owner, "most": min(room, kept - retention.count)}
            doomed += [tuple(found) for found in connection.execute(_OLDEST, excess)]
            if len(doomed) >= AT_ONCE:
                break
    if doomed:
        now = datetime.now(UTC)
        connection.execute(_DELETE, [{"plan": plan_id} for plan_id, _ in doomed])
        connection.execute(_BURY, [{"id": plan_id, "owner": owner, "expired_at": now} for plan_id, owner in doomed])
    return [plan_id for plan_id, _ in doomed]


def forget(connection: Connection, tombstones: int) -> None:
    """Keep this many expired ids, the latest."""
    connection.execute(_OLDEST_TOMBSTONES, {"kept": tombstones})


def is_gone(connection: Connection, plan_id: str, owner: str | None) -> bool:
    """Whether there is a tombstone of this owner's (None: anyone's)."""
    parameters = {"plan": storable(plan_id), "anyone": owner is None, "owner": owner}
    return connection.execute(_TOMBSTONE, parameters).first() is not None
