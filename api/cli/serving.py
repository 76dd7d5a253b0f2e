"""`placement serve`: the REST service on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.consoles import messages


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of the machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8000,
) -> None:
    """Serve the REST API, with Swagger UI under /docs. Settings come from the environment (PLACEMENT_...)."""
    import uvicorn  # noqa: PLC0415 - the other commands do without

    from api.app import create_app  # noqa: PLC0415
    from api.settings import Settings  # noqa: PLC0415

    address = f"http://{url_host(host)}:{port}"
    if port:
        console = messages()
        console.print(f"Swagger UI  {address}/docs")
        console.print(f"OpenAPI     {address}/openapi.json")
    uvicorn.run(create_app(Settings()), host=host, port=port, timeout_graceful_shutdown=5)


def url_host(host: str) -> str:
    """The host as a browser on this machine writes it."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
