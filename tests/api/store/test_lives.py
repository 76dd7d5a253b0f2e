"""Any sequence of calls, crashes and restarts included, against a plain model of what was promised."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from api.store import Database, Filters, PlanStore, Result, Retention
from tests.api.store.rows import plan

OWNERS = st.sampled_from(["ann", "bob"])
KEYS = st.sampled_from([None, None, "once", "twice"])
CONTENTS = st.sampled_from(["x", "y"])
FOR_EVER = 1e9


@dataclass
class Promise:
    """What callers were told of a plan."""

    owner: str
    key: str | None
    content: str
    status: str = "queued"
    answer: bytes | None = None
    proven: bool = False
    attempts: int = 0
    cancelled: bool = False
    events: int = 0
    expired: bool = False


class PlansLive(RuleBasedStateMachine):
    plans = Bundle("plans")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.runner = asyncio.Runner()
        self.promises: dict[str, Promise] = {}
        self.made = 0

    @initialize()
    def boot(self):
        self.database = Database(f"sqlite:///{self.folder}/plans.sqlite3", readers=1)
        self.store = PlanStore(self.database, "here")
        self.run(self.database.open())
        self.run(self.store.open())

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def teardown(self):
        self.teardown_store()
        self.runner.close()
        shutil.rmtree(self.folder)

    def kept(self) -> dict[str, Promise]:
        return {plan_id: promise for plan_id, promise in self.promises.items() if not promise.expired}

    @rule(target=plans, owner=OWNERS, key=KEYS, content=CONTENTS)
    def post(self, owner, key, content):
        self.made += 1
        row = plan(id=f"plan-{self.made:04}", owner=owner, idempotency_key=key, content_key=content)
        inserted = self.run(self.store.insert(row))
        holders = [i for i, p in self.kept().items() if (p.owner, p.key) == (owner, key) and key is not None]
        assert inserted.created == (not holders)
        assert inserted.row.id == (holders[0] if holders else row.id)
        if inserted.created:
            self.promises[row.id] = Promise(owner, key, content)
        return inserted.row.id

    def is_open(self, plan_id: str) -> bool:
        promise = self.promises[plan_id]
        return not promise.expired and promise.answer is None

    @rule(plan_id=plans)
    def start(self, plan_id):
        expected = self.is_open(plan_id)
        assert self.run(self.store.start(plan_id)) == expected
        if expected:
            self.promises[plan_id].status = "running"
            self.promises[plan_id].attempts += 1

    @rule(plan_id=plans, proven=st.booleans())
    def finish(self, plan_id, proven):
        expected = self.is_open(plan_id)
        answer = f"{plan_id} {proven}".encode()
        assert self.run(self.store.finish(plan_id, Result("ended", answer, proven))) == expected
        if expected:
            self.promises[plan_id].status, self.promises[plan_id].answer = "ended", answer
            self.promises[plan_id].proven = proven

    @rule(plan_id=plans)
    def cancel(self, plan_id):
        expected = self.is_open(plan_id)
        assert self.run(self.store.request_cancel(plan_id)) == expected
        self.promises[plan_id].cancelled |= expected

    @rule(plan_id=plans, count=st.integers(1, 3))
    def tell(self, plan_id, count):
        promise = self.promises[plan_id]
        events = [(promise.events + place, "bound", "{}") for place in range(1, count + 1)]
        self.run(self.store.append_events(plan_id, events))
        promise.events += count if not promise.expired else 0

    @rule(count=st.integers(0, 2))
    def expire(self, count):
        expected = []
        for owner in ("ann", "bob"):
            own = {plan_id: promise for plan_id, promise in sorted(self.kept().items()) if promise.owner == owner}
            ended = [plan_id for plan_id, promise in own.items() if promise.answer is not None]
            expected += ended[: max(0, len(own) - count)]
        assert sorted(self.run(self.store.expire(Retention(FOR_EVER, count)))) == sorted(expected)
        for plan_id in expected:
            self.promises[plan_id].expired = True

    @rule()
    def crash_and_restart(self):
        self.teardown_store()
        self.boot()
        found = {row.id: row.attempts for row in self.run(self.store.unfinished())}
        assert found == {i: promise.attempts for i, promise in self.kept().items() if promise.answer is None}

    def teardown_store(self):
        self.run(self.store.close())
        self.run(self.database.close())

    @rule(owner=OWNERS, content=CONTENTS)
    def ask_the_cache(self, owner, content):
        found = self.run(self.store.proven_by_content(owner, content))
        proven = [i for i, p in self.kept().items() if p.proven and (p.owner, p.content) == (owner, content)]
        assert (found.id if found else None) == max(proven, default=None)

    @rule(plan_id=plans, who=OWNERS)
    def look(self, plan_id, who):
        promise = self.promises[plan_id]
        found = self.run(self.store.get(plan_id, who))
        if promise.expired or promise.owner != who:
            assert found is None
            assert self.run(self.store.is_gone(plan_id, who)) == (promise.owner == who)
            return
        seen = (found.status, found.answer, found.proven, found.attempts, found.cancel_requested)
        assert seen == (promise.status, promise.answer, promise.proven, promise.attempts, promise.cancelled)
        assert [event.seq for event in self.run(self.store.events(plan_id))] == list(range(1, promise.events + 1))

    @rule(owner=OWNERS, limit=st.integers(1, 3), status=st.sampled_from([(), ("queued",), ("running", "ended")]))
    def leaf_through(self, owner, limit, status):
        listed, cursor = [], None
        while True:
            page = self.run(self.store.page(owner, Filters(status=status), cursor, limit))
            listed += [row.id for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
            assert len(page.rows) == limit
        own = [i for i, p in self.kept().items() if p.owner == owner and (not status or p.status in status)]
        assert listed == sorted(own, reverse=True)


PlansLive.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
TestPlansLive = PlansLive.TestCase
