"""POST /profiles: from a Transformer's configuration to the costs of its layers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import worked
from api.execution.base import Kind
from api.openapi import answers_to_body, body
from api.problems import ProblemType
from api.routes import answering
from api.service import Service
from models import Profile
from models.profile_request import ProfileRequest

_PROFILE = """
Answers the layers that /plan would place: FLOPs and bytes per pass, memory by part, and what crosses a cut. Use it to
see what a plan is based on, or to replace single figures by measured ones and post the layers to /plan.
"""
_PROFILES = worked.kept_answer("profile", "GPT-2, shortened to one block")


def router(service: Service) -> APIRouter:
    """The endpoint for profiles."""
    routes = APIRouter(tags=["profile"])

    @routes.post(
        "/profiles",
        operation_id="profile",
        summary="Derive layers from a Hugging Face config.json",
        description=_PROFILE,
        openapi_extra=body(ProfileRequest, worked.profile_requests()),
        responses=answers_to_body(Profile, "The layers", _PROFILES, ProblemType.BUSY, ProblemType.DRAINING),
    )
    async def profile(request: Request) -> Response:
        return await answering.worked(service, request, Kind.PROFILE)

    return routes
