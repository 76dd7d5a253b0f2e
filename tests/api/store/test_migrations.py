"""Every database that was ever released becomes one of this release, rows and all."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, make_url
from sqlalchemy.exc import ProgrammingError

from api.store import Database, SchemaTooNew, StoreUnavailable
from api.store.engines import parse
from api.store.migrating import configuration
from api.store.tables import metadata
from tests.api.store import freeze
from tests.postgres import connection_to

RELEASED = sorted(path.name.split(".")[0] for path in freeze.FOLDER.glob("*.sqlite.sql"))


def differences(connection: Connection) -> list[object]:
    """What a migration to `tables.py` would still have to do."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return compare_metadata(context, metadata)


def opened(url: str) -> list[object]:
    """Differences left after the service has opened the database."""

    async def scenario():
        async with Database(url) as database:
            return await database.write(differences)

    return asyncio.run(scenario())


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/plans.sqlite3"
    return request.getfixturevalue("postgres_url")


def load(url: str, revision: str) -> None:
    """Make the database what a release of old left on a user's disk."""
    parsed = make_url(url)
    script = (freeze.FOLDER / f"{revision}.{parsed.get_backend_name()}.sql").read_text()
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(parsed.database))) as connection:
            connection.executescript(script)
    else:
        with connection_to(parsed) as connection:
            connection.execute(script)


@pytest.mark.parametrize("revision", RELEASED)
def test_a_released_database_is_migrated_with_all_that_is_in_it(empty_url, revision):
    load(empty_url, revision)
    assert opened(empty_url) == []
    asyncio.run(freeze.check(empty_url))


def test_a_new_database_has_the_tables_that_the_code_expects(empty_url):
    assert opened(empty_url) == []


def test_the_newest_migration_is_frozen_for_later_releases():
    assert RELEASED[-1:] == [ScriptDirectory.from_config(configuration()).get_current_head()]


def test_opening_again_changes_nothing(empty_url):
    asyncio.run(freeze.fill(empty_url))
    assert opened(empty_url) == []
    asyncio.run(freeze.check(empty_url))


def test_a_database_of_a_newer_release_is_refused_and_left_alone(empty_url):
    opened(empty_url)
    with create_engine(parse(empty_url), poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'of the future'")
    with pytest.raises(SchemaTooNew, match="of the future"):
        opened(empty_url)
    with create_engine(parse(empty_url), poolclass=NullPool).begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "of the future"


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_url, tmp_path, monkeypatch):
    asyncio.run(freeze.fill(empty_url))
    with monkeypatch.context() as patched:
        release_next(tmp_path, patched, "op.drop_table('plan_events')", "op.drop_table('nowhere')")
        with pytest.raises((StoreUnavailable, ProgrammingError), match="nowhere"):
            opened(empty_url)
    assert opened(empty_url) == []
    asyncio.run(freeze.check(empty_url))


def test_altering_a_table_keeps_the_rows_that_refer_to_it(empty_url, tmp_path, monkeypatch):
    asyncio.run(freeze.fill(empty_url))
    steps = ("with op.batch_alter_table('plans') as batch:", "    batch.alter_column('kind', nullable=True)")
    release_next(tmp_path, monkeypatch, *steps)
    assert [change[0][0] for change in opened(empty_url)] == ["modify_nullable"]
    asyncio.run(freeze.check(empty_url))


def release_next(folder: Path, monkeypatch: pytest.MonkeyPatch, *steps: str) -> None:
    """From now on there is a further migration of these steps."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    lines = ["from alembic import op", "revision = 'next'", f"down_revision = {head!r}", "branch_labels = None"]
    lines += ["depends_on = None", "def upgrade():", *(f"    {step}" for step in steps)]
    (folder / "next.py").write_text("\n".join(lines))
    config = configuration()
    shipped = Path(str(config.get_main_option("script_location"))) / "versions"
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", f"{shipped}{os.pathsep}{folder}")
    monkeypatch.setattr("api.store.migrating.configuration", lambda: config)
