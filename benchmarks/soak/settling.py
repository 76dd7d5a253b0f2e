"""The reckoning after a soak: every promise is called in, every key tried again, every process looked for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psutil

from benchmarks.served import Served
from benchmarks.soak.callers import check_answer
from benchmarks.soak.faults import ORPHANS_S
from benchmarks.soak.ledger import Ledger, Promise, Question

ANSWERED_S = 300.0
"""Longest wait for all that was promised."""
MOST_KEYS = 500
"""Of the keys that were answered, so many are tried again; all of those that were not."""
MOST_STREAMS = 300
_ENDS = frozenset({"optimal", "feasible", "infeasible", "no_plan_found"})


def settle(served: Served, ledger: Ledger) -> Counter[str]:
    """Call in every promise, note what is missing in the ledger, and count the ends."""
    if not served.alive:
        served.start()
    ends: Counter[str] = Counter()
    with served.client() as client:
        for key, (question, plan_id) in _keys(ledger):
            answer = _patiently(client, "POST", question.body, {"Idempotency-Key": key, "Prefer": "respond-async"})
            if answer.status_code not in (200, 202):
                ledger.accuse("a key is not honoured", f"{key}: {answer.status_code} {answer.text[:200]}")
            else:
                ledger.promised(answer.json()["id"], question, key if plan_id is not None else None)
        until = time.monotonic() + ANSWERED_S
        for plan_id, promise in ledger.promises.items():
            ends[_ended(client, ledger, plan_id, promise, until)] += 1
        for plan_id in list(ledger.promises)[:: 1 + len(ledger.promises) // MOST_STREAMS]:
            told = client.get(f"/plans/{plan_id}/events").text.count("event: done\n")
            if told != 1:
                ledger.accuse("a plan did not end once", f"{plan_id}: {told} times")
    return ends


def _keys(ledger: Ledger) -> list[tuple[str, tuple[Question, str | None]]]:
    unanswered = [(key, known) for key, known in ledger.keys.items() if known[1] is None]
    answered = [(key, known) for key, known in ledger.keys.items() if known[1] is not None]
    return unanswered + answered[:: 1 + len(answered) // MOST_KEYS]


def _patiently(client: httpx.Client, method: str, body: object, headers: dict[str, str]) -> httpx.Response:
    """The answer, once there is room."""
    while True:
        answer = client.request(method, "/plan", json=body, headers=headers)
        if answer.status_code != 503:
            return answer
        time.sleep(0.2)


def _ended(client: httpx.Client, ledger: Ledger, plan_id: str, promise: Promise, until: float) -> str:
    while True:
        answer = client.get(f"/plans/{plan_id}")
        if answer.status_code != 202:
            break
        if time.monotonic() > until:
            ledger.accuse("a promise is not kept in time", plan_id)
            return "unanswered"
        time.sleep(0.2)
    if answer.status_code != 200 or answer.json()["status"] not in _ENDS:
        ledger.accuse("a promise is not kept", f"{plan_id}: {answer.status_code} {answer.text[:200]}")
        return "lost"
    plan = answer.json()
    if not promise.cancelled:
        check_answer(ledger, promise.question, plan)
    return f"{plan['status']} ({plan['termination']})"


def stop(served: Served, ledger: Ledger) -> None:
    """Stop the service, and look for processes that any of its lives has left behind."""
    served.terminate()
    served.wait()
    until = time.monotonic() + ORPHANS_S
    while (left := list(_of_service(served))) and time.monotonic() < until:
        time.sleep(0.05)
    if left:
        ledger.accuse("orphans", f"{[process.pid for process in left]} live after the end")


def _of_service(served: Served) -> Iterator[psutil.Process]:
    """Processes with the service's state folder in their environment."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get("PLACEMENT_STATE_DIR") == str(served.folder):
                yield process
