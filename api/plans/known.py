"""Answers that need no solving: proven ones to the same question, and the one that an Idempotency-Key stands for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.execution.base import Kind
from api.plans import endings
from api.plans.answers import Asked, renewed, without_plan
from api.plans.cache import ProvenAnswer, ProvenAnswers
from api.plans.live import End, Live, View
from api.plans.refusals import key_reused
from api.settings import Settings
from api.store.plans import PlanStore
from api.store.rows import PlanRow
from models.constraints import ObjectiveKind
from models.plan import Status


@dataclass(frozen=True, slots=True)
class Order:
    """A request for a plan or a frontier, as it came in."""

    owner: str
    kind: Kind
    raw: bytes
    key: str | None = None
    """Idempotency-Key."""
    fresh: bool = False
    """Solve, though the answer may be known."""
    traceparent: str | None = None


class KnownAnswers:
    """What the store knows, with a memory in front of it."""

    def __init__(self, store: PlanStore, settings: Settings) -> None:
        self._store = store
        self._kept_for = timedelta(seconds=settings.retention_s)
        self._proven = ProvenAnswers(settings.cache_bytes)

    def remembered(self, owner: str, asked: Asked) -> View | None:
        """The owner's proven answer to the same question, if it is in memory."""
        proven = self._proven.get(owner, asked.content_key)
        if proven is None or datetime.now(UTC) - proven.ended_at > self._kept_for:
            return None
        return View(proven.plan_id, proven.status, proven.answer, finished=True)

    async def found(self, live: Live) -> View | None:
        """A proven answer to the plan's question; as a plan of its own under the Idempotency-Key, if there is one."""
        known = self.remembered(live.owner, live.asked) or await self._stored(live.owner, live.asked)
        return known if known is None or live.key is None else await self.copied(live, known)

    async def _stored(self, owner: str, asked: Asked) -> View | None:
        row = await self._store.proven_by_content(owner, asked.content_key)
        if row is None or row.answer is None or row.ended_at is None:
            return None
        return self._remember(owner, asked, row.id, row.status, row.answer, row.ended_at)

    def learn(self, live: Live, end: End) -> None:
        """Keep an end in memory if it is proven."""
        if endings.is_proven(end):
            self._remember(live.owner, live.asked, live.plan_id, end.status, end.body, datetime.now(UTC))

    def forget(self, plan_ids: list[str]) -> None:
        """The store keeps these plans no longer."""
        self._proven.forget(set(plan_ids))

    async def copied(self, live: Live, found: View) -> View:
        """The plan, ended at once with the answer that is known; raises `Problem` for a key that was used otherwise."""
        end = endings.answered(live, renewed(live.asked.kind, found.body, id=live.plan_id))
        if not live.events:
            live.tell("queued", {"id": live.plan_id})
        live.tell("done", endings.told(end))
        inserted = await self._store.insert(endings.row_of(live, end), live.unkept())
        if not inserted.created:
            return same_question(inserted.row, live.asked)
        return View(live.plan_id, end.status, end.body, finished=True)

    def _remember(self, owner: str, asked: Asked, plan_id: str, status: str, answer: bytes, ended_at: datetime) -> View:
        marked = renewed(asked.kind, answer, cached=True)
        self._proven.put(owner, asked.content_key, ProvenAnswer(plan_id, status, marked, ended_at))
        return View(plan_id, status, marked, finished=True)


def asked_of(row: PlanRow) -> Asked:
    """What a row of the store says about its request."""
    return Asked(
        Kind(row.kind),
        row.content_key,
        row.time_limit_s,
        row.name,
        ObjectiveKind(row.objective) if row.objective else ObjectiveKind.LATENCY,
    )


def view_of(row: PlanRow) -> View:
    """A plan that this process does not look after."""
    if row.ended:
        assert row.answer is not None, "what ends has an answer"
        return View(row.id, row.status, row.answer, finished=True)
    return View(row.id, row.status, without_plan(asked_of(row), row.id, Status(row.status)), finished=False)


def same_question(row: PlanRow, asked: Asked) -> View:
    """The plan kept under an Idempotency-Key, if it was asked for by the same request."""
    if row.content_key != asked.content_key:
        raise key_reused()
    return view_of(row)
