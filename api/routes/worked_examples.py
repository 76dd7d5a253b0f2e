"""GET /examples: requests to start from."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

import examples
from api.openapi import answers, answers_of_any_shape
from api.problems import Problem, ProblemType
from api.service import json_response
from api.wire import ExampleEntry, ExampleList
from examples import Purpose

_SERVED = {example.name: example for example in (*examples.of(Purpose.INFEASIBLE), *examples.of(Purpose.PLAN))}


def router() -> APIRouter:
    """The endpoints for examples."""
    routes = APIRouter(tags=["examples"])

    @routes.get(
        "/examples",
        operation_id="listExamples",
        summary="List the worked requests",
        description="Every one of them is answered by POST /plan with status `optimal` within its own time limit.",
        responses=answers(ExampleList, "What there is", {"examples": {"value": _listed().model_dump(mode="json")}}),
    )
    async def listed() -> Response:
        return json_response(_listed())

    @routes.get(
        "/examples/{name}",
        operation_id="getExample",
        summary="Get one worked request",
        description="The body for POST /plan, as it is.",
        responses=answers_of_any_shape("A plan request", ProblemType.NOT_FOUND),
    )
    async def example(name: str) -> Response:
        if name not in _SERVED:
            raise Problem(ProblemType.NOT_FOUND, "there is no example of this name; GET /examples lists all")
        return Response(_SERVED[name].read(), media_type="application/json")

    return routes


def _listed() -> ExampleList:
    return ExampleList(
        examples=tuple(
            ExampleEntry(
                name=example.name,
                title=example.title,
                description=example.description,
                href=f"/examples/{example.name}",
            )
            for example in examples.of(Purpose.PLAN)
        )
    )
