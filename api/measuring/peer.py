"""The near end of a link measurement: a session with `placement measure serve`, each command timed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from api.measuring.server import CHUNK_BYTES, MAX_LINE_BYTES, NO_TOKEN, PROTOCOL


class LinkFault(Exception):
    """The link cannot be measured; the message says why, and what would help."""


@dataclass(slots=True)
class Peer:
    """One session, open from `__enter__` on. Every method raises `LinkFault`."""

    host: str
    port: int
    token: str | None = None
    timeout_s: float = 10.0
    """Longest silence of the other end."""
    left_bytes: int = field(default=0, init=False)
    """What the server still allows this session."""
    session_s: float = field(default=0.0, init=False)
    """How long it allows the session to last."""
    _socket: socket.socket = field(init=False, repr=False)
    _buffer: bytearray = field(default_factory=lambda: bytearray(CHUNK_BYTES), init=False, repr=False)

    def __enter__(self) -> Self:
        with self._told():
            self._socket = socket.create_connection((self.host, self.port), self.timeout_s)
        try:
            with self._told():
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._greet()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def echo(self, count: int) -> float:
        """Seconds until `count` bytes and a line have come back: a round trip."""
        with self._told():
            payload = bytes(count)
            began = time.perf_counter()
            self._socket.sendall(b"echo %d\n" % count + payload)
            self._expect_ok(count)
            self._receive(count)
            self.left_bytes -= 2 * count
            return time.perf_counter() - began

    def send(self, count: int) -> float:
        """Seconds until the other end has all of `count` bytes, and said so."""
        with self._told():
            chunk = memoryview(bytes(min(count, CHUNK_BYTES)))
            left, began = count, time.perf_counter()
            self._socket.sendall(b"sink %d\n" % count)
            while left:
                self._socket.sendall(chunk[:left])
                left -= min(left, len(chunk))
            self._expect_ok(count)
            self.left_bytes -= count
            return time.perf_counter() - began

    def receive(self, count: int) -> float:
        """Seconds from asking for `count` bytes until the last is here."""
        with self._told():
            began = time.perf_counter()
            self._socket.sendall(b"source %d\n" % count)
            self._expect_ok(count)
            self._receive(count)
            self.left_bytes -= count
            return time.perf_counter() - began

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Faults of the socket as `LinkFault`, in the words of somebody who wants to measure."""
        where = f"{self.host}:{self.port}"
        try:
            yield
        except TimeoutError:
            raise LinkFault(f"{where} was silent for {self.timeout_s:g} s; is a firewall between?") from None
        except ConnectionRefusedError:
            raise LinkFault(f"nobody listens on {where}; start `placement measure serve` there") from None
        except socket.gaierror as error:
            raise LinkFault(f"{self.host} is no known host: {error.strerror}") from None
        except OSError as error:
            raise LinkFault(f"the connection to {where} broke: {error.strerror or error}") from None

    def _greet(self) -> None:
        self._socket.sendall(f"{PROTOCOL} {self.token or NO_TOKEN}\n".encode())
        words = self._line().split()
        if len(words) != 4 or words[:2] != [PROTOCOL, "ok"]:
            raise LinkFault(f"{self.host}:{self.port} does not speak {PROTOCOL}; is it `placement measure serve`?")
        self.left_bytes, self.session_s = int(words[2]), float(words[3])

    def _expect_ok(self, count: int) -> None:
        line = self._line()
        if line != f"ok {count}":
            raise LinkFault(f"{self.host}:{self.port} answered something else than the protocol says")

    def _line(self) -> str:
        """The next line; a refusal is a `LinkFault`. Its end is peeked at, for data may follow."""
        raw = bytearray()
        while True:
            seen = self._socket.recv(MAX_LINE_BYTES, socket.MSG_PEEK)
            end = seen.find(b"\n") + 1
            raw += self._socket.recv(end or len(seen))
            if end:
                break
            if not seen:
                raise LinkFault(f"{self.host}:{self.port} closed the connection; its limits are used up, or it ended")
            if len(raw) > MAX_LINE_BYTES:
                raise LinkFault(f"{self.host}:{self.port} does not speak {PROTOCOL}")
        text = raw[:-1].decode("ascii", errors="replace")
        if text.startswith("no "):
            reason = "".join(char for char in text[3:] if char.isprintable())
            raise LinkFault(f"{self.host}:{self.port} refused: {reason}")
        return text

    def _receive(self, count: int) -> None:
        while count:
            got = self._socket.recv_into(self._buffer, min(count, len(self._buffer)))
            if not got:
                raise LinkFault(f"{self.host}:{self.port} closed the connection in the middle of a transfer")
            count -= got
