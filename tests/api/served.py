"""An application on a loopback port, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


class DrainingServer(uvicorn.Server):
    """Tells the application that it is being stopped before it waits for connections to end; gives no grace."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.config.app.state.service.desk.drain(0.0)
        await super().shutdown(sockets)


@contextmanager
def served(app: FastAPI, kind: type[uvicorn.Server] = uvicorn.Server) -> Iterator[str]:
    """Serve while the context lasts; where."""
    server = kind(uvicorn.Config(app, log_config=None, access_log=False, server_header=False, ws="none"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:  # the socket opens once the service is up
            thread.join(timeout=0.02)
            assert thread.is_alive(), "the service ended before it was ready"
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
