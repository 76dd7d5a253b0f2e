"""A slot whose start does not come to its end."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import pytest

from api.execution.slot import Slot


def test_a_start_that_is_cancelled_leaves_no_socket_open(monkeypatch):
    made = []
    pair = socket.socketpair

    def watched():
        made.extend(pair())
        return tuple(made)

    async def never(*_arguments: Any, **_options: Any) -> None:
        await asyncio.Event().wait()

    async def scenario():
        monkeypatch.setattr(socket, "socketpair", watched)
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
        slot = Slot(cast("Any", None), lambda _slot: None, lambda _slot: None)
        starting = asyncio.create_task(slot._start())
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(scenario())
    assert [end.fileno() for end in made] == [-1, -1]
