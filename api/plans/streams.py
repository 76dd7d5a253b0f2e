"""A plan's life as server-sent events; from the memory of this process, or from the store."""

from __future__ import annotations

from collections.abc import AsyncIterator

from api.plans.desk import POLL_S, PlanDesk, until_set
from api.plans.live import Told
from api.store.errors import StoreUnavailable

PING_S = 15.0
"""Longest silence: proxies close a connection on which nothing moves."""
LAST = "done"
"""The event behind which nothing follows."""
_HELLO = b"retry: 2000\n\n"
_PING = b": ping\n\n"
_CLOSING = b'event: closing\ndata: {"reason":"%s"}\n\n'
"""Without a number: who comes again goes on behind the last event that had one."""


async def stream(desk: PlanDesk, owner: str, plan_id: str, after: int) -> AsyncIterator[bytes]:
    """Events behind the number `after`, as they come, to the last one or until the service is stopped."""
    yield _HELLO
    silent_s = 0.0
    while True:
        live = desk.in_hand(owner, plan_id)
        news = live.news() if live is not None else None
        try:
            told, over = await desk.events(owner, plan_id, after)
        except StoreUnavailable:
            yield _CLOSING % b"store-unavailable"
            return
        for event in told:
            yield _written(event)
            after, silent_s = event.seq, 0.0
        if over or (told and told[-1].name == LAST):
            return
        if desk.draining:
            yield _CLOSING % b"draining"
            return
        if news is not None:
            silent_s = 0.0 if await until_set(news, PING_S) else PING_S
        elif not told:
            await desk.changed(plan_id)
            silent_s += POLL_S
        if silent_s >= PING_S:
            yield _PING
            silent_s = 0.0


def _written(told: Told) -> bytes:
    return f"id: {told.seq}\nevent: {told.name}\ndata: {told.data}\n\n".encode()
