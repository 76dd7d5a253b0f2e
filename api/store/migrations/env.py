"""What Alembic runs to migrate the connection that it is given."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from api.store.tables import UtcTime, metadata


def _as_it_is_stored(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Migrations name the column's type in the database, so that they still run when our Python type is gone."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most things in place; a batch copies the table instead.
    render_as_batch=True,
    transactional_ddl=True,
    render_item=_as_it_is_stored,
)
context.run_migrations()
