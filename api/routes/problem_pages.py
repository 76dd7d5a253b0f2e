"""GET /problems: what the `type` of problem details points to, for people and for machines."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.openapi import answers
from api.problems import Problem, ProblemType
from api.service import json_response
from api.wire import ProblemList, ProblemPage

_PAGES = {
    kind.value.slug: ProblemPage(
        type=kind.path,
        title=kind.value.title,
        status=kind.value.status,
        meaning=kind.value.meaning,
        remedy=kind.value.remedy,
    )
    for kind in ProblemType
}
_FAILURES = (ProblemType.NOT_FOUND, ProblemType.INTERNAL_ERROR)


def router() -> APIRouter:
    """The endpoints that explain problems."""
    routes = APIRouter(tags=["service"])

    @routes.get(
        "/problems",
        operation_id="listProblems",
        summary="List all problem types",
        responses=answers(ProblemList, "Every problem type this service answers"),
    )
    async def listed() -> Response:
        return json_response(ProblemList(problems=tuple(_PAGES.values())))

    @routes.get(
        "/problems/{slug}",
        operation_id="getProblem",
        summary="Explain one problem type",
        description="JSON, or a page to read for `Accept: text/html`.",
        responses=answers(
            ProblemPage,
            "What it means and what to do",
            {"invalid-input": {"value": _PAGES["invalid-input"].model_dump()}},
            _FAILURES,
        ),
    )
    async def explained(slug: str, request: Request) -> Response:
        if slug not in _PAGES:
            raise Problem(ProblemType.NOT_FOUND, "there is no such problem type; GET /problems lists all")
        page = _PAGES[slug]
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_HTML.format(**{name: escape(str(text)) for name, text in page}))
        return json_response(page)

    return routes


_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="../assets/page.css"></head>
<body><h1>{title}</h1><p>HTTP status {status}</p><p>{meaning}</p><h2>What to do</h2><p>{remedy}</p></body></html>
"""
