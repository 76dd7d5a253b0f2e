"""Answers that are not a plan: problem details for every kind of failure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from api.plans.refusals import store_unavailable
from api.problems import MEDIA_TYPE, Problem, ProblemType, Refusal
from api.requests import CallerLeft
from api.store.errors import StoreUnavailable
from models.problem_details import ProblemDetails

log = logging.getLogger("placement.api")

CLIENT_CLOSED_REQUEST = 499
"""Nobody reads this status; it only tells the access log why there was no answer."""
_BY_STATUS = {
    404: (ProblemType.NOT_FOUND, "no such path"),
    405: (ProblemType.METHOD_NOT_ALLOWED, "the endpoint does not know this method"),
}


def install(app: FastAPI) -> None:
    """Answer every failure of `app` as problem details."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(StoreUnavailable, _on_store_unavailable)
    app.add_exception_handler(CallerLeft, _on_caller_left)
    app.add_exception_handler(HTTPException, _on_http_exception)


def problem_response(problem: Problem, root_path: str) -> Response:
    """`problem` as application/problem+json."""
    return _rendered(problem.details(root_path), problem.headers)


def refusal_response(details: ProblemDetails, root_path: str, headers: dict[str, str] | None = None) -> Response:
    """Problem details that were written by another process, which does not know where the service is mounted."""
    return _rendered(details.model_copy(update={"type": root_path + details.type}), headers or {})


def root_of(scope: Scope) -> str:
    """The path at which the application is mounted; a mount inside it (static files) does not count."""
    return str(scope.get("app_root_path", scope.get("root_path", "")))


async def _on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    request.state.problem = problem.kind.value.slug
    return problem_response(problem, root_of(request.scope))


async def _on_refusal(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    request.scope["state"]["problem"] = refusal.details.type.rpartition("/")[2]
    return refusal_response(refusal.details, root_of(request.scope))


async def _on_store_unavailable(request: Request, unavailable: Exception) -> Response:
    log.warning("the store cannot be used: %s", unavailable)
    return await _on_problem(request, store_unavailable())


async def _on_caller_left(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself; a status without a page of ours is about:blank (RFC 9457, 4.2.1)."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code in _BY_STATUS:
        kind, detail = _BY_STATUS[error.status_code]
        if kind is ProblemType.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(sorted(_methods_of(request)))
        request.state.problem = kind.value.slug
        return problem_response(Problem(kind, detail, headers=headers), root_of(request.scope))
    phrase = HTTPStatus(error.status_code).phrase
    return _rendered(ProblemDetails(type="about:blank", title=phrase, status=error.status_code, detail=phrase), headers)


def _methods_of(request: Request) -> set[str]:
    """All methods of the path that was asked for; the framework names those of its first route only."""
    matching = (route for route in _flat(request.app.routes) if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in matching for method in getattr(route, "methods", None) or ()}


def _flat(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Routes, those of included routers too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from [route] if included is None else _flat(included.routes)


def _rendered(details: ProblemDetails, headers: dict[str, str]) -> Response:
    return Response(details.model_dump_json(), status_code=details.status, headers=headers, media_type=MEDIA_TYPE)
