"""Finding plans."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from api.store.errors import BadCursor
from api.store.ids import PREFIX
from api.store.rows import Filters, Page, PlanRow
from api.store.tables import plan_answers, plan_requests, plans

_PLANS = select(*plans.columns)
_ANSWERED = select(*plans.columns, plan_answers.c.body.label("answer")).outerjoin_from(plans, plan_answers)
_WHOLE = _ANSWERED.add_columns(plan_requests.c.body.label("request")).join(
    plan_requests, plan_requests.c.plan_id == plans.c.id
)
_BY_ID = plans.c.id == bindparam("plan")
_BY_OWNER = plans.c.owner == bindparam("owner")

# Statements are built once: building one takes longer than running it.
_STATUS = _PLANS.where(_BY_ID)
_GET = {False: _ANSWERED.where(_BY_ID), True: _WHOLE.where(_BY_ID)}
_GET_BY_KEY = _ANSWERED.where(_BY_OWNER, plans.c.idempotency_key == bindparam("key"))
_GET_PROVEN = (
    _ANSWERED.where(_BY_OWNER, plans.c.content_key == bindparam("content"), plans.c.proven)
    .order_by(plans.c.id.desc())
    .limit(1)
)


def status(connection: Connection, plan_id: str, owner: str | None) -> PlanRow | None:
    """The plan without bodies; `owner` None sees all."""
    return _visible(_first(connection, _STATUS, plan=plan_id), owner)


def get(connection: Connection, plan_id: str, owner: str | None, with_request: bool) -> PlanRow | None:
    """The plan with its answer; `owner` None sees all."""
    return _visible(_first(connection, _GET[with_request], plan=plan_id), owner)


def by_idempotency_key(connection: Connection, owner: str, key: str) -> PlanRow | None:
    """The owner's plan under this key, with its answer."""
    return _first(connection, _GET_BY_KEY, owner=owner, key=key)


def same_id_or_key(connection: Connection, row: PlanRow) -> PlanRow | None:
    """The plan that keeps this one from being inserted, with its answer."""
    if row.idempotency_key is not None and (kept := by_idempotency_key(connection, row.owner, row.idempotency_key)):
        return kept
    return get(connection, row.id, owner=None, with_request=False)


def proven_by_content(connection: Connection, owner: str, content_key: str) -> PlanRow | None:
    """The owner's newest proven plan for this question, with its answer."""
    return _first(connection, _GET_PROVEN, owner=owner, content=content_key)


def page(connection: Connection, owner: str | None, filters: Filters, cursor: str | None, limit: int) -> Page:
    """Newest first; one more than asked for is read, to know whether there is a next page."""
    statement = _filtered(_PLANS, filters).order_by(plans.c.id.desc()).limit(limit + 1)
    if owner is not None:
        statement = statement.where(plans.c.owner == owner)
    if cursor is not None:
        statement = statement.where(plans.c.id < _id_in(cursor))
    rows = [PlanRow(**found) for found in connection.execute(statement).mappings()]
    return Page(tuple(rows[:limit]), _cursor_behind(rows[limit - 1].id) if len(rows) > limit else None)


def storable(words: str | None) -> str | None:
    """The text without NUL characters, which PostgreSQL cannot keep."""
    return words if words is None else words.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _first(connection: Connection, statement: Select[Any], **parameters: str) -> PlanRow | None:
    words = {name: storable(value) for name, value in parameters.items()}
    found = connection.execute(statement, words).mappings().first()
    return PlanRow(**found) if found is not None else None


def _visible(row: PlanRow | None, owner: str | None) -> PlanRow | None:
    return row if row is not None and owner in {None, row.owner} else None


def _filtered(statement: Select[Any], filters: Filters) -> Select[Any]:
    if filters.status:
        statement = statement.where(plans.c.status.in_([storable(word) for word in filters.status]))
    if filters.kind:
        statement = statement.where(plans.c.kind.in_([storable(word) for word in filters.kind]))
    if filters.name is not None:
        statement = statement.where(plans.c.name == storable(filters.name))
    if filters.created_from is not None:
        statement = statement.where(plans.c.created_at >= filters.created_from)
    if filters.created_before is not None:
        statement = statement.where(plans.c.created_at < filters.created_before)
    return statement


def _cursor_behind(plan_id: str) -> str:
    return urlsafe_b64encode(plan_id.encode()).decode().rstrip("=")


def _id_in(cursor: str) -> str:
    try:
        plan_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        plan_id = ""
    if not plan_id.startswith(PREFIX) or _cursor_behind(plan_id) != cursor or "\0" in plan_id:
        raise BadCursor("not a cursor of this service")
    return plan_id
