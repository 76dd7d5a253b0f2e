"""Plans that an earlier process left behind: remembered, and gone on with, or ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.execution.base import Kind
from api.plans import endings
from api.plans.intake import Intake
from api.plans.known import asked_of
from api.plans.live import Live
from api.plans.solving import MOST_ATTEMPTS, Solving
from api.store.plans import PlanStore
from api.store.rows import PlanRow
from models.plan import Termination

_ALL = 10**6


@dataclass(frozen=True, slots=True)
class Left:
    """A plan as it was left behind."""

    live: Live
    cancel_requested: bool
    problem: Exception | None
    """Why it can be solved no more: the rules may have changed with the release."""

    def go_on(self, solving: Solving, released: Callable[[Live], None]) -> None:
        """Solve it again, unless nobody wants it, or it was begun too often: then its best is answered."""
        if self.problem is not None:
            solving.finish(self.live, endings.failed(self.live, repr(self.problem)), released)
        elif self.cancel_requested:
            solving.give_up(self.live, Termination.CANCELLED, released)
        elif self.live.attempts >= MOST_ATTEMPTS:
            solving.give_up(self.live, Termination.WORKER_LOST, released)
        else:
            solving.resume(self.live, released)


async def recalled(row: PlanRow, intake: Intake, store: PlanStore) -> Left:
    """The plan of a row (with its request), and all that was told of it."""
    kind = Kind(row.kind)
    problem: Exception | None = None
    asked = asked_of(row)
    try:
        asked = await intake.asked(kind, row.request, intake.digest(kind, row.request))
    except Exception as error:  # noqa: BLE001 - nothing may stop a start
        problem = error
    live = Live(
        row.id,
        row.owner,
        asked,
        row.request,
        key=row.idempotency_key,
        created_at=row.created_at,
        attempts=row.attempts,
        noted_attempts=row.attempts,
    )
    live.promised = True
    live.recall(await store.events(row.id, limit=_ALL))
    return Left(live, row.cancel_requested, problem)
