"""Callers of all kinds, each in a thread: they wait, come back later, cancel, listen, repeat themselves, hang up."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

import httpx

from benchmarks.served import PLAIN
from benchmarks.soak import questions
from benchmarks.soak.ledger import Ledger, Question

ASYNC = {"Prefer": "respond-async"}
PATIENCE_S = 60.0
LONGEST_PAUSE_S = 0.04
WITHOUT_SERVICE_S = 0.2
_ENDED_BY_US = frozenset({"worker_lost"})


class Caller:
    """One caller."""

    def __init__(self, url: str, ledger: Ledger, seed: int) -> None:
        self._ledger, self._random, self._url = ledger, Random(seed), url  # noqa: S311 - load, not secrets
        self._seed = seed * 10**6
        self._client = httpx.Client(base_url=url, timeout=PATIENCE_S, verify=PLAIN)

    def call_until(self, over: threading.Event) -> None:
        """One thing after the other, at random."""
        names = list(ACTIONS)
        weights = [ACTIONS[name][1] for name in names]
        with self._client:
            while not over.is_set():
                [name] = self._random.choices(names, weights)
                try:
                    ACTIONS[name][0](self, name)
                except httpx.HTTPError:
                    self._ledger.unanswered(name)
                    over.wait(WITHOUT_SERVICE_S)
                over.wait(self._random.uniform(0.0, LONGEST_PAUSE_S))

    def wait_for_it(self, name: str) -> None:
        """A plan that is waited for."""
        self._ask(name, self._some_question(), questions.FRESH)

    def come_back_later(self, name: str) -> None:
        """A plan whose id is all that is wanted for now."""
        self._ask(name, self._some_question(), questions.FRESH | ASYNC)

    def ask_again(self, name: str) -> None:
        """What was asked many times before."""
        self._ask(name, questions.tiny(0), {})

    def with_a_key(self, name: str) -> None:
        """A plan under a new key, asked for twice."""
        key, question = f"soak-{uuid.uuid4()}", self._some_question()
        for _ in range(2):
            self._ask(name, question, ASYNC, key)

    def repeat_oneself(self, name: str) -> None:
        """An old key, with the same body."""
        known = self._ledger.any_key(self._random)
        if known is not None:
            self._ask(name, known[1], ASYNC, known[0])

    def cancel(self, name: str) -> None:
        """A plan that is cancelled before, while or after it is solved."""
        question = questions.endless(self._random) if self._random.random() < 0.7 else self._tiny()
        plan_id = self._ask(name, question, questions.FRESH | ASYNC)
        if plan_id is not None:
            time.sleep(self._random.choice([0.0, 0.1, 1.0]))
            self._ledger.cancelled(plan_id)
            self._ledger.answered(f"{name}: DELETE", self._client.delete(f"/plans/{plan_id}"))

    def listen(self, name: str) -> None:
        """The events of a plan; broken off, they are asked for again from where they broke off."""
        plan_id = self._ask(name, questions.middling(self._random), questions.FRESH | ASYNC)
        seen = 0
        for _ in range(20 if plan_id is not None else 0):
            try:
                seen, done = self._listened(f"{name}: events", f"/plans/{plan_id}/events", seen)
            except httpx.HTTPError:
                self._ledger.unanswered(f"{name}: events")
                done = False
            if done:
                return
            time.sleep(WITHOUT_SERVICE_S)

    def look_around(self, name: str) -> None:
        """The list of plans, two pages of it."""
        address: str | None = "/plans?limit=20"
        for _ in range(2):
            answer = self._client.get(address or "")
            self._ledger.answered(name, answer)
            if answer.status_code != 200 or (address := answer.json()["next"]) is None:
                return

    def look_it_up(self, name: str) -> None:
        """Some plan that was promised."""
        plan_id = self._ledger.any_promise(self._random)
        if plan_id is not None:
            answer = self._client.get(f"/plans/{plan_id}")
            self._ledger.answered(name, answer)
            if answer.status_code not in (200, 202, 503):
                self._ledger.accuse("a promised plan is not there", f"{plan_id}: {answer.status_code}")

    def talk_nonsense(self, name: str) -> None:
        """A body that is no request."""
        answer = self._client.post("/plan", content=questions.nonsense(self._random))
        self._ledger.answered(name, answer)
        if 400 <= answer.status_code < 500:
            self._ledger.refused()
        elif answer.status_code != 503:
            self._ledger.accuse("nonsense is not refused", f"{answer.status_code} {answer.text[:100]}")

    def hang_up(self, name: str) -> None:
        """A plan that is asked for and not waited for, without a key: nobody shall solve it for long."""
        try:
            self._client.post(
                "/plan", json=questions.endless(self._random).body, timeout=self._random.uniform(0.01, 0.5)
            )
        except httpx.TimeoutException:
            self._ledger.unanswered(f"{name}, as intended:")

    def other_work(self, name: str) -> None:
        """A score, a frontier, a request that cannot be met."""
        path, body = self._random.choice([
            ("/plan:evaluate", questions.EVALUATION),
            ("/frontier", questions.FRONTIER),
            ("/plan", questions.INFEASIBLE),
            ("/plan:validate", questions.INFEASIBLE),
        ])  # fmt: skip
        answer = self._client.post(path, content=body)
        self._ledger.answered(f"{name}: {path}", answer)
        if answer.status_code not in (200, 202, 503):
            self._ledger.accuse("sound work is refused", f"{path}: {answer.status_code} {answer.text[:200]}")

    def _tiny(self) -> Question:
        self._seed += 1
        return questions.tiny(self._seed)

    def _some_question(self) -> Question:
        chance = self._random.random()
        if chance < 0.75:
            return self._tiny()
        return questions.middling(self._random) if chance < 0.97 else questions.large(self._random)

    def _ask(self, name: str, question: Question, headers: dict[str, str], key: str | None = None) -> str | None:
        """The id of the plan, if one was promised or answered."""
        if key is not None:
            self._ledger.asked_with(key, question)
            headers = headers | {"Idempotency-Key": key}
        answer = self._client.post("/plan", json=question.body, headers=headers)
        self._ledger.answered(name, answer)
        if answer.status_code not in (200, 202):
            if answer.status_code != 503:
                self._ledger.accuse("sound work is refused", f"{answer.status_code} {answer.text[:200]}")
            time.sleep(WITHOUT_SERVICE_S)
            return None
        plan = answer.json()
        self._ledger.promised(plan["id"], question, key)
        if answer.status_code == 200 and not self._ledger.promises[plan["id"]].cancelled:
            check_answer(self._ledger, question, plan)
        return str(plan["id"])

    def _listened(self, name: str, path: str, seen: int) -> tuple[int, bool]:
        """Number of the last event, and whether it was the last of all; numbers rise by one."""
        with self._client.stream("GET", path, headers={"Last-Event-ID": str(seen)}) as stream:
            self._ledger.answered(name, stream)
            for line in stream.iter_lines() if stream.status_code == 200 else ():
                if line.startswith("id: "):
                    number = int(line.removeprefix("id: "))
                    if number <= seen:
                        self._ledger.accuse("an event is told twice", f"{path}: {number} after {seen}")
                    seen = number
                elif line == "event: done":
                    return seen, True
        return seen, False


def check_answer(ledger: Ledger, question: Question, plan: dict[str, object]) -> None:
    """A plan that nobody cancelled is the best one, or says why it is not."""
    if question.objective is None or plan["termination"] in _ENDED_BY_US:
        return
    objective = plan["objective"]
    if not (
        isinstance(objective, float) and abs(objective - question.objective) < 1e-6 and plan["status"] == "optimal"
    ):
        ledger.accuse("a wrong answer", json.dumps(plan)[:300])


Action = Callable[[Caller, str], None]
ACTIONS: Mapping[str, tuple[Action, int]] = MappingProxyType({
    "wait": (Caller.wait_for_it, 20),
    "later": (Caller.come_back_later, 20),
    "known": (Caller.ask_again, 20),
    "key": (Caller.with_a_key, 10),
    "repeat": (Caller.repeat_oneself, 8),
    "cancel": (Caller.cancel, 3),
    "listen": (Caller.listen, 4),
    "list": (Caller.look_around, 6),
    "look up": (Caller.look_it_up, 15),
    "nonsense": (Caller.talk_nonsense, 12),
    "hang up": (Caller.hang_up, 2),
    "other": (Caller.other_work, 6),
})  # fmt: skip
"""What callers do, and how often."""
