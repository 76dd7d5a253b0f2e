"""POST /plan:export and GET /plans/{id}/export/{format}: a plan as a runtime reads it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import openapi, openapi_of_plans, worked
from api.answers import root_of
from api.execution.base import Kind
from api.plans.endings import FAILED, REFUSED
from api.problems import Problem, ProblemType
from api.routes import answering
from api.routes.export_query import ExportQuery, query_of
from api.security.guard import owner_of
from api.service import Service, json_response
from models.export import Export, ExportFormat, ExportRequest, FormatList
from placement.exports import formats

_EXPORT = """
Writes a plan, or stages of your own, as a runtime reads it. Where the runtime would do something else than the plan,
the answer is the problem `not-exportable`; what is only lost is in `warnings`. Nothing is solved and nothing is kept.
"""
_KEPT = """
The plan of this id as a runtime reads it, with the request that it came from; formats and what each can say are at
GET /exports. The answer holds the file as text in `content`, beside its name, media type, `warnings` and `usage`.

`raw=true` answers the file itself, as an attachment of its own media type; codes of what was lost are then in the
header `Export-Warnings`. (The media type of half of the files is that of the answer, so that `Accept` could not tell
them apart.)
"""
_EXPORTS = worked.kept_answer("export", "Llama-2-7B on a phone and an edge server, for llama.cpp")
_UNAVAILABLE = (ProblemType.BUSY, ProblemType.DRAINING)
_OF_PLANS = (
    ProblemType.NOT_FOUND,
    ProblemType.PLAN_NOT_FOUND,
    ProblemType.PLAN_GONE,
    ProblemType.INVALID_INPUT,
    ProblemType.INVALID_PARAMETER,
    ProblemType.STORE_UNAVAILABLE,
)
_CANNOT = (ProblemType.NOTHING_TO_EXPORT, ProblemType.NOT_EXPORTABLE)
_WARNINGS = {"description": "Codes of what was lost", "schema": {"type": "string"}}
_DISPOSITION = {"description": "With raw=true: the file's name", "schema": {"type": "string"}}


def router(service: Service) -> APIRouter:
    """The endpoints for exports."""
    routes = APIRouter(tags=["exports"])

    @routes.get(
        "/exports",
        operation_id="listFormats",
        summary="List the formats that plans can be exported to",
        responses=openapi.answers(FormatList, "Every format"),
    )
    async def listed() -> Response:
        return json_response(FormatList(formats=formats()))

    @routes.post(
        "/plan:export",
        operation_id="exportPlan",
        summary="Write a plan as a runtime reads it",
        description=_EXPORT,
        openapi_extra=openapi.body(ExportRequest, worked.export_requests()),
        responses=openapi.answers_to_body(
            Export, "The file, and what it cannot say", _EXPORTS, ProblemType.NOT_EXPORTABLE, *_UNAVAILABLE
        ),
    )
    async def export(request: Request) -> Response:
        return await answering.worked(service, request, Kind.EXPORT)

    @routes.get(
        "/plans/{id}/export/{format}",
        operation_id="exportKeptPlan",
        summary="Get a plan as a runtime reads it",
        description=_KEPT,
        openapi_extra=openapi_of_plans.parameters(*openapi_of_plans.query_parameters(ExportQuery)),
        responses=_answers(),
    )
    async def exported(id: str, format: str, request: Request) -> Response:  # noqa: A002 - the names on the wire
        if format not in set(ExportFormat):
            raise Problem(ProblemType.NOT_FOUND, "there is no such format; GET /exports lists all")
        query = query_of(request)
        owner = owner_of(request)
        view = await service.desk.view(owner, id)
        if view.status in (REFUSED, FAILED):
            return answering.problem_of(view, root_of(request.scope), {})
        if not view.finished:
            later = {"Retry-After": str(answering.retry_after_s(service))}
            raise Problem(ProblemType.NOTHING_TO_EXPORT, f"the plan is {view.status}", headers=later)
        asked = b'{"format":"%b","options":%b,"request":%b,"plan":%b}' % (
            format.encode(),
            query.options.model_dump_json().encode(),
            await service.desk.request(owner, id),
            view.body,
        )
        answer = await service.desk.work(Kind.EXPORT_KEPT, asked, request.scope["state"].get("traceparent"))
        return _file(answer) if query.raw else Response(answer, media_type="application/json")

    return routes


def _answers() -> dict[int | str, dict[str, object]]:
    documented = openapi.answers(
        Export, "The file, and what it cannot say", _EXPORTS, (*_OF_PLANS, *_CANNOT, *_UNAVAILABLE, *openapi.ALWAYS)
    )
    file = {"schema": {"type": "string", "description": "With raw=true: the file itself"}}
    documented[200]["content"] |= {kind: file for kind in sorted({entry.media_type for entry in formats()})
                                   if kind not in documented[200]["content"]}  # fmt: skip
    documented[200]["headers"] = {"Content-Disposition": _DISPOSITION, "Export-Warnings": _WARNINGS}
    return documented


def _file(answer: bytes) -> Response:
    """The file itself; what was lost goes into a header."""
    made = Export.model_validate_json(answer)
    headers = {"Content-Disposition": f'attachment; filename="{made.filename}"'}
    if made.warnings:
        headers["Export-Warnings"] = ", ".join(dict.fromkeys(warning.code for warning in made.warnings))
    return Response(made.content, media_type=made.media_type, headers=headers)
