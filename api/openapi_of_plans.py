"""The description of plans that are submitted, kept, polled and watched: their headers, parameters and answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from api.openapi import ALWAYS, Examples, answers, answers_to_body, body, schema_of
from api.problems import ProblemType
from models import Comparison, Frontier, Plan
from models.problem_details import ProblemDetails

Parameter = dict[str, Any]


def _header(name: str, description: str, schema: dict[str, Any]) -> Parameter:
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
EVENT: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream",
    "properties": {
        "id": {"type": "string", "description": "Its number, for Last-Event-ID; `closing` has none"},
        "event": {"type": "string", "enum": ["queued", "started", "incumbent", "bound", "done", "closing"]},
        "data": {"type": "string", "description": "A JSON object", "contentMediaType": "application/json"},
        "retry": {"type": "integer", "description": "Milliseconds until a lost connection is opened again"},
    },
    "required": ["event", "data"],
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


def submission(kind: type[BaseModel], examples: Examples) -> dict[str, Any]:
    """`body` of an operation whose answer may come later, with its headers."""
    return body(kind, examples) | parameters(PREFER, IDEMPOTENCY_KEY, CACHE_CONTROL)


def parameters(*described: Parameter) -> dict[str, Any]:
    """Parameters of an operation that reads them itself, for FastAPI's openapi_extra."""
    return {"parameters": list(described)}


def query_parameters(kind: type[BaseModel]) -> list[Parameter]:
    """Query parameters from the fields of a type; lists may be given several times."""
    described = []
    described_type = kind.model_json_schema(mode="validation")
    for name, schema in described_type["properties"].items():
        plain = {key: value for key, value in schema.items() if key not in ("title", "description", "default")}
        if "anyOf" in plain:  # null is said by leaving the parameter out
            [plain] = [choice for choice in plain["anyOf"] if choice != {"type": "null"}]
        if plain.get("type") == "array":
            plain = {"type": "array", "items": _inlined(plain["items"], described_type)}
        described.append({
            "name": name, "in": "query", "required": False, "description": schema["description"], "schema": plain
        })  # fmt: skip
    return described


def _inlined(schema: dict[str, Any], described_type: dict[str, Any]) -> dict[str, Any]:
    """What one entry may be, without a schema of its own: a word of several, or text of a form."""
    found = described_type["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return {key: found[key] for key in ("type", "enum", "pattern") if key in found}


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
    """`answers` that are a plan, a frontier or a comparison, ended or not."""
    documented = answers(Plan, description, examples, (*problems, *ALWAYS))
    content = documented[200]["content"]["application/json"]
    content["schema"] = {"anyOf": [schema_of(kind) for kind in (Plan, Frontier, Comparison)]}
    documented[200]["headers"] = {"ETag": HEADERS["ETag"], "Content-Location": HEADERS["Content-Location"]}
    documented[202] = _accepted(documented[200]["content"])
    documented[304] = {"description": "As known to the caller (If-None-Match)", "headers": {"ETag": HEADERS["ETag"]}}
    return documented


def answers_with_events(*problems: ProblemType) -> dict[int | str, Any]:
    """`answers` that are a stream of events."""
    documented = answers(ProblemDetails, "The events", None, (*problems, *ALWAYS))
    documented[200]["content"] = {"text/event-stream": {"schema": EVENT, "examples": {"events": {"value": EVENTS}}}}
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
