"""Lines of the log, for people or for machines, each with the id of the request that caused it."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from api.settings import LogFormat, Settings

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the request in hand; set by the envelope, seen by all that happens in its task."""
EXCHANGES = logging.getLogger("placement.access")
"""One line per answer. Probes and scrapes are logged at level debug."""

_EXTRAS = ("request_id", "plan_id", "owner", "key_id", "method", "path", "status", "milliseconds", "client", "problem")
"""What a record may carry as `extra`, in the order it is written."""
_NAMES = {"milliseconds": "ms"}


def configuration(settings: Settings) -> dict[str, Any]:
    """For `logging.config.dictConfig`, and for uvicorn's `log_config`: everything to standard error, one line each."""
    formatter = JsonLines if settings.log_format is LogFormat.JSON else PlainLines
    level = settings.log_level.upper()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "handlers": {"stderr": {"()": StandardError, "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "WARNING" if level == "DEBUG" else level},
        "loggers": {
            "placement": {"level": level},
            "procrastinate": {"level": "WARNING"},  # a line for each plan that is queued says nothing new
            "uvicorn": {"level": "INFO" if level == "DEBUG" else level},
            "uvicorn.access": {"level": "CRITICAL", "propagate": False},
            "alembic": {"level": "WARNING"},
        },
    }


class StandardError(logging.Handler):
    """Writes to what is standard error when a line comes, which may have been replaced and closed since the start."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; as everywhere in logging, a failure to do so is reported and hurts nobody."""
        try:
            print(self.format(record), file=sys.stderr, flush=True)  # noqa: T201 - the log's own way out
        except Exception:  # noqa: BLE001 - as in logging.StreamHandler
            self.handleError(record)


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and what is known of the request and the plan."""

    def format(self, record: logging.LogRecord) -> str:
        """`record` as JSON; whatever its message holds, it stays one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_known(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


class PlainLines(logging.Formatter):
    """Time, level, logger, message, then name=value of what is known; control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """`record` as text; only a traceback takes further lines."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        known = "".join(f" {_NAMES.get(name, name)}={value}" for name, value in _known(record).items())
        line = _printable(f"{time}Z {record.levelname:7} {record.name}: {record.getMessage()}{known}")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _known(record: logging.LogRecord) -> dict[str, Any]:
    known = {name: value for name in _EXTRAS if (value := getattr(record, name, None)) not in (None, "")}
    if "request_id" not in known and (request_id := REQUEST_ID.get()):
        known["request_id"] = request_id
    return known


def _printable(text: str) -> str:
    """What comes from outside must neither start a line of its own nor drive a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
