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
from models import EvaluateRequest, Evaluation, Frontier, FrontierRequest, Plan, PlanRequest, Profile
from models.catalogue import DeviceEntry, LinkEntry, TransformerEntry
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
_IN: tuple[type[BaseModel], ...] = (PlanRequest, FrontierRequest, EvaluateRequest, ProfileRequest)
_OUT: tuple[type[BaseModel], ...] = (
    Plan,
    Frontier,
    Evaluation,
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
_ALWAYS = (ProblemType.INTERNAL_ERROR,)
_WITH_BODY = (
    ProblemType.MALFORMED_JSON,
    ProblemType.BODY_TOO_LARGE,
    ProblemType.UNSUPPORTED_MEDIA_TYPE,
    ProblemType.INVALID_INPUT,
    *_ALWAYS,
)
_Parameter = dict[str, Any]
_Modes = Literal["validation", "serialization"]
_NAMES = {"models__plan__Violation": "PlanViolation", "models__problem_details__Violation": "InputViolation"}
"""Two types are called Violation; in the published document they are told apart by these names."""


@cache
def _schemas() -> tuple[dict[tuple[type[BaseModel], _Modes], JsonSchemaValue], dict[str, Any]]:
    wanted: list[tuple[type[BaseModel], _Modes]] = [(kind, "validation") for kind in _IN]
    wanted += [(kind, "serialization") for kind in _OUT]
    references, generated = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    definitions = json.dumps(generated["$defs"])
    for ambiguous, name in _NAMES.items():
        definitions = definitions.replace(ambiguous, name)
    return references, json.loads(definitions)  # type: ignore[return-value]


def _header(name: str, description: str, schema: dict[str, Any]) -> _Parameter:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


PREFER = _header(
    "Prefer",
    "RFC 7240: `wait=N` answers after at most N seconds, `respond-async` at once; then with 202, and the plan goes on. "
    "Default: the request's time limit.",
    {"type": "string", "examples": ["wait=5", "respond-async"]},
)
PREFER_WAIT = _header(
    "Prefer", "`wait=N` waits up to N seconds for the end of the plan", {"type": "string", "examples": ["wait=20"]}
)
IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "Chosen by the caller: the same key with the same request is the same plan, however often it is sent. With another "
    "request it is refused.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
)
CACHE_CONTROL = _header(
    "Cache-Control",
    "`no-cache` solves anew, though the answer may be known",
    {"type": "string", "examples": ["no-cache"]},
)
IF_NONE_MATCH = _header(
    "If-None-Match", "The `ETag` of an earlier answer; 304 if nothing has changed since", {"type": "string"}
)
LAST_EVENT_ID = _header(
    "Last-Event-ID", "Number of the last event that was received; the stream goes on behind it", {"type": "string"}
)
HEADERS: dict[str, Any] = {
    "Content-Location": {"description": "The plan's address", "schema": {"type": "string"}},
    "Location": {"description": "The plan's address", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}},
    "Preference-Applied": {"description": "What of `Prefer` was followed", "schema": {"type": "string"}},
    "ETag": {"description": "Changes with the plan; a plan that has ended keeps it", "schema": {"type": "string"}},
}
EVENTS = """id: 1
event: queued
data: {"id":"plan-01jd3w6x0e8k2y4m7q9r5t1v3z"}

id: 2
event: started
data: {"queue_seconds":0.0004}

id: 3
event: incumbent
data: {"phase":"latency","seconds":0.004,"objective":0.55008,"bound":0.3,"gap":0.4546,"stages":null}

id: 4
event: done
data: {"status":"optimal","queue_seconds":0.0004,"solve_seconds":0.011,"termination":"optimal","objective":0.35008}

"""


def body(kind: type[BaseModel], examples: Examples) -> dict[str, Any]:
    """The request body of an operation, for FastAPI's openapi_extra: endpoints read raw bytes themselves."""
    content = {"schema": _schemas()[0][kind, "validation"], "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def answers(
    kind: type[BaseModel],
    description: str,
    examples: Examples | None = None,
    problems: Sequence[ProblemType] = _ALWAYS,
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
    documented = answers(ProblemDetails, description, None, (*problems, *_ALWAYS))
    documented[200]["content"]["application/json"] = {"schema": _schemas()[0][PlanRequest, "validation"]}
    return documented


def answers_to_body(
    kind: type[BaseModel], description: str, examples: Examples | None, *further: ProblemType
) -> dict[int | str, dict[str, Any]]:
    """`answers` of an operation that reads a body."""
    return answers(kind, description, examples, (*_WITH_BODY, *further))


def submission(kind: type[BaseModel], examples: Examples) -> dict[str, Any]:
    """`body` of an operation whose answer may come later, with its headers."""
    return body(kind, examples) | parameters(PREFER, IDEMPOTENCY_KEY, CACHE_CONTROL)


def parameters(*described: _Parameter) -> dict[str, Any]:
    """Parameters of an operation that reads them itself, for FastAPI's openapi_extra."""
    return {"parameters": list(described)}


def query_parameters(kind: type[BaseModel]) -> list[_Parameter]:
    """Query parameters from the fields of a type; lists may be given several times."""
    described = []
    for name, schema in kind.model_json_schema(mode="validation")["properties"].items():
        plain = {key: value for key, value in schema.items() if key not in ("title", "description", "default")}
        if "anyOf" in plain:  # null is said by leaving the parameter out
            [plain] = [choice for choice in plain["anyOf"] if choice != {"type": "null"}]
        described.append({
            "name": name, "in": "query", "required": False, "description": schema["description"], "schema": plain
        })  # fmt: skip
    return described


def answers_to_submission(kind: type[BaseModel], description: str, examples: Examples) -> dict[int | str, Any]:
    """`answers_to_body` of an operation whose answer may come later."""
    documented = answers_to_body(
        kind,
        description,
        examples,
        ProblemType.INVALID_PARAMETER,
        ProblemType.KEY_REUSED,
        ProblemType.BUSY,
        ProblemType.DRAINING,
        ProblemType.STORE_UNAVAILABLE,
    )
    documented[200]["headers"] = {name: HEADERS[name] for name in ("Content-Location", "Preference-Applied")}
    return documented | {202: _accepted(documented[200]["content"])}


def answers_with_plan(description: str, examples: Examples, *problems: ProblemType) -> dict[int | str, Any]:
    """`answers` that are a plan or a frontier, ended or not."""
    documented = answers(Plan, description, examples, (*problems, *_ALWAYS))
    content = documented[200]["content"]["application/json"]
    content["schema"] = {"anyOf": [_schemas()[0][kind, "serialization"] for kind in (Plan, Frontier)]}
    documented[200]["headers"] = {"ETag": HEADERS["ETag"], "Content-Location": HEADERS["Content-Location"]}
    documented[202] = _accepted(documented[200]["content"])
    documented[304] = {"description": "As known to the caller (If-None-Match)", "headers": {"ETag": HEADERS["ETag"]}}
    return documented


def answers_with_events(*problems: ProblemType) -> dict[int | str, Any]:
    """`answers` that are a stream of events."""
    documented = answers(ProblemDetails, "The events", None, (*problems, *_ALWAYS))
    documented[200]["content"] = {
        "text/event-stream": {"schema": {"type": "string"}, "examples": {"events": {"value": EVENTS}}}
    }
    documented[204] = {"description": "The plan has ended, and the last event is known to the caller"}
    return documented


def _accepted(content: dict[str, Any]) -> dict[str, Any]:
    """The answer to whoever does not wait (any longer)."""
    schema = content["application/json"]["schema"]
    return {
        "description": "On its way: ask again at `Location`, not before the seconds in `Retry-After`",
        "headers": {name: header for name, header in HEADERS.items() if name != "ETag"},
        "content": {"application/json": {"schema": schema}},
    }


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
        document["components"] = {"schemas": _schemas()[1]}
        app.openapi_schema = document
    return app.openapi_schema


def _version() -> str:
    try:
        return version("layer-placement")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0+checkout"
