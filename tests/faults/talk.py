"""What tests say to a service over HTTP, and what they are told."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest

from benchmarks.served import PLAIN, Served, wait_until

ASYNC = {"Prefer": "respond-async", "Cache-Control": "no-cache"}
ENDED_S = 90.0
ON_SQLITE = pytest.mark.parametrize("standing", ["sqlite"], indirect=True, scope="session")
"""For tests in which it does not matter where plans are kept."""
ON_POSTGRESQL = pytest.mark.parametrize("standing", ["postgresql"], indirect=True, scope="session")
"""For what SQLite is not made for."""


def submitted(client: httpx.Client, body: Any, **headers: str) -> str:
    """The id of a plan that was accepted, not waited for."""
    answer = client.post("/plan", json=body, headers=ASYNC | headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/plans/{answer.json()['id']}"
    return answer.json()["id"]


def seen(client: httpx.Client, plan_id: str) -> dict[str, Any]:
    """The plan as it is now."""
    answer = client.get(f"/plans/{plan_id}")
    assert answer.status_code in (200, 202), answer.text
    return answer.json()


def ended(client: httpx.Client, plan_id: str) -> dict[str, Any]:
    """The plan once it has ended."""
    wait_until(lambda: seen(client, plan_id)["status"] not in ("queued", "running"), ENDED_S)
    answer = client.get(f"/plans/{plan_id}")
    assert answer.status_code == 200
    return answer.json()


def running(client: httpx.Client, *plan_ids: str) -> None:
    """Wait until solvers have all of these."""
    wait_until(lambda: all(seen(client, plan_id)["status"] == "running" for plan_id in plan_ids))


def with_a_plan(client: httpx.Client, plan_id: str) -> None:
    """Wait until something is known that could be answered."""
    wait_until(lambda: seen(client, plan_id).get("objective") is not None)


def unfinished(client: httpx.Client) -> list[dict[str, Any]]:
    """Plans that are queued or running."""
    return client.get("/plans", params={"status": "queued,running", "limit": 500}).json()["plans"]


def events(client: httpx.Client, plan_id: str) -> list[tuple[str, dict[str, Any]]]:
    """All events of a plan that has ended."""
    return told(client.get(f"/plans/{plan_id}/events").text)


def told(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The events in a stream: names and data."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
    return [(block["event"], json.loads(block["data"])) for block in blocks if "event" in block]


class Listener:
    """A client with an open stream of events, in a thread."""

    def __init__(self, served: Served, plan_id: str) -> None:
        self.text = ""
        self.closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(served.url, plan_id), daemon=True)
        self._thread.start()
        wait_until(lambda: "event: " in self.text)

    def _listen(self, url: str, plan_id: str) -> None:
        try:
            with httpx.stream("GET", f"{url}/plans/{plan_id}/events", timeout=60.0, verify=PLAIN) as stream:
                for part in stream.iter_text():
                    self.text += part
        except httpx.HTTPError:
            self.text += "broken"
        self.closed.set()

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """All events, once the service has closed the stream."""
        assert self.closed.wait(60.0)
        self._thread.join()
        return told(self.text)
