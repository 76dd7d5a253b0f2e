"""`placement serve`: the REST service on this machine."""

from __future__ import annotations

import math
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.configured import settings_or_exit
from api.cli.consoles import Exit, messages
from api.cli.keys import stored_keys

if TYPE_CHECKING:
    from api.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of the machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8000,
) -> None:
    """Serve the REST API, with Swagger UI under /docs. Settings come from the environment (PLACEMENT_...)."""
    import uvicorn  # the other commands do without

    from api.app import create_app
    from api.cli.server import CLOSING_S, DrainingServer
    from api.observability.logs import configuration
    from api.security.slow_heads import TimedHeads

    settings = settings_or_exit()
    _check_address(host, settings)
    address = f"http://{url_host(host)}:{port}"
    if port:
        console = messages()
        console.print(f"Swagger UI  {address}/docs")
        console.print(f"OpenAPI     {address}/openapi.json")
    app = create_app(settings.model_copy(update={"instance": settings.instance or _name_at(port)}))
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=TimedHeads,
        loop="uvloop",
        ws="none",
        access_log=False,  # every answer is one line of our own
        log_config=configuration(settings),
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_grace_s) + CLOSING_S,
    )
    DrainingServer(config, app.state.service).run()


def _name_at(port: int) -> str | None:
    """Of this process among those that share a database: the same after a restart; none where any port will do."""
    return f"{socket.gethostname()}:{port}" if port else None


def _check_address(host: str, settings: Settings) -> None:
    """End with `Exit.BAD_INPUT` when other machines reach the address and nothing says who may ask."""
    from api.security.binding import OpenToAll, check, is_loopback

    try:
        check(host, settings, [] if is_loopback(host) else stored_keys(settings))
    except OpenToAll as refusal:
        messages().print(f"error: {refusal}", soft_wrap=True)
        raise typer.Exit(Exit.BAD_INPUT) from None


def url_host(host: str) -> str:
    """The host as a browser on this machine writes it."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
