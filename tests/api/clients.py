"""Asks an application without a network in between, from any number of threads."""

from __future__ import annotations

import queue
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, Self

import anyio
import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

WAIT_S = 60.0
"""Far longer than anything here takes; a test that waits this long has failed."""


class Client:
    """An application, started, on an event loop of its own; use as a context."""

    def __init__(self, app: FastAPI, root_path: str = "") -> None:
        self.app = app
        self.root_path = root_path
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False, root_path=root_path)
        self._contexts = ExitStack()
        self.portal: BlockingPortal

    def __enter__(self) -> Self:
        self.portal = self._contexts.enter_context(start_blocking_portal("asyncio"))
        lifespan = self.app.router.lifespan_context(self.app)
        self._contexts.enter_context(self.portal.wrap_async_context_manager(lifespan))
        return self

    def __exit__(self, *_: object) -> None:
        self._contexts.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.begin(method, path, **options).result(WAIT_S)

    def begin(self, method: str, path: str, **options: Any) -> Future[httpx.Response]:
        """An exchange that goes on beside the caller."""

        async def exchange() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost") as client:
                return await client.request(method, path, **options)

        return self.portal.start_task_soon(exchange)

    def exchange(self, method: str, path: str, body: bytes = b"", **headers: str) -> Exchange:
        """An exchange that is read as it comes, and that can be left."""
        return Exchange(self, method, path, body, headers)


class Exchange:
    """One exchange, message by message; leaves at the end of its context."""

    def __init__(self, client: Client, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        self._client = client
        self._body: list[bytes] = [body]
        self._left = client.portal.call(anyio.Event)
        self._sent: queue.Queue[dict[str, Any]] = queue.Queue()
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self._scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": client.root_path,
            "query_string": b"", "headers": raw, "scheme": "http", "server": ("localhost", 80), "client": ("here", 1),
            "http_version": "1.1", "asgi": {"version": "3.0", "spec_version": "2.3"},
        }  # fmt: skip
        self._task = client.portal.start_task_soon(client.app, self._scope, self._receive, self._send)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._task.result(WAIT_S)

    def leave(self) -> None:
        """Close the connection."""
        self._client.portal.call(self._left.set)

    def status(self) -> int:
        """Of the answer, once it has begun."""
        message = self._sent.get(timeout=WAIT_S)
        assert message["type"] == "http.response.start", message
        return int(message["status"])

    def chunk(self) -> bytes | None:
        """The next part of the answer's body; None when it is complete."""
        message = self._sent.get(timeout=WAIT_S)
        if not message.get("body") and not message.get("more_body", False):
            return None
        return bytes(message["body"])

    async def _receive(self) -> dict[str, Any]:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self._sent.put(message)


def events_of(text: str) -> list[dict[str, str]]:
    """Server-sent events, each as its fields."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "event" in fields:
            found.append(fields)
    return found
