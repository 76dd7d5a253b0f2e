"""Far ends of link measurements on loopback: a real server, and a throttle of known rate and delay before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from api.measuring.server import EchoServer, Limits

_CHUNK_BYTES = 2**13
_AT_ONCE_S = 0.004
"""A read that takes longer had to wait for the sender: the line was free."""

Run = Callable[[Callable[[int], object]], Coroutine[Any, Any, None]]
"""Serves until it is cancelled, and reports its port."""
_DEFAULT = Limits()


@contextmanager
def serving(limits: Limits = _DEFAULT, token: str | None = None, said: list[str] | None = None) -> Iterator[int]:
    """A server in a thread of its own; the port it listens on."""
    server = EchoServer(limits, token, ([] if said is None else said).append)
    with _looping(lambda ready: server.run("127.0.0.1", 0, ready)) as port:
        yield port


@contextmanager
def throttled(port: int, up_bits_per_s: float, down_bits_per_s: float, latency_s: float) -> Iterator[int]:
    """A port before `port`, with these rates and this delay each way."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_carry(reader, far_writer, up_bits_per_s, latency_s))
                ways.create_task(_carry(far_reader, writer, down_bits_per_s, latency_s))
        except asyncio.CancelledError:
            return
        finally:
            far_writer.close()
            writer.close()

    async def run(ready: Callable[[int], object]) -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        async with server:
            ready(server.sockets[0].getsockname()[1])
            await asyncio.Event().wait()

    with _looping(run) as front:
        yield front


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bits_per_s: float, latency_s: float
) -> None:
    """Bytes leave one after the other at the rate, and arrive `latency_s` after they left."""
    flying: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def land() -> None:
        while True:
            arrival, chunk = await flying.get()
            await asyncio.sleep(arrival - time.perf_counter())
            if not chunk:
                break
            writer.write(chunk)
        writer.close()

    landing, left = asyncio.create_task(land()), 0.0
    chunk = b"?"
    while chunk:
        asked = time.perf_counter()
        chunk = await reader.read(_CHUNK_BYTES)
        now = time.perf_counter()
        left = (left if now - asked < _AT_ONCE_S else max(left, now)) + 8 * len(chunk) / bits_per_s
        flying.put_nowait((max(left, now) + latency_s, chunk))
        await asyncio.sleep(left - now)
    await landing


@contextmanager
def _looping(run: Run) -> Iterator[int]:
    """The coroutine function in a loop of its own thread, until the block ends; the port it reported."""
    started: Future[tuple[int, Callable[[], object]]] = Future()

    async def until_told() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        serving = loop.create_task(run(lambda port: started.set_result((port, partial(_tell, loop, stop)))))
        await stop.wait()
        serving.cancel()
        await asyncio.wait([serving])

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(asyncio.run, until_told())
        port, end = started.result(30)
        try:
            yield port
        finally:
            end()
            done.result(30)


def _tell(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    loop.call_soon_threadsafe(stop.set)
