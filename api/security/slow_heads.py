"""uvicorn's HTTP protocol with limits that it lacks: time and size of a head, and framing that means one thing.

httptools takes a fraction of the time of h11, and asks less of a request. What is asked here besides: a head
comes within `HEAD_S` and `MOST_FRAMING_BYTES`; HTTP/1.1 names one Host; a body has one framing. Fields behind a chunked
body (trailers) are no headers, and are left out.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 15.0
"""Longest time from the opening of a connection, or from the first byte of a further request, to the end of its head.
Without it a few thousand connections that send a byte now and then use up all file descriptors (slowloris)."""
MOST_FRAMING_BYTES = 2**16
"""Most bytes of a request that are not its body: head, trailers, lengths of chunks."""
CHUNK_BYTES = 16
"""Bytes of framing that each byte of a body may bring with it, beyond that: chunks of one byte take six."""


class BadFraming(Exception):
    """A request that may mean different things to different readers."""


class TimedHeads(HttpToolsProtocol):
    """For `uvicorn.Config(http=TimedHeads)`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_due: asyncio.TimerHandle | None = None
        self._in_head, self._between, self._begun = False, True, 0
        self._framing_bytes = self._body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the parent
        """The time runs from the first moment: a connection that says nothing is as costly as one that is slow."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the head is whole, start it when another one has begun."""
        self._begun, belongs, before = 0, int(self._between), self._body_bytes
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._begun == belongs:  # else several requests came at once: neither of them is long
            self._framing_bytes += len(data) - (self._body_bytes - (0 if belongs else before))
            if self._framing_bytes > MOST_FRAMING_BYTES + CHUNK_BYTES * self._body_bytes:
                self.send_400_response("Head or trailers too long.")
                return
        if not self._in_head:
            self._stop_waiting()
        elif self._head_due is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._between, self._begun = True, False, self._begun + 1
        self._framing_bytes = self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep it, unless it comes behind the body."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole; raises `BadFraming`, which the parser makes a 400 of."""
        self._in_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise BadFraming("Host is missing or given twice")
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            raise BadFraming("only chunked bodies are read")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What follows belongs to another request."""
        self._between = True
        super().on_message_complete()

    def _await_head(self) -> None:
        self._head_due = self.loop.call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        """Close the connection, unless an answer to an earlier request is still on its way."""
        self._head_due = None
        if self.cycle is None or self.cycle.response_complete:
            self.timeout_keep_alive_handler()
        else:
            self._await_head()

    def _stop_waiting(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None
