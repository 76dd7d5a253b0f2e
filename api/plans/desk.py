"""Where plans are taken in, waited for, cancelled and found again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from api.execution.base import Executor, Full, Job, Kind
from api.observability.instruments import Instruments
from api.plans.answers import Asked
from api.plans.intake import Intake, answer_of, done_by_clerk
from api.plans.known import KnownAnswers, Order, same_question, view_of
from api.plans.live import Live, Told, View
from api.plans.recovery import recalled
from api.plans.refusals import busy, draining, gone, key_reused, not_found
from api.plans.solving import Solving
from api.problems import Problem
from api.settings import Settings
from api.store.ids import new_plan_id
from api.store.plans import PlanStore
from api.store.rows import Filters, Page, PlanRow

CANCEL_S = 10.0
"""Longest wait for a cancelled plan to end; far longer than it takes."""
POLL_S = 0.5
"""How often a plan that another process looks after is looked at."""
LONGEST_KEEPING_S = 2.0
"""How long a list waits for ends that are being kept; longer, and the store has a problem."""
SHORT_WORK_S = 60.0
"""Most time that a clerk may take."""


class PlanDesk:
    """The plans of one process, in front of an executor and a store. One event loop owns it."""

    def __init__(self, executor: Executor, store: PlanStore, settings: Settings, instruments: Instruments) -> None:
        self._executor = executor
        self._store = store
        self._settings = settings
        self._instruments = instruments
        self._intake = Intake(executor, settings)
        self._known = KnownAnswers(store, settings)
        self._solving = Solving(executor, store, self._known, instruments)
        self._lives: dict[str, Live] = {}
        self._by_key: dict[tuple[str, str], Live] = {}
        self._drained: asyncio.Task[None] | None = None

    @property
    def draining(self) -> bool:
        """Whether the service is being stopped."""
        return self._solving.draining.is_set()

    def begin_drain(self) -> None:
        """Take no new plans; end all streams."""
        self._solving.draining.set()
        for live in self._lives.values():
            live.close_streams()

    async def drain(self, grace_s: float) -> None:
        """Let running plans end within `grace_s`; what is not solved by then stays in the store for the next start.

        Called again, it waits for the same end.
        """
        self.begin_drain()
        if self._drained is None:
            self._drained = asyncio.create_task(self._drain(grace_s))
        await asyncio.shield(self._drained)

    async def _drain(self, grace_s: float) -> None:
        await self._executor.close(grace_s)
        self._solving.closed = True
        await self._solving.settled()

    async def take(self, order: Order) -> View | Live:
        """An answer that is there already, or the plan that will become one; raises `Problem` or `Refusal`."""
        if self.draining:
            raise draining()
        digest = self._intake.digest(order.kind, order.raw)
        asked = self._intake.known(digest) or await self._intake.asked(order.kind, order.raw, digest)
        if order.key is not None:
            repeated = await self._repeated(order.owner, order.key, asked)
            if repeated is not None:
                return repeated
        return await self._accept(order, asked)

    async def _repeated(self, owner: str, key: str, asked: Asked) -> View | Live | None:
        """What was asked for with this key before."""
        live = self._by_key.get((owner, key))
        if live is None:
            row = await self._store.by_idempotency_key(owner, key)
            if row is not None:
                return same_question(row, asked)
            live = self._by_key.get((owner, key))
        if live is not None and live.asked.content_key != asked.content_key:
            raise key_reused()
        return live

    async def outcome(self, live: Live) -> View:
        """The plan that was taken, as it is now; from then on its id is known, and it is solved whoever leaves.

        Raises `Problem` when it could not be accepted after all.
        """
        await live.accepted.wait()
        if live.problem is not None:
            raise live.problem
        if live.found is not None:
            return live.found
        if live.instead is not None:
            kept = same_question(live.instead, live.asked)
            return kept if kept.finished else await self.wait(live.owner, kept.plan_id, live.asked.time_limit_s)
        live.promised = True
        return live.view()

    async def work(self, kind: Kind, raw: bytes, traceparent: str | None = None) -> bytes:
        """The answer of a clerk; raises `Problem` or `Refusal`."""
        if self.draining:
            raise draining()
        job = Job(new_plan_id(), kind, raw, SHORT_WORK_S, traceparent)
        ending = await done_by_clerk(self._executor, job)
        self._instruments.job_ended(job, ending, ending.outcome.value, "")
        return answer_of(ending)

    def in_hand(self, owner: str, plan_id: str) -> Live | None:
        """The owner's plan, if this process looks after it."""
        live = self._lives.get(plan_id)
        return live if live is not None and live.owner == owner else None

    async def view(self, owner: str, plan_id: str) -> View:
        """The plan as it is now; raises `Problem` when it is not there or no longer there."""
        live = self.in_hand(owner, plan_id)
        if live is not None and not live.settled_otherwise:
            return live.view()
        row = await self._store.get(plan_id, owner)
        if row is not None:
            return view_of(row)
        raise gone() if await self._store.is_gone(plan_id, owner) else not_found()

    async def wait(self, owner: str, plan_id: str, seconds: float) -> View:
        """The plan once it has ended, or as it is after this time."""
        until = asyncio.get_running_loop().time() + seconds
        while True:
            live = self.in_hand(owner, plan_id)
            left = until - asyncio.get_running_loop().time()
            if live is not None:
                await until_set(live.ended, left)
                return await self.view(owner, plan_id)
            seen = await self.view(owner, plan_id)
            if seen.finished or left <= 0 or self.draining:
                return seen
            await self._store.changed(plan_id, min(POLL_S, left))

    async def check_known(self, owner: str, plan_id: str) -> None:
        """Raise `Problem` when the owner has no such plan, or no longer."""
        if self.in_hand(owner, plan_id) is None and await self._store.status(plan_id, owner) is None:
            raise gone() if await self._store.is_gone(plan_id, owner) else not_found()

    async def changed(self, plan_id: str) -> None:
        """Return when a plan that another process looks after may have changed, `POLL_S` later at the latest."""
        await self._store.changed(plan_id, POLL_S)

    async def request(self, owner: str, plan_id: str) -> bytes:
        """The request as it was posted."""
        live = self.in_hand(owner, plan_id)
        if live is not None:
            return live.raw
        row = await self._store.get(plan_id, owner, with_request=True)
        if row is None:
            raise gone() if await self._store.is_gone(plan_id, owner) else not_found()
        return row.request

    async def page(self, owner: str, filters: Filters, cursor: str | None, limit: int) -> Page:
        """Plans of an owner, newest first; raises `BadCursor`.

        Answers are given while the end of their plan is being kept. Whoever got one shall find it here as he knows it.
        """
        until = asyncio.get_running_loop().time() + LONGEST_KEEPING_S
        for live in [live for live in self._lives.values() if live.end is not None]:
            await until_set(live.kept_end, until - asyncio.get_running_loop().time())
        return await self._store.page(owner, filters, cursor, limit)

    async def events(self, owner: str, plan_id: str, after: int) -> tuple[list[Told], bool]:
        """Events behind a number, and whether none can follow any more."""
        live = self.in_hand(owner, plan_id)
        if live is not None and live.remembers(after):
            return list(live.behind(after)), False
        # Looked at before the events: the last of them are written together with the end.
        row = await self._store.status(plan_id, owner)
        kept = [Told(event.seq, event.name, event.data) for event in await self._store.events(plan_id, after)]
        if live is not None and not kept:
            return list(live.behind(after)), False
        return kept, not kept and (row is None or row.ended)

    async def cancel(self, owner: str, plan_id: str) -> View:
        """End the plan soon; the best so far. A plan that has ended stays as it is."""
        live = self.in_hand(owner, plan_id)
        if live is not None:
            self._solving.cancel(live)
        else:
            seen = await self.view(owner, plan_id)
            if seen.finished:
                return seen
            await self._store.request_cancel(plan_id)
            self._executor.cancel(plan_id)
        return await self.wait(owner, plan_id, CANCEL_S)

    def abandon(self, live: Live) -> None:
        """The caller has left without knowing the id; cancel what nobody can ask for."""
        if not live.promised:
            self._solving.cancel(live)

    async def resume(self, rows: list[PlanRow]) -> None:
        """Go on with plans that an earlier process left behind, or end them."""
        for row in rows:
            left = await recalled(row, self._intake, self._store)
            self._register(left.live)
            left.go_on(self._solving, self._release)

    async def obey_cancellations(self, changed: str | None) -> None:
        """Cancel plans for which another process was asked to: the one that changed, or any (None)."""
        for live in list(self._lives.values()):
            if changed in (None, live.plan_id) and live.accepted.is_set() and not live.cancelled.is_set():
                row = await self._store.status(live.plan_id, None)
                if row is not None and row.cancel_requested:
                    self._solving.cancel(live)

    def forget(self, plan_ids: list[str]) -> None:
        """The store keeps these plans no longer."""
        self._known.forget(plan_ids)

    async def _accept(self, order: Order, asked: Asked) -> View | Live:
        if order.key is not None and (live := self._by_key.get((order.owner, order.key))) is not None:
            if live.asked.content_key != asked.content_key:
                raise key_reused()
            return live
        known = None if order.fresh else self._known.remembered(order.owner, asked)
        if known is not None and order.key is None:
            self._instruments.looked_up(hit=True)
            return known
        live = Live(new_plan_id(), order.owner, asked, order.raw, key=order.key, traceparent=order.traceparent)
        live.promised, live.fresh = order.key is not None, order.fresh
        if known is not None:
            self._instruments.looked_up(hit=True)
            return await self._known.copied(live, known)
        try:
            self._executor.check_room(order.kind)
        except Full as full:
            found = None if order.fresh else await self._known.found(live)
            if found is None:
                raise busy(full) from None
            return found
        self._register(live)
        try:
            await self._solving.admit(live, self._release)
        except Problem as problem:
            live.problem = problem
            live.accepted.set()
            live.ended.set()
            self._release(live)
            raise
        return live

    def _register(self, live: Live) -> None:
        self._lives[live.plan_id] = live
        if live.key is not None:
            self._by_key[live.owner, live.key] = live

    def _release(self, live: Live) -> None:
        """The plan is in the store, or nowhere: this process has no more to do with it."""
        self._lives.pop(live.plan_id, None)
        if live.key is not None:
            self._by_key.pop((live.owner, live.key), None)


async def until_set(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, at most so long; whether it is set."""
    if not event.is_set() and seconds > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
    return event.is_set()
