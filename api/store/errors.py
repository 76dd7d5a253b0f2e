"""What can go wrong with the store, one exception for each thing a caller can do about it."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """The database cannot be reached, is locked, is full or may not be written: try again later.

    A read changed nothing. A write that raises this is not promised: usually it left nothing behind; if the connection
    broke while it was being committed, it may still be there.
    """


class SchemaTooNew(Exception):
    """The database was written by a newer release, whose tables this one does not know: run that release."""


class BadCursor(ValueError):
    """The cursor is not one that the store handed out."""
