"""One key in many hands, two services on one store, and bodies that nobody should send."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.served import Served
from tests.faults.bodies import LONGEST_BODY, endless, tiny
from tests.faults.talk import ASYNC, ON_POSTGRESQL, ON_SQLITE, seen, submitted, with_a_plan

CALLERS = 50


@pytest.fixture
def second(served: Served, tmp_path: Path) -> Iterator[Served]:
    """Another service on the first one's database."""
    url = served.settings.get("database_url", f"sqlite:///{served.folder}/placement.sqlite3")
    with Served(tmp_path, served.settings | {"database_url": url}) as second:
        yield second


def asked_at_once(services: list[Served], body: Any, headers: dict[str, str]) -> list[httpx.Response]:
    def ask(number: int) -> httpx.Response:
        with services[number % len(services)].client() as client:
            return client.post("/plan", json=body, headers=headers)

    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(ask, range(CALLERS)))


def test_fifty_callers_with_one_key_share_one_plan(served: Served, client: httpx.Client) -> None:
    answers = asked_at_once([served], endless(), ASYNC | {"Idempotency-Key": f"shared-{uuid.uuid4()}"})
    assert {answer.status_code for answer in answers} == {202}
    [plan] = {answer.json()["id"] for answer in answers}
    with_a_plan(client, plan)
    assert client.get("/plans", params={"status": "queued,running"}).json()["plans"][0]["id"] == plan
    assert len(client.get("/plans", params={"status": "queued,running"}).json()["plans"]) == 1
    client.delete(f"/plans/{plan}")


@ON_POSTGRESQL
def test_two_services_on_one_store_know_each_others_plans_and_keys(
    served: Served, second: Served, client: httpx.Client
) -> None:
    key = {"Idempotency-Key": f"both-{uuid.uuid4()}"}
    answers = asked_at_once([served, second], tiny(41), key | {"Cache-Control": "no-cache"})
    assert {answer.status_code for answer in answers} == {200}
    [plan] = {answer.json()["id"] for answer in answers}
    with second.client() as other:
        assert seen(client, plan) == seen(other, plan)
        mine = submitted(client, endless())
        with_a_plan(client, mine)
        assert other.delete(f"/plans/{mine}").json()["termination"] == "cancelled"
        theirs = submitted(other, endless(1))
        with_a_plan(other, theirs)
        assert client.delete(f"/plans/{theirs}").json()["termination"] == "cancelled"
        assert seen(client, theirs) == seen(other, theirs)


def with_text(pointer: str, text: str) -> bytes:
    """A sound request with this JSON text, which need not be JSON, at a place."""
    body: Any = tiny()
    *way, last = [int(step) if step.isdecimal() else step for step in pointer.split("/")[1:]]
    here = body
    for step in way:
        here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
    here[last] = "@@"
    return json.dumps(body).replace('"@@"', text).encode()


MEMORY, POWER, TOKENS = "/cluster/nodes/0/memory_bytes", "/cluster/nodes/0/idle_power_w", "/workload/output_tokens"
BAD_VALUES = [
    (pointer, text)
    for pointer in (MEMORY, POWER, TOKENS, "/solver/time_limit_s", "/solver/seed", "/model/layers/0/forward/flops")
    for text in ("NaN", "Infinity", "1e308", "1e400", "-1e308", "9" * 400, "-1", '"16 bananas"', "[]", "{}")
] + [
    (MEMORY, '"100Mbit/s"'),
    (POWER, '"3 W"'),
    ("/cluster/nodes/0/compute_flops_per_s", '"1TB/s"'),
    (TOKENS, "1.5"),
    (TOKENS, "true"),
    ("/cluster/nodes/0/id", '"\\ud800"'),
]  # fmt: skip
BAD_BODIES = {
    "nothing": b"",
    "blanks": b" " * 1000,
    "no JSON": b"{'a': 1}",
    "half a body": json.dumps(tiny()).encode()[:-20],
    "bytes that are no UTF-8": b'{"a": "\xff\xfe"}',
    "a mark in front": b"\xff\xfe{}",
    "lists in lists": b"[" * 100_000,
    "closed lists in lists": b"[" * 100_000 + b"]" * 100_000,
    "objects in objects": b'{"a":' * 100_000,
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "a number of a million digits": b"9" * 10**6,
    "a name given twice": json.dumps(tiny()).encode()[:-1] + b', "cluster": {}}',
    "an unknown field": json.dumps(tiny() | {"zz": 1}).encode(),
    "too many values": b'{"a": [' + b"1," * 1_600_000 + b"1]}",
    "too many bytes": b" " * (LONGEST_BODY + 1),
}


def refusal(client: httpx.Client, path: str, content: bytes) -> dict[str, Any]:
    answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, (content[:100], answer.status_code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 10_000
    return answer.json()


@ON_SQLITE
@pytest.mark.parametrize("path", ["/plan", "/plan:validate", "/plan:evaluate", "/frontier"])
def test_values_that_no_figure_can_have_are_refused_with_their_place(client: httpx.Client, path: str) -> None:
    for pointer, text in BAD_VALUES:
        problem = refusal(client, path, with_text(pointer, text))
        named = [violation["pointer"] for violation in problem["violations"]]
        assert named, (pointer, text, problem)
        assert pointer in named or problem["status"] == 400, (pointer, text, named)


@ON_SQLITE
def test_bodies_that_are_no_request_are_refused_and_never_repeated(client: httpx.Client) -> None:
    for path in ("/plan", "/plan:validate", "/plan:evaluate", "/frontier", "/plan:compare", "/profiles"):
        for name, content in BAD_BODIES.items():
            problem = refusal(client, path, content)
            assert problem["status"] in (400, 413, 422), (path, name)
            assert problem["violations"] or problem["status"] == 413, (path, name, problem)


def test_paths_and_headers_that_make_no_sense_are_refused(client: httpx.Client) -> None:
    for path in ("/plans/plan-nothing", "/plans/..%2f..%2fetc%2fpasswd", "/plans/%00", "/plans/" + "x" * 3000):
        assert client.get(path).status_code in (404, 422), path
        assert client.delete(path).status_code in (404, 405, 422), path
    for query in ("cursor=%00", "limit=-1", "limit=" + "9" * 30, "status=lost", "cursor=" + "A" * 2000):
        assert client.get(f"/plans?{query}").status_code == 422, query
    for headers in ({"Idempotency-Key": "x" * 256}, {"Idempotency-Key": "é".encode()}, {"Content-Encoding": "gzip"}):
        assert client.post("/plan", json=tiny(), headers=headers).status_code in (415, 422), headers
    for prefer in ("wait=-1", "wait=1e9", "wait=" + "9" * 40, ";;;", "respond-async=maybe,,"):
        assert client.post("/plan", json=tiny(), headers={"Prefer": prefer}).status_code in (200, 202), prefer
