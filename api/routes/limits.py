"""GET /limits: what the service lets its callers do."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.openapi import answers
from api.plans.solving import MOST_ATTEMPTS
from api.plans.streams import PING_S
from api.requests import MAX_WEIGHT
from api.routes.answering import LONGEST_KEY
from api.routes.plan_query import DEFAULT_PAGE, LARGEST_PAGE
from api.service import Service, json_response
from api.settings import Settings
from api.wire import Limits
from models.cluster import MAX_NODES
from models.constraints import SolverSettings
from models.profile import MAX_LAYERS

MAX_NESTING = 200
"""Of pydantic's JSON parser."""


def router(service: Service) -> APIRouter:
    """The endpoint for limits."""
    routes = APIRouter(tags=["service"])
    limits = limits_of(service.settings)
    usual = limits_of(Settings.model_construct()).model_dump(mode="json")

    @routes.get(
        "/limits",
        operation_id="getLimits",
        summary="What are the limits?",
        description="Every limit in force; the unit is in the name of each.",
        responses=answers(Limits, "The limits", {"limits": {"summary": "As they are unless set", "value": usual}}),
    )
    async def read() -> Response:
        return json_response(limits)

    return routes


def limits_of(settings: Settings) -> Limits:
    """All limits under these settings."""
    return Limits(
        max_body_bytes=settings.max_body_bytes,
        body_timeout_s=settings.body_timeout_s,
        max_body_values=MAX_WEIGHT,
        max_nesting=MAX_NESTING,
        max_nodes=MAX_NODES,
        max_links=MAX_NODES * MAX_NODES,
        max_layers=MAX_LAYERS,
        default_time_limit_s=SolverSettings().time_limit_s,
        max_time_limit_s=settings.max_time_limit_s,
        max_wait_s=settings.max_wait_s,
        solver_slots=settings.solver_slots,
        threads_per_solve=settings.threads_per_solve,
        solver_memory_bytes=settings.solver_memory_bytes,
        queue_length=settings.queue_length,
        max_attempts=MOST_ATTEMPTS,
        rate_limit_per_minute=settings.rate_limit_per_minute,
        retention_s=settings.retention_s,
        retention_count=settings.retention_count,
        max_idempotency_key_chars=LONGEST_KEY,
        default_page=DEFAULT_PAGE,
        max_page=LARGEST_PAGE,
        ping_s=PING_S,
    )
