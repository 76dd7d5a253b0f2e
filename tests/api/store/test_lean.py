"""What runs without SQLAlchemy's work per execution means what it means with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Connection, bindparam, create_engine, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from api.store.lean import run, run_all, run_words
from api.store.tables import expired_plans, instances, metadata

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def test_values_are_bound_as_their_types_say(connection: Connection) -> None:
    run(connection, insert(instances), {"name": "a", "seen_at": NOON.astimezone(timezone(timedelta(hours=5)))})
    assert connection.execute(select(instances)).one() == ("a", NOON)


def test_every_row_of_many_is_written(connection: Connection) -> None:
    rows = [{"id": name, "owner": "me", "expired_at": NOON} for name in "abc"]
    run_all(connection, insert(expired_plans), rows)
    assert connection.execute(select(expired_plans.c.id)).scalars().all() == ["a", "b", "c"]


def test_rows_that_changed_are_counted_and_what_a_statement_brings_along_is_kept(connection: Connection) -> None:
    for name in "abc":
        run(connection, insert(instances), {"name": name, "seen_at": NOON})
    later = NOON + timedelta(hours=1)
    seen = update(instances).where(instances.c.name == "a").values(seen_at=bindparam("now"))
    assert run(connection, seen, {"now": later}) == 1
    assert run(connection, seen.where(instances.c.name == "nobody"), {"now": later}) == 0
    found = connection.execute(select(instances).order_by(instances.c.name)).all()
    assert [moment for _, moment in found] == [later, NOON, NOON]


def test_failures_have_the_names_that_sqlalchemy_gives_them_and_hide_what_was_sent(connection: Connection) -> None:
    run(connection, insert(instances), {"name": "secret", "seen_at": NOON})
    with pytest.raises(IntegrityError) as refused:
        run(connection, insert(instances), {"name": "secret", "seen_at": NOON})
    assert "secret" not in str(refused.value)
    with pytest.raises(OperationalError):
        run_words(connection, "BEGIN NONSENSE")


def test_a_value_that_is_missing_is_not_taken_for_none(connection: Connection) -> None:
    seen = update(instances).where(instances.c.name == bindparam("who")).values(seen_at=bindparam("now"))
    with pytest.raises(KeyError, match="now"):
        run(connection, seen, {"who": "a"})
