"""`python -m api.store.migrations "what changes"`: write a migration from the difference to the tables."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from alembic import command
from sqlalchemy import create_engine

from api.store.migrating import configuration, migrate


def main(message: str) -> None:
    """Compare a fresh database at the newest migration with `tables.py`, and write what is missing for review."""
    with create_engine("sqlite://").connect() as connection:
        migrate(connection)
        config = configuration()
        config.attributes["connection"] = connection
        command.revision(config, message, autogenerate=True, rev_id=f"{datetime.now(UTC):%Y%m%d%H%M}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
