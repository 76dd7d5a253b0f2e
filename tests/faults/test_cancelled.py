"""Cancelling at every moment of a plan's life, and callers who go away or dawdle."""

from __future__ import annotations

import json
import socket
import time

import httpx

from benchmarks.served import Served, wait_until
from tests.faults.bodies import TOO_LARGE, endless, tiny
from tests.faults.talk import ASYNC, ON_SQLITE, Listener, ended, events, running, submitted, unfinished, with_a_plan


def test_a_plan_can_be_cancelled_before_while_and_after_it_is_solved(client: httpx.Client) -> None:
    held = [submitted(client, endless(seed)) for seed in range(2)]
    waiting = submitted(client, endless(2))
    for plan in held:
        with_a_plan(client, plan)
    before = client.delete(f"/plans/{waiting}")
    assert (before.status_code, before.json()["termination"]) == (200, "cancelled")
    assert "started" not in [name for name, _ in events(client, waiting)]
    for plan in held:
        during = client.delete(f"/plans/{plan}")
        assert (during.status_code, during.json()["status"]) == (200, "feasible")
        assert during.json()["termination"] == "cancelled"
        assert during.json()["stages"]
        assert client.delete(f"/plans/{plan}").json() == during.json()
    solved = client.post("/plan", json=tiny(), headers={"Cache-Control": "no-cache"}).json()
    assert client.delete(f"/plans/{solved['id']}").json() == solved


def test_a_cancelled_plan_stays_cancelled_though_it_is_cancelled_as_it_begins(client: httpx.Client) -> None:
    for seed in range(3):
        answer = client.delete(f"/plans/{submitted(client, endless(seed))}").json()
        assert answer["termination"] == "cancelled"
    assert unfinished(client) == []


@ON_SQLITE
def test_who_needs_too_much_memory_is_told_so_and_hurts_nobody(served: Served, client: httpx.Client) -> None:
    neighbour = submitted(client, endless())
    with_a_plan(client, neighbour)
    answer = client.post("/plan", json=TOO_LARGE)
    assert (answer.status_code, answer.json()["termination"]) == (200, "memory_limit")
    assert answer.json()["status"] in ("feasible", "no_plan_found")
    assert client.delete(f"/plans/{neighbour}").json()["status"] == "feasible"
    wait_until(lambda: len(served.workers()) == 3)
    assert client.post("/plan", json=tiny(), headers={"Cache-Control": "no-cache"}).json()["status"] == "optimal"


def test_a_caller_who_leaves_ends_his_plan_and_no_other(served: Served, client: httpx.Client) -> None:
    promised = submitted(client, endless(1))
    body = json.dumps(endless(2)).encode()
    with socket.create_connection(("127.0.0.1", served.port)) as leaving:
        leaving.sendall(b"POST /plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: len(unfinished(client)) == 2)
        [left] = [plan["id"] for plan in unfinished(client) if plan["id"] != promised]
        running(client, left, promised)
    assert ended(client, left)["termination"] == "cancelled"
    running(client, promised)
    client.delete(f"/plans/{promised}")


@ON_SQLITE
def test_a_listener_who_leaves_or_never_reads_holds_up_nobody(served: Served, client: httpx.Client) -> None:
    plan = submitted(client, endless())
    with socket.create_connection(("127.0.0.1", served.port)) as deaf:
        deaf.sendall(f"GET /plans/{plan}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with client.stream("GET", f"/plans/{plan}/events") as leaving:
            next(leaving.iter_raw())
        listener = Listener(served, plan)
        client.delete(f"/plans/{plan}")
        assert listener.heard()[-1][0] == "done"


@ON_SQLITE
def test_a_slow_caller_is_given_up_and_holds_up_nobody(served: Served, client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"POST /plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            slow.sendall(b" ")
            assert client.post("/plan", json=tiny(), headers={"Cache-Control": "no-cache"}).status_code == 200
        slow.settimeout(30.0)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_who_asks_too_much_at_once_is_refused_with_a_time_to_come_again(served: Served, client: httpx.Client) -> None:
    room = int(served.settings["queue_length"]) + int(served.settings["solver_slots"])
    accepted = [submitted(client, endless(seed)) for seed in range(room)]
    refused = client.post("/plan", json=endless(room), headers=ASYNC)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/busy")
    assert int(refused.headers["retry-after"]) >= 1
    known = client.post("/plan", json=tiny(7))
    assert known.status_code == 503
    for plan in reversed(accepted):
        assert client.delete(f"/plans/{plan}").json()["termination"] == "cancelled"
