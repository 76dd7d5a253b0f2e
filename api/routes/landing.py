"""GET /: where a person who opens the service in a browser finds the way."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response


def router() -> APIRouter:
    """The landing page."""
    routes = APIRouter()

    @routes.get("/", include_in_schema=False)
    async def landing() -> Response:
        return HTMLResponse(_HTML)

    return routes


_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Layer placement</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="docs-assets/favicon.png">
<link rel="stylesheet" href="assets/page.css"></head>
<body><h1>Layer placement</h1>
<p>This service computes the provably best split of a Transformer's layers between terminals and edge nodes.
It is used by programs over HTTP, and by people through its documentation.</p>
<ul>
<li><a href="docs">Interactive documentation</a>: every endpoint, with worked examples to try out</li>
<li><a href="examples">Examples</a>: requests to start from; post one to <code>/plan</code></li>
<li><a href="catalogue/models">Models</a>, <a href="catalogue/nodes">nodes</a> and <a href="catalogue/links">links</a>
in the catalogue, with sources</li>
<li><a href="openapi.json">OpenAPI 3.1 description</a> for generating clients</li>
<li><a href="readyz">Readiness</a>: whether every solver works on this machine</li>
</ul></body></html>
"""
