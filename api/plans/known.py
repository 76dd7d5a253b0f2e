"""Answers that need no solving: proven ones to the same question, and the one that an Idempotency-Key stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from api.execution.base import Kind
from api.plans import endings
from api.plans.answers import Asked, renewed, without_plan
from api.plans.cache import ProvenAnswer, ProvenAnswers
from api.plans.live import End, Live, View
from api.plans.refusals import key_reused
from api.settings import Settings
from api.store.plans import PlanStore
from api.store.rows import Inserted, PlanRow
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
        if not proven.marked:
            proven = replace(proven, answer=renewed(asked.kind, proven.answer, cached=True), marked=True)
            self._proven.put(owner, asked.content_key, proven)
        return View(proven.plan_id, proven.status, proven.answer, finished=True)

    async def found(self, live: Live) -> View | None:
        """A proven answer to the plan's question; as a plan of its own under the Idempotency-Key, if there is one."""
        known = self.remembered(live.owner, live.asked)
        if known is None:
            row = await self._store.proven_by_content(live.owner, live.asked.content_key)
            known = None if row is None else self._learnt(live, row)
        return known if known is None or live.key is None else await self.copied(live, known)

    async def kept(self, live: Live) -> Inserted | View:
        """Keep a new plan, or answer it as `found` would: the store looks and inserts in one go."""
        events = live.unkept()
        inserted = await self._store.insert(endings.row_of(live), events, unless_proven=not live.fresh)
        if not inserted.proven:
            return inserted
        live.kept -= len(events)
        known = self._learnt(live, inserted.row)
        return known if live.key is None else await self.copied(live, known)

    def _learnt(self, live: Live, row: PlanRow) -> View:
        """A proven plan of the store as an answer, kept in memory for who asks next."""
        assert row.answer is not None, "what is proven has an answer"
        assert row.ended_at is not None, "what is proven has ended"
        body = renewed(live.asked.kind, row.answer, cached=True)
        known = ProvenAnswer(row.id, row.status, body, row.ended_at, marked=True)
        self._proven.put(live.owner, live.asked.content_key, known)
        return View(row.id, row.status, body, finished=True)

    def learn(self, live: Live, end: End) -> None:
        """Keep an end in memory if it is proven."""
        if endings.is_proven(end):
            known = ProvenAnswer(live.plan_id, end.status, end.body, datetime.now(UTC))
            self._proven.put(live.owner, live.asked.content_key, known)

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
