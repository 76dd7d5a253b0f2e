"""The tables, the same on SQLite and PostgreSQL.

A change here needs a migration (docs/howto/database.md); a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class UtcTime(TypeDecorator[datetime]):
    """A moment: aware in Python; `timestamptz` on PostgreSQL; on SQLite text in UTC that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC; SQLite's text has no room for the zone."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as SQLAlchemy calls it
        """In UTC again: PostgreSQL answers in the session's zone."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


PlanId = String(40).with_variant(String(40, collation="C"), "postgresql")
"""Compared byte by byte when paging, not by the rules of some language."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

plans = Table(
    "plans",
    metadata,
    Column("id", PlanId, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("name", Text),
    Column("objective", Text),
    Column("value", Float),
    Column("bound", Float),
    Column("gap", Float),
    Column("termination", Text),
    Column("proven", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("time_limit_s", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("instance", Text),
    Column("content_key", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("idempotency_key", Text),
    UniqueConstraint("owner", "idempotency_key"),
    Index(
        "ix_plans_proven",
        "owner",
        "content_key",
        "id",  # a loop that asks the same again and again leaves many: the newest shall be found without sorting
        sqlite_where=text("proven = 1"),  # as SQLAlchemy writes the condition: SQLite compares the words
        postgresql_where=text("proven"),
    ),
    Index("ix_plans_owner_id", "owner", "id"),
    Index("ix_plans_ended_at", "ended_at"),  # finds the unfinished ones too, which have none
)
"""What is listed and polled. Bodies have tables of their own: SQLite rewrites a whole row when one column changes."""

plan_requests = Table(
    "plan_requests",
    metadata,
    Column("plan_id", PlanId, ForeignKey("plans.id", ondelete="CASCADE"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

plan_answers = Table(
    "plan_answers",
    metadata,
    Column("plan_id", PlanId, ForeignKey("plans.id", ondelete="CASCADE"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

plan_events = Table(
    "plan_events",
    metadata,
    Column("plan_id", PlanId, ForeignKey("plans.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

expired_plans = Table(
    "expired_plans",
    metadata,
    Column("id", PlanId, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("expired_at", UtcTime, nullable=False),
    Index("ix_expired_plans_expired_at_id", "expired_at", "id"),
)
"""Tombstones: ids that were plans once, so that they answer 410 and not 404."""

instances = Table(
    "instances",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seen_at", UtcTime, nullable=False),
)
"""API processes and their last sign of life: who has none for a while has lost its plans to the others."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("rate_per_minute", BigInteger),
    UniqueConstraint("key_hash"),
    Index("ix_api_keys_owner", "owner"),
)
