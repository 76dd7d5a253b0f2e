"""A served application on a loopback port, with raw sockets to ask it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp

from api.security.slow_heads import TimedHeads

Served = Callable[[ASGIApp], AbstractContextManager[int]]


@pytest.fixture
def served() -> Served:
    """Serves an application while the context lasts; gives its port."""

    @contextmanager
    def serve(app: ASGIApp) -> Iterator[int]:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            http=TimedHeads,
            loop="uvloop",
            lifespan="off",
        )
        server = uvicorn.Server(config)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            while not server.started:
                thread.join(timeout=0.02)
                assert thread.is_alive()
            try:
                yield listening.getsockname()[1]
            finally:
                server.should_exit = True
                thread.join()

    return serve
