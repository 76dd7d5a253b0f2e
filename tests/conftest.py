"""What tests of several rooms share."""

from __future__ import annotations

from tests.postgres import postgres, postgres_url, private_postgres

__all__ = ["postgres", "postgres_url", "private_postgres"]
