"""What endings mean for plans and frontiers, the same as where the API process solves by itself."""

from __future__ import annotations

from api.execution.base import Ending, Outcome
from api.plans import endings
from api.plans.answers import head_of
from api.plans.known import asked_of
from api.plans.live import Live
from api.plans.solving import MOST_ATTEMPTS
from api.scaleout.meaning import Kept
from api.store.rows import PlanRow


class PlanMeaning:
    """See `Meaning`."""

    most_attempts: int | None = MOST_ATTEMPTS

    def kept(self, row: PlanRow, ending: Ending) -> Kept:
        """See `Meaning.kept`."""
        live = Live(row.id, row.owner, asked_of(row), row.request, created_at=row.created_at)
        if row.cancel_requested:
            live.cancelled.set()
        end = endings.end_of(live, ending)
        return Kept(endings.result_of(live, end), endings.told(end))

    def ending(self, row: PlanRow) -> Ending:
        """See `Meaning.ending`."""
        if row.status == endings.REFUSED:
            return Ending(Outcome.REFUSED, row.answer)
        if row.status == endings.FAILED or row.answer is None:
            return Ending(Outcome.FAILED, message="the worker's log says why")
        head = head_of(asked_of(row).kind, row.answer)
        return Ending(
            Outcome.ANSWERED,
            row.answer,
            queue_seconds=head.get("queue_seconds") or 0.0,
            solve_seconds=head.get("solve_seconds") or 0.0,
        )
