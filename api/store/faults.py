"""Which of a driver's errors mean that the database is out of reach, and which that we asked for nonsense."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from api.store.errors import StoreUnavailable


def translated(error: Exception) -> Exception:
    """`StoreUnavailable` for whatever may pass by itself or by an operator's hand; any other error as it is.

    Drivers class alike what differs: SQLite calls a locked, a full and a read-only database an `OperationalError`,
    psycopg a read-only server an `InternalError`. What certainly is our mistake is told apart instead.
    """
    ours = isinstance(error, (DataError, IntegrityError, ProgrammingError))
    if isinstance(error, NoConnectionFree | OSError) or (isinstance(error, DBAPIError) and not ours):
        return unavailable(error)
    return error


def unavailable(error: Exception) -> StoreUnavailable:
    """The one exception for callers; its message has the driver's words, but neither statement nor parameters."""
    words = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    raised = StoreUnavailable(words.strip() or type(error).__name__)
    raised.__cause__ = error
    return raised
