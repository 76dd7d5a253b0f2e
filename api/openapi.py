"""The published description of the service: schemas of all types, worked examples, every possible problem."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema

from api import wire
from api.problems import MEDIA_TYPE, ProblemType
from models import (
    CompareRequest,
    Comparison,
    EvaluateRequest,
    Evaluation,
    Frontier,
    FrontierRequest,
    Plan,
    PlanRequest,
    Profile,
)
from models.catalogue import DeviceEntry, LinkEntry, TransformerEntry
from models.export import Export, ExportRequest, FormatList
from models.problem_details import ProblemDetails
from models.profile_request import ProfileRequest

Examples = Mapping[str, JsonSchemaValue]

TAGS = [
    {
        "name": "plan",
        "description": "Where each layer of a Transformer should run, and the proof. Figures are in SI units, named in "
        'each field; sizes and rates may also be written with a unit, as in "16GiB", "100Mbit/s" or "12TFLOP/s".',
    },
    {
        "name": "plans",
        "description": "Plans that were taken in: listed, polled, watched, cancelled. With API keys each sees its own.",
    },
    {"name": "exports", "description": "Plans as accelerate, torch, vLLM, llama.cpp and other runtimes read them."},
    {"name": "profile", "description": "From a Hugging Face config.json to layers with FLOPs, bytes and memory."},
    {"name": "catalogue", "description": "Transformers, devices and kinds of link with figures and their sources."},
    {"name": "examples", "description": "Requests to start from; each is answered with status optimal."},
    {"name": "service", "description": "Whether the service lives and its solvers work, and what its problems mean."},
]
DESCRIPTION = """
Post nodes, links, a model and a workload to **POST /plan**. The answer says which layers run where, what that costs in
seconds and joules, and how much of it is proven. A request that cannot be met is answered 200 with status `infeasible`
and reasons; a request that breaks rules is answered 422 with every violation
([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem details).
"""
_IN: tuple[type[BaseModel], ...] = (
    PlanRequest,
    FrontierRequest,
    CompareRequest,
    EvaluateRequest,
    ProfileRequest,
    ExportRequest,
)
_OUT: tuple[type[BaseModel], ...] = (
    Plan,
    Frontier,
    Comparison,
    Evaluation,
    Export,
    FormatList,
    Profile,
    ProblemDetails,
    wire.RequestSummary,
    wire.PlanList,
    wire.Limits,
    wire.ExampleList,
    wire.Liveness,
    wire.Readiness,
    wire.ProblemPage,
    wire.ProblemList,
    wire.ModelCatalogue,
    wire.NodeCatalogue,
    wire.LinkCatalogue,
    DeviceEntry,
    LinkEntry,
    TransformerEntry,
)
ALWAYS = (ProblemType.INTERNAL_ERROR,)
_WITH_BODY = (
    ProblemType.MALFORMED_JSON,
    ProblemType.BODY_TOO_LARGE,
    ProblemType.UNSUPPORTED_MEDIA_TYPE,
    ProblemType.INVALID_INPUT,
    *ALWAYS,
)
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key. Needed once one was created, and for whoever does not come over loopback.",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in another header."},
}
_Modes = Literal["validation", "serialization"]
_NAMES = {"models__infeasibility__Violation": "PlanViolation", "models__problem_details__Violation": "InputViolation"}
"""Two types are called Violation; in the published document they are told apart by these names."""


@cache
def _schemas() -> tuple[dict[tuple[type[BaseModel], _Modes], JsonSchemaValue], dict[str, Any]]:
    wanted: list[tuple[type[BaseModel], _Modes]] = [(kind, "validation") for kind in _IN]
    wanted += [(kind, "serialization") for kind in _OUT]
    references, generated = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    definitions = json.dumps(generated["$defs"])
    for ambiguous, name in _NAMES.items():
        definitions = definitions.replace(ambiguous, name)
    return references, json.loads(definitions)  # type: ignore[return-value]  # the keys are narrower than declared


def schema_of(kind: type[BaseModel]) -> JsonSchemaValue:
    """A reference to the schema of an answer's type."""
    return _schemas()[0][kind, "serialization"]


def body(kind: type[BaseModel], examples: Examples) -> dict[str, Any]:
    """The request body of an operation, for FastAPI's openapi_extra: endpoints read raw bytes themselves."""
    content = {"schema": _schemas()[0][kind, "validation"], "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def answers(
    kind: type[BaseModel],
    description: str,
    examples: Examples | None = None,
    problems: Sequence[ProblemType] = ALWAYS,
) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation, for FastAPI's `responses`; every problem with its own page and example."""
    content: dict[str, Any] = {"schema": _schemas()[0][kind, "serialization"]}
    if examples:
        content["examples"] = examples
    documented: dict[int | str, dict[str, Any]] = {
        200: {"description": description, "content": {"application/json": content}}
    }
    for problem in problems:
        explained = problem.value
        entry = documented.setdefault(
            explained.status, {"description": "", "content": {MEDIA_TYPE: _problem_content()}}
        )
        entry["description"] = " / ".join(filter(None, (entry["description"], explained.title)))
        entry["content"][MEDIA_TYPE]["examples"][explained.slug] = {
            "summary": explained.title,
            "value": _problem_example(problem),
        }
    documented["default"] = {
        "description": "Any other failure",
        "content": {MEDIA_TYPE: {"schema": _schemas()[0][ProblemDetails, "serialization"]}},
    }
    return documented


def answers_of_any_shape(description: str, *problems: ProblemType) -> dict[int | str, dict[str, Any]]:
    """`answers` whose success is a plan request."""
    documented = answers(ProblemDetails, description, None, (*problems, *ALWAYS))
    documented[200]["content"]["application/json"] = {"schema": _schemas()[0][PlanRequest, "validation"]}
    return documented


def answers_to_body(
    kind: type[BaseModel], description: str, examples: Examples | None, *further: ProblemType
) -> dict[int | str, dict[str, Any]]:
    """`answers` of an operation that reads a body."""
    return answers(kind, description, examples, (*_WITH_BODY, *further))


def _problem_content() -> dict[str, Any]:
    return {"schema": _schemas()[0][ProblemDetails, "serialization"], "examples": {}}


def _problem_example(problem: ProblemType) -> JsonSchemaValue:
    explained = problem.value
    example: JsonSchemaValue = {
        "type": problem.path,
        "title": explained.title,
        "status": explained.status,
        "detail": explained.meaning.split(". ")[0],
    }
    if problem is ProblemType.INVALID_INPUT:
        example["detail"] = "1 violation"
        example["violations"] = [
            {
                "pointer": "/cluster/nodes/1/memory_bytes",
                "code": "quantity",
                "message": "must be a size in bytes: a finite number from 0 to 1e+18, "
                'or a string with a unit such as "16GiB"',
                "actual": "16 bananas",
                "limit": None,
            }
        ]
        example["violations_omitted"] = 0
    return example


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `app`, built once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=_version(),
            summary="Provably optimal placement of Transformer layers on terminals and edge nodes",
            description=DESCRIPTION.strip(),
            routes=app.routes,
            tags=TAGS,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        document["components"] = {"schemas": _schemas()[1], "securitySchemes": _SECURITY_SCHEMES}
        document["security"] = [{}, *({name: []} for name in _SECURITY_SCHEMES)]
        app.openapi_schema = document
    return app.openapi_schema


def _version() -> str:
    try:
        return version("layer-placement")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0+checkout"
