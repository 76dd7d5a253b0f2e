"""The far end of a link measurement: echoes, swallows and sends bytes to the connected peer, within limits.

One TCP connection is one session. Lines are ASCII and end with a newline; every answer is one line, then data if the
command asked for data:

    placement-measure/1 TOKEN     -> placement-measure/1 ok BYTES SECONDS   (what the session may use), or ... no REASON
    echo N, then N bytes          -> ok N, then the same bytes
    sink N, then N bytes          -> ok N, once all have arrived
    source N                      -> ok N, then N bytes
    anything out of bounds        -> no REASON, and the connection is closed

Bytes go only to the peer that opened the connection and completed TCP's handshake, so nobody else can be aimed at; a
token keeps strangers out (it crosses the network in clear). A stranger is answered one line, and only after its first.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

PROTOCOL = "placement-measure/1"
NO_TOKEN = "-"  # noqa: S105 - what stands in a token's place when there is none
MAX_ECHO_BYTES = 2**16
MAX_LINE_BYTES = 256
CHUNK_BYTES = 2**18
_STRANGERS = 16
"""Connections at once that have not yet said hello."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may use."""

    session_bytes: int = 2**31
    """Bytes of one session, both ways together."""
    session_s: float = 120.0
    clients: int = 1
    """Sessions at once; two measurements at a time would each measure the other."""
    life_bytes: int = 2**36
    """Bytes of all sessions; then the server ends."""
    life_s: float = 1800.0
    """The server ends by itself after this time."""
    idle_s: float = 10.0
    """Longest wait for a line."""


class _Refusal(Exception):
    """The session ends; the message is the reason that the peer is told."""


@dataclass(slots=True)
class _Budget:
    """Bytes that may still flow."""

    left_bytes: int

    def take(self, count: int, whose: str) -> None:
        if count > self.left_bytes:
            raise _Refusal(f"{self.left_bytes} bytes are left of what {whose} may use")
        self.left_bytes -= count


@dataclass(slots=True)
class EchoServer:
    """Serves sessions until its life is over; `run` may be called once."""

    limits: Limits = Limits()
    token: str | None = None
    on_event: Callable[[str], None] = field(default=lambda _: None)
    """Told of every session in a sentence."""
    _life: _Budget = field(init=False)
    _sessions: int = field(default=0, init=False)
    _strangers: int = field(default=0, init=False)
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict, init=False)
    _over: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self._life = _Budget(self.limits.life_bytes)

    async def run(self, host: str, port: int, on_ready: Callable[[int], None] = lambda _: None) -> None:
        """Listen, tell `on_ready` the port, and serve until time or bytes are used up. Raises OSError."""
        server = await asyncio.start_server(self._connected, host, port, limit=4 * CHUNK_BYTES)
        try:
            on_ready(server.sockets[0].getsockname()[1])
            async with asyncio.timeout(self.limits.life_s):
                await self._over.wait()
            self.on_event("the bytes are used up")
        except TimeoutError:
            self.on_event("the time is over")
        finally:
            server.close()
            await self._leave()

    async def _leave(self) -> None:
        """Cut what is open: a session whose connection is gone ends by itself."""
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(self._open)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        name = peer[0] if peer else "somebody"
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            if self._strangers < _STRANGERS:
                await self._guarded(reader, writer, name)
        finally:
            writer.close()
            del self._open[task]

    async def _guarded(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        """A session; whatever ends it ends only it."""
        try:
            self._strangers += 1
            try:
                await self._greeted(reader, writer)
            finally:
                self._strangers -= 1
            self._sessions += 1
            try:
                async with asyncio.timeout(self.limits.session_s):
                    used = await self._session(reader, writer)
            finally:
                self._sessions -= 1
            self.on_event(f"{name}: a session of {used} bytes")
        except _Refusal as refusal:
            self.on_event(f"{name}: refused: {refusal}")
            writer.write(f"no {refusal}\n".encode())
        except TimeoutError:
            self.on_event(f"{name}: ended, it took too long")
        except (ConnectionError, asyncio.IncompleteReadError):
            self.on_event(f"{name}: it went away")

    async def _greeted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = await self._line(reader)
        if len(words) != 2 or words[0] != PROTOCOL:
            raise _Refusal(f"this is {PROTOCOL}")
        if not hmac.compare_digest(words[1].encode(), (self.token or NO_TOKEN).encode()):
            raise _Refusal("the token is another one")
        if self._sessions >= self.limits.clients:
            raise _Refusal("busy with another measurement; try again when it is over")
        allowed = min(self.limits.session_bytes, self._life.left_bytes)
        writer.write(f"{PROTOCOL} ok {allowed} {self.limits.session_s:g}\n".encode())

    async def _line(self, reader: asyncio.StreamReader) -> list[str]:
        """The words of the next line; none at the end of the connection."""
        async with asyncio.timeout(self.limits.idle_s):
            try:
                raw = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as end:
                if end.partial:
                    raise
                return []
            except asyncio.LimitOverrunError:
                raise _Refusal("the line is too long") from None
        if len(raw) > MAX_LINE_BYTES or not raw.isascii():
            raise _Refusal("the line is too long, or not ASCII")
        return raw.decode("ascii").split()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """Serve commands until the peer leaves; the bytes that flowed."""
        budget = _Budget(min(self.limits.session_bytes, self._life.left_bytes))
        allowed = budget.left_bytes
        while words := await self._line(reader):
            command, count = _command(words)
            flowing = 2 * count if command == "echo" else count
            budget.take(flowing, "this session")
            self._life.take(flowing, "all sessions")
            match command:
                case "echo":
                    writer.write(b"ok %d\n" % count + await reader.readexactly(count))
                case "sink":
                    await _swallow(reader, count)
                    writer.write(b"ok %d\n" % count)
                case "source":
                    writer.write(b"ok %d\n" % count)
                    await _send(writer, count)
            await writer.drain()
            if self._life.left_bytes == 0:
                self._over.set()
                break
        return allowed - budget.left_bytes


Command = Literal["echo", "sink", "source"]


def _command(words: list[str]) -> tuple[Command, int]:
    if len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 18:
        raise _Refusal("a command is a word and a number of bytes")
    count = int(words[1])
    match words[0]:
        case "echo" if count <= MAX_ECHO_BYTES:
            return "echo", count
        case "echo":
            raise _Refusal(f"at most {MAX_ECHO_BYTES} bytes are echoed at once")
        case "sink":
            return "sink", count
        case "source":
            return "source", count
    raise _Refusal("the commands are echo, sink and source")


async def _swallow(reader: asyncio.StreamReader, count: int) -> None:
    while count:
        chunk = await reader.read(min(count, CHUNK_BYTES))
        if not chunk:
            raise ConnectionResetError
        count -= len(chunk)


async def _send(writer: asyncio.StreamWriter, count: int) -> None:
    chunk = bytes(CHUNK_BYTES)
    while count:
        size = min(count, CHUNK_BYTES)
        writer.write(chunk[:size] if size < CHUNK_BYTES else chunk)
        await writer.drain()
        count -= size
