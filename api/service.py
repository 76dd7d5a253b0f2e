"""What all endpoints of one application share: its settings, the planner, and the queues before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio.to_thread
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from api.facade import Facade
from api.readiness import ReadinessCheck
from api.requests import parse, read_body, refused
from api.settings import Settings
from api.work_queue import Cancelled, ClientLeft, WorkQueue
from models import InvalidInput
from models.base import DomainType

RequestType = TypeVar("RequestType", bound=DomainType)
CLIENT_CLOSED_REQUEST = 499
"""Nobody reads this status; it only tells the access log why there was no answer."""


@dataclass(frozen=True, slots=True)
class Service:
    """One running service."""

    settings: Settings
    facade: Facade
    solves: WorkQueue = field(init=False)
    """Plans: seconds to minutes each."""
    short_work: WorkQueue = field(init=False)
    """Validations, evaluations, profiles: milliseconds each, so that they need not wait behind plans."""
    readiness: ReadinessCheck = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "solves", WorkQueue(self.settings.solver_slots, self.settings.queue_length))
        object.__setattr__(self, "short_work", WorkQueue(threads=2, waiting=64))
        object.__setattr__(self, "readiness", ReadinessCheck(self.facade.plan))

    async def answer(
        self,
        request: Request,
        kind: type[RequestType],
        queue: WorkQueue,
        work: Callable[[RequestType, Cancelled], BaseModel],
    ) -> Response:
        """Read and check the body, do the work in a thread, and write its result; faults found late are faults too."""
        raw = await read_body(request, self.settings.max_body_bytes)
        asked = await anyio.to_thread.run_sync(parse, kind, raw)
        try:
            answer = await queue.run(request, lambda cancelled: work(asked, cancelled).model_dump_json())
        except InvalidInput as invalid:
            raise refused(invalid, raw) from None
        except ClientLeft:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        return Response(answer, media_type="application/json")


def json_response(answer: BaseModel) -> Response:
    """`answer` as JSON, written once by its own type."""
    return Response(answer.model_dump_json(), media_type="application/json")
