"""Whatever callers do in whatever order, with restarts in between: the answers are those of a simple model."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

import examples
from api.store.rows import Retention
from examples import Purpose
from models import PlanRequest
from tests.api.clients import Client, events_of
from tests.api.conftest import any_plan_of, app_with

from .conftest import numbered

QUESTIONS = st.integers(0, 3)
KEYS = st.sampled_from(["a", "b"])
[BODY] = [e for e in examples.of(Purpose.PLAN) if e.name == "two-nodes-by-hand"]
REQUEST = PlanRequest.model_validate_json(BODY.read()).model_dump(mode="json", exclude_unset=True)


@dataclass
class Known:
    """What the model knows of one plan."""

    question: int
    ended: str | None = None
    """Termination, once it is certain."""
    cancelled: bool = False


class Lives(RuleBasedStateMachine):
    """One process at a time over one database; its solver is held or let go by the test."""

    plans: Bundle[str] = Bundle("plans")

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.known: dict[str, Known] = {}
        self.gone: set[str] = set()
        self.keys: dict[str, str] = {}
        self.held = False
        self.contexts = ExitStack()
        self.open()

    def open(self) -> None:
        app = app_with(plan=self.plan, database_url=f"sqlite:///{self.folder / 'plans.sqlite3'}", drain_grace_s=0)
        self.client = self.contexts.enter_context(Client(app))

    def plan(self, asked: Any, *, cancelled: Any = None) -> Any:
        while self.held and cancelled is not None and not cancelled():
            time.sleep(0.002)
        return any_plan_of(asked, cancelled=cancelled)

    def teardown(self) -> None:
        self.held = False
        if hasattr(self, "contexts"):
            self.contexts.close()
            shutil.rmtree(self.folder)

    @rule()
    def let_go(self) -> None:
        self.held = False

    @rule()
    def hold(self) -> None:
        self.held = True

    @rule(target=plans, question=QUESTIONS, fresh=st.booleans())
    def ask_and_come_back(self, question: int, fresh: bool) -> Any:
        headers = {"prefer": "respond-async"} | ({"cache-control": "no-cache"} if fresh else {})
        answer = self.client.post("/plan", json=numbered(REQUEST, question), headers=headers)
        if answer.status_code == 503:  # two are held, and sixteen wait
            return multiple()
        return self.taken(question, answer, fresh)

    @rule(target=plans, question=QUESTIONS, key=KEYS)
    def ask_with_a_key(self, question: int, key: str) -> Any:
        headers = {"prefer": "respond-async", "idempotency-key": key}
        answer = self.client.post("/plan", json=numbered(REQUEST, question), headers=headers)
        if key not in self.keys:
            if answer.status_code == 503:
                return multiple()
            self.keys[key] = answer.json()["id"]
            return self.taken(question, answer, fresh=False)
        if self.known[self.keys[key]].question != question:
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
            return multiple()
        assert answer.json()["id"] == self.keys[key]
        return multiple()

    def taken(self, question: int, answer: Any, fresh: bool) -> str:
        assert answer.status_code in {200, 202}, answer.text
        plan = answer.json()
        if plan["cached"]:
            assert not fresh
            assert question in {known.question for known in self.known.values()}
        self.known.setdefault(plan["id"], Known(question))
        return plan["id"]

    @precondition(lambda self: not self.held)
    @rule(plan=plans)
    def wait_for(self, plan: str) -> None:
        answer = self.client.get(f"/plans/{plan}", headers={"prefer": "wait=60"})
        if plan in self.gone:
            assert answer.status_code == 410
            return
        assert answer.status_code == 200
        self.ended_as(plan, answer.json()["termination"])

    @rule(plan=plans)
    def look_at(self, plan: str) -> None:
        answer = self.client.get(f"/plans/{plan}")
        assert answer.status_code == (410 if plan in self.gone else 202 if self.unended(answer) else 200)
        if answer.status_code == 200:
            self.ended_as(plan, answer.json()["termination"])

    @rule(plan=plans)
    def cancel(self, plan: str) -> None:
        answer = self.client.delete(f"/plans/{plan}")
        if plan in self.gone:
            assert answer.status_code == 410
            return
        assert answer.status_code == 200
        self.known[plan].cancelled = True
        self.ended_as(plan, answer.json()["termination"])

    @rule(plan=plans, last=st.integers(0, 3))
    @precondition(lambda self: not self.held)
    def watch(self, plan: str, last: int) -> None:
        answer = self.client.get(f"/plans/{plan}/events", headers={"last-event-id": str(last)})
        if plan in self.gone:
            assert answer.status_code == 410
        elif answer.status_code == 200:
            told = events_of(answer.text)
            assert told[-1]["event"] == "done"
            assert [int(event["id"]) for event in told] == list(range(last + 1, last + 1 + len(told)))
        else:
            assert answer.status_code == 204

    @rule()
    def expire(self) -> None:
        service = self.client.app.state.service
        self.client.get("/plans")  # what has ended is kept by now

        async def expire() -> list[str]:
            gone = await service.store.expire(Retention(age_s=0.0, count=1))
            service.desk.forget(gone)
            return gone

        gone = self.client.portal.call(expire)
        self.gone |= set(gone)
        self.keys = {key: plan for key, plan in self.keys.items() if plan not in self.gone}

    @rule()
    def restart(self) -> None:
        self.contexts.close()
        self.open()

    @invariant()
    def the_list_holds_every_plan_that_is_kept(self) -> None:
        if hasattr(self, "client"):
            listed = self.client.get("/plans?limit=500").json()["plans"]
            assert {entry["id"] for entry in listed} == set(self.known) - self.gone

    def ended_as(self, plan: str, termination: str) -> None:
        known = self.known[plan]
        assert termination in ({"optimal", "cancelled"} if known.cancelled else {"optimal"})
        assert known.ended in (None, termination), "an end never changes"
        known.ended = termination

    def unended(self, answer: Any) -> bool:
        return answer.json().get("status") in {"queued", "running"}


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=6, stateful_step_count=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
