"""GET /docs and what the pages are made of: no script and no style stands inline, so that CSP can forbid both."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

_SWAGGER_UI: dict[str, Any] = {
    "url": "openapi.json",
    "dom_id": "#swagger-ui",
    "layout": "BaseLayout",
    "deepLinking": True,
    "showExtensions": True,
    "showCommonExtensions": True,
    "tryItOutEnabled": True,
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,
    "docExpansion": "list",
    "validatorUrl": None,
    "syntaxHighlight": {"activated": True, "theme": "obsidian"},
}
"""Swagger UI's settings. Addresses are relative to the page: it works wherever the service is mounted."""
_FILES = {
    "docs.js": (
        "text/javascript",
        f"""const settings = {json.dumps(_SWAGGER_UI)};
settings.presets = [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset];
window.ui = SwaggerUIBundle(settings);
""",
    ),
    "page.css": (
        "text/css",
        """body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1rem }
code { background: #eee; padding: .1rem .3rem; border-radius: .2rem }
""",
    ),
}
_DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Layer placement - Swagger UI</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="docs-assets/favicon.png">
<link rel="stylesheet" href="docs-assets/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="docs-assets/swagger-ui-bundle.js"></script>
<script src="assets/docs.js"></script></body></html>
"""


def router() -> APIRouter:
    """The pages that need no data."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def docs() -> Response:
        return HTMLResponse(_DOCS)

    for name, (media_type, text) in _FILES.items():
        routes.add_api_route(f"/assets/{name}", _serve(text, media_type), methods=["GET"])

    return routes


def _serve(text: str, media_type: str) -> Any:
    async def file() -> Response:
        return Response(text, media_type=media_type, headers={"Cache-Control": "max-age=3600"})

    return file
