"""What callers were promised and told, kept on their side: the service is not asked what it remembers."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Question:
    """A request for a plan."""

    body: dict[str, Any]
    objective: float | None = None
    """Of the best plan, where it is known beforehand."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Promise:
    """A plan whose id somebody was given."""

    question: Question
    cancelled: bool = False
    """Somebody asked for its end."""


class Ledger:
    """Every promise and every broken rule of one run. Any thread may write."""

    MOST_WORDS = 50

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.promises: dict[str, Promise] = {}
        """By the plan's id."""
        self.keys: dict[str, tuple[Question, str | None]] = {}
        """By Idempotency-Key: what was asked, and the id that was answered; None while no answer got through."""
        self.answers: Counter[str] = Counter()
        """How many, by what was done and the HTTP status; `no answer`: the connection broke, or there was none."""
        self.bad_inputs = 0
        self.broken: Counter[str] = Counter()
        """Rules that the service broke; empty, or the run has failed."""
        self.words: list[str] = []
        """The first of them in full."""

    def answered(self, action: str, answer: httpx.Response) -> None:
        """Note an answer; one of 5xx that is not 503 with Retry-After breaks a rule."""
        with self._lock:
            self.answers[f"{action} {answer.status_code}"] += 1
        if answer.status_code >= 500 and not (answer.status_code == 503 and "retry-after" in answer.headers):
            self.accuse("5xx that is not 503 with Retry-After", f"{action}: {answer.status_code} {answer.text[:300]}")

    def unanswered(self, action: str) -> None:
        """Note a call of which nothing came back."""
        with self._lock:
            self.answers[f"{action} no answer"] += 1

    def promised(self, plan_id: str, question: Question, key: str | None = None) -> None:
        """Note that an id was given away."""
        with self._lock:
            self.promises.setdefault(plan_id, Promise(question))
            before = self.keys[key][1] if key in self.keys else None
            if key is not None:
                self.keys[key] = (question, before or plan_id)
        if before not in (None, plan_id):
            self.accuse("one key, two plans", f"{key}: {before} and {plan_id}")

    def asked_with(self, key: str, question: Question) -> None:
        """Note that a key was sent, whatever comes of it."""
        with self._lock:
            self.keys.setdefault(key, (question, None))

    def cancelled(self, plan_id: str) -> None:
        """Note that a plan's end was asked for."""
        with self._lock:
            self.promises[plan_id].cancelled = True

    def refused(self) -> None:
        """Note a bad input that was refused as such."""
        with self._lock:
            self.bad_inputs += 1

    def any_promise(self, random: Random) -> str | None:
        """The id of some plan."""
        with self._lock:
            return random.choice(list(self.promises)) if self.promises else None

    def any_key(self, random: Random) -> tuple[str, Question] | None:
        """Some key, and what was asked with it."""
        with self._lock:
            if not self.keys:
                return None
            key = random.choice(list(self.keys))
            return key, self.keys[key][0]

    def accuse(self, rule: str, words: str) -> None:
        """Note that the service broke a rule."""
        with self._lock:
            self.broken[rule] += 1
            if len(self.words) < self.MOST_WORDS:
                self.words.append(f"{rule}: {words}")
