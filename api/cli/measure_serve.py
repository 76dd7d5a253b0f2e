"""`placement measure serve`: the far end of `placement measure link`."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Annotated

import typer

from api.cli import inputs
from api.cli.consoles import messages
from api.cli.names import plain

TOKEN_VARIABLE = "MEASURE_TOKEN"  # noqa: S105 - the name of a variable
_TOKEN = re.compile(r"[!-~]{1,128}")


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's own need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.001, max=1440, help="Ends by itself after this time.")] = 30.0,
    token: Annotated[
        str | None,
        typer.Option(envvar=TOKEN_VARIABLE, help="What clients must know; made up where one is needed and not given."),
    ] = None,
    max_bytes: Annotated[
        int, typer.Option(min=2**16, max=2**40, help="Most bytes of one session, both ways together.")
    ] = 2**31,
    max_seconds: Annotated[float, typer.Option(min=1, max=3600, help="Longest session.")] = 120.0,
    clients: Annotated[int, typer.Option(min=1, max=16, help="Sessions at once; more disturb each other.")] = 1,
) -> None:
    """Answer `placement measure link` from another machine: echo, swallow and send bytes, within limits.

    Needs no privileges, sends only to the peer that is connected, and ends by itself. Ctrl-C ends it at once.
    """
    from api.measuring.server import EchoServer, Limits
    from api.security.addresses import address_in

    console = messages()
    if token is not None and not _TOKEN.fullmatch(token):
        inputs.refuse("--token", "1 to 128 printable ASCII characters without blanks are allowed")
    address = address_in(host)
    if token is None and not (host == "localhost" or (address is not None and address.is_loopback)):
        token = secrets.token_urlsafe(12)
    limits = Limits(
        session_bytes=max_bytes,
        session_s=max_seconds,
        clients=clients,
        life_bytes=32 * max_bytes,
        life_s=60 * minutes,
    )

    def ready(bound: int) -> None:
        shown = f"[{plain(host)}]" if ":" in host else plain(host)
        typer.echo(f"listening on {shown}:{bound}")
        if token is not None:
            console.print(f"on the other machine: {TOKEN_VARIABLE}={token} placement measure link HOST:{bound} ...")
        console.print(f"ends after {minutes:g} min; Ctrl-C ends it at once")

    server = EchoServer(limits, token, lambda said: console.print(plain(said), soft_wrap=True))
    try:
        asyncio.run(server.run(host, port, ready))
    except KeyboardInterrupt:
        console.print("ended")
    except OSError as error:
        inputs.refuse(f"{plain(host)}:{port}", f"cannot listen there: {error.strerror or error}")
