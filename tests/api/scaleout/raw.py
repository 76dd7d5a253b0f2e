"""A meaning that gives none: endings are kept word for word, so that executors can be compared."""

from __future__ import annotations

import base64
import json
from typing import Any

from api.execution.base import Ending, Outcome
from api.scaleout.meaning import Kept
from api.store.rows import PlanRow, Result


class RawMeaning:
    def __init__(self, most_attempts: int | None = None) -> None:
        self.most_attempts = most_attempts

    def kept(self, row: PlanRow, ending: Ending) -> Kept:
        body = None if ending.body is None else base64.b64encode(ending.body).decode()
        said: dict[str, Any] = {
            "body": body,
            "message": ending.message,
            "queue_seconds": ending.queue_seconds,
            "solve_seconds": ending.solve_seconds,
        }
        return Kept(Result(ending.outcome, json.dumps(said).encode()), {"status": ending.outcome})

    def ending(self, row: PlanRow) -> Ending:
        said = json.loads(row.answer or b"")
        body = said.pop("body")
        return Ending(Outcome(row.status), body=None if body is None else base64.b64decode(body), **said)
