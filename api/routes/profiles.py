"""POST /profiles: from a Transformer's configuration to the costs of its layers."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import worked
from api.openapi import answers_to_body, body
from api.problems import ProblemType
from api.service import Service
from api.work_queue import Cancelled
from models import Fault, InvalidInput, Profile
from models.profile_request import ProfileRequest

_PROFILE = """
Answers the layers that /plan would place: FLOPs and bytes per pass, memory by part, and what crosses a cut. Use it to
see what a plan is based on, or to replace single figures by measured ones and post the layers to /plan.
"""


def router(service: Service) -> APIRouter:
    """The endpoint for profiles."""
    routes = APIRouter(tags=["profile"])

    def profiled(asked: ProfileRequest, _: Cancelled) -> Profile:
        try:
            return service.facade.profile(asked, asked.workload)
        except InvalidInput as invalid:
            raise InvalidInput([_beside_workload(fault) for fault in invalid.faults]) from None

    @routes.post(
        "/profiles",
        operation_id="profile",
        summary="Derive layers from a Hugging Face config.json",
        description=_PROFILE,
        openapi_extra=body(ProfileRequest, worked.profile_requests()),
        responses=answers_to_body(
            Profile, "The layers", worked.kept_answer("profile", "GPT-2, shortened to one block"), ProblemType.BUSY
        ),
    )
    async def profile(request: Request) -> Response:
        return await service.answer(request, ProfileRequest, service.short_work, profiled)

    return routes


def _beside_workload(fault: Fault) -> Fault:
    """The fault in a body whose fields are those of a plan request's `model`."""
    return replace(fault, pointer=fault.pointer.removeprefix("/model"))
